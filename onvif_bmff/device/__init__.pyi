from onvif_bmff.device.cameras import ConfiguredCameras as ConfiguredCameras
from onvif_bmff.device.clock_wait import ClockWait as ClockWait
from onvif_bmff.device.clock_wait import KeyPlace as KeyPlace
from onvif_bmff.device.clock_wait import key_places as key_places
from onvif_bmff.device.configured import ConfiguredDevice as ConfiguredDevice
from onvif_bmff.device.configured_stores import ConfiguredStores as ConfiguredStores
from onvif_bmff.device.device import RecordingDevice as RecordingDevice
from onvif_bmff.device.device_exports import DeviceExports as DeviceExports
from onvif_bmff.device.drops import SpoolDrops as SpoolDrops
from onvif_bmff.device.exports import EXPORT_FORMATS as EXPORT_FORMATS
from onvif_bmff.device.exports import ExportPart as ExportPart
from onvif_bmff.device.exports import MovieExporter as MovieExporter
from onvif_bmff.device.exports import clear_unfinished_exports as clear_unfinished_exports
from onvif_bmff.device.feeding import RunningSources as RunningSources
from onvif_bmff.device.feeding import SourceRunner as SourceRunner
from onvif_bmff.device.health import Backlog as Backlog
from onvif_bmff.device.health import ClockHealth as ClockHealth
from onvif_bmff.device.health import DeviceHealth as DeviceHealth
from onvif_bmff.device.health import NotedError as NotedError
from onvif_bmff.device.health import RecordingHealth as RecordingHealth
from onvif_bmff.device.health import StorageHealth as StorageHealth
from onvif_bmff.device.health_notes import HealthNotes as HealthNotes
from onvif_bmff.device.health_notes import RecordingTotals as RecordingTotals
from onvif_bmff.device.health_rules import ALL_RULES as ALL_RULES
from onvif_bmff.device.health_rules import DEVICE_RULES as DEVICE_RULES
from onvif_bmff.device.health_rules import HealthFinding as HealthFinding
from onvif_bmff.device.health_rules import HealthRule as HealthRule
from onvif_bmff.device.health_rules import RECORDING_RULES as RECORDING_RULES
from onvif_bmff.device.health_rules import STORAGE_RULES as STORAGE_RULES
from onvif_bmff.device.health_rules import find_faults as find_faults
from onvif_bmff.device.health_rules import is_healthy as is_healthy
from onvif_bmff.device.health_server import HealthServer as HealthServer
from onvif_bmff.device.health_server import health_app as health_app
from onvif_bmff.device.health_server import health_document as health_document
from onvif_bmff.device.local import LocalRecordings as LocalRecordings
from onvif_bmff.device.mailbox import Mailbox as Mailbox
from onvif_bmff.device.mailbox import OverloadPolicy as OverloadPolicy
from onvif_bmff.device.metrics import CONTENT_TYPE as CONTENT_TYPE
from onvif_bmff.device.metrics import DeviceCollector as DeviceCollector
from onvif_bmff.device.metrics import METRICS as METRICS
from onvif_bmff.device.metrics import MetricRow as MetricRow
from onvif_bmff.device.metrics import metric_rows as metric_rows
from onvif_bmff.device.metrics import metrics_text as metrics_text
from onvif_bmff.device.outputs import OutputSet as OutputSet
from onvif_bmff.device.outputs import OutputSettings as OutputSettings
from onvif_bmff.device.outputs import PlanSide as PlanSide
from onvif_bmff.device.own_place import OwnPlace as OwnPlace
from onvif_bmff.device.process_beats import BeatWatch as BeatWatch
from onvif_bmff.device.process_beats import send_beats as send_beats
from onvif_bmff.device.process_health import DEAD as DEAD
from onvif_bmff.device.process_health import joined_health as joined_health
from onvif_bmff.device.process_link import ProcessLink as ProcessLink
from onvif_bmff.device.process_worker import WorkerLimits as WorkerLimits
from onvif_bmff.device.process_worker import WorkerParts as WorkerParts
from onvif_bmff.device.process_worker import WorkerSetup as WorkerSetup
from onvif_bmff.device.process_worker import log_level as log_level
from onvif_bmff.device.process_worker import serve_outputs as serve_outputs
from onvif_bmff.device.processes import ProcessOutputs as ProcessOutputs
from onvif_bmff.device.processes import process_outputs as process_outputs
from onvif_bmff.device.rates import RateWatch as RateWatch
from onvif_bmff.device.recovery import DeviceRecovery as DeviceRecovery
from onvif_bmff.device.recovery import RecoveryPart as RecoveryPart
from onvif_bmff.device.resources import DeviceResources as DeviceResources
from onvif_bmff.device.running_exports import RunningExports as RunningExports
from onvif_bmff.device.segments import LocalSegments as LocalSegments
from onvif_bmff.device.segments import SegmentUploader as SegmentUploader
from onvif_bmff.device.source_connection import SourceConnection as SourceConnection
from onvif_bmff.device.sources import FileSource as FileSource
from onvif_bmff.device.sources import FileSources as FileSources
from onvif_bmff.device.sources import SampleSource as SampleSource
from onvif_bmff.device.sources import SourceProvider as SourceProvider
from onvif_bmff.device.sources import SourceSettings as SourceSettings
from onvif_bmff.device.sources import TracksKnown as TracksKnown
from onvif_bmff.device.sources import default_sources as default_sources
from onvif_bmff.device.spooled_storages import DEVICE_SPOOL as DEVICE_SPOOL
from onvif_bmff.device.spooled_storages import SpooledStorages as SpooledStorages
from onvif_bmff.device.states import TrackStates as TrackStates
from onvif_bmff.device.steady_clock import ClockTrust as ClockTrust
from onvif_bmff.device.steady_clock import SteadyClock as SteadyClock
from onvif_bmff.device.stores import DeviceSpool as DeviceSpool
from onvif_bmff.device.stores import DeviceStores as DeviceStores
from onvif_bmff.device.worker import OutputProgress as OutputProgress
from onvif_bmff.device.worker import OutputWorker as OutputWorker
from onvif_bmff.device.worker_spools import Assignments as Assignments
from onvif_bmff.device.worker_spools import check_left_over as check_left_over
from onvif_bmff.device.worker_spools import worker_folder as worker_folder
from onvif_bmff.device.workers import DeviceWorkers as DeviceWorkers
from onvif_bmff.device.workers import recovered_part as recovered_part
from onvif_bmff.device.workers import storages_read as storages_read

