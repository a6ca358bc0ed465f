"""Recorded segments: the three operations that release 26.06 adds."""

from datetime import timedelta

import pytest
from control_kit import START, Clock, Exports, recording, resources, service, target, topics

from onvif_bmff.control import (
    OPERATIONS,
    OPERATIONS_26_06,
    PROFILE_25_12,
    PROFILE_26_06,
    ActionNotSupported,
    BadConfiguration,
    BadDuration,
    Capabilities,
    DateTimeRange,
    FileProgress,
    InvalidStorage,
    NoOperation,
    NoRecording,
    NoStorage,
    PropertyOperation,
    RecordedSegmentItem,
    RecordingService,
    SearchScope,
    SegmentListResult,
    ServiceLimits,
    StorageReferencePath,
    TimeRange,
)
from onvif_bmff.control.operations.segments import cut_listing
from onvif_bmff.errors import StateError

LONG = DateTimeRange(START, START + timedelta(hours=1))


def at(seconds):
    return START + timedelta(seconds=seconds)


def segment(start, end, media_type="video/mp4"):
    return RecordedSegmentItem(at(start), at(end), media_type)


class Segments:
    """Segments in memory, and an uploader that only remembers what it was asked to do."""

    def __init__(self, *held):
        self.held = held
        self.asked = []
        self.started = []
        self.stopped = []

    def segments(self, recording_token, time):
        self.asked.append((recording_token, time))
        yield from self.held

    def start(self, operation):
        self.started.append(operation)

    def stop(self, operation_token):
        self.stopped.append(operation_token)


def device(*held, **kwargs):
    segments = Segments(*held)
    kwargs = {"profile": PROFILE_26_06, "capabilities": Capabilities(segment_export=True)} | kwargs
    kwargs = {"segments": segments, "segment_exporter": segments} | kwargs
    made = service(resources=resources(storages={"s3", "other"}), **kwargs)
    token = made.create_recording(recording(target(format="CMAF", storage_strategy="Both")))
    made.take_notifications()
    return made, token, segments


def test_the_table_has_the_22_and_these_three():
    added = {name: found for name, found in OPERATIONS_26_06.items() if name not in OPERATIONS}
    assert len(OPERATIONS) == 22
    assert OPERATIONS.items() <= OPERATIONS_26_06.items()
    shared = {"BadDuration", "BadConfiguration", "NotImplemented"}
    assert {name: {f.subcodes[1] for f in found.faults} for name, found in added.items()} == {
        "ListRecordedSegments": {"NoRecording", "NoStorage"} | shared,
        "ExportRecordedSegments": {
            "NoRecording",
            "InvalidStorage",
            "BadDuration",
            "BadConfiguration",
            "NotImplemented",
        },
        "StopExportRecordedSegments": {"NoOperation", "NotImplemented"},
    }
    for found in added.values():
        assert found.access_class == "READ_MEDIA"
        text = getattr(RecordingService, found.method).__doc__
        assert all(f"`{fault.__name__}`" in text for fault in found.faults)


@pytest.mark.parametrize(
    "without",
    [
        {"profile": PROFILE_25_12},
        {"capabilities": Capabilities()},
    ],
)
def test_they_are_refused_where_they_are_not_offered(without):
    made = service(**{"profile": PROFILE_26_06, "capabilities": Capabilities(segment_export=True)} | {
        "segments": Segments(), "segment_exporter": Segments(),
    } | without)  # fmt: skip
    token = made.create_recording(recording())
    for call in (
        lambda: made.list_recorded_segments(LONG, token),
        lambda: made.export_recorded_segments(LONG, token, storage_token="s3"),
        lambda: made.stop_export_recorded_segments("x"),
    ):
        with pytest.raises(ActionNotSupported):
            call()


# ---- list ----------------------------------------------------------------------------------------------


def test_segments_that_share_an_instant_with_the_time_are_listed():
    held = [segment(n * 10, n * 10 + 10) for n in range(5)]
    made, token, segments = device(*held)
    wanted = DateTimeRange(at(10), at(25))
    assert made.list_recorded_segments(wanted, token) == SegmentListResult(tuple(held[1:3]), False)
    assert segments.asked == [(token, TimeRange(at(10), at(25)))]
    assert made.list_recorded_segments(DateTimeRange(at(15), at(15)), token).segment == (held[1],)
    local = made.create_recording(recording())
    assert len(made.list_recorded_segments(LONG, local).segment) == 5


