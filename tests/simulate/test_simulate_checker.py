"""The checker: right recordings have no finding, each damage has one, and it knows nothing of the library."""

import ast
import base64
import struct
import tarfile
from pathlib import Path
from random import Random

import pytest
from support_configurations import carry_out, configuration, examine

from onvif_bmff.recording.formats import CMAF, MP4
from onvif_bmff.storage import DirectoryStore
from onvif_bmff.testing.made_files import TRACKS
from onvif_bmff.testing.recordings import START, recorded_objects
from tests.simulate import checked_names, checked_objects, checker
from tests.simulate.checker import check_bucket

BUCKETS = Path(__file__).resolve().parents[1] / "data" / "buckets-333ccfc"
LEAD = "site-2/2022-11-08/camera-5/15/"
FORMATS = {"CMAF": CMAF, "MP4": MP4}


def objects_of(**more):
    return {str(one.key): (bytes(one.body), dict(one.metadata)) for one in recorded_objects(**more)}


def contents(store):
    return {key: (store.get(key), dict(store.head(key).attributes)) for key in store.keys("")}


# ---- right recordings ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tracks", [TRACKS, ("vide",), ("soun",), ("meta",), ("vide", "soun")], ids="-".join)
@pytest.mark.parametrize("scheme", [None, "cenc", "cbcs"])
@pytest.mark.parametrize("chosen", FORMATS)
def test_recordings_of_all_formats_have_no_finding(chosen, scheme, tracks):
    objects = objects_of(recording_format=FORMATS[chosen], scheme=scheme, tracks=tracks, spans=2, segments=3)
    checked = check_bucket(objects)
    assert checked.findings == []
    assert len(checked.spans) == 2 * len(tracks)
    assert {row.handler for row in checked.spans} == set(tracks)
    assert {row.ended for row in checked.spans} == {True}
    assert {row.encrypted for row in checked.spans} == {scheme is not None}
    counts = {"vide": 12, "soun": 23, "meta": 3}
    assert [len(row.samples) for row in checked.spans] == [counts[row.handler] for row in checked.spans]
    encrypted = {None: 0, "cenc": sum(len(row.samples) for row in checked.spans)}
    fragments = sum(body.count(b"moof") for body, _ in objects.values())
    assert len(checked.vectors) == encrypted.get(scheme, fragments if chosen == "CMAF" else len(checked.vectors))
    assert scheme is None or checked.vectors


def test_spans_are_given_back_with_their_times_and_bytes():
    checked = check_bucket(objects_of(tracks=("vide",), spans=2, segments=2, gap=30))
    first, second = checked.spans
    assert (first.prefix, first.postfix, first.extension, first.track) == ("site-2", "camera-5", "m4v", 1)
    assert first.keys == [f"{LEAD}08-23.547Z.0.m4v", f"{LEAD}08-24.547Z.1.m4v"]
    assert (second.start - first.start, first.start % 1_000_000) == (32_000_000, 547_000)
    assert [sample.decode_time for sample in first.samples] == [number * 22_500 for number in range(8)]
    assert {(sample.duration, sample.offset, len(sample.payload)) for sample in first.samples} == {(22_500, 0, 40)}
    assert [sample.sync for sample in first.samples] == [True, False, False, False] * 2
    assert first.samples[0].payload[4:8] == bytes.fromhex("6588804a")
    assert len({sample.payload for sample in first.samples}) == 8


@pytest.mark.parametrize("seed", range(1_000_000, 1_000_120, 3))
def test_what_the_validator_calls_clean_is_clean_here(seed):
    found = configuration(seed)
    recorded = carry_out(found)
    assert examine(recorded) == []
    checked = check_bucket(contents(recorded.store))
    assert checked.findings == []
    stored = len(recorded.pushed) - sum(recorded.dropped.values())
    assert sum(len(row.samples) for row in checked.spans) == stored
    pushed = {bytes(sample.data) for sample in recorded.pushed}
    clear = [sample.payload for row in checked.spans if not row.encrypted for sample in row.samples]
    assert len(set(clear)) == len(clear)
    assert set(clear) <= pushed


@pytest.mark.parametrize("name", ["cmaf", "mp4", "cenc", "cbcs"])
def test_buckets_of_an_old_version_have_no_finding(name, tmp_path):
    with tarfile.open(BUCKETS / f"{name}.tar") as tar:
        tar.extractall(tmp_path, filter="data")
    checked = check_bucket(contents(DirectoryStore(tmp_path / name)))
    assert checked.findings == []
    assert checked.spans
    assert bool(checked.vectors) == (name in ("cenc", "cbcs"))


