"""Certificates that expire, are made for later, or whose clock jumps: no footage is lost, and none is stored clear.

The clock on the wall and the time of the media are two things here, as they are for an archive.
"""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import cenc_recordings as kit
import cenc_slow_reader as slow_reader
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, x25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from onvif_bmff.bmff import parse_boxes
from onvif_bmff.bmff.pssh import AsymmetricKeySystemHeaderBox
from onvif_bmff.cenc.decrypt import FragmentDecryptor
from onvif_bmff.cenc.keys.certificates import LeftOut, load_recipient
from onvif_bmff.cenc.keys.content import RotatingKey, generate_content_key
from onvif_bmff.cenc.keys.ring import KeyRing
from onvif_bmff.cenc.keys.unwrap import PrivateKeyUnwrapper
from onvif_bmff.cenc.keys.wrap import KeyWrapper, thumbprint
from onvif_bmff.errors import CertificateError, MissingKeyError, ProtectionError
from onvif_bmff.ingest.mp4 import Mp4Input
from onvif_bmff.recording.formats import CMAF, MP4
from onvif_bmff.recording.recorder import Recorder
from onvif_bmff.recording.target import RecordingTarget
from onvif_bmff.timing import UtcTime

FORMATS = pytest.mark.parametrize("form", [CMAF, MP4], ids=["CMAF", "MP4"])
NOON = UtcTime.parse("2026-06-01T12:00:00Z")
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
LONG_AGO = UtcTime.parse("1970-01-01T00:00:12Z")
"""What a camera without a battery believes after a power cut."""


class Wall:
    """A clock on the wall that somebody sets."""

    def __init__(self, now=NOON):
        self.now = now

    def __call__(self):
        return self.now


@dataclass
class Reader:
    """Who may read: a private key and its certificate."""

    private_key: Any
    pem: bytes

    def unwrapper(self):
        form = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return PrivateKeyUnwrapper(self.private_key.private_bytes(*form), certificate=self.pem)

    def keys(self, objects):
        """The keys of objects that this reader can open."""
        ring = KeyRing()
        for one in objects:
            for header in headers_of(one):
                if any(entry.thumbprint == thumbprint(self.pem) for entry in header.entries):
                    ring.unlock([header], self.unwrapper())
        return ring

    def reads(self, objects):
        """All samples of objects by track."""
        return play_fast(self.keys(objects), objects)


def play(secrets, objects):
    """All samples by the second implementation, which is slow."""
    found = {}
    for one in objects:
        for number, data in slow_reader.read(one.body, secrets)[0].items():
            found.setdefault(number, []).extend(data)
    return found


def play_fast(ring, objects):
    """All samples by the library."""
    found = {}
    for one in objects:
        source = Mp4Input(one.body)
        for sample in source.samples(FragmentDecryptor(ring, source.data)):
            found.setdefault(sample.track_id, []).append(bytes(sample.data))
    return found


def issue(first, last, subject="reader", authority=ec.generate_private_key(ec.SECP256R1()), private_key=None):  # noqa: B008
    """A reader whose certificate is valid from one instant to another."""
    private_key = private_key or x25519.X25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, subject)])
    builder = x509.CertificateBuilder(
        name, name, private_key.public_key(), x509.random_serial_number(), first.to_datetime(), last.to_datetime()
    )
    return Reader(private_key, builder.sign(authority, hashes.SHA256()).public_bytes(Encoding.PEM))


def headers_of(one):
    return [
        box for top in parse_boxes(one.body) for _, box in top.walk() if isinstance(box, AsymmetricKeySystemHeaderBox)
    ]


def entry(wrapper, mode="cbcs-seig", every=1.5, **options):
    keys = RotatingKey(None if every is None else timedelta(seconds=every))
    return kit.entry(mode, keys=keys, headers=(wrapper,), **options)


def wrapper_for(wall, *readers):
    return KeyWrapper([reader.pem for reader in readers], clock=wall)


