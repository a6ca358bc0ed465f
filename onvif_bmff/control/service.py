"""``RecordingService``: the 22 operations of the ONVIF recording control service (5.4 to 5.25).

Each method takes and returns the structures of this room and raises the ``Fault`` that ONVIF names; what a
method does is written in the module of its noun. When a method returns, its change is durable (5.2) and
its events are queued (5.26). Access classes are data, in ``onvif_bmff.control.operations.catalogue``; the transport
binding checks them. The three operations that 26.06 adds are offered under a profile that has them
(``PROFILE_26_06``), with the capability SegmentExport, and where the device has what they need.
"""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta

from onvif_bmff.control.device_side import DeviceSide
from onvif_bmff.control.environment import (
    Environment,
    Exporter,
    ExportOperation,
    FixedResources,
    LocalData,
    RecordedSegments,
    Resources,
    SegmentExporter,
    SegmentExportOperation,
)
from onvif_bmff.control.listeners import Listener
from onvif_bmff.control.notifications import Notification
from onvif_bmff.control.operations import export, job_states, jobs, override, recordings, segments, tracks
from onvif_bmff.control.persistence import MemoryPersistence, Persistence
from onvif_bmff.control.provisioning import Provisioning
from onvif_bmff.control.runner import TransactionRunner
from onvif_bmff.control.subscription import Subscription
from onvif_bmff.control.transaction import Transaction
from onvif_bmff.control.types.capabilities import Capabilities, RecordingOptions, ServiceLimits
from onvif_bmff.control.types.configuration import (
    GetRecordingsResponseItem,
    RecordingConfiguration,
    TrackConfiguration,
)
from onvif_bmff.control.types.export import ExportRecordedDataResponse, ExportState, SearchScope, StorageReferencePath
from onvif_bmff.control.types.job_configuration import GetRecordingJobsResponseItem, RecordingJobConfiguration
from onvif_bmff.control.types.job_state import RecordingJobState, RecordingJobStateInformation
from onvif_bmff.control.types.profile import PROFILE_25_12, Profile
from onvif_bmff.control.types.segments import DateTimeRange, SegmentListResult
from onvif_bmff.control.upkeep import ServiceUpkeep
from onvif_bmff.errors import InvariantError
from onvif_bmff.timing import UtcTime

__all__ = ["RecordingService"]


