"""Options for the encryption of a recording."""

import argparse
import os
import time
from collections.abc import Sequence
from errno import ENOENT

from onvif_bmff.cenc.encrypt import IV_SIGNALLING, IvSources
from onvif_bmff.cenc.iv import IV_BITS, CencIvAllocators
from onvif_bmff.cenc.keys.certificates import LeftOut, Recipient, load_recipient
from onvif_bmff.cenc.keys.content import ContentKey, FixedKey, RotatingKey, generate_content_key
from onvif_bmff.cenc.keys.wrap import OAEP_HASHES, KeyWrapper
from onvif_bmff.cenc.scheme import ProtectionScheme
from onvif_bmff.cli.keys import (
    KEYS_VARIABLE,
    add_key_file_argument,
    given_keys,
    kid_text,
    secret,
    warn_of_key,
    write_key_file,
)
from onvif_bmff.cli.values import path
from onvif_bmff.errors import CertificateError, ProtectionError
from onvif_bmff.recording.encryption import EncryptionEntry
from onvif_bmff.timing import UtcTime, parse_duration

__all__ = ["add_arguments", "certificates_left_out", "entries", "keep_made_key", "vectors"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that ``entries`` reads."""
    group = parser.add_argument_group("encryption")
    group.add_argument("--encrypt", choices=("CENC", "CBCS"), help="encrypt, in this mode")
    group.add_argument(
        "--encrypt-track",
        metavar="TOKEN",
        dest="encrypt_tracks",
        action="append",
        default=[],
        help="encrypt only this track (VIDEO001, …); may be given again",
    )
    group.add_argument("--kid", metavar="UUID", type=kid_text, help="identifier of the content key")
    add_key_file_argument(group)
    group.add_argument(
        "--make-key-file",
        metavar="FILE",
        type=path,
        help="make a key, write it to this new file, which is for you alone (mode 600), and encrypt with it",
    )
    group.add_argument(
        "--key", metavar="HEX", type=secret, help="content key, 32 hex digits, for trials: all users can read it"
    )
    group.add_argument(
        "--certificate",
        metavar="CERT.pem",
        dest="certificates",
        type=path,
        action="append",
        default=[],
        help="in place of a key: make keys, and wrap them for this certificate; may be given again",
    )
    group.add_argument(
        "--oaep-hash",
        choices=OAEP_HASHES,
        help=f"hash of RSA-OAEP for certificates with RSA keys (default {OAEP_HASHES[0]}; readers try both)",
    )
    group.add_argument(
        "--key-rotation", metavar="PT1H", type=parse_duration, help="make a new key this often (ISO 8601)"
    )
    group.add_argument(
        "--iv-signalling",
        choices=IV_SIGNALLING,
        help="how CBCS carries initialisation vectors (default seig, as ONVIF wants; segment: the same with one "
        "fragment a segment, which simple players read; sample and track are for those too, but not what ONVIF wants)",
    )
    group.add_argument(
        "--iv-size",
        type=int,
        choices=sorted(IV_BITS),
        help="bytes of a CENC initialisation vector (default 8; 16 where one key is used by very many recordings, a "
        "deviation in CMAF)",
    )


def entries(args: argparse.Namespace) -> tuple[EncryptionEntry, ...]:
    """Return the encryption entry that the options describe, or none.

    Raises ``ProtectionError`` for options that do not go together, ``CertificateError`` for a certificate that
    cannot be used, ``OSError`` for one that cannot be read.
    """
    if args.encrypt is None:
        for option in (
            "kid",
            "key",
            "key_files",
            "make_key_file",
            "certificates",
            "oaep_hash",
            "key_rotation",
            "iv_signalling",
            "iv_size",
            "encrypt_tracks",
        ):
            if getattr(args, option):
                raise ProtectionError(f"--{option.replace('_', '-').removesuffix('s')} needs --encrypt")
        return ()
    scheme = ProtectionScheme.from_mode(args.encrypt)
    if args.iv_signalling is not None and scheme is not ProtectionScheme.CBCS:
        raise ProtectionError("--iv-signalling is for --encrypt CBCS")
    if args.iv_size is not None and scheme is not ProtectionScheme.CENC:
        raise ProtectionError("--iv-size is for --encrypt CENC")
    signalling = args.iv_signalling or IV_SIGNALLING[0]
    tracks = tuple(args.encrypt_tracks)
    if args.certificates:
        if args.kid is not None or args.key is not None or args.key_files or args.make_key_file is not None:
            raise ProtectionError("--certificate excludes --kid and --key, and key files: the keys are made here")
        wrapper = _key_wrapper(args)
        keys = RotatingKey(args.key_rotation)
        return (EncryptionEntry(scheme, keys, tracks, headers=(wrapper,), iv_signalling=signalling),)
    if args.oaep_hash is not None:
        raise ProtectionError("--oaep-hash needs --certificate")
    if args.key_rotation is not None:
        raise ProtectionError("--key-rotation needs --certificate: a key that is given does not change")
    return (EncryptionEntry(scheme, FixedKey(_content_key(args)), tracks, iv_signalling=signalling),)


def _content_key(args: argparse.Namespace) -> ContentKey:
    """Return the key to encrypt with: typed, made now, or from a key file or the environment by ``--kid``."""
    if args.make_key_file is not None:
        if args.key is not None or args.key_files:
            raise ProtectionError("--make-key-file excludes --key and --key-file")
        made = generate_content_key()
        if args.make_key_file.exists():
            raise ProtectionError(f"{args.make_key_file} exists already")
        if not args.make_key_file.absolute().parent.is_dir():
            raise FileNotFoundError(ENOENT, os.strerror(ENOENT), str(args.make_key_file))
        key = made if args.kid is None else ContentKey(args.kid, made.key)
        args.made_key = key
        return key
    if args.key is not None:
        if args.key_files:
            raise ProtectionError("--key excludes --key-file")
        if args.kid is None:
            raise ProtectionError("--encrypt needs --kid and --key, or --certificate, or --key-file")
        warn_of_key()
        return ContentKey(args.kid, args.key.key)
    ring = given_keys(args.key_files)
    if not ring:
        raise ProtectionError(f"--encrypt needs --kid and --key, or --certificate, or --key-file or {KEYS_VARIABLE}")
    if args.kid is not None:
        return ring.find(args.kid)
    if len(ring) > 1:
        raise ProtectionError(f"there are {len(ring)} keys: name the one to encrypt with by --kid")
    (only,) = ring.values()
    return only


def keep_made_key(args: argparse.Namespace) -> None:
    """Write the key file of ``--make-key-file``, once everything else is ready for its recording.

    Raises ``OSError`` if it exists by now, or cannot be written.
    """
    if args.make_key_file is not None:
        write_key_file(args.make_key_file, args.made_key)


def certificates_left_out(encryption: Sequence[EncryptionEntry]) -> list[LeftOut]:
    """Return all certificates that a key was not wrapped for while something was recorded with these entries."""
    wrappers = [source for entry in encryption for source in entry.headers if isinstance(source, KeyWrapper)]
    return [one for wrapper in wrappers for one in wrapper.left_out]


def _key_wrapper(args: argparse.Namespace) -> KeyWrapper:
    """Return the wrapper of keys for the certificates of the options, whose validity is that by the wall clock.

    Raises ``CertificateError`` with the file's name for one that cannot be used, or where none is valid now.
    """

    def now() -> UtcTime:
        return UtcTime(time.time_ns() // 1000)

    recipients: list[Recipient] = []
    reasons: list[str] = []
    for file in args.certificates:
        try:
            recipient = load_recipient(file.read_bytes())
        except CertificateError as error:
            raise CertificateError(f"{file}: {error}") from None
        recipients.append(recipient)
        reason = recipient.reason_against(now())
        if reason is not None:
            reasons.append(f"{file}: {recipient.name}: {reason}")
    if len(reasons) == len(recipients):
        raise CertificateError("; ".join(reasons))
    return KeyWrapper(lambda: recipients, clock=now, oaep_hash=args.oaep_hash or OAEP_HASHES[0])


def vectors(args: argparse.Namespace) -> IvSources | None:
    """Return the source of initialisation vectors; None for that of the process."""
    return IvSources(CencIvAllocators(size=args.iv_size)) if args.iv_size else None
