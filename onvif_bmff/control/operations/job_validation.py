"""Whether a job configuration can be accepted (5.3.3, 5.3.4, 5.13), and which tracks it gets if it names none.

Where the specification is silent: a job feeds each track from one source only; a Before or After above the limit is
refused and not cut, since the answer of SetRecordingJobConfiguration must equal the request.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from onvif_bmff.control.environment import DescribesProfiles, Environment
from onvif_bmff.control.event_filter import check_event_filter
from onvif_bmff.control.faults import BadConfiguration, NoRecording
from onvif_bmff.control.operations.checks import check_tokens, check_types
from onvif_bmff.control.state import DeviceState, Job, Recording
from onvif_bmff.control.types.common import PROFILE_TYPE, RECEIVER_TYPE, SourceReference
from onvif_bmff.control.types.configuration import TrackType
from onvif_bmff.control.types.job_configuration import (
    RecordingEventFilter,
    RecordingJobConfiguration,
    RecordingJobMode,
    RecordingJobSource,
    RecordingJobTrack,
)

__all__ = ["accept_job_configuration"]

_MAX_PRIORITY = 2**31 - 1
_ZERO = timedelta(0)


def accept_job_configuration(
    environment: Environment, state: DeviceState, configuration: RecordingJobConfiguration, old: Job | None = None
) -> RecordingJobConfiguration:
    """Return the configuration that takes effect, except for receivers that are still to be created.

    A source that needs a receiver keeps ``auto_create_receiver`` and has no token yet. A new job that names no track
    gets all of them (5.13); an ``old`` one is set as it is asked for (5.16).

    Raises:
        BadConfiguration: the contents are invalid.
        NoRecording: the recording does not exist.
    """
    check_types(configuration, RecordingJobConfiguration, "JobConfiguration")
    recording = state.recordings.get(configuration.recording_token)
    if recording is None:
        raise NoRecording
    if configuration.mode not in set(RecordingJobMode):
        raise BadConfiguration("Mode is Idle or Active")
    if not 0 <= configuration.priority <= _MAX_PRIORITY:
        raise BadConfiguration("Priority must not be negative, nor above 2147483647")
    if not configuration.source:
        raise BadConfiguration("a job needs a source")
    for source in configuration.source:
        _check_source(environment, state, source, recording)
    _check_tracks(configuration, recording)
    if configuration.schedule_token is not None:
        if not environment.capabilities.scheduled_recording:
            raise BadConfiguration("schedules are not supported")
        check_tokens("ScheduleToken", configuration.schedule_token)
    if configuration.event_filter is not None:
        _check_event_filter(environment, configuration.event_filter)
    sources = configuration.source
    if old is None and not any(source.tracks for source in sources):
        sources = _with_all_tracks(sources, recording)
    sources = tuple(
        replace(source, auto_create_receiver=True if source.source_token is None else None) for source in sources
    )
    return replace(configuration, mode=RecordingJobMode(configuration.mode), source=sources)


def _check_source(
    environment: Environment, state: DeviceState, source: RecordingJobSource, recording: Recording
) -> None:
    reference = source.source_token
    if reference is None:
        if source.auto_create_receiver is not True:
            raise BadConfiguration("a source needs a token, or AutoCreateReceiver")
        if not environment.limits.receiver_service:
            raise BadConfiguration("the device has no receivers")
        return
    check_tokens("SourceToken", reference.token)
    if reference.type == RECEIVER_TYPE:
        if not environment.limits.receiver_service or reference.token not in state.receivers:
            raise BadConfiguration("SourceToken names no receiver")
    elif reference.type == PROFILE_TYPE:
        _check_profile(environment, reference, recording)
    else:
        raise BadConfiguration("the type of a source is receiver or profile")


def _check_profile(environment: Environment, reference: SourceReference, recording: Recording) -> None:
    if not environment.limits.media_service or not environment.resources.has_profile(reference.token):
        raise BadConfiguration("SourceToken names no media profile")
    compatible = environment.resources.compatible_profiles(recording.token)
    if compatible is not None and reference.token not in compatible:
        raise BadConfiguration("the recording cannot take this media profile")
    if not isinstance(environment.resources, DescribesProfiles):
        return
    capabilities = environment.capabilities
    for encoding in environment.resources.profile_encodings(reference.token) or ():
        if not capabilities.records(encoding):
            raise BadConfiguration(f"the media profile gives {encoding[:40]}, which the device does not record")
    rate = environment.resources.profile_rate(reference.token)
    for name, limit in (("MaxRate", capabilities.max_rate), ("MaxTotalRate", capabilities.max_total_rate)):
        if rate is not None and limit is not None and rate > limit:
            raise BadConfiguration(f"the media profile gives {rate:g} kbit/s, above {name} of {limit:g} kbit/s")


def _check_tracks(configuration: RecordingJobConfiguration, recording: Recording) -> None:
    fed: set[str] = set()
    for source in configuration.source:
        for track in source.tracks:
            if recording.track(track.destination) is None:
                raise BadConfiguration("Destination names no track of the recording")
            if track.destination in fed:
                raise BadConfiguration("a job can feed a track once only")
            fed.add(track.destination)


def _check_event_filter(environment: Environment, event_filter: RecordingEventFilter) -> None:
    capabilities = environment.capabilities
    if not capabilities.event_recording:
        raise BadConfiguration("event recording is not supported")
    check_event_filter(event_filter)
    for name, length, limit in (
        ("Before", event_filter.before, capabilities.before_event_limit),
        ("After", event_filter.after, capabilities.after_event_limit),
    ):
        if length is not None and not _ZERO <= length <= (limit or _ZERO):
            raise BadConfiguration(f"{name} is negative or above the limit of the device")


def _with_all_tracks(sources: Sequence[RecordingJobSource], recording: Recording) -> tuple[RecordingJobSource, ...]:
    """Assign all tracks of the recording: of each type, the first to the first source, and so on.

    The remaining tracks go to the last source. The tag is empty for the first track of a type in a source,
    and the destination's token for further ones.
    """
    assigned: list[list[RecordingJobTrack]] = [[] for _ in sources]
    seen = dict.fromkeys((str(kind) for kind in TrackType), 0)
    for track in recording.tracks:
        number = seen[track.configuration.track_type]
        seen[track.configuration.track_type] = number + 1
        tag = "" if number < len(sources) else track.token
        assigned[min(number, len(sources) - 1)].append(RecordingJobTrack(tag, track.token))
    return tuple(replace(source, tracks=tuple(tracks)) for source, tracks in zip(sources, assigned, strict=True))
