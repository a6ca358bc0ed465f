"""Streams of GStreamer's RTSP server, recorded by the command, held against what was on the wire."""

import itertools
import json
import subprocess
import sys
import threading
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from pathlib import Path

import pytest
from rtsp_servers import gstreamer
from rtsp_tap import Tap, Wire, WireUnit, digest, findings_of, moved_by, units_of, utc_of
from support_tools import need_module

from onvif_bmff.control.types.common import SourceReference
from onvif_bmff.control.types.receiver import Receiver, ReceiverConfiguration
from onvif_bmff.media.track import Sample
from onvif_bmff.playback import PlayedSample, SampleReader, Timeline, select
from onvif_bmff.rtsp import AddressPolicy, StreamOptions, StreamSources, Transport
from onvif_bmff.storage import DirectoryStore

MILLISECOND = 1000


@dataclass
class Expected:
    """Codings and RTP clock rates of video and sound, and whether all of a sample's bytes are those of the wire."""

    video: str
    audio: str
    rate: int
    is_exact: bool = True


STREAMS = {
    "avc": Expected("avc", "g711", 8000),
    "reordered": Expected("avc", "g711", 8000),
    "hevc": Expected("hevc", "aac", 48_000),
    "jpeg": Expected("jpeg", "opus", 48_000, is_exact=False),
}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Tap, str]]:
    """All streams recorded side by side: store, tap and output of each."""
    need_module("av")
    folder = tmp_path_factory.mktemp("streams")
    found = {}
    with ExitStack() as stack:
        running = {}
        for name in STREAMS:
            tap = stack.enter_context(Tap(stack.enter_context(gstreamer(name))))
            command = [sys.executable, "-m", "onvif_bmff", "record", f"rtsp://127.0.0.1:{tap.port}/{name}"]
            command += ["--store", str(folder / name), "--duration", "PT7S", "--segment-duration", "PT2S", "--json"]
            command += ["--report-wait", "PT20S"]  # however busy the machine is
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            running[name] = tap, process
        for name, (tap, process) in running.items():
            out, err = process.communicate(timeout=120)
            assert (process.returncode, err) == (0, "")
            found[name] = folder / name, tap, out
    return found


def played(store: Path) -> dict[str, list[PlayedSample]]:
    """The samples in a store by kind of media."""
    found: dict[str, list[PlayedSample]] = defaultdict(list)
    bucket = DirectoryStore(store)
    for sample in SampleReader(bucket, select(Timeline.from_store(bucket))):
        found[str(sample.track.type)].append(sample)
    return found


def steps_of(times: list[int]) -> set[int]:
    return {after - before for before, after in itertools.pairwise(times)}


def decode_ticks(samples: list[PlayedSample]) -> list[int]:
    return [one.sample.decode_time for one in samples]


def place_of(stored: list[str], wire: list[str]) -> int:
    """Where in what was sent the stored samples lie: all of them, in order, none left out and none twice."""
    places = [at for at in range(len(wire) - len(stored) + 1) if wire[at : at + len(stored)] == stored]
    assert places, "what is stored is a run of what was sent"
    return places[0]


@pytest.mark.slow
@pytest.mark.parametrize("name", STREAMS)
def test_every_access_unit_is_stored_once_at_its_time(name: str, recorded: dict[str, tuple[Path, Tap, str]]) -> None:
    store, tap, _ = recorded[name]
    expected = STREAMS[name]
    samples = played(store)
    wire = tap.wires[0]
    offs = {}
    moved = 2 * moved_by(tap.wires, (90_000, expected.rate))  # of a server that is late with what it stamps
    for stream, (kind, coding, rate) in enumerate(
        (("Video", expected.video, 90_000), ("Audio", expected.audio, expected.rate))
    ):
        sent = units_of(wire.packets[stream], coding)
        stored = samples[kind]
        if coding == "jpeg":
            begin = 0  # what is stored has other headers; that none is left out, its spacing tells
        else:
            begin = place_of([digest(bytes(one.sample.data)) for one in stored], [unit.digest for unit in sent])
        if kind == "Video" and coding != "jpeg":
            assert begin == next(at for at, unit in enumerate(sent) if unit.sync), "from the first sync sample on"
        matched = sent[begin : begin + len(stored)]
        check_spacing(stored, matched, exact=expected.is_exact or kind == "Audio")
        report = wire.reports[stream][0]
        offs[kind] = [
            Fraction(one.time.microseconds) - utc_of(unit, report, rate)
            for one, unit in zip(stored, matched, strict=True)
        ]
        assert abs(offs[kind][0]) <= max(20 * MILLISECOND, moved), "at the camera's time"
    assert abs(offs["Video"][0] - offs["Audio"][0]) <= max(5 * MILLISECOND, moved), "tracks are in step"
    first, last = (samples["Video"][at].time.microseconds for at in (0, -1))
    assert 6_800_000 <= last - first <= 7_000_000, "as much as was asked for"


