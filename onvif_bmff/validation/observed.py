"""What was observed in a segment, for rules that compare it with its attributes, its index and adjacent segments."""

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

__all__ = ["RANK", "Context", "Header", "ObservedFragment", "ObservedSegment", "ObservedTrack", "StopLooking"]

RANK = {kind.handler: kind.rank for kind in MediaKind}
"""Handlers of recorded media, in the order in which they lead."""


class StopLooking(Exception):  # noqa: N818  not an error: the finding has been reported
    """The rest of a segment cannot be interpreted. Caught by ``check_segment``."""


@dataclass(slots=True)
class Context:
    """The object under test: its key, which decides whether it is CMAF, and where findings and counts go."""

    key: ObjectKey
    findings: Findings
    checked: Checked = field(default_factory=Checked)
    is_cmaf: bool = field(init=False)
    """Whether the rules of CMAF apply."""

    def __post_init__(self) -> None:
        """Ask the format once: the rules ask for each box."""
        self.is_cmaf = is_cmaf(self.key.extension)

    def rule(self, cmaf: str, mp4: str) -> str:
        """Return the id of the rule to report: that of CMAF, or its counterpart of annex B for an MP4 object."""
        return cmaf if self.is_cmaf else mp4


@dataclass(slots=True)
class Header:
    """ftyp and moov. ``raw`` holds the bytes of the moov, which begins at ``offset``; ``protections`` by track_ID."""

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
class ObservedFragment:
    """One traf with samples: its position, and its times in ticks."""

    moof_offset: int
    traf_number: int
    decode_time: int
    runs: tuple[SampleRun, ...] = field(repr=False)
    first_time: int
    earliest: int
    presentation_end: int
    first_is_sync: bool
    first_is_start: bool
    """Whether decoding can start at the first sample: it is sync, or a gradual refresh begins with it."""

    @classmethod
    def of(cls, part: TrackFragment, traf_number: int) -> "ObservedFragment":
        """Return the observations on a traf with samples, the ``traf_number``-th of its moof."""
        first: int | None = None
        earliest = end = decode_time = part.decode_time
        for run in part.runs:
            if not run.count:
                continue
            offsets = run.composition_offset
            stop = decode_time + run.total_duration
            if isinstance(offsets, int):
                start, low, high = decode_time + offsets, decode_time + offsets, stop + offsets
            else:  # columns are summed while they are read: lists of ints would take ten times the memory
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
            first_is_start=not flags & NON_SYNC_SAMPLE or 0 in part.roll_starts,
        )

    def decode_times(self) -> list[Sequence[int]]:
        """Return the decode times of the samples of each trun; only the first if its durations are constant."""
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
        """Duration of the last sample, in ticks."""
        duration = next(run for run in reversed(self.runs) if run.count).duration
        return duration if isinstance(duration, int) else duration[-1]


@dataclass(slots=True)
class ObservedTrack:
    """A track in a segment: ticks, samples, bytes; ``end`` is the decode time after its last sample.

    ``offsets`` are the lowest and the highest composition offset of its pictures, None before the first.
    """

    track: MovieTrack
    parts: list[ObservedFragment] = field(default_factory=list)
    duration: int = 0
    samples: int = 0
    size: int = 0
    end: int = 0
    presentation_end: int = 0
    all_sync: bool = True
    offsets: tuple[int, int] | None = None


@dataclass(slots=True)
class ObservedSegment:
    """What was observed in a segment.

    ``moofs`` and ``data_ends`` are where fragments begin, and where the media data behind them end. ``complete``: it
    was read to its end without a fatal fault.
    """

    key: ObjectKey
    name: str
    header: Header | None = None
    tracks: dict[int, ObservedTrack] = field(default_factory=dict)
    moofs: list[int] = field(default_factory=list)
    data_ends: list[int] = field(default_factory=list)
    complete: bool = False

    @property
    def lead(self) -> ObservedTrack | None:
        """The leading track of those with samples: video, else audio, else metadata."""
        with_samples = [track for track in self.tracks.values() if track.parts]
        return min(with_samples, key=lambda found: RANK.get(found.track.handler, 3), default=None)

    def starts(self) -> list[tuple[int, int]]:
        """Return possible times of the segment's first sample, the most likely first, as ticks and timescale."""
        lead = self.lead
        found: list[tuple[int, int]] = []
        for track in sorted(self.tracks.values(), key=lambda one: one is not lead):
            if track.parts:
                first, shift = track.parts[0], track.track.presentation_shift
                times = dict.fromkeys((first.first_time + shift, first.earliest + shift))
                found.extend((time, track.track.timescale) for time in times)
        return found

    @property
    def sound_start(self) -> tuple[int, int] | None:
        """When the sound of the first fragment begins, as ticks and timescale; None if there is none beside others."""
        if len(self.tracks) > 1:
            for track in self.tracks.values():
                if track.track.handler == MediaKind.AUDIO.handler and track.parts:
                    first = track.parts[0]
                    if first.moof_offset == self.moofs[0]:
                        return first.first_time + track.track.presentation_shift, track.track.timescale
        return None

    def reference(self) -> tuple[int, int] | None:
        """Return the time of the key as ticks and timescale: in a span's first segment the earliest of all tracks."""
        found = self.starts()
        if found and not self.key.counter:
            found = [
                (track.parts[0].first_time + track.track.presentation_shift, track.track.timescale)
                for track in self.tracks.values()
                if track.parts and track.parts[0].moof_offset == self.moofs[0]
            ] or found
            return min(found, key=lambda one: one[0] / one[1])
        return found[0] if found else None

    def placed(self) -> dict[tuple[str, int], ObservedTrack]:
        """Return the tracks that have samples, by handler and ordinal among the tracks of that handler."""
        counts: dict[str, int] = {}
        found: dict[tuple[str, int], ObservedTrack] = {}
        for track in self.tracks.values():
            handler = track.track.handler
            counts[handler] = counts.get(handler, -1) + 1
            if track.parts:
                found[handler, counts[handler]] = track
        return found

    def ends(self) -> list[tuple[int, int]]:
        """Return possible times of the end of the last sample, the latest first, as ticks and timescale."""
        found = [
            (track.presentation_end + track.track.presentation_shift, track.track.timescale)
            for track in self.tracks.values()
            if track.parts
        ]
        return sorted(found, key=lambda one: -one[0] / one[1])


def _each(column: "Iterable[int] | int") -> Iterable[int]:
    return repeat(column) if isinstance(column, int) else column
