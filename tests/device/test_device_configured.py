"""A device of a configuration file: what its audit log says, and what it ends that an earlier start left open."""

from datetime import timedelta

import pytest
from device_kit import CAMERA

from onvif_bmff import Recorder, RecordingTarget, UtcTime
from onvif_bmff.configuration import judge, sample_file
from onvif_bmff.device.configured import ConfiguredDevice
from onvif_bmff.errors import PersistenceError, StoreError
from onvif_bmff.ingest import open_mp4
from onvif_bmff.objects.events import SpanEnded
from onvif_bmff.playback import Timeline
from onvif_bmff.storage import DirectoryStore, StoreSink


def test_the_audit_log_says_what_the_file_changed_and_that_it_was_the_file(tmp_path, caplog):
    """Nothing of what was only tried, and a file that is refused leaves no line of a change."""
    caplog.set_level("INFO", "onvif_bmff.audit")
    text = sample_file(str(CAMERA), "correct horse battery").replace("[[jobs]]", '[[jobs]]\nmode = "Idle"')
    device = ConfiguredDevice(judge(text).configuration, str(tmp_path))
    try:
        device.reload(judge(text.replace('"PT5S"', '"PT7S"')).configuration)
    finally:
        device.close(timedelta(seconds=10))
    assert {record.user for record in caplog.records} == {"the configuration file"}
    first, second = (record.changes for record in caplog.records)
    assert first["recording/front"][0] is None
    assert "job/front-always" in first
    assert second == {"recording/front.configuration.target.segment_duration": ["PT5S", "PT7S"]}


@pytest.mark.parametrize(
    ("old", "new"),
    [('prefix = "site-1"', 'prefix = "elsewhere"'), ('storage = "disk"', 'storage = "other"')],
    ids=["prefix", "storage"],
)
def test_spans_of_a_power_cut_are_ended_where_a_recording_was_before_the_file_changed(tmp_path, old, new):
    text = sample_file(str(CAMERA), "correct horse battery").replace("[[jobs]]", '[[jobs]]\nmode = "Idle"')
    text += '\n[[storages]]\ntoken = "other"\nurl = "other"\n'
    before = ConfiguredDevice(judge(text).configuration, str(tmp_path))
    before.close(timedelta(seconds=10))
    store = DirectoryStore(str(tmp_path / "recorder" / "recordings"))
    with open_mp4(CAMERA) as camera, StoreSink(store) as sink:
        recorder = Recorder(camera.tracks, RecordingTarget(prefix="site-1", postfix="front"))
        recorder.activate(UtcTime.parse("2026-01-02T03:04:05Z"))
        for sample in camera.samples():
            sink.add_all(recorder.push(sample))
        sealed = [event for event in recorder.deactivate() if not isinstance(event, SpanEnded)]
        sink.add_all(sealed)
    assert {span.end for span in Timeline.from_store(store).spans} == {None}
    device = ConfiguredDevice(judge(text.replace(old, new)).configuration, str(tmp_path))
    device.start()
    try:
        assert device.device.wait_recovered(60)
    finally:
        device.close(timedelta(seconds=10))
    spans = Timeline.from_store(store).spans
    assert len(spans) == 2
    assert None not in {span.end for span in spans}


def test_a_storage_that_is_gone_from_the_file_is_named_for_what_may_be_open_there(tmp_path, caplog):
    text = sample_file(str(CAMERA), "correct horse battery").replace("[[jobs]]", '[[jobs]]\nmode = "Idle"')
    ConfiguredDevice(judge(text).configuration, str(tmp_path)).close(timedelta(seconds=10))
    changed = text.replace('token = "disk"', 'token = "other"').replace('storage = "disk"', 'storage = "other"')
    device = ConfiguredDevice(judge(changed).configuration, str(tmp_path))
    device.start()
    try:
        assert device.device.wait_recovered(60)
    finally:
        device.close(timedelta(seconds=10))
    gone = [record.getMessage() for record in caplog.records if record.name == "onvif_bmff.device.recovery"]
    assert gone == [
        "storage disk is gone: spans at site-1…front stay open there, if power failed; 'onvif-bmff recover' ends them"
    ]


def test_a_data_directory_is_for_one_device_at_a_time_and_the_second_one_hears_so_at_once(tmp_path):
    file = judge(sample_file(str(CAMERA), "correct horse battery").replace("[[jobs]]", '[[jobs]]\nmode = "Idle"'))
    first = ConfiguredDevice(file.configuration, str(tmp_path))
    try:
        with pytest.raises(StoreError) as caught:
            ConfiguredDevice(file.configuration, str(tmp_path))
        assert str(caught.value) == f"another device uses this data directory: {tmp_path / 'recorder'}"
    finally:
        assert first.close(timedelta(seconds=10))
    assert ConfiguredDevice(file.configuration, str(tmp_path)).close(timedelta(seconds=10))


def test_a_device_that_does_not_begin_leaves_its_data_directory_to_the_next_one(tmp_path):
    file = judge(sample_file(str(CAMERA), "correct horse battery").replace("[[jobs]]", '[[jobs]]\nmode = "Idle"'))
    (tmp_path / "recorder").mkdir()
    (tmp_path / "recorder" / "device.sqlite").touch(0o600)
    with pytest.raises(PersistenceError, match="empty"):
        ConfiguredDevice(file.configuration, str(tmp_path))
    (tmp_path / "recorder" / "device.sqlite").unlink()
    assert ConfiguredDevice(file.configuration, str(tmp_path)).close(timedelta(seconds=10))
