"""Frames of sound: what the sample entry says, for every code and number of channels, whatever the sizes are."""

import struct

import pytest
from support_mp4_files import START, progressive, track

from onvif_bmff.bmff import AudioSampleEntry, PcmConfigBox
from onvif_bmff.ingest import Mp4Input
from onvif_bmff.media.track import Sample
from onvif_bmff.mending import frame_size

RATE = 8000
FRAMES = 2500
WIDTHS = {
    ("alaw", 16): 1, ("ulaw", 16): 1, ("sowt", 16): 2, ("sowt", 8): 1, ("twos", 16): 2, ("twos", 24): 3,
    ("in24", 16): 3, ("in32", 16): 4, ("fl32", 16): 4, ("fl64", 16): 8, ("raw ", 8): 1, ("raw ", 16): 2,
    ("NONE", 8): 1, ("lpcm", 24): 3, ("ipcm", 32): 4, ("fpcm", 64): 8, ("sowt", 0): 2, ("raw ", 3): 1,
}  # fmt: skip
"""Bytes of a sample of one channel, by code and size in bits that the entry gives."""


def entry(code: str, bits: int, channels: int) -> AudioSampleEntry:
    return AudioSampleEntry(type=code, channel_count=channels, sample_size=bits, sample_rate=RATE << 16)


def read(made: AudioSampleEntry, data: bytes, timescale: int = RATE, **tables) -> tuple[Mp4Input, list[Sample]]:
    layout = {"stts": [(FRAMES, 1)], "stsc": [(1, FRAMES, 1)], "stco": [START], **tables}
    source = Mp4Input(progressive(track(entries=[made], timescale=timescale, **layout), data=data))
    return source, [one for one in source.samples() if isinstance(one, Sample)]


@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize(("code", "bits"), WIDTHS)
def test_frames_are_those_of_the_entry(code, bits, channels):
    frame = WIDTHS[code, bits] * channels
    data = bytes(number % 251 for number in range(FRAMES * frame))
    made = entry(code, bits, channels)
    assert frame_size(made) == frame
    for size in {1, 2, WIDTHS[code, bits], frame, frame + 1}:
        source, samples = read(made, data, constant_size=(size, FRAMES))
        assert b"".join(one.data for one in samples) == data
        assert [(one.decode_time, one.duration) for one in samples] == [(0, 1024), (1024, 1024), (2048, 452)]
        assert len(source.warnings) == int(size not in (1, frame))
    _, samples = read(made, data, stsz=[1] * FRAMES)
    assert b"".join(one.data for one in samples) == data


def test_the_configuration_of_mpeg_says_the_bits():
    made = AudioSampleEntry(type="ipcm", channel_count=2, sample_size=16, children=(PcmConfigBox(pcm_sample_size=24),))
    assert frame_size(made) == 6


@pytest.mark.parametrize(("bits", "packet", "frames", "size"), [(24, 0, 0, 6), (24, 8, 1, 8), (16, 4, 4, 4)])
def test_version_2_of_quicktime(bits, packet, frames, size):
    more = struct.pack(">IdIIIIII", 72, 96000.0, 2, 0x7F000000, bits, 0, packet, frames)
    made = AudioSampleEntry(type="lpcm", entry_version=2, channel_count=3, quicktime=more)
    assert frame_size(made) == size


def test_packets_of_a_tick_each_are_left_alone():
    """160 bytes of A-law in a tick of 20 ms: who counts so means packets."""
    data = bytes(160) * FRAMES
    source, samples = read(entry("alaw", 16, 1), data, timescale=50, constant_size=(160, FRAMES))
    assert b"".join(one.data for one in samples) == data
    assert source.warnings == ()


def test_durations_of_one_tick_in_several_rows():
    data = bytes(number % 251 for number in range(FRAMES * 2))
    _, samples = read(entry("sowt", 16, 1), data, constant_size=(1, FRAMES), stts=[(1000, 1), (1500, 1)])
    assert b"".join(one.data for one in samples) == data


def test_other_sound_is_counted_as_it_says():
    data = bytes(34) * 10
    layout = {"stts": [(10, 64)], "stsc": [(1, 10, 1)], "constant_size": (34, 10)}
    _, samples = read(entry("ima4", 16, 1), data, **layout)
    assert [len(one.data) for one in samples] == [34] * 10


@pytest.mark.parametrize("version", [1, 2])
def test_compressed_sound_that_counts_frames_is_read_as_packets(version):
    """Packets of 64 frames in 34 bytes, counted frame by frame, a size of 1 each."""
    data = bytes(number % 251 for number in range(34 * 10))
    more = struct.pack(">4I", 64, 34, 34, 2)
    if version == 2:
        more = struct.pack(">IdIIIIII", 72, 8000.0, 1, 0x7F000000, 0, 0, 34, 64)
    made = AudioSampleEntry(type="ima4", entry_version=version, channel_count=1, sample_rate=RATE << 16, quicktime=more)
    layout = {"stts": [(640, 1)], "stsc": [(1, 640, 1)], "constant_size": (1, 640)}
    _, samples = read(made, data, **layout)
    assert b"".join(one.data for one in samples) == data
    assert [(one.decode_time, one.duration) for one in samples] == [(64 * number, 64) for number in range(10)]
