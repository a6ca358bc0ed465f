"""What do the bytes mean? Boxes of ISO BMFF, read and written without loss; see ``language``."""

from onvif_bmff._lazy import attach

# Reading finds the class of a box by its type: all of them have to be there.
from onvif_bmff.bmff import (  # noqa: F401
    codec_config,
    file,
    fragment,
    movie,
    protection,
    pssh,
    random_access,
    sample_entries,
    sample_table,
    track,
)
from onvif_bmff.bmff._names import NAMES

__getattr__, __dir__ = attach(__name__, NAMES)
