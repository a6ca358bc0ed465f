"""A whole recording device in one process: service, sources, engine and stores, wired together.

::

    clients ─► RecordingService ─► plans ─► OutputWorker (a thread each) ─► ObjectStore
                    ▲    ▲                      ▲
         states ────┘    └── exports, retention │ samples
                                         SourceRunner (a thread each) ◄─ SourceProvider

A slow, failing or hanging store or source delays its own thread only.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from types import TracebackType
from typing import Self

from onvif_bmff.cenc.encrypt import IvSources
from onvif_bmff.cenc.iv import CbcsIvSource, CencIvAllocators
from onvif_bmff.control.environment import TimeRange
from onvif_bmff.control.faults import BadConfiguration
from onvif_bmff.control.persistence import Persistence
from onvif_bmff.control.service import RecordingService
from onvif_bmff.control.types.capabilities import RECORDED_ENCODINGS, Capabilities, ServiceLimits
from onvif_bmff.control.types.job_state import RecordingJobState
from onvif_bmff.control.types.profile import PROFILE_25_12, Profile
from onvif_bmff.device.clock_wait import ClockWait
from onvif_bmff.device.device_exports import DeviceExports
from onvif_bmff.device.exports import EXPORT_FORMATS
from onvif_bmff.device.feeding import RunningSources
from onvif_bmff.device.health import DeviceHealth
from onvif_bmff.device.local import LocalRecordings
from onvif_bmff.device.mailbox import OverloadPolicy
from onvif_bmff.device.outputs import OutputSet, OutputSettings
from onvif_bmff.device.processes import ProcessOutputs, process_outputs
from onvif_bmff.device.rates import RateWatch
from onvif_bmff.device.recovery import DeviceRecovery
from onvif_bmff.device.resources import DeviceResources
from onvif_bmff.device.sources import SourceProvider, SourceSettings, default_sources
from onvif_bmff.device.steady_clock import ClockTrust, SteadyClock
from onvif_bmff.device.stores import DeviceSpool, DeviceStores
from onvif_bmff.device.worker import OutputWorker
from onvif_bmff.device.workers import DeviceWorkers, recovered_part, storages_read
from onvif_bmff.engine.targets import TargetMaker, WrappingPolicy
from onvif_bmff.errors import StateError
from onvif_bmff.objects.stored import ObjectStore
from onvif_bmff.recording.segment_labels import SegmentLabels
from onvif_bmff.recovery import RecoveryReport
from onvif_bmff.runtime import SYSTEM, Runtime, Task
from onvif_bmff.storage.held import Room
from onvif_bmff.storage.iv_store import SqliteIvStore
from onvif_bmff.storage.sqlite import SqlitePersistence
from onvif_bmff.timing import UtcTime

__all__ = ["RecordingDevice"]

_MAX_SLEEP = 60.0
_RETRY = 1.0
_CLOCK_INTERVAL = 1.0
_TELL_INTERVAL = 5.0
_SOURCE_PATIENCE = timedelta(seconds=2)
_LONG_GROUP = timedelta(seconds=10)
_HIGH_RATE = 40_000.0
"""kbit/s of the richest sources, where the capabilities name no limit."""


def _vectors(persistence: Persistence | None, random: Callable[[int], bytes]) -> IvSources:
    """Return sources of vectors with a store next to the database file, if there is one."""
    store = None
    if isinstance(persistence, SqlitePersistence):
        store = SqliteIvStore(f"{persistence.path}.ivs")
    return IvSources(CencIvAllocators(random=random, store=store), CbcsIvSource(random))


def _preroll_bytes(capabilities: Capabilities, event_latency: timedelta) -> int:
    """Return what a source gives in the longest Before, at the highest rate, with a group of pictures in front."""
    longest = (capabilities.before_event_limit or timedelta(0)) + event_latency + _LONG_GROUP
    return int(longest.total_seconds() * (capabilities.max_rate or _HIGH_RATE) * 1000 / 8)


def _all_capabilities(stores: DeviceStores, profile: Profile) -> Capabilities:
    """Return the capabilities of everything that a device can do."""
    local = stores.local is not None
    return Capabilities(
        onboard_storage=local,
        segment_export=local and profile.segment_operations,
        supported_export_file_formats=EXPORT_FORMATS,
        encoding=RECORDED_ENCODINGS,
    )


def _rate_watch(offered: Capabilities, clock: SteadyClock, *, in_processes: bool) -> RateWatch:
    """Return what measures the rates that a device offers to stay within."""
    if in_processes and (offered.max_rate is not None or offered.max_total_rate is not None):
        raise BadConfiguration("MaxRate and MaxTotalRate are not measured in worker processes: do not offer them")
    return RateWatch(offered.max_rate, offered.max_total_rate, clock.elapsed)


def _profiles_of(provider: SourceProvider) -> Callable[[str], bool]:
    """Return the predicate of existing media profiles, as far as they are known."""
    profiles: Mapping[str, object] = getattr(provider, "profiles", {})
    return profiles.__contains__


class RecordingDevice:
    """A device that records. ``service`` is for clients. Call ``start`` first, and ``close`` at the end.

    Args:
        storages: stores by the token of their storage configuration; may be changed at any time.
        sources: opens receivers and media profiles; ``default_sources`` if nothing is given.
        local: where recordings without a target lie; without it there are none.
        persistence: where the control model is kept; in memory if nothing is given.
        certificates: certificates (PEM or DER) by ID, for wrapped keys; may be changed at any time. Those that are
            not valid at the time of ``clock`` are left out, and shown in the state of the tracks.
        has_profile: returns whether a media profile exists; by default the ``profiles`` of ``sources`` do.
        capabilities: what clients see; by default everything that the device can do.
        limits: as for ``RecordingService``.
        profile: as for ``RecordingService``.
        clock: the present instant; by default the wall clock of ``runtime``. A jump of more than a second is detected
            within two: all spans close at the next sync sample, and new ones have the new time.
        clock_rate: how many seconds of the clock pass in one; another number than 1 is for simulations.
        clock_trust: when the clock may be believed, and whether recordings wait for that (``waits_for_clock``,
            ``RecordingHealth.waits``).
        random: source of random bytes; by default that of ``runtime``.
        ivs: source of initialisation vectors. By default with a store next to the file of an
            ``SqlitePersistence``, at ``….ivs``, so that a restart continues where vectors ended; else random.
        labels: of all objects.
        max_bytes: room for media that wait for a store, for each output.
        policy: what is dropped when the room is full.
        room: limit of what all outputs together hold of segments until they are stored; by default 64 MiB in
            memory and 256 MiB with temporary files.
        event_latency: how late an event may arrive (in real time; ``clock_rate`` times that in the clock's) without a
            loss of its Before: each source keeps so much more than Before.
        preroll_bytes: limit of what each output keeps of a source for events; by default what the longest Before of the
            capabilities takes at their MaxRate, or at 40 Mbit/s. If an event asks for more than that holds, its tracks
            are in Error while it lasts, and what is missing is logged and counted (``OutputWorker.dropped``).
        source_settings: how long sources may be silent.
        wrapping: how keys are wrapped for certificates: the hash of RSA-OAEP, and what to do when none is valid.
        spool: puts spools on the local disk before stores in the cloud, so that what is recorded survives a line that
            is down, and a restart.
        workers: processes that the outputs, with their sources and stores, are spread over; without, all run in threads
            of this one. Each recording is in one of them. Each opens its own stores and sources, and ``sources`` is
            asked for the names of profiles only. Limits (``room``, those of spools) are divided among them.
        runtime: runs all threads of the device, waits, and gives time and random bytes.

    Raises:
        StateError: processes cannot have what the device is given, or recordings wait in spools of others.
    """

    _task: Task | None = None
    _outputs: OutputSet | ProcessOutputs

    def __init__(  # noqa: PLR0913 - the whole of a device: each is a part that an embedder may supply, by name
        self,
        storages: Mapping[str, ObjectStore],
        *,
        sources: SourceProvider | None = None,
        local: ObjectStore | None = None,
        persistence: Persistence | None = None,
        certificates: Mapping[str, bytes] | None = None,
        has_profile: Callable[[str], bool] | None = None,
        capabilities: Capabilities | None = None,
        limits: ServiceLimits | None = None,
        profile: Profile = PROFILE_25_12,
        clock: Callable[[], UtcTime] | None = None,
        clock_rate: float = 1.0,
        clock_trust: ClockTrust = ClockTrust(),  # noqa: B008
        random: Callable[[int], bytes] | None = None,
        ivs: IvSources | None = None,
        labels: SegmentLabels = SegmentLabels(),  # noqa: B008
        max_bytes: int = 32 << 20,
        policy: OverloadPolicy = OverloadPolicy.OLDEST,
        room: Room | None = None,
        event_latency: timedelta = timedelta(seconds=2),
        preroll_bytes: int | None = None,
        source_settings: SourceSettings = SourceSettings(),  # noqa: B008
        wrapping: WrappingPolicy = WrappingPolicy(),  # noqa: B008
        spool: DeviceSpool = DeviceSpool(),  # noqa: B008
        workers: DeviceWorkers | None = None,
        runtime: Runtime = SYSTEM,
    ) -> None:
        if workers is not None:
            workers.check(ivs, random, runtime)
        self._runtime, random = runtime, random or runtime.random
        self._stores = stores = DeviceStores(storages_read(storages, spool, persistence, workers, runtime), local)
        provider, certificates = sources or default_sources(runtime), {} if certificates is None else certificates
        self._clock = steady = SteadyClock(clock or runtime.now, clock_rate, runtime=runtime, trust=clock_trust)
        self._wake, self._stop = runtime.flag(), runtime.flag()
        self._wait = wait = ClockWait(steady, runtime, self._wake.set)
        self._local_data = None if local is None else self._local_recordings(local)
        self._exports = DeviceExports(stores, lambda: self.service.device_side, runtime)
        resources = DeviceResources(stores, certificates, has_profile or _profiles_of(provider))
        offered = capabilities or _all_capabilities(stores, profile)
        self.service = self._make_service(offered, limits, profile, persistence, resources, random)
        side = self.service.device_side
        part = recovered_part(workers)
        self._recovery = DeviceRecovery(
            stores, labels, side.plans, steady, wait, self._data_deleted, runtime, part=part
        )
        ivs, room = ivs or _vectors(persistence, random), room or Room(64 << 20)
        latency, patience = event_latency * clock_rate, _SOURCE_PATIENCE * clock_rate
        preroll_bytes = preroll_bytes or _preroll_bytes(offered, event_latency)
        rates = _rate_watch(offered, steady, in_processes=workers is not None)
        common = OutputSettings(ivs, labels, max_bytes, policy, room, latency, patience, preroll_bytes, runtime, rates)
        self._outputs = self._make_outputs(
            workers, provider, certificates, persistence, common, source_settings, wrapping, spool, random
        )

    def _make_service(
        self,
        capabilities: Capabilities,
        limits: ServiceLimits | None,
        profile: Profile,
        persistence: Persistence | None,
        resources: DeviceResources,
        random: Callable[[int], bytes],
    ) -> RecordingService:
        return RecordingService(
            clock=self._clock,
            capabilities=capabilities,
            limits=limits,
            profile=profile,
            persistence=persistence,
            resources=resources,
            local_data=self._local_data,
            exporter=self._exports.movies,
            segments=self._exports.segments,
            segment_exporter=self._exports.uploader,
            unreported=RecordingJobState.IDLE,
            random=random,
            lock=self._runtime.lock(),
        )

    def _make_outputs(
        self,
        workers: DeviceWorkers | None,
        provider: SourceProvider,
        certificates: Mapping[str, bytes],
        persistence: Persistence | None,
        settings: OutputSettings,
        source_settings: SourceSettings,
        wrapping: WrappingPolicy,
        spool: DeviceSpool,
        random: Callable[[int], bytes],
    ) -> OutputSet | ProcessOutputs:
        side, clock = self.service.device_side, self._clock
        if workers is not None:
            return process_outputs(
                workers, side, certificates, persistence, settings, source_settings, wrapping, spool, clock
            )
        sources = RunningSources(provider, clock, self._runtime, source_settings)
        maker = TargetMaker(certificates.__getitem__, clock=clock, random=random, wrapping=wrapping)
        return OutputSet(side, self._stores, sources, maker, clock, settings)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # ---- life cycle ------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start recording what the service decides, and recover what an earlier process left behind.

        Recovery goes on in the background, store by store, so that a store that hangs delays nothing else.

        Raises:
            StateError: it was started before, as by ``with``, or is closed.
        """
        if self._task is not None or self._stop.is_set():
            raise StateError("a device is started once; make another one to go on after it was closed")
        self.service.changes.add(self._wake.set)
        self._recovery.start()
        self._wake.set()
        self._task = self._runtime.spawn(self._run, "recording device")

    def wait_recovered(self, timeout: float | None = None) -> bool:
        """Wait until all stores have been recovered; return False if that takes longer."""
        done = self._recovery.wait(timeout)
        return done and (not isinstance(self._outputs, ProcessOutputs) or self._outputs.wait_recovered(timeout))

    @property
    def recovery(self) -> list[RecoveryReport]:
        """The results of recovery so far, store by store."""
        more = self._outputs.reports if isinstance(self._outputs, ProcessOutputs) else []
        return [*self._recovery.reports, *more]

    @property
    def waits_for_clock(self) -> str | None:
        """Why all recordings wait in Idle for the clock to be set; None if they do not."""
        return self._clock.doubt()

    def look_again(self) -> None:
        """Follow at once what has changed outside the service: storages, or settings of sources."""
        self._wake.set()

    def close(self, timeout: float = 10.0) -> bool:
        """Stop everything: spans are closed. Outputs whose store still hangs after ``timeout`` seconds are left.

        Returns whether there are none of these.
        """
        deadline = self._runtime.monotonic() + timeout
        self._stop.set()
        self._wake.set()
        self._recovery.close()
        if self._task is not None:
            self._task.join(timeout)
        self._exports.close(1.0)
        closed = self._outputs.close(deadline)
        self.service.changes.remove(self._wake.set)
        if self._local_data is not None:
            self._local_data.close(max(deadline - self._runtime.monotonic(), 0.1))
        self._stores.close()
        self.service.close()
        return closed

    def health(self) -> DeviceHealth:
        """Return the health of the device at this instant. From any thread; it takes no lock of the service."""
        task = self._task
        running = task is not None and not task.ended and not self._stop.is_set()
        return self._wait.described(self._outputs.health(running=running, recovered=self._recovery.done))

    def worker(self, recording: str, *, track: str | None = None) -> OutputWorker | None:
        """Return the worker of a recording's target (or of one of its local tracks), for statistics.

        Raises:
            StateError: it runs in another process.
        """
        return self._outputs.worker(recording, track)

    # ---- following the service -------------------------------------------------------------------------------

    def _run(self) -> None:
        tell_at = 0.0
        look_again = self._runtime.monotonic() + _MAX_SLEEP
        while not self._stop.is_set():
            woken = self._wake.wait(min(self._until_deadline(), _CLOCK_INTERVAL))
            if self._stop.is_set():
                return
            try:
                jump = self._clock.jump()
                if jump is not None:
                    try:
                        self.service.device_side.clock_changes(jump, partial(self._clock.set, jump))
                    finally:
                        self._outputs.clock_set(jump)
                self._outputs.watch()
                if self._runtime.monotonic() >= tell_at:
                    tell_at = self._runtime.monotonic() + _TELL_INTERVAL
                    self._outputs.tell_time()
                at_rest = (
                    not (woken or jump) and self._until_deadline() > 0.0 and self._runtime.monotonic() < look_again
                )
                if at_rest and not (self._outputs.storage_has_come or self._wait.is_over()):
                    continue
                self._wake.clear()
                look_again = self._runtime.monotonic() + _MAX_SLEEP
                self.service.advance()
                self._outputs.follow(self._wait.without_waiting(self.service.device_side.plans()))
                self._outputs.followed()
            except Exception as error:  # noqa: BLE001
                # The model cannot be written now, or no thread started; running outputs go on.
                self._outputs.not_followed(error)
                if self._stop.wait(_RETRY):
                    return
                self._wake.set()

    def _until_deadline(self) -> float:
        """Return the seconds until the service has something to do."""
        deadline = self.service.next_deadline()
        if deadline is None:
            return _MAX_SLEEP
        return max(deadline.microseconds_since(self._clock()) / 1e6 / self._clock.rate + 0.001, 0.0)

    # ---- local data ---------------------------------------------------------------------------------------------

    def _local_recordings(self, store: ObjectStore) -> LocalRecordings:
        return LocalRecordings(store, self._data_deleted, self._clock, self._is_written, self._runtime)

    def _data_deleted(self, recording: str, track: str, found: TimeRange) -> None:
        self.service.device_side.report_data_deleted(recording, track, found)

    def _is_written(self, recording: str, track: str, since: UtcTime) -> bool:
        return self._outputs.is_written(recording, track, since)
