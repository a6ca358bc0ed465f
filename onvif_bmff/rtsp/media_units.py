"""From depacketised payloads to access units: one assembler for each kind of coding, all pure.

Payloads come with their time in ticks. What a depacketiser hands over in pieces (NAL units and their fragments, OBUs,
pieces of a metadata document) belongs together as far as the time is the same. RFC 6184, RFC 7798, RFC 3640, RFC 2435,
RFC 7587; ONVIF Streaming Specification 25.12, 5.2.1.
"""

import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from onvif_bmff.codecs import (
    AacCodec,
    AvcAccessUnits,
    G711Codec,
    HevcAccessUnits,
    MetadataCodec,
    MjpegCodec,
    OpusCodec,
    PictureAssembly,
    opus_packet_duration,
    parse_adts_header,
)
from onvif_bmff.errors import BitstreamError
from onvif_bmff.media.codec import Codec
from onvif_bmff.rtsp.pieces import MAX_UNIT, Pieces

__all__ = [
    "AacUnits",
    "Assembler",
    "DocumentUnits",
    "G711Units",
    "JpegUnits",
    "MediaUnit",
    "NalUnits",
    "OpusUnits",
]

_START_CODE = b"\0\0\1"
_HEADERS = 64
"""Bytes of a payload that tell what its first NAL unit is."""


@dataclass(slots=True)
class MediaUnit:
    """One access unit: its time and duration in ticks (0 where it is not known), and the codec that it needs.

    ``decode_time`` is what it was decoded at where the source says so; None: it is as presented.
    """

    time: int
    duration: int
    data: bytes
    sync: bool
    codec: Codec
    decode_time: int | None = None


class Assembler(Protocol):
    """Puts access units together."""

    @property
    def lost(self) -> int:
        """How much could not be read."""
        ...

    @property
    def codec(self) -> Codec | None:
        """The codec in force; None until it is known."""
        ...

    def push(self, data: bytes, time: int, *, sync: bool, decode_time: int | None) -> Iterable[MediaUnit]:
        """Take a payload; return the units that are complete with it."""
        ...

    def continues(self, data: bytes) -> bool:
        """Return whether a payload is certainly of one unit with the one before it."""
        ...

    def flush(self) -> Iterable[MediaUnit]:
        """Return the last unit, if it is complete as far as can be known."""
        ...


class _Whole:
    """Payloads that are units by themselves."""

    def __init__(self) -> None:
        self.lost = 0

    def continues(self, data: bytes) -> bool:
        """Return False."""
        return False

    def flush(self) -> Iterable[MediaUnit]:
        """Return nothing: no unit waits."""
        return ()


