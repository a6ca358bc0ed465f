"""What do the bytes mean? Boxes of ISO BMFF, read and written without loss; see ``box`` and ``reader``."""

from onvif_bmff.bmff.box import (
    BOXES,
    SAMPLE_ENTRIES,
    SIZE_32,
    SIZE_64,
    SIZE_TO_END,
    Box,
    ContainerBox,
    FullBox,
    FullContainerBox,
    Record,
    UnknownBox,
)
from onvif_bmff.bmff.codec_config import *  # noqa: F403
from onvif_bmff.bmff.codec_config import __all__ as _codec_config
from onvif_bmff.bmff.columns import Columns
from onvif_bmff.bmff.file import *  # noqa: F403
from onvif_bmff.bmff.file import __all__ as _file
from onvif_bmff.bmff.fragment import *  # noqa: F403
from onvif_bmff.bmff.fragment import __all__ as _fragment
from onvif_bmff.bmff.movie import *  # noqa: F403
from onvif_bmff.bmff.movie import __all__ as _movie
from onvif_bmff.bmff.protection import *  # noqa: F403
from onvif_bmff.bmff.protection import __all__ as _protection
from onvif_bmff.bmff.pssh import *  # noqa: F403
from onvif_bmff.bmff.pssh import __all__ as _pssh
from onvif_bmff.bmff.random_access import *  # noqa: F403
from onvif_bmff.bmff.random_access import __all__ as _random_access
from onvif_bmff.bmff.reader import NEED_DATA, BoxReader, Limits, NeedData, build_boxes, iter_boxes, parse_boxes
from onvif_bmff.bmff.sample_entry import *  # noqa: F403
from onvif_bmff.bmff.sample_entry import __all__ as _sample_entry
from onvif_bmff.bmff.sample_table import *  # noqa: F403
from onvif_bmff.bmff.sample_table import __all__ as _sample_table
from onvif_bmff.bmff.track import *  # noqa: F403
from onvif_bmff.bmff.track import __all__ as _track

__all__ = [
    "BOXES",
    "NEED_DATA",
    "SAMPLE_ENTRIES",
    "SIZE_32",
    "SIZE_64",
    "SIZE_TO_END",
    "Box",
    "BoxReader",
    "Columns",
    "ContainerBox",
    "FullBox",
    "FullContainerBox",
    "Limits",
    "NeedData",
    "Record",
    "UnknownBox",
    "build_boxes",
    "iter_boxes",
    "parse_boxes",
    *_codec_config,
    *_file,
    *_fragment,
    *_movie,
    *_protection,
    *_pssh,
    *_random_access,
    *_sample_entry,
    *_sample_table,
    *_track,
]
