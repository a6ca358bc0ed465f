"""Recordings: clauses 4.1, 5.1, 5.3.1, 5.4 to 5.8."""

from dataclasses import fields, replace
from datetime import timedelta

import pytest
from control_kit import KEY, Clock, Data, entry, job, profile, recording, resources, service, target, topics
from hypothesis import given, settings
from hypothesis import strategies as st

from onvif_bmff.control import (
    ActionNotSupported,
    BadConfiguration,
    CannotDelete,
    Capabilities,
    Extensions,
    MaxRecordings,
    NoRecording,
    RecordingConfiguration,
    RecordingSourceInformation,
    RecordingTargetConfiguration,
    ServiceLimits,
    TimeRange,
    TrackConfiguration,
)
from onvif_bmff.errors import StoreError

TABLE_2 = [("VIDEO001", "Video"), ("AUDIO001", "Audio"), ("META001", "Metadata")]


def tracks_of(made, token):
    (item,) = (item for item in made.get_recordings() if item.recording_token == token)
    return [(track.track_token, str(track.configuration.track_type)) for track in item.tracks]


@pytest.mark.requirement(
    "REC-4.1.1-01",
    "REC-5.1-01",
    "REC-5.4-01",
    "REC-5.4-04",
    "REC-5.4-09",
    "REC-5.4-10",
    "REC-5.4-12",
)
def test_create_makes_a_recording_with_the_tracks_of_table_2():
    made = service()
    token = made.create_recording(recording())
    assert tracks_of(made, token) == TABLE_2
    for track, kind in TABLE_2:
        assert made.get_track_configuration(token, track) == TrackConfiguration(kind, "")


@pytest.mark.requirement("REC-5.4-03")
def test_create_takes_the_whole_configuration_of_the_request():
    made = service()
    whole = RecordingConfiguration(
        RecordingSourceInformation("urn:cam:7", "Camera 7", "Gate", "North", "rtsp://cam/7"),
        "Who comes and goes",
        timedelta(days=30),
        target(prefix="gate", postfix="north", span_duration=timedelta(hours=1), encryption=(entry(key=None),)),
        Extensions(("<a/>",), (("b", "c"),)),
    )
    unset = RecordingConfiguration()
    assert all(getattr(whole, item.name) != getattr(unset, item.name) for item in fields(whole)), (
        "each field says something"
    )
    token = made.create_recording(replace(whole, target=replace(whole.target, encryption=(entry(),))))
    plain = made.create_recording(unset)
    assert made.get_recording_configuration(token) == whole
    assert made.get_recording_configuration(plain) == unset
    assert [item.configuration for item in made.get_recordings()] == [whole, unset]
    assert made.device_side.content_key(token, whole.target.encryption[0].kid) == KEY
    for missing in (None, {}, "", TrackConfiguration("Video")):
        with pytest.raises(TypeError, match="RecordingConfiguration must be a RecordingConfiguration"):
            made.create_recording(missing)


def test_the_retention_that_the_client_asks_for_is_kept_by_default():
    """The deviation from REC-5.4-11; so no mark."""
    made = service()
    assert made.get_recording_configuration(made.create_recording(recording())).maximum_retention_time == timedelta(0)
    month = recording(maximum_retention_time=timedelta(days=30))
    asked = made.get_recording_configuration(made.create_recording(month))
    assert asked.maximum_retention_time == timedelta(days=30)
    assert ServiceLimits().reset_retention_on_create is False


