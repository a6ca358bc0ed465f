"""Whether a store is fit for recordings, found out by trying: a few small objects, which are removed again."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import Protocol, runtime_checkable

from onvif_bmff.errors import ObjectExistsError, ObjectNotFoundError, OnvifBmffError, StoreError
from onvif_bmff.objects.stored import ObjectStore
from onvif_bmff.runtime import SYSTEM, Runtime
from onvif_bmff.storage.locks import LockingStore, ObjectLock
from onvif_bmff.timing import UtcTime

__all__ = ["DatedStore", "Fitness", "Probe", "check_store"]

_FOLDER = "onvif-bmff-check"
_TYPE = "video/mp4"
_BODY = bytes(range(256)) * 16
_NAMES = ("B", "a+b", "a-1", "a.2", "a/3", "a=4", "a~", "ä")
"""Names in the order of code points, with what services order or escape in other ways."""
_ATTRIBUTES = {"ObjectId": "0123456789abcdef", "Source": "Caméra 1", "Timescale": "90000", "EventTopic": "tns1:A/B"}
_LARGE = {"SeekTable": "A" * 1400, "Source": "s" * 300}
"""Attributes of nearly the 2 KB that Amazon S3 takes."""
_SKEW = 60.0
"""Seconds by which the clocks may differ."""


class Fitness(Enum):
    """What a probe found."""

    FIT = "fit"
    UNFIT = "unfit"
    UNKNOWN = "unknown"
    """It could not be tried."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What a probe found out: its name, and in words why the store is not fit, or what is known."""

    name: str
    fitness: Fitness
    text: str


@runtime_checkable
class DatedStore(Protocol):
    """A store that knows when an object was stored, by its own clock."""

    def modified(self, key: str) -> UtcTime | None:
        """Return when an object was stored; None if the store does not say."""
        ...


def check_store(store: ObjectStore, *, runtime: Runtime = SYSTEM) -> Iterator[Probe]:
    """Try a store, and yield what was found, probe by probe. All that was stored is removed at the end.

    Args:
        store: the store; objects are made below ``onvif-bmff-check/`` in it. One that locks new objects is opened
            without the options for that, for what is locked could not be removed.
        runtime: gives random names and the present instant.
    """
    trial = _Trial(store, runtime)
    try:
        for name, probe in _PROBES:
            try:
                yield Probe(name, *probe(trial))
            except (OnvifBmffError, OSError) as error:
                yield Probe(name, Fitness.UNFIT, f"the store failed: {error}")
                if probe is _writes:
                    return
    finally:
        left = trial.clear()
    yield Probe("cleaning up", Fitness.UNFIT if left else Fitness.FIT, _left(left))


def _left(left: list[str]) -> str:
    return f"{len(left)} objects could not be removed, first {left[0]}" if left else "all objects are removed again"


class _Trial:
    """Objects that are stored to try a store."""

    def __init__(self, store: ObjectStore, runtime: Runtime) -> None:
        self.store = store
        self.runtime = runtime
        self.folder = f"{_FOLDER}/{runtime.random(8).hex()}"
        self._stored: dict[str, None] = {}

    def key(self, name: str) -> str:
        """Return the key of a name, which is removed at the end."""
        key = f"{self.folder}/{name}"
        self._stored[key] = None
        return key

    def write(self, name: str, data: bytes = b"x", attributes: dict[str, str] | None = None) -> str:
        """Store an object, and return its key."""
        key = self.key(name)
        writer = self.store.open_writer(key, content_type=_TYPE)
        try:
            writer.append(data)
            writer.seal(attributes or {})
        finally:
            writer.abandon()
        return key

    def clear(self) -> list[str]:
        """Remove all objects; return the keys of those that could not be removed."""
        left = []
        for key in self._stored:
            try:
                self.store.delete(key)
            except ObjectNotFoundError:
                continue
            except (OnvifBmffError, OSError):
                left.append(key)
        return left


_Found = tuple[Fitness, str]


def _fit(faults: list[str], text: str) -> _Found:
    return (Fitness.UNFIT, "; ".join(faults)) if faults else (Fitness.FIT, text)


def _writes(trial: _Trial) -> _Found:
    key = trial.write("object", _BODY, _ATTRIBUTES)
    try:
        found = trial.store.get(key)
    except ObjectNotFoundError:
        return Fitness.UNFIT, "an object is not there right after it was stored"
    return _fit([] if found == _BODY else ["other bytes come back"], "an object is there at once, with its bytes")


def _creates_only(trial: _Trial) -> _Found:
    key = trial.key("twice")
    writers = [trial.store.open_writer(key, content_type=_TYPE) for _ in range(2)]
    refused = False
    try:
        for number, writer in enumerate(writers):
            writer.append(b"%d" % number)
        writers[0].seal({"ObjectId": "0" * 32})
        with suppress(ObjectExistsError):
            writers[1].seal({"ObjectId": "1" * 32})
            return Fitness.UNFIT, "a second object replaced the first one: nothing protects recordings from each other"
        refused = True
    finally:
        for writer in writers:
            writer.abandon()
    same = trial.store.get(key) == b"0"
    return _fit([] if same and refused else ["the first object changed"], "a second object of one key is refused")