def test_spans_that_are_open_or_trimmed_are_right_where_that_is_allowed():
    objects = objects_of(tracks=("vide",), segments=3, ended=False)
    assert check_bucket(objects, open_spans=True).findings == []
    assert check_bucket(objects).findings == [f"{LEAD}08-25.547Z.2.m4v: its span has no end object"]
    del objects[f"{LEAD}08-23.547Z.0.m4v"]
    assert check_bucket(objects, open_spans=True, trimmed=True).findings == []
    (finding,) = check_bucket(objects, open_spans=True).findings
    assert "no segment with counter 0" in finding


def test_the_checker_uses_nothing_of_the_library():
    for module in (checker, checked_names, checked_objects):
        names = set()
        for node in ast.walk(ast.parse(Path(module.__file__).read_text())):
            if isinstance(node, ast.Import):
                names |= {one.name for one in node.names}
            elif isinstance(node, ast.ImportFrom):
                names.add(node.module)
        ours = {"tests.simulate.checked_names", "tests.simulate.checked_objects"}
        assert {name for name in names if name.startswith(("onvif", "tests"))} <= ours


# ---- damage ----------------------------------------------------------------------------------------------------

FIRST, SECOND = f"{LEAD}08-23.547Z.0.m4v", f"{LEAD}08-24.547Z.1.m4v"
END = f"{LEAD}08-26.547Z.3.m4v_end"
LAST = f"{LEAD}08-25.547Z.2.m4v"


def edit(objects, key, change):
    """Let ``change`` alter the bytes of an object."""
    body = bytearray(objects[key][0])
    change(body)
    objects[key] = bytes(body), objects[key][1]


def rename(objects, old, new):
    objects[new] = objects.pop(old)


def label(objects, key, **more):
    objects[key] = objects[key][0], {**objects[key][1], **more}


def at(body, kind, number=0):
    """Where the contents of a box begin."""
    place = -1
    for _ in range(number + 1):
        place = body.index(kind, place + 1)
    return place + 4


def add(body, place, more):
    struct.pack_into(">I", body, place, struct.unpack_from(">I", body, place)[0] + more)


def shift_time(body, ticks):
    place = at(body, b"tfdt")
    add(body, place + (8 if body[place] else 4), ticks)


def set_size(body, size):
    """Give all samples of the first fragment another size."""
    tfhd = at(body, b"tfhd")
    flags = struct.unpack_from(">I", body, tfhd)[0]
    assert flags & 0x10
    struct.pack_into(">I", body, tfhd + 8 + 8 * bool(flags & 1) + 4 * bool(flags & 2) + 4 * bool(flags & 8), size)


def not_sync(body):
    trun = at(body, b"trun")
    flags = struct.unpack_from(">I", body, trun)[0]
    place = trun + 8 + 4 * bool(flags & 1)
    if not flags & 4:
        place = trun + 12 + 4 * bool(flags & 0x100) + 4 * bool(flags & 0x200)
        assert flags & 0x400
    struct.pack_into(">I", body, place, 0x01010000)


def drop_header(body):
    moov = body.index(b"moov") - 4
    del body[: moov + struct.unpack_from(">I", body, moov)[0]]


def set_header_scale(body):
    for kind in (b"mvhd", b"mdhd"):
        place = at(body, kind)
        add(body, place + (20 if body[place] else 12), 1)


def other_brand(body):
    add(body, at(body, b"tkhd") + 76, 1 << 16)  # another width


