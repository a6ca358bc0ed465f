"""AV1 open bitstream units and sequence headers: AV1 Bitstream & Decoding Process Specification, 5.3 to 5.5."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from onvif_bmff.errors import BitstreamError
from onvif_bmff.media.nal import BitReader, Buffer
from onvif_bmff.media.vui import UNSPECIFIED, ColourInfo, picture_rate

__all__ = ["Av1SequenceHeader", "Obu", "find_av1_sequence_header", "iter_obus", "parse_av1_sequence_header"]

OBU_SEQUENCE_HEADER = 1
OBU_TEMPORAL_DELIMITER = 2
OBU_FRAME_HEADER = 3
OBU_TILE_GROUP = 4
OBU_METADATA = 5
OBU_FRAME = 6
OBU_REDUNDANT_FRAME_HEADER = 7
OBU_TILE_LIST = 8
OBU_PADDING = 15

_BT709, _SRGB, _IDENTITY = 1, 13, 0
_SELECT = 2


@dataclass(slots=True, frozen=True)
class Obu:
    """One open bitstream unit inside a buffer: byte offsets of its header, its payload and its end."""

    obu_type: int
    temporal_id: int
    spatial_id: int
    start: int
    payload: int
    end: int
    has_size: bool


@dataclass(slots=True, kw_only=True)
class Av1SequenceHeader:
    """A sequence header. Names are those of the specification, 5.5; sizes are in luma samples."""

    seq_profile: int
    still_picture: bool
    seq_level_idx: int
    """Of operating point 0, as is `seq_tier`."""
    seq_tier: int
    max_frame_width: int
    max_frame_height: int
    frame_rate: Fraction | None
    """Frames a second when the header says that pictures come at equal intervals, else None."""
    initial_presentation_delay: int | None
    bit_depth: int = 8
    monochrome: bool = False
    subsampling: tuple[int, int] = (1, 1)
    """1 for an axis on which chroma has half the resolution: x, y."""
    chroma_sample_position: int = 0
    colour: ColourInfo = UNSPECIFIED


def iter_obus(data: Buffer) -> Iterator[Obu]:
    """Yield the units of a temporal unit in the low-overhead format, as in a sample of an ISO file.

    A unit without a size field reaches to the end of the data. Raises BitstreamError for a unit that is cut
    short. AV1, 5.3; AV1 ISOBMFF, 2.4.
    """
    position, size = 0, len(data)
    while position < size:
        start = position
        header = data[position]
        position += 1
        if header & 0x81:
            raise BitstreamError("an OBU header has a reserved bit set")
        temporal_id = spatial_id = 0
        if header & 4:
            if position >= size:
                raise BitstreamError("an OBU ends within its header")
            temporal_id, spatial_id = data[position] >> 5, data[position] >> 3 & 3
            position += 1
        has_size = bool(header & 2)
        length = size - position
        if has_size:
            length, position = _read_leb128(data, position)
            if length > size - position:
                raise BitstreamError(f"an OBU of {length} bytes is cut short")
        yield Obu(header >> 3, temporal_id, spatial_id, start, position, position + length, has_size)
        position += length


def _read_leb128(data: Buffer, position: int) -> tuple[int, int]:
    """A number of up to eight groups of seven bits, and the position behind it. AV1, 4.10.5."""
    value = 0
    for shift in range(0, 56, 7):
        if position >= len(data):
            raise BitstreamError("an OBU ends within its size")
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if value >> 32:
                break
            return value, position
    raise BitstreamError("the size of an OBU is above its limit of 32 bits")


def find_av1_sequence_header(data: Buffer) -> Av1SequenceHeader | None:
    """Return the first sequence header in ``data`` (a sample or configOBUs); None if there is none."""
    for obu in iter_obus(data):
        if obu.obu_type == OBU_SEQUENCE_HEADER:
            return parse_av1_sequence_header(data[obu.payload : obu.end])
    return None


def parse_av1_sequence_header(payload: Buffer) -> Av1SequenceHeader:
    """Read sequence_header_obu(): the payload of a unit of type 1, without header and size.

    Raises BitstreamError when it is cut short or breaks a limit. AV1, 5.5.1.
    """
    reader = BitReader(bytes(payload))
    profile = reader.u(3)
    if profile > 2:
        raise BitstreamError(f"seq_profile is {profile}, above its limit of 2")
    still_picture = reader.flag()
    reduced = reader.flag()
    if reduced and not still_picture:
        raise BitstreamError("a reduced still picture header in a sequence that is no still picture")
    frame_rate: Fraction | None = None
    level, tier, delay = reader.u(5) if reduced else 0, 0, None
    if not reduced:
        frame_rate, level, tier, delay = _read_operation(reader)
    width_bits, height_bits = 1 + reader.u(4), 1 + reader.u(4)
    header = Av1SequenceHeader(
        seq_profile=profile,
        still_picture=still_picture,
        seq_level_idx=level,
        seq_tier=tier,
        frame_rate=frame_rate,
        initial_presentation_delay=delay,
        max_frame_width=1 + reader.u(width_bits),
        max_frame_height=1 + reader.u(height_bits),
    )
    if not reduced and reader.flag():  # frame_id_numbers_present_flag
        reader.skip(7)
    reader.skip(3)  # use_128x128_superblock, enable_filter_intra, enable_intra_edge_filter
    if not reduced:
        _skip_tools(reader)
    reader.skip(3)  # enable_superres, enable_cdef, enable_restoration
    _read_colour_config(reader, header)
    reader.skip(1)  # film_grain_params_present
    return header


def _read_operation(reader: BitReader) -> tuple[Fraction | None, int, int, int | None]:
    """Timing and operating points: frame rate, level, tier and initial presentation delay of point 0."""
    frame_rate: Fraction | None = None
    delay_length = 0
    has_model = False
    if reader.flag():  # timing_info_present_flag
        num_units_in_tick, time_scale = reader.u(32), reader.u(32)
        if reader.flag():  # equal_picture_interval
            frame_rate = picture_rate(time_scale, num_units_in_tick, 1 + _read_uvlc(reader))
        has_model = reader.flag()
        if has_model:
            delay_length = 1 + reader.u(5)
            reader.skip(42)  # num_units_in_decoding_tick and two lengths
    has_delay = reader.flag()
    points: list[tuple[int, int, int | None]] = []
    for _ in range(1 + reader.u(5)):
        reader.skip(12)  # operating_point_idc
        level = reader.u(5)
        tier = reader.u(1) if level > 7 else 0
        if has_model and reader.flag():  # decoder_model_present_for_this_op
            reader.skip(2 * delay_length + 1)
        delay = 1 + reader.u(4) if has_delay and reader.flag() else None
        points.append((level, tier, delay))
    return frame_rate, *points[0]


def _read_uvlc(reader: BitReader) -> int:
    """uvlc(). AV1, 4.10.3."""
    zeros = 0
    while not reader.flag():
        zeros += 1
        if zeros == 32:
            raise BitstreamError("a variable length code is above its limit of 32 bits")
    return reader.u(zeros) + (1 << zeros) - 1


def _skip_tools(reader: BitReader) -> None:
    """From enable_interintra_compound to order_hint_bits_minus_1."""
    reader.skip(4)
    order_hint = reader.flag()
    if order_hint:
        reader.skip(2)  # enable_jnt_comp, enable_ref_frame_mvs
    screen_content = _SELECT if reader.flag() else reader.u(1)
    if screen_content and not reader.flag():  # seq_choose_integer_mv
        reader.skip(1)
    if order_hint:
        reader.skip(3)


def _read_colour_config(reader: BitReader, header: Av1SequenceHeader) -> None:
    """color_config(). AV1, 5.5.2."""
    profile = header.seq_profile
    high_bit_depth = reader.flag()
    header.bit_depth = 10 if high_bit_depth else 8
    if profile == 2 and high_bit_depth and reader.flag():
        header.bit_depth = 12
    header.monochrome = profile != 1 and reader.flag()
    primaries, transfer, matrix = 2, 2, 2
    if reader.flag():
        primaries, transfer, matrix = reader.u(8), reader.u(8), reader.u(8)
    if header.monochrome:
        header.colour = ColourInfo(primaries, transfer, matrix, reader.flag())
        return
    if (primaries, transfer, matrix) == (_BT709, _SRGB, _IDENTITY):
        full_range, header.subsampling = True, (0, 0)
    else:
        full_range = reader.flag()
        header.subsampling = _read_subsampling(reader, profile, header.bit_depth)
        if header.subsampling == (1, 1):
            header.chroma_sample_position = reader.u(2)
    header.colour = ColourInfo(primaries, transfer, matrix, full_range)
    reader.skip(1)  # separate_uv_delta_q


def _read_subsampling(reader: BitReader, profile: int, bit_depth: int) -> tuple[int, int]:
    if profile == 0:
        return 1, 1
    if profile == 1:
        return 0, 0
    if bit_depth < 12:
        return 1, 0
    x = reader.u(1)
    return x, reader.u(1) if x else 0
