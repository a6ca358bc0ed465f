r"""A part of a recording as one playable file, clear, its tracks in step.

Times in the file are those of the recording. What a gap becomes, and what a span with another codec configuration:

======================  ===========================================  ==========================================
\                       fragmented                                   progressive
======================  ===========================================  ==========================================
a gap, kept             the next decode time jumps                   the sample before it lasts until the next
a gap, cut              nothing is left of it, in all tracks at once
other parameter sets    another sample entry of the track, and all sets in band besides
another codec           `MediaError`: no player can change the codec within a track
a track that starts     its first decode time                        an empty edit
later
======================  ===========================================  ==========================================

Without ``exact`` a file begins with the last sync sample of the leading track before the range, all tracks from
there on; with it, an edit list hides what lies outside the range.
"""

from bisect import bisect_right
from dataclasses import dataclass, replace
from typing import BinaryIO

from onvif_bmff.cenc.keys.ring import KeyRing, KeyUnwrapper
from onvif_bmff.errors import MediaError
from onvif_bmff.export.movie import OutputTrack
from onvif_bmff.export.parameter_sets import in_band, parameter_sets, with_parameter_sets
from onvif_bmff.export.progressive import ProgressiveWriter
from onvif_bmff.export.tracks import output_tracks
from onvif_bmff.export.writers import FragmentedWriter, MovieWriter, OutputSample
from onvif_bmff.media.sample_entries import entry_bytes
from onvif_bmff.media.track import TrackType
from onvif_bmff.objects.extensions import media_in
from onvif_bmff.objects.stored import ObjectStore
from onvif_bmff.playback.gate import SAME_TIME
from onvif_bmff.playback.played import PlayedSample, PlayedTrack
from onvif_bmff.playback.samples import SampleReader
from onvif_bmff.playback.seek import Seeker
from onvif_bmff.playback.selection import Selection, SpanPart
from onvif_bmff.timing import UtcTime

__all__ = ["ExportReport", "export_movie"]

