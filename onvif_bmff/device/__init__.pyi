from onvif_bmff.device.cameras import ConfiguredCameras as ConfiguredCameras
from onvif_bmff.device.configured import ConfiguredDevice as ConfiguredDevice
from onvif_bmff.device.configured_stores import ConfiguredStores as ConfiguredStores
from onvif_bmff.device.device import RecordingDevice as RecordingDevice
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
from onvif_bmff.device.recovery import DeviceRecovery as DeviceRecovery
from onvif_bmff.device.sources import FileSource as FileSource
from onvif_bmff.device.sources import FileSources as FileSources
from onvif_bmff.device.sources import SampleSource as SampleSource
from onvif_bmff.device.sources import SourceProvider as SourceProvider
from onvif_bmff.device.sources import SourceSettings as SourceSettings
from onvif_bmff.device.sources import default_sources as default_sources
from onvif_bmff.device.spooled_storages import DEVICE_SPOOL as DEVICE_SPOOL
from onvif_bmff.device.spooled_storages import SpooledStorages as SpooledStorages
from onvif_bmff.device.states import TrackStates as TrackStates
from onvif_bmff.device.steady_clock import SteadyClock as SteadyClock
from onvif_bmff.device.stores import DeviceSpool as DeviceSpool
from onvif_bmff.device.stores import DeviceStores as DeviceStores
from onvif_bmff.device.worker import OutputWorker as OutputWorker

__all__ = [
    "DEVICE_SPOOL",
    "EXPORT_FORMATS",
    "ConfiguredCameras",
    "ConfiguredDevice",
    "ConfiguredStores",
    "DeviceRecovery",
    "DeviceSpool",
    "DeviceStores",
    "ExportPart",
    "FileSource",
    "FileSources",
    "LocalRecordings",
    "Mailbox",
    "MovieExporter",
    "OutputSet",
    "OutputSettings",
    "OutputWorker",
    "OverloadPolicy",
    "RecordingDevice",
    "RunningSources",
    "SampleSource",
    "SourceProvider",
    "SourceRunner",
    "SourceSettings",
    "SpooledStorages",
    "SteadyClock",
    "TrackStates",
    "clear_unfinished_exports",
    "default_sources",
]
