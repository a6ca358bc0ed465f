"""Recovery of a device's stores at its start: the device is their only writer, so old spans end at once."""

import logging
from collections.abc import Callable, Container, Iterator
from dataclasses import replace
from enum import Enum
from functools import partial

from onvif_bmff.control.environment import TimeRange
from onvif_bmff.control.places import local_prefix
from onvif_bmff.control.plan import DevicePlan
from onvif_bmff.device.clock_wait import ClockWait, KeyPlace
from onvif_bmff.device.exports import clear_unfinished_exports
from onvif_bmff.device.local import delete_segments
from onvif_bmff.device.steady_clock import SteadyClock
from onvif_bmff.device.stores import DeviceStores
from onvif_bmff.errors import OnvifBmffError
from onvif_bmff.logs import CauseLog
from onvif_bmff.objects.stored import ObjectStore
from onvif_bmff.playback.timeline import Timeline
from onvif_bmff.recording.segment_labels import SegmentLabels
from onvif_bmff.recovery import RecoveryReport, recover_store
from onvif_bmff.runtime import SYSTEM, Runtime, Task
from onvif_bmff.timing import UtcTime

_log = logging.getLogger(__name__)

__all__ = ["DeviceRecovery", "RecoveryPart", "RecoveryReport", "recover_store"]

_NEVER = UtcTime.parse("9999-12-31T23:59:59Z")
_LOOK = 0.5
_FIRST_RETRY = 5.0
_MAX_RETRY = 60.0


def _places(plan: DevicePlan) -> frozenset[KeyPlace]:
    """Return where objects of the recordings of a plan may lie, whatever is recorded now."""
    found: set[KeyPlace] = set()
    for recording in plan.recordings.values():
        found |= {KeyPlace(None, local_prefix(recording.token, track), "") for track, _ in recording.tracks}
        target = recording.configuration.target
        if target is not None:
            found.add(KeyPlace(target.storage, target.prefix or "", target.postfix or ""))
    return frozenset(found)


class _RecoveredPlaces:
    """Where an earlier process may have recorded: where recordings were when this was made, and where they are now."""

    __slots__ = ("_earlier", "plans")

    def __init__(self, plans: Callable[[], DevicePlan]) -> None:
        self.plans = plans
        self._earlier = _places(plans())

    def of(self, storage: str | None, plan: DevicePlan) -> set[tuple[str, str]]:
        """Return prefix and postfix of all places in a storage."""
        return {(one.prefix, one.postfix) for one in self._earlier | _places(plan) if one.storage == storage}

    def tell_gone(self, plan: DevicePlan, stores: Container[str | None]) -> None:
        """Say which places cannot be recovered, for their storages are gone."""
        for place in sorted(self._earlier - _places(plan), key=str):
            if place.storage is not None and place.storage not in stores:
                _log.warning(
                    "storage %s is gone: spans at %s stay open there, if power failed; 'onvif-bmff recover' ends them",
                    place.storage, "…".join(part for part in place[1:] if part) or "its top",
                    extra={"storage": place.storage},
                )  # fmt: skip


class RecoveryPart(Enum):
    """Which part of a recovery is done, where processes share it."""

    ALL = "all"
    SEGMENTS = "segments"
    """Segments are completed, and spans ended: by whoever records there."""
    REST = "rest"
    """Unfinished exports, and the data of tracks that are gone: by the device."""


