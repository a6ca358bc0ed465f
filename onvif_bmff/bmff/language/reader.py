"""Bytes to boxes and back: framing by hand, bodies by declaration.

The law of this room: whatever the bytes, either ``BoxError``, or ``build_boxes`` gives back exactly the bytes
that ``parse_boxes`` read. Time is linear in the input; nesting, number and size of boxes are limited.
"""

import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from onvif_bmff.bmff.language.box import Box, ContainerBox, UnknownBox
from onvif_bmff.bmff.language.declare import BOXES
from onvif_bmff.bmff.language.header import SIZE_64, SIZE_TO_END, read_box_header, unpack_short_header
from onvif_bmff.bmff.language.layout import Layout
from onvif_bmff.bmff.language.wire import ITEM_BUDGET, WireError, as_byte_view
from onvif_bmff.errors import BoxError, StateError

__all__ = ["NEED_DATA", "BoxReader", "Limits", "NeedData", "build_boxes", "iter_boxes", "parse_boxes", "read_children"]

_BYTES_A_BOX: Final = 10
"""Bytes in a fragment's boxes that pay for one box; the tersest fragments of a recorder come to eleven."""
_MAX_BYTES_PAID: Final = 24
"""Bytes that a box in a fragment pays with, at most, for each that it counts; so large ones pay for few others."""
_IN_FRAGMENTS: Final = frozenset(("mfhd", "tfhd", "tfdt", "trun", "senc", "saiz", "saio", "sgpd", "sbgp"))
"""What pays, within a moof. Boxes that may be empty, such as moof itself and mdat, do not."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a parser accepts: boxes nested ``max_depth`` (at most 64) deep, of ``max_box_size`` bytes each.

    ``max_boxes`` is the number of boxes and list items in all, a box with a table counting three. None sets it by
    the input: 32,768 and one more for every 128 bytes, so that the boxes take no more memory than four times the
    input and 16 MiB. The boxes that movie fragments are made of count besides, one more for every 10 bytes in them,
    so that a recording may have any number of fragments; they take eleven times as much memory as bytes. Files of very
    many other tiny boxes need a higher number, or ``iter_boxes`` or a ``BoxReader``.
    """

    max_depth: int = 16
    max_boxes: int | None = None
    max_box_size: int = 1 << 62

    def __post_init__(self) -> None:
        if not 0 < self.max_depth <= 64:
            raise ValueError(f"max_depth {self.max_depth} is not in 1…64")

    def boxes_in(self, size: int) -> int:
        """Return how many boxes and list items ``size`` bytes may hold."""
        return 32_768 + size // 128 if self.max_boxes is None else self.max_boxes


_DEFAULT_LIMITS: Final = Limits()
_NO_FIELDS: Final = Layout(())


def parse_boxes(data: bytes | bytearray | memoryview, *, limits: Limits = _DEFAULT_LIMITS) -> tuple[Box, ...]:
    """Read all boxes in ``data``. ISO/IEC 14496-12, 4.2.

    Payloads (mdat, free, skip, unknown boxes) are views on ``data``, which may be a ``memoryview`` of an mmap.
    Raises ``BoxError`` with path and byte offset; its ``partial`` holds the boxes read before the fault.
    """
    view = memoryview(as_byte_view(data))
    parser = _Parser(view, limits)
    boxes, pos = parser.sequence(0, len(view), _TOP)
    if pos != len(view):
        error = BoxError(f"{len(view) - pos} bytes are too few for a box header", offset=pos)
        error.partial = boxes
        raise error
    return boxes


def iter_boxes(data: bytes | bytearray | memoryview, *, limits: Limits = _DEFAULT_LIMITS) -> Iterator[Box]:
    """Yield the top-level boxes of ``data`` one after another: ``parse_boxes`` for files of very many boxes.

    ``limits.max_boxes`` holds for each of them. Raises ``BoxError`` where one cannot be read; its ``partial`` holds
    what was read of that one.
    """
    view = memoryview(as_byte_view(data))
    pos, end = 0, len(view)
    while end - pos >= 8:
        made, pos = _Parser(view, limits).one(pos, end, _TOP)
        yield made
    if pos != end:
        raise BoxError(f"{end - pos} bytes are too few for a box header", offset=pos)


def read_children(data: bytes, registry: Mapping[str, type[Box]]) -> tuple[tuple[Box, ...], int]:
    """Return the boxes in ``data``, the end of a container's body, and where they end; ``BoxError`` if one is wrong.

    ``registry`` is where their types are looked up. Fewer than 8 bytes may be left over.
    """
    return _Parser(memoryview(data), _DEFAULT_LIMITS).sequence(0, len(data), _Place("", 1, registry, top=False))


