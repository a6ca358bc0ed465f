"""A device is started once: two of its loops would record the same twice, and one that is closed nothing."""

import pytest

from onvif_bmff.device import FileSources, RecordingDevice
from onvif_bmff.errors import StateError
from onvif_bmff.storage import MemoryStore


def test_a_second_start_is_refused_and_the_first_one_goes_on():
    with RecordingDevice({"bucket": MemoryStore()}, sources=FileSources()) as device:
        with pytest.raises(StateError, match="started once"):
            device.start()
        assert device.wait_recovered(60)


def test_a_device_that_is_closed_is_not_started():
    device = RecordingDevice({"bucket": MemoryStore()}, sources=FileSources())
    assert device.close()
    with pytest.raises(StateError, match="started once"):
        device.start()
