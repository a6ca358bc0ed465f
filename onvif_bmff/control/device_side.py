"""The side of the service that faces the device: the interface between control and the engine.

The service does not call the engine; the engine *polls*. It sets ``RecordingService.on_change`` to be woken, then
reads ``DeviceSide.plans``: for every recording the feeds of its tracks with their sources and begin (pre-event
recording), the sources to be buffered for events, and how it is written.

It reports results (``DeviceSide.report_track_state``, ``DeviceSide.report_encoding`` …), and passes in what
the service cannot know: ``DeviceSide.schedule_changed`` and ``DeviceSide.event``. None of these are ONVIF
operations, and none is persistent but the encoding of a track.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta

from onvif_bmff.control.environment import TimeRange
from onvif_bmff.control.event_filter import EventMessage
from onvif_bmff.control.faults import NoRecording
from onvif_bmff.control.operations import events, export, job_states, override, recordings, segments
from onvif_bmff.control.plan import DevicePlan, Feed, Standby, read_assignments, read_plans, read_standby
from onvif_bmff.control.runner import TransactionRunner
from onvif_bmff.control.transaction import Transaction
from onvif_bmff.control.types.export import FileProgress
from onvif_bmff.control.types.job_state import RecordingJobState, TrackReport
from onvif_bmff.errors import MissingKeyError
from onvif_bmff.timing import UtcTime

__all__ = ["DeviceSide"]


class DeviceSide:
    """Queries and reports of the device itself; see the module's text.

    What an output whose store hung reports of its tracks once the service is closed is not taken, and disturbs it not:
    it still has spans to close. Everything else raises ``StateError`` then.

    Args:
        runner: runs the transactions of the service.
    """

    def __init__(self, runner: TransactionRunner) -> None:
        self._runner = runner

    # ---- plans -------------------------------------------------------------------------------------

    def assignments(self) -> dict[tuple[str, str], Feed | None]:
        """Return (recording, track) → the job that feeds the track at this instant, or None."""
        return self._runner.read(read_assignments)

    def standby(self) -> tuple[Standby, ...]:
        """Return sources to buffer: of armed jobs whose event filter has a Before, while no event lasts."""
        return self._runner.read(read_standby)

    def plans(self) -> DevicePlan:
        """Return the plan of the whole device at one instant."""
        return self._runner.read(read_plans)

    def segment_duration(self, recording_token: str) -> timedelta | None:
        """Return segment duration in force, a running override included (5.24); None without a target.

        Raises:
            NoRecording: there is no such recording.
        """
        return self._runner.read(lambda tx: override.segment_duration(tx, tx.recording(recording_token)))

    def content_key(self, recording_token: str, kid: str) -> bytes:
        """Return the content key of an encryption entry, for the engine alone; no operation returns it.

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

        key = self._runner.read(look)
        if key is None:
            raise MissingKeyError("the recording holds no content key of this key ID")
        return key

    def accessible_since(self, recording_token: str) -> UtcTime | None:
        """Return the instant before which local data must not be accessible (5.3.1); None for no limit.

        Raises:
            NoRecording: there is no such recording.
        """
        return self._runner.read(lambda tx: tx.recording(recording_token).accessible_since(tx.now))

    # ---- reports -----------------------------------------------------------------------------------

    def report_track_state(
        self, job_token: str, track_token: str, state: RecordingJobState, error: str | None = None
    ) -> bool:
        """Report the state of a track that a job feeds (5.19).

        Args:
            job_token: the job.
            track_token: the destination track.
            state: Idle, Active or Error.
            error: for Error, its description in English.

        Returns:
            False if the job does not feed the track now, or the service is closed; then nothing is changed.

        Raises:
            StateError: a track cannot be in this state.
        """
        report = TrackReport(state, error)
        return self._runner.run_while_open(
            lambda tx: job_states.report_track_state(tx, job_token, track_token, report), otherwise=False
        )

    def report_encoding(
        self, job_token: str, track_token: str, track_type: str, encoding: str, *, planned: bool = False
    ) -> bool:
        """Report type and encoding of a job's data for a track, before any of it is stored.

        A track holds data of its own type only (5.3.2), and all of it in one encoding (5.1): the first is
        kept. Anything else puts the job's track into the state Error; for another encoding the error is
        the predefined "Incompatible Stream".

        Args:
            job_token: the job.
            track_token: the destination track.
            track_type: Video, Audio or Metadata.
            encoding: any name that identifies the encoding.
            planned: a plan had the job feed the track when the data came. It is stored even if that is over by now,
                as for an event that was shorter than its store took to answer.

        Returns:
            False if the data must not be stored: it does not fit, the job does not feed the track, or the service is
            closed.
        """
        return self._runner.run_while_open(
            lambda tx: job_states.report_encoding(tx, job_token, track_token, track_type, encoding, planned=planned),
            otherwise=False,
        )

    def report_data_deleted(self, recording_token: str, track_token: str, *ranges: TimeRange) -> None:
        """Report that the device deleted local data by itself, to make room or because it was lost (5.26.3)."""
        self._runner.run(lambda tx: recordings.emit_deleted(tx, recording_token, track_token, ranges))

    def schedule_changed(self, schedule_token: str, active: bool | None) -> None:  # noqa: FBT001 - a property event
        """Note that a schedule became active or inactive, or (None) ceased to exist; unknown ones are inactive."""
        self._runner.run(lambda tx: events.change_schedule(tx, schedule_token, active=active))

    def clock_changes(self, by: timedelta, change: Callable[[], object]) -> None:
        """Set the clock forward, or back, while no operation runs.

        Deadlines (the ends of events and overrides) stay the same time ahead.

        Args:
            by: how far the clock is set forward.
            change: sets the clock.
        """

        def shift(tx: Transaction) -> None:
            change()
            tx.volatile.shift(by)

        self._runner.run(shift)

    def event(self, message: EventMessage) -> None:
        """Report an event of the device or of a source (5.3.4)."""
        self._runner.run(lambda tx: events.take_event(tx, message))

    def report_export(
        self,
        operation_token: str,
        progress: float,
        files: Sequence[FileProgress] = (),
        *,
        finished: bool = False,
        error: str | None = None,
    ) -> None:
        """Report the progress of an export (5.21); with ``finished`` it is over, successfully or with an error.

        Raises:
            StateError: there is no such export running, or a progress is not 0.0 to 1.0.
        """
        self._runner.run(lambda tx: export.report(tx, operation_token, progress, files, finished=finished, error=error))

    def report_segment(self, operation_token: str, file_name: str, progress: float) -> None:
        """Report that one segment was uploaded (26.06); every call is one event.

        Args:
            operation_token: the export.
            file_name: StorageUri of the storage followed by the object key.
            progress: progress of the whole export, 0.0 to 1.0.

        Raises:
            StateError: there is no such export running, or a value is out of range.
        """
        self._runner.run(lambda tx: segments.report_segment(tx, operation_token, file_name, progress))

    def report_segments_done(self, operation_token: str, error: str | None = None) -> None:
        """Report that an export of segments is over, successfully or with an error (26.06).

        Raises:
            StateError: there is no such export running.
        """
        self._runner.run(lambda tx: segments.end_export(tx, operation_token, error))
