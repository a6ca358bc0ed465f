"""Public names of this room, by module. Written by ``docs/build_doors.py``."""

NAMES = {
    "cameras": ("ConfiguredCameras",),
    "configured": ("ConfiguredDevice",),
    "configured_stores": ("ConfiguredStores",),
    "device": ("RecordingDevice",),
    "exports": ("EXPORT_FORMATS", "ExportPart", "MovieExporter", "clear_unfinished_exports",),
    "feeding": ("RunningSources", "SourceRunner",),
    "local": ("LocalRecordings",),
    "mailbox": ("Mailbox", "OverloadPolicy",),
    "outputs": ("OutputSet", "OutputSettings",),
    "recovery": ("DeviceRecovery",),
    "sources": ("FileSource", "FileSources", "SampleSource", "SourceProvider", "SourceSettings", "default_sources",),
    "spooled_storages": ("DEVICE_SPOOL", "SpooledStorages",),
    "states": ("TrackStates",),
    "steady_clock": ("SteadyClock",),
    "stores": ("DeviceSpool", "DeviceStores",),
    "worker": ("OutputWorker",),
}
