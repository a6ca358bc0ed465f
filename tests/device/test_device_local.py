"""Data that the device keeps itself, and exports. 5.3.1, 5.10, 5.21 to 5.23, 5.26.3."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
from device_kit import (
    AV,
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
    until,
)

from onvif_bmff.control import (
    PROFILE_26_06,
    AsynchronousOperationStatus,
    BadConfiguration,
    Capabilities,
    DeleteTrackData,
    MemoryPersistence,
    RecordingConfiguration,
    RecordingEncryption,
    SearchScope,
    StorageReferencePath,
    TrackConfiguration,
)
from onvif_bmff.control.environment import ExportOperation
from onvif_bmff.device.exports import ExportPart, MovieExporter
from onvif_bmff.ingest import Mp4Input
from onvif_bmff.media.track import Sample
from onvif_bmff.playback import Timeline
from onvif_bmff.storage import DirectoryStore
from onvif_bmff.storage.memory import MemoryStore
from onvif_bmff.testing.recordings import START, recorded_objects

SECOND = timedelta(seconds=1)
EXTENSIONS = ("m4v", "m4a")
KID = "0123abcd-0000-4000-8000-0000000000ff"


def deletions(service, token):
    return [n for n in service.take_notifications() if isinstance(n, DeleteTrackData) and n.recording_token == token]


@pytest.mark.requirement("REC-5.3.1-04", "REC-5.26.3-01", "REC-5.10-02")
def test_local_data_is_kept_as_long_as_asked_and_deletions_are_told():
    local, bucket = MemoryStore(), MemoryStore()
    with fast_device({"s3": bucket}, local=local, speed=60.0) as device:
        service = device.service
        token = service.create_recording(RecordingConfiguration(maximum_retention_time=60 * SECOND))
        service.create_recording_job(job(token))
        outside = service.create_recording(replace(configuration(), maximum_retention_time=20 * SECOND))
        service.create_recording_job(job(outside))
        until(lambda: len(sealed(local, f"{token}/VIDEO001/")) >= 2)
        first = sealed(local, f"{token}/VIDEO001/")[0]
        until(lambda: first not in list(local.keys()))
        told = until(lambda: deletions(service, token))
        deleted = [n for n in told if n.track_token == "VIDEO001"]
        assert deleted
        assert all(n.end_time <= service._runner.clock() - 60 * SECOND for n in deleted)
        assert all(n.start_time < n.end_time for n in deleted)
        kept = sealed(bucket)
        assert faults(bucket) == []
        service.delete_track(token, "AUDIO001")
        until(lambda: not list(local.keys(f"{token}/AUDIO001/")))
        assert {n.track_token for n in until(lambda: deletions(service, token))} <= {"AUDIO001", "VIDEO001"}
        assert not deletions(service, outside), "objects outside are not the device's to delete"
        assert set(kept) <= set(bucket.keys())
        service.delete_recording(token)
        until(lambda: not list(local.keys(f"{token}/")))
    assert faults(bucket) == []


def test_local_recordings_follow_the_rules_of_objects():
    local = MemoryStore()
    with fast_device({}, local=local) as device:
        token = device.service.create_recording(RecordingConfiguration())
        device.service.create_recording_job(job(token))
        until(lambda: len(list(local.keys(f"{token}/VIDEO001/"))) >= 0 and device.worker(token, track="VIDEO001"))
        until(lambda: device.worker(token, track="VIDEO001").fragments >= 4)
    assert faults(local) == []
    assert len(spans(local, "m4v", prefix=f"{token}/VIDEO001")) == 1
    assert len(spans(local, "m4a", prefix=f"{token}/AUDIO001")) == 1


@pytest.mark.parametrize("strategy", ["Local", "Both", "External"])
def test_strategies_of_release_26_06_say_where_data_go(strategy):
    local, bucket = MemoryStore(), MemoryStore()
    offered = Capabilities(segment_export=True)
    with fast_device({"s3": bucket}, local=local, capabilities=offered, profile=PROFILE_26_06) as device:
        record(device.service, storage_strategy=strategy)
        if strategy != "External":
            until(lambda: sealed(local))
        if strategy != "Local":
            until(lambda: sealed(bucket))
    assert bool(sealed(local)) is (strategy != "External")
    assert bool(sealed(bucket)) is (strategy != "Local")
    assert faults(bucket) == faults(local) == []


def statuses(service):
    return [n for n in service.take_notifications() if isinstance(n, AsynchronousOperationStatus)]


def played(store, name):
    return sum(isinstance(item, Sample) for item in Mp4Input(store.get(name)).samples())


@pytest.mark.requirement("REC-5.21-04", "REC-5.21-09", "REC-5.21-10", "REC-5.21-11", "REC-5.23-01")
@pytest.mark.parametrize("place", ["external", "encrypted", "local"])
def test_an_export_is_a_file_in_a_storage_and_tells_its_progress(place):
    bucket, local, out = MemoryStore(), MemoryStore(), MemoryStore()
    with fast_device({"s3": bucket, "usb": out}, local=local) as device:
        service = device.service
        if place == "local":
            token = service.create_recording(RecordingConfiguration())
            service.create_recording_job(job(token))
            until(lambda: device.worker(token, track="VIDEO001"))
            until(lambda: device.worker(token, track="VIDEO001").fragments >= 4)
            service.set_recording_job_mode(service.get_recording_jobs()[0].job_token, "Idle")
            until(lambda: sealed(local, f"{token}/VIDEO001"))
        else:
            more = {"encryption": (RecordingEncryption("CENC", KID, bytes(16)),)} if place == "encrypted" else {}
            token, _ = record(service, **more)
            until(lambda: len(sealed(bucket)) >= 6)
        service.take_notifications()
        answer = service.export_recorded_data(
            SearchScope(included_recordings=(token,)), "MP4", StorageReferencePath("usb", "case/7")
        )
        assert answer.file_names == (f"case/7/{token}.mp4",)
        told = []
        until(lambda: told.extend(statuses(service)) or (told and str(told[-1].operation) == "Deleted"))
        assert service.get_export_recorded_data_state(answer.operation_token).progress == 1.0
    assert [n.error for n in told if n.error] == []
    values = [n.progress for n in told]
    assert values == sorted(values)
    assert values[-1] == 1.0
    assert list(out.keys()) == [f"case/7/{token}.mp4"]
    assert played(out, f"case/7/{token}.mp4") > 50
    store = local if place == "local" else bucket
    times = {}
    movie = Mp4Input(out.get(f"case/7/{token}.mp4"))
    for item in movie.samples():
        track = next(t for t in movie.tracks if t.track_id == item.track_id)
        at = (item.decode_time + item.composition_offset) / track.timescale * SECOND
        times[track.type.value] = min(times.get(track.type.value, at), at)
    assert set(times) == {"Video", "Audio"}
    stored = {
        extension: min(span.start for span in Timeline.from_store(store).of(extension)) for extension in EXTENSIONS
    }
    assert abs((times["Audio"] - times["Video"]) - (stored["m4a"] - stored["m4v"])) <= timedelta(milliseconds=2)


@pytest.mark.requirement("REC-5.21-04")
def test_all_tracks_of_a_local_recording_are_exported_two_of_a_type_side_by_side():
    local, out = MemoryStore(), MemoryStore()
    with fast_device({"usb": out}, local=local) as device:
        service = device.service
        token = service.create_recording(RecordingConfiguration())
        second = service.create_track(token, TrackConfiguration("Video"))
        service.create_recording_job(job(token, profile_source(*AV), profile_source(second, token="other")))
        tracks = (*AV, second)
        until(lambda: all(device.worker(token, track=track) for track in tracks))
        until(lambda: all(device.worker(token, track=track).fragments >= 4 for track in tracks))
        service.set_recording_job_mode(service.get_recording_jobs()[0].job_token, "Idle")
        until(lambda: len(ended(local)) == 3)
        start = max(span.start for span in Timeline.from_store(local).spans) + SECOND
        for number, since in enumerate((None, start)):
            name = service.export_recorded_data(
                SearchScope(included_recordings=(token,)),
                "MP4",
                StorageReferencePath("usb", str(number)),
                start_point=since,
            ).file_names[0]
            until(lambda name=name: name in list(out.keys()))
            movie = Mp4Input(out.get(name))
            assert [track.type.value for track in movie.tracks] == ["Video", "Video", "Audio"]
            counts = Counter(item.track_id for item in movie.samples())
            if since is None:
                stored = [
                    sum(sample_count(local, key) for key in sealed(local, f"{token}/{track}/"))
                    for track in (AV[0], second, AV[1])
                ]
                assert [counts[track.track_id] for track in movie.tracks] == stored
            else:
                assert min(counts[track.track_id] for track in movie.tracks) > 10


class OtherError(Exception):
    """Not one of ours."""


class OddStore(MemoryStore):
    def open_writer(self, key, **more):
        raise OtherError("no such bucket")


def test_an_export_into_a_store_with_errors_of_its_own_ends():
    bucket = MemoryStore()
    with fast_device({"s3": bucket, "odd": OddStore()}) as device:
        service = device.service
        token, _ = record(service)
        until(lambda: len(sealed(bucket)) >= 4)
        service.export_recorded_data(SearchScope(included_recordings=(token,)), "MP4", StorageReferencePath("odd"))
        told = []
        until(lambda: told.extend(statuses(service)) or (told and str(told[-1].operation) == "Deleted"))
        assert "no such bucket" in told[-1].error


def test_what_an_export_left_behind_is_cleared_after_a_restart(tmp_path):
    folder, persistence = tmp_path / "usb", MemoryPersistence()
    with fast_device({"s3": MemoryStore(), "usb": DirectoryStore(folder)}, persistence=persistence) as device:
        token, _ = record(device.service)
    for name, kind in ((f"case/{token}.mp4", "video/mp4"), (f"{token}.mp4", "text/plain"), ("other.mp4", "video/mp4")):
        killed = DirectoryStore(folder).open_writer(name, content_type=kind)
        killed.append(b"what was written until the power failed")
        killed._file.file.close()
    store = DirectoryStore(folder)
    assert len(store.unsealed()) == 3
    with fast_device({"s3": MemoryStore(), "usb": store}, persistence=persistence) as device:
        assert device.wait_recovered(60)
    assert {item.key for item in store.unsealed()} == {f"{token}.mp4", "other.mp4"}, "what is not ours stays"


def test_an_export_that_fails_says_so_and_one_that_is_stopped_leaves_nothing():
    bucket, out = MemoryStore(), MemoryStore()
    with fast_device({"s3": bucket, "usb": out}) as device:
        service = device.service
        token, _ = record(service)
        until(lambda: len(sealed(bucket)) >= 4)
        name = sealed(bucket)[0]
        bucket._objects[name].buffers[:] = [b"\0\0\0\x08free"]
        service.take_notifications()
        place = StorageReferencePath("usb")
        answer = service.export_recorded_data(SearchScope(included_recordings=(token,)), "MP4", place)
        told = []
        until(lambda: told.extend(statuses(service)) or (told and str(told[-1].operation) == "Deleted"))
        assert any(n.error for n in told)
        stopped = service.export_recorded_data(SearchScope(included_recordings=(token,)), "MP4", place)
        service.stop_export_recorded_data(stopped.operation_token)
        with pytest.raises(BadConfiguration):
            service.get_export_recorded_data_state(stopped.operation_token)
        assert answer.operation_token != stopped.operation_token


@pytest.mark.parametrize("broken", ["damaged", "gone"])
def test_an_export_has_all_that_is_whole_and_names_what_is_not(broken):
    bucket, out = MemoryStore(), MemoryStore()
    with fast_device({"s3": bucket, "usb": out}) as device:
        service = device.service
        token, job_token = record(service)
        until(lambda: len(sealed(bucket)) >= 6)
        service.set_recording_job_mode(job_token, "Idle")
        until(lambda: len(ended(bucket)) == 2)
        key = sorted(name for name in sealed(bucket) if name.endswith(".m4v"))[1]
        whole = sum(sample_count(bucket, name) for name in sealed(bucket) if name != key)
        info, body = bucket.head(key), bucket.get(key)
        bucket.delete(key)
        if broken == "damaged":
            with_faults = bucket.open_writer(key, content_type=info.content_type)
            with_faults.append(b"\0" * 16 + body[16:])
            with_faults.seal(info.attributes)
        service.take_notifications()
        service.export_recorded_data(
            SearchScope(included_recordings=(token,)), "MP4", StorageReferencePath("usb", "case")
        )
        told = []
        until(lambda: told.extend(statuses(service)) or (told and str(told[-1].operation) == "Deleted"))
    (error,) = {n.error for n in told if n.error}
    assert "not whole" in error
    assert key in error if broken == "damaged" else "Z.1.m4v" in error
    movie = Mp4Input(out.get(f"case/{token}.mp4"))
    assert len(list(movie.samples())) == whole


@pytest.mark.requirement("REC-5.3.1-04")
@pytest.mark.parametrize(("limit", "begins"), [(-1.0, 0), (1.5, 3), (3.0, 3), (4.5, 6), (9.5, None)])
@pytest.mark.parametrize("kinds", [("vide", "soun"), ("vide",), ("soun",)])
def test_a_file_has_nothing_that_is_too_old(limit, begins, kinds):
    """With a limit in a segment it begins with the next one, and not with the sync sample before the limit."""
    store, out, told = MemoryStore(), MemoryStore(), []
    for item in recorded_objects(segments=4, seconds=3, tracks=kinds):
        store.put(item)
    part = ExportPart(store, (("site-2", "camera-5"),), since=START + limit * SECOND)
    exporter = MovieExporter({"s3": out}, lambda token: part, lambda *how, **more: told.append(more))
    exporter.start(ExportOperation("export", ("camera",), "MP4", StorageReferencePath("s3")))
    until(lambda: any(one.get("finished") for one in told))
    exporter.close(10)
    assert [one["error"] for one in told if one.get("error")] == []
    assert list(out.keys()) == ([] if begins is None else ["camera.mp4"])
    if begins is not None:
        movie = Mp4Input(out.get("camera.mp4"))
        for track in movie.tracks:
            lasts = sum(one.duration for one in movie.samples() if one.track_id == track.track_id) / track.timescale
            assert lasts == pytest.approx(12 - begins, abs=0.3)  # two frames of sound