def _keeps_attributes(trial: _Trial) -> _Found:
    found = trial.store.head(trial.key("object"))
    there = {name.lower(): value for name, value in found.attributes.items()}
    faults = [
        f"the attribute {name} comes back as {there.get(name.lower())!r}, not {value!r}"
        for name, value in _ATTRIBUTES.items()
        if there.get(name.lower()) != value
    ]
    if found.content_type != _TYPE:
        faults.append(f"the content type comes back as {found.content_type!r}")
    as_written = set(_ATTRIBUTES) <= set(found.attributes)
    case = "in their case" if as_written else "in lower case, which is allowed"
    return _fit(faults, f"attributes and content type come back, names {case}")


def _keeps_large_attributes(trial: _Trial) -> _Found:
    there = {
        name.lower(): value for name, value in trial.store.head(trial.write("large", b"", _LARGE)).attributes.items()
    }
    size = sum(len(name) + len(value) for name, value in _LARGE.items())
    faults = [f"{name} of {len(value)} bytes is lost or changed" for name, value in _LARGE.items()
              if there.get(name.lower()) != value]  # fmt: skip
    return _fit(faults, f"{size:,} bytes of attributes are kept")


def _gives_ranges(trial: _Trial) -> _Found:
    key, empty = trial.key("object"), trial.write("empty", b"")
    size = len(_BODY)
    cases: list[tuple[str, str, tuple[int, int | None], bytes]] = [
        ("a range", key, (5, 10), _BODY[5:15]),
        ("all from a place on", key, (size - 3, None), _BODY[-3:]),
        ("the last bytes", key, (-7, None), _BODY[-7:]),
        ("a range that ends behind the end", key, (size - 2, 100), _BODY[-2:]),
        ("a range behind the end", key, (size + 5, 10), b""),
        ("a range of an empty object", empty, (0, 10), b""),
    ]
    faults = []
    for what, of, (start, length), wanted in cases:
        try:
            if trial.store.get(of, start, length) != wanted:
                faults.append(f"{what} gives other bytes")
        except (OnvifBmffError, OSError) as error:
            faults.append(f"{what} fails: {error}")
    return _fit(faults, "parts of objects are given exactly")


def _lists(trial: _Trial) -> _Found:
    lead = f"{trial.folder}/list/"
    wanted = [trial.write(f"list/{name}") for name in reversed(_NAMES)]
    wanted.sort()
    found = list(trial.store.keys(lead))
    faults = []
    if missing := sorted(set(wanted) - set(found)):
        faults.append(f"an object that was just stored is not listed: {missing[0]}")
    if set(found) - set(wanted):
        faults.append("keys are listed that were not stored")
    if found != sorted(found) or len(found) != len(set(found)):
        faults.append("keys are not listed in order, each once")
    later = list(trial.store.keys(lead, after=wanted[3]))
    if not faults and later != wanted[4:]:
        faults.append("a listing from a key on has other keys")
    return _fit(faults, "objects are listed at once, in order")


def _deletes(trial: _Trial) -> _Found:
    key = trial.write("gone")
    trial.store.delete(key)
    faults = []
    try:
        trial.store.head(key)
        faults.append("a removed object is still there")
    except ObjectNotFoundError:
        pass
    if key in trial.store.keys(key):
        faults.append("a removed object is still listed")
    return _fit(faults, "a removed object is gone at once")


def _holds(trial: _Trial) -> _Found:
    store = trial.store
    if not isinstance(store, LockingStore):
        return Fitness.UNKNOWN, "the store has no locks"
    try:
        if not store.can_lock():
            return Fitness.UNKNOWN, "objects cannot be locked here"
    except StoreError as error:
        return Fitness.UNKNOWN, str(error)
    key = trial.write("held")
    store.lock(key, ObjectLock(legal_hold=True))
    faults = []
    try:
        store.delete(key)
        faults.append("an object that is held was removed")
    except StoreError:
        pass
    store.release(key)
    return _fit(faults, "objects are held, and released again")


def _tells_time(trial: _Trial) -> _Found:
    if not isinstance(trial.store, DatedStore):
        return Fitness.UNKNOWN, "the store does not say when an object was stored"
    before = trial.runtime.now()
    key = trial.write("dated")
    after = trial.runtime.now()
    found = trial.store.modified(key)
    if found is None:
        return Fitness.UNKNOWN, "the store does not say when an object was stored"
    # The services give whole seconds.
    skew = min(0.0, found.microseconds_since(before) / 1e6 + 1) or max(0.0, found.microseconds_since(after) / 1e6)
    if abs(skew) > _SKEW:
        way = "behind" if skew < 0 else "ahead of"
        return (
            Fitness.UNFIT,
            f"its clock is {abs(skew):.0f} s {way} this one: keys have wrong times, or requests are refused",
        )
    return Fitness.FIT, f"its clock and this one differ by {abs(skew):.0f} s"


_PROBES: tuple[tuple[str, Callable[[_Trial], _Found]], ...] = (
    ("read after write", _writes),
    ("create only", _creates_only),
    ("attributes", _keeps_attributes),
    ("size of attributes", _keeps_large_attributes),
    ("ranges", _gives_ranges),
    ("listing", _lists),
    ("removal", _deletes),
    ("locks", _holds),
    ("clock", _tells_time),
)
"""All probes by name, in their order; the first has to succeed."""
