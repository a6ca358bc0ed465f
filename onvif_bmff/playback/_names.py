"""Public names of this room, by module. Written by ``docs/build_doors.py``."""

NAMES = {
    "fragments": ("StoredFragment", "last_tables_of", "random_access_of", "random_access_size", "read_fragments",),
    "gate": ("RangeGate", "SAME_TIME",),
    "header": ("DecryptStage", "SegmentHeader", "clear_samples", "read_header",),
    "key_columns": ("KeyColumns", "SpanColumns",),
    "key_order": ("order_of", "time_of",),
    "keys": ("PlaybackKeys",),
    "listing": ("listing_prefixes",),
    "played": ("PlayedSample", "PlayedTrack",),
    "recorded": ("Gap", "LostObjects", "Overlap", "RecordedSegment", "RecordedSpan", "SpanList", "SpanState",),
    "samples": ("SampleReader", "joined_tracks",),
    "seek": ("SeekPoint", "Seeker", "Subsegment",),
    "seek_index": ("SegmentIndex", "attributes_of", "index_of_attributes", "index_of_last_bytes",),
    "segment": ("Segment", "read_segment",),
    "selection": ("Selection", "SpanPart", "join", "select",),
    "source": ("BoxHead", "ByteSource", "MemorySource", "StoreSource", "box_head", "parse_one",),
    "span_ends": ("MAX_OPEN", "OpenSpan", "SpanEnds", "choose", "without",),
    "timeline": ("Timeline",),
}
