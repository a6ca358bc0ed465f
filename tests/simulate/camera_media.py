"""What simulated cameras send: small access units that are valid, each with a name of its own in its bytes.

The name stands where slice data, sound or text stands, so that it is the same in a stored segment, before and after
encryption. Parameter sets and slice headers are written bit by bit, as 7.3.2 and 7.3.3 of H.264 have them; those of
H.265 are a clip's.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache

from onvif_bmff.codecs import AacCodec, AvcCodec, G711Codec, HevcCodec, MetadataCodec, OpusCodec
from onvif_bmff.codecs.opus.syntax import OpusHead
from onvif_bmff.media.codec import Codec
from tests.support_bits import BitWriter, escape

__all__ = ["MAX_SIZE", "Encoding", "encodings", "identify", "identify_all"]

MAX_SIZE = 200
"""Most bytes of an access unit; the least is about 30."""

_NAME = re.compile(rb"sim\(([\w-]{1,32}),(\d{1,3}),(\d{1,12})\)")
_LETTERS = b"onvifbmff" * (MAX_SIZE // 8)

_HEVC_VPS = bytes.fromhex("40010c01ffff01600000030090000003000003003c913024")
_HEVC_SPS = bytes.fromhex("42010101600000030090000003000003003ca0182071f79644d2930bc05a02000007d20000ea6010")
_HEVC_PPS = bytes.fromhex("4401c073c189")
_HEVC_IDR, _HEVC_TRAIL = bytes.fromhex("2801ac2120ba04984cfca214"), bytes.fromhex("0201d011562040413fb862fe")
_AVC_PPS = bytes.fromhex("68ce3c80")


def identify(payload: bytes | memoryview) -> tuple[str, int, int] | None:
    """Return camera, track and number of a sample, or None if the bytes are no sample of a simulated camera."""
    found = _NAME.search(payload)
    return None if found is None else _read(found)


def identify_all(data: bytes | memoryview) -> list[tuple[str, int, int]]:
    """Return camera, track and number of all samples in some bytes, such as a whole segment, in their order."""
    return [_read(found) for found in _NAME.finditer(data)]


def _read(found: re.Match[bytes]) -> tuple[str, int, int]:
    return str(found[1], "ascii"), int(found[2]), int(found[3])


@dataclass(frozen=True)
class Encoding:
    """One way to send a track.

    Args:
        kind: Video, Audio or Metadata.
        timescale: ticks a second.
        variants: makes codecs that a camera can change between: one encoding, other parameters.
        access_unit: (name, size, place in the group of pictures) → the bytes of a sample.
    """

    kind: str
    timescale: int
    variants: tuple[Callable[[], Codec], ...]
    access_unit: Callable[[bytes, int, int], bytes]

    def codec(self, variant: int) -> Codec:
        """Return the codec of a variant; any number will do."""
        return _made(self.variants[variant % len(self.variants)])

    def payload(self, camera: str, track: int, number: int, size: int, place: int) -> bytes:
        """Return the sample of a number, of at least ``size`` bytes."""
        return self.access_unit(b"sim(%s,%d,%d)" % (camera.encode(), track, number), size, place)


@cache
def _made(make: Callable[[], Codec]) -> Codec:
    return make()  # it is shared: no parameter sets come in band, which it would have to remember


# ---- H.264 ------------------------------------------------------------------------------------------------------


@cache
def _avc_sps(width: int, height: int) -> bytes:
    """A sequence parameter set of Baseline profile, level 3: frame_num of 8 bits, pic_order_cnt_lsb of 4."""
    out = BitWriter()
    for value in (66, 0xC0, 30):
        out.u(8, value)
    for value in (0, 4, 0, 0, 1):  # id, log2_max_frame_num - 4, pic_order_cnt_type, log2 of its lsb - 4, references
        out.ue(value)
    out.flag(False)
    out.ue(width // 16 - 1)
    out.ue(height // 16 - 1)
    for value in (True, True, False, False):  # frames only, direct 8x8, no cropping, no VUI
        out.flag(value)
    out.trailing()
    return b"\x67" + escape(out.bytes())[0]


def _avc_codec(width: int, height: int) -> Callable[[], AvcCodec]:
    return lambda: AvcCodec.from_parameter_sets([_avc_sps(width, height)], [_AVC_PPS])


@lru_cache(256)
def _avc_slice(place: int) -> bytes:
    """The NAL unit header and slice header of the picture at a place in its group: an IDR picture, then P."""
    out = BitWriter()
    for value in (0, 5 if place else 7, 0):  # first macroblock, slice type, picture parameter set
        out.ue(value)
    out.u(8, place % 256)
    if not place:
        out.ue(0)
    out.u(4, 2 * place % 16)
    out.flag(False)  # P: as many references as usual; IDR: earlier pictures are output
    out.flag(False)  # P: the usual list; IDR: no long-term reference
    if place:
        out.flag(False)  # the sliding window marks references
    out.se(0)
    out.ue(1)
    while len(out.bits) % 8:
        out.u(1, 1)
    return (b"\x41" if place else b"\x65") + escape(out.bytes())[0]


def _unit(unit: bytes) -> bytes:
    return len(unit).to_bytes(4, "big") + unit


def _slice(head: bytes, name: bytes, size: int) -> bytes:
    """A slice; its name comes late enough to be encrypted, for up to 15 bytes stay clear to make whole blocks."""
    return _filled(head + _LETTERS[:16], name, size, b"\x80")


def _filled(head: bytes, name: bytes, size: int, tail: bytes) -> bytes:
    return head + name + _LETTERS[: max(size - len(head) - len(name) - len(tail), 0)] + tail


def _avc_unit(name: bytes, size: int, place: int) -> bytes:
    delimiter = b"\x00\x00\x00\x02\x09\xf0" if size % 2 else b""
    return delimiter + _unit(_slice(_avc_slice(place), name, size - 4 - len(delimiter)))


# ---- H.265 ------------------------------------------------------------------------------------------------------


@cache
def _hevc_sps(width: int) -> bytes:
    """The clip's sequence parameter set (192 by 108) with another width, of equally many bits."""
    plain = re.sub(rb"\x00\x00\x03", b"\x00\x00", _HEVC_SPS)
    bits = "".join(f"{byte:08b}" for byte in plain)
    old, new = (f"0000000{value + 1:08b}" + "0000001110001" for value in (192, width))
    if bits.count(old) != 1:
        raise ValueError("the clip's parameter set has another size")
    bits = bits.replace(old, new)
    return escape(bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8)))[0]


