"""What a player gets: clear samples with their track and time."""

from dataclasses import dataclass

from onvif_bmff.media.codec import Codec
from onvif_bmff.media.track import Sample, TrackType
from onvif_bmff.objects.media_clock import MediaClock
from onvif_bmff.playback.recorded import RecordedSpan
from onvif_bmff.timing import UtcTime

__all__ = ["PlayedSample", "PlayedTrack"]


@dataclass(slots=True, eq=False)
class PlayedTrack:
    """A track of the recording, in one span and with one sample entry.

    ``number`` (from 0) identifies the track in all spans, as do ``type`` and ``ordinal`` (from 0) among tracks of that
    type. ``timescale`` is in ticks per second.
    """

    number: int
    type: TrackType
    ordinal: int
    timescale: int
    codec: Codec
    language: str
    span: RecordedSpan


@dataclass(slots=True)
class PlayedSample:
    """A clear sample; its times are ticks on the media timeline of its span, which ``clock`` maps to UTC.

    ``run`` numbers the runs of segments without loss or gap, over the whole selection.
    """

    track: PlayedTrack
    sample: Sample
    clock: MediaClock
    run: int

    @property
    def time(self) -> UtcTime:
        """When the sample is presented."""
        sample = self.sample
        return self.clock.utc(sample.decode_time + sample.composition_offset, self.track.timescale)

    @property
    def end(self) -> UtcTime:
        """When its presentation ends."""
        sample = self.sample
        ticks = sample.decode_time + sample.composition_offset + sample.duration
        return self.clock.utc(ticks, self.track.timescale)

    @property
    def decode_microseconds(self) -> int:
        """Its decode time in microseconds since 1970, which orders the samples of all tracks."""
        return self.clock.microseconds(self.sample.decode_time, self.track.timescale)