def build_boxes(boxes: Iterable[Box]) -> bytes:
    """Return the bytes of ``boxes`` one after another.

    Raises ``BoxError`` if a value does not fit its field, or boxes follow one that runs to the end of the file.
    """
    pieces: list[Any] = []
    ended = False
    for made in boxes:
        if ended:
            raise BoxError("the box before runs to the end of the file (size 0)", path=f"/{made.type}")
        ended = made.size_form == SIZE_TO_END
        pieces.extend(made.pieces())
    return b"".join(pieces)


class _Parser:
    def __init__(self, view: memoryview, limits: Limits) -> None:
        self.view = view
        self.limits = limits
        self.budget = limits.boxes_in(len(view))
        self.paid = 0
        self.by_size = limits.max_boxes is None
        self.max_box_size = limits.max_box_size

    def charge(self, count: int, position: int) -> None:
        """Pay for ``count`` boxes or list items; ``WireError`` when the limit is reached."""
        self.budget -= count
        if self.budget < 0:
            most = self.limits.boxes_in(len(self.view))
            raise WireError(f"more than {most} boxes and list items (Limits.max_boxes)", position)

    def pay(self, path: str, size: int, weight: int) -> None:
        """Add what a box of ``size`` bytes pays for, if it lies in a fragment."""
        if path.startswith("/moof"):
            more, self.paid = divmod(self.paid + min(size, _MAX_BYTES_PAID * weight), _BYTES_A_BOX)
            self.budget += more

    def sequence(self, pos: int, end: int, place: "_Place") -> tuple[tuple[Box, ...], int]:
        """Read boxes from ``pos``; return them and where they end (fewer than 8 bytes before ``end``)."""
        boxes: list[Box] = []
        try:
            if place.depth > self.limits.max_depth and end - pos >= 8:
                raise BoxError(f"boxes are nested more than {self.limits.max_depth} deep", path=place.path, offset=pos)
            while end - pos >= 8:
                made, pos = self.one(pos, end, place)
                boxes.append(made)
        except BoxError as error:
            error.partial = (*boxes, *error.partial)
            raise
        return tuple(boxes), pos

    def one(self, pos: int, end: int, place: "_Place") -> tuple[Box, int]:
        """Read the box at ``pos``, which is at least 8 bytes before ``end``."""
        size, kind = unpack_short_header(self.view, pos)
        stop = pos + size
        if not 8 <= size <= self.max_box_size or stop > end:
            return self.unusual(pos, end, place)
        made = self.body(kind.decode("latin-1"), pos, pos + 8, stop, place)
        made.offset, made.read_size = pos, size
        return made, stop

    def unusual(self, pos: int, end: int, place: "_Place") -> tuple[Box, int]:
        """Read the box at ``pos``, whose size has not 32 bits, or is wrong."""
        header = read_box_header(self.view, pos, end)
        if header is None:
            name = bytes(self.view[pos + 4 : pos + 8]).decode("latin-1")
            raise BoxError("the 64-bit size is cut off", path=f"{place.path}/{name}", offset=pos)
        kind, body, stop, form = header
        name = kind.decode("latin-1")
        if form == SIZE_TO_END and not place.top:
            path = f"{place.path}/{name}"
            raise BoxError("size 0 (up to the end of the file) inside a box", path=path, offset=pos)
        size = stop - pos
        if stop < body:
            raise BoxError(f"a size of {size} is less than the header", path=f"{place.path}/{name}", offset=pos)
        if stop > end:
            where = "file" if place.top else "parent"
            path = f"{place.path}/{name}"
            error = BoxError(f"the box runs {stop - end} bytes past its {where}", path=path, offset=pos)
            error.partial = self.part(name, pos, body, end, place)
            raise error
        if size > self.max_box_size:
            raise BoxError(f"a size of {size} is above the limit", path=f"{place.path}/{name}", offset=pos)
        made = self.body(name, pos, body, stop, place)
        made.size_form, made.offset, made.read_size = form, pos, size
        return made, stop

    def part(self, name: str, start: int, pos: int, stop: int, place: "_Place") -> tuple[Box, ...]:
        """Return what is there of a box that is cut off at ``stop``: for ``BoxError.partial``."""
        try:
            made = self.body(name, start, pos, stop, place)
        except BoxError as error:
            return tuple([found for found in error.partial if isinstance(found, Box)])
        made.offset, made.read_size = start, stop - start
        return (made,)

    def body(self, name: str, start: int, pos: int, stop: int, place: "_Place") -> Box:
        """Read the fields and children of the box that begins at ``start`` and whose body is ``pos``…``stop``."""
        view = self.view
        registry = place.registry
        kind = registry.get(name)
        if kind is None and registry is not BOXES and name in ("free", "skip"):
            kind = BOXES[name]
        values: dict[str, Any] = {}
        try:
            layout = _NO_FIELDS if kind is None else kind.layout
            weight = layout.weight
            self.budget -= weight
            if name in _IN_FRAGMENTS and self.by_size:
                self.pay(place.path, stop - start, weight)
            if self.budget < 0:
                self.charge(0, start)
            if kind is None:
                return UnknownBox(type=name, data=view[pos:stop])
            if kind.versions is not None:
                if stop - pos < 4:
                    raise WireError("version and flags are cut off", pos)
                version = view[pos]
                if version not in kind.versions:
                    return UnknownBox(type=name, data=view[pos:stop])
                values["version"], values["flags"] = version, int.from_bytes(view[pos + 1 : pos + 4], "big")
                pos += 4
            if layout.has_lists:
                values[ITEM_BUDGET] = self
                pos = layout.read(view, pos, stop, values)
                del values[ITEM_BUDGET]
            else:
                pos = layout.read(view, pos, stop, values)
        except WireError as error:
            raise BoxError(error.reason, path=f"{place.path}/{name}", offset=error.position) from None
        except (struct.error, ValueError, OverflowError) as error:
            raise BoxError(str(error), path=f"{place.path}/{name}", offset=pos) from None
        if not kind.fourcc:
            values["type"] = name
        if issubclass(kind, ContainerBox):
            inside = _Place(
                f"{place.path}/{name}", place.depth + 1, BOXES if kind.registry is None else kind.registry, top=False
            )
            pos = self.children(kind, values, (start, pos, stop), inside)
        if pos < stop:
            values["trailing"] = view[pos:stop].tobytes()
        try:
            return kind(**values).refined(self)
        except WireError as error:
            raise BoxError(error.reason, path=f"{place.path}/{name}", offset=start) from None

    def children(self, kind: type[Box], values: dict[str, Any], span: tuple[int, int, int], inside: "_Place") -> int:
        """Read the children into ``values``; return where they end. ``span``: start of the box, of them, and end."""
        start, pos, stop = span
        try:
            values["children"], pos = self.sequence(pos, stop, inside)
        except BoxError as error:
            values["children"] = error.partial
            partial = kind(**values)
            partial.offset, partial.read_size = start, stop - start
            error.partial = (partial,)
            raise
        return pos


