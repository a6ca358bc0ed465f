"""Configuration of codecs, as it lies in sample entries. ISO/IEC 14496-15, 14496-1, 14496-12, 23003-5."""

from typing import Annotated

from onvif_bmff.bmff.language.box import Box, FullBox
from onvif_bmff.bmff.language.declare import Record, RecordOf, box, record
from onvif_bmff.bmff.language.wire import S16, U8, U16, U32, U48, Bits, FourCC, ListOf, Rest, SizedBytes, when

__all__ = [
    "Av1ConfigurationBox",
    "AvcConfigurationBox",
    "BitRateBox",
    "ColourInformationBox",
    "EsdBox",
    "HevcConfigurationBox",
    "HevcParameterArray",
    "OpusSpecificBox",
    "PcmConfigBox",
    "PixelAspectRatioBox",
    "VpCodecConfigurationBox",
]


@box("avcC")
class AvcConfigurationBox(Box):
    """H.264 decoder configuration. ISO/IEC 14496-15, 5.3.3.

    ``extension`` keeps what the high profiles add: chroma format, bit depths and SPS extensions, as bytes.
    """

    configuration_version: U8 = 1
    profile_indication: U8
    profile_compatibility: U8
    level_indication: U8
    reserved1: Annotated[int, Bits(6)] = 0x3F
    length_size_minus_one: Annotated[int, Bits(2)] = 3
    reserved2: Annotated[int, Bits(3)] = 7
    sps_count: Annotated[int, Bits(5)]
    sequence_parameter_sets: Annotated[tuple[bytes, ...], ListOf(lambda this: this["sps_count"], SizedBytes(U16))]
    picture_parameter_sets: Annotated[tuple[bytes, ...], ListOf(U8, SizedBytes(U16))]
    extension: Rest = b""


@record
class HevcParameterArray(Record):
    """Parameter sets of one NAL unit type. ISO/IEC 14496-15, 8.3.3."""

    array_completeness: Annotated[int, Bits(1)] = 1
    reserved: Annotated[int, Bits(1)] = 0
    nal_unit_type: Annotated[int, Bits(6)]
    nal_units: Annotated[tuple[bytes, ...], ListOf(U16, SizedBytes(U16))]


@box("hvcC")
class HevcConfigurationBox(Box):
    """H.265 decoder configuration. ISO/IEC 14496-15, 8.3.3."""

    configuration_version: U8 = 1
    general_profile_space: Annotated[int, Bits(2)] = 0
    general_tier_flag: Annotated[int, Bits(1)] = 0
    general_profile_idc: Annotated[int, Bits(5)]
    general_profile_compatibility_flags: U32
    general_constraint_indicator_flags: U48
    general_level_idc: U8
    reserved1: Annotated[int, Bits(4)] = 0xF
    min_spatial_segmentation_idc: Annotated[int, Bits(12)] = 0
    reserved2: Annotated[int, Bits(6)] = 0x3F
    parallelism_type: Annotated[int, Bits(2)] = 0
    reserved3: Annotated[int, Bits(6)] = 0x3F
    chroma_format_idc: Annotated[int, Bits(2)]
    reserved4: Annotated[int, Bits(5)] = 0x1F
    bit_depth_luma_minus8: Annotated[int, Bits(3)] = 0
    reserved5: Annotated[int, Bits(5)] = 0x1F
    bit_depth_chroma_minus8: Annotated[int, Bits(3)] = 0
    average_frame_rate: U16 = 0
    constant_frame_rate: Annotated[int, Bits(2)] = 0
    num_temporal_layers: Annotated[int, Bits(3)] = 1
    temporal_id_nested: Annotated[int, Bits(1)] = 0
    length_size_minus_one: Annotated[int, Bits(2)] = 3
    arrays: Annotated[tuple[HevcParameterArray, ...], ListOf(U8, RecordOf(HevcParameterArray))]


@box("av1C")
class Av1ConfigurationBox(Box):
    """AV1 decoder configuration. AV1 in ISOBMFF, 2.3."""

    marker: Annotated[int, Bits(1)] = 1
    configuration_version: Annotated[int, Bits(7)] = 1
    seq_profile: Annotated[int, Bits(3)]
    seq_level_idx_0: Annotated[int, Bits(5)]
    seq_tier_0: Annotated[int, Bits(1)] = 0
    high_bitdepth: Annotated[int, Bits(1)] = 0
    twelve_bit: Annotated[int, Bits(1)] = 0
    monochrome: Annotated[int, Bits(1)] = 0
    chroma_subsampling_x: Annotated[int, Bits(1)] = 1
    chroma_subsampling_y: Annotated[int, Bits(1)] = 1
    chroma_sample_position: Annotated[int, Bits(2)] = 0
    reserved: Annotated[int, Bits(3)] = 0
    initial_presentation_delay_present: Annotated[int, Bits(1)] = 0
    initial_presentation_delay_minus_one: Annotated[int, Bits(4)] = 0
    config_obus: Rest = b""


@box("vpcC", versions=(1,))
class VpCodecConfigurationBox(FullBox):
    """VP8 and VP9 configuration. VP Codec ISO Media File Format Binding, 1.0."""

    version: int = 1
    profile: U8
    level: U8
    bit_depth: Annotated[int, Bits(4)]
    chroma_subsampling: Annotated[int, Bits(3)]
    video_full_range: Annotated[int, Bits(1)] = 0
    colour_primaries: U8 = 2
    transfer_characteristics: U8 = 2
    matrix_coefficients: U8 = 2
    codec_initialization_data: Annotated[bytes, SizedBytes(U16)] = b""


@box("dOps")
class OpusSpecificBox(Box):
    """Opus configuration. Encapsulation of Opus in ISOBMFF, 4.3.2. ``mapping`` is there from family 1 on."""

    opus_version: U8 = 0
    output_channel_count: U8
    pre_skip: U16
    input_sample_rate: U32
    output_gain: S16 = 0
    channel_mapping_family: U8 = 0
    mapping: Annotated[
        bytes | None,
        when(
            lambda this: this["channel_mapping_family"],
            SizedBytes(lambda this: 2 + this["output_channel_count"]),
        ),
    ] = None


@box("pcmC")
class PcmConfigBox(FullBox):
    """PCM configuration: bit 0 of the flags means little-endian. ISO/IEC 23003-5, 5.1."""

    format_flags: U8 = 0
    pcm_sample_size: U8


@box("esds")
class EsdBox(FullBox):
    """Elementary stream descriptor of MPEG-4 audio and video, kept as bytes. ISO/IEC 14496-14, 6.7.

    ``descriptors`` reads (see ``onvif_bmff.bmff.descriptors``) and writes them.
    """

    data: Rest


@box("btrt")
class BitRateBox(Box):
    """Bit rates, in bits a second. ISO/IEC 14496-12, 8.5.2.2."""

    buffer_size_db: U32 = 0
    max_bitrate: U32 = 0
    avg_bitrate: U32 = 0


@box("pasp")
class PixelAspectRatioBox(Box):
    """Shape of a pixel. ISO/IEC 14496-12, 12.1.4."""

    h_spacing: U32 = 1
    v_spacing: U32 = 1


@box("colr")
class ColourInformationBox(Box):
    """Colours: for 'nclx', ``data`` is three 16-bit numbers and a byte. ISO/IEC 14496-12, 12.1.5."""

    colour_type: FourCC = "nclx"
    data: Rest = b""
