"""Public names of this room, by module. Written by ``docs/build_doors.py``."""

NAMES = {
    "addresses": ("AddressPolicy", "StreamAddress", "check_address", "resolve_host",),
    "answers": ("AnswerFilter",),
    "av1_units": ("Av1Units", "av1_codec",),
    "container": ("Container", "Packet", "load_pyav",),
    "container_input": ("ContainerInput", "open_container",),
    "media_units": (
        "AacUnits",
        "Assembler",
        "DocumentUnits",
        "G711Units",
        "JpegUnits",
        "MediaUnit",
        "NalUnits",
        "OpusUnits",
    ),
    "options": ("Location", "StreamOptions", "Transport",),
    "pieces": ("MAX_UNIT", "Pieces",),
    "provider": ("OpenSource", "OtherSources", "StreamSources",),
    "reader": ("Arrived", "StreamReader",),
    "relay": ("Relay",),
    "scrubber": ("Scrubber", "without_secrets",),
    "session": ("Session", "SourceItem", "StreamTrack",),
    "source": ("LiveSource", "open_live", "open_location",),
    "stamps": ("RtpStamps", "SenderReport", "wall_clock",),
    "streams": ("StreamInfo", "assembler_for", "kind_of",),
}
