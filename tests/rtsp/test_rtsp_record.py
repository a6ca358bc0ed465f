"""``onvif-bmff record rtsp://…`` of servers that go away, fall silent, refuse, or have no idea of time."""

import itertools
import json
import os
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from fractions import Fraction
from io import StringIO
from pathlib import Path
from unittest.mock import patch

import pytest
from rtsp_camera import Camera
from rtsp_servers import free_port, gstreamer
from rtsp_tap import Tap, digest, findings_of, units_of
from support_tools import need_module
from test_rtsp_camera import BEGINS, Pictures, document, metadata, payload, pictures, sound, video

from onvif_bmff.cli.main import main
from onvif_bmff.playback import PlayedSample, SampleReader, Timeline, select
from onvif_bmff.runtime import utc_now
from onvif_bmff.storage import DirectoryStore
from onvif_bmff.timing import UtcTime
from onvif_bmff.validation import validate_store

__all__ = ["pictures"]

PATIENT = ["--report-wait", "PT20S", "--timeout", "PT30S", "--segment-duration", "PT2S"]
"""So that times are the server's from the beginning, however busy the machine is."""


@pytest.fixture(autouse=True)
def _pyav() -> None:
    need_module("av")


def command(url: str, store: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "onvif_bmff", "record", url, "--store", str(store), *PATIENT, *options]


