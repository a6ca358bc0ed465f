"""Reads recorded objects, each by itself, for the checker; nothing of the library is used here.

Written from ONVIF Recording Control 25.12, Annex B, ISO/IEC 14496-12 and ISO/IEC 23001-7, as far as recordings need.
"""

import base64
import binascii
import re
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from typing import NamedTuple

from tests.simulate.checked_names import ObjectName

__all__ = ["CheckedSample", "Segment", "Unreadable", "read_object"]

_LASTING = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?", re.ASCII)
_HANDLERS = {"m4v": b"vide", "m4a": b"soun", "m4m": b"meta"}
_LEADING = {b"vide": 0, b"soun": 1, b"meta": 2}
_CONTAINERS = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"mvex", b"moof", b"traf", b"mfra"}
_MOST_ENTRIES = 20
"""Of a SeekTable, by B.9.2."""


class Unreadable(Exception):  # noqa: N818 - what is unreadable is the object
    """The object cannot be read at all."""


class CheckedSample(NamedTuple):
    """A sample as it is stored; times in ticks of its track."""

    decode_time: int
    duration: int
    offset: int
    sync: bool
    payload: bytes

    @property
    def presented(self) -> int:
        """Presentation time in ticks."""
        return self.decode_time + self.offset


class _Box(NamedTuple):
    kind: bytes
    start: int
    body: int
    end: int


@dataclass(slots=True)
class _Track:
    """What the header says of a track; ``scheme`` is whether it is encrypted, vector size, KID and constant vector."""

    handler: bytes = b""
    timescale: int = 0
    defaults: tuple[int, int, int] = (0, 0, 0)
    scheme: tuple[bool, int, bytes, bytes] = (False, 0, b"", b"")


@dataclass(slots=True)
class Segment:
    """What an object holds. ``last`` is when its last sample ends, in ticks; ``fragments`` are by their place."""

    name: ObjectName
    header: bytes = b""
    tracks: dict[int, _Track] = field(default_factory=dict)
    samples: dict[int, list[CheckedSample]] = field(default_factory=dict)
    fragments: dict[int, list[tuple[int, list[CheckedSample]]]] = field(default_factory=dict)
    last: int = 0

    def lead(self, tracks: Iterable[int]) -> int:
        """Which of these tracks leads: video before audio before metadata."""
        return min(tracks, key=lambda track: (_LEADING.get(self.tracks[track].handler, 3), track))

    @property
    def timescale(self) -> int:
        """Ticks a second, of all tracks."""
        return next(iter(self.tracks.values())).timescale

    def starts(self) -> list[int]:
        """When its tracks begin; in a multiplexed segment the name may be that of any."""
        return [samples[0].presented for samples in self.samples.values()]


def _boxes(data: bytes, at: int, end: int) -> Iterator[_Box]:
    while at < end:
        if end - at < 8:
            raise Unreadable(f"{end - at} bytes at {at} that are no box")
        size, kind = struct.unpack_from(">I4s", data, at)
        body = at + 8
        if size == 1:
            size, body = struct.unpack_from(">Q", data, body)[0], body + 8
        size = size or end - at
        if size < body - at or at + size > end:
            raise Unreadable(f"box {kind!r} at {at} of {size} bytes does not fit")
        yield _Box(kind, at, body, at + size)
        at += size


def _all(data: bytes, box: _Box, kind: bytes) -> Iterator[_Box]:
    """Return all boxes of a kind within a container, at any depth."""
    for child in _boxes(data, box.body, box.end):
        if child.kind == kind:
            yield child
        elif child.kind in _CONTAINERS:
            yield from _all(data, child, kind)


def _one(data: bytes, box: _Box, kind: bytes) -> _Box:
    found = list(_all(data, box, kind))
    if len(found) != 1:
        raise Unreadable(f"{len(found)} boxes {kind!r} in {box.kind!r}, not one")
    return found[0]


def read_object(
    name: ObjectName,
    body: bytes,
    attributes: Mapping[str, str],
    say: Callable[[str], None],
    vectors: set[tuple[bytes, bytes]],
) -> Segment:
    """Return the segment in an object; ``say`` what is wrong in it, and add its ``vectors``.

    Raises:
        Unreadable: nothing can be made of it.
    """
    try:
        return _ObjectReader(body, name, say, vectors).read(attributes)
    except (struct.error, IndexError, binascii.Error) as error:
        raise Unreadable(str(error)) from error


