"""Access classes, faults, capabilities and options: 5.4 to 5.25 as data, 5.20 and 5.25 as behaviour."""

import inspect
from dataclasses import FrozenInstanceError
from datetime import timedelta

import pytest
from control_kit import Exports, exporting, job, recording, service

from onvif_bmff import control
from onvif_bmff.control import (
    OPERATIONS,
    AccessClass,
    ActionNotSupported,
    BadConfiguration,
    Capabilities,
    Fault,
    NoRecording,
    RecordingService,
    ServiceLimits,
    TrackConfiguration,
    TrackOptions,
)
from onvif_bmff.errors import OnvifBmffError

# Clause by clause: access class and faults; S is Sender/InvalidArgVal, R is Receiver/Action, and "off" is
# Receiver/ActionNotSupported/NotImplemented. BadConfiguration of 5.24 and AmbiguousConfiguration of 5.4 are
# decisions; NoLocalRecording and UnsupportedStorageStrategy come from release 26.06.
PLACING = " R:NoLocalRecording R:UnsupportedStorageStrategy"
SPECIFIED = {
    "CreateRecording": "ACTUATE off R:MaxRecordings S:BadConfiguration S:AmbiguousConfiguration" + PLACING,
    "DeleteRecording": "ACTUATE off S:NoRecording R:CannotDelete",
    "GetRecordings": "READ_MEDIA",
    "SetRecordingConfiguration": "ACTUATE S:BadConfiguration S:NoRecording S:AmbiguousConfiguration" + PLACING,
    "GetRecordingConfiguration": "READ_MEDIA S:NoRecording",
    "CreateTrack": "ACTUATE off S:NoRecording S:BadConfiguration R:MaxTracks",
    "DeleteTrack": "ACTUATE off S:NoRecording S:NoTrack R:CannotDelete",
    "GetTrackConfiguration": "READ_MEDIA S:NoRecording S:NoTrack",
    "SetTrackConfiguration": "ACTUATE S:NoRecording S:NoTrack S:BadConfiguration",
    "CreateRecordingJob": "ACTUATE S:NoRecording S:BadConfiguration R:MaxRecordingJobs R:MaxReceivers",
    "DeleteRecordingJob": "ACTUATE S:NoRecordingJob",
    "GetRecordingJobs": "READ_MEDIA",
    "SetRecordingJobConfiguration": "ACTUATE S:NoRecordingJob S:BadConfiguration R:MaxReceivers",
    "GetRecordingJobConfiguration": "READ_MEDIA S:NoRecordingJob",
    "SetRecordingJobMode": "ACTUATE S:NoRecordingJob S:BadMode",
    "GetRecordingJobState": "READ_MEDIA S:NoRecordingJob",
    "GetRecordingOptions": "READ_MEDIA off S:NoRecording",
    "ExportRecordedData": "READ_MEDIA off S:BadConfiguration",
    "StopExportRecordedData": "READ_MEDIA off S:BadConfiguration",
    "GetExportRecordedDataState": "READ_MEDIA off S:BadConfiguration",
    "OverrideSegmentDuration": "ACTUATE off S:NoRecording S:BadDuration S:BadConfiguration",
    "GetServiceCapabilities": "PRE_AUTH",
}


def specified(name):
    access, *words = SPECIFIED[name].split()
    faults = set()
    for word in words:
        kind, _, subcode = word.partition(":")
        if kind == "off":
            faults.add(("Receiver", "ActionNotSupported", "NotImplemented"))
        else:
            faults.add(("Sender", "InvalidArgVal", subcode) if kind == "S" else ("Receiver", "Action", subcode))
    return access, faults


@pytest.mark.requirement(
    "REC-5.4-08", "REC-5.5-10", "REC-5.6-04", "REC-5.7-06", "REC-5.8-03", "REC-5.9-10", "REC-5.10-09",
    "REC-5.11-03", "REC-5.12-04", "REC-5.13-10", "REC-5.14-04", "REC-5.15-02", "REC-5.16-08", "REC-5.17-03",
    "REC-5.18-05", "REC-5.19-03", "REC-5.20-07", "REC-5.21-08", "REC-5.22-04", "REC-5.23-03", "REC-5.24-14",
    "REC-5.25-01",
)  # fmt: skip
def test_every_operation_has_its_access_class_and_faults():
    assert OPERATIONS.keys() == SPECIFIED.keys()
    for name, operation in OPERATIONS.items():
        access, faults = specified(name)
        assert operation.name == name
        assert operation.access_class == access, name
        assert {(f.code, *f.subcodes) for f in operation.faults} == faults, name
        assert callable(getattr(RecordingService, operation.method))


def test_access_classes_follow_the_default_policy():
    levels = ("Administrator", "Operator", "User", "Anonymous")
    permitted = {access: [level for level in levels if access.permits(level)] for access in AccessClass}
    assert permitted == {
        AccessClass.PRE_AUTH: list(levels),
        AccessClass.READ_MEDIA: list(levels[:3]),
        AccessClass.ACTUATE: list(levels[:2]),
    }


def test_every_fault_is_a_class_of_its_own():
    public = [getattr(control, name) for name in control.__all__]  # the room imports names when they are asked for
    faults = [f for f in public if inspect.isclass(f) and issubclass(f, Fault) and f is not Fault]
    assert len({f.subcodes for f in faults}) == len(faults) >= 19
    for kind in faults:
        assert issubclass(kind, OnvifBmffError)
        assert kind.code in ("Sender", "Receiver")
        assert kind().reason == kind.default_reason
        assert str(kind("why")) == f"{kind.subcodes[1]}: why"


