"""Who feeds which track: 4.1.2, 5.3.3, Table 3, Annex A and the examples of 5.27."""

from dataclasses import replace
from itertools import product

import pytest
from control_kit import Clock, automatic, job, profile, recording, service, states
from hypothesis import given, settings
from hypothesis import strategies as st

from onvif_bmff.control import (
    INCOMPATIBLE_STREAM,
    Capabilities,
    MemoryPersistence,
    ReceiverConfiguration,
    RecordingJobState,
    RecordingJobTrack,
    SourceReference,
    TrackConfiguration,
)
from onvif_bmff.control.arbitration import aggregate, track_winners
from onvif_bmff.control.state import Job
from onvif_bmff.errors import StateError

IDLE, PARTLY = RecordingJobState.IDLE, RecordingJobState.PARTIALLY_ACTIVE
ACTIVE, ERROR = RecordingJobState.ACTIVE, RecordingJobState.ERROR


def device(**kwargs):
    made = service(**kwargs)
    return made, made.create_recording(recording())


def winner(made, token, track="VIDEO001"):
    assigned = made.device_side.assignments()[token, track]
    return assigned and assigned.job


@pytest.mark.requirement("ANX-A-01", "ANX-A-02", "ANX-A-03", "ANX-A-04", "REC-5.18-03", "REC-4.1.2-02")
def test_annex_a_step_by_step():
    made, token = device()
    j1 = made.create_recording_job(job(token, priority=2, mode="Active")).job_token
    assert states(made, j1) == ["Active"]
    j2 = made.create_recording_job(job(token, priority=4, mode="Idle")).job_token
    assert states(made, j1, j2) == ["Active", "Idle"]
    j3 = made.create_recording_job(job(token, priority=3, mode="Active")).job_token
    assert states(made, j1, j2, j3) == ["Idle", "Idle", "Active"]
    assert made.get_recording_job_configuration(j1).mode == "Active"
    made.delete_recording_job(j3)
    assert states(made, j1, j2) == ["Active", "Idle"]


@pytest.mark.requirement("ANX-A-04")
def test_creation_order_does_not_matter_when_priorities_differ():
    made, token = device()
    high = made.create_recording_job(job(token, priority=3)).job_token
    low = made.create_recording_job(job(token, priority=2)).job_token
    assert states(made, high, low) == ["Active", "Idle"]


@pytest.mark.requirement("REC-5.27-01", "REC-5.3.3-03", "REC-5.3.3-04")
def test_example_1_record_a_single_camera():
    persistence = MemoryPersistence()
    made = service(persistence=persistence)
    token = made.create_recording(recording())
    tracks = ("VIDEO001", "AUDIO001", "META001")
    answer = made.create_recording_job(job(token, automatic(*tracks), mode="Idle", priority=1))
    receiver = answer.job_configuration.source[0].source_token.token
    made.provisioning.configure_receiver(receiver, ReceiverConfiguration("AutoConnect", "rtsp://cam/1"))
    assert set(made.device_side.assignments().values()) == {None}
    made.set_recording_job_mode(answer.job_token, "Active")
    assert states(made, answer.job_token) == ["Active"]
    assigned = made.device_side.assignments()
    assert {track for (_, track), found in assigned.items() if found.source == SourceReference(receiver)} == set(tracks)
    again = service(persistence=persistence)  # the configuration cycle is needed only once
    assert states(again, answer.job_token) == ["Active"]
    assert again.provisioning.get_receivers()[0].configuration.media_uri == "rtsp://cam/1"
    again.set_recording_job_mode(answer.job_token, "Idle")
    assert set(again.device_side.assignments().values()) == {None}


