"""H.264, H.265 and Motion JPEG as codecs."""

import subprocess
import sys
from dataclasses import FrozenInstanceError, replace
from fractions import Fraction
from itertools import pairwise

import pytest
from codecs_parameter_sets import (
    HEVC_CRA,
    HEVC_IDR,
    HEVC_INTER,
    HEVC_PPS,
    HEVC_SEI,
    HEVC_SPS,
    HEVC_VPS,
    IDR,
    IDR_SECOND_SLICE,
    INTER,
    OTHER_PPS,
    OTHER_SPS,
    PPS,
    SPS,
    avc,
    hevc,
    sample,
)

from onvif_bmff.bmff import (
    AudioSampleEntry,
    AvcConfigurationBox,
    BitRateBox,
    ColourInformationBox,
    ContainerBox,
    EsdBox,
    HevcConfigurationBox,
    PixelAspectRatioBox,
    UnknownBox,
    VisualSampleEntry,
)
from onvif_bmff.bmff.descriptors import DecoderConfig, build_esds, without_es_id
from onvif_bmff.codecs.avc.slice import AvcSliceHeaders
from onvif_bmff.codecs.hevc.slice import HevcSliceHeaders
from onvif_bmff.codecs.jpeg.codec import MjpegCodec
from onvif_bmff.codecs.passthrough import PassThroughCodec
from onvif_bmff.codecs.registry import CODECS, codec_of, register
from onvif_bmff.errors import BitstreamError, MediaError
from onvif_bmff.ingest import open_mp4
from onvif_bmff.media.codec import Codec
from onvif_bmff.media.sample_entries import nal_length_size


def test_avc_from_parameter_sets():
    codec = avc()
    assert (codec.width, codec.height, codec.frame_rate) == (192, 108, Fraction(25))
    assert codec.presentation_size == (256, 108)
    assert codec.codecs_parameter() == "avc1.64000B"
    assert codec.media_type == "Video"
    entry = codec.sample_entry()
    assert (entry.type, entry.width, entry.height, entry.data_reference_index) == ("avc1", 192, 108, 1)
    assert [child.type for child in entry.children] == ["avcC", "colr", "pasp"]
    config = entry.find(AvcConfigurationBox)
    assert (config.sequence_parameter_sets, config.picture_parameter_sets) == ((SPS,), (PPS,))
    assert (config.length_size_minus_one, config.extension) == (3, b"\xfd\xf8\xf8\x00")
    assert entry.find(ColourInformationBox).data == b"\0\1\0\1\0\1\0"
    assert (entry.find(PixelAspectRatioBox).h_spacing, entry.find(PixelAspectRatioBox).v_spacing) == (4, 3)


def test_what_is_not_known_of_colours_is_unspecified():
    entry = avc(OTHER_SPS, OTHER_PPS).sample_entry()
    assert entry.find(ColourInformationBox).data == b"\0\2\0\2\0\2\0"
    assert entry.find(AvcConfigurationBox).extension == b""


