"""``onvif-bmff inspect``."""

import io
import json
import struct
import sys

import pytest
from support_tools import need_module

from onvif_bmff.bmff import (
    UNITY_MATRIX,
    Box,
    Columns,
    HandlerBox,
    MediaHeaderBox,
    MovieHeaderBox,
    ProducerReferenceTimeBox,
    TrackHeaderBox,
    UnknownBox,
    UserDataBox,
    build_boxes,
    pack_language,
    parse_boxes,
)
from onvif_bmff.cli.box_view import box_node
from onvif_bmff.cli.main import main
from onvif_bmff.cli.terminal import line_writer
from onvif_bmff.errors import BoxError
from onvif_bmff.testing.made_files import cmaf_file, fragmented_file, progressive_file


@pytest.fixture
def inspect(tmp_path, capsys):
    def run(data, *options):
        path = tmp_path / "file.mp4"
        path.write_bytes(data)
        status = main(["inspect", str(path), *options])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


def flat(nodes):
    for node in nodes:
        yield node
        yield from flat(node["children"])


@pytest.mark.parametrize("data", [progressive_file(), fragmented_file(scheme="cenc"), cmaf_file(scheme="cbcs")])
def test_json_has_every_box(inspect, data):
    status, out, err = inspect(data, "--json")
    assert (status, err) == (0, "")
    nodes = list(flat(json.loads(out)["boxes"]))
    boxes = [found for top in parse_boxes(data) for _, found in top.walk()]
    assert [(node["type"], node["offset"], node["size"]) for node in nodes] == [
        (found.type, found.offset, found.read_size) for found in boxes
    ]
    assert all(set(node) == {"type", "offset", "size", "fields", "children"} for node in nodes)


def named(out):
    return {node["type"]: node["fields"] for node in flat(json.loads(out)["boxes"])}


def test_json_fields_are_readable(inspect):
    fields = named(inspect(fragmented_file(scheme="cenc"), "--json")[1])
    assert fields["ftyp"] == {"major_brand": "iso6", "minor_version": 0, "compatible_brands": ["iso6", "mp41"]}
    assert fields["mdhd"]["language"] == "und"
    assert fields["hdlr"]["name"] == "filler"
    assert fields["esds"]["decoder_config"]["object_type"] == 0x40
    assert fields["senc"]["samples"][0] == {"iv": "0000000000000004", "subsamples": [[5, 35]]}
    assert fields["tenc"]["default_kid"] == "00112233-4455-6677-8899-aabbccddeeff"
    assert fields["pssh"]["entries"][0]["encryption_version"] == 1
    assert fields["trun"]["samples"]["size"] == [40, 9, 17, 5]
    assert fields["mdat"] == {"data": "213 bytes"}
    fields = named(inspect(cmaf_file(scheme="cbcs"), "--json")[1])
    assert fields["sgpd"]["seig"][0]["constant_iv"] == "01" * 16


def test_tables_and_bytes_are_abbreviated_unless_full(inspect):
    data = fragmented_file(samples=20, scheme="cenc")
    short, full = named(inspect(data, "--json")[1]), named(inspect(data, "--json", "--full")[1])
    assert short["trun"]["samples"]["size"] == [40, 9, 17, 5, 40, 9, 17, 5, "..."]
    assert full["trun"]["samples"]["size"] == [40, 9, 17, 5] * 5
    assert short["trun"]["samples"]["rows"] == full["trun"]["samples"]["rows"] == 20
    assert short["senc"]["samples"][-1] == {"more": 12}
    assert len(full["senc"]["samples"]) == 20
    assert short["avcC"]["sequence_parameter_sets"] == full["avcC"]["sequence_parameter_sets"]
    assert short["pssh"]["entries"][0]["encrypted_key"].endswith("... (256 bytes)")
    assert full["pssh"]["entries"][0]["encrypted_key"] == "00" * 256


def test_text_is_a_tree(inspect):
    status, out, err = inspect(progressive_file(tracks=("vide",)))
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == 'ftyp @0 +28 major_brand=isom minor_version=512 compatible_brands=["isom", "iso2", "mp41"]'
    assert lines[1].startswith("moov @28 +")
    assert lines[2].startswith("  mvhd @36 +108 version=0 flags=0x0 ")
    assert any(line.startswith("      hdlr ") and line.endswith("name=filler") for line in lines)
    assert "            - entries rows=1 sample_count=[4] sample_delta=[3600]" in lines
    assert lines[-1].startswith("mdat @")


