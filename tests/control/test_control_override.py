"""OverrideSegmentDuration: clause 5.24."""

from datetime import timedelta

import pytest
from control_kit import Clock, encrypted, entry, recording, service, target, topics

from onvif_bmff.control import (
    ActionNotSupported,
    BadConfiguration,
    BadDuration,
    Capabilities,
    MemoryPersistence,
    NoRecording,
    SegmentDurationOverride,
    ServiceLimits,
)

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


def device(**kwargs):
    clock = kwargs.setdefault("clock", Clock())
    made = service(**kwargs)
    token = made.create_recording(recording(target()))
    made.take_notifications()
    return made, clock, token


def shown(made, token):
    return made.get_recording_configuration(token).target.segment_duration_override


@pytest.mark.requirement("REC-5.24-05", "REC-5.24-08", "REC-5.24-11", "REC-5.25-17")
def test_an_override_is_shown_with_the_time_left_and_ends_exactly():
    made, clock, token = device()
    made.override_segment_duration(5 * SECOND, 10 * MINUTE, token)
    assert shown(made, token) == SegmentDurationOverride(5 * SECOND, 10 * MINUTE)
    assert made.get_recordings()[0].configuration.target.segment_duration == MINUTE
    assert made.device_side.segment_duration(token) == 5 * SECOND
    clock.forward(minutes=9, seconds=59, microseconds=999_999)
    assert shown(made, token).expiration == timedelta(microseconds=1)
    assert made.next_deadline() == clock.now + timedelta(microseconds=1)
    clock.forward(microseconds=1)
    assert shown(made, token) is None
    assert made.device_side.segment_duration(token) == MINUTE
    assert made.next_deadline() is None


def test_start_replacement_and_expiry_are_told():
    made, clock, token = device()
    made.override_segment_duration(5 * SECOND, MINUTE, token)
    made.override_segment_duration(6 * SECOND, MINUTE, token)
    clock.forward(minutes=2)
    told = made.take_notifications()
    assert topics(told) == ["RecordingConfiguration"] * 3
    assert [n.configuration.target.segment_duration_override for n in told] == [
        SegmentDurationOverride(5 * SECOND, MINUTE),
        SegmentDurationOverride(6 * SECOND, MINUTE),
        None,
    ]


@pytest.mark.requirement("REC-5.24-07")
def test_a_new_override_replaces_duration_and_expiry():
    made, clock, token = device()
    made.override_segment_duration(5 * SECOND, HOUR, token)
    clock.forward(minutes=30)
    made.override_segment_duration(8 * SECOND, MINUTE, token)
    assert shown(made, token) == SegmentDurationOverride(8 * SECOND, MINUTE)
    clock.forward(minutes=1)
    assert shown(made, token) is None


@pytest.mark.requirement("REC-5.24-10")
def test_setting_the_configuration_ends_it_and_ignores_what_was_read():
    made, _, token = device()
    made.override_segment_duration(5 * SECOND, HOUR, token)
    read = made.get_recording_configuration(token)
    with pytest.raises(BadConfiguration):
        made.set_recording_configuration(token, recording(target(storage="nobody")))
    assert shown(made, token) is not None  # nothing was modified
    made.set_recording_configuration(token, read)
    assert shown(made, token) is None
    assert made.get_recording_configuration(token) == recording(target())


def test_losing_an_encrypted_track_modifies_the_configuration_too():
    made = service()
    token = made.create_recording(encrypted(entry(track=("VIDEO001", "AUDIO001"))))
    made.override_segment_duration(5 * SECOND, HOUR, token)
    made.delete_track(token, "META001")
    assert shown(made, token) is not None
    made.delete_track(token, "AUDIO001")
    assert shown(made, token) is None


@pytest.mark.requirement("REC-5.24-06", "REC-5.24-13")
@pytest.mark.parametrize(
    ("duration", "expiration"),
    [
        (timedelta(0), MINUTE),
        (-SECOND, MINUTE),
        (SECOND, timedelta(0)),
        (SECOND, -SECOND),
        (SECOND, HOUR + timedelta(microseconds=1)),
        (MINUTE, MINUTE),
        (2 * MINUTE, MINUTE),
    ],
)
def test_invalid_durations_are_refused(duration, expiration):
    made, _, token = device()
    with pytest.raises(BadDuration) as caught:
        made.override_segment_duration(duration, expiration, token)
    assert (caught.value.code, caught.value.subcodes) == ("Sender", ("InvalidArgVal", "BadDuration"))
    assert shown(made, token) is None
    assert made.take_notifications() == ()


def test_an_hour_is_fine_and_longer_segments_by_choice_of_the_device():
    made, _, token = device(limits=ServiceLimits(override_must_shorten=False))
    made.override_segment_duration(2 * MINUTE, HOUR, token)
    assert made.device_side.segment_duration(token) == 2 * MINUTE


@pytest.mark.requirement("REC-5.24-12", "REC-5.24-14")
def test_unknown_recordings_and_devices_without_it():
    made, _, token = device()
    for wrong in ("nobody", ""):
        with pytest.raises(NoRecording):
            made.override_segment_duration(SECOND, MINUTE, wrong)
    local = made.create_recording(recording())
    with pytest.raises(BadConfiguration):
        made.override_segment_duration(SECOND, MINUTE, local)
    assert made.device_side.segment_duration(local) is None
    made, _, token = device(capabilities=Capabilities(override_segment_duration=False))
    with pytest.raises(ActionNotSupported):
        made.override_segment_duration(SECOND, MINUTE, token)


@pytest.mark.requirement("REC-5.24-09")
def test_a_restart_ends_it():
    persistence = MemoryPersistence()
    made, clock, token = device(persistence=persistence)
    made.override_segment_duration(5 * SECOND, HOUR, token)
    again = service(persistence=persistence, clock=clock)
    assert shown(again, token) is None


def test_deleting_the_recording_ends_it():
    made, clock, token = device()
    made.override_segment_duration(5 * SECOND, HOUR, token)
    made.delete_recording(token)
    clock.forward(hours=2)
    made.advance()
    assert topics(made.take_notifications())[-1] == "DeleteRecording"
