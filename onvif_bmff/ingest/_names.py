"""Public names of this room, by module. Written by ``docs/build_doors.py``."""

NAMES = {
    "mapping": ("map_file",),
    "mp4": ("FragmentStage", "InputFragment", "Mp4Input", "open_mp4",),
    "pacing": ("loop_samples", "pace_samples",),
}
