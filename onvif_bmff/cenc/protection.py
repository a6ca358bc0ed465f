"""How the samples of a track are protected: by tenc, or by sample groups in its place.

Supported are tenc and seig of ISO/IEC 23001-7 (8.2 and 6), and the tenc of PIFF, common in Smooth Streaming files.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from onvif_bmff.bmff import (
    PIFF_TENC,
    AsymmetricKeySystemHeaderBox,
    Box,
    ContainerBox,
    ProtectionSchemeInfoBox,
    ProtectionSystemSpecificHeaderBox,
    SampleGroupDescriptionBox,
    SampleToGroupBox,
    SchemeInformationBox,
    SchemeTypeBox,
    SeigEntry,
    TrackEncryptionBox,
    seig_entries,
)
from onvif_bmff.bmff.file import UuidBox
from onvif_bmff.cenc.scheme import NO_PATTERN, Pattern, ProtectionScheme
from onvif_bmff.errors import ProtectionError, UnsupportedSchemeError

__all__ = [
    "Protection",
    "ProtectionRun",
    "SeigDescriptions",
    "is_protection_header",
    "piff_protection",
    "protection_headers",
    "protection_of",
    "protection_runs",
]

_PIFF_PSSH: Final = UUID("d08a4f18-10f3-4a82-b6c8-32d8aba183d3")
_PIFF_TENC_SIZE: Final = 24
_PIFF_ALGORITHMS: Final = {1: ProtectionScheme.CENC, 2: ProtectionScheme.CBC1}
_LOCAL: Final = 0x10000
"""Group indices above this value refer to entries in the same traf. ISO/IEC 14496-12, 8.9.4."""


@dataclass(frozen=True, slots=True)
class Protection:
    """How samples are protected.

    ``iv_size`` is 8 or 16 (bytes) if each sample has its own vector, or 0 if all share ``constant_iv`` (empty for
    samples that are not protected).

    Raises:
        ProtectionError: the size of a vector is invalid.
    """

    scheme: ProtectionScheme
    kid: UUID
    is_protected: bool = True
    iv_size: int = 0
    constant_iv: bytes = b""
    pattern: Pattern = NO_PATTERN

    def __post_init__(self) -> None:
        if not self.is_protected:
            return
        if self.iv_size not in (0, 8, 16):
            raise ProtectionError(f"initialisation vectors of {self.iv_size} bytes: 0, 8 or 16 needed")
        if not self.iv_size and len(self.constant_iv) not in (8, 16):
            raise ProtectionError(f"a constant initialisation vector of {len(self.constant_iv)} bytes: 8 or 16 needed")


ProtectionRun = tuple[int, Protection]
"""A number of samples, and their protection."""


def protection_of(entry: Box) -> Protection | None:
    """Return the default protection of the samples of a sample entry; None for a clear one.

    Of several schemes the first known one counts.

    Raises:
        UnsupportedSchemeError: none is known.
        ProtectionError: the boxes are incomplete.
    """
    infos = entry.find_all(ProtectionSchemeInfoBox) if isinstance(entry, ContainerBox) else ()
    unknown: UnsupportedSchemeError | None = None
    for info in infos:
        named = info.find(SchemeTypeBox)
        if named is None:
            unknown = unknown or UnsupportedSchemeError("the protection of a track names no scheme")
            continue
        details = info.find(SchemeInformationBox)
        children = details.children if details is not None else ()
        try:
            if named.scheme_type == "piff":
                return _from_piff(children)
            scheme = ProtectionScheme.from_fourcc(named.scheme_type)
        except UnsupportedSchemeError as error:
            unknown = unknown or error
            continue
        for child in children:
            if isinstance(child, TrackEncryptionBox):
                return _from_tenc(scheme, child)
        raise ProtectionError(f"a track is protected by {scheme.value}, but has no track encryption box (tenc)")
    if unknown is not None:
        raise unknown
    return None


def _from_tenc(scheme: ProtectionScheme, tenc: TrackEncryptionBox) -> Protection:
    pattern = NO_PATTERN
    if tenc.version and scheme in (ProtectionScheme.CBCS, ProtectionScheme.CENS):
        pattern = Pattern(tenc.default_crypt_byte_block, tenc.default_skip_byte_block)
    return Protection(
        scheme,
        tenc.default_kid,
        _flag(tenc.default_is_protected),
        tenc.default_per_sample_iv_size,
        tenc.default_constant_iv or b"",
        pattern,
    )


def _flag(is_protected: int) -> bool:
    if is_protected not in (0, 1):
        raise UnsupportedSchemeError(f"samples are protected in an unknown way (isProtected is {is_protected})")
    return bool(is_protected)


def _from_piff(children: Iterable[Box]) -> Protection:
    for child in children:
        if isinstance(child, UuidBox) and child.user_type == PIFF_TENC:
            data = bytes(child.data)
            if len(data) < _PIFF_TENC_SIZE:
                raise ProtectionError("the PIFF track encryption box is cut off")
            return piff_protection(data[4:])
    raise ProtectionError("a track is protected by PIFF, but has no track encryption box")


def piff_protection(data: bytes) -> Protection:
    """Read algorithm, vector size and KID from PIFF's tenc, or from its senc, which may override them."""
    algorithm, kid = int.from_bytes(data[:3], "big"), UUID(bytes=bytes(data[4:20]))
    if not algorithm:
        return Protection(ProtectionScheme.CENC, kid, is_protected=False)
    scheme = _PIFF_ALGORITHMS.get(algorithm)
    if scheme is None:
        raise UnsupportedSchemeError(f"PIFF algorithm {algorithm} is not known")
    return Protection(scheme, kid, iv_size=data[3])


