"""What a sample entry says of its codec, for people: name, profile and level, size, sampling, bit rates."""

from collections.abc import Iterator
from contextlib import suppress
from math import gcd
from typing import Any

from onvif_bmff.bmff import (
    AudioSampleEntry,
    Av1ConfigurationBox,
    AvcConfigurationBox,
    BitRateBox,
    Box,
    ContainerBox,
    EsdBox,
    HevcConfigurationBox,
    PixelAspectRatioBox,
    UnknownBox,
    VisualSampleEntry,
    VpCodecConfigurationBox,
    XmlMetaDataSampleEntry,
)
from onvif_bmff.bmff.descriptors import DecoderConfig, read_esds
from onvif_bmff.codecs import AacCodec, parse_avc_sps
from onvif_bmff.demux import MovieTrack
from onvif_bmff.errors import BoxError, MediaError
from onvif_bmff.media import Codec, nal_family_of, presentation_size, sound_format, sound_of
from onvif_bmff.media.sample_entries import boxes_within

__all__ = ["CodecInfo", "codec_info"]

CodecInfo = dict[str, Any]
"""Facts on a codec by name, as ``info --json`` shows them; those that are not known are left out."""

_NAMES = {
    "Opus": "Opus", "alaw": "G.711 A-law", "ulaw": "G.711 µ-law", "av01": "AV1", "vp08": "VP8", "vp09": "VP9",
    "jpeg": "JPEG", "mjpg": "JPEG", "ac-3": "AC-3", "ec-3": "E-AC-3", "ac-4": "AC-4", "alac": "ALAC", "fLaC": "FLAC",
    ".mp3": "MP3", "metx": "XML metadata", "mett": "text metadata", "urim": "metadata", "stpp": "XML subtitles",
    "wvtt": "WebVTT", "tx3g": "timed text", "sowt": "PCM", "twos": "PCM", "raw ": "PCM", "lpcm": "PCM", "ipcm": "PCM",
    "fpcm": "PCM", "in24": "PCM", "in32": "PCM", "fl32": "PCM", "fl64": "PCM", "samr": "AMR", "sawb": "AMR-WB",
    "g726": "G.726", "text": "text", "rtp ": "RTP hints", "tmcd": "time code", "mp4s": "MPEG-4 systems",
}  # fmt: skip
_OBJECT_TYPES = {
    0x20: "MPEG-4 Visual", 0x21: "H.264", 0x23: "H.265", 0x40: "AAC", 0x60: "MPEG-2 video", 0x61: "MPEG-2 video",
    0x62: "MPEG-2 video", 0x63: "MPEG-2 video", 0x64: "MPEG-2 video", 0x65: "MPEG-2 video", 0x66: "AAC", 0x67: "AAC",
    0x68: "AAC", 0x69: "MP3", 0x6A: "MPEG-1 video", 0x6B: "MP3", 0x6C: "JPEG", 0x6D: "PNG", 0xA5: "AC-3",
    0xA6: "E-AC-3", 0xA9: "DTS", 0xAD: "Opus", 0xDD: "Vorbis",
}  # fmt: skip
"""Names by object type indication. MP4 registration authority."""

_AVC_PROFILES = {
    44: "CAVLC 4:4:4", 66: "Baseline", 77: "Main", 83: "Scalable Baseline", 86: "Scalable High", 88: "Extended",
    100: "High", 110: "High 10", 118: "Multiview High", 122: "High 4:2:2", 128: "Stereo High",
    244: "High 4:4:4 Predictive",
}  # fmt: skip
"""H.264, A.2, G.10.1 and H.10.1."""
_AVC_INTRA = {110: "High 10 Intra", 122: "High 4:2:2 Intra", 244: "High 4:4:4 Intra"}
_HEVC_PROFILES = {
    1: "Main", 2: "Main 10", 3: "Main Still Picture", 4: "Range Extensions", 5: "High Throughput",
    6: "Multiview Main", 7: "Scalable Main", 8: "3D Main", 9: "Screen Content", 10: "Scalable Range Extensions",
    11: "High Throughput Screen Content",
}  # fmt: skip
"""H.265, A.3, F.11, G.11, H.11 and I.11."""
_AAC_PROFILES = {
    1: "Main", 2: "LC", 3: "SSR", 4: "LTP", 5: "HE-AAC", 17: "ER LC", 23: "LD", 29: "HE-AACv2", 39: "ELD",
    42: "xHE-AAC",
}  # fmt: skip
"""ISO/IEC 14496-3, table 1.17; names of HE-AAC as usual."""
_AV1_PROFILES = {0: "Main", 1: "High", 2: "Professional"}
_CHROMA = ("4:0:0", "4:2:0", "4:2:2", "4:4:4")


def codec_info(track: MovieTrack, description: int) -> CodecInfo:
    """Return the facts on sample entry ``description`` (from 1) of a track.

    Raises:
        MediaError: there is no such entry, or it does not say what it was before its protection.
        BoxError: it cannot be read.
    """
    entry = track.clear_entry(description)
    family = nal_family_of(entry)
    found: CodecInfo = {"name": family.name if family is not None else _NAMES.get(entry.type, entry.type)}
    found["sample_entry"] = entry.type
    codec: Codec | None = None
    with suppress(BoxError, MediaError):  # of a kind that is not recorded, or damaged: the rest may be readable
        codec = track.codec(description)
        found["codecs"] = codec.codecs_parameter()
    if isinstance(entry, VisualSampleEntry):
        found.update(_picture(entry))
    elif isinstance(entry, AudioSampleEntry):
        rate, channels = sound_of(codec) if codec is not None else (0, 0)
        rate, channels = (rate, channels) if rate else sound_format(entry)
        # 0 where only the stream says it, as in IAMF
        found.update({name: value for name, value in (("sample_rate", rate), ("channels", channels)) if value})
    elif isinstance(entry, XmlMetaDataSampleEntry):
        found["namespace"] = entry.namespace
        found["content_encoding"] = entry.content_encoding or "xml"
    for child in entry.children_of() if isinstance(entry, ContainerBox) else ():
        found.update(_of_configuration(child, entry, codec))
    return found


