"""One segment in memory: header, fragments, samples. ONVIF Recording Control 25.12, B.3, B.6, B.7."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from onvif_bmff.bmff import MovieFragmentRandomAccessBox
from onvif_bmff.cenc.keys.ring import KeyRing, KeyUnwrapper
from onvif_bmff.demux.sample_tables import MovieTrack
from onvif_bmff.errors import MediaError
from onvif_bmff.media.track import Sample
from onvif_bmff.objects.key import ObjectKey
from onvif_bmff.objects.media_clock import MediaClock
from onvif_bmff.playback.fragments import StoredFragment, random_access_of, read_fragments
from onvif_bmff.playback.header import DecryptStage, SegmentHeader, clear_samples, read_header
from onvif_bmff.playback.keys import PlaybackKeys
from onvif_bmff.playback.source import MemorySource
from onvif_bmff.timing import ticks_to_duration

__all__ = ["Segment", "read_segment"]


@dataclass(slots=True)
class Segment:
    """A segment that was read completely.

    ``random_access`` is the ``mfra`` at its end, or None.
    """

    header: SegmentHeader
    fragments: tuple[StoredFragment, ...] = field(repr=False)
    random_access: MovieFragmentRandomAccessBox | None = field(repr=False)
    _stage: DecryptStage | None = field(repr=False)

    @property
    def tracks(self) -> tuple[MovieTrack, ...]:
        """The video, audio and metadata tracks."""
        return self.header.tracks

    def samples(self, track_id: int | None = None) -> Iterator[Sample]:
        """Yield the clear samples of a track, or of all tracks as they are stored, in decoding order.

        Times are ticks of the track on the media timeline of the span, with the edit list applied.

        Raises:
            MediaError: there is no such track.
            ProtectionError: samples are encrypted, and their key is missing.
        """
        wanted = self.header.tracks if track_id is None else (self.header.track(track_id),)
        numbers = {track.track_id for track in wanted}
        for fragment in self.fragments:
            for part in fragment.parts:
                if part.track.track_id in numbers:
                    yield from clear_samples(part, fragment.data, self._stage)

    def duration_ticks(self, track_id: int) -> int:
        """Ticks that all samples of a track last."""
        self.header.track(track_id)
        return sum(
            part.duration for fragment in self.fragments for part in fragment.parts if part.track.track_id == track_id
        )

    @property
    def duration(self) -> timedelta:
        """Duration of the leading track, as in the Duration attribute. B.9."""
        lead = self.header.lead
        return ticks_to_duration(self.duration_ticks(lead.track_id), lead.timescale)

    def clock(self, key: ObjectKey) -> MediaClock:
        """Return the clock that maps media times of this segment to UTC, in the resolution of its key.

        Raises:
            MediaError: the segment has no samples.
        """
        if not self.fragments:
            raise MediaError("the segment has no fragments")
        ticks, timescale = self.header.first_presentation(self.fragments[0].parts, first_of_span=key.counter == 0)
        return MediaClock(key.time, ticks, timescale)


def read_segment(
    data: bytes | bytearray | memoryview,
    *,
    keys: KeyRing | None = None,
    unwrapper: KeyUnwrapper | None = None,
) -> Segment:
    """Read a whole segment. Sample data are views on ``data`` unless they are decrypted.

    Args:
        data: the bytes of the object.
        keys: content keys for its encrypted tracks.
        unwrapper: recovers content keys from the ``pssh`` boxes, for example with a private key.

    Raises:
        BoxError: the bytes are not a segment, or a box is invalid.
        MediaError: there is no movie box, or a fragment does not fit it.
        ProtectionError: the ``unwrapper`` opens none of the keys in the ``pssh`` boxes.
    """
    source = MemorySource(data)
    header = read_header(source)
    stage = PlaybackKeys(keys, unwrapper).stage(header)
    return Segment(header, tuple(read_fragments(source, header)), random_access_of(source.view(0, len(data))), stage)
