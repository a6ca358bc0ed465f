"""Samples that are not as their sample entry says: byte streams, lengths of other sizes, sync samples that none names.

ISO/IEC 14496-15, 5.3, 8.3; ITU-T H.264 and H.265, Annex B.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from onvif_bmff.bmff import AvcConfigurationBox, Box, HevcConfigurationBox, VisualSampleEntry, parse_boxes
from onvif_bmff.codecs.access_units import AvcAccessUnits, HevcAccessUnits
from onvif_bmff.codecs.av1.syntax import find_av1_sequence_header
from onvif_bmff.errors import BitstreamError, BoxError, MediaError
from onvif_bmff.media.nal import Buffer, annex_b_to_length_prefixed, iter_nal_ranges, iter_nal_units
from onvif_bmff.media.nal_family import AVC, HEVC, NalFamily, nal_family_of

__all__ = ["NalForm", "form_of", "is_sync_picture", "mended_entry"]

_BYTE_STREAM: Final = 0
_LENGTHS: Final = (4, 2, 1, 3)
_AVC_SPS, _AVC_PPS = 7, 8


def form_of(samples: Iterable[Buffer], claimed: int) -> int | None:
    """Return the bytes of the NAL lengths in samples, 0 for a byte stream; None where nothing fits all of them.

    ``claimed`` is what the sample entry says; it stands if it fits.
    """
    found = [bytes(sample) for sample in samples if len(sample)]
    if not found:
        return claimed
    sizes = (claimed, *_LENGTHS) if claimed != 3 else _LENGTHS
    for least in (1, 0):  # a length of 4 bytes also reads as one of 2 bytes for a unit without any, and the true one
        fitting = next((size for size in sizes if all(_fits(sample, size, least) for sample in found)), None)
        if fitting is not None:
            return fitting
        if all(sample.startswith((b"\0\0\1", b"\0\0\0\1")) for sample in found):
            return _BYTE_STREAM
    return None


def _fits(sample: bytes, size: int, least: int) -> bool:
    """Whether units of ``least`` bytes or more, behind lengths of ``size`` bytes, fill a sample."""
    position, end = 0, len(sample)
    while position + size <= end:
        length = int.from_bytes(sample[position : position + size], "big")
        position += size + length
        if length < least:
            return False
    return position == end


@dataclass(frozen=True, slots=True)
class NalForm:
    """The form of a track's samples: NAL lengths of ``length_size`` bytes; 0 for a byte stream."""

    length_size: int

    def convert(self, data: Buffer) -> bytes:
        """Return a sample with NAL lengths of 4 bytes; ``BitstreamError`` where it is not of this form."""
        if self.length_size == _BYTE_STREAM:
            return annex_b_to_length_prefixed(data)
        view, made, position = memoryview(data), bytearray(), 0
        while position < len(view):
            start = position + self.length_size
            length = int.from_bytes(view[position:start], "big")
            position = start + length
            if position > len(view):
                raise BitstreamError("NAL units do not fill the sample")
            made += length.to_bytes(4, "big")
            made += view[start:position]
        return bytes(made)


def mended_entry(entry: VisualSampleEntry, samples: Iterable[Buffer], form: NalForm) -> Box:
    """Return a sample entry for ``samples`` of ``form``; its configuration says that NAL lengths have 4 bytes.

    A configuration without parameter sets gets those that lie uncounted in it. Where there are none, sets in the
    samples make it: the entry becomes 'avc3' or 'hev1'. ``MediaError`` where it has no configuration, and none can be
    made.
    """
    family = nal_family_of(entry)
    config = entry.find(family.config) if family is not None and family.config is not None else None
    if isinstance(config, AvcConfigurationBox | HevcConfigurationBox):
        made = replace(_counted(config), length_size_minus_one=3)
        if family is not None and (_has_sets(made) or entry.type == family.in_band):
            return replace(entry, children=tuple([made if child is config else child for child in entry.children]))
    found = _codec_of_stream(family, samples, form) if family is not None else None
    if found is not None:
        return found
    if config is None:
        raise MediaError(f"the sample entry {entry.type!r} has no decoder configuration, nor have the samples")
    return entry


def _has_sets(config: AvcConfigurationBox | HevcConfigurationBox) -> bool:
    return bool(config.sequence_parameter_sets if isinstance(config, AvcConfigurationBox) else config.arrays)


def _counted(config: AvcConfigurationBox | HevcConfigurationBox) -> AvcConfigurationBox | HevcConfigurationBox:
    """The configuration with the parameter sets that lie in it but are not counted, if there are any."""
    if not isinstance(config, AvcConfigurationBox) or config.sequence_parameter_sets:
        return config
    data = bytearray(config.build())
    data[13] = 0xE1  # one sequence parameter set
    try:
        (found,) = parse_boxes(bytes(data))
    except BoxError:
        return config
    if not isinstance(found, AvcConfigurationBox):
        return config
    kinds = [AVC.types[one[0]] for one in (*found.sequence_parameter_sets, *found.picture_parameter_sets) if one]
    return found if kinds == [_AVC_SPS, _AVC_PPS] else config


def _codec_of_stream(family: NalFamily, samples: Iterable[Buffer], form: NalForm) -> Box | None:
    """The sample entry of the codec whose parameter sets are in the samples; None where they are not."""
    if family not in (AVC, HEVC):
        return None
    stream = AvcAccessUnits(in_band=True) if family == AVC else HevcAccessUnits(in_band=True)
    for sample in samples:
        try:
            stream.convert(iter_nal_units(form.convert(sample)))
        except MediaError:
            continue
        if stream.codec is not None:
            return stream.codec.sample_entry()
    return None


def is_sync_picture(entry: Box, data: Buffer) -> bool:
    """Return whether the picture in a sample (with NAL lengths of 4 bytes) can be decoded without any other.

    By its NAL units or its first bytes; pictures of codecs that are not known here all can.
    """
    family = nal_family_of(entry)
    try:
        if family is not None:
            kinds = (family.unit_type(data, start) for start, _ in iter_nal_ranges(data))
            return next((kind in family.random_access for kind in kinds if kind in family.vcl), False)
        test = _FIRST_BYTES.get(entry.type)
        return test is None or test(memoryview(data))
    except MediaError:
        return False


def _is_key_of_av1(data: memoryview) -> bool:
    return find_av1_sequence_header(data) is not None


def _is_key_of_vp8(data: memoryview) -> bool:
    return len(data) > 0 and not data[0] & 1


def _is_key_of_vp9(data: memoryview) -> bool:
    profile_3 = len(data) > 0 and data[0] & 0x30 == 0x30
    return len(data) > 0 and not data[0] & (0x06 if profile_3 else 0x0C)


def _is_key_of_mpeg4(data: memoryview) -> bool:
    head = bytes(data[:256])
    start = head.find(b"\0\0\1\xb6")
    return 0 <= start < len(head) - 4 and not head[start + 4] & 0xC0


_FIRST_BYTES: Final[Mapping[str, Callable[[memoryview], bool]]] = {
    "av01": _is_key_of_av1,
    "vp08": _is_key_of_vp8,
    "vp09": _is_key_of_vp9,
    "mp4v": _is_key_of_mpeg4,
}
"""How a picture shows that it can be decoded by itself: AV1, 7.5; RFC 6386, 9.1; VP9, 6.2; ISO/IEC 14496-2, 6.2.5."""
