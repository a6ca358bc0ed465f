"""Streams that change, begin late, come back, or are of rarer codings, recorded by the command: all is in the store."""

import itertools
import os
import pty
import re
import select
import subprocess
from fractions import Fraction
from pathlib import Path

import pytest
from rtsp_camera import Camera, Line, Payload
from support_tools import need, need_module
from test_rtsp_camera import BEGINS, Pictures, drained, payload, pictures, sound, video
from test_rtsp_record import bytes_of, command, played, record

from onvif_bmff.ingest import open_mp4
from onvif_bmff.media.nal import iter_nal_units
from onvif_bmff.media.track import Sample
from onvif_bmff.rtsp.av1_units import Av1Units
from onvif_bmff.runtime import utc_now
from onvif_bmff.storage import DirectoryStore
from onvif_bmff.validation import validate_store

__all__ = ["pictures"]

REPORTS = (Fraction(1, 10),)


@pytest.fixture(autouse=True)
def _pyav() -> None:
    need_module("av")


def now() -> Fraction:
    return Fraction(utc_now().microseconds, 1_000_000)


def encoded(place: Path, size: str, *options: str) -> tuple[list[Sample], object]:
    """50 pictures of a test pattern, and their codec."""
    source = ["-f", "lavfi", "-i", f"testsrc2=size={size}:rate=25", "-frames:v", "50"]
    subprocess.run([need("ffmpeg"), "-v", "error", *source, "-pix_fmt", "yuv420p", *options, str(place)], check=True)
    with open_mp4(place) as clip:
        samples = [item for item in clip.samples() if isinstance(item, Sample)]
        for one in samples:
            one.data = bytes(one.data)
        return samples, clip.tracks[0].codec


def test_another_resolution_in_mid_stream_begins_a_span_and_loses_nothing(pictures: Pictures, tmp_path: Path) -> None:
    sets, units = pictures
    options = ["-c:v", "libx264", "-bf", "0", "-g", "25", "-preset", "ultrafast"]
    small, codec = encoded(tmp_path / "small.mp4", "160x120", *options)
    other = [*codec.sps, *codec.pps]  # type: ignore[attr-defined]
    before, after = video((sets, units[:100]), in_band=True, reports=REPORTS), Line("", (), 90_000, 96)
    made = [([bytes(unit) for unit in iter_nal_units(one.data)], one.sync, 100 + at) for at, one in enumerate(small)]
    for number, (picture, sync, place) in enumerate(made):
        parts = [*other, *picture] if sync else picture
        after.packets += [
            Payload(place * 3600, unit, marker=unit is parts[-1], sent=(100 + number) * 3600) for unit in parts
        ]
    before.packets += after.packets
    with Camera([before, sound(6, reports=REPORTS)], now()) as camera:
        done = record(camera.url, tmp_path / "store", "--once")
    assert (done.returncode, done.stderr) == (0, "")
    found = played(tmp_path / "store")
    assert bytes_of(found["Video"]) == [payload(one) for one, *_ in [*units[:100], *made]]
    sizes = [(one.track.codec.width, one.track.codec.height) for one in found["Video"]]  # type: ignore[attr-defined]
    assert len(set(sizes)) == 2
    assert sizes == sorted(sizes, reverse=True)
    assert sizes.count((160, 120)) == 50
    assert len(found["Audio"]) == 150
    assert list(validate_store(DirectoryStore(tmp_path / "store"))) == []


