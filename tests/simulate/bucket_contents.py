"""What lies in a simulated bucket: objects, what is listed of them, and uploads. Everything here happens at once."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from onvif_bmff.errors import ObjectExistsError, ObjectNotFoundError, StoreError
from onvif_bmff.objects.stored import OpenAreaState, UnsealedObject
from tests.simulate.runtime import Process, Simulation

__all__ = ["BucketContents", "StoredObject", "Upload"]


@dataclass(frozen=True, slots=True)
class StoredObject:
    """A whole object."""

    body: bytes
    content_type: str
    attributes: Mapping[str, str]


@dataclass(slots=True)
class Upload:
    """Appended bytes that are not sealed. ``owner`` is the process that writes it, None if it was released."""

    name: str
    key: str
    content_type: str
    overwrite: bool
    owner: Process | None
    body: bytearray = field(default_factory=bytearray)

    @property
    def alive(self) -> bool:
        """Whether its writer may still append."""
        return self.owner is not None and self.owner.alive


@dataclass(slots=True)
class _Unlisted:
    """A key of which listings are out of date until then; ``noticed`` once one showed that."""

    until: float
    noticed: bool = False


class BucketContents:
    """Objects and uploads.

    Args:
        simulation: time and chance.
        delay: for how many seconds listings do not know of a change that happens just now.
        noticed: called when a listing is out of date for a key, the first time.
    """

    def __init__(self, simulation: Simulation, delay: Callable[[], float], noticed: Callable[[], None]) -> None:
        self._simulation = simulation
        self._delay = delay
        self._noticed = noticed
        self.objects: dict[str, StoredObject] = {}
        self._sorted: list[str] = []
        self._unlisted: dict[str, _Unlisted] = {}
        self._uploads: dict[str, Upload] = {}

    # ---- objects -------------------------------------------------------------------------------------------

    def find(self, key: str) -> StoredObject:
        """Return an object, or raise ``ObjectNotFoundError``."""
        found = self.objects.get(key)
        if found is None:
            raise ObjectNotFoundError(f"no object has this key: {key}")
        return found

    def keep(self, key: str, stored: StoredObject, *, overwrite: bool) -> None:
        """Put an object under its key, or raise ``ObjectExistsError``."""
        self._check_free(key, overwrite=overwrite)
        was_there = key in self.objects
        self.objects[key] = stored
        if was_there or self._unlisted.pop(key, None) is not None:  # a listing that still had it is right again
            return
        insort(self._sorted, key)
        self._changed(key)

    def remove(self, key: str) -> None:
        """Remove an object, or raise ``ObjectNotFoundError``."""
        self.find(key)
        del self.objects[key]
        if self._unlisted.pop(key, None) is not None or not self._changed(key):
            del self._sorted[bisect_left(self._sorted, key)]

    def page(self, prefix: str, after: str, size: int) -> tuple[list[str], str | None]:
        """Return keys of a listing, and after which key the next page begins; None if there is none."""
        at = max(bisect_left(self._sorted, prefix), bisect_right(self._sorted, after) if after else 0)
        names = self._sorted[at : at + size]
        more = len(names) == size and names[-1].startswith(prefix)
        names = [name for name in names if name.startswith(prefix)]
        found = [name for name in names if self._is_listed(name)]
        for name in names:
            if name not in self.objects and name not in self._unlisted:
                del self._sorted[bisect_left(self._sorted, name)]
        return found, names[-1] if more else None

    def _check_free(self, key: str, *, overwrite: bool) -> None:
        if key in self.objects and not overwrite:
            raise ObjectExistsError(f"an object has this key already: {key}")

    def _changed(self, key: str) -> bool:
        """Decide how long listings will not know of a change; return whether they do not."""
        seconds = self._delay()
        if seconds:
            self._unlisted[key] = _Unlisted(self._simulation.time + seconds)
        return seconds > 0

    def _is_listed(self, key: str) -> bool:
        there, late = key in self.objects, self._unlisted.get(key)
        if late is None:
            return there
        if late.until <= self._simulation.time:
            del self._unlisted[key]
            return there
        if not late.noticed:
            late.noticed = True
            self._noticed()
        return not there

    # ---- uploads -------------------------------------------------------------------------------------------

    def begin(self, process: Process, key: str, content_type: str, *, overwrite: bool) -> Upload:
        """Begin an upload, or raise ``ObjectExistsError``."""
        self._check_free(key, overwrite=overwrite)
        name = self._simulation.chance.randbytes(8).hex()
        upload = self._uploads[name] = Upload(name, key, content_type, overwrite, process)
        return upload

    def complete(self, upload: Upload, stored: StoredObject) -> None:
        """Make an upload an object, or raise ``ObjectExistsError``."""
        self.keep(upload.key, stored, overwrite=upload.overwrite)
        self.forget(upload)

    def forget(self, upload: Upload) -> None:
        """Drop an upload, if it is there."""
        self._uploads.pop(upload.name, None)

    def lose_uploads(self) -> int:
        """Drop the uploads of dead writers; return their number."""
        dead = [upload for upload in self._uploads.values() if not upload.alive]
        for upload in dead:
            self.forget(upload)
        return len(dead)

    def area(self) -> OpenAreaState:
        """Return the uploads that are not objects, of dead and of living writers."""
        dead = [one for one in self._uploads.values() if not one.alive]
        unsealed = [UnsealedObject(one.key, one.content_type, len(one.body), one.name, one.overwrite) for one in dead]
        written = sorted(one.key for one in self._uploads.values() if one.alive)
        return OpenAreaState(tuple(sorted(unsealed, key=lambda one: (one.key, one.name))), tuple(written))

    def dead_upload(self, item: UnsealedObject) -> Upload:
        """Return the upload of a dead writer, or raise ``StoreError``."""
        upload = self._uploads.get(item.name)
        if upload is None:
            raise ObjectNotFoundError(f"the unsealed object is gone: {item.key}")
        if upload.alive:
            raise StoreError(f"another process is writing the unsealed object: {item.key}")
        return upload

    def take_over(self, item: UnsealedObject, process: Process, size: int | None) -> Upload:
        """Give the upload of a dead writer, cut to a size, to a process, or raise ``StoreError``."""
        upload = self.dead_upload(item)
        keep = len(upload.body) if size is None else size
        if not 0 <= keep <= len(upload.body):
            raise StoreError(f"the unsealed object has {len(upload.body)} bytes, not {keep}: {item.key}")
        del upload.body[keep:]
        upload.owner = process
        return upload