def _u32(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "big")


class _ObjectReader:
    """Reads a segment from its own bytes alone."""

    def __init__(
        self, data: bytes, name: ObjectName, say: Callable[[str], None], vectors: set[tuple[bytes, bytes]]
    ) -> None:
        self._data = data
        self._say_of = say
        self._vectors = vectors
        self.segment = Segment(name)

    def read(self, attributes: Mapping[str, str]) -> Segment:
        data, segment = self._data, self.segment
        top = list(_boxes(data, 0, len(data)))
        if [box.kind for box in top[:2]] != [b"ftyp", b"moov"]:
            raise Unreadable(f"begins with {[box.kind for box in top[:2]]}, not with a header of its own")
        self._read_header(top[0], top[1])
        for box, following in zip(top, [*top[1:], None], strict=True):
            if box.kind == b"moof":
                if following is None or following.kind != b"mdat":
                    raise Unreadable(f"no mdat after the moof at {box.start}")
                self._read_fragment(box, following)
        segment.samples = {track: samples for track, samples in segment.samples.items() if samples}
        if not segment.samples or not segment.timescale:
            raise Unreadable("no sample, or no time")
        segment.last = max(one.presented + one.duration for samples in segment.samples.values() for one in samples)
        if top[-1].kind == b"mfra":
            self._check_random_access(top[-1])
        elif segment.name.extension == "mp4" or any(box.kind == b"mfra" for box in top):
            self._say("the last box is no mfra")
        self._check_attributes({name.lower(): value for name, value in attributes.items()})
        return segment

    def _say(self, text: str) -> None:
        self._say_of(f"{self.segment.name.key}: {text}")

    def _read_header(self, ftyp: _Box, moov: _Box) -> None:
        data, segment = self._data, self.segment
        segment.header = data[: moov.end]
        extension = segment.name.extension
        if extension != "mp4" and b"cmfc" not in data[ftyp.body : ftyp.end]:
            self._say("no brand cmfc")
        for trak in _all(data, moov, b"trak"):
            tkhd, mdhd, hdlr = (_one(data, trak, kind).body for kind in (b"tkhd", b"mdhd", b"hdlr"))
            track = _Track(data[hdlr + 8 : hdlr + 12], _u32(data, mdhd + (20 if data[mdhd] else 12)))
            segment.tracks[_u32(data, tkhd + (20 if data[tkhd] else 12))] = track
            stsd = _one(data, trak, b"stsd")
            at = data.find(b"schi", stsd.body, stsd.end)
            if at >= 0 and data[at + 8 : at + 12] == b"tenc":
                track.scheme = _scheme(data, at + 18)
        for trex in _all(data, moov, b"trex"):
            defaults = struct.unpack_from(">III", data, trex.body + 12)
            segment.tracks[self._known(_u32(data, trex.body + 4))].defaults = defaults
        mvhd = _one(data, moov, b"mvhd").body
        scales = {_u32(data, mvhd + (20 if data[mvhd] else 12)), *(one.timescale for one in segment.tracks.values())}
        if len(scales) != 1:
            self._say(f"timescales of movie and tracks differ: {sorted(scales)}")
        handlers = [track.handler for track in segment.tracks.values()]
        if extension != "mp4" and handlers != [_HANDLERS[extension]]:
            self._say(f"tracks {handlers} under .{extension}")

    def _known(self, track: int) -> int:
        if track not in self.segment.tracks:
            raise Unreadable(f"track {track} is not in the header")
        return track

    def _read_fragment(self, moof: _Box, mdat: _Box) -> None:
        data, used = self._data, mdat.body
        found = self.segment.fragments[moof.start] = []
        for traf in _all(data, moof, b"traf"):
            track, base, samples = self._read_track_fragment(moof, traf)
            size = sum(len(sample.payload) for sample in samples)
            if base != used or base + size > mdat.end:
                self._say(f"fragment at {moof.start}: data from {base} to {base + size} are not where mdat has them")
            used = base + size
            found.append((track, samples))
            self.segment.samples.setdefault(track, []).extend(samples)
        if used < mdat.end:
            self._say(f"fragment at {moof.start}: {mdat.end - used} bytes of mdat belong to no sample")

    def _read_track_fragment(self, moof: _Box, traf: _Box) -> tuple[int, int, list[CheckedSample]]:
        """Return the track, where its data begin, and its samples."""
        data = self._data
        tfhd, tfdt = _one(data, traf, b"tfhd").body, _one(data, traf, b"tfdt").body
        flags, track, at = _u32(data, tfhd) & 0xFFFFFF, self._known(_u32(data, tfhd + 4)), tfhd + 8
        base = moof.start
        if flags & 0x1:
            base, at = struct.unpack_from(">Q", data, at)[0], at + 8
        at += 4 if flags & 0x2 else 0
        defaults = list(self.segment.tracks[track].defaults)
        for number, flag in enumerate((0x8, 0x10, 0x20)):
            if flags & flag:
                defaults[number], at = _u32(data, at), at + 4
        time = struct.unpack_from(">Q" if data[tfdt] else ">I", data, tfdt + 4)[0]
        position: int | None = None
        samples: list[CheckedSample] = []
        begin = base
        for trun in _all(data, traf, b"trun"):
            durations, sizes, all_flags, offsets, data_offset = _read_run(data, trun, defaults)
            if data_offset is not None:
                position = base + data_offset
            position = base if position is None else position
            begin = begin if samples else position
            if 0 in sizes or 0 in durations:
                self._say(f"fragment at {moof.start}: a sample of size 0 or duration 0")
            ends = list(accumulate(sizes, initial=position))
            times = accumulate(durations, initial=time)
            for decode, duration, offset, flag, low, high in zip(
                times, durations, offsets, all_flags, ends, ends[1:], strict=False
            ):
                samples.append(CheckedSample(decode, duration, offset, not flag & 0x10000, data[low:high]))
            position, time = ends[-1], time + sum(durations)
        self._read_vectors(moof, traf, track, len(samples))
        return track, begin, samples

    def _read_vectors(self, moof: _Box, traf: _Box, track: int, count: int) -> None:
        """Note the vectors of a fragment: one for each sample, or one that is constant."""
        data, scheme = self._data, self.segment.tracks[track].scheme
        for sgpd in _all(data, traf, b"sgpd"):
            if data[sgpd.body + 4 : sgpd.body + 8] == b"seig":
                scheme = _scheme(data, sgpd.body + 16 + (0 if _u32(data, sgpd.body + 8) else 4) + 2)
        protected, size, kid, constant = scheme
        if not protected:
            return
        found = [constant] if constant else []
        for senc in _all(data, traf, b"senc"):
            number, at = _u32(data, senc.body + 4), senc.body + 8
            for saio in _all(data, traf, b"saio"):
                if moof.start + _u32(data, saio.end - 4) != at:
                    self._say(f"fragment at {moof.start}: saio does not lead to the vectors")
            if number != count:
                self._say(f"fragment at {moof.start}: {number} rows in senc for {count} samples")
            for _ in range(number):
                if at >= senc.end:
                    break
                if size:
                    found.append(data[at : at + size])
                at += size
                if data[senc.body + 3] & 2:
                    at += 2 + 6 * int.from_bytes(data[at : at + 2], "big")
            if at != senc.end:
                self._say(f"fragment at {moof.start}: senc ends at {senc.end}, its rows at {at}")
        if not found:
            self._say(f"fragment at {moof.start}: track {track} is encrypted and has no vectors")
        for vector in found:
            if (kid, vector) in self._vectors:
                self._say(f"fragment at {moof.start}: vector {vector.hex()} is used twice under KID {kid.hex()}")
            self._vectors.add((kid, vector))

    # ---- random access and attributes ------------------------------------------------------------------------

    def _check_random_access(self, mfra: _Box) -> None:
        data = self._data
        if _u32(data, len(data) - 4) != mfra.end - mfra.start:
            self._say("mfro has another size than mfra")
        listed = self._check_tables(data, mfra, "mfra")
        for offset, fragments in self.segment.fragments.items():
            for track, samples in fragments:
                if any(sample.sync for sample in samples) and (track, offset) not in listed:
                    self._say(f"fragment at {offset}: not in the mfra of track {track}")

    def _check_tables(self, data: bytes, mfra: _Box, where: str) -> list[tuple[int, int]]:
        """Check that each entry leads to a sync sample of its time; return track and fragment of each."""
        listed = []
        for tfra in _all(data, mfra, b"tfra"):
            track, widths, number = (_u32(data, tfra.body + at) for at in (4, 8, 12))
            sizes = [8, 8] if data[tfra.body] else [4, 4]
            sizes += [(widths >> shift & 3) + 1 for shift in (4, 2, 0)]
            at = tfra.body + 16
            if at + number * sum(sizes) != tfra.end:
                raise Unreadable(f"{where}: {number} entries do not fit")
            for _ in range(number):
                row = []
                for size in sizes:
                    row.append(int.from_bytes(data[at : at + size], "big"))
                    at += size
                time, offset, traf, _, sample = row
                listed.append((track, offset))
                try:
                    found = self.segment.fragments[offset][traf - 1]
                    right = found[0] == track and found[1][sample - 1].sync and found[1][sample - 1].presented == time
                except LookupError:
                    right = False
                if not right:
                    self._say(f"{where} of track {track}: {row} is no sync sample")
        return listed

    def _check_attributes(self, attributes: Mapping[str, str]) -> None:
        segment = self.segment
        if "duration" in attributes:
            found = _LASTING.fullmatch(attributes["duration"])
            samples = segment.samples[segment.lead(segment.samples)]
            lasting = sum(sample.duration for sample in samples) / segment.timescale
            parts = [float(part or 0) for part in found.groups()] if found else [-1.0, 0, 0, 0]
            stated = ((parts[0] * 24 + parts[1]) * 60 + parts[2]) * 60 + parts[3]
            if abs(stated - lasting) > 0.001:
                self._say(f"Duration {attributes['duration']}, and the samples last {lasting:.6f} s")
        if attributes.get("timescale", str(segment.timescale)) != str(segment.timescale):
            self._say(f"Timescale {attributes['timescale']}, not {segment.timescale}")
        if "seektable" in attributes:
            table = base64.b64decode(attributes["seektable"], validate=True)
            for box in _boxes(table, 0, len(table)):
                listed = self._check_tables(table, box, "SeekTable")
                if len(listed) > max(_MOST_ENTRIES, len(segment.tracks)) or box.kind != b"mfra":
                    self._say(f"SeekTable is {box.kind!r} with {len(listed)} entries")
            if "timescale" not in attributes:
                self._say("a SeekTable without Timescale")


