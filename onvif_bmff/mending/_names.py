"""Public names of this room, by module. Written by ``docs/build_doors.py``."""

NAMES = {
    "aac": ("has_broken_esds", "low_complexity_entry",),
    "boxes": ("read_leniently",),
    "input_movie": ("InputMovie",),
    "movie": ("MovieMender",),
    "samples": ("NalForm", "form_of", "is_sync_picture", "mended_entry",),
    "sound": ("frame_size", "mend_sound",),
    "tables": ("TableMender", "replaced", "with_count",),
    "top_level": ("TopLevel",),
}
