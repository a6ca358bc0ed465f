"""Parsing and building boxes, beside plain ``struct`` and the peers that the machine has.

pymp4 and mp4box.js are fetched by pip and npm into folders of their own if they are not there (not with ``--quick``).
"""

import struct
import timeit
from collections.abc import Callable

from benchmarks.measure import Spread, camera_clip, row
from benchmarks.peers import Result, beside, parsing, pymp4, spread
from onvif_bmff.bmff import Columns, MediaDataBox, TrackRunBox, build_boxes, parse_boxes

ROWS = (500, 5000)


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


def timed(work: Callable[[], object], number: int) -> Spread:
    """Seconds a call: median, least and most of five times ``number`` calls."""
    return spread([seconds / number for seconds in timeit.repeat(work, number=number, repeat=5)])


def tables(count: int, data: bytes, theirs: list[Result], number: int) -> list[dict[str, object]]:
    """Measure one table."""
    parsed = parse_boxes(data)
    plain = plain_parse(data)
    assert build_boxes(parsed) == data == plain_build(plain)
    rows = []
    for verb, ours, by_hand, other in (
        ("parse", timed(lambda: parse_boxes(data), number), timed(lambda: plain_parse(data), number), theirs[0]),
        ("build", timed(lambda: build_boxes(parsed), number), timed(lambda: plain_build(plain), number), theirs[1]),
    ):
        name = f"{verb} a trun of {count} rows"
        rows.append(row(name, ours, "µs", peer="plain struct", theirs=by_hand, reach="ratio ≤ 2", scale=1e6))
        rows.append(row(name, ours, "µs", peer="pymp4", theirs=other, reach="ratio ≤ 0.001", scale=1e6))
    return rows


def run(quick: bool) -> list[dict[str, object]]:
    """Measure."""
    rows = []
    files = {f"trun{count}.box": trun(count) for count in ROWS}
    peer = pymp4(files, install=not quick)
    for count in ROWS:
        name = f"trun{count}.box"
        rows += tables(count, files[name], peer[name], 20 if quick else 200_000 // count)
    path = camera_clip(10 if quick else 60, quick=quick)
    clip = path.read_bytes()
    moov = build_boxes(box for box in parse_boxes(clip) if not isinstance(box, MediaDataBox))
    tree = parse_boxes(moov)
    number = 5 if quick else 200
    ours = timed(lambda: parse_boxes(moov), number)
    rows.append(row("parse ftyp + moov of the clip", ours, "µs", note=f"{len(moov):,} bytes", scale=1e6))
    rows.append(row("build ftyp + moov of the clip", timed(lambda: build_boxes(tree), number), "µs", scale=1e6))
    ours, note = timed(lambda: parse_boxes(clip), number), f"{len(clip):,} bytes; tools: whole processes"
    peers = parsing(path, 1 if quick else 5, install=not quick)
    rows += beside(peers, "parse the whole clip", ours, "µs", note=note, scale=1e6)
    return rows