def test_a_track_whose_parameter_sets_come_late_is_recorded_from_there_and_the_other_one_from_its_begin(
    pictures: Pictures, tmp_path: Path
) -> None:
    sets, units = pictures
    syncs = [at for at, (_, sync, _) in enumerate(units) if sync]
    line = video(([], units[: syncs[1]]), in_band=True, reports=REPORTS)
    rest = video((sets, units[syncs[1] :]), in_band=True)
    for packet in rest.packets:
        packet.sent = (packet.sent or 0) + syncs[1] * 3600
    line.packets += rest.packets
    audio = sound(len(units) // 25, reports=REPORTS)
    with Camera([line, audio], now()) as camera:
        done = record(camera.url, tmp_path, "--once")
    assert done.returncode == 0, done.stderr
    found = played(tmp_path)
    assert bytes_of(found["Video"]) == [payload(one) for one, *_ in units[syncs[1] :]]
    assert bytes_of(found["Audio"]) == [one.data for one in audio.packets]
    begins = {kind: samples[0].time.microseconds for kind, samples in found.items()}
    assert abs(begins["Video"] - begins["Audio"] - syncs[1] * 40_000) <= 5000, "tracks are in step"


def test_a_duration_goes_on_while_the_stream_is_away(pictures: Pictures, tmp_path: Path) -> None:
    """Three seconds, a gap of 15, and what is left of twenty: it counts by the camera's clock, not by connections."""
    sets, units = pictures
    begins = now()
    with Camera([video((sets, units[:75]), reports=REPORTS)], begins) as camera:

        def later(number: int) -> None:
            camera.begins = begins + 18 * (number - 1)

        camera.before_play = later
        done = record(camera.url, tmp_path, "--duration", "PT20S")
    assert done.returncode == 0, done.stderr
    found = played(tmp_path)["Video"]
    shown = sorted(one.time.microseconds for one in found)
    assert len(found) == 75 + 50
    assert camera.plays == 2
    assert abs(shown[-1] - shown[0] - 19_960_000) <= 1000


# ---- AV1 -----------------------------------------------------------------------------------------------------


def obus(data: bytes) -> list[bytes]:
    """The OBUs of a sample, each without its size. AV1, 5.3."""
    found = []
    while data:
        header = 1 + (data[0] >> 2 & 1)
        size = shift = 0
        at = header
        while True:
            size |= (data[at] & 127) << shift
            shift, at = shift + 7, at + 1
            if data[at - 1] < 128:
                break
        found.append(bytes((data[0] & 0xFD,)) + data[1:header] + data[at : at + size])
        data = data[at + size :]
    return found


def av1_packets(sample: Sample, number: int) -> list[Payload]:
    """A temporal unit by the RTP payload format for AV1, 4.4: one element a packet, in fragments of 700 bytes."""
    made = []
    for place, obu in enumerate(obus(bytes(sample.data))):
        pieces = [obu[at : at + 700] for at in range(0, len(obu), 700)]
        for at, piece in enumerate(pieces):
            head = (at > 0) << 7 | (at < len(pieces) - 1) << 6 | 1 << 4 | (sample.sync and not place and not at) << 3
            made.append(Payload(number * 3600, bytes((head,)) + piece, marker=False))
    made[-1].marker = True
    return made


@pytest.fixture(scope="module")
def av1(tmp_path_factory: pytest.TempPathFactory) -> tuple[Line, list[Sample]]:
    place = tmp_path_factory.mktemp("av1") / "av1.mp4"
    samples, _ = encoded(
        place,
        "160x120",
        "-c:v",
        "libaom-av1",
        "-cpu-used",
        "8",
        "-usage",
        "realtime",
        "-g",
        "25",
        "-lag-in-frames",
        "0",
    )
    line = Line("video", ("rtpmap:98 AV1/90000",), 90_000, 98)
    for number, sample in enumerate(samples):
        line.packets += av1_packets(sample, number)
    return line, samples


@pytest.mark.parametrize("report", ["first", "in the middle of a unit"])
def test_av1_is_recorded_as_it_was_sent(av1: tuple[Line, list[Sample]], tmp_path: Path, report: str) -> None:
    line, samples = av1
    audio = sound(2, reports=REPORTS)
    for packet in audio.packets:
        packet.sent = packet.time + 160  # between two pictures
    line.reports = REPORTS
    if report != "first":
        line.reports, line.off = (Fraction(30 * 3600 + 5, 90_000),), Fraction(7, 1000)
        for number, packets in itertools.groupby(line.packets, lambda packet: packet.time):
            for at, packet in enumerate(packets):
                packet.sent = number + 10 * at
    with Camera([line, audio], now()) as camera:
        done = record(camera.url, tmp_path, "--once")
    assert done.returncode == 0, done.stderr
    found = played(tmp_path)
    stored = [obus(data) for data in bytes_of(found["Video"])]  # sizes may be written in more than one way
    assert stored == [obus(bytes(one.data)) for one in samples]
    assert [one.sample.sync for one in found["Video"]] == [one.sync for one in samples]
    ticks = [one.sample.decode_time for one in found["Video"]]
    assert {after - before for before, after in itertools.pairwise(ticks)} == {3600}
    assert len(found["Audio"]) == len(audio.packets)


@pytest.fixture
def interrupted(av1: tuple[Line, list[Sample]]) -> list[Line]:
    """AV1 whose 26th picture, a large one, has a packet of sound in its middle."""
    line, _ = av1
    line.reports, line.off = REPORTS, Fraction(0)
    for number, packets in itertools.groupby(line.packets, lambda packet: packet.time):
        for at, packet in enumerate(packets):
            packet.sent = number + 10 * at
    audio = sound(2, reports=REPORTS)
    for packet in audio.packets:
        packet.sent = packet.time + (1 if packet.time == 25 * 320 else 160)
    return [line, audio]


def test_av1_with_sound_comes_in_two_sessions_and_nothing_is_lost(
    av1: tuple[Line, list[Sample]], interrupted: list[Line], tmp_path: Path
) -> None:
    with Camera(interrupted, now()) as camera:
        done = record(camera.url, tmp_path, "--once")
    assert (done.returncode, done.stderr) == (0, "")
    found = played(tmp_path)
    assert [obus(data) for data in bytes_of(found["Video"])] == [obus(bytes(one.data)) for one in av1[1]]
    assert bytes_of(found["Audio"]) == [one.data for one in interrupted[1].packets]
    assert abs(found["Video"][0].time.microseconds - found["Audio"][0].time.microseconds) <= 5000, "in step"
    assert camera.plays == 3, "one learns what there is"


def test_where_a_camera_allows_no_second_session_the_video_is_recorded_alone(
    av1: tuple[Line, list[Sample]], interrupted: list[Line], tmp_path: Path
) -> None:
    described = itertools.count(1)

    def rewrite(method: str, answer: str) -> str:
        if method != "DESCRIBE" or next(described) < 3:
            return answer
        return re.sub("200 OK", "453 Not Enough Bandwidth", answer)

    with Camera(interrupted, now(), rewrite=rewrite) as camera:
        done = record(camera.url, tmp_path, "--once")
    assert done.returncode == 0
    assert "all but video, for which another session is needed" in done.stderr
    found = played(tmp_path)
    assert [obus(data) for data in bytes_of(found["Video"])] == [obus(bytes(one.data)) for one in av1[1]]
    assert "Audio" not in found


def test_no_part_of_a_unit_of_av1_is_stored_where_sound_came_in_its_middle(
    av1: tuple[Line, list[Sample]], interrupted: list[Line], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one session libavformat loses what came before that, and all up to the next sequence."""
    monkeypatch.setattr("onvif_bmff.rtsp.reader.need_sessions", lambda streams: False)
    with Camera(interrupted, BEGINS) as camera:
        found, _ = drained(camera)
    stored = [obus(bytes(one.data)) for one in found[1]]
    assert 25 <= len(stored) < 50
    assert stored == [obus(bytes(one.data)) for one in av1[1]][: len(stored)]
    assert len(found[2]) == 50


def test_what_does_not_begin_as_a_unit_of_av1_is_lost_alone(av1: tuple[Line, list[Sample]]) -> None:
    units = Av1Units()
    samples = av1[1][:3]
    found = []
    for number, sample in enumerate(samples):
        found += units.push(
            (b"\x12\0" if number != 1 else b"") + bytes(sample.data), number, sync=False, decode_time=None
        )
    found += units.flush()
    assert [one.data for one in found] == [bytes(samples[at].data) for at in (0, 2)]
    assert units.lost == 1


def test_av1_that_is_to_be_encrypted_is_an_error_and_nothing_is_stored(
    av1: tuple[Line, list[Sample]], tmp_path: Path
) -> None:
    with Camera([av1[0]], BEGINS) as camera:
        done = record(
            camera.url, tmp_path, "--once", "--encrypt", "CBCS", "--make-key-file", str(tmp_path.parent / "key")
        )
    assert done.returncode == 2
    assert "av01" in done.stderr
    assert not list(DirectoryStore(tmp_path).keys())


# ---- terminals -----------------------------------------------------------------------------------------------


def test_on_a_terminal_the_password_is_asked_for_and_a_line_shows_what_happens(
    pictures: Pictures, tmp_path: Path
) -> None:
    sets, units = pictures
    ours, theirs = pty.openpty()
    text = b""
    line = video((sets, units[:75]), reports=REPORTS)
    with Camera([line], now(), login=("viewer", "geheim"), is_paced=True) as camera:
        process = subprocess.Popen(
            [*command(camera.url, tmp_path, "--once", "--user", "viewer")], stdin=theirs, stdout=theirs, stderr=theirs,
            start_new_session=True,
        )  # fmt: skip
        os.close(theirs)
        has_answered = False
        while select.select([ours], [], [], 60)[0]:
            try:
                data = os.read(ours, 4096)
            except OSError:  # the other side is closed
                break
            text += data
            if b"Password of viewer: " in text and not has_answered:
                os.write(ours, b"geheim\n")
                has_answered = True
        assert process.wait(60) == 0, text
    os.close(ours)
    assert len(played(tmp_path)["Video"]) == 75
    assert b"geheim" not in text, "it is not echoed"
    shown = [line.strip() for line in text.decode().split("\r") if "kbit/s" in line]
    assert any(line.startswith("recording, 20") and line.endswith("segments") for line in shown), text


def test_without_a_terminal_no_password_is_asked_for(pictures: Pictures, tmp_path: Path) -> None:
    with Camera([video(pictures)], BEGINS, login=("viewer", "geheim")) as camera:
        done = record(camera.url, tmp_path, "--once", "--user", "viewer")
    assert done.returncode == 2
    assert "user or password are wrong" in done.stderr


# ---- sound ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "payload_type", "law"), [("PCMU", 0, "ulaw"), ("PCMA", 8, "alaw")])
def test_both_laws_of_g711_are_stored_as_they_came(name: str, payload_type: int, law: str) -> None:
    line = sound(2, reports=REPORTS)
    line.attributes, line.payload_type = (f"rtpmap:{payload_type} {name}/8000",), payload_type
    with Camera([line], BEGINS) as camera:
        found, _ = drained(camera)
    assert [bytes(one.data) for one in found[1]] == [one.data for one in line.packets]