def test_a_broken_file_shows_the_tree_up_to_the_fault(inspect):
    data = progressive_file(tracks=("vide",))
    cut = data[: data.index(b"stsz") + 6]
    status, out, err = inspect(cut)
    assert status == 2
    assert "stsc @" in out
    assert "stsz @" not in out
    assert (
        err == f"onvif-bmff: /moov at byte 28: the box runs {data.index(b'mdat') - 4 - len(cut)} bytes past its file\n"
    )
    status, out, err = inspect(cut, "--json")
    assert status == 2
    types = [node["type"] for node in flat(json.loads(out)["boxes"])]
    assert types[-1] == "stsc"
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("data", [b"", b"junk", b"\0\0\0\4moov"])
def test_files_without_boxes(inspect, data):
    status, out, err = inspect(data, "--json")
    assert json.loads(out) == {"schema": "onvif-bmff/inspect/1", "boxes": []}
    assert (status, err == "") == ((2, False) if data else (0, True))


def test_control_characters_of_the_file_do_not_reach_the_terminal(inspect):
    evil = b"\x1b[2J"
    made = (UnknownBox(type=evil.decode(), data=evil), HandlerBox(handler_type=evil.decode(), name_bytes=evil + b"\0"))
    _, out, _ = inspect(build_boxes(made) + struct.pack(">I4s", 8, b"\x80\x81\x82\x83"))
    assert "\x1b" not in out
    assert out.isascii()


def test_what_cannot_be_read_is_said():
    def fields(data):
        return box_node(parse_boxes(data)[0])["fields"]

    assert "reason" not in fields(struct.pack(">I4sI", 12, b"esds", 0))
    assert fields(struct.pack(">I4sI", 12, b"esds", 0))["unreadable"] == "no elementary stream descriptor"
    senc = struct.pack(">I4sII", 19, b"senc", 0, 1) + b"abc"
    assert fields(senc)["samples"] == "616263"
    mdhd = struct.pack(">I4sIIIIIHH", 32, b"mdhd", 0, 0, 0, 1, 0, 7, 0)
    assert fields(mdhd)["language"] == 7
    assert fields(struct.pack(">I4s", 10, b"moov") + b"xy")["trailing"] == "7879"
    assert box_node(UserDataBox(children=(Box(),)))["offset"] is None
    assert Columns(3) == Columns(3)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_colours_only_on_a_terminal_with_rich(monkeypatch):
    line = [("type", "moov"), ("place", " @0 +8 [bold]")]
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    need_module("rich")
    coloured, plain, asked, without = Terminal(), io.StringIO(), Terminal(), Terminal()
    line_writer(coloured)(line)
    line_writer(plain)(line)
    monkeypatch.setenv("NO_COLOR", "1")
    line_writer(asked)(line)
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setitem(sys.modules, "rich.console", None)
    line_writer(without)(line)
    assert "\x1b[" in coloured.getvalue()
    assert plain.getvalue() == asked.getvalue() == without.getvalue() == "moov @0 +8 [bold]\n"


def test_a_pipe_is_read(tmp_path, capsys):
    import os
    import threading

    path = tmp_path / "pipe"
    os.mkfifo(path)
    data = progressive_file()
    writer = threading.Thread(target=path.write_bytes, args=(data,))
    writer.start()
    assert main(["inspect", str(path)]) == 0
    writer.join()
    assert capsys.readouterr().out.startswith("ftyp @0")


# ---- as people read it, and without loss -------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        progressive_file(tracks=("vide",)),
        fragmented_file(tracks=("soun",), fragments=1, scheme="cenc"),
        cmaf_file(scheme="cbcs", fragments=1),
    ],
    ids=["progressive", "fragmented", "cmaf"],
)
def test_whatever_byte_differs_shows_in_the_full_json(data):
    """All is there: but for media data, which are marked as their number, no two files look alike."""
    whole = [box_node(top, full=True) for top in parse_boxes(data)]
    media = set()
    for top in parse_boxes(data):
        if top.type == "mdat":
            media |= set(range(top.offset + 8, top.offset + top.read_size))
    seen, alike = 0, []
    for position in range(len(data)):
        if position in media:
            continue
        changed = bytearray(data)
        changed[position] ^= 1 if position % 3 else 0x80
        try:
            shown = [box_node(top, full=True) for top in parse_boxes(bytes(changed))]
        except BoxError:
            continue
        seen += 1
        if shown == whole:
            alike.append(position)
    assert alike == []
    assert seen > (len(data) - len(media)) // 2