def _hevc_codec(width: int) -> Callable[[], HevcCodec]:
    return lambda: HevcCodec.from_parameter_sets([_HEVC_VPS], [_hevc_sps(width)], [_HEVC_PPS])


def _hevc_unit(name: bytes, size: int, place: int) -> bytes:
    delimiter = _unit(b"\x46\x01\x50") if size % 2 else b""
    return delimiter + _unit(_slice(_HEVC_TRAIL if place else _HEVC_IDR, name, size - 4 - len(delimiter)))


# ---- sound and metadata -----------------------------------------------------------------------------------------


def _packet(head: bytes) -> Callable[[bytes, int, int], bytes]:
    return lambda name, size, place: _filled(head, name, size, b"")


def _document(name: bytes, size: int, place: int) -> bytes:
    filler = _LETTERS[: max(size - 74 - len(name), 0)]
    return b'<tt:MetadataStream xmlns:tt="http://www.onvif.org/ver10/schema">%s %s</tt:MetadataStream>' % (name, filler)


def _aac(config: str) -> Callable[[], AacCodec]:
    return lambda: AacCodec.from_config(bytes.fromhex(config))


def _opus(channels: int) -> Callable[[], OpusCodec]:
    return lambda: OpusCodec.from_head(OpusHead(channels, 0, 48_000, 0))


@cache
def encodings() -> Mapping[str, Encoding]:
    """Return all encodings by name."""
    return {
        "H264": Encoding(
            "Video", 90_000, tuple(_avc_codec(*size) for size in ((320, 240), (160, 112), (640, 480))), _avc_unit
        ),
        "H265": Encoding("Video", 90_000, tuple(_hevc_codec(width) for width in (192, 176, 208)), _hevc_unit),
        "AAC": Encoding("Audio", 8_000, (_aac("1588"), _aac("1590")), _packet(b"\x01")),
        "Opus": Encoding("Audio", 48_000, (_opus(1), _opus(2)), _packet(b"\x78")),
        "G711": Encoding("Audio", 8_000, (lambda: G711Codec("ulaw"), lambda: G711Codec("alaw")), _packet(b"")),
        "metadata": Encoding("Metadata", 1_000, (MetadataCodec,), _document),
    }
