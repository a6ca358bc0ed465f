"""What stands in for a track while nothing of it was recorded: a grey picture, silence.

Players of Media Source Extensions stop, or jump, where one of their tracks has nothing. A filler lets them go on. It is
plain on purpose: a repeated picture would look like a recorded one. It needs no header of its own: parameter sets of
the picture, under identifiers that encoders hardly use, lie in the sample itself.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

from onvif_bmff.codecs import AacCodec, AvcCodec, G711Codec, OpusCodec
from onvif_bmff.codecs.aac.syntax import AudioSpecificConfig
from onvif_bmff.errors import InvariantError
from onvif_bmff.media.codec import Codec

__all__ = ["Filler", "filler_of"]

_PICTURE: Final = Fraction(1)
_SPS_ID: Final = 31
_PPS_ID: Final = 255
_CONSTRAINED_BASELINE: Final = (66, 0xC0)
_GREY_MACROBLOCK: Final = (0b00100111, 8)
"""mb_type I_16x16_2_0_0 (DC prediction, no residual), chroma DC, mb_qp_delta 0, no coefficients. H.264, 7.3.5."""
_AAC_OBJECTS: Final = (2, 5, 29)
_AAC_ELEMENTS: Final = {1: "S", 2: "C", 3: "SC", 4: "SCS", 5: "SCC", 6: "SCCL", 7: "SCCCL"}
"""Channel configuration → single channel, channel pair and low frequency elements. ISO/IEC 14496-3, Table 1.19."""
_SILENT_CHANNEL: Final = (22, 0)
"""global_gain 0, long window, max_sfb 0, no pulse, noise shaping or gain control. ISO/IEC 14496-3, Table 4.50."""
_OPUS_SILENCE: Final = bytes((0xF8, 0xFF, 0xFE))
_PACKET: Final = Fraction(20, 1000)
_G711_SILENCE: Final = {"ulaw": 0xFF, "alaw": 0xD5}


@dataclass(frozen=True, slots=True)
class Filler:
    """Sync samples that show or sound nothing, to be taken in turn; each is played for ``length`` seconds.

    ``stretches``: a sample may last longer or shorter, as a picture may and sound may not.
    """

    samples: tuple[bytes, ...]
    length: Fraction
    stretches: bool


def filler_of(codec: Codec) -> Filler | None:
    """Return the filler for a track of a codec: H.264, AAC-LC and HE-AAC, Opus and G.711 have one; None for others."""
    maker = _MAKERS.get(type(codec))
    return None if maker is None else maker(codec)


def _of_avc(codec: Codec) -> Filler | None:
    if not isinstance(codec, AvcCodec):
        raise InvariantError("a filler is made for a codec that it is not of")
    if not codec.width or not codec.height:
        return None
    sets = (_sps(codec.width, codec.height, codec.profile[2]), _pps())
    pictures = [b"".join(_with_length(nal) for nal in (*sets, _idr(codec.width, codec.height, n))) for n in (0, 1)]
    return Filler(tuple(pictures), _PICTURE, stretches=True)


def _of_aac(codec: Codec) -> Filler | None:
    if not isinstance(codec, AacCodec):
        raise InvariantError("a filler is made for a codec that it is not of")
    config = AudioSpecificConfig.parse(codec.config)
    elements = _AAC_ELEMENTS.get(config.channel_configuration)
    if elements is None or codec.object_type not in _AAC_OBJECTS:
        return None
    bits, tags = _Bits(), dict.fromkeys("SCL", 0)
    for element in elements:
        bits.put(3, {"S": 0, "C": 1, "L": 3}[element])
        bits.put(4, tags[element])
        tags[element] += 1
        if element == "C":
            bits.put(1, 0)  # common_window
            bits.put(*_SILENT_CHANNEL)
        bits.put(*_SILENT_CHANNEL)
    bits.put(3, 7)  # ID_END
    return Filler((bits.aligned(),), Fraction(config.frame_length, config.sampling_frequency), stretches=False)


def _of_opus(codec: Codec) -> Filler | None:
    if not isinstance(codec, OpusCodec):
        raise InvariantError("a filler is made for a codec that it is not of")
    return Filler((_OPUS_SILENCE,), _PACKET, stretches=False) if codec.channels <= 2 else None


def _of_g711(codec: Codec) -> Filler | None:
    if not isinstance(codec, G711Codec):
        raise InvariantError("a filler is made for a codec that it is not of")
    size = int(codec.sample_rate * _PACKET)
    packet = bytes((_G711_SILENCE[codec.law],)) * (size * codec.channels)
    return Filler((packet,), Fraction(size, codec.sample_rate), stretches=False)


_MAKERS: Final[dict[type, Callable[[Codec], Filler | None]]] = {
    AvcCodec: _of_avc,
    AacCodec: _of_aac,
    OpusCodec: _of_opus,
    G711Codec: _of_g711,
}


# ---- H.264 ----------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Bits:
    """Bits, the most significant first."""

    words: list[str] = field(default_factory=list)

    def put(self, count: int, value: int) -> None:
        self.words.append(f"{value:0{count}b}")

    def ue(self, *values: int) -> None:
        """Put unsigned Exp-Golomb codes. H.264, 9.1."""
        for value in values:
            length = (value + 1).bit_length()
            self.put(2 * length - 1, value + 1)

    def aligned(self) -> bytes:
        text = "".join(self.words)
        text += "0" * (-len(text) % 8)
        return int("1" + text, 2).to_bytes(len(text) // 8 + 1, "big")[1:]


def _nal(header: int, bits: _Bits) -> bytes:
    """Return a NAL unit with trailing bits and emulation prevention. H.264, 7.3.1, 7.3.2.11."""
    bits.put(1, 1)
    made, zeros = bytearray((header,)), 0
    for byte in bits.aligned():
        if zeros >= 2 and byte <= 3:
            made.append(3)
            zeros = 0
        made.append(byte)
        zeros = 0 if byte else zeros + 1
    return bytes(made)


def _with_length(nal: bytes) -> bytes:
    return len(nal).to_bytes(4, "big") + nal


def _macroblocks(width: int, height: int) -> tuple[int, int]:
    return -(-width // 16), -(-height // 16)


def _sps(width: int, height: int, level: int) -> bytes:
    """H.264, 7.3.2.1."""
    bits, (columns, rows) = _Bits(), _macroblocks(width, height)
    for byte in (*_CONSTRAINED_BASELINE, level):
        bits.put(8, byte)
    # seq_parameter_set_id, log2_max_frame_num_minus4, pic_order_cnt_type, max_num_ref_frames
    bits.ue(_SPS_ID, 0, 2, 1)
    bits.put(1, 0)
    bits.ue(columns - 1, rows - 1)
    bits.put(2, 0b11)  # frame_mbs_only, direct_8x8_inference
    right, bottom = (columns * 16 - width) // 2, (rows * 16 - height) // 2
    bits.put(1, int(bool(right or bottom)))
    if right or bottom:
        bits.ue(0, right, 0, bottom)
    bits.put(1, 0)
    return _nal(0x67, bits)


def _pps() -> bytes:
    """H.264, 7.3.2.2: CAVLC, and slices say how they are deblocked."""
    bits = _Bits()
    bits.ue(_PPS_ID, _SPS_ID)
    bits.put(2, 0)
    bits.ue(0, 0, 0)  # slice groups, reference indexes
    bits.put(3, 0)
    bits.ue(0, 0, 0)  # pic_init_qp, pic_init_qs, chroma_qp_index_offset
    bits.put(3, 0b100)
    return _nal(0x68, bits)


def _idr(width: int, height: int, number: int) -> bytes:
    """An IDR picture, luma and chroma 128; two that follow each other have another ``number``. H.264, 7.3.3."""
    bits, (columns, rows) = _Bits(), _macroblocks(width, height)
    bits.ue(0, 7, _PPS_ID)  # first_mb_in_slice, slice_type, pic_parameter_set_id
    bits.put(4, 0)  # frame_num
    bits.ue(number)
    bits.put(2, 0)  # no_output_of_prior_pics, long_term_reference
    bits.ue(0, 1)  # slice_qp_delta, disable_deblocking_filter_idc
    value, size = _GREY_MACROBLOCK
    bits.words.append(f"{value:0{size}b}" * (columns * rows))
    return _nal(0x65, bits)
