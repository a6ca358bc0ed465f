"""Rules of adjacent objects: segments of a span, its end object, and the next span. ONVIF 25.12, B.1 to B.5."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from hashlib import blake2b

from onvif_bmff.bmff import (
    BitRateBox,
    MediaHeaderBox,
    MovieExtendsHeaderBox,
    MovieHeaderBox,
    TrackEncryptionBox,
    TrackHeaderBox,
)
from onvif_bmff.errors import TimeError
from onvif_bmff.objects.key import ObjectKey
from onvif_bmff.playback.recorded import RecordedSpan
from onvif_bmff.timing import UtcTime
from onvif_bmff.validation.observed import RANK, Header, ObservedSegment, ObservedTrack
from onvif_bmff.validation.rules import Findings

__all__ = ["KindChecker", "SegmentSummary", "SpanChecker", "TrackSummary"]

_TIMES = (MovieHeaderBox, TrackHeaderBox, MediaHeaderBox)
_MAX_AGE = Fraction(1, 2)
"""Seconds by which sound may be older than its object's key: it comes in blocks, and coders delay it."""
_FOLLOWED = 100_000
"""Microseconds by which a recorder may follow its clock from one segment of a span to the next (docs/time.md)."""
_LAG = 3_000_000
"""Microseconds by which the end of a span may lie after the start of the next one."""
_TENC_FIELDS = 32
"""Bytes of a tenc before its constant vector."""

Place = tuple[str, int] | None
"""A track: its handler, and its ordinal among the tracks of that handler. None: all tracks, if none was read."""


@dataclass(slots=True)
class _Seen:
    """What is kept of a segment until the next one."""

    key: ObjectKey
    name: str
    starts: list[tuple[int, int]]
    sound_start: tuple[int, int] | None
    ends: list[tuple[int, int]]
    decode_ends: dict[int, int]
    in_last: frozenset[int]
    complete: bool


@dataclass(frozen=True, slots=True)
class MisfittingEnd:
    """A span end object whose time is not the end of its span's last sample."""

    last: _Seen
    key: ObjectKey
    name: str

    def is_that_of(self, other: "MisfittingEnd") -> bool:
        """Return whether this end object fits the end of another span with as many segments."""
        last = other.last
        return self.key.counter == other.key.counter and _fits(last.key, last.starts, self.key, last.ends)


@dataclass(frozen=True, slots=True)
class TrackSummary:
    """What the rules of adjacent segments need of a track: ticks, and positions of its first and last fragment.

    ``first`` is the decode time and the moof of its first fragment, ``last_moof`` that of its last one; None if it has
    none. ``end`` is the decode time after its last sample.
    """

    track_id: int
    handler: str
    first: tuple[int, int] | None
    last_moof: int | None
    end: int


@dataclass(frozen=True, slots=True)
class SegmentSummary:
    """What the rules of adjacent segments need of a segment: small, and can be pickled.

    ``header`` is a digest of the moov and its offset. ``moofs`` are the positions of the first and the last fragment.
    ``starts``, ``ends`` and ``sound_start`` are those of ``ObservedSegment``; ``times`` the instants at which the first
    and the last sample of each track are presented.
    """

    key: ObjectKey
    name: str
    header: tuple[bytes, int] | None
    tracks: tuple[TrackSummary, ...]
    moofs: tuple[int, int] | None
    starts: list[tuple[int, int]]
    ends: list[tuple[int, int]]
    sound_start: tuple[int, int] | None
    times: tuple[tuple[Place, UtcTime, UtcTime], ...]
    complete: bool

    @classmethod
    def of(cls, observed: ObservedSegment) -> "SegmentSummary":
        """Sum up what was observed in a segment."""
        header = observed.header
        return cls(
            key=observed.key,
            name=observed.name,
            header=None if header is None else (_fingerprint(header), header.offset),
            tracks=tuple(_summary_of(track_id, track) for track_id, track in observed.tracks.items()),
            moofs=(observed.moofs[0], observed.moofs[-1]) if observed.moofs else None,
            starts=observed.starts(),
            ends=observed.ends(),
            sound_start=observed.sound_start,
            times=tuple(_times_of(observed)),
            complete=observed.complete,
        )


def _summary_of(track_id: int, track: ObservedTrack) -> TrackSummary:
    if not track.parts:
        return TrackSummary(track_id, track.track.handler, None, None, track.end)
    first, last = track.parts[0], track.parts[-1]
    return TrackSummary(
        track_id, track.track.handler, (first.decode_time, first.moof_offset), last.moof_offset, track.end
    )


def _times_of(observed: ObservedSegment) -> Iterator[tuple[Place, UtcTime, UtcTime]]:
    reference = observed.reference()
    if reference is None or not observed.complete:
        return
    for place, track in observed.placed().items():
        shift, timescale = track.track.presentation_shift, track.track.timescale
        first, last = track.parts[0], track.parts[-1]
        begin = _at(observed.key, reference, (first.first_time + shift, timescale))
        end = _at(observed.key, reference, (track.presentation_end - last.last_duration + shift, timescale))
        if begin is not None and end is not None:
            yield place, begin, end


