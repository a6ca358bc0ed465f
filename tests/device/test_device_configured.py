"""A device of a configuration file: what its audit log says."""

from datetime import timedelta

from device_kit import CAMERA

from onvif_bmff.configuration import judge, sample_file
from onvif_bmff.device.configured import ConfiguredDevice


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
