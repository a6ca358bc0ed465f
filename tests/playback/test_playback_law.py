"""play(record(samples)) == samples: clear and encrypted, both formats, rotated keys."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from math import ceil
from uuid import UUID

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from playback_kit import START, make_clip, names, record

from onvif_bmff.cenc.keys.content import ContentKey, FixedKey, RotatingKey, generate_content_key
from onvif_bmff.cenc.keys.ring import KeyRing
from onvif_bmff.cenc.keys.unwrap import PrivateKeyUnwrapper
from onvif_bmff.cenc.keys.wrap import KeyWrapper
from onvif_bmff.cenc.scheme import ProtectionScheme
from onvif_bmff.codecs import G711Codec, MetadataCodec
from onvif_bmff.errors import MediaError, MissingKeyError, ProtectionError, WrongKeyError
from onvif_bmff.ingest import open_mp4
from onvif_bmff.media.track import Sample, Track
from onvif_bmff.playback import SampleReader, Timeline, read_segment, select
from onvif_bmff.recording.encryption import EncryptionEntry
from onvif_bmff.recording.formats import CMAF, MP4
from onvif_bmff.recording.target import RecordingTarget
from onvif_bmff.storage import MemoryStore

FORMATS = {"CMAF": CMAF, "MP4": MP4}


class Pictures:
    """Samples of a codec, with a short repr."""

    def __init__(self, codec, keys, others):
        self.codec, self.keys, self.others = codec, keys, others

    def __repr__(self):
        return "pictures"


class Rotating:
    """A key for every so many seconds, all remembered."""

    def __init__(self, every):
        self.every = every
        self.made = {}

    def key_for(self, at):
        number = at.microseconds // (self.every * 1_000_000)
        return self.made.setdefault(number, ContentKey(UUID(int=number), number.to_bytes(16, "big")))

    def ring(self):
        return KeyRing(self.made.values())


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", seconds=7)


@pytest.fixture(scope="module")
def pictures(clip):
    """A video codec with samples of it: those that begin a GOP, and others."""
    with open_mp4(clip) as source:
        (track,) = [track for track in source.tracks if track.type.value == "Video"]
        samples = [sample for sample in source.samples() if sample.track_id == track.track_id]
        data = [(bytes(sample.data), sample.sync) for sample in samples]
    return Pictures(track.codec, [one for one, sync in data if sync], [one for one, sync in data if not sync])


def check(store, tracks, samples, keys=None, dropped=0):
    """All that was recorded comes back, at the time at which it happened.

    The recorder may have ``dropped`` samples beside the video, where spans change; each of those has data of its own.
    A document that lasts beyond the end of a segment of several tracks ends with it, and a picture with its span.
    """
    cuts = {
        START.plus_ticks(sample.decode_time + sample.composition_offset, tracks[0].timescale)
        for sample in samples
        if sample.track_id == tracks[0].track_id and sample.sync
    }
    played = defaultdict(list)
    for one in SampleReader(store, select(Timeline.from_store(store)), keys=keys):
        played[one.track.type].append(one)
    for track in tracks:
        theirs = [sample for sample in samples if sample.track_id == track.track_id]
        ours = played[track.type]
        if track.type.value != "Video":
            kept = {bytes(one.sample.data) for one in ours}
            lost = len(theirs)
            theirs = [sample for sample in theirs if bytes(sample.data) in kept]
            dropped -= lost - len(theirs)
        assert [bytes(one.sample.data) for one in ours] == [bytes(one.data) for one in theirs]
        assert [one.sample.sync for one in ours] == [one.sync for one in theirs]
        for at, (mine, origin) in enumerate(zip(ours, theirs, strict=True)):
            assert mine.track.codec == track.codec
            assert mine.track.language == track.language
            lasts, given = (
                Fraction(mine.sample.duration, mine.track.timescale),
                Fraction(origin.duration, track.timescale),
            )
            if lasts != given:
                assert lasts < given
                if track.type.value == "Metadata":
                    end = mine.time.plus_ticks(lasts.numerator, lasts.denominator)
                    assert any(abs(end.microseconds_since(cut)) <= 2002 for cut in cuts)
                else:  # the picture before a new span, which is presented when that one would still be
                    later = theirs[at + 1]
                    assert ours[at + 1].clock is not mine.clock
                    shown = origin.decode_time + origin.composition_offset
                    assert lasts == Fraction(later.decode_time + later.composition_offset - shown, track.timescale)
            exact = START.plus_ticks(origin.decode_time + origin.composition_offset, track.timescale)
            assert abs(mine.time.microseconds_since(exact)) <= 1001
        for (mine, later), (origin, following) in zip(pairwise(ours), pairwise(theirs), strict=True):
            if mine.clock is later.clock:  # within a span, exact
                ticks = later.sample.decode_time - mine.sample.decode_time
                assert Fraction(ticks, mine.track.timescale) == Fraction(
                    following.decode_time - origin.decode_time, track.timescale
                )
    assert dropped == 0


@st.composite
def recordings(draw):
    """A plan: format, protection, durations, and the timing of video, audio and metadata."""
    scheme = draw(st.sampled_from([None, ProtectionScheme.CENC, ProtectionScheme.CBCS]))
    return {
        "format": draw(st.sampled_from(sorted(FORMATS))),
        "scheme": scheme,
        "signalling": draw(st.sampled_from(["seig", "sample", "track"])),
        "rotation": draw(st.sampled_from([None, 2, 5])),
        "segment": draw(st.sampled_from([500, 1000, 3700])),
        "gops": draw(st.lists(st.integers(1, 12), min_size=1, max_size=8)),
        "durations": draw(st.lists(st.integers(1, 9000), min_size=1, max_size=6)),
        "offsets": draw(st.lists(st.integers(0, 6000), min_size=1, max_size=4)),
        "picks": draw(st.lists(st.integers(0, 50), min_size=1, max_size=5)),
        "audio": draw(st.booleans()),
        "metadata": draw(st.booleans()),
    }


def make_samples(plan, pictures):
    tracks, samples = [Track("VIDEO001", 1, 90_000, pictures.codec)], []
    time = number = 0
    for gop in plan["gops"]:
        for index in range(gop):
            pool = pictures.others if index else pictures.keys
            data = pool[plan["picks"][number % len(plan["picks"])] % len(pool)]
            duration = plan["durations"][number % len(plan["durations"])]
            offset = plan["offsets"][index % len(plan["offsets"])]
            samples.append(Sample(1, time, duration, data, index == 0, offset))
            time += duration
            number += 1
    seconds = Fraction(time, 90_000)
    # What is presented before the first picture is no part of the recording.
    first = Fraction(plan["offsets"][0], 90_000)
    if plan["audio"]:
        tracks.append(Track("AUDIO001", 2, 8000, G711Codec("ulaw"), "deu"))
        samples += [
            Sample(2, at, 160, at.to_bytes(4, "big") * 40) for at in range(ceil(first * 8000), int(seconds * 8000), 160)
        ]
    if plan["metadata"]:
        tracks.append(Track("META001", 3, 1000, MetadataCodec()))
        xml = b'<tt:MetadataStream xmlns:tt="http://www.onvif.org/ver10/schema"/>'
        samples += [
            Sample(3, at, 700, xml + str(at).encode()) for at in range(ceil(first * 1000), int(seconds * 1000), 700)
        ]
    scales = {track.track_id: track.timescale for track in tracks}
    samples.sort(key=lambda sample: (Fraction(sample.decode_time, scales[sample.track_id]), sample.track_id))
    return tracks, samples


DOCUMENT_OVER_A_CUT = {
    "format": "MP4", "scheme": None, "signalling": "seig", "rotation": None, "segment": 500, "gops": [6, 12, 1],
    "durations": [2500], "offsets": [0], "picks": [0], "audio": False, "metadata": True,
}  # fmt: skip

PICTURE_OVER_A_CUT = {
    "format": "CMAF", "scheme": ProtectionScheme.CENC, "signalling": "seig", "rotation": 2, "segment": 500,
    "gops": [11, 1], "durations": [6137], "offsets": [0, 1, 0], "picks": [0], "audio": False, "metadata": False,
}  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plan=recordings())
@example(plan=DOCUMENT_OVER_A_CUT)
@example(plan=DOCUMENT_OVER_A_CUT | {"gops": [1, 1, 3, 12, 1], "durations": [2727], "offsets": [41]})
@example(plan=PICTURE_OVER_A_CUT)
@example(plan=DOCUMENT_OVER_A_CUT | {"gops": [1, 1, 8, 1], "durations": [4576], "offsets": [26]})
def test_play_gives_what_was_recorded(plan, pictures):
    tracks, samples = make_samples(plan, pictures)
    source = Rotating(plan["rotation"] or 10**9)
    entries = ()
    if plan["scheme"] is not None:
        entries = (EncryptionEntry(plan["scheme"], source, iv_signalling=plan["signalling"]),)
    target = RecordingTarget(
        format=FORMATS[plan["format"]],
        prefix="p",
        segment_duration=timedelta(milliseconds=plan["segment"]),
        encryption=entries,
    )
    store = MemoryStore()
    recorder, _, _ = record(store, (tracks, samples), target)
    check(store, tracks, samples, source.ring() if entries else None, sum(recorder.dropped.values()))


@pytest.mark.parametrize("form", sorted(FORMATS))
@pytest.mark.parametrize("scheme", [None, ProtectionScheme.CENC, ProtectionScheme.CBCS])
def test_a_real_clip_comes_back(clip, form, scheme):
    source = Rotating(3)
    entries = (EncryptionEntry(scheme, source),) if scheme else ()
    target = RecordingTarget(format=FORMATS[form], segment_duration=timedelta(seconds=2), encryption=entries)
    store = MemoryStore()
    recorder, tracks, samples = record(store, clip, target)
    check(store, tracks, samples, source.ring(), sum(recorder.dropped.values()))
    spans = Timeline.from_store(store).of("mp4" if form == "MP4" else "m4v")
    assert len(spans) == (3 if scheme else 1)  # each key has spans of its own


@pytest.mark.requirement("ANX-B.8.2-08")
def test_keys_are_recovered_from_certificates(clip, certificates):
    """Any of the private keys will do, at hand or on a server."""
    target = RecordingTarget(
        segment_duration=timedelta(seconds=2),
        encryption=(
            EncryptionEntry(
                ProtectionScheme.CENC,
                RotatingKey(timedelta(seconds=3)),
                headers=(KeyWrapper([certificates["rsa"][1], certificates["p256"][1]], clock=lambda: START),),
            ),
        ),
    )
    store = MemoryStore()
    _, _, samples = record(store, clip, target)
    selection = select(Timeline.from_store(store))
    with pytest.raises(ProtectionError):
        next(iter(SampleReader(store, selection)))
    with pytest.raises(MissingKeyError):
        next(iter(SampleReader(store, selection, keys=KeyRing())))
    expected = sorted(bytes(sample.data) for sample in samples)

    class KeyServer:
        """Holds the private key and opens wrapped keys for others."""

        def __init__(self, private_key):
            self.asked = []
            self._inner = PrivateKeyUnwrapper(private_key)

        def unwrap(self, kid, entries):
            self.asked.append(kid)
            return self._inner.unwrap(kid, entries)

    for kind in ("rsa", "p256"):
        server = KeyServer(certificates[kind][0])
        played = SampleReader(store, selection, unwrapper=server)
        assert sorted(bytes(one.sample.data) for one in played) == expected
        assert len(server.asked) == len(set(server.asked)) == 3  # once for each key, whatever uses it
    with pytest.raises(WrongKeyError):
        next(iter(SampleReader(store, selection, unwrapper=PrivateKeyUnwrapper(certificates["other"][0]))))


@pytest.fixture(scope="module")
def certificates():
    """Private key and certificate by kind, valid when the recording is made."""
    made = {}
    keys = {
        "rsa": rsa.generate_private_key(65537, 2048),
        "p256": ec.generate_private_key(ec.SECP256R1()),
        "other": ec.generate_private_key(ec.SECP256R1()),
    }
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    for kind, key in keys.items():
        builder = x509.CertificateBuilder(
            issuer_name=name,
            subject_name=name,
            public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=datetime(2024, 1, 1, tzinfo=UTC),
            not_valid_after=datetime(2025, 1, 1, tzinfo=UTC),
        )
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        made[kind] = (pem, builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
    return made


def test_one_segment_alone(clip):
    keys = FixedKey(generate_content_key())
    entries = (EncryptionEntry(ProtectionScheme.CBCS, keys),)
    store = MemoryStore()
    _, _, samples = record(store, clip, RecordingTarget(format=MP4, encryption=entries))
    (name,) = names(store)
    data = store.get(name)
    closed = read_segment(data)
    assert closed.header.is_protected
    with pytest.raises(ProtectionError):
        list(closed.samples())
    segment = read_segment(data, keys=KeyRing([keys.key_for(START)]))
    assert len(segment.tracks) == 2
    assert segment.random_access is not None
    video = [bytes(sample.data) for sample in samples if sample.track_id == 1]
    assert [bytes(sample.data) for sample in segment.samples(1)] == video
    assert len(list(segment.samples())) == sum(len(list(segment.samples(track.track_id))) for track in segment.tracks)
    assert segment.duration == timedelta(seconds=7)
    key = Timeline.from_store(store).spans[0].segments[0].key
    clock = segment.clock(key)
    timescale = segment.tracks[0].timescale  # all tracks of an MP4 segment share it
    first = min(segment.samples(), key=lambda one: Fraction(one.decode_time + one.composition_offset, timescale))
    assert clock.utc(first.decode_time + first.composition_offset, timescale) == key.time
    presented = first.decode_time + first.composition_offset
    assert clock.ticks_at(key.time + timedelta(seconds=1), timescale) == presented + timescale
    with pytest.raises(MediaError):
        segment.samples(9).__next__()
