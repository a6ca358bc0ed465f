"""AAC, Opus, G.711 and metadata as codecs."""

import struct
from dataclasses import replace

import pytest

from onvif_bmff.bmff import (
    AudioSampleEntry,
    BitRateBox,
    EsdBox,
    OpusSpecificBox,
    UnknownBox,
    VisualSampleEntry,
    XmlMetaDataSampleEntry,
)
from onvif_bmff.bmff.descriptors import DecoderConfig, build_esds, read_esds
from onvif_bmff.codecs.aac.codec import AacCodec
from onvif_bmff.codecs.aac.syntax import AudioSpecificConfig
from onvif_bmff.codecs.g711 import G711Codec
from onvif_bmff.codecs.metadata import ONVIF_SCHEMA, MetadataCodec
from onvif_bmff.codecs.opus.codec import OpusCodec
from onvif_bmff.codecs.opus.syntax import OpusHead
from onvif_bmff.codecs.passthrough import PassThroughCodec
from onvif_bmff.codecs.registry import codec_of
from onvif_bmff.errors import BitstreamError, MediaError
from onvif_bmff.ingest import open_mp4
from onvif_bmff.media.codec import Codec

LC_48K_STEREO = bytes.fromhex("1190")
HE_48K_STEREO = AudioSpecificConfig(
    audio_object_type=2, sampling_frequency=24000, channel_configuration=2, sbr=True, hierarchical=True,
    extension_frequency=48000,
).build()  # fmt: skip
HE_V2 = AudioSpecificConfig(
    audio_object_type=2, sampling_frequency=24000, channel_configuration=1, sbr=True, ps=True,
    extension_frequency=48000,
).build()  # fmt: skip
LC_96K = AudioSpecificConfig(audio_object_type=2, sampling_frequency=96000, channel_configuration=6).build()


@pytest.mark.parametrize(
    ("config", "rate", "channels", "text", "entry_rate"),
    [
        (LC_48K_STEREO, 48000, 2, "mp4a.40.2", 48000 << 16),
        (HE_48K_STEREO, 48000, 2, "mp4a.40.5", 24000 << 16),
        (HE_V2, 48000, 2, "mp4a.40.29", 24000 << 16),
        (LC_96K, 96000, 6, "mp4a.40.2", 0),
    ],
    ids=["LC", "HE", "HEv2", "96k"],
)
def test_aac(config, rate, channels, text, entry_rate):
    codec = AacCodec.from_config(config, bitrate=64000)
    assert (codec.sample_rate, codec.channels, codec.codecs_parameter(), codec.config) == (rate, channels, text, config)
    assert codec.media_type == "Audio"
    assert codec.frame_length == 1024
    assert codec.protected_ranges(b"frame") is None
    entry = codec.sample_entry()
    assert (entry.type, entry.sample_rate, entry.sample_size) == ("mp4a", entry_rate, 16)
    decoder = read_esds(entry.find(EsdBox))
    assert (decoder.object_type, decoder.stream_type, decoder.avg_bitrate) == (0x40, 5, 64000)
    assert codec_of(entry, handler="soun") == codec


def test_aac_from_a_parsed_configuration():
    assert AacCodec.from_config(AudioSpecificConfig.parse(LC_48K_STEREO)) == AacCodec.from_config(LC_48K_STEREO)
    with pytest.raises(BitstreamError):
        AacCodec.from_config(b"\x11")


def test_aac_of_mpeg2():
    entry = mp4a(DecoderConfig(object_type=0x67, stream_type=5, specific_info=LC_48K_STEREO))
    codec = codec_of(entry, handler="soun")
    assert isinstance(codec, AacCodec)
    assert codec.codecs_parameter() == "mp4a.67"


def mp4a(config: DecoderConfig, *extra) -> AudioSampleEntry:
    return AudioSampleEntry(type="mp4a", sample_rate=48000 << 16, children=(build_esds(config), *extra))


