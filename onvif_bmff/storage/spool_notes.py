"""What a spool remembers besides its objects, in a file of its own: what was dropped, and how much was sent."""

import errno
import json
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from onvif_bmff.errors import StoreError
from onvif_bmff.logs import CauseLog
from onvif_bmff.runtime import SYSTEM, Runtime
from onvif_bmff.storage.file_system import POSIX, FileSystem
from onvif_bmff.storage.spool import Dropped
from onvif_bmff.storage.tree import read_all, write_file

__all__ = ["SpoolNotes", "is_full_disk"]

_log = logging.getLogger(__name__)
_FILE = "notes"
_MOST = 100
"""Drops that are kept one by one; of all together there are sums."""
_PERIODS = 16
"""Days, and months, whose bytes are known: those that were charged last, as a clock may be set back and forth."""
_LARGEST = 1 << 20
_RESERVE = "reserve"
_RESERVED = 1 << 16
"""Bytes that are kept free for the notes on a disk that is full: what the last drops may need."""
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


@dataclass(slots=True)
class _Content:
    """What the file has. ``dropping`` is what is about to be dropped, and may be half done after a crash.

    ``days`` and ``months`` are the bytes that were sent, by period, such as ``2026-11-30`` or ``2026-11``; the one that
    was charged last is the last one.
    """

    objects: int = 0
    bytes: int = 0
    dropped: list[Dropped] = field(default_factory=list)
    dropping: Dropped | None = None
    days: dict[str, int] = field(default_factory=dict)
    months: dict[str, int] = field(default_factory=dict)


class SpoolNotes:
    """The notes of a spool, written whole and durably at each change.

    Those who send and those who drop change them at the same time, so each change is in the file before the next one.
    There is room for them on a disk that is full (``keep_reserve``). A file that cannot be written is logged, and the
    notes go on in memory until ``flush``; one that cannot be read counts as empty.

    Args:
        root: the folder of the spool.
        system: where the folder is.
        log: where failures are logged.
        runtime: gives the lock.
    """

    def __init__(
        self, root: str, system: FileSystem = POSIX, log: CauseLog | None = None, runtime: Runtime = SYSTEM
    ) -> None:
        self._root = root
        self._system = system
        self._log = log or CauseLog(_log)
        self._lock = runtime.lock()
        self._content = _content_of(self._read())
        self._is_late = False

    @property
    def dropped(self) -> list[Dropped]:
        """The last drops."""
        return list(self._content.dropped)

    @property
    def dropped_objects(self) -> int:
        """How many segments were dropped in all."""
        return self._content.objects

    @property
    def dropped_bytes(self) -> int:
        """The size of all segments that were dropped."""
        return self._content.bytes

    @property
    def dropping(self) -> Dropped | None:
        """What was about to be dropped when the process ended."""
        return self._content.dropping

    def begin_drop(self, what: Dropped) -> None:
        """Note what is about to be dropped."""
        with self._lock:
            self._content.dropping = what
            self._write()

    def end_drop(self, what: Dropped | None) -> None:
        """Note what was dropped."""
        with self._lock:
            content = self._content
            content.dropping = None
            if what is not None:
                content.objects += what.objects
                content.bytes += what.bytes
                content.dropped = [*content.dropped, what][-_MOST:]
            self._write()

    def sent(self, day: str) -> tuple[int, int]:
        """Return the bytes that were sent on a day, as ``2026-11-30``, and in its month."""
        content = self._content
        return content.days.get(day, 0), content.months.get(day[:7], 0)

    def charge(self, day: str, size: int) -> None:
        """Note bytes that are being sent on a day; less than none are those that were not sent after all.

        What is known of other days stays: a clock that is set back and forth gives no day its bytes twice.
        """
        with self._lock:
            content = self._content
            content.days = _charged(content.days, day, size)
            content.months = _charged(content.months, day[:7], size)
            self._write()

    def _read(self) -> bytes:
        system = self._system
        try:
            file = system.open(os.path.join(self._root, _FILE), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return b""
        except OSError as error:
            self._log.warning("reading", "%s: the notes of the spool cannot be read: %s", self._root, error.strerror)
            return b""
        try:
            return read_all(file, 0, _LARGEST, system)
        except OSError as error:
            self._log.warning("reading", "%s: the notes of the spool cannot be read: %s", self._root, error.strerror)
            return b""
        finally:
            system.close(file)

    def flush(self) -> None:
        """Write what could not be written before."""
        with self._lock:
            if self._is_late:
                self._write()

    def _write(self) -> None:
        data = json.dumps(asdict(self._content)).encode()
        self._is_late = True
        try:
            with self._folder() as folder:
                try:
                    write_file(_FILE, data, folder, fsync=True, system=self._system)
                except OSError as error:
                    if not is_full_disk(error):
                        raise
                    self._system.unlink(_RESERVE, dir_fd=folder)  # for moments like this one
                    write_file(_FILE, data, folder, fsync=True, system=self._system)
        except OSError as error:
            self._log.warning("writing", "%s: the notes of the spool are not written: %s", self._root, error.strerror)
            return
        self._is_late = False
        self.keep_reserve()

    def keep_reserve(self) -> None:
        """Keep room on the disk for the notes, if it is not kept."""
        try:
            with self._lock, self._folder() as folder:
                try:
                    self._system.stat(_RESERVE, dir_fd=folder)
                except FileNotFoundError:
                    write_file(_RESERVE, bytes(_RESERVED), folder, fsync=True, system=self._system)
        except OSError as error:
            self._log.warning(
                "reserve", "%s: no room is kept for the notes of the spool: %s", self._root, error.strerror
            )

    @contextmanager
    def _folder(self) -> Iterator[int]:
        folder = self._system.open(self._root, _FOLDER)
        try:
            yield folder
        finally:
            self._system.close(folder)


def _charged(sent: Mapping[str, int], period: str, size: int) -> dict[str, int]:
    """Return what was sent by period, with a size more; the oldest charge is forgotten where there are many."""
    found = {name: known for name, known in sent.items() if name != period}
    found[period] = max(0, sent.get(period, 0) + size)
    return dict(list(found.items())[-_PERIODS:])


def _sent_of(row: Mapping[str, Any], all_of: str, last: str) -> dict[str, int]:
    """Return what was sent by period; earlier versions kept the last period alone."""
    if all_of in row:
        return {str(period): int(size) for period, size in row[all_of].items()}
    return {str(row[last]["period"]): int(row[last]["bytes"])} if row[last]["period"] else {}


def _content_of(data: bytes) -> _Content:
    """Return what a file says; nothing if it is damaged, as notes may never keep a recorder from its work."""
    if not data:
        return _Content()
    try:
        row: Mapping[str, Any] = json.loads(data)
        dropping = row["dropping"]
        return _Content(
            int(row["objects"]),
            int(row["bytes"]),
            [Dropped(**one) for one in row["dropped"]],
            None if dropping is None else Dropped(**dropping),
            _sent_of(row, "days", "day"),
            _sent_of(row, "months", "month"),
        )
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        _log.warning("the notes of a spool are damaged, and begin anew")
        return _Content()


def is_full_disk(error: BaseException) -> bool:
    """Return whether a store failed because its disk is full."""
    cause = error.__cause__ if isinstance(error, StoreError) else error
    return isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT)
