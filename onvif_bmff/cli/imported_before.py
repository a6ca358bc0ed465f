"""Which files of a folder a store holds already: by what is in their samples, not by their names."""

import hashlib
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

from onvif_bmff.cli.record_input import AT_FIRST, open_media
from onvif_bmff.cli.recording_names import ImportedFile
from onvif_bmff.cli.track_choice import tracks_to_record
from onvif_bmff.errors import OnvifBmffError
from onvif_bmff.media.track import Sample, TrackType
from onvif_bmff.objects.stored import ReadableStore
from onvif_bmff.playback import SampleReader, Timeline, select
from onvif_bmff.recording.target import RecordingTarget
from onvif_bmff.timing import UtcTime

__all__ = ["ImportedBefore"]

_LONGEST = timedelta(days=1)
"""How long a file may be, or a span before it began, for what is stored of it to be found."""
_SLACK = timedelta(seconds=2)
"""How far from its time a sample may be stored: files of one span follow each other."""

_Samples = Counter[tuple[TrackType, bytes]]


class ImportedBefore:
    """What a store holds of one camera before anything is added, for ``files`` in the order of their times.

    Raises:
        StoreError: the store could not be listed.
    """

    def __init__(self, store: ReadableStore, target: RecordingTarget, files: list[ImportedFile]) -> None:
        self._store = store
        self._target = target
        self._end: UtcTime | None = None
        first, last = files[0].start, files[-1].start
        self._timeline = Timeline.from_store(
            store,
            first - _LONGEST,
            last + _LONGEST,
            prefix=target.prefix,
            postfix=target.postfix,
            lookback=_LONGEST,
        )

    def left_of(self, file: ImportedFile) -> ImportedFile | None:
        """Return a file that is to be recorded; None if all its samples are stored, byte for byte, at about its time.

        A file that cannot be read is returned, and one that is stored encrypted or damaged. One that begins before the
        end of what is stored of the file before it, within what its time is exact to, is moved there.
        """
        stored_until, self._end = self._end, None
        if not self._timeline.kinds:
            return file
        try:
            sent, first, end = _samples_in(file, self._target)
            slack = _SLACK + file.tolerance
            selection = select(
                self._timeline,
                start=file.start - slack,
                end=file.start.plus_microseconds(round((end - first) * 1_000_000)) + slack,
                prefix=self._target.prefix,
                postfix=self._target.postfix,
            )
            for one in SampleReader(self._store, selection):
                sent.subtract([_identity(one.track.type, one.sample.data)])
                self._end = one.end if self._end is None else max(self._end, one.end)
        except (OnvifBmffError, OSError):
            return file
        if max(sent.values(), default=1) <= 0:
            return None
        self._end = None
        if stored_until is not None:
            early = min(first, Fraction(0)) if abs(first) <= AT_FIRST else Fraction(0)
            begins = stored_until.plus_microseconds(-round(early * 1_000_000))
            if file.start < begins <= file.start + file.tolerance:
                return replace(file, start=begins)
        return file


def _samples_in(file: ImportedFile, target: RecordingTarget) -> tuple[_Samples, Fraction, Fraction]:
    """The samples of a file that would be recorded, and when they begin and end, in its own seconds."""
    found: _Samples = Counter()
    first: Fraction | None = None
    end = Fraction(0)
    source, _ = open_media(file.path)
    with source:
        tracks = {track.track_id: track for track in tracks_to_record(source, target.format)}
        for sample in source.samples():
            track = tracks.get(sample.track_id)
            if track is None or not isinstance(sample, Sample) or not sample.data:
                continue
            at = Fraction(sample.decode_time, track.timescale)
            first = at if first is None else min(first, at)
            end = max(end, at + Fraction(max(sample.duration, sample.composition_offset, 0), track.timescale))
            found[_identity(track.type, sample.data)] += 1
    return found, first or Fraction(0), end


def _identity(kind: TrackType, data: bytes | memoryview) -> tuple[TrackType, bytes]:
    return kind, hashlib.sha256(data).digest()