class Camera:
    """Records the clip of the test data; instants of the media come from ``start``."""

    def __init__(self, entries, form, start=NOON):
        target = RecordingTarget(
            format=form, segment_duration=timedelta(seconds=1), encryption=tuple(entries), prefix="site"
        )
        self.recorder = Recorder(kit.camera()[0], target, ivs=kit.own_ivs())
        self.start = start
        self.events = []
        self.errors = []

    def run(self, changes=()):
        """Six seconds of media; at a second of them each change is made."""
        due = sorted(changes, key=lambda change: change[0])
        seconds = {track.track_id: track.timescale for track in kit.camera()[0]}
        self.recorder.activate(self.start, media_time=Fraction(0))
        for sample in kit.camera()[1]:
            while due and Fraction(sample.decode_time, seconds[sample.track_id]) >= due[0][0]:
                due.pop(0)[1]()
            try:
                self.events += self.recorder.push(sample)
            except ProtectionError as error:
                self.errors.append(error)
        self.events += self.recorder.deactivate()
        return kit.segments(self.events)


def set_to(wall, instant):
    def change():
        wall.now = instant

    return change


ALL = kit.payloads(kit.camera()[1])


def kids(objects, extensions=("m4v", "mp4")):
    """KIDs of the objects of the leading track, in their order."""
    return [header.kid for one in objects if one.key.extension in extensions for header in headers_of(one)]


def check_whole(camera, objects, *readers):
    """All was stored, nothing of it clear, and these readers can read all of it."""
    assert not camera.errors
    assert not camera.recorder.dropped
    for one in objects:
        assert headers_of(one), "an object without wrapped keys would be opened by nobody"
        with pytest.raises(MissingKeyError):
            play_fast(KeyRing(), [one])
    for reader in readers:
        assert reader.reads(objects) == ALL
    ring, few = readers[0].keys(objects), objects[-2:]
    secrets = {key.kid.bytes: key.key for key in ring.values()}
    assert play(secrets, few) == play_fast(ring, few) != play({kid: bytes(16) for kid in secrets}, few)


class TestSomeAreNotValid:
    @pytest.mark.requirement("ANX-B.8.2-08")
    @FORMATS
    @pytest.mark.parametrize(
        ("first", "last", "reason"),
        [(-9 * DAY, -DAY, "expired at 2026-05-31T12:00:00Z"), (DAY, 9 * DAY, "not valid before 2026-06-02T12:00:00Z")],
        ids=["expired", "not yet"],
    )
    def test_the_others_can_read_all(self, form, first, last, reason, caplog):
        good = [issue(NOON - DAY, NOON + DAY, f"good {number}") for number in range(2)]
        bad = issue(NOON + first, NOON + last, "the one that is left out")
        wrapper = wrapper_for(Wall(), good[0], bad, good[1])
        camera = Camera([entry(wrapper)], form)
        objects = camera.run()
        check_whole(camera, objects, *good)
        assert bad.keys(objects) == KeyRing()
        assert len(set(kids(objects))) > 2, "keys rotate as ever"
        (left,) = wrapper.left_out
        assert "CN=the one that is left out" in left.name
        assert thumbprint(bad.pem).hex()[:16] in left.name
        assert reason in left.reason
        assert wrapper.trouble == str(left)
        assert caplog.text.count("keys are not wrapped for certificate CN=the one that is left out") == 1, (
            "not each key"
        )

    @FORMATS
    def test_one_expires_between_two_rotations(self, form):
        wall = Wall()
        lasting, ending = issue(NOON - DAY, NOON + DAY), issue(NOON - DAY, NOON)
        wrapper = wrapper_for(wall, lasting, ending)
        made = entry(wrapper)
        camera = Camera([made], form)
        troubles = []
        changes = [
            (1, lambda: troubles.append(made.trouble)),
            (2.9, set_to(wall, NOON + SECOND)),
            (5.9, lambda: troubles.append(made.trouble)),
        ]
        objects = camera.run(changes)
        check_whole(camera, objects, lasting)
        found = [
            len(header.entries) for one in objects for header in headers_of(one) if one.key.extension in ("m4v", "mp4")
        ]
        assert found == sorted(found, reverse=True)
        assert set(found) == {1, 2}
        assert troubles[0] is None
        assert "expired" in troubles[1]

    def test_one_becomes_valid_before_the_key_changes(self):
        """Spans that open from then on have it too, in a header that keeps what was there."""
        wall = Wall()
        now, later = issue(NOON - DAY, NOON + DAY), issue(NOON + DAY, NOON + 2 * DAY)
        wrapper = wrapper_for(wall, later, now)
        key = generate_content_key()
        first = wrapper.header(key, at=NOON)
        assert len(first.entries) == 1
        assert wrapper.header(key, at=NOON) is first
        both = wrapper.header(key, at=NOON + 1.5 * DAY)
        assert both.entries[0] == first.entries[0], "what was wrapped stays, though expired"
        assert len(both.entries) == 2
        assert wrapper.trouble is None
        assert len(wrapper.left_out) == 1, "but it was left out once"
        assert wrapper.header(key, at=NOON + 9 * DAY) is both

        wall.now = NOON
        made = entry(wrapper_for(wall, later, now), every=None)
        before = Camera([made], CMAF).run()
        wall.now = NOON + 1.5 * DAY
        after = Camera([made], CMAF).run()
        assert set(kids(before)) == set(kids(after)), "one key for good"
        assert later.keys(before) == KeyRing()
        assert later.reads(after) == ALL