def test_a_client_that_goes_on_from_the_last_end_gets_everything():
    video = [segment(n * 10, n * 10 + 10) for n in range(12)]
    audio = [segment(0, 9.5, "audio/mp4")] + [segment(n * 10 - 0.5, n * 10 + 9.5, "audio/mp4") for n in range(1, 12)]
    held = sorted(video + audio, key=lambda s: (s.start_time, s.end_time))
    for most in (2, 3, 4, 5, 100):
        made, token, _ = device(*held)
        found, start = [], START
        for _ in range(100):
            answer = made.list_recorded_segments(DateTimeRange(start, at(1000)), token, most)
            assert 0 < len(answer.segment) <= most
            found += answer.segment
            if not answer.has_more_results:
                break
            start = answer.segment[-1].end_time
        assert set(found) == set(held)
        assert not answer.has_more_results


def test_a_cut_without_a_good_place_still_keeps_to_the_number():
    held = [segment(0, 10), segment(1, 9), segment(2, 8)]
    wanted = TimeRange(at(0), at(20))
    assert cut_listing(held, wanted, 1) == SegmentListResult((held[0],), True)
    assert cut_listing(held, wanted, 3) == SegmentListResult(tuple(held), False)
    assert cut_listing([], wanted, 3) == SegmentListResult((), False)


def test_the_device_limits_answers_and_takes_no_more_than_it_needs():
    made, token, segments = device(limits=ServiceLimits(listed_segments=3))
    taken = []

    def endless():
        for number in range(10**9):
            taken.append(number)
            yield segment(number, number + 1)

    segments.held = endless()
    answer = made.list_recorded_segments(LONG, token)
    assert (len(answer.segment), answer.has_more_results) == (3, True)
    assert len(taken) <= 5


def test_what_is_too_old_is_neither_listed_nor_exported():
    clock = Clock()
    made, _, segments = device(segment(0, 10), segment(10, 20), clock=clock)
    kept = recording(target(storage_strategy="Local"), maximum_retention_time=timedelta(seconds=15))
    token = made.create_recording(kept)
    clock.forward(seconds=30)
    assert made.list_recorded_segments(LONG, token).segment == (), "what is whole holds data that is too old"
    made.export_recorded_segments(LONG, token)
    assert (segments.started[0].time, segments.started[0].since) == (TimeRange(at(15), LONG.until), at(15))


def test_wrong_questions_are_refused():
    made, token, segments = device(segment(0, 10))
    external = made.create_recording(recording(target(prefix="external")))
    for fault, *wrong in (
        (NoRecording, LONG, "nobody"),
        (NoStorage, LONG, external),
        (BadDuration, DateTimeRange(at(1), at(0)), token),
        (BadConfiguration, LONG, token, 0),
        (BadConfiguration, LONG, token, -1),
    ):
        with pytest.raises(fault):
            made.list_recorded_segments(*wrong)
    assert segments.asked == []


# ---- export --------------------------------------------------------------------------------------------


def test_every_uploaded_segment_is_one_event_and_the_end_another():
    made, token, segments = device()
    operation = made.export_recorded_segments(LONG, token, alias="case 7", track="Video")
    (begun,) = segments.started
    assert (begun.token, begun.recording, begun.storage_token) == (operation, token, "s3")
    assert (begun.time, begun.track, begun.alias) == (TimeRange(LONG.from_, LONG.until), "Video", "case 7")
    assert made.current_properties()[-1].token == operation
    made.device_side.report_segment(operation, "https://s3/bucket/a.m4v", 0.5)
    made.device_side.report_segment(operation, "https://s3/bucket/b.m4v", 1.0)
    made.device_side.report_segments_done(operation)
    told = made.take_notifications()
    assert [n.operation for n in told] == [
        PropertyOperation.INITIALIZED, PropertyOperation.CHANGED, PropertyOperation.CHANGED, PropertyOperation.DELETED,
    ]  # fmt: skip
    source = {"Token": operation, "OperationName": "ExportRecordedSegments", "ServiceName": "Recording"}
    assert all(n.source_items() == source for n in told)
    assert [n.data_items() for n in told] == [
        {"Progress": 0.0, "Alias": "case 7"},
        {"Progress": 0.5, "FileProgressStatus": (FileProgress("https://s3/bucket/a.m4v", 1.0),), "Alias": "case 7"},
        {"Progress": 1.0, "FileProgressStatus": (FileProgress("https://s3/bucket/b.m4v", 1.0),), "Alias": "case 7"},
        {"Progress": 1.0, "Alias": "case 7"},
    ]
    assert made.current_properties() == ()
    for call in (
        lambda: made.device_side.report_segment(operation, "x", 1.0),
        lambda: made.device_side.report_segments_done(operation),
    ):
        with pytest.raises(StateError):
            call()


