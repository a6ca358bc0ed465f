"""Children of containers: found by class, four-character code and path; counted by what the container declares."""

import pytest

from onvif_bmff import bmff
from onvif_bmff.bmff.language.children import ChildCountFault, Children, child_count_faults
from onvif_bmff.bmff.language.header import SIZE_32, SIZE_64, SIZE_TO_END, read_box_header
from onvif_bmff.errors import BoxError
from onvif_bmff.testing.made_files import TRACKS, cmaf_file, fragmented_file, progressive_file


def movie():
    boxes = bmff.parse_boxes(progressive_file(tracks=TRACKS[:2], sizes=[5], samples=3))
    return next(box for box in boxes if isinstance(box, bmff.MovieBox))


def test_children_are_found_by_code_and_path_as_by_class():
    moov = movie()
    assert moov.find("mvhd") is moov.find(bmff.MovieHeaderBox) is moov.require("mvhd")
    assert moov.find_all("trak") == moov.find_all(bmff.TrackBox)
    headers = [trak.require(bmff.TrackHeaderBox) for trak in moov.find_all(bmff.TrackBox)]
    assert len(headers) == 2
    assert list(moov.find_all("trak/tkhd")) == headers
    assert moov.find("trak/tkhd") is headers[0]
    assert moov.find("trak/mdia/minf/stbl/stsz").sample_count == 3
    assert moov.find("abcd") is moov.find("trak/abcd") is moov.find("mvhd/trak") is None
    assert moov.find_all("trak/abcd") == ()


def test_a_path_is_followed_beyond_the_first_box_of_a_type():
    bare = bmff.TrackBox()
    moov = bmff.MovieBox(children=(bare, *movie().children))
    assert moov.find("trak") is bare
    assert moov.find("trak/tkhd").track_id == 1


def test_a_required_child_that_is_missing_is_named():
    for kind, name in (("abcd", "abcd"), ("trak/abcd", "trak/abcd"), (bmff.MovieFragmentBox, "moof")):
        with pytest.raises(BoxError, match=f"no {name} box"):
            movie().require(kind)


@pytest.mark.parametrize(
    "data",
    [
        progressive_file(tracks=TRACKS[:2], sizes=[5], samples=3, edits=True),
        fragmented_file(tracks=TRACKS[:2], sizes=[5], samples=3, fragments=2, scheme="cenc"),
        cmaf_file(TRACKS[0], sizes=[5], samples=3, fragments=2, scheme="cbcs"),
    ],
)
def test_usual_files_have_the_declared_children(data):
    containers = 0
    for top in bmff.parse_boxes(data):
        for path, box in top.walk():
            containers += box.child_rules is not None
            assert (path, bmff.child_count_faults(box.child_rules, [one.type for one in box.children_of()])) == (
                path,
                [],
            )
    assert containers > 5


def test_too_few_and_too_many_children_are_told():
    moov = bmff.MovieBox(children=(bmff.MovieHeaderBox(timescale=1, next_track_id=1),) * 2)
    assert child_count_faults(moov.child_rules, [child.type for child in moov.children]) == [
        ChildCountFault("mvhd", 2, 1, 1),
        ChildCountFault("trak", 0, 1, None),
    ]
    rules = Children(one=("stco|co64",), optional=("stss",), many=("sgpd",))
    for types, faults in (
        (["stco"], []),
        (["co64", "stss", "sgpd", "sgpd", "free"], []),
        (["stco", "co64"], [ChildCountFault("stco|co64", 2, 1, 1)]),
        ([], [ChildCountFault("stco|co64", 0, 1, 1)]),
        (["stco", "stss", "stss"], [ChildCountFault("stss", 2, 0, 1)]),
    ):
        assert child_count_faults(rules, types) == faults
    assert child_count_faults(None, ["abcd"]) == []


def test_headers():
    data = b"xx\0\0\0\x0cfree1234" + b"\0\0\0\x01mdat\0\0\0\0\0\0\0\x14data" + b"\0\0\0\0uuid"
    assert read_box_header(data, 2, len(data)) == (b"free", 10, 14, SIZE_32)
    assert read_box_header(memoryview(data), 14, len(data)) == (b"mdat", 30, 34, SIZE_64)
    assert read_box_header(bytearray(data), 34, len(data)) == (b"uuid", 42, len(data), SIZE_TO_END)
    assert read_box_header(data, 2, 9) is None
    assert read_box_header(data, 14, 29) is None
    assert read_box_header(b"\0\0\0\x02free", 0, 8) == (b"free", 8, 2, SIZE_32)
    assert read_box_header(b"\xff\xff\xff\xfffree", 0, 8) == (b"free", 8, 0xFFFFFFFF, SIZE_32)


@pytest.mark.parametrize("path", ["", "/", "trak/", "/trak", "trak//tkhd", "trak/tkhd/", "abcd/"])
def test_a_path_with_an_empty_step_is_refused(path):
    """A slip of who calls; "trak/" once found the trak."""
    moov = bmff.MovieBox(children=(bmff.TrackBox(children=()),))
    for search in (moov.find, moov.find_all, moov.require):
        with pytest.raises(BoxError, match=f"the path '{path}' has an empty step"):
            search(path)
