"""How is a recording exported? As one playable file, as HLS playlists, or as a clear copy of an encrypted file."""

from onvif_bmff._lazy import attach
from onvif_bmff.export._names import NAMES

__getattr__, __dir__ = attach(__name__, NAMES)
