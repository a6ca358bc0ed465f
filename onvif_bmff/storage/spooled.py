"""A store behind a spool on the local disk: objects are safe at once, and uploaded when the remote store takes them."""

import logging
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from heapq import merge
from threading import Lock

from onvif_bmff.errors import ObjectExistsError, ObjectNotFoundError, OnvifBmffError, StateError, StoreError
from onvif_bmff.logs import CauseLog
from onvif_bmff.objects.key import check_path
from onvif_bmff.objects.stored import (
    LocatedStore,
    ObjectInfo,
    ObjectStore,
    ObjectWriter,
    OpenAreaState,
    StorageObject,
    UnsealedObject,
    is_stored,
)
from onvif_bmff.runtime import SYSTEM, Runtime
from onvif_bmff.storage.copying import copy_object
from onvif_bmff.storage.directory import DirectoryStore
from onvif_bmff.storage.spool import SpoolPolicy, SpoolStatus, SpoolWriter, UploadState, spool_folders
from onvif_bmff.storage.spool_lock import SpoolLock
from onvif_bmff.storage.upload_queue import UploadQueue, Waiting

__all__ = ["SpooledStore"]

_log = logging.getLogger(__name__)
_LONGEST_SLEEP = 5.0


class SpooledStore:
    """An ``ObjectStore`` that acknowledges an object when it is durable in a spool, and uploads it in the background.

    An object is *sealed* when it lies in the spool with its id, *sent* when the remote store was asked to take it,
    *confirmed* when the remote store shows an object of the same id, size and attributes, and only then *deleted* from
    the spool. Whatever is interrupted is done again: another try meets its own object, and knows it by its id. A spool
    that is opened anew goes on where it was.

    Readers see both sides. A span never ends in the remote store before its segments are there. Nothing is dropped: a
    full spool refuses to begin an object. ``overwrite`` goes to the remote store at once, past the spool.

    Args:
        remote: where the objects go.
        spool: the folder of the spool; one store at a time may use it, until it is closed or its process ends.
        policy: how it is uploaded.
        runtime: runs the uploads, waits and reads clocks.

    Raises:
        StoreError: the folder cannot be used, or another store uses it; or objects in it wait for another remote store,
            if that has a ``location``.
    """

    def __init__(
        self,
        remote: ObjectStore,
        spool: str | os.PathLike[str],
        *,
        policy: SpoolPolicy = SpoolPolicy(),  # noqa: B008
        runtime: Runtime = SYSTEM,
    ) -> None:
        waiting, aside = spool_folders(spool)
        self._remote = remote
        self._spool = DirectoryStore(waiting, labels="attributes")
        self._aside = DirectoryStore(aside)
        self._policy = policy
        self._runtime = runtime
        self._lock = Lock()
        self._queue = UploadQueue(policy.first, policy.longest, lambda: int.from_bytes(runtime.random(2)) / 65535)
        self._work = UploadState(CauseLog(_log, clock=runtime.monotonic), len(list(self._aside.keys())))
        self._hold = SpoolLock(spool)
        try:
            self._take_up()
        except BaseException:
            self._hold.release()
            raise
        self._changed = runtime.flag()
        self._tasks = [runtime.spawn(self._upload_all, f"upload-{number}") for number in range(policy.tasks)]

    def _take_up(self) -> None:
        """Queue what waits, if it is for this remote store."""
        for key in self._spool.keys(""):
            self._queue.add(key, self._spool.head(key).size)
        if isinstance(self._remote, LocatedStore):
            waits = self._queue.count > 0 or bool(self._spool.open_area_state().unsealed)
            self._hold.keep_target(self._remote.location, waits=waits)

    def __repr__(self) -> str:
        return f"SpooledStore({self._remote!r}, {self._spool.root!r})"

    @property
    def location(self) -> str:
        """URI of the remote store, or of the spool if that has none."""
        return getattr(self._remote, "location", self._spool.location)

    @property
    def status(self) -> SpoolStatus:
        """State of the spool."""
        with self._lock:
            queue, work = self._queue, self._work
            return SpoolStatus(queue.count, queue.size, work.uploaded, work.aside, work.error)

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until all is uploaded, at most so many seconds; return whether it is."""
        until = None if seconds is None else self._runtime.monotonic() + seconds
        while not self._queue.is_idle and (until is None or self._runtime.monotonic() < until):
            self._runtime.sleep(0.05)
        return self._queue.is_idle

    def close(self, wait: float | None = 0.0) -> bool:
        """Stop uploading, after at most ``wait`` seconds (None: however long) in which all may be uploaded.

        What waits stays in the spool, which others may use then. Return whether it is empty.
        """
        self.wait(wait)
        self._work.stopped = True
        self._changed.set()
        for task in self._tasks:
            task.join()
        self._hold.release()
        return self._queue.is_idle

    # ---- writing -----------------------------------------------------------------------------------

    def put(self, obj: StorageObject, *, overwrite: bool = False) -> None:
        """Store a whole object; see ``ObjectStore.put``."""
        writer = self.open_writer(str(obj.key), content_type=obj.content_type, overwrite=overwrite)
        try:
            writer.append(obj.body)
            writer.seal(obj.metadata)
        finally:
            writer.abandon()

    def open_writer(self, key: str, *, content_type: str, overwrite: bool = False) -> ObjectWriter:
        """Begin an object; see ``ObjectStore.open_writer``.

        Raises:
            StoreError: the spool is full.
        """
        if overwrite:
            past = self._remote.open_writer(key, content_type=content_type, overwrite=True)
            return SpoolWriter(past, key, self._seal_past)
        most = self._policy.most_bytes
        if most is not None and self._queue.size >= most:
            raise StoreError(f"the spool is full: {self._queue.size} bytes wait")
        writer = self._spool.open_writer(key, content_type=content_type)
        # In this order, as objects move from the spool to the remote store.
        if key in self._work.recent or (not self._queue.is_failing and self._is_there(key)):
            writer.abandon()
            raise ObjectExistsError(f"an object has this key already: {key}")
        return SpoolWriter(writer, key, self._seal)

    def _is_there(self, key: str) -> bool:
        """Return whether the remote store is known to have an object."""
        try:
            self._remote.head(key)
        except (OnvifBmffError, OSError):
            return False  # there is none, or nobody knows: then the upload finds out
        return True

    def delete(self, key: str) -> None:
        """Remove an object on both sides; see ``ObjectStore.delete``. Waits for an upload of it that is under way."""
        check_path(key)
        waits = self._held_back(key) is not None
        if waits:
            self._spool.delete(key)
        try:
            self._remote.delete(key)
        except ObjectNotFoundError:
            if not waits:
                raise
        self._work.recent.pop(key, None)

    def _held_back(self, key: str) -> int | None:
        """Let an object wait no longer, after an upload that is under way; return its size, None if none waits."""
        while True:
            with self._lock:
                if not self._queue.is_busy(key):
                    return self._queue.forget(key)
            self._runtime.sleep(0.02)

    def _seal(self, writer: ObjectWriter, key: str, attributes: Mapping[str, str]) -> None:
        """Make an object durable in the spool, and queue it."""
        with self._lock:
            if key in self._work.recent:
                raise ObjectExistsError(f"an object took this key meanwhile: {key}")
            self._work.sealing[key] += 1
        try:
            writer.seal(attributes)
        finally:
            with self._lock:
                self._work.sealing[key] -= 1
                self._work.sealing += Counter()  # without zeros
        with suppress(ObjectNotFoundError):  # removed at once
            self._queue_up(key, self._spool.head(key).size)

    def _seal_past(self, writer: ObjectWriter, key: str, attributes: Mapping[str, str]) -> None:
        """Store an object in the remote store, in place of one that waits here."""
        size = self._held_back(key)
        try:
            writer.seal(attributes)
        except BaseException:
            if size is not None:
                self._queue_up(key, size)
            raise
        if size is not None:
            self._spool.delete(key)

    def _queue_up(self, key: str, size: int) -> None:
        with self._lock:
            self._queue.add(key, size)
        self._changed.set()

    # ---- reading -----------------------------------------------------------------------------------

    def get(self, key: str, start: int = 0, length: int | None = None) -> bytes:
        """Return bytes of an object; see ``ReadableStore.get``."""
        try:
            return self._spool.get(key, start, length)
        except ObjectNotFoundError:  # objects move to the remote store, and never back
            return self._remote.get(key, start, length)

    def head(self, key: str) -> ObjectInfo:
        """Return size, content type and attributes; see ``ReadableStore.head``."""
        try:
            return self._spool.head(key)
        except ObjectNotFoundError:
            return self._remote.head(key)

    def keys(self, prefix: str = "", *, after: str = "") -> Iterator[str]:
        """Return the keys of both sides in order; see ``ReadableStore.keys``."""
        spooled = list(
            self._spool.keys(prefix, after=after)
        )  # first, else what moves meanwhile could be on neither side
        last = None
        for key in merge(spooled, self._remote.keys(prefix, after=after)):
            if key != last:
                yield key
            last = key

    # ---- recovery ----------------------------------------------------------------------------------

    def unsealed(self) -> list[UnsealedObject]:
        """Return the unsealed objects of dead writers; see ``OpenAreaStore``."""
        return self._spool.unsealed()

    def open_area_state(self) -> OpenAreaState:
        """Return the state of the open area; see ``WatchedOpenArea``."""
        return self._spool.open_area_state()

    def read_unsealed(self, item: UnsealedObject, start: int = 0, length: int | None = None) -> bytes:
        """Return bytes of an unsealed object; see ``OpenAreaStore.read_unsealed``."""
        return self._spool.read_unsealed(item, start, length)

    def resume(self, item: UnsealedObject, size: int | None = None) -> ObjectWriter:
        """Take an unsealed object over; see ``OpenAreaStore.resume``."""
        return SpoolWriter(self._spool.resume(item, size), item.key, self._seal)

    # ---- uploads -----------------------------------------------------------------------------------

    def _upload_all(self) -> None:
        """Upload one object after the other until the store is closed."""
        while not self._work.stopped:
            with self._lock:
                self._changed.clear()
                one = self._queue.take(self._runtime.monotonic())
            if one is None:
                pause = self._queue.pause(self._runtime.monotonic())
                self._changed.wait(min(pause, _LONGEST_SLEEP) if pause > 0 else _LONGEST_SLEEP)
                continue
            began = self._runtime.monotonic()
            self._upload(one)
            self._changed.set()
            self._keep_pace(one, began)

    def _upload(self, one: Waiting) -> None:
        """Upload an object, and see that the remote store has it; then remove it from the spool."""
        failure: BaseException
        try:
            if is_stored(self._spool, one.key):
                copy_object(self._spool, self._remote, one.key)
                self._remove(one.key)
        except OnvifBmffError as error:
            failure = error
            if isinstance(error, ObjectExistsError) or not isinstance(error, StoreError | StateError):
                return self._set_aside(one, error)
        except (SystemExit, KeyboardInterrupt, GeneratorExit):
            raise
        except Exception as error:  # noqa: BLE001
            # Stores of others may raise anything, and must not end the uploads.
            failure = error
        else:
            with self._lock:
                self._queue.done(one)
                self._work.succeeded()
            return None
        self._work.log.warning(type(failure).__name__, "%s: not uploaded, and tried again: %s", one.key, failure)
        with self._lock:
            self._queue.failed(one, self._runtime.monotonic())
            self._work.error = str(failure)
        return None

    def _remove(self, key: str) -> None:
        """Remove an object that is uploaded from the spool; not while another of its key is being sealed there."""
        while True:
            with self._lock:
                if key not in self._work.sealing:
                    self._work.recent[key] = None
                    break
            self._runtime.sleep(0.02)
        self._spool.delete(key)

    def _set_aside(self, one: Waiting, error: Exception) -> None:
        """Keep an object that the remote store will never take where it is not in the way of others."""
        try:
            copy_object(self._spool, self._aside, one.key)
            self._spool.delete(one.key)
        except (OnvifBmffError, OSError) as failure:
            error = failure
        self._work.log.error(type(error).__name__, "%s is set aside: the store does not take it: %s", one.key, error)
        with self._lock:
            self._queue.done(one)
            self._work.aside += 1

    def _keep_pace(self, one: Waiting, began: float) -> None:
        limit = self._policy.bytes_a_second
        if limit is not None:
            rest = one.size * self._policy.tasks / limit - (self._runtime.monotonic() - began)
            if rest > 0:
                self._runtime.sleep(rest)
