"""Public names of this room, by module. Written by ``docs/build_doors.py``."""

NAMES = {
    "episodes": (
        "Episode",
        "SHAKEN",
        "Verdict",
        "gap_bound",
        "gap_verdict",
        "judge",
        "levelled",
        "shaken",
        "uneven_spacing",
    ),
    "object_times": ("fragment_times",),
    "observation": ("Fault", "Observation", "limited",),
    "place_line": ("PlaceLine",),
    "samples": ("diagnose_samples",),
    "steps": ("Steps",),
    "store": ("diagnose_store",),
    "track_times": ("TrackTimes",),
}
