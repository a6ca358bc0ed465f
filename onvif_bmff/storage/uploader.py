"""The tasks that upload what waits in a spool."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from onvif_bmff.errors import ObjectExistsError, ObjectNotFoundError, OnvifBmffError, StateError, StoreError
from onvif_bmff.logs import CauseLog
from onvif_bmff.objects.stored import ObjectStore, ObjectWriter, is_stored
from onvif_bmff.runtime import Runtime
from onvif_bmff.storage.copying import AttributesLostError, CopyState, check_id, copy_object, has_id
from onvif_bmff.storage.locks import LockingStore
from onvif_bmff.storage.spool_contents import SpoolContents
from onvif_bmff.storage.waiting_spans import Waiting

__all__ = ["UploadCounts", "Uploader"]

_LONGEST_SLEEP = 5.0
_PATIENCE = 0.5
"""Seconds that ``stop`` waits for requests that are under way."""


@dataclass(slots=True)
class UploadCounts:
    """How many objects were uploaded, and set aside; ``error`` is why the last upload failed, None after a success."""

    uploaded: int = 0
    aside: int = 0
    error: str | None = None


class Uploader:
    """Uploads what waits in a spool, object by object: until ``stop``, or the end of the process.

    ``done`` is what became of them so far.

    Args:
        contents: what waits.
        spool: where it waits.
        remote: where it goes.
        aside: where objects go that the remote store will never take.
        tasks: uploads at once.
        runtime: runs the tasks.
        log: where failures are logged.
        on_end: called when the last task has ended.
    """

    def __init__(
        self,
        contents: SpoolContents,
        spool: ObjectStore,
        remote: ObjectStore,
        aside: ObjectStore,
        *,
        tasks: int,
        runtime: Runtime,
        log: CauseLog,
        on_end: Callable[[], None],
    ) -> None:
        self._contents = contents
        self._stores = spool, remote, aside
        self._runtime = runtime
        self._log = log
        self._on_end = on_end
        self._changed = runtime.flag()
        self._stopped = False
        self._lock = runtime.lock()
        self._running = tasks
        self.done = UploadCounts(aside=len(list(aside.keys())))
        self._tasks = [runtime.spawn(self._run, f"upload-{number}") for number in range(tasks)]

    def wake(self) -> None:
        """Look for something to upload now."""
        self._changed.set()

    def stop(self) -> None:
        """Begin no other upload. Those that are under way may end later, in their tasks."""
        self._stopped = True
        self._changed.set()
        until = self._runtime.monotonic() + _PATIENCE
        for task in self._tasks:
            task.join(max(0.0, until - self._runtime.monotonic()))
        if not self._tasks:
            self._on_end()

    def _run(self) -> None:
        try:
            while not self._stopped:
                self._changed.clear()
                day = self._day()
                one = self._contents.take(day)
                if one is None:
                    pause = self._contents.pause()
                    self._changed.wait(min(pause, _LONGEST_SLEEP) if pause > 0 else _LONGEST_SLEEP)
                else:
                    self.upload(one, day)
                    self._changed.set()
        finally:
            with self._lock:
                self._running -= 1
                is_last = not self._running
            if is_last:
                self._on_end()

    def _day(self) -> str:
        return str(self._runtime.now())[:10]

    def upload(self, one: Waiting, day: str) -> None:
        """Upload an object that ``SpoolContents.take`` returned, see that the remote store has it, and remove it.

        The store has it if it shows the object's id; of an object without one all bytes are read back. Where the store
        keeps no ids the object goes on waiting.
        """
        spool, remote, _ = self._stores
        asked = _Asked(remote)
        failure: Exception
        try:
            is_there = is_stored(spool, one.key)
            if is_there:
                identified = has_id(spool.head(one.key))
                if copy_object(spool, asked, one.key, digests=not identified).state is CopyState.PRESENT:
                    check_id(spool, asked, one.key)
                self._contents.uploaded(one.key)
                spool.delete(one.key)
        except OnvifBmffError as error:
            failure = error
            if isinstance(error, ObjectExistsError) or not isinstance(error, StoreError | StateError):
                fault = self._set_aside(one, error)
                if fault is None:
                    return
                failure = fault
        except (SystemExit, KeyboardInterrupt, GeneratorExit):
            raise
        except Exception as error:  # noqa: BLE001
            # Stores of others may raise anything, and must not end the uploads.
            failure = error
        else:
            self._contents.done(one)
            if is_there:
                with self._lock:
                    self.done.uploaded += 1
            else:
                self._log.error("removed", "%s: not uploaded, for it is no longer in the spool", one.key)
            self.done.error = None
            return
        log = self._log.error if isinstance(failure, AttributesLostError) else self._log.warning
        log(type(failure).__name__, "%s: not uploaded, and tried again: %s", one.key, failure)
        self._contents.failed(one, day, sent=asked.was_sent)
        self.done.error = str(failure)

    def _set_aside(self, one: Waiting, error: Exception) -> Exception | None:
        """Keep an object that the remote store will never take where it is not in the way of others.

        Return why that cannot be done, as on a full disk: then it goes on waiting.
        """
        spool, _, aside = self._stores
        try:
            copy_object(spool, aside, one.key)
            spool.delete(one.key)
        except ObjectNotFoundError:  # somebody removed it meanwhile
            self._contents.done(one)
            return None
        except (OnvifBmffError, OSError) as failure:
            return failure
        self._log.error(type(error).__name__, "%s is set aside: the store does not take it: %s", one.key, error)
        self._contents.done(one)
        with self._lock:
            self.done.aside += 1
        return None


class _Asked:
    """A store, and whether it was asked to take an object (``was_sent``)."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self.was_sent = False
        self.get = store.get
        self.head = store.head
        self.keys = store.keys
        self.put = store.put
        self.delete = store.delete
        if isinstance(store, LockingStore):
            self.can_lock = store.can_lock
            self.lock = store.lock
            self.lock_as_new = store.lock_as_new
            self.lock_of = store.lock_of
            self.release = store.release

    def open_writer(self, key: str, *, content_type: str, overwrite: bool = False) -> ObjectWriter:
        return _AskedWriter(self._store.open_writer(key, content_type=content_type, overwrite=overwrite), self)


class _AskedWriter:
    """A writer of such a store."""

    def __init__(self, writer: ObjectWriter, asked: _Asked) -> None:
        self._writer = writer
        self._asked = asked
        self.append = writer.append
        self.abandon = writer.abandon

    def seal(self, attributes: Mapping[str, str]) -> None:
        self._asked.was_sent = True
        self._writer.seal(attributes)
