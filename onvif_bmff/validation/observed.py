"""What was seen of a segment, for the rules that compare: with its labels, its index, and the segments beside it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, islice, repeat
from operator import add

from onvif_bmff.bmff import NON_SYNC_SAMPLE, FileTypeBox, MovieBox
from onvif_bmff.cenc.protection import Protection
from onvif_bmff.demux.fragment_samples import SampleRun, TrackFragment
from onvif_bmff.demux.sample_tables import MovieTrack
from onvif_bmff.media_kind import MediaKind
from onvif_bmff.objects.extensions import is_cmaf
from onvif_bmff.objects.key import ObjectKey
from onvif_bmff.validation.report import Checked
from onvif_bmff.validation.rules import Findings

__all__ = ["RANK", "Context", "Header", "PartFacts", "SegmentFacts", "StopLooking", "TrackFacts"]

RANK = {kind.handler: kind.rank for kind in MediaKind}
"""Handlers of recorded media, in the order in which they lead."""


class StopLooking(Exception):  # noqa: N818  no error: the finding that hides the rest was made already
    """The rest of a segment cannot be understood. Never leaves ``check_segment``."""


@dataclass(slots=True)
class Context:
    """The object at hand: its key, whether it is a CMAF one (by its extension), and where findings and counts go."""

    key: ObjectKey
    findings: Findings
    checked: Checked = field(default_factory=Checked)

    @property
    def is_cmaf(self) -> bool:
        """Whether the rules of CMAF hold."""
        return is_cmaf(self.key.extension)

    def rule(self, cmaf: str, mp4: str) -> str:
        """The rule that is broken: one of CMAF, or the one of annex B that stands for it in an MP4 object."""
        return cmaf if self.is_cmaf else mp4


@dataclass(slots=True)
class Header:
    """ftyp and moov. ``raw`` are the bytes of the moov, which begins at ``offset``; ``protections`` are by track_id."""

    file_type: FileTypeBox | None
    movie: MovieBox
    raw: bytes = field(repr=False)
    offset: int
    tracks: tuple[MovieTrack, ...]
    protections: dict[int, Protection] = field(default_factory=dict)

    @property
    def brands(self) -> tuple[str, ...]:
        """The compatible brands."""
        return self.file_type.compatible_brands if self.file_type is not None else ()

    @property
    def kids(self) -> frozenset[str]:
        """The key identifiers that the sample entries name."""
        return frozenset(str(protection.kid) for protection in self.protections.values())


@dataclass(slots=True)
class PartFacts:
    """One traf with samples: where it is, and its times in ticks."""

    moof_offset: int
    traf_number: int
    decode_time: int
    runs: tuple[SampleRun, ...] = field(repr=False)
    first_time: int
    earliest: int
    presentation_end: int
    first_is_sync: bool

    @classmethod
    def of(cls, part: TrackFragment, traf_number: int) -> "PartFacts":
        """What there is to know of a traf, the ``traf_number``-th of its moof, that has samples."""
        first: int | None = None
        earliest = end = decode_time = part.decode_time
        for run in part.runs:
            if not run.count:
                continue
            offsets = run.composition_offset
            stop = decode_time + run.total_duration
            if isinstance(offsets, int):
                start, low, high = decode_time + offsets, decode_time + offsets, stop + offsets
            else:  # columns are summed as they are read: lists of numbers would be ten times their size
                start = decode_time + offsets[0]
                low = min(map(add, accumulate(_each(run.duration), initial=decode_time), offsets))
                ends = accumulate(islice(_each(run.duration), run.count), initial=decode_time)
                next(ends)
                high = max(map(add, ends, offsets))
            if first is None:
                first, earliest, end = start, low, high
            earliest, end, decode_time = min(earliest, low), max(end, high), stop
        flags = next(iter(next(run for run in part.runs if run.count).all_flags()))
        return cls(
            moof_offset=part.moof_offset,
            traf_number=traf_number,
            decode_time=part.decode_time,
            runs=part.runs,
            first_time=part.decode_time if first is None else first,
            earliest=earliest,
            presentation_end=end,
            first_is_sync=not flags & NON_SYNC_SAMPLE,
        )

    def decode_times(self) -> list[Sequence[int]]:
        """Decode time of each sample of each trun; of those with a constant duration that of the first only."""
        found: list[Sequence[int]] = []
        time = self.decode_time
        for run in self.runs:
            steps = run.duration if not isinstance(run.duration, int) else ()
            found.append(list(accumulate(steps, initial=time)))
            time += run.total_duration
        return found

    @property
    def count(self) -> int:
        """Number of samples."""
        return sum([run.count for run in self.runs])

    @property
    def last_duration(self) -> int:
        """How long the last sample lasts, in ticks."""
        duration = next(run for run in reversed(self.runs) if run.count).duration
        return duration if isinstance(duration, int) else duration[-1]


@dataclass(slots=True)
class TrackFacts:
    """What a segment holds of a track: ticks, samples, bytes; ``end`` is the decode time after its last sample."""

    track: MovieTrack
    parts: list[PartFacts] = field(default_factory=list)
    duration: int = 0
    samples: int = 0
    size: int = 0
    end: int = 0
    presentation_end: int = 0
    all_sync: bool = True


@dataclass(slots=True)
class SegmentFacts:
    """What a segment holds. ``complete``: it was read to its end without a fault that hides the rest."""

    key: ObjectKey
    name: str
    header: Header | None = None
    tracks: dict[int, TrackFacts] = field(default_factory=dict)
    moofs: list[int] = field(default_factory=list)
    complete: bool = False

    @property
    def lead(self) -> TrackFacts | None:
        """The leading track of those with samples: video, else audio, else metadata."""
        with_samples = [track for track in self.tracks.values() if track.parts]
        return min(with_samples, key=lambda found: RANK.get(found.track.handler, 3), default=None)

    def starts(self) -> list[tuple[int, int]]:
        """Times that may count as the segment's first sample's, the likeliest first, with their timescales."""
        lead = self.lead
        found: list[tuple[int, int]] = []
        for track in sorted(self.tracks.values(), key=lambda one: one is not lead):
            if track.parts:
                first, shift = track.parts[0], track.track.presentation_shift
                times = dict.fromkeys((first.first_time + shift, first.earliest + shift))
                found.extend((time, track.track.timescale) for time in times)
        return found

    def reference(self) -> tuple[int, int] | None:
        """The time and timescale that the key names: of a span's first segment the earliest of its first fragment."""
        found = self.starts()
        if found and not self.key.counter:
            found = [
                (track.parts[0].first_time + track.track.presentation_shift, track.track.timescale)
                for track in self.tracks.values()
                if track.parts and track.parts[0].moof_offset == self.moofs[0]
            ] or found
            return min(found, key=lambda one: one[0] / one[1])
        return found[0] if found else None

    def placed(self) -> dict[tuple[str, int], TrackFacts]:
        """The tracks that have samples, by handler and the how manieth of those with that handler they are."""
        counts: dict[str, int] = {}
        found: dict[tuple[str, int], TrackFacts] = {}
        for track in self.tracks.values():
            handler = track.track.handler
            counts[handler] = counts.get(handler, -1) + 1
            if track.parts:
                found[handler, counts[handler]] = track
        return found

    def ends(self) -> list[tuple[int, int]]:
        """Times that may count as the end of the last sample, the latest first, with their timescales."""
        found = [
            (track.presentation_end + track.track.presentation_shift, track.track.timescale)
            for track in self.tracks.values()
            if track.parts
        ]
        return sorted(found, key=lambda one: -one[0] / one[1])


def _each(column: "Iterable[int] | int") -> Iterable[int]:
    return repeat(column) if isinstance(column, int) else column