@pytest.mark.requirement("REC-5.27-02")
def test_example_2_record_two_streams_of_one_camera():
    made, token = device()
    second = [made.create_track(token, TrackConfiguration(kind)) for kind in ("Audio", "Video", "Metadata")]
    first = ("VIDEO001", "AUDIO001", "META001")
    answer = made.create_recording_job(job(token, automatic(*first), automatic(*second), mode="Idle"))
    receivers = [source.source_token.token for source in answer.job_configuration.source]
    for number, receiver in enumerate(receivers):
        made.provisioning.configure_receiver(receiver, ReceiverConfiguration("AutoConnect", f"rtsp://cam/{number}"))
    made.set_recording_job_mode(answer.job_token, "Active")
    assert states(made, answer.job_token) == ["Active"]
    assigned = made.device_side.assignments()
    for tracks, receiver in ((first, receivers[0]), (second, receivers[1])):
        assert {assigned[token, track].source.token for track in tracks} == {receiver}


@pytest.mark.requirement("REC-5.3.3-08", "REC-5.3.3-09", "REC-5.3.3-11")
def test_priority_is_decided_by_track():
    made, token = device()
    low = made.create_recording_job(job(token, profile("VIDEO001", "AUDIO001"), priority=0)).job_token
    high = made.create_recording_job(job(token, profile("VIDEO001"), priority=5)).job_token
    assert (winner(made, token), winner(made, token, "AUDIO001")) == (high, low)
    assert states(made, low, high) == ["PartiallyActive", "Active"]
    made.set_recording_job_mode(high, "Idle")
    assert (winner(made, token), states(made, low, high)) == (low, ["Active", "Idle"])


@pytest.mark.requirement("REC-5.3.3-10")
def test_of_equal_priorities_the_latest_activated_wins_also_after_a_restart():
    persistence, clock = MemoryPersistence(), Clock()
    made, token = device(persistence=persistence, clock=clock)
    one = made.create_recording_job(job(token)).job_token
    two = made.create_recording_job(job(token)).job_token
    assert winner(made, token) == two
    made.set_recording_job_mode(one, "Active")  # it is active already: nothing is activated
    assert winner(made, token) == two
    made.set_recording_job_mode(one, "Idle")
    made.set_recording_job_mode(one, "Active")
    assert winner(made, token) == one
    assert winner(service(persistence=persistence, clock=clock), token) == one


@pytest.mark.requirement("REC-4.1.2-04", "REC-4.1.2-05", "REC-5.1-04", "REC-5.3.3-12", "REC-5.25-11")
def test_a_schedule_must_exist_and_be_active():
    made, token = device()
    night = made.create_recording_job(job(token, priority=9, schedule_token="night")).job_token
    always = made.create_recording_job(job(token, priority=1)).job_token
    assert states(made, night, always) == ["Idle", "Active"]
    made.device_side.schedule_changed("day", True)
    made.device_side.schedule_changed("night", False)
    assert states(made, night, always) == ["Idle", "Active"]
    made.device_side.schedule_changed("night", True)
    assert states(made, night, always) == ["Active", "Idle"]
    made.device_side.schedule_changed("night", None)  # the schedule was deleted
    assert states(made, night, always) == ["Idle", "Active"]


jobs = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.booleans(),
        st.sets(st.sampled_from(["VIDEO001", "AUDIO001", "META001"]), min_size=1),
    ),
    max_size=6,
)


@settings(max_examples=60, deadline=None)
@given(jobs, st.randoms(use_true_random=False))
def test_the_winner_has_the_highest_priority_and_only_one_job_feeds_a_track(wanted, shuffle):
    found = [
        Job(f"j{n}", n, n + 1, job("r", profile(*tracks), priority=priority, mode="Active" if on else "Idle"))
        for n, (priority, on, tracks) in enumerate(wanted)
    ]
    active = [one for one in found if one.configuration.mode == "Active"]
    winners = track_winners(active)
    for track in ("VIDEO001", "AUDIO001", "META001"):
        ranks = {
            (one.configuration.priority, one.activation): one.token
            for one in active
            if any(t.destination == track for t in one.configuration.source[0].tracks)
        }
        assert winners.get(track) == (ranks[max(ranks)] if ranks else None)
    shuffle.shuffle(active)
    assert track_winners(active) == winners