def test_a_failed_export_says_why_and_a_wrong_report_is_refused():
    made, token, _ = device()
    operation = made.export_recorded_segments(LONG, token)
    for wrong in (("", 0.5), ("x", 1.5), ("x", float("nan")), ("x", "1"), ("x", None)):
        with pytest.raises(StateError):
            made.device_side.report_segment(operation, *wrong)
    made.device_side.report_segments_done(operation, "the bucket is gone")
    last = made.take_notifications()[-1]
    assert last.data_items() == {"Progress": 0.0, "Error": "the bucket is gone"}


def test_stop_ends_the_operation():
    made, token, segments = device()
    operation = made.export_recorded_segments(LONG, token)
    made.stop_export_recorded_segments(operation)
    assert segments.stopped == [operation]
    assert topics(made.take_notifications())[-1] == "AsynchronousOperationStatus:Deleted"
    for wrong in (operation, "nobody", ""):
        with pytest.raises(NoOperation) as caught:
            made.stop_export_recorded_segments(wrong)
        assert (caught.value.code, caught.value.subcodes) == ("Sender", ("InvalidArgVal", "NoOperation"))


def test_storages_and_tracks_are_chosen():
    made, cmaf, segments = device()
    movie = made.create_recording(recording(target(storage_strategy="Local")))
    local = made.create_recording(recording())
    made.export_recorded_segments(LONG, cmaf, storage_token="other")
    made.export_recorded_segments(LONG, movie, track="Audio")
    made.export_recorded_segments(LONG, local, storage_token="other", track="Audio")
    chosen = [(o.recording, o.storage_token, o.track) for o in segments.started]
    assert chosen == [(cmaf, "other", None), (movie, "s3", None), (local, "other", "Audio")]


def test_wrong_exports_start_nothing():
    made, token, segments = device()
    external, local = made.create_recording(recording(target(prefix="external"))), made.create_recording(recording())
    made.take_notifications()
    for fault, time, recording_token, more in (
        (NoRecording, LONG, "nobody", {}),
        (BadDuration, DateTimeRange(at(1), at(0)), token, {}),
        (BadDuration, DateTimeRange(at(1), at(1)), token, {}),
        (BadConfiguration, LONG, token, {"track": "Extended"}),
        (BadConfiguration, LONG, token, {"alias": "\x00"}),
        (InvalidStorage, LONG, token, {"storage_token": "nobody"}),
        (InvalidStorage, LONG, token, {"storage_token": ""}),
        (InvalidStorage, LONG, external, {}),
        (InvalidStorage, LONG, local, {}),
    ):
        with pytest.raises(fault):
            made.export_recorded_segments(time, recording_token, **more)
    assert segments.started == []
    assert made.take_notifications() == ()


def test_the_two_kinds_of_export_do_not_mix_and_both_hold_a_deleted_recording():
    offered = Capabilities(segment_export=True, supported_export_file_formats=("MP4",))
    made, token, _ = device(capabilities=offered, exporter=Exports())
    data = made.export_recorded_data(SearchScope(), "MP4", StorageReferencePath("s3")).operation_token
    parts = made.export_recorded_segments(LONG, token)
    with pytest.raises(NoOperation):
        made.stop_export_recorded_segments(data)
    with pytest.raises(BadConfiguration):
        made.stop_export_recorded_data(parts)
    made.delete_recording(token)
    made.device_side.report_export(data, 1.0, finished=True)
    assert len(made.get_recordings()) == 1
    with pytest.raises(NoRecording):
        made.export_recorded_segments(LONG, token)
    made.device_side.report_segments_done(parts)
    assert made.get_recordings() == ()
