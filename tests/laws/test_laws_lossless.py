"""The law of the box room: whatever the bytes, either ``BoxError``, or exactly the same bytes are built again."""

import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onvif_bmff.bmff import Box, build_boxes, parse_boxes
from onvif_bmff.bmff.language.declare import SAMPLE_ENTRIES
from onvif_bmff.bmff.sample_table import SampleDescriptionBox
from onvif_bmff.errors import BoxError
from onvif_bmff.testing.made_files import TRACKS, cmaf_file, fragmented_file, progressive_file
from onvif_bmff.testing.mutator import Mutator, shorten_media
from onvif_bmff.testing.strategies import box_kinds, box_trees, boxes, files

CORPUS = Path(__file__).resolve().parents[1] / "corpus"
SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much)


def check_law(data):
    """Return the boxes if ``data`` is read, None if it is refused; fail in any other case."""
    try:
        found = parse_boxes(data)
    except BoxError as caught:
        error = caught
    else:
        assert build_boxes(found) == data
        return found
    assert 0 <= error.offset <= len(data)
    assert error.reason
    assert all(isinstance(partial, Box) for partial in error.partial)
    return None


@pytest.mark.parametrize("kind", box_kinds(), ids=lambda kind: kind.__name__)
@settings(max_examples=60, deadline=None, suppress_health_check=SLOW)
@given(data=st.data())
def test_every_declared_box_comes_back_as_it_was_built(kind, data):
    made = data.draw(boxes(kind))
    if kind in SAMPLE_ENTRIES.values():
        made = SampleDescriptionBox(entry_count=1, children=(made,))
    written = made.build()
    (read,) = parse_boxes(written)
    assert read == made
    assert read.size == len(written) == read.read_size
    assert read.build() == written


@settings(max_examples=60, deadline=None, suppress_health_check=SLOW)
@given(box_trees())
def test_trees_come_back_as_they_were_built(trees):
    written = build_boxes(trees)
    assert parse_boxes(written) == trees


@settings(max_examples=40, deadline=None)
@given(files())
def test_whole_files_come_back(data):
    assert check_law(data) is not None


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_random_bytes(data):
    check_law(data)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(box_kinds()), st.binary(max_size=120), st.sampled_from((0, 1)))
def test_random_bytes_in_every_box(kind, data, version):
    name = (kind.fourcc or next(name for name, owner in SAMPLE_ENTRIES.items() if owner is kind)).encode()
    body = (bytes((version, 0, 0, 0)) if kind.versions else b"") + data
    made = (8 + len(body)).to_bytes(4, "big") + name + body
    if not kind.fourcc:
        made = (16 + len(made)).to_bytes(4, "big") + b"stsd" + bytes(7) + b"\1" + made
    check_law(made)


def made_up_files():
    return {
        "progressive": progressive_file(samples=2),
        "fragmented": fragmented_file(samples=2, fragments=1),
        "fragmented cenc": fragmented_file(samples=2, fragments=1, scheme="cenc"),
        "cmaf cbcs": cmaf_file(samples=2, scheme="cbcs"),
        **{f"cmaf {kind}": cmaf_file(kind, samples=2, fragments=1) for kind in TRACKS},
    }


@pytest.mark.parametrize(("name", "data"), made_up_files().items(), ids=made_up_files())
def test_every_truncation_point_of_made_up_files(name, data):
    for length in range(len(data)):
        check_law(data[:length])
    assert check_law(data) is not None


@pytest.mark.parametrize(
    "name",
    [
        "media/mp4ff/init_prog.mp4", "media/fq/aac.mp4", "media/mp4-rs/black-h265-video.mp4", "media/fq/heic.mp4",
        "media/go-mp4/sample_init.encv.mp4", "media/mp4ff/moof_enc.m4s", "media/fq/pssh.mp4",
    ],
)  # fmt: skip
def test_every_truncation_point_of_real_files(shared_media, name):
    data = shorten_media((shared_media / name).read_bytes())
    for length in range(len(data)):
        check_law(data[:length])
    assert check_law(data) is not None


def test_all_real_files_are_read_and_hostile_ones_at_least_survived(shared_media):
    cut_off = {"esds.mp4", "h264_avcc_ext_2.mp4", "size64"}  # files that end in the middle of a box
    for path in sorted(shared_media.rglob("*")):
        if path.is_file() and path.suffix not in (".md", ".tsv"):
            found = check_law(path.read_bytes())
            assert found is not None or "hostile" in path.parts or path.name in cut_off, path


def test_mutants_of_made_up_files():
    for number, data in enumerate(made_up_files().values()):
        for mutant in Mutator(data, number).mutants(300):
            check_law(mutant)


def test_mutants_of_real_files(shared_media):
    paths = [path for path in sorted((shared_media / "media").rglob("*")) if path.is_file()]
    for number, path in enumerate(random.Random(6).sample(paths, 25)):
        for mutant in Mutator(shorten_media(path.read_bytes()), number).mutants(80):
            check_law(mutant)


@pytest.mark.parametrize("path", sorted(CORPUS.glob("*.bin")), ids=lambda path: path.stem)
def test_what_was_found_once_stays_fixed(path):
    check_law(path.read_bytes())
