"""Samples of a recording as samples of a file: times, gaps, durations and sample entries.

What becomes of gaps and of spans with another codec configuration is in the table of ``export.export``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from onvif_bmff.cenc.keys.ring import KeyRing, KeyUnwrapper
from onvif_bmff.errors import MediaError, OnvifBmffError
from onvif_bmff.export.file_times import FileTimes
from onvif_bmff.export.in_band_sets import in_band, parameter_sets, with_parameter_sets
from onvif_bmff.export.movie import OutputTrack
from onvif_bmff.export.tracks import output_tracks
from onvif_bmff.export.writers import MovieWriter, OutputSample
from onvif_bmff.media.roll_groups import roll_distance_of
from onvif_bmff.media.sample_entries import entry_bytes
from onvif_bmff.media.track import TrackType
from onvif_bmff.objects.extensions import media_in
from onvif_bmff.objects.stored import ReadableStore
from onvif_bmff.playback.gate import SAME_TIME
from onvif_bmff.playback.lead_in import reaching_back
from onvif_bmff.playback.left_out import LeftOut, LossCause, doubts
from onvif_bmff.playback.object_check import settle_header
from onvif_bmff.playback.played import PlayedSample, PlayedTrack
from onvif_bmff.playback.samples import SampleReader
from onvif_bmff.playback.seek import Seeker
from onvif_bmff.playback.selection import Selection, SpanPart
from onvif_bmff.timing import UtcTime

__all__ = ["ExportJob", "ExportReport", "ExportSource", "readable"]

_SECOND = 1_000_000
_DAY = 86_400 * _SECOND
_LONG_SEGMENT = 3_600 * _SECOND
"""Time after midnight (µs) within which the first segment after a leap second begins."""
_MAX_OFFSET = 1 << 30


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What was exported.

    Attributes:
        start: when the earliest sample in the file is presented.
        end: when the latest one ends.
        tracks: the tracks of the file.
        samples: number of samples of each track.
        cut: total length of the gaps that were cut out, in microseconds.
        missing: objects that were listed but could not be found.
        empty: number of samples without bytes; they are left out because players reject a file that has any.
        left_out: what is damaged, missing, foreign or encrypted with other keys, in each kind of span in order of time;
            empty if the export was ``strict``.
        doubts: where nothing shows whether objects are missing, as after a span without an end object.
    """

    start: UtcTime
    end: UtcTime
    tracks: tuple[OutputTrack, ...]
    samples: tuple[int, ...]
    cut: int
    missing: tuple[str, ...]
    empty: int = 0
    left_out: tuple[LeftOut, ...] = ()
    doubts: tuple[LeftOut, ...] = ()


class ExportSource:
    """What is exported: the samples of a selection, and the tracks that they need.

    Attributes:
        selection: from the last sync sample of the leading track before the range on, unless ``exact``.
        seeker: knows the headers that were read.
        floor: when the leading track begins, in microseconds since 1970; None without a range.
    """

    def __init__(
        self,
        store: ReadableStore,
        selection: Selection,
        *,
        keys: KeyRing | None,
        unwrapper: KeyUnwrapper | None,
        strict: bool,
        exact: bool = False,
    ) -> None:
        self.seeker = Seeker(store)
        self.floor: int | None = None
        self._store, self._strict = store, strict
        self._keys = KeyRing() if keys is None and unwrapper is not None else keys
        self._unwrapper = unwrapper
        first = self._first_of_lead(selection)
        if first is not None and selection.start is not None:
            self.floor = first.decode_microseconds
            if not exact:
                start = min(first.time, selection.start)
                parts = {
                    name: tuple([reaching_back(part, start) for part in found])
                    for name, found in selection.parts.items()
                }
                selection = replace(selection, parts=parts, start=start)
        self.selection = selection

    def _reader(self, selection: Selection) -> SampleReader:
        return SampleReader(
            self._store,
            selection,
            keys=self._keys,
            unwrapper=self._unwrapper,
            seeker=self.seeker,
            strict=self._strict,
        )

    def _first_of_lead(self, selection: Selection) -> PlayedSample | None:
        """Return the first sample of the leading track, where all tracks begin; None without a range."""
        if selection.start is None:
            return None
        for media in TrackType:
            if selection.media not in (None, media):
                continue
            leading = replace(selection, media=media, parts=_carrying(selection, media))
            for played in self._reader(leading):
                return played
        return None

    def tracks(self) -> dict[tuple[TrackType, int], OutputTrack]:
        """Return the tracks of the output, by type and ordinal.

        Raises:
            MediaError: there is nothing to export, or the codecs of the spans do not fit one track.
            OnvifBmffError: why nothing of the selection can be read.
        """
        found = self.selection if self._strict else readable(self._store, self.selection, self.seeker)
        tracks = output_tracks(found, self.seeker)
        if not tracks:
            reader = self._reader(self.selection)
            for _ in reader:
                pass  # it says what is wrong with each object
            raise _nothing(reader.left_out)
        return tracks

    def play(self, job: "ExportJob") -> ExportReport:
        """Give all samples to a job, and finish it."""
        reader = self._reader(self.selection)
        for played in reader:
            job.add(played)
        job.check(reader.left_out)
        report = job.finish(tuple(reader.missing))
        return replace(report, left_out=tuple(reader.left_out), doubts=tuple(doubts(self.selection)))


