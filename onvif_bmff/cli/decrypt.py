"""``onvif-bmff decrypt``: an encrypted file of any writer into a clear one."""

import argparse
import mmap
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from onvif_bmff.bmff import Box
from onvif_bmff.cenc.keys.ring import KeyRing
from onvif_bmff.cli.keys import add_key_arguments, keys_from
from onvif_bmff.cli.output import new_file
from onvif_bmff.cli.permissions import add_mode_argument
from onvif_bmff.cli.signals import SignalGuard
from onvif_bmff.cli.status import Status
from onvif_bmff.cli.terminal import complain, say, summary
from onvif_bmff.cli.values import path
from onvif_bmff.errors import MediaError
from onvif_bmff.export.clear_file import ClearFile
from onvif_bmff.ingest.mapping import map_file

__all__ = ["decrypt_file", "register", "run"]


def register(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "decrypt",
        help="decrypt an MP4 file",
        description="Decrypt an MP4 file (cenc, cbcs, cens, cbc1, PIFF), keeping its structure.",
    )
    parser.add_argument("file", metavar="FILE", type=path, help="encrypted MP4 file, fragmented or progressive")
    parser.add_argument("-o", "--output", metavar="OUT", type=path, required=True, help="where the clear file goes")
    parser.add_argument(
        "--partial",
        action="store_true",
        help="leave tracks encrypted whose keys are not given, but not all; without it a missing key is an error",
    )
    add_mode_argument(parser)
    add_key_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Decrypt; 0, or 1 if a track stays encrypted. The output is removed if that fails."""
    keys = keys_from(args)
    clear = decrypt_file(
        args.file,
        args.output,
        keys.ring,
        signals=args.signals,
        unlock=keys.unlock,
        mode=args.file_mode,
        final=True,
        partial=args.partial,
    )
    with summary():
        say(f"{clear.size:>12,}  {args.output}")
    for track_id, kids in clear.left.items():
        complain(f"track {track_id} stays encrypted: no content key for KID {', '.join(map(str, kids))}")
    return Status.FINDINGS if clear.left else Status.SUCCESS


def decrypt_file(
    source: Path,
    target: Path,
    ring: KeyRing,
    *,
    signals: SignalGuard | None = None,
    unlock: Callable[[Sequence[Box]], object] | None = None,
    mode: int | None = None,
    may_be_clear: bool = False,
    final: bool = False,
    partial: bool = False,
) -> ClearFile:
    """Write the clear form of a file, and return it. The file gets its name when it is complete.

    Only its owner can read it, from its first byte on, unless ``mode`` is given.

    ``final``: the command ends with this file (see ``new_file``). ``partial``: tracks without keys stay encrypted.

    Raises ``OSError`` for files that cannot be read or written, ``MediaError`` for one that is not encrypted (unless it
    ``may_be_clear``: then it is copied), and what ``ClearFile`` raises.
    """
    mapped = map_file(source)

    def forget() -> None:
        """Release pages that were read, since they would count as memory of this process."""
        mapped.madvise(mmap.MADV_DONTNEED)

    clear = ClearFile(memoryview(mapped), ring, unlock=unlock, passed=forget, partial=partial)
    if not clear.is_protected and not may_be_clear:
        raise MediaError(f"{source} is not encrypted: nothing was written")
    with new_file(target, signals or SignalGuard(), mode=mode, final=final) as out:
        for piece in clear.pieces():
            _write(out.fileno(), piece.data, piece.position)
    return clear


def _write(out: int, data: bytes | bytearray | memoryview, position: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(out, view, position)
        view, position = view[written:], position + written
