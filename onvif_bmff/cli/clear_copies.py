"""Clear copies of stored segments, for players that take no keys: a folder of files named as the objects are."""

import os
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

from onvif_bmff.bmff import Box
from onvif_bmff.cenc.key_ring import KeyRing
from onvif_bmff.cli.decrypt import decrypt_file
from onvif_bmff.errors import ObjectNotFoundError
from onvif_bmff.objects import ObjectInfo
from onvif_bmff.playback import RecordedSegment, Selection
from onvif_bmff.storage import DirectoryStore

__all__ = ["ClearCopies"]

_BLOCK = 4 << 20
_UNPLAYED = "m4m"


class ClearCopies(DirectoryStore):
    """Reads segments from ``folder`` that `make` has copied there, with the attributes that they have in ``store``.

    Nothing appears in the folder before all copies are complete, and nothing is left if that fails.
    """

    def __init__(self, store: DirectoryStore, folder: Path) -> None:
        super().__init__(folder, create=False, fsync=False)
        self._originals = store

    @classmethod
    def make(
        cls,
        store: DirectoryStore,
        selection: Selection,
        folder: Path,
        ring: KeyRing,
        unlock: Callable[[Sequence[Box]], object],
    ) -> "ClearCopies":
        """Copy the video and audio of a selection; what is clear already is copied as it is.

        Raises what ``decrypt_file`` raises, and ``StoreError``.
        """
        is_new = not folder.parent.exists()
        folder.parent.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            if is_new:
                stack.callback(_remove_if_empty, folder.parent)
            place = stack.enter_context(tempfile.TemporaryDirectory(prefix=".clear-", dir=folder.parent))
            made: list[tuple[Path, Path]] = []
            for segment in _segments(selection):
                encrypted, clear = Path(place, "encrypted"), Path(place, str(len(made)))
                _fetch(store, segment.name, encrypted)
                decrypt_file(encrypted, clear, ring, unlock=unlock, may_be_clear=True)
                made.append((clear, folder / segment.name))
            folder.mkdir(exist_ok=True)
            for clear, target in made:
                target.parent.mkdir(parents=True, exist_ok=True)
                os.replace(clear, target)
        return cls(store, folder)

    def head(self, key: str) -> ObjectInfo:
        """The size of the copy, the attributes of the object without its SeekTable, which does not fit the copy."""
        original = self._originals.head(key)
        attributes = {name: text for name, text in original.attributes.items() if name.lower() != "seektable"}
        return replace(original, size=super().head(key).size, attributes=attributes)


def _remove_if_empty(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()


def _segments(selection: Selection) -> list[RecordedSegment]:
    parts = [part for extension, found in selection.parts.items() if extension != _UNPLAYED for part in found]
    return [segment for part in parts for segment in part.segments()]


def _fetch(store: DirectoryStore, name: str, target: Path) -> None:
    """Copy an object to a file, block by block."""
    position, size = 0, store.head(name).size
    with target.open("wb") as file:
        while position < size:
            data = store.get(name, position, _BLOCK)
            if not data:
                raise ObjectNotFoundError(f"the object became shorter while it was read: {name}")
            file.write(data)
            position += len(data)
