"""Codecs that this library has no class for: their sample entry goes from file to file unchanged.

What it still does is name them as RFC 6381 and the codecs' own bindings ask: AV1, VP8 and VP9, MPEG-4 audio and
video by object type; everything else by its bare four-character code, percent-encoded where that is no plain text.
"""

from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING
from urllib.parse import quote

from onvif_bmff.bmff import (
    AudioSampleEntry,
    Av1ConfigurationBox,
    Box,
    ColourInformationBox,
    ContainerBox,
    EsdBox,
    VisualSampleEntry,
    VpCodecConfigurationBox,
    XmlSubtitleSampleEntry,
)
from onvif_bmff.bmff.descriptors import read_esds
from onvif_bmff.errors import BitstreamError, BoxError, MediaError
from onvif_bmff.media.nal_family import NAL_FAMILIES, NalFamily
from onvif_bmff.media.sample_entries import entry_bytes, presentation_size, read_sample_entry, sound_format
from onvif_bmff.media_kind import KIND_OF_HANDLER, MediaKind

if TYPE_CHECKING:
    from onvif_bmff.codecs.av1.syntax import Av1SequenceHeader

__all__ = ["PassThroughCodec"]

_PLAIN = "".join(map(chr, {*range(0x20, 0x7F)} - {*b'"%,\\'}))
_WITH_OTHERS = frozenset(("ac-4", "mlpa", "mha1", "mha2", "mhm1", "mhm2"))
"""Sound with frames that need others: AC-4, TrueHD (MLP) and MPEG-H."""
_UNSPECIFIED = (2, 2, 2, 0)
_DEFAULT = (1, 1, 1, 0)


@dataclass(frozen=True, slots=True, init=False)
class PassThroughCodec:
    """Any sample entry, kept as it is. ``PassThroughCodec(entry, handler)``; handler "vide", "soun" or "meta".

    Its samples are passed on unchanged, and protected as a whole. Video in NAL units cannot be: without a codec of
    its own it is unknown where slice data begin, so that it is recorded in the clear only. ``width`` and ``height``
    (pixels) are 0 in audio and metadata, ``sample_rate`` (hertz) and ``channels`` are 0 in the others.
    """

    entry: bytes = field(repr=False)
    handler: str
    sample_entry_type: str = field(compare=False)
    width: int = field(compare=False)
    height: int = field(compare=False)
    sample_rate: int = field(compare=False)
    channels: int = field(compare=False)
    _codecs: str = field(compare=False, repr=False)

    def __init__(self, entry: Box, handler: str) -> None:
        if handler not in KIND_OF_HANDLER:
            raise MediaError(f"a track with handler {handler!r} is neither video nor audio nor metadata")
        put = object.__setattr__
        put(self, "entry", entry_bytes(entry))
        put(self, "handler", handler)
        put(self, "sample_entry_type", entry.type)
        put(self, "width", entry.width if isinstance(entry, VisualSampleEntry) else 0)
        put(self, "height", entry.height if isinstance(entry, VisualSampleEntry) else 0)
        sample_rate, channels = sound_format(entry) if isinstance(entry, AudioSampleEntry) else (0, 0)
        put(self, "sample_rate", sample_rate)
        put(self, "channels", channels)
        try:
            put(self, "_codecs", _codecs_parameter(entry))
        except (BitstreamError, BoxError):
            put(self, "_codecs", _bare(entry.type))

    @property
    def media_type(self) -> MediaKind:
        """The kind of media of the handler."""
        return KIND_OF_HANDLER[self.handler]

    @property
    def nal_family(self) -> NalFamily | None:
        """The family of the sample entry; None for entries whose samples are not NAL units."""
        return NAL_FAMILIES.get(self.sample_entry_type)

    @property
    def all_sync(self) -> bool:
        """Whether each sample can be decoded without any other: sound of most codecs, and metadata."""
        return self.media_type is not MediaKind.VIDEO and self.sample_entry_type not in _WITH_OTHERS

    @property
    def frame_rate(self) -> Fraction | None:
        """None: not known."""
        return None

    @property
    def presentation_size(self) -> tuple[int, int]:
        """Width and height in square pixels, for the track header; (0, 0) if it is no video."""
        return presentation_size(self.sample_entry())

    def sample_entry(self) -> Box:
        """Return the clear sample entry."""
        return read_sample_entry(self.entry)

    def codecs_parameter(self) -> str:
        """Return for example "av01.0.04M.08", or the four-character code where no more is defined. RFC 6381."""
        return self._codecs

    def protected_ranges(self, data: bytes | memoryview) -> None:
        """Return None: samples are protected as a whole. ISO/IEC 23001-7, 9.5."""
        return


