"""Fragments → one segment: header, fragments, and an mfra at the end. ONVIF Recording Control 25.12, B.3, B.6, B.7."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from onvif_bmff.bmff import MovieFragmentRandomAccessBox
from onvif_bmff.errors import MediaError, StateError
from onvif_bmff.media.track import Sample
from onvif_bmff.objects.stored import Buffer
from onvif_bmff.recording.fragment import FragmentBuilder, FragmentTrack, Run
from onvif_bmff.recording.totals import SegmentTotals, TrackTotals, make_random_access

__all__ = ["FragmentLimits", "SegmentWriter"]

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


@dataclass(slots=True, eq=False)
class _Lead:
    """The track whose sync samples begin fragments, of ``fragment_ticks`` at least; the open one began at ``start``."""

    track_id: int
    fragment_ticks: int
    start: int | None = None


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
        self._builder = FragmentBuilder(tracks)
        self._header = header
        self._lead = _Lead(lead_id, fragment_ticks)
        self._limits = limits
        self._max_bytes, self._max_samples = limits.hard
        self._mfra = mfra
        self._before_fragment = before_fragment
        self._closed = False
        self.sequence_number = sequence_number
        self.totals = SegmentTotals({track.track_id: TrackTotals() for track in tracks})
        self.last_runs: tuple[Run, ...] = ()
        """What the last finished fragment holds."""

    def push(self, sample: Sample) -> tuple[Buffer, ...]:
        """Add a sample; return the buffers of the fragment that it ends, if it ends one."""
        out: tuple[Buffer, ...] = ()
        builder, lead = self._builder, self._lead
        leads = sample.track_id == lead.track_id
        if leads:
            start = lead.start
            if start is None:
                lead.start = sample.decode_time
            elif (
                sample.sync
                and (sample.decode_time - start >= lead.fragment_ticks or builder.size >= self._limits.enough_bytes)
                and not self._limits.whole_segments
            ):
                out = self.end_fragment()
                lead.start = sample.decode_time
        if builder.size >= self._max_bytes or builder.count >= self._max_samples or not builder.push(sample):
            if self._limits.whole_segments and builder.count:
                _log.warning(
                    "a segment has a second fragment: no sync sample came, or track %d jumped", sample.track_id
                )
            out = self.end_fragment()
            lead.start = sample.decode_time if leads else None
            builder.push(sample)
        return out

    def end_before(self, sample: Sample) -> None:
        """Let the media of a track end where the first ``sample`` of the next span is presented."""
        self._builder.end_before(sample)

    @property
    def unwritten(self) -> int:
        """How many samples a fragment held that could not be written."""
        return self._builder.unwritten

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
        self._lead.start = None
        if self._before_fragment is not None:
            self._before_fragment()
        fragment = self._builder.close(self.sequence_number)
        if fragment is None:
            return ()
        self.sequence_number += 1
        out = fragment.buffers
        if not self.totals.fragment_count:
            ivs = {run.track.track_id: run.constant_iv for run in fragment.runs if run.constant_iv is not None}
            header = self._header(ivs)
            self.totals.size = len(header)
            out = (header, *out)
        self.totals.add(fragment)
        self.last_runs = fragment.runs
        return out

    def lead_by(self, track_id: int, fragment_ticks: int) -> None:
        """Let another track begin fragments from now on."""
        self._lead = _Lead(track_id, fragment_ticks)

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
