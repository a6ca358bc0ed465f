"""Tracks: clauses 5.3.2 and 5.9 to 5.12."""

from datetime import timedelta

import pytest
from control_kit import Clock, Data, job, profile, recording, service, target, topics

from onvif_bmff.control import (
    ActionNotSupported,
    BadConfiguration,
    Capabilities,
    Extensions,
    MaxTracks,
    NoRecording,
    NoTrack,
    ServiceLimits,
    TimeRange,
    TrackConfiguration,
    TrackType,
)
from onvif_bmff.errors import StoreError


@pytest.mark.requirement("REC-4.1.1-02", "REC-5.1-02", "REC-5.3.2-01", "REC-5.9-01", "REC-5.9-02", "REC-5.9-04")
def test_tracks_are_added_where_options_show_a_spare():
    made = service(limits=ServiceLimits(video_tracks=2))
    token = made.create_recording(recording())
    assert made.get_recording_options(token).track.spare_video == 1
    added = made.create_track(token, TrackConfiguration("Video", "second"))
    assert added == "VIDEO002"
    assert made.get_track_configuration(token, added) == TrackConfiguration("Video", "second")
    assert made.get_recording_options(token).track.spare_video is None
    tokens = [t.track_token for t in made.get_recordings()[0].tracks]
    assert len(tokens) == len(set(tokens)) == 4


@pytest.mark.requirement("REC-5.9-07", "REC-5.9-02")
def test_tracks_beyond_the_limits_are_refused():
    made = service(limits=ServiceLimits(video_tracks=2, tracks=5))
    token = made.create_recording(recording())
    made.create_track(token, TrackConfiguration("Video"))
    with pytest.raises(MaxTracks) as caught:
        made.create_track(token, TrackConfiguration("Video"))
    assert (caught.value.code, caught.value.subcodes) == ("Receiver", ("Action", "MaxTracks"))
    made.create_track(token, TrackConfiguration("Audio"))
    with pytest.raises(MaxTracks):
        made.create_track(token, TrackConfiguration("Metadata"))
    cmaf = made.create_recording(recording(target(format="CMAF")))
    with pytest.raises(MaxTracks):
        made.create_track(cmaf, TrackConfiguration("Audio"))
    made.delete_track(cmaf, "AUDIO001")
    assert made.create_track(cmaf, TrackConfiguration("Audio")) == "AUDIO001"


@pytest.mark.requirement("REC-5.9-03", "REC-5.9-09", "REC-5.10-03", "REC-5.10-08", "REC-5.25-03")
def test_tracks_are_created_and_deleted_only_if_dynamic():
    made = service(capabilities=Capabilities(dynamic_tracks=False))
    token = made.create_recording(recording())
    with pytest.raises(ActionNotSupported):
        made.create_track(token, TrackConfiguration("Video"))
    with pytest.raises(ActionNotSupported):
        made.delete_track(token, "VIDEO001")
    made = service()
    token = made.create_recording(recording())
    made.delete_track(token, made.create_track(token, TrackConfiguration("Video")))


@pytest.mark.requirement("REC-5.9-05")
def test_two_recordings_may_use_the_same_track_tokens():
    made = service()
    one, two = made.create_recording(recording()), made.create_recording(recording())
    made.set_track_configuration(one, "VIDEO001", TrackConfiguration("Video", "mine"))
    assert made.get_track_configuration(two, "VIDEO001").description == ""


@pytest.mark.requirement("REC-5.3.2-02", "REC-5.9-08")
@pytest.mark.parametrize("wrong", ["Extended", "video", "", "Text"])
def test_a_track_is_video_audio_or_metadata(wrong):
    made = service()
    token = made.create_recording(recording())
    with pytest.raises(BadConfiguration):
        made.create_track(token, TrackConfiguration(wrong))
    assert [str(kind) for kind in TrackType] == ["Video", "Audio", "Metadata"]


UNKNOWN = ["nobody", "", "VIDEO001"]


def create(made, token, _):
    return made.create_track(token, TrackConfiguration("Video"))


def delete(made, token, track):
    made.delete_track(token, track)


def get(made, token, track):
    return made.get_track_configuration(token, track)


def change(made, token, track):
    made.set_track_configuration(token, track, TrackConfiguration("Video", "new"))