__all__ = [
    "ALL_RULES",
    "CONTENT_TYPE",
    "DEAD",
    "DEVICE_RULES",
    "DEVICE_SPOOL",
    "EXPORT_FORMATS",
    "METRICS",
    "RECORDING_RULES",
    "STORAGE_RULES",
    "Assignments",
    "Backlog",
    "BeatWatch",
    "ClockHealth",
    "ClockTrust",
    "ClockWait",
    "ConfiguredCameras",
    "ConfiguredDevice",
    "ConfiguredStores",
    "DeviceCollector",
    "DeviceExports",
    "DeviceHealth",
    "DeviceRecovery",
    "DeviceResources",
    "DeviceSpool",
    "DeviceStores",
    "DeviceWorkers",
    "ExportPart",
    "FileSource",
    "FileSources",
    "HealthFinding",
    "HealthNotes",
    "HealthRule",
    "HealthServer",
    "KeyPlace",
    "LocalRecordings",
    "LocalSegments",
    "Mailbox",
    "MetricRow",
    "MovieExporter",
    "NotedError",
    "OutputProgress",
    "OutputSet",
    "OutputSettings",
    "OutputWorker",
    "OverloadPolicy",
    "OwnPlace",
    "PlanSide",
    "ProcessLink",
    "ProcessOutputs",
    "RateWatch",
    "RecordingDevice",
    "RecordingHealth",
    "RecordingTotals",
    "RecoveryPart",
    "RunningExports",
    "RunningSources",
    "SampleSource",
    "SegmentUploader",
    "SourceConnection",
    "SourceProvider",
    "SourceRunner",
    "SourceSettings",
    "SpoolDrops",
    "SpooledStorages",
    "SteadyClock",
    "StorageHealth",
    "TrackStates",
    "TracksKnown",
    "WorkerLimits",
    "WorkerParts",
    "WorkerSetup",
    "check_left_over",
    "clear_unfinished_exports",
    "default_sources",
    "find_faults",
    "health_app",
    "health_document",
    "is_healthy",
    "joined_health",
    "key_places",
    "log_level",
    "metric_rows",
    "metrics_text",
    "process_outputs",
    "recovered_part",
    "send_beats",
    "serve_outputs",
    "storages_read",
    "worker_folder",
]
