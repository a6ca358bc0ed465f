"""Samples → one fragment: moof and mdat. ISO/IEC 14496-12, 8.8; CMAF (ISO/IEC 23000-19), 7.3.2.3.

::

    moof ─ mfhd
         └ traf (one a track) ─ tfhd · tfdt · trun · [senc · saio · saiz · sbgp · sgpd]
    mdat ─ samples of the first track, then of the next

The moof is packed from columns, for this is the hot path; a test holds it to be what the declared boxes build.
"""

import struct
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from operator import add, attrgetter

from onvif_bmff.bmff import NON_SYNC_SAMPLE, Columns
from onvif_bmff.bmff.language.columns import pack_columns
from onvif_bmff.cenc.encrypt import ProtectedSamples, TrackEncryptor
from onvif_bmff.errors import MediaError
from onvif_bmff.media.picture_order import first_shown
from onvif_bmff.media.roll_groups import RollDistance, sync_samples
from onvif_bmff.media.track import Sample
from onvif_bmff.objects.stored import Buffer

__all__ = ["Fragment", "FragmentBuilder", "FragmentTrack", "Run"]

SYNC_FLAGS = 0x02000000
"""Sample flags of a sync sample: depends on no other."""
PREDICTED_FLAGS = 0x01000000 | NON_SYNC_SAMPLE
"""Sample flags of any other: depends on others."""

_JOIN_BELOW = 4096
"""Runs whose samples are smaller than this on average are joined: many tiny buffers cost more than one copy."""

_MAX_TICKS = 1 << 62
_DATA, _DURATION, _SYNC = attrgetter("data"), attrgetter("duration"), attrgetter("sync")
_HEAD = struct.Struct(">I4sI4sII")  # moof, and mfhd in it
_TFDT = struct.Struct(">I4sIQ")
_TRUN = struct.Struct(">I4sIIi")
_SAIO = struct.Struct(">I4sIII")


@dataclass(slots=True, eq=False)
class FragmentTrack:
    """A track as fragments see it.

    Decode time in the file = (source time + ``shift``) * ``numerator`` / ``denominator`` - ``origin``. ``delay`` is the
    composition offset of the span's first sample; as ``shift`` it makes that one presented at its decode time.
    ``origin`` is in ticks of the file; ``encryptor`` protects the samples, if there is one. ``open_start``: there are
    pictures, maybe, decoded after the first and shown before it; the ``shift``, with which the earliest one is
    presented at the first decode time, is known with the first fragment only. ``roll_distance`` tells which of the
    samples that are called sync are so; None: all are.
    """

    track_id: int
    timescale: int
    origin: int = 0
    shift: int = 0
    delay: int = 0
    numerator: int = 1
    denominator: int = 1
    encryptor: TrackEncryptor | None = None
    open_start: bool = False
    roll_distance: RollDistance | None = None

    def settle(self, samples: Sequence[Sample]) -> None:
        """Take the shift from the samples of the first fragment, if the time line of the file has room for it."""
        self.open_start, before = False, self.shift
        first = samples[0].decode_time
        self.shift = min([sample.decode_time + sample.composition_offset for sample in samples]) - first
        if self.file_time(first) < 0:
            self.shift = before

    def file_time(self, time: int) -> int:
        """Return a source time (with its shift) in ticks of the file."""
        return (time + self.shift) * self.numerator // self.denominator - self.origin


@dataclass(slots=True, eq=False)
class Run:
    """What a finished fragment holds of one track; times are ticks of the file.

    ``sync_number`` counts from 1 which sample is the first sync sample, 0 for none, and ``sync_time`` is when that
    one is presented.
    """

    track: FragmentTrack
    decode_time: int
    duration: int
    sample_count: int
    size: int
    first_presentation: int
    presentation_end: int
    sync_number: int
    sync_time: int
    constant_iv: bytes | None = None


@dataclass(slots=True, eq=False)
class Fragment:
    """A finished fragment: ``buffers`` are its bytes in order, ``size`` their number."""

    buffers: tuple[Buffer, ...] = field(repr=False)
    size: int
    runs: tuple[Run, ...]