def refused(made, fault, subcode, call, *arguments):
    """The call ends with that very fault, as ONVIF names it, and changes nothing."""
    before = made.snapshot()
    made.take_notifications()
    with pytest.raises(fault) as caught:
        call(made, *arguments)
    assert type(caught.value) is fault
    assert (caught.value.code, caught.value.subcodes) == ("Sender", ("InvalidArgVal", subcode))
    assert made.snapshot() == before
    assert made.take_notifications() == ()


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(create, marks=pytest.mark.requirement("REC-5.9-06")),
        pytest.param(delete, marks=pytest.mark.requirement("REC-5.10-05")),
        pytest.param(get, marks=pytest.mark.requirement("REC-5.11-02")),
        pytest.param(change, marks=pytest.mark.requirement("REC-5.12-03")),
    ],
)
@pytest.mark.parametrize("wrong", UNKNOWN)
def test_an_unknown_recording_is_no_recording(call, wrong):
    """Also where the device has recordings, where the track is unknown as well, and where the recording is gone."""
    made = service()
    kept, gone = made.create_recording(recording()), made.create_recording(recording())
    made.delete_recording(gone)
    for token in (wrong, gone, kept.upper(), kept + " "):
        for track in ("VIDEO001", "nobody"):
            refused(made, NoRecording, "NoRecording", call, token, track)


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(delete, marks=pytest.mark.requirement("REC-5.10-06")),
        pytest.param(get, marks=pytest.mark.requirement("REC-5.11-02")),
        pytest.param(change, marks=pytest.mark.requirement("REC-5.12-03")),
    ],
)
@pytest.mark.parametrize("wrong", [*UNKNOWN[:2], "VIDEO002", "video001"])
def test_a_track_that_is_not_in_the_recording_is_no_track(call, wrong):
    """Also where another recording has a track of that name, and where the recording had one."""
    made = service()
    token, other = made.create_recording(recording()), made.create_recording(recording())
    assert made.create_track(other, TrackConfiguration("Video")) == "VIDEO002"
    made.delete_track(token, "AUDIO001")
    for track in (wrong, "AUDIO001"):
        refused(made, NoTrack, "NoTrack", call, token, track)


@pytest.mark.requirement("REC-5.12-03")
@pytest.mark.parametrize(
    "wrong",
    [TrackConfiguration("Video", "\x00"), TrackConfiguration("Video", "x" * 70_000)],
)
def test_an_invalid_track_configuration_is_a_bad_configuration(wrong):
    made = service()
    token = made.create_recording(recording())
    refused(
        made,
        BadConfiguration,
        "BadConfiguration",
        lambda made, *arguments: made.set_track_configuration(*arguments, wrong),
        token,
        "VIDEO001",
    )


@pytest.mark.requirement("REC-5.10-01", "REC-5.10-02", "REC-5.26.3-01")
def test_delete_removes_the_track_and_its_local_data():
    clock, data = Clock(), Data()
    made = service(clock=clock, local_data=data)
    token = made.create_recording(recording())
    held = TimeRange(clock.now - timedelta(hours=1), clock.now)
    data.add(token, "VIDEO001", held)
    data.add(token, "AUDIO001", held)
    made.take_notifications()
    made.delete_track(token, "VIDEO001")
    told = made.take_notifications()
    assert topics(told) == ["DeleteTrack", "DeleteTrackData"]
    assert told[1].source_items() == {"RecordingToken": token, "TrackToken": "VIDEO001"}
    assert told[1].data_items() == {"StartTime": held.start, "EndTime": held.end}
    assert list(data.ranges) == [(token, "AUDIO001")]
    assert [t.track_token for t in made.get_recordings()[0].tracks] == ["AUDIO001", "META001"]
    made.delete_recording(token)
    assert data.ranges == {}


def test_data_that_could_not_be_deleted_is_deleted_later_and_its_token_not_reused():
    clock, data = Clock(), Data()
    made = service(clock=clock, local_data=data)
    token = made.create_recording(recording())
    data.add(token, "VIDEO001", TimeRange(clock.now, clock.now))
    data.failing = StoreError("disk gone")
    made.delete_track(token, "VIDEO001")
    assert made.create_track(token, TrackConfiguration("Video")) == "VIDEO002"
    again = service(clock=clock, persistence=made._runner.persistence, local_data=data)
    data.failing = None
    again.advance()
    assert topics(again.take_notifications()) == ["DeleteTrackData"]
    assert data.ranges == {}
    assert again.create_track(token, TrackConfiguration("Video")) == "VIDEO001"


def test_a_deleted_track_leaves_its_jobs():
    made = service()
    token = made.create_recording(recording())
    both = made.create_recording_job(job(token, profile("VIDEO001", "AUDIO001"))).job_token
    video = made.create_recording_job(job(token, profile("VIDEO001"), priority=0)).job_token
    made.take_notifications()
    made.delete_track(token, "VIDEO001")
    told = made.take_notifications()
    assert topics(told) == ["DeleteTrack", "RecordingJobConfiguration", "RecordingJobConfiguration"]
    assert [n.recording_job_token for n in told[1:]] == [both, video]
    fed = made.get_recording_job_configuration(both).source[0].tracks
    assert [t.destination for t in fed] == ["AUDIO001"]
    assert made.get_recording_job_configuration(video).source[0].tracks == ()
    assert made.get_recording_job_state(video).state == "Idle"


@pytest.mark.requirement("REC-5.3.2-04", "REC-5.3.2-05", "REC-5.11-01", "REC-5.12-01", "REC-5.12-02")
def test_set_changes_the_description_but_never_the_type():
    made = service()
    token = made.create_recording(recording())
    kept = Extensions(("<a/>",))
    for kind in ("Video", "Audio", "Nonsense"):
        made.set_track_configuration(token, "VIDEO001", TrackConfiguration(kind, "new", kept))
        assert made.get_track_configuration(token, "VIDEO001") == TrackConfiguration("Video", "new", kept)
