from onvif_bmff.control.arbitration import aggregate as aggregate
from onvif_bmff.control.arbitration import current_winners as current_winners
from onvif_bmff.control.arbitration import is_armed as is_armed
from onvif_bmff.control.arbitration import job_information as job_information
from onvif_bmff.control.arbitration import track_winners as track_winners
from onvif_bmff.control.asynchronous import AsyncRecordingService as AsyncRecordingService
from onvif_bmff.control.asynchronous import EventStream as EventStream
from onvif_bmff.control.audit_trail import audited as audited
from onvif_bmff.control.audit_trail import operation_of as operation_of
from onvif_bmff.control.content_keys import KeyCheck as KeyCheck
from onvif_bmff.control.content_keys import canonical_kid as canonical_kid
from onvif_bmff.control.content_keys import key_check_value as key_check_value
from onvif_bmff.control.device_side import DeviceSide as DeviceSide
from onvif_bmff.control.environment import DescribesProfiles as DescribesProfiles
from onvif_bmff.control.environment import Environment as Environment
from onvif_bmff.control.environment import ExportOperation as ExportOperation
from onvif_bmff.control.environment import Exporter as Exporter
from onvif_bmff.control.environment import FixedResources as FixedResources
from onvif_bmff.control.environment import LocalData as LocalData
from onvif_bmff.control.environment import RecordedSegments as RecordedSegments
from onvif_bmff.control.environment import Resources as Resources
from onvif_bmff.control.environment import SegmentExportOperation as SegmentExportOperation
from onvif_bmff.control.environment import SegmentExporter as SegmentExporter
from onvif_bmff.control.environment import TimeRange as TimeRange
from onvif_bmff.control.event_filter import EventGate as EventGate
from onvif_bmff.control.event_filter import EventMessage as EventMessage
from onvif_bmff.control.event_filter import check_event_filter as check_event_filter
from onvif_bmff.control.event_filter import matches as matches
from onvif_bmff.control.faults import ActionNotSupported as ActionNotSupported
from onvif_bmff.control.faults import AmbiguousConfiguration as AmbiguousConfiguration
from onvif_bmff.control.faults import BadConfiguration as BadConfiguration
from onvif_bmff.control.faults import BadDuration as BadDuration
from onvif_bmff.control.faults import BadMode as BadMode
from onvif_bmff.control.faults import CannotDelete as CannotDelete
from onvif_bmff.control.faults import CannotDeleteReceiver as CannotDeleteReceiver
from onvif_bmff.control.faults import Fault as Fault
from onvif_bmff.control.faults import InvalidStorage as InvalidStorage
from onvif_bmff.control.faults import MaxReceivers as MaxReceivers
from onvif_bmff.control.faults import MaxRecordingJobs as MaxRecordingJobs
from onvif_bmff.control.faults import MaxRecordings as MaxRecordings
from onvif_bmff.control.faults import MaxTracks as MaxTracks
from onvif_bmff.control.faults import NoLocalRecording as NoLocalRecording
from onvif_bmff.control.faults import NoOperation as NoOperation
from onvif_bmff.control.faults import NoRecording as NoRecording
from onvif_bmff.control.faults import NoRecordingJob as NoRecordingJob
from onvif_bmff.control.faults import NoStorage as NoStorage
from onvif_bmff.control.faults import NoTrack as NoTrack
from onvif_bmff.control.faults import UnknownReceiver as UnknownReceiver
from onvif_bmff.control.faults import UnsupportedStorageStrategy as UnsupportedStorageStrategy
from onvif_bmff.control.listeners import Listener as Listener
from onvif_bmff.control.listeners import Listeners as Listeners
from onvif_bmff.control.notifications import ALL_NOTIFICATIONS as ALL_NOTIFICATIONS
from onvif_bmff.control.notifications import AsynchronousOperationStatus as AsynchronousOperationStatus
from onvif_bmff.control.notifications import CreateRecording as CreateRecording
from onvif_bmff.control.notifications import CreateTrack as CreateTrack
from onvif_bmff.control.notifications import DeleteRecording as DeleteRecording
from onvif_bmff.control.notifications import DeleteTrack as DeleteTrack
from onvif_bmff.control.notifications import DeleteTrackData as DeleteTrackData
from onvif_bmff.control.notifications import JobState as JobState
from onvif_bmff.control.notifications import Notification as Notification
from onvif_bmff.control.notifications import RecordingConfigurationChange as RecordingConfigurationChange
from onvif_bmff.control.notifications import RecordingJobConfigurationChange as RecordingJobConfigurationChange
from onvif_bmff.control.notifications import TrackConfigurationChange as TrackConfigurationChange
from onvif_bmff.control.operations.catalogue import AccessClass as AccessClass
from onvif_bmff.control.operations.catalogue import OPERATIONS as OPERATIONS
from onvif_bmff.control.operations.catalogue import OPERATIONS_26_06 as OPERATIONS_26_06
from onvif_bmff.control.operations.catalogue import Operation as Operation
from onvif_bmff.control.operations.checks import check_tokens as check_tokens
from onvif_bmff.control.operations.checks import check_types as check_types
from onvif_bmff.control.operations.checks import is_progress as is_progress
from onvif_bmff.control.operations.checks import is_token as is_token
from onvif_bmff.control.operations.events import change_schedule as change_schedule
from onvif_bmff.control.operations.events import close_gates as close_gates
from onvif_bmff.control.operations.events import take_event as take_event
from onvif_bmff.control.operations.export import accept_export as accept_export
from onvif_bmff.control.operations.export import begin_export as begin_export
from onvif_bmff.control.operations.export import export_state as export_state
from onvif_bmff.control.operations.export import report as report
from onvif_bmff.control.operations.export import stop_export as stop_export
from onvif_bmff.control.operations.gates import open_gate as open_gate
from onvif_bmff.control.operations.job_states import current_properties as current_properties
from onvif_bmff.control.operations.job_states import job_state as job_state
from onvif_bmff.control.operations.job_states import report_encoding as report_encoding
from onvif_bmff.control.operations.job_states import report_track_state as report_track_state
from onvif_bmff.control.operations.job_states import update_job_states as update_job_states
from onvif_bmff.control.operations.job_validation import accept_job_configuration as accept_job_configuration
from onvif_bmff.control.operations.jobs import create_job as create_job
from onvif_bmff.control.operations.jobs import delete_job as delete_job
from onvif_bmff.control.operations.jobs import set_job_configuration as set_job_configuration
from onvif_bmff.control.operations.jobs import set_job_mode as set_job_mode
from onvif_bmff.control.operations.override import expire_overrides as expire_overrides
from onvif_bmff.control.operations.override import override_segment_duration as override_segment_duration
from onvif_bmff.control.operations.override import segment_duration as segment_duration
from onvif_bmff.control.operations.owned import OwnedRecording as OwnedRecording
from onvif_bmff.control.operations.owned import settle as settle
from onvif_bmff.control.operations.receivers import configure_receiver as configure_receiver
from onvif_bmff.control.operations.receivers import create_receiver as create_receiver
from onvif_bmff.control.operations.receivers import delete_receiver as delete_receiver
from onvif_bmff.control.operations.recordings import RETENTION_INTERVAL as RETENTION_INTERVAL
from onvif_bmff.control.operations.recordings import create_recording as create_recording
from onvif_bmff.control.operations.recordings import delete_recording as delete_recording
from onvif_bmff.control.operations.recordings import describe_recordings as describe_recordings
from onvif_bmff.control.operations.recordings import emit_deleted as emit_deleted
from onvif_bmff.control.operations.recordings import expire_data as expire_data
from onvif_bmff.control.operations.recordings import get_options as get_options
from onvif_bmff.control.operations.recordings import provision_recording as provision_recording
from onvif_bmff.control.operations.recordings import purge_data as purge_data
from onvif_bmff.control.operations.recordings import remove_pending_deletions as remove_pending_deletions
from onvif_bmff.control.operations.recordings import set_configuration as set_configuration
from onvif_bmff.control.operations.segments import accept_listing as accept_listing
from onvif_bmff.control.operations.segments import begin_segment_export as begin_segment_export
from onvif_bmff.control.operations.segments import cut_listing as cut_listing
from onvif_bmff.control.operations.segments import end_export as end_export
from onvif_bmff.control.operations.segments import report_segment as report_segment
from onvif_bmff.control.operations.segments import stop_segment_export as stop_segment_export
from onvif_bmff.control.operations.spare_tracks import spare_tracks as spare_tracks
from onvif_bmff.control.operations.spare_tracks import track_limit as track_limit
from onvif_bmff.control.operations.tracks import create_track as create_track
from onvif_bmff.control.operations.tracks import delete_track as delete_track
from onvif_bmff.control.operations.tracks import set_track_configuration as set_track_configuration
from onvif_bmff.control.operations.validation import accept_recording_configuration as accept_recording_configuration
from onvif_bmff.control.operations.validation import accept_track_configuration as accept_track_configuration
from onvif_bmff.control.persistence import MemoryPersistence as MemoryPersistence
from onvif_bmff.control.persistence import Persistence as Persistence
from onvif_bmff.control.places import LocatesStorages as LocatesStorages
from onvif_bmff.control.places import Place as Place
from onvif_bmff.control.places import check_place as check_place
from onvif_bmff.control.places import clashing as clashing
from onvif_bmff.control.places import displaced as displaced
from onvif_bmff.control.places import local_prefix as local_prefix
from onvif_bmff.control.places import places_of as places_of
from onvif_bmff.control.plain import STORED_NAME as STORED_NAME
from onvif_bmff.control.plain import field_types as field_types
from onvif_bmff.control.plain import from_plain as from_plain
from onvif_bmff.control.plain import to_plain as to_plain
from onvif_bmff.control.plan import DevicePlan as DevicePlan
from onvif_bmff.control.plan import Feed as Feed
from onvif_bmff.control.plan import RecordingPlan as RecordingPlan
from onvif_bmff.control.plan import Standby as Standby
from onvif_bmff.control.plan import read_assignments as read_assignments
from onvif_bmff.control.plan import read_plans as read_plans
from onvif_bmff.control.plan import read_standby as read_standby
from onvif_bmff.control.provisioning import Provisioning as Provisioning
from onvif_bmff.control.runner import TransactionRunner as TransactionRunner
from onvif_bmff.control.runner import Upkeep as Upkeep
from onvif_bmff.control.service import RecordingService as RecordingService
from onvif_bmff.control.state import DeviceState as DeviceState
from onvif_bmff.control.state import Job as Job
from onvif_bmff.control.state import Purge as Purge
from onvif_bmff.control.state import Recording as Recording
from onvif_bmff.control.state import TrackRecord as TrackRecord
from onvif_bmff.control.state import secret_name as secret_name
from onvif_bmff.control.subscription import Subscription as Subscription
from onvif_bmff.control.transaction import ExportRecord as ExportRecord
from onvif_bmff.control.transaction import Override as Override
from onvif_bmff.control.transaction import SegmentExportRecord as SegmentExportRecord
from onvif_bmff.control.transaction import Transaction as Transaction
from onvif_bmff.control.transaction import VolatileState as VolatileState
from onvif_bmff.control.transaction import as_text as as_text
from onvif_bmff.control.transaction import export_event as export_event
from onvif_bmff.control.transaction import is_drawn_token as is_drawn_token
from onvif_bmff.control.transaction import segment_export_event as segment_export_event
from onvif_bmff.control.types.capabilities import Capabilities as Capabilities
from onvif_bmff.control.types.capabilities import JobOptions as JobOptions
from onvif_bmff.control.types.capabilities import RECORDED_ENCODINGS as RECORDED_ENCODINGS
from onvif_bmff.control.types.capabilities import RecordingOptions as RecordingOptions
from onvif_bmff.control.types.capabilities import ServiceLimits as ServiceLimits
from onvif_bmff.control.types.capabilities import TrackOptions as TrackOptions
from onvif_bmff.control.types.common import Extensions as Extensions
from onvif_bmff.control.types.common import NO_EXTENSIONS as NO_EXTENSIONS
from onvif_bmff.control.types.common import PROFILE_TYPE as PROFILE_TYPE
from onvif_bmff.control.types.common import PropertyOperation as PropertyOperation
from onvif_bmff.control.types.common import RECEIVER_TYPE as RECEIVER_TYPE
from onvif_bmff.control.types.common import SourceReference as SourceReference
from onvif_bmff.control.types.common import keep_tuples as keep_tuples
from onvif_bmff.control.types.configuration import AsymmetricEncryption as AsymmetricEncryption
from onvif_bmff.control.types.configuration import GetRecordingsResponseItem as GetRecordingsResponseItem
from onvif_bmff.control.types.configuration import GetTracksResponseItem as GetTracksResponseItem
from onvif_bmff.control.types.configuration import RecordingConfiguration as RecordingConfiguration
from onvif_bmff.control.types.configuration import RecordingEncryption as RecordingEncryption
from onvif_bmff.control.types.configuration import RecordingSourceInformation as RecordingSourceInformation
from onvif_bmff.control.types.configuration import RecordingTargetConfiguration as RecordingTargetConfiguration
from onvif_bmff.control.types.configuration import SegmentDurationOverride as SegmentDurationOverride
from onvif_bmff.control.types.configuration import StorageStrategy as StorageStrategy
from onvif_bmff.control.types.configuration import TargetFormat as TargetFormat
from onvif_bmff.control.types.configuration import TrackConfiguration as TrackConfiguration
from onvif_bmff.control.types.configuration import TrackType as TrackType
from onvif_bmff.control.types.export import ExportRecordedDataResponse as ExportRecordedDataResponse
from onvif_bmff.control.types.export import ExportState as ExportState
from onvif_bmff.control.types.export import FileProgress as FileProgress
from onvif_bmff.control.types.export import SearchScope as SearchScope
from onvif_bmff.control.types.export import StorageReferencePath as StorageReferencePath
from onvif_bmff.control.types.job_configuration import EventFilterEntry as EventFilterEntry
from onvif_bmff.control.types.job_configuration import GetRecordingJobsResponseItem as GetRecordingJobsResponseItem
from onvif_bmff.control.types.job_configuration import RecordingEventFilter as RecordingEventFilter
from onvif_bmff.control.types.job_configuration import RecordingJobConfiguration as RecordingJobConfiguration
from onvif_bmff.control.types.job_configuration import RecordingJobMode as RecordingJobMode
from onvif_bmff.control.types.job_configuration import RecordingJobSource as RecordingJobSource
from onvif_bmff.control.types.job_configuration import RecordingJobTrack as RecordingJobTrack
from onvif_bmff.control.types.job_state import INCOMPATIBLE_STREAM as INCOMPATIBLE_STREAM
from onvif_bmff.control.types.job_state import RecordingJobState as RecordingJobState
from onvif_bmff.control.types.job_state import RecordingJobStateInformation as RecordingJobStateInformation
from onvif_bmff.control.types.job_state import RecordingJobStateSource as RecordingJobStateSource
from onvif_bmff.control.types.job_state import RecordingJobStateTrack as RecordingJobStateTrack
from onvif_bmff.control.types.job_state import TrackReport as TrackReport
from onvif_bmff.control.types.job_state import recorded_state as recorded_state
from onvif_bmff.control.types.profile import PROFILE_25_12 as PROFILE_25_12
from onvif_bmff.control.types.profile import PROFILE_26_06 as PROFILE_26_06
from onvif_bmff.control.types.profile import Profile as Profile
from onvif_bmff.control.types.receiver import Receiver as Receiver
from onvif_bmff.control.types.receiver import ReceiverConfiguration as ReceiverConfiguration
from onvif_bmff.control.types.segments import DateTimeRange as DateTimeRange
from onvif_bmff.control.types.segments import RecordedSegmentItem as RecordedSegmentItem
from onvif_bmff.control.types.segments import SegmentListResult as SegmentListResult
from onvif_bmff.control.upkeep import ServiceUpkeep as ServiceUpkeep