def test_abbreviations_are_marked():
    """What is left out without --full is said: nothing else is."""
    data = fragmented_file(samples=20, scheme="cenc")

    def values(node):
        for name, value in node["fields"].items():
            yield f"{node['type']}.{name}", value
        for child in node["children"]:
            yield from values(child)

    short = [pair for top in parse_boxes(data) for pair in values(box_node(top))]
    full = [pair for top in parse_boxes(data) for pair in values(box_node(top, full=True))]
    cut = 0
    for (name, one), (same, other) in zip(short, full, strict=True):
        assert name == same
        if one != other:
            text = json.dumps(one)
            assert '"..."' in text or "... (" in text or '"more": ' in text, name
            cut += 1
    assert cut >= 3


def test_the_form_of_a_size_and_unusual_bytes_are_shown():
    def fields(data):
        return box_node(parse_boxes(data)[0])["fields"]

    long_size = struct.pack(">I4sQ", 1, b"free", 16)
    assert fields(long_size) == {"data": "", "size_form": "64 bits"}
    assert fields(struct.pack(">I4s", 0, b"free"))["size_form"] == "to the end of the file"
    handler = build_boxes((HandlerBox(handler_type="vide", name_bytes=b"\x05Video"),))
    assert fields(handler)["name_bytes"] == b"\x05Video".hex()
    assert "name_bytes" not in fields(build_boxes((HandlerBox(handler_type="vide", name_bytes=b"Video\0"),)))
    mdhd = struct.pack(">I4sIIIIIHH", 32, b"mdhd", 0, 0, 0, 1, 0, 0x8000 | pack_language("eng"), 0)
    assert fields(mdhd)["language"] == 0x8000 | pack_language("eng"), "a bit that no letter has"
    assert fields(mdhd[:-2] + b"\0\1")["pre_defined"] == 1
    assert "pre_defined" not in fields(mdhd)


def text_of(inspect, *boxes):
    status, out, _ = inspect(build_boxes(boxes))
    assert status == 0
    return out


@pytest.mark.parametrize(
    ("made", "shown"),
    [
        (MovieHeaderBox(timescale=1, next_track_id=2, creation_time=3_750_764_903),
         'creation_time="2022-11-08T15:08:23Z"'),
        (MovieHeaderBox(timescale=1, next_track_id=2), "creation_time=0"),
        (MovieHeaderBox(version=1, timescale=1, next_track_id=2, creation_time=1 << 63), f"creation_time={1 << 63}"),
        (MovieHeaderBox(timescale=1, next_track_id=2, rate=0x18000, volume=0x180), 'rate="1.5" volume="1.5"'),
        (MovieHeaderBox(timescale=1, next_track_id=2, rate=-0x10000), 'rate="-1"'),
        (MovieHeaderBox(timescale=1, next_track_id=2), "matrix=unity"),
        (TrackHeaderBox(track_id=1, width=320 << 16, height=180 << 16 | 0x8000), 'width=320 height="180.5"'),
        (TrackHeaderBox(track_id=1, matrix=struct.pack(">9i", 0, 65536, 0, -65536, 0, 0, 180 << 16, 0, 1 << 30)),
         'matrix="rotated by 90\\u00b0, moved by 180, 0"'),
        (TrackHeaderBox(track_id=1, matrix=struct.pack(">9i", 32768, 0, 0, 0, 131072, 0, 0, 0, 1 << 30)),
         'matrix="0.5 0 0; 0 2 0; 0 0 1"'),
        (MediaHeaderBox(timescale=1, language=pack_language("deu")), "language=deu"),
        (MediaHeaderBox(timescale=1, language=7), 'language="Danish (QuickTime 7)"'),
        (MediaHeaderBox(timescale=1, language=0x7FFF), "language=unspecified"),
        (MediaHeaderBox(timescale=1, language=0x3FF), "language=1023"),
        (ProducerReferenceTimeBox(reference_track_id=1, ntp_timestamp=(3_876_908_903 << 32) | 1 << 31, media_time=0),
         'ntp_timestamp="2022-11-08T15:08:23.500000Z"'),
    ],
)  # fmt: skip
def test_text_is_as_people_read_it(inspect, made, shown):
    assert f" {shown}" in text_of(inspect, made)


def test_json_has_the_numbers(inspect):
    made = MovieHeaderBox(timescale=1, next_track_id=2, creation_time=3_750_764_903, rate=0x18000)
    (node,) = json.loads(inspect(build_boxes((made,)), "--json", "--full")[1])["boxes"]
    assert (node["fields"]["creation_time"], node["fields"]["rate"]) == (3_750_764_903, 0x18000)
    assert node["fields"]["matrix"] == UNITY_MATRIX.hex()
