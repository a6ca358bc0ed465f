"""The boxes of a file at its top level: movies and fragments, and what else lies there. ISO/IEC 14496-12, 4.2."""

from collections.abc import Iterator
from typing import Final

from onvif_bmff.bmff import Box, parse_boxes, read_box_header
from onvif_bmff.bmff.language.header import SIZE_TO_END
from onvif_bmff.demux.faults import InputFaults
from onvif_bmff.errors import BoxError
from onvif_bmff.mending.boxes import read_leniently

__all__ = ["TopLevel"]

_PIECE: Final = 1 << 20
_FIRST_CHILDREN: Final = {b"moof": b"mfhd", b"moov": b"mvhd"}


class TopLevel:
    """Walks over the boxes of a file. ``file_type`` is the offset of the last ftyp box that it came by, -1 before.

    Without ``faults`` it stops at the first one with an error. With them a box costs itself: after bytes that are no
    boxes it goes on with the next fragment or movie that it finds.
    """

    def __init__(self, data: memoryview, faults: InputFaults | None) -> None:
        self._data = data
        self._faults = faults
        self.file_type = -1

    def boxes(self, position: int) -> Iterator[tuple[Box, int]]:
        """Yield movie boxes and fragments from byte ``position`` on, with their offsets.

        Raises ``BoxError`` at bytes that are no box, and for a box that cannot be read.
        """
        data, end = self._data, len(self._data)
        while position < end:
            header = read_box_header(data, position, end)
            if header is None or header[2] < position + 8 or _is_no_name(header):
                position = self._stray(position)
                continue
            name, _, stop, _ = header
            if name == b"mdat" and stop > end and position:
                position = self._broken_off(position, stop)
                continue
            if name in _FIRST_CHILDREN:
                if stop > end and self._faults is not None:
                    text = f"the file ends {stop - end} bytes before its last {name.decode()} box does"
                    self._faults.tell(text, loss=True)
                yield self._parse(position, min(stop, end)), position
            elif stop > end:
                position = self._cut(name, position, stop)
                continue
            elif name == b"ftyp":
                self.file_type = position
            position = stop

    def _broken_off(self, position: int, stop: int) -> int:
        """Note media data that run past the file, which is cut off; return where the next movie or fragment begins.

        There is one only where the size of the media data is wrong. The last samples say where they miss data.
        """
        end = len(self._data)
        if self._faults is None:
            return end
        following = self._next_box(position + 8)
        where = "" if following == end else f", which are followed by a box at byte {following}"
        self._faults.tell(f"the file ends {stop - end} bytes before its media data do{where}")
        return following

    def _stray(self, position: int) -> int:
        """Note bytes that are no boxes; return where the next movie or fragment begins, or the end of the file."""
        rest, end = self._data[position:], len(self._data)
        zero = not any(rest[:_PIECE])
        if self._faults is None:
            if zero and len(rest) >= 8:
                return end  # a box of no type, up to the end of the file
            raise BoxError("no box begins here", offset=position)
        following = self._next_box(position + 1)
        what = "zero bytes" if zero else "bytes that are no boxes"
        where = "at its end" if following == end else "between its boxes"
        self._faults.tell(f"the file has {following - position} {what} {where}, from byte {position} on")
        return following

    def _cut(self, name: bytes, position: int, stop: int) -> int:
        """Note a box that runs past the file; return where the next movie or fragment begins, or the end of it."""
        end = len(self._data)
        if self._faults is None:
            path = "/" + name.decode("latin-1")
            raise BoxError(f"the box runs {stop - end} bytes past its file", path=path, offset=position)
        if not name.isalnum():
            return self._stray(position)
        following = self._next_box(position + 8)
        last = ", the last of the file," if following == end else ""
        self._faults.tell(f"the box {name.decode()!r} at byte {position}{last} is cut off or no box")
        return following

    def _next_box(self, position: int) -> int:
        """Where the next moov or moof begins, by its type and that of its first child; else the end of the file."""
        end = len(self._data)
        while position < end:
            piece = self._data[position : position + _PIECE + 16].tobytes()
            places = [
                place - 4
                for name, child in _FIRST_CHILDREN.items()
                for place in _places(piece, name)
                if place >= 4 and piece[place + 8 : place + 12] == child
            ]
            if places:
                return position + min(places)
            position += _PIECE
        return end

    def _parse(self, position: int, stop: int) -> Box:
        try:
            found = parse_boxes(self._data[position:stop])[0]
        except BoxError as error:
            if self._faults is None:
                raise BoxError(error.reason, path=error.path, offset=error.offset + position) from None
            return read_leniently(self._data, position, stop, self._faults)
        for _, inner in found.walk():
            if inner.offset is not None:
                inner.offset += position
        return found


def _is_no_name(header: tuple[bytes, int, int, int]) -> bool:
    """Whether a box up to the end of the file has a type that none of these has: zero bytes, mostly."""
    return header[3] == SIZE_TO_END and not header[0].isalnum()


def _places(piece: bytes, name: bytes) -> Iterator[int]:
    place = piece.find(name)
    while place >= 0:
        yield place
        place = piece.find(name, place + 1)