# ---- states --------------------------------------------------------------------------------------------


@pytest.mark.requirement("REC-5.19-14", "REC-5.19-15", "REC-5.19-16", "REC-5.19-17")
def test_table_3():
    assert aggregate([]) is IDLE
    for size in (1, 2, 3):
        for below in product(RecordingJobState, repeat=size):
            if ERROR in below:
                expected = ERROR
            elif set(below) == {IDLE}:
                expected = IDLE
            elif set(below) == {ACTIVE}:
                expected = ACTIVE
            else:
                expected = PARTLY
            assert aggregate(below) is expected


@pytest.mark.requirement("REC-5.19-05", "REC-5.19-07", "REC-5.19-14", "REC-5.19-15", "REC-5.19-16", "REC-5.19-17")
@pytest.mark.parametrize(
    ("video", "audio", "metadata", "first", "second", "whole"),
    [
        (IDLE, IDLE, IDLE, IDLE, IDLE, IDLE),
        (ACTIVE, ACTIVE, ACTIVE, ACTIVE, ACTIVE, ACTIVE),
        (ACTIVE, IDLE, IDLE, PARTLY, IDLE, PARTLY),
        (ACTIVE, ACTIVE, IDLE, ACTIVE, IDLE, PARTLY),
        (ACTIVE, IDLE, ACTIVE, PARTLY, ACTIVE, PARTLY),
        (ERROR, ACTIVE, ACTIVE, ERROR, ACTIVE, ERROR),
        (IDLE, IDLE, ERROR, IDLE, ERROR, ERROR),
    ],
)
def test_table_3_holds_for_sources_and_jobs(video, audio, metadata, first, second, whole):
    made, token = device()
    sources = (profile("VIDEO001", "AUDIO001"), profile("META001", token="prof2"))
    held = made.create_recording_job(job(token, *sources)).job_token
    for track, state in (("VIDEO001", video), ("AUDIO001", audio), ("META001", metadata)):
        made.device_side.report_track_state(held, track, state)
    found = made.get_recording_job_state(held)
    assert ([source.state for source in found.sources], found.state) == ([first, second], whole)


@pytest.mark.requirement(
    "REC-5.19-01", "REC-5.19-04", "REC-5.19-05", "REC-5.19-06", "REC-5.19-07", "REC-5.19-08", "REC-5.19-09"
)
def test_state_information_mirrors_the_job():
    made, token = device()
    tagged = replace(profile(), tracks=(RecordingJobTrack("left", "VIDEO001"), RecordingJobTrack("mic", "AUDIO001")))
    answer = made.create_recording_job(job(token, tagged, automatic("META001")))
    made.device_side.report_track_state(answer.job_token, "AUDIO001", IDLE)
    found = made.get_recording_job_state(answer.job_token)
    assert (found.recording_token, found.state) == (token, PARTLY)
    assert [s.source_token for s in found.sources] == [s.source_token for s in answer.job_configuration.source]
    assert [s.state for s in found.sources] == [PARTLY, ACTIVE]
    assert [[(t.source_tag, t.destination, t.state) for t in s.tracks] for s in found.sources] == [
        [("left", "VIDEO001", ACTIVE), ("mic", "AUDIO001", IDLE)],
        [("", "META001", ACTIVE)],
    ]


