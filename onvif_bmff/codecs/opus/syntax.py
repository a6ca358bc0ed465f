"""Opus packets and identification headers: RFC 6716, 3 and RFC 7845, 5.1."""

from dataclasses import dataclass
from struct import Struct

from onvif_bmff.errors import BitstreamError
from onvif_bmff.media.nal import Buffer

__all__ = ["OPUS_RATE", "OpusHead", "opus_packet_duration", "parse_opus_head"]

OPUS_RATE = 48000
"""Ticks a second of every Opus duration."""

_MAX_DURATION = 5760  # 120 ms
# Samples a frame by the configuration number: SILK, hybrid and CELT modes (RFC 6716, table 2).
_FRAME_SIZES = (480, 960, 1920, 2880) * 3 + (480, 960) * 2 + (120, 240, 480, 960) * 4
_HEAD = Struct("<8sBBHIhB")


@dataclass(slots=True, frozen=True)
class OpusHead:
    """The identification header that Ogg and many SDKs provide."""

    channels: int
    pre_skip: int
    """Samples at 48 kHz to throw away at the start."""
    input_sample_rate: int
    output_gain: int
    """In 1/256 dB."""
    mapping_family: int = 0
    stream_count: int = 1
    coupled_count: int = 0
    channel_mapping: bytes = b""


def opus_packet_duration(packet: Buffer) -> int:
    """Return the length of a packet in samples at 48 kHz: 120 to 5760.

    Raises BitstreamError for an empty packet and for a frame count that cannot be. RFC 6716, 3.1 and 3.2.
    """
    if not len(packet):
        raise BitstreamError("an Opus packet is empty")
    toc = packet[0]
    code = toc & 3
    if code == 3:
        if len(packet) < 2:
            raise BitstreamError("an Opus packet ends before its frame count")
        count = packet[1] & 63
    else:
        count = 1 if code == 0 else 2
    duration = count * _FRAME_SIZES[toc >> 3]
    if not 0 < duration <= _MAX_DURATION:
        raise BitstreamError(f"an Opus packet of {count} frames lasts {duration} samples, not 1 to {_MAX_DURATION}")
    return duration


def parse_opus_head(data: Buffer) -> OpusHead:
    """Read an identification header ("OpusHead"). Raises BitstreamError when it is not one. RFC 7845, 5.1."""
    if len(data) < _HEAD.size:
        raise BitstreamError("an Opus identification header is cut short")
    magic, version, channels, pre_skip, rate, gain, family = _HEAD.unpack_from(data)
    if magic != b"OpusHead" or version >> 4:
        raise BitstreamError("not an Opus identification header of version 0 or 1")
    if not channels or (family == 0 and channels > 2):
        raise BitstreamError(f"an Opus stream of {channels} channels with mapping family {family}")
    if family == 0:
        return OpusHead(channels, pre_skip, rate, gain, coupled_count=channels - 1)
    table = bytes(data[_HEAD.size : _HEAD.size + 2 + channels])
    if len(table) != 2 + channels:
        raise BitstreamError("the channel mapping of an Opus identification header is cut short")
    streams, coupled, mapping = table[0], table[1], table[2:]
    if not streams or coupled > streams or any(i != 255 and i >= streams + coupled for i in mapping):
        raise BitstreamError("the channel mapping of an Opus identification header is wrong")
    return OpusHead(channels, pre_skip, rate, gain, family, streams, coupled, mapping)
