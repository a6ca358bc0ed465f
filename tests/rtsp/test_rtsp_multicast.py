"""A camera that sends to a multicast group, recorded by the command, in a network of its own."""

import subprocess
import sys
from pathlib import Path

import pytest
from rtsp_multicast import PICTURES
from support_tools import need, need_module
from test_rtsp_camera import Pictures, payload, pictures, sound
from test_rtsp_record import bytes_of, played

__all__ = ["pictures"]

_ALONE = ("--user", "--map-root-user", "--net")


def test_a_camera_that_sends_to_a_group_is_recorded(pictures: Pictures, tmp_path: Path) -> None:
    need_module("av")
    alone = [need("unshare"), *_ALONE]
    if subprocess.run([*alone, "true"], capture_output=True, check=False).returncode:
        pytest.skip("name spaces of networks are not allowed here (sysctl, or the container's settings)")
    script = Path(__file__).with_name("rtsp_multicast.py")
    done = subprocess.run(
        [*alone, sys.executable, str(script), str(tmp_path)], capture_output=True, text=True, check=False, timeout=120
    )
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "")
    found = played(tmp_path)
    assert bytes_of(found["Video"]) == [payload(units) for units, *_ in pictures[1][: PICTURES // 2]]
    heard = bytes_of(found["Audio"])
    assert heard == [one.data for one in sound(2).packets][: len(heard)]
    assert len(heard) >= 25
    begins = {kind: samples[0].time.microseconds for kind, samples in found.items()}
    assert abs(begins["Video"] - begins["Audio"]) <= 5000, "tracks are in step"
