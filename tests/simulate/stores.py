"""A bucket in simulated time, with the faults that real ones have.

What it holds outlives processes. Each process reaches it by a store of its own, whose every call takes time, lets
others go first, and may meet a fault. Whatever happens, an object is visible under its key only whole, and is replaced
only where that was asked for. What is appended and not sealed is invisible; a power cut loses it, or leaves it in the
open area if the bucket has one.
"""

import heapq
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import NamedTuple, TypeVar

from onvif_bmff.errors import StateError, StoreError
from onvif_bmff.objects.key import check_path
from onvif_bmff.objects.stored import Buffer, ObjectInfo, OpenAreaState, StorageObject, UnsealedObject
from onvif_bmff.storage.acceptable import check_content_type, check_metadata
from tests.simulate.bucket_contents import BucketContents, StoredObject, Upload
from tests.simulate.runtime import Crashed, Process, Simulation
from tests.simulate.store_faults import MEETS, REFUSALS, UPLOAD_LOST, StoreFault

__all__ = [
    "UPLOAD_LOST",
    "BucketTimes",
    "LogEntry",
    "SimulatedBucket",
    "SimulatedOpenAreaStore",
    "SimulatedStore",
    "StoreFault",
]

T = TypeVar("T")
_MAX_LOG = 2_000


class LogEntry(NamedTuple):
    """What a process asked of a bucket, and what it got."""

    time: float
    process: str
    operation: str
    key: str
    outcome: str


@dataclass(frozen=True, slots=True)
class BucketTimes:
    """How long things take: the least and the most seconds, for each way of a request, for what is slow, and so on."""

    latency: tuple[float, float] = (0.001, 0.04)
    slow: tuple[float, float] = (1.0, 30.0)
    hang: tuple[float, float] = (10.0, 90.0)
    late: tuple[float, float] = (0.5, 20.0)