class SpanChecker:
    """Compares the segments of one span, in order."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._last: _Seen | None = None
        self._header: bytes | None = None
        self.starts: dict[Place, UtcTime] = {}
        """When the first sample of each track is presented."""
        self.lasts: dict[Place, UtcTime] = {}
        """When the last sample of each track is presented."""

    def segment(self, observed: SegmentSummary) -> None:
        """Compare the next segment with the one before."""
        last = self._last
        self._check_header(observed)
        ends = {track.track_id: track.end for track in observed.tracks if track.first is not None}
        if last is not None and last.complete and observed.key.counter == last.key.counter + 1:
            self._check_continuity(observed, last)
            self._check_start(observed, last)
        carried = last.decode_ends if last is not None and observed.key.counter == last.key.counter + 1 else {}
        for place, begin, end in observed.times:
            self.starts.setdefault(place, begin)
            self.lasts[place] = end
        self._last = _Seen(
            observed.key,
            observed.name,
            observed.starts,
            observed.sound_start,
            observed.ends,
            {**carried, **ends},
            frozenset(
                track.track_id
                for track in observed.tracks
                if observed.moofs is not None and track.last_moof == observed.moofs[1]
            ),
            observed.complete,
        )

    def end(self, key: ObjectKey, name: str) -> "MisfittingEnd | None":
        """Return the span end object if its time is not the end of the last sample, else None."""
        last = self._last
        if last is None or not last.complete or key.counter != last.key.counter + 1 or not last.ends:
            return None
        if _fits(last.key, last.starts, key, last.ends):
            return None
        return MisfittingEnd(last, key, name)

    def _check_header(self, observed: SegmentSummary) -> None:
        if observed.header is None:
            return
        digest, offset = observed.header
        if self._header is None:
            self._header = digest
        elif digest != self._header:
            message = "the moov differs from the other segments' in more than times, vectors and bit rates"
            self._findings.add("ANX-B.2-05", message, offset=offset, path="/moov", key=observed.name)

    def _check_continuity(self, observed: SegmentSummary, last: _Seen) -> None:
        lead_handler = min((track.handler for track in observed.tracks), key=_rank, default="")
        several = len(observed.tracks) > 1
        for track in observed.tracks:
            before = last.decode_ends.get(track.track_id)
            if before is None or track.first is None or observed.moofs is None:
                continue
            decode_time, moof_offset = track.first
            step = decode_time - before
            rule = "ANX-B.3-04" if step > 0 else "ANX-B.1-06"
            paused = moof_offset != observed.moofs[0] or track.track_id not in last.in_last
            if step > 0 and several and (track.handler != lead_handler or paused):
                continue  # in a multiplexed span other tracks may pause
            if step:
                message = f"track {track.track_id} begins at {decode_time}, and ended at {before} in the segment before"
                self._findings.add(rule, message, offset=moof_offset, path="/moof/traf/tfdt", key=observed.name)

    def _check_start(self, observed: SegmentSummary, last: _Seen) -> None:
        starts, moofs = observed.starts, observed.moofs
        if not last.starts or not starts or moofs is None:
            return
        if not _fits(last.key, last.starts, observed.key, starts):
            expected, at = _at(last.key, last.starts[0], starts[0]), observed.key.time
            pairs = (_at(last.key, before, start) for before in last.starts for start in starts)
            most = _FOLLOWED + max(_unit(last.key), _unit(observed.key)) + 1  # both are cut off
            if any(one is not None and abs(at.microseconds_since(one)) <= most for one in pairs):
                message = f"the first sample is at {expected}, by the segment before: a clock was followed"
                self._findings.note("ANX-B.4-05", message, observed.name)
                return
            message = f"the first sample is at {expected}, by the segment before"
            self._findings.add("ANX-B.4-05", message, offset=moofs[0], path="", key=observed.name)
        else:
            self._check_age(observed, moofs[0], last, list(_fitting(last.key, last.starts, observed.key, starts)))

    def _check_age(
        self,
        observed: SegmentSummary,
        offset: int,
        last: _Seen,
        pairs: list[tuple[tuple[int, int], tuple[int, int]]],
    ) -> None:
        """Check that sound is not older than its object's key; ``pairs`` are times that fit the two keys.

        The key of a span's first segment is that of its earliest sample. Later ones are those of the leading track,
        and sound that is late or waits for that track may be older, but not as old as the segment before.
        """
        sound, between = observed.sound_start, observed.key.time.microseconds_since(last.key.time)
        ages = [] if sound is None else [Fraction(*time) - Fraction(*sound) for _, time in pairs]
        if ages and min(ages) > max(Fraction(between, 1_000_000), _MAX_AGE):
            self._report_age(min(ages), observed.name, offset)
        if last.key.counter == 0 and last.sound_start is not None:
            first = min(Fraction(*start) - Fraction(*last.sound_start) for start, _ in pairs)
            if first > _MAX_AGE:
                self._report_age(first, last.name, None)

    def _report_age(self, seconds: Fraction, name: str, offset: int | None) -> None:
        message = f"sound begins {float(seconds):.3f} s before the time in the key"
        self._findings.add("ANX-B.4-05", message, offset=offset, key=name)


class KindChecker:
    """Compares the spans of one recording and kind, in order: they may not cover the same time.

    The last sample of a span may overlap: its duration is an estimate where a recording ends, and another may begin at
    once.
    """

    def __init__(self, findings: Findings, *, is_cmaf: bool) -> None:
        self._findings = findings
        self._rule = "ANX-B.7-01" if is_cmaf else "ANX-B.6-01"
        self._lasts: dict[Place, tuple[UtcTime, int]] = {}
        self._misfits: list[MisfittingEnd] = []

    def span(self, span: RecordedSpan, times: SpanChecker) -> None:
        """Compare the next span, with the times of its samples, to those before."""
        first, unit = span.segments[0], _unit(span.segments[0].key)
        starts: dict[Place, UtcTime] = times.starts or {None: first.start}
        for place, start in starts.items():
            last, slack = self._lasts.get(place, (start, 0))
            if last.microseconds_since(start) > slack + unit + 1:
                message = f"an earlier span has a sample at {last}, after the beginning of this one at {start}"
                self._findings.add(self._rule, message, key=first.name)
                break
        self._report(before=first.start)
        lasts: dict[Place, UtcTime] = times.lasts or {None: span.last_start}
        for place, last in lasts.items():
            if place not in self._lasts or last > self._lasts[place][0]:
                self._lasts[place] = last, unit

    def misfit(self, found: MisfittingEnd) -> None:
        """Take an end object that does not fit the end of its span.

        Keys assign the ends of two spans with equal counters by their order, and a short span may end before the last
        sample of the span before it. If each end fits the other span, both are right.
        """
        for other in self._misfits:
            if found.is_that_of(other) and other.is_that_of(found):
                self._misfits.remove(other)
                return
        self._misfits.append(found)

    def close(self) -> None:
        """Report the remaining misfits, after the last span."""
        self._report(before=None)

    def _report(self, before: UtcTime | None) -> None:
        left: list[MisfittingEnd] = []
        for found in self._misfits:
            if before is not None and before.microseconds_since(found.key.time) < _LAG:
                left.append(found)
                continue
            expected = _at(found.last.key, found.last.starts[0], found.last.ends[0])
            self._findings.add("ANX-B.5-03", f"the last sample ends at {expected}", key=found.name)
        self._misfits = left


def _rank(handler: str) -> int:
    return RANK.get(handler, 3)


def _unit(key: ObjectKey) -> int:
    """Return the resolution of a key in microseconds."""
    unit: int = 10 ** (6 - key.digits)
    return unit


def _at(key: ObjectKey, start: tuple[int, int], time: tuple[int, int]) -> UtcTime | None:
    """Return the instant of a time (ticks, timescale), if ``key`` is the time of ``start``; None if out of range."""
    (ticks, scale), (from_ticks, from_scale) = time, start
    try:
        return key.time.plus_ticks(ticks * from_scale - from_ticks * scale, scale * from_scale)
    except TimeError:
        return None


def _fits(key: ObjectKey, starts: list[tuple[int, int]], other: ObjectKey, times: list[tuple[int, int]]) -> bool:
    """Return whether the distance of two keys is that of any of their times, within the resolution of the keys."""
    return any(True for _ in _fitting(key, starts, other, times))


def _fitting(
    key: ObjectKey, starts: list[tuple[int, int]], other: ObjectKey, times: list[tuple[int, int]]
) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Yield the pairs of times whose distance is that of two keys, within the resolution of the keys."""
    for start in starts:
        for time in times:
            # Truncation of the first key makes the time seem late, that of the other one early.
            at = _at(key, start, time)
            late = other.time.microseconds_since(at) if at is not None else 1 << 62
            if -_unit(other) - 1 <= late <= _unit(key) + 1:
                yield start, time


def _fingerprint(header: Header) -> bytes:
    """Return a digest of a moov without what may differ in a span: times, constant IVs, bit rates and pssh boxes."""
    raw = bytearray(header.raw)
    cut: list[tuple[int, int]] = []
    for path, box in header.movie.walk():
        if box.offset is None or box.read_size is None:
            continue
        start = box.offset - header.offset
        stop = start + box.read_size
        if isinstance(box, _TIMES):
            _blank(raw, start + 12, min(stop, start + (28 if box.version else 20)))
        elif isinstance(box, TrackEncryptionBox):
            _blank(raw, min(stop, start + _TENC_FIELDS), stop)
        elif isinstance(box, BitRateBox | MovieExtendsHeaderBox):
            _blank(raw, start + 8, stop)
        elif box.type == "pssh" and path == "/moov/pssh":
            cut.append((start, stop))
    for start, stop in reversed(cut):
        del raw[start:stop]
    del raw[:4]  # the size of the moov counts what was cut out
    return blake2b(raw, digest_size=16).digest()


def _blank(raw: bytearray, start: int, stop: int) -> None:
    raw[start:stop] = bytes(max(0, stop - start))
