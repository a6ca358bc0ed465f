"""Boxes of Common Encryption. ISO/IEC 14496-12, 8.12, 8.7.8, 8.7.9; ISO/IEC 23001-7, 6 to 8."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from onvif_bmff.bmff.fragment import SampleGroupDescriptionBox
from onvif_bmff.bmff.language.box import Box, ContainerBox, FullBox
from onvif_bmff.bmff.language.children import Children
from onvif_bmff.bmff.language.columns import Columns
from onvif_bmff.bmff.language.declare import box
from onvif_bmff.bmff.language.wire import (
    U8,
    U32,
    Bits,
    FourCC,
    Rest,
    SizedBytes,
    String,
    Table,
    Uuid,
    by_version,
    when,
    when_flag,
)
from onvif_bmff.errors import BoxError

__all__ = [
    "PIFF_SENC",
    "PIFF_TENC",
    "AuxiliaryInfo",
    "OriginalFormatBox",
    "ProtectionSchemeInfoBox",
    "SampleAuxiliaryInformationOffsetsBox",
    "SampleAuxiliaryInformationSizesBox",
    "SampleEncryptionBox",
    "SchemeInformationBox",
    "SchemeTypeBox",
    "SeigEntry",
    "TrackEncryptionBox",
    "read_auxiliary_info",
    "seig_entries",
]

PIFF_SENC = UUID("a2394f52-5a9b-4f14-a244-6c427c648df4")
"""User type of the box in which PIFF files carry what senc carries."""
PIFF_TENC = UUID("8974dbce-7be7-4c51-84f9-7148f9882554")
"""User type of the box in which PIFF files carry what tenc carries."""


@box("sinf", children=Children(one=("frma",), optional=("schm", "schi")))
class ProtectionSchemeInfoBox(ContainerBox):
    """How a sample entry is protected. ISO/IEC 14496-12, 8.12.1."""


@box("frma")
class OriginalFormatBox(Box):
    """The sample entry's type before protection. ISO/IEC 14496-12, 8.12.2."""

    data_format: FourCC


@box("schm")
class SchemeTypeBox(FullBox):
    """The scheme: 'cenc', 'cbcs', … ISO/IEC 14496-12, 8.12.5."""

    scheme_type: FourCC
    scheme_version: U32 = 0x00010000
    scheme_uri: Annotated[str | None, when_flag(0x1, String)] = None


@box("schi", children=Children(optional=("tenc",)))
class SchemeInformationBox(ContainerBox):
    """Data of the scheme. ISO/IEC 14496-12, 8.12.6."""


def _has_constant_iv(this: Mapping[str, Any]) -> bool:
    return bool(this["default_is_protected"] == 1 and this["default_per_sample_iv_size"] == 0)


@box("tenc", versions=(0, 1))
class TrackEncryptionBox(FullBox):
    """Default protection of a track's samples. ISO/IEC 23001-7, 8.2. In version 0 there is no pattern."""

    reserved: U8 = 0
    default_crypt_byte_block: Annotated[int, Bits(4)] = 0
    default_skip_byte_block: Annotated[int, Bits(4)] = 0
    default_is_protected: U8 = 1
    default_per_sample_iv_size: U8 = 0
    default_kid: Uuid
    default_constant_iv: Annotated[bytes | None, when(_has_constant_iv, SizedBytes(U8))] = None


@box("senc")
class SampleEncryptionBox(FullBox):
    """IVs and subsamples of the samples of a fragment. ISO/IEC 23001-7, 7.2.

    ``data`` is kept as bytes, for its layout depends on tenc or seig: ``read_auxiliary_info`` reads it. Flag 2:
    every sample has a list of subsamples.
    """

    sample_count: U32
    data: Rest = b""


def _own_sizes(this: Mapping[str, Any]) -> int:
    return 0 if this["default_sample_info_size"] else int(this["sample_count"])


@box("saiz")
class SampleAuxiliaryInformationSizesBox(FullBox):
    """Sizes of auxiliary information, a byte a sample unless all are alike. ISO/IEC 14496-12, 8.7.8."""

    aux_info_type: Annotated[str | None, when_flag(0x1, FourCC)] = None
    aux_info_type_parameter: Annotated[int | None, when_flag(0x1, U32)] = None
    default_sample_info_size: U8 = 0
    sample_count: U32
    sizes: Annotated[bytes, SizedBytes(_own_sizes)] = b""