class SimulatedBucket:
    """Objects that outlive processes.

    Args:
        simulation: time and chance; ``simulation.hits`` counts the faults that took effect.
        open_area: whether uploads that were not sealed survive a power cut, and can be recovered.
        name: of the bucket, the same for the same storage.
        times: how long things take.

    ``faults`` is how probable a request meets each kind of fault; at first none does. ``log`` are the last requests,
    and ``delayed`` are the seconds that requests hung or were slow.
    """

    def __init__(
        self, simulation: Simulation, *, open_area: bool = False, name: str = "bucket", times: BucketTimes | None = None
    ) -> None:
        self.simulation = simulation
        self.name = name
        self.open_area = open_area
        self.faults: dict[StoreFault, float] = {}
        self.log: deque[LogEntry] = deque(maxlen=_MAX_LOG)
        self.times = times or BucketTimes()
        self.delayed = 0.0
        self.inside = BucketContents(simulation, self._listing_delay, self._listed_late)
        self._outages: list[tuple[StoreFault, float]] = []
        self._travelling: list[tuple[float, int, Callable[[], object]]] = []
        self._sent = count()

    def store(self, process: Process) -> "SimulatedStore":
        """Return the store of a process; it is an ``OpenAreaStore`` if the bucket has an open area."""
        process.check()
        if not self.open_area:
            self.simulation.hits[UPLOAD_LOST] += self.inside.lose_uploads()
        return (SimulatedOpenAreaStore if self.open_area else SimulatedStore)(self, process)

    def outage(self, kind: StoreFault | str, seconds: float) -> None:
        """Let every request that can meet a fault do so from now on, for so many seconds."""
        now = self.simulation.time
        self._outages = [one for one in self._outages if one[1] > now] + [(StoreFault(kind), now + seconds)]

    def heal(self) -> None:
        """End all faults and outages. What travels still arrives."""
        self.faults.clear()
        self._outages.clear()

    def contents(self) -> dict[str, tuple[bytes, dict[str, str]]]:
        """Return body and attributes of all objects as they are now, by key, without taking time."""
        self.settle()
        return {key: (one.body, dict(one.attributes)) for key, one in sorted(self.inside.objects.items())}

    def settle(self) -> None:
        """Let arrive what has travelled long enough."""
        while self._travelling and self._travelling[0][0] <= self.simulation.time:
            _, _, effect = heapq.heappop(self._travelling)
            with suppress(StoreError):
                effect()
                self.simulation.hits[StoreFault.LATE_ARRIVAL] += 1

    # ---- requests ----------------------------------------------------------------------------------------

    def request(
        self,
        process: Process,
        operation: str,
        key: str,
        effect: Callable[[], T],
        cut: Callable[[], object] = lambda: None,
    ) -> T:
        """Carry a request out, or let it fail; ``cut`` is what it does if only a part of its bytes arrives."""
        process.check()
        outcome = "done"
        try:
            return self._carry_out(self._draw(operation), operation, effect, cut)
        except Crashed:
            outcome = "power cut"
            raise
        except StoreError as error:
            outcome = f"{type(error).__name__}: {error}"
            raise
        finally:
            self.log.append(LogEntry(self.simulation.time, process.name, operation, key, outcome))

    def _carry_out(
        self, kind: StoreFault | None, operation: str, effect: Callable[[], T], cut: Callable[[], object]
    ) -> T:
        simulation, hits = self.simulation, self.simulation.hits
        self._wait(self.times.latency)
        if kind is StoreFault.HANG:
            hits[kind] += 1
            self.delayed += self._wait(self.times.hang)
            if simulation.chance.random() < 0.5:
                raise StoreError("the request was not answered in time")
        elif kind is StoreFault.SLOW_BODY:
            hits[kind] += 1
            self.delayed += self._wait(self.times.slow)
        elif kind is StoreFault.CUT_BODY:
            hits[kind] += 1
            cut()
            raise StoreError("the connection broke")
        elif kind is StoreFault.LATE_ARRIVAL:
            self._send_late(effect)
            raise StoreError("the request was not answered in time")
        elif kind is not None and kind in REFUSALS:
            hits[kind] += 1
            error, text = REFUSALS[kind]
            raise error(text)
        self.settle()
        result = effect()
        if kind is StoreFault.DUPLICATE_ANSWER:
            try:
                effect()
            except StoreError:
                hits[kind] += 1
                raise
        self._wait(self.times.latency)
        if kind is StoreFault.LOST_ANSWER:
            hits[kind] += 1
            raise StoreError(f"the connection broke before the answer to {operation}")
        return result

    def _send_late(self, effect: Callable[[], object]) -> None:
        due = self.simulation.time + self.simulation.chance.uniform(*self.times.late)
        heapq.heappush(self._travelling, (due, next(self._sent), effect))

    def _wait(self, between: tuple[float, float]) -> float:
        seconds = self.simulation.chance.uniform(*between)
        self.simulation.sleep(seconds)
        return seconds

    def _draw(self, operation: str) -> StoreFault | None:
        """Return the fault that an operation meets."""
        now = self.simulation.time
        for kind, until in self._outages:
            if now < until and operation in MEETS[kind]:
                return kind
        if not self.faults:
            return None
        left = self.simulation.chance.random()
        for kind, probability in self.faults.items():
            if operation in MEETS[kind]:
                left -= probability
                if left < 0:
                    return kind
        return None

    # ---- listings that are late ----------------------------------------------------------------------------

    def _listing_delay(self) -> float:
        """Return for how many seconds listings do not know what happens to a key just now."""
        kind, now = StoreFault.LATE_LISTING, self.simulation.time
        if not any(one is kind and now < until for one, until in self._outages):
            probability = self.faults.get(kind, 0.0)
            if not probability or self.simulation.chance.random() >= probability:
                return 0.0
        return self.simulation.chance.uniform(*self.times.late)

    def _listed_late(self) -> None:
        self.simulation.hits[StoreFault.LATE_LISTING] += 1


class SimulatedStore:
    """The ``ObjectStore`` of one process; every call raises ``Crashed`` once that is gone."""

    page_size = 1_000

    def __init__(self, bucket: SimulatedBucket, process: Process) -> None:
        self._bucket = bucket
        self._process = process

    @property
    def location(self) -> str:
        """See ``LocatedStore``."""
        return f"simulated://{self._bucket.name}"

    def put(self, obj: StorageObject, *, overwrite: bool = False) -> None:
        """See ``ObjectStore.put``; one request."""
        key = str(obj.key)
        check_path(key)
        check_content_type(obj.content_type)
        stored = StoredObject(bytes(obj.body), obj.content_type, _as_kept(check_metadata(obj.metadata)))
        self._ask("put", key, lambda: self._bucket.inside.keep(key, stored, overwrite=overwrite))

    def open_writer(self, key: str, *, content_type: str, overwrite: bool = False) -> "SimulatedWriter":
        """See ``ObjectStore.open_writer``."""
        bucket, process = self._bucket, self._process
        check_path(key)
        check_content_type(content_type)
        upload = self._ask("open", key, lambda: bucket.inside.begin(process, key, content_type, overwrite=overwrite))
        return SimulatedWriter(bucket, process, upload)

    def get(self, key: str, start: int = 0, length: int | None = None) -> bytes:
        """See ``ReadableStore.get``."""
        return self._ask("get", key, lambda: _part(self._bucket.inside.find(key).body, start, length))

    def head(self, key: str) -> ObjectInfo:
        """See ``ReadableStore.head``. Names of attributes are in lower case, as with real buckets."""

        def look() -> ObjectInfo:
            found = self._bucket.inside.find(key)
            return ObjectInfo(key, len(found.body), found.content_type, dict(found.attributes))

        return self._ask("head", key, look)

    def keys(self, prefix: str = "", *, after: str = "") -> Iterator[str]:
        """See ``ReadableStore.keys``; a request for each page."""
        position: str | None = after
        while position is not None:
            names, position = self._page(prefix, position)
            yield from names

    def _page(self, prefix: str, after: str) -> tuple[list[str], str | None]:
        def look() -> tuple[list[str], str | None]:
            return self._bucket.inside.page(prefix, after, self.page_size)

        return self._ask("keys", prefix, look)

    def delete(self, key: str) -> None:
        """See ``ObjectStore.delete``."""
        self._ask("delete", key, lambda: self._bucket.inside.remove(key))

    def _ask(self, operation: str, key: str, effect: Callable[[], T]) -> T:
        return self._bucket.request(self._process, operation, key, effect)


