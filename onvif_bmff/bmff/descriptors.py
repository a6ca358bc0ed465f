"""MPEG-4 descriptors, as far as esds needs them. ISO/IEC 14496-1, 7.2.6; 14496-14, 3.1."""

from dataclasses import dataclass, replace

from onvif_bmff.bmff.codec_config import EsdBox
from onvif_bmff.errors import BoxError

__all__ = ["DecoderConfig", "build_esds", "read_es_id", "read_esds", "without_es_id"]

_ES, _DECODER_CONFIG, _DECODER_SPECIFIC, _SL_CONFIG = 3, 4, 5, 6


@dataclass(frozen=True, slots=True)
class DecoderConfig:
    """What an esds says of the codec: object type, stream type, bit rates (bits a second), decoder's own data."""

    object_type: int
    stream_type: int
    specific_info: bytes = b""
    buffer_size: int = 0
    max_bitrate: int = 0
    avg_bitrate: int = 0


def read_esds(found: EsdBox) -> DecoderConfig:
    """Return the decoder configuration in ``found``; ``BoxError`` if it holds none."""
    data, offset = found.data, found.offset or 0
    tag, body = _descriptor(data, 0, offset)
    if tag != _ES or len(body) < 3:
        raise BoxError("no elementary stream descriptor", path="/esds", offset=offset)
    flags = body[2]
    pos = 3 + (2 if flags & 0x80 else 0)
    if flags & 0x40:
        pos += 1 + (body[pos] if pos < len(body) else 0)
    pos += 2 if flags & 0x20 else 0
    tag, config = _descriptor(body, pos, offset)
    if tag != _DECODER_CONFIG or len(config) < 13:
        raise BoxError("no decoder configuration descriptor", path="/esds", offset=offset)
    specific = b""
    if len(config) > 13:
        tag, inner = _descriptor(config, 13, offset)
        specific = inner if tag == _DECODER_SPECIFIC else b""
    return DecoderConfig(
        object_type=config[0],
        stream_type=config[1] >> 2,
        specific_info=specific,
        buffer_size=int.from_bytes(config[2:5], "big"),
        max_bitrate=int.from_bytes(config[5:9], "big"),
        avg_bitrate=int.from_bytes(config[9:13], "big"),
    )


def read_es_id(found: EsdBox) -> int:
    """Return the number of the elementary stream in ``found``; ``BoxError`` if it holds none. 14496-14, 3.1.2."""
    tag, body = _descriptor(found.data, 0, found.offset or 0)
    if tag != _ES or len(body) < 3:
        raise BoxError("no elementary stream descriptor", path="/esds", offset=found.offset or 0)
    return int.from_bytes(body[:2], "big")


def without_es_id(found: EsdBox) -> EsdBox:
    """Return the box with 0 as the number of the elementary stream, as files have it; ``BoxError`` as `read_es_id`."""
    if read_es_id(found) == 0:
        return found
    at = 2
    while found.data[at - 1] & 0x80:  # the length has up to four bytes
        at += 1
    return replace(found, data=found.data[:at] + b"\0\0" + found.data[at + 2 :])


def build_esds(config: DecoderConfig) -> EsdBox:
    """Return the esds box for ``config``, with lengths in their shortest form.

    Raises ``BoxError`` if a number does not fit its field.
    """
    try:
        inner = (
            bytes((config.object_type, config.stream_type << 2 | 1))
            + config.buffer_size.to_bytes(3, "big")
            + config.max_bitrate.to_bytes(4, "big")
            + config.avg_bitrate.to_bytes(4, "big")
        )
    except (OverflowError, ValueError) as error:
        raise BoxError(f"a number of the decoder configuration does not fit: {error}", path="/esds") from None
    if config.specific_info:
        inner += _wrap(_DECODER_SPECIFIC, config.specific_info)
    return EsdBox(data=_wrap(_ES, b"\0\0\0" + _wrap(_DECODER_CONFIG, inner) + _wrap(_SL_CONFIG, b"\x02")))


def _descriptor(data: bytes, pos: int, offset: int) -> tuple[int, bytes]:
    """Return tag and body of the descriptor at ``pos``."""
    if pos >= len(data):
        return -1, b""
    tag, size = data[pos], 0
    for index in range(pos + 1, min(pos + 5, len(data))):
        size = size << 7 | data[index] & 0x7F
        if data[index] < 0x80:
            return tag, data[index + 1 : index + 1 + size]
    raise BoxError("a descriptor's length is cut off", path="/esds", offset=offset)


def _wrap(tag: int, body: bytes) -> bytes:
    size, length = len(body), b""
    while True:
        length = bytes((size & 0x7F | (0x80 if length else 0),)) + length
        size >>= 7
        if not size:
            return bytes((tag,)) + length + body
