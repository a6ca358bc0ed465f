"""Copy objects from one store to another: whole, with their attributes, and verified."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from hashlib import sha256

from onvif_bmff.errors import ObjectExistsError, OnvifBmffError, StoreError
from onvif_bmff.objects.attributes import OBJECT_ID
from onvif_bmff.objects.extensions import EXTENSIONS
from onvif_bmff.objects.stored import SPAN_END_CONTENT_TYPE, ObjectInfo, ObjectStore, ReadableStore
from onvif_bmff.runtime import SYSTEM, Runtime
from onvif_bmff.storage.locks import LockingStore, ObjectLock
from onvif_bmff.storage.parallel import in_parallel

__all__ = [
    "AttributesLostError",
    "Copied",
    "CopyState",
    "check_attributes",
    "check_id",
    "copy_object",
    "copy_objects",
    "has_id",
]

_BLOCK = 8 << 20
_END = "_end"
_SHARE = 3
"""Objects a task before results are given out: few, so that a caller who stops does not wait long."""


class AttributesLostError(StoreError):
    """A store has an object, and does not keep its ``ObjectId``: nobody can know there whose object it is."""


class CopyState(Enum):
    """What became of an object."""

    COPIED = "copied"
    PRESENT = "present"
    """The target has it already: the same size and ``ObjectId``; with ``digests``, or without ids, the same bytes."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Copied:
    """An object that was to be copied.

    ``size`` is in bytes; 0 if it failed. ``thinned``: the target cannot keep all attributes, so that the seek table has
    fewer entries there, or some are missing. ``error`` says why it failed.
    """

    key: str
    state: CopyState
    size: int = 0
    thinned: bool = False
    error: Exception | None = None


def copy_objects(
    source: ReadableStore,
    target: ObjectStore,
    keys: Iterable[str],
    *,
    digests: bool = False,
    tasks: int = 4,
    runtime: Runtime = SYSTEM,
) -> Iterator[Copied]:
    """Copy objects, several at a time, and yield what became of each, in the order of the keys.

    Nothing is overwritten. An object that the target has already is compared: by size and ``ObjectId``, which does not
    find bytes that were damaged later; with ``digests``, or if an id is missing, by all bytes.
    So a copy that broke off is completed by running it again. Each copied object is looked at in the target: size,
    content type and attributes must be there.

    An object whose content type is unknown gets that of its extension.

    Args:
        source: where the objects are.
        target: where they go.
        keys: which objects.
        digests: also read each object back, copied or present, and compare SHA-256 digests of all bytes.
        tasks: objects at once; each is in memory where the target keeps it there.
        runtime: runs the tasks.
    """

    def copy(key: str) -> Copied:
        try:
            return copy_object(source, target, key, digests=digests)
        except (OnvifBmffError, OSError) as error:
            return Copied(key, CopyState.FAILED, error=error)

    return in_parallel(copy, keys, tasks=tasks, runtime=runtime, share=_SHARE)


def copy_object(source: ReadableStore, target: ObjectStore, key: str, *, digests: bool = False) -> Copied:
    """Copy one object, as ``copy_objects`` does; return that it is in the target, by this call or before.

    Raises:
        ObjectExistsError: the target has another object of this key.
        OnvifBmffError: it could not be read, stored or verified.
    """
    info = source.head(key)
    content_type = info.content_type or _usual_type(key)
    digest = sha256()
    try:
        writer = target.open_writer(key, content_type=content_type)
        try:
            for block in _blocks(source, key, info.size):
                digest.update(block)
                writer.append(block)
            writer.seal(info.attributes)
        finally:
            writer.abandon()
    except ObjectExistsError:
        present = _compare(source, target, info, digests=digests)
        _lock_copy(source, target, key)
        return present
    found = target.head(key)
    thinned = _differences(info, found, content_type)
    if digests and _digest(target, key, found.size) != digest.digest():
        raise StoreError(f"{key}: the bytes that the target gives back differ")
    _lock_copy(source, target, key)
    return Copied(key, CopyState.COPIED, info.size, thinned)


def _lock_copy(source: ReadableStore, target: ObjectStore, key: str) -> None:
    """Lock a copy as the target locks new objects, and as the source has locked it, where it can be locked.

    Raises:
        StoreError: the copy is not locked so.
    """
    if not isinstance(target, LockingStore):
        return
    target.lock_as_new(key)
    if isinstance(source, LockingStore):
        lock = source.lock_of(key)
        if lock != ObjectLock() and target.can_lock():
            target.lock(key, lock)


