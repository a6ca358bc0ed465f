"""Disturbed streams of real pictures, as ffmpeg's ordinary playback shows them: each picture that was sent."""

import subprocess
from collections import Counter
from pathlib import Path

import pytest
from disturbances import composed, lone, restart, shaken, step
from oracle import Clock, record
from real import CAMERA, pictures_of
from support_tools import need

from onvif_bmff.recording.formats import CMAF, MP4

PLAYBACKS = {"ordinary": (), "passthrough": ("-fps_mode", "passthrough")}
STREAMS = {
    "undisturbed": (lambda stream: stream, None),
    "lone stamps 9800 s back": (lone(-9_800), None),
    "lone stamps 2 s ahead": (lone(2), None),
    "three stamps an hour ahead": (lone(3_600, every=0, first=110, count=3), None),
    "a wall clock that steps back": (step(5.5, -0.5, wall=True), None),
    "a counter that steps ahead": (step(5.5, 3), None),
    "stamps ±15 ms": (shaken(0.015), None),
    "stamps ±44 ms and lone ones": (
        composed(shaken(0.044), lone(37_600)),
        "line 2: the first eight of 300 shaken by more than they are apart, 2 are not shown",
    ),
    "a camera that boots": (restart(5.5), None),
}


def pictures(path: Path, playback: str) -> Counter[str]:
    """The pictures that ffmpeg shows, by their sums."""
    options = ("-v", "error", "-nostdin", "-i", str(path), "-map", "0:v", *PLAYBACKS[playback], "-f", "framemd5", "-")
    done = subprocess.run([need("ffmpeg"), *options], capture_output=True, text=True, check=True, timeout=60)
    assert done.stderr == ""
    return Counter(line.rsplit(",", 1)[1].strip() for line in done.stdout.splitlines() if line[0] != "#")


def cases():
    for name, (disturb, line) in STREAMS.items():
        for format_ in (CMAF, MP4):
            marks = [] if line is None else [pytest.mark.xfail(reason=line, strict=True)]
            yield pytest.param(disturb, format_, marks=marks, id=f"{name}, {format_.name}")


@pytest.mark.interop
@pytest.mark.parametrize(("disturb", "format_"), list(cases()))
def test_each_picture_is_shown(disturb, format_, tmp_path):
    sent = disturb(pictures_of(CAMERA))
    recorded = record(sent, format_, Clock.CAMERA)
    stored = {data for span in recorded.spans for data in span.payload}
    lost = len(sent.units()) - len(stored)
    shown = {playback: Counter() for playback in PLAYBACKS}
    for number, key in enumerate(name for name in recorded.store.keys("") if not name.endswith("_end")):
        path = tmp_path / f"{number}.mp4"
        path.write_bytes(recorded.store.get(key))
        for playback, found in shown.items():
            found.update(pictures(path, playback))
    original = pictures(CAMERA, "passthrough")
    for playback, found in shown.items():
        assert sum(found.values()) == len(sent.units()) - lost, playback
        assert not found - original or lost, f"{playback}: pictures that were not sent"
    assert lost <= sent.breaks * 25, f"{lost} pictures are lost"
