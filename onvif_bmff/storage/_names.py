"""Public names of this room, by module. Written by ``docs/build_doors.py``."""

NAMES = {
    "acceptable": ("check_content_type", "check_metadata",),
    "database_files": ("DatabaseFiles", "SYSTEM_FILES", "SystemDatabaseFiles",),
    "directory": ("DirectoryStore",),
    "directory_writer": ("DirectoryWriter",),
    "file_system": ("FileStatus", "FileSystem", "FolderEntry", "LockedFile", "POSIX", "PosixFileSystem",),
    "held": ("HeldBytes", "Room",),
    "iv_store": ("Identity", "SqliteIvStore", "read_identity",),
    "location": ("local_path",),
    "memory": ("MemoryStore",),
    "open_area": ("OpenArea", "OpenFile",),
    "pending": ("LOST", "PendingSegment", "RetryPolicy", "StoreFailure",),
    "retry_state": ("RetryState",),
    "side_files": ("Label", "SideFiles",),
    "sink": ("StoreSink",),
    "sink_outcomes": ("SinkOutcomes",),
    "span_queue": ("SpanQueue",),
    "sqlite": ("MIGRATIONS", "SqlitePersistence",),
    "tree": ("HIDDEN", "Tree", "failures", "passing_name", "read_all", "write_all", "write_file",),
}
