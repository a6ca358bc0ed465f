"""Write how many calls, files and rooms the ways of a sample, a key and a command take, as they are traced.

``python docs/build_ways.py`` writes the table in ``docs/architecture.md``; with ``--check`` it only says which rows are
not as traced (exit 1). What is prepared once a process (imports, compiled declarations) does not count.
"""

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from statistics import median_low
from types import FrameType
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))

from page_table import settle_table

import onvif_bmff
from benchmarks import made_camera as camera
from onvif_bmff.control import RecordingConfiguration, RecordingSourceInformation
from onvif_bmff.objects.key import ObjectKey
from onvif_bmff.playback import Timeline, select
from onvif_bmff.playback.samples import SampleReader

PAGE = ROOT / "docs" / "architecture.md"
_PACKAGE = str(Path(onvif_bmff.__file__).parent) + "/"
_INLINED = ("<listcomp>", "<dictcomp>", "<setcomp>")
"""Functions that Python 3.12 and later do not have."""
_SECONDS = 2 * camera.AUDIO_PERIOD
_VIDEO_AND_AUDIO = (camera.VIDEO, camera.AUDIO)


@dataclass(frozen=True)
class Way:
    """The functions of the library that a call enters, by the files that they are in, in order."""

    files: tuple[str, ...]

    @property
    def row(self) -> tuple[int, int, str]:
        """Calls, files, and the rooms in the order in which they are entered first."""
        rooms = dict.fromkeys(name.split("/")[0].removesuffix(".py") for name in self.files)
        return len(self.files), len(set(self.files)), " → ".join(rooms)


def trace(work: Callable[[], Any]) -> tuple[Way, Any]:
    """Trace a call, and return what it returns too."""
    files: list[str] = []

    def see(frame: FrameType, event: str, argument: object) -> None:
        name = frame.f_code.co_filename
        if event == "call" and name.startswith(_PACKAGE) and frame.f_code.co_name not in _INLINED:
            files.append(name.removeprefix(_PACKAGE))

    before = sys.getprofile()
    sys.setprofile(see)
    try:
        result = work()
    finally:
        sys.setprofile(before)
    return Way(tuple(files)), result


def ways() -> Iterator[tuple[str, Way]]:
    """Every way that the page tells of, with its name."""
    for form, scheme in (("cmaf", "clear"), ("cmaf", "cenc"), ("mp4", "clear"), ("mp4", "cenc")):
        yield from _of_samples(form, scheme)
    yield from _of_keys()
    yield from _of_commands()


def _of_samples(form: str, scheme: str) -> Iterator[tuple[str, Way]]:
    made = [sample for sample in camera.samples(_SECONDS) if sample.track_id in _VIDEO_AND_AUDIO]
    camera.record(camera.recorder(form, scheme, _VIDEO_AND_AUDIO), made)
    recorder = camera.recorder(form, scheme, _VIDEO_AND_AUDIO)
    recorder.activate(camera.START)
    pushes = [(sample.track_id, *trace(lambda one=sample: recorder.push(one))) for sample in made]
    name = f"{form.upper()}{'' if scheme == 'clear' else ', ' + scheme}"
    steady = pushes[len(pushes) // 2 :]
    if scheme == "clear":  # encryption comes with the fragment
        for track_id, word in ((camera.VIDEO, "video"), (camera.AUDIO, "audio")):
            yield f"usual {word} sample, {name}", _median([way for track, way, _ in steady if track == track_id])
    opening = [way for _, way, events in pushes if _has(events, "SegmentOpened")]
    yield f"first fragment of a span, {name}", max(opening, key=lambda way: len(way.files))
    written = [
        way for _, way, events in pushes if _has(events, "FragmentWritten") and not _has(events, "SegmentOpened")
    ]
    yield f"fragment, {name}", _median(written)


def _median(found: list[Way]) -> Way:
    middle = median_low(len(way.files) for way in found)
    return next(way for way in found if len(way.files) == middle)


def _has(events: Any, name: str) -> bool:
    return any(type(event).__name__ == name for event in events)


def _of_keys() -> Iterator[tuple[str, Way]]:
    recorder = camera.recorder("cmaf", "clear", _VIDEO_AND_AUDIO)
    store = camera.record(recorder, [one for one in camera.samples(_SECONDS) if one.track_id in _VIDEO_AND_AUDIO])
    names = list(store.keys(""))
    Timeline.from_keys(names)
    yield "an object key, parsed", trace(lambda: ObjectKey.parse(names[0]))[0]
    yield f"a timeline of {len(names)} keys", trace(lambda: Timeline.from_keys(names))[0]
    timeline = Timeline.from_keys(names)
    next(iter(SampleReader(store, select(timeline))))
    yield "first sample played, CMAF", trace(lambda: next(iter(SampleReader(store, select(timeline)))))[0]


def _of_commands() -> Iterator[tuple[str, Way]]:
    service = onvif_bmff.RecordingService(clock=lambda: camera.START, random=bytes)
    source = RecordingSourceInformation("source", "camera", "gate", "the gate", "urn:camera")
    token = service.create_recording(RecordingConfiguration(source, "recorded by the gate", timedelta(0)))
    configuration = service.get_recording_configuration(token)
    service.set_recording_configuration(token, configuration)
    yield "SetRecordingConfiguration", trace(lambda: service.set_recording_configuration(token, configuration))[0]
    yield "GetRecordings", trace(service.get_recordings)[0]


def table() -> str:
    """The table of the page."""
    lines = ["| way | calls | files | rooms, as they are entered |", "|---|---|---|---|"]
    lines += [f"| {name} | {way.row[0]} | {way.row[1]} | {way.row[2]} |" for name, way in ways()]
    return "\n".join(lines)


def main() -> int:
    """Write the table, or compare it."""
    return settle_table(PAGE, "ways", table(), "as traced")


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":  # by hashes goes the order in which a protocol's members are asked for
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, "PYTHONHASHSEED": "0"})
    sys.exit(main())