def _compare(source: ReadableStore, target: ObjectStore, info: ObjectInfo, *, digests: bool) -> Copied:
    """Return that the target has the same object, with its content type and attributes, as far as it keeps them.

    Raises:
        ObjectExistsError: it has another one.
        StoreError: content type or attributes differ.
    """
    found = target.head(info.key)
    ids = [_folded(one.attributes).get(OBJECT_ID.lower()) for one in (info, found)]
    if found.size != info.size or (None not in ids and ids[0] != ids[1]):
        raise ObjectExistsError(f"the target has another object of this key: {info.key}")
    by_bytes = digests or None in ids
    if by_bytes and _digest(source, info.key, info.size) != _digest(target, info.key, info.size):
        raise ObjectExistsError(f"the target has another object of this key, with other bytes: {info.key}")
    if ids[0] is not None and ids[1] is None:  # the bytes tell that it is the same; its attributes are lost
        return Copied(info.key, CopyState.PRESENT, info.size)
    content_type = info.content_type or _usual_type(info.key)
    if found.content_type is None:  # a store that was copied by other means may not know it
        found = replace(found, content_type=content_type)
    return Copied(info.key, CopyState.PRESENT, info.size, thinned=_differences(info, found, content_type))


def has_id(info: ObjectInfo) -> bool:
    """Return whether an object has an ``ObjectId``."""
    return OBJECT_ID.lower() in _folded(info.attributes)


def check_id(source: ReadableStore, target: ObjectStore, key: str) -> None:
    """Check that the target shows the ``ObjectId`` of the source's object, if that has one.

    Raises:
        AttributesLostError: it shows none.
        ObjectExistsError: it shows another one.
        OnvifBmffError: one of them does not have the object, or failed.
    """
    wanted, there = (_folded(one.head(key).attributes).get(OBJECT_ID.lower()) for one in (source, target))
    if wanted is not None and there is None:
        raise AttributesLostError(f"{key}: the target does not keep attributes: the ObjectId is missing there")
    if wanted is not None and wanted != there:
        raise ObjectExistsError(f"the target has another object of this key: {key}")


def check_attributes(source: ReadableStore, target: ObjectStore, key: str) -> None:
    """Check that the target has an object with the source's size, content type and attributes.

    Some may be missing, but not the ``ObjectId``.

    Raises:
        OnvifBmffError: something differs, or one of them does not have it.
    """
    info = source.head(key)
    _differences(info, target.head(key), info.content_type or _usual_type(key))


def _differences(info: ObjectInfo, found: ObjectInfo, content_type: str) -> bool:
    """Return whether attributes are missing in the copy, or a seek table is thinner.

    Raises:
        AttributesLostError: the ``ObjectId`` is missing, which is never left out to make room.
        StoreError: something else differs.
    """
    if found.size != info.size or found.content_type != content_type:
        raise StoreError(f"{info.key}: size or content type differ in the target")
    wanted, there = _folded(info.attributes), _folded(found.attributes)
    if OBJECT_ID.lower() in wanted.keys() - there.keys():
        raise AttributesLostError(f"{info.key}: the target does not keep attributes: the ObjectId is missing there")
    changed = {name for name, value in there.items() if wanted.get(name) != value}
    if changed - {"seektable"}:
        raise StoreError(f"{info.key}: the attribute {min(changed - {'seektable'})} differs in the target")
    return there != wanted


def _folded(attributes: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in attributes.items()}


def _digest(store: ReadableStore, key: str, size: int) -> bytes:
    digest = sha256()
    for block in _blocks(store, key, size):
        digest.update(block)
    return digest.digest()


def _blocks(store: ReadableStore, key: str, size: int) -> Iterator[bytes]:
    """Yield the bytes of an object.

    Raises:
        StoreError: there are fewer than ``size``.
    """
    at = 0
    while at < size:
        block = store.get(key, at, min(_BLOCK, size - at))
        if not block:
            raise StoreError(f"{key}: the object became shorter while it was read")
        yield block
        at += len(block)


def _usual_type(key: str) -> str:
    extension = key.rpartition(".")[2]
    if extension.endswith(_END):
        return SPAN_END_CONTENT_TYPE
    row = EXTENSIONS.get(extension)
    return SPAN_END_CONTENT_TYPE if row is None else row.content_type
