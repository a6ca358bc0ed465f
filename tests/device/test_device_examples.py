"""The examples of 5.27 and Annex A on a whole device: files as cameras, real objects in a directory."""

import re
from datetime import timedelta

import pytest
from device_kit import (
    AV,
    CAMERA,
    configuration,
    ended,
    fast_device,
    faults,
    job,
    profile_source,
    sealed,
    spans,
    state,
    until,
)

from onvif_bmff.control import (
    JobState,
    ReceiverConfiguration,
    RecordingJobConfiguration,
    RecordingJobSource,
    RecordingJobTrack,
    TrackConfiguration,
)
from onvif_bmff.playback import Timeline, read_segment
from onvif_bmff.storage import DirectoryStore
from onvif_bmff.timing import UtcTime

RECEIVED = ReceiverConfiguration("AutoConnect", CAMERA.as_uri(), "RTP-Unicast", "RTSP")


@pytest.fixture
def store(tmp_path):
    return DirectoryStore(tmp_path / "bucket", fsync=False)


def device(store, **more):
    return fast_device({"s3": store}, **more)


def automatic(*tracks):
    return RecordingJobSource(auto_create_receiver=True, tracks=tuple(RecordingJobTrack("", track) for track in tracks))


@pytest.mark.requirement(
    "REC-5.27-01", "REC-5.3.3-16", "ANX-B.2-01", "ANX-B.2-02", "ANX-B.3-01", "ANX-B.3-02", "ANX-B.1-07"
)
@pytest.mark.parametrize("kind", ["CMAF", "MP4"])
def test_example_1_records_a_camera_into_a_bucket(store, kind):
    with device(store) as made:
        service = made.service
        token = service.create_recording(configuration(kind=kind))
        answer = service.create_recording_job(
            RecordingJobConfiguration(token, "Idle", 1, (automatic("VIDEO001", "AUDIO001", "META001"),))
        )
        receiver = answer.job_configuration.source[0].source_token.token
        service.provisioning.configure_receiver(receiver, RECEIVED)
        assert state(service, answer.job_token) == "Idle"
        assert sealed(store) == []
        service.set_recording_job_mode(answer.job_token, "Active")
        extensions = ("m4v", "m4a") if kind == "CMAF" else ("mp4",)
        until(lambda: all(len([k for k in sealed(store) if k.endswith(e)]) >= 3 for e in extensions))
        assert state(service, answer.job_token) == "PartiallyActive", "the camera has no metadata"
        service.set_recording_job_mode(answer.job_token, "Idle")
        until(lambda: len(ended(store)) == len(extensions))
        assert state(service, answer.job_token) == "Idle"
        service.set_recording_job_mode(answer.job_token, "Active")
        until(lambda: len(spans(store, extensions[0])) == 2)
    timeline = Timeline.from_store(store)
    assert sorted(timeline.extensions) == sorted(extensions)
    for extension in extensions:
        found = list(timeline.of(extension))
        assert len(found) == 2
        assert all(span.end is not None for span in found), "closing the device closes its spans"
        assert found[0].end < found[1].start
    assert faults(store) == []


@pytest.mark.requirement("REC-5.27-02")
def test_example_2_records_two_streams_of_a_camera_into_one_recording(store):
    with device(store) as made:
        service = made.service
        token = service.create_recording(configuration(kind="MP4"))
        more = [service.create_track(token, TrackConfiguration(kind)) for kind in ("Audio", "Video", "Metadata")]
        answer = service.create_recording_job(
            RecordingJobConfiguration(
                token, "Idle", 1, (automatic("VIDEO001", "AUDIO001", "META001"), automatic(*more))
            )
        )
        for source in answer.job_configuration.source:
            service.provisioning.configure_receiver(source.source_token.token, RECEIVED)
        service.set_recording_job_mode(answer.job_token, "Active")
        until(lambda: len(sealed(store)) >= 3)
    assert faults(store) == []
    assert len(spans(store, "mp4")) == 1
    for name in sealed(store):
        segment = read_segment(store.get(name))
        assert sorted(track.handler for track in segment.tracks) == ["soun", "soun", "vide", "vide"]
        for track in segment.tracks:
            assert segment.duration_ticks(track.track_id) > 0