def test_hevc_from_parameter_sets():
    codec = hevc()
    assert (codec.width, codec.height, codec.frame_rate) == (192, 108, Fraction(30000, 1001))
    assert codec.presentation_size == (192, 108)
    assert codec.codecs_parameter() == "hvc1.1.6.L60.90"
    config = codec.sample_entry().find(HevcConfigurationBox)
    assert [(array.nal_unit_type, array.array_completeness, array.nal_units) for array in config.arrays] == [
        (32, 1, (HEVC_VPS,)), (33, 1, (HEVC_SPS,)), (34, 1, (HEVC_PPS,)),
    ]  # fmt: skip
    in_band = hevc(sample_entry_type="hev1")
    assert in_band.codecs_parameter() == "hev1.1.6.L60.90"
    assert {one.array_completeness for one in in_band.sample_entry().find(HevcConfigurationBox).arrays} == {0}


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "hvc1.1.6.L93.B0"),
        ({"general_profile_space": 1, "general_tier_flag": 1}, "hvc1.A1.6.H93.B0"),
        ({"general_profile_idc": 2, "general_profile_compatibility_flags": 0x20000000}, "hvc1.2.4.L93.B0"),
        ({"general_constraint_indicator_flags": 0}, "hvc1.1.6.L93.0"),
        ({"general_constraint_indicator_flags": 0x9E0800000000}, "hvc1.1.6.L93.9E.8"),
        ({"general_constraint_indicator_flags": 1}, "hvc1.1.6.L93.0.0.0.0.0.1"),
    ],
)
def test_hevc_codecs_parameter(changes, text):
    config = HevcConfigurationBox(
        general_profile_idc=1,
        general_profile_compatibility_flags=0x60000000,
        general_constraint_indicator_flags=0xB00000000000,
        general_level_idc=93,
        chroma_format_idc=1,
        arrays=(),
    )
    entry = VisualSampleEntry(type="hvc1", width=16, height=16, children=(replace(config, **changes),))
    assert codec_of(entry, handler="vide").codecs_parameter() == text


@pytest.mark.parametrize("codec", [avc(), hevc(), MjpegCodec(16, 16)], ids=["avc", "hevc", "jpeg"])
def test_codecs_are_values(codec):
    again = codec_of(codec.sample_entry(), handler="vide")
    assert again == codec
    assert hash(again) == hash(codec)
    assert again is not codec
    assert isinstance(codec, Codec)
    with pytest.raises(FrozenInstanceError):
        codec.width = 3


def test_codecs_differ_where_the_movie_box_would():
    assert avc() != avc(OTHER_SPS, OTHER_PPS)
    assert avc() != avc(sample_entry_type="avc3")
    assert avc() != avc(pps=OTHER_PPS)
    assert avc().codecs_parameter() != avc(sample_entry_type="avc3").codecs_parameter()


@pytest.mark.parametrize("made", [avc(), hevc()], ids=["avc", "hevc"])
def test_an_entry_from_a_file_is_kept(made):
    extra = (BitRateBox(max_bitrate=9), UnknownBox(type="cust", data=b"?"))
    entry = made.sample_entry()
    entry = replace(entry, children=entry.children[:1] + extra, compressor_name=b"\x04Lens" + bytes(27))
    kept = codec_of(replace(entry, data_reference_index=7), handler="vide")
    assert kept.sample_entry().build() == entry.build()
    assert kept != made
    assert (kept.width, kept.height) == (192, 108)
    assert kept.presentation_size == (192, 108)


@pytest.mark.parametrize("made", [avc(), hevc()], ids=["avc", "hevc"])
def test_short_nal_lengths_become_long(made):
    entry = made.sample_entry()
    short = replace(entry, children=(replace(entry.children[0], length_size_minus_one=1), *entry.children[1:]))
    assert nal_length_size(short) == 2
    assert codec_of(short, handler="vide") == made
    with pytest.raises(MediaError, match="4-byte"):
        type(made)(short.build())


def test_further_sets_are_kept():
    codec = type(avc()).from_parameter_sets([SPS, OTHER_SPS], [PPS, OTHER_PPS])
    assert (codec.sps, codec.pps, codec.width) == ((SPS, OTHER_SPS), (PPS, OTHER_PPS), 192)
    codec = type(hevc()).from_parameter_sets([HEVC_VPS], [HEVC_SPS, HEVC_SPS], [HEVC_PPS])
    assert codec.sps == (HEVC_SPS, HEVC_SPS)


