"""Recordings to encrypt: samples from the clip of the test data, and made-up ones."""

import os
from datetime import timedelta
from fractions import Fraction
from functools import cache
from pathlib import Path
from uuid import UUID

from onvif_bmff.cenc.encrypt import IvSources
from onvif_bmff.cenc.iv import CbcsIvSource, CencIvAllocators
from onvif_bmff.cenc.keys.content import ContentKey, FixedKey
from onvif_bmff.cenc.scheme import ProtectionScheme
from onvif_bmff.codecs.metadata import MetadataCodec
from onvif_bmff.ingest.mp4 import open_mp4
from onvif_bmff.media.track import Sample, Track
from onvif_bmff.objects.events import collect_objects
from onvif_bmff.objects.stored import SegmentObject
from onvif_bmff.recording.encryption import EncryptionEntry
from onvif_bmff.recording.formats import CMAF
from onvif_bmff.recording.recorder import Recorder
from onvif_bmff.recording.target import RecordingTarget
from onvif_bmff.timing import UtcTime

CLIP = Path(__file__).resolve().parents[1] / "data" / "camera.mp4"
START = UtcTime.parse("2022-11-08T15:08:23.547Z")
KEY = ContentKey(UUID("01234567-89ab-cdef-0123-456789abcdef"), bytes.fromhex("00112233445566778899aabbccddeeff"))
OTHER_KEY = ContentKey(UUID("fedcba98-7654-3210-fedc-ba9876543210"), bytes.fromhex("ffeeddccbbaa99887766554433221100"))
SECRETS = {KEY.kid.bytes: KEY.key, OTHER_KEY.kid.bytes: OTHER_KEY.key}

MODES = {
    "cenc": (ProtectionScheme.CENC, "seig"),
    "cbcs-seig": (ProtectionScheme.CBCS, "seig"),
    "cbcs-sample": (ProtectionScheme.CBCS, "sample"),
    "cbcs-track": (ProtectionScheme.CBCS, "track"),
    "cbcs-segment": (ProtectionScheme.CBCS, "segment"),
}


@cache
def camera():
    """Video, audio and metadata tracks, and six seconds of samples."""
    with open_mp4(CLIP) as source:
        tracks = {track.token: track for track in source.tracks}
        samples = [
            Sample(one.track_id, one.decode_time, one.duration, bytes(one.data), one.sync, one.composition_offset)
            for one in source.samples()
        ]
    video, audio = tracks["VIDEO001"], tracks["AUDIO001"]
    metadata = Track("META001", 7, 1000, MetadataCodec())
    documents = [
        Sample(7, 1000 * number, 1000, b"<tt:MetadataStream n='%d'/>" % number + b" " * (7 * number))
        for number in range(6)
    ]
    seconds = {video.track_id: video.timescale, audio.track_id: audio.timescale, 7: 1000}
    every = [one for one in (*samples, *documents) if one.decode_time < 6 * seconds[one.track_id]]
    every.sort(key=lambda one: Fraction(one.decode_time, seconds[one.track_id]))
    return (video, audio, metadata), tuple(every)


def payloads(samples):
    found = {}
    for sample in samples:
        found.setdefault(sample.track_id, []).append(bytes(sample.data))
    return found


def entry(mode="cenc", key=KEY, **options):
    scheme, signalling = MODES[mode]
    keys = options.pop("keys", None) or FixedKey(key)
    return EncryptionEntry(scheme, keys, iv_signalling=signalling, **options)


def own_ivs(random=os.urandom, size=8):
    return IvSources(CencIvAllocators(size=size, random=random), CbcsIvSource(random))


def recorder(entries=(), *, tracks=None, form=CMAF, segment=2, ivs=None, **options):
    target = RecordingTarget(
        format=form, segment_duration=timedelta(seconds=segment), encryption=tuple(entries), prefix="site"
    )
    return Recorder(tracks or camera()[0], target, ivs=ivs, **options)


def record(entries=(), *, samples=None, start=START, **options):
    """The segment objects of a recording, by extension."""
    made = recorder(entries, **options)
    made.activate(start, media_time=Fraction(0))
    events = []
    for sample in camera()[1] if samples is None else samples:
        events += made.push(sample)
    events += made.deactivate()
    return segments(events)


def segments(events):
    return [one for one in collect_objects(events) if isinstance(one, SegmentObject)]
