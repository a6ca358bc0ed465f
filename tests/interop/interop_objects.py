"""Objects for other tools to read: recorded from clips in every mode, each with the payloads that are in it."""

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from random import Random
from uuid import UUID

from onvif_bmff.bmff import (
    MovieBox,
    MovieFragmentBox,
    TrackBox,
    TrackFragmentBox,
    TrackFragmentHeaderBox,
    TrackHeaderBox,
    TrackRunBox,
    parse_boxes,
)
from onvif_bmff.cenc.keys.content import ContentKey, FixedKey
from onvif_bmff.cenc.scheme import ProtectionScheme
from onvif_bmff.codecs.g711 import G711Codec
from onvif_bmff.codecs.metadata import ONVIF_SCHEMA, MetadataCodec
from onvif_bmff.ingest.mp4 import open_mp4
from onvif_bmff.media.track import Sample, Track
from onvif_bmff.objects.events import collect_objects
from onvif_bmff.objects.stored import SegmentObject
from onvif_bmff.recording.encryption import EncryptionEntry
from onvif_bmff.recording.formats import RecordingFormat
from onvif_bmff.recording.recorder import Recorder
from onvif_bmff.recording.target import RecordingTarget
from onvif_bmff.timing import UtcTime

START = UtcTime.parse("2022-11-08T15:08:23.547Z")
KEYS = tuple(ContentKey(UUID(int=number + 1), bytes(range(number, number + 16))) for number in range(8))
WRONG = "ffeeddccbbaa99887766554433221100"


class KeyOfTheSecond:
    """Turns through ``KEYS``, one every two seconds of the recording."""

    def key_for(self, segment_start):
        return KEYS[segment_start.microseconds_since(START) // 2_000_000 % len(KEYS)]


def _fixed(scheme, signalling="seig"):
    return lambda: EncryptionEntry(scheme, FixedKey(KEYS[0]), iv_signalling=signalling)


MODES: dict[str, Callable[[], EncryptionEntry] | None] = {
    "clear": None,
    "cenc": _fixed(ProtectionScheme.CENC),
    "cbcs-seig": _fixed(ProtectionScheme.CBCS),
    "cbcs-sample": _fixed(ProtectionScheme.CBCS, "sample"),
    "cbcs-track": _fixed(ProtectionScheme.CBCS, "track"),
    "cbcs-segment": _fixed(ProtectionScheme.CBCS, "segment"),
    "cenc-rotated": lambda: EncryptionEntry(ProtectionScheme.CENC, KeyOfTheSecond()),
    "cbcs-rotated": lambda: EncryptionEntry(ProtectionScheme.CBCS, KeyOfTheSecond()),
}


@dataclass(frozen=True)
class Source:
    """Tracks, numbered from 1, and their samples."""

    tracks: list[Track]
    samples: list[Sample]


@dataclass(frozen=True)
class Written:
    """An object's bytes, and MD5s of the samples of each track in it, by track_id."""

    body: bytes
    extension: str
    payloads: dict[int, list[str]]


def of_file(path) -> Source:
    with open_mp4(path) as found:
        numbers = {track.track_id: number for number, track in enumerate(found.tracks, 1)}
        tracks = [replace(track, track_id=numbers[track.track_id]) for track in found.tracks]
        samples = [
            replace(one, track_id=numbers[one.track_id], data=bytes(one.data))
            for one in found.samples()
            if isinstance(one, Sample)
        ]
    return Source(tracks, samples)


def with_g711_and_metadata(path) -> Source:
    """The video of a file, with G.711 in packets of 40 ms and one metadata document a second."""
    video = of_file(path)
    first = video.tracks[0]
    tracks = [first, Track("AUDIO", 2, 8000, G711Codec("ulaw")), Track("META", 3, 90_000, MetadataCodec())]
    timed = [(one.decode_time / first.timescale, one) for one in video.samples if one.track_id == first.track_id]
    seconds = int(max(time for time, _ in timed))
    random = Random(711)
    timed += [(at / 25, Sample(2, at * 320, 320, random.randbytes(320))) for at in range(seconds * 25)]
    document = f'<tt:MetadataStream xmlns:tt="{ONVIF_SCHEMA}"><!-- %d --></tt:MetadataStream>'
    timed += [(float(at), Sample(3, at * 90_000, 90_000, (document % at).encode())) for at in range(seconds)]
    timed.sort(key=lambda pair: pair[0])
    return Source(tracks, [one for _, one in timed])


def record(
    source: Source, form: RecordingFormat, mode: str, seconds: float, *, tracks: tuple[str, ...] = ()
) -> list[Written]:
    """All objects of a recording as they begin; every sample of the source is in one. ``tracks``: those to encrypt."""
    make = MODES[mode]
    entries = (replace(make(), tracks=tracks),) if make else ()
    target = RecordingTarget(format=form, segment_duration=timedelta(seconds=seconds), encryption=entries)
    recorder = Recorder(source.tracks, target)
    recorder.activate(START)
    events = []
    for sample in source.samples:
        events += recorder.push(sample)
    events += recorder.deactivate()
    left = {
        track.track_id: [hashlib.md5(one.data).hexdigest() for one in source.samples if one.track_id == track.track_id]
        for track in source.tracks
    }
    written = []
    for found in collect_objects(events):
        if isinstance(found, SegmentObject):
            body = bytes(found.body)
            payloads = {}
            for track_id, count in _samples_in(body).items():
                payloads[track_id], left[track_id] = left[track_id][:count], left[track_id][count:]
            written.append(Written(body, found.key.extension, payloads))
    assert not any(left.values()), "samples that are in no object"
    return written


def _samples_in(body: bytes) -> Counter[int]:
    counts: Counter[int] = Counter()
    for box in parse_boxes(body):
        if isinstance(box, MovieBox):
            counts.update({track.require(TrackHeaderBox).track_id: 0 for track in box.find_all(TrackBox)})
        if isinstance(box, MovieFragmentBox):
            for run in box.find_all(TrackFragmentBox):
                counts[run.require(TrackFragmentHeaderBox).track_id] += run.require(TrackRunBox).sample_count
    return counts