class TestNoneIsValid:
    @FORMATS
    @pytest.mark.parametrize("instant", [NOON + 9 * DAY, NOON - 9 * DAY, LONG_AGO], ids=["expired", "set back", "1970"])
    def test_the_key_in_use_goes_on(self, form, instant, caplog):
        wall = Wall()
        readers = [issue(NOON - DAY, NOON + DAY, f"reader {number}") for number in range(2)]
        wrapper = wrapper_for(wall, *readers)
        made = entry(wrapper)
        camera = Camera([made], form)
        objects = camera.run([(2.5, set_to(wall, instant))])
        check_whole(camera, objects, *readers)
        found = kids(objects)
        assert found.index(found[-1]) < len(found) - 2, "some segments after the last rotation"
        counters = [one.key.counter for one in objects if one.key.extension in ("m4v", "mp4")]
        assert counters[-1] >= 2, "the span goes on as if no key had been due"
        wrapped = [header for one in objects for header in headers_of(one) if header.kid == found[-1]]
        assert all(header.entries == wrapped[0].entries for header in wrapped), "wrapped as it was"
        assert "reader 0" in made.trouble
        assert "reader 1" in made.trouble
        assert len(wrapper.left_out) == 2
        assert caplog.text.count("stays in use") == 1, "said once, not with every picture"

    @FORMATS
    def test_once_there_are_valid_ones_again_the_key_changes(self, form):
        wall = Wall()
        reader = issue(NOON - DAY, NOON + DAY)
        made = entry(wrapper_for(wall, reader), every=1)
        camera = Camera([made], form)
        troubles = []
        objects = camera.run(
            [
                (1.5, set_to(wall, LONG_AGO)),
                (3.4, lambda: troubles.append(made.trouble)),
                (3.5, set_to(wall, NOON)),
                (5.9, lambda: troubles.append(made.trouble)),
            ]
        )
        check_whole(camera, objects, reader)
        assert len(set(kids(objects))) > 2
        assert "not valid before" in troubles[0]
        assert troubles[1] is None

    @FORMATS
    def test_a_recording_that_begins_anew_goes_on_with_it_too(self, form):
        """A camera that comes back, or a job that changes, is nobody's wish to stop."""
        wall = Wall()
        reader = issue(NOON - DAY, NOON + DAY)
        made = entry(wrapper_for(wall, reader), every=2)
        first = Camera([made], form)
        objects = first.run()
        wall.now = NOON + 9 * DAY
        second = Camera([made], form, start=NOON + 9 * DAY)
        later = second.run()
        check_whole(second, later, reader)
        assert set(kids(later)) == {kids(objects)[-1]}

    @FORMATS
    def test_who_asks_to_stop_has_no_more_than_was_wrapped(self, form):
        wall = Wall()
        reader = issue(NOON - DAY, NOON + DAY)
        made = entry(wrapper_for(wall, reader), every=1, stop_without_headers=True)
        camera = Camera([made], form)
        objects = camera.run([(2.5, set_to(wall, NOON + 9 * DAY))])
        assert any("expired" in str(error) for error in camera.errors)
        read = reader.reads(objects)
        for number, samples in read.items():
            assert samples == ALL[number][: len(samples)]
            assert len(samples) < len(ALL[number])

    @FORMATS
    @pytest.mark.parametrize("instant", [NOON + 9 * DAY, LONG_AGO], ids=["expired", "1970"])
    def test_without_a_key_nothing_is_recorded_until_one_can_be_wrapped(self, form, instant):
        """A device that starts, or starts again: the key of before is gone, and nothing may be stored clear."""
        wall = Wall(instant)
        reader = issue(NOON - DAY, NOON + DAY, "the only one")
        camera = Camera([entry(wrapper_for(wall, reader))], form)
        counts = []
        objects = camera.run([(3.5, lambda: counts.append(len(camera.events))), (3.5, set_to(wall, NOON))])
        assert counts == [0], "not even a header"
        assert camera.errors
        assert all(isinstance(error, CertificateError) and "CN=the only one" in str(error) for error in camera.errors)
        read = reader.reads(objects)
        for number, samples in read.items():
            assert samples, "recorded as soon as it could be"
            assert samples == ALL[number][-len(samples) :]
            assert len(samples) < len(ALL[number])

    def test_a_header_source_of_any_kind_keeps_the_key(self):
        """Another system's, whose server is not there when the key is due."""
        calls = []

        def server(content_key, at):
            calls.append(content_key.kid)
            if len(set(calls)) > 1:
                raise OSError("no route to host")
            return ()

        reader = issue(NOON - DAY, NOON + DAY)
        made = kit.entry("cbcs-seig", keys=RotatingKey(SECOND), headers=(wrapper_for(Wall(), reader), server))
        camera = Camera([made], CMAF)
        objects = camera.run()
        check_whole(camera, objects, reader)
        assert len(set(kids(objects))) == 1


