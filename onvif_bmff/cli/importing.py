"""Files of one camera, one after the other, into its recording: which follow each other, and at which times."""

import os
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from fractions import Fraction
from itertools import chain
from pathlib import Path

from onvif_bmff.bmff import MovieHeaderBox
from onvif_bmff.cenc.encrypt import IvSources
from onvif_bmff.cli.record_input import AT_FIRST, Source, faults_of, open_media
from onvif_bmff.cli.recording_names import ImportedFile
from onvif_bmff.cli.track_choice import tracks_to_record
from onvif_bmff.codecs import AacCodec, AvcCodec, HevcCodec
from onvif_bmff.demux.sample_tables import CodecChange
from onvif_bmff.errors import MediaError, ProtectionError, TimeError
from onvif_bmff.ingest import Mp4Input
from onvif_bmff.media.codec import Codec
from onvif_bmff.media.track import Sample, Track, moved
from onvif_bmff.recording.recorder import Recorder
from onvif_bmff.recording.segment_labels import SegmentLabels
from onvif_bmff.recording.target import RecordingTarget
from onvif_bmff.storage.sink import StoreSink
from onvif_bmff.timing import UtcTime

__all__ = ["CameraImport", "created", "ended_at"]

_FROM_1904 = 2_082_844_800
"""Seconds from 1904, where files count from, to 1970."""


class CameraImport:
    """Records files in the order of their times.

    A file that begins about where the one before it ended goes on in the same span, without a gap; each other one
    begins a span of its own, at its time.

    Args:
        target: where and how.
        source: identifier of the device.
        ivs: initialisation vectors.
        join: how far apart files of one span may be; None: as each file says.
        sink: takes what is recorded.
    """

    def __init__(
        self,
        target: RecordingTarget,
        source: str | None,
        ivs: IvSources | None,
        join: timedelta | None,
        sink: StoreSink,
    ) -> None:
        self._target = target
        self._labels = SegmentLabels(source=source)
        self._ivs = ivs
        self._join = join
        self._sink = sink
        self._recorder: Recorder | None = None
        self._anchor = UtcTime(0), Fraction(0)
        self._end = Fraction(0)
        """Where the last file ended, in seconds of the recorder's media time."""

    def record(self, file: ImportedFile) -> list[str]:
        """Record a file; return what is wrong with it.

        Raises ``OSError`` and ``OnvifBmffError`` if nothing of it, or not the rest of it, can be recorded.
        """
        source, _ = open_media(file.path)
        with source:
            tracks = tracks_to_record(source, self._target.format)
            items = (item for item in source.samples() if any(item.track_id == one.track_id for one in tracks))
            first = next(items, None)
            if first is None:
                raise MediaError("it has no samples")
            origin = _origin(first, tracks, source)
            shift = self._begin(file, tracks, origin)
            faults = self._push(chain([first], items), tracks, shift)
            return [*faults_of(source), *faults]

    def close(self) -> bool:
        """End the last span; return whether all of it could be written."""
        recorder, self._recorder = self._recorder, None
        if recorder is None:
            return True
        self._sink.add_all(recorder.deactivate())
        return recorder.failure is None and not recorder.dropped.total()

    def _begin(self, file: ImportedFile, tracks: Sequence[Track], origin: Fraction) -> Fraction:
        """Go on in the open span, or begin one; return what is added to the file's times, in seconds."""
        at, media_time = self._anchor
        expected = at.plus_microseconds(round((self._end - media_time) * 1_000_000))
        tolerance = file.tolerance if self._join is None else self._join
        recorder = self._recorder
        if (
            recorder is not None
            and abs(file.start - expected) <= tolerance
            and _shapes(recorder.tracks) == _shapes(tracks)
        ):
            for old, track in zip(recorder.tracks, tracks, strict=True):
                if not _decodes_alike(old.codec, track.codec):
                    recorder.replace_track(track)
            return self._end - origin
        self.close()
        self._recorder = recorder = Recorder(tracks, self._target, labels=self._labels, ivs=self._ivs)
        recorder.activate(file.start, media_time=origin)
        self._anchor = file.start, origin
        return Fraction(0)

    def _push(self, items: "chain[Sample | CodecChange]", tracks: Sequence[Track], shift: Fraction) -> list[str]:
        recorder = self._recorder
        if recorder is None:
            return []
        by_number = {track.track_id: track for track in tracks}
        ends = {track.track_id: _End(track.timescale) for track in tracks}
        ticks = {track.track_id: round(shift * track.timescale) for track in tracks}
        faults: list[str] = []
        try:
            for item in items:
                if isinstance(item, CodecChange):
                    old = by_number[item.track_id]
                    by_number[item.track_id] = track = Track(
                        old.token, old.track_id, old.timescale, item.codec, old.language
                    )
                    recorder.replace_track(track)
                    continue
                timed = moved(item, item.decode_time + ticks[item.track_id])
                ends[item.track_id].see(timed)
                try:
                    self._sink.add_all(recorder.push(timed))
                except (MediaError, ProtectionError) as error:
                    faults.append(str(error))
        finally:
            self._end = max((end.time for end in ends.values()), default=self._end)
        return faults[:1]


