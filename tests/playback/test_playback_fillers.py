"""Fillers: what decoders make of them is a plain grey picture, and silence."""

import subprocess
from dataclasses import replace

import pytest
from playback_kit import ffmpeg
from support_tools import need

from onvif_bmff.codecs import AacCodec, G711Codec, OpusCodec
from onvif_bmff.codecs.aac.syntax import AudioSpecificConfig
from onvif_bmff.codecs.avc.syntax import parse_avc_sps
from onvif_bmff.codecs.opus.syntax import OpusHead
from onvif_bmff.export.fillers import filler_of
from onvif_bmff.ingest import open_mp4
from onvif_bmff.media.nal import iter_nal_units


def codec_of_clip(path, *arguments):
    ffmpeg(*arguments, path)
    with open_mp4(path) as clip:
        return clip.tracks[0].codec


def decode(data, *form):
    """Raw samples that ffmpeg decodes, which must have nothing to say."""
    command = [need("ffmpeg"), "-v", "error", *form]
    done = subprocess.run(command, input=data, capture_output=True, timeout=60, check=True)
    assert not done.stderr, done.stderr
    return done.stdout


@pytest.mark.parametrize("size", [(320, 180), (160, 120), (1918, 1078), (16, 16)])
def test_a_picture_is_grey_all_over(tmp_path, size):
    width, height = size
    source = ("-f", "lavfi", "-i", f"testsrc2=size={width}x{height}:rate=5", "-t", 1, "-pix_fmt", "yuv420p")
    filler = filler_of(codec_of_clip(tmp_path / "clip.mp4", *source, "-c:v", "libx264", "-preset", "ultrafast"))
    stream = b"".join(b"\0\0\0\1" + bytes(nal) for sample in filler.samples * 2 for nal in iter_nal_units(sample))
    raw = decode(stream, "-f", "h264", "-i", "-", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-")
    assert raw == b"\x80" * (4 * width * height * 3 // 2)
    assert filler.stretches
    assert max(map(len, filler.samples)) < width * height // 256 + width // 16 + height // 16 + 80  # a byte a block


def test_its_parameter_sets_do_not_replace_those_of_the_recording(tmp_path):
    source = ("-f", "lavfi", "-i", "testsrc2=size=320x180:rate=5", "-t", 1, "-pix_fmt", "yuv420p", "-c:v", "libx264")
    codec = codec_of_clip(tmp_path / "clip.mp4", *source)
    sets = [bytes(nal) for sample in filler_of(codec).samples for nal in iter_nal_units(sample) if nal[0] & 31 == 7]
    own = {parse_avc_sps(nal).sps_id for nal in codec.sps}
    assert own
    assert {parse_avc_sps(nal).sps_id for nal in sets}.isdisjoint(own)


@pytest.mark.parametrize("channels", [1, 2, 4, 5, 6, 8])
def test_sound_is_silent(tmp_path, channels):
    codec = codec_of_clip(
        tmp_path / "clip.m4a", "-f", "lavfi", "-i", "sine=sample_rate=48000", "-t", 1, "-ac", channels, "-c:a", "aac"
    )
    filler = filler_of(codec)
    config = int.from_bytes(codec.config[:2], "big")
    kind, rate, layout = (config >> 11) - 1, config >> 7 & 15, config >> 3 & 15
    stream = b""
    for data in filler.samples * 20:
        size = len(data) + 7
        head = 0xFFF1 << 40 | kind << 38 | rate << 34 | layout << 30 | size << 13 | 0x7FF << 2
        stream += head.to_bytes(7, "big") + data
    raw = decode(stream, "-f", "aac", "-i", "-", "-f", "s16le", "-")
    assert raw == bytes(20 * 1024 * channels * 2)
    assert filler.length * codec.sample_rate == 1024
    assert not filler.stretches


def test_what_has_a_filler():
    plain = AudioSpecificConfig(audio_object_type=2, sampling_frequency=24_000, channel_configuration=1)
    assert filler_of(AacCodec.from_config(plain)).samples == (bytes.fromhex("00000007"),)
    high_efficiency = replace(plain, sbr=True, extension_frequency=48_000)
    assert filler_of(AacCodec.from_config(high_efficiency)).length * 24_000 == 1024
    head = OpusHead(channels=1, pre_skip=0, input_sample_rate=48_000, output_gain=0)
    assert filler_of(OpusCodec.from_head(head)).length * 50 == 1
    for law, silence in (("alaw", 0xD5), ("ulaw", 0xFF)):
        filler = filler_of(G711Codec(law, 8000, 2))
        assert filler.samples == (bytes([silence]) * 320,)
        assert filler.length * 8000 == 160


def test_silence_of_opus_and_g711_is_silent(tmp_path):
    raw = decode(b"\xff" * 800, "-f", "mulaw", "-ar", "8000", "-i", "-", "-f", "s16le", "-")
    assert raw == bytes(1600)
    raw = decode(b"\xd5" * 800, "-f", "alaw", "-ar", "8000", "-i", "-", "-f", "s16le", "-")
    assert max(abs(int.from_bytes(raw[at : at + 2], "little", signed=True)) for at in range(0, 1600, 2)) <= 8


def test_other_codecs_have_none(tmp_path):
    source = ("-f", "lavfi", "-i", "testsrc2=size=64x64:rate=5", "-t", 1, "-pix_fmt", "yuvj420p", "-c:v", "mjpeg")
    assert filler_of(codec_of_clip(tmp_path / "clip.mp4", *source)) is None
