"""Options that say how a recording is encrypted."""

import argparse
from pathlib import Path

from onvif_bmff.cenc.encrypt import IV_SIGNALLING, IvSources
from onvif_bmff.cenc.iv import IV_BITS, CencIvAllocators
from onvif_bmff.cenc.key_wrap import KeyWrapper
from onvif_bmff.cenc.keys import ContentKey, FixedKey, RotatingKey
from onvif_bmff.cenc.scheme import ProtectionScheme
from onvif_bmff.cli.keys import kid_text, secret
from onvif_bmff.errors import ProtectionError
from onvif_bmff.recording.encryption import EncryptionEntry
from onvif_bmff.timing import parse_duration

__all__ = ["add_arguments", "entries", "vectors"]


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
    group.add_argument("--key", metavar="HEX", type=secret, help="content key, 32 hex digits")
    group.add_argument(
        "--certificate",
        metavar="CERT.pem",
        dest="certificates",
        type=Path,
        action="append",
        default=[],
        help="in place of a key: make keys, and wrap them for this certificate; may be given again",
    )
    group.add_argument(
        "--key-rotation", metavar="PT1H", type=parse_duration, help="make a new key this often (ISO 8601)"
    )
    group.add_argument(
        "--iv-signalling",
        choices=IV_SIGNALLING,
        help="how CBCS carries initialisation vectors (default seig, as ONVIF wants; others for simple players)",
    )
    group.add_argument(
        "--iv-size",
        type=int,
        choices=sorted(IV_BITS),
        help="bytes of a CENC initialisation vector (default 8; 16 where one key is used by very many recordings)",
    )


def entries(args: argparse.Namespace) -> tuple[EncryptionEntry, ...]:
    """Return the encryption entry that the options describe, or none.

    Raises ``ProtectionError`` for options that do not go together, ``CertificateError`` for a certificate that
    cannot be used, ``OSError`` for one that cannot be read.
    """
    if args.encrypt is None:
        for option in ("kid", "key", "certificates", "key_rotation", "iv_signalling", "iv_size", "encrypt_tracks"):
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
        if args.kid is not None or args.key is not None:
            raise ProtectionError("--certificate excludes --kid and --key: the keys are made here")
        wrapper = KeyWrapper([path.read_bytes() for path in args.certificates])
        keys = RotatingKey(args.key_rotation)
        return (EncryptionEntry(scheme, keys, tracks, headers=(wrapper,), iv_signalling=signalling),)
    if args.key_rotation is not None:
        raise ProtectionError("--key-rotation needs --certificate: a key that is given does not change")
    if args.kid is None or args.key is None:
        raise ProtectionError("--encrypt needs --kid and --key, or --certificate")
    fixed = FixedKey(ContentKey(args.kid, args.key.key))
    return (EncryptionEntry(scheme, fixed, tracks, iv_signalling=signalling),)


def vectors(args: argparse.Namespace) -> IvSources | None:
    """Return where initialisation vectors come from; None for those of the process."""
    return IvSources(CencIvAllocators(size=args.iv_size)) if args.iv_size else None
