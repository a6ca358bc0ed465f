"""Recording jobs: clauses 5.1, 5.3.3 and 5.13 to 5.18."""

from dataclasses import fields, replace
from datetime import timedelta

import pytest
from control_kit import Clock, automatic, job, profile, recording, resources, restarted, service, topics

from onvif_bmff.control import (
    PROFILE_TYPE,
    RECEIVER_TYPE,
    BadConfiguration,
    BadMode,
    CannotDeleteReceiver,
    Capabilities,
    EventFilterEntry,
    Extensions,
    MaxReceivers,
    MaxRecordingJobs,
    MemoryPersistence,
    NoRecording,
    NoRecordingJob,
    ReceiverConfiguration,
    RecordingEventFilter,
    RecordingJobConfiguration,
    RecordingJobConfigurationChange,
    RecordingJobSource,
    RecordingJobTrack,
    ServiceLimits,
    SourceReference,
    TrackConfiguration,
    UnknownReceiver,
)

ALL = ("VIDEO001", "AUDIO001", "META001")


def device(**kwargs):
    made = service(**kwargs)
    return made, made.create_recording(recording())


def destinations(configuration):
    return [[track.destination for track in source.tracks] for source in configuration.source]


@pytest.mark.requirement(
    "REC-5.3.3-02",
    "REC-5.13-01",
    "REC-5.13-05",
    "REC-5.13-12",
)
def test_create_returns_token_and_configuration_in_effect():
    made, token = device()
    answer = made.create_recording_job(job(token, profile("VIDEO001"), priority=7))
    assert answer.job_configuration == job(token, profile("VIDEO001"), priority=7)
    assert made.get_recording_job_configuration(answer.job_token) == answer.job_configuration
    assigned = made.device_side.assignments()
    assert assigned[token, "VIDEO001"].job == answer.job_token
    assert assigned[token, "AUDIO001"] is None


@pytest.mark.requirement("REC-5.3.3-01")
def test_a_configuration_holds_all_of_a_job():
    """Each field comes back from all that shows a job, from the event too, and after a restart."""
    clock, persistence = Clock(), MemoryPersistence()
    made = service(clock=clock, persistence=persistence)
    token = made.create_recording(recording())
    kept = Extensions(("<a/>",), (("b", "c"),))
    entries = (
        EventFilterEntry("tns1:A//.", 'boolean(//tt:SimpleItem[@Name="Rule" and @Value="1"])', kept),
        EventFilterEntry("tns1:B"),
    )
    whole = RecordingJobConfiguration(
        token,
        "Active",
        7,
        (
            RecordingJobSource(
                SourceReference("prof2", PROFILE_TYPE, kept), None, (RecordingJobTrack("tag", "AUDIO001", kept),), kept
            ),
            profile("VIDEO001"),
        ),
        RecordingEventFilter(entries, timedelta(seconds=5), timedelta(seconds=6), kept),
        "night",
        kept,
    )
    for one in (whole, whole.source[0], whole.source[0].source_token, whole.source[0].tracks[0], whole.event_filter):
        unset = [item.name for item in fields(one) if getattr(one, item.name) in (None, (), "", item.default)]
        assert unset in ([], ["auto_create_receiver"]), "each field says something"
    answer = made.create_recording_job(whole)
    other = made.create_recording_job(job(token))
    assert answer.job_configuration == whole
    for one in (made, restarted(made, clock, persistence)):
        assert one.get_recording_job_configuration(answer.job_token) == whole
        assert [item.job_configuration for item in one.get_recording_jobs()] == [whole, other.job_configuration]
    changed = replace(whole, mode="Idle", priority=9, schedule_token="day", event_filter=None)
    made.take_notifications()
    made.set_recording_job_configuration(answer.job_token, changed)
    (event,) = (one for one in made.take_notifications() if isinstance(one, RecordingJobConfigurationChange))
    assert event.configuration == made.get_recording_job_configuration(answer.job_token) == changed
    assert made.get_recording_job_configuration(other.job_token) == other.job_configuration