@pytest.mark.requirement("REC-5.19-02", "REC-5.19-10", "REC-5.19-11", "REC-5.19-12")
def test_reports_decide_the_state_of_a_track_that_is_fed():
    made, token = device(unreported=IDLE)
    one = made.create_recording_job(job(token, profile("VIDEO001"))).job_token
    assert states(made, one) == ["Idle"]  # nothing was said yet
    assert made.device_side.report_track_state(one, "VIDEO001", ACTIVE)
    assert states(made, one) == ["Active"]
    assert made.device_side.report_track_state(one, "VIDEO001", ERROR, "The connection was refused.")
    (track,) = made.get_recording_job_state(one).sources[0].tracks
    assert (track.state, track.error) == (ERROR, "The connection was refused.")
    two = made.create_recording_job(job(token, profile("VIDEO001"), priority=2)).job_token
    assert states(made, one, two) == ["Idle", "Idle"]  # superseded: the error is forgotten
    assert not made.device_side.report_track_state(one, "VIDEO001", ACTIVE)
    assert not made.device_side.report_track_state("nobody", "VIDEO001", ACTIVE)
    assert not made.device_side.report_track_state(two, "AUDIO001", ACTIVE)
    made.delete_recording_job(two)
    assert states(made, one) == ["Idle"]
    for wrong in ((PARTLY, None), (ACTIVE, "text")):
        with pytest.raises(StateError):
            made.device_side.report_track_state(one, "VIDEO001", *wrong)


@pytest.mark.requirement("REC-5.19-13")
def test_another_encoding_is_an_incompatible_stream():
    persistence = MemoryPersistence()
    made, token = device(persistence=persistence)
    one = made.create_recording_job(job(token, profile("VIDEO001"))).job_token
    assert made.device_side.report_encoding(one, "VIDEO001", "Video", "H264")
    assert made.device_side.report_encoding(one, "VIDEO001", "Video", "H264")
    assert not made.device_side.report_encoding(one, "AUDIO001", "Audio", "AAC")
    again = service(persistence=persistence)
    assert not again.device_side.report_encoding(one, "VIDEO001", "Video", "H265")
    (track,) = again.get_recording_job_state(one).sources[0].tracks
    assert (track.state, track.error) == (ERROR, INCOMPATIBLE_STREAM)
    assert INCOMPATIBLE_STREAM == "Incompatible Stream"


def test_data_that_came_while_a_job_fed_a_track_is_stored_later():
    made, token = device()
    one = made.create_recording_job(job(token, profile("VIDEO001"))).job_token
    made.set_recording_job_mode(one, "Idle")
    assert not made.device_side.report_encoding(one, "VIDEO001", "Video", "H264")
    assert made.device_side.report_encoding(one, "VIDEO001", "Video", "H264", planned=True)
    assert not made.device_side.report_encoding(one, "VIDEO001", "Video", "H265", planned=True)
    made.delete_track(token, "VIDEO001")
    assert not made.device_side.report_encoding(one, "VIDEO001", "Video", "H264", planned=True)
    made.delete_recording_job(one)
    assert not made.device_side.report_encoding(one, "VIDEO001", "Video", "H264", planned=True)


@pytest.mark.requirement("REC-5.3.2-03")
def test_a_track_takes_data_of_its_own_type_only():
    made, token = device()
    one = made.create_recording_job(job(token, profile("VIDEO001", "AUDIO001"))).job_token
    assert not made.device_side.report_encoding(one, "VIDEO001", "Audio", "AAC")
    video, audio = made.get_recording_job_state(one).sources[0].tracks
    assert (video.state, audio.state) == (ERROR, ACTIVE)
    assert video.error == "The source delivers Audio, but the track holds Video."
    assert made.device_side.report_encoding(one, "AUDIO001", "Audio", "AAC")
    assert made.device_side.report_encoding(one, "VIDEO001", "Video", "H264")


def test_many_jobs_of_one_recording():

    made = service(clock=Clock(), capabilities=Capabilities(max_recording_jobs=None, max_recordings=None))
    token = made.create_recording(recording())
    for number in range(200):
        made.create_recording_job(job(token, profile("VIDEO001"), priority=number % 10, mode="Idle"))
    for item in made.get_recording_jobs()[:3]:
        made.set_recording_job_mode(item.job_token, "Active")
    assert winner(made, token) == made.get_recording_jobs()[2].job_token
    assert made.next_deadline() is None
