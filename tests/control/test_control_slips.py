"""Slips of the program that calls: a TypeError that names the place, no fault of ONVIF. Lists as well as tuples."""

from dataclasses import fields, is_dataclass, replace
from datetime import timedelta

import pytest
from control_kit import (
    KEY,
    KID,
    START,
    Exports,
    Nothing,
    encrypted,
    entry,
    exporting,
    job,
    profile,
    recording,
    service,
    target,
)

import onvif_bmff.control as room
from onvif_bmff.control import (
    PROFILE_26_06,
    PROFILE_TYPE,
    RECEIVER_TYPE,
    AsymmetricEncryption,
    BadConfiguration,
    Capabilities,
    DateTimeRange,
    EventFilterEntry,
    Extensions,
    RecordingConfiguration,
    RecordingEncryption,
    RecordingEventFilter,
    RecordingJobConfiguration,
    RecordingJobSource,
    RecordingJobTrack,
    RecordingTargetConfiguration,
    SearchScope,
    SourceReference,
    StorageReferencePath,
    TrackConfiguration,
)

NOON = DateTimeRange(START, START + timedelta(hours=1))
S3 = StorageReferencePath("s3")
MINUTE = timedelta(minutes=1)


def device():
    offered = exporting(segment_export=True)["capabilities"]
    made = service(
        profile=PROFILE_26_06,
        capabilities=offered,
        exporter=Exports(),
        segments=Nothing(),
        segment_exporter=Nothing(),
    )
    token = made.create_recording(recording(target(storage_strategy="Both")))
    return made, token, made.create_recording_job(job(token, profile("VIDEO001"))).job_token


SLIPS = {
    "no configuration": lambda m, r, j: m.create_recording(None),
    "another structure": lambda m, r, j: m.create_recording(TrackConfiguration("Video")),
    "text that is missing": lambda m, r, j: m.create_recording(RecordingConfiguration(content=None)),
    "seconds for a duration": lambda m, r, j: m.create_recording(RecordingConfiguration(maximum_retention_time=5)),
    "no source": lambda m, r, j: m.create_recording(RecordingConfiguration(source=None)),
    "half an attribute": lambda m, r, j: m.create_track(r, TrackConfiguration("Video", "", Extensions((), (("a",),)))),
    "text for a duration": lambda m, r, j: m.create_recording(recording(target(segment_duration="PT1M"))),
    "a number for text": lambda m, r, j: m.create_recording(recording(target(prefix=5))),
    "text for a key": lambda m, r, j: m.create_recording(encrypted(entry(key="00" * 16))),
    "no token of a recording": lambda m, r, j: m.delete_recording(None),
    "a list for a token": lambda m, r, j: m.set_recording_configuration(["x"], recording()),
    "a number for a token": lambda m, r, j: m.get_recording_configuration(7),
    "options of nothing": lambda m, r, j: m.get_recording_options(None),
    "no track": lambda m, r, j: m.get_track_configuration(r, None),
    "a track by number": lambda m, r, j: m.delete_track(r, 1),
    "a dictionary for a track": lambda m, r, j: m.set_track_configuration(r, {}, TrackConfiguration("Video")),
    "text for a track": lambda m, r, j: m.create_track(r, "Video"),
    "a number for a type": lambda m, r, j: m.create_track(r, TrackConfiguration(3)),
    "no type": lambda m, r, j: m.create_track(r, TrackConfiguration(None)),
    "no description": lambda m, r, j: m.create_track(r, TrackConfiguration("Video", None)),
    "no job": lambda m, r, j: m.create_recording_job(None),
    "a job of nothing": lambda m, r, j: m.create_recording_job(job(None)),
    "no mode": lambda m, r, j: m.create_recording_job(job(r, mode=None)),
    "a truth for a number": lambda m, r, j: m.create_recording_job(replace(job(r), priority=True)),
    "text for a number": lambda m, r, j: m.create_recording_job(replace(job(r), priority="1")),
    "a source of None": lambda m, r, j: m.create_recording_job(job(r, RecordingJobSource(SourceReference(None)))),
    "no job token": lambda m, r, j: m.get_recording_job_state(None),
    "a list of jobs": lambda m, r, j: m.delete_recording_job([j]),
    "no configuration of a job": lambda m, r, j: m.set_recording_job_configuration(j, None),
    "a mode by number": lambda m, r, j: m.set_recording_job_mode(j, 1),
    "no mode to set": lambda m, r, j: m.set_recording_job_mode(j, None),
    "a receiver of text": lambda m, r, j: m.provisioning.create_receiver("rtsp://"),
    "no receiver": lambda m, r, j: m.provisioning.delete_receiver(None),
    "text for an override": lambda m, r, j: m.override_segment_duration("PT1S", MINUTE, r),
    "an override without end": lambda m, r, j: m.override_segment_duration(timedelta(seconds=1), None, r),
    "an override of nothing": lambda m, r, j: m.override_segment_duration(timedelta(seconds=1), MINUTE, None),
    "no scope": lambda m, r, j: m.export_recorded_data(None, "MP4", S3),
    "no format": lambda m, r, j: m.export_recorded_data(SearchScope(), None, S3),
    "no destination": lambda m, r, j: m.export_recorded_data(SearchScope(), "MP4", None),
    "a day for an instant": lambda m, r, j: m.export_recorded_data(SearchScope(), "MP4", S3, start_point="today"),
    "no operation": lambda m, r, j: m.stop_export_recorded_data(None),
    "the state of none": lambda m, r, j: m.get_export_recorded_data_state([]),
    "no time": lambda m, r, j: m.list_recorded_segments(None, r),
    "half a time": lambda m, r, j: m.list_recorded_segments(DateTimeRange(START, None), r),
    "a truth of results": lambda m, r, j: m.list_recorded_segments(NOON, r, True),
    "half a result": lambda m, r, j: m.list_recorded_segments(NOON, r, 1.5),
    "segments of nothing": lambda m, r, j: m.list_recorded_segments(NOON, None),
    "text for a time": lambda m, r, j: m.export_recorded_segments("today", r),
    "a track of segments by number": lambda m, r, j: m.export_recorded_segments(NOON, r, track=1),
    "a list for a storage": lambda m, r, j: m.export_recorded_segments(NOON, r, storage_token=[]),
    "no operation of segments": lambda m, r, j: m.stop_export_recorded_segments(None),
}  # fmt: skip


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_is_a_type_error_that_names_the_place_and_changes_nothing(slip):
    made, token, held = device()
    made.take_notifications()
    before = made.snapshot()
    with pytest.raises(TypeError, match=r"^[A-Z]\w*[\w.\[\]]* must be "):
        SLIPS[slip](made, token, held)
    assert made.snapshot() == before
    assert made.take_notifications() == ()


