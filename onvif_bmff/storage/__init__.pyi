from onvif_bmff.storage.acceptable import check_content_type as check_content_type
from onvif_bmff.storage.acceptable import check_metadata as check_metadata
from onvif_bmff.storage.database_files import DatabaseFiles as DatabaseFiles
from onvif_bmff.storage.database_files import SYSTEM_FILES as SYSTEM_FILES
from onvif_bmff.storage.database_files import SystemDatabaseFiles as SystemDatabaseFiles
from onvif_bmff.storage.directory import DirectoryStore as DirectoryStore
from onvif_bmff.storage.directory_writer import DirectoryWriter as DirectoryWriter
from onvif_bmff.storage.file_system import FileStatus as FileStatus
from onvif_bmff.storage.file_system import FileSystem as FileSystem
from onvif_bmff.storage.file_system import FolderEntry as FolderEntry
from onvif_bmff.storage.file_system import LockedFile as LockedFile
from onvif_bmff.storage.file_system import POSIX as POSIX
from onvif_bmff.storage.file_system import PosixFileSystem as PosixFileSystem
from onvif_bmff.storage.held import HeldBytes as HeldBytes
from onvif_bmff.storage.held import Room as Room
from onvif_bmff.storage.iv_store import Identity as Identity
from onvif_bmff.storage.iv_store import SqliteIvStore as SqliteIvStore
from onvif_bmff.storage.iv_store import read_identity as read_identity
from onvif_bmff.storage.location import local_path as local_path
from onvif_bmff.storage.memory import MemoryStore as MemoryStore
from onvif_bmff.storage.open_area import OpenArea as OpenArea
from onvif_bmff.storage.open_area import OpenFile as OpenFile
from onvif_bmff.storage.pending import LOST as LOST
from onvif_bmff.storage.pending import PendingSegment as PendingSegment
from onvif_bmff.storage.pending import RetryPolicy as RetryPolicy
from onvif_bmff.storage.pending import StoreFailure as StoreFailure
from onvif_bmff.storage.retry_state import RetryState as RetryState
from onvif_bmff.storage.side_files import Label as Label
from onvif_bmff.storage.side_files import SideFiles as SideFiles
from onvif_bmff.storage.sink import StoreSink as StoreSink
from onvif_bmff.storage.sink_outcomes import SinkOutcomes as SinkOutcomes
from onvif_bmff.storage.span_queue import SpanQueue as SpanQueue
from onvif_bmff.storage.sqlite import MIGRATIONS as MIGRATIONS
from onvif_bmff.storage.sqlite import SqlitePersistence as SqlitePersistence
from onvif_bmff.storage.tree import HIDDEN as HIDDEN
from onvif_bmff.storage.tree import Tree as Tree
from onvif_bmff.storage.tree import failures as failures
from onvif_bmff.storage.tree import passing_name as passing_name
from onvif_bmff.storage.tree import read_all as read_all
from onvif_bmff.storage.tree import write_all as write_all
from onvif_bmff.storage.tree import write_file as write_file

__all__ = [
    "HIDDEN",
    "LOST",
    "MIGRATIONS",
    "POSIX",
    "SYSTEM_FILES",
    "DatabaseFiles",
    "DirectoryStore",
    "DirectoryWriter",
    "FileStatus",
    "FileSystem",
    "FolderEntry",
    "HeldBytes",
    "Identity",
    "Label",
    "LockedFile",
    "MemoryStore",
    "OpenArea",
    "OpenFile",
    "PendingSegment",
    "PosixFileSystem",
    "RetryPolicy",
    "RetryState",
    "Room",
    "SideFiles",
    "SinkOutcomes",
    "SpanQueue",
    "SqliteIvStore",
    "SqlitePersistence",
    "StoreFailure",
    "StoreSink",
    "SystemDatabaseFiles",
    "Tree",
    "check_content_type",
    "check_metadata",
    "failures",
    "local_path",
    "passing_name",
    "read_all",
    "read_identity",
    "write_all",
    "write_file",
]
