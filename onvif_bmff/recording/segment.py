"""Fragments → one segment: header, fragments, and an mfra at the end. ONVIF Recording Control 25.12, B.3, B.6, B.7."""

import logging
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from onvif_bmff.bmff import (
    Columns,
    MovieFragmentRandomAccessBox,
    MovieFragmentRandomAccessOffsetBox,
    TrackFragmentRandomAccessBox,
)
from onvif_bmff.errors import MediaError, StateError
from onvif_bmff.media.track import Sample
from onvif_bmff.objects.stored import Buffer
from onvif_bmff.recording.fragment import Fragment, FragmentBuilder, FragmentTrack, Run

__all__ = ["FragmentLimits", "SegmentTotals", "SegmentWriter", "TrackTotals", "make_random_access"]

_HARD_FACTOR = 4
_log = logging.getLogger(__name__)
_MAX_SECONDS = 366 * 86_400

HeaderMaker = Callable[[Mapping[int, bytes]], bytes]
"""Makes the header from the constant IVs (by track_id) of the segment's first fragment."""


@dataclass(frozen=True, slots=True)
class FragmentLimits:
    """When a fragment ends.

    A fragment of video ends at the first sync sample ``video`` seconds after its start, so that it is one GOP as
    long as GOPs are not shorter; other media ends after ``other`` seconds; either ends at a sync sample as soon as
    it holds ``enough_bytes``. A fragment of ``max_bytes`` or ``max_samples`` ends anywhere, so that a stream without
    sync samples cannot fill the memory.

    With ``whole_segments`` a segment is one fragment: it ends, with its fragment, at the first sync sample at which it
    has ``max_bytes``, or four times ``max_samples``, even if it is shorter than configured (B.3). Only where none comes
    before four times as many does a second fragment begin. Raises ``MediaError`` for limits that are negative or
    endless.
    """

    video: float = 0.5
    other: float = 2.0
    enough_bytes: int = 32 << 10
    max_bytes: int = 16 << 20
    max_samples: int = 10_000
    whole_segments: bool = False

    @property
    def hard(self) -> tuple[int, int]:
        """Bytes and samples at which a fragment ends anywhere."""
        if not self.whole_segments:
            return self.max_bytes, self.max_samples
        return self.max_bytes * _HARD_FACTOR, self.max_samples * _HARD_FACTOR * _HARD_FACTOR

    def __post_init__(self) -> None:
        if not (0 <= self.video < _MAX_SECONDS and 0 <= self.other < _MAX_SECONDS):
            raise MediaError("the duration of a fragment is a number of seconds, not negative, of a year at most")
        if self.max_bytes <= 0 or self.max_samples <= 0:
            raise MediaError("a fragment holds a byte and a sample at least")


@dataclass(slots=True)
class TrackTotals:
    """What a segment holds of one track, in ticks of the file and bytes."""

    duration: int = 0
    sample_count: int = 0
    size: int = 0
    times: "array[int]" = field(default_factory=lambda: array("Q"))
    moof_offsets: "array[int]" = field(default_factory=lambda: array("Q"))
    traf_numbers: "array[int]" = field(default_factory=lambda: array("I"))
    sample_numbers: "array[int]" = field(default_factory=lambda: array("I"))


@dataclass(slots=True)
class SegmentTotals:
    """What a segment holds: its tracks by track_id, its bytes, and its presentation times in ticks."""

    tracks: dict[int, TrackTotals]
    size: int = 0
    fragment_count: int = 0
    presentation_end: dict[int, int] = field(default_factory=dict)


