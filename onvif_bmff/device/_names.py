"""Public names of this room, by module. Written by ``docs/build_doors.py``."""

NAMES = {
    "device": ("RecordingDevice",),
    "exports": ("EXPORT_FORMATS", "ExportPart", "MovieExporter", "clear_unfinished_exports",),
    "feeding": ("RunningSources", "SourceRunner",),
    "local": ("LocalRecordings",),
    "mailbox": ("Mailbox", "OverloadPolicy",),
    "outputs": ("OutputSet", "OutputSettings", "PlanSide",),
    "process_link": ("ProcessLink",),
    "process_worker": ("WorkerParts", "WorkerSetup", "log_level", "serve_outputs",),
    "processes": ("DeviceWorkers", "ProcessOutputs", "process_outputs",),
    "recovery": ("DeviceRecovery", "RecoveryPart",),
    "sources": ("FileSource", "FileSources", "SampleSource", "SourceProvider", "SourceSettings", "default_sources",),
    "spooled_storages": ("DEVICE_SPOOL", "SpooledStorages",),
    "states": ("TrackStates",),
    "steady_clock": ("SteadyClock",),
    "stores": ("DeviceSpool", "DeviceStores",),
    "worker": ("OutputWorker",),
    "worker_spools": ("Assignments", "check_left_over", "worker_folder",),
}
