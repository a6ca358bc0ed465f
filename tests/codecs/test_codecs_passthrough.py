"""Codecs that go from file to file unchanged, and what they are called."""

import pytest

from onvif_bmff.bmff import (
    AudioSampleEntry,
    Av1ConfigurationBox,
    ColourInformationBox,
    PixelAspectRatioBox,
    SamplingRateBox,
    UnknownBox,
    VisualSampleEntry,
    VpCodecConfigurationBox,
    XmlSubtitleSampleEntry,
)
from onvif_bmff.bmff.descriptors import DecoderConfig, build_esds
from onvif_bmff.codecs.passthrough import PassThroughCodec
from onvif_bmff.codecs.registry import codec_of
from onvif_bmff.errors import MediaError
from onvif_bmff.ingest import open_mp4
from onvif_bmff.media.codec import Codec
from onvif_bmff.media.sample_entries import read_sample_entry


def video(fourcc: str, *children) -> VisualSampleEntry:
    return VisualSampleEntry(type=fourcc, width=640, height=480, children=children)


def av1(*extra, **changes) -> VisualSampleEntry:
    return video("av01", Av1ConfigurationBox(**{"seq_profile": 0, "seq_level_idx_0": 4, **changes}), *extra)


def vp9(**changes) -> VisualSampleEntry:
    fields = {"profile": 0, "level": 30, "bit_depth": 8, "chroma_subsampling": 1}
    return video("vp09", VpCodecConfigurationBox(**{**fields, **changes}))


def nclx(*codes: int, full: int = 0) -> ColourInformationBox:
    data = b"".join(code.to_bytes(2, "big") for code in codes)
    return ColourInformationBox(colour_type="nclx", data=data + bytes((full << 7,)))


def mp4(fourcc: str, object_type: int, specific: bytes = b"") -> VisualSampleEntry | AudioSampleEntry:
    esds = build_esds(DecoderConfig(object_type=object_type, stream_type=4, specific_info=specific))
    return video(fourcc, esds) if fourcc == "mp4v" else AudioSampleEntry(type=fourcc, children=(esds,))


STRINGS = [
    (av1(), "av01.0.04M.08"),
    (av1(seq_level_idx_0=13, seq_tier_0=1, high_bitdepth=1), "av01.0.13H.10"),
    (av1(seq_profile=2, high_bitdepth=1, twelve_bit=1, chroma_subsampling_y=0), "av01.2.04M.12.0.100.01.01.01.0"),
    (av1(monochrome=1), "av01.0.04M.08.1.110.01.01.01.0"),
    (av1(chroma_sample_position=2), "av01.0.04M.08.0.112.01.01.01.0"),
    (av1(nclx(9, 16, 9, full=1), high_bitdepth=1), "av01.0.04M.10.0.110.09.16.09.1"),
    (av1(nclx(1, 1, 1)), "av01.0.04M.08"),
    (av1(nclx(2, 2, 2)), "av01.0.04M.08"),
    (av1(ColourInformationBox(colour_type="rICC", data=b"?")), "av01.0.04M.08"),
    (av1(config_obus=b"\xff"), "av01"),
    (video("av01"), "av01"),
    (vp9(), "vp09.00.30.08"),
    (vp9(profile=2, bit_depth=10, colour_primaries=9, transfer_characteristics=16, matrix_coefficients=9),
     "vp09.02.30.10.01.09.16.09.00"),
    (vp9(chroma_subsampling=0, video_full_range=1), "vp09.00.30.08.00.02.02.02.01"),
    (video("vp09"), "vp09"),
    (mp4("mp4v", 0x20, b"\0\0\1\xb0\xf3"), "mp4v.20.243"),
    (mp4("mp4v", 0x20), "mp4v.20"),
    (mp4("mp4v", 0x61), "mp4v.61"),
    (mp4("mp4a", 0x6B), "mp4a.6B"),
    (mp4("mp4a", 0xDD), "mp4a.DD"),
    (mp4("mp4a", 0x40, b"\xf8\x86"), "mp4a.40.36"),
    (AudioSampleEntry(type="ac-3"), "ac-3"),
    (AudioSampleEntry(type="fLaC"), "fLaC"),
    (AudioSampleEntry(type="ipcm"), "ipcm"),
    (AudioSampleEntry(type="g726"), "g726"),
    (XmlSubtitleSampleEntry(type="stpp", namespace="http://www.w3.org/ns/ttml"), "stpp.ttml.im1t"),
    (XmlSubtitleSampleEntry(type="stpp", namespace="urn:x"), "stpp"),
    (video("vvc1"), "vvc1"),
    (UnknownBox(type="abcd", data=bytes(8)), "abcd"),
]  # fmt: skip


