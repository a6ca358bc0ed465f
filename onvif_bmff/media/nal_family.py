"""Which video is made of NAL units, by its sample entry, and what each type of NAL unit is. ISO/IEC 14496-15.

The one home of these facts: codecs, encryption, the validator, exports and the engine all ask here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from onvif_bmff.bmff import AvcConfigurationBox, Box, ContainerBox, HevcConfigurationBox

__all__ = ["AVC", "HEVC", "NAL_FAMILIES", "VVC", "NalFamily", "nal_family_of"]


@dataclass(frozen=True, slots=True)
class NalFamily:
    """A standard whose video is made of NAL units.

    ``name`` is what people call it, ``encoding`` its name in tt:VideoEncoding ("" where it has none). ``with_sets``
    is the sample entry that has all parameter sets in itself, ``in_band`` the one whose samples may have them; a
    codec of this library handles these two, and gives them NAL lengths of 4 bytes. ``others`` are entries of the
    family that pass through as they are. ``config`` is the box with the codec's configuration.

    The type of a NAL unit is ``data[type_byte] >> type_shift & type_mask``; ``types`` has it by that byte, for loops
    in which a call of ``unit_type`` would cost too much. ``slices`` are the types that begin with
    a slice header of the base layer, ``vcl`` all that hold coded picture data (slices, partitions, layers, reserved
    ones), ``other`` all that by their definition hold none, such as parameter sets and SEI. A type in neither is
    not specified.
    """

    name: str
    encoding: str = ""
    with_sets: str = ""
    in_band: str = ""
    others: tuple[str, ...] = ()
    config: type[Box] | None = None
    header_size: int = 2
    type_byte: int = 0
    type_shift: int = 1
    type_mask: int = 63
    slices: frozenset[int] = field(default=frozenset(), repr=False)
    vcl: frozenset[int] = field(default=frozenset(), repr=False)
    other: frozenset[int] = field(default=frozenset(), repr=False)
    sets: frozenset[int] = field(default=frozenset(), repr=False)
    """Those of ``other`` that are parameter sets."""
    random_access: frozenset[int] = field(default=frozenset(), repr=False)
    """Those of ``vcl`` that are of pictures at which decoding can start, reserved ones included."""
    closed: frozenset[int] = field(default=frozenset(), repr=False)
    """Those of ``random_access`` before whose pictures, but for rare streams, none is shown that is decoded later."""
    delimiter: int = -1
    """The type of access unit delimiters; -1 where there are none."""
    types: tuple[int, ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "types", tuple([byte >> self.type_shift & self.type_mask for byte in range(256)]))

    @property
    def own(self) -> tuple[str, ...]:
        """The sample entries that a codec of this library handles."""
        return (self.with_sets, self.in_band) if self.with_sets else ()

    def unit_type(self, data: bytes | bytearray | memoryview, start: int) -> int:
        """Return the type of the NAL unit at ``start``; -1 where the data end within its header."""
        place = start + self.type_byte
        return self.types[data[place]] if place < len(data) else -1

    def may_lead(self, data: bytes | memoryview) -> bool:
        """Return whether pictures decoded after that in a sample may be shown before it (open GOP).

        The sample has NAL lengths of 4 bytes. They may where its picture is not of ``closed``.
        """
        position, end, header = 0, len(data), 4 + self.type_byte
        while position + header < end:
            kind = self.types[data[position + header]]
            if kind in self.vcl:
                return kind not in self.closed
            position += 4 + int.from_bytes(data[position : position + 4], "big")
        return False

    def length_size(self, entry: Box) -> int | None:
        """Return the bytes of the NAL length fields in samples of a (clear) entry; None where that is not known."""
        config = entry.find(self.config) if self.config is not None and isinstance(entry, ContainerBox) else None
        return (
            config.length_size_minus_one + 1 if isinstance(config, AvcConfigurationBox | HevcConfigurationBox) else None
        )


AVC = NalFamily(
    "H.264",
    encoding="H264",
    with_sets="avc1",
    in_band="avc3",
    others=(
        "avc2", "avc4", "avcp", "dva1", "dvav", "svc1", "svc2", "svcM", "mvc1", "mvc2", "mvc3", "mvc4",
        "mvd1", "mvd2", "mvd3", "mvd4", "a3d1", "a3d2", "a3d3", "a3d4",
    ),
    config=AvcConfigurationBox,
    header_size=1,
    type_shift=0,
    type_mask=31,
    slices=frozenset((1, 5)),
    vcl=frozenset((1, 2, 3, 4, 5, 19, 20, 21)),
    other=frozenset(range(6, 17)),
    sets=frozenset((7, 8, 13, 15, 16)),
    random_access=frozenset((5,)),
    closed=frozenset((5,)),
    delimiter=9,
)  # fmt: skip
"""H.264, 7.4.1, table 7-1."""

HEVC = NalFamily(
    "H.265",
    encoding="H265",
    with_sets="hvc1",
    in_band="hev1",
    others=(
        "hvc2", "hev2", "hvc3", "hev3", "dvh1", "dvhe", "lhv1", "lhe1", "lht1", "hvt1", "hvt2", "hvt3", "mhv1", "mhe1",
    ),
    config=HevcConfigurationBox,
    slices=frozenset(range(32)),
    vcl=frozenset(range(32)),
    other=frozenset(range(32, 48)),
    sets=frozenset((32, 33, 34)),
    random_access=frozenset(range(16, 24)),
    closed=frozenset((18, 19, 20)),
    delimiter=35,
)  # fmt: skip
"""H.265, 7.4.2.2, table 7-1."""

VVC = NalFamily(
    "H.266",
    others=("vvc1", "vvi1", "vvcN", "vvs1"),
    type_byte=1,
    type_shift=3,
    type_mask=31,
    vcl=frozenset(range(12)),
    other=frozenset(range(12, 28)),
    sets=frozenset((12, 13, 14, 15, 16, 17, 18)),
    random_access=frozenset((7, 8, 9, 11)),
    closed=frozenset((8,)),
    delimiter=20,
)
"""H.266, 7.4.2.2, table 5."""

_EVC = NalFamily(
    "EVC",
    others=("evc1", "evs1", "evs2"),
    vcl=frozenset(range(1, 25)),
    other=frozenset(range(25, 57)),
    sets=frozenset((25, 26, 27)),
)
"""ISO/IEC 23094-1, 7.4.2.2; its header holds the type plus one."""

_LCEVC = NalFamily("LCEVC", others=("lvc1",), vcl=frozenset((28, 29)))
"""ISO/IEC 23094-2, 7.4.2."""

NAL_FAMILIES: Mapping[str, NalFamily] = {
    fourcc: family for family in (AVC, HEVC, VVC, _EVC, _LCEVC) for fourcc in (*family.own, *family.others)
}
"""The family of each type of (clear) sample entry that there is. ISO/IEC 14496-15; MP4RA."""


def nal_family_of(entry: Box) -> NalFamily | None:
    """Return the family of a (clear) sample entry; None for an entry whose samples are not NAL units."""
    return NAL_FAMILIES.get(entry.type)
