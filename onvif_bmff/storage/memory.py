"""Objects in memory: for tests, for recording without a disk, and as the simplest example of a store."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from threading import Lock

from onvif_bmff.errors import ObjectExistsError, ObjectNotFoundError, StateError
from onvif_bmff.objects.key import check_path
from onvif_bmff.objects.stored import Buffer, ObjectInfo, StorageObject
from onvif_bmff.storage.acceptable import check_content_type, check_metadata

__all__ = ["MemoryStore"]

_LISTING_BATCH = 1000


@dataclass(slots=True)
class _Stored:
    buffers: list[Buffer]
    size: int
    content_type: str | None
    attributes: dict[str, str]


class MemoryStore:
    """An ``ObjectStore`` in memory, for use by any number of threads.

    Appended buffers are kept as they are and joined only when the object is read, so that recording into
    memory copies nothing.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._objects: dict[str, _Stored] = {}
        self._sorted: list[str] = []

    def put(self, obj: StorageObject, *, overwrite: bool = False) -> None:
        """Store a whole object; see ``ObjectStore.put``."""
        writer = self.open_writer(str(obj.key), content_type=obj.content_type, overwrite=overwrite)
        writer.append(obj.body)
        writer.seal(obj.metadata)

    def open_writer(self, key: str, *, content_type: str | None, overwrite: bool = False) -> "MemoryWriter":
        """Begin an object; see ``ObjectStore.open_writer``. A content type of None is unknown."""
        check_path(key)
        check_content_type(content_type)
        with self._lock:
            if key in self._objects and not overwrite:
                raise ObjectExistsError(f"an object has this key already: {key}")
        return MemoryWriter(key, content_type, lambda stored: self._keep(key, stored, overwrite=overwrite))

    def get(self, key: str, start: int = 0, length: int | None = None) -> bytes:
        """Return bytes of an object; see ``ObjectStore.get``."""
        with self._lock:
            found = self._find(key)
            if len(found.buffers) != 1 or not isinstance(found.buffers[0], bytes):
                found.buffers = [b"".join(found.buffers)]
            data = found.buffers[0]
        if start < 0:
            start = max(0, len(data) + start)
        whole = start == 0 and (length is None or length >= len(data))
        return bytes(data if whole else data[start : None if length is None else start + max(0, length)])

    def head(self, key: str) -> ObjectInfo:
        """Return size, content type and attributes of an object; see ``ObjectStore.head``."""
        with self._lock:
            found = self._find(key)
            return ObjectInfo(key, found.size, found.content_type, dict(found.attributes))

    def keys(self, prefix: str = "", *, after: str = "") -> Iterator[str]:
        """Return keys in order; see ``ObjectStore.keys``. Objects may come and go meanwhile."""
        while True:
            with self._lock:
                low = bisect_left(self._sorted, prefix)
                if after:
                    low = max(low, bisect_right(self._sorted, after))
                batch = self._sorted[low : low + _LISTING_BATCH]
            for key in batch:
                if not key.startswith(prefix):
                    return
                yield key
            if len(batch) < _LISTING_BATCH:
                return
            after = batch[-1]

    def delete(self, key: str) -> None:
        """Remove an object; see ``ObjectStore.delete``."""
        with self._lock:
            self._find(key)
            del self._objects[key]
            del self._sorted[bisect_left(self._sorted, key)]

    def _find(self, key: str) -> _Stored:
        found = self._objects.get(key)
        if found is None:
            raise ObjectNotFoundError(f"no object has this key: {key}")
        return found

    def _keep(self, key: str, stored: _Stored, *, overwrite: bool) -> None:
        with self._lock:
            if key not in self._objects:
                insort(self._sorted, key)
            elif not overwrite:
                raise ObjectExistsError(f"an object has this key already: {key}")
            self._objects[key] = stored


class MemoryWriter:
    """A writer of one object of a ``MemoryStore``; ``keep`` stores it. See ``ObjectWriter``."""

    def __init__(self, key: str, content_type: str | None, keep: Callable[[_Stored], None]) -> None:
        self._key = key
        self._content_type = content_type
        self._keep = keep
        self._buffers: list[Buffer] | None = []

    def append(self, *buffers: Buffer) -> None:
        """Add bytes to the end, without copying them."""
        self._mine().extend(buffers)

    def seal(self, attributes: Mapping[str, str]) -> None:
        """Make the object visible."""
        buffers = self._mine()
        found = check_metadata(attributes)
        self._buffers = None
        size = sum(memoryview(buffer).nbytes for buffer in buffers)
        self._keep(_Stored(buffers, size, self._content_type, found))

    def abandon(self) -> None:
        """Forget what was appended."""
        self._buffers = None

    def _mine(self) -> list[Buffer]:
        if self._buffers is None:
            raise StateError(f"the writer is sealed or abandoned: {self._key}")
        return self._buffers
