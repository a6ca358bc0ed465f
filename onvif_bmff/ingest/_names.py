"""Public names of this room, by module. Written by ``docs/build_doors.py``."""

NAMES = {
    "choice": ("main_tracks",),
    "continuation": ("Continuation", "InputPart", "NextMovie",),
    "mapping": ("map_file", "map_stream",),
    "mp4": ("Mp4Input", "open_mp4", "open_stream",),
    "pacing": ("loop_samples", "pace_samples",),
    "walk": ("FragmentStage", "InputFragment", "Items", "Walk",),
}
