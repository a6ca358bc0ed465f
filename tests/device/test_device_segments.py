"""ListRecordedSegments, ExportRecordedSegments and StopExportRecordedSegments of 26.06 on a whole device."""

from datetime import timedelta
from itertools import pairwise

import pytest
from device_kit import (
    WeakStore,
    configuration,
    ended,
    fast_device,
    faults,
    job,
    profile_source,
    record,
    sample_count,
    sealed,
    spans,
    state,
    until,
)

from onvif_bmff.control import (
    PROFILE_25_12,
    PROFILE_26_06,
    ActionNotSupported,
    AsynchronousOperationStatus,
    BadConfiguration,
    Capabilities,
    DateTimeRange,
    InvalidStorage,
    NoStorage,
    RecordingConfiguration,
    RecordingEncryption,
)
from onvif_bmff.errors import StoreError
from onvif_bmff.storage.held import Room
from onvif_bmff.storage.memory import MemoryStore
from onvif_bmff.timing import UtcTime

SECOND = timedelta(seconds=1)
ALWAYS = DateTimeRange(UtcTime.parse("2000-01-01T00:00:00Z"), UtcTime.parse("2100-01-01T00:00:00Z"))
KID = "0123abcd-0000-4000-8000-0000000000ff"


def device(bucket, local, **more):
    return fast_device(
        {"s3": bucket, "other": more.pop("other", MemoryStore())}, local=local, profile=PROFILE_26_06, **more
    )


def statuses(service):
    return [n for n in service.take_notifications() if isinstance(n, AsynchronousOperationStatus)]


def export(made, token, **more):
    """Export segments; all events of the export, once it is over."""
    made.service.take_notifications()
    operation = made.service.export_recorded_segments(more.pop("time", ALWAYS), token, **more)
    told = []
    until(lambda: told.extend(statuses(made.service)) or (told and str(told[-1].operation) == "Deleted"))
    assert {one.token for one in told} == {operation}
    return told


def stop(made, local, *places):
    """Stop recording, and wait for the ends of the spans."""
    for one in made.service.get_recording_jobs():
        made.service.set_recording_job_mode(one.job_token, "Idle")
    for place in places:
        until(lambda place=place: ended(local, place))


def test_a_device_offers_what_it_can_do_and_no_more():
    def offered(**more):
        made = fast_device({"s3": MemoryStore()}, **more)
        offers = made.service.get_service_capabilities().segment_export
        made.close()
        return offers

    assert offered(local=MemoryStore(), profile=PROFILE_26_06)
    assert not offered(local=MemoryStore(), profile=PROFILE_25_12)
    assert not offered(profile=PROFILE_26_06)
    with pytest.raises(BadConfiguration, match="segment export is offered"):
        fast_device({"s3": MemoryStore()}, profile=PROFILE_26_06, capabilities=Capabilities(segment_export=True))
    with fast_device({"s3": MemoryStore()}, profile=PROFILE_26_06) as made:
        token, _ = record(made.service)
        with pytest.raises(ActionNotSupported):
            made.service.list_recorded_segments(ALWAYS, token)