def test_sets_that_cannot_be_are_refused():
    with pytest.raises(BitstreamError):
        avc(PPS, SPS)
    with pytest.raises(BitstreamError):
        avc(SPS[:6])
    with pytest.raises(MediaError):
        avc(sample_entry_type="hvc1")
    with pytest.raises(MediaError):
        type(avc()).from_parameter_sets([], [PPS])
    with pytest.raises(MediaError):
        hevc(sample_entry_type="avc1")
    with pytest.raises(MediaError):
        type(hevc()).from_parameter_sets([HEVC_VPS], [HEVC_SPS], [])
    for fourcc in ("avc1", "hvc1", "Opus"):
        with pytest.raises(MediaError):
            codec_of(VisualSampleEntry(type=fourcc, width=1, height=1), handler="vide")


def test_a_frame_rate_that_cannot_be_read_is_not_known():
    entry = avc().sample_entry()
    config = replace(entry.children[0], sequence_parameter_sets=(b"\x67",))
    assert codec_of(replace(entry, children=(config,)), handler="vide").frame_rate is None
    entry = hevc().sample_entry()
    config = replace(entry.children[0], arrays=())
    assert codec_of(replace(entry, children=(config,)), handler="vide").frame_rate is None


def ranges_of(units, is_slice, measure):
    found, at = [], 0
    for unit in units:
        if is_slice(unit):
            found.append((at + 4 + measure(unit), at + 4 + len(unit)))
        at += 4 + len(unit)
    return found


def test_avc_slice_data_are_protected():
    units = (b"\x09\xf0", SPS, PPS, b"\x06\x05\x01\x02\x80", IDR, IDR_SECOND_SLICE)
    expected = ranges_of(units, lambda unit: unit[0] & 31 == 5, AvcSliceHeaders([SPS], [PPS]).payload_offset)
    assert len(expected) == 2
    for data in (sample(*units), memoryview(sample(*units))):
        assert avc().protected_ranges(data) == expected
    assert avc().protected_ranges(sample(INTER))[0][1] == len(INTER) + 4
    assert avc().protected_ranges(sample(PPS, SPS)) == []
    assert avc().protected_ranges(b"") == []


def test_hevc_slice_data_are_protected():
    units = (b"\x46\x01\x50", HEVC_VPS, HEVC_SPS, HEVC_PPS, HEVC_SEI, HEVC_IDR, HEVC_INTER)
    measure = HevcSliceHeaders([HEVC_SPS], [HEVC_PPS]).payload_offset
    expected = ranges_of(units, lambda unit: unit[0] >> 1 & 63 < 32, measure)
    assert len(expected) == 2
    assert hevc().protected_ranges(sample(*units)) == expected
    assert len(hevc().protected_ranges(sample(HEVC_CRA))) == 1
    assert hevc().protected_ranges(sample(b"\x02", HEVC_SEI)) == []


def test_units_of_enhancement_layers_stay_clear():
    layer_one = bytes((HEVC_INTER[0], HEVC_INTER[1] | 8)) + HEVC_INTER[2:]
    assert hevc().protected_ranges(sample(layer_one)) == []


@pytest.mark.parametrize("cut", [b"\0\0\0\x09\x65", b"\0\0\0\0\x01", b"\0\0\0", b"\0\0\0\1"])
def test_lengths_that_do_not_fit_are_refused(cut):
    for codec, unit in ((avc(), IDR), (hevc(), HEVC_IDR)):
        with pytest.raises(BitstreamError):
            codec.protected_ranges(sample(unit) + cut)


def test_units_without_bytes_are_no_fault():
    assert avc().protected_ranges(sample(b"", IDR, b"")) == [
        (start + 4, end + 4) for start, end in avc().protected_ranges(sample(IDR))
    ]
    assert len(hevc().protected_ranges(sample(b"", HEVC_IDR, b""))) == 1


def test_slices_that_cannot_be_read_are_refused():
    with pytest.raises(BitstreamError):
        avc(OTHER_SPS, OTHER_PPS).protected_ranges(sample(b"\x65\x00\x00"))
    with pytest.raises(BitstreamError):
        hevc().protected_ranges(sample(HEVC_IDR[:3]))


