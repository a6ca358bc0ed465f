"""The outputs and sources of a device, in line with what its service wants at any time."""

import logging
import time
from collections.abc import Mapping
from datetime import timedelta

from onvif_bmff.cenc.encrypt import IvSources
from onvif_bmff.control.plan import DevicePlan, RecordingPlan
from onvif_bmff.control.service import RecordingService
from onvif_bmff.control.types.job_configuration import RECEIVER_TYPE, SourceReference
from onvif_bmff.control.types.job_state import RecordingJobState
from onvif_bmff.control.types.receiver import Receiver
from onvif_bmff.device.feeding import SourceRunner
from onvif_bmff.device.mailbox import OverloadPolicy
from onvif_bmff.device.sources import SourceProvider
from onvif_bmff.device.states import TrackStates
from onvif_bmff.device.steady_clock import SteadyClock
from onvif_bmff.device.worker import OutputWorker
from onvif_bmff.engine.output import RecordingOutput
from onvif_bmff.engine.targets import OutputKey, OutputPlan, TargetMaker
from onvif_bmff.errors import OnvifBmffError
from onvif_bmff.objects.stored import ObjectStore
from onvif_bmff.recording.segment_attributes import SegmentLabels
from onvif_bmff.storage.held import Room
from onvif_bmff.timing import UtcTime

__all__ = ["OutputSet"]

log = logging.getLogger(__name__)


class OutputSet:
    """Makes, configures and ends workers and source runners; used by the thread of the device.

    Arguments are those of `RecordingDevice`; ``maker`` makes the targets, the last two are those of `RecordingOutput`.
    """

    def __init__(
        self,
        service: RecordingService,
        storages: Mapping[str, ObjectStore],
        local: ObjectStore | None,
        provider: SourceProvider,
        maker: TargetMaker,
        clock: SteadyClock,
        *,
        ivs: IvSources,
        labels: SegmentLabels,
        max_bytes: int,
        policy: OverloadPolicy,
        room: Room,
        event_latency: timedelta,
        source_patience: timedelta,
    ) -> None:
        self._service = service
        self._storages = storages
        self._local = local
        self._provider = provider
        self._maker = maker
        self._clock = clock
        self._labels = labels
        self._max_bytes = max_bytes
        self._policy = policy
        self._room = room
        self._event_latency = event_latency
        self._source_patience = source_patience
        self._ivs = ivs
        self._states = TrackStates(service.report_track_state)
        self._plan = DevicePlan({}, {})
        self._refused: dict[str, str] = {}
        self._workers: dict[OutputKey, OutputWorker] = {}
        self._outputs: dict[OutputKey, OutputPlan] = {}
        self._missing: set[str | None] = set()
        self._leaving: list[tuple[OutputKey, OutputWorker]] = []
        self._runners: dict[SourceReference, SourceRunner] = {}

    def follow(self, plan: DevicePlan) -> None:
        """Bring workers and sources in line with what is to be recorded now."""
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
        for key in [key for key in self._workers if key not in wanted]:
            worker = self._workers[key]
            worker.close()
            self._states.drop(key)
            self._leaving = [*((k, one) for k, one in self._leaving if not one.join(0)), (key, worker)]
            del self._workers[key], self._outputs[key]
        for key, output in wanted.items():
            if key in self._workers:
                if output != self._outputs[key]:
                    self._workers[key].configure(output)
                    self._outputs[key] = output
            elif output.sources:
                made = self._make_worker(key, output)
                if made is not None:
                    made.start()
                    self._workers[key], self._outputs[key] = made, output
        self._follow_sources(plan)

    @property
    def storage_has_come(self) -> bool:
        """Whether a storage is there that was not when an output wanted it."""
        return any(token in self._storages for token in self._missing)

    def _refuse(self, recording: RecordingPlan, error: str) -> None:
        if self._refused.get(recording.token) != error:
            self._refused[recording.token] = error
            log.error("recording %s is not written: %s", recording.token, error)
        for track in recording.feeds:
            self._states.say(OutputKey(recording.token, None), track, RecordingJobState.ERROR, error)

    def _follow_sources(self, plan: DevicePlan) -> None:
        serving: dict[SourceReference, list[OutputWorker]] = {}
        for key, output in self._outputs.items():
            for source in output.sources:
                serving.setdefault(source, []).append(self._workers[key])
        for source in list(self._runners):
            runner = self._runners[source]
            if source not in serving or runner.receiver != self._receiver(plan, source):
                runner.serve(())
                runner.stop()
                del self._runners[source]
        for source, workers in serving.items():
            runner_or_none = self._runners.get(source)
            if runner_or_none is None:
                runner = SourceRunner(source, self._receiver(plan, source), self._provider, self._clock)
                runner.serve(tuple(workers))
                runner.start()
                self._runners[source] = runner
            else:
                runner_or_none.serve(tuple(workers))

    @staticmethod
    def _receiver(plan: DevicePlan, source: SourceReference) -> Receiver | None:
        return plan.receivers.get(source.token) if source.type == RECEIVER_TYPE else None

    def _make_worker(self, key: OutputKey, plan: OutputPlan) -> OutputWorker | None:
        store = self._local if key.storage is None else self._storages.get(key.storage)
        if store is None:
            self._missing.add(key.storage)
            for track in plan.feeds:
                self._states.say(key, track, RecordingJobState.ERROR, "The storage is not there")
            return None

        self._states.drop(key)

        def accepts(job: str, track: str, kind: str, encoding: str) -> bool:
            self._states.forget(key, track)
            return self._service.report_encoding(job, track, kind, encoding)

        def report(track: str, state: RecordingJobState, error: str | None) -> None:
            self._states.say(key, track, state, error)

        output = RecordingOutput(
            plan,
            accepts,
            report,
            labels=self._labels,
            ivs=self._ivs,
            event_latency=self._event_latency,
            source_patience=self._source_patience,
        )
        return OutputWorker(
            output,
            store,
            name=f"output {key.recording}",
            since=self._clock(),
            max_bytes=self._max_bytes,
            policy=self._policy,
            room=self._room,
        )

    def clock_set(self, by: timedelta) -> None:
        """The clock was set: the time of all media is another from now on."""
        times_set = self._clock.read()[1]
        for runner in self._runners.values():
            runner.clock_set(by, times_set)

    def is_written(self, recording: str, track: str, since: UtcTime) -> bool:
        """Tell whether a worker that wrote a local track at an instant is still there."""
        key = OutputKey(recording, None, track)
        writers = [*list(self._workers.items()), *self._leaving]
        return any(k == key and worker.since <= since and not worker.join(0) for k, worker in writers)

    def worker(self, recording: str, track: str | None) -> OutputWorker | None:
        """The worker of a recording's target, or of one of its local tracks."""
        return next((w for k, w in self._workers.items() if k.recording == recording and k.track == track), None)

    def close(self, deadline: float) -> None:
        """End all sources and workers; wait for them until a reading of ``time.monotonic``, and no longer."""
        for runner in self._runners.values():
            runner.stop()
        for worker in self._workers.values():
            worker.close()
        for worker in (*self._workers.values(), *(one for _, one in self._leaving)):
            worker.join(max(deadline - time.monotonic(), 0.1))
        for runner in self._runners.values():
            runner.join(max(deadline - time.monotonic(), 0.1))