@pytest.mark.requirement("REC-5.4-11")
@pytest.mark.parametrize("asked", [timedelta(0), timedelta(minutes=1), timedelta(days=30), timedelta.max])
def test_by_switch_a_new_recording_has_no_retention_limit_whatever_the_client_asks_for(asked):
    """5.4 to the letter: zero after CreateRecording, in all that is shown and done, until it is set."""
    clock, data = Clock(), Data()
    literal = service(clock=clock, local_data=data, limits=ServiceLimits(reset_retention_on_create=True))
    token = literal.create_recording(recording(content="kept", maximum_retention_time=asked))
    made = literal.get_recording_configuration(token)
    assert (made.maximum_retention_time, made.content) == (timedelta(0), "kept")
    assert literal.get_recordings()[0].configuration == made
    held = TimeRange(clock.now, clock.now + timedelta(minutes=1))
    data.add(token, "VIDEO001", held)
    clock.forward(days=400)
    literal.advance()
    assert literal.device_side.accessible_since(token) is None
    assert data.ranges[token, "VIDEO001"] == [held]
    literal.set_recording_configuration(token, replace(made, maximum_retention_time=timedelta(days=30)))
    assert literal.get_recording_configuration(token).maximum_retention_time == timedelta(days=30)
    clock.forward(minutes=2)
    literal.advance()
    assert data.ranges[token, "VIDEO001"] == []


def test_only_track_types_that_the_device_knows_are_created():
    silent = service(limits=ServiceLimits(audio_tracks=0), capabilities=Capabilities(encoding=("H264",)))
    assert tracks_of(silent, silent.create_recording(recording())) == [TABLE_2[0], TABLE_2[2]]
    plain = service(capabilities=Capabilities(metadata_recording=False))
    assert tracks_of(plain, plain.create_recording(recording())) == TABLE_2[:2]


@pytest.mark.requirement("REC-4.1.1-03")
def test_tokens_say_nothing_of_where_data_lies():
    made = service()
    token = made.create_recording(recording(target(prefix="site/cam1")))
    assert len(token) <= 36
    assert "site" not in token
    assert "s3" not in token
    assert not token.isdigit()


@pytest.mark.requirement("REC-5.4-05", "REC-5.25-07")
def test_more_recordings_than_the_device_has_are_refused():
    made = service(capabilities=Capabilities(max_recordings=2))
    first = made.create_recording(recording())
    made.create_recording(recording())
    with pytest.raises(MaxRecordings):
        made.create_recording(recording())
    made.delete_recording(first)
    assert made.create_recording(recording())


@pytest.mark.requirement("REC-5.4-02", "REC-5.4-07", "REC-5.5-05", "REC-5.5-08", "REC-5.25-02")
def test_recordings_are_created_and_deleted_only_if_dynamic():
    made = service()
    made.delete_recording(made.create_recording(recording()))
    fixed = service(capabilities=Capabilities(dynamic_recordings=False))
    assert fixed.get_service_capabilities().dynamic_recordings is False
    for call in (lambda: fixed.create_recording(recording()), lambda: fixed.delete_recording("x")):
        with pytest.raises(ActionNotSupported) as caught:
            call()
        assert (caught.value.code, caught.value.subcodes) == (
            "Receiver",
            ("ActionNotSupported", "NotImplemented"),
        )


@pytest.mark.requirement("REC-5.5-01", "REC-5.5-02", "REC-5.5-03", "REC-5.5-07")
def test_delete_takes_tracks_and_jobs_along():
    made = service()
    kept, gone = made.create_recording(recording()), made.create_recording(recording())
    other = made.create_recording_job(job(kept)).job_token
    made.create_recording_job(job(gone))
    made.delete_recording(gone)
    assert [item.recording_token for item in made.get_recordings()] == [kept]
    assert [item.job_token for item in made.get_recording_jobs()] == [other]
    for call in (
        lambda: made.delete_recording(gone),
        lambda: made.get_recording_configuration(gone),
        lambda: made.set_recording_configuration(gone, recording()),
        lambda: made.get_track_configuration(gone, "VIDEO001"),
        lambda: made.create_recording_job(job(gone)),
    ):
        with pytest.raises(NoRecording):
            call()


