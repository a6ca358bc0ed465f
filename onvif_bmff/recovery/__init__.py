"""What did a recorder that died leave behind? Complete its segments, end its spans. ONVIF Recording Control 25.12, B.5.

Works on any store, with what its protocol offers: `ObjectStore` for spans that nobody ended, `OpenAreaStore` for
segments that nobody sealed. It reads no clock.
"""

from onvif_bmff._lazy import attach
from onvif_bmff.recovery._names import NAMES

__getattr__, __dir__ = attach(__name__, NAMES)
