"""What H.264 and H.265 have in common in an ISO file: the sample entry, the way through a sample, the reach of headers.

``protected_ranges`` and ``payload_offset`` are written as functions and stand in the classes of both codecs as methods:
they run for each sample and each slice, where one call more costs as much as the rest.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from struct import Struct
from typing import ClassVar, Protocol, TypeVar

from onvif_bmff.bmff import AvcConfigurationBox, Box, HevcConfigurationBox, VisualSampleEntry, parse_boxes
from onvif_bmff.errors import BitstreamError, BoxError, MediaError
from onvif_bmff.media.codec import Ranges
from onvif_bmff.media.nal import Buffer, emulated_length, iter_nal_units
from onvif_bmff.media.nal_family import NalFamily
from onvif_bmff.media.sample_entries import entry_bytes, make_visual_entry, read_sample_entry
from onvif_bmff.media.vui import ColourInfo

__all__ = [
    "UnitKinds",
    "configuration_record",
    "is_random_access",
    "make_configured_entry",
    "read_configuration",
    "read_configured_entry",
    "readable_units",
    "roll_distance",
]

_length = Struct(">I").unpack_from

Configuration = TypeVar("Configuration", AvcConfigurationBox, HevcConfigurationBox)


# ---- sample entries --------------------------------------------------------------------------------------


class Picture(Protocol):
    """What a sample entry has from a sequence parameter set."""

    @property
    def width(self) -> int:
        """Width of the cropped picture in pixels."""
        ...

    @property
    def height(self) -> int:
        """Height of the cropped picture in pixels."""
        ...

    sample_aspect_ratio: tuple[int, int]
    colour: ColourInfo | None


def read_configured_entry(
    data: bytes, kind: type[Configuration], family: NalFamily
) -> tuple[VisualSampleEntry, Configuration]:
    """Return the clear sample entry in ``data``, and its codec configuration of the given kind.

    Raises ``MediaError`` where there is none, or where NAL lengths have not 4 bytes.
    """
    entry = read_sample_entry(data)
    config = entry.find(kind) if isinstance(entry, VisualSampleEntry) else None
    if config is None or not isinstance(entry, VisualSampleEntry):
        raise MediaError(f"the sample entry {entry.type!r} has no {family.name} configuration ({kind.fourcc})")
    if config.length_size_minus_one != 3:
        raise MediaError(f"samples have 4-byte NAL lengths, but the {family.name} configuration says otherwise")
    return entry, config


def read_configuration(record: Buffer, kind: type[Configuration]) -> Configuration:
    """Return a decoder configuration record as the box that it lies in. ISO/IEC 14496-15, 5.3.3.1 and 8.3.3.1.

    Raises ``MediaError`` for bytes that are none, or of a version other than 1, and for NAL lengths of 3 bytes.
    """
    data = bytes(record)
    try:
        (found,) = parse_boxes((len(data) + 8).to_bytes(4, "big") + kind.fourcc.encode() + data)
    except BoxError as error:
        raise MediaError(f"the {len(data)} bytes are no decoder configuration record: {error}") from None
    if not isinstance(found, kind) or found.configuration_version != 1 or found.length_size_minus_one == 2:
        raise MediaError(f"the {len(data)} bytes are no decoder configuration record ({kind.fourcc})")
    return found


def configuration_record(entry: Box, kind: type[Configuration]) -> bytes:
    """Return the decoder configuration record in a sample entry, as demuxers hand it on ("extradata")."""
    config = entry.find(kind) if isinstance(entry, VisualSampleEntry) else None
    if config is None:
        raise MediaError(f"the sample entry {entry.type!r} has no configuration ({kind.fourcc})")
    return config.build()[8:]


def make_configured_entry(sample_entry_type: str, picture: Picture, config: Box) -> bytes:
    """Return the bytes of a sample entry with the given configuration, for pictures of the given shape."""
    made = make_visual_entry(
        sample_entry_type,
        (picture.width, picture.height),
        config,
        sample_aspect_ratio=picture.sample_aspect_ratio,
        colour=picture.colour,
    )
    return entry_bytes(made)


# ---- slice headers ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class UnitKinds:
    """What tells the NAL units of a sample that are protected, or that slice headers depend on."""

    types: tuple[int, ...]
    """NAL types by the first byte of a unit."""
    header_size: int
    """Bytes of a NAL header; shorter units are none."""
    slices: frozenset[int]
    """Types of slices whose data are protected."""
    sets: frozenset[int]
    """Types of the parameter sets that slice headers depend on."""
    layer_of: Callable[[Buffer], int] | None = None
    """Returns the layer of a slice, 0 for the base layer; None where all of ``slices`` are of that."""


class SliceHeaders(Protocol):
    """The slice headers of one stream, in decoding order."""

    reach: int
    """Bytes that are looked at first; nearly every slice header is shorter."""
    max_reach: ClassVar[int]
    """No slice header is longer, in bytes."""
    units: UnitKinds
    """The NAL units that matter in its samples."""

    def header_length(self, data: bytes) -> int:
        """Return the bytes of NAL header and slice header in the first bytes of a unit, without emulation prevention.

        Raises ``BitstreamError`` for a wrong header, and another ``ValueError`` where ``data`` is too short for it.
        """
        ...

    def payload_offset(self, nal: Buffer) -> int:
        """Return the number of bytes before a slice's data, as the function of that name."""
        ...

    def update(self, nal: Buffer) -> bool:
        """Take a parameter set that came in band, and return whether it changed anything."""
        ...


