"""Content types and attributes from a file, for objects that lost them when their bucket was copied to a disk."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from onvif_bmff.errors import ObjectAttributeError
from onvif_bmff.objects import ObjectInfo, ReadableStore

__all__ = ["AttributesFile"]

_MAX_LINE_BYTES = 1 << 20
_NAMES = {"key": "key", "contenttype": "content_type", "metadata": "metadata"}


class AttributesFile:
    """A ``ReadableStore`` over another one, whose objects have the content types and attributes that a file lists.

    The file has one JSON object a line: ``key``, ``content_type`` (a text, or null where it is not known) and
    ``metadata`` (names and texts). The last line of a key counts; other members are ignored, and the names may be
    written as S3 does (``Key``, ``ContentType``, ``Metadata``). The file is read once for its keys, and again line by
    line, so memory is some hundred bytes a key. Leave it as a context manager, which closes the file.

    Raises:
        OSError: the file cannot be read.
        ObjectAttributeError: a line is no such object.
    """

    def __init__(self, store: ReadableStore, path: Path) -> None:
        self._store = store
        self.path = path
        self._places: dict[str, int] = {}
        self._asked: set[str] = set()
        self._file = path.open("rb")
        try:
            self._index()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def _index(self) -> None:
        """Note where the line of each key is."""
        place = 0
        for number, line in enumerate(iter(lambda: self._file.readline(_MAX_LINE_BYTES), b""), 1):
            if line.strip():
                key, _, _ = self._read(line, number)
                self._places[key] = place
            place += len(line)

    @property
    def used(self) -> int:
        """Number of lines of the file that belong to checked objects."""
        return len(self._asked)

    @property
    def unused(self) -> int:
        """Number of keys of the file that were not used: there is no such object, or it was not selected."""
        return len(self._places) - len(self._asked)

    def counts(self) -> Mapping[str, object]:
        """Return both numbers as plain values."""
        return {"used": self.used, "unused": self.unused}

    def get(self, key: str, start: int = 0, length: int | None = None) -> bytes:
        """Return bytes of the object in the store."""
        return self._store.get(key, start, length)

    def keys(self, prefix: str = "", *, after: str = "") -> Iterator[str]:
        """Return the keys of the store."""
        return self._store.keys(prefix, after=after)

    def head(self, key: str) -> ObjectInfo:
        """Return the size from the store, and the rest from the file, if that has the key."""
        info, place = self._store.head(key), self._places.get(key)
        if place is None:
            return info
        self._asked.add(key)
        self._file.seek(place)
        _, content_type, attributes = self._read(self._file.readline(_MAX_LINE_BYTES), 0)
        return replace(info, content_type=content_type, attributes=attributes)

    def _read(self, line: bytes, number: int) -> tuple[str, str | None, dict[str, str]]:
        found: dict[str, Any] = {}
        try:
            members = json.loads(line).items()
        except (ValueError, AttributeError, RecursionError):
            members = ()
        for name, value in members:
            known = _NAMES.get(name.lower().replace("_", "").replace("-", ""))
            if known is not None:
                found[known] = value
        key, content_type, metadata = found.get("key"), found.get("content_type"), found.get("metadata")
        metadata = {} if metadata is None else metadata
        if not isinstance(key, str) or not isinstance(content_type, str | None) or not _are_texts(metadata):
            where = f"{self.path}, line {number}" if number else str(self.path)
            raise ObjectAttributeError(f'{where}: not a JSON object of "key", "content_type" and "metadata"')
        return key, content_type, metadata


def _are_texts(metadata: object) -> bool:
    return isinstance(metadata, dict) and all(isinstance(value, str) for value in metadata.values())
