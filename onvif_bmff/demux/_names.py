"""Public names of this room, by module. Written by ``docs/build_doors.py``."""

NAMES = {
    "budget": ("SampleBudget",),
    "faults": ("InputFaults",),
    "fragment_samples": ("FragmentReader", "SampleRun", "SampleViews", "TrackFragment",),
    "roll_starts": ("starts_in", "with_starts",),
    "sample_tables": ("CodecChange", "MovieTrack", "chunk_counts", "read_tracks", "table_chunks", "table_samples",),
    "segment_start": ("first_presentation",),
    "table_columns": ("chunks_of", "durations_of", "offsets_of", "signed_offsets", "sizes_of", "sync_of",),
}
