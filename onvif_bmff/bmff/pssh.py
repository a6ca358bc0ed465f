"""Protection system specific headers: W3C common system and ONVIF's asymmetric key system.

ISO/IEC 23001-7, 8.1; W3C "cenc" initialization data format; ONVIF Recording Control 25.12, B.8.1 and B.8.2.
"""

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from onvif_bmff.bmff.language.box import Box, FullBox
from onvif_bmff.bmff.language.declare import Record, box, record, refinement
from onvif_bmff.bmff.language.wire import (
    NOT_WRITTEN,
    U8,
    U16,
    U32,
    ItemBudget,
    ListOf,
    SizedBytes,
    Uuid,
    WireError,
    when,
)
from onvif_bmff.errors import BoxError

__all__ = [
    "ASYMMETRIC_SYSTEM_ID",
    "COMMON_SYSTEM_ID",
    "LAYOUT_25_12",
    "LAYOUT_26_06",
    "NENC",
    "AsymmetricKeySystemHeaderBox",
    "EncryptedKeyEntry",
    "ProtectionSystemSpecificHeaderBox",
    "common_header",
]

COMMON_SYSTEM_ID = UUID("1077efec-c0b2-4d02-ace3-3c1e52e2fb4b")
"""SystemID of the W3C common system: a list of KIDs, no data."""
ASYMMETRIC_SYSTEM_ID = UUID("a4852bd0-80fc-484e-b9e1-78a74d49f5ce")
"""SystemID of ONVIF's asymmetric key system."""
LAYOUT_25_12, LAYOUT_26_06 = "25.12", "26.06"
"""Layouts of an HPKE entry: 26.06 adds the HPKE info behind the key, without a new version number."""
NENC: Mapping[int, int] = {0x0010: 65, 0x0011: 97, 0x0012: 133, 0x0020: 32, 0x0021: 56}
"""Length in bytes of the encapsulated secret of each HPKE KEM. RFC 9180, 7.1."""

MAX_ENTRIES = 1024
"""More entries than this in one header are not read; it stays a ``ProtectionSystemSpecificHeaderBox``."""

_THUMBPRINTS = {1: 20, 2: 32}
_INFO = SizedBytes(U16)
# The HPKE info behind an entry of layout 26.06. No field says which layout a box has: an entry has the same version in
# both, and only one of them uses up the box's data exactly. So the box, which tries both, reads and writes the info; a
# condition among the entry's fields would have nothing to ask.


def _is_hpke(this: Mapping[str, Any]) -> bool:
    return bool(this["encryption_version"] == 2)


def _secret_length(this: Mapping[str, Any]) -> int:
    version = this["encryption_version"]
    if version == 1:
        return 0
    if version != 2:
        raise WireError(f"encryption version {version} is not known")
    if this["hpke_kem"] not in NENC:
        raise WireError(f"HPKE KEM {this['hpke_kem']:#06x} is not known")
    return NENC[this["hpke_kem"]]


@record
class EncryptedKeyEntry(Record):
    """A content key wrapped for one certificate. ONVIF Recording Control 25.12, B.8.2.1.

    ``thumbprint_algorithm`` is 1 (SHA-1) or 2 (SHA-256); ``encryption_version`` 1 (RSA-OAEP: the HPKE fields are
    None, ``encapsulated_secret`` empty) or 2 (HPKE). ``info`` is written in the layout of 26.06 only.
    """

    thumbprint_algorithm: U16 = 2
    thumbprint: Annotated[bytes, SizedBytes(U32)]
    encryption_version: U8
    hpke_kem: Annotated[int | None, when(_is_hpke, U16)] = None
    hpke_kdf: Annotated[int | None, when(_is_hpke, U16)] = None
    hpke_aead: Annotated[int | None, when(_is_hpke, U16)] = None
    encapsulated_secret: Annotated[bytes, SizedBytes(_secret_length)] = b""
    encrypted_key: Annotated[bytes, SizedBytes(U16)]
    info: Annotated[bytes | None, NOT_WRITTEN] = None


