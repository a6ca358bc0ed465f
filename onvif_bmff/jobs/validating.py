"""The validation of a bucket by several workers, with the same result as by one."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, runtime_checkable
from uuid import UUID

from onvif_bmff.bmff import parse_boxes
from onvif_bmff.cenc.keys.ring import KeyRing, KeyUnwrapper
from onvif_bmff.cenc.protection import protection_headers
from onvif_bmff.jobs.groups import grouped
from onvif_bmff.jobs.sent_keys import SentRing
from onvif_bmff.jobs.sources import StoreSource, opened
from onvif_bmff.jobs.tasks import Shared, Workers
from onvif_bmff.objects.stored import ObjectInfo
from onvif_bmff.validation.content_keys import ContentKeys, Refused
from onvif_bmff.validation.looks import Look, WantedObject
from onvif_bmff.validation.observed import Header
from onvif_bmff.validation.report import Validation
from onvif_bmff.validation.store import SegmentLooker
from onvif_bmff.validation.walk import ValidationScope, validate_names

__all__ = ["validate_by_workers"]

_OBJECTS = 32
"""Objects of a task at most: about a second of work in a deep validation of large segments."""
_REMEMBERED = 32
"""Headers whose keys are sent with each task: those that came last."""

_REQUESTS = 8
"""Objects that a worker looks at at a time where a service is waited for."""


@runtime_checkable
class RemoteStore(Protocol):
    """A store behind a network, of which several objects are asked for at once."""

    def heads(self, keys: Iterable[str]) -> Iterator[ObjectInfo]:
        """Return what the store knows of objects."""
        ...


_Wrapped = dict[bytes, tuple[SentRing, Refused | None]]
"""The keys of headers: by the bytes of their pssh boxes."""


@dataclass(frozen=True)
class _Job:
    """What all tasks have in common."""

    source: StoreSource
    ring: SentRing
    unwraps: bool
    deep: bool


@dataclass(frozen=True, slots=True)
class _Task:
    """Objects to look at, of one place and day, and the keys of headers that are known already."""

    job: Shared[_Job]
    objects: tuple[WantedObject, ...]
    keys: tuple[tuple[bytes, tuple[SentRing, Refused | None]], ...] = ()

    def __repr__(self) -> str:
        return f"{len(self.objects)} objects from {self.objects[0][1]!r} on"


@dataclass(frozen=True, slots=True)
class _Looks:
    """What a task saw; ``needed`` are headers whose keys it needs first, with the KIDs of their tracks."""

    looks: tuple[Look, ...]
    needed: tuple[tuple[bytes, frozenset[UUID]], ...] = ()


def validate_by_workers(
    source: StoreSource,
    workers: Workers,
    *,
    scope: ValidationScope | None = None,
    names: Iterable[str] | None = None,
    keys: KeyRing | None = None,
    unwrapper: KeyUnwrapper | None = None,
    deep: bool = True,
) -> Validation:
    """Validate the objects of a store as ``validate_store`` does, finding by finding, by many workers.

    Workers read objects, of one place and day a task. What joins objects, such as spans that go on over midnight, is
    checked here, in the order of the spans. The unwrapper stays here too: workers ask for the keys of headers.
    Where a vector is used twice under one key the object is read again here, for the finding names the first use.

    Args:
        source: the store; processes need its address, or a store that can be pickled.
        workers: who reads. They must be able to reach the store.
        scope: which objects are wanted; all by default.
        names: those of the store, where they are known without listing it.
        keys: content keys that are known. They are sent to the workers.
        unwrapper: unwraps others.
        deep: read the objects; otherwise only names, content types and attributes are checked.

    Raises:
        TimeError: the range ends before it starts.
        StoreError: the store failed, or workers were lost for good (``WorkersLostError``).
    """
    scope = scope if scope is not None else ValidationScope()
    store = opened(source)
    home = ContentKeys(keys, unwrapper)
    job = Shared(_Job(source, SentRing.of(keys), unwrapper is not None, deep))
    known: _Wrapped = {}

    def looks(objects: Iterator[WantedObject]) -> Iterator[Look]:
        for result in workers.run(_look, tasks(objects), again=with_keys):
            yield from result.looks

    def tasks(objects: Iterator[WantedObject]) -> Iterator[_Task]:
        for group in grouped(objects, _OBJECTS):
            yield _Task(job, group, tuple(known.items()))

    def with_keys(task: _Task, result: _Looks) -> _Task | None:
        if not result.needed:
            return None
        found = dict(task.keys)
        for wrapped, kids in result.needed:
            known.pop(wrapped, None)
            ring, refused = home.unwrapped(parse_boxes(wrapped), kids)
            found[wrapped] = known[wrapped] = SentRing.of(ring), refused
        while len(known) > _REMEMBERED:
            del known[next(iter(known))]
        return _Task(job, task.objects, tuple(found.items()))

    looker = SegmentLooker(store, home, deep=deep)
    return validate_names(looker, names if names is not None else scope.names_in(store), scope, looks)


class _SentKeys:
    """The keys of headers that came with a task; it notes the headers that are missing."""

    def __init__(self, job: _Job, known: _Wrapped) -> None:
        self._ring = job.ring.ring()
        self._unwraps = job.unwraps
        self._known = known
        self.needed: dict[bytes, frozenset[UUID]] = {}

    def of(self, header: Header) -> tuple[KeyRing | None, Refused | None]:
        """Return the keys for the samples of a segment; without them for a header that is not known."""
        ring = self._ring
        kids = frozenset(protection.kid for protection in header.protections.values())
        if not self._unwraps or kids <= (KeyRing() if ring is None else ring).keys():
            return ring, None
        wrapped = b"".join([box.build() for box in protection_headers(header.movie)])
        if wrapped not in self._known:
            self.needed[wrapped] = kids
            return ring, None
        sent, refused = self._known[wrapped]
        return sent.ring(), refused


def _look(task: _Task) -> _Looks:
    """Look at the objects of a task. Runs in a worker."""
    job = task.job.value
    keys = _SentKeys(job, dict(task.keys))
    store = opened(job.source)
    looker = SegmentLooker(store, keys, deep=job.deep)

    def look(one: WantedObject) -> Look:
        return looker.look_at_any(*one)

    if isinstance(store, RemoteStore):
        with ThreadPoolExecutor(_REQUESTS) as threads:
            looks = tuple(threads.map(look, task.objects))
    else:
        looks = tuple(map(look, task.objects))
    return _Looks((), tuple(keys.needed.items())) if keys.needed else _Looks(looks)
