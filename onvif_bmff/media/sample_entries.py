"""Sample entries as bytes: how codecs keep them, take protection off them, and fill in what video entries share.

A codec that was read from a file keeps its entry byte for byte, so that recording it again loses nothing that the
file says (colours, pixel aspect ratio, bit rates, unknown boxes). Only what would be wrong in another file is
corrected: the data reference index becomes 1, the ES_ID 0.
"""

from dataclasses import replace
from struct import Struct

from onvif_bmff.bmff import (
    AudioSampleEntry,
    AvcConfigurationBox,
    Box,
    ColourInformationBox,
    ContainerBox,
    EsdBox,
    HevcConfigurationBox,
    OriginalFormatBox,
    PixelAspectRatioBox,
    ProtectionSchemeInfoBox,
    SampleDescriptionBox,
    SamplingRateBox,
    UnknownBox,
    VisualSampleEntry,
    parse_boxes,
)
from onvif_bmff.bmff.descriptors import without_es_id
from onvif_bmff.errors import BoxError, MediaError
from onvif_bmff.media.nal_family import nal_family_of
from onvif_bmff.media.vui import ColourInfo

__all__ = [
    "boxes_within",
    "clear_entry",
    "completed_entry",
    "entry_bytes",
    "is_protected",
    "make_visual_entry",
    "nal_length_size",
    "presentation_size",
    "protection_of",
    "read_sample_entry",
    "sound_format",
    "with_long_nal_lengths",
]

_PROTECTED = frozenset(("encv", "enca", "encm", "encu", "enct", "encs", "encf"))
_QUICKTIME_V2 = Struct(">4xdI20x")
_STSD = b"stsd\0\0\0\0\0\0\0\1"


def read_sample_entry(data: bytes) -> Box:
    """Return the sample entry whose bytes are ``data``; ``BoxError`` if they are not one. ISO/IEC 14496-12, 8.5.2."""
    (table,) = parse_boxes((len(data) + 16).to_bytes(4, "big") + _STSD + data)
    if not isinstance(table, SampleDescriptionBox) or len(table.children) != 1:
        raise MediaError("the bytes are not one sample entry")
    return table.children[0]


def entry_bytes(entry: Box) -> bytes:
    """Return the bytes of ``entry`` as it lies in a file of our own: with data reference index 1, and 0 as its ES_ID.

    ISO/IEC 14496-14, 3.1.2.
    """
    if isinstance(entry, ContainerBox):
        entry = _with_es_id_0(entry)
    built = entry.build()
    if len(built) < 16:
        raise MediaError(f"a sample entry {entry.type!r} of {len(built)} bytes is too short")
    return built[:14] + b"\0\1" + built[16:]


def _with_es_id_0(entry: ContainerBox) -> ContainerBox:
    found = entry.find(EsdBox)
    if found is None:
        return entry
    try:
        clean = without_es_id(found)
    except BoxError:
        return entry  # what cannot be read is kept
    return replace(entry, children=tuple(clean if one is found else one for one in entry.children))


def is_protected(entry: Box) -> bool:
    """Return whether ``entry`` is one of the protected forms ('encv', 'enca', …). ISO/IEC 14496-12, 8.12."""
    return entry.type in _PROTECTED


def protection_of(entry: Box) -> ProtectionSchemeInfoBox | None:
    """Return the first protection scheme information of ``entry``; None where it has none."""
    return entry.find(ProtectionSchemeInfoBox) if isinstance(entry, ContainerBox) else None


def clear_entry(entry: Box) -> Box:
    """Return the entry as it was before protection; ``entry`` itself if it is not protected.

    Raises ``MediaError`` where a protected entry does not say what it was. ISO/IEC 14496-12, 8.12.
    """
    if not is_protected(entry):
        return entry
    scheme = protection_of(entry)
    original = scheme.find(OriginalFormatBox) if scheme is not None else None
    if original is None or not isinstance(entry, ContainerBox):
        raise MediaError(f"the sample entry {entry.type!r} does not give its original format")
    kept = tuple([child for child in entry.children if not isinstance(child, ProtectionSchemeInfoBox)])
    built = replace(entry, children=kept).build()
    # The layout of metadata is known only now that its type is: read the bytes again under their own name.
    return read_sample_entry(built[:4] + original.data_format.encode("latin-1") + built[8:])