def _codecs_parameter(entry: Box) -> str:
    if isinstance(entry, ContainerBox):
        if entry.type == "av01" and (av1 := entry.find(Av1ConfigurationBox)) is not None:
            return _av1(entry, av1)
        if entry.type in ("vp08", "vp09") and (vp := entry.find(VpCodecConfigurationBox)) is not None:
            return _vp(entry.type, vp)
        if entry.type in ("mp4a", "mp4v") and (esds := entry.find(EsdBox)) is not None:
            return _mpeg4(entry.type, esds)
        if isinstance(entry, XmlSubtitleSampleEntry) and "ttml" in entry.namespace:
            return "stpp.ttml.im1t"
    return _bare(entry.type)


def _bare(fourcc: str) -> str:
    """A code that may be any four bytes, fit for a header line, a playlist and a list of codecs: RFC 6381, 3.2."""
    return quote(fourcc.encode("latin-1"), safe=_PLAIN)


def _av1(entry: ContainerBox, config: Av1ConfigurationBox) -> str:
    """AV1 in ISOBMFF, 5: profile, level and tier, bit depth; the rest only where it is not the usual."""
    from onvif_bmff.codecs.av1.syntax import find_av1_sequence_header  # every recorder imports this module, few see AV1

    depth = (12 if config.twelve_bit else 10) if config.high_bitdepth else 8
    tier = "H" if config.seq_tier_0 else "M"
    text = f"av01.{config.seq_profile}.{config.seq_level_idx_0:02}{tier}.{depth:02}"
    x, y = config.chroma_subsampling_x, config.chroma_subsampling_y
    chroma = f"{x}{y}{config.chroma_sample_position if x and y else 0}"
    colour = _av1_colour(entry, find_av1_sequence_header(config.config_obus))
    if not config.monochrome and chroma == "110" and colour in (_DEFAULT, _UNSPECIFIED):
        return text
    return f"{text}.{config.monochrome}.{chroma}." + "{:02}.{:02}.{:02}.{}".format(*colour)


def _av1_colour(entry: ContainerBox, header: "Av1SequenceHeader | None") -> tuple[int, int, int, int]:
    if header is not None:
        colour = header.colour
        return colour.primaries, colour.transfer, colour.matrix, int(colour.full_range)
    box = entry.find(ColourInformationBox)
    if box is not None and box.colour_type == "nclx" and len(box.data) >= 7:
        first, second, third = (int.from_bytes(box.data[at : at + 2], "big") for at in (0, 2, 4))
        return first, second, third, box.data[6] >> 7
    return _DEFAULT


def _vp(fourcc: str, config: VpCodecConfigurationBox) -> str:
    """VP Codec ISO Media File Format Binding, "Codecs Parameter String"."""
    text = f"{fourcc}.{config.profile:02}.{config.level:02}.{config.bit_depth:02}"
    colour = (
        config.colour_primaries,
        config.transfer_characteristics,
        config.matrix_coefficients,
        config.video_full_range,
    )
    if config.chroma_subsampling == 1 and colour in (_DEFAULT, _UNSPECIFIED):
        return text
    return f"{text}.{config.chroma_subsampling:02}." + ".".join(f"{code:02}" for code in colour)


def _mpeg4(fourcc: str, esds: EsdBox) -> str:
    """RFC 6381, 3.3: the object type, and for MPEG-4's own kinds the audio object type or the visual profile."""
    decoder = read_esds(esds)
    text = f"{fourcc}.{decoder.object_type:02X}"
    specific = decoder.specific_info
    if decoder.object_type == 0x40 and len(specific) >= 2:
        first = specific[0] >> 3
        return f"{text}.{32 + ((specific[0] & 7) << 3 | specific[1] >> 5) if first == 31 else first}"
    if decoder.object_type == 0x20 and specific[:4] == b"\0\0\1\xb0" and len(specific) > 4:
        return f"{text}.{specific[4]}"
    return text
