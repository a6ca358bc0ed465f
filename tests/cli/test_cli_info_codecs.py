"""What ``info`` says of codecs, entry by entry."""

import pytest

from onvif_bmff.bmff import (
    AudioSampleEntry,
    Av1ConfigurationBox,
    AvcConfigurationBox,
    BitRateBox,
    HevcConfigurationBox,
    PixelAspectRatioBox,
    SampleTableBox,
    TextMetaDataSampleEntry,
    TrackBox,
    UnknownBox,
    VisualSampleEntry,
    VpCodecConfigurationBox,
    XmlMetaDataSampleEntry,
)
from onvif_bmff.bmff.descriptors import DecoderConfig, build_esds
from onvif_bmff.cli.info_codecs import codec_info
from onvif_bmff.codecs import AacCodec
from onvif_bmff.demux import MovieTrack
from onvif_bmff.errors import MediaError


def info_of(entry, handler="vide"):
    track = MovieTrack(
        track_id=1,
        handler=handler,
        timescale=1000,
        language="und",
        entries=(entry,),
        table=SampleTableBox(),
        box=TrackBox(),
    )
    return codec_info(track, 1)


def visual(fourcc, *children, size=(640, 480)):
    return VisualSampleEntry(type=fourcc, width=size[0], height=size[1], children=children)


def avc(profile, constraints=0, level=30):
    return AvcConfigurationBox(
        profile_indication=profile, profile_compatibility=constraints, level_indication=level, sps_count=0,
        sequence_parameter_sets=(), picture_parameter_sets=(),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("config", "profile", "level"),
    [
        (avc(66), "Baseline", "3.0"),
        (avc(66, 0x40, 31), "Constrained Baseline", "3.1"),
        (avc(77, 0x40), "Main", "3.0"),
        (avc(88), "Extended", "3.0"),
        (avc(100, 0, 52), "High", "5.2"),
        (avc(100, 0x10), "High", "3.0"),
        (avc(110), "High 10", "3.0"),
        (avc(110, 0x10), "High 10 Intra", "3.0"),
        (avc(122, 0x10), "High 4:2:2 Intra", "3.0"),
        (avc(244), "High 4:4:4 Predictive", "3.0"),
        (avc(66, 0x10, 11), "Baseline", "1b"),
        (avc(100, 0x10, 11), "High", "1.1"),
        (avc(100, 0, 9), "High", "1b"),
        (avc(201), "profile 201", "3.0"),
    ],
)
def test_profiles_of_h264_whose_sets_come_in_band(config, profile, level):
    """By the configuration, which repeats what matters. H.264, A.2 and A.3."""
    found = info_of(visual("avc3", config))
    assert (found["name"], found["profile"], found["level"]) == ("H.264", profile, level)
    assert "bit_depth" not in found


def test_h265():
    config = HevcConfigurationBox(
        general_tier_flag=1, general_profile_idc=2, general_profile_compatibility_flags=0x20000000,
        general_constraint_indicator_flags=0, general_level_idc=153, chroma_format_idc=2, bit_depth_luma_minus8=2,
        arrays=(),
    )  # fmt: skip
    found = info_of(visual("hev1", config))
    assert {name: found[name] for name in ("name", "profile", "level", "tier", "bit_depth", "chroma")} == {
        "name": "H.265", "profile": "Main 10", "level": "5.1", "tier": "High", "bit_depth": 10, "chroma": "4:2:2",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({"seq_profile": 0, "seq_level_idx_0": 8}, ("Main", "4.0", "Main", 8, "4:2:0")),
        ({"seq_profile": 1, "seq_level_idx_0": 5, "seq_tier_0": 1, "high_bitdepth": 1, "chroma_subsampling_x": 0,
          "chroma_subsampling_y": 0}, ("High", "3.1", "High", 10, "4:4:4")),
        ({"seq_profile": 2, "seq_level_idx_0": 31, "high_bitdepth": 1, "twelve_bit": 1, "monochrome": 1},
         ("Professional", "index 31", "Main", 12, "4:0:0")),
    ],
)  # fmt: skip
def test_av1(fields, wanted):
    found = info_of(visual("av01", Av1ConfigurationBox(**fields)))
    assert found["name"] == "AV1"
    assert tuple(found[name] for name in ("profile", "level", "tier", "bit_depth", "chroma")) == wanted


def test_vp9():
    found = info_of(visual("vp09", VpCodecConfigurationBox(profile=2, level=41, bit_depth=10, chroma_subsampling=1)))
    assert (found["name"], found["profile"], found["level"], found["bit_depth"]) == ("VP9", "Profile 2", "4.1", 10)
    assert "level" not in info_of(
        visual("vp09", VpCodecConfigurationBox(profile=0, level=0, bit_depth=8, chroma_subsampling=1))
    )


