"""PEM blocks of keys and certificates (RFC 7468, lenient), and descriptions of files that are something else.

Files come from ``openssl pkcs12``, ``openssl x509 -text``, Windows and web pages: PEM with text before, between and
after the blocks, a byte order mark, UTF-16, any line ends. All of that is legal or harmless, and accepted. A file that
is neither certificate nor key is described, so that its owner knows what to do.
"""

from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from dataclasses import dataclass, field
from typing import Final

__all__ = ["ENCRYPTED_KEY", "PemBlock", "describe", "first_line", "pem_blocks"]

_BEGIN: Final = b"-----BEGIN "
_END: Final = b"-----END "
_DASHES: Final = b"-----"

_SEQUENCE, _INTEGER, _OCTETS, _BITS, _OID = 0x30, 0x02, 0x04, 0x03, 0x06
_TIMES = (0x17, 0x18)
_PKCS7_OID: Final = bytes.fromhex("2a864886f70d0107")

_PKCS12 = "a PKCS#12 bundle (.p12 or .pfx); take the parts out of it with: openssl pkcs12 -in FILE"
_PKCS7 = "a PKCS#7 bundle (.p7b or .p7c); take the certificates out of it with: openssl pkcs7 -print_certs -in FILE"
_CSR = "a certificate signing request (CSR); the certificate is what its authority sends back"
_CRL = "a certificate revocation list (CRL)"
_CERTIFICATE = "a certificate"
_PRIVATE = "a private key"
ENCRYPTED_KEY: Final = "an encrypted private key"
_PUBLIC = "a public key"
_OPENSSH = "an OpenSSH private key; convert a copy of it with: ssh-keygen -p -m PKCS8 -f FILE"
_OPENSSH_PUBLIC = "an OpenSSH public key"

_LABELS: Final = {
    b"CERTIFICATE": _CERTIFICATE,
    b"X509 CERTIFICATE": _CERTIFICATE,
    b"TRUSTED CERTIFICATE": _CERTIFICATE,
    b"CERTIFICATE REQUEST": _CSR,
    b"NEW CERTIFICATE REQUEST": _CSR,
    b"X509 CRL": _CRL,
    b"PKCS7": _PKCS7,
    b"PKCS #7 SIGNED DATA": _PKCS7,
    b"CMS": _PKCS7,
    b"PKCS12": _PKCS12,
    b"PRIVATE KEY": _PRIVATE,
    b"RSA PRIVATE KEY": _PRIVATE,
    b"EC PRIVATE KEY": _PRIVATE,
    b"DSA PRIVATE KEY": _PRIVATE,
    b"ENCRYPTED PRIVATE KEY": ENCRYPTED_KEY,
    b"PUBLIC KEY": _PUBLIC,
    b"RSA PUBLIC KEY": _PUBLIC,
    b"OPENSSH PRIVATE KEY": _OPENSSH,
    b"EC PARAMETERS": "elliptic curve parameters",
    b"DH PARAMETERS": "Diffie-Hellman parameters",
    b"PGP PUBLIC KEY BLOCK": "an OpenPGP public key",
    b"PGP PRIVATE KEY BLOCK": "an OpenPGP private key",
    b"PGP MESSAGE": "an OpenPGP message",
}

_BEGINNINGS: Final = (
    (b"ssh-", _OPENSSH_PUBLIC),
    (b"ecdsa-sha2-", _OPENSSH_PUBLIC),
    (b"---- BEGIN SSH2", "an SSH public key"),
    (b"PuTTY-User-Key-File", "a PuTTY private key"),
    (b"\xfe\xed\xfe\xed", "a Java key store"),
    (b"{", "JSON"),
    (b"<", "XML or HTML"),
)


@dataclass(frozen=True, slots=True)
class PemBlock:
    """One block of a PEM file: its label ("CERTIFICATE"), and its lines from BEGIN to END."""

    label: bytes
    text: bytes = field(repr=False)

    @property
    def is_certificate(self) -> bool:
        """Whether the label is that of a certificate."""
        return _LABELS.get(self.label) is _CERTIFICATE

    @property
    def is_private_key(self) -> bool:
        """Whether the label is that of a private key in a supported form."""
        return _LABELS.get(self.label) in (_PRIVATE, ENCRYPTED_KEY)


