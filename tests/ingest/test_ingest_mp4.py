"""Files as files: opening, closing, broken ones, memory."""

import gc
import random
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support_mp4_files import HEAD, START, moof, movie, progressive, run, track, traf, until_fault

from onvif_bmff.bmff import (
    AvcConfigurationBox,
    MediaDataBox,
    OriginalFormatBox,
    ProtectionSchemeInfoBox,
    TrackExtendsBox,
    UnknownBox,
    VisualSampleEntry,
    XmlMetaDataSampleEntry,
    build_boxes,
    parse_boxes,
)
from onvif_bmff.bmff.sample_entries import AudioSampleEntry
from onvif_bmff.errors import BitstreamError, BoxError, ForeignFormatError, MediaError, OnvifBmffError, ProtectionError
from onvif_bmff.ingest import Mp4Input, open_mp4
from onvif_bmff.media.sample_entries import read_sample_entry
from onvif_bmff.media.track import Sample

FOUR = {"stts": [(4, 10)], "stsc": [(1, 4, 1)], "stsz": [1, 2, 3, 4], "stco": [START]}
PLAIN = progressive(
    track(1, **FOUR), track(2, handler="meta", **FOUR, elst=[(5, -1, 1, 0), (5, 3, 1, 0)]), data=b"0123456789"
)
FRAGMENTED = build_boxes(
    (
        HEAD,
        movie(track(1), track(2), extends=[TrackExtendsBox(track_id=1), TrackExtendsBox(track_id=2)]),
        moof(
            traf(1, run(3, offset=240, size=[1, 2, 3], duration=[5, 5, 5], flags=[0, 1 << 16, 0])),
            traf(2, run(2, offset=246), default_sample_size=4, default_sample_duration=7),
        ),
        MediaDataBox(data=bytes(100)),
    )
)


def test_a_file_is_mapped_and_let_go(tmp_path):
    path = tmp_path / "clip.mp4"
    path.write_bytes(PLAIN)
    with open_mp4(path) as source:
        assert source.tracks[0].token == "AUDIO001"
        first, *rest = source.samples()
        assert len(rest) == 7
    assert bytes(first.data) == b"0"  # the map lives as long as a sample does
    path.unlink()


def test_files_that_are_none(tmp_path):
    with pytest.raises(OSError, match="nowhere"):
        open_mp4(tmp_path / "nowhere.mp4")
    empty = tmp_path / "empty.mp4"
    empty.touch()
    with pytest.raises(MediaError, match="empty"):
        open_mp4(empty)
    text = tmp_path / "text.mp4"
    text.write_text("This is not an MP4 file.")
    with pytest.raises(BoxError):
        open_mp4(text, strict=True)
    with pytest.raises(ForeignFormatError, match="the file is a text, no MP4 file"):
        open_mp4(text)
    gc.collect()


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (b"", "no movie box"),
        (HEAD.build(), "no movie box"),
        (HEAD.build() + MediaDataBox(data=b"abc").build(), "no movie box"),
        (progressive(), "no video, audio or metadata"),
        (progressive(track(handler="text")), "no video, audio or metadata"),
        (HEAD.build() + b"\0\0\0\x07free", "no box begins here"),
        (HEAD.build() + b"\0\0\0", "no box begins here"),
        (HEAD.build() + b"\0\0\0\x20moov", "past"),
    ],
)
def test_files_without_a_movie(file, message):
    with pytest.raises(OnvifBmffError, match=message):
        Mp4Input(file, strict=True)


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (b"", "no movie box"),
        (HEAD.build() + MediaDataBox(data=b"abc").build(), "no movie box"),
        (progressive(), "no video, audio or metadata"),
        (progressive(track(handler="text", entries=[UnknownBox(type="tx3g", data=bytes(30))])), "no video, audio"),
        (HEAD.build() + b"\0\0\0\x07free", "no movie box .*: the file has 8 bytes that are no boxes"),
        (HEAD.build() + b"\0\0\0\x20moov", "no video, audio or metadata track: the file ends 24 bytes before"),
        (moof().build() + MediaDataBox(data=b"abc").build(), "a segment without its header"),
    ],
)
def test_files_without_a_movie_are_refused_however_lenient(file, message):
    with pytest.raises(MediaError, match=message):
        Mp4Input(file)


def test_faults_inside_a_box_say_where_in_the_file():
    at = PLAIN.index(b"mvhd")
    with pytest.raises(BoxError) as caught:
        Mp4Input(PLAIN[: at - 4] + b"\xff" + PLAIN[at - 3 :], strict=True)
    assert caught.value.offset == at - 4
    assert caught.value.path == "/moov/mvhd"


