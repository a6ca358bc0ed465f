"""A store behind a spool on the local disk: objects are safe at once, and uploaded when the remote store takes them."""

import logging
import os
from collections.abc import Callable, Iterator, Mapping

from onvif_bmff.errors import ObjectExistsError, ObjectNotFoundError, StoreError
from onvif_bmff.logs import CauseLog
from onvif_bmff.objects.key import check_path
from onvif_bmff.objects.locations import check_apart
from onvif_bmff.objects.stored import (
    LocatedStore,
    ObjectInfo,
    ObjectStore,
    ObjectWriter,
    OpenAreaState,
    StorageObject,
    UnsealedObject,
)
from onvif_bmff.runtime import SYSTEM, Runtime
from onvif_bmff.storage.directory import DirectoryStore
from onvif_bmff.storage.file_system import POSIX, FileSystem
from onvif_bmff.storage.layers import StoreLayers
from onvif_bmff.storage.lookup import Lookup
from onvif_bmff.storage.spool import Dropped, SpoolPolicy, SpoolStatus, SpoolWriter, spool_folders
from onvif_bmff.storage.spool_contents import SpoolContents
from onvif_bmff.storage.spool_lock import SpoolLock
from onvif_bmff.storage.spool_notes import SpoolNotes
from onvif_bmff.storage.spool_room import SpoolRoom
from onvif_bmff.storage.uploader import Uploader
from onvif_bmff.storage.waiting_spans import is_of_event, waiting

__all__ = ["SpooledStore"]

_log = logging.getLogger(__name__)


