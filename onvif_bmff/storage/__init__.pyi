from onvif_bmff.storage.acceptable import check_content_type as check_content_type
from onvif_bmff.storage.acceptable import check_metadata as check_metadata
from onvif_bmff.storage.attempts import Attempts as Attempts
from onvif_bmff.storage.attempts import RetryBudget as RetryBudget
from onvif_bmff.storage.bounded_http import bounded_handlers as bounded_handlers
from onvif_bmff.storage.cloud import CloudStore as CloudStore
from onvif_bmff.storage.cloud import CloudWriter as CloudWriter
from onvif_bmff.storage.cloud_attributes import WRITE_ID as WRITE_ID
from onvif_bmff.storage.cloud_attributes import encoded_attributes as encoded_attributes
from onvif_bmff.storage.cloud_attributes import own_id as own_id
from onvif_bmff.storage.cloud_attributes import read_attributes as read_attributes
from onvif_bmff.storage.cloud_attributes import without_ids as without_ids
from onvif_bmff.storage.cloud_client import AZURE as AZURE
from onvif_bmff.storage.cloud_client import CloudClient as CloudClient
from onvif_bmff.storage.cloud_client import CloudHead as CloudHead
from onvif_bmff.storage.cloud_client import CloudService as CloudService
from onvif_bmff.storage.cloud_client import GCS as GCS
from onvif_bmff.storage.cloud_client import KeyTakenError as KeyTakenError
from onvif_bmff.storage.cloud_client import MetadataTooLargeError as MetadataTooLargeError
from onvif_bmff.storage.cloud_client import NoBucketError as NoBucketError
from onvif_bmff.storage.cloud_client import RangeNotSatisfiableError as RangeNotSatisfiableError
from onvif_bmff.storage.cloud_client import S3 as S3
from onvif_bmff.storage.cloud_client import StoreBusyError as StoreBusyError
from onvif_bmff.storage.cloud_listing import listed_keys as listed_keys
from onvif_bmff.storage.cloud_settings import CLOUD_OPTIONS as CLOUD_OPTIONS
from onvif_bmff.storage.cloud_settings import CloudSettings as CloudSettings
from onvif_bmff.storage.cloud_settings import NEW_LOCKS as NEW_LOCKS
from onvif_bmff.storage.cloud_settings import read_options as read_options
from onvif_bmff.storage.cloud_settings import settings_for as settings_for
from onvif_bmff.storage.cloud_settings import settings_without_credentials as settings_without_credentials
from onvif_bmff.storage.copying import AttributesLostError as AttributesLostError
from onvif_bmff.storage.copying import Copied as Copied
from onvif_bmff.storage.copying import CopyState as CopyState
from onvif_bmff.storage.copying import check_attributes as check_attributes
from onvif_bmff.storage.copying import check_id as check_id
from onvif_bmff.storage.copying import copy_object as copy_object
from onvif_bmff.storage.copying import copy_objects as copy_objects
from onvif_bmff.storage.copying import has_id as has_id
from onvif_bmff.storage.credentials import CredentialSource as CredentialSource
from onvif_bmff.storage.credentials import RenewalPolicy as RenewalPolicy
from onvif_bmff.storage.credentials import RenewalSchedule as RenewalSchedule
from onvif_bmff.storage.credentials import StorageCredentials as StorageCredentials
from onvif_bmff.storage.credentials import read_renewal as read_renewal
from onvif_bmff.storage.database_files import DatabaseFiles as DatabaseFiles
from onvif_bmff.storage.database_files import SYSTEM_FILES as SYSTEM_FILES
from onvif_bmff.storage.database_files import SystemDatabaseFiles as SystemDatabaseFiles
from onvif_bmff.storage.directory import DirectoryStore as DirectoryStore
from onvif_bmff.storage.directory_writer import DirectoryWriter as DirectoryWriter
from onvif_bmff.storage.file_labels import FileLabels as FileLabels
from onvif_bmff.storage.file_lock import FileLock as FileLock
from onvif_bmff.storage.file_system import FileStatus as FileStatus
from onvif_bmff.storage.file_system import FileSystem as FileSystem
from onvif_bmff.storage.file_system import FolderEntry as FolderEntry
from onvif_bmff.storage.file_system import LockedFile as LockedFile
from onvif_bmff.storage.file_system import POSIX as POSIX
from onvif_bmff.storage.file_system import PosixFileSystem as PosixFileSystem
from onvif_bmff.storage.fixed_modes import FixedModes as FixedModes
from onvif_bmff.storage.held import HeldBytes as HeldBytes
from onvif_bmff.storage.held import Room as Room
from onvif_bmff.storage.held_folders import HeldFolder as HeldFolder
from onvif_bmff.storage.held_folders import HeldFolders as HeldFolders
from onvif_bmff.storage.held_folders import HeldWay as HeldWay
from onvif_bmff.storage.iv_store import Identity as Identity
from onvif_bmff.storage.iv_store import SqliteIvStore as SqliteIvStore
from onvif_bmff.storage.iv_store import read_identity as read_identity
from onvif_bmff.storage.labels import Label as Label
from onvif_bmff.storage.labels import label_of as label_of
from onvif_bmff.storage.labels import label_text as label_text
from onvif_bmff.storage.layers import StoreLayers as StoreLayers
from onvif_bmff.storage.location import local_path as local_path
from onvif_bmff.storage.locks import LockClient as LockClient
from onvif_bmff.storage.locks import LockPolicy as LockPolicy
from onvif_bmff.storage.locks import LockingStore as LockingStore
from onvif_bmff.storage.locks import NewObjectsLocked as NewObjectsLocked
from onvif_bmff.storage.locks import ObjectLock as ObjectLock
from onvif_bmff.storage.locks import RetentionMode as RetentionMode
from onvif_bmff.storage.lookup import Lookup as Lookup
from onvif_bmff.storage.memory import MemoryStore as MemoryStore
from onvif_bmff.storage.object_locks import ObjectLocks as ObjectLocks
from onvif_bmff.storage.obstore_client import ObstoreClient as ObstoreClient
from onvif_bmff.storage.open_area import OpenArea as OpenArea
from onvif_bmff.storage.open_area import OpenFile as OpenFile
from onvif_bmff.storage.opening import StoreUrl as StoreUrl
from onvif_bmff.storage.opening import open_store as open_store
from onvif_bmff.storage.opening import parse_location as parse_location
from onvif_bmff.storage.parallel import in_parallel as in_parallel
from onvif_bmff.storage.pending import LOST as LOST
from onvif_bmff.storage.pending import PendingSegment as PendingSegment
from onvif_bmff.storage.pending import RetryPolicy as RetryPolicy
from onvif_bmff.storage.pending import SpanEndedError as SpanEndedError
from onvif_bmff.storage.pending import StoreFailure as StoreFailure
from onvif_bmff.storage.renewal import RenewalEndpoint as RenewalEndpoint
from onvif_bmff.storage.renewal import RenewedCredentials as RenewedCredentials
from onvif_bmff.storage.renewal import renewal_of as renewal_of
from onvif_bmff.storage.retry_state import RetryState as RetryState
from onvif_bmff.storage.s3_locks import S3Locks as S3Locks
from onvif_bmff.storage.side_files import SideFiles as SideFiles
from onvif_bmff.storage.sink import StoreSink as StoreSink
from onvif_bmff.storage.sink_outcomes import SinkOutcomes as SinkOutcomes
from onvif_bmff.storage.span_queue import SpanQueue as SpanQueue
from onvif_bmff.storage.spool import Dropped as Dropped
from onvif_bmff.storage.spool import SpoolGuard as SpoolGuard
from onvif_bmff.storage.spool import SpoolPolicy as SpoolPolicy
from onvif_bmff.storage.spool import SpoolStatus as SpoolStatus
from onvif_bmff.storage.spool import SpoolWriter as SpoolWriter
from onvif_bmff.storage.spool import UploadOrder as UploadOrder
from onvif_bmff.storage.spool import WhenFull as WhenFull
from onvif_bmff.storage.spool import spool_folders as spool_folders
from onvif_bmff.storage.spool_contents import RecentKeys as RecentKeys
from onvif_bmff.storage.spool_contents import SpoolContents as SpoolContents
from onvif_bmff.storage.spool_lock import SpoolLock as SpoolLock
from onvif_bmff.storage.spool_lock import is_spool as is_spool
from onvif_bmff.storage.spool_notes import SpoolNotes as SpoolNotes
from onvif_bmff.storage.spool_notes import is_full_disk as is_full_disk
from onvif_bmff.storage.spool_room import SpoolRoom as SpoolRoom
from onvif_bmff.storage.spooled import SpooledStore as SpooledStore
from onvif_bmff.storage.sqlite import MIGRATIONS as MIGRATIONS
from onvif_bmff.storage.sqlite import SqlitePersistence as SqlitePersistence
from onvif_bmff.storage.store_check import DatedStore as DatedStore
from onvif_bmff.storage.store_check import Fitness as Fitness
from onvif_bmff.storage.store_check import Probe as Probe
from onvif_bmff.storage.store_check import check_store as check_store
from onvif_bmff.storage.tiered import MoveState as MoveState
from onvif_bmff.storage.tiered import Moved as Moved
from onvif_bmff.storage.tiered import TieredStore as TieredStore
from onvif_bmff.storage.tiered import keys_before as keys_before
from onvif_bmff.storage.tiered import move_objects as move_objects
from onvif_bmff.storage.tree import HIDDEN as HIDDEN
from onvif_bmff.storage.tree import Tree as Tree
from onvif_bmff.storage.tree import attribute as attribute
from onvif_bmff.storage.tree import failures as failures
from onvif_bmff.storage.tree import passing_name as passing_name
from onvif_bmff.storage.tree import read_all as read_all
from onvif_bmff.storage.tree import write_all as write_all
from onvif_bmff.storage.tree import write_file as write_file
from onvif_bmff.storage.upload_queue import UploadQueue as UploadQueue
from onvif_bmff.storage.uploader import UploadCounts as UploadCounts
from onvif_bmff.storage.uploader import Uploader as Uploader
from onvif_bmff.storage.waiting_spans import SpanPlace as SpanPlace
from onvif_bmff.storage.waiting_spans import Waiting as Waiting
from onvif_bmff.storage.waiting_spans import WaitingPlace as WaitingPlace
from onvif_bmff.storage.waiting_spans import WaitingSpan as WaitingSpan
from onvif_bmff.storage.waiting_spans import is_of_event as is_of_event
from onvif_bmff.storage.waiting_spans import waiting as waiting