def test_the_shape_of_pixels():
    found = info_of(visual("jpeg", PixelAspectRatioBox(h_spacing=16, v_spacing=12), size=(720, 576)))
    assert (found["name"], found["width"], found["height"]) == ("JPEG", 720, 576)
    assert found["pixel_aspect_ratio"] == "4:3"
    assert (found["presentation_width"], found["presentation_height"]) == (960, 576)
    found = info_of(visual("jpeg", PixelAspectRatioBox(h_spacing=0, v_spacing=0)))
    assert not {"pixel_aspect_ratio", "presentation_width"} & set(found)


def audio(fourcc, *children):
    return AudioSampleEntry(type=fourcc, channel_count=2, sample_rate=44100 << 16, children=children)


@pytest.mark.parametrize(
    ("config", "wanted"),
    [
        ("1190", ("AAC", "LC", 48000, 2)),
        ("1388", ("AAC", "LC", 22050, 1)),
        ("2b098800", ("AAC", "HE-AAC", 48000, 1)),
    ],
)
def test_aac(config, wanted):
    entry = AacCodec.from_config(bytes.fromhex(config), bitrate=64_000).sample_entry()
    found = info_of(entry, "soun")
    assert tuple(found[name] for name in ("name", "profile", "sample_rate", "channels")) == wanted
    assert (found["declared_bit_rate"], found["declared_peak_bit_rate"]) == (64_000, 64_000)


@pytest.mark.parametrize(
    ("object_type", "specific", "name"),
    [
        (0x6B, b"", "MP3"),
        (0xDD, b"\x02", "Vorbis"),
        (0x40, b"\xf8\x80", "MPEG-4 audio"),
        (0x77, b"", "mp4a, object type 0x77"),
    ],
)
def test_other_audio_by_object_type(object_type, specific, name):
    esds = build_esds(DecoderConfig(object_type=object_type, stream_type=5, specific_info=specific))
    found = info_of(audio("mp4a", esds), "soun")
    assert found["name"] == name
    assert "profile" not in found
    assert (found["sample_rate"], found["channels"]) == (44100, 2)


def test_what_is_damaged_leaves_the_rest():
    found = info_of(audio("mp4a", UnknownBox(type="esds", data=b"\0\0")), "soun")
    assert (found["name"], found["sample_rate"]) == ("mp4a", 44100)
    found = info_of(visual("avc1", UnknownBox(type="avcC", data=b"\1")))
    assert (found["name"], found["width"]) == ("H.264", 640)
    assert not {"codecs", "profile"} & set(found)


def test_declared_bit_rates():
    found = info_of(audio("ulaw", BitRateBox(max_bitrate=70_000, avg_bitrate=0)), "soun")
    assert found["name"] == "G.711 µ-law"
    assert found["declared_peak_bit_rate"] == 70_000
    assert "declared_bit_rate" not in found


def test_metadata_and_unknown_codecs():
    found = info_of(XmlMetaDataSampleEntry(namespace="urn:x", content_encoding="gzip"), "meta")
    assert (found["name"], found["namespace"], found["content_encoding"]) == ("XML metadata", "urn:x", "gzip")
    assert info_of(XmlMetaDataSampleEntry(namespace="urn:x"), "meta")["content_encoding"] == "xml"
    assert info_of(TextMetaDataSampleEntry(mime_format="text/plain"), "meta")["name"] == "text metadata"
    assert info_of(visual("abcd"))["name"] == "abcd"
    assert "codecs" not in info_of(visual("abcd"), "hint"), "what is not recorded has no codecs string"


def test_no_such_entry():
    track = MovieTrack(
        track_id=1, handler="vide", timescale=1, language="und", entries=(), table=SampleTableBox(), box=TrackBox()
    )
    with pytest.raises(MediaError):
        codec_info(track, 1)


def test_sound_of_which_only_the_stream_says_rate_and_channels():
    """As of IAMF, where the fields of the entry are 0."""
    found = info_of(AudioSampleEntry(type="iamf", channel_count=0, sample_rate=0), "soun")
    assert found == {"name": "iamf", "sample_entry": "iamf", "codecs": "iamf"}


def test_uncompressed_pictures():
    """ISO/IEC 23001-17 has them in a visual sample entry like any other."""
    assert info_of(visual("uncv", size=(2, 1))).items() >= {"name": "uncv", "width": 2, "height": 1}.items()
