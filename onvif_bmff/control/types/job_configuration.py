"""Configuration of a recording job: the structures of 5.3.3 and 5.3.4.

Field names are the schema's in snake_case. The service decides whether a value is acceptable.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from onvif_bmff.control.types.common import NO_EXTENSIONS, Extensions, SourceReference, keep_tuples

__all__ = [
    "EventFilterEntry",
    "GetRecordingJobsResponseItem",
    "RecordingEventFilter",
    "RecordingJobConfiguration",
    "RecordingJobMode",
    "RecordingJobSource",
    "RecordingJobTrack",
]


class RecordingJobMode(StrEnum):
    """Mode of a job as the client requests it; the job's state shows what really happens (5.3.3)."""

    IDLE = "Idle"
    ACTIVE = "Active"


@dataclass(frozen=True, slots=True)
class RecordingJobTrack:
    """A route from a source into a track.

    Args:
        source_tag: distinguishes tracks of one type within the source's stream; may be empty.
        destination: token of the track of the job's recording that takes the data.
        extensions: unknown elements and attributes.
    """

    source_tag: str
    destination: str
    extensions: Extensions = NO_EXTENSIONS


@dataclass(frozen=True, slots=True)
class RecordingJobSource:
    """A source of a job and the tracks it feeds.

    Args:
        source_token: the source; None asks for ``auto_create_receiver``.
        auto_create_receiver: have the device make a receiver; only in requests, never in answers.
        tracks: the tracks to feed. A job without any track in all its sources gets all tracks of its
            recording assigned.
        extensions: unknown elements and attributes.
    """

    source_token: SourceReference | None = None
    auto_create_receiver: bool | None = None
    tracks: Sequence[RecordingJobTrack] = ()
    extensions: Extensions = NO_EXTENSIONS

    def __post_init__(self) -> None:
        keep_tuples(self, "tracks")


@dataclass(frozen=True, slots=True)
class EventFilterEntry:
    """Events that make a job record: the ``Filter`` element of tt:RecordingEventFilter.

    Args:
        topic: topic expression (ONVIF Core, 9.6.3), such as ``tns1:RuleEngine//.|tns1:Device/Trigger``.
        source: content expression on the message's source items (Core, 9.4.4), or None for any.
        extensions: unknown elements and attributes.
    """

    topic: str
    source: str | None = None
    extensions: Extensions = NO_EXTENSIONS


@dataclass(frozen=True, slots=True)
class RecordingEventFilter:
    """Records only around events (5.3.4).

    Args:
        filter: one or more entries; any of them is enough.
        before: time to record ahead of an event, up to the capability BeforeEventLimit.
        after: time to record once an event has ended, up to the capability AfterEventLimit.
        extensions: unknown elements and attributes.
    """

    filter: Sequence[EventFilterEntry]
    before: timedelta | None = None
    after: timedelta | None = None
    extensions: Extensions = NO_EXTENSIONS

    def __post_init__(self) -> None:
        keep_tuples(self, "filter")


@dataclass(frozen=True, slots=True)
class RecordingJobConfiguration:
    """Configuration of a recording job (5.3.3).

    Args:
        recording_token: the recording to write to; fixed once the job exists.
        mode: a ``RecordingJobMode``.
        priority: 0 (lowest) to 2147483647; decided for each track on its own.
        source: one or more sources.
        event_filter: record around events only.
        schedule_token: record only while this schedule exists and is active.
        extensions: unknown elements and attributes.
    """

    recording_token: str
    mode: str
    priority: int
    source: Sequence[RecordingJobSource] = ()
    event_filter: RecordingEventFilter | None = None
    schedule_token: str | None = None
    extensions: Extensions = NO_EXTENSIONS

    def __post_init__(self) -> None:
        keep_tuples(self, "source")


@dataclass(frozen=True, slots=True)
class GetRecordingJobsResponseItem:
    """One job: its token and configuration (5.13, 5.15)."""

    job_token: str
    job_configuration: RecordingJobConfiguration
