"""H.264 in an ISO file: ISO/IEC 14496-15, 5; codecs string by RFC 6381, 3.3."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from onvif_bmff.bmff import AvcConfigurationBox, Box, ContainerBox
from onvif_bmff.codecs.avc.picture import AvcPictureHeaders, avc_roll_distance
from onvif_bmff.codecs.avc.slice import AvcSliceHeaders
from onvif_bmff.codecs.avc.syntax import PROFILES_WITH_CHROMA, parse_avc_pps, parse_avc_sps
from onvif_bmff.codecs.nal_video import (
    configuration_record,
    make_configured_entry,
    protected_ranges,
    read_configured_entry,
)
from onvif_bmff.codecs.registry import register
from onvif_bmff.errors import BitstreamError, MediaError
from onvif_bmff.media.nal import Buffer
from onvif_bmff.media.nal_family import AVC, NalFamily
from onvif_bmff.media.sample_entries import (
    completed_entry,
    entry_bytes,
    presentation_size,
    read_sample_entry,
    with_long_nal_lengths,
)
from onvif_bmff.media.vui import ColourInfo
from onvif_bmff.media_kind import MediaKind

__all__ = ["AvcCodec"]


@dataclass(frozen=True, slots=True)
class AvcCodec:
    """H.264 with its parameter sets: 'avc1' (all sets in the entry) or 'avc3' (sets may come in band).

    ``entry`` is the sample entry's bytes and alone decides equality; the rest is read from it: ``sps`` and
    ``pps`` as NAL units, ``width`` and ``height`` of the cropped picture in pixels, ``frame_rate`` in frames a
    second (None where the SPS does not give it).

    One instance serves one stream in decoding order: parameter sets that come in band hold for the samples after
    them, as in a decoder.
    """

    entry: bytes = field(repr=False)
    sample_entry_type: str = field(init=False, compare=False)
    width: int = field(init=False, compare=False)
    height: int = field(init=False, compare=False)
    frame_rate: Fraction | None = field(init=False, compare=False)
    sps: tuple[bytes, ...] = field(init=False, compare=False, repr=False)
    pps: tuple[bytes, ...] = field(init=False, compare=False, repr=False)
    profile: tuple[int, int, int] = field(init=False, compare=False)
    """profile_idc, constraint flags and level_idc as in the avcC."""
    slice_headers: AvcSliceHeaders | None = field(init=False, compare=False, repr=False, default=None)

    def __post_init__(self) -> None:
        entry, config = read_configured_entry(self.entry, AvcConfigurationBox, AVC)
        put = object.__setattr__
        put(self, "sample_entry_type", entry.type)
        put(self, "width", entry.width)
        put(self, "height", entry.height)
        put(self, "sps", config.sequence_parameter_sets)
        put(self, "pps", config.picture_parameter_sets)
        put(self, "frame_rate", _frame_rate(config.sequence_parameter_sets))
        put(
            self,
            "profile",
            (config.profile_indication, config.profile_compatibility, config.level_indication),
        )

    @classmethod
    def from_parameter_sets(
        cls, sps: Sequence[Buffer], pps: Sequence[Buffer], *, sample_entry_type: str = AVC.with_sets
    ) -> "AvcCodec":
        """Make the codec from parameter sets: NAL units with their header, without start codes.

        The first SPS gives profile, size, shape of the pixels and colours. Raises ``BitstreamError`` for sets
        that cannot be read, ``MediaError`` where one kind is missing or the type is neither avc1 nor avc3.
        """
        if sample_entry_type not in AVC.own:
            raise MediaError(f"{sample_entry_type!r} is no sample entry for H.264")
        if not 0 < len(sps) < 32 or not 0 < len(pps) < 256:
            raise MediaError(f"{len(sps)} sequence and {len(pps)} picture parameter sets: 1 to 31 and 1 to 255 needed")
        first = parse_avc_sps(sps[0])
        for other in sps[1:]:
            parse_avc_sps(other)
        for one in pps:
            parse_avc_pps(one, first.chroma_format_idc)
        extension = b""
        if first.profile_idc in PROFILES_WITH_CHROMA:
            depths = (first.bit_depth_luma - 8, first.bit_depth_chroma - 8)
            extension = bytes((0xFC | first.chroma_format_idc, 0xF8 | depths[0], 0xF8 | depths[1], 0))
        config = AvcConfigurationBox(
            profile_indication=first.profile_idc,
            profile_compatibility=first.constraint_flags,
            level_indication=first.level_idc,
            sps_count=len(sps),
            sequence_parameter_sets=tuple([bytes(one) for one in sps]),
            picture_parameter_sets=tuple([bytes(one) for one in pps]),
            extension=extension,
        )
        return cls(make_configured_entry(sample_entry_type, first, config))

    @classmethod
    def from_sample_entry(cls, entry: ContainerBox) -> "AvcCodec":
        """Make the codec from a file's clear entry, which is kept as it is, save for NAL lengths of 4 bytes.

        An 'avc3' without colr or pasp gets them, as CMAF wants it.
        """
        if entry.type == AVC.in_band:
            entry = completed_entry(entry, *_picture_hints(entry))
        return cls(entry_bytes(with_long_nal_lengths(entry)))

    @property
    def avcc(self) -> bytes:
        """The AVCDecoderConfigurationRecord, the payload of 'avcC': FFmpeg's extradata. ISO/IEC 14496-15, 5.3.3.1."""
        return configuration_record(self.sample_entry(), AvcConfigurationBox)

    @property
    def media_type(self) -> MediaKind:
        """``MediaKind.VIDEO``."""
        return MediaKind.VIDEO

    @property
    def nal_family(self) -> NalFamily:
        """``AVC``."""
        return AVC

    @property
    def presentation_size(self) -> tuple[int, int]:
        """Width and height in square pixels, for the track header."""
        return presentation_size(self.sample_entry())

    def sample_entry(self) -> Box:
        """Return the clear sample entry."""
        return read_sample_entry(self.entry)

    def codecs_parameter(self) -> str:
        """Return for example "avc1.64001F". RFC 6381, 3.3."""
        return self.sample_entry_type + ".{:02X}{:02X}{:02X}".format(*self.profile)

    def start_slice_headers(self) -> AvcSliceHeaders:
        """Make ``slice_headers`` of the parameter sets in the sample entry, and return them."""
        headers = AvcSliceHeaders(self.sps, self.pps)
        object.__setattr__(self, "slice_headers", headers)
        return headers

    def picture_headers(self) -> AvcPictureHeaders:
        """Return what reads the picture headers of a stream from its beginning on."""
        return AvcPictureHeaders((*self.sps, *self.pps))

    def roll_distance(self, samples: Iterable[Buffer]) -> int | None:
        """Return what decoding can do from the first of some samples on, by its picture and recovery point.

        0: it is a sync sample; None: it is no start. Else a gradual refresh ends that many samples behind it.
        """
        return avc_roll_distance(samples)

    protected_ranges = protected_ranges


def _picture_hints(entry: ContainerBox) -> tuple[tuple[int, int], ColourInfo | None]:
    """Shape of the pixels and colours by the first SPS of an entry; what is usual where it cannot be read."""
    config = entry.find(AvcConfigurationBox)
    sets = config.sequence_parameter_sets if config is not None else ()
    try:
        sps = parse_avc_sps(sets[0]) if sets else None
    except BitstreamError:
        sps = None
    return ((1, 1), None) if sps is None else (sps.sample_aspect_ratio, sps.colour)


def _frame_rate(sets: tuple[bytes, ...]) -> Fraction | None:
    """The frame rate by the first SPS; None if it gives none, or cannot be read (the file may play all the same)."""
    try:
        return parse_avc_sps(sets[0]).frame_rate if sets else None
    except BitstreamError:
        return None


register(*AVC.own)(AvcCodec.from_sample_entry)