@pytest.mark.parametrize("kind", ["CMAF", "MP4", "encrypted", "no target"])
def test_local_segments_are_listed_and_exported_whole_in_order_under_their_names(kind):
    bucket, local = MemoryStore(), MemoryStore()
    more = {"storage_strategy": "Local", "kind": "MP4" if kind == "MP4" else "CMAF"}
    if kind == "encrypted":
        more["encryption"] = [RecordingEncryption("CENC", KID, bytes(16))]
    with device(bucket, local) as made:
        given = RecordingConfiguration() if kind == "no target" else configuration("site/cam", postfix="p", **more)
        token = made.service.create_recording(given)
        made.service.create_recording_job(job(token))
        until(lambda: made.worker(token, track="VIDEO001"))
        until(lambda: made.worker(token, track="VIDEO001").progress.fragments >= 4)
        stop(made, local, f"{token}/VIDEO001", f"{token}/AUDIO001")
        listed = made.service.list_recorded_segments(ALWAYS, token).segment
        held = sealed(local)
        assert len(listed) == len(held) >= 2
        assert [one.start_time for one in listed] == sorted(one.start_time for one in listed)
        assert all(one.start_time < one.end_time for one in listed)
        assert {one.media_type.partition('codecs="')[2][:4] for one in listed} == {"avc1", "mp4a"}
        assert made.service.list_recorded_segments(ALWAYS, token).segment == listed, "the list is stable"
        last = listed[-1]
        found = made.service.list_recorded_segments(DateTimeRange(last.start_time, last.end_time), token).segment
        assert last in found
        assert all(one.end_time > last.start_time for one in found)
        if kind == "no target":
            with pytest.raises(InvalidStorage):
                made.service.export_recorded_segments(ALWAYS, token)
        told = export(made, token, storage_token="s3" if kind == "no target" else None, alias="case 7")
        assert [one.error for one in told if one.error] == []
        assert {one.alias for one in told} == {"case 7"}
        names = [one.file_progress_status[0].file_name for one in told[1:-1]]
        assert len(names) == len(held)
        assert told[-1].progress == 1.0
        keys = [name.removeprefix("s3/") for name in names]
        assert sorted(keys) == sorted(sealed(bucket))
        lead = {
            "no target": f"{token}/",
            "MP4": "site/cam/VIDEO001/",
            "CMAF": "site/cam/20",
            "encrypted": "site/cam/20",
        }
        assert sum(key.startswith(lead[kind]) for key in keys) >= 1
        again = export(made, token, storage_token="s3")
        assert len(again) == len(told), "what is there is not written again, and reported all the same"
    assert faults(bucket, keys=None) == []
    for key in sealed(bucket):
        (original,) = [one for one in held if one[-30:].split("/")[-2:] == key.split("/")[-2:] and one[-3:] == key[-3:]]
        assert bucket.get(key) == local.get(original)
        given, kept = dict(bucket.head(key).attributes), dict(local.head(original).attributes)
        whole, own = given.pop("FullContentType"), kept.pop("FullContentType")
        assert given == kept
        together = kind in ("CMAF", "encrypted")  # both tracks in one place, so both are named (B.9)
        assert whole == ('video/mp4; codecs="avc1.64000C,mp4a.40.2"' if together else own)


def test_one_kind_of_track_goes_to_another_storage():
    bucket, local, other = MemoryStore(), MemoryStore(), MemoryStore()
    with device(bucket, local, other=other) as made:
        token, _ = record(made.service, storage_strategy="Local")
        until(lambda: sealed(local, f"{token}/VIDEO001") and sealed(local, f"{token}/AUDIO001"))
        export(made, token, storage_token="other", track="Audio")
        assert {key[-3:] for key in sealed(other)} == {"m4a"}
        assert sealed(bucket) == []
        external, _ = record(made.service, "external")
        with pytest.raises(NoStorage):
            made.service.list_recorded_segments(ALWAYS, external)
        with pytest.raises(InvalidStorage):
            made.service.export_recorded_segments(ALWAYS, external)


def test_with_both_the_local_data_go_on_where_the_storage_fails():
    """The external store is away: the job is in Error and says so, and local data go on."""
    bucket, local = WeakStore(), MemoryStore()
    with device(bucket, local) as made:
        token, held = record(made.service, storage_strategy="Both")
        until(lambda: sealed(bucket) and sealed(local))
        bucket.failing = True
        until(lambda: state(made.service, held) == "Error")
        before = len(sealed(local))
        until(lambda: len(sealed(local)) >= before + 3)
        information = made.service.get_recording_job_state(held)
        errors = [track.error for source in information.sources for track in source.tracks if track.error]
        assert any("storage failed" in error for error in errors), errors
        assert made.service.list_recorded_segments(ALWAYS, token).segment
        bucket.failing = False
        until(lambda: state(made.service, held) == "Active")
    assert faults(local) == faults(bucket) == []


def test_with_both_the_storage_gets_everything_where_the_local_store_fails():
    bucket, local = MemoryStore(), WeakStore()
    with device(bucket, local) as made:
        _, held = record(made.service, storage_strategy="Both")
        until(lambda: sealed(bucket) and sealed(local))
        local.failing = True
        until(lambda: state(made.service, held) == "Error")
        before = len(sealed(bucket))
        until(lambda: len(sealed(bucket)) >= before + 3)
        local.failing = False
        until(lambda: state(made.service, held) == "Active")
    assert faults(local) == faults(bucket) == []


def test_an_export_into_a_storage_that_fails_says_so_and_leaves_nothing_half():
    bucket, local, other = MemoryStore(), MemoryStore(), WeakStore()
    with device(bucket, local, other=other) as made:
        token, _ = record(made.service, storage_strategy="Local")
        until(lambda: sealed(local, f"{token}/VIDEO001"))
        other.failing = True
        told = export(made, token, storage_token="other")
        assert len(told) == 2
        assert told[-1].error
        other.failing = False
        assert list(other.keys()) == []


