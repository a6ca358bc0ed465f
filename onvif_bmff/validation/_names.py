"""Public names of this room, by module. Written by ``docs/build_doors.py``."""

NAMES = {
    "attributes": ("check_attributes", "check_content_type",),
    "auxiliary": ("ProtectedPart", "TRAF", "needs_records",),
    "clear_bytes": ("Account", "Clear", "SampleLayout", "account", "codec_of_part", "family_of", "slices_of",),
    "coverage": ("CoverageChecker",),
    "end_objects": ("EndObjects",),
    "fragments": ("FragmentChecker", "MediaData",),
    "header": ("check_header",),
    "iv_reuse": ("Vectors",),
    "keys": ("NameChecker",),
    "observed": ("Context", "Header", "ObservedFragment", "ObservedSegment", "ObservedTrack", "RANK", "StopLooking",),
    "payload": ("decryption_fault", "is_intra",),
    "proof": ("EncryptionProof", "TrackProof",),
    "protection_headers": ("check_protection_headers",),
    "random_access": ("check_random_access", "check_seek_table",),
    "report": ("Checked", "Skipped", "Validation",),
    "rules": ("Finding", "Findings", "Level", "RULES", "Recurring", "Rule",),
    "samples": ("SampleChecker",),
    "segment": ("check_segment",),
    "spans": ("KindChecker", "SpanChecker",),
    "store": ("validate_store",),
}