_SECOND = 1_000_000
_MOST_OFFSET = 1 << 30
_LEAD_IN = 50_000
"""Microseconds by which a sample may begin before the leading track does."""


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What was exported.

    ``start`` and ``end`` are the times of the earliest and latest sample in the file; ``samples`` how many each track
    has; ``cut`` how long the gaps are that were cut out, in microseconds; ``missing`` objects that were listed but
    could not be found; ``empty`` how many samples without bytes were left out, for which players refuse a whole file.
    """

    start: UtcTime
    end: UtcTime
    tracks: tuple[OutputTrack, ...]
    samples: tuple[int, ...]
    cut: int
    missing: tuple[str, ...]
    empty: int = 0


def export_movie(
    store: ObjectStore,
    selection: Selection,
    out: BinaryIO,
    *,
    progressive: bool = False,
    spool: BinaryIO | None = None,
    exact: bool = False,
    cut_gaps: bool = False,
    keys: KeyRing | None = None,
    unwrapper: KeyUnwrapper | None = None,
) -> ExportReport:
    """Write a selection as one MP4 file.

    Args:
        store: where the objects lie.
        selection: what to export, see `select`.
        out: where the file is written; must be seekable for a progressive file without ``spool``.
        progressive: with sample tables, for players that know no fragments; fragmented otherwise.
        spool: an empty file for the media data of a progressive file, so that its moov comes first.
        exact: hide what lies outside the range by an edit list. Not all players heed that in fragmented files.
        cut_gaps: close up the times in which nothing of the selection was recorded, or is lost.
        keys: content keys.
        unwrapper: what recovers content keys from the ``pssh`` boxes.

    Raises:
        BoxError, MediaError: a segment is broken; there is nothing to export; or the spans' codecs do not go
            together in one track.
        ProtectionError: a key is missing, or does not open.
        StoreError: the store failed.
    """
    seeker = Seeker(store)
    if keys is None and unwrapper is not None:
        keys = KeyRing()
    floor: int | None = None
    first = _first_of_lead(store, selection, seeker, keys, unwrapper)
    if first is not None and selection.start is not None:
        floor = first.decode_microseconds
        if not exact:
            selection = replace(selection, start=min(first.time, selection.start))
    tracks = output_tracks(selection, seeker)
    if not tracks:
        raise MediaError("there is nothing to export")
    cuts = _Cuts(selection, seeker) if cut_gaps else None
    reader = SampleReader(store, selection, keys=keys, unwrapper=unwrapper, seeker=seeker)
    job = _Export(tracks, out, selection, cuts, floor, progressive=progressive, spool=spool, exact=exact)
    for played in reader:
        job.add(played)
    return job.finish(tuple(reader.missing))


def _first_of_lead(
    store: ObjectStore,
    selection: Selection,
    seeker: Seeker,
    keys: KeyRing | None,
    unwrapper: KeyUnwrapper | None,
) -> PlayedSample | None:
    """The sample with which the leading track begins, so that all tracks can begin there; None without a range."""
    if selection.start is None:
        return None
    for media in TrackType:
        if selection.media not in (None, media):
            continue
        leading = replace(selection, media=media, parts=_carrying(selection, media))
        for played in SampleReader(store, leading, keys=keys, unwrapper=unwrapper, seeker=seeker):
            return played
    return None


def _carrying(selection: Selection, media: TrackType) -> dict[str, tuple[SpanPart, ...]]:
    return {name: parts for name, parts in selection.parts.items() if media in media_in(name)}


# ---- what is cut out ----------------------------------------------------------------------------


class _Cuts:
    """The times in which nothing was recorded, and what cutting them out does to the times after them."""

    def __init__(self, selection: Selection, seeker: Seeker) -> None:
        covered: list[tuple[int, int]] = []
        for parts in selection.parts.values():
            for part in parts:
                for run in part.runs():
                    segments = run.span.segments
                    last = segments[run.stop - 1]
                    end = last.end if last.end is not None else seeker.end(last)
                    covered.append((segments[run.first].start.microseconds, end.microseconds))
        if not covered:
            raise MediaError("there is nothing to export")
        covered.sort()
        self._ends: list[int] = []
        self._totals: list[int] = []
        reach, total = covered[0][1], 0
        for begin, over in covered:
            if begin > reach + SAME_TIME:
                total += begin - reach
                self._ends.append(begin - SAME_TIME)
                self._totals.append(total)
            reach = max(reach, over)

    def before(self, microseconds: int) -> int:
        """How much is cut out before a time, in microseconds."""
        index = bisect_right(self._ends, microseconds)
        return self._totals[index - 1] if index else 0


# ---- writing -------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Lane:
    """The state of one track of the file."""

    number: int
    output: OutputTrack
    descriptions: dict[bytes, int]
    source: PlayedTrack | None = None
    run: int = -1
    clock: object = None
    offset: int = 0
    description: int = 1
    in_band: bool = False
    sets: bytes = b""
    next_time: int | None = None
    held: OutputSample | None = None
    count: int = 0


class _Export:
    """One file on its way."""

    def __init__(
        self,
        tracks: dict[tuple[TrackType, int], OutputTrack],
        out: BinaryIO,
        selection: Selection,
        cuts: _Cuts | None,
        floor: int | None,
        *,
        progressive: bool,
        spool: BinaryIO | None,
        exact: bool,
    ) -> None:
        self._tracks = list(tracks.values())
        self._waiting = {kind: _Lane(number, track, {}) for number, (kind, track) in enumerate(tracks.items())}
        for lane in self._waiting.values():
            codecs = lane.output.codecs
            lane.descriptions = {entry_bytes(codec.sample_entry()): number for number, codec in enumerate(codecs, 1)}
            lane.in_band = len(codecs) > 1
            if lane.in_band:
                lane.output.codecs = [in_band(codec) for codec in codecs]
        self._lanes: dict[int, _Lane] = {}
        self._out, self._spool, self._progressive, self._exact = out, spool, progressive, exact
        self._selection = selection
        self._cuts = cuts
        self._floor = floor
        self._timescale = self._tracks[0].timescale
        self._origin = 0
        self._writer: MovieWriter | None = None
        self._start: UtcTime | None = None
        self._end: UtcTime | None = None
        self._empty = 0

    def add(self, played: PlayedSample) -> None:
        """Write a sample."""
        if not played.sample.data:
            self._leave_out(played)
            return
        if self._writer is None:
            self._origin = played.decode_microseconds
            if self._floor is not None and not self._floor - _LEAD_IN <= self._origin <= self._floor:
                self._origin = self._floor
            self._writer = self._make_writer()
        lane = self._lanes.get(played.track.number) or self._enter(played.track)
        track, sample, output = played.track, played.sample, lane.output
        if track is not lane.source or played.run != lane.run or played.clock is not lane.clock:
            self._turn(lane, played)
        time = sample.decode_time * output.timescale // track.timescale + lane.offset
        held = lane.held
        if held is not None:
            delta = time - held.time
            if delta <= 0:  # a source that goes back in time
                time, delta = held.time + 1, 1
            slack = SAME_TIME * output.timescale // _SECOND
            if self._progressive or delta <= held.duration + slack:
                held.duration = delta
            self._writer.add(lane.number, held)
        end = (sample.decode_time + sample.duration) * output.timescale // track.timescale + lane.offset
        if time < 0:
            if track.type is TrackType.VIDEO or end <= 0:
                return
            time = 0  # a document that holds since long before the range
        if track.type is TrackType.METADATA and self._selection.end is not None:
            end = min(end, self._end_ticks(self._selection.end, output.timescale))
        duration = end - time
        offset = sample.composition_offset * output.timescale // track.timescale
        if abs(offset) >= _MOST_OFFSET:
            raise MediaError(f"a composition offset of {offset} ticks, in {track.span!r}, fits no sample table")
        data = sample.data
        if lane.sets and sample.sync:
            data = with_parameter_sets(data, lane.sets, track.codec)
        lane.held = OutputSample(time, max(duration, 0), offset, sample.sync, lane.description, data)
        lane.next_time = time + max(duration, 0)
        lane.count += 1
        self._note(played)

    def finish(self, missing: tuple[str, ...]) -> ExportReport:
        """Write what is left."""
        if self._writer is None or self._start is None or self._end is None:
            raise MediaError("there is nothing to export")
        for lane in self._lanes.values():
            if lane.held is not None:
                self._writer.add(lane.number, lane.held)
        by_number = {lane.number: lane for lane in self._lanes.values()}
        presented = [
            (self._presented_from(track.timescale), self._presented_until(track.timescale)) for track in self._tracks
        ]
        self._writer.finish(presented)
        counts = tuple([by_number[n].count if n in by_number else 0 for n in range(len(self._tracks))])
        cut = self._cuts.before(self._end.microseconds) if self._cuts is not None else 0
        return ExportReport(self._start, self._end, tuple(self._tracks), counts, cut, missing, self._empty)

    def _leave_out(self, played: PlayedSample) -> None:
        """Let the sample before one without bytes last until that one's end, unless it is a document."""
        self._empty += 1
        track, sample, lane = played.track, played.sample, self._lanes.get(played.track.number)
        if lane is None or lane.held is None or track.type is TrackType.METADATA:
            return
        if track is not lane.source or played.run != lane.run or played.clock is not lane.clock:
            return
        end = (sample.decode_time + sample.duration) * lane.output.timescale // track.timescale + lane.offset
        if end > lane.held.time + lane.held.duration:
            lane.held.duration = end - lane.held.time
            lane.next_time = end

    def _make_writer(self) -> MovieWriter:
        if self._progressive:
            return ProgressiveWriter(self._out, self._tracks, lead=0, timescale=self._timescale, spool=self._spool)
        skips = [max(0, self._presented_from(track.timescale)) for track in self._tracks]
        return FragmentedWriter(self._out, self._tracks, lead=0, timescale=self._timescale, skips=skips)

    def _presented_from(self, timescale: int) -> int:
        """The time in the file at which the presentation begins, in ticks."""
        start = self._selection.start
        if not self._exact or start is None:
            return 0
        return (start.microseconds - self._origin) * timescale // _SECOND

    def _presented_until(self, timescale: int) -> int | None:
        end = self._selection.end
        return self._end_ticks(end, timescale) if self._exact and end is not None else None

    def _end_ticks(self, end: UtcTime, timescale: int) -> int:
        """The time in the file of the end of the selection, in ticks."""
        cut = self._cuts.before(end.microseconds) if self._cuts is not None else 0
        return (end.microseconds - self._origin - cut) * timescale // _SECOND

    def _enter(self, track: PlayedTrack) -> _Lane:
        """The lane of a track of the reader; its number says the how manieth of its kind it is."""
        kinds = [kind for kind in self._waiting if kind == (track.type, track.ordinal)]
        if not kinds:
            raise MediaError(f"a segment has a {track.type.value} track that its span's first segment has not")
        lane = self._lanes[track.number] = self._waiting[kinds[0]]
        return lane

    def _turn(self, lane: _Lane, played: PlayedSample) -> None:
        """Another run, clock or sample entry begins: find where it lies in the file."""
        track, sample, timescale = played.track, played.sample, lane.output.timescale
        if track is not lane.source:
            description = lane.descriptions.get(entry_bytes(track.codec.sample_entry()))
            if description is None:
                raise MediaError(f"the codec configuration changes within the span that starts at {track.span.start}")
            lane.description = description
            lane.sets = parameter_sets(track.codec) if lane.in_band else b""
        now = played.decode_microseconds
        elapsed = now - self._origin - (self._cuts.before(now) if self._cuts is not None else 0)
        time = (2 * elapsed * timescale + _SECOND) // (2 * _SECOND)
        if lane.next_time is not None and abs(time - lane.next_time) <= SAME_TIME * timescale // _SECOND:
            time = lane.next_time  # keys are cut to milliseconds: this is no gap
        lane.source, lane.run, lane.clock = track, played.run, played.clock
        lane.offset = time - sample.decode_time * timescale // track.timescale

    def _note(self, played: PlayedSample) -> None:
        time, end = played.time, played.end
        if self._start is None or time < self._start:
            self._start = time
        if self._end is None or end > self._end:
            self._end = end