class _Place(NamedTuple):
    """Where boxes are read: path and depth of what they lie in, their classes, whether it is the file itself."""

    path: str
    depth: int
    registry: Mapping[str, type[Box]]
    top: bool


_TOP: Final = _Place("", 1, BOXES, top=True)


class NeedData:
    """Type of ``NEED_DATA``."""

    def __repr__(self) -> str:
        return "NEED_DATA"


NEED_DATA: Final = NeedData()
"""What ``BoxReader.next_box`` returns while the next box is not complete."""


class BoxReader:
    """Reads top-level boxes from bytes as they arrive; does no I/O.

    Feed with ``receive_data``, take boxes with ``next_box`` until it gives ``NEED_DATA``, and end with ``close``,
    which gives a last box that runs to the end of the file, if there is one. A box above
    ``limits.max_box_size`` is refused before its bytes are collected.
    """

    def __init__(self, *, limits: Limits = Limits(max_box_size=1 << 28)) -> None:
        self._limits = limits
        self._pending = bytearray()
        self._offset = 0
        self._closed = False

    def receive_data(self, data: bytes | memoryview) -> None:
        """Take more bytes of the file; ``StateError`` after ``close``."""
        if self._closed:
            raise StateError("data after close")
        self._pending += data

    def next_box(self) -> Box | NeedData:
        """Return the next whole box, or ``NEED_DATA``. Raises ``BoxError`` (offsets count from the first byte fed)."""
        have = len(self._pending)
        header = read_box_header(self._pending, 0, have)
        if header is None:
            return NEED_DATA
        kind, body, size, form = header
        if form == SIZE_64 and size < body:
            return self._take(have)
        if size > self._limits.max_box_size:
            path = f"/{kind.decode('latin-1')}"
            raise BoxError(f"a size of {size} is above the limit", path=path, offset=self._offset)
        if form == SIZE_TO_END:
            return NEED_DATA
        return self._take(max(size, 8)) if have >= size else NEED_DATA

    def close(self) -> tuple[Box, ...]:
        """End the file. Returns the boxes that are left; ``BoxError`` if the last one is cut off."""
        self._closed = True
        rest, self._pending = bytes(self._pending), bytearray()
        try:
            return tuple(self._moved(found) for found in parse_boxes(rest, limits=self._limits))
        except BoxError as error:
            raise self._moved_error(error) from None

    def _take(self, size: int) -> Box:
        data = bytes(self._pending[:size])
        try:
            (found,) = parse_boxes(data, limits=self._limits)
        except BoxError as error:
            raise self._moved_error(error) from None
        self._moved(found)
        del self._pending[:size]
        self._offset += size
        return found

    def _moved(self, found: Box) -> Box:
        for _, inner in found.walk():
            inner.offset = (inner.offset or 0) + self._offset
        return found

    def _moved_error(self, error: BoxError) -> BoxError:
        moved = BoxError(error.reason, path=error.path, offset=error.offset + self._offset)
        moved.partial = tuple(self._moved(found) for found in error.partial if isinstance(found, Box))
        return moved