@pytest.mark.requirement("REC-5.13-04", "REC-5.13-05", "REC-5.13-12")
def test_without_tracks_all_tracks_are_assigned():
    made, token = device()
    answer = made.create_recording_job(job(token, profile()))
    assert destinations(answer.job_configuration) == [list(ALL)]
    assert {t.source_tag for t in answer.job_configuration.source[0].tracks} == {""}
    assert made.get_recording_job_configuration(answer.job_token) == answer.job_configuration
    assert {track for (_, track), fed in made.device_side.assignments().items() if fed.job == answer.job_token} == set(
        ALL
    )


@pytest.mark.requirement("REC-5.3.3-23")
def test_tracks_of_one_type_are_shared_out_and_tagged():
    made, token = device()
    second = made.create_track(token, TrackConfiguration("Video"))
    third = made.create_track(token, TrackConfiguration("Video"))
    answer = made.create_recording_job(job(token, profile(), profile(token="prof2")))
    assert destinations(answer.job_configuration) == [list(ALL), [second, third]]
    assert [t.source_tag for t in answer.job_configuration.source[1].tracks] == ["", third]
    assert made.device_side.assignments()[token, third].source_tag == third


@pytest.mark.requirement("REC-5.13-03", "REC-5.3.3-22", "REC-5.13-07")
def test_a_source_needs_a_token_or_a_receiver():
    made, token = device()
    for sources in ((RecordingJobSource(),), (RecordingJobSource(auto_create_receiver=False),), ()):
        with pytest.raises(BadConfiguration):
            made.create_recording_job(RecordingJobConfiguration(token, "Active", 1, sources))


@pytest.mark.requirement("REC-5.3.3-14", "REC-5.3.3-15", "REC-5.3.3-18", "REC-5.3.3-19", "REC-5.25-11", "REC-5.25-12")
def test_sources_are_receivers_or_profiles_as_the_device_has_them():
    made, token = device()
    receiver = made.provisioning.create_receiver(ReceiverConfiguration("AlwaysConnect", "rtsp://a"))
    for reference in (SourceReference(receiver), SourceReference("prof1", PROFILE_TYPE)):
        answer = made.create_recording_job(job(token, RecordingJobSource(reference), mode="Idle"))
        assert answer.job_configuration.source[0].source_token == reference
    assert SourceReference(receiver).type == RECEIVER_TYPE
    for wrong in (
        SourceReference("nobody"),
        SourceReference("prof1"),
        SourceReference(receiver, PROFILE_TYPE),
        SourceReference("nobody", PROFILE_TYPE),
        SourceReference("prof1", "http://www.onvif.org/ver10/schema/Other"),
        SourceReference("", PROFILE_TYPE),
    ):
        with pytest.raises(BadConfiguration):
            made.create_recording_job(job(token, RecordingJobSource(wrong)))
    camera, token = device(limits=ServiceLimits(receiver_service=False))
    camera.create_recording_job(job(token, profile()))
    with pytest.raises(BadConfiguration):
        camera.create_recording_job(job(token, automatic()))
    recorder, token = device(limits=ServiceLimits(media_service=False))
    recorder.create_recording_job(job(token, automatic()))
    with pytest.raises(BadConfiguration):
        recorder.create_recording_job(job(token, profile()))


@pytest.mark.requirement("REC-5.3.3-06", "REC-5.3.3-07", "REC-5.3.3-25", "REC-5.13-07", "REC-5.16-06")
@pytest.mark.parametrize(
    "wrong",
    [
        {"mode": "active"},
        {"mode": "Paused"},
        {"priority": -1},
        {"priority": 2**31},
        {"source": (profile("VIDEO009"),)},
        {"source": (profile("VIDEO001"), profile("VIDEO001", token="prof2"))},
        {"source": (profile("VIDEO001", "VIDEO001"),)},
        {"source": ()},
        {"schedule_token": ""},
        {"schedule_token": "s" * 65},
        {"event_filter": RecordingEventFilter(())},
        {"event_filter": RecordingEventFilter((EventFilterEntry("no topic!"),))},
        {"event_filter": RecordingEventFilter((EventFilterEntry(""),))},
        {"event_filter": RecordingEventFilter((EventFilterEntry("tns1:A", "boolean("),))},
        {"event_filter": RecordingEventFilter((EventFilterEntry("tns1:A"),), before=timedelta(seconds=31))},
        {"event_filter": RecordingEventFilter((EventFilterEntry("tns1:A"),), before=-timedelta(1))},
        {"event_filter": RecordingEventFilter((EventFilterEntry("tns1:A"),), after=timedelta(days=9))},
    ],
)
def test_wrong_configurations_are_refused_and_change_nothing(wrong):
    made, token = device()
    held = made.create_recording_job(job(token, profile("VIDEO001")))
    made.take_notifications()
    before = made.snapshot()
    bad = replace(held.job_configuration, **wrong)
    for call in (
        made.create_recording_job,
        lambda c: made.set_recording_job_configuration(held.job_token, c),
    ):
        with pytest.raises(BadConfiguration):
            call(bad)
    assert made.snapshot() == before
    assert made.take_notifications() == ()


