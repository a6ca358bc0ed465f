"""Export of recorded data: clauses 5.21 to 5.23."""

import pytest
from control_kit import (
    START,
    Clock,
    Data,
    Exports,
    automatic,
    exporting,
    job,
    profile,
    recording,
    service,
    topics,
)

from onvif_bmff.control import (
    PROFILE_TYPE,
    ActionNotSupported,
    BadConfiguration,
    ExportState,
    FileProgress,
    MemoryPersistence,
    SearchScope,
    ServiceLimits,
    SourceReference,
    StorageReferencePath,
)
from onvif_bmff.errors import StateError
from onvif_bmff.timing import UtcTime

S3 = StorageReferencePath("s3", "exports/today")
LATER = UtcTime.parse("2026-01-03T00:00:00Z")


def device(**kwargs):
    exports = Exports()
    made = service(exporter=exports, **exporting(), **kwargs)
    return made, exports


def export(made, *recordings, **kwargs):
    return made.export_recorded_data(SearchScope(included_recordings=recordings), "MP4", S3, **kwargs).operation_token


@pytest.mark.requirement("REC-5.21-01", "REC-5.21-02", "REC-5.21-03", "REC-5.21-04", "REC-5.21-05", "REC-5.21-06")
def test_export_starts_the_exporter_with_what_was_selected():
    made, exports = device()
    one, two = made.create_recording(recording()), made.create_recording(recording())
    tokens = set()
    for file_format in ("ONVIF", "MP4"):
        answer = made.export_recorded_data(
            SearchScope(included_recordings=(two,)), file_format, S3, start_point=START, end_point=LATER
        )
        assert answer.file_names == ("a.mp4", "b.mp4")
        tokens.add(answer.operation_token)
        (operation,) = exports.started[-1:]
        assert operation.token == answer.operation_token
        assert operation.recordings == (two,)
        assert (operation.file_format, operation.storage_destination) == (file_format, S3)
        assert (operation.start_point, operation.end_point) == (START, LATER)
    assert len(tokens) == 2
    export(made)
    assert exports.started[-1].recordings == (one, two)
    assert exports.started[-1].start_point is exports.started[-1].end_point is None


def test_scope_selects_by_source():
    made, exports = device()
    one, two, three = (made.create_recording(recording()) for _ in range(3))
    made.create_recording_job(job(one, profile()))
    receiver = made.create_recording_job(job(two, automatic())).job_configuration.source[0].source_token
    for sources, expected in (
        ((SourceReference("prof1", PROFILE_TYPE),), (one,)),
        ((receiver,), (two,)),
        ((receiver, SourceReference("prof1", PROFILE_TYPE)), (one, two)),
        ((SourceReference("prof1"),), ()),
    ):
        made.export_recorded_data(SearchScope(included_sources=sources), "MP4", S3)
        assert exports.started[-1].recordings == expected
    made.export_recorded_data(SearchScope((receiver,), (one, three)), "MP4", S3)
    assert exports.started[-1].recordings == ()


@pytest.mark.requirement("REC-5.21-08")
def test_wrong_requests_start_nothing():
    made, exports = device()
    token = made.create_recording(recording())
    scope = SearchScope(included_recordings=(token,))
    for wrong in (
        (scope, "AVI", S3),
        (scope, "", S3),
        (scope, "MP4", StorageReferencePath("nobody")),
        (scope, "MP4", StorageReferencePath("")),
        (SearchScope(included_recordings=("nobody",)), "MP4", S3),
        (SearchScope(recording_information_filter="boolean(//Track)"), "MP4", S3),
    ):
        with pytest.raises(BadConfiguration):
            made.export_recorded_data(*wrong)
    with pytest.raises(BadConfiguration):
        made.export_recorded_data(scope, "MP4", S3, start_point=LATER, end_point=START)
    assert exports.started == []


@pytest.mark.requirement("REC-5.21-01", "REC-5.22-01", "REC-5.23-01")
def test_without_formats_there_is_no_export():
    made, _ = device()
    token = export(made)
    assert made.get_export_recorded_data_state(token).progress == 0.0
    made.stop_export_recorded_data(token)
    plain = service()
    for call in (
        lambda: plain.export_recorded_data(SearchScope(), "MP4", S3),
        lambda: plain.stop_export_recorded_data("x"),
        lambda: plain.get_export_recorded_data_state("x"),
    ):
        with pytest.raises(ActionNotSupported):
            call()