def is_of_two_clocks(finding):
    """Two sources may differ by how late each thread read the clock, times the speed of the test."""
    instants = [UtcTime.parse(text) for text in re.findall(r"[0-9-]{10}T[0-9:.]+Z", finding.message)]
    if finding.rule != "ANX-B.7-01" or len(instants) != 2:
        return False
    return abs(instants[0].microseconds_since(instants[1])) < 500_000


@pytest.mark.requirement("ANX-A-01", "ANX-A-02", "ANX-A-03", "ANX-A-04", "REC-5.3.3-05", "REC-5.26.1-01")
def test_annex_a_with_real_recorders(store):
    with device(store) as made:
        service = made.service
        token = service.create_recording(configuration())
        feed = service.subscribe()
        other = profile_source(*AV, token="other")
        j1 = service.create_recording_job(job(token, priority=2)).job_token
        until(lambda: state(service, j1) == "Active" and len(sealed(store)) >= 2)
        j2 = service.create_recording_job(job(token, priority=4, mode="Idle")).job_token
        assert (state(service, j1), state(service, j2)) == ("Active", "Idle")
        j3 = service.create_recording_job(job(token, other, priority=3)).job_token
        until(lambda: state(service, j3) == "Active")
        assert (state(service, j1), state(service, j2)) == ("Idle", "Idle")
        until(lambda: len(spans(store)) == 2)
        service.delete_recording_job(j3)
        until(lambda: state(service, j1) == "Active")
        until(lambda: len(spans(store)) == 3)
        told = [(n.recording_job_token, str(n.state)) for n in feed.take() if isinstance(n, JobState)]
    assert [state for token, state in told if token == j1][-1] == "Active"
    assert (j3, "Active") in told
    assert [one for one in faults(store) if not is_of_two_clocks(one)] == []
    assert [span.end is not None for span in spans(store)] == [True] * 3


def test_a_job_that_takes_over_the_same_source_leaves_the_span_open(store):
    with device(store) as made:
        service = made.service
        token = service.create_recording(configuration())
        j1 = service.create_recording_job(job(token, priority=2)).job_token
        until(lambda: state(service, j1) == "Active" and len(sealed(store)) >= 2)
        j3 = service.create_recording_job(job(token, priority=3)).job_token
        until(lambda: state(service, j3) == "Active")
        assert state(service, j1) == "Idle"
        count = len(sealed(store))
        until(lambda: len(sealed(store)) > count + 2)
    assert len(spans(store)) == 1
    assert faults(store) == []


@pytest.mark.requirement("REC-5.3.1-15", "REC-5.3.1-16", "ANX-B.2-03", "ANX-B.3-03", "ANX-B.3-05", "ANX-B.2-04")
def test_durations_of_a_target_are_those_of_its_objects(store):
    with device(store) as made:
        made.service.create_recording_job(
            job(made.service.create_recording(configuration(seconds=2, span_duration=timedelta(seconds=6))))
        )
        until(lambda: len(spans(store)) == 3)
    first, second, _ = spans(store)
    assert [segment.end - segment.start for segment in first.segments] == [timedelta(seconds=2)] * 3
    assert second.start == first.end
    assert faults(store) == []


@pytest.mark.requirement("REC-5.5-06", "REC-5.10-04", "REC-5.26.3-02")
def test_deleting_a_recording_leaves_its_objects_in_the_bucket(store):
    with device(store) as made:
        service = made.service
        token = service.create_recording(configuration())
        service.create_recording_job(job(token))
        until(lambda: len(sealed(store)) >= 2)
        service.take_notifications()
        service.delete_track(token, "AUDIO001")
        service.delete_recording(token)
        until(lambda: all(span.end is not None for span in Timeline.from_store(store).spans))
        names = {type(n).__name__ for n in service.take_notifications()}
    assert len(sealed(store)) >= 2
    assert {"DeleteTrack", "DeleteRecording"} <= names
    assert "DeleteTrackData" not in names
    assert faults(store) == []
