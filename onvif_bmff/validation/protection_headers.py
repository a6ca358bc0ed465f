"""Rules of pssh boxes: the common system and the asymmetric key system. ONVIF Recording Control 25.12, B.8.1, B.8.2."""

from collections import Counter
from collections.abc import Sequence
from uuid import UUID

from onvif_bmff.bmff import (
    ASYMMETRIC_SYSTEM_ID,
    COMMON_SYSTEM_ID,
    NENC,
    AsymmetricKeySystemHeaderBox,
    ProtectionSystemSpecificHeaderBox,
)
from onvif_bmff.validation.observed import Context, Header

__all__ = ["check_protection_headers"]

_PATH = "/moov/pssh"
_THUMBPRINTS = {1: 20, 2: 32}
_KDFS, _AEADS = (1, 2, 3), (1, 2, 3)
_POINTS = (0x0010, 0x0011, 0x0012)
"""KEMs whose encapsulated secret is an uncompressed point."""
_UNCOMPRESSED = 4
"""First byte of an uncompressed point. SEC 1, 2.3.3."""
_WRAPPED_BY_HPKE = 32
"""A key of 16 bytes and a tag of 16."""
_RSA_SIZES = range(128, 2049)
_MAX_ENTRIES = 1024
_COUNT = 4
"""Bytes of EncryptedKeyEntryCount."""
_SYSTEMS = (COMMON_SYSTEM_ID, ASYMMETRIC_SYSTEM_ID)

Pssh = ProtectionSystemSpecificHeaderBox | AsymmetricKeySystemHeaderBox


def check_protection_headers(context: Context, header: Header) -> None:
    """Check the pssh boxes of a header."""
    boxes: list[Pssh] = []
    for box in header.movie.children:
        if isinstance(box, ProtectionSystemSpecificHeaderBox | AsymmetricKeySystemHeaderBox):
            boxes.append(box)
        elif box.type == "pssh":  # of an unknown version
            system = bytes(getattr(box, "data", b""))[4:20]
            if system in (COMMON_SYSTEM_ID.bytes, ASYMMETRIC_SYSTEM_ID.bytes):
                rule = "ANX-B.8.1-03" if system == COMMON_SYSTEM_ID.bytes else "ANX-B.8.2-11"
                context.findings.add(rule, "a version that is not known", offset=box.offset, path=_PATH)
    used = {protection.kid for protection in header.protections.values()}
    common = [
        box for box in boxes if isinstance(box, ProtectionSystemSpecificHeaderBox) and box.system_id == COMMON_SYSTEM_ID
    ]
    if used and len(common) != 1:
        message = f"{len(common)} pssh boxes of the common system in an encrypted segment"
        context.findings.add("ANX-B.8.1-01", message, offset=header.movie.offset, path=_PATH)
    if used and not common:
        _check_lookalikes(context, boxes, used)
    for box in common:
        _check_common(context, box, used)
    asymmetric = [box for box in boxes if box.system_id == ASYMMETRIC_SYSTEM_ID]
    for box in boxes:
        if box.system_id not in _SYSTEMS and box.version == 1 and len(box.kids or ()) == 1 and _is_sound(box):
            message = f"the entries of an asymmetric pssh under the SystemID {box.system_id}"
            context.findings.add("ANX-B.8.2-12", message, offset=box.offset, path=_PATH)
    for box in asymmetric:
        _check_asymmetric(context, box)
    counts = Counter(box.kids[0] for box in asymmetric if box.kids and len(box.kids) == 1)
    for kid, count in counts.items():
        if count > 1 or (used and kid not in used):
            message = f"{count} asymmetric pssh boxes for KID {kid}"
            if kid not in used:
                message += ", which no track uses"
            context.findings.add("ANX-B.8.2-09", message, offset=header.movie.offset, path=_PATH)


def _check_lookalikes(context: Context, boxes: Sequence[Pssh], used: set[UUID]) -> None:
    """Say which pssh would be the common one, but for its SystemID."""
    for box in boxes:
        if box.system_id not in _SYSTEMS and box.version == 1 and not box.data and set(box.kids or ()) == used:
            message = f"a common pssh with the SystemID {box.system_id}"
            context.findings.add("ANX-B.8.1-04", message, offset=box.offset, path=_PATH)


def _check_common(context: Context, box: ProtectionSystemSpecificHeaderBox, used: set[UUID]) -> None:
    add = context.findings.add
    if box.version != 1 or box.flags:
        message = f"version {box.version}, flags {box.flags:#x}"
        add("ANX-B.8.1-03", message, offset=box.offset, path=_PATH)
    if box.data or box.trailing:
        message = f"{len(box.data) + len(box.trailing)} bytes of data"
        add("ANX-B.8.1-07", message, offset=box.offset, path=_PATH)
    if not used or box.kids is None:
        return
    if len(box.kids) != len(used):
        message = f"{len(box.kids)} KIDs, while {len(used)} keys are used"
        add("ANX-B.8.1-05", message, offset=box.offset, path=_PATH)
    if used - set(box.kids):
        missing = ", ".join(sorted(map(str, used - set(box.kids))))
        add("ANX-B.8.1-06", f"KID {missing} is not listed", offset=box.offset, path=_PATH)