class FragmentBuilder:
    """Collects the samples of one fragment: ``count`` of them so far, ``size`` bytes.

    ``push`` adds a sample, ``close`` returns the fragment and starts the next one. Sample data is kept by reference.
    ``unwritten`` is how many samples were in a fragment for which ``close`` raised an error; 0 if it did not.
    """

    __slots__ = ("_pending", "_tracks", "count", "size", "unwritten")

    def __init__(self, tracks: Sequence[FragmentTrack]) -> None:
        self._tracks = {track.track_id: track for track in tracks}
        self._pending: dict[int, list[Sample]] = {track.track_id: [] for track in tracks}
        self.count = self.size = self.unwritten = 0

    def push(self, sample: Sample) -> bool:
        """Add a sample if it begins where those collected of its track end, for a trun has no room for a gap.

        Return False if it does not; it has to begin the next fragment.
        """
        samples = self._pending[sample.track_id]
        if samples:
            last = samples[-1]
            if last.decode_time + last.duration != sample.decode_time:
                return False
        samples.append(sample)
        self.count += 1
        self.size += len(sample.data)
        return True

    def end_before(self, sample: Sample) -> None:
        """Shorten the last sample of a track that would be presented when ``sample``, of the next span, begins."""
        samples = self._pending[sample.track_id]
        if samples:
            last = samples[-1]
            left = sample.decode_time + sample.composition_offset - last.decode_time - last.composition_offset
            if 0 < left < last.duration:
                samples[-1] = replace(last, duration=left)

    def close(self, sequence_number: int) -> Fragment | None:
        """Return the fragment with the collected samples; None if there are none."""
        pending, self.unwritten = self._pending, self.count
        self._pending = {track_id: [] for track_id in pending}
        self.count = self.size = 0
        parts = [_traf(self._tracks[track_id], samples) for track_id, samples in pending.items() if samples]
        if not parts:
            return None
        runs: list[Run] = []
        moof_size, payload = 24, 0
        for part in parts:
            runs.append(part.run)
            moof_size += part.size
            payload += part.run.size
        if payload + 8 >= 1 << 32:
            raise MediaError(f"a fragment of {payload} bytes is too large")
        head = [_HEAD.pack(moof_size, b"moof", 16, b"mfhd", 0, sequence_number & 0xFFFFFFFF)]
        buffers: list[Buffer] = [b""]
        traf_start, data_start = 24, moof_size + 8
        for part in parts:
            head.append(part.build(traf_start, data_start))
            buffers += part.payload
            traf_start += part.size
            data_start += part.run.size
        head.append(struct.pack(">I4s", payload + 8, b"mdat"))
        buffers[0] = b"".join(head)
        self.unwritten = 0
        return Fragment(tuple(buffers), moof_size + 8 + payload, tuple(runs))


@dataclass(slots=True, eq=False)
class _Traf:
    """A traf whose offsets are not known yet."""

    run: Run
    payload: list[Buffer]
    tfhd: bytes
    tfdt: bytes
    trun_flags: int
    first_flags: bytes
    rows: bytes
    protected: ProtectedSamples | None
    groups: bytes
    size: int = field(init=False)

    def __post_init__(self) -> None:
        self.size = 8 + len(self.tfhd) + len(self.tfdt) + 20 + len(self.first_flags) + len(self.rows)
        self.size += len(self.groups)
        if self.protected is not None:
            self.size += len(self.protected.senc) + len(self.protected.saiz) + len(self.protected.groups)
            self.size += 20 if self.protected.senc else 0

    def build(self, start: int, data_start: int) -> bytes:
        """The traf; it lies ``start`` bytes, and its data ``data_start`` bytes, behind the start of the moof."""
        trun_size = 20 + len(self.first_flags) + len(self.rows)
        trun = _TRUN.pack(trun_size, b"trun", 1 << 24 | self.trun_flags, self.run.sample_count, data_start)
        parts = [struct.pack(">I4s", self.size, b"traf"), self.tfhd, self.tfdt, trun, self.first_flags, self.rows]
        if self.protected is not None:
            if self.protected.senc:
                senc_start = start + 8 + len(self.tfhd) + len(self.tfdt) + trun_size
                saio = _SAIO.pack(20, b"saio", 0, 1, senc_start + 16)
                parts += (self.protected.senc, saio, self.protected.saiz)
            parts.append(self.protected.groups)
        parts.append(self.groups)
        return b"".join(parts)