@box("pssh", versions=(0, 1))
class ProtectionSystemSpecificHeaderBox(FullBox):
    """Data of one protection system; version 1 lists KIDs. ISO/IEC 23001-7, 8.1."""

    system_id: Uuid
    kids: Annotated[tuple[UUID, ...] | None, when(lambda this: this["version"] == 1, ListOf(U32, Uuid))] = None
    data: Annotated[bytes, SizedBytes(U32)] = b""

    def refined(self, budget: ItemBudget) -> Box:
        """Return the header of the system that this is a header of, where its content can be read."""
        if self.system_id != ASYMMETRIC_SYSTEM_ID or not self.kids or len(self.kids) != 1:
            return self
        for layout in (LAYOUT_25_12, LAYOUT_26_06):
            try:
                entries = _read_entries(self.data, layout)
            except WireError:
                continue
            budget.charge(len(entries), 0)
            return AsymmetricKeySystemHeaderBox(
                version=self.version,
                flags=self.flags,
                kid=self.kids[0],
                entries=entries,
                entry_layout=layout,
                trailing=self.trailing,
            )
        return self


def common_header(kids: tuple[UUID, ...]) -> ProtectionSystemSpecificHeaderBox:
    """Return the W3C common header for ``kids``. ONVIF Recording Control 25.12, B.8.1."""
    return ProtectionSystemSpecificHeaderBox(version=1, system_id=COMMON_SYSTEM_ID, kids=kids)


@refinement(ProtectionSystemSpecificHeaderBox, versions=(1,))
class AsymmetricKeySystemHeaderBox(FullBox):
    """The content key of ``kid``, wrapped for one or more certificates. ONVIF Recording Control 25.12, B.8.2.

    A pssh box of version 1 with the SystemID ``ASYMMETRIC_SYSTEM_ID`` and one KID. ``entry_layout`` is one of
    ``LAYOUT_25_12`` and ``LAYOUT_26_06``. Headers that cannot be read (an unknown KEM hides the length of the
    rest) stay ``ProtectionSystemSpecificHeaderBox``.
    """

    version: int = 1
    kid: UUID
    entries: tuple[EncryptedKeyEntry, ...]
    entry_layout: str = LAYOUT_25_12

    @property
    def system_id(self) -> UUID:
        """Always ``ASYMMETRIC_SYSTEM_ID``."""
        return ASYMMETRIC_SYSTEM_ID

    @property
    def kids(self) -> tuple[UUID, ...]:
        """The one KID."""
        return (self.kid,)

    @property
    def data(self) -> bytes:
        """What lies behind DataSize; ``BoxError`` if it would not be read back as these entries."""
        try:
            return self._data()
        except WireError as error:
            raise BoxError(error.reason) from None
        except TypeError as error:
            raise BoxError(str(error)) from None

    def _data(self) -> bytes:
        if not 1 <= len(self.entries) <= MAX_ENTRIES:
            raise WireError(f"{len(self.entries)} entries are not in 1…{MAX_ENTRIES}")
        written = [len(self.entries).to_bytes(4, "big")]
        for entry in self.entries:
            if _THUMBPRINTS.get(entry.thumbprint_algorithm) != len(entry.thumbprint):
                raise WireError("a thumbprint's algorithm and size do not agree")
            written.append(entry.layout.pack(entry))
            if entry.encryption_version == 2 and self.entry_layout == LAYOUT_26_06:
                written.append(_INFO.encode(entry.info or b"", {}))
        return b"".join(written)


def _read_entries(data: bytes, layout: str) -> tuple[EncryptedKeyEntry, ...]:
    """Read all entries; ``WireError`` unless ``data`` is used up exactly by entries that make sense."""
    view, end = memoryview(data), len(data)
    count, pos = int.from_bytes(data[:4], "big"), 4
    if end < 4 or not 1 <= count <= min(end // 9, MAX_ENTRIES):
        raise WireError(f"{count} entries in {end} bytes")
    entries = []
    for _ in range(count):
        values: dict[str, Any] = {}
        pos = EncryptedKeyEntry.layout.read(view, pos, end, values)
        if _THUMBPRINTS.get(values["thumbprint_algorithm"]) != len(values["thumbprint"]):
            raise WireError("a thumbprint's algorithm and size do not agree", pos)
        if values["encryption_version"] == 2 and layout == LAYOUT_26_06:
            values["info"], pos = _INFO.decode(view, pos, end, {})
        entries.append(EncryptedKeyEntry(**values))
    if pos != end:
        raise WireError(f"{end - pos} bytes behind the entries", pos)
    return tuple(entries)