def nal_length_size(entry: Box) -> int | None:
    """Return the bytes of NAL length fields in samples of a (clear) entry of our codecs; None for other entries.

    Samples whose fields do not have 4 bytes must be converted before a codec made from the entry can use them. Those of
    other entries pass through as they are, whatever ``NalFamily.length_size`` says of them.
    """
    family = nal_family_of(entry)
    return family.length_size(entry) if family is not None and entry.type in family.own else None


def with_long_nal_lengths(entry: ContainerBox) -> ContainerBox:
    """Return ``entry`` as it reads when NAL lengths have 4 bytes, the only ones that samples have in here."""
    if nal_length_size(entry) in (None, 4):
        return entry
    children = tuple(
        replace(child, length_size_minus_one=3)
        if isinstance(child, AvcConfigurationBox | HevcConfigurationBox)
        else child
        for child in entry.children
    )
    return replace(entry, children=children)


def make_visual_entry(
    fourcc: str,
    size: tuple[int, int],
    config: Box,
    *,
    sample_aspect_ratio: tuple[int, int] = (1, 1),
    colour: ColourInfo | None = None,
) -> VisualSampleEntry:
    """Return a video sample entry with ``config``, colr and pasp, as CMAF wants it. ISO/IEC 23000-19, 9.2.

    ``size`` is width and height of the cropped picture. What is not known of the colours is written as
    "unspecified".
    """
    children = (config, _colour_box(colour), _shape_box(sample_aspect_ratio))
    return VisualSampleEntry(type=fourcc, width=size[0], height=size[1], children=children)


def completed_entry(
    entry: ContainerBox, sample_aspect_ratio: tuple[int, int] = (1, 1), colour: ColourInfo | None = None
) -> ContainerBox:
    """Return a file's entry with colr and pasp, those that it lacks made of what its parameter sets say.

    CMAF wants them where sets may come in band: in 'avc3' and 'hev1'. ISO/IEC 23000-19, 9.2.
    """
    missing: list[Box] = []
    if entry.find(ColourInformationBox) is None:
        missing.append(_colour_box(colour))
    if entry.find(PixelAspectRatioBox) is None:
        missing.append(_shape_box(sample_aspect_ratio))
    return replace(entry, children=(*entry.children, *missing)) if missing else entry


def _colour_box(colour: ColourInfo | None) -> ColourInformationBox:
    colour = colour or ColourInfo()
    codes = b"".join(code.to_bytes(2, "big") for code in (colour.primaries, colour.transfer, colour.matrix))
    return ColourInformationBox(colour_type="nclx", data=codes + bytes((0x80 if colour.full_range else 0,)))


def _shape_box(sample_aspect_ratio: tuple[int, int]) -> PixelAspectRatioBox:
    h_spacing, v_spacing = sample_aspect_ratio
    return PixelAspectRatioBox(h_spacing=h_spacing, v_spacing=v_spacing)


def presentation_size(entry: Box) -> tuple[int, int]:
    """Return width and height at which an entry's video is shown, in square pixels; (0, 0) if it is no video.

    The height stays, the width follows the shape of the pixels (pasp). ISO/IEC 14496-12, 12.1.4.
    """
    if not isinstance(entry, VisualSampleEntry):
        return 0, 0
    width, height = entry.width, entry.height
    shape = entry.find(PixelAspectRatioBox)
    if shape is not None and shape.h_spacing and shape.v_spacing:
        width = min((2 * width * shape.h_spacing + shape.v_spacing) // (2 * shape.v_spacing), 0xFFFF)
    return width, height


def sound_format(entry: AudioSampleEntry) -> tuple[int, int]:
    """Return the sampling rate in hertz (0 where it is not given) and the number of channels. ISO/IEC 14496-12, 12.2.3.

    In version 2 of QuickTime's entries both lie in what that version adds, the rate as a floating-point number.
    """
    own = entry.find(SamplingRateBox)
    if len(entry.quicktime) != _QUICKTIME_V2.size:
        return own.sampling_rate if own is not None else entry.sample_rate >> 16, entry.channel_count
    rate, channels = _QUICKTIME_V2.unpack(entry.quicktime)
    return int(rate) if 0 < rate < 1 << 32 else 0, channels


def boxes_within(found: UnknownBox) -> tuple[Box, ...]:
    """Return the boxes in a box that is not declared as a container, such as QuickTime's 'wave'; none without any."""
    try:
        return parse_boxes(bytes(found.data))
    except BoxError:
        return ()
