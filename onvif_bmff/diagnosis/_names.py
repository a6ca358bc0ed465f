"""Public names of this room, by module. Written by ``docs/build_doors.py``."""

NAMES = {
    "episodes": ("Steps", "Verdict",),
    "object_times": ("fragment_times",),
    "observation": ("Fault", "Observation", "limited",),
    "place_line": ("PlaceLine",),
    "samples": ("diagnose_samples",),
    "store": ("diagnose_store",),
    "track_times": ("TrackTimes",),
}