def payload_offset(self: SliceHeaders, nal: Buffer) -> int:
    """Return the number of bytes from the start of a slice's NAL unit to the first byte after its slice header.

    The NAL header, emulation prevention bytes inside the header and what fills its last byte count; an emulation
    prevention byte right behind the header does not. Raises ``BitstreamError`` for units without a slice header that
    can be measured, for references to unknown parameter sets and for headers that cannot be. ISO/IEC 23001-7, 9.5.
    """
    reach = self.reach
    while True:
        head = bytes(nal[:reach])
        plain = head.replace(b"\0\0\3", b"\0\0") if b"\0\0\3" in head else head
        try:
            length = self.header_length(plain)
        except BitstreamError:
            raise
        except ValueError:  # a negative shift: the header goes on behind these bytes
            if len(nal) <= reach or reach >= self.max_reach:
                raise BitstreamError("the slice header does not end") from None
            reach *= 8
            continue
        return length if plain is head else emulated_length(head, length)


# ---- samples ---------------------------------------------------------------------------------------------


class SliceCodec(Protocol):
    """A codec that knows the slice headers of its stream."""

    @property
    def slice_headers(self) -> SliceHeaders | None:
        """The slice headers of its stream; None before the first sample."""
        ...

    def start_slice_headers(self) -> SliceHeaders:
        """Make ``slice_headers`` of the parameter sets in the sample entry, and return them."""
        ...


def protected_ranges(self: SliceCodec, data: bytes | memoryview) -> Ranges:
    """Return the slice data of the slices in a sample. ISO/IEC 23001-7, 9.5.

    Units of enhancement layers stay clear. Raises ``BitstreamError`` for slice headers that cannot be read and lengths
    that do not fit the sample.
    """
    headers = self.slice_headers or self.start_slice_headers()
    units, measure = headers.units, headers.payload_offset
    types, slices, header_size, layer_of = units.types, units.slices, units.header_size, units.layer_of
    view = memoryview(data)
    ranges: list[tuple[int, int]] = []
    position, size = 0, len(view)
    while position + 4 < size:
        start = position + 4
        length = _length(view, position)[0]
        position = start + length
        if position > size:
            break
        if length < header_size:
            continue
        nal_type = types[view[start]]
        if nal_type in slices:
            unit = view[start:position]
            if layer_of is not None and layer_of(unit):
                continue
            begin = start + measure(unit)
            ranges.append((begin if begin < position else position, position))
        elif nal_type in units.sets:
            headers.update(view[start:position])
    if position != size and not (position + 4 == size and not any(view[position:])):
        raise BitstreamError(f"NAL units do not fill the sample of {size} bytes")
    return ranges


# ---- random access ---------------------------------------------------------------------------------------


def is_random_access(sample: Buffer, family: NalFamily) -> bool:
    """Return whether the first unit of coded picture data in a sample is of a random access picture."""
    types, position, last = family.types, 0, len(sample) - 5
    while position <= last:
        kind = types[sample[position + 4]]
        if kind in family.vcl:
            return kind in family.random_access
        position += 4 + _length(sample, position)[0]
    return False


def roll_distance(count: int, passed: Iterable[bool]) -> int:
    """Return how many samples come before ``count`` of them that are ``passed``; as if all were, behind the last."""
    number = 0
    for number, one in enumerate(passed, 1):
        if count <= 0:
            return number - 1
        count -= one
    return number + count


def readable_units(sample: Buffer) -> list[memoryview]:
    """Return the NAL units of a sample; none where lengths do not fit it."""
    try:
        return [unit for unit in iter_nal_units(sample) if len(unit)]
    except BitstreamError:
        return []
