"""Hostile input costs no more than honest input: linear time, memory of four times the input and 16 MiB."""

import mmap
import tracemalloc

import pytest
from bmff_bytes import AUDIO, KID, VISUAL, P, asymmetric, box, entry, full, key_entry
from support_work import bounded_work, lines_run

from onvif_bmff.bmff import Limits, MediaDataBox, build_boxes, parse_boxes
from onvif_bmff.bmff.language.declare import BOXES
from onvif_bmff.errors import BoxError
from onvif_bmff.testing.made_files import fragmented_file

MIB = 1 << 20


def nested(leaf):
    def make(size):
        count = size // 8
        data = leaf * (count // 2)
        for _ in range(14):
            data = box("moov", data)
        return data

    return make


def filled(*parts):
    """Repeat one box up to the size."""
    one = b"".join(parts)
    return lambda size: one * (size // len(one))


FAMILIES = {
    "empty boxes": filled(box("free")),
    "unknown boxes": filled(box("abcd")),
    "boxes in fourteen moov": nested(box("free")),
    "containers of nothing": filled(box("moov")),
    "movie headers": filled(full("mvhd", 0, 0, bytes(96))),
    "track headers": filled(full("tkhd", 1, 3, b"\xff" * 92)),
    "opus": filled(box("dOps", b"\0\2" + b"\xff" * 8 + b"\0")),
    "av1": filled(box("av1C", b"\x81\0\0\0")),
    "hvcC without arrays": filled(box("hvcC", b"\xff" * 22 + b"\0")),
    "runs of one row": filled(full("trun", 0, 0xF01, P(">6I", 1, 0, 512, 9, 0, 0))),
    "bare runs": filled(full("trun", 0, 0, P(">I", 0xFFFFFFFF))),
    "runs of many rows": lambda size: full("trun", 0, 0xF00, P(">I", size // 16), b"\x7f" * (size // 16 * 16)),
    "one table of bytes": lambda size: full("tfra", 0, 0, P(">3I", 1, 0, size // 11), b"\x7f" * (size // 11 * 11)),
    "one table of three bytes": lambda size: full(
        "tfra", 1, 0, P(">3I", 1, 0b101010, size // 25), b"\x7f" * (size // 25 * 25)
    ),
    "signed table": lambda size: full("ctts", 1, 0, P(">I", size // 8), b"\x7f" * (size // 8 * 8)),
    "brands": lambda size: box("ftyp", bytes(8), b"".join(P(">I", number) for number in range(size // 4))),
    "kids": lambda size: full(
        "pssh", 1, 0, KID, P(">I", size // 16), b"".join(P(">4I", 0, 0, 0, row) for row in range(size // 16)), bytes(4)
    ),
    "nal units": lambda size: box(
        "hvcC", bytes(22), b"\xff", (b"\x20\xff\xff" + b"\0\2ab" * 0xFFFF) * (size // 262_143)
    ),
    "parameter sets": filled(box("avcC", bytes((1, 66, 0, 30, 255, 0, 255)), b"\0\2ab" * 255)),
    "wrapped keys": filled(asymmetric(*[key_entry(1, key=b"")] * 1000)),
    "text": lambda size: full("elng", 0, 0, b"x" * size + b"\0"),
    "text entries": lambda size: entry("metx", b"\0" * (size - 50), b"x" * 50),
    "entries to be tried": lambda size: entry("encm", b"a\0b\0c\0", box("free") * (size // 8), b"x"),
    "entries within entries": lambda size: nested_entries(size),
    "audio entries": lambda size: full("stsd", 0, 0, P(">I", 9), box("mp4a", bytes(8), AUDIO) * (size // 36)),
    "visual entries": lambda size: full("stsd", 0, 0, P(">I", 9), box("avc1", bytes(8), VISUAL) * (size // 86)),
    "media": lambda size: box("mdat", bytes(size)),
    "fragments": lambda size: fragmented_file(samples=2, fragments=1) * (size // 1800),
    "trailing": lambda size: full("mfhd", 0, 0, bytes(4), bytes(size)),
    "all that is left": lambda size: full("senc", 0, 0, bytes(4), bytes(size)),
}


def nested_entries(size):
    data = box("free") * (size // 8)
    for _ in range(7):
        data = entry("encm", b"\0\0\0", data)
    return data


def attempt(data):
    try:
        return parse_boxes(data)
    except BoxError as error:
        return error.partial


@pytest.mark.parametrize("family", FAMILIES)
def test_memory_is_bounded_by_the_input(family):
    data = FAMILIES[family](MIB)
    tracemalloc.start()
    try:
        boxes = attempt(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert boxes is not None
    assert peak <= 4 * len(data) + 16 * MIB, f"{peak / len(data):.1f} times the input"


@pytest.mark.parametrize("kind", sorted(BOXES))
def test_memory_of_floods_of_each_box(kind):
    """The smallest body that each declared box takes, repeated as often as the limit allows.

    What one box costs is measured on a thousand; from that follows what the worst number of them costs.
    """
    for size in range(200):
        one = box(kind, (b"\1\0\0\0" if 1 in (BOXES[kind].versions or ()) else bytes(4)), bytes(size))
        try:
            parse_boxes(one)
        except BoxError:
            continue
        break
    data = one * 1000
    tracemalloc.start()
    try:
        boxes = parse_boxes(data)
        cost = tracemalloc.get_traced_memory()[1] / len(boxes)
    finally:
        tracemalloc.stop()
    weight = BOXES[kind].layout.weight
    if weight <= len(one) / 128:
        assert cost <= 4 * len(one)
    else:
        most = 32_768 / (weight - len(one) / 128)
        assert most * (cost - 4 * len(one)) <= 16 * MIB, f"{cost:.0f} bytes a box of {len(one)}"


@pytest.mark.parametrize("family", FAMILIES)
def test_work_is_linear(family):
    """Four times the input takes about four times the work; what Python does not count would last minutes at 1 MiB."""
    small, large = FAMILIES[family](MIB // 8), FAMILIES[family](MIB // 2)
    attempt(small)  # what is made once
    first, second = lines_run(lambda: attempt(small)), lines_run(lambda: attempt(large))
    assert second <= 6 * max(first, 2_000), f"{first:,} lines, then {second:,}"
    with bounded_work(120):
        attempt(FAMILIES[family](MIB))


def test_building_media_does_not_copy_it():
    payload = bytearray(8 * MIB)
    tracemalloc.start()
    try:
        pieces = MediaDataBox(data=payload).pieces()
        assert tracemalloc.get_traced_memory()[1] < MIB
    finally:
        tracemalloc.stop()
    assert pieces[-1] is payload


def test_a_file_of_gigabytes_through_mmap(tmp_path):
    """Three sparse gigabytes of media between ftyp and moof: neither read nor copied."""
    path, gap = tmp_path / "huge.mp4", 3 << 30
    tail = fragmented_file(samples=2, fragments=1)
    with path.open("wb") as file:
        file.write(P(">I4sQ", 1, b"mdat", 16 + gap))
        file.seek(gap, 1)
        file.write(tail)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        tracemalloc.start()
        try:
            view = memoryview(mapped)
            boxes = parse_boxes(view)
            assert tracemalloc.get_traced_memory()[1] < MIB
        finally:
            tracemalloc.stop()
        assert [found.type for found in boxes] == ["mdat", "ftyp", "moov", "moof", "mdat", "mfra"]
        assert len(boxes[0].data) == gap
        assert boxes[1].offset == 16 + gap
        assert build_boxes(boxes[1:]) == tail
        del boxes
        view.release()


def test_more_boxes_can_be_allowed():
    data = box("free") * 100_000
    with pytest.raises(BoxError, match="max_boxes") as caught:
        parse_boxes(data)
    assert len(caught.value.partial) == 32_768 + len(data) // 128
    assert len(parse_boxes(data, limits=Limits(max_boxes=100_000))) == 100_000