@dataclass(frozen=True, slots=True)
class SeigDescriptions:
    """The 'seig' descriptions of one stbl or traf, and the index for samples in no group (0: none)."""

    entries: Sequence[SeigEntry] = ()
    default: int = 0

    @classmethod
    def of(cls, boxes: Sequence[Box]) -> "SeigDescriptions":
        """Read the descriptions in these boxes.

        Raises:
            BoxError: one is truncated.
        """
        return cls(*_read(boxes))


def protection_runs(
    default: Protection, count: int, own: Sequence[Box], of_track: SeigDescriptions | None = None
) -> list[ProtectionRun]:
    """Return how ``count`` samples are protected, in runs, by the sample groups of type 'seig'.

    ``own`` are the boxes of the traf (or of the stbl, for samples that it describes itself), ``of_track`` the
    descriptions of the stbl, read once for all fragments. ``default`` applies to samples in no group.

    Raises:
        ProtectionError: a group has no description.
        BoxError: a description is truncated.
    """
    descriptions = _Descriptions(default, own, of_track)
    mapping = next((box for box in own if isinstance(box, SampleToGroupBox) and box.grouping_type == "seig"), None)
    runs: list[ProtectionRun] = []
    left = count
    for row in mapping.entries.rows() if mapping is not None else ():
        taken = min(row[0], left)
        if taken:
            runs.append((taken, descriptions.find(row[1]) if row[1] else descriptions.of_others))
            left -= taken
    if left:
        runs.append((left, descriptions.of_others))
    return runs


class _Descriptions:
    """The seig descriptions to which samples can refer; each is read once, on demand."""

    def __init__(self, default: Protection, own: Sequence[Box], of_track: SeigDescriptions | None) -> None:
        self._default = default
        self._found: dict[int, Protection] = {}
        self._own, own_default = _read(own)
        self._of_track: Sequence[SeigEntry] = of_track.entries if of_track is not None else self._own
        if own_default:
            self.of_others = self.find(own_default | _LOCAL if of_track is not None else own_default)
        else:
            self.of_others = self.find(of_track.default) if of_track is not None and of_track.default else default

    def find(self, index: int) -> Protection:
        """Return the protection of group ``index``; indices above 0x10000 are those of the traf."""
        found = self._found.get(index)
        if found is None:
            found = self._found[index] = self._made(index)
        return found

    def _made(self, index: int) -> Protection:
        entries, number = (self._own, index - _LOCAL) if index > _LOCAL else (self._of_track or self._own, index)
        if not 0 < number <= len(entries):
            raise ProtectionError(f"samples belong to a group of type 'seig' without description (index {index:#x})")
        entry = entries[number - 1]
        scheme = self._default.scheme
        patterned = scheme in (ProtectionScheme.CBCS, ProtectionScheme.CENS)
        return replace(
            self._default,
            kid=entry.kid,
            is_protected=_flag(entry.is_protected),
            iv_size=entry.per_sample_iv_size,
            constant_iv=entry.constant_iv,
            pattern=Pattern(entry.crypt_byte_block, entry.skip_byte_block) if patterned else NO_PATTERN,
        )


def _read(boxes: Sequence[Box]) -> tuple[list[SeigEntry], int]:
    """Return the seig descriptions in these boxes, and the index for samples in no group (0: none)."""
    for found in boxes:
        if isinstance(found, SampleGroupDescriptionBox) and found.grouping_type == "seig":
            return (seig_entries(found), 0) if found.version < 2 else _read_version_2(found)
    return [], 0


def _read_version_2(found: SampleGroupDescriptionBox) -> tuple[list[SeigEntry], int]:
    """Read version 2, which once had a default index in place of the length, and now has both; sizes decide."""
    length, second, data = found.default_length or 0, found.entry_count, found.descriptions
    count = int.from_bytes(data[:4], "big")
    if len(data) >= 4 and (count * length == len(data) - 4 if length else _lengths_fit(data, count)):
        newer = replace(found, version=1, entry_count=count, descriptions=data[4:])
        return seig_entries(newer), second
    return seig_entries(found), length


def _lengths_fit(data: bytes, count: int) -> bool:
    """Return whether ``count`` descriptions, each after its length, fill the data after the count."""
    position = 4
    for _ in range(min(count, len(data))):
        position += 4 + int.from_bytes(data[position : position + 4], "big")
    return bool(count) and position == len(data)


def is_protection_header(found: Box) -> bool:
    """Return whether a box is a pssh of any system, or that of PIFF."""
    if isinstance(found, ProtectionSystemSpecificHeaderBox | AsymmetricKeySystemHeaderBox):
        return True
    return found.type == "pssh" or (isinstance(found, UuidBox) and found.user_type == _PIFF_PSSH)


def protection_headers(found: Box) -> tuple[Box, ...]:
    """Return the pssh boxes of a movie box or fragment."""
    return tuple([child for child in found.children_of() if is_protection_header(child)])