def check_spacing(stored: list[PlayedSample], sent: list[WireUnit], *, exact: bool) -> None:
    """Steps between samples are those between RTP stamps; decode times are even."""
    presented = [one.sample.decode_time + one.sample.composition_offset for one in stored]
    begin = presented[0] - sent[0].time
    for at, unit in zip(presented, sent, strict=True):
        off = at - unit.time - begin
        assert off == 0 if exact else abs(off) <= 90 * 10, (unit, off)
    if exact:
        ticks = decode_ticks(stored)
        shown = sorted(unit.time for unit in sent)  # a server that gets too little processor time may leave one out
        assert steps_of(ticks) == steps_of(shown), "no picture is a tick long"


@pytest.mark.slow
@pytest.mark.parametrize("name", STREAMS)
def test_the_validator_is_silent(name: str, recorded: dict[str, tuple[Path, Tap, str]]) -> None:
    store, tap, _ = recorded[name]
    assert findings_of(store, tap.wires, (90_000, STREAMS[name].rate)) == []


@pytest.mark.slow
def test_the_output_for_programs_says_what_happened(recorded: dict[str, tuple[Path, Tap, str]]) -> None:
    store, _, out = recorded["avc"]
    lines = [json.loads(line) for line in out.splitlines()]
    assert {line["schema"] for line in lines} == {"onvif-bmff/record/1"}
    states = [line["state"] for line in lines if line["event"] == "state"]
    assert states == ["connecting", "recording", "ended"]
    keys = {line["key"] for line in lines if line["event"] == "stored"}
    assert keys == set(DirectoryStore(store).keys())
    assert lines[-1]["event"] == "total"
    assert lines[-1]["objects"] == len(keys)


@pytest.mark.slow
@pytest.mark.parametrize("transport", ["udp", "http", "udp through the relay", "http through the relay"])
def test_other_transports_bring_the_same(transport: str, others: tuple[dict[str, list[tuple[str, str]]], Wire]) -> None:
    """Servers that start anew encode the same: each access unit is one of those that another one sent by TCP."""
    found, wire = others
    for stream, (kind, coding) in enumerate((("Video", "avc"), ("Audio", "g711"))):
        sent = [unit.digest for unit in units_of(wire.packets[stream], coding)]
        stored = [data for which, data in found[transport] if which == kind]
        assert len(stored) >= (50 if kind == "Video" else 14)
        if kind == "Video":
            place_of(stored, sent)
        else:  # few sounds are repeated over and over
            assert any(sent[at : at + len(stored)] == stored for at in range(len(sent)))


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, list[tuple[str, str]]], Wire]:
    """What came by each transport, by kind and digest, side by side, each from a server of its own; and what by TCP."""
    need_module("av")
    folder = tmp_path_factory.mktemp("transports")
    found: dict[str, list[tuple[str, str]]] = {}
    with ExitStack() as stack:
        urls = {
            name: f"rtsp://127.0.0.1:{stack.enter_context(gstreamer('avc'))}/avc" for name in ("udp", "http", "both")
        }
        tap = stack.enter_context(Tap(stack.enter_context(gstreamer("avc"))))
        urls["tcp"] = f"rtsp://127.0.0.1:{tap.port}/avc"
        running = {}
        for name, duration in (("udp", "PT3S"), ("http", "PT3S"), ("tcp", "PT5S")):
            command = [sys.executable, "-m", "onvif_bmff", "record", urls[name], "--store", str(folder / name), "-q"]
            command += ["--transport", name, "--duration", duration, "--report-wait", "PT20S"]
            running[name] = subprocess.Popen(command)
        for transport in ("udp", "http"):
            found[f"{transport} through the relay"] = received(urls["both"], Transport(transport))
        for name, process in running.items():
            assert process.wait(90) == 0
            store = played(folder / name)
            found[name] = [(kind, digest(bytes(one.sample.data))) for kind in store for one in store[kind]]
    return found, tap.wires[0]


def received(url: str, transport: Transport) -> list[tuple[str, str]]:
    """50 pictures and the sound with them, of an address that a client of a device named."""
    options = StreamOptions(transport=transport, report_wait=timedelta(seconds=20))
    sources = StreamSources(policy=AddressPolicy(loopback=True), options=options)
    receiver = Receiver("r", ReceiverConfiguration(mode="AutoConnect", media_uri=url), auto_created=False)
    source = sources.open(SourceReference("r"), receiver, threading.Event())
    assert source is not None
    kinds = {track.track_id: str(track.type) for track in source.tracks}
    made: list[tuple[str, str]] = []
    try:
        for item in source.samples():
            if isinstance(item, Sample):
                made.append((kinds[item.track_id], digest(bytes(item.data))))
                if sum(kind == "Video" for kind, _ in made) == 50:
                    break
    finally:
        source.close()
    return made
