"""Recordings that wait for the clock: until it can be right, and is later than the newest key of their places.

A device without a battery begins with an old time. What it recorded then would lie among recordings of former days, or
under keys that there are already. So each recording waits, without a source, until the stores of its places were asked
for later keys, and while there are any. Both end by themselves: a store may not answer, and a key may be late because a
former clock was wrong.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import NamedTuple

from onvif_bmff.control.places import Place, local_prefix
from onvif_bmff.control.plan import DevicePlan, RecordingPlan
from onvif_bmff.device.health import DeviceHealth
from onvif_bmff.device.steady_clock import SteadyClock
from onvif_bmff.logs import CauseLog
from onvif_bmff.objects.stored import ObjectStore
from onvif_bmff.recovery.days import newest_after
from onvif_bmff.runtime import Runtime
from onvif_bmff.timing import UtcTime

__all__ = ["ClockWait", "KeyPlace", "key_places"]

_log = logging.getLogger(__name__)

LOOK_TIME = 10.0
"""Seconds in which a store says what its newest keys are; then recordings begin without."""
_AT_ONCE = 8
"""Places of one store that are asked for at the same time."""


class KeyPlace(NamedTuple):
    """Where objects of one recording lie: token of a storage (None for local data), prefix and postfix of keys."""

    storage: str | None
    prefix: str
    postfix: str


def key_places(recording: RecordingPlan) -> Iterator[KeyPlace]:
    """Yield all places of a recording."""
    target = recording.configuration.target
    for place in recording.places:
        if place is Place.LOCAL:
            for track, _ in recording.tracks:
                yield KeyPlace(None, local_prefix(recording.token, track), "")
        elif target is not None:
            yield KeyPlace(target.storage, target.prefix or "", target.postfix or "")


@dataclass(slots=True)
class _Wait:
    """Why a place waits: for an answer of its store, or for the clock to pass ``newest``; until a monotonic time."""

    newest: UtcTime | None = None
    until: float | None = None


class ClockWait:
    """Says which recordings wait for the clock, and leaves them out of plans. For use by any threads.

    Args:
        clock: the present instant, and when it may be believed (``ClockTrust``).
        runtime: gives monotonic time, runs requests.
        changed: called when a place waits no longer.
    """

    def __init__(self, clock: SteadyClock, runtime: Runtime, changed: Callable[[], object]) -> None:
        self._clock = clock
        self._runtime = runtime
        self._changed = changed
        self._causes = CauseLog(_log, clock=runtime.monotonic)
        self._lock = runtime.lock()
        self._waits: dict[KeyPlace, _Wait] = {}
        self._began: dict[KeyPlace, UtcTime] = {}
        self._reasons: Mapping[str, str] = {}

    def expect(self, plan: DevicePlan, storages: list[str | None]) -> None:
        """Have the recordings of a plan wait until the stores of their places are asked, as far as these are there."""
        trust = self._clock.trust
        if not trust.wait or trust.patience == timedelta(0):
            return
        places = {place for one in plan.recordings.values() for place in key_places(one)}
        with self._lock:
            self._waits = {place: _Wait() for place in sorted(places, key=str) if place.storage in storages}

    def look(self, storage: str | None, store: ObjectStore) -> None:
        """Ask a store for keys that are later than now; places without any wait no longer. Returns when all are asked.

        Recordings of places that are not asked within ``LOOK_TIME`` seconds begin meanwhile.
        """
        until = self._runtime.monotonic() + LOOK_TIME
        with self._lock:
            todo = [place for place in self._waits if place.storage == storage]
            for place in todo:
                self._waits[place].until = until
        todo.reverse()
        run = partial(self._look, store, todo)
        helpers = [self._runtime.spawn(run, f"newest keys {storage}") for _ in range(min(len(todo), _AT_ONCE) - 1)]
        run()
        for helper in helpers:
            helper.join()

    def _look(self, store: ObjectStore, todo: list[KeyPlace]) -> None:
        while True:
            with self._lock:
                place = todo.pop() if todo else None
            if place is None:
                return
            try:
                newest = newest_after(store, place.prefix, place.postfix, self._clock())
            except Exception as error:  # noqa: BLE001 - a store may raise anything, and no fault may end a recovery
                self._causes.warning(
                    (place.storage, "look"), "recording begins, though a store does not say its newest keys: %s", error,
                    storage=place.storage,
                )  # fmt: skip
                newest = None
            if newest is None:
                self._begin(place)
            else:
                self._wait_for(place, newest)

    def _wait_for(self, place: KeyPlace, newest: UtcTime) -> None:
        patience = self._clock.trust.patience
        with self._lock:
            wait = self._waits.get(place)
            if wait is None:
                return  # begun meanwhile
            wait.newest = newest
            wait.until = None if patience is None else self._runtime.monotonic() + patience.total_seconds()
        _log.warning(
            "a recording waits: %s. If the clock is right, that key is of a former clock, or of a camera whose clock is"
            " ahead: remove the key, or have recordings wait a shorter time, or not at all (ClockTrust, table [clock])",
            self._text(place, newest),
            extra={"storage": place.storage},
        )

    def _text(self, place: KeyPlace, newest: UtcTime) -> str:
        where = "…".join(part for part in (place.prefix, place.postfix) if part) or "its place"
        return f"{where} has a key of {newest}, and the clock says {self._clock()}"

    def _begin(self, place: KeyPlace) -> None:
        with self._lock:
            if self._waits.pop(place, None) is None:
                return
            self._began[place] = self._clock()
        self._changed()

    def began(self, place: KeyPlace, started: UtcTime) -> UtcTime | None:
        """Return from when on this process may have recorded at a place; None if it still waits.

        ``started`` is the answer for a place that did not wait.
        """
        with self._lock:
            return None if place in self._waits else self._began.get(place, started)

    def _release(self) -> None:
        """Let all begin whose wait is over."""
        if self._clock.doubt() is not None:
            return
        now, passed = self._clock(), self._runtime.monotonic()
        with self._lock:
            waits = list(self._waits.items())
        for place, wait in waits:
            if wait.newest is not None and now > wait.newest:
                self._begin(place)
            elif wait.until is not None and passed >= wait.until:
                if wait.newest is None:
                    self._causes.warning(
                        (place.storage, "look"), "recording begins, though a store has not said its newest keys within"
                        " %.0f s", LOOK_TIME, storage=place.storage,
                    )  # fmt: skip
                else:
                    _log.warning("recording begins, though %s", self._text(place, wait.newest))
                self._begin(place)

    def _reason(self, recording: RecordingPlan) -> str | None:
        if not recording.feeds and not recording.standby:
            return None
        for place in key_places(recording):
            with self._lock:
                wait = self._waits.get(place)
            if wait is not None:
                if wait.newest is None:
                    return "its store has not said yet whether there are keys later than the clock"
                return f"{self._text(place, wait.newest)}: it waits to be set"
        return None

    def is_over(self) -> bool:
        """Let all begin whose wait is over; return whether there are any. To be called about once a second."""
        before = len(self._waits)
        if before:
            self._release()
        return len(self._waits) != before

    def without_waiting(self, plan: DevicePlan) -> DevicePlan:
        """Return a plan in which nothing is recorded of what waits."""
        doubt = self._clock.doubt()
        if doubt is not None:
            self._causes.warning("wait", "recordings wait: %s", doubt)
            reasons = {token: doubt for token, one in plan.recordings.items() if one.feeds or one.standby}
        elif not self._waits:
            self._reasons = {}
            return plan
        else:
            self._release()
            found = {token: self._reason(one) for token, one in plan.recordings.items()}
            reasons = {token: reason for token, reason in found.items() if reason is not None}
        self._reasons = reasons
        idle = {
            token: replace(one, feeds={}, standby=()) if token in reasons else one
            for token, one in plan.recordings.items()
        }
        return DevicePlan(idle, plan.receivers)

    def described(self, health: DeviceHealth) -> DeviceHealth:
        """Return the health of a device, with the reasons for which its recordings wait."""
        reasons = self._reasons
        if not reasons:
            return health
        recordings = (replace(one, waits=reasons.get(one.recording)) for one in health.recordings)
        return replace(health, recordings=tuple(recordings))
