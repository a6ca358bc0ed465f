"""Python calls in the library, counted by ``sys.setprofile``: no clock, no valgrind, the same number in every run."""

import statistics
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import TypeVar

import onvif_bmff
from benchmarks import made_camera as camera

Result = TypeVar("Result")
_HOME = str(Path(onvif_bmff.__file__).parent)
_SECONDS = camera.AUDIO_PERIOD
_USUAL = {"video": camera.VIDEO, "audio": camera.AUDIO}
KINDS = ("cmaf-clear", "cmaf-cenc", "mp4-clear", "mp4-cenc")
CASES = tuple(f"calls-{kind}-{part}" for kind in KINDS for part in (*_USUAL, "sample", "open", "second"))
"""Names of all counts; see `count`."""


def calls(work: Callable[[], Result]) -> tuple[int, Result]:
    """How many functions of the library a call enters, and what it returns."""
    entered = 0

    def see(frame: FrameType, event: str, argument: object) -> None:
        nonlocal entered
        if event == "call" and frame.f_code.co_filename.startswith(_HOME):
            entered += 1

    before = sys.getprofile()
    sys.setprofile(see)
    try:
        result = work()
    finally:
        sys.setprofile(before)
    return entered, result


def count(kind: str) -> dict[str, float]:
    """Counts of one kind of recording, such as "cmaf-clear", by the names in `CASES`.

    ``video`` and ``audio`` are the median push of a sample. MP4 holds audio back and lets it go with the next picture,
    so there ``sample``, the mean push that causes no event, says what a usual sample costs. ``open`` is the push with
    the most calls of those that open a segment, the first of a span; ``second`` the mean of a camera-second. Of video
    and audio only: a document a second would hold back in MP4 all samples until it comes. What is prepared once a
    process does not count.
    """
    made = [sample for sample in camera.samples(2 * _SECONDS) if sample.track_id in _USUAL.values()]
    camera.record(_recorder(kind), made)
    recorder = _recorder(kind)
    recorder.activate(camera.START)
    pushes = [(sample.track_id, *calls(lambda one=sample: recorder.push(one))) for sample in made]
    opening = [entered for _, entered, events in pushes if _opens(events)]
    steady = pushes[len(pushes) // 2 :]
    found: dict[str, float] = {
        f"calls-{kind}-{name}": statistics.median_low(entered for number, entered, _ in steady if number == track)
        for name, track in _USUAL.items()
    }
    found[f"calls-{kind}-sample"] = round(statistics.mean(entered for _, entered, events in steady if not events), 1)
    found[f"calls-{kind}-open"] = max(opening)
    found[f"calls-{kind}-second"] = round(sum(entered for _, entered, _ in steady) / _SECONDS)
    return found


def _opens(events: Sequence[object]) -> bool:
    return any(type(event).__name__ == "SegmentOpened" for event in events)


def _recorder(kind: str) -> onvif_bmff.Recorder:
    return camera.recorder(*kind.split("-"), tuple(_USUAL.values()))
