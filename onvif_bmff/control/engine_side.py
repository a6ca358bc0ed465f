"""The side of the service that faces the device: the seam between control and whoever records.

The engine is not called by the service; it *asks*. It sets `ServiceCore.on_change` to be woken, then reads

* `EngineSide.assignments`: for every track of every recording, the job that feeds it now, from which
  source, and since when (pre-event recording), or None;
* `EngineSide.standby`: the sources that must be buffered because an event may want what came before it;
* `EngineSide.segment_duration` and `EngineSide.content_key` for what to write and how to protect it.

It tells what happens by `EngineSide.report_track_state` and `EngineSide.report_encoding`, and feeds in what
the service cannot know: `EngineSide.schedule_changed` and `EngineSide.event`. None of these are ONVIF
operations, and none is persistent but the encoding of a track and what `provision_recording` makes.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from onvif_bmff.control.arbitration import TrackReport
from onvif_bmff.control.environment import TimeRange
from onvif_bmff.control.event_filter import EventMessage
from onvif_bmff.control.faults import BadConfiguration, NoRecording
from onvif_bmff.control.operations import export, override, receivers, recordings
from onvif_bmff.control.operations.checks import is_token
from onvif_bmff.control.operations.validation import accept_track_configuration
from onvif_bmff.control.plan import (
    DevicePlan,
    Feed,
    Standby,
    read_assignments,
    read_plans,
    read_standby,
)
from onvif_bmff.control.runner import ServiceCore
from onvif_bmff.control.state import Job
from onvif_bmff.control.transaction import Transaction
from onvif_bmff.control.types.configuration import RecordingConfiguration, TrackConfiguration
from onvif_bmff.control.types.export import FileProgress
from onvif_bmff.control.types.job_state import INCOMPATIBLE_STREAM, RecordingJobState
from onvif_bmff.control.types.receiver import Receiver, ReceiverConfiguration
from onvif_bmff.errors import MissingKeyError, StateError
from onvif_bmff.timing import UtcTime

__all__ = ["EngineSide"]


class EngineSide(ServiceCore):
    """What the device itself asks and tells; see the module's text."""

    # ---- what to record ----------------------------------------------------------------------------

    def assignments(self) -> dict[tuple[str, str], Feed | None]:
        """(recording, track) → the job that feeds the track at this instant, or None."""
        return self._read(read_assignments)

    def standby(self) -> tuple[Standby, ...]:
        """Sources to buffer: of armed jobs whose event filter has a Before, while no event lasts."""
        return self._read(read_standby)

    def plans(self) -> DevicePlan:
        """All of that at one instant, as the engine takes it."""
        return self._read(read_plans)

    def segment_duration(self, recording_token: str) -> timedelta | None:
        """Segment duration in force, a running override included (5.24); None without a target.

        Raises:
            NoRecording: there is no such recording.
        """
        return self._read(lambda tx: override.segment_duration(tx, tx.recording(recording_token)))

    def content_key(self, recording_token: str, kid: str) -> bytes:
        """The content key of an encryption entry, for the engine alone; no operation gives it away.

        Args:
            recording_token: the recording.
            kid: key ID as the configuration shows it.

        Raises:
            MissingKeyError: the recording holds no such key, or one that is damaged.
        """

        def look(tx: Transaction) -> bytes | None:
            with suppress(NoRecording):
                return tx.keys(tx.recording(recording_token)).get(str(kid))
            return None

        key = self._read(look)
        if key is None:
            raise MissingKeyError("the recording holds no content key of this key ID")
        return key

    def accessible_since(self, recording_token: str) -> UtcTime | None:
        """Local data older than this must not be given to anyone (5.3.1); None sets no limit.

        Raises:
            NoRecording: there is no such recording.
        """
        return self._read(lambda tx: recordings.retention_limit(tx, tx.recording(recording_token)))

    # ---- what happens ------------------------------------------------------------------------------

    def report_track_state(
        self, job_token: str, track_token: str, state: RecordingJobState, error: str | None = None
    ) -> bool:
        """Say what became of a track that a job feeds (5.19).

        Args:
            job_token: the job.
            track_token: the destination track.
            state: Idle, Active or Error.
            error: for Error, what is wrong, in English.

        Returns:
            False if the job does not feed the track now; then nothing is changed.

        Raises:
            StateError: a track cannot be in this state.
        """
        if state is RecordingJobState.PARTIALLY_ACTIVE or (error is not None and state is not RecordingJobState.ERROR):
            raise StateError("a track is Idle, Active or in Error, and only an Error has a text")
        return self._run(lambda tx: _report(tx, job_token, track_token, TrackReport(state, error)))

    def report_encoding(self, job_token: str, track_token: str, track_type: str, encoding: str) -> bool:
        """Say what a job's data for a track is, before any of it is stored.

        A track holds data of its own type only (5.3.2), and all of it in one encoding (5.1): the first is
        kept. Anything else puts the job's track into the state Error; for another encoding the error is
        the predefined "Incompatible Stream".

        Args:
            job_token: the job.
            track_token: the destination track.
            track_type: Video, Audio or Metadata.
            encoding: any name that tells one encoding from another.

        Returns:
            False if the data must not be stored: it does not fit, or the job does not feed the track.
        """
        return self._run(lambda tx: _report_encoding(tx, job_token, track_token, track_type, encoding))

    def report_data_deleted(self, recording_token: str, track_token: str, *ranges: TimeRange) -> None:
        """Say that the device deleted local data by itself, to make room or because it was lost (5.26.3)."""
        self._run(lambda tx: recordings.tell_deleted(tx, recording_token, track_token, ranges))

    def schedule_changed(self, schedule_token: str, active: bool | None) -> None:
        """A schedule became active or inactive, or (None) ceased to exist; unknown ones are inactive."""

        def change(tx: Transaction) -> None:
            if active is None:
                tx.runtime.schedules.pop(schedule_token, None)
            else:
                tx.runtime.schedules[schedule_token] = active
            for job in tx.state.jobs.values():
                if job.configuration.schedule_token == schedule_token:
                    tx.touched.add(job.configuration.recording_token)

        self._run(change)

    def clock_changes(self, by: timedelta, change: Callable[[], object]) -> None:
        """Say that the clock is set forward, or back, and have that done while nobody else is served.

        What is due later (the ends of events and overrides) stays due after the same time.

        Args:
            by: how much later it will be.
            change: sets the clock.
        """

        def shift(tx: Transaction) -> None:
            change()
            tx.runtime.shift(by)

        self._run(shift)

    def event(self, message: EventMessage) -> None:
        """An event happened on the device or at a source (5.3.4)."""
        self._run(lambda tx: _event(tx, message))

    def report_export(
        self,
        operation_token: str,
        progress: float,
        files: Sequence[FileProgress] = (),
        *,
        finished: bool = False,
        error: str | None = None,
    ) -> None:
        """Say how far an export has come (5.21); with ``finished`` it is over, well or with an error.

        Raises:
            StateError: there is no such export running, or a progress is not 0.0 to 1.0.
        """
        self._run(lambda tx: export.report(tx, operation_token, progress, files, finished=finished, error=error))

    # ---- what belongs to the device ----------------------------------------------------------------

    def provision_recording(
        self,
        token: str,
        configuration: RecordingConfiguration,
        tracks: Mapping[str, TrackConfiguration],
    ) -> None:
        """Make sure of a recording that belongs to the device and cannot be deleted, nor can its tracks.

        Does nothing if it exists already, so that a device can call it at every start.

        Raises:
            Fault: the configuration is refused.
        """

        def provision(tx: Transaction) -> None:
            if not all(is_token(name) and "/" not in name for name in (token, *tracks)):
                raise BadConfiguration("tokens have 1 to 64 characters and no slash")
            accepted = {name: accept_track_configuration(tx.environment, track) for name, track in tracks.items()}
            recordings.provision_recording(tx, token, configuration, accepted)

        self._run(provision)

    def create_receiver(self, configuration: ReceiverConfiguration) -> str:
        """CreateReceiver of the Receiver Service; faults `MaxReceivers`, `BadConfiguration`."""
        return self._run(lambda tx: receivers.create_receiver(tx, configuration))

    def configure_receiver(self, receiver_token: str, configuration: ReceiverConfiguration) -> None:
        """ConfigureReceiver of the Receiver Service; faults `UnknownReceiver`, `BadConfiguration`."""
        self._run(lambda tx: receivers.configure_receiver(tx, receiver_token, configuration))

    def delete_receiver(self, receiver_token: str) -> None:
        """DeleteReceiver of the Receiver Service; faults `UnknownReceiver`, `CannotDeleteReceiver`."""
        self._run(lambda tx: receivers.delete_receiver(tx, receiver_token))

    def get_receivers(self) -> tuple[Receiver, ...]:
        """All receivers of the device, by token."""
        return self._read(lambda tx: tuple(sorted(tx.state.receivers.values(), key=lambda r: r.token)))