def _check_asymmetric(context: Context, box: Pssh) -> None:
    add = context.findings.add
    if box.version != 1 or box.flags:
        message = f"version {box.version}, flags {box.flags:#x}"
        add("ANX-B.8.2-11", message, offset=box.offset, path=_PATH)
    kids = box.kids
    if box.version == 1 and (kids is None or len(kids) != 1):
        message = f"{len(kids or ())} KIDs"
        add("ANX-B.8.2-13", message, offset=box.offset, path=_PATH)
    if box.trailing:
        add("ANX-B.8.2-16", f"{len(box.trailing)} bytes behind those of DataSize", offset=box.offset, path=_PATH)
    faults = _least_faults(bytes(box.data))
    if faults and any(not _least_faults(bytes(box.data), size) for size in set(NENC.values())):
        faults = [("ANX-B.8.2-23", "the encapsulated secret has the length of another KEM")]
    for rule, message in faults:
        add(rule, message, offset=box.offset, path=_PATH)


def _is_sound(box: Pssh) -> bool:
    """Return whether the data of a pssh are entries of the asymmetric key system."""
    return len(box.data) > _COUNT and not box.trailing and not _least_faults(bytes(box.data))


def _least_faults(data: bytes, secret: int | None = None) -> list[tuple[str, str]]:
    """Return rules and messages for the layout, 25.12 or 26.06, in which ``data`` have the fewest faults."""
    found = [_faults_of(data, with_info=with_info, secret=secret) for with_info in (False, True)]
    return min(found, key=len)


class _End(Exception):  # noqa: N818  control flow within this module, not an error
    """The data end within an entry."""


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self.position = 0

    @property
    def left(self) -> int:
        return len(self._data) - self.position

    def take(self, size: int) -> bytes:
        if size > self.left:
            raise _End
        self.position += size
        return self._data[self.position - size : self.position]

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")


def _faults_of(data: bytes, *, with_info: bool, secret: int | None) -> list[tuple[str, str]]:
    """Return the rules that the entries in ``data`` break.

    ``with_info``: in the layout of release 26.06; ``secret``: the bytes of encapsulated secrets, whatever their KEM.
    """
    reader, found = _Reader(data), list[tuple[str, str]]()
    try:
        count = reader.number(4)
        if not count:
            found.append(("ANX-B.8.2-17", "no entries"))
        for _ in range(min(count, _MAX_ENTRIES)):
            if not _read_entry(reader, found, with_info=with_info, secret=secret):
                return found
        if count <= _MAX_ENTRIES and reader.left:
            found.append(("ANX-B.8.2-16", f"{reader.left} bytes behind the entries"))
    except _End:
        found.append(("ANX-B.8.2-16", f"the entries run past the {len(data)} bytes of DataSize"))
    return found


def _read_entry(reader: _Reader, found: list[tuple[str, str]], *, with_info: bool, secret: int | None) -> bool:
    """Check one entry; return False if its length is unknown."""
    algorithm, size = reader.number(2), reader.number(4)
    if algorithm not in _THUMBPRINTS:
        found.append(("ANX-B.8.2-18", f"thumbprint algorithm {algorithm}"))
    elif size != _THUMBPRINTS[algorithm]:
        found.append(("ANX-B.8.2-19", f"a thumbprint of {size} bytes, not {_THUMBPRINTS[algorithm]}"))
    reader.take(size)
    version = reader.number(1)
    if version == 1:
        size = reader.number(2)
        reader.take(size)
        if size not in _RSA_SIZES:
            found.append(("ANX-B.8.2-24", f"a key wrapped by RSA in {size} bytes"))
        return True
    if version != 2:
        found.append(("ANX-B.8.2-21", f"encryption version {version}"))
        return False
    kem, kdf, aead = (reader.number(2) for _ in range(3))
    if kem not in NENC:
        found.append(("ANX-B.8.2-22", f"HPKE KEM {kem:#06x}"))
        return False
    if kdf not in _KDFS or aead not in _AEADS:
        found.append(("ANX-B.8.2-22", f"HPKE KDF {kdf:#06x}, AEAD {aead:#06x}"))
    encapsulated = reader.take(secret or NENC[kem])
    if kem in _POINTS and encapsulated[0] != _UNCOMPRESSED:
        found.append(("ANX-B.8.2-23", "the encapsulated secret is not a point of its curve"))
    size = reader.number(2)
    reader.take(size)
    if size != _WRAPPED_BY_HPKE:
        found.append(("ANX-B.8.2-24", f"a key wrapped by HPKE in {size} bytes, not {_WRAPPED_BY_HPKE}"))
    if with_info:
        reader.take(reader.number(2))
    return True