@pytest.mark.requirement("REC-5.5-09", "REC-5.10-07")
def test_what_belongs_to_the_device_cannot_be_deleted():
    made = service()
    made.provisioning.provision_recording("Edge", recording(), {"VIDEO001": TrackConfiguration("Video")})
    made.provisioning.provision_recording("Edge", recording(), {})
    assert tracks_of(made, "Edge") == [("VIDEO001", "Video")]
    with pytest.raises(CannotDelete):
        made.delete_recording("Edge")
    with pytest.raises(CannotDelete):
        made.delete_track("Edge", "VIDEO001")
    added = made.create_track("Edge", TrackConfiguration("Video"))
    made.delete_track("Edge", added)
    with pytest.raises(BadConfiguration):
        made.provisioning.provision_recording("a/b", recording(), {})


@pytest.mark.requirement("REC-5.6-01", "REC-5.6-02", "REC-5.6-03")
def test_get_recordings_lists_all_with_their_tracks():
    made = service()
    assert made.get_recordings() == ()
    tokens = [made.create_recording(recording(content=str(number))) for number in range(3)]
    items = made.get_recordings()
    assert [item.recording_token for item in items] == tokens
    assert [item.configuration.content for item in items] == ["0", "1", "2"]
    assert all([t.track_token for t in item.tracks] == [name for name, _ in TABLE_2] for item in items)


@pytest.mark.requirement("REC-5.3.1-01", "REC-5.7-01", "REC-5.8-01", "REC-5.7-04", "REC-5.8-02")
def test_set_replaces_and_get_returns_the_configuration():
    made = service()
    token = made.create_recording(recording(content="old"))
    new = recording(target(prefix="a", postfix="b", span_duration=timedelta(hours=1)), content="new")
    made.set_recording_configuration(token, new)
    assert made.get_recording_configuration(token) == new
    for wrong in ("nobody", "", "x" * 70):
        with pytest.raises(NoRecording):
            made.set_recording_configuration(wrong, new)
        with pytest.raises(NoRecording):
            made.get_recording_configuration(wrong)


@pytest.mark.requirement("REC-5.3.1-07", "REC-5.3.1-08", "REC-5.3.1-09")
@settings(max_examples=30, deadline=None)
@given(st.lists(st.text("aé\u4e00 &<\n\U0001f4f9", max_size=40), min_size=4, max_size=4))
def test_descriptions_come_back_unchanged_and_change_nothing(texts):
    made = service()
    made.create_recording_job(job(made.create_recording(recording())))
    token = made.create_recording(recording())
    source = RecordingSourceInformation("urn:" + texts[0], texts[1], texts[2], texts[3], "rtsp://x")
    before = made.device_side.assignments()
    made.set_recording_configuration(token, RecordingConfiguration(source, texts[2]))
    found = made.get_recording_configuration(token)
    assert (found.source, found.content) == (source, texts[2])
    assert made.device_side.assignments() == before


def test_overlong_descriptions_are_cut_and_overlong_names_refused():
    made = service(limits=ServiceLimits(description_length=5))
    source = RecordingSourceInformation("urn:x", "n" * 64, "location", "description", "u" * 128)
    found = made.get_recording_configuration(made.create_recording(RecordingConfiguration(source, "content")))
    assert (found.source.location, found.source.description, found.content) == ("locat", "descr", "conte")
    assert (found.source.name, found.source.address) == (source.name, source.address)
    for bad in ({"name": "n" * 65}, {"source_id": "u" * 5000}):
        with pytest.raises(BadConfiguration):
            made.create_recording(RecordingConfiguration(replace(source, **bad)))


def test_every_parameter_of_a_target_is_supported():
    made = service()
    full = RecordingTargetConfiguration(
        "s3",
        "CMAF",
        timedelta(seconds=60.033),
        "site/cam",
        "x",
        timedelta(hours=1),
        (entry(key=None),),
    )
    sent = replace(full, encryption=(entry(),))
    token = made.create_recording(recording(sent))
    assert made.get_recording_configuration(token).target == full
    assert {item.name for item in fields(full)} >= {
        "storage", "format", "prefix", "postfix", "span_duration", "segment_duration", "encryption",
    }  # fmt: skip
    local = service(capabilities=Capabilities(supported_target_formats=()))
    with pytest.raises(BadConfiguration):
        local.create_recording(recording(target()))