def test_an_encrypted_file_needs_a_stage():
    scheme = ProtectionSchemeInfoBox(children=(OriginalFormatBox(data_format="ulaw"),))
    entry = AudioSampleEntry(type="enca", channel_count=1, sample_rate=8000 << 16, children=(scheme,))
    part = moof(traf(1, run(2, offset=100, size=[1, 2], duration=[5, 5])))
    movie_box = movie(track(entries=[entry]), extends=[TrackExtendsBox(track_id=1)])
    source = Mp4Input(build_boxes((HEAD, movie_box, part, MediaDataBox(data=bytes(200)))))
    assert source.is_protected
    assert source.tracks[0].codec.codecs_parameter() == "ulaw"
    with pytest.raises(ProtectionError):
        next(source.samples())

    def stage(fragment, samples):
        assert fragment.sizes() == [1, 2]
        for sample in samples:
            sample.data = b"clear"
            yield sample

    assert [one.data for one in source.samples(stage)] == [b"clear", b"clear"]


def avc1(nal_length_size: int) -> VisualSampleEntry:
    config = AvcConfigurationBox(
        profile_indication=66,
        profile_compatibility=nal_length_size,  # so that entries differ
        level_indication=30,
        length_size_minus_one=nal_length_size - 1,
        sps_count=0,
        sequence_parameter_sets=(),
        picture_parameter_sets=(),
    )
    return VisualSampleEntry(type="avc1", width=16, height=16, children=(config,))


def test_nal_lengths_follow_the_sample_entry():
    entries = [avc1(1), avc1(4)]
    both = track(handler="vide", entries=entries, stts=[(3, 10)], stsz=[3, 6, 3], stco=[START, START + 3, START + 9],
                 stsc=[(1, 1, 1), (2, 1, 2), (3, 1, 1)])  # fmt: skip
    source = Mp4Input(progressive(both, data=b"\x02ab" + b"\0\0\0\x02cd" + b"\x02ef"))
    data = [bytes(one.data) for one in source.samples() if isinstance(one, Sample)]
    assert data == [b"\0\0\0\x02ab", b"\0\0\0\x02cd", b"\0\0\0\x02ef"]
    codecs = [one.codec for one in source.samples() if not isinstance(one, Sample)]
    assert [one.sample_entry().children[0].length_size_minus_one for one in codecs] == [3, 3]


def test_nal_lengths_that_do_not_fit_are_refused():
    found, fault = until_fault(progressive(track(handler="vide", entries=[avc1(2)], **FOUR), data=b"0123456789"))
    assert (found, type(fault)) == ([], BitstreamError)


def test_protected_metadata_are_told_by_their_original_format():
    clear = XmlMetaDataSampleEntry(content_encoding="gzip", namespace="urn:x")
    scheme = ProtectionSchemeInfoBox(children=(OriginalFormatBox(data_format="metx"),)).build()
    built = clear.build() + scheme
    protected = read_sample_entry(len(built).to_bytes(4, "big") + b"encm" + built[8:])
    source = Mp4Input(progressive(track(handler="meta", entries=[protected])))
    assert source.tracks[0].codec.content_encoding == "gzip"
    assert source.tracks[0].codec.namespace == "urn:x"
    assert source.is_protected


@pytest.mark.parametrize("file", [PLAIN, FRAGMENTED], ids=["progressive", "fragmented"])
def test_every_cut_is_an_error_or_fewer_samples(file):
    whole, fault = until_fault(file)
    assert fault is None
    for cut in range(len(file)):
        found, _ = until_fault(file[:cut])
        assert found == whole[: len(found)] or len(found) < len(whole)


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 1 << 32), fragmented=st.booleans())
def test_changed_bytes_are_an_error_or_samples(seed, fragmented):
    changed = bytearray(FRAGMENTED if fragmented else PLAIN)
    chance = random.Random(seed)
    for _ in range(chance.randint(1, 4)):
        changed[chance.randrange(len(changed))] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))
    strict, _ = until_fault(bytes(changed))
    lenient, _ = until_fault(bytes(changed), strict=False)
    assert len(strict) <= 9 * len(changed)
    assert len(lenient) <= 9 * len(changed)


def test_hostile_files_are_an_error_or_samples(shared_media):
    paths = [path for path in (shared_media / "hostile").rglob("*") if path.is_file()]
    assert len(paths) > 50
    for path in paths:
        until_fault(path.read_bytes())
        until_fault(path.read_bytes(), strict=False)


@pytest.mark.parametrize("frames", [False, True])
def test_memory_does_not_grow_with_the_number_of_samples(frames):
    count = 1_000_000 if frames else 60_000
    file = progressive(
        track(stts=[(count, 1 if frames else 2)], stsc=[(1, count, 1)], stco=[START], constant_size=(1, count)),
        data=bytes(count),
    )
    source = Mp4Input(file)
    tracemalloc.start()
    try:
        for _ in source.samples():
            pass
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


def test_what_the_helpers_build_is_a_file():
    assert [box.type for box in parse_boxes(PLAIN)] == ["ftyp", "mdat", "moov"]
