"""Where do the objects lie? The only room that reads and writes anything."""

from onvif_bmff.storage.directory import DirectoryStore, UnsealedObject
from onvif_bmff.storage.iv_store import SqliteIvStore
from onvif_bmff.storage.memory import MemoryStore
from onvif_bmff.storage.sink import RetryPolicy, Room, StoreFailure, StoreSink

__all__ = [
    "DirectoryStore",
    "MemoryStore",
    "RetryPolicy",
    "Room",
    "SqliteIvStore",
    "StoreFailure",
    "StoreSink",
    "UnsealedObject",
]