def plain_text(data: bytes) -> bytes:
    """Return text as UTF-8 without byte order mark; UTF-16 with one is converted, other bytes are unchanged."""
    if data.startswith(BOM_UTF8):
        return data[len(BOM_UTF8) :]
    for mark, encoding in ((BOM_UTF16_LE, "utf-16-le"), (BOM_UTF16_BE, "utf-16-be")):
        if data.startswith(mark):
            try:
                return data[len(mark) :].decode(encoding).encode()
            except UnicodeError:  # not UTF-16: the mark is there by chance
                return data
    return data


def first_line(data: bytes) -> bytes:
    """Return the first line of a file with one secret, such as a password, without byte order mark and line end."""
    return next(iter(plain_text(data).splitlines()), b"")


def pem_blocks(data: bytes) -> tuple[PemBlock, ...]:
    """Return all complete PEM blocks of a file; other text is ignored."""
    found: list[PemBlock] = []
    label: bytes | None = None
    lines: list[bytes] = []
    for line in plain_text(data).replace(BOM_UTF8, b"").splitlines():  # concatenated files have marks within
        line = line.strip()
        if line.startswith(_BEGIN) and line.endswith(_DASHES):
            label, lines = line[len(_BEGIN) : -len(_DASHES)], [line]
        elif label is not None:
            lines.append(line)
            if line == _END + label + _DASHES:
                found.append(PemBlock(label, b"\n".join(lines) + b"\n"))
                label = None
    return tuple(found)


def describe(data: bytes) -> str:
    """Return what a file seems to be, for error messages: "a PKCS#12 bundle …". Its contents are not quoted."""
    if not data.strip():
        return "an empty file"
    kinds = [_LABELS.get(block.label, "a PEM block of an unknown kind") for block in pem_blocks(data)]
    if kinds:
        return " and ".join(dict.fromkeys(kinds))
    text = plain_text(data).lstrip()
    if text.startswith(_BEGIN):
        return "PEM that is cut short"
    for beginning, kind in _BEGINNINGS:
        if text.startswith(beginning):
            return kind
    return _describe_der(data) or "neither PEM nor DER"


def _describe_der(data: bytes) -> str | None:
    """Return what a DER structure is, by the tags of its first fields, or None."""
    outer = _fields(data, limit=1)
    if not outer or outer[0][0] != _SEQUENCE:
        return None
    parts = _fields(outer[0][1], limit=4)
    tags = tuple(tag for tag, _ in parts)
    inner = _fields(parts[-1 if tags[:1] != (_SEQUENCE,) else 0][1], limit=4) if parts else []
    if tags[:1] == (_OID,):
        return _PKCS7 if parts[0][1].startswith(_PKCS7_OID) else None
    if tags[:2] == (_INTEGER, _SEQUENCE):
        first = _fields(parts[1][1], limit=1)
        if first and first[0][0] == _OID:
            return _PKCS12 if first[0][1].startswith(_PKCS7_OID) else _PRIVATE
    if tags[:2] in ((_INTEGER, _INTEGER), (_INTEGER, _OCTETS)):
        return _PUBLIC if tags == (_INTEGER, _INTEGER) else _PRIVATE
    if tags == (_SEQUENCE, _OCTETS):
        return ENCRYPTED_KEY
    if tags == (_SEQUENCE, _BITS):
        return _PUBLIC
    if tags == (_SEQUENCE, _SEQUENCE, _BITS):
        return _describe_signed([tag for tag, _ in inner])
    return None


def _describe_signed(tags: list[int]) -> str:
    """Return the kind of a signed structure, by the tags of its content: CSR, CRL or certificate."""
    if tags[:3] == [_INTEGER, _SEQUENCE, _SEQUENCE] and tags[3:] in ([], [0xA0]):
        return _CSR
    if any(tag in _TIMES for tag in tags):
        return _CRL
    return _CERTIFICATE


def _fields(data: bytes, *, limit: int) -> list[tuple[int, bytes]]:
    """Return tag and contents of the first complete fields of a DER structure."""
    found: list[tuple[int, bytes]] = []
    at = 0
    while len(found) < limit and at + 2 <= len(data):
        tag, size = data[at], data[at + 1]
        at += 2
        if size & 0x80:
            length = size & 0x7F
            if not 0 < length <= 4 or at + length > len(data):
                break
            size = int.from_bytes(data[at : at + length], "big")
            at += length
        if at + size > len(data):
            break
        found.append((tag, data[at : at + size]))
        at += size
    return found