class NalUnits:
    """H.264 and H.265: pieces of a byte stream; what has one time is one access unit, or more, as slice headers say.

    Args:
        units: makes samples of access units.
        whole: payloads are access units by themselves, as in files.
    """

    def __init__(self, units: AvcAccessUnits | HevcAccessUnits, *, whole: bool = False) -> None:
        self._units = units
        self._whole = whole
        self._pieces = Pieces()
        self._lost = 0

    @property
    def codec(self) -> Codec | None:
        """The codec in force."""
        return self._units.codec

    @property
    def lost(self) -> int:
        """Access units, and NAL units in them, that could not be read."""
        return self._lost + self._units.lost.total()

    def continues(self, data: bytes) -> bool:
        """Return whether a payload goes on within a NAL unit, or has a further slice of the picture, or its first one.

        A NAL unit begins with a start code. What comes before the first slice belongs to its picture.
        """
        if self._whole or not self._pieces:
            return False
        if not _begins_unit(data):
            return True
        try:
            units, known = self._units.split(data[:_HEADERS]), self._units.split(self._pieces.so_far())
        except BitstreamError:
            return False
        if not units or self._has_slice(known):
            return bool(units) and self._has_slice(units[:1]) and not self._first_slices(units[:1])
        return self._units.family.unit_type(units[0], 0) != self._units.family.delimiter

    def push(self, data: bytes, time: int, *, sync: bool, decode_time: int | None) -> Iterable[MediaUnit]:
        """Take a payload."""
        if self._whole:
            yield from self._made(data, time, decode_time)
            return
        if self._pieces and time != self._pieces.time:
            yield from self.flush()
        self._pieces.add(data, time)

    def flush(self) -> Iterator[MediaUnit]:
        """Return the access unit that was collected."""
        try:
            data = self._pieces.take()
        except BitstreamError:
            self._lost += 1
            return
        if data is not None:
            for found in self._pictures(data):
                yield from self._made(found, self._pieces.time, None)

    def _pictures(self, data: bytes) -> Iterable[bytes | list[bytes]]:
        """Return the access units of one time: more than one where a camera gives several pictures one stamp."""
        try:
            units = self._units.split(data)
        except BitstreamError:
            return [data]
        if len(self._first_slices(units)) < 2:
            return [units]
        assembly = PictureAssembly(self._units.family, self._units.codec)
        return [one.units for one in (*assembly.push(units, self._pieces.time), *assembly.flush())]

    def _has_slice(self, units: list[bytes]) -> bool:
        family = self._units.family
        return any(family.unit_type(unit, 0) in family.vcl for unit in units)

    def _first_slices(self, units: list[bytes]) -> list[bytes]:
        """Those NAL units that have the first slice of a picture, as its header says in its first bit."""
        size = self._units.family.header_size
        return [unit for unit in units if self._has_slice([unit]) and unit[size : size + 1] >= b"\x80"]

    def _made(self, data: bytes | list[bytes], time: int, decode_time: int | None) -> Iterator[MediaUnit]:
        try:
            unit = self._units.convert(data)
        except BitstreamError:
            self._lost += 1
            return
        if unit is not None:
            yield MediaUnit(time, 0, unit.data, unit.sync, unit.codec, decode_time)


def _begins_unit(data: bytes) -> bool:
    return data.startswith((_START_CODE, b"\0" + _START_CODE))


class JpegUnits(_Whole):
    """Motion JPEG: each payload is an image."""

    codec: MjpegCodec | None = None

    def push(self, data: bytes, time: int, *, sync: bool, decode_time: int | None) -> Iterable[MediaUnit]:
        """Take an image."""
        try:
            made = MjpegCodec.from_image(data)
        except BitstreamError:
            self.lost += 1
            return
        if self.codec is None or made != self.codec:
            self.codec = made
        yield MediaUnit(time, 0, data, sync=True, codec=self.codec)


