"""A job that is Idle for less time than a picture is decoded before it is shown, in simulated time."""

from itertools import pairwise

import pytest
from device_kit import CAMERA, faults, record, spans

from onvif_bmff.device import FileSources, RecordingDevice
from onvif_bmff.storage.memory import MemoryStore
from onvif_bmff.timing import UtcTime
from tests.simulate.runtime import Process, SimulatedRuntime, Simulation

START = UtcTime.parse("2026-03-01T10:00:00Z")


@pytest.mark.parametrize("kind", ["CMAF", "MP4"])
def test_a_span_does_not_begin_before_the_last_picture_of_the_one_before_is_over(kind):
    """Pictures of the clip are shown 80 ms after they are decoded, and the source is opened anew."""
    simulation, store = Simulation(1), MemoryStore()
    runtime = SimulatedRuntime(simulation, Process("device"), lambda at: START.plus_microseconds(int(at * 1e6)))
    device = RecordingDevice({"s3": store}, sources=FileSources({"cam": CAMERA}, runtime=runtime), runtime=runtime)
    with device:
        _, job = record(device.service, kind=kind)
        for idle in (0.0, 0.3, 0.001, 0.05, 0.3, 0.02, 0.01, 0.3, 0.07, 0.3, 0.0, 0.03, 0.3):
            simulation.sleep(2.53)
            device.service.set_recording_job_mode(job, "Idle")
            simulation.sleep(idle)
            device.service.set_recording_job_mode(job, "Active")
        simulation.sleep(2.5)
    found = spans(store, "m4v" if kind == "CMAF" else "mp4")
    assert len(found) >= 12
    assert [other.start - one.end for one, other in pairwise(found) if one.end > other.start] == []
    assert found[-1].start >= START
    assert faults(store) == []
