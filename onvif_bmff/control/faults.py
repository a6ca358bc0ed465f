"""The faults of ONVIF, one class for each subcode.

``Fault.code`` is the local name of the SOAP fault code (``Sender`` or ``Receiver``), ``Fault.subcodes`` the two
subcodes in the namespace ``ter``. Clauses 5.4 to 5.24 say which operation raises which
(``onvif_bmff.control.operations.catalogue`` has it as data).
"""

from typing import ClassVar

from onvif_bmff.errors import OnvifBmffError, escaped

__all__ = [
    "ActionNotSupported",
    "AmbiguousConfiguration",
    "BadConfiguration",
    "BadDuration",
    "BadMode",
    "CannotDelete",
    "CannotDeleteReceiver",
    "Fault",
    "InvalidStorage",
    "MaxReceivers",
    "MaxRecordingJobs",
    "MaxRecordings",
    "MaxTracks",
    "NoLocalRecording",
    "NoOperation",
    "NoRecording",
    "NoRecordingJob",
    "NoStorage",
    "NoTrack",
    "UnknownReceiver",
    "UnsupportedStorageStrategy",
]

_INVALID = "InvalidArgVal"
_ACTION = "Action"


class Fault(OnvifBmffError):  # noqa: N818 - ONVIF and SOAP call it so
    """An operation was refused, and nothing was changed.

    ``code`` is ``Sender`` (the request is wrong) or ``Receiver`` (the device cannot), ``subcodes`` the
    general and the specific reason, ``reason`` a sentence in English.
    """

    code: ClassVar[str] = "Receiver"
    subcodes: ClassVar[tuple[str, str]] = (_ACTION, "")
    default_reason: ClassVar[str] = "The operation was refused."

    def __init__(self, reason: str = "") -> None:
        self.reason = escaped(reason) or self.default_reason
        super().__init__(self.reason)

    def __str__(self) -> str:
        return f"{self.subcodes[1] or self.code}: {self.reason}"


class NoRecording(Fault):
    """There is no such recording."""

    code = "Sender"
    subcodes = (_INVALID, "NoRecording")
    default_reason = "The recording token names no recording."


class NoTrack(Fault):
    """There is no such track in the recording."""

    code = "Sender"
    subcodes = (_INVALID, "NoTrack")
    default_reason = "The track token names no track of the recording."


class NoRecordingJob(Fault):
    """There is no such job."""

    code = "Sender"
    subcodes = (_INVALID, "NoRecordingJob")
    default_reason = "The job token names no recording job."


class BadConfiguration(Fault):
    """The contents of a configuration are invalid."""

    code = "Sender"
    subcodes = (_INVALID, "BadConfiguration")
    default_reason = "The configuration is invalid."


class AmbiguousConfiguration(Fault):
    """A key or key ID was given together with asymmetric encryption (5.7)."""

    code = "Sender"
    subcodes = (_INVALID, "AmbiguousConfiguration")
    default_reason = "A key or key ID and asymmetric encryption exclude each other."


class BadMode(Fault):
    """The mode of a job is neither Idle nor Active (5.18)."""

    code = "Sender"
    subcodes = (_INVALID, "BadMode")
    default_reason = "The mode of a job is Idle or Active."


class BadDuration(Fault):
    """A duration is invalid (5.24)."""

    code = "Sender"
    subcodes = (_INVALID, "BadDuration")
    default_reason = "The duration is invalid."


class MaxRecordings(Fault):
    """The device holds as many recordings as it can."""

    subcodes = (_ACTION, "MaxRecordings")
    default_reason = "No further recording can be created."


class MaxTracks(Fault):
    """The recording holds as many tracks as it can."""

    subcodes = (_ACTION, "MaxTracks")
    default_reason = "No further track of this type can be created."


class MaxRecordingJobs(Fault):
    """The device, or the recording, holds as many jobs as it can."""

    subcodes = (_ACTION, "MaxRecordingJobs")
    default_reason = "No further recording job can be created."


class MaxReceivers(Fault):
    """The device holds as many receivers as it can."""

    subcodes = (_ACTION, "MaxReceivers")
    default_reason = "No further receiver can be created."


class CannotDelete(Fault):
    """A certain recording or track cannot be deleted."""

    subcodes = (_ACTION, "CannotDelete")
    default_reason = "This one cannot be deleted."


class ActionNotSupported(Fault):
    """The device does not offer this operation."""

    subcodes = ("ActionNotSupported", "NotImplemented")
    default_reason = "The device does not offer this operation."


class UnknownReceiver(Fault):
    """There is no such receiver (Receiver Service)."""

    code = "Sender"
    subcodes = (_INVALID, "UnknownToken")
    default_reason = "The receiver token names no receiver."


class CannotDeleteReceiver(Fault):
    """The receiver is in use (Receiver Service)."""

    subcodes = (_ACTION, "CannotDeleteReceiver")
    default_reason = "The receiver is used by a recording job."


class NoLocalRecording(Fault):
    """The device has no onboard storage, so a recording needs a target (26.06)."""

    subcodes = (_ACTION, "NoLocalRecording")
    default_reason = "The device cannot record without an external target."


class UnsupportedStorageStrategy(Fault):
    """The storage strategy is not offered (26.06)."""

    subcodes = (_ACTION, "UnsupportedStorageStrategy")
    default_reason = "The storage strategy is not supported."


class NoStorage(Fault):
    """The recording keeps nothing locally that could be listed (26.06)."""

    code = "Sender"
    subcodes = (_INVALID, "NoStorage")
    default_reason = "The recording has no local storage."


class InvalidStorage(Fault):
    """The storage to export to is unknown or unfit (26.06)."""

    code = "Sender"
    subcodes = (_INVALID, "InvalidStorage")
    default_reason = "The storage token names no usable storage."


class NoOperation(Fault):
    """There is no such export operation (26.06)."""

    code = "Sender"
    subcodes = (_INVALID, "NoOperation")
    default_reason = "The operation token names no export."