class SimulatedOpenAreaStore(SimulatedStore):
    """A store whose bucket keeps what a power cut left unsealed; see ``OpenAreaStore`` and ``WatchedOpenArea``."""

    def unsealed(self) -> Sequence[UnsealedObject]:
        """See ``OpenAreaStore.unsealed``."""
        return self.open_area_state().unsealed

    def open_area_state(self) -> OpenAreaState:
        """See ``WatchedOpenArea.open_area_state``."""
        return self._ask("unsealed", "", self._bucket.inside.area)

    def read_unsealed(self, item: UnsealedObject, start: int = 0, length: int | None = None) -> bytes:
        """See ``OpenAreaStore.read_unsealed``."""
        return self._ask(
            "get", item.key, lambda: _part(bytes(self._bucket.inside.dead_upload(item).body), start, length)
        )

    def resume(self, item: UnsealedObject, size: int | None = None) -> "SimulatedWriter":
        """See ``OpenAreaStore.resume``."""
        bucket, process = self._bucket, self._process
        upload = self._ask("resume", item.key, lambda: bucket.inside.take_over(item, process, size))
        return SimulatedWriter(bucket, process, upload)


class SimulatedWriter:
    """See ``ObjectWriter`` and ``ReleasableWriter``. After a failure it can only be abandoned or released."""

    def __init__(self, bucket: SimulatedBucket, process: Process, upload: Upload) -> None:
        self._bucket = bucket
        self._process = process
        self._upload = upload
        self._usable = True
        self._ended = False

    def append(self, *buffers: Buffer) -> None:
        """See ``ObjectWriter.append``. A power cut may leave a part of the bytes in the open area."""
        self._check()
        data = b"".join(bytes(buffer) for buffer in buffers)
        body, chance = self._upload.body, self._bucket.simulation.chance

        def cut() -> None:
            body.extend(data[: chance.randrange(len(data) + 1)])

        before = len(body)
        self._usable = False
        try:
            self._bucket.request(self._process, "append", self._upload.key, lambda: body.extend(data), cut)
        except Crashed:
            if len(body) == before:
                cut()
            raise
        self._usable = True

    def seal(self, attributes: Mapping[str, str]) -> None:
        """See ``ObjectWriter.seal``."""
        self._check()
        bucket, upload = self._bucket, self._upload
        stored = StoredObject(bytes(upload.body), upload.content_type, _as_kept(check_metadata(attributes)))
        self._usable = False
        bucket.request(self._process, "seal", upload.key, lambda: bucket.inside.complete(upload, stored))
        self._ended = True

    def abandon(self) -> None:
        """See ``ObjectWriter.abandon``."""
        if self._end():
            self._bucket.inside.forget(self._upload)

    def release(self) -> None:
        """See ``ReleasableWriter.release``."""
        if self._end():
            self._upload.owner = None

    def _end(self) -> bool:
        """Let nothing be written any more; return whether the upload is still there to be forgotten or left."""
        self._process.check()
        ended, self._ended, self._usable = self._ended, True, False
        return not ended

    def _check(self) -> None:
        self._process.check()
        if not self._usable:
            raise StateError(f"the writer is sealed, abandoned or failed: {self._upload.key}")


def _as_kept(attributes: Mapping[str, str]) -> dict[str, str]:
    """Names in lower case, as Amazon's and Azure's services give them back."""
    return {name.lower(): value for name, value in attributes.items()}


def _part(body: bytes, start: int, length: int | None) -> bytes:
    if start < 0:
        start = max(0, len(body) + start)
    return body[start : None if length is None else start + max(0, length)]
