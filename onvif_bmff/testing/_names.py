"""Public names of this room, by module. Written by ``docs/build_doors.py``."""

NAMES = {
    "box_scan": ("Node", "scan",),
    "bucket_strategies": ("attributes", "buckets", "object_keys", "seek_tables", "spans",),
    "fuzzing": ("CommandRunner", "FuzzFinding", "FuzzReport", "fuzz", "minimise",),
    "made_files": ("TRACKS", "cmaf_file", "fragmented_file", "progressive_file",),
    "mutator": ("Mutator", "shorten_media",),
    "readable_conformance": (
        "REFUSED_KEYS",
        "ReadableStoreConformance",
        "StoredObject",
        "expect",
        "expect_error",
        "folded",
    ),
    "recordings": ("CONTENT_KEY", "START", "recorded_events", "recorded_objects",),
    "store_conformance": ("StoreConformance",),
    "strategies": ("any_box", "box_kinds", "box_trees", "boxes", "files",),
}
