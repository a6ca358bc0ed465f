"""The outputs and sources of a device, kept in line with the plans of its service."""

import logging
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from itertools import islice
from typing import Protocol

from onvif_bmff.cenc.encrypt import IvSources
from onvif_bmff.control.plan import DevicePlan, RecordingPlan
from onvif_bmff.control.types.common import SourceReference
from onvif_bmff.control.types.job_state import RecordingJobState
from onvif_bmff.device.feeding import RunningSources
from onvif_bmff.device.health import ClockHealth, DeviceHealth, RecordingHealth, StorageHealth
from onvif_bmff.device.health_notes import HealthNotes
from onvif_bmff.device.mailbox import OverloadPolicy
from onvif_bmff.device.rates import RateWatch
from onvif_bmff.device.states import TrackStates
from onvif_bmff.device.steady_clock import SteadyClock
from onvif_bmff.device.stores import DeviceStores
from onvif_bmff.device.worker import OutputWorker
from onvif_bmff.engine.output import RecordingOutput
from onvif_bmff.engine.targets import OutputKey, OutputPlan, TargetMaker
from onvif_bmff.errors import InvariantError, OnvifBmffError
from onvif_bmff.recording.segment_labels import SegmentLabels
from onvif_bmff.runtime import SYSTEM, Runtime
from onvif_bmff.storage.held import Room
from onvif_bmff.timing import UtcTime

__all__ = ["OutputSet", "OutputSettings", "PlanSide"]

log = logging.getLogger(__name__)
_NO_CLOCK = (None, None)
_PATIENCE = 3600.0
"""Seconds for which an output that has ended goes on trying a store that fails."""
_MOST_LEAVING = 32
"""Ended outputs that do so at once, each with a thread; the oldest give up what they have."""

_RATE, _SPOOL = "\0rate", "\0spool"
"""Stand for a storage where no output reports, but their bit rate, or a spool; no token has such a character."""


@dataclass(frozen=True, slots=True)
class OutputSettings:
    """Settings of all outputs of a device; see ``RecordingDevice``, and ``RecordingOutput`` for the last three."""

    ivs: IvSources
    labels: SegmentLabels
    max_bytes: int
    policy: OverloadPolicy
    room: Room
    event_latency: timedelta
    source_patience: timedelta
    preroll_bytes: int = 64 << 20
    runtime: Runtime = SYSTEM
    rates: RateWatch = field(default_factory=lambda: RateWatch(None, None, float))


@dataclass(slots=True)
class _Running:
    """A worker, and the plan that it follows."""

    worker: OutputWorker
    plan: OutputPlan


class PlanSide(Protocol):
    """What outputs report to, and ask: as much of the ``DeviceSide`` as they need."""

    def report_track_state(
        self, job_token: str, track_token: str, state: RecordingJobState, error: str | None = None
    ) -> bool:
        """Report the state of a track; see ``DeviceSide``."""
        ...

    def report_encoding(
        self, job_token: str, track_token: str, track_type: str, encoding: str, *, planned: bool = False
    ) -> bool:
        """Return whether data of an encoding may be stored; see ``DeviceSide``."""
        ...