class G711Units(_Whole):
    """G.711: each payload is a packet of one byte for each sample and channel."""

    def __init__(self, codec: G711Codec) -> None:
        super().__init__()
        self.codec: Codec | None = codec
        self._channels = codec.channels

    def push(self, data: bytes, time: int, *, sync: bool, decode_time: int | None) -> Iterable[MediaUnit]:
        """Take a packet."""
        if data and self.codec is not None:
            yield MediaUnit(time, len(data) // self._channels, data, sync=True, codec=self.codec)


class OpusUnits(_Whole):
    """Opus: each payload is a packet, in ticks of 48,000 a second (or others, where a file counts so)."""

    def __init__(self, codec: OpusCodec, timescale: int) -> None:
        super().__init__()
        self.codec: Codec | None = codec
        self._timescale = timescale

    def push(self, data: bytes, time: int, *, sync: bool, decode_time: int | None) -> Iterable[MediaUnit]:
        """Take a packet."""
        try:
            duration = opus_packet_duration(data)
        except BitstreamError:
            self.lost += 1
            return
        if self.codec is not None:
            yield MediaUnit(time, duration * self._timescale // 48_000, data, sync=True, codec=self.codec)


class AacUnits(_Whole):
    """AAC: each payload is a frame, with an ADTS header before it or without.

    Args:
        codec: if it is known; else the first ADTS header says it.
        timescale: ticks a second.
    """

    def __init__(self, codec: AacCodec | None, timescale: int) -> None:
        super().__init__()
        self.codec: AacCodec | None = codec
        self._has_headers = codec is None
        self._timescale = timescale

    def push(self, data: bytes, time: int, *, sync: bool, decode_time: int | None) -> Iterable[MediaUnit]:
        """Take a frame."""
        if self._has_headers:
            try:
                header = parse_adts_header(data)
                made = AacCodec.from_config(header.config())
            except BitstreamError:
                self.lost += 1
                return
            data = data[header.header_length :]
            if made != self.codec:
                self.codec = made
        codec = self.codec
        if codec is not None and data:
            rate = codec.sample_rate or self._timescale
            yield MediaUnit(time, codec.frame_length * self._timescale // rate, data, sync=True, codec=codec)


class DocumentUnits:
    """ONVIF metadata: documents in pieces of one time, plain or compressed by gzip.

    A document is complete when its root element ends, so that none waits for the next one.
    """

    def __init__(self) -> None:
        self.codec: Codec | None = None
        self.lost = 0
        self._parts: list[bytes] = []
        self._gzip = _GzipEnd()
        self._time = 0
        self._size = 0

    def continues(self, data: bytes) -> bool:
        """Return whether a payload goes on within a document: it does not begin as one."""
        return bool(self._parts) and not _begins_document(data)

    def push(self, data: bytes, time: int, *, sync: bool, decode_time: int | None) -> Iterable[MediaUnit]:
        """Take a piece."""
        if self._parts and time != self._time:
            yield from self._ended()
        if not self._parts and not _begins_document(data):
            self.lost += bool(data)  # its beginning was lost
            return
        self._time = time
        self._size += len(data)
        if self._size > MAX_UNIT:
            self._parts, self._size = [], 0
            self.lost += 1
            return
        if not self._parts:
            self._gzip = _GzipEnd()
        self._parts.append(data)
        is_packed = self._parts[0][:2] == _GZIP
        if self._gzip.reached(data) if is_packed else data.rstrip()[-1:] == b">":
            found = b"".join(self._parts)
            if is_packed or _is_complete(found):
                self._parts, self._size = [], 0
                yield self._unit(found)

    def flush(self) -> Iterator[MediaUnit]:
        """Return nothing: a document that is not complete is lost."""
        yield from self._ended()

    def _ended(self) -> Iterator[MediaUnit]:
        found, self._parts, self._size = b"".join(self._parts), [], 0
        if _is_complete(found):
            yield self._unit(found)
        elif found:
            self.lost += 1

    def _unit(self, data: bytes) -> MediaUnit:
        encoding = "gzip" if data[:2] == _GZIP else ""
        codec = self.codec
        if codec is None or not isinstance(codec, MetadataCodec) or codec.content_encoding != encoding:
            self.codec = codec = MetadataCodec(encoding)
        return MediaUnit(self._time, 0, data, sync=True, codec=codec)


_GZIP = b"\x1f\x8b"
_ROOT = re.compile(rb"<([A-Za-z_][\w.:-]*)")


class _GzipEnd:
    """Finds the end of a gzip stream that comes in pieces, each read once."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(wbits=31)
        self._size = 0
        self._is_broken = False

    def reached(self, data: bytes) -> bool:
        """Take the next piece; return whether the stream is whole. It never is if it is broken, or too large."""
        stream = self._stream
        try:
            while data and not stream.eof and self._size <= MAX_UNIT and not self._is_broken:
                self._size += len(stream.decompress(data, 1 << 16))
                data = stream.unconsumed_tail
        except zlib.error:
            self._is_broken = True
        return stream.eof and not self._is_broken


def _begins_document(data: bytes) -> bool:
    return data[:2] == _GZIP or data.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"<"


def _is_complete(document: bytes) -> bool:
    """Whether a document ends with its root element, or is a whole gzip stream."""
    if document[:2] == _GZIP:
        return _GzipEnd().reached(document)
    root = _ROOT.search(document)
    if root is None:
        return False
    end = document.rstrip()
    if end.endswith(b"/>"):
        return end.rfind(b"<") == root.start()
    return re.fullmatch(rb"</" + re.escape(root[1]) + rb"\s*>", end[end.rfind(b"<") :]) is not None
