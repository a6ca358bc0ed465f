"""Tracks of a movie box, and their samples where the movie box itself describes them. ISO/IEC 14496-12, 8.3 to 8.7.

No file is touched in here: samples are slices of a view that the caller has, be it a whole file or one stored
segment. Tables stay columns; their runs are spread out only as samples are taken.

Times are those of the presentation. An edit list of the usual kind - a delay first (empty edits), then the media
from some point on - is a shift of all times of the track, so that tracks stay in step: the samples before that point
are there with times below zero. ISO/IEC 14496-12, 8.6.6.
"""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from onvif_bmff.bmff import (
    Box,
    CompactSampleSizeBox,
    EditBox,
    EditListBox,
    HandlerBox,
    MediaBox,
    MediaHeaderBox,
    MediaInformationBox,
    MovieBox,
    MovieExtendsBox,
    MovieHeaderBox,
    SampleDescriptionBox,
    SampleSizeBox,
    SampleTableBox,
    SampleToChunkBox,
    SoundMediaHeaderBox,
    TimeToSampleBox,
    TrackBox,
    TrackExtendsBox,
    TrackHeaderBox,
    VideoMediaHeaderBox,
)
from onvif_bmff.codecs.registry import codec_of
from onvif_bmff.demux.budget import SampleBudget
from onvif_bmff.demux.faults import InputFaults
from onvif_bmff.demux.table_columns import chunks_of, durations_of, offsets_of, sizes_of, sync_of
from onvif_bmff.errors import MediaError
from onvif_bmff.media.codec import Codec
from onvif_bmff.media.sample_entries import clear_entry, is_protected, nal_length_size
from onvif_bmff.media.track import Sample
from onvif_bmff.media_kind import KIND_OF_HANDLER, MediaKind

__all__ = [
    "CodecChange",
    "MovieTrack",
    "chunk_counts",
    "read_tracks",
    "table_chunks",
    "table_samples",
]

_FRAMES_A_PACKET = 1024
"""Samples that are paid for together, and frames of PCM that become one sample."""


@dataclass(frozen=True, slots=True)
class CodecChange:
    """From ``decode_time`` (ticks) on, the samples of track ``track_id`` need another ``codec``.

    ``description`` is the number (from 1) of its sample entry in the file, 0 where there is no file.
    The movie box of a recording changes with it, which closes all spans. ONVIF Recording Control 25.12, B.2.
    """

    track_id: int
    decode_time: int
    codec: Codec
    description: int


@dataclass(slots=True, kw_only=True)
class MovieTrack:
    """One track as a movie box describes it.

    ``handler`` is "vide", "soun", "meta", …; ``timescale`` ticks a second; ``language`` a code of three letters;
    ``entries`` the sample entries as they are in the file, maybe protected; ``presentation_shift`` the ticks to add
    to media times to get presentation times.
    """

    track_id: int
    handler: str
    timescale: int
    language: str
    entries: tuple[Box, ...]
    table: SampleTableBox
    presentation_shift: int = 0
    defaults: TrackExtendsBox | None = None
    box: TrackBox
    _clear: dict[int, Box] = field(default_factory=dict, repr=False, compare=False)
    _codecs: dict[int, Codec] = field(default_factory=dict, repr=False, compare=False)
    _length_sizes: dict[int, int | None] = field(default_factory=dict, repr=False, compare=False)

    @property
    def is_media(self) -> bool:
        """Whether it is video, audio or metadata, which can be recorded."""
        return self.handler in KIND_OF_HANDLER

    @property
    def type(self) -> MediaKind:
        """Kind of media; ``MediaError`` for tracks that are neither video nor audio nor metadata."""
        kind = KIND_OF_HANDLER.get(self.handler)
        if kind is None:
            raise MediaError(f"track {self.track_id} has handler {self.handler!r}, which is no media that is recorded")
        return kind

    @property
    def is_protected(self) -> bool:
        """Whether any sample entry is a protected one."""
        return any(is_protected(entry) for entry in self.entries)

    @property
    def sample_count(self) -> int:
        """Number of samples that the movie box itself describes (0 in a fragmented file)."""
        sizes = self.table.find(SampleSizeBox) or self.table.find(CompactSampleSizeBox)
        return sizes.sample_count if sizes is not None else 0

    @property
    def duration(self) -> int:
        """Ticks of all samples that the movie box itself describes."""
        times = self.table.find(TimeToSampleBox)
        left, total = self.sample_count, 0
        for count, delta in times.entries.rows() if times is not None else ():
            used = min(count, left)
            total, left = total + used * delta, left - used
        return total

    @property
    def first_description(self) -> int:
        """Index (from 1) of the sample entry that the first sample uses."""
        chunks = self.table.find(SampleToChunkBox)
        if self.sample_count and chunks is not None and len(chunks.entries):
            return chunks.entries["sample_description_index"][0]
        return self.defaults.default_sample_description_index if self.defaults is not None else 1

    def entry(self, index: int) -> Box:
        """Return sample entry ``index`` (from 1) as it is in the file; ``MediaError`` if there is none."""
        if not 0 < index <= len(self.entries):
            raise MediaError(f"track {self.track_id} has {len(self.entries)} sample entries, none numbered {index}")
        return self.entries[index - 1]

    def clear_entry(self, index: int) -> Box:
        """Return sample entry ``index`` as it was before protection; it is read once. ``MediaError`` as ``entry``."""
        found = self._clear.get(index)
        if found is None:
            found = self._clear[index] = clear_entry(self.entry(index))
        return found

    def nal_length_size(self, index: int) -> int | None:
        """Return the bytes of NAL lengths in samples of entry ``index``; None where there are no NAL units."""
        if index not in self._length_sizes:
            self._length_sizes[index] = nal_length_size(self.clear_entry(index))
        return self._length_sizes[index]

    def codec(self, index: int | None = None) -> Codec:
        """Return the codec of sample entry ``index`` (of the first sample if None), without its protection.

        Raises ``MediaError`` if there is no such entry, or it cannot be used.
        """
        index = self.first_description if index is None else index
        found = self._codecs.get(index)
        if found is None:
            found = self._codecs[index] = codec_of(self.clear_entry(index), handler=self.handler)
        return found