@pytest.mark.requirement("REC-5.3.1-11", "REC-5.4-06", "REC-5.7-03")
@pytest.mark.parametrize(
    "wrong",
    [
        {"storage": "nobody"},
        {"storage": ""},
        {"storage": "s" * 65},
        {"format": "AVI"},
        {"format": "mp4"},
        {"segment_duration": timedelta(0)},
        {"segment_duration": timedelta(seconds=-1)},
        {"span_duration": timedelta(0)},
        {"prefix": "/a"},
        {"prefix": "a/"},
        {"prefix": "a//b"},
        {"prefix": "a/../b"},
        {"postfix": "a\x07"},
        {"postfix": "\x85"},
        {"prefix": "é" * 500},
        {"encryption": [entry(), entry()]},
    ],
)
def test_wrong_targets_are_refused_and_change_nothing(wrong):
    made = service()
    token = made.create_recording(recording(content="kept"))
    made.take_notifications()
    before = made.snapshot()
    with pytest.raises(BadConfiguration) as caught:
        made.create_recording(recording(target(**wrong)))
    assert (caught.value.code, caught.value.subcodes) == ("Sender", ("InvalidArgVal", "BadConfiguration"))
    with pytest.raises(BadConfiguration):
        made.set_recording_configuration(token, recording(target(**wrong)))
    assert made.snapshot() == before
    assert made.take_notifications() == ()


@pytest.mark.parametrize(
    "wrong",
    [
        RecordingConfiguration(content="\x00"),
        RecordingConfiguration(content="\ud800"),
        RecordingConfiguration(content="x" * 70_000),
        RecordingConfiguration(maximum_retention_time=timedelta(-1)),
        RecordingConfiguration(extensions=Extensions(("\x01",))),
        RecordingConfiguration(RecordingSourceInformation(video_source_token="v")),
    ],
)
def test_nothing_that_cannot_be_sent_or_stored_gets_in(wrong):
    with pytest.raises(BadConfiguration):
        service().create_recording(wrong)


def test_empty_prefixes_are_absent_and_key_length_is_exact():
    made = service()
    token = made.create_recording(recording(target(prefix="", postfix="")))
    found = made.get_recording_configuration(token).target
    assert (found.prefix, found.postfix) == (None, None)
    made.set_recording_configuration(token, recording(target(prefix="a" * 500, postfix="b" * 460)))
    with pytest.raises(BadConfiguration):
        made.set_recording_configuration(token, recording(target(prefix="a" * 500, postfix="b" * 461)))


def test_unknown_content_is_kept_at_every_place():
    kept = Extensions(("<x:y xmlns:x='urn:x'>1</x:y>",), (("{urn:x}a", "b"),))
    made = service()
    sent = RecordingConfiguration(
        RecordingSourceInformation(extensions=kept),
        target=target(encryption=(entry(extensions=kept),), extensions=kept),
        extensions=kept,
    )
    found = made.get_recording_configuration(made.create_recording(sent))
    assert found.extensions == found.source.extensions == found.target.extensions == kept
    assert found.target.encryption[0].extensions == kept


def test_cmaf_takes_one_track_of_each_type():
    made = service()
    token = made.create_recording(recording())
    made.create_track(token, TrackConfiguration("Video"))
    with pytest.raises(BadConfiguration):
        made.set_recording_configuration(token, recording(target(format="CMAF")))
    made.set_recording_configuration(token, recording(target(format="MP4")))