@pytest.mark.requirement("REC-5.21-09", "REC-5.21-10", "REC-5.21-11", "REC-5.21-07", "REC-5.23-02")
def test_progress_is_told_by_events_and_state():
    clock = Clock()
    made, _ = device(clock=clock)
    token = export(made, made.create_recording(recording()))
    made.take_notifications()
    half = (FileProgress("a.mp4", 1.0), FileProgress("late.mp4", 0.25))
    made.device_side.report_export(token, 0.5, half)
    assert made.get_export_recorded_data_state(token) == ExportState(0.5, half)
    (event,) = made.take_notifications()
    assert event.topic == "tns1:Monitoring/AsynchronousOperationStatus"
    assert event.source_items() == {
        "Token": token,
        "OperationName": "ExportRecordedData",
        "ServiceName": "Recording",
    }
    assert event.data_items() == {"Progress": 0.5, "FileProgressStatus": half}
    made.device_side.report_export(token, 1.0, half, finished=True, error="one file is missing")
    told = made.take_notifications()
    assert topics(told) == ["AsynchronousOperationStatus:Changed", "AsynchronousOperationStatus:Deleted"]
    assert told[0].data_items()["Error"] == "one file is missing"
    assert made.get_export_recorded_data_state(token).progress == 1.0
    for wrong in ((token, 1.0), ("nobody", 0.5)):
        with pytest.raises(StateError):
            made.device_side.report_export(*wrong)
    other = export(made)
    for values in ((1.5, ()), (-0.1, ()), (float("nan"), ()), (0.5, (FileProgress("a", 2.0),))):
        with pytest.raises(StateError):
            made.device_side.report_export(other, *values)


@pytest.mark.requirement("REC-5.22-02", "REC-5.22-03", "REC-5.22-04", "REC-5.23-03")
def test_stop_answers_with_the_progress_and_ends_the_operation():
    made, exports = device()
    token = export(made)
    files = (FileProgress("a.mp4", 0.5),)
    made.device_side.report_export(token, 0.25, files)
    made.take_notifications()
    assert made.stop_export_recorded_data(token) == ExportState(0.25, files)
    assert exports.stopped == [token]
    assert topics(made.take_notifications()) == ["AsynchronousOperationStatus:Deleted"]
    for wrong in (token, "nobody", ""):
        for call in (made.stop_export_recorded_data, made.get_export_recorded_data_state):
            with pytest.raises(BadConfiguration):
                call(wrong)


def test_finished_exports_are_forgotten_in_time():
    made, _ = device(limits=ServiceLimits(finished_exports=2))
    tokens = [export(made) for _ in range(4)]
    for token in tokens:
        made.device_side.report_export(token, 1.0, finished=True)
    with pytest.raises(BadConfiguration):
        made.get_export_recorded_data_state(tokens[1])
    assert made.get_export_recorded_data_state(tokens[2]).progress == 1.0
    made.take_notifications()
    made.stop_export_recorded_data(tokens[2])
    assert made.take_notifications() == ()


@pytest.mark.requirement("REC-5.21-12")
@pytest.mark.parametrize("end", ["finish", "stop", "restart"])
def test_a_recording_under_export_is_deleted_when_the_export_ends(end):
    clock, data, persistence = Clock(), Data(), MemoryPersistence()
    made, _ = device(clock=clock, local_data=data, persistence=persistence)
    token, other = made.create_recording(recording()), made.create_recording(recording())
    made.create_recording_job(job(token))
    first, second = export(made, token), export(made)
    made.delete_recording(token)
    made.delete_recording(token)
    assert [item.recording_token for item in made.get_recordings()] == [token, other]
    made.take_notifications()
    if end == "finish":
        made.device_side.report_export(first, 1.0, finished=True)
        assert len(made.get_recordings()) == 2  # the second one reads it still
        made.device_side.report_export(second, 1.0, finished=True)
    elif end == "stop":
        made.stop_export_recorded_data(second)
        made.stop_export_recorded_data(first)
    else:
        made, _ = device(clock=clock, local_data=data, persistence=persistence)
    assert [item.recording_token for item in made.get_recordings()] == [other]
    assert made.get_recording_jobs() == ()
    if end != "restart":
        assert "DeleteRecording" in topics(made.take_notifications())


def test_a_deleted_recording_takes_no_new_export():
    made, exports = device()
    gone, kept = made.create_recording(recording()), made.create_recording(recording())
    first = export(made, gone)
    made.delete_recording(gone)
    with pytest.raises(BadConfiguration):
        export(made, gone)
    export(made)
    assert exports.started[-1].recordings == (kept,)
    made.device_side.report_export(first, 1.0, finished=True)
    assert [item.recording_token for item in made.get_recordings()] == [kept]


def test_files_stay_known_when_a_report_names_none():
    made, _ = device()
    token = export(made)
    made.device_side.report_export(token, 0.5)
    assert made.stop_export_recorded_data(token) == ExportState(
        0.5, (FileProgress("a.mp4", 0.0), FileProgress("b.mp4", 0.0))
    )
    other = export(made)
    for wrong in ("0.5", None, True):
        with pytest.raises(StateError):
            made.device_side.report_export(other, wrong)


@pytest.mark.parametrize("path", ["../x", "a/../../b", "..", "./a", "a\tb", "a" * 600, "é" * 300])
def test_paths_that_lead_elsewhere_are_refused(path):
    made, exports = device()
    with pytest.raises(BadConfiguration):
        made.export_recorded_data(SearchScope(), "MP4", StorageReferencePath("s3", path))
    assert exports.started == []
    made.export_recorded_data(SearchScope(), "MP4", StorageReferencePath("s3", "/a/b..c/"))