def test_optional_conditions_need_their_capability():
    made, token = device(capabilities=Capabilities(scheduled_recording=False, event_recording=False))
    with pytest.raises(BadConfiguration):
        made.create_recording_job(job(token, schedule_token="night"))
    with pytest.raises(BadConfiguration):
        made.create_recording_job(job(token, event_filter=RecordingEventFilter((EventFilterEntry("tns1:A"),))))


@pytest.mark.requirement("REC-5.13-06")
def test_the_recording_must_exist():
    made, _ = device()
    with pytest.raises(NoRecording):
        made.create_recording_job(job("nobody"))
    with pytest.raises(NoRecording):
        made.create_recording_job(job(""))


@pytest.mark.requirement("REC-5.13-02", "REC-5.13-08", "REC-5.25-07", "REC-5.20-04")
def test_jobs_beyond_the_limits_are_refused():
    made, token = device(capabilities=Capabilities(max_recording_jobs=3), limits=ServiceLimits(jobs_per_recording=2))
    other = made.create_recording(recording())
    for left in (2, 1):
        assert made.get_recording_options(token).job.spare == left
        made.create_recording_job(job(token))
    assert made.get_recording_options(token).job.spare is None
    with pytest.raises(MaxRecordingJobs) as caught:
        made.create_recording_job(job(token))
    assert (caught.value.code, caught.value.subcodes) == ("Receiver", ("Action", "MaxRecordingJobs"))
    made.create_recording_job(job(other))
    assert made.get_recording_options(other).job.spare is None
    with pytest.raises(MaxRecordingJobs):
        made.create_recording_job(job(other))


# ---- receivers -----------------------------------------------------------------------------------------


@pytest.mark.requirement("REC-5.1-06", "REC-5.1-07", "REC-5.1-08", "REC-5.3.3-20", "REC-5.3.3-21", "REC-5.13-11")
def test_a_receiver_is_created_empty_and_given_back():
    made, token = device()
    answer = made.create_recording_job(job(token, automatic("VIDEO001")))
    (source,) = answer.job_configuration.source
    assert source.auto_create_receiver is None
    (receiver,) = made.provisioning.get_receivers()
    assert source.source_token == SourceReference(receiver.token, RECEIVER_TYPE)
    assert receiver.auto_created
    assert receiver.configuration == ReceiverConfiguration("", "", "", "")
    made.provisioning.configure_receiver(receiver.token, ReceiverConfiguration("AutoConnect", "rtsp://cam"))
    assert made.provisioning.get_receivers()[0].configuration.media_uri == "rtsp://cam"
    for item in made.get_recording_jobs():
        assert all(s.auto_create_receiver is None for s in item.job_configuration.source)


def test_a_given_token_is_used_and_the_flag_dropped():
    made, token = device()
    source = RecordingJobSource(SourceReference("prof1", PROFILE_TYPE), auto_create_receiver=True)
    answer = made.create_recording_job(job(token, source))
    assert answer.job_configuration.source[0].auto_create_receiver is None
    assert made.provisioning.get_receivers() == ()


@pytest.mark.requirement("REC-5.1-05", "REC-5.14-02", "REC-5.5-04")
def test_auto_created_receivers_go_with_their_last_job():
    made, token = device()
    manual = made.provisioning.create_receiver(ReceiverConfiguration())
    first = made.create_recording_job(job(token, automatic(), RecordingJobSource(SourceReference(manual))))
    shared = first.job_configuration.source[0].source_token
    other = made.create_recording(recording())
    made.create_recording_job(job(other, RecordingJobSource(shared)))
    made.delete_recording_job(first.job_token)
    assert {r.token for r in made.provisioning.get_receivers()} == {manual, shared.token}
    made.delete_recording(other)
    assert [r.token for r in made.provisioning.get_receivers()] == [manual]


