"""Content keys as text: one on each line, as KID and key in hexadecimal digits."""

import codecs
import re
from collections.abc import Iterable

from onvif_bmff.cenc.keys.content import ContentKey, parse_key, parse_kid
from onvif_bmff.errors import ProtectionError

__all__ = ["MAX_KEY_FILE", "build_key_file", "parse_key_file"]

MAX_KEY_FILE = 1 << 20
"""Largest size of a key file, in bytes: more than ten thousand keys."""

_LINE = re.compile(r"(?:urn:uuid:)?([^=:\s]+)\s*[=:]\s*(\S+)", re.I)
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def parse_key_file(data: bytes) -> tuple[ContentKey, ...]:
    """Return the keys of a file, in order, each once.

    A line is ``KID=KEY`` or ``KID:KEY``: the identifier as a UUID (with or without dashes or ``urn:uuid:``), the key as
    32 hex digits, with optional spaces. Empty lines, and those that begin with ``#`` or ``;``, are ignored. The text is
    UTF-8 with or without a byte order mark, or UTF-16 with one, with any line ends.

    Raises:
        ProtectionError: a line is invalid, a KID has two different keys, or there is no key. The message has the
            line number, and no text of the file.
    """
    found: dict[object, ContentKey] = {}
    for number, line in enumerate(_text(data).splitlines(), 1):
        line = line.strip()
        if not line or line[0] in "#;":
            continue
        key = _key(line, number)
        if found.setdefault(key.kid, key) != key:
            raise ProtectionError(f"line {number}: another key for the KID {key.kid}")
    if not found:
        raise ProtectionError("there is no key in it (a line is KID=KEY)")
    return tuple(found.values())


def build_key_file(keys: Iterable[ContentKey]) -> bytes:
    """Return the text of a key file, which ``parse_key_file`` reads."""
    return "".join(f"{key.kid}={key.key.hex()}\n" for key in keys).encode()


def _text(data: bytes) -> str:
    if len(data) > MAX_KEY_FILE:
        raise ProtectionError(f"it is too long for a key file: more than {MAX_KEY_FILE} bytes")
    try:
        return data.decode("utf-16" if data.startswith(_UTF16) else "utf-8-sig")
    except UnicodeDecodeError:
        raise ProtectionError("it is no text") from None


def _key(line: str, number: int) -> ContentKey:
    parts = _LINE.fullmatch(line)
    if parts is None:
        raise ProtectionError(f"line {number}: a line is KID=KEY, an identifier (UUID) and 32 hex digits")
    try:
        return ContentKey(parse_kid(parts[1]), parse_key(parts[2]))
    except ProtectionError as error:
        raise ProtectionError(f"line {number}: {error}") from None