def _feeds(tx: Transaction, job_token: str, track_token: str) -> Job | None:
    job = tx.state.jobs.get(job_token)
    if job is None:
        return None
    winners = tx.winners(tx.state.jobs_of(job.configuration.recording_token))
    return job if winners.get(track_token) == job_token else None


def _report(tx: Transaction, job_token: str, track_token: str, report: TrackReport) -> bool:
    job = _feeds(tx, job_token, track_token)
    if job is None:
        return False
    tx.runtime.reports[job_token, track_token] = report
    tx.touched.add(job.configuration.recording_token)
    return True


def _report_encoding(tx: Transaction, job_token: str, track_token: str, track_type: str, encoding: str) -> bool:
    job = _feeds(tx, job_token, track_token)
    if job is None:
        return False
    recording = tx.recording(job.configuration.recording_token)
    track = tx.track(recording.token, track_token)
    wrong = None
    if track.configuration.track_type != track_type:
        wrong = f"The source delivers {track_type}, but the track holds {track.configuration.track_type}."
    elif track.encoding is None:
        tx.state.recordings[recording.token] = recording.with_track(replace(track, encoding=encoding))
    elif track.encoding != encoding:
        wrong = INCOMPATIBLE_STREAM
    if wrong is not None:
        _report(tx, job_token, track_token, TrackReport(RecordingJobState.ERROR, wrong))
    return wrong is None


def _event(tx: Transaction, message: EventMessage) -> None:
    conditions = tx.runtime.conditions
    if (
        message.is_lasting()
        and message.is_active()
        and len(conditions) >= tx.environment.limits.conditions
        and message.property_key() not in conditions
    ):
        message = replace(message, operation=None)
    if message.is_lasting() and message.is_active():
        conditions[message.property_key()] = message
    elif message.operation is not None:  # it is over, or no condition any more
        conditions.pop(message.property_key(), None)
    for job in tx.state.jobs.values():
        event_filter, gate = job.configuration.event_filter, tx.runtime.gates.get(job.token)
        if event_filter is None or gate is None:
            continue
        changed = gate.after(event_filter, message, tx.now, tx.environment.limits.instant_event)
        if changed is not gate:
            tx.runtime.gates[job.token] = changed
            tx.touched.add(job.configuration.recording_token)