@pytest.mark.requirement("REC-5.16-09", "REC-5.16-03", "REC-5.16-04", "REC-5.3.3-21")
def test_set_swaps_receivers_and_drops_orphans():
    made, token = device(limits=ServiceLimits(receivers=1))
    answer = made.create_recording_job(job(token, automatic()))
    old = answer.job_configuration.source[0].source_token
    given = job(token, automatic("AUDIO001"), priority=8)
    new = made.set_recording_job_configuration(answer.job_token, given)
    (receiver,) = made.provisioning.get_receivers()
    (source,) = new.source
    assert source.auto_create_receiver is None
    assert source.source_token.type == RECEIVER_TYPE
    assert replace(new, source=(replace(source, source_token=None, auto_create_receiver=True),)) == given
    assert made.get_recording_job_configuration(answer.job_token) == new
    assert receiver.token == new.source[0].source_token.token != old.token
    made.set_recording_job_configuration(answer.job_token, job(token, profile()))
    assert made.provisioning.get_receivers() == ()


@pytest.mark.requirement("REC-5.13-09", "REC-5.16-07")
def test_no_receiver_left_is_a_fault_and_changes_nothing():
    made, token = device(limits=ServiceLimits(receivers=1))
    with pytest.raises(MaxReceivers) as caught:
        made.create_recording_job(job(token, automatic("VIDEO001"), automatic("AUDIO001")))
    assert (caught.value.code, caught.value.subcodes) == ("Receiver", ("Action", "MaxReceivers"))
    assert made.provisioning.get_receivers() == made.get_recording_jobs() == ()
    answer = made.create_recording_job(job(token, automatic("VIDEO001")))
    with pytest.raises(MaxReceivers):
        made.set_recording_job_configuration(answer.job_token, job(token, automatic("VIDEO001"), automatic("AUDIO001")))
    assert made.get_recording_job_configuration(answer.job_token) == answer.job_configuration
    with pytest.raises(MaxReceivers):
        made.provisioning.create_receiver(ReceiverConfiguration())


def test_receivers_in_use_stay():
    made, token = device()
    receiver = made.provisioning.create_receiver(ReceiverConfiguration())
    made.create_recording_job(job(token, RecordingJobSource(SourceReference(receiver))))
    with pytest.raises(CannotDeleteReceiver):
        made.provisioning.delete_receiver(receiver)
    made.delete_recording(token)
    made.provisioning.delete_receiver(receiver)
    for wrong in (receiver, ""):
        with pytest.raises(UnknownReceiver):
            made.provisioning.delete_receiver(wrong)
        with pytest.raises(UnknownReceiver):
            made.provisioning.configure_receiver(wrong, ReceiverConfiguration())


# ---- reading and changing ------------------------------------------------------------------------------


@pytest.mark.requirement(
    "REC-5.14-01", "REC-5.14-03", "REC-5.15-01", "REC-5.17-01", "REC-5.17-02", "REC-5.16-06", "REC-5.18-04"
)
def test_jobs_are_listed_read_and_deleted():
    made, token = device()
    answers = [made.create_recording_job(job(token, priority=p)) for p in (3, 1, 2)]
    assert list(made.get_recording_jobs()) == answers
    for answer in answers:
        assert made.get_recording_job_configuration(answer.job_token) == answer.job_configuration
    changed = made.set_recording_job_configuration(answers[0].job_token, job(token, profile("VIDEO001"), priority=9))
    assert made.get_recording_job_configuration(answers[0].job_token) == changed
    answers[0] = replace(answers[0], job_configuration=changed)
    made.delete_recording_job(answers[1].job_token)
    assert list(made.get_recording_jobs()) == [answers[0], answers[2]]
    for wrong in (answers[1].job_token, "", "nobody"):
        for call in (
            lambda w=wrong: made.delete_recording_job(w),
            lambda w=wrong: made.get_recording_job_configuration(w),
            lambda w=wrong: made.set_recording_job_configuration(w, job(token)),
            lambda w=wrong: made.set_recording_job_mode(w, "Idle"),
            lambda w=wrong: made.get_recording_job_state(w),
        ):
            with pytest.raises(NoRecordingJob) as caught:
                call()
            assert caught.value.subcodes == ("InvalidArgVal", "NoRecordingJob")


