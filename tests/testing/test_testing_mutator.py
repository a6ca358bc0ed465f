"""The mutator: repeatable, bounded, and able to find each class of planted bug."""

import struct

import pytest

from onvif_bmff.testing.box_scan import scan
from onvif_bmff.testing.made_files import cmaf_file, fragmented_file, progressive_file
from onvif_bmff.testing.mutator import Mutator, shorten_media

SEED = fragmented_file(scheme="cenc")


def test_the_same_random_seed_gives_the_same_mutants():
    first = list(Mutator(SEED, 7).mutants(200))
    assert first == list(Mutator(SEED, 7).mutants(200))
    assert first != list(Mutator(SEED, 8).mutants(200))
    assert len(set(first)) > 190


def test_mutants_stay_bounded():
    assert max(map(len, Mutator(SEED, 1, max_growth=100).mutants(500))) <= len(SEED) + 4 * 100


def test_any_seed_will_do():
    for seed in (b"", b"x", b"no box in here at all", struct.pack(">I4s", 8, b"free"), b"\0\0\0\x09free"):
        mutator = Mutator(seed, 0)
        assert len(list(mutator.mutants(100))) == 100
        assert mutator.trace


def test_every_kind_of_damage_is_done():
    done = set()
    mutator = Mutator(SEED, 0)
    for _ in mutator.mutants(2000):
        done.update(mutator.trace)
    assert done == {
        "bits", "bytes", "size", "count", "version", "flags", "number", "rename", "terminator", "overlap", "order",
        "truncate", "junk", "delete", "duplicate", "insert", "nest", "large_size", "grow", "cut_body", "transplant",
    }  # fmt: skip


def test_scan_finds_the_boxes():
    nodes = scan(SEED)
    assert [node.type for node in nodes if not node.depth] == [
        b"ftyp",
        b"moov",
        b"moof",
        b"mdat",
        b"moof",
        b"mdat",
        b"mfra",
    ]
    names = {node.type for node in nodes}
    assert {b"stsd", b"encv", b"avcC", b"sinf", b"tenc", b"metx", b"btrt", b"enca", b"url "} <= names
    assert scan(struct.pack(">I4sQ", 1, b"mdat", 16))[0].body == 16
    assert scan(struct.pack(">I4s", 0, b"mdat") + b"12")[0].end == 10


def test_media_is_shortened():
    data = progressive_file(sizes=(1000,))
    short = shorten_media(data, 10)
    assert len(short) < len(data) - 5000
    assert scan(short)[-1].type == b"mdat"
    assert scan(short)[-1].end - scan(short)[-1].body == 10
    assert shorten_media(short, 10) == short


# A toy parser with one planted bug for each class of damage. ``bug`` tells which one is live.


def toy(data, bug):
    """Return whether the planted bug is hit."""
    seen, stack = [], [(0, len(data), 0)]
    hit = False
    while stack and not hit:
        pos, end, depth = stack.pop()
        while end - pos >= 8:
            size, name = struct.unpack_from(">I4s", data, pos)
            body = data[pos + 8 : pos + size]
            hit |= bug == "size smaller than the header" and 1 < size < 8
            hit |= bug == "size above the parent" and size > end - pos
            hit |= bug == "size of 64 bits that is wrong" and size == 1 and end - pos >= 16
            hit |= bug == "deep nesting" and depth > 30
            hit |= bug == "unknown version" and name == b"mvhd" and len(body) > 4 and body[0] > 1
            hit |= bug == "flags that hide columns" and name == b"trun" and body[2:3] not in (b"\x0f", b"")
            hit |= (
                bug == "count above the rows"
                and name == b"trun"
                and len(body) < 12 + 16 * int.from_bytes(body[4:8], "big")
            )
            hit |= (
                bug == "count below the rows"
                and name == b"trun"
                and len(body) > 12 + 16 * int.from_bytes(body[4:8], "big")
            )
            hit |= bug == "text without an end" and name == b"hdlr" and len(body) > 24 and b"\0" not in body[24:]
            hit |= bug == "box given twice" and depth == 0 and seen.count(b"moov") > 1
            hit |= bug == "box that is missing" and name == b"stbl" and b"stsd" not in body
            hit |= bug == "box in the wrong place" and name == b"mvhd" and b"trex" in seen
            hit |= bug == "offset outside the file" and name == b"tfra" and body[20:24] > struct.pack(">I", len(data))
            hit |= bug == "table that grew" and len(body) > 5000
            if size < 8 or size > end - pos:
                break
            seen.append(name)
            if name in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"moof", b"traf", b"mvex", b"mfra", b"udta"):
                stack.append((pos + 8, pos + size, depth + 1))
            pos += size
        hit |= bug == "rest of a box that is cut off" and 0 < end - pos < 8
    return hit


BUGS = (
    "size smaller than the header", "size above the parent", "size of 64 bits that is wrong", "deep nesting",
    "unknown version", "flags that hide columns", "count above the rows", "count below the rows",
    "text without an end", "box given twice", "box that is missing", "box in the wrong place",
    "offset outside the file", "table that grew", "rest of a box that is cut off",
)  # fmt: skip


@pytest.mark.parametrize("bug", BUGS)
def test_planted_bugs_are_found(bug):
    seed = fragmented_file()
    assert not toy(seed, bug)
    assert any(toy(mutant, bug) for mutant in Mutator(seed, 5).mutants(4000))


def test_made_up_files_differ():
    made = {progressive_file(), fragmented_file(), SEED, cmaf_file("soun"), cmaf_file("meta"), cmaf_file(scheme="cbcs")}
    assert len(made) == 6
