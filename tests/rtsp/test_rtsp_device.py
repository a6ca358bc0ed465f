"""A device that receives streams: at the camera's time, with the reason in the job's state where it cannot."""

import itertools
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from fractions import Fraction
from pathlib import Path

import pytest
from rtsp_camera import Camera
from support_tools import need_module
from test_rtsp_camera import Pictures, payload, pictures, sound, video

from onvif_bmff.control import (
    ReceiverConfiguration,
    RecordingConfiguration,
    RecordingJobConfiguration,
    RecordingJobSource,
    RecordingJobTrack,
    RecordingTargetConfiguration,
)
from onvif_bmff.device import FileSources, RecordingDevice
from onvif_bmff.playback import SampleReader, Timeline, select
from onvif_bmff.rtsp import AddressPolicy, StreamOptions, StreamSources
from onvif_bmff.runtime import utc_now
from onvif_bmff.storage import MemoryStore
from onvif_bmff.validation import validate_store

__all__ = ["pictures"]

PATIENT = StreamOptions(report_wait=timedelta(seconds=20), read_timeout=timedelta(seconds=60))


@pytest.fixture(autouse=True)
def _pyav() -> None:
    need_module("av")


def until(condition: Callable[[], object]) -> None:
    """Wait for something to become true; the time only ends a test that hangs."""
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.05)


def received(device: RecordingDevice, uri: str) -> str:
    """Record from a receiver of this address; return the token of the job."""
    service = device.service
    target = RecordingTargetConfiguration("s3", "CMAF", timedelta(seconds=2), prefix="cam")
    recording = service.create_recording(RecordingConfiguration(target=target))
    tracks = tuple(RecordingJobTrack("", token) for token in ("VIDEO001", "AUDIO001"))
    source = RecordingJobSource(auto_create_receiver=True, tracks=tracks)
    made = service.create_recording_job(RecordingJobConfiguration(recording, "Active", 1, (source,)))
    token = made.job_configuration.source[0].source_token
    assert token is not None
    service.provisioning.configure_receiver(
        token.token, ReceiverConfiguration("AutoConnect", uri, "RTP-Unicast", "RTSP")
    )
    return made.job_token


def errors(device: RecordingDevice, job: str) -> str:
    return repr(device.service.get_recording_job_state(job))


def test_a_receiver_is_recorded_at_the_time_of_its_camera(pictures: Pictures) -> None:
    sets, units = pictures
    begins = Fraction(utc_now().microseconds, 1_000_000) - 7200
    reports = (Fraction(1, 10), Fraction(3))
    lines = [video((sets, units[:150]), reports=reports), sound(6, first_rtp=77, reports=reports)]
    store = MemoryStore()
    sources = StreamSources(
        policy=AddressPolicy(loopback=True), options=PATIENT, credentials={"127.0.0.1": ("u", "geheim")}
    )
    with (
        Camera(lines, begins, end="wait", is_paced=True, login=("u", "geheim")) as camera,
        RecordingDevice({"s3": store}, sources=sources) as device,
    ):
        job = received(device, camera.url)
        until(lambda: sum(key.endswith(".m4v") for key in store.keys("")) >= 2)
        assert str(device.service.get_recording_job_state(job).state) == "Active"
        assert "geheim" not in errors(device, job)
    found = list(SampleReader(store, select(Timeline.from_store(store))))
    shown = [one for one in found if str(one.track.type) == "Video"]
    assert [bytes(one.sample.data) for one in shown] == [payload(part) for part, *_ in units[: len(shown)]]
    for one, (_, _, place) in zip(shown, units, strict=False):
        assert abs(one.time.microseconds - (begins + Fraction(place, 25)) * 1_000_000) <= 100_000
    assert list(validate_store(store)) == []


def test_a_camera_that_refuses_is_tried_again_and_less_often_each_time(pictures: Pictures) -> None:
    """The state says why meanwhile. When the camera is there again, all is recorded from there on."""
    sets, units = pictures
    asked: list[float] = []

    def rewrite(method: str, answer: str) -> str:
        if method == "DESCRIBE":
            asked.append(time.monotonic())
        if method != "DESCRIBE" or len(asked) > 3:
            return answer
        sequence = answer.split("CSeq: ")[1].split("\r\n")[0]
        return f"RTSP/1.0 404 Not Found\r\nCSeq: {sequence}\r\n\r\n"

    store, states = MemoryStore(), set()
    sources = StreamSources(policy=AddressPolicy(loopback=True), options=PATIENT)
    begins = Fraction(utc_now().microseconds, 1_000_000)
    with (
        Camera([video((sets, units[:150]), reports=(Fraction(1, 10),))], begins, end="wait", rewrite=rewrite) as camera,
        RecordingDevice({"s3": store}, sources=sources) as device,
    ):
        job = received(device, camera.url)

        def is_recorded() -> bool:
            state = str(device.service.get_recording_job_state(job).state)
            if state == "Error":
                assert "the server has no such stream (404)" in errors(device, job)
            states.add(state)
            return any(key.endswith(".m4v") for key in store.keys(""))

        until(is_recorded)
    assert "Error" in states
    assert len(asked) == 4
    waits = [after - before for before, after in itertools.pairwise(asked)]
    for waited, least in zip(waits, (1.0, 2.0, 4.0), strict=True):
        assert waited >= least
    found = [one for one in SampleReader(store, select(Timeline.from_store(store))) if str(one.track.type) == "Video"]
    assert [bytes(one.sample.data) for one in found] == [payload(part) for part, *_ in units[: len(found)]]
    assert len(found) >= 50


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("file:///etc/passwd", "only rtsp and rtsps are received"),
        ("rtsp://u:geheim@169.254.169.254/latest", "a metadata service"),
        ("rtsp://u:geheim@localhost:1/x", "this machine"),
        ("concat:/etc/passwd", "only rtsp and rtsps are received"),
    ],
)
def test_the_state_of_a_job_says_why_an_address_is_not_opened(uri: str, reason: str) -> None:
    with RecordingDevice({"s3": MemoryStore()}, sources=StreamSources()) as device:
        job = received(device, uri)
        until(lambda: reason in errors(device, job))
        assert "geheim" not in errors(device, job)
        assert str(device.service.get_recording_job_state(job).state) == "Error"


def test_clients_of_a_device_have_no_files_recorded_unless_it_was_given_them() -> None:
    """A receiver comes from the network; whoever makes the device may give it ``FileSources``."""
    uri = (Path(__file__).resolve().parents[1] / "data" / "camera.mp4").as_uri()
    with RecordingDevice({"s3": MemoryStore()}) as device:
        job = received(device, uri)
        until(lambda: "only rtsp and rtsps are received" in errors(device, job))
        assert str(device.service.get_recording_job_state(job).state) == "Error"
    for sources in (FileSources(), StreamSources(others=FileSources())):
        with RecordingDevice({"s3": MemoryStore()}, sources=sources) as device:
            job = received(device, uri)
            until(lambda: str(device.service.get_recording_job_state(job).state) == "Active")  # noqa: B023


def test_the_core_does_not_load_pyav() -> None:
    import subprocess

    code = "import sys, onvif_bmff, onvif_bmff.device, onvif_bmff.rtsp.provider; sys.exit('av' in sys.modules)"
    root = Path(__file__).resolve().parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
