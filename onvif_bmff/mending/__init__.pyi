from onvif_bmff.mending.aac import has_broken_esds as has_broken_esds
from onvif_bmff.mending.aac import low_complexity_entry as low_complexity_entry
from onvif_bmff.mending.boxes import read_leniently as read_leniently
from onvif_bmff.mending.input_movie import InputMovie as InputMovie
from onvif_bmff.mending.movie import MovieMender as MovieMender
from onvif_bmff.mending.samples import NalForm as NalForm
from onvif_bmff.mending.samples import form_of as form_of
from onvif_bmff.mending.samples import is_sync_picture as is_sync_picture
from onvif_bmff.mending.samples import mended_entry as mended_entry
from onvif_bmff.mending.sound import frame_size as frame_size
from onvif_bmff.mending.sound import mend_sound as mend_sound
from onvif_bmff.mending.tables import TableMender as TableMender
from onvif_bmff.mending.tables import replaced as replaced
from onvif_bmff.mending.tables import with_count as with_count
from onvif_bmff.mending.top_level import TopLevel as TopLevel

__all__ = [
    "InputMovie",
    "MovieMender",
    "NalForm",
    "TableMender",
    "TopLevel",
    "form_of",
    "frame_size",
    "has_broken_esds",
    "is_sync_picture",
    "low_complexity_entry",
    "mend_sound",
    "mended_entry",
    "read_leniently",
    "replaced",
    "with_count",
]
