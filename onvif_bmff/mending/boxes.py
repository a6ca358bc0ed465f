"""Movie boxes and fragments that are damaged, read but for what is wrong in them. ISO/IEC 14496-12, 4.2.

A box that cannot be read costs itself. A table that claims more rows than it has bytes keeps the rows that it has; a
container keeps the children that can be read, and ends where no more of them begin.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from onvif_bmff.bmff import (
    Box,
    Columns,
    CompositionOffsetBox,
    ContainerBox,
    EditBox,
    Limits,
    MediaBox,
    MediaInformationBox,
    MovieBox,
    MovieExtendsBox,
    MovieFragmentBox,
    SampleDescriptionBox,
    SampleTableBox,
    SampleToChunkBox,
    SyncSampleBox,
    TimeToSampleBox,
    TrackBox,
    TrackFragmentBox,
    UnknownBox,
    parse_boxes,
)
from onvif_bmff.bmff.language.header import SIZE_TO_END, read_box_header
from onvif_bmff.demux.faults import InputFaults
from onvif_bmff.errors import BoxError, MediaError
from onvif_bmff.media.sample_entries import read_sample_entry

__all__ = ["read_leniently"]

_CONTAINERS: Final[Mapping[str, type[ContainerBox]]] = {
    "moov": MovieBox,
    "mvex": MovieExtendsBox,
    "trak": TrackBox,
    "edts": EditBox,
    "mdia": MediaBox,
    "minf": MediaInformationBox,
    "stbl": SampleTableBox,
    "moof": MovieFragmentBox,
    "traf": TrackFragmentBox,
}
"""Containers without fields of their own."""

_TABLES: Final[Mapping[str, tuple[int, int]]] = {
    "stts": (4, 8),
    "ctts": (4, 8),
    "stsc": (4, 12),
    "stsz": (8, 4),
    "stco": (4, 4),
    "co64": (4, 8),
    "stss": (4, 4),
}
"""Tables: place of the number of rows in the body, and bytes a row."""

_MAX_DEPTH: Final = 8
"""Containers within each other that are read child by child."""

_EMPTY: Final[Mapping[str, Box]] = {
    "ctts": CompositionOffsetBox(entries=Columns(sample_count=(), sample_offset=())),
    "stts": TimeToSampleBox(),
    "stsc": SampleToChunkBox(),
    "stss": SyncSampleBox(),
}
"""What stands for a table that is cut off before its rows."""

_VIDEO_FIELDS: Final = 78
_AUDIO_FIELDS: Final = 28
_VIDEO_CONFIG: Final = frozenset((b"avcC", b"hvcC", b"av1C", b"vpcC", b"colr", b"pasp", b"btrt", b"sinf"))


def read_leniently(data: memoryview, start: int, stop: int, faults: InputFaults) -> Box:
    """Return the moov or moof box in bytes ``start`` to ``stop`` of ``data``, without what cannot be read.

    What is left out is noted in ``faults``. Raises ``BoxError`` where more boxes are there than the limits allow.
    """
    header = read_box_header(data, start, stop)
    if header is None:
        raise BoxError("the box has no header", offset=start)
    name = header[0].decode("latin-1")
    reader = _Reader(data, faults, cut=stop if header[2] > stop else -1, is_media=name == "moof")
    return reader.container(name, start, header[1], stop, "")


class _Reader:
    def __init__(self, data: memoryview, faults: InputFaults, *, cut: int, is_media: bool) -> None:
        """``cut``: where the outermost box is cut off, -1 if nowhere; ``is_media``: what is lost of it are media."""
        self._data = data
        self._faults = faults
        self._left = Limits().boxes_in(len(data))
        self._cut = cut
        self._is_complete = False
        self._is_media = is_media

    def container(self, name: str, start: int, body: int, stop: int, path: str) -> Box:
        """The container whose children are bytes ``body`` to ``stop``."""
        made = _CONTAINERS[name](children=tuple(self._children(body, stop, f"{path}/{name}")))
        made.offset, made.read_size = start, stop - start
        return made

    def _children(self, position: int, stop: int, path: str) -> list[Box]:
        found: list[Box] = []
        while stop - position >= 8:
            header = read_box_header(self._data, position, stop)
            if header is None:
                break
            kind, body, end, form = header
            name = kind.decode("latin-1")
            if end < body or ((form == SIZE_TO_END or end > stop) and not kind.isalnum()):
                self._stray(position, stop, path)
                break
            if end > stop:
                if stop != self._cut:  # what it lies in is cut off at another place, if at all
                    self._faults.tell(f"{path}/{name} at byte {position} is cut off")
                end = self._cut = stop
            made = self._child(name, position, body, end, path)
            if made is not None:
                found.append(made)
            position = end
        return found

    def _stray(self, position: int, stop: int, path: str) -> None:
        is_zero = not any(self._data[position:stop])
        what = "zero bytes" if is_zero else "bytes that are no boxes"
        self._faults.tell(f"{path} ends with {stop - position} {what}", loss=self._is_media and not is_zero)

    def _child(self, name: str, start: int, body: int, stop: int, path: str) -> Box | None:
        if self._left < 0:
            raise BoxError("the file has too many boxes", path=path, offset=start)
        try:
            return self._strict(name, start, body, stop)
        except (BoxError, MediaError) as error:
            reason = error.reason if isinstance(error, BoxError) else str(error)
        if name in _CONTAINERS and path.count("/") < _MAX_DEPTH:
            return self.container(name, start, body, stop, path)
        made: Box | None = None
        if name == "stsd":
            made = self._descriptions(body, stop, f"{path}/{name}")
        elif name in _TABLES:
            made = self._rows(name, start, body, stop)
        elif name == "trun":
            made = self._run(start, body, stop)
        if made is None:
            self._faults.tell(f"{path}/{name} at byte {start} cannot be read ({reason})", loss=self._is_media)
            return _EMPTY.get(name)
        if name != "stsd":
            text = f"{path}/{name} at byte {start} is read as far as it can be ({reason})"
            self._faults.tell(text, loss=name == "stsz" or (self._is_media and not self._is_complete))
        made.offset, made.read_size = start, stop - start
        return made

    def _strict(self, name: str, start: int, body: int, stop: int) -> Box:
        """The box, if all of it can be read."""
        head = (stop - body + 8).to_bytes(4, "big") + name.encode("latin-1")
        whole = self._data[start:stop]
        if body - start != 8 or whole[:4] != head[:4]:
            whole = memoryview(head + self._data[body:stop].tobytes())
        (found,) = parse_boxes(whole)
        return self._placed(found, start)

    def _placed(self, found: Box, by: int) -> Box:
        for _, inner in found.walk():
            self._left -= 1
            if inner.offset is not None:
                inner.offset += by
        if self._left < 0:
            raise BoxError("the file has too many boxes", offset=by)
        return found

    def _from_body(self, name: str, data: bytes, start: int) -> Box | None:
        try:
            (found,) = parse_boxes((len(data) + 8).to_bytes(4, "big") + name.encode("latin-1") + data)
        except BoxError:
            return None
        return self._placed(found, start)

    def _rows(self, name: str, start: int, body: int, stop: int) -> Box | None:
        """A table with the rows that are there."""
        place, row = _TABLES[name]
        data = bytearray(self._data[body:stop])
        if len(data) < place + 4:
            return None
        rows = min(int.from_bytes(data[place : place + 4], "big"), (len(data) - place - 4) // row)
        data[place : place + 4] = rows.to_bytes(4, "big")
        return self._from_body(name, bytes(data), start)

    def _run(self, start: int, body: int, stop: int) -> Box | None:
        """A track run with the rows that are there; without composition offsets, if the rows fit just so."""
        data = bytearray(self._data[body:stop])
        if len(data) < 8:
            return None
        flags, rows = int.from_bytes(data[1:4], "big"), int.from_bytes(data[4:8], "big")
        room = len(data) - 8 - 4 * sum(1 for bit in (0x1, 0x4) if flags & bit)
        row = 4 * sum(1 for bit in (0x100, 0x200, 0x400, 0x800) if flags & bit)
        if row == 0 or room < 0:
            return None
        self._is_complete = bool(flags & 0x800) and rows * (row - 4) == room
        if self._is_complete:
            data[1:4] = (flags & ~0x800).to_bytes(3, "big")
        else:
            data[4:8] = min(rows, room // row).to_bytes(4, "big")
        return self._from_body("trun", bytes(data), start)

    def _descriptions(self, body: int, stop: int, path: str) -> Box | None:
        """Sample descriptions with all entries; what cannot be read of one is left out, or it is kept as bytes."""
        if stop - body < 8:
            return None
        entries: list[Box] = []
        position = body + 8
        count = int.from_bytes(self._data[body + 4 : body + 8], "big")
        while stop - position >= 16 and len(entries) < max(count, 1):
            header = read_box_header(self._data, position, stop)
            if header is None or header[2] < header[1] or header[3] == SIZE_TO_END:
                break
            end = min(header[2], stop)
            entries.append(self._entry(header[0].decode("latin-1"), position, header[1], end, path))
            position = end
        if position < stop:
            self._stray(position, stop, path)
        version = self._data[body]
        return SampleDescriptionBox(version=version & 1, entry_count=len(entries), children=tuple(entries))

    def _entry(self, name: str, start: int, body: int, stop: int, path: str) -> Box:
        data = self._data[body:stop].tobytes()
        try:
            return self._placed(read_sample_entry(_framed(name, data)), start)
        except (BoxError, MediaError) as error:
            reason = error.reason if isinstance(error, BoxError) else str(error)
        self._faults.tell(f"{path}/{name} at byte {start} is read as far as it can be ({reason})")
        for fields in self._field_sizes(data):
            kept = data[:fields] + b"".join(_good_children(data, fields))
            try:
                return self._placed(read_sample_entry(_framed(name, kept)), start)
            except (BoxError, MediaError):
                continue
        return UnknownBox(type=name, data=data)

    def _field_sizes(self, data: bytes) -> tuple[int, ...]:
        """How many bytes the fields of an entry may have: of video, of audio in its versions."""
        if any(kind in data for kind in _VIDEO_CONFIG) and len(data) >= _VIDEO_FIELDS:
            return (_VIDEO_FIELDS,)
        more = {0: 0, 1: 16, 2: 36}.get(int.from_bytes(data[8:10], "big"), 0)
        return (_AUDIO_FIELDS + more, _AUDIO_FIELDS, _VIDEO_FIELDS)


def _good_children(data: bytes, position: int) -> list[bytes]:
    """The boxes from ``position`` on that can be read."""
    found: list[bytes] = []
    while (header := read_box_header(data, position, len(data))) is not None:
        if header[3] == SIZE_TO_END or not header[1] <= header[2] <= len(data):
            break
        one = data[position : header[2]]
        with suppress(BoxError):
            parse_boxes(one)
            found.append(one)
        position = header[2]
    return found


def _framed(name: str, data: bytes) -> bytes:
    return (len(data) + 8).to_bytes(4, "big") + name.encode("latin-1") + data
