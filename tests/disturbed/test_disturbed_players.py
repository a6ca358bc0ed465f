"""Disturbed streams of real pictures, as ffmpeg's ordinary playback shows them: each picture that was sent."""

import subprocess
from collections import Counter
from pathlib import Path

import pytest
from disturbances import coarse, composed, lone, restart, shaken, step
from oracle import Clock, record
from real import CAMERA, by_presentation, pictures_of
from support_tools import need

from onvif_bmff.recording.formats import CMAF, MP4

PLAYBACKS = {"ordinary": (), "passthrough": ("-fps_mode", "passthrough")}
STREAMS = {
    "undisturbed": lambda stream: stream,
    "lone stamps 9800 s back": lone(-9_800),
    "lone stamps 2 s ahead": lone(2),
    "three stamps an hour ahead": lone(3_600, every=0, first=110, count=3),
    "a wall clock that steps back": step(5.5, -0.5, wall=True),
    "a counter that steps ahead": step(5.5, 3),
    "stamps ±15 ms": shaken(0.015),
    "stamps ±44 ms and lone ones": composed(shaken(0.044), lone(37_600)),
    "a camera that boots": restart(5.5),
}


def pictures(path: Path, playback: str) -> Counter[str]:
    """The pictures that ffmpeg shows, by their sums."""
    options = ("-v", "error", "-nostdin", "-i", str(path), "-map", "0:v", *PLAYBACKS[playback], "-f", "framemd5", "-")
    done = subprocess.run([need("ffmpeg"), *options], capture_output=True, text=True, check=True, timeout=60)
    assert done.stderr == ""
    return Counter(line.rsplit(",", 1)[1].strip() for line in done.stdout.splitlines() if line[0] != "#")


def cases():
    for name, disturb in STREAMS.items():
        for format_ in (CMAF, MP4):
            yield pytest.param(disturb, format_, id=f"{name}, {format_.name}")


@pytest.mark.interop
@pytest.mark.parametrize(("disturb", "format_"), list(cases()))
def test_each_picture_is_shown(disturb, format_, tmp_path):
    check_shown(CAMERA, disturb(pictures_of(CAMERA)), format_, tmp_path)


@pytest.mark.interop
@pytest.mark.parametrize("seed", [0, 2, 4, 5, 8])
def test_each_picture_is_shown_where_presentation_times_alone_are_known(seed, tmp_path):
    check_shown(CAMERA, shaken(0.044, seed=seed)(by_presentation(pictures_of(CAMERA))), MP4, tmp_path)


@pytest.mark.interop
@pytest.mark.parametrize(("resolution", "phase"), [(1, 0.13), (0.5, 0)])
def test_each_picture_is_shown_where_stamps_are_of_whole_seconds(resolution, phase, tmp_path):
    check_shown(CAMERA, coarse(resolution, phase=phase)(by_presentation(pictures_of(CAMERA))), MP4, tmp_path)


@pytest.mark.interop
@pytest.mark.parametrize("seed", [1, 4])
def test_each_picture_is_shown_of_those_in_order(seed, make_clip, tmp_path):
    source = ("-f", "lavfi", "-i", "testsrc2=size=160x120:rate=25:duration=12")
    form = ("-c:v", "libx264", "-bf", "0", "-g", "25", "-pix_fmt", "yuv420p", "-video_track_timescale", "90000")
    clip = make_clip("in-order.mp4", (*source, *form))
    check_shown(clip, shaken(0.044, seed=seed)(pictures_of(clip)), CMAF, tmp_path)


def check_shown(clip, sent, format_, tmp_path):
    """Record pictures of a clip, as they are sent, and hold what is shown of each object to what was sent."""
    recorded = record(sent, format_, Clock.CAMERA)
    stored = {data for span in recorded.spans for data in span.payload}
    lost = len(sent.units()) - len(stored)
    shown = {playback: Counter() for playback in PLAYBACKS}
    for number, key in enumerate(name for name in recorded.store.keys("") if not name.endswith("_end")):
        path = tmp_path / f"{number}.mp4"
        path.write_bytes(recorded.store.get(key))
        for playback, found in shown.items():
            found.update(pictures(path, playback))
    original = pictures(clip, "passthrough")
    for playback, found in shown.items():
        assert sum(found.values()) == len(sent.units()) - lost, playback
        assert not found - original or lost, f"{playback}: pictures that were not sent"
    assert lost <= sent.breaks * 25, f"{lost} pictures are lost"