class OutputSet:
    """Starts, configures and stops workers and source runners; used by the thread of the device.

    Args:
        device_side: takes reports.
        stores: where outputs write to.
        sources: the sources that feed the outputs.
        maker: makes targets.
        clock: the present instant.
        settings: of all outputs.
    """

    def __init__(
        self,
        device_side: PlanSide,
        stores: DeviceStores,
        sources: RunningSources,
        maker: TargetMaker,
        clock: SteadyClock,
        settings: OutputSettings,
    ) -> None:
        self._device_side = device_side
        self._stores = stores
        self._sources = sources
        self._maker = maker
        self._clock = clock
        self._settings = settings
        self.notes = HealthNotes(clock, settings.runtime)
        self._states = TrackStates(device_side.report_track_state, settings.runtime, self.notes.error)
        self._plan = DevicePlan({}, {})
        self._refused: dict[str, str] = {}
        self._outputs: dict[OutputKey, _Running] = {}
        self._missing: set[str | None] = set()

    def follow(self, plan: DevicePlan) -> None:
        """Bring workers and sources in line with a plan."""
        old, self._plan = self._plan, plan
        self._missing.clear()
        self._states.follow(plan)
        wanted: dict[OutputKey, OutputPlan] = {}
        for recording in plan.recordings.values():
            try:
                wanted |= self._maker.outputs(recording)
                self._states.drop(OutputKey(recording.token, None))
                self._refused.pop(recording.token, None)
            except OnvifBmffError as error:
                self._refuse(recording, str(error))
        for token in old.recordings.keys() - plan.recordings.keys():
            self._maker.forget(token)
            self._refused.pop(token, None)
            self.notes.forget(token)
        for key in [key for key in self._outputs if key not in wanted]:
            self._leave(key, self._outputs.pop(key).worker)
        for key, output in wanted.items():
            running = self._outputs.get(key)
            if running is not None:
                if output != running.plan:
                    running.worker.configure(output)
                    running.plan = output
            elif output.sources:
                made = self._make_worker(key, output)
                if made is not None:
                    made.start(f"output {key.recording}")
                    self._outputs[key] = _Running(made, output)
        if not self._outputs.keys() <= wanted.keys():
            raise InvariantError("an output goes on that no recording wants any more")
        self._sources.follow(self._wanted_sources(), plan.receivers)

    def _leave(self, key: OutputKey, worker: OutputWorker) -> None:
        """End a worker whose media nobody wants any more; what is recorded it stores, as soon as the store works."""
        self._states.drop(key)
        self.notes.leave(key, worker)
        worker.close(patience=_PATIENCE)
        for _, oldest in islice(self.notes.leaving, _MOST_LEAVING, None):
            oldest.close()

    def followed(self) -> None:
        """Note that all is in line with the plan."""
        self.notes.succeed()

    def not_followed(self, error: Exception) -> None:
        """Note that the device could not follow its plan; it is tried again."""
        self.notes.not_followed(error)

    def _wanted_sources(self) -> dict[SourceReference, tuple[OutputWorker, ...]]:
        found: dict[SourceReference, tuple[OutputWorker, ...]] = {}
        for running in self._outputs.values():
            for source in running.plan.sources:
                found[source] = (*found.get(source, ()), running.worker)
        return found

    @property
    def storage_has_come(self) -> bool:
        """Whether a storage is available now that was missing when an output needed it."""
        return any(token in self._stores.storages for token in self._missing)

    def _refuse(self, recording: RecordingPlan, error: str) -> None:
        if self._refused.get(recording.token) != error:
            self._refused[recording.token] = error
            log.error("recording %s is not written: %s", recording.token, error)
        for track in recording.feeds:
            self._states.report(OutputKey(recording.token, None), track, RecordingJobState.ERROR, error)

    def _make_worker(self, key: OutputKey, plan: OutputPlan) -> OutputWorker | None:
        store = self._stores.get(key.storage)
        if store is None:
            self._missing.add(key.storage)
            for track in plan.feeds:
                self._states.report(key, track, RecordingJobState.ERROR, "The storage is not there")
            return None

        self._states.drop(key)

        def accepts(job: str, track: str, kind: str, encoding: str) -> bool:
            self._states.forget(key, track)
            return self._device_side.report_encoding(job, track, kind, encoding, planned=True)

        def report(track: str, state: RecordingJobState, error: str | None) -> None:
            self._states.report(key, track, state, error)

        settings = self._settings
        output = RecordingOutput(
            plan,
            accepts,
            report,
            labels=settings.labels,
            ivs=settings.ivs,
            event_latency=settings.event_latency,
            source_patience=settings.source_patience,
            preroll_bytes=settings.preroll_bytes,
        )
        return OutputWorker(
            output,
            store,
            began=partial(self._stores.note_recorded, key.storage),
            since=self._clock(),
            max_bytes=settings.max_bytes,
            policy=settings.policy,
            room=settings.room,
            runtime=settings.runtime,
        )

    def watch(self) -> None:
        """Open sources anew that say nothing any more; to be called about once a second."""
        self._sources.watch()

    def tell_time(self) -> None:
        """Tell all outputs the time, which only matters where no media come; to be called every few seconds."""
        for running in self._outputs.values():
            running.worker.advance(self._clock())
        self._watch_rates()
        for (recording, track), text in self._stores.drop_changes(self._plan).items():
            self._report_goes_on(OutputKey(recording, _SPOOL), track, text)

    def _watch_rates(self) -> None:
        """Show in the states of tracks, which the log says too, which recordings exceed what the device offers."""
        external = {key.recording for key in self._outputs if key.track is None}
        recorded: dict[str, int] = {}
        for key, running in self._outputs.items():
            if key.track is None or key.recording not in external:  # what goes to two places is one recording
                recorded[key.recording] = recorded.get(key.recording, 0) + running.worker.progress.recorded_bytes
        for token, text in self._settings.rates.changes(recorded).items():
            plan = self._plan.recordings.get(token)
            for track in () if plan is None else plan.feeds:
                self._report_goes_on(OutputKey(token, _RATE), track, text)

    def _report_goes_on(self, key: OutputKey, track: str, text: str | None) -> None:
        """Report what is wrong with a track that goes on; None for nothing any more."""
        state = RecordingJobState.IDLE if text is None else RecordingJobState.ERROR
        self._states.report(key, track, state, text and f"Recording goes on, but {text}")

    def clock_set(self, by: timedelta) -> None:
        """Shift the time of all media, for a clock that was set."""
        self._sources.clock_set(by)

    def is_written(self, recording: str, track: str, since: UtcTime) -> bool:
        """Return whether a worker that wrote a local track at an instant is still running."""
        key = OutputKey(recording, None, track)
        writers = [*((k, one.worker) for k, one in list(self._outputs.items())), *self.notes.leaving]
        return any(k == key and worker.since <= since and not worker.join(0) for k, worker in writers)

    def worker(self, recording: str, track: str | None) -> OutputWorker | None:
        """Return the worker of a recording's target, or of one of its local tracks."""
        return next(
            (one.worker for k, one in self._outputs.items() if k.recording == recording and k.track == track), None
        )

    def health(self, *, running: bool, recovered: bool) -> DeviceHealth:
        """Return the health of the device; from any thread, without a lock of the service."""
        now, times_set = self._clock.read()
        outputs = list(self._outputs.items())
        errors = {key.storage: str(error) for key, one in outputs if (error := one.worker.sink.trouble) is not None}
        spools = self._stores.spools()
        return DeviceHealth(
            running,
            ClockHealth(now, times_set, self._clock.doubt()),
            tuple(self._recording_health(plan, outputs) for plan in list(self._plan.recordings.values())),
            tuple(StorageHealth(token, errors.get(token), spools.get(token)) for token in self._stores.tokens()),
            recovered,
            self.notes.failure,
        )

    def _recording_health(self, plan: RecordingPlan, outputs: list[tuple[OutputKey, _Running]]) -> RecordingHealth:
        worst, feeds = self._states.of(plan.token), plan.feeds
        offset, drift = next(
            (found for feed in feeds.values() if (found := self._sources.clock_state(feed.source)) != _NO_CLOCK),
            _NO_CLOCK,
        )
        steady = any(token in feeds and kind != "Metadata" for token, kind in plan.tracks)
        known = RecordingHealth(
            plan.token, bool(feeds), steady, worst.state, worst.error, clock_offset=offset, drift=drift
        )
        return self.notes.describe(known, (one.worker for key, one in outputs if key.recording == plan.token))

    def close(self, deadline: float) -> bool:
        """End all sources and workers; wait for them until a reading of ``Runtime.monotonic``, and no longer.

        Returns whether all workers have ended, and so closed their spans.
        """
        self._sources.stop()
        workers = [running.worker for running in self._outputs.values()] + [one for _, one in self.notes.leaving]
        for worker in workers:
            worker.close()
        ended = [worker.join(max(deadline - self._settings.runtime.monotonic(), 0.1)) for worker in workers]
        self._sources.join(deadline)
        return all(ended)