def _scheme(data: bytes, at: int) -> tuple[bool, int, bytes, bytes]:
    """Return whether samples are encrypted, the size of their vectors, the KID, and the vector that is constant."""
    size, kid, rest = data[at + 1], data[at + 2 : at + 18], at + 18
    constant = data[rest + 1 : rest + 1 + data[rest]] if data[at] and not size else b""
    return bool(data[at]), size, kid, constant


def _read_run(
    data: bytes, trun: _Box, defaults: list[int]
) -> tuple[list[int], list[int], list[int], list[int], int | None]:
    """Return durations, sizes, flags and composition offsets of a run, and where its data are, if it says so."""
    flags, number, at = _u32(data, trun.body) & 0xFFFFFF, _u32(data, trun.body + 4), trun.body + 8
    data_offset, first_flags = None, None
    if flags & 0x1:
        data_offset, at = struct.unpack_from(">i", data, at)[0], at + 4
    if flags & 0x4:
        first_flags, at = _u32(data, at), at + 4
    present = [flag for flag in (0x100, 0x200, 0x400, 0x800) if flags & flag]
    signed = bool(data[trun.body]) and 0x800 in present
    row = "I" * (len(present) - signed) + "i" * signed
    if at + 4 * len(row) * number != trun.end or (not row and number > len(data)):
        raise Unreadable(f"trun at {trun.start}: {number} rows do not fit")
    values = struct.unpack_from(f">{row * number}", data, at)
    columns = []
    for flag, default in zip((0x100, 0x200, 0x400, 0x800), (*defaults, 0), strict=True):
        index = present.index(flag) if flag in present else None
        columns.append([default] * number if index is None else list(values[index :: len(row)]))
    durations, sizes, all_flags, offsets = columns
    if first_flags is not None and all_flags:
        all_flags[0] = first_flags
    return durations, sizes, all_flags, offsets, data_offset
