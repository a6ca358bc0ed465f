"""Sources of the bytes of a segment: memory, or an object that is read in blocks."""

from typing import NamedTuple, Protocol

from onvif_bmff.bmff import SIZE_TO_END, Box, parse_boxes, read_box_header
from onvif_bmff.errors import BoxError, MediaError
from onvif_bmff.objects.stored import ReadableStore

__all__ = ["BoxHead", "ByteSource", "MemorySource", "StoreSource", "box_head", "parse_one"]

BLOCK = 4 << 20
"""Bytes of one request when a stored object is read sequentially."""
MAX_READ = 256 << 20
"""Largest number of bytes read at once; larger fragments and headers are refused."""


class ByteSource(Protocol):
    """The bytes of one object."""

    def view(self, start: int, length: int) -> memoryview:
        """Return ``length`` bytes from ``start``; fewer only at the end of the object."""
        ...


class MemorySource:
    """A whole segment in memory."""

    def __init__(self, data: bytes | bytearray | memoryview) -> None:
        view = memoryview(data)
        self._view = view if view.format == "B" and view.ndim == 1 else view.cast("B")

    def view(self, start: int, length: int) -> memoryview:
        """See ``ByteSource.view``."""
        return self._view[start : start + length]


class StoreSource:
    """A stored object, read in blocks; sequential reads fetch each byte once.

    Holds one block, or one view if that is larger. ``data`` are the first bytes of the object, if known.
    """

    def __init__(self, store: ReadableStore, name: str, *, block: int = BLOCK, data: bytes = b"") -> None:
        self._store = store
        self._name = name
        self._block = block
        self._data = memoryview(data)
        self._start = 0
        self._ended = False

    def view(self, start: int, length: int) -> memoryview:
        """See ``ByteSource.view``.

        Raises:
            MediaError: ``length`` exceeds ``MAX_READ``.
            StoreError: the store failed.
        """
        stop = start + length
        have = self._start + len(self._data)
        if not self._start <= start <= have:
            self._data, self._start, self._ended = memoryview(b""), start, False
            have = start
        if stop > have and not self._ended:
            if length > MAX_READ:
                raise MediaError(f"a piece of {length} bytes at byte {start} is too large to be read at once")
            asked = max(stop - have, self._block)
            more = self._store.get(self._name, have, asked)
            self._ended = len(more) < asked
            kept = self._data[start - self._start :]
            self._data = memoryview(b"".join((kept, more)) if len(kept) else more)
            self._start = start
        return self._data[start - self._start : stop - self._start]


class BoxHead(NamedTuple):
    """Type of a box, its size in bytes (None: up to the end of the object), and the size of its header."""

    type: str
    size: int | None
    header: int


def box_head(source: ByteSource, position: int) -> BoxHead | None:
    """Return the header of the box at ``position``; None at the end of the object.

    Raises:
        BoxError: no box begins there.
    """
    view = source.view(position, 16)
    if not len(view):
        return None
    header = read_box_header(view, 0, len(view))
    if header is None:
        raise BoxError(f"{len(view)} bytes are too few for a box header", offset=position)
    kind, body, size, form = header
    name = kind.decode("latin-1")
    if form == SIZE_TO_END:
        return BoxHead(name, None, body)
    if size < body:
        raise BoxError(f"a size of {size} is less than the header", path=f"/{name}", offset=position)
    return BoxHead(name, size, body)


def parse_one(source: ByteSource, position: int, size: int) -> Box:
    """Return the box of ``size`` bytes at ``position``, parsed; offsets count from the start of the object.

    Raises:
        BoxError: it is truncated or invalid.
    """
    # A box that claims to be larger than MAX_READ is refused before anything is read.
    view = source.view(position, min(size, MAX_READ + 1))
    if len(view) < size:
        raise BoxError(f"the box runs {size - len(view)} bytes past its file", offset=position)
    try:
        (found,) = parse_boxes(view)
    except BoxError as error:
        raise BoxError(error.reason, path=error.path, offset=error.offset + position) from None
    for _, inner in found.walk():
        if inner.offset is not None:
            inner.offset += position
    return found