__all__ = [
    "AZURE",
    "CLOUD_OPTIONS",
    "GCS",
    "HIDDEN",
    "LOST",
    "MIGRATIONS",
    "NEW_LOCKS",
    "POSIX",
    "S3",
    "SYSTEM_FILES",
    "WRITE_ID",
    "Attempts",
    "AttributesLostError",
    "CloudClient",
    "CloudHead",
    "CloudService",
    "CloudSettings",
    "CloudStore",
    "CloudWriter",
    "Copied",
    "CopyState",
    "CredentialSource",
    "DatabaseFiles",
    "DatedStore",
    "DirectoryStore",
    "DirectoryWriter",
    "Dropped",
    "FileLabels",
    "FileLock",
    "FileStatus",
    "FileSystem",
    "Fitness",
    "FixedModes",
    "FolderEntry",
    "HeldBytes",
    "HeldFolder",
    "HeldFolders",
    "HeldWay",
    "Identity",
    "KeyTakenError",
    "Label",
    "LockClient",
    "LockPolicy",
    "LockedFile",
    "LockingStore",
    "Lookup",
    "MemoryStore",
    "MetadataTooLargeError",
    "MoveState",
    "Moved",
    "NewObjectsLocked",
    "NoBucketError",
    "ObjectLock",
    "ObjectLocks",
    "ObstoreClient",
    "OpenArea",
    "OpenFile",
    "PendingSegment",
    "PosixFileSystem",
    "Probe",
    "RangeNotSatisfiableError",
    "RecentKeys",
    "RenewalEndpoint",
    "RenewalPolicy",
    "RenewalSchedule",
    "RenewedCredentials",
    "RetentionMode",
    "RetryBudget",
    "RetryPolicy",
    "RetryState",
    "Room",
    "S3Locks",
    "SideFiles",
    "SinkOutcomes",
    "SpanEndedError",
    "SpanPlace",
    "SpanQueue",
    "SpoolContents",
    "SpoolGuard",
    "SpoolLock",
    "SpoolNotes",
    "SpoolPolicy",
    "SpoolRoom",
    "SpoolStatus",
    "SpoolWriter",
    "SpooledStore",
    "SqliteIvStore",
    "SqlitePersistence",
    "StorageCredentials",
    "StoreBusyError",
    "StoreFailure",
    "StoreLayers",
    "StoreSink",
    "StoreUrl",
    "SystemDatabaseFiles",
    "TieredStore",
    "Tree",
    "UploadCounts",
    "UploadOrder",
    "UploadQueue",
    "Uploader",
    "Waiting",
    "WaitingPlace",
    "WaitingSpan",
    "WhenFull",
    "attribute",
    "bounded_handlers",
    "check_attributes",
    "check_content_type",
    "check_id",
    "check_metadata",
    "check_store",
    "copy_object",
    "copy_objects",
    "encoded_attributes",
    "failures",
    "has_id",
    "in_parallel",
    "is_full_disk",
    "is_of_event",
    "is_spool",
    "keys_before",
    "label_of",
    "label_text",
    "listed_keys",
    "local_path",
    "move_objects",
    "open_store",
    "own_id",
    "parse_location",
    "passing_name",
    "read_all",
    "read_attributes",
    "read_identity",
    "read_options",
    "read_renewal",
    "renewal_of",
    "settings_for",
    "settings_without_credentials",
    "spool_folders",
    "waiting",
    "without_ids",
    "write_all",
    "write_file",
]
