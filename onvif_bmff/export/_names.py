"""Public names of this room, by module. Written by ``docs/build_doors.py``."""

NAMES = {
    "checked_subsegments": ("CheckedSubsegments", "whole_size",),
    "clear_boxes": ("clear_fragment", "clear_movie", "removed_size", "removed_sizes",),
    "clear_file": ("ClearBytes", "ClearFile",),
    "export": ("ExportReport", "export_movie",),
    "file_times": ("Cuts", "FileTimes",),
    "hls": ("Playlists", "hls_playlists",),
    "in_band_sets": ("in_band", "is_same_family", "parameter_sets", "with_parameter_sets",),
    "missing_keys": ("tracks_without_keys",),
    "movie": ("Edit", "OutputTrack", "TrackTables", "build_movie", "fragmented_tables",),
    "progressive": ("ProgressiveWriter",),
    "rewrap": ("Rewrapped", "Rewrapping", "rewrap_store",),
    "tracks": ("output_tracks",),
    "writers": ("FragmentedWriter", "MAX_DURATION", "MovieWriter", "OutputSample", "Presented", "WaitingSamples",),
}
