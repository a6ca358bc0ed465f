"""The keys of a command, and their options. A key is never repeated in a message.

Content keys: a file (``--key-file``, ``-`` for standard input), the environment (``ONVIF_BMFF_KEYS``,
``ONVIF_BMFF_KEY_FILE``), or, for trials, the command line (``--key``), where everyone on the machine can read them.
Unwrapping of content keys: a private key in a file, its password from a file, the environment or a terminal;
or a third-party object that asks a hardware module or a key server (``--unwrapper``).
"""

import argparse
import getpass
import logging
import os
import re
import stat
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple
from uuid import UUID

from onvif_bmff.cenc.keys.content import ContentKey, parse_key, parse_kid
from onvif_bmff.cenc.keys.file import MAX_KEY_FILE, build_key_file, parse_key_file
from onvif_bmff.cenc.keys.ring import KeyRing, KeyUnwrapper
from onvif_bmff.cli.permissions import PRIVATE
from onvif_bmff.cli.values import path
from onvif_bmff.errors import CertificateError, ProtectionError, WrongKeyError

__all__ = [
    "KEYS_VARIABLE",
    "KEY_FILE_VARIABLE",
    "PASSWORD_VARIABLE",
    "Keys",
    "Secret",
    "add_key_arguments",
    "add_key_file_argument",
    "content_key",
    "given_keys",
    "keys_from",
    "kid_text",
    "secret",
    "warn_of_key",
    "write_key_file",
]

_log = logging.getLogger(__name__)

KEYS_VARIABLE = "ONVIF_BMFF_KEYS"
"""Environment: content keys, ``KID=KEY`` each, with spaces, commas or semicolons between them."""
KEY_FILE_VARIABLE = "ONVIF_BMFF_KEY_FILE"
"""Environment: path of a key file."""
PASSWORD_VARIABLE = "ONVIF_BMFF_PASSWORD"
"""Environment: password of the private key."""

_STANDARD_INPUT = Path("-")
_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.S)


class Secret:
    """The 16 bytes of a content key, which no representation shows."""

    __slots__ = ("key",)

    def __init__(self, key: bytes) -> None:
        self.key = key


class Keys(NamedTuple):
    """The keys of a command: those given, and the unwrapper of those in a file."""

    ring: KeyRing
    unwrapper: KeyUnwrapper | None = None

    def unlock(self, headers: Iterable[object]) -> None:
        """Unwrap the keys in a file's pssh boxes, if there is a private key.

        It is no error if none is unwrapped while other keys are given. Raises as ``KeyRing.unlock`` does.
        """
        if self.unwrapper is not None:
            try:
                self.ring.unlock(headers, self.unwrapper)
            except WrongKeyError:
                if not self.ring:
                    raise


def kid_text(text: str) -> UUID:
    """Return a key identifier on the command line."""
    try:
        return parse_kid(text)
    except ProtectionError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def secret(text: str) -> Secret:
    """Return a content key on the command line."""
    try:
        return Secret(parse_key(text))
    except ProtectionError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def content_key(text: str) -> ContentKey:
    """UUID:HEX on the command line."""
    kid, colon, key = text.removeprefix("urn:uuid:").partition(":")
    if not colon:
        raise argparse.ArgumentTypeError("a key is written UUID:HEX, its identifier and 32 hex digits")
    return ContentKey(kid_text(kid), secret(key).key)


# ---- options --------------------------------------------------------------------------------------


def add_key_file_argument(group: "argparse._ArgumentGroup") -> None:
    """Add ``--key-file`` (``key_files``)."""
    group.add_argument(
        "--key-file",
        metavar="FILE",
        dest="key_files",
        type=path,
        action="append",
        default=[],
        help=f"file of content keys, KID=KEY a line; - for standard input; may be given again. "
        f"Without it the environment is asked: {KEY_FILE_VARIABLE} (a path), {KEYS_VARIABLE} (the keys)",
    )