def _traf(track: FragmentTrack, samples: list[Sample]) -> _Traf:
    count, first = len(samples), samples[0]
    payload: list[Buffer] = list(map(_DATA, samples))
    sizes = list(map(len, payload))
    if 0 in sizes:
        raise MediaError(f"track {track.track_id}: a sample without bytes, which no file may hold")
    if track.open_start:
        track.settle(samples)
    decode_time = track.file_time(first.decode_time)
    if decode_time < 0:
        raise MediaError(f"track {track.track_id}: a sample lies before the start of its span")
    if decode_time >= _MAX_TICKS:
        raise MediaError(f"track {track.track_id}: a sample lies {decode_time} ticks behind the start of its span")
    shift = track.shift
    factor = track.numerator
    if factor == track.denominator:  # nearly all of CMAF
        durations = list(map(_DURATION, samples))
        offsets = [sample.composition_offset - shift for sample in samples]
    elif track.denominator == 1:
        durations = [sample.duration * factor for sample in samples]
        offsets = [(sample.composition_offset - shift) * factor for sample in samples]
    else:
        durations, offsets = _rescaled(track, samples)
    syncs, groups = list(map(_SYNC, samples)), b""
    if track.roll_distance is not None and True in syncs:
        syncs, groups = sync_samples(samples, syncs, track.roll_distance)
    head = _pack_head(track, decode_time, durations, sizes, syncs, offsets)
    total = sum(durations)
    begin, end = decode_time + offsets[0], decode_time + total
    if any(offsets):
        shown = list(map(add, _starts(decode_time, durations), offsets))
        begin = first_shown(shown, track.timescale * track.numerator // track.denominator)
        end = max(map(add, shown, durations))
    sync_index = syncs.index(True) if True in syncs else -1
    size = sum(sizes)
    protected = None
    if track.encryptor is not None:
        protected = track.encryptor.encrypt(samples)
        payload = [protected.payload]
    elif count > 1 and size < _JOIN_BELOW * count:
        payload = [b"".join(payload)]
    run = Run(
        track,
        decode_time,
        total,
        count,
        size,
        first_presentation=begin,
        presentation_end=end,
        sync_number=sync_index + 1,
        sync_time=decode_time + sum(durations[:sync_index]) + offsets[sync_index] if sync_index >= 0 else 0,
        constant_iv=protected.constant_iv if protected is not None else None,
    )
    return _Traf(run, payload, *head, protected, groups)


def _pack_head(
    track: FragmentTrack,
    decode_time: int,
    durations: list[int],
    sizes: list[int],
    syncs: list[bool],
    offsets: list[int],
) -> tuple[bytes, bytes, int, bytes, bytes]:
    """Return tfhd, tfdt, and of trun its flags, first-sample-flags and rows: what all samples share is in tfhd."""
    count = len(sizes)
    defaults, flags, columns = [1], 0x2, {}
    if durations.count(durations[0]) == count:
        defaults.append(durations[0])
        flags |= 0x8
    else:
        columns["duration"] = _column("I", durations, track)
    if sizes.count(sizes[0]) == count:
        defaults.append(sizes[0])
        flags |= 0x10
    else:
        columns["size"] = _column("I", sizes, track)
    first_flags = b""
    trun_flags = 0x1
    if all(syncs):
        defaults.append(SYNC_FLAGS)
        flags |= 0x20
    elif not any(syncs[1:]):
        defaults.append(PREDICTED_FLAGS)
        flags |= 0x20
        if syncs[0]:
            first_flags = SYNC_FLAGS.to_bytes(4, "big")
            trun_flags |= 0x4
    else:
        columns["flags"] = array("I", [SYNC_FLAGS if sync else PREDICTED_FLAGS for sync in syncs])
    if any(offsets):
        columns["composition_offset"] = _column("i", offsets, track)
    for name, flag in (("duration", 0x100), ("size", 0x200), ("flags", 0x400), ("composition_offset", 0x800)):
        trun_flags |= flag if name in columns else 0
    rows = b""
    if columns:
        rows = pack_columns(Columns(count, **columns), {name: column.typecode for name, column in columns.items()})
    try:
        tfhd = struct.pack(
            f">I4sII{len(defaults)}I", 16 + 4 * len(defaults), b"tfhd", 0x20000 | flags, track.track_id, *defaults
        )
        tfdt = _TFDT.pack(20, b"tfdt", 1 << 24, decode_time)
    except struct.error:
        raise MediaError(f"track {track.track_id}: a time or duration is no number that a file can hold") from None
    return tfhd, tfdt, trun_flags, first_flags, rows


def _starts(start: int, durations: list[int]) -> list[int]:
    starts = []
    for duration in durations:
        starts.append(start)
        start += duration
    return starts


def _column(code: str, values: list[int], track: FragmentTrack) -> "array[int]":
    try:
        return array(code, values)
    except (OverflowError, TypeError):
        raise MediaError(f"track {track.track_id}: a duration or composition offset does not fit 32 bits") from None


def _rescaled(track: FragmentTrack, samples: list[Sample]) -> tuple[list[int], list[int]]:
    """Durations and offsets where ticks do not divide: from absolute times, so that rounding never adds up."""
    times = [track.file_time(sample.decode_time) for sample in samples]
    last = samples[-1]
    times.append(track.file_time(last.decode_time + last.duration))
    durations = [later - earlier for earlier, later in pairwise(times)]
    offsets = [
        track.file_time(sample.decode_time + sample.composition_offset - track.shift) - time
        for sample, time in zip(samples, times, strict=False)
    ]
    return durations, offsets