class TestTheTimeOfTheMedia:
    @FORMATS
    @pytest.mark.parametrize("year", [1995, 2015, 2030, 9990])
    def test_does_not_matter(self, form, year):
        """An archive is imported for the certificates of today."""
        reader = issue(NOON - DAY, NOON + DAY)
        camera = Camera([entry(wrapper_for(Wall(), reader))], form, start=UtcTime.parse(f"{year}-03-04T05:06:07Z"))
        objects = camera.run()
        check_whole(camera, objects, reader)
        assert objects[0].key.time.year == year


class TestSeveralEntries:
    @FORMATS
    def test_each_goes_its_own_way(self, form):
        wall = Wall()
        short, lasting = issue(NOON - DAY, NOON, "short"), issue(NOON - DAY, NOON + DAY, "lasting")
        entries = [
            entry(wrapper_for(wall, short), "cenc", tracks=("VIDEO001",)),
            entry(wrapper_for(wall, lasting), tracks=("AUDIO001", "META001")),
        ]
        camera = Camera(entries, form)
        objects = camera.run([(2.5, set_to(wall, NOON + SECOND))])
        assert not camera.errors
        assert not camera.recorder.dropped
        by_reader = [reader.keys(objects) for reader in (short, lasting)]
        assert play_fast(KeyRing(key for ring in by_reader for key in ring.values()), objects) == ALL
        assert len(by_reader[0]) < len(by_reader[1])
        assert "short" in entries[0].trouble
        assert entries[1].trouble is None