STRUCTURES = [one for name in room.__all__ if is_dataclass(one := getattr(room, name)) and isinstance(one, type)]


@pytest.mark.parametrize("structure", STRUCTURES, ids=lambda one: one.__name__)
def test_a_field_that_does_not_exist_is_a_type_error(structure):
    known = {item.name for item in fields(structure)}
    assert "colour" not in known
    with pytest.raises(TypeError, match="colour"):
        structure(colour=1)


# ---- lists -----------------------------------------------------------------------------------------------------


WITH_LISTS = [
    (lambda of: Extensions(of("<a/>"), of(of("b", "c")))),
    (lambda of: AsymmetricEncryption(of("cert-a"))),
    (lambda of: RecordingEncryption("CENC", KID, KEY, of("VIDEO001"))),
    (lambda of: RecordingTargetConfiguration("s3", "MP4", MINUTE, encryption=of(entry()))),
    (lambda of: RecordingJobSource(SourceReference("a"), tracks=of(RecordingJobTrack("", "VIDEO001")))),
    (lambda of: RecordingEventFilter(of(EventFilterEntry("tns1:A")))),
    (lambda of: RecordingJobConfiguration("r", "Idle", 1, of(RecordingJobSource(auto_create_receiver=True)))),
    (lambda of: SearchScope(of(SourceReference("a")), of("r"))),
    (lambda of: Capabilities(encoding=of("H264"), supported_target_formats=of("MP4"),
                             supported_encryption_modes=of("CENC"), supported_export_file_formats=of("MP4"))),
]  # fmt: skip


@pytest.mark.parametrize("make", WITH_LISTS)
def test_what_is_made_with_lists_is_what_is_made_with_tuples(make):
    listed, kept = make(lambda *items: list(items)), make(lambda *items: items)
    assert listed == kept
    assert hash(listed) == hash(kept)


def test_a_list_that_is_changed_afterwards_changes_nothing():
    tracks = [RecordingJobTrack("", "VIDEO001")]
    source = RecordingJobSource(SourceReference.profile("prof1"), tracks=tracks)
    tracks.append(RecordingJobTrack("", "AUDIO001"))
    assert source.tracks == (RecordingJobTrack("", "VIDEO001"),)


def test_a_recording_and_its_job_are_made_of_lists():
    made = service()
    token = made.create_recording(recording(target(encryption=[entry(track=["VIDEO001"])])))
    kept = made.get_recording_configuration(token).target.encryption
    assert [one.track for one in kept] == [("VIDEO001",)]
    given = job(token, RecordingJobSource(SourceReference.profile("prof1"), tracks=[RecordingJobTrack("", "VIDEO001")]))
    given = replace(given, source=list(given.source))
    answer = made.create_recording_job(given)
    assert made.set_recording_job_configuration(answer.job_token, given) == given
    assert made.get_recording_job_configuration(answer.job_token) == given


@pytest.mark.parametrize("wrong", ["VIDEO001", b"VIDEO001", None, 7, {"VIDEO001"}, {"VIDEO001": 1}, iter(["VIDEO001"])])
def test_what_is_no_list_is_refused_where_it_is_given(wrong):
    """Text is a sequence of letters, and a set has no order: both are slips."""
    with pytest.raises(TypeError, match="track of RecordingEncryption must be a list or a tuple, not a "):
        RecordingEncryption("CENC", KID, KEY, wrong)


# ---- references ------------------------------------------------------------------------------------------------


def test_references_name_their_kind():
    assert SourceReference.profile("cam") == SourceReference("cam", PROFILE_TYPE)
    assert SourceReference.receiver("r") == SourceReference("r") == SourceReference("r", RECEIVER_TYPE)


@pytest.mark.parametrize(
    "capabilities",
    [Capabilities(segment_export=True), Capabilities(supported_export_file_formats=("MP4",))],
)
@pytest.mark.parametrize("profiles", [{}, {"profile": PROFILE_26_06}])
def test_what_nobody_does_is_not_offered(capabilities, profiles):
    with pytest.raises(BadConfiguration, match="offered, "):
        service(capabilities=capabilities, **profiles)
    half = {"segments": Nothing()} if capabilities.segment_export else {"segment_exporter": Nothing()}
    with pytest.raises(BadConfiguration, match="offered, "):
        service(capabilities=capabilities, **half, **profiles)
    service(capabilities=capabilities, exporter=Exports(), segments=Nothing(), segment_exporter=Nothing(), **profiles)
