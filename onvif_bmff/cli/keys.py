"""Options that name content keys, and what they mean. A key is never repeated in a message."""

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from onvif_bmff.cenc.key_ring import KeyRing
from onvif_bmff.cenc.keys import ContentKey, parse_key, parse_kid
from onvif_bmff.errors import ProtectionError, WrongKeyError

if TYPE_CHECKING:
    from onvif_bmff.cenc.key_unwrap import PrivateKeyUnwrapper

__all__ = ["Keys", "Secret", "add_key_arguments", "content_key", "keys_from", "kid_text", "secret"]


class Secret:
    """The 16 bytes of a content key, which no representation shows."""

    __slots__ = ("key",)

    def __init__(self, key: bytes) -> None:
        self.key = key


class Keys(NamedTuple):
    """The keys of a command: those given, and what opens those in a file."""

    ring: KeyRing
    unwrapper: "PrivateKeyUnwrapper | None" = None

    def unlock(self, headers: Iterable[object]) -> None:
        """Open the keys in a file's pssh boxes, if there is a private key.

        It is no error yet if it opens none while keys were given besides. Raises as ``KeyRing.unlock`` does.
        """
        if self.unwrapper is not None:
            try:
                self.ring.unlock(headers, self.unwrapper)
            except WrongKeyError:
                if not self.ring:
                    raise


def kid_text(text: str) -> UUID:
    """A key identifier on the command line."""
    try:
        return parse_kid(text)
    except ProtectionError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def secret(text: str) -> Secret:
    """A content key on the command line."""
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


def add_key_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that ``keys_from`` reads."""
    group = parser.add_argument_group("keys")
    group.add_argument(
        "--key",
        metavar="UUID:HEX",
        dest="content_keys",
        type=content_key,
        action="append",
        default=[],
        help="content key (32 hex digits) and its identifier; may be given again",
    )
    group.add_argument(
        "--private-key", metavar="KEY.pem", type=Path, help="private key that opens content keys kept in the file"
    )
    group.add_argument("--certificate", metavar="CERT.pem", type=Path, help="certificate of the private key")
    group.add_argument(
        "--password-file", metavar="FILE", type=Path, help="file whose first line is the private key's password"
    )


def keys_from(args: argparse.Namespace) -> Keys:
    """Return the keys that the options name.

    Raises ``OSError`` for files that cannot be read, ``ProtectionError`` for keys that cannot be used.
    """
    ring = KeyRing(args.content_keys)
    if args.private_key is None:
        for option in ("certificate", "password_file"):
            if getattr(args, option) is not None:
                raise ProtectionError(f"--{option.replace('_', '-')} needs --private-key")
        return Keys(ring)
    from onvif_bmff.cenc.key_unwrap import PrivateKeyUnwrapper  # certificates cost more start-up time than ciphers
    from onvif_bmff.cenc.pem import first_line

    secret_text = args.password_file.read_bytes() if args.password_file is not None else b""
    return Keys(
        ring,
        PrivateKeyUnwrapper(
            args.private_key.read_bytes(),
            password=first_line(secret_text) if secret_text else None,
            certificate=args.certificate.read_bytes() if args.certificate is not None else None,
        ),
    )
