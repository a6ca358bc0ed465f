"""Clear copies of stored segments, for players without keys: a folder of files with the names of the objects."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from onvif_bmff.cli.decrypt import decrypt_file
from onvif_bmff.cli.keys import Keys
from onvif_bmff.cli.output import named_errors
from onvif_bmff.cli.permissions import PRIVATE, folder_mode
from onvif_bmff.cli.signals import SignalGuard
from onvif_bmff.errors import ObjectNotFoundError, OnvifBmffError
from onvif_bmff.export import whole_size
from onvif_bmff.media_kind import MediaKind
from onvif_bmff.objects import ObjectInfo, ReadableStore
from onvif_bmff.objects.extensions import only_kind_in
from onvif_bmff.playback import LeftOut, RecordedSegment, Selection, left_out_of
from onvif_bmff.storage import DirectoryStore

__all__ = ["ClearCopies", "make_folder", "remove_files"]

_BLOCK = 4 << 20
_EXTENSION = ".mp4"


class ClearCopies:
    """A ``ReadableStore`` of the segments that ``make`` has copied to ``folder``, with their attributes in ``store``.

    Their names end with ``.mp4``: ffmpeg 5 and 8 refuse others in playlists.

    Nothing appears in the folder before all copies are complete, and nothing is left after a failure.

    ``left_out``: what of the objects was not copied, by key.
    """

    def __init__(self, store: ReadableStore, folder: Path, left_out: Mapping[str, LeftOut]) -> None:
        self._copies = DirectoryStore(folder, create=False, fsync=False)
        self._originals = store
        self.left_out = left_out

    @classmethod
    def make(
        cls,
        store: ReadableStore,
        selection: Selection,
        folder: Path,
        keys: Keys,
        signals: SignalGuard,
        made: list[Path],
        mode: int | None = None,
        *,
        strict: bool = True,
    ) -> "ClearCopies":
        """Copy the video and audio of a selection; clear objects are copied unchanged.

        Unless ``strict``, damaged objects are copied up to their last whole fragment, or not at all.

        Only their owner can read them, and enter their folder, unless ``mode`` is given.

        ``made`` gets the path of each copy, and of each folder that was made for them. Raises what ``decrypt_file``
        raises, and ``StoreError``.
        """
        with ExitStack() as stack:
            stack.enter_context(signals.undo(lambda: remove_files(made)))
            make_folder(folder.parent, made)
            place = stack.enter_context(_temporary_folder(folder, signals))
            copies: list[tuple[Path, Path]] = []
            left_out: dict[str, LeftOut] = {}
            for segment in _segments(selection):
                encrypted, clear = Path(place, "encrypted"), Path(place, str(len(copies)))
                try:
                    size, fault = (None, None) if strict else whole_size(store, segment.name)
                    if fault is not None:
                        left_out[segment.name] = left_out_of(segment, fault)
                    _fetch(store, segment.name, encrypted, size)
                    decrypt_file(
                        encrypted, clear, keys.ring, signals=signals, unlock=keys.unlock, mode=mode, may_be_clear=True
                    )
                except OnvifBmffError as error:
                    error.about(segment.name)
                    if strict:
                        raise
                    left_out[segment.name] = left_out_of(segment, error)
                    continue
                copies.append((clear, folder / cls.name_of(segment.name)))
            _check_any(copies, left_out)
            permissions = folder_mode(mode if mode is not None else PRIVATE)
            with signals.shield():
                for clear, target in copies:
                    make_folder(target.parent, made, permissions)
                    if not target.exists():  # that of an earlier export stays, even if this one fails
                        made.append(target)
                    os.replace(clear, target)
        return cls(store, folder, left_out)

    @staticmethod
    def name_of(key: str) -> str:
        """Return the name of the copy of an object."""
        return key if key.endswith(_EXTENSION) else key + _EXTENSION

    def get(self, key: str, start: int = 0, length: int | None = None) -> bytes:
        """Return bytes of the copy."""
        return self._copies.get(self.name_of(key), start, length)

    def keys(self, prefix: str = "", *, after: str = "") -> Iterator[str]:
        """Return the keys of the objects."""
        return self._originals.keys(prefix, after=after)

    def head(self, key: str) -> ObjectInfo:
        """Return the size of the copy, and the attributes of the object except its SeekTable, which does not fit."""
        original = self._originals.head(key)
        attributes = {name: text for name, text in original.attributes.items() if name.lower() != "seektable"}
        return replace(original, size=self._copies.head(self.name_of(key)).size, attributes=attributes)


def _check_any(copies: list[tuple[Path, Path]], left_out: dict[str, LeftOut]) -> None:
    """Raise the first error if nothing could be copied."""
    errors = [one.error for one in left_out.values() if one.error is not None]
    if errors and not copies:
        raise errors[0]


def remove_files(paths: list[Path]) -> None:
    """Remove files, and folders that are empty then, the last first. Missing or non-empty ones are ignored."""
    for path in reversed(paths):
        with suppress(OSError):
            if path.is_dir():
                path.rmdir()
            else:
                path.unlink()


def make_folder(folder: Path, made: list[Path], permissions: int | None = None) -> None:
    """Make a folder, and those above it; ``made`` gets the path of each that was not there."""
    for path in (*reversed(folder.parents), folder):
        if not path.exists():
            made.append(path)
            path.mkdir(0o777 if permissions is None else PRIVATE | 0o100)
            if permissions is not None:
                path.chmod(permissions)


@contextmanager
def _temporary_folder(folder: Path, signals: SignalGuard) -> Iterator[str]:
    """Make a hidden folder beside ``folder``, which errors name in its place, and remove it at the end."""
    place = os.path.join(folder.parent, f".clear-{os.getpid()}-{os.urandom(6).hex()}")
    with signals.undo(lambda: shutil.rmtree(place, ignore_errors=True)), named_errors(folder, Path(place)):
        os.mkdir(place, 0o700)
        yield place
        shutil.rmtree(place, ignore_errors=True)


def _segments(selection: Selection) -> list[RecordedSegment]:
    parts = [
        part
        for extension, found in selection.parts.items()
        if only_kind_in(extension) is not MediaKind.METADATA
        for part in found
    ]
    return [segment for part in parts for segment in part.segments()]


def _fetch(store: ReadableStore, name: str, target: Path, limit: int | None = None) -> None:
    """Copy an object, or its first ``limit`` bytes, to a file, block by block."""
    position, size = 0, store.head(name).size if limit is None else limit
    with target.open("wb") as file:
        while position < size:
            data = store.get(name, position, min(_BLOCK, size - position))
            if not data:
                raise ObjectNotFoundError(f"the object became shorter while it was read: {name}")
            file.write(data)
            position += len(data)
