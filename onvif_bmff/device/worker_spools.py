"""The spools of a device whose outputs run in processes: a folder each, and which recording is in which.

A spool has the beginnings of spans whose rest waits in it, so a recording stays with its spool: another process would
end these spans in the store before the rest is there.
"""

import json
import logging
import os
from collections import Counter
from collections.abc import Collection, Iterable
from pathlib import Path

from onvif_bmff.errors import StateError
from onvif_bmff.storage.directory import DirectoryStore
from onvif_bmff.storage.spool import spool_folders
from onvif_bmff.storage.tree import write_file

__all__ = ["Assignments", "check_left_over", "worker_folder"]

_log = logging.getLogger(__name__)
_FILE = "workers"
_LEAD = "worker-"
_LARGEST = 16 << 20


def worker_folder(folder: str, number: int) -> str:
    """Return the folder of the spools of a process."""
    return os.path.join(folder, f"{_LEAD}{number}")


def check_left_over(folder: str, used: Collection[str]) -> None:
    """Check that nothing waits in spools that nobody would upload, as there were more processes before, or fewer.

    Args:
        folder: the folder of all spools.
        used: folders whose spools are used.

    Raises:
        StateError: something does.
    """
    for path in sorted(Path(folder).glob("storage-*")) + sorted(Path(folder).glob(f"{_LEAD}*/storage-*")):
        if str(path.parent) not in used and _waits(path):
            raise StateError(
                f"recordings wait in the spool {path}, which another number of processes left: complete them by "
                f"'onvif-bmff recover {path}/waiting --nobody-records', then upload them by "
                f"'onvif-bmff spool {path} --to STORE'"
            )


def _waits(spool: Path) -> bool:
    folder = spool_folders(spool)[0]
    if not Path(folder).is_dir():
        return False
    store = DirectoryStore(folder, create=False)
    return next(store.keys(), None) is not None or bool(store.open_area_state().unsealed)


class Assignments:
    """Which process has which recording: the one with the fewest, and for good.

    Args:
        count: number of processes.
        folder: where it is kept over restarts; None if it is not.
    """

    def __init__(self, count: int, folder: str | None = None) -> None:
        self._count = count
        self._folder = folder
        self._numbers = self._read()

    def of(self, recordings: Iterable[str]) -> dict[str, int]:
        """Return the number of the process of each recording; those that are gone are forgotten."""
        wanted = list(recordings)
        found = {token: self._numbers[token] for token in wanted if token in self._numbers}
        loads = Counter(found.values())
        for token in wanted:
            if token not in found:
                number = min(range(self._count), key=lambda one: (loads[one], one))
                found[token] = number
                loads[number] += 1
        if found != self._numbers:
            self._numbers = found
            self._write()
        return found

    def _read(self) -> dict[str, int]:
        if self._folder is None:
            return {}
        try:
            with open(os.path.join(self._folder, _FILE), "rb") as file:
                rows = json.loads(file.read(_LARGEST))
            return {str(token): number for token, number in rows.items() if number in range(self._count)}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError, AttributeError) as error:
            _log.warning(
                "%s: which process has which recording cannot be read, and is decided anew: %s", self._folder, error
            )
            return {}

    def _write(self) -> None:
        if self._folder is None:
            return
        try:
            os.makedirs(self._folder, exist_ok=True)
            folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                write_file(_FILE, json.dumps(self._numbers).encode(), folder, fsync=True)
            finally:
                os.close(folder)
        except OSError as error:
            _log.error("%s: which process has which recording is not written down: %s", self._folder, error.strerror)