@pytest.mark.requirement("REC-5.3.1-02", "REC-5.3.1-03", "REC-5.3.1-04", "REC-5.3.1-05", "REC-5.26.3-01")
def test_old_local_data_goes_and_is_told_of():
    clock, data = Clock(), Data()
    made = service(clock=clock, local_data=data)
    limited = made.create_recording(recording(maximum_retention_time=timedelta(hours=1)))
    forever = made.create_recording(recording())
    old = TimeRange(clock.now, clock.now + timedelta(minutes=10))
    new = TimeRange(clock.now + timedelta(minutes=50), clock.now + timedelta(minutes=60))
    for token in (limited, forever):
        for track in ("VIDEO001", "META001"):
            data.add(token, track, old, new)
    made.take_notifications()
    clock.forward(minutes=71)
    assert made.next_deadline() <= clock.now
    assert made.device_side.accessible_since(limited) == clock.now - timedelta(hours=1)
    assert made.device_side.accessible_since(forever) is None
    made.advance()
    told = made.take_notifications()
    assert topics(told) == ["DeleteTrackData", "DeleteTrackData"]
    assert [(n.recording_token, n.track_token, n.start_time, n.end_time) for n in told] == [
        (limited, "VIDEO001", old.start, old.end),
        (limited, "META001", old.start, old.end),
    ]
    assert data.ranges[limited, "VIDEO001"] == [new]
    assert data.ranges[forever, "VIDEO001"] == [old, new]


@pytest.mark.requirement("REC-5.1-09", "REC-5.26.3-01")
def test_data_that_the_device_deletes_by_itself_is_told_of():
    clock = Clock()
    made = service(clock=clock)
    token = made.create_recording(recording())
    made.take_notifications()
    made.device_side.report_data_deleted(token, "VIDEO001", TimeRange(clock.now, clock.now + timedelta(minutes=1)))
    (event,) = made.take_notifications()
    assert event.source_items() == {"RecordingToken": token, "TrackToken": "VIDEO001"}
    assert event.data_items() == {"StartTime": clock.now, "EndTime": clock.now + timedelta(minutes=1)}


def test_a_retention_longer_than_time_itself_limits_nothing():
    made = service(local_data=Data())
    token = made.create_recording(recording(maximum_retention_time=timedelta.max))
    assert made.device_side.accessible_since(token) is None


@pytest.mark.requirement("REC-5.26.3-02")
@pytest.mark.parametrize("data", [None, Data()], ids=["no local data", "local data"])
def test_external_objects_are_never_touched_nor_told_of(data):
    clock = Clock()
    made = service(clock=clock, local_data=data)  # nothing of this recording lies on the device
    token = made.create_recording(recording(target(), maximum_retention_time=timedelta(hours=1)))
    made.create_recording_job(job(token, profile()))
    made.take_notifications()
    clock.forward(days=3)
    made.advance()
    made.delete_track(token, "VIDEO001")
    made.delete_recording(token)
    assert "DeleteTrackData" not in topics(made.take_notifications())


def test_storages_are_asked_for_when_a_configuration_is_set():
    known = resources(storages=())
    made = service(resources=known)
    with pytest.raises(BadConfiguration):
        made.create_recording(recording(target()))
    known.storages.add("s3")
    assert made.create_recording(recording(target()))


def test_no_key_shows_anywhere():
    made = service()
    token = made.create_recording(recording(target(encryption=(entry(),))))
    shown = repr(
        (
            made.get_recordings(),
            made.get_recording_configuration(token),
            made.take_notifications(),
            made.snapshot(),
        )
    )
    shown += repr(entry()) + repr(made._runner.state) + repr(made._runner.persistence)
    assert repr(KEY) not in shown
    assert KEY.hex() not in shown
    assert made.get_recording_configuration(token).target.encryption[0].key is None


def test_storage_trouble_delays_expiry():
    clock, data = Clock(), Data()
    made = service(clock=clock, local_data=data)
    token = made.create_recording(recording(maximum_retention_time=timedelta(minutes=1)))
    data.add(token, "VIDEO001", TimeRange(clock.now, clock.now))
    made.take_notifications()
    clock.forward(minutes=5)
    data.failing = StoreError("disk gone")
    made.advance()
    assert made.take_notifications() == ()
    data.failing = None
    clock.forward(minutes=1)
    made.advance()
    assert topics(made.take_notifications()) == ["DeleteTrackData"]