def test_documented_faults_are_those_of_the_table():
    for operation in OPERATIONS.values():
        text = getattr(RecordingService, operation.method).__doc__
        named = {f.__name__ for f in operation.faults} - {"NoLocalRecording", "UnsupportedStorageStrategy"}
        assert all(f"`{name}`" in text for name in named), operation.name


# ---- options -------------------------------------------------------------------------------------------


@pytest.mark.requirement("REC-5.20-01", "REC-5.20-07", "REC-5.25-08")
def test_options_are_offered_if_signalled():
    made = service()
    token = made.create_recording(recording())
    assert made.get_recording_options(token).job.spare == 256
    for wrong in ("nobody", ""):
        with pytest.raises(NoRecording):
            made.get_recording_options(wrong)
    without = service(capabilities=Capabilities(options=False))
    with pytest.raises(ActionNotSupported):
        without.get_recording_options(without.create_recording(recording()))


@pytest.mark.requirement("REC-5.20-02", "REC-5.20-03", "REC-5.20-04", "REC-5.20-06")
def test_options_count_down_to_absence():
    made = service(limits=ServiceLimits(video_tracks=2, audio_tracks=3, metadata_tracks=1, tracks=5))
    token = made.create_recording(recording())
    assert made.get_recording_options(token).track == TrackOptions(2, 1, 2, None)
    made.create_track(token, TrackConfiguration("Audio"))
    assert made.get_recording_options(token).track == TrackOptions(1, 1, 1, None)
    made.create_track(token, TrackConfiguration("Video"))
    assert made.get_recording_options(token).track == TrackOptions()
    made.delete_track(token, "META001")
    assert made.get_recording_options(token).track == TrackOptions(1, None, 1, 1)
    made.create_recording_job(job(token))
    assert made.get_recording_options(token).job.spare == 255
    static = service(capabilities=Capabilities(dynamic_tracks=False, max_recording_jobs=0))
    options = static.get_recording_options(static.create_recording(recording()))
    assert options.track == TrackOptions()
    assert options.job.spare is None


# ---- capabilities --------------------------------------------------------------------------------------


@pytest.mark.requirement(
    "REC-5.25-01", "REC-5.25-02", "REC-5.25-03", "REC-5.25-04", "REC-5.25-06", "REC-5.25-07", "REC-5.25-09",
    "REC-5.25-11", "REC-5.25-12", "REC-5.25-13", "REC-5.25-17",
)  # fmt: skip
def test_capabilities_are_told_as_given_and_do_not_change():
    given = Capabilities(
        dynamic_tracks=False,
        encoding=("H264", "H265", "AAC", "AV1"),
        max_rate=20_000.0,
        max_total_rate=100_000.0,
        max_recordings=7,
        max_recording_jobs=9,
        metadata_recording=False,
        scheduled_recording=False,
        event_recording=False,
        before_event_limit=timedelta(seconds=3),
        after_event_limit=None,
        supported_target_formats=("CMAF",),
        override_segment_duration=False,
    )
    made = service(capabilities=given)
    assert made.get_service_capabilities() == given
    made.create_recording(recording())
    assert made.get_service_capabilities() is given
    with pytest.raises(FrozenInstanceError):
        made.get_service_capabilities().max_recordings = 8


@pytest.mark.requirement("REC-5.25-09")
def test_metadata_is_recorded_only_if_offered():
    made = service(capabilities=Capabilities(metadata_recording=False))
    token = made.create_recording(recording())
    assert made.get_recording_options(token).track.spare_metadata is None
    with pytest.raises(control.MaxTracks):
        made.create_track(token, TrackConfiguration("Metadata"))


@pytest.mark.requirement("REC-5.25-05")
def test_a_device_without_audio_lists_no_audio_encoding():
    with pytest.raises(BadConfiguration):
        service(limits=ServiceLimits(audio_tracks=0))
    for name in ("G711", "G726", "AAC", "PCMU", "mp4a-latm", "opus", "Mpeg4-Generic"):
        with pytest.raises(BadConfiguration):
            service(limits=ServiceLimits(audio_tracks=0), capabilities=Capabilities(encoding=("H264", name)))
        service(capabilities=Capabilities(encoding=("H264", name)))
    made = service(limits=ServiceLimits(audio_tracks=0), capabilities=Capabilities(encoding=("H264", "H265")))
    assert made.get_recording_options(made.create_recording(recording())).track.spare_audio is None


@pytest.mark.requirement("REC-5.25-10")
def test_export_formats_are_absent_or_at_least_one():
    assert service().get_service_capabilities().supported_export_file_formats == ()
    made = service(exporter=Exports(), **exporting())
    assert made.get_service_capabilities().supported_export_file_formats == ("ONVIF", "MP4")
    with pytest.raises(BadConfiguration):
        service(**exporting())
    with pytest.raises(BadConfiguration):
        Capabilities(supported_export_file_formats=("",))


@pytest.mark.parametrize(
    "wrong",
    [
        {"encoding": ("H 264",)},
        {"max_recordings": -1},
        {"encryption_entry_limit": -1},
        {"before_event_limit": -timedelta(1)},
        {"onboard_storage": False, "supported_target_formats": ()},
    ],
)
def test_contradictory_capabilities_are_refused(wrong):
    with pytest.raises(BadConfiguration):
        Capabilities(**wrong)


def test_source_texts_of_128_characters_must_be_supported():
    with pytest.raises(BadConfiguration):
        service(limits=ServiceLimits(source_length=127))


def test_a_repeating_random_source_is_reported():
    from onvif_bmff.errors import StateError

    made = service(random=bytes)
    made.create_recording(recording())
    with pytest.raises(StateError):
        made.create_recording(recording())
