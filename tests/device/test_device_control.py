"""What clients ask for, down to the objects: events, schedules, overrides, encryption. 5.3.4, 5.7, 5.24, B.8."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from device_kit import (
    AV,
    WeakStore,
    configuration,
    fast_device,
    faults,
    job,
    kept,
    on_the_wall,
    profile_source,
    record,
    sealed,
    spans,
    state,
    target,
    until,
    wait,
)

from onvif_bmff.cenc.keys.content import ContentKey, parse_kid
from onvif_bmff.cenc.keys.ring import KeyRing
from onvif_bmff.cenc.keys.unwrap import PrivateKeyUnwrapper
from onvif_bmff.control import (
    INCOMPATIBLE_STREAM,
    AsymmetricEncryption,
    EventFilterEntry,
    EventMessage,
    JobState,
    PropertyOperation,
    RecordingEncryption,
    RecordingEventFilter,
    ServiceLimits,
)
from onvif_bmff.errors import ProtectionError
from onvif_bmff.objects.attributes import ObjectAttributes
from onvif_bmff.playback import read_segment
from onvif_bmff.storage.memory import MemoryStore

SECOND = timedelta(seconds=1)
GOP = 2 * SECOND
LATE = 1.0
"""Real seconds by which a loaded machine may be late with anything."""
MOTION = "tns1:RuleEngine/CellMotionDetector/Motion"
TRIGGER = "tns1:Device/Trigger/DigitalInput"
KID = "0123abcd-0000-4000-8000-0000000000ff"
KEY = bytes(range(16))


def on_events(*topics, before=None, after=None):
    return RecordingEventFilter(tuple(EventFilterEntry(topic) for topic in topics), before, after)


def motion(device, active):
    at = device.service._runner.clock()
    device.service.device_side.event(
        EventMessage(MOTION, at, {"Rule": "1"}, {"State": str(active).lower()}, PropertyOperation.CHANGED)
    )
    return at


def event_device(**more):
    """A device on which an event without duration lasts for three real seconds."""
    store = MemoryStore()
    return store, fast_device({"s3": store}, speed=4.0, limits=ServiceLimits(instant_event=12 * SECOND), **more)


@pytest.mark.requirement("REC-5.3.4-10", "REC-5.3.4-11", "REC-5.3.4-04", "REC-5.3.4-05")
def test_the_whole_event_with_before_and_after_is_recorded():
    store, device = event_device()
    with device:
        service = device.service
        token = service.create_recording(configuration())
        wanted = on_events(MOTION, before=5 * SECOND, after=12 * SECOND)
        made = service.create_recording_job(job(token, event_filter=wanted)).job_token
        until(lambda: kept(device, token) >= 8 * SECOND)
        wait(device, 10)
        assert (state(service, made), list(store.keys())) == ("Idle", [])
        began = motion(device, True)
        until(lambda: state(service, made) == "Active")
        wait(device, 14)
        ended = motion(device, False)
        until(lambda: state(service, made) == "Idle")
        until(lambda: spans(store) and spans(store)[0].end)
        wait(device, 6)
    late = on_the_wall(device, LATE)
    for extension in ("m4v", "m4a"):
        (span,) = spans(store, extension)
        assert span.start <= began - 5 * SECOND
        assert span.start >= began - 5 * SECOND - 2 * GOP, "not much more than asked for"
        assert span.end >= ended + 12 * SECOND - late  # the newest samples are still on their way then
        assert span.end <= ended + 12 * SECOND + GOP + late
    assert faults(store) == []


def test_an_event_that_begins_and_ends_while_the_store_hangs_is_recorded():
    """The output comes to it when the event is over, and its job does not feed the tracks any more."""
    store = WeakStore()
    with fast_device({"s3": store}, speed=4.0) as device:
        service = device.service
        token = service.create_recording(configuration())
        wanted = on_events(MOTION, before=4 * SECOND)
        service.create_recording_job(job(token, event_filter=wanted))
        until(lambda: kept(device, token) >= 4 * SECOND)
        store.hang()
        motion(device, True)
        until(store.hanging.is_set)
        motion(device, False)
        wait(device, 12)
        began = motion(device, True)
        wait(device, 8)
        ended = motion(device, False)
        wait(device, 4)
        store.free.set()
        until(lambda: len(spans(store)) == 2 and all(span.end for span in spans(store)))
    late = on_the_wall(device, LATE)
    span = spans(store)[1]
    assert span.start <= began - 2 * SECOND  # nothing is kept while an event lasts, and a GOP is two seconds
    assert span.end >= ended - late
    assert faults(store) == []


@pytest.mark.requirement("REC-5.3.4-12", "REC-5.3.4-13", "ANX-B.9-06")
@pytest.mark.parametrize("before", [None, 4 * SECOND])
def test_an_event_without_duration_leaves_at_least_an_i_frame(before):
    store, device = event_device()
    with device:
        service = device.service
        token = service.create_recording(configuration())
        service.create_recording_job(job(token, event_filter=on_events(TRIGGER, before=before)))
        until(lambda: before is None or kept(device, token) >= before + GOP)
        at = service._runner.clock()
        service.device_side.event(EventMessage(TRIGGER, at, {"Token": "1"}, {"Value": "x"}))
        until(lambda: spans(store) and spans(store)[0].end)
    (span,) = spans(store)
    first = read_segment(store.get(span.segments[0].name))
    assert next(first.samples(first.header.lead.track_id)).sync
    for name in sealed(store):
        assert ObjectAttributes.from_metadata(store.head(name).attributes).event_topic == TRIGGER
    if before is not None:
        assert span.start <= at - before
    assert faults(store) == []


@pytest.mark.requirement("REC-5.3.4-14", "REC-5.1-04")
def test_with_schedule_and_events_both_must_hold():
    store, device = event_device()
    with device:
        service = device.service
        token = service.create_recording(configuration())
        made = service.create_recording_job(
            job(token, event_filter=on_events(MOTION), schedule_token="night")
        ).job_token
        motion(device, True)
        wait(device, 4)
        assert (state(service, made), list(store.keys())) == ("Idle", [])
        service.device_side.schedule_changed("night", True)
        until(lambda: state(service, made) == "Active")
        until(lambda: sealed(store))
        service.device_side.schedule_changed("night", None)
        until(lambda: state(service, made) == "Idle")
        until(lambda: spans(store)[0].end)
        assert len(spans(store)) == 1
    assert faults(store) == []


def test_an_event_job_takes_over_with_what_came_before_and_leaves_no_gap():
    store, device = event_device()
    with device:
        service = device.service
        token, plain = record(service, sources=(profile_source(*AV, token="other"),))
        wanted = on_events(MOTION, before=4 * SECOND)
        better = service.create_recording_job(job(token, priority=9, event_filter=wanted)).job_token
        until(lambda: len(sealed(store)) >= 4)
        motion(device, True)
        until(lambda: state(service, better) == "Active")
        assert state(service, plain) == "Idle"
        wait(device, 5)
        motion(device, False)
        until(lambda: state(service, plain) == "Active")
        until(lambda: len(spans(store)) == 3)
    first, second, third = spans(store)
    assert second.start <= first.end, "no moment is missing"
    assert first.end - second.start <= GOP + SECOND
    assert third.start - second.end <= GOP + on_the_wall(device, LATE)
    found = {finding.rule for finding in faults(store)}
    assert found <= {"ANX-B.7-01"}, "what came before the event overlaps the span before, and nothing else is wrong"


@pytest.mark.requirement("REC-5.24-01", "REC-5.24-02", "REC-5.24-03", "REC-5.24-04", "REC-5.24-05", "REC-5.24-08")
def test_an_override_cuts_now_shortens_and_expires():
    store = MemoryStore()
    with fast_device({"s3": store}, speed=4.0) as device:
        service = device.service
        token, _ = record(service, seconds=60)
        until(lambda: state(service, service.get_recording_jobs()[0].job_token) == "Active")
        wait(device, 5)
        asked = service._runner.clock()
        service.override_segment_duration(GOP, 20 * SECOND, token)
        expires = service.device_side.plans().recordings[token].override[1]
        shown = service.get_recording_configuration(token).target.segment_duration_override
        assert shown.duration == GOP
        assert timedelta(0) < shown.expiration <= 20 * SECOND
        until(lambda: service._runner.clock() >= expires + 10 * SECOND)
        assert service.get_recording_configuration(token).target.segment_duration_override is None
        service.override_segment_duration(GOP, timedelta(hours=1), token)
        count = len(sealed(store))
        until(lambda: len(sealed(store)) >= count + 4)
        found = service.get_recording_configuration(token)
        service.set_recording_configuration(token, found)
        assert service.get_recording_configuration(token).target.segment_duration_override is None
        wait(device, 12)
    (span,) = spans(store)
    cuts = [segment.start for segment in span.segments]
    lengths = [segment.end - segment.start for segment in span.segments]
    late = on_the_wall(device, LATE)
    assert timedelta(0) <= cuts[1] - asked <= GOP + late, "the open segment closes at the next sync sample"
    short = [length for cut, length in zip(cuts, lengths, strict=True) if asked < cut < expires]
    assert len(short) >= 3
    assert all(length < GOP + 0.1 * SECOND for length in short)
    after = next(length for cut, length in zip(cuts, lengths, strict=True) if cut >= expires)
    assert after >= 6 * SECOND, "the configured duration holds again"
    assert lengths[-1] > 3 * SECOND, "a Set ends the override"
    assert faults(store) == []


def kids_of(store, name):
    segment = read_segment(store.get(name))
    return {
        kid.bytes for box in segment.header.protection_headers if hasattr(box, "kids") for kid in box.kids
    }, segment.header.is_protected


@pytest.mark.requirement("REC-5.3.1-17", "REC-5.7-05", "ANX-B.2-06")
def test_encryption_entries_reach_the_objects_and_change_while_recording():
    store = MemoryStore()
    with fast_device({"s3": store}) as device:
        service = device.service
        token, _ = record(service)
        until(lambda: len(sealed(store)) >= 2)
        entry = RecordingEncryption("CENC", KID, KEY, ("VIDEO001",))
        service.set_recording_configuration(token, replace(configuration(), target=target(encryption=(entry,))))
        until(lambda: len(spans(store)) == 2 and len(spans(store)[1].segments) >= 2)
        cbcs = RecordingEncryption("CBCS", KID, None, ())  # the key is held already
        service.set_recording_configuration(token, replace(configuration(), target=target(encryption=(cbcs,))))
        until(lambda: len(spans(store)) == 3 and len(spans(store)[2].segments) >= 2)
        service.set_recording_configuration(token, configuration())
        until(lambda: len(spans(store)) == 4 and len(spans(store)[3].segments) >= 2)
    ring = KeyRing([ContentKey(parse_kid(KID), KEY)])
    for number, protected in enumerate((False, True, True, False)):
        for segment in spans(store)[number].segments:
            found = read_segment(store.get(segment.name), keys=ring)
            assert found.header.is_protected is protected
            assert sum(1 for _ in found.samples()) > 0
            if protected:
                with pytest.raises(ProtectionError):
                    list(read_segment(store.get(segment.name)).samples())
    audio = spans(store, "m4a")
    assert [read_segment(store.get(s.segments[0].name)).header.is_protected for s in audio] == [
        False, False, True, False,
    ]  # fmt: skip
    assert faults(store, keys=ring) == []


def test_generated_keys_rotate_and_open_with_the_private_key():
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "viewer")])
    certificate = (
        x509.CertificateBuilder(name, name, private.public_key(), 1)
        .not_valid_before(datetime(2020, 1, 1))  # noqa: DTZ001
        .not_valid_after(datetime(2120, 1, 1))  # noqa: DTZ001
        .sign(private, hashes.SHA256())
    )
    store = MemoryStore()
    certificates = {"viewer": certificate.public_bytes(Encoding.PEM)}
    with fast_device({"s3": store}, certificates=certificates) as device:
        wrapped = AsymmetricEncryption(("viewer",), 6 * SECOND)
        entry = RecordingEncryption("CENC", asymmetric_encryption=wrapped)
        record(device.service, encryption=(entry,))
        until(lambda: len(spans(store)) >= 3)
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    unwrapper = PrivateKeyUnwrapper(pem)
    kids = set()
    for span in spans(store):
        for segment in span.segments:
            kids |= kids_of(store, segment.name)[0]
            found = read_segment(store.get(segment.name), unwrapper=unwrapper)
            assert sum(1 for _ in found.samples()) > 0
    assert len(kids) >= 3, "each interval has a key of its own"
    assert faults(store) == []


@pytest.mark.requirement("REC-5.1-03")
def test_incompatible_streams_are_refused_and_shown():
    store = MemoryStore()
    device = fast_device({"s3": store})
    service = device.service  # not started: nothing records yet
    _, made = record(service)
    assert service.device_side.report_encoding(made, "VIDEO001", "Video", "H265")
    device.start()
    until(lambda: sealed(store))
    until(lambda: state(service, made) == "Error")
    found = service.get_recording_job_state(made)
    errors = {t.destination: t.error for source in found.sources for t in source.tracks}
    assert errors == {"VIDEO001": INCOMPATIBLE_STREAM, "AUDIO001": None}
    device.close()
    assert spans(store, "m4v") == []
    assert len(spans(store, "m4a")) == 1


def test_job_states_are_told_as_events():
    store = MemoryStore()
    with fast_device({"s3": store}) as device:
        service = device.service
        feed = service.subscribe()
        _, made = record(service, mode="Idle")
        service.set_recording_job_mode(made, "Active")
        until(lambda: state(service, made) == "Active")
        service.set_recording_job_mode(made, "Idle")
        until(lambda: state(service, made) == "Idle")
        told = [n for n in feed.take() if isinstance(n, JobState)]
    states = [str(n.state) for n in told]
    assert states[0] == "Idle"
    assert states[-1] == "Idle"
    assert "Active" in states
    assert told[0].operation is PropertyOperation.INITIALIZED
