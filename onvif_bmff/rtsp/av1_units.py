"""AV1: pieces of temporal units to samples. AV1 Codec ISO Media File Format Binding, 2.3, 2.4; RTP Payload for AV1."""

from collections.abc import Iterable, Iterator

from onvif_bmff.bmff import Av1ConfigurationBox
from onvif_bmff.codecs import Av1SequenceHeader, Obu, PassThroughCodec, iter_obus, parse_av1_sequence_header
from onvif_bmff.errors import BitstreamError
from onvif_bmff.media.codec import Codec
from onvif_bmff.media.sample_entries import make_visual_entry
from onvif_bmff.rtsp.media_units import MediaUnit
from onvif_bmff.rtsp.pieces import Pieces

__all__ = ["Av1Units", "av1_codec"]

_SEQUENCE_HEADER = 1
_DELIMITER = b"\x12"
"""What libavformat begins each temporal unit with. Where media of another stream come in the middle of a unit, it loses
what came before them.
"""
_NOT_IN_SAMPLES = (2, 8, 15)
"""Temporal delimiters, tile lists, padding."""


class Av1Units:
    """Collects the OBUs of one time to a sample; those with a sequence header are sync samples.

    Args:
        whole: payloads are temporal units by themselves, as in files, which say what is a sync sample.
    """

    def __init__(self, *, whole: bool = False) -> None:
        self.codec: Codec | None = None
        self.lost = 0
        self._whole = whole
        self._pieces = Pieces()
        self._header = b""

    def continues(self, data: bytes) -> bool:
        """Return False: nothing in a piece says so."""
        return False

    def push(self, data: bytes, time: int, *, sync: bool, decode_time: int | None) -> Iterable[MediaUnit]:
        """Take a piece."""
        if self._whole:
            yield from self._made(data, time, sync=sync, decode_time=decode_time)
            return
        if self._pieces and time != self._pieces.time:
            yield from self.flush()
        self._pieces.add(data, time)

    def flush(self) -> Iterator[MediaUnit]:
        """Return the temporal unit that was collected."""
        try:
            data = self._pieces.take()
        except BitstreamError:
            self.lost += 1
            return
        if data is None:
            return
        if data[:1] != _DELIMITER:  # its beginning is lost
            self.lost += 1
            return
        yield from self._made(data, self._pieces.time, sync=False, decode_time=None)

    def _made(self, data: bytes, time: int, *, sync: bool, decode_time: int | None) -> Iterator[MediaUnit]:
        try:
            units = list(iter_obus(data))
            for unit in units:
                if unit.obu_type == _SEQUENCE_HEADER:
                    self._take_header(data, unit)
                    sync = sync or not self._whole
        except BitstreamError:
            self.lost += 1
            return
        kept = b"".join(_with_size(data, unit) for unit in units if unit.obu_type not in _NOT_IN_SAMPLES)
        if self.codec is not None and kept:
            yield MediaUnit(time, 0, kept, sync, self.codec, decode_time)

    def _take_header(self, data: bytes, unit: Obu) -> None:
        written = _with_size(data, unit)
        if written != self._header:
            self.codec = av1_codec(parse_av1_sequence_header(data[unit.payload : unit.end]), written)
            self._header = written


def av1_codec(header: Av1SequenceHeader, written: bytes) -> PassThroughCodec:
    """Return the codec of a sequence; ``written`` is the OBU of its header, with its size."""
    config = Av1ConfigurationBox(
        seq_profile=header.seq_profile,
        seq_level_idx_0=header.seq_level_idx,
        seq_tier_0=header.seq_tier,
        high_bitdepth=int(header.bit_depth > 8),
        twelve_bit=int(header.bit_depth == 12),
        monochrome=int(header.monochrome),
        chroma_subsampling_x=header.subsampling[0],
        chroma_subsampling_y=header.subsampling[1],
        chroma_sample_position=header.chroma_sample_position,
        config_obus=written,
    )
    size = header.max_frame_width, header.max_frame_height
    return PassThroughCodec(make_visual_entry("av01", size, config, colour=header.colour), "vide")


def _with_size(data: bytes, unit: Obu) -> bytes:
    """An OBU with its size, which all in a sample but the last one must have."""
    if unit.has_size:
        return data[unit.start : unit.end]
    payload = data[unit.payload : unit.end]
    header = bytearray(data[unit.start : unit.payload])
    header[0] |= 2
    return bytes(header) + _leb128(len(payload)) + payload


def _leb128(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)
