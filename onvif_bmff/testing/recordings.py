"""Small whole recordings as a device stores them: spans of segments, each span with its end object. ONVIF B.2 to B.9.

The media are synthetic: tiny slices, audio frames and documents that are valid for everything but a decoder.
The objects come from the recorder of this library, so they keep every rule of Annex B. Equal arguments give equal
bytes.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from fractions import Fraction
from heapq import merge
from random import Random
from uuid import UUID

from onvif_bmff.cenc.encrypt import IvSources
from onvif_bmff.cenc.iv import CbcsIvSource, CencIvAllocators
from onvif_bmff.cenc.keys.content import ContentKey, FixedKey
from onvif_bmff.cenc.scheme import ProtectionScheme
from onvif_bmff.codecs import AacCodec, AvcCodec, MetadataCodec
from onvif_bmff.media import Sample, Track
from onvif_bmff.objects.events import RecordingEvent, collect_objects
from onvif_bmff.objects.stored import StorageObject
from onvif_bmff.recording.encryption import EncryptionEntry
from onvif_bmff.recording.formats import CMAF, RecordingFormat
from onvif_bmff.recording.recorder import Recorder
from onvif_bmff.recording.target import RecordingTarget
from onvif_bmff.testing.made_files import TRACKS
from onvif_bmff.timing import UtcTime

__all__ = ["CONTENT_KEY", "START", "recorded_events", "recorded_objects"]

CONTENT_KEY = ContentKey(UUID("00112233-4455-6677-8899-aabbccddeeff"), bytes(range(16)))
"""The content key of encrypted recordings."""
START = UtcTime.parse("2022-11-08T15:08:23.547Z")
"""When recordings begin by default."""

_SPS = bytes.fromhex("6742c01e95a0280bfe54")
_PPS = bytes.fromhex("68ce3c80")
_IDR = bytes.fromhex("6588804a")
"""NAL unit and slice header of a picture that stands by itself; no deblocking."""
_RATE = 4
"""Pictures a second; each second begins with a sync sample."""


def recorded_events(  # noqa: PLR0913 - each is one way in which recordings differ, by name
    *,
    tracks: Sequence[str] = TRACKS,
    recording_format: RecordingFormat = CMAF,
    scheme: str | None = None,
    spans: int = 1,
    segments: int = 2,
    seconds: int = 1,
    gap: float = 30.0,
    size: int = 40,
    prefix: str = "site-2",
    postfix: str = "camera-5",
    start: UtcTime = START,
    random_seed: int = 0,
) -> list[RecordingEvent]:
    """Return the events of a recording, from which ``recorded_objects`` assembles objects.

    Args:
        tracks: kinds of tracks by handler type ("vide", "soun", "meta"), each at most once.
        recording_format: ``CMAF``, with spans of their own for each track, or ``MP4``, with all tracks in one.
        scheme: None, "cenc" or "cbcs"; the key is ``CONTENT_KEY``.
        spans: how many spans of each kind follow each other.
        segments: segments of a span.
        seconds: length of a segment.
        gap: seconds without a recording between two spans.
        size: bytes of a picture, at least 12.
        prefix: as configured; empty for none.
        postfix: likewise.
        start: when the first picture was taken.
        random_seed: where initialisation vectors come from; recordings of one bucket need different ones.

    Raises:
        MediaError: there is no track, or one twice.
        ObjectKeyError: no object key can hold the prefix or postfix.
    """
    made = [_TRACKS[kind] for kind in tracks]
    encryption: tuple[EncryptionEntry, ...] = ()
    if scheme is not None:
        encryption = (EncryptionEntry(ProtectionScheme(scheme), FixedKey(CONTENT_KEY)),)
    target = RecordingTarget(
        format=recording_format,
        prefix=prefix,
        postfix=postfix,
        segment_duration=timedelta(seconds=seconds),
        encryption=encryption,
    )
    random = Random(random_seed).randbytes
    vectors = IvSources(CencIvAllocators(random=random), CbcsIvSource(random))
    recorder = Recorder([track() for track in made], target, ivs=vectors)
    events: list[RecordingEvent] = []
    for number in range(spans):
        at = start + timedelta(seconds=number * (segments * seconds + gap))
        recorder.activate(at, media_time=Fraction(0))
        for sample in _samples(recorder.tracks, segments * seconds, size):
            events += recorder.push(sample)
        events += recorder.deactivate()
    return events


def recorded_objects(  # noqa: PLR0913 - as `recorded_events`
    *,
    tracks: Sequence[str] = TRACKS,
    recording_format: RecordingFormat = CMAF,
    scheme: str | None = None,
    spans: int = 1,
    segments: int = 2,
    seconds: int = 1,
    gap: float = 30.0,
    size: int = 40,
    ended: bool = True,
    prefix: str = "site-2",
    postfix: str = "camera-5",
    start: UtcTime = START,
    random_seed: int = 0,
) -> tuple[StorageObject, ...]:
    """Return the objects of a recording in the order in which they were stored.

    ``ended`` says whether the last spans have their end objects; otherwise they are still open, or were interrupted.
    All other arguments, and the errors, are those of ``recorded_events``.
    """
    events = recorded_events(
        tracks=tracks,
        recording_format=recording_format,
        scheme=scheme,
        spans=spans,
        segments=segments,
        seconds=seconds,
        gap=gap,
        size=size,
        prefix=prefix,
        postfix=postfix,
        start=start,
        random_seed=random_seed,
    )
    objects = collect_objects(events)
    if not ended:
        last = [item.key for item in objects if item.key.span_end][
            -len(recording_format.spans([_TRACKS[kind]() for kind in tracks])) :
        ]
        objects = [item for item in objects if item.key not in last]
    return tuple(objects)


def _video() -> Track:
    return Track("VIDEO001", 1, 90_000, AvcCodec.from_parameter_sets([_SPS], [_PPS]))


def _audio() -> Track:
    return Track("AUDIO001", 2, 8_000, AacCodec.from_config(bytes.fromhex("1588")))


def _metadata() -> Track:
    return Track("META001", 3, 1_000, MetadataCodec())


_TRACKS = {"vide": _video, "soun": _audio, "meta": _metadata}


def _samples(tracks: Sequence[Track], seconds: int, size: int) -> Iterator[Sample]:
    """Return samples of all tracks, in order of time."""
    feeds = [_FEEDS[track.track_id](seconds, size) for track in tracks]
    scales = {track.track_id: track.timescale for track in tracks}
    return merge(*feeds, key=lambda sample: Fraction(sample.decode_time, scales[sample.track_id]))


def _pictures(seconds: int, size: int) -> Iterator[Sample]:
    duration = 90_000 // _RATE
    for number in range(seconds * _RATE):
        sync = number % _RATE == 0
        # P slice: first_mb 0, type 5, pps 0, frame_num of 8 bits, no lists, no marking, qp +0, no deblocking
        head = (
            _IDR
            if sync
            else b"\x41" + (0b1001101 << 17 | (number % _RATE) << 9 | 0b0001010 << 2 | 2).to_bytes(3, "big")
        )
        unit = head + bytes((number % 251 + 4,)) * (size - 8)
        yield Sample(1, number * duration, duration, len(unit).to_bytes(4, "big") + unit, sync)


def _frames(seconds: int, size: int) -> Iterator[Sample]:
    for number in range(seconds * 8_000 // 1024):
        yield Sample(2, number * 1024, 1024, b"\x01" + bytes((number % 251,)) * 7)


def _documents(seconds: int, size: int) -> Iterator[Sample]:
    for number in range(seconds):
        yield Sample(3, number * 1_000, 1_000, b'<tt:MetadataStream xmlns:tt="http://www.onvif.org/ver10/schema"/>')


_FEEDS = {1: _pictures, 2: _frames, 3: _documents}