class DeviceRecovery:
    """Recovers all stores of a device in the background, each in a thread, so that one that hangs delays nothing else.

    A store that fails meanwhile is recovered again until nothing is left to do: after five seconds, then after twice
    as long each time up to a minute. As long as the clock is wrong nothing is recovered: by its time all spans would be
    later than the start, as those are which this process records itself. A place that waits for the clock, as it has
    later keys (``ClockWait``), is recovered whole: nothing in it is of this process. Places count that recordings had
    when this was made, too: an earlier process may have recorded there, though they have others by the start.

    Args:
        stores: the stores.
        labels: of all objects.
        plans: gives what is to be recorded now; first of all, what an earlier process recorded.
        clock: the present instant.
        wait: what waits for the clock; it is told to ask each store for its newest keys first.
        deleted: called with every range of local data that was deleted.
        runtime: runs the threads.
        part: what is recovered.
    """

    def __init__(
        self,
        stores: DeviceStores,
        labels: SegmentLabels,
        plans: Callable[[], DevicePlan],
        clock: SteadyClock,
        wait: ClockWait,
        deleted: Callable[[str, str, TimeRange], None],
        runtime: Runtime = SYSTEM,
        *,
        part: RecoveryPart = RecoveryPart.ALL,
    ) -> None:
        self._runtime = runtime
        self._part = part
        self._reports: dict[str | None, list[RecoveryReport]] = {}
        self._stores = stores
        self._labels = labels
        self._places = _RecoveredPlaces(plans)
        self._clock = clock
        self._wait = wait
        self._deleted = deleted
        self._done = runtime.flag()
        self._stop = runtime.flag()
        self._log = CauseLog(_log)

    def start(self) -> None:
        """Start; spans that begin from now on are not changed."""
        if self._part is not RecoveryPart.REST:
            self._wait.expect(self._places.plans(), self._stores.tokens())
        if self._clock.doubt() is None:
            self._runtime.spawn(partial(self._await, self._begin()), "recovery")
        else:
            self._runtime.spawn(self._begin_later, "recovery")

    @property
    def reports(self) -> list[RecoveryReport]:
        """The results so far, store by store; errors are those of the last attempt."""
        return [report for reports in list(self._reports.values()) for report in reports]

    @property
    def done(self) -> bool:
        """Whether all stores have been recovered."""
        return self._done.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until all stores have been recovered; return False if that takes longer."""
        return self._done.wait(timeout)

    def close(self) -> None:
        """Try no store again."""
        self._stop.set()

    def _begin(self) -> list[Task]:
        started, plan, stores = self._clock(), self._places.plans(), self._stores.all()
        self._places.tell_gone(plan, stores)
        return [
            self._runtime.spawn(partial(self._recover, token, store, plan, started), f"recovery {token}")
            for token, store in stores.items()
        ]

    def _begin_later(self) -> None:
        while self._clock.doubt() is not None:
            if self._stop.wait(_LOOK):
                return
        self._await(self._begin())

    def _await(self, waiting: list[Task]) -> None:
        for task in waiting:
            task.join()
        self._done.set()

    def _recover(self, token: str | None, store: ObjectStore, plan: DevicePlan, started: UtcTime) -> None:
        if self._part is not RecoveryPart.REST:
            self._wait.look(token, store)
        places = self._places.of(token, plan)
        done: list[RecoveryReport] = []
        delay = _FIRST_RETRY
        while True:
            found = list(self._recover_once(token, store, plan, started, places))
            self._reports[token] = [*done, *found]
            if not any(report.errors for report in found) or self._stop.wait(delay):
                return
            done += (
                replace(report, errors=[]) for report in found if report.recovered or report.abandoned or report.ended
            )
            delay = min(delay * 2, _MAX_RETRY)

    def _recover_once(
        self,
        token: str | None,
        store: ObjectStore,
        plan: DevicePlan,
        started: UtcTime,
        places: set[tuple[str, str]],
    ) -> Iterator[RecoveryReport]:
        def before(prefix: str, postfix: str) -> UtcTime:
            began = self._wait.began(KeyPlace(token, prefix, postfix), started)
            if began is None:
                return _NEVER
            return min(began, self._stores.recorded_since(token, prefix, postfix) or began)

        if self._part is not RecoveryPart.REST:
            yield recover_store(store, self._labels, places=places, before=before, exclusive=True)
        if self._part is RecoveryPart.SEGMENTS:
            return
        try:
            cleared = clear_unfinished_exports(store, plan.recordings.keys())
            yield RecoveryReport(abandoned=cleared)
        except OnvifBmffError as error:
            self._log.warning((token, "exports"), "unfinished exports are not removed now: %s", error, storage=token)
            yield RecoveryReport(errors=[str(error)])
        if token is None:
            yield from self._drop_orphans(store)

    def _drop_orphans(self, store: ObjectStore) -> Iterator[RecoveryReport]:
        """Delete the local data of tracks that were deleted just before the power failed."""
        try:
            found = {prefix for prefix, _ in Timeline.from_store(store).recordings}
            known = {  # read afterwards, since tracks may have been created meanwhile
                local_prefix(recording.token, track)
                for recording in self._places.plans().recordings.values()
                for track, _ in recording.tracks
            }
            for prefix in found - known:
                recording, _, track = prefix.rpartition("/")
                for gone in delete_segments(store, prefix, self._clock(), whole=True):
                    self._deleted(recording, track, gone)
        except OnvifBmffError as error:
            self._log.warning("orphans", "local data of deleted tracks are not removed now: %s", error)
            yield RecoveryReport(errors=[str(error)])