def test_an_entry_from_a_file_is_kept():
    config = DecoderConfig(object_type=0x40, stream_type=5, specific_info=LC_48K_STEREO, buffer_size=77)
    entry = mp4a(config, BitRateBox(avg_bitrate=5), UnknownBox(type="chan", data=b"?"))
    codec = codec_of(entry, handler="soun")
    assert codec.sample_entry().build() == entry.build()
    assert codec != AacCodec.from_config(LC_48K_STEREO)


def test_aac_of_quicktime_is_written_anew():
    config = DecoderConfig(object_type=0x40, stream_type=5, specific_info=LC_48K_STEREO)
    inside = (
        UnknownBox(type="frma", data=b"mp4a").build() + build_esds(config).build() + bytes((0, 0, 0, 8, 0, 0, 0, 0))
    )
    wave = UnknownBox(type="wave", data=inside)
    entry = AudioSampleEntry(type="mp4a", entry_version=1, quicktime=bytes(16), children=(wave,))
    assert codec_of(entry, handler="soun") == AacCodec.from_config(LC_48K_STEREO)
    with pytest.raises(MediaError):
        AacCodec.from_sample_entry(replace(entry, children=(UnknownBox(type="wave", data=b"no boxes"),)))


def test_other_coders_in_mp4a_pass_through():
    for config, text in (
        (DecoderConfig(object_type=0x6B, stream_type=5), "mp4a.6B"),
        (DecoderConfig(object_type=0x40, stream_type=5, specific_info=bytes.fromhex("f886")), "mp4a.40.36"),
        (DecoderConfig(object_type=0x40, stream_type=5), "mp4a.40"),
    ):
        codec = codec_of(mp4a(config), handler="soun")
        assert isinstance(codec, PassThroughCodec)
        assert codec.codecs_parameter() == text
    assert codec_of(AudioSampleEntry(type="mp4a"), handler="soun").codecs_parameter() == "mp4a"
    broken = AudioSampleEntry(type="mp4a", children=(EsdBox(data=b"\x03"),))
    assert codec_of(broken, handler="soun").codecs_parameter() == "mp4a"
    with pytest.raises(MediaError):
        AacCodec.from_sample_entry(AudioSampleEntry(type="mp4a"))
    with pytest.raises(MediaError):
        AacCodec(AudioSampleEntry(type="mp4a").build())


def test_opus():
    codec = OpusCodec.from_head(OpusHead(2, 312, 44100, -5, coupled_count=1))
    assert (codec.sample_rate, codec.channels, codec.pre_skip, codec.codecs_parameter()) == (48000, 2, 312, "Opus")
    config = codec.sample_entry().find(OpusSpecificBox)
    assert (config.input_sample_rate, config.output_gain, config.mapping) == (44100, -5, None)
    assert codec.sample_entry().sample_rate == 48000 << 16
    assert codec.media_type == "Audio"
    assert codec.protected_ranges(b"packet") is None
    assert codec_of(codec.sample_entry(), handler="soun") == codec
    with pytest.raises(MediaError):
        OpusCodec(AudioSampleEntry(type="Opus").build())


def test_opus_with_a_channel_mapping():
    head = b"OpusHead\x01\x03\x00\x00\x80\xbb\x00\x00\x00\x00\x01\x02\x01\x00\x02\x01"
    config = OpusCodec.from_head(head).sample_entry().find(OpusSpecificBox)
    assert (config.channel_mapping_family, config.mapping) == (1, b"\x02\x01\x00\x02\x01")
    with pytest.raises(BitstreamError):
        OpusCodec.from_head(b"OpusTags")


def test_g711():
    codec = G711Codec()
    assert (codec.law, codec.sample_rate, codec.channels, codec.codecs_parameter()) == ("ulaw", 8000, 1, "ulaw")
    assert (
        codec.sample_entry().build()
        == AudioSampleEntry(type="ulaw", channel_count=1, sample_size=16, sample_rate=8000 << 16).build()
    )
    assert codec.media_type == "Audio"
    assert codec.protected_ranges(b"packet") is None
    other = G711Codec("alaw", 16000, 2)
    assert codec_of(other.sample_entry(), handler="soun") == other != codec
    for wrong in ({"law": "mu"}, {"sample_rate": 96000}, {"channels": 0}):
        with pytest.raises(MediaError):
            G711Codec(**wrong)
    with pytest.raises(MediaError):
        G711Codec.from_sample_entry(VisualSampleEntry(type="ulaw", width=1, height=1))