class SpooledStore:
    """An ``ObjectStore`` that acknowledges an object when it is durable in a spool, and uploads it in the background.

    An object is *sealed* when it lies in the spool with its id, *sent* when the remote store was asked to take it,
    *confirmed* when the remote store shows an object of the same id, size and attributes, and only then *deleted* from
    the spool. Whatever is interrupted is done again: another try meets its own object, and knows it by its id. A spool
    that is opened anew goes on where it was.

    Readers see both sides. A span never ends in the remote store before its segments are there. A full spool refuses
    to begin an object, or drops what waits of a span, as the policy says: what is left in the stores is always the
    beginning of the span, with its end. Where more of that span comes, ``SpanEndedError`` asks for another span, which
    ``StoreSink`` begins by itself. ``overwrite`` goes to the remote store at once, past the spool.

    Args:
        remote: where the objects go.
        spool: the folder of the spool; one store at a time may use it, until it is closed or its process ends.
        policy: how it is uploaded, and what happens when it is full.
        on_dropped: called with all that is dropped; raises nothing.
        runtime: runs the uploads, waits and reads clocks.
        system: the functions of the operating system, which tests may replace.

    Raises:
        StoreError: the folder cannot be used, lies in the remote store, or another store uses it; or objects in it wait
            for another remote store, if that has a ``location``.
    """

    def __init__(
        self,
        remote: ObjectStore,
        spool: str | os.PathLike[str],
        *,
        policy: SpoolPolicy = SpoolPolicy(),  # noqa: B008
        on_dropped: Callable[[Dropped], None] | None = None,
        runtime: Runtime = SYSTEM,
        system: FileSystem = POSIX,
    ) -> None:
        root = os.fspath(spool)
        if isinstance(remote, LocatedStore):
            _check_apart(remote.location, system.realpath(root))
        waiting, aside = spool_folders(root)
        log = CauseLog(_log, clock=runtime.monotonic)
        self._remote = remote
        self._spool = DirectoryStore(waiting, labels="attributes", system=system)
        self._runtime = runtime
        kept = DirectoryStore(aside, system=system)
        self._hold = SpoolLock(root, system)
        try:
            self._notes = SpoolNotes(root, system, log, runtime)
            self._notes.keep_reserve()
            self._contents = SpoolContents(policy, self._notes, runtime)
            self._room = SpoolRoom(self._spool, self._contents, self._notes, policy, runtime, log, on_dropped)
            self._take_up()
        except BaseException:
            self._hold.release()
            raise
        self._lookup = Lookup(remote, runtime)
        self._layers = StoreLayers([self._spool, remote])
        self._uploader = Uploader(
            self._contents, self._spool, remote, kept,
            tasks=policy.tasks, runtime=runtime, log=log, on_end=self._hold.release,
        )  # fmt: skip

    def _take_up(self) -> None:
        """Queue what waits, if it is for this remote store."""
        keys = list(self._spool.keys(""))
        if isinstance(self._remote, LocatedStore):
            waits = bool(keys or self._spool.open_area_state().unsealed)
            self._hold.keep_target(self._remote.location, waits=waits)
        if self._notes.dropping is not None:
            self._room.complete(keys)
            keys = list(self._spool.keys(""))
        found = [self._spool.head(key) for key in keys]
        for info in sorted(found, key=lambda info: waiting(info.key, info.size)):
            self._contents.add(info.key, info.size, is_event=is_of_event(info.attributes), in_doubt=True)

    def __repr__(self) -> str:
        return f"SpooledStore({self._remote!r}, {self._spool.root!r})"

    @property
    def location(self) -> str:
        """URI of the remote store, or of the spool if that has none."""
        return getattr(self._remote, "location", self._spool.location)

    @property
    def status(self) -> SpoolStatus:
        """State of the spool."""
        contents, done, notes = self._contents, self._uploader.done, self._notes
        return SpoolStatus(
            contents.count, contents.size, done.uploaded, done.aside, done.error,
            notes.dropped_objects, notes.dropped_bytes, contents.exhausted,
        )  # fmt: skip

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until all is uploaded, at most so many seconds; return whether it is."""
        until = None if seconds is None else self._runtime.monotonic() + seconds
        while self._contents.count and (until is None or self._runtime.monotonic() < until):
            self._runtime.sleep(0.05)
        return not self._contents.count

    def close(self, wait: float | None = 0.0) -> bool:
        """Stop uploading, after at most ``wait`` seconds (None: however long) in which all may be uploaded.

        What waits stays in the spool, which others may use then: at once, or where the remote store does not answer
        when the last request has ended. Return whether the spool is empty.
        """
        self.wait(wait)
        self._uploader.stop()
        return not self._contents.count

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
            SpanEndedError: what waited of the object's span was dropped.
            StoreError: the spool is full.
        """
        if overwrite:
            past = self._remote.open_writer(key, content_type=content_type, overwrite=True)
            return SpoolWriter(past, key, self._seal_past)
        self._room.admit(key)
        try:
            writer = self._spool.open_writer(key, content_type=content_type)
        except StoreError as error:
            self._room.failed(error)
            raise
        # In this order, as objects move from the spool to the remote store.
        if key in self._contents.recent or (not self._contents.is_failing and self._lookup.finds(key)):
            writer.abandon()
            raise ObjectExistsError(f"an object has this key already: {key}")
        return SpoolWriter(writer, key, self._seal, self._room)

    def delete(self, key: str) -> None:
        """Remove an object on both sides; see ``ObjectStore.delete``. Waits for an upload of it that is under way."""
        check_path(key)
        waits = self._contents.hold_back(key) is not None
        if waits:
            self._spool.delete(key)
        try:
            self._remote.delete(key)
        except ObjectNotFoundError:
            if not waits:
                raise
        self._contents.recent.discard(key)

    def _seal(self, writer: ObjectWriter, key: str, attributes: Mapping[str, str]) -> None:
        """Make an object durable in the spool, and queue it."""
        try:
            with self._contents.sealing(key):
                try:
                    writer.seal(attributes)
                except ObjectExistsError:
                    raise
                except BaseException:
                    # It may be there all the same, as where its folder cannot be made durable; then whoever asks finds
                    # it, by its id, and takes it for stored.
                    if not self._contents.holds(key):
                        self._queue(key, attributes)
                    raise
                self._queue(key, attributes)
        except StoreError as error:
            self._room.failed(error)
            raise
        finally:
            self._uploader.wake()

    def _queue(self, key: str, attributes: Mapping[str, str]) -> None:
        """Queue an object if it is there, or if nobody knows."""
        try:
            size = self._spool.head(key).size
        except ObjectNotFoundError:  # removed at once
            return
        except StoreError:
            size = 0
        self._contents.add(key, size, is_event=is_of_event(attributes))

    def _seal_past(self, writer: ObjectWriter, key: str, attributes: Mapping[str, str]) -> None:
        """Store an object in the remote store, in place of one that waits here."""
        size = self._contents.hold_back(key)
        try:
            writer.seal(attributes)
        except BaseException:
            if size is not None:
                self._contents.add(key, size, is_event=False)
                self._uploader.wake()
            raise
        if size is not None:
            self._spool.delete(key)

    # ---- reading -----------------------------------------------------------------------------------

    def get(self, key: str, start: int = 0, length: int | None = None) -> bytes:
        """Return bytes of an object; see ``ReadableStore.get``."""
        return self._layers.get(key, start, length)

    def head(self, key: str) -> ObjectInfo:
        """Return size, content type and attributes; see ``ReadableStore.head``."""
        return self._layers.head(key)

    def keys(self, prefix: str = "", *, after: str = "") -> Iterator[str]:
        """Return the keys of both sides in order; see ``ReadableStore.keys``."""
        return self._layers.keys(prefix, after=after)

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
        return SpoolWriter(self._spool.resume(item, size), item.key, self._seal, self._room)


def _check_apart(location: str, root: str) -> None:
    """Check that the spool does not lie in the remote store, whose objects it would become, or the store in it.

    Raises:
        StoreError: it does.
    """
    try:
        check_apart(location, f"file://{root}")
    except StoreError:
        raise StoreError(f"the spool {root} needs a place of its own, apart from the store {location}") from None
