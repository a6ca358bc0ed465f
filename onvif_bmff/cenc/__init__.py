"""Who may read a recording: Common Encryption (ISO/IEC 23001-7) and ONVIF's key system (annex B.8).

This is the only room that knows cryptography. It encrypts and decrypts samples, hands out initialisation
vectors, and makes, wraps and opens content keys.
"""

from onvif_bmff._lazy import attach
from onvif_bmff.cenc._names import NAMES

__getattr__, __dir__ = attach(__name__, NAMES)
