"""Objects in a bucket of a cloud service: Amazon S3 and what speaks like it, Azure Blob Storage, Google Cloud Storage.

An object is stored by one request, with its attributes, and only if its key is free. The answer to that request may be
lost, and a service says "taken" also where nothing is stored; so after any doubt the object is looked at, and known by
an id among its attributes (``OBJECT_ID``, or one of the store's own).
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import NoReturn, TypeVar

from onvif_bmff.errors import ObjectExistsError, ObjectKeyError, ObjectNotFoundError, StateError, StoreError
from onvif_bmff.objects.key import MAX_KEY_BYTES, check_path
from onvif_bmff.objects.stored import Buffer, ObjectInfo, StorageObject
from onvif_bmff.runtime import SYSTEM, Runtime
from onvif_bmff.storage.acceptable import check_content_type
from onvif_bmff.storage.attempts import Attempts, RetryBudget
from onvif_bmff.storage.cloud_attributes import encoded_attributes, own_id, read_attributes, without_ids
from onvif_bmff.storage.cloud_client import (
    S3,
    CloudClient,
    CloudHead,
    KeyTakenError,
    MetadataTooLargeError,
    RangeNotSatisfiableError,
    StoreBusyError,
)
from onvif_bmff.storage.cloud_listing import listed_keys
from onvif_bmff.storage.locks import ObjectLock
from onvif_bmff.storage.object_locks import ObjectLocks
from onvif_bmff.storage.parallel import in_parallel
from onvif_bmff.timing import UtcTime

__all__ = ["CloudStore", "CloudWriter"]

T = TypeVar("T")

_MOST = (1 << 63) - 1
_LEAST_ATTRIBUTES = 1 << 10
"""Bytes of attributes that every service takes."""
_SMALL = 64 << 10
"""Bytes that may be read in vain to save a request."""


class CloudStore:
    """An ``ObjectStore`` in a bucket, for any number of threads and processes; ``open_store`` makes one from a URL.

    It cannot be pickled, as that would write down its credentials, and not be used in a forked child, where the threads
    of the client are gone: give other processes the URL. Parts that a writer appends are kept as they are until it is
    sealed.

    Args:
        client: sends the requests.
        prefix: what stands before all keys in the bucket; "" or a path.
        budget: how long a request is tried.
        tasks: how many requests ``heads`` sends at once.
        runtime: waits and draws random numbers.
        locks: the locks of the bucket; None where there are none, or nobody asks for them.

    Raises:
        ObjectKeyError: the prefix is no path.
    """

    def __init__(
        self,
        client: CloudClient,
        prefix: str = "",
        *,
        budget: RetryBudget = RetryBudget(),  # noqa: B008
        tasks: int = 8,
        runtime: Runtime = SYSTEM,
        locks: ObjectLocks | None = None,
    ) -> None:
        if prefix:
            check_path(prefix)
        self._client = client
        self._lead = f"{prefix}/" if prefix else ""
        self._budget = budget
        self._tasks = tasks
        self._runtime = runtime
        self._locks = locks
        self._process = os.getpid()

    def __repr__(self) -> str:
        return f"CloudStore({self.location!r})"

    def __reduce__(self) -> NoReturn:
        raise StateError("a cloud store is not pickled, for it has credentials: open it anew from its URL")

    @property
    def location(self) -> str:
        """URL of the store, without credentials; see ``onvif_bmff.objects.stored.LocatedStore``."""
        return f"{self._client.service.scheme}://{self._client.bucket}/{self._lead}".removesuffix("/")

    # ---- writing -----------------------------------------------------------------------------------

    def put(self, obj: StorageObject, *, overwrite: bool = False) -> None:
        """Store a whole object by one request; see ``ObjectStore.put``."""
        key = str(obj.key)
        check_content_type(obj.content_type)
        self._store(self._full(key), [obj.body], obj.content_type, obj.metadata, self._new_id(), overwrite=overwrite)

    def open_writer(self, key: str, *, content_type: str, overwrite: bool = False) -> "CloudWriter":
        """Begin an object; see ``ObjectStore.open_writer``. What is appended is kept in memory."""
        full = self._full(key)
        if content_type is None:
            raise StoreError(f"an object in the cloud needs a content type: {key}")
        check_content_type(content_type)
        self._check_policy()
        if not overwrite and self._known(full) is not None:
            raise ObjectExistsError(f"an object has this key already: {key}")
        write_id = self._new_id()

        def seal(buffers: Sequence[Buffer], attributes: Mapping[str, str]) -> None:
            self._store(full, buffers, content_type, attributes, write_id, overwrite=overwrite)

        return CloudWriter(key, seal)

    def _store(
        self,
        key: str,
        buffers: Sequence[Buffer],
        content_type: str,
        attributes: Mapping[str, str],
        write_id: str,
        *,
        overwrite: bool,
    ) -> None:
        """Store an object, once, however often the service has to be asked, and lock it if that is asked for."""
        limit = self._client.service.metadata_limit
        sent = encoded_attributes(attributes, write_id, self._client.service, limit)
        size = sum(memoryview(buffer).nbytes for buffer in buffers)
        self._check_policy()
        attempts = self._attempts()
        while True:
            try:
                self._client.put(key, buffers, content_type, sent, create=not overwrite)
                break
            except MetadataTooLargeError:  # services that speak like it may count more, such as all headers
                limit -= limit // 8
                if limit < _LEAST_ATTRIBUTES:
                    raise
                sent = encoded_attributes(attributes, write_id, self._client.service, limit)
                continue
            except (KeyTakenError, StoreBusyError) as error:
                failure = error
            if not overwrite and self._is_stored(key, size, own_id(sent)):
                break
            attempts.wait(failure)
        self.lock_as_new(self._short(key))

    def _is_stored(self, key: str, size: int, write_id: str | None) -> bool:
        """Return whether an object is there and ours; False if there is none, or nobody knows.

        Raises:
            ObjectExistsError: it is another one.
        """
        try:
            found = self._client.head(key)
        except (ObjectNotFoundError, StoreBusyError):
            return False  # a conflict without an object, or a request that may still be under way: the next try decides
        if found.size == size and own_id(found.attributes) == write_id:
            return True
        raise ObjectExistsError(f"another object has this key: {self._short(key)}")

    def delete(self, key: str) -> None:
        """Remove an object; see ``ObjectStore.delete``."""
        full = self._full(key)
        found = self._known(full)
        if found is None:  # S3 says nothing of it
            raise ObjectNotFoundError(f"no object has this key: {key}")
        self._check_removable([full], found)
        self._remove([full])

    def delete_all(self, keys: Iterable[str]) -> None:
        """Remove objects, many by each request; those that do not exist are passed over.

        Raises:
            ObjectKeyError: no object can have one of the keys; the batches before it are gone then.
            StoreError: the store failed, or one of a batch is locked: nothing of the batch is removed then.
        """
        wanted = map(self._full, keys)
        while batch := list(islice(wanted, self._client.service.batch)):
            if self._locks is not None:
                self._check_removable(batch, next(filter(None, map(self._known, batch)), None))
            self._remove(batch)

    def _check_removable(self, keys: Sequence[str], one: CloudHead | None) -> None:
        """Check that objects are not locked; ``one`` of them has a version if any can be."""
        if self._locks is not None and one is not None and one.version is not None:
            self._locks.check_removable(keys, self._attempts())

    def _remove(self, keys: Sequence[str]) -> None:
        try:
            self._attempts().run(lambda: self._client.delete(keys))
        except ObjectNotFoundError:  # by somebody else, or by a try whose answer was lost; the others may be left
            for key in keys if len(keys) > 1 else ():
                self._remove([key])

    # ---- reading -----------------------------------------------------------------------------------

    def get(self, key: str, start: int = 0, length: int | None = None) -> bytes:
        """Return bytes of an object; see ``ReadableStore.get``.

        One request; two for an end on Azure, if nothing of the object was asked for before.
        """
        full = self._full(key)
        nothing = (length is not None and length <= 0) or start > _MOST
        if start < 0 and not nothing:
            back = min(-start, _MOST)
            if length is None or back <= _SMALL:
                found = self._end_of(full, back)
                if found is not None:
                    return found[: length if length is None else min(length, back)]
            start = max(0, self._head(full).size - back)
        if nothing:
            self._head(full)
            return b""
        end = None if length is None else min(start + length, _MOST)
        return self._read(full, start, end) if end is None or end > start else b""

    def _end_of(self, key: str, length: int) -> bytes | None:
        """Return the last bytes of an object in one request; None if that cannot be."""
        if self._client.service.suffix_ranges:
            return self._read(key, -length, None)
        return self._asked(key, lambda: self._client.tail(key, length))

    def _read(self, key: str, start: int, end: int | None) -> bytes:
        try:
            return self._asked(key, lambda: self._client.get(key, start, end))
        except RangeNotSatisfiableError:
            return b""

    def head(self, key: str) -> ObjectInfo:
        """Return size, content type and attributes of an object; see ``ReadableStore.head``."""
        found = self._head(self._full(key))
        return ObjectInfo(key, found.size, found.content_type, without_ids(read_attributes(found.attributes)))

    def modified(self, key: str) -> UtcTime | None:
        """Return when an object was stored, by the clock of the service; None if that is not known.

        Raises:
            ObjectNotFoundError: no object has the key.
            StoreError: the service failed.
        """
        return self._head(self._full(key)).modified

    def heads(self, keys: Iterable[str]) -> Iterator[ObjectInfo]:
        """Yield what ``head`` returns for each key, in order, several requests at a time.

        Raises:
            StoreError: as ``head``, at the place of the object.
        """
        return in_parallel(self.head, keys, tasks=self._tasks, runtime=self._runtime)

    def keys(self, prefix: str = "", *, after: str = "") -> Iterator[str]:
        """Return keys in order; see ``ReadableStore.keys``. The listing begins where the first key can be.

        Raises:
            StoreError: the service failed, or does not list in order, as directory buckets of S3.
        """
        bound = self._lead + after if after else ""
        for key in listed_keys(self._client, self._lead + prefix, bound, self._attempts()):
            yield key.removeprefix(self._lead)

    # ---- locks -------------------------------------------------------------------------------------

    def can_lock(self) -> bool:
        """Return whether objects can be locked here; see ``LockingStore``."""
        return self._locks is not None and self._locks.is_enabled(self._attempts())

    def lock_of(self, key: str) -> ObjectLock:
        """Return how an object is locked, as far as this store asks for locks; see ``LockingStore``.

        Only in a bucket with versions can anything be locked.
        """
        full = self._full(key)
        found = self._head(full)
        if self._locks is None or found.version is None:
            return ObjectLock()
        return self._locks.lock_of(full, self._attempts())

    def lock(self, key: str, lock: ObjectLock) -> None:
        """Lock an object at least so, and see that it is; see ``LockingStore``."""
        if self._locks is None:
            raise StoreError(f"{key}: not locked: {self._no_locks}")
        self._locks.lock(self._full(key), lock, self._attempts())

    def lock_as_new(self, key: str) -> None:
        """Lock an object as the options of the store say; see ``LockingStore``."""
        if self._locks is None or self._locks.policy is None:
            return
        stored = self.modified(key) or self._runtime.now()
        self.lock(key, self._locks.policy.lock_of(stored))

    def release(self, key: str) -> bool:
        """Take a legal hold off an object; see ``LockingStore``."""
        full = self._full(key)
        if self._locks is None:
            raise StoreError(f"{key}: not released: {self._no_locks}")
        self._head(full)
        return self._locks.release(full, self._attempts())

    def _check_policy(self) -> None:
        if self._locks is not None:
            self._locks.check_policy(self._attempts())

    @property
    def _no_locks(self) -> str:
        service = self._client.service
        return "the option object_lock is false" if service is S3 else f"locks in {service.title} are not supported"

    # ---- common ------------------------------------------------------------------------------------

    def _head(self, key: str) -> CloudHead:
        return self._asked(key, lambda: self._client.head(key))

    def _known(self, key: str) -> CloudHead | None:
        try:
            return self._head(key)
        except ObjectNotFoundError:
            return None

    def _asked(self, key: str, request: Callable[[], T]) -> T:
        """Return the answer to a request that changes nothing."""
        try:
            return self._attempts().run(request)
        except ObjectNotFoundError:
            raise ObjectNotFoundError(f"no object has this key: {self._short(key)}") from None

    def _attempts(self) -> Attempts:
        self._check_process()
        return Attempts(self._budget, self._runtime)

    def _check_process(self) -> None:
        if os.getpid() != self._process:
            raise StateError("a cloud store does not work in a forked process: spawn it, and open the store there")

    def _full(self, key: str) -> str:
        check_path(key)
        full = self._lead + key
        if len(full.encode()) > MAX_KEY_BYTES:
            raise ObjectKeyError(f"with its prefix the key is over {MAX_KEY_BYTES} bytes: {key[:80]!r}")
        if any(letter in key for letter in self._client.service.unfit_in_keys):
            raise ObjectKeyError(f"{self._client.service.title} changes this key: {key[:80]!r}")
        return full

    def _short(self, key: str) -> str:
        return key.removeprefix(self._lead)

    def _new_id(self) -> str:
        return self._runtime.random(16).hex()


class CloudWriter:
    """A writer of one object of a ``CloudStore``; ``seal_with`` stores its bytes. See ``ObjectWriter``."""

    def __init__(self, key: str, seal_with: Callable[[Sequence[Buffer], Mapping[str, str]], None]) -> None:
        self._key = key
        self._seal_with = seal_with
        self._buffers: list[Buffer] | None = []

    def append(self, *buffers: Buffer) -> None:
        """Add bytes to the end, without copying them."""
        self._mine().extend(buffers)

    def seal(self, attributes: Mapping[str, str]) -> None:
        """Store the object."""
        self._seal_with(self._mine(), attributes)
        self._buffers = None

    def abandon(self) -> None:
        """Forget what was appended."""
        self._buffers = None

    def _mine(self) -> list[Buffer]:
        if self._buffers is None:
            raise StateError(f"the writer is sealed or abandoned: {self._key}")
        return self._buffers
