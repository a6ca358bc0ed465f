"""What ffprobe says of a file: the other opinion that input is held to."""

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from support_tools import need


@dataclass(frozen=True)
class Packet:
    pts: int | None
    dts: int | None
    duration: int | None
    size: int
    md5: str
    key: bool


@dataclass(frozen=True)
class ProbedStream:
    kind: str
    timescale: int
    packets: tuple[Packet, ...]


Probe = Callable[..., dict[int, ProbedStream]]


def _number(packet: dict[str, str], name: str) -> int | None:
    return int(packet[name]) if name in packet else None


@pytest.fixture(scope="session")
def probe() -> Probe:
    """``probe(path, *options)``: the streams of a file by track number; skips without ffprobe."""
    need("ffprobe")

    def run(path: Path, *options: str) -> dict[int, ProbedStream]:
        command = ["ffprobe", "-v", "error", *options, "-show_packets", "-show_streams", "-show_data_hash", "md5"]
        done = subprocess.run([*command, "-of", "json", str(path)], capture_output=True, check=False, timeout=120)
        found = json.loads(done.stdout or b"{}")
        streams = {}
        for stream in found.get("streams", ()):
            packets = tuple(
                Packet(
                    _number(packet, "pts"),
                    _number(packet, "dts"),
                    _number(packet, "duration"),
                    int(packet["size"]),
                    packet["data_hash"].removeprefix("MD5:"),
                    packet["flags"].startswith("K"),
                )
                for packet in found.get("packets", ())
                if packet["stream_index"] == stream["index"]
            )
            timescale = int(stream["time_base"].split("/")[1])
            streams[int(stream["id"], 16)] = ProbedStream(stream["codec_type"], timescale, packets)
        return streams

    return run
