"""What is counted in a process of its own: ``python -m benchmarks.counted CASE TIMES``.

A case prepares itself in the same way however often its work is done, so that the difference between two runs is the
work alone. ``instructions`` runs this under callgrind.
"""

import gc
import os
import random
import sys
from collections.abc import Callable

if __name__ == "__main__":
    os.urandom = random.Random(0).randbytes  # before the library binds it: equal vectors in all runs

from benchmarks import made_camera as camera

Work = Callable[[int], object]


def _seconds(kind: str, scheme: str) -> Work:
    """Record so many times 8 seconds in one span."""
    most = 2 * WORK_TIMES["second"]
    made = camera.samples(most * camera.AUDIO_PERIOD)
    recorder = camera.recorder(kind, scheme)
    return lambda times: camera.record(recorder, made[: len(made) * times // most])


def _spans(kind: str, scheme: str) -> Work:
    """Open and end the spans of a camera, with a sample of each track."""
    made = camera.first_samples(camera.samples(1))
    recorder = camera.recorder(kind, scheme)

    def work(times: int) -> None:
        for _ in range(times):
            camera.record(recorder, made)

    return work


def _reading(kind: str, scheme: str) -> Work:
    """Read all samples of 8 seconds in clear."""
    from onvif_bmff import KeyRing, Timeline
    from onvif_bmff.playback import SampleReader, select

    made = camera.samples(camera.AUDIO_PERIOD)
    store = camera.record(camera.recorder(kind, scheme), made)
    keys = KeyRing([camera.KEY])

    def work(times: int) -> None:
        for _ in range(times):
            read = sum(1 for _ in SampleReader(store, select(Timeline.from_store(store)), keys=keys))
            if read != len(made):
                raise AssertionError(f"{read} of {len(made)} samples were read")

    return work


def _validation(kind: str, scheme: str) -> Work:
    """Validate 8 seconds."""
    from onvif_bmff import KeyRing
    from onvif_bmff.validation import validate_store

    store = camera.record(camera.recorder(kind, scheme), camera.samples(camera.AUDIO_PERIOD))
    keys = KeyRing([camera.KEY])

    def work(times: int) -> None:
        for _ in range(times):
            findings = list(validate_store(store, keys=keys))
            if findings:
                raise AssertionError(f"findings in what was recorded: {findings[:3]}")

    return work


_WORKS = {"second": _seconds, "span": _spans, "read": _reading, "validate": _validation}
WORK_TIMES = {"second": 3, "span": 20, "read": 3, "validate": 3}
"""How often the work of each is done in the shorter of two runs; twice as often in the longer one."""
WORK_UNITS = {"second": camera.AUDIO_PERIOD, "span": 1, "read": camera.AUDIO_PERIOD, "validate": camera.AUDIO_PERIOD}
"""How many units (camera-seconds, or openings) one time of the work is."""
CASES = (
    *("second-cmaf-clear", "second-mp4-clear", "second-cmaf-cenc", "second-mp4-cenc", "second-cmaf-cbcs"),
    *("span-cmaf-clear", "span-mp4-clear", "span-cmaf-cenc", "span-mp4-cenc"),
    *("read-cmaf-clear", "read-mp4-clear", "read-cmaf-cenc"),
    *("validate-cmaf-clear", "validate-mp4-clear"),
)
"""What can be run, as WORK-FORMAT-SCHEME."""


def main() -> None:
    """Run one case."""
    case, times = sys.argv[1:]
    name, kind, scheme = case.split("-")
    work = _WORKS[name](kind, scheme)
    gc.collect()
    gc.disable()  # where a collection falls depends on everything before it
    work(int(times))


if __name__ == "__main__":
    main()