def test_an_export_that_is_stopped_ends():
    local, bucket = MemoryStore(), MemoryStore()

    class Slow(MemoryStore):
        def open_writer(self, *arguments, **named):
            raise StoreError("not now")

    with device(bucket, local, other=Slow()) as made:
        token, _ = record(made.service, storage_strategy="Local")
        until(lambda: sealed(local, f"{token}/VIDEO001"))
        operation = made.service.export_recorded_segments(ALWAYS, token, storage_token="other")
        made.service.stop_export_recorded_segments(operation)
        assert str(statuses(made.service)[-1].operation) == "Deleted"
        until(lambda: not made._exports.uploader._running)


def holes(store):
    """Seconds between the segments of the video in a place that belong to no other one."""
    found = sorted((one.start, one.end) for span in spans(store) for one in span.segments)
    assert all(end is not None for _, end in found)
    return [(later - end) / SECOND for (_, end), (later, _) in pairwise(found)]


def test_an_upload_into_the_recordings_own_place_fills_a_hole_there_and_nothing_else():
    """With Both: the storage was away for longer than can be held, and the local store has what is missing."""
    bucket, local = WeakStore(), MemoryStore()
    with device(bucket, local, room=Room(60_000, 0)) as made:
        token, _ = record(made.service, storage_strategy="Both")
        until(lambda: len(sealed(bucket)) > 4 and sealed(local))
        bucket.failing = True
        until(lambda: sum(sum(one.dropped.values()) for one in made.health().recordings))
        before = len(sealed(local))
        until(lambda: len(sealed(local)) >= before + 4)
        bucket.failing = False
        behind = len(sealed(bucket))
        until(lambda: len(sealed(bucket)) >= behind + 4)
        stop(made, local, f"{token}/VIDEO001", f"{token}/AUDIO001")
        until(lambda: len(ended(bucket)) >= 4)
        assert max(holes(bucket)) > 2
        there = set(bucket.keys())
        assert [one.error for one in export(made, token, storage_token="s3") if one.error] == []
        added = set(bucket.keys()) - there
        assert added
        assert max(holes(bucket)) < 2.1, "less than a segment, which was stored in part"
        assert min(holes(bucket)) > -0.01
        export(made, token, storage_token="s3")
        assert set(bucket.keys()) == there | added, "once more adds nothing"
    assert faults(bucket) == []
    assert all(span.end is not None for span in (*spans(bucket), *spans(bucket, "m4a")))


def test_an_upload_into_the_recordings_own_place_adds_nothing_where_all_is_there():
    bucket, local = MemoryStore(), MemoryStore()
    with device(bucket, local) as made:
        token, _ = record(made.service, storage_strategy="Both")
        until(lambda: len(sealed(bucket)) > 4 and sealed(local))
        stop(made, local, f"{token}/VIDEO001", f"{token}/AUDIO001")
        until(lambda: len(ended(bucket)) == 2)
        there = list(bucket.keys())
        told = export(made, token, storage_token="s3")
        assert [one.error for one in told if one.error] == []
        assert list(bucket.keys()) == there


def test_what_is_too_old_is_hidden_at_once_and_deleted_whole_later():
    local = MemoryStore()
    with device(MemoryStore(), local) as made:
        token = made.service.create_recording(RecordingConfiguration())
        made.service.create_recording_job(job(token, profile_source("VIDEO001")))
        until(lambda: made.worker(token, track="VIDEO001"))
        until(lambda: made.worker(token, track="VIDEO001").progress.fragments >= 3)
        stop(made, local, f"{token}/VIDEO001")
        held = sealed(local, f"{token}/VIDEO001")
        assert held
        assert made.service.list_recorded_segments(ALWAYS, token).segment
        age = made.service._runner.clock() - made.service.list_recorded_segments(ALWAYS, token).segment[-1].start_time
        made.service.set_recording_configuration(token, RecordingConfiguration(maximum_retention_time=age))
        assert made.service.list_recorded_segments(ALWAYS, token).segment == (), "at once"
        assert sum(sample_count(local, key) for key in held) > 0, "and still there"
        told = export(made, token, storage_token="s3")
        assert [str(one.operation) for one in told] == ["Initialized", "Deleted"]
        until(lambda: sealed(local, f"{token}/VIDEO001") == [])