def read_tracks(movie: MovieBox) -> tuple[MovieTrack, ...]:
    """Return all tracks of a movie box, of whatever handler.

    Raises ``BoxError`` where a box that must be there is not, ``MediaError`` for a timescale of zero and for two
    tracks with one number.
    """
    header = movie.find(MovieHeaderBox)
    extends = movie.find(MovieExtendsBox)
    defaults = {box.track_id: box for box in extends.find_all(TrackExtendsBox)} if extends is not None else {}
    tracks = [
        _read_track(box, header.timescale if header is not None else 0, defaults) for box in movie.find_all(TrackBox)
    ]
    if len({track.track_id for track in tracks}) != len(tracks):
        raise MediaError("two tracks of the movie have the same number")
    return tuple(tracks)


def _read_track(box: TrackBox, movie_timescale: int, defaults: dict[int, TrackExtendsBox]) -> MovieTrack:
    track_id = box.require(TrackHeaderBox).track_id
    media = box.require(MediaBox)
    header = media.require(MediaHeaderBox)
    if not header.timescale:
        raise MediaError(f"track {track_id} has a timescale of 0")
    table = media.require(MediaInformationBox).require(SampleTableBox)
    edits = box.descend(EditBox, EditListBox)
    return MovieTrack(
        track_id=track_id,
        handler=_handler(media),
        timescale=header.timescale,
        language=_language(header.language),
        entries=table.require(SampleDescriptionBox).children,
        table=table,
        presentation_shift=_shift(edits, movie_timescale, header.timescale) if isinstance(edits, EditListBox) else 0,
        defaults=defaults.get(track_id),
        box=box,
    )


def _handler(media: MediaBox) -> str:
    """The handler; without the box, what the media header is for."""
    handler, information = media.find(HandlerBox), media.require(MediaInformationBox)
    if handler is not None:
        return handler.handler_type
    if information.find(VideoMediaHeaderBox) is not None:
        return MediaKind.VIDEO.handler
    return MediaKind.AUDIO.handler if information.find(SoundMediaHeaderBox) is not None else ""


def _language(packed: int) -> str:
    letters = [packed >> shift & 31 for shift in (10, 5, 0)]
    return "".join(chr(0x60 + letter) for letter in letters) if all(0 < x < 27 for x in letters) else "und"


def _shift(edits: EditListBox, movie_timescale: int, timescale: int) -> int:
    """Leading empty edits minus the media time of the first other one; a delay is rounded to the nearest tick."""
    delay = 0
    for duration, media_time, _, _ in edits.entries.rows():
        if media_time != -1:
            return _ticks(delay, movie_timescale, timescale) - media_time
        delay += duration
    return _ticks(delay, movie_timescale, timescale)


def _ticks(duration: int, movie_timescale: int, timescale: int) -> int:
    return (2 * duration * timescale + movie_timescale) // (2 * movie_timescale) if movie_timescale else 0


def table_samples(
    track: MovieTrack, data: memoryview, budget: SampleBudget | None = None, faults: InputFaults | None = None
) -> Iterator[Sample | CodecChange]:
    """Yield the samples that ``track``'s own tables describe, in decoding order; none in a fragmented file.

    ``data`` is the whole file; sample data are views on it. Between samples of different sample entries comes a
    ``CodecChange``. ``budget`` is what all tracks of the file may claim together in this pass. Raises ``MediaError``
    for tables that disagree and for data outside the file, ``BoxError`` for samples that the budget does not pay for.
    Memory does not grow with the number of samples. With ``faults`` samples outside the file are left out, noted there.

    PCM and G.711 tables may count every frame of a few bytes as a sample; up to 1024 neighbours make one here.
    """
    count = track.sample_count
    if not count:
        return
    table, track_id, end_of_data = track.table, track.track_id, len(data)
    if table.find(TimeToSampleBox) is None or table.find(SampleToChunkBox) is None:
        raise MediaError(f"track {track_id} has samples, but no stts or no stsc")
    budget = SampleBudget(end_of_data) if budget is None else budget
    if _counts_frames(track):
        yield from _frame_packets(track, data, budget, faults)
        return
    sizes, rows = iter(sizes_of(table)), zip(durations_of(table), offsets_of(table), sync_of(table), strict=False)
    time = track.presentation_shift
    left, used = count, track.first_description
    for position, in_chunk, description in chunks_of(table, track_id):
        if description != used:
            used = description
            yield CodecChange(track_id, time, track.codec(description), description)
        in_chunk = min(in_chunk, left)
        while in_chunk and (some := list(islice(sizes, min(in_chunk, _FRAMES_A_PACKET)))):
            _spend(budget, track, len(some), min(sum(some), max(end_of_data - position, 0)))
            in_chunk -= len(some)
            for size, (duration, offset, sync) in zip(some, rows, strict=False):
                end = position + size
                if end <= end_of_data:
                    yield Sample(track_id, time, duration, data[position:end], sync, offset)
                else:
                    _outside(track_id, end, end_of_data, faults)
                position = end
                time += duration
                left -= 1
        if not left:
            return
    raise _disagree(track, left)