def test_sets_in_band_hold_from_then_on():
    """The slices were coded with High profile; by the sets in the sample entry they would read otherwise."""
    stream = avc(OTHER_SPS, OTHER_PPS, sample_entry_type="avc3")
    native = avc()
    assert (
        stream.protected_ranges(sample(SPS, PPS, IDR))[0][0] - len(sample(SPS, PPS))
        == (native.protected_ranges(sample(IDR))[0][0])
    )
    assert stream.protected_ranges(sample(INTER)) == native.protected_ranges(sample(INTER))


def jpeg(width=320, height=240) -> bytes:
    frame = b"\x08" + height.to_bytes(2, "big") + width.to_bytes(2, "big") + b"\x01\x01\x11\x00"
    return (
        b"\xff\xd8\xff\xc0" + (len(frame) + 2).to_bytes(2, "big") + frame + b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00"
    )


def test_jpeg():
    codec = MjpegCodec.from_image(jpeg())
    assert (codec.width, codec.height, codec.presentation_size, codec.frame_rate) == (320, 240, (320, 240), None)
    assert codec.codecs_parameter() == "mp4v.6C"
    assert codec.sample_entry().type == "mp4v"
    assert codec.protected_ranges(jpeg()) is None
    with pytest.raises(MediaError):
        MjpegCodec(0, 240)
    with pytest.raises(BitstreamError):
        MjpegCodec.from_image(b"GIF89a")


def test_jpeg_is_video():
    assert MjpegCodec(16, 16).media_type == "Video"
    with pytest.raises(MediaError):
        MjpegCodec.from_sample_entry(AudioSampleEntry(type="mp4a"))
    broken = VisualSampleEntry(type="mp4v", width=1, height=1, children=(EsdBox(data=b"?"),))
    assert codec_of(broken, handler="vide").codecs_parameter() == "mp4v"


@pytest.mark.parametrize("fourcc", ["jpeg", "mjpg"])
def test_jpeg_of_quicktime_becomes_that_of_mp4(fourcc):
    assert codec_of(VisualSampleEntry(type=fourcc, width=320, height=240), handler="vide") == MjpegCodec(320, 240)


def test_mp4v_is_jpeg_or_passes_through():
    for object_type, kind in ((0x6C, MjpegCodec), (0x20, PassThroughCodec)):
        esds = build_esds(DecoderConfig(object_type=object_type, stream_type=4))
        entry = VisualSampleEntry(type="mp4v", width=16, height=16, children=(esds, BitRateBox()))
        codec = codec_of(entry, handler="vide")
        assert type(codec) is kind
        assert codec.sample_entry().build() == entry.build()


def test_codes_are_registered_once():
    for fourcc in ("avc1", "avc3", "hvc1", "hev1", "mp4a", "Opus", "alaw", "ulaw", "metx", "mp4v", "jpeg", "mjpg"):
        with pytest.raises(MediaError, match="twice"):
            register(fourcc)(lambda entry: avc())
    register("tst1")(lambda entry: avc())
    try:
        with pytest.raises(MediaError, match="twice"):
            register("tst1")(lambda entry: avc())
    finally:
        del CODECS["tst1"]