DAMAGES = {
    "a counter is left out": (lambda o: rename(o, LAST, LAST.replace(".2.", ".3.")), "no segment with counter 2"),
    "a segment is lost": (lambda o: o.pop(SECOND), "no segment with counter 1"),
    "the first segment is lost": (lambda o: o.pop(FIRST), "no segment with counter 0"),
    "an end object is lost": (lambda o: o.pop(END), "has no end object"),
    "an end object is there twice": (lambda o: o.update({END.replace(".547", ".548"): (b"", {})}), "ends no span"),
    "an end object is too early": (lambda o: rename(o, END, END.replace("26.547", "25.547")), "ends no span"),
    "an end object is 2 ms late": (lambda o: rename(o, END, END.replace(".547", ".549")), "ends no span"),
    "an end object has another counter": (lambda o: rename(o, END, END.replace(".3.", ".2.")), "ends no span"),
    "an end object has bytes": (lambda o: o.update({END: (b"x", {})}), "an end object with 1 bytes"),
    "a name is 400 ms late": (lambda o: rename(o, SECOND, SECOND.replace(".547", ".947")), "names of its span"),
    "a name is no date": (lambda o: rename(o, SECOND, SECOND.replace("-11-", "-13-")), "no name of B.4"),
    "a name is of another type": (lambda o: rename(o, SECOND, SECOND.replace("m4v", "m4a")), "under .m4a"),
    "a segment is stored twice": (lambda o: o.update({FIRST.replace("23.547", "20.000"): o[FIRST]}), "no end object"),
    "the duration is wrong": (lambda o: label(o, SECOND, Duration="PT1.25S"), "Duration PT1.25S"),
    "the duration is no duration": (lambda o: label(o, SECOND, Duration="1.0"), "Duration 1.0"),
    "the timescale is wrong": (lambda o: label(o, SECOND, Timescale="1000"), "Timescale 1000"),
    "the seek table is no table": (lambda o: label(o, SECOND, SeekTable="AAA*"), "cannot be read"),
    "the seek table is another one's": (
        lambda o: label(o, SECOND, SeekTable=dict(o[FIRST][1])["SeekTable"]),
        "SeekTable of track 1",
    ),
    "an object is cut off": (lambda o: edit(o, SECOND, lambda b: b.__delitem__(slice(-40, None))), "cannot be read"),
    "an object has no header": (lambda o: edit(o, SECOND, drop_header), "not with a header of its own"),
    "an object is empty": (lambda o: o.update({SECOND: (b"", {})}), "not with a header of its own"),
    "the header differs": (lambda o: edit(o, SECOND, other_brand), "another header"),
    "the timescale differs": (lambda o: edit(o, SECOND, set_header_scale), "another timescale"),
    "the first sample is not sync": (lambda o: edit(o, FIRST, not_sync), "not sync"),
    "a segment does not begin with sync": (lambda o: edit(o, SECOND, not_sync), "not sync"),
    "decode times overlap": (lambda o: edit(o, SECOND, lambda b: shift_time(b, -5)), "overlaps"),
    "decode times have a hole": (lambda o: edit(o, SECOND, lambda b: shift_time(b, 1)), "a hole of 1 ticks"),
    "a sample has no bytes": (lambda o: edit(o, SECOND, lambda b: set_size(b, 0)), "a sample of size 0"),
    "a sample is too large": (lambda o: edit(o, SECOND, lambda b: set_size(b, 4000)), "not where mdat has them"),
    "a sample is too small": (lambda o: edit(o, SECOND, lambda b: set_size(b, 39)), "belong to no sample"),
    "data lie elsewhere": (lambda o: edit(o, SECOND, lambda b: add(b, at(b, b"trun") + 8, 8)), "not where mdat has"),
    "a track is unknown": (lambda o: edit(o, SECOND, lambda b: add(b, at(b, b"tfhd") + 4, 5)), "not in the header"),
    "the mfra is wrong": (lambda o: edit(o, SECOND, lambda b: add(b, at(b, b"tfra") + 16, 1)), "mfra of track 1"),
    "the mfra has another size": (lambda o: edit(o, SECOND, lambda b: add(b, len(b) - 4, 1)), "mfro"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damage_is_found(damage):
    objects = objects_of(tracks=("vide",), segments=3, spans=2, gap=30)
    change, expected = DAMAGES[damage]
    change(objects)
    findings = check_bucket(objects).findings
    assert any(expected in finding for finding in findings), findings


@pytest.mark.parametrize("chosen", FORMATS)
@pytest.mark.parametrize("scheme", ["cenc", "cbcs"])
def test_a_vector_that_is_used_twice_is_found(chosen, scheme):
    """A fragment that is there twice, under other names, is what a device makes that begins again with old vectors."""
    objects = objects_of(recording_format=FORMATS[chosen], tracks=("vide",), scheme=scheme)
    other = objects_of(recording_format=FORMATS[chosen], tracks=("vide",), scheme=scheme, postfix="camera-6")
    assert check_bucket(objects).findings == []
    findings = check_bucket({**objects, **other}).findings
    assert findings
    assert all("is used twice" in finding for finding in findings)


def test_tables_of_vectors_are_read_to_the_byte():
    objects = objects_of(tracks=("vide",), scheme="cenc")
    edit(objects, FIRST, lambda body: add(body, at(body, b"saio") + 8, 1))
    edit(objects, SECOND, lambda body: add(body, at(body, b"senc") + 4, -1))
    findings = check_bucket(objects).findings
    for text in ("saio does not lead", "3 rows in senc for 4 samples", "senc ends at"):
        assert any(text in finding for finding in findings), findings


def test_a_multiplexed_segment_needs_its_random_access_box_and_a_cmaf_one_its_brand():
    multiplexed, cmaf = objects_of(recording_format=MP4), objects_of()
    key = next(key for key in multiplexed if key.endswith("mp4"))
    edit(multiplexed, key, lambda body: body.__delitem__(slice(body.index(b"mfra") - 4, None)))
    edit(cmaf, FIRST, lambda body: body.__setitem__(slice(0, 40), body[:40].replace(b"cmfc", b"none")))
    assert any("last box is no mfra" in finding for finding in check_bucket(multiplexed).findings)
    assert any("no brand cmfc" in finding for finding in check_bucket(cmaf).findings)


def test_a_hole_of_the_leading_track_is_found_in_a_multiplexed_segment():
    objects = objects_of(recording_format=MP4, segments=3)
    key = sorted(key for key in objects if key.endswith(".1.mp4"))[0]
    edit(objects, key, lambda body: shift_time(body, 360_000))
    assert any(
        "track 1 at" in finding and "a hole of 360000 ticks" in finding for finding in check_bucket(objects).findings
    )


def test_a_seek_table_leads_to_what_it_names():
    objects = objects_of(tracks=("vide",))
    table = bytearray(base64.b64decode(objects[FIRST][1]["SeekTable"]))
    add(table, at(table, b"tfra") + 20, 1)
    label(objects, FIRST, SeekTable=base64.b64encode(bytes(table)).decode())
    (finding,) = check_bucket(objects).findings
    assert "SeekTable of track 1" in finding


@pytest.mark.parametrize("chosen", FORMATS)
def test_noise_makes_findings_and_never_an_exception(chosen):
    objects = objects_of(recording_format=FORMATS[chosen], scheme="cenc")
    keys, draw, found = sorted(key for key in objects if objects[key][0]), Random(1), 0
    for _ in range(300):
        key = draw.choice(keys)
        body = bytearray(objects[key][0])
        place = draw.randrange(len(body) - 8)
        body[place : place + 4] = draw.choice([bytes(4), b"\xff" * 4, draw.randbytes(4), b""])
        found += bool(check_bucket({**objects, key: (bytes(body), objects[key][1])}).findings)
    assert found > 150


def test_an_end_may_be_counted_from_the_name_of_the_last_segment():
    """As recovery does, which knows that name only: it is cut off to the millisecond, and so is the end."""
    objects = objects_of(tracks=("soun",), segments=4)
    end = next(key for key in objects if key.endswith("_end"))
    last = max(key for key in objects if key.endswith(".3.m4a"))
    assert "26.619Z" in last
    assert "27.515Z" in end
    rename(objects, last, last.replace("26.619", "26.618"))
    recovered = dict(objects)
    rename(recovered, end, end.replace("27.515", "27.513"))
    assert check_bucket(recovered).findings == []
    rename(objects, end, end.replace("27.515", "27.512"))
    assert any("ends no span" in finding for finding in check_bucket(objects).findings)


def test_of_two_spans_a_segment_goes_on_with_the_one_whose_clock_was_followed():
    """Both have as many ticks, and the clock was set back by eleven seconds between them."""
    first = objects_of(tracks=("vide",), segments=2, seconds=8)
    for key in [key for key in first if ".0." not in key]:
        seconds, milliseconds = key.partition("Z")[0][-6:].split(".")
        rename(first, key, key.replace(f"{seconds}.{milliseconds}", f"{seconds}.{int(milliseconds) + 50:03}"))
    second = objects_of(tracks=("vide",), segments=2, seconds=8, start=START.plus_microseconds(5_000_000))
    checked = check_bucket(first | second)
    assert checked.findings == []
    assert {frozenset(span.keys) for span in checked.spans} == {
        frozenset(key for key in objects if not key.endswith("_end")) for objects in (first, second)
    }
