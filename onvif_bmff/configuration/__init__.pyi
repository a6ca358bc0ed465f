from onvif_bmff.configuration.faults import ConfigurationFault as ConfigurationFault
from onvif_bmff.configuration.judging import Judged as Judged
from onvif_bmff.configuration.judging import judge as judge
from onvif_bmff.configuration.lines import Path as Path
from onvif_bmff.configuration.lines import dotted as dotted
from onvif_bmff.configuration.lines import line_of as line_of
from onvif_bmff.configuration.lines import lines_of as lines_of
from onvif_bmff.configuration.options import Kind as Kind
from onvif_bmff.configuration.options import NONE as NONE
from onvif_bmff.configuration.options import Option as Option
from onvif_bmff.configuration.options import Section as Section
from onvif_bmff.configuration.options import UnfitValue as UnfitValue
from onvif_bmff.configuration.options import nearest as nearest
from onvif_bmff.configuration.options import read_value as read_value
from onvif_bmff.configuration.options import toml_text as toml_text
from onvif_bmff.configuration.references import reference_faults as reference_faults
from onvif_bmff.configuration.rehearsal import capabilities_of as capabilities_of
from onvif_bmff.configuration.rehearsal import package_faults as package_faults
from onvif_bmff.configuration.rehearsal import service_faults as service_faults
from onvif_bmff.configuration.sample import range_of as range_of
from onvif_bmff.configuration.sample import sample_file as sample_file
from onvif_bmff.configuration.secret import Secret as Secret
from onvif_bmff.configuration.settings import CameraSettings as CameraSettings
from onvif_bmff.configuration.settings import CertificateSettings as CertificateSettings
from onvif_bmff.configuration.settings import ClockSettings as ClockSettings
from onvif_bmff.configuration.settings import DeviceConfiguration as DeviceConfiguration
from onvif_bmff.configuration.settings import EncryptionSettings as EncryptionSettings
from onvif_bmff.configuration.settings import EventSettings as EventSettings
from onvif_bmff.configuration.settings import JobSettings as JobSettings
from onvif_bmff.configuration.settings import JobSourceSettings as JobSourceSettings
from onvif_bmff.configuration.settings import JobTrackSettings as JobTrackSettings
from onvif_bmff.configuration.settings import KeySettings as KeySettings
from onvif_bmff.configuration.settings import LimitSettings as LimitSettings
from onvif_bmff.configuration.settings import LoggingSettings as LoggingSettings
from onvif_bmff.configuration.settings import PortSettings as PortSettings
from onvif_bmff.configuration.settings import ReceiverSettings as ReceiverSettings
from onvif_bmff.configuration.settings import RecordingSettings as RecordingSettings
from onvif_bmff.configuration.settings import SpoolSettings as SpoolSettings
from onvif_bmff.configuration.settings import StorageSettings as StorageSettings
from onvif_bmff.configuration.settings import TrackSettings as TrackSettings
from onvif_bmff.configuration.settings import UserSettings as UserSettings
from onvif_bmff.configuration.store_options import SecretOptions as SecretOptions
from onvif_bmff.configuration.store_options import is_cloud as is_cloud
from onvif_bmff.configuration.store_options import read_store_options as read_store_options
from onvif_bmff.configuration.structures import owned_by as owned_by
from onvif_bmff.configuration.surroundings import NoSurroundings as NoSurroundings
from onvif_bmff.configuration.surroundings import Surroundings as Surroundings
from onvif_bmff.configuration.tables import FILE as FILE

__all__ = [
    "FILE",
    "NONE",
    "CameraSettings",
    "CertificateSettings",
    "ClockSettings",
    "ConfigurationFault",
    "DeviceConfiguration",
    "EncryptionSettings",
    "EventSettings",
    "JobSettings",
    "JobSourceSettings",
    "JobTrackSettings",
    "Judged",
    "KeySettings",
    "Kind",
    "LimitSettings",
    "LoggingSettings",
    "NoSurroundings",
    "Option",
    "Path",
    "PortSettings",
    "ReceiverSettings",
    "RecordingSettings",
    "Secret",
    "SecretOptions",
    "Section",
    "SpoolSettings",
    "StorageSettings",
    "Surroundings",
    "TrackSettings",
    "UnfitValue",
    "UserSettings",
    "capabilities_of",
    "dotted",
    "is_cloud",
    "judge",
    "line_of",
    "lines_of",
    "nearest",
    "owned_by",
    "package_faults",
    "range_of",
    "read_store_options",
    "read_value",
    "reference_faults",
    "sample_file",
    "service_faults",
    "toml_text",
]