def test_codecs_come_when_first_used():
    code = """
import sys
from onvif_bmff.bmff import VisualSampleEntry
from onvif_bmff.errors import MediaError
from onvif_bmff.codecs.registry import CODECS, codec_of, register
assert not CODECS and "onvif_bmff.codecs.avc.codec" not in sys.modules
try:
    register("avc1")(lambda entry: None)
except MediaError as error:
    print(error)
print(codec_of(VisualSampleEntry(type="jpeg", width=32, height=16), handler="vide"))
import onvif_bmff.codecs
for name in onvif_bmff.codecs.__all__:
    value = getattr(onvif_bmff.codecs, name)
    assert getattr(value, "__name__", name) == name and name in dir(onvif_bmff.codecs)
assert not hasattr(onvif_bmff.codecs, "no_such_name")
print(*sorted(CODECS))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout.splitlines(), done.stderr) == (
        [
            "'avc1' is registered twice",
            "MjpegCodec(width=32, height=16)",
            "Opus alaw avc1 avc3 hev1 hvc1 jpeg metx mjpg mp4a mp4v ulaw",
        ],
        "",
    )


H264 = ("-f", "lavfi", "-i", "testsrc2=s=192x108:r=25:d=1", "-c:v", "libx264", "-preset", "ultrafast", "-bf", "2")
H265 = ("-f", "lavfi", "-i", "testsrc2=s=192x108:r=25:d=1", "-c:v", "libx265", "-preset", "ultrafast")
QUIET = ("-x265-params", "log-level=none")


@pytest.mark.interop
@pytest.mark.parametrize("name", ["avc1", "avc3", "hvc1", "hev1"])
def test_the_configuration_is_what_ffmpeg_writes(name, make_clip):
    arguments = (*H264, "-tag:v", name) if name.startswith("avc") else (*H265, *QUIET, "-tag:v", name)
    with open_mp4(make_clip(f"{name}.mp4", arguments)) as source:
        codec = source.tracks[0].codec
        if name.startswith("avc"):
            made = type(codec).from_parameter_sets(codec.sps, codec.pps, sample_entry_type=name)
            ours, theirs = (one.sample_entry().find(AvcConfigurationBox) for one in (made, codec))
        else:
            made = type(codec).from_parameter_sets(codec.vps, codec.sps, codec.pps, sample_entry_type=name)
            ours, theirs = (one.sample_entry().find(HevcConfigurationBox) for one in (made, codec))
            sets = [replace(one, array_completeness=ours.arrays[0].array_completeness) for one in theirs.arrays[:3]]
            theirs = replace(theirs, arrays=tuple(sets))  # ffmpeg adds SEI, and never calls hvc1 complete
        assert ours.build() == theirs.build()
        assert (made.width, made.height, made.frame_rate) == (codec.width, codec.height, Fraction(25))
        assert made.codecs_parameter() == codec.codecs_parameter()
        for item in source.samples():
            ranges = codec.protected_ranges(item.data)
            assert ranges
            assert all(a[1] <= b[0] for a, b in pairwise(ranges))
            assert ranges[-1][1] == len(item.data)


@pytest.mark.interop
def test_real_entries_are_kept_to_the_byte(shared_media):
    """Whatever real files say in their sample entries comes out again, save NAL lengths, ES_IDs, QuickTime forms.

    An 'avc3' or 'hev1' that says nothing of colours or of the shape of its pixels has got that.
    """
    rebuilt = {}
    for path in sorted((shared_media / "media").rglob("*.mp4")):
        try:
            source = open_mp4(path)
        except (MediaError, ValueError):
            continue
        for track, found in zip(source.tracks, source.sources, strict=True):
            if not found.is_protected:
                theirs = found.entry(found.first_description)
                esds = theirs.find(EsdBox) if isinstance(theirs, ContainerBox) else None
                if esds is not None:
                    children = tuple(without_es_id(one) if one is esds else one for one in theirs.children)
                    theirs = replace(theirs, children=children)
                ours = track.sample_entry()
                if theirs.type in ("avc3", "hev1"):
                    told = [child.type for child in theirs.children]
                    kept = tuple(one for one in ours.children if one.type in told or one.type not in ("colr", "pasp"))
                    assert {"colr", "pasp"} <= {child.type for child in ours.children}
                    ours = replace(ours, children=kept)
                same = ours.build() == theirs.build()
                rebuilt[path.name, track.token] = same
    assert [name for name, same in rebuilt.items() if not same] == [
        ("sample_2_byte_NAL_length.mp4", "VIDEO001"),
        ("sample_qt.mp4", "AUDIO001"),
    ]
    assert len(rebuilt) > 60
