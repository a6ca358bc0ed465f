"""A copy of a bucket with its keys wrapped for other certificates, by several workers."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from uuid import UUID

from onvif_bmff.bmff import AsymmetricKeySystemHeaderBox, parse_boxes
from onvif_bmff.cenc.keys.ring import KeyRing, KeyUnwrapper
from onvif_bmff.cenc.keys.wrap import OaepHash
from onvif_bmff.errors import OnvifBmffError, ProtectionError
from onvif_bmff.export.new_headers import HeaderMaker
from onvif_bmff.export.rewrap import Rewrapped, Rewrapper, Rewrapping, Wrapping, is_span_end, kind_of, prepare_wrapping
from onvif_bmff.jobs.sources import StoreAddress, StoreSource, opened
from onvif_bmff.jobs.tasks import Shared, Workers
from onvif_bmff.objects.locations import is_in_store_area
from onvif_bmff.objects.stored import ObjectStore
from onvif_bmff.timing import UtcTime

__all__ = ["rewrap_by_workers"]

_OBJECTS = 16
"""Objects of a task."""
_REMEMBERED = 64
"""New headers that are sent with each task: those that came last."""

StoreTarget = StoreAddress | ObjectStore
"""A store that is written to, or its address."""


@dataclass(frozen=True)
class _Job:
    """What all tasks have in common."""

    source: StoreSource
    target: StoreTarget | None
    wrapping: Wrapping


_Asked = tuple[UUID, bytes]
"""A key whose new header is asked for: its KID, and the old headers of its movie box as bytes."""


@dataclass(frozen=True, slots=True)
class _Task:
    """Objects to copy; ``done`` is what became of those that were copied when this task was run before.

    ``headers`` are new ones, as bytes; ``refused`` says why there is none.
    """

    job: Shared[_Job]
    names: tuple[str, ...]
    headers: dict[UUID, bytes]
    refused: dict[_Asked, str]
    incomplete: frozenset[tuple[str, str, str]]
    done: tuple[Rewrapped, ...] = ()

    def __repr__(self) -> str:
        return f"{len(self.names)} objects from {self.names[0]!r} on"


@dataclass(frozen=True, slots=True)
class _Copied:
    """What became of objects; ``left`` wait for the headers ``asked`` for, and the target has those ``found``."""

    done: tuple[Rewrapped, ...]
    left: tuple[str, ...]
    asked: tuple[_Asked, ...]
    found: dict[UUID, bytes]


class _HeaderAsked(Exception):  # noqa: N818  no error: the header is asked for
    """A new header is not known here."""


class _SentHeaders:
    """The new headers that came with a task; it notes those that are missing."""

    def __init__(self, task: _Task) -> None:
        self._known = dict(task.headers)
        self._refused = task.refused
        self.asked: dict[_Asked, None] = {}
        self.seen: dict[UUID, bytes] = {}

    def of(
        self, old: AsymmetricKeySystemHeaderBox, wrapped: Iterable[AsymmetricKeySystemHeaderBox]
    ) -> AsymmetricKeySystemHeaderBox:
        """Return the new header of a key; see ``NewHeaders.of``."""
        if old.kid in self._known:
            return next(_headers_in(self._known[old.kid]))
        asked = old.kid, b"".join([box.build() for box in wrapped])
        if asked in self._refused:
            raise ProtectionError(self._refused[asked])
        self.asked[asked] = None
        raise _HeaderAsked

    def found(self, header: AsymmetricKeySystemHeaderBox) -> None:
        """Note a new header that the target has already."""
        if header.kid not in self._known:
            self._known[header.kid] = self.seen[header.kid] = header.build()


def _headers_in(boxes: bytes) -> Iterator[AsymmetricKeySystemHeaderBox]:
    for box in parse_boxes(boxes):
        if isinstance(box, AsymmetricKeySystemHeaderBox):
            yield box


def _copy(task: _Task) -> _Copied:
    """Copy the objects of a task, as far as the new headers are known. Runs in a worker."""
    job = task.job.value
    target = job.target.open() if isinstance(job.target, StoreAddress) else job.target
    headers = _SentHeaders(task)
    rewrapper = Rewrapper(opened(job.source), target, headers, job.wrapping, task.incomplete)
    done, left = list(task.done), []
    for name in task.names:
        try:
            done += rewrapper.one(name)
        except _HeaderAsked:
            left.append(name)
    return _Copied(tuple(done), tuple(left), tuple(headers.asked), headers.seen)


def rewrap_by_workers(
    source: StoreSource,
    target: StoreTarget | None,
    certificates: Iterable[bytes],
    workers: Workers,
    *,
    at: UtcTime,
    keys: KeyRing | None = None,
    unwrapper: KeyUnwrapper | None = None,
    oaep_hash: OaepHash = "sha1",
    keep: bool = False,
    prefix: str = "",
) -> Iterator[Rewrapped]:
    """Copy a store as ``rewrap_store`` does, by many workers, and yield what became of each object, in the same order.

    Content keys are opened and wrapped here, each once: workers are given the new headers, and no key. An object whose
    worker was lost may be there already when it is copied again, and is then ``PRESENT``.

    Raises:
        CertificateError: a certificate cannot be used, or there is none.
        StoreError: the stores are the same, one lies within the other, a listing failed, or workers were lost for good
            (``WorkersLostError``).
    """
    store = opened(source)
    there = target.open() if isinstance(target, StoreAddress) else target
    maker, wrapping = prepare_wrapping(
        store, there, certificates, at=at, keys=keys, unwrapper=unwrapper, oaep_hash=oaep_hash, keep=keep
    )
    job = Shared(_Job(source, target, wrapping))
    return _Driver(workers, job, maker).all(store.keys(prefix))


class _Driver:
    """Hands out objects, and makes the new headers that workers ask for."""

    def __init__(self, workers: Workers, job: Shared[_Job], maker: HeaderMaker) -> None:
        self._workers = workers
        self._job = job
        self._maker = maker
        self._headers: dict[UUID, bytes] = {}

    def all(self, names: Iterable[str]) -> Iterator[Rewrapped]:
        """Copy all objects; ends of spans last."""
        ends: list[str] = []
        incomplete: set[tuple[str, str, str]] = set()

        def segments() -> Iterator[str]:
            for name in names:
                if is_span_end(name):
                    ends.append(name)
                elif not is_in_store_area(name):
                    yield name

        for done in self._run(segments(), frozenset()):
            if done.outcome is Rewrapping.FAILED and (kind := kind_of(done.key)) is not None:
                incomplete.add(kind)
            yield done
        yield from self._run(ends, frozenset(incomplete))

    def _run(self, names: Iterable[str], incomplete: frozenset[tuple[str, str, str]]) -> Iterator[Rewrapped]:
        for copied in self._workers.run(_copy, self._tasks(names, incomplete), again=self._with_headers):
            yield from sorted(copied.done, key=lambda one: one.key)

    def _tasks(self, names: Iterable[str], incomplete: frozenset[tuple[str, str, str]]) -> Iterator[_Task]:
        source = iter(names)
        while group := tuple(islice(source, _OBJECTS)):
            latest = dict(list(self._headers.items())[-_REMEMBERED:])
            yield _Task(self._job, group, latest, {}, incomplete)

    def _with_headers(self, task: _Task, result: _Copied) -> _Task | None:
        """Return what is left of a task, with the headers that it asked for; None if nothing is."""
        for kid, header in result.found.items():
            self._headers.setdefault(kid, header)
        if not result.left:
            return None
        headers, refused = dict(task.headers), dict(task.refused)
        for kid, boxes in result.asked:
            try:
                headers[kid] = self._header(kid, boxes)
            except OnvifBmffError as error:
                refused[kid, boxes] = str(error)
        return _Task(self._job, result.left, headers, refused, task.incomplete, result.done)

    def _header(self, kid: UUID, boxes: bytes) -> bytes:
        if kid not in self._headers:
            wrapped = tuple(_headers_in(boxes))
            old = next(box for box in wrapped if box.kid == kid)
            self._headers[kid] = self._maker.of(old, wrapped).build()
        return self._headers[kid]