def chunk_counts(track: MovieTrack) -> "array[int]":
    """Return the number of samples of each chunk that has any; ``MediaError`` where some samples are in no chunk."""
    left, counts = track.sample_count, array("I")
    for _, in_chunk, _ in chunks_of(track.table, track.track_id) if left else ():
        if in_chunk and left:
            counts.append(min(in_chunk, left))
            left -= counts[-1]
    if left:
        raise _disagree(track, left)
    return counts


def _outside(track_id: int, end: int, end_of_data: int, faults: InputFaults | None, samples: int = 1) -> None:
    """Note samples outside the file, or raise ``MediaError`` where nothing is noted."""
    if faults is None:
        raise MediaError(f"a sample of track {track_id} ends at byte {end} of {end_of_data}")
    faults.tell(f"track {track_id} has samples outside the file", samples=samples)


def _spend(budget: SampleBudget, track: MovieTrack, count: int, size: int) -> None:
    budget.charge(count, size, track_id=track.track_id, path="/moov/trak/mdia/minf/stbl", offset=track.table.offset)


def _disagree(track: MovieTrack, left: int) -> MediaError:
    return MediaError(f"the tables of track {track.track_id} disagree: {left} samples are in no chunk")


def table_chunks(
    track: MovieTrack, size: int, budget: SampleBudget | None = None
) -> Iterator[tuple[int, list[int], int]]:
    """Yield offset in the file, sizes of the samples and sample description of each chunk with samples.

    ``size`` is that of the file. Raises as ``table_samples`` does; memory grows with a chunk only.
    """
    left, budget = track.sample_count, SampleBudget(size) if budget is None else budget
    sizes = iter(sizes_of(track.table))
    for position, in_chunk, description in chunks_of(track.table, track.track_id) if left else ():
        if in_chunk and not left:
            break
        if in_chunk > max(size, _FRAMES_A_PACKET):
            raise MediaError(f"a chunk of track {track.track_id} has {in_chunk} samples")
        found = list(islice(sizes, min(in_chunk, left)))
        used = sum(found)
        left -= len(found)
        if position + used > size:
            raise MediaError(f"a chunk of track {track.track_id} ends at byte {position + used} of {size}")
        _spend(budget, track, len(found), used)
        if found:
            yield position, found, description
    if left:
        raise _disagree(track, left)


def _counts_frames(track: MovieTrack) -> bool:
    """Whether the samples of the tables are single frames of PCM: audio, of one size, a tick each."""
    sizes = track.table.find(SampleSizeBox)
    times = track.table.require(TimeToSampleBox).entries
    ticks = len(times) == 1 and times["sample_delta"][0] == 1 and times["sample_count"][0] >= track.sample_count
    return ticks and track.handler == MediaKind.AUDIO.handler and sizes is not None and sizes.sample_size > 0


def _frame_packets(
    track: MovieTrack, data: memoryview, budget: SampleBudget, faults: InputFaults | None
) -> Iterator[Sample | CodecChange]:
    """Like ``table_samples``, with up to 1024 neighbouring frames in a sample."""
    track_id, frame = track.track_id, track.table.require(SampleSizeBox).sample_size
    time, left, used = track.presentation_shift, track.sample_count, track.first_description
    for position, in_chunk, description in chunks_of(track.table, track.track_id):
        if description != used:
            used = description
            yield CodecChange(track_id, time, track.codec(description), description)
        in_chunk = min(in_chunk, left)
        left -= in_chunk
        lost = 0
        while in_chunk:
            frames = min(in_chunk, _FRAMES_A_PACKET)
            end = position + frames * frame
            if end > len(data):
                whole = max(len(data) - position, 0) // frame
                _outside(track_id, end, len(data), faults, in_chunk - whole)
                lost, in_chunk = in_chunk - whole, whole
                continue
            _spend(budget, track, 1, frames * frame)
            yield Sample(track_id, time, frames, data[position:end])
            position, time, in_chunk = end, time + frames, in_chunk - frames
        time += lost
        if not left:
            return
    raise _disagree(track, left)
