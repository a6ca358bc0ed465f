"""Certificates in the engine: which configurations are refused, and what the state of tracks says of the others."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from control_kit import asymmetric, encrypted, resources, service
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from onvif_bmff.bmff import parse_boxes
from onvif_bmff.bmff.pssh import AsymmetricKeySystemHeaderBox
from onvif_bmff.cenc.encrypt import IvSources
from onvif_bmff.cenc.keys.certificates import certificate_fault
from onvif_bmff.codecs.g711 import G711Codec
from onvif_bmff.codecs.jpeg.codec import MjpegCodec
from onvif_bmff.control import BadConfiguration
from onvif_bmff.control.plan import Feed, RecordingPlan
from onvif_bmff.control.types.common import PROFILE_TYPE, SourceReference
from onvif_bmff.engine.output import RecordingOutput
from onvif_bmff.engine.targets import OutputKey, TargetMaker, WrappingPolicy
from onvif_bmff.errors import CertificateError
from onvif_bmff.media.track import Sample, Track
from onvif_bmff.objects.events import collect_objects
from onvif_bmff.objects.stored import SegmentObject
from onvif_bmff.timing import UtcTime

NOON = UtcTime.parse("2026-06-01T12:00:00Z")
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
CAMERA = SourceReference("camera", PROFILE_TYPE)
VIDEO = Track("VIDEO001", 1, 90_000, MjpegCodec(width=64, height=48))
AUDIO = Track("AUDIO001", 2, 8_000, G711Codec())
KEY = ec.generate_private_key(ec.SECP256R1())


def issue(first, last, subject, key=KEY):
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, subject)])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, first.to_datetime(), last.to_datetime())
    return builder.sign(KEY, hashes.SHA256()).public_bytes(Encoding.PEM)


class Rig:
    """One output of a recording whose keys are wrapped, and what it said."""

    def __init__(self, certificates, *, clock=NOON, rotation=SECOND, tracks=(), policy=WrappingPolicy()):  # noqa: B008
        self.now = clock
        self.certificates = dict(certificates)
        self.states, self.told, self.events, self.errors = {}, [], [], []
        maker = TargetMaker(self.certificates.__getitem__, clock=lambda: self.now, wrapping=policy)
        wrapped = asymmetric(certificate_id=tuple(certificates), key_rotation_duration=rotation)
        configuration = encrypted(replace(wrapped, track=tracks))
        configuration = replace(configuration, target=replace(configuration.target, segment_duration=SECOND))
        plan = RecordingPlan(
            "recording",
            configuration,
            {},
            (("VIDEO001", "Video"), ("AUDIO001", "Audio")),
            {token: Feed("job", CAMERA, "") for token in ("VIDEO001", "AUDIO001")},
        )
        self.plan = maker.outputs(plan)[OutputKey("recording", "s3")]
        self.output = RecordingOutput(self.plan, lambda *_: True, self.report, ivs=IvSources())
        self.output.source_opened(CAMERA, (VIDEO, AUDIO), NOON)

    def report(self, track, state, error):
        self.states[track] = (str(state), error)
        self.told.append((track, str(state), error))

    def play(self, first, last):
        """Pictures, every fifth a sync sample; an error pauses, as a device does, and the next second tries again."""
        for number in range(int(first * 25), int(last * 25)):
            samples = [
                Sample(1, number * 3600, 3600, b"\xff\xd8" * 9, number % 5 == 0),
                Sample(2, number * 320, 320, bytes(320)),
            ]
            for sample in samples:
                try:
                    self.events += self.output.push(CAMERA, sample)
                except CertificateError as error:
                    self.errors.append(error)
                    self.output.pause(str(error))
            if number % 25 == 24 and self.errors and not self.output.recording:
                try:
                    self.events += self.output.resume()
                    self.output.set_trouble(None)
                except CertificateError as error:
                    self.output.pause(str(error))

    def objects(self):
        self.events += self.output.close()
        return [one for one in collect_objects(self.events) if isinstance(one, SegmentObject)]


def headers_of(one):
    return [
        box for top in parse_boxes(one.body) for _, box in top.walk() if isinstance(box, AsymmetricKeySystemHeaderBox)
    ]


GOOD = issue(NOON - DAY, NOON + DAY, "good")
EXPIRED = issue(NOON - 9 * DAY, NOON - DAY, "expired")
LATER = issue(NOON + 2 * DAY, NOON + 9 * DAY, "later")


class TestStates:
    def test_all_is_well(self):
        rig = Rig({"good": GOOD})
        rig.play(0, 3)
        assert rig.states == {"VIDEO001": ("Active", None), "AUDIO001": ("Active", None)}
        assert len(rig.objects()) >= 3

    @pytest.mark.parametrize("bad", [EXPIRED, LATER, b"no certificate", None], ids=["expired", "later", "junk", "gone"])
    def test_one_of_two_is_shown_while_recording_goes_on(self, bad):
        rig = Rig({"good": GOOD, "bad": b""})
        if bad is None:
            del rig.certificates["bad"]
        else:
            rig.certificates["bad"] = bad
        rig.play(0, 4)
        for token in ("VIDEO001", "AUDIO001"):
            state, error = rig.states[token]
            assert state == "Error"
            assert error.startswith("Recording goes on")
            assert any(text in error for text in ("CN=expired", "CN=later", "'bad'"))
        assert rig.told.count(("VIDEO001", *rig.states["VIDEO001"])) == 1, "said once"
        assert not rig.errors
        objects = rig.objects()
        assert len(objects) >= 4
        assert all(len(header.entries) == 1 for one in objects for header in headers_of(one))
        assert rig.states["VIDEO001"] == ("Idle", None)

    def test_it_is_well_again_with_a_renewed_certificate(self):
        rig = Rig({"good": GOOD, "bad": EXPIRED})
        rig.play(0, 2)
        assert rig.states["VIDEO001"][0] == "Error"
        rig.certificates["bad"] = issue(NOON - DAY, NOON + DAY, "renewed")
        rig.play(2, 5)
        assert rig.states["VIDEO001"] == ("Active", None)
        assert max(len(header.entries) for one in rig.objects() for header in headers_of(one)) == 2

    def test_all_expire_at_a_rotation(self):
        rig = Rig({"a": GOOD, "b": issue(NOON - DAY, NOON + DAY, "second")})
        rig.play(0, 2.5)
        rig.now = NOON + 2 * DAY
        rig.play(2.5, 6)
        state, error = rig.states["VIDEO001"]
        assert state == "Error"
        assert "CN=good" in error
        assert "CN=second" in error
        assert not rig.errors
        objects = rig.objects()
        assert sum(one.key.extension == "mp4" for one in objects) >= 5
        assert all(headers_of(one) for one in objects)

    def test_only_the_tracks_of_the_entry_are_in_error(self):
        rig = Rig({"good": GOOD, "bad": EXPIRED}, tracks=("AUDIO001",))
        rig.play(0, 2)
        assert rig.states["VIDEO001"] == ("Active", None)
        assert rig.states["AUDIO001"][0] == "Error"

    @pytest.mark.parametrize("certificate", [EXPIRED, LATER], ids=["expired", "later"])
    def test_without_any_nothing_is_recorded_until_one_is_valid(self, certificate):
        rig = Rig({"only": certificate})
        rig.play(0, 3)
        assert rig.states["VIDEO001"][0] == rig.states["AUDIO001"][0] == "Error"
        assert "CN=" in rig.states["VIDEO001"][1]
        assert rig.events == []
        rig.now = NOON + 3 * DAY if certificate is LATER else NOON - 2 * DAY
        rig.play(3, 6)
        assert rig.states["VIDEO001"] == ("Active", None)
        assert rig.objects()

    def test_an_error_of_the_store_hides_it_for_a_while_only(self):
        rig = Rig({"good": GOOD, "bad": EXPIRED})
        rig.play(0, 2)
        shown = rig.states["VIDEO001"]
        rig.output.set_trouble("the disk is full")
        assert rig.states["VIDEO001"] == ("Error", "the disk is full")
        rig.play(2, 3)
        assert rig.states["VIDEO001"] == ("Error", "the disk is full")
        rig.output.set_trouble(None)
        assert rig.states["VIDEO001"] == shown

    def test_who_asks_for_it_stops(self):
        rig = Rig({"good": GOOD}, policy=WrappingPolicy(stop_without_certificate=True))
        rig.play(0, 2.5)
        rig.now = NOON + 2 * DAY
        rig.play(2.5, 6)
        assert rig.errors
        assert rig.states["VIDEO001"][0] == "Error"
        assert not rig.output.recording


@pytest.mark.parametrize("name", ["sha1", "sha256"])
def test_the_hash_of_oaep(name):
    key = rsa.generate_private_key(65537, 2048)
    rig = Rig({"rsa": issue(NOON - DAY, NOON + DAY, "rsa", key)}, policy=WrappingPolicy(oaep_hash=name))
    rig.play(0, 2)
    entry = headers_of(rig.objects()[0])[0].entries[0]
    used = {"sha1": hashes.SHA1(), "sha256": hashes.SHA256()}[name]
    assert len(key.decrypt(entry.encrypted_key, padding.OAEP(padding.MGF1(used), used, None))) == 16


class TestConfiguration:
    """What can never be used is refused when it is configured; what is not valid just now is not."""

    def made(self, data):
        found = resources(certificates={"cert"})
        found.certificate_fault = lambda name: certificate_fault(data)
        return service(resources=found)

    @pytest.mark.parametrize("data", [GOOD, EXPIRED, LATER], ids=["good", "expired", "later"])
    def test_valid_or_not(self, data):
        made = self.made(data)
        token = made.create_recording(encrypted(asymmetric(certificate_id=("cert",))))
        made.set_recording_configuration(token, encrypted(asymmetric(certificate_id=("cert",))))

    def test_what_keys_can_never_be_wrapped_for(self):
        agree = x509.KeyUsage(True, False, False, False, False, False, False, False, False)
        name = x509.Name([])
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder(name, name, KEY.public_key(), 1, now, now + DAY)
        signs = builder.add_extension(agree, critical=True).sign(KEY, hashes.SHA256()).public_bytes(Encoding.DER)
        weak = issue(NOON, NOON + DAY, "weak", ec.generate_private_key(ec.SECP256K1()))
        for data, reason in ((b"junk", "neither as PEM nor as DER"), (signs, "KeyUsage"), (weak, "secp256k1")):
            made = self.made(data)
            with pytest.raises(BadConfiguration, match=reason):
                made.create_recording(encrypted(asymmetric(certificate_id=("cert",))))
            token = made.create_recording(encrypted())
            with pytest.raises(BadConfiguration, match=f"cert: .*{reason}"):
                made.set_recording_configuration(token, encrypted(asymmetric(certificate_id=("cert",))))
