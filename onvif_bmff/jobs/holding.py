"""Legal holds on what was recorded in a time: set and taken off, object by object."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from onvif_bmff.errors import StoreError
from onvif_bmff.jobs.retention import Hold, is_recorded_in
from onvif_bmff.objects.stored import ReadableStore
from onvif_bmff.playback.timeline import Timeline
from onvif_bmff.runtime import SYSTEM, Runtime
from onvif_bmff.storage.locks import LockingStore, ObjectLock
from onvif_bmff.storage.parallel import in_parallel
from onvif_bmff.timing import UtcTime

__all__ = ["Held", "hold_objects", "keys_recorded_in", "release_objects"]

_TASKS = 8
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Held:
    """An object that was to be held, or released. ``changed``: it was not before; ``error`` says why it is not now."""

    key: str
    changed: bool = False
    error: Exception | None = None


def keys_recorded_in(
    store: ReadableStore, start: UtcTime, end: UtcTime, *, prefix: str | None = None, postfix: str | None = None
) -> list[str]:
    """Return the keys of the segments that have media of a time, at least in part, and of the ends of their spans.

    A segment whose end is not known counts as far as to the next one, or without end.

    Args:
        store: the store; the folders of the time are listed, with a day on each side.
        start: begin of the time.
        end: its end, exclusive.
        prefix: the configured prefix (empty: none is configured), or None for any.
        postfix: the configured postfix, likewise.

    Raises:
        TimeError: the time ends before it starts.
        StoreError: the store failed.
    """
    timeline = Timeline.from_store(store, start - _DAY, end + _DAY, prefix=prefix, postfix=postfix, lookback=_DAY)
    found: list[str] = []
    for one_prefix, one_postfix, extension in timeline.kinds:
        spans = timeline.of(extension, prefix=one_prefix, postfix=one_postfix)
        for number, span in enumerate(spans):
            later = [spans[place] for place in range(number + 1, min(number + 3, len(spans)))]
            names = [one.name for one in span.segments if is_recorded_in(Hold(start, end), one, span, later)]
            found += names
            if names and span.end_name is not None:
                found.append(span.end_name)
    return found


def hold_objects(store: LockingStore, keys: Iterable[str], *, runtime: Runtime = SYSTEM) -> Iterator[Held]:
    """Set legal holds, several at a time, and yield what became of each object, in the order of the keys.

    Each hold was read back when it is yielded.
    """

    def hold(key: str) -> bool:
        if store.lock_of(key).legal_hold:
            return False
        store.lock(key, ObjectLock(legal_hold=True))
        return True

    return _each(hold, keys, runtime)


def release_objects(store: LockingStore, keys: Iterable[str], *, runtime: Runtime = SYSTEM) -> Iterator[Held]:
    """Take legal holds off, likewise. What is retained until an instant stays so."""
    return _each(store.release, keys, runtime)


def _each(change: Callable[[str], bool], keys: Iterable[str], runtime: Runtime) -> Iterator[Held]:
    def done(key: str) -> Held:
        try:
            return Held(key, change(key))
        except StoreError as error:
            return Held(key, error=error)

    return in_parallel(done, keys, tasks=_TASKS, runtime=runtime)
