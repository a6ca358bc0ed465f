"""Several stores as one, and what moves objects from one to the next: days on a disk, months in a bucket."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from onvif_bmff.errors import (
    ObjectExistsError,
    ObjectKeyError,
    ObjectNotFoundError,
    OnvifBmffError,
    StoreError,
)
from onvif_bmff.objects.key import ObjectKey
from onvif_bmff.objects.locations import check_apart
from onvif_bmff.objects.stored import (
    LocatedStore,
    ObjectInfo,
    ObjectStore,
    ObjectWriter,
    OpenAreaStore,
    StorageObject,
    WatchedOpenArea,
    is_stored,
)
from onvif_bmff.storage.copying import CopyState, check_attributes, copy_object
from onvif_bmff.storage.layers import StoreLayers
from onvif_bmff.storage.locks import NewObjectsLocked
from onvif_bmff.timing import UtcTime

__all__ = ["MoveState", "Moved", "TieredStore", "keys_before", "move_objects"]


class TieredStore:
    """An ``ObjectStore`` of several: objects are written to the first, and found in whichever has them.

    Objects move down by ``move_objects``, while others read and write. A key is taken if any of the stores has it. The
    open area is that of the first store, if it has one.

    Args:
        tiers: the stores, the first takes what is written; they are apart from each other.

    Raises:
        StoreError: there is none, or two of them are not apart.
    """

    def __init__(self, tiers: Sequence[ObjectStore]) -> None:
        if not tiers:
            raise StoreError("a store of tiers needs one")
        located = [store.location for store in tiers if isinstance(store, LocatedStore)]
        for number, one in enumerate(located):
            for other in located[number + 1 :]:
                check_apart(one, other)
        self._tiers = tuple(tiers)
        self._layers = StoreLayers(self._tiers)
        first = tiers[0]
        if isinstance(first, OpenAreaStore):
            self.unsealed = first.unsealed
            self.read_unsealed = first.read_unsealed
            self.resume = first.resume
        if isinstance(first, WatchedOpenArea):
            self.open_area_state = first.open_area_state
        if isinstance(first, NewObjectsLocked):
            self.lock_as_new = first.lock_as_new

    def __repr__(self) -> str:
        return f"TieredStore({list(self._tiers)!r})"

    @property
    def tiers(self) -> tuple[ObjectStore, ...]:
        """The stores, in order."""
        return self._tiers

    def put(self, obj: StorageObject, *, overwrite: bool = False) -> None:
        """Store a whole object in the first tier; see ``ObjectStore.put``."""
        writer = self.open_writer(str(obj.key), content_type=obj.content_type, overwrite=overwrite)
        try:
            writer.append(obj.body)
            writer.seal(obj.metadata)
        finally:
            writer.abandon()

    def open_writer(self, key: str, *, content_type: str, overwrite: bool = False) -> ObjectWriter:
        """Begin an object in the first tier; see ``ObjectStore.open_writer``."""
        writer = self._tiers[0].open_writer(key, content_type=content_type, overwrite=overwrite)
        if overwrite:
            return _Replacing(writer, key, self._tiers[1:])
        created = _Creating(writer, key, self._tiers[1:])
        try:
            created.check()
        except BaseException:
            writer.abandon()
            raise
        return created

    def delete(self, key: str) -> None:
        """Remove an object wherever it is; see ``ObjectStore.delete``.

        An object that is being moved at the same moment may stay in the tier that it goes to.
        """
        found = False
        for store in self._tiers:
            try:
                store.delete(key)
                found = True
            except ObjectNotFoundError:
                continue
        if not found:
            raise ObjectNotFoundError(f"no object has this key: {key}")

    def get(self, key: str, start: int = 0, length: int | None = None) -> bytes:
        """Return bytes of an object; see ``ReadableStore.get``."""
        return self._layers.get(key, start, length)

    def head(self, key: str) -> ObjectInfo:
        """Return size, content type and attributes; see ``ReadableStore.head``."""
        return self._layers.head(key)

    def keys(self, prefix: str = "", *, after: str = "") -> Iterator[str]:
        """Return the keys of all tiers in order; see ``ReadableStore.keys``."""
        return self._layers.keys(prefix, after=after)


class _Creating:
    """A writer of an object whose key no other store may have."""

    def __init__(self, writer: ObjectWriter, key: str, others: Sequence[ObjectStore]) -> None:
        self._writer = writer
        self._key = key
        self._others = others
        self._is_open = True
        self.append = writer.append

    def abandon(self) -> None:
        self._is_open = False
        self._writer.abandon()

    def check(self) -> None:
        if any(is_stored(store, self._key) for store in self._others):
            raise ObjectExistsError(f"an object has this key already: {self._key}")

    def seal(self, attributes: Mapping[str, str]) -> None:
        if self._is_open:
            self.check()  # again, as what another writer sealed meanwhile may have moved
        self._writer.seal(attributes)
        self._is_open = False


class _Replacing:
    """A writer that removes the object that it replaces from other stores, once its own is there."""

    def __init__(self, writer: ObjectWriter, key: str, others: Sequence[ObjectStore]) -> None:
        self._writer = writer
        self._key = key
        self._others = others
        self.append = writer.append
        self.abandon = writer.abandon

    def seal(self, attributes: Mapping[str, str]) -> None:
        self._writer.seal(attributes)
        for store in self._others:
            try:
                store.delete(self._key)
            except ObjectNotFoundError:
                continue


class MoveState(Enum):
    """What became of an object."""

    MOVED = "moved"
    COPIED = "copied"
    """The target has it, and the source, too: it could not be removed there."""
    FAILED = "failed"
    KEPT = "kept"
    """An object before it in its place failed: it stays, so that the target has no hole."""


@dataclass(frozen=True, slots=True)
class Moved:
    """An object that was to be moved. ``size`` is in bytes, 0 if it failed; ``error`` says why it did."""

    key: str
    state: MoveState
    size: int = 0
    error: Exception | None = None


def keys_before(keys: Iterator[str], before: UtcTime) -> list[str]:
    """Return the keys of recordings whose time is before an instant: by place, in the order of time, ends last.

    Other keys stay where they are.
    """
    places: dict[tuple[str, str, str], list[tuple[int, bool, int, str]]] = defaultdict(list)
    for key in keys:
        try:
            found = ObjectKey.parse(key)
        except ObjectKeyError:
            continue
        if found.time < before:
            place = (found.prefix, found.postfix, found.extension)
            places[place].append((found.time.microseconds, not found.span_end, found.counter, key))
    return [key for place in sorted(places) for *_, key in sorted(places[place])]


def move_objects(
    source: ObjectStore, target: ObjectStore, keys: Iterator[str] | Sequence[str], *, digests: bool = False
) -> Iterator[Moved]:
    """Move objects, one after the other in this order, and yield what became of each.

    Each is copied, looked at in the target (id, size, content type, attributes), and only then removed from the source.
    Whatever is interrupted is completed by another call, and what the target has is not copied again. Nothing is
    overwritten.
    Readers of both stores, the source first, miss nothing at any moment.

    Args:
        source: where the objects are.
        target: where they go.
        keys: which objects, as ``keys_before`` returns them. After one that failed the others of its place stay.
        digests: also read each object back, and compare all bytes, before it is removed.
    """
    failed: set[tuple[str, str, str]] = set()
    for key in keys:
        place = _place_of(key)
        if place in failed:
            yield Moved(key, MoveState.KEPT)
            continue
        try:
            copied = copy_object(source, target, key, digests=digests)
            if copied.state is CopyState.PRESENT:
                check_attributes(source, target, key)
        except ObjectNotFoundError:  # somebody else moved or removed it
            continue
        except (OnvifBmffError, OSError) as error:
            failed.add(place)
            yield Moved(key, MoveState.FAILED, error=error)
            continue
        try:
            source.delete(key)
        except ObjectNotFoundError:
            pass
        except (OnvifBmffError, OSError) as error:
            yield Moved(key, MoveState.COPIED, copied.size, error)
            continue
        yield Moved(key, MoveState.MOVED, copied.size)


def _place_of(key: str) -> tuple[str, str, str]:
    try:
        found = ObjectKey.parse(key)
    except ObjectKeyError:
        return ("", "", key)
    return found.prefix, found.postfix, found.extension
