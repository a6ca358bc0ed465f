"""The attributes of a finished segment. ONVIF Recording Control 25.12, B.9, Table B.1."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from onvif_bmff.bmff import MovieFragmentRandomAccessBox
from onvif_bmff.media.codec import picture_size, sound_of
from onvif_bmff.media.track import Track, TrackType
from onvif_bmff.objects.attributes import ObjectAttributes, bitrate_in_kilobits, sample_rate_in_kilohertz
from onvif_bmff.objects.seek_table import SeekTable
from onvif_bmff.recording.codec_cache import per_codec
from onvif_bmff.recording.totals import SegmentTotals, TrackTotals
from onvif_bmff.timing import ticks_to_duration

__all__ = ["SegmentLabels", "segment_attributes"]

_picture_size = per_codec(picture_size)
_sound_of = per_codec(sound_of)

_TOO_FAST = 10**9
"""More kilobits or frames a second than this come of a picture that lasts a tick only, because it came twice, say."""


@dataclass(frozen=True, slots=True)
class SegmentLabels:
    """What a recorder knows of its source, for the attributes of its objects.

    ``source`` identifies the physical device, ``event_topic`` what triggered the job, the channels its inputs.
    ``seek_table`` and ``duration`` tell whether these two are written: a store that takes attributes only when an
    upload begins cannot know them.
    """

    source: str | None = None
    event_topic: str | None = None
    video_channel: str | None = None
    audio_channel: str | None = None
    seek_table: bool = True
    duration: bool = True


def segment_attributes(
    labels: SegmentLabels,
    tracks: Sequence[Track],
    timescale: int,
    totals: SegmentTotals,
    full_content_type: str | None,
    random_access: MovieFragmentRandomAccessBox | None,
) -> ObjectAttributes:
    """Return the attributes of a segment with ``tracks`` in ``timescale`` ticks a second.

    Rates are left out where the media last too short a time to have any that makes sense.
    """
    attributes = ObjectAttributes(
        source=labels.source,
        event_topic=labels.event_topic,
        video_channel=labels.video_channel,
        audio_channel=labels.audio_channel,
        full_content_type=full_content_type,
        timescale=timescale,
    )
    found = {track.type: track for track in reversed(tracks) if totals.tracks[track.track_id].sample_count}
    leading = next((found[kind] for kind in TrackType if kind in found), None)
    if leading is not None and labels.duration:
        duration = totals.tracks[leading.track_id].duration
        attributes = replace(attributes, duration=ticks_to_duration(duration, timescale))
    video, audio = found.get(TrackType.VIDEO), found.get(TrackType.AUDIO)
    if video is not None:
        of_video = totals.tracks[video.track_id]
        width, height = _picture_size(video.codec)
        attributes = replace(
            attributes,
            video_bitrate=_bitrate(of_video, timescale),
            video_width=width or None,
            video_height=height or None,
            video_framerate=_framerate(of_video, timescale),
        )
    if audio is not None:
        of_audio = totals.tracks[audio.track_id]
        attributes = replace(
            attributes,
            audio_bitrate=_bitrate(of_audio, timescale),
            audio_sample_rate=sample_rate_in_kilohertz(_sound_of(audio.codec)[0] or timescale),
        )
    if random_access is not None and labels.seek_table and random_access.children[:-1]:
        table = SeekTable(tuple(reversed(SeekTable.from_mfra(random_access).tracks)))  # in the order of moov
        lead_id = None if video is None else video.track_id
        attributes = replace(attributes, seek_table=table.condense(video_track_id=lead_id))
    return attributes


def _bitrate(totals: TrackTotals, timescale: int) -> int | None:
    duration = ticks_to_duration(totals.duration, timescale)
    found = bitrate_in_kilobits(totals.size, duration)
    return found if duration and found < _TOO_FAST else None


def _framerate(totals: TrackTotals, timescale: int) -> float | None:
    found = Fraction(totals.sample_count * timescale, totals.duration or 1)
    return round(float(found), 3) if totals.duration and found < _TOO_FAST else None
