"""A whole device whose certificates expire, are renewed or go, and whose clock is wrong."""

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from device_kit import (
    CAMERA,
    SECOND,
    SPEED,
    FastClock,
    configuration,
    fast_device,
    faults,
    job,
    record,
    sealed,
    spans,
    state,
    until,
)

from onvif_bmff.cenc.keys.unwrap import PrivateKeyUnwrapper
from onvif_bmff.control import AsymmetricEncryption, BadConfiguration, MemoryPersistence, RecordingEncryption
from onvif_bmff.device import ClockTrust, FileSources, RecordingDevice
from onvif_bmff.playback import read_segment
from onvif_bmff.runtime import utc_now
from onvif_bmff.storage.memory import MemoryStore
from onvif_bmff.timing import UtcTime

DAY = timedelta(days=1)
KEY = ec.generate_private_key(ec.SECP256R1())
UNWRAPPER = PrivateKeyUnwrapper(KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
NOW = utc_now()


def issue(first, last, subject="viewer", key=KEY):
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, subject)])
    builder = x509.CertificateBuilder(
        name, name, key.public_key(), 1, (NOW + first).to_datetime(), (NOW + last).to_datetime()
    )
    return builder.sign(KEY, hashes.SHA256()).public_bytes(Encoding.PEM)


GOOD, EXPIRED = issue(-DAY, DAY), issue(-9 * DAY, -DAY, "expired")


def wrapped(*names, every=3 * SECOND):
    return {"encryption": (RecordingEncryption("CENC", asymmetric_encryption=AsymmetricEncryption(names, every)),)}


def errors(service, token):
    return {t.error for source in service.get_recording_job_state(token).sources for t in source.tracks}


def opened(store):
    """How many samples the private key opens; none may be clear."""
    count = 0
    for name in sealed(store):
        segment = read_segment(store.get(name), unwrapper=UNWRAPPER)
        assert segment.header.is_protected
        count += sum(1 for _ in segment.samples())
    return count


class SetClock(FastClock):
    """A fast clock that somebody sets."""

    def __init__(self, start):
        super().__init__(start)
        self.off = timedelta()

    def __call__(self):
        return super().__call__() + self.off


def test_one_of_two_has_expired():
    store = MemoryStore()
    with fast_device({"s3": store}, certificates={"viewer": GOOD, "old": EXPIRED}) as device:
        _, made = record(device.service, **wrapped("viewer", "old"))
        until(lambda: len(spans(store)) >= 3)
        assert state(device.service, made) == "Error"
        (error,) = errors(device.service, made)
        assert "Recording goes on" in error
        assert "CN=expired" in error
    assert opened(store) > 0
    assert faults(store) == []


def test_a_device_without_a_battery_records_once_its_clock_is_right():
    store = MemoryStore()
    clock = SetClock(UtcTime.parse("1970-01-01T00:00:03Z"))
    sources = FileSources({"cam": CAMERA}, speed=SPEED)
    with RecordingDevice(
        {"s3": store}, sources=sources, certificates={"viewer": GOOD}, clock=clock, clock_rate=SPEED,
        clock_trust=ClockTrust(wait=False),
    ) as device:  # fmt: skip
        _, made = record(device.service, **wrapped("viewer"))
        until(lambda: state(device.service, made) == "Error")
        assert "not valid before" in errors(device.service, made).pop()
        assert list(store.keys()) == []
        clock.off = NOW - clock()
        until(lambda: state(device.service, made) == "Active")
        until(lambda: sealed(store))
        clock.off -= 20_000 * DAY  # and back again: the key in use goes on
        until(lambda: state(device.service, made) == "Error")
        before = len(sealed(store))
        until(lambda: len(sealed(store)) > before + 2)
    assert opened(store) > 0


def test_all_expired_at_a_restart_until_one_is_renewed():
    store, persistence = MemoryStore(), MemoryPersistence()
    certificates = {"viewer": GOOD}
    with fast_device({"s3": store}, certificates=certificates, persistence=persistence) as device:
        _, made = record(device.service, **wrapped("viewer"))
        until(lambda: sealed(store))
    certificates["viewer"] = EXPIRED
    before = set(store.keys())
    with fast_device({"s3": store}, certificates=certificates, persistence=persistence) as device:
        until(lambda: state(device.service, made) == "Error")
        assert "CN=expired" in errors(device.service, made).pop()
        assert set(sealed(store)) <= before
        certificates["viewer"] = GOOD
        until(lambda: state(device.service, made) == "Active")
        until(lambda: set(sealed(store)) - before)
    assert opened(store) > 0
    assert faults(store) == []


def test_a_certificate_that_goes_or_was_never_one():
    store = MemoryStore()
    certificates = {"viewer": GOOD, "junk": b"no certificate"}
    with fast_device({"s3": store}, certificates=certificates) as device:
        service = device.service
        with pytest.raises(BadConfiguration, match="neither as PEM nor as DER"):
            service.create_recording(configuration(**wrapped("viewer", "junk")))
        token = service.create_recording(configuration(**wrapped("viewer")))
        del certificates["viewer"]
        made = service.create_recording_job(job(token)).job_token
        until(lambda: state(service, made) == "Error")
        assert "gone" in errors(service, made).pop()
        assert list(store.keys()) == []
        service.set_recording_configuration(token, configuration())
        until(lambda: state(service, made) == "Active")
