from onvif_bmff.device.device import RecordingDevice as RecordingDevice
from onvif_bmff.device.device_exports import DeviceExports as DeviceExports
from onvif_bmff.device.exports import EXPORT_FORMATS as EXPORT_FORMATS
from onvif_bmff.device.exports import ExportPart as ExportPart
from onvif_bmff.device.exports import MovieExporter as MovieExporter
from onvif_bmff.device.exports import clear_unfinished_exports as clear_unfinished_exports
from onvif_bmff.device.feeding import RunningSources as RunningSources
from onvif_bmff.device.feeding import SourceRunner as SourceRunner
from onvif_bmff.device.local import LocalRecordings as LocalRecordings
from onvif_bmff.device.mailbox import Mailbox as Mailbox
from onvif_bmff.device.mailbox import OverloadPolicy as OverloadPolicy
from onvif_bmff.device.outputs import OutputSet as OutputSet
from onvif_bmff.device.outputs import OutputSettings as OutputSettings
from onvif_bmff.device.outputs import PlanSide as PlanSide
from onvif_bmff.device.process_link import ProcessLink as ProcessLink
from onvif_bmff.device.process_worker import WorkerParts as WorkerParts
from onvif_bmff.device.process_worker import WorkerSetup as WorkerSetup
from onvif_bmff.device.process_worker import log_level as log_level
from onvif_bmff.device.process_worker import serve_outputs as serve_outputs
from onvif_bmff.device.processes import DeviceWorkers as DeviceWorkers
from onvif_bmff.device.processes import ProcessOutputs as ProcessOutputs
from onvif_bmff.device.processes import process_outputs as process_outputs
from onvif_bmff.device.rates import RateWatch as RateWatch
from onvif_bmff.device.recovery import DeviceRecovery as DeviceRecovery
from onvif_bmff.device.recovery import RecoveryPart as RecoveryPart
from onvif_bmff.device.segments import LocalSegments as LocalSegments
from onvif_bmff.device.segments import SegmentUploader as SegmentUploader
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
from onvif_bmff.device.worker import OutputWorker as OutputWorker
from onvif_bmff.device.worker_spools import Assignments as Assignments
from onvif_bmff.device.worker_spools import check_left_over as check_left_over
from onvif_bmff.device.worker_spools import worker_folder as worker_folder

__all__ = [
    "DEVICE_SPOOL",
    "EXPORT_FORMATS",
    "Assignments",
    "ClockTrust",
    "DeviceExports",
    "DeviceRecovery",
    "DeviceSpool",
    "DeviceStores",
    "DeviceWorkers",
    "ExportPart",
    "FileSource",
    "FileSources",
    "LocalRecordings",
    "LocalSegments",
    "Mailbox",
    "MovieExporter",
    "OutputSet",
    "OutputSettings",
    "OutputWorker",
    "OverloadPolicy",
    "PlanSide",
    "ProcessLink",
    "ProcessOutputs",
    "RateWatch",
    "RecordingDevice",
    "RecoveryPart",
    "RunningSources",
    "SampleSource",
    "SegmentUploader",
    "SourceProvider",
    "SourceRunner",
    "SourceSettings",
    "SpooledStorages",
    "SteadyClock",
    "TrackStates",
    "TracksKnown",
    "WorkerParts",
    "WorkerSetup",
    "check_left_over",
    "clear_unfinished_exports",
    "default_sources",
    "log_level",
    "process_outputs",
    "serve_outputs",
    "worker_folder",
]
