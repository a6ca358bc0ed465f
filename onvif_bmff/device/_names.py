"""Public names of this room, by module. Written by ``docs/build_doors.py``."""

NAMES = {
    "device": ("RecordingDevice",),
    "device_exports": ("DeviceExports",),
    "exports": ("EXPORT_FORMATS", "ExportPart", "MovieExporter", "clear_unfinished_exports",),
    "feeding": ("RunningSources", "SourceRunner",),
    "local": ("LocalRecordings",),
    "mailbox": ("Mailbox", "OverloadPolicy",),
    "outputs": ("OutputSet", "OutputSettings",),
    "rates": ("RateWatch",),
    "recovery": ("DeviceRecovery",),
    "segments": ("LocalSegments", "SegmentUploader",),
    "sources": (
        "FileSource",
        "FileSources",
        "SampleSource",
        "SourceProvider",
        "SourceSettings",
        "TracksKnown",
        "default_sources",
    ),
    "spooled_storages": ("DEVICE_SPOOL", "SpooledStorages",),
    "states": ("TrackStates",),
    "steady_clock": ("SteadyClock",),
    "stores": ("DeviceSpool", "DeviceStores",),
    "worker": ("OutputWorker",),
}