@pytest.mark.requirement("REC-5.16-01", "REC-5.16-03", "REC-5.16-05")
def test_set_answers_with_what_was_given():
    made, token = device()
    created = made.create_recording_job(job(token))
    kept = Extensions(("<a/>",), (("b", "c"),))
    event_filter = RecordingEventFilter(
        (EventFilterEntry("tns1:A//.", None, kept),), timedelta(seconds=5), timedelta(seconds=6), kept
    )
    source = RecordingJobSource(
        SourceReference("prof2", PROFILE_TYPE, kept), None, (RecordingJobTrack("t", "AUDIO001", kept),), kept
    )
    new = RecordingJobConfiguration(token, "Idle", 9, (source,), event_filter, "night", kept)
    assert made.set_recording_job_configuration(created.job_token, new) == new
    assert made.get_recording_job_configuration(created.job_token) == new


def test_a_job_that_lost_its_tracks_gets_none_by_being_set_as_it_was_read():
    """SetRecordingJobMode is a read and a write (5.18), and both leave out tracks that nobody asked for."""
    made, token = device()
    held = made.create_recording_job(job(token, profile("VIDEO001"), mode="Idle")).job_token
    made.delete_track(token, "VIDEO001")
    read = made.get_recording_job_configuration(held)
    assert made.set_recording_job_configuration(held, replace(read, mode="Active")) == replace(read, mode="Active")
    assert destinations(made.get_recording_job_configuration(held)) == [[]]
    made.set_recording_job_mode(held, "Idle")
    assert destinations(made.get_recording_job_configuration(held)) == [[]]
    answer = made.set_recording_job_configuration(held, job(token, profile("AUDIO001")))
    assert destinations(answer) == [["AUDIO001"]]


@pytest.mark.requirement("REC-5.16-02")
def test_the_recording_of_a_job_is_fixed():
    made, token = device()
    other = made.create_recording(recording())
    created = made.create_recording_job(job(token))
    for wrong in (job(other), job("nobody")):
        with pytest.raises(BadConfiguration):
            made.set_recording_job_configuration(created.job_token, wrong)
    assert made.get_recording_job_configuration(created.job_token) == created.job_configuration


@pytest.mark.requirement("REC-4.1.2-03", "REC-5.18-01", "REC-5.18-02")
def test_mode_is_a_read_and_a_write_with_another_mode():
    made, token = device()
    one = made.create_recording_job(job(token, mode="Idle")).job_token
    two = made.create_recording_job(job(token, mode="Idle")).job_token
    made.take_notifications()
    made.set_recording_job_mode(one, "Active")
    by_mode = made.take_notifications()
    made.set_recording_job_mode(one, "Idle")
    made.take_notifications()
    made.set_recording_job_configuration(two, replace(made.get_recording_job_configuration(two), mode="Active"))
    by_set = made.take_notifications()
    assert topics(by_mode) == topics(by_set) == ["RecordingJobConfiguration", "JobState:Changed"]
    assert by_mode[0].configuration == by_set[0].configuration == made.get_recording_job_configuration(two)


@pytest.mark.requirement("REC-5.18-04", "REC-5.3.3-06")
@pytest.mark.parametrize("wrong", ["active", "", "Error", "Idle "])
def test_other_modes_are_refused(wrong):
    made, token = device()
    held = made.create_recording_job(job(token)).job_token
    with pytest.raises(BadMode) as caught:
        made.set_recording_job_mode(held, wrong)
    assert (caught.value.code, caught.value.subcodes) == ("Sender", ("InvalidArgVal", "BadMode"))


@pytest.mark.requirement("REC-5.20-05")
def test_only_compatible_profiles_can_be_recorded_if_so():
    made, token = device(resources=resources(compatible=["prof2"]))
    assert made.get_recording_options(token).job.compatible_sources == ("prof2",)
    made.create_recording_job(job(token, profile(token="prof2")))
    with pytest.raises(BadConfiguration):
        made.create_recording_job(job(token, profile(token="prof1")))