def add_key_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that ``keys_from`` reads."""
    group = parser.add_argument_group("keys")
    add_key_file_argument(group)
    group.add_argument(
        "--key",
        metavar="UUID:HEX",
        dest="content_keys",
        type=content_key,
        action="append",
        default=[],
        help="content key (32 hex digits) and its identifier, for trials: all users of the machine can read it",
    )
    group.add_argument(
        "--private-key", metavar="KEY.pem", type=path, help="private key that opens content keys kept in the file"
    )
    group.add_argument(
        "--certificate", metavar="CERT.pem", type=path, help="its certificate, where the file of the key has none"
    )
    group.add_argument(
        "--password-file",
        metavar="FILE",
        type=path,
        help="file whose first line is the private key's password; - for standard input. "
        f"Without it: {PASSWORD_VARIABLE} in the environment, or a question on a terminal",
    )
    group.add_argument(
        "--unwrapper",
        metavar="MODULE:OBJECT",
        dest="unwrappers",
        action="append",
        default=[],
        help="Python object that asks a hardware module or a key server in place of a private key (docs/keys.md); "
        "may be given again",
    )


def keys_from(args: argparse.Namespace) -> Keys:
    """Return the keys that the options name.

    Raises ``OSError`` for files that cannot be read, ``ProtectionError`` for keys that cannot be used.
    """
    if [*args.key_files, args.password_file].count(_STANDARD_INPUT) > 1:
        raise ProtectionError("standard input can be read once, for keys or for a password")
    if args.private_key is None and args.password_file is not None:
        raise ProtectionError("--password-file needs --private-key")
    if args.private_key is None and not args.unwrappers and args.certificate is not None:
        raise ProtectionError("--certificate needs --private-key or --unwrapper")
    ring = given_keys(args.key_files, args.content_keys)
    if args.private_key is None and not args.unwrappers:
        return Keys(ring)
    certificates = [args.certificate.read_bytes()] if args.certificate is not None else []
    unwrappers: list[KeyUnwrapper] = []
    if args.private_key is not None:
        unwrappers.append(_private_key(args, certificates))
        certificates = []
    if args.unwrappers:
        from onvif_bmff.cli.unwrapper import load_unwrapper

        unwrappers += [load_unwrapper(name, certificates) for name in args.unwrappers]
    if len(unwrappers) == 1:
        return Keys(ring, unwrappers[0])
    from onvif_bmff.cenc.keys.token import SeveralUnwrappers

    return Keys(ring, SeveralUnwrappers(unwrappers))


# ---- content keys ---------------------------------------------------------------------------------


def given_keys(files: Sequence[Path], typed: Sequence[ContentKey] = ()) -> KeyRing:
    """Return the content keys of key files and of the command line; where neither is given, those of the environment.

    Raises:
        OSError: a file cannot be read.
        ProtectionError: it is no key file, or two keys have one KID.
        StoreError: the environment names a file that is not on this machine.
    """
    ring = KeyRing(typed)
    if typed:
        warn_of_key()
    found = list(files)
    if not files and not typed:
        if os.environ.get(KEY_FILE_VARIABLE):
            from onvif_bmff.storage.location import local_path

            found.append(Path(local_path(os.environ[KEY_FILE_VARIABLE])))
        _add(ring, KEYS_VARIABLE, re.sub(r"[\s,;]+", "\n", os.environ.get(KEYS_VARIABLE, "")).encode())
    for file in found:
        is_asked = file == _STANDARD_INPUT and sys.stdin is not None and sys.stdin.isatty()
        data = _asked_keys() if is_asked else _secret_bytes(file)
        _add(ring, "standard input" if file == _STANDARD_INPUT else str(file), data or b"\n")
    return ring


def warn_of_key() -> None:
    """Warn of keys in arguments."""
    _log.warning("--key can be read by all users of this machine, in its list of processes; --key-file cannot")


def write_key_file(file: Path, key: ContentKey) -> None:
    """Write a new key file that only its owner can read; durable when this returns.

    Raises ``OSError`` if it exists already, or cannot be written.
    """
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE)
    with open(descriptor, "wb") as out:
        out.write(build_key_file([key]))
        out.flush()
        os.fsync(descriptor)


def _add(ring: KeyRing, name: str, data: bytes) -> None:
    if data:
        try:
            for key in parse_key_file(data):
                ring.add(key)
        except ProtectionError as error:
            raise ProtectionError(f"{name}: {error}") from None


def _asked_keys() -> bytes:
    """Return keys that are typed without echo, until an empty line."""
    lines = []
    while line := _ask("KID=KEY, or nothing to end: ").strip():
        lines.append(line)
    return "\n".join(lines).encode()


def _ask(prompt: str) -> str:
    """Return a line that is typed without echo; empty at the end of input."""
    try:
        return getpass.getpass(prompt)
    except EOFError:
        return ""


# ---- private keys ---------------------------------------------------------------------------------


def _private_key(args: argparse.Namespace, certificates: Sequence[bytes]) -> KeyUnwrapper:
    from onvif_bmff.cenc.keys.unwrap import PrivateKeyUnwrapper  # importing certificates takes longer than ciphers

    data = _secret_bytes(args.private_key)
    password = _password(args, data)
    for certificate in () if certificates else _CERTIFICATE.findall(data):
        try:
            return PrivateKeyUnwrapper(data, password=password, certificate=certificate)
        except (CertificateError, WrongKeyError):
            continue  # perhaps an authority's; a wrong password is reported below
    return PrivateKeyUnwrapper(data, password=password, certificate=certificates[0] if certificates else None)


def _password(args: argparse.Namespace, private_key: bytes) -> bytes | None:
    """Return the password from the file; else, if the key needs one, from the environment or a terminal."""
    if args.password_file is not None:
        from onvif_bmff.cenc.keys.pem import first_line

        text = _secret_bytes(args.password_file)
        return first_line(text) if text else None
    given = os.environ.get(PASSWORD_VARIABLE)
    can_ask = sys.stdin is not None and sys.stdin.isatty()
    if (not given and not can_ask) or not _is_locked(private_key):
        return None
    return os.fsencode(given) if given else _ask(f"Password of {args.private_key}: ").encode() or None


def _is_locked(private_key: bytes) -> bool:
    from onvif_bmff.cenc.keys.unwrap import PrivateKeyUnwrapper

    try:
        PrivateKeyUnwrapper(private_key)
    except WrongKeyError:  # without a certificate the password is the only possible cause
        return True
    except ProtectionError:
        pass  # it cannot be read, which is reported later
    return False


# ---- files ----------------------------------------------------------------------------------------


def _secret_bytes(file: Path) -> bytes:
    """Return the contents of a file, up to the length limit of key files. Warns if others can read it.

    Raises ``OSError``.
    """
    if file == _STANDARD_INPUT:
        if sys.stdin is None:
            raise ProtectionError("there is no standard input")
        source: BinaryIO = sys.stdin.buffer
        return source.read(MAX_KEY_FILE + 1)
    with file.open("rb") as source:
        status = os.fstat(source.fileno())
        if stat.S_ISREG(status.st_mode) and status.st_mode & (stat.S_IROTH | stat.S_IWOTH):
            _log.warning("%s is open to all users of this machine (mode %03o)", file, status.st_mode & 0o777)
        return source.read(MAX_KEY_FILE + 1)