@box("saio", versions=(0, 1))
class SampleAuxiliaryInformationOffsetsBox(FullBox):
    """Where auxiliary information lies, from the start of the moof. ISO/IEC 14496-12, 8.7.9."""

    aux_info_type: Annotated[str | None, when_flag(0x1, FourCC)] = None
    aux_info_type_parameter: Annotated[int | None, when_flag(0x1, U32)] = None
    entries: Annotated[Columns, Table(U32, offset=by_version("I", "Q"))]


@dataclass(frozen=True, slots=True)
class AuxiliaryInfo:
    """IV (empty where it is constant) and subsamples (clear, protected bytes; None: the whole sample) of a sample."""

    iv: bytes
    subsamples: tuple[tuple[int, int], ...] | None


def read_auxiliary_info(data: bytes | memoryview, count: int, iv_size: int, *, subsamples: bool) -> list[AuxiliaryInfo]:
    """Read ``count`` samples' IVs of ``iv_size`` bytes and, with ``subsamples``, their maps. ISO/IEC 23001-7, 7.1.

    Raises ``BoxError`` if ``data`` is too short.
    """
    if count * (iv_size + (2 if subsamples else 0)) > len(data):
        raise BoxError(f"{count} samples do not fit {len(data)} bytes", path="/senc", offset=len(data))
    if not iv_size and not subsamples:
        return [AuxiliaryInfo(b"", None)] * min(count, 1 << 20) if count <= 1 << 20 else _too_many(count)
    view, pos, found = memoryview(data), 0, []
    try:
        for _ in range(count):
            iv = bytes(view[pos : pos + iv_size])
            pos += iv_size
            if len(iv) != iv_size:
                raise struct.error
            pairs = None
            if subsamples:
                (number,) = struct.unpack_from(">H", view, pos)
                flat = struct.unpack_from(">" + "HI" * number, view, pos + 2)
                pairs = tuple(zip(flat[::2], flat[1::2], strict=True))
                pos += 2 + 6 * number
            found.append(AuxiliaryInfo(iv, pairs))
    except struct.error:
        raise BoxError("the auxiliary information is cut off", path="/senc", offset=pos) from None
    return found


def _too_many(count: int) -> list[AuxiliaryInfo]:
    raise BoxError(f"{count} samples without auxiliary information", path="/senc", offset=0)


@dataclass(frozen=True, slots=True)
class SeigEntry:
    """Protection of a group of samples, in place of tenc's defaults. ISO/IEC 23001-7, 6."""

    kid: UUID
    is_protected: int = 1
    per_sample_iv_size: int = 0
    constant_iv: bytes = b""
    crypt_byte_block: int = 0
    skip_byte_block: int = 0

    def build(self) -> bytes:
        """Return the entry's bytes: 20, or 21 and the constant IV; ``BoxError`` if a value does not fit its field."""
        if not (0 <= self.crypt_byte_block < 16 and 0 <= self.skip_byte_block < 16 and len(self.constant_iv) < 256):
            raise BoxError("a 'seig' entry whose pattern or constant IV does not fit", path="/sgpd")
        if not (0 <= self.is_protected < 256 and 0 <= self.per_sample_iv_size < 256):
            raise BoxError("a 'seig' entry whose protection or size of IVs does not fit a byte", path="/sgpd")
        head = bytes((0, self.crypt_byte_block << 4 | self.skip_byte_block, self.is_protected, self.per_sample_iv_size))
        tail = b""
        if self.is_protected == 1 and self.per_sample_iv_size == 0:
            tail = bytes((len(self.constant_iv),)) + self.constant_iv
        return head + self.kid.bytes + tail


def seig_entries(group: SampleGroupDescriptionBox) -> list[SeigEntry]:
    """Read the entries of an sgpd of type 'seig'; ``BoxError`` if they are cut off."""
    found: list[SeigEntry] = []
    data, pos, offset = group.descriptions, 0, group.offset or 0
    for _ in range(group.entry_count):
        size = group.default_length if group.version == 1 else 0
        if group.version == 1 and not size:
            size = int.from_bytes(data[pos : pos + 4], "big")
            pos += 4
        head = data[pos : pos + 20]
        if len(head) < 20:
            raise BoxError("a 'seig' entry is cut off", path="/sgpd", offset=offset)
        constant, used = b"", 20
        if head[2] == 1 and head[3] == 0:
            length = data[pos + 20] if pos + 20 < len(data) else 0
            constant, used = data[pos + 21 : pos + 21 + length], 21 + length
            if len(constant) != length or not length:
                raise BoxError("a 'seig' entry's constant IV is cut off", path="/sgpd", offset=offset)
        found.append(
            SeigEntry(UUID(bytes=bytes(head[4:20])), head[2], head[3], bytes(constant), head[1] >> 4, head[1] & 15)
        )
        pos += size or used
    return found