class _End:
    """When the samples of a track end, in seconds."""

    def __init__(self, timescale: int) -> None:
        self._timescale = timescale
        self._last: int | None = None
        self._step = 0
        self._end = 0

    def see(self, sample: Sample) -> None:
        """Note a sample."""
        if self._last is not None and sample.decode_time > self._last:
            self._step = sample.decode_time - self._last
        self._last = sample.decode_time
        self._end = sample.decode_time + (sample.duration or self._step)

    @property
    def time(self) -> Fraction:
        """When the last one ends."""
        return Fraction(self._end, self._timescale)


def _shapes(tracks: Sequence[Track]) -> list[tuple[int, str, int]]:
    """What tracks must have in common for one recorder to go on with them."""
    return [(track.track_id, str(track.type), track.timescale) for track in tracks]


def _decodes_alike(old: Codec, new: Codec) -> bool:
    """Whether samples of two files need the same decoder: what encoders write of bit rates differs in each."""
    if isinstance(old, AacCodec) and isinstance(new, AacCodec):
        return old.config == new.config
    if isinstance(old, AvcCodec) and isinstance(new, AvcCodec):
        return (old.sample_entry_type, old.sps, old.pps) == (new.sample_entry_type, new.sps, new.pps)
    if isinstance(old, HevcCodec) and isinstance(new, HevcCodec):
        sets = (old.vps, old.sps, old.pps) == (new.vps, new.sps, new.pps)
        return sets and old.sample_entry_type == new.sample_entry_type
    return old == new


def _origin(first: Sample | CodecChange, tracks: Sequence[Track], source: Source) -> Fraction:
    """The time of a file at which it begins: 0, unless its times count from elsewhere."""
    timescale = next(track.timescale for track in tracks if track.track_id == first.track_id)
    time = Fraction(first.decode_time, timescale)
    has_zero = isinstance(source, Mp4Input) or not source.counts_from_anywhere
    return Fraction(0) if has_zero and abs(time) <= AT_FIRST else time


def created(path: Path) -> UtcTime | None:
    """Return when a file says that it was made; None if it says nothing. Raises as ``open_media`` does."""
    source, _ = open_media(path)
    with source:
        if not isinstance(source, Mp4Input):
            return source.created
        header = source.movie.find(MovieHeaderBox)
        if header is None or not header.creation_time:
            return None
        with suppress(TimeError):
            return UtcTime((header.creation_time - _FROM_1904) * 1_000_000)
    return None


def ended_at(path: Path) -> UtcTime | None:
    """Return when a file began that ended when it was changed last; None if it has no samples."""
    source, _ = open_media(path)
    with source:
        length = _length(source)
    if length is None:
        return None
    end = UtcTime(os.stat(path).st_mtime_ns // 1000)
    return end.plus_microseconds(-round(length * 1_000_000))


def _length(source: Source) -> Fraction | None:
    """The time from the beginning of a file to the end of its last sample, in seconds."""
    ends = {track.track_id: _End(track.timescale) for track in source.tracks}
    origin: Fraction | None = None
    for item in source.samples():
        if origin is None:
            origin = _origin(item, source.tracks, source)
        if isinstance(item, Sample):
            ends[item.track_id].see(item)
    return None if origin is None else max(end.time for end in ends.values()) - origin
