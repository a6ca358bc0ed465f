"""A whole device in one process: the recording service with sources, stores, threads and a clock.

This is the embedded runtime over `control`: `RecordingDevice` records what its service is told to, from files that
behave like cameras or from any other `SampleSource`, into any `ObjectStore`.
"""

from onvif_bmff.device.device import RecordingDevice, utc_now
from onvif_bmff.device.mailbox import OverloadPolicy
from onvif_bmff.device.recovery import RecoveryReport, end_open_spans, recover_store
from onvif_bmff.device.sources import FileSource, FileSources, SampleSource, SourceProvider

__all__ = [
    "FileSource",
    "FileSources",
    "OverloadPolicy",
    "RecordingDevice",
    "RecoveryReport",
    "SampleSource",
    "SourceProvider",
    "end_open_spans",
    "recover_store",
    "utc_now",
]