class SegmentWriter:
    """Writes one segment, buffer by buffer: ``push`` samples, then ``close`` it.

    Each call returns buffers that are the next bytes of the segment. ``lead_id`` is the track whose sync samples
    begin fragments; ``fragment_ticks`` its shortest fragment, in source ticks. ``mfra`` tells whether the segment
    ends with an mfra box. ``before_fragment`` is called before a fragment's decode times are written.
    """

    def __init__(
        self,
        tracks: Sequence[FragmentTrack],
        header: HeaderMaker,
        *,
        lead_id: int,
        fragment_ticks: int,
        limits: FragmentLimits = FragmentLimits(),
        sequence_number: int = 1,
        mfra: bool = True,
        before_fragment: Callable[[], None] | None = None,
    ) -> None:
        self._tracks = tuple(tracks)
        self._builder = FragmentBuilder(tracks)
        self._header = header
        self._lead_id = lead_id
        self._fragment_ticks = fragment_ticks
        self._limits = limits
        self._max_bytes, self._max_samples = limits.hard
        self._mfra = mfra
        self._before_fragment = before_fragment
        self._fragment_start: int | None = None
        self._closed = False
        self.sequence_number = sequence_number
        self.totals = SegmentTotals({track.track_id: TrackTotals() for track in tracks})
        self.unwritten = 0
        """How many samples a fragment held that could not be written."""
        self.last_runs: tuple[Run, ...] = ()
        """What the last finished fragment holds."""

    def push(self, sample: Sample) -> tuple[Buffer, ...]:
        """Add a sample; return the buffers of the fragment that it ends, if it ends one."""
        out: tuple[Buffer, ...] = ()
        builder = self._builder
        leads = sample.track_id == self._lead_id
        if leads:
            start = self._fragment_start
            if start is None:
                self._fragment_start = sample.decode_time
            elif (
                sample.sync
                and (sample.decode_time - start >= self._fragment_ticks or builder.size >= self._limits.enough_bytes)
                and not self._limits.whole_segments
            ):
                out = self.end_fragment()
                self._fragment_start = sample.decode_time
        if builder.size >= self._max_bytes or builder.count >= self._max_samples or not builder.push(sample):
            if self._limits.whole_segments and builder.count:
                _log.warning(
                    "a segment has a second fragment: no sync sample came, or track %d jumped", sample.track_id
                )
            out = self.end_fragment()
            self._fragment_start = sample.decode_time if leads else None
            builder.push(sample)
        return out

    def end_before(self, sample: Sample) -> None:
        """Let the media of a track end where the first ``sample`` of the next span is presented."""
        self._builder.end_before(sample)

    @property
    def is_full(self) -> bool:
        """Whether a segment of one fragment is to end at the next sync sample because it takes too much memory."""
        limits, builder = self._limits, self._builder
        return limits.whole_segments and (
            builder.size >= limits.max_bytes or builder.count >= limits.max_samples * _HARD_FACTOR
        )

    def end_fragment(self) -> tuple[Buffer, ...]:
        """End the open fragment; return its buffers, after the header's if it is the first."""
        if self._closed:
            raise StateError("the segment is closed")
        self._fragment_start = None
        if self._before_fragment is not None:
            self._before_fragment()
        self.unwritten = self._builder.count
        fragment = self._builder.close(self.sequence_number)
        self.unwritten = 0
        if fragment is None:
            return ()
        self.sequence_number += 1
        out = fragment.buffers
        if not self.totals.fragment_count:
            ivs = {run.track.track_id: run.constant_iv for run in fragment.runs if run.constant_iv is not None}
            header = self._header(ivs)
            self.totals.size = len(header)
            out = (header, *out)
        self._account(fragment)
        self.last_runs = fragment.runs
        return out

    def lead_by(self, track_id: int, fragment_ticks: int) -> None:
        """Let another track begin fragments from now on."""
        self._lead_id, self._fragment_ticks, self._fragment_start = track_id, fragment_ticks, None

    def close(self) -> tuple[Buffer, ...]:
        """End the segment; return the rest of its bytes."""
        out = self.end_fragment()
        self._closed = True
        if self._mfra and self.totals.fragment_count:
            out = (*out, self.random_access().build())
        return out

    def random_access(self) -> MovieFragmentRandomAccessBox:
        """Return the mfra of what was written so far."""
        return make_random_access(self.totals)

    def _account(self, fragment: Fragment) -> None:
        totals = self.totals
        for number, run in enumerate(fragment.runs, 1):
            track_id = run.track.track_id
            of_track = totals.tracks[track_id]
            of_track.duration += run.duration
            of_track.sample_count += run.sample_count
            of_track.size += run.size
            if run.sync_number:
                of_track.times.append(run.sync_time)
                of_track.moof_offsets.append(totals.size)
                of_track.traf_numbers.append(number)
                of_track.sample_numbers.append(run.sync_number)
            totals.presentation_end[track_id] = max(run.presentation_end, totals.presentation_end.get(track_id, 0))
        totals.size += fragment.size
        totals.fragment_count += 1


def make_random_access(totals: SegmentTotals) -> MovieFragmentRandomAccessBox:
    """Return the mfra of a segment: each track's first sync sample of each fragment. ISO/IEC 14496-12, 8.8.9.

    The track that is first in the movie comes last, where readers that take the last bytes of an object have it whole.
    """
    tables = tuple(_tfra(track_id, found) for track_id, found in reversed(totals.tracks.items()) if len(found.times))
    size = 8 + 16 + sum(table.size for table in tables)
    return MovieFragmentRandomAccessBox(children=(*tables, MovieFragmentRandomAccessOffsetBox(parent_size=size)))


def _tfra(track_id: int, totals: TrackTotals) -> TrackFragmentRandomAccessBox:
    count = len(totals.times)
    wide = max(totals.times[-1], totals.moof_offsets[-1]) >= 1 << 32
    most, farthest = max(totals.traf_numbers), max(totals.sample_numbers)
    return TrackFragmentRandomAccessBox(
        version=1 if wide else 0,
        track_id=track_id,
        length_size_of_traf_num=0 if most < 256 else 1,
        length_size_of_trun_num=0,
        length_size_of_sample_num=1 if farthest < 1 << 16 else 3,
        entries=Columns(
            time=totals.times,
            moof_offset=totals.moof_offsets,
            traf_number=totals.traf_numbers,
            trun_number=array("B", [1]) * count,
            sample_number=totals.sample_numbers,
        ),
    )
