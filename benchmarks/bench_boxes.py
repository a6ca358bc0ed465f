"""Parsing and building boxes, beside plain ``struct`` and, where it is installed, pymp4.

pymp4 pins an old construct, so it needs an environment of its own: name its interpreter in the environment variable
``ONVIF_BMFF_PYMP4_PYTHON``, or let the benchmark make one (it asks pip for ``pymp4``; not with ``--quick``).
"""

import json
import os
import struct
import subprocess
import sys
import timeit
import venv
from pathlib import Path

from benchmarks.measure import CACHE, camera_clip, row
from onvif_bmff.bmff import Columns, MediaDataBox, TrackRunBox, build_boxes, parse_boxes

ROWS = (500, 5000)
PYMP4 = """
import collections, collections.abc, io, json, sys, timeit
for name in ("Sequence", "Mapping", "MutableMapping", "Iterable", "Callable"):
    setattr(collections, name, getattr(collections.abc, name))
from pymp4.parser import Box
found = {}
for path in sys.argv[1:]:
    data = open(path, "rb").read()
    parsed = Box.parse(data)
    found[path] = [min(timeit.repeat(lambda: Box.parse(data), number=1, repeat=3)),
                   min(timeit.repeat(lambda: Box.build(parsed), number=1, repeat=3))]
print(json.dumps(found))
"""


def trun(rows: int) -> bytes:
    """A trun with duration, size, flags and composition offset in each row."""
    columns = {name: [(index * 7919) % 90_000 for index in range(rows)] for name in ("duration", "size", "flags")}
    samples = Columns(**columns, composition_offset=[index % 5 - 2 for index in range(rows)])
    return TrackRunBox(version=1, flags=0xF01, sample_count=rows, data_offset=100, samples=samples).build()


def plain_parse(data: bytes) -> list[tuple[int, ...]]:
    """What one would write by hand for this very box."""
    struct.unpack_from(">I4sIIi", data)
    return list(struct.iter_unpack(">IIIi", data[20:]))


def plain_build(rows: list[tuple[int, ...]]) -> bytes:
    """Likewise."""
    flat = [number for row in rows for number in row]
    body = struct.pack(">" + "IIIi" * len(rows), *flat)
    return struct.pack(">I4sIIi", len(body) + 20, b"trun", 1 << 24 | 0xF01, len(rows), 100) + body


def pymp4_seconds(files: dict[str, bytes]) -> dict[str, list[float]]:
    """Seconds that pymp4 needs to parse and build each box; empty where it cannot be had."""
    python = os.environ.get("ONVIF_BMFF_PYMP4_PYTHON")
    if not python:
        home = CACHE / "pymp4"
        python = str(home / "bin" / "python")
        if not Path(python).exists():
            venv.create(home, with_pip=True, clear=True)
            subprocess.run([python, "-m", "pip", "install", "-q", "pymp4"], check=False, stderr=subprocess.DEVNULL)
    CACHE.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (CACHE / name).write_bytes(data)
    done = subprocess.run(
        [python, "-c", PYMP4, *(str(CACHE / name) for name in files)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        print(f"pymp4: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
        return {}
    return {Path(path).name: seconds for path, seconds in json.loads(done.stdout).items()}


def best(work: object, number: int) -> float:
    """Seconds a call, the best of five."""
    return min(timeit.repeat(work, number=number, repeat=5)) / number  # type: ignore[arg-type]


def tables(count: int, data: bytes, theirs: list[float | None], number: int) -> list[dict[str, object]]:
    """Measure one table."""
    parsed = parse_boxes(data)
    plain = plain_parse(data)
    assert build_boxes(parsed) == data == plain_build(plain)
    rows = []
    for verb, ours, by_hand, other in (
        ("parse", best(lambda: parse_boxes(data), number), best(lambda: plain_parse(data), number), theirs[0]),
        ("build", best(lambda: build_boxes(parsed), number), best(lambda: plain_build(plain), number), theirs[1]),
    ):
        name = f"{verb} a trun of {count} rows"
        pymp4 = {"peer": "pymp4" if other else "pymp4: absent", "theirs": other * 1e6 if other else None}
        rows.append(row(name, ours * 1e6, "µs", peer="plain struct", theirs=by_hand * 1e6, reach="ratio ≤ 2"))
        rows.append(row(name, ours * 1e6, "µs", reach="ratio ≤ 0.001", **pymp4))
    return rows


def run(quick: bool) -> list[dict[str, object]]:
    """Measure."""
    rows = []
    files = {f"trun{count}.box": trun(count) for count in ROWS}
    peer = {} if quick else pymp4_seconds(files)
    for count in ROWS:
        name = f"trun{count}.box"
        rows += tables(count, files[name], peer.get(name, [None, None]), 20 if quick else 200_000 // count)
    clip = camera_clip(10 if quick else 60, quick=quick).read_bytes()
    boxes = parse_boxes(clip)
    moov = build_boxes(box for box in boxes if not isinstance(box, MediaDataBox))
    tree = parse_boxes(moov)
    number = 5 if quick else 200
    rows.append(
        row(
            "parse ftyp + moov of the clip",
            best(lambda: parse_boxes(moov), number) * 1e6,
            "µs",
            note=f"{len(moov):,} bytes",
        )
    )
    rows.append(row("build ftyp + moov of the clip", best(lambda: build_boxes(tree), number) * 1e6, "µs"))
    rows.append(
        row("parse the whole clip", best(lambda: parse_boxes(clip), number) * 1e6, "µs", note=f"{len(clip):,} bytes")
    )
    return rows