__all__ = [
    "ALL_NOTIFICATIONS",
    "INCOMPATIBLE_STREAM",
    "NO_EXTENSIONS",
    "OPERATIONS",
    "OPERATIONS_26_06",
    "PROFILE_25_12",
    "PROFILE_26_06",
    "PROFILE_TYPE",
    "RECEIVER_TYPE",
    "RECORDED_ENCODINGS",
    "RETENTION_INTERVAL",
    "STORED_NAME",
    "AccessClass",
    "ActionNotSupported",
    "AmbiguousConfiguration",
    "AsymmetricEncryption",
    "AsyncRecordingService",
    "AsynchronousOperationStatus",
    "BadConfiguration",
    "BadDuration",
    "BadMode",
    "CannotDelete",
    "CannotDeleteReceiver",
    "Capabilities",
    "CreateRecording",
    "CreateTrack",
    "DateTimeRange",
    "DeleteRecording",
    "DeleteTrack",
    "DeleteTrackData",
    "DescribesProfiles",
    "DevicePlan",
    "DeviceSide",
    "DeviceState",
    "Environment",
    "EventFilterEntry",
    "EventGate",
    "EventMessage",
    "EventStream",
    "ExportOperation",
    "ExportRecord",
    "ExportRecordedDataResponse",
    "ExportState",
    "Exporter",
    "Extensions",
    "Fault",
    "Feed",
    "FileProgress",
    "FixedResources",
    "GetRecordingJobsResponseItem",
    "GetRecordingsResponseItem",
    "GetTracksResponseItem",
    "InvalidStorage",
    "Job",
    "JobOptions",
    "JobState",
    "KeyCheck",
    "Listener",
    "Listeners",
    "LocalData",
    "LocatesStorages",
    "MaxReceivers",
    "MaxRecordingJobs",
    "MaxRecordings",
    "MaxTracks",
    "MemoryPersistence",
    "NoLocalRecording",
    "NoOperation",
    "NoRecording",
    "NoRecordingJob",
    "NoStorage",
    "NoTrack",
    "Notification",
    "Operation",
    "Override",
    "OwnedRecording",
    "Persistence",
    "Place",
    "Profile",
    "PropertyOperation",
    "Provisioning",
    "Purge",
    "Receiver",
    "ReceiverConfiguration",
    "RecordedSegmentItem",
    "RecordedSegments",
    "Recording",
    "RecordingConfiguration",
    "RecordingConfigurationChange",
    "RecordingEncryption",
    "RecordingEventFilter",
    "RecordingJobConfiguration",
    "RecordingJobConfigurationChange",
    "RecordingJobMode",
    "RecordingJobSource",
    "RecordingJobState",
    "RecordingJobStateInformation",
    "RecordingJobStateSource",
    "RecordingJobStateTrack",
    "RecordingJobTrack",
    "RecordingOptions",
    "RecordingPlan",
    "RecordingService",
    "RecordingSourceInformation",
    "RecordingTargetConfiguration",
    "Resources",
    "SearchScope",
    "SegmentDurationOverride",
    "SegmentExportOperation",
    "SegmentExportRecord",
    "SegmentExporter",
    "SegmentListResult",
    "ServiceLimits",
    "ServiceUpkeep",
    "SourceReference",
    "Standby",
    "StorageReferencePath",
    "StorageStrategy",
    "Subscription",
    "TargetFormat",
    "TimeRange",
    "TrackConfiguration",
    "TrackConfigurationChange",
    "TrackOptions",
    "TrackRecord",
    "TrackReport",
    "TrackType",
    "Transaction",
    "TransactionRunner",
    "UnknownReceiver",
    "UnsupportedStorageStrategy",
    "Upkeep",
    "VolatileState",
    "accept_export",
    "accept_job_configuration",
    "accept_listing",
    "accept_recording_configuration",
    "accept_track_configuration",
    "aggregate",
    "as_text",
    "audited",
    "begin_export",
    "begin_segment_export",
    "canonical_kid",
    "change_schedule",
    "check_event_filter",
    "check_place",
    "check_tokens",
    "check_types",
    "clashing",
    "close_gates",
    "configure_receiver",
    "create_job",
    "create_receiver",
    "create_recording",
    "create_track",
    "current_properties",
    "current_winners",
    "cut_listing",
    "delete_job",
    "delete_receiver",
    "delete_recording",
    "delete_track",
    "describe_recordings",
    "displaced",
    "emit_deleted",
    "end_export",
    "expire_data",
    "expire_overrides",
    "export_event",
    "export_state",
    "field_types",
    "from_plain",
    "get_options",
    "is_armed",
    "is_drawn_token",
    "is_progress",
    "is_token",
    "job_information",
    "job_state",
    "keep_tuples",
    "key_check_value",
    "local_prefix",
    "matches",
    "open_gate",
    "operation_of",
    "override_segment_duration",
    "places_of",
    "provision_recording",
    "purge_data",
    "read_assignments",
    "read_plans",
    "read_standby",
    "recorded_state",
    "remove_pending_deletions",
    "report",
    "report_encoding",
    "report_segment",
    "report_track_state",
    "secret_name",
    "segment_duration",
    "segment_export_event",
    "set_configuration",
    "set_job_configuration",
    "set_job_mode",
    "set_track_configuration",
    "settle",
    "spare_tracks",
    "stop_export",
    "stop_segment_export",
    "take_event",
    "to_plain",
    "track_limit",
    "track_winners",
    "update_job_states",
]