class RecordingService:
    """A recording control service.

    ``device_side`` is the interface of the engine; ``provisioning`` creates what belongs to the device; ``changes`` are
    listeners called after everything that changed anything (see ``TransactionRunner``).
    After ``close`` operations raise ``StateError``.

    Args:
        clock: the present instant.
        capabilities: what clients see, and the service enforces.
        limits: limits of the device beyond its capabilities.
        profile: the release to implement.
        persistence: where the model is kept; in memory if nothing is given, so that a restart forgets it.
        resources: which storages, certificates and media profiles exist; none if nothing is given.
        local_data: data that the device keeps itself, for retention and deletion.
        exporter: does exports; needed if the capabilities offer any.
        segments: the segments that the device keeps itself, for ListRecordedSegments (26.06).
        segment_exporter: uploads them, for ExportRecordedSegments (26.06).
        unreported: state of a fed track without a report. With an engine that reports, Idle is correct until data
            flows.
        random: source of random bytes, for tokens.
        lock: held while an operation runs, for a runtime that is not threads; it must be reentrant.

    Raises:
        BadConfiguration: capabilities, limits and providers do not fit together.
        PersistenceError: what is stored cannot be read.
    """

    def __init__(  # noqa: PLR0913 - each is a part that an embedder may supply, by name
        self,
        *,
        clock: Callable[[], UtcTime],
        capabilities: Capabilities | None = None,
        limits: ServiceLimits | None = None,
        profile: Profile = PROFILE_25_12,
        persistence: Persistence | None = None,
        resources: Resources | None = None,
        local_data: LocalData | None = None,
        exporter: Exporter | None = None,
        segments: RecordedSegments | None = None,
        segment_exporter: SegmentExporter | None = None,
        unreported: RecordingJobState = RecordingJobState.ACTIVE,
        random: Callable[[int], bytes] = os.urandom,
        lock: AbstractContextManager[object] | None = None,
    ) -> None:
        offered, limits = capabilities or Capabilities(), limits or ServiceLimits()
        limits.check(offered)
        resources = resources or FixedResources()
        environment = Environment(
            offered, limits, profile, resources, random, local_data, exporter, segments, segment_exporter
        )
        environment.check()
        self._runner = TransactionRunner(
            environment, persistence or MemoryPersistence(), clock, unreported, ServiceUpkeep(), lock
        )
        self._notifications = self._runner.subscribe()
        self._runner.start()
        self.device_side = DeviceSide(self._runner)
        self.provisioning = Provisioning(self._runner)
        self.changes = self._runner.changes

    # ---- recordings --------------------------------------------------------------------------------

    def create_recording(self, recording_configuration: RecordingConfiguration) -> str:
        """CreateRecording, 5.4: returns the recording token.

        Tracks VIDEO001, AUDIO001 and META001 come with it, one for each type that the device knows.
        Faults: ``MaxRecordings``, ``BadConfiguration``, ``AmbiguousConfiguration``, ``ActionNotSupported``.
        """
        return self._runner.run(lambda tx: recordings.create_recording(tx, recording_configuration))

    def delete_recording(self, recording_token: str) -> None:
        """DeleteRecording, 5.5: with tracks, jobs, auto-created receivers and local data.

        Objects in external targets stay. While an export reads the recording it stays too, and goes when
        the export ends. Faults: ``NoRecording``, ``ActionNotSupported``, ``CannotDelete``.
        """
        self._runner.run(lambda tx: recordings.delete_recording(tx, recording_token))

    def get_recordings(self) -> tuple[GetRecordingsResponseItem, ...]:
        """GetRecordings, 5.6: every recording with its tracks, in the order of creation."""
        return self._runner.read(recordings.describe_recordings)

    def set_recording_configuration(
        self, recording_token: str, recording_configuration: RecordingConfiguration
    ) -> None:
        """SetRecordingConfiguration, 5.7: ends a running override of the segment duration.

        Faults: ``BadConfiguration``, ``NoRecording``, ``AmbiguousConfiguration``.
        """
        self._runner.run(lambda tx: recordings.set_configuration(tx, recording_token, recording_configuration))

    def get_recording_configuration(self, recording_token: str) -> RecordingConfiguration:
        """GetRecordingConfiguration, 5.8: never with a content key. Fault: ``NoRecording``."""
        return self._runner.read(lambda tx: tx.shown_configuration(tx.recording(recording_token)))

    def get_recording_options(self, recording_token: str) -> RecordingOptions:
        """GetRecordingOptions, 5.20: spare jobs and tracks. Faults: ``NoRecording``, ``ActionNotSupported``."""
        return self._runner.read(lambda tx: recordings.get_options(tx, recording_token))

    def override_segment_duration(
        self, target_segment_duration: timedelta, expiration: timedelta, recording_configuration: str
    ) -> None:
        """OverrideSegmentDuration, 5.24: shorter segments until ``expiration`` (at most an hour) is over.

        ``recording_configuration`` is the token of the recording, named so by ONVIF.
        Faults: ``NoRecording``, ``BadDuration``, ``BadConfiguration``, ``ActionNotSupported``.
        """
        self._runner.run(
            lambda tx: override.override_segment_duration(
                tx, recording_configuration, target_segment_duration, expiration
            )
        )

    # ---- tracks ------------------------------------------------------------------------------------

    def create_track(self, recording_token: str, track_configuration: TrackConfiguration) -> str:
        """CreateTrack, 5.9: returns the track token, unique within the recording.

        Faults: ``NoRecording``, ``MaxTracks``, ``BadConfiguration``, ``ActionNotSupported``.
        """
        return self._runner.run(lambda tx: tracks.create_track(tx, recording_token, track_configuration))

    def delete_track(self, recording_token: str, track_token: str) -> None:
        """DeleteTrack, 5.10: with its local data; objects in external targets stay.

        Faults: ``NoRecording``, ``NoTrack``, ``CannotDelete``, ``ActionNotSupported``.
        """
        self._runner.run(lambda tx: tracks.delete_track(tx, recording_token, track_token))

    def get_track_configuration(self, recording_token: str, track_token: str) -> TrackConfiguration:
        """GetTrackConfiguration, 5.11. Faults: ``NoRecording``, ``NoTrack``."""
        return self._runner.read(lambda tx: tx.track(recording_token, track_token).configuration)

    def set_track_configuration(
        self, recording_token: str, track_token: str, track_configuration: TrackConfiguration
    ) -> None:
        """SetTrackConfiguration, 5.12: the type in it is ignored.

        Faults: ``NoRecording``, ``NoTrack``, ``BadConfiguration``.
        """
        self._runner.run(
            lambda tx: tracks.set_track_configuration(tx, recording_token, track_token, track_configuration)
        )

    # ---- jobs --------------------------------------------------------------------------------------

    def create_recording_job(self, job_configuration: RecordingJobConfiguration) -> GetRecordingJobsResponseItem:
        """CreateRecordingJob, 5.13: returns the job token and the configuration in effect.

        Faults: ``NoRecording``, ``BadConfiguration``, ``MaxRecordingJobs``, ``MaxReceivers``.
        """
        return self._runner.run(lambda tx: jobs.create_job(tx, job_configuration))

    def delete_recording_job(self, job_token: str) -> None:
        """DeleteRecordingJob, 5.14: with auto-created receivers of no other use. Fault: ``NoRecordingJob``."""
        self._runner.run(lambda tx: jobs.delete_job(tx, job_token))

    def get_recording_jobs(self) -> tuple[GetRecordingJobsResponseItem, ...]:
        """GetRecordingJobs, 5.15: every job with its configuration, in the order of creation."""
        return self._runner.read(
            lambda tx: tuple(
                GetRecordingJobsResponseItem(job.token, job.configuration) for job in tx.state.jobs.values()
            )
        )

    def set_recording_job_configuration(
        self, job_token: str, job_configuration: RecordingJobConfiguration
    ) -> RecordingJobConfiguration:
        """SetRecordingJobConfiguration, 5.16: returns the configuration in effect.

        Faults: ``NoRecordingJob``, ``BadConfiguration``, ``MaxReceivers``.
        """
        return self._runner.run(lambda tx: jobs.set_job_configuration(tx, job_token, job_configuration))

    def get_recording_job_configuration(self, job_token: str) -> RecordingJobConfiguration:
        """GetRecordingJobConfiguration, 5.17. Fault: ``NoRecordingJob``."""
        return self._runner.read(lambda tx: tx.job(job_token).configuration)

    def set_recording_job_mode(self, job_token: str, mode: str) -> None:
        """SetRecordingJobMode, 5.18: Idle or Active. Faults: ``NoRecordingJob``, ``BadMode``."""
        self._runner.run(lambda tx: jobs.set_job_mode(tx, job_token, mode))

    def get_recording_job_state(self, job_token: str) -> RecordingJobStateInformation:
        """GetRecordingJobState, 5.19. Fault: ``NoRecordingJob``."""
        return self._runner.read(lambda tx: job_states.job_state(tx, job_token))

    # ---- export ------------------------------------------------------------------------------------

    def export_recorded_data(
        self,
        search_scope: SearchScope,
        file_format: str,
        storage_destination: StorageReferencePath,
        *,
        start_point: UtcTime | None = None,
        end_point: UtcTime | None = None,
    ) -> ExportRecordedDataResponse:
        """ExportRecordedData, 5.21: starts an export, whose progress comes in events.

        Faults: ``BadConfiguration``, ``ActionNotSupported``.
        """

        def begin(tx: Transaction) -> ExportRecordedDataResponse:
            operation: ExportOperation = export.accept_export(
                tx, start_point, end_point, search_scope, file_format, storage_destination
            )
            if tx.environment.exporter is None:  # the constructor saw to it
                raise InvariantError("an export was accepted that nobody can do")
            names = tuple(tx.environment.exporter.start(operation))
            export.begin_export(tx, operation, names)
            return ExportRecordedDataResponse(operation.token, names)

        return self._runner.run(begin)

    def stop_export_recorded_data(self, operation_token: str) -> ExportState:
        """StopExportRecordedData, 5.22: afterwards the operation is unknown.

        Faults: ``BadConfiguration`` (unknown operation), ``ActionNotSupported``.
        """

        def stop(tx: Transaction) -> ExportState:
            state = export.stop_export(tx, operation_token)
            if tx.environment.exporter is not None:
                tx.environment.exporter.stop(operation_token)
            return state

        return self._runner.run(stop)

    def get_export_recorded_data_state(self, operation_token: str) -> ExportState:
        """GetExportRecordedDataState, 5.23.

        Faults: ``BadConfiguration`` (unknown operation), ``ActionNotSupported``.
        """
        return self._runner.read(lambda tx: export.export_state(tx, operation_token))

    # ---- capabilities ------------------------------------------------------------------------------

    def get_service_capabilities(self) -> Capabilities:
        """GetServiceCapabilities, 5.25: the same for as long as the service lives."""
        self._runner.check_open()
        return self._runner.environment.capabilities

    # ---- recorded segments (26.06) ------------------------------------------------------------------

    def list_recorded_segments(
        self, time: DateTimeRange, recording_token: str, max_results: int | None = None
    ) -> SegmentListResult:
        """ListRecordedSegments, 26.06: whole segments that share an instant with a time, the oldest first.

        Faults: ``NoRecording``, ``NoStorage``, ``BadDuration``, ``BadConfiguration``, ``ActionNotSupported``.
        """
        accepted = self._runner.read(lambda tx: segments.accept_listing(tx, time, recording_token, max_results))
        source = self._runner.environment.segments
        if source is None:  # accept_listing saw to it
            raise InvariantError("a listing was accepted that nobody can make")
        # Not under the lock: a store may be slow, and recording must not wait for it.
        return segments.cut_listing(source.segments(recording_token, accepted[0]), *accepted)

    def export_recorded_segments(
        self,
        time: DateTimeRange,
        recording_token: str,
        *,
        alias: str | None = None,
        storage_token: str | None = None,
        track: str | None = None,
    ) -> str:
        """ExportRecordedSegments, 26.06: uploads segments and returns the operation token.

        ``storage_token`` replaces the storage of the recording's target; ``track`` is a ``TrackType``; ``alias``
        comes back in every event. Faults: ``NoRecording``, ``InvalidStorage``, ``BadDuration``, ``BadConfiguration``,
        ``ActionNotSupported``.
        """

        def begin(tx: Transaction) -> str:
            operation: SegmentExportOperation = segments.begin_segment_export(
                tx, time, recording_token, alias, storage_token, track
            )
            if tx.environment.segment_exporter is None:  # begin_segment_export saw to it
                raise InvariantError("an export of segments was accepted that nobody can do")
            tx.environment.segment_exporter.start(operation)
            return operation.token

        return self._runner.run(begin)

    def stop_export_recorded_segments(self, operation_token: str) -> None:
        """StopExportRecordedSegments, 26.06. Faults: ``NoOperation``, ``ActionNotSupported``."""

        def stop(tx: Transaction) -> None:
            segments.stop_segment_export(tx, operation_token)
            if tx.environment.segment_exporter is not None:
                tx.environment.segment_exporter.stop(operation_token)

        self._runner.run(stop)

    # ---- events ------------------------------------------------------------------------------------

    def subscribe(self) -> Subscription:
        """Return a new queue that gets every event from now on, in order (5.26)."""
        return self._runner.subscribe()

    @property
    def events_at_receipt(self) -> int:
        """How many events counted as happening when they came, for their own times were too far off."""
        return self._runner.read(lambda tx: tx.volatile.events_at_receipt)

    def take_notifications(self) -> tuple[Notification, ...]:
        """Take all events since the last call, oldest first, from the service's own subscription.

        After a start the first is the state of every job, as Initialized.
        """
        self._runner.read(lambda tx: None)
        return self._notifications.take()

    def current_properties(self) -> tuple[Notification, ...]:
        """Return every property event as Initialized: what a new subscriber must get first."""
        return self._runner.read(job_states.current_properties)

    # ---- time and life cycle -----------------------------------------------------------------------

    @property
    def on_change(self) -> Listener | None:
        """One more listener beside ``changes``; a device leaves it to the application."""
        return self._runner.on_change

    @on_change.setter
    def on_change(self, wake: Listener | None) -> None:
        self._runner.on_change = wake

    def advance(self) -> None:
        """Do what is due by now: end overrides and event windows, delete old local data."""
        self._runner.advance()

    def next_deadline(self) -> UtcTime | None:
        """Return the time of the next ``advance``; None if nothing is scheduled."""
        return self._runner.next_deadline()

    def snapshot(self) -> dict[str, object]:
        """Return the persistent state as plain, JSON-able data, without content keys."""
        return self._runner.read(lambda tx: tx.state.snapshot())

    def close(self) -> None:
        """Close all subscriptions and the persistence; operations raise ``StateError`` from then on."""
        self._runner.close()