@pytest.mark.parametrize(("entry", "text"), STRINGS, ids=[f"{n}-{text}" for n, (_, text) in enumerate(STRINGS)])
def test_codecs_parameter(entry, text):
    assert PassThroughCodec(entry, "vide").codecs_parameter() == text


@pytest.mark.parametrize(
    ("fourcc", "text"),
    [
        ("raw ", "raw "),
        ("\xa9abc", "%A9abc"),
        ('a",b', "a%22%2Cb"),
        ("\r\n\x1b\x9b", "%0D%0A%1B%9B"),
        ("%41x", "%2541x"),
    ],
)
def test_a_code_of_any_bytes_fits_a_header_line(fourcc, text):
    assert PassThroughCodec(UnknownBox(type=fourcc, data=bytes(8)), "vide").codecs_parameter() == text


@pytest.mark.parametrize("entry", [av1(nclx(1, 1, 1)), UnknownBox(type="abcd", data=b"\0" * 7 + b"\1custom fields")])
def test_entries_are_kept(entry):
    codec = codec_of(entry, handler="vide")
    assert isinstance(codec, PassThroughCodec)
    assert isinstance(codec, Codec)
    assert codec.sample_entry().build() == entry.build()
    assert codec == codec_of(codec.sample_entry(), handler="vide")
    assert hash(codec) == hash(codec_of(codec.sample_entry(), handler="vide"))
    assert codec != codec_of(codec.sample_entry(), handler="meta")
    assert codec.protected_ranges(b"sample") is None
    assert codec.frame_rate is None


def test_a_view_on_a_file_is_not_held():
    data = bytearray(b"\0" * 7 + b"\1custom fields")
    codec = PassThroughCodec(UnknownBox(type="abcd", data=memoryview(data)), "vide")
    data[8:] = b"?" * 13
    assert b"custom" in codec.sample_entry().build()


def test_sizes_and_rates():
    codec = PassThroughCodec(video("vvc1", PixelAspectRatioBox(h_spacing=3, v_spacing=2)), "vide")
    assert (codec.media_type, codec.width, codec.height, codec.presentation_size) == ("Video", 640, 480, (960, 480))
    assert (codec.sample_rate, codec.channels) == (0, 0)
    codec = PassThroughCodec(AudioSampleEntry(type="fLaC", channel_count=6, sample_rate=44100 << 16), "soun")
    assert (codec.media_type, codec.sample_rate, codec.channels) == ("Audio", 44100, 6)
    assert (codec.width, codec.height, codec.presentation_size) == (0, 0, (0, 0))
    fast = AudioSampleEntry(type="fLaC", children=(SamplingRateBox(sampling_rate=96000),))
    assert PassThroughCodec(fast, "soun").sample_rate == 96000
    assert PassThroughCodec(UnknownBox(type="abcd", data=bytes(8)), "meta").media_type == "Metadata"
    lpcm = bytes.fromhex("0000004840f77000000000000000000200000000000000180000000c0000000600000001")
    entry = AudioSampleEntry(type="lpcm", entry_version=2, channel_count=3, quicktime=lpcm)  # 3 is in all of version 2
    codec = PassThroughCodec(entry, "soun")
    assert (codec.sample_rate, codec.channels) == (96000, 2)


def test_what_cannot_pass_is_refused():
    with pytest.raises(MediaError):
        PassThroughCodec(video("vvc1"), "text")
    with pytest.raises(MediaError):
        PassThroughCodec(UnknownBox(type="abcd", data=b"\0"), "vide")
    with pytest.raises(MediaError):
        read_sample_entry(b"")


REAL = {
    "mp4-rs/black-av1-video.mp4": "av01.0.04M.08",
    "fq/av1.mp4": "av01.1.31M.08.0.000.02.02.02.0",
    "androidx-media/mp4/sample_with_av1c.mp4": "av01.0.05M.10.0.110.09.18.09.0",
    "mp4-rs/black-vp9-video.mp4": "vp09.00.30.08",
    "fq/mpeg2.mp4": "mp4v.61",
    "fq/mp3.mp4": "mp4a.6B",
    "fq/vorbis.mp4": "mp4a.DD",
    "mp4-rust/samples/extended_audio_object_type.mp4": "mp4a.40.36",
    "androidx-media/mp4/sample_ac3_fragmented.mp4": "ac-3",
    "mp4-rs/beep-flac-audio.mp4": "fLaC",
}


@pytest.mark.parametrize("name", REAL)
def test_codecs_parameter_of_real_files(name, shared_media):
    with open_mp4(shared_media / "media" / name) as source:
        assert source.tracks[0].codec.codecs_parameter() == REAL[name]