def record(
    url: str, store: Path, *options: str, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command to its end, on no terminal; in this process, as it takes longer to start than to record."""
    arguments = command(url, store, *options)[3:]
    out, err = StringIO(), StringIO()
    with (
        patch.dict(os.environ, environment or {}),
        patch.object(sys, "stdin", StringIO()),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        status = main(arguments)
    return subprocess.CompletedProcess(arguments, status, out.getvalue(), err.getvalue())


def played(store: Path) -> dict[str, list[PlayedSample]]:
    found: dict[str, list[PlayedSample]] = defaultdict(list)
    bucket = DirectoryStore(store)
    for sample in SampleReader(bucket, select(Timeline.from_store(bucket))):
        found[str(sample.track.type)].append(sample)
    return found


def bytes_of(samples: list[PlayedSample]) -> list[bytes]:
    return [bytes(one.sample.data) for one in samples]


@pytest.mark.parametrize("form", ["CMAF", "MP4"])
def test_all_that_a_camera_sends_is_in_the_store_once(pictures: Pictures, tmp_path: Path, form: str) -> None:
    """Video that is reordered, sound and metadata, at the times that the camera says."""
    seconds = len(pictures[1]) // 25
    reports = (Fraction(1, 10), Fraction(5))
    now = Fraction(utc_now().microseconds, 1_000_000)
    lines = [
        video(pictures, reports=reports),
        sound(seconds, first_rtp=9, reports=reports),
        metadata(seconds * 2, first_rtp=4_000_000_000, reports=reports),
    ]
    with Camera(lines, now) as camera:
        done = record(camera.url, tmp_path, "--once", "--format", form, "--json")
    assert done.returncode == 0, done.stderr
    found = played(tmp_path)
    assert bytes_of(found["Video"]) == [payload(units) for units, *_ in pictures[1]]
    assert bytes_of(found["Audio"]) == [one.data for one in lines[1].packets]
    assert bytes_of(found["Metadata"]) == [document(number) for number in range(seconds * 2)]
    assert list(validate_store(DirectoryStore(tmp_path))) == []
    lines_out = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines_out[-1]["event"] == "total"


def test_the_time_is_that_of_the_camera(pictures: Pictures, tmp_path: Path) -> None:
    """Its clock is three hours behind ours: that is believed, and the stamps begin where they like."""
    begins = Fraction(utc_now().microseconds, 1_000_000) - 3 * 3600
    line = video(pictures, reports=(Fraction(1, 10),), first_rtp=123_456_789)
    with Camera([line], begins) as camera:
        assert record(camera.url, tmp_path, "--once").returncode == 0
    for one, (_, _, place) in zip(played(tmp_path)["Video"], pictures[1], strict=True):
        truth = begins + Fraction(place, 25)
        assert abs(one.time.microseconds - truth * 1_000_000) <= 1000


@pytest.mark.parametrize("year", [1900, 1970, 1999, 2040])
def test_a_clock_that_is_years_off_is_not_believed(pictures: Pictures, tmp_path: Path, year: int) -> None:
    begins = Fraction(UtcTime.parse(f"{year}-02-03T04:05:06Z").microseconds, 1_000_000)
    sets, units = pictures
    before = utc_now().microseconds
    with Camera([video((sets, units[:50]), reports=(Fraction(1, 10),))], begins, is_paced=True) as camera:
        done = record(camera.url, tmp_path, "--once")
    assert done.returncode == 0
    assert "the camera's clock says" in done.stderr
    after = utc_now().microseconds
    found = played(tmp_path)["Video"]
    assert len(found) == 50
    first, last = (found[at].time.microseconds for at in (0, -1))
    early = 120_000  # by so much pictures that are reordered come before they are shown, at most
    assert before - early <= first <= last <= after, "at the time of arrival"


def test_a_server_that_stops_sending_ends_a_span_where_its_media_ended(pictures: Pictures, tmp_path: Path) -> None:
    with Camera([video(pictures)], BEGINS, end="hang") as camera:
        done = record(camera.url, tmp_path, "--once", "--timeout", "PT3S")
    assert done.returncode == 2
    assert "it broke off: nothing came within 3 s" in done.stderr
    assert bytes_of(played(tmp_path)["Video"]) == [payload(units) for units, *_ in pictures[1]]
    spans = Timeline.from_store(DirectoryStore(tmp_path)).spans
    assert [span.end is not None for span in spans] == [True]


def test_the_password_comes_from_a_file_or_the_environment_and_is_never_shown(
    pictures: Pictures, tmp_path: Path
) -> None:
    (tmp_path / "password").write_text("ge heim@1\nnot this line\n")
    (tmp_path / "wrong").write_text("falsch77\n")
    with Camera([video(pictures)], BEGINS, login=("viewer", "ge heim@1")) as camera:
        by_file = record(
            camera.url, tmp_path / "a", "--once", "--user", "viewer", "--password-file", str(tmp_path / "password")
        )
        by_variable = record(
            camera.url, tmp_path / "b", "--once", "--user", "viewer", environment={"ONVIF_BMFF_PASSWORD": "ge heim@1"}
        )
        refused = record(
            camera.url, tmp_path / "c", "-vv", "--user", "viewer", "--password-file", str(tmp_path / "wrong")
        )
        in_address = record(camera.url.replace("://", "://viewer:falsch77@"), tmp_path / "d", "-vv", "--json")
    for done, name in ((by_file, "a"), (by_variable, "b")):
        assert done.returncode == 0, done.stderr
        assert len(played(tmp_path / name)["Video"]) == len(pictures[1])
        assert "heim" not in done.stdout + done.stderr
    for done in (refused, in_address):
        assert done.returncode == 2
        assert done.stderr.count("\n") == 1
        assert "user or password are wrong (401)" in done.stderr
        assert "falsch77" not in done.stdout + done.stderr


def test_tracks_are_chosen_and_codecs_change_with_the_spans(pictures: Pictures, tmp_path: Path) -> None:
    with Camera([video(pictures), sound(12)], BEGINS) as camera:
        assert record(camera.url, tmp_path / "a", "--once", "--track", "AUDIO001").returncode == 0
        assert set(played(tmp_path / "a")) == {"Audio"}
        wrong = record(camera.url, tmp_path / "b", "--once", "--track", "VIDEO007")
        assert wrong.returncode == 2
        assert "there is no track VIDEO007 to record, only VIDEO001 (1), AUDIO001 (2)" in wrong.stderr


@pytest.mark.slow
def test_a_signal_ends_it_and_leaves_whole_spans(tmp_path: Path) -> None:
    with gstreamer("avc") as port, Tap(port) as tap:
        process = subprocess.Popen(
            command(f"rtsp://127.0.0.1:{tap.port}/avc", tmp_path, "--json"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if json.loads(line).get("event") == "stored":
                    break
            process.terminate()  # SIGINT is ignored where the tests run in the background of a shell
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
            process.wait()
        assert any("TEARDOWN" in request for request in tap.wires[0].requests), "the session is ended, not only left"
    assert process.returncode == 143
    assert "ended by SIGTERM" in err
    assert json.loads(out.splitlines()[-1])["event"] == "total"
    assert findings_of(tmp_path, tap.wires, (90_000, 8000)) == []


@pytest.mark.slow
def test_a_server_that_is_killed_ten_times_costs_what_it_did_not_send(tmp_path: Path) -> None:
    """Each connection has spans of its own, which hold all access units that came on it from the first sync on."""
    port = free_port()
    states = _States()
    said = tmp_path / "said"
    tmp_path /= "store"
    with Tap(port) as tap, said.open("w") as errors:
        process: subprocess.Popen[str] | None = None
        try:
            for number in range(10):
                with gstreamer("avc", port=port):
                    if process is None:  # the first connection must not fail
                        url = f"rtsp://127.0.0.1:{tap.port}/avc"
                        process = subprocess.Popen(
                            command(url, tmp_path, "--json"),
                            stdout=subprocess.PIPE,
                            stderr=errors,
                            text=True,
                        )
                        states.follow(process)
                    states.wait(lambda: states.entered["recording"] == number + 1)  # noqa: B023
                    states.wait(lambda: sum(len(wire.packets[0]) for wire in tap.wires[-1:]) > 100)
                states.wait(lambda: states.broken > number)  # noqa: B023 - all that came is recorded then
            assert process is not None
            process.terminate()
            assert process.wait(60) == 143
        finally:
            if process is not None:
                process.kill()
                process.wait()
                states.done.wait(10)
    wires = [wire for wire in tap.wires if wire.packets[0]]
    assert len(wires) == 10
    found = played(tmp_path)
    for stream, kind, coding in ((0, "Video", "avc"), (1, "Audio", "g711")):
        stored = [digest(data) for data in bytes_of(found[kind])]
        at = 0
        for wire in wires:
            sent = units_of(wire.packets[stream], coding)
            begin = next(place for place, unit in enumerate(sent) if unit.digest == stored[at])
            if kind == "Video":
                assert begin == next(place for place, unit in enumerate(sent) if unit.sync)
            whole = [unit.digest for unit in sent[begin:-1]]  # of the last one the end may be missing
            same = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(stored[at:], whole)))  # noqa: B905
            assert same == len(whole), (kind, wires.index(wire), begin, same, len(whole), said.read_text())
            at += len(whole)
            at += at < len(stored) and stored[at] == sent[-1].digest
        assert at == len(stored)
    assert findings_of(tmp_path, wires, (90_000, 8000)) == []
    ends = [span.end for span in Timeline.from_store(DirectoryStore(tmp_path)).spans]
    assert len(ends) == 20
    assert None not in ends


class _States:
    """What a recording says of itself, read in a thread."""

    def __init__(self) -> None:
        self.entered: dict[str, int] = defaultdict(int)
        self.broken = 0
        self._last = ""
        self._news = threading.Condition()
        self.done = threading.Event()

    def follow(self, process: "subprocess.Popen[str]") -> None:
        threading.Thread(target=self._read, args=(process,), daemon=True).start()

    def _read(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        for line in process.stdout:
            event = json.loads(line)
            with self._news:
                if event["event"] == "state":
                    self.entered[event["state"]] += 1
                    self.broken += (self._last, event["state"]) == ("recording", "reconnecting")
                    self._last = event["state"]
                self._news.notify_all()
        process.stdout.close()
        self.done.set()

    def wait(self, condition: Callable[[], bool]) -> None:
        """Wait until something is so."""
        with self._news:
            for _ in range(1200):
                if condition():
                    return
                self._news.wait(0.05)
        raise AssertionError(dict(self.entered))