def test_g711_of_quicktime_is_written_anew():
    entry = AudioSampleEntry(type="alaw", channel_count=1, sample_rate=8000 << 16, entry_version=1, quicktime=bytes(16))
    assert codec_of(entry, handler="soun") == G711Codec("alaw")
    second = bytes.fromhex("00000048") + struct.pack(">dIIIIII", 16000.0, 2, 0x7F000000, 16, 0, 2, 1)
    newer = replace(entry, entry_version=2, channel_count=3, sample_rate=1 << 16, quicktime=second)
    assert codec_of(newer, handler="soun") == G711Codec("alaw", 16000, 2)
    kept = replace(entry, entry_version=0, quicktime=b"", children=(BitRateBox(),))
    assert codec_of(kept, handler="soun").sample_entry().build() == kept.build()


def test_metadata():
    codec = MetadataCodec()
    entry = codec.sample_entry()
    assert (entry.type, entry.content_encoding, entry.namespace, entry.schema_location) == (
        "metx",
        "",
        ONVIF_SCHEMA,
        "",
    )
    assert entry.children == ()
    assert codec.codecs_parameter() == "metx"
    assert codec.media_type == "Metadata"
    assert codec.protected_ranges(b"<tt:MetadataStream/>") is None
    assert codec_of(entry, handler="meta") == codec
    assert MetadataCodec("gzip") != codec
    assert codec_of(MetadataCodec("exi").sample_entry(), handler="meta").content_encoding == "exi"
    with pytest.raises(MediaError):
        MetadataCodec("zip")
    with pytest.raises(MediaError):
        MetadataCodec.from_sample_entry(VisualSampleEntry(type="metx", width=1, height=1))


def test_metadata_of_other_writers_are_kept():
    entry = XmlMetaDataSampleEntry(
        content_encoding="application/x-unknown", namespace="urn:x", schema_location=None, children=(BitRateBox(),)
    )
    codec = codec_of(entry, handler="meta")
    assert (codec.content_encoding, codec.namespace, codec.schema_location) == ("application/x-unknown", "urn:x", "")
    assert codec.sample_entry().build() == entry.build()


@pytest.mark.parametrize(
    "codec",
    [AacCodec.from_config(LC_48K_STEREO), OpusCodec.from_head(OpusHead(1, 0, 48000, 0)), G711Codec(), MetadataCodec()],
    ids=["aac", "opus", "g711", "metadata"],
)
def test_codecs_are_values(codec):
    again = codec_of(codec.sample_entry(), handler="soun")
    assert again == codec
    assert hash(again) == hash(codec)
    assert isinstance(codec, Codec)


TONE = ("-f", "lavfi", "-i", "sine=r=48000:d=0.5", "-ac", "2")


@pytest.mark.interop
def test_the_configuration_is_what_ffmpeg_writes(make_clip):
    with open_mp4(make_clip("tone.m4a", (*TONE, "-c:a", "aac"))) as source:
        codec = source.tracks[0].codec
    assert codec.config[:2] == LC_48K_STEREO
    assert (codec.sample_rate, codec.channels, codec.codecs_parameter()) == (48000, 2, "mp4a.40.2")
    with open_mp4(make_clip("tone_opus.mp4", (*TONE, "-c:a", "libopus"))) as source:
        codec = source.tracks[0].codec
    made = OpusCodec.from_head(OpusHead(2, codec.pre_skip, 48000, 0, coupled_count=1))
    assert made.sample_entry().find(OpusSpecificBox) == codec.sample_entry().find(OpusSpecificBox)