def _picture(entry: VisualSampleEntry) -> Iterator[tuple[str, Any]]:
    yield "width", entry.width
    yield "height", entry.height
    shape = entry.find(PixelAspectRatioBox)
    if shape is not None and shape.h_spacing and shape.v_spacing:
        divisor = gcd(shape.h_spacing, shape.v_spacing)
        yield "pixel_aspect_ratio", f"{shape.h_spacing // divisor}:{shape.v_spacing // divisor}"
    shown = presentation_size(entry)
    if shown != (entry.width, entry.height):
        yield "presentation_width", shown[0]
        yield "presentation_height", shown[1]


def _of_configuration(child: Box, entry: Box, codec: Codec | None) -> CodecInfo:
    """Return what one box in a sample entry says."""
    if isinstance(child, AvcConfigurationBox):
        return _avc(child)
    if isinstance(child, HevcConfigurationBox):
        return _hevc(child)
    if isinstance(child, Av1ConfigurationBox):
        return _av1(child)
    if isinstance(child, VpCodecConfigurationBox):
        level = {"level": f"{child.level // 10}.{child.level % 10}"} if child.level else {}
        return {"profile": f"Profile {child.profile}", **level, "bit_depth": child.bit_depth}
    if isinstance(child, BitRateBox):
        rates = {"declared_bit_rate": child.avg_bitrate, "declared_peak_bit_rate": child.max_bitrate}
        return {name: rate for name, rate in rates.items() if rate}
    boxes = boxes_within(child) if isinstance(child, UnknownBox) and child.type == "wave" else (child,)
    esds = next((box for box in boxes if isinstance(box, EsdBox)), None)
    return _mpeg4(esds, entry, codec) if esds is not None else {}


def _avc(config: AvcConfigurationBox) -> CodecInfo:
    profile, constraints, level = config.profile_indication, config.profile_compatibility, config.level_indication
    found: CodecInfo = {}
    try:
        sps = parse_avc_sps(config.sequence_parameter_sets[0])
    except (IndexError, MediaError):
        pass  # the sets come in band, or are damaged: the configuration repeats what matters
    else:
        profile, constraints, level = sps.profile_idc, sps.constraint_flags, sps.level_idc
        found = {"bit_depth": sps.bit_depth_luma, "chroma": _CHROMA[sps.chroma_format_idc]}
        if not sps.frame_mbs_only:
            found["interlaced"] = True
    name = _AVC_PROFILES.get(profile, f"profile {profile}")
    if profile == 66 and constraints & 0x40:
        name = "Constrained Baseline"
    elif constraints & 0x10:
        name = _AVC_INTRA.get(profile, name)
    level_1b = level == 9 or (level == 11 and constraints & 0x10 and profile in (66, 77, 88))
    return {"profile": name, "level": "1b" if level_1b else f"{level // 10}.{level % 10}", **found}


def _hevc(config: HevcConfigurationBox) -> CodecInfo:
    profile = config.general_profile_idc
    return {
        "profile": _HEVC_PROFILES.get(profile, f"profile {profile}"),
        "level": f"{config.general_level_idc // 30}.{config.general_level_idc % 30 // 3}",
        "tier": "High" if config.general_tier_flag else "Main",
        "bit_depth": 8 + config.bit_depth_luma_minus8,
        "chroma": _CHROMA[config.chroma_format_idc],
    }


def _av1(config: Av1ConfigurationBox) -> CodecInfo:
    level, depth = config.seq_level_idx_0, (12 if config.twelve_bit else 10) if config.high_bitdepth else 8
    subsampling = config.chroma_subsampling_x, config.chroma_subsampling_y
    chroma = {(1, 1): "4:2:0", (1, 0): "4:2:2", (0, 0): "4:4:4"}.get(subsampling)
    return {
        "profile": _AV1_PROFILES.get(config.seq_profile, f"profile {config.seq_profile}"),
        "level": f"{2 + (level >> 2)}.{level & 3}" if level < 24 else f"index {level}",
        "tier": "High" if config.seq_tier_0 else "Main",
        "bit_depth": depth,
        **({"chroma": "4:0:0"} if config.monochrome else {"chroma": chroma} if chroma else {}),
    }


def _mpeg4(esds: EsdBox, entry: Box, codec: Codec | None) -> CodecInfo:
    try:
        decoder: DecoderConfig = read_esds(esds)
    except BoxError:
        return {}
    name = _OBJECT_TYPES.get(decoder.object_type, f"{entry.type}, object type {decoder.object_type:#x}")
    found: CodecInfo = {"name": name}
    if isinstance(codec, AacCodec):
        found["profile"] = _AAC_PROFILES.get(codec.object_type, f"object type {codec.object_type}")
    elif name == "AAC":
        found["name"] = "MPEG-4 audio"  # of an object type that is none of AAC's
    rates = {"declared_bit_rate": decoder.avg_bitrate, "declared_peak_bit_rate": decoder.max_bitrate}
    return found | {name: rate for name, rate in rates.items() if rate}