class TestLookedUpEachTime:
    """Certificates that are renewed, or go, while a device records."""

    def test_what_gives_them_is_asked_for_every_key(self):
        first, second = issue(NOON - DAY, NOON + DAY, "first"), issue(NOON - DAY, NOON + DAY, "second")
        given = [load_recipient(first.pem)]
        wrapper = KeyWrapper(lambda: given, clock=Wall())
        assert len(wrapper.header(generate_content_key(), at=NOON).entries) == 1
        given[:] = [LeftOut("first", "it is gone"), load_recipient(second.pem)]
        (header,) = wrapper(generate_content_key(), NOON)
        assert [one.thumbprint for one in header.entries] == [thumbprint(second.pem)]
        assert wrapper.trouble == "first: it is gone"
        given[:] = []
        with pytest.raises(CertificateError, match="at least one certificate"):
            wrapper(generate_content_key(), NOON)

    def test_the_same_certificate_twice(self):
        reader = issue(NOON - DAY, NOON + DAY)
        assert len(KeyWrapper([reader.pem, reader.pem]).header(generate_content_key(), at=NOON).entries) == 1

    def test_without_a_clock_of_its_own_it_is_the_machines(self):
        now = UtcTime.from_datetime(datetime.now(UTC))
        key = generate_content_key()
        assert KeyWrapper([issue(now - DAY, now + DAY).pem])(key, LONG_AGO)
        with pytest.raises(CertificateError, match="expired"):
            KeyWrapper([issue(now - 2 * DAY, now - DAY).pem])(key, now - 1.5 * DAY)


INSTANTS = st.sampled_from([NOON + days * DAY for days in range(-4, 5)])


@given(
    st.lists(st.tuples(INSTANTS, INSTANTS), min_size=1, max_size=3),
    st.lists(st.tuples(st.floats(0, 6), INSTANTS), max_size=5),
    INSTANTS,
    st.sampled_from([0.5, 1, 2.5, None]),
    st.sampled_from([CMAF, MP4]),
    st.sampled_from(["cenc", "cbcs-seig"]),
)
@settings(max_examples=12, deadline=None)
def test_whatever_the_clock_does(validity, moves, start, every, form, mode):
    """From the first key that could be wrapped on all is stored, never clear, for some certificate that was valid."""
    logging.getLogger("onvif_bmff").setLevel(logging.ERROR)
    wall = Wall(start)
    readers = [
        issue(min(pair), max(pair), f"reader {number}", private_key=KEYS[number])
        for number, pair in enumerate(validity)
    ]
    made = entry(wrapper_for(wall, *readers), mode, every)
    camera = Camera([made], form)
    objects = camera.run([(at, set_to(wall, instant)) for at, instant in moves])
    logging.getLogger("onvif_bmff").setLevel(logging.NOTSET)
    rings = [reader.keys(objects) for reader in readers]
    assert all(headers_of(one) for one in objects)
    read = play_fast(KeyRing(key for ring in rings for key in ring.values()), objects)
    for number, samples in read.items():
        assert samples == ALL[number][len(ALL[number]) - len(samples) :]
    clock_read = {start, *(instant for _, instant in moves)}
    for reader, pair, ring in zip(readers, validity, rings, strict=True):
        if not any(min(pair) <= instant <= max(pair) for instant in clock_read):
            assert not ring, reader
    if any(min(pair) <= start <= max(pair) for pair in validity):
        assert not camera.errors
        assert read == ALL
    elif not any(min(pair) <= instant <= max(pair) for pair in validity for instant in clock_read):
        assert not objects
        assert camera.errors


KEYS = [x25519.X25519PrivateKey.generate() for _ in range(3)]