def readable(store: ReadableStore, selection: Selection, seeker: Seeker) -> Selection:
    """Return the parts of a selection of which a header can be read."""
    parts = {
        extension: tuple([part for part in found if settle_header(store, seeker, part)[0] is not None])
        for extension, found in selection.parts.items()
    }
    return replace(selection, parts=parts)


def _carrying(selection: Selection, media: TrackType) -> dict[str, tuple[SpanPart, ...]]:
    return {name: parts for name, parts in selection.parts.items() if media in media_in(name)}


def _nothing(left_out: Sequence[LeftOut]) -> OnvifBmffError:
    """Return the error that nothing can be exported, with the first reason."""
    for one in left_out:
        if one.error is not None:
            return one.error
    return MediaError("there is nothing to export")


@dataclass(slots=True)
class _FileTrack:
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
    held: OutputSample | None = None
    count: int = 0

    @property
    def next_time(self) -> int | None:
        """When what is held ends; None before the first sample."""
        return None if self.held is None else self.held.time + self.held.duration


class ExportJob:
    """Writes one file, or one a track, sample by sample.

    ``make_writer`` is called for the first sample, when ``times`` has begun.
    """

    def __init__(
        self,
        tracks: dict[tuple[TrackType, int], OutputTrack],
        times: FileTimes,
        make_writer: Callable[[list[OutputTrack]], MovieWriter],
        *,
        progressive: bool = False,
    ) -> None:
        self._tracks = list(tracks.values())
        self._waiting = {kind: _FileTrack(number, track, {}) for number, (kind, track) in enumerate(tracks.items())}
        for target in self._waiting.values():
            codecs = target.output.codecs
            target.descriptions = {entry_bytes(codec.sample_entry()): number for number, codec in enumerate(codecs, 1)}
            target.in_band = len(codecs) > 1
            if target.in_band:
                target.output.codecs = [in_band(codec) for codec in codecs]
        self._file_tracks: dict[int, _FileTrack] = {}
        self._times = times
        self._make_writer, self._progressive = make_writer, progressive
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
            self._times.begin(played.decode_microseconds)
            self._writer = self._make_writer(self._tracks)
        target = self._file_tracks.get(played.track.number) or self._open_track(played.track)
        track, sample, timescale = played.track, played.sample, target.output.timescale
        if track is not target.source or played.run != target.run or played.clock is not target.clock:
            self._change_source(target, played)
        time = sample.decode_time * timescale // track.timescale + target.offset
        if target.held is not None:
            time = self._write_held(self._writer, target, target.held, time)
        end = (sample.decode_time + sample.duration) * timescale // track.timescale + target.offset
        if time < 0:
            if track.type is TrackType.VIDEO or end <= 0:
                return
            time = 0  # a metadata document that applies since long before the range
        if track.type is TrackType.METADATA:
            selected_end = self._times.selected_end(timescale)
            end = end if selected_end is None else min(end, selected_end)
        target.held = _output_sample(target, played, time, max(end - time, 0))
        target.count += 1
        self._note(played)

    def _write_held(self, writer: MovieWriter, target: _FileTrack, held: OutputSample, time: int) -> int:
        """Write the sample before the one at ``time``, which ends there unless a gap follows; return the time."""
        delta = time - held.time
        if delta <= 0:  # a source that goes back in time
            time, delta = held.time + 1, 1
        slack = SAME_TIME * target.output.timescale // _SECOND
        if self._progressive or delta <= held.duration + slack:
            held.duration = delta
        writer.add(target.number, held)
        return time

    def check(self, left_out: Sequence[LeftOut]) -> None:
        """Check that something was written, and of each track if only keys were missing.

        Raises:
            OnvifBmffError: why not.
        """
        if self._writer is None:
            raise _nothing(left_out)
        if sum(target.count > 0 for target in self._waiting.values()) < len(self._tracks):
            locked = [one for one in left_out if one.cause is LossCause.ENCRYPTED]
            if locked:
                raise _nothing(locked)

    def finish(self, missing: tuple[str, ...]) -> ExportReport:
        """Write the last samples and complete the file."""
        if self._writer is None or self._start is None or self._end is None:
            raise MediaError("there is nothing to export")
        for target in self._file_tracks.values():
            if target.held is not None:
                self._writer.add(target.number, target.held)
        by_number = {target.number: target for target in self._file_tracks.values()}
        times = self._times
        presented = [
            (times.presented_from(one.timescale), times.presented_until(one.timescale)) for one in self._tracks
        ]
        self._writer.finish(presented)
        counts = tuple([by_number[n].count if n in by_number else 0 for n in range(len(self._tracks))])
        cut = times.cut_before(self._end.microseconds)
        return ExportReport(self._start, self._end, tuple(self._tracks), counts, cut, missing, self._empty)

    def _leave_out(self, played: PlayedSample) -> None:
        """Leave out a sample without bytes: the one before it lasts until its end, except in metadata tracks."""
        self._empty += 1
        track, sample, target = played.track, played.sample, self._file_tracks.get(played.track.number)
        if target is None or target.held is None or track.type is TrackType.METADATA:
            return
        if track is not target.source or played.run != target.run or played.clock is not target.clock:
            return
        end = (sample.decode_time + sample.duration) * target.output.timescale // track.timescale + target.offset
        if end > target.held.time + target.held.duration:
            target.held.duration = end - target.held.time

    def _open_track(self, track: PlayedTrack) -> _FileTrack:
        """Return the track of the file for one of the reader: that of the same type and ordinal."""
        kinds = [kind for kind in self._waiting if kind == (track.type, track.ordinal)]
        if not kinds:
            raise MediaError(f"a segment has a {track.type.value} track that its span's first segment has not")
        target = self._file_tracks[track.number] = self._waiting[kinds[0]]
        return target

    def _change_source(self, target: _FileTrack, played: PlayedSample) -> None:
        """Take over another run, clock or sample entry, and find where it lies in the file."""
        track, sample, timescale = played.track, played.sample, target.output.timescale
        if track is not target.source:
            description = target.descriptions.get(entry_bytes(track.codec.sample_entry()))
            if description is None:
                raise MediaError(f"the codec configuration changes within the span that starts at {track.span.start}")
            target.description = description
            target.sets = parameter_sets(track.codec) if target.in_band else b""
        shown = played.time.microseconds
        time = self._times.ticks_at(played.decode_microseconds, timescale, shown)
        if _after_leap_second(target, played, time):
            self._times.leap_second(played.decode_microseconds // _DAY * _DAY)
            time = self._times.ticks_at(played.decode_microseconds, timescale, shown)
        if target.next_time is not None and time - target.next_time <= SAME_TIME * timescale // _SECOND:
            # Keys are cut to milliseconds: this is no gap. Nor is it an overlap, which the reader has left out: where a
            # recorder followed a clock that ran slow, keys come earlier than the media before them end.
            time = target.next_time
        target.source, target.run, target.clock = track, played.run, played.clock
        target.offset = time - sample.decode_time * timescale // track.timescale

    def _note(self, played: PlayedSample) -> None:
        time, end = played.time, played.end
        if self._start is None or time < self._start:
            self._start = time
        if self._end is None or end > self._end:
            self._end = end


def _after_leap_second(target: _FileTrack, played: PlayedSample, time: int) -> bool:
    """Return whether a span goes on after a leap second: its media continue, while the keys step back by a second."""
    known, next_time, timescale = target.source, target.next_time, target.output.timescale
    if known is None or next_time is None or known.span != played.track.span or played.run != target.run:
        return False
    track, sample = played.track, played.sample
    continued = sample.decode_time * timescale // track.timescale + target.offset
    since_midnight = played.decode_microseconds % _DAY
    return (
        abs(continued - next_time) <= SAME_TIME * timescale // _SECOND
        and abs(next_time - time - timescale) <= timescale // 20
        and since_midnight < _LONG_SEGMENT
    )


def _output_sample(target: _FileTrack, played: PlayedSample, time: int, duration: int) -> OutputSample:
    """Return a sample as the file has it, with parameter sets in band where the track needs them."""
    track, sample = played.track, played.sample
    offset = sample.composition_offset * target.output.timescale // track.timescale
    if abs(offset) >= _MAX_OFFSET:
        raise MediaError(f"a composition offset of {offset} ticks, in {track.span!r}, fits no sample table")
    data = sample.data
    if target.sets and sample.sync:
        data = with_parameter_sets(data, target.sets, track.codec)
    sync = sample.sync
    if sync:  # or a gradual refresh begins, or the recording was cut by time
        distance = roll_distance_of(track.codec)
        sync = distance is None or distance((sample.data,)) == 0
    return OutputSample(time, duration, offset, sync, target.description, data)
