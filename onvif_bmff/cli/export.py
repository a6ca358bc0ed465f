"""``onvif-bmff export``: a time range of a store as one clear MP4 file, or as what players open."""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeVar
from urllib.parse import quote

from onvif_bmff.cli.keys import add_key_arguments, keys_from
from onvif_bmff.cli.output import new_file
from onvif_bmff.cli.permissions import add_mode_argument, usual_mode
from onvif_bmff.cli.status import Status
from onvif_bmff.cli.store_options import (
    add_empty_argument,
    add_store_arguments,
    nothing_found,
    opened_store,
    other_formats,
)
from onvif_bmff.cli.terminal import complain, say, summary
from onvif_bmff.cli.values import path
from onvif_bmff.errors import MediaError, ProtectionError

if TYPE_CHECKING:
    from onvif_bmff.export import DashManifest, Playlists
    from onvif_bmff.objects import ReadableStore
    from onvif_bmff.playback import LeftOut, SegmentHeader, Selection

    _Lists = TypeVar("_Lists", Playlists, DashManifest)

__all__ = ["register", "run"]

_COPIES = "clear"
_HLS, _DASH = "index.m3u8", "index.mpd"


def register(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "export",
        help="write a time range as an MP4 file, or as HLS playlists or a DASH MPD",
        description="Join a time range of a recording to one clear MP4 file, or write HLS playlists or a DASH MPD that "
        "play the objects where they lie; where only one track has a gap, and of encrypted ones, with keys, copies.",
    )
    add_store_arguments(parser)
    add_empty_argument(parser)
    target = parser.add_mutually_exclusive_group(required=True)
    target.add_argument("-o", "--output", metavar="OUT.mp4", type=path, help="file to write")
    target.add_argument("--hls", metavar="DIR", type=path, help="directory for the playlists; index.m3u8 is the first")
    target.add_argument("--dash", metavar="DIR", type=path, help="directory for a DASH MPD, index.mpd")
    parser.add_argument(
        "--copies",
        choices=("auto", "always", "never"),
        help="with --hls or --dash: copies of the media on one time line, with grey pictures and silence where a track "
        "is missing; auto (default): where the objects do not play right where they lie",
    )
    parser.add_argument(
        "--base", metavar="URL", help="with --hls or --dash: where the store is served, as the player sees it"
    )
    parser.add_argument("--progressive", action="store_true", help="sample tables in place of fragments")
    parser.add_argument("--faststart", action="store_true", help="with --progressive: tables before the media data")
    parser.add_argument(
        "--exact",
        action="store_true",
        help="hide what lies outside the range by an edit list; some players heed it only with --progressive",
    )
    parser.add_argument(
        "--strict",
        action="store_true",
        help="stop with an error at the first damaged object (otherwise what is whole is exported, losses named)",
    )
    parser.add_argument("--gaps", choices=("keep", "cut"), default="keep", help="what becomes of gaps (default keep)")
    add_mode_argument(parser)
    add_key_arguments(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Export; 0 if everything was exported, 1 if anything was missing, damaged or not to be decrypted."""
    from onvif_bmff.export import export_movie
    from onvif_bmff.playback import Timeline, select

    _check(arguments)
    store = opened_store(arguments)
    where = {"prefix": arguments.prefix, "postfix": arguments.postfix}
    timeline = Timeline.from_store(store, arguments.start, arguments.end, **where)
    selection = select(timeline, start=arguments.start, end=arguments.end, **where)
    if not selection:
        names = timeline.objects + timeline.foreign
        reason = nothing_found(arguments, names, timeline.objects, other_formats(timeline))
        if not arguments.allow_empty:
            raise MediaError(reason)
        say(f"{reason}: nothing was written")
        return Status.SUCCESS
    if timeline.other_formats:
        complain(f"passed over: {other_formats(timeline)}")
    if arguments.hls is not None or arguments.dash is not None:
        return _write_lists(arguments, store, selection)
    keys = keys_from(arguments)
    output: Path = arguments.output
    with ExitStack() as stack:
        file = stack.enter_context(
            new_file(output, arguments.signals, mode=_mode(arguments, store, selection), final=True)
        )
        spool = None
        if arguments.progressive and arguments.faststart:
            spool = stack.enter_context(tempfile.TemporaryFile(dir=output.parent))
        report = export_movie(
            store,
            selection,
            file,
            progressive=arguments.progressive,
            spool=spool,
            exact=arguments.exact,
            cut_gaps=arguments.gaps == "cut",
            keys=keys.ring,
            unwrapper=keys.unwrapper,
            strict=arguments.strict,
        )
    counts = ", ".join(
        f"{count} {track.type.value.lower()} samples"
        for track, count in zip(report.tracks, report.samples, strict=True)
    )
    with summary():
        say(f"{output}: {report.start} … {report.end}, {counts}")
    if report.empty:
        complain(f"{report.empty} samples without bytes were left out, for players refuse them")
    for name in report.missing if arguments.strict else ():
        say(f"missing: {name}", sys.stderr)
    for one in report.doubts:
        complain(str(one))
    return _losses(report.left_out, report.missing)


def _check(arguments: argparse.Namespace) -> None:
    """Refuse options that would be ignored, and an impossible output, before any work."""
    form = "hls" if arguments.hls is not None else "dash" if arguments.dash is not None else ""
    if not form:
        for option in ("base", "copies"):
            if getattr(arguments, option) is not None:
                raise MediaError(f"--{option} needs --hls or --dash")
        if arguments.faststart and not arguments.progressive:
            raise MediaError("--faststart needs --progressive")
        if not arguments.output.name or arguments.output.is_dir():
            raise MediaError(f"{arguments.output} is a directory")
        is_local = isinstance(arguments.store, Path) and arguments.output.exists()
        if is_local and arguments.output.resolve().is_relative_to(arguments.store.resolve()):
            raise MediaError(f"{arguments.output} is a file of the store that is exported: it would be replaced")
        return
    for option in ("progressive", "faststart", "exact"):
        if getattr(arguments, option):
            raise MediaError(f"--{option} does not go with --{form}")
    if arguments.gaps != "keep":
        raise MediaError(f"--gaps does not go with --{form}")


# ---- what players open ------------------------------------------------------------------------


def _write_lists(arguments: argparse.Namespace, store: "ReadableStore", selection: "Selection") -> int:
    """Write playlists or an MPD; return the exit status."""
    from onvif_bmff.export import has_one_codec_a_track, is_one_track_an_object, plays_in_place

    status: int | None = None
    if arguments.copies == "always":
        return _continuous(arguments, store, selection)
    if arguments.dash is not None:
        if arguments.copies == "never" or is_one_track_an_object(selection):
            status = _with_fillers(arguments, store, selection)
        return _continuous(arguments, store, selection) if status is None else status
    may_copy = arguments.copies != "never" and has_one_codec_a_track(store, selection)
    in_place = plays_in_place(store, selection)
    if in_place or not may_copy:
        status = _playlists_in_place(arguments, store, selection, whole=may_copy)
    elif is_one_track_an_object(selection):
        status = _with_fillers(arguments, store, selection)
        in_place = True
    if status is None:
        return _continuous(arguments, store, selection)
    if not in_place:
        reason = "" if arguments.copies == "never" else ", and copies cannot help, for the codec of one changes"
        complain(f"not all tracks have the same gaps: some players play the wrong sound, or stop{reason}")
    return status


class _NeedsCopiesError(Exception):
    """The stored objects do not play where they lie."""


def _with_fillers(arguments: argparse.Namespace, store: "ReadableStore", selection: "Selection") -> int | None:
    """An MPD or playlists over the objects where they lie, and fillers; None if copies are needed."""
    from onvif_bmff.cli.clear_copies import make_folder, remove_files
    from onvif_bmff.export import dash_manifest, playlists_with_fillers

    keys, signals, folder = keys_from(arguments), arguments.signals, arguments.hls or arguments.dash
    base = arguments.base if arguments.base is not None else _relative(arguments.store, folder)
    made: list[Path] = []
    left_out: list[LeftOut] = []
    with ExitStack() as stack:
        stack.enter_context(signals.undo(lambda: remove_files(made)))
        make_folder(folder, made)
        files = ExitStack()

        def open_file(name: str) -> BinaryIO:
            return files.enter_context(new_file(folder / name, signals, mode=usual_mode()))

        try:
            with signals.shield(final=True), files, signals.exposed():
                first = _HLS if arguments.hls is not None else _DASH
                index = open_file(first)
                lists: dict[str, str]
                if arguments.hls is not None:
                    playlists = playlists_with_fillers(store, selection, open_file, base=base, strict=False)
                    if playlists is None:
                        raise _NeedsCopiesError
                    lists = playlists
                    left_out = _checked(playlists, arguments).left_out
                else:
                    manifest = dash_manifest(store, selection, open_file, base=base, strict=False)
                    left_out = _checked(manifest, arguments).left_out
                    lists = {_DASH: manifest.text}
                index.write(lists[first].encode())
                for name in lists.keys() - {first}:
                    open_file(name).write(lists[name].encode())
        except (ProtectionError, _NeedsCopiesError) as error:
            if isinstance(error, ProtectionError) and not keys.ring and keys.unwrapper is None:
                raise _without_keys(error) from None
            if isinstance(error, ProtectionError) and arguments.copies == "never":
                raise
            remove_files(made)
            return None
    say(f"{folder / first}: over the stored objects, with fillers where a track has nothing")
    return _losses(left_out)


def _continuous(arguments: argparse.Namespace, store: "ReadableStore", selection: "Selection") -> int:
    """Copies on one time line, and the playlists or the MPD of them."""
    from onvif_bmff.cli.clear_copies import make_folder, remove_files
    from onvif_bmff.export import continuous_mpd, continuous_playlists, export_continuous

    keys, signals, mode = keys_from(arguments), arguments.signals, _mode(arguments, store, selection)
    folder: Path = arguments.hls or arguments.dash
    first = _HLS if arguments.hls is not None else _DASH
    made: list[Path] = []
    with ExitStack() as stack:
        stack.enter_context(signals.undo(lambda: remove_files(made)))
        make_folder(folder, made)
        files = ExitStack()  # each gets its name at the end, the first list last

        def open_file(name: str, permissions: int | None = mode) -> BinaryIO:
            return files.enter_context(new_file(folder / name, signals, mode=permissions))

        with signals.shield(final=True), files, signals.exposed():
            index = open_file(first, usual_mode())
            try:
                export = export_continuous(
                    store, selection, open_file, keys=keys.ring, unwrapper=keys.unwrapper, strict=arguments.strict
                )
            except ProtectionError as error:
                if keys.ring or keys.unwrapper is not None:
                    raise
                raise _without_keys(error) from None
            lists = continuous_playlists(export) if arguments.hls is not None else {_DASH: continuous_mpd(export)}
            index.write(lists.pop(first).encode())
            for name, text in lists.items():
                open_file(name, usual_mode()).write(text.encode())
    report = export.report
    whose = "" if arguments.file_mode is not None or mode is not None else ", for you alone (--file-mode)"
    say(f"{folder / first}: {report.start} … {report.end}, copies on one time line{whose}")
    if report.empty:
        complain(f"{report.empty} samples without bytes were left out, for players refuse them")
    for one in report.doubts:
        complain(str(one))
    return _losses(report.left_out, report.missing)


def _without_keys(error: ProtectionError) -> ProtectionError:
    return ProtectionError(f"{error}; with --key-file or --private-key clear copies are made for it")


def _playlists_in_place(
    arguments: argparse.Namespace, store: "ReadableStore", selection: "Selection", *, whole: bool
) -> int | None:
    """HLS playlists of the objects where they lie, or of clear copies if they are encrypted and keys were given.

    With ``whole``, nothing is written and None returned if pictures or sound are damaged: tracks then have other gaps.
    """
    from onvif_bmff.cli.clear_copies import ClearCopies, make_folder, remove_files
    from onvif_bmff.export import PLAYED, hls_playlists
    from onvif_bmff.objects.extensions import media_in

    keys, folder, signals = keys_from(arguments), arguments.hls, arguments.signals
    base = arguments.base if arguments.base is not None else _relative(arguments.store, folder)
    note = ""
    made: list[Path] = []
    left_out: dict[str, LeftOut] = {}
    with ExitStack() as stack:
        stack.enter_context(signals.undo(lambda: remove_files(made)))
        try:
            playlists = _checked(hls_playlists(store, selection, base=base, strict=False), arguments)
        except ProtectionError as error:
            if not keys.ring and keys.unwrapper is None:
                raise _without_keys(error) from None
            copies = ClearCopies.make(
                store, selection, folder / _COPIES, keys, signals, made, arguments.file_mode, strict=arguments.strict
            )
            left_out.update(copies.left_out)
            playlists = hls_playlists(copies, selection, base=f"{_COPIES}/", name_of=copies.name_of, strict=False)
            playlists = _checked(playlists, arguments)
            whose = "" if arguments.file_mode is not None else ", for you alone (--file-mode)"
            note = f", clear copies in {folder / _COPIES}{whose}"
        for one in playlists.left_out:
            left_out.setdefault(one.key, one)
        if whole and any(media_in(key.rpartition(".")[2]) & PLAYED for key in left_out):
            remove_files(made)
            return None
        make_folder(folder, made)
        files = ExitStack()  # each gets its name at the end, the first playlist last
        with signals.shield(final=True), files:
            for name in sorted(playlists, key=lambda name: name != "index.m3u8"):
                with signals.exposed():
                    file = files.enter_context(new_file(folder / name, signals, mode=usual_mode()))
                    file.write(playlists[name].encode())
    say(f"{folder / 'index.m3u8'}: {len(playlists) - 1} playlists{note}")
    return _losses(list(left_out.values()))


def _checked(playlists: "_Lists", arguments: argparse.Namespace) -> "_Lists":
    """Return what was made; with --strict raise the first error of an object that they leave out."""
    for one in playlists.left_out if arguments.strict else ():
        if one.error is not None:
            raise one.error
    return playlists


def _relative(store: Path | str, playlists: Path) -> str:
    """Return the path from the playlists to the objects as a URI, for a server that has both below one root."""
    if not isinstance(store, Path):
        raise MediaError("lists of a store in the cloud need --base, the URL where players find its objects")
    path = os.path.relpath(os.path.realpath(store), os.path.realpath(playlists)).replace(os.sep, "/")
    return "" if path == "." else f"{quote(path)}/"


def _losses(left_out: "Sequence[LeftOut]", missing: "Sequence[str]" = ()) -> int:
    """Name what was left out; return the exit status."""
    for one in left_out:
        complain(str(one))
    return Status.FINDINGS if left_out or missing else Status.SUCCESS


def _mode(arguments: argparse.Namespace, store: "ReadableStore", selection: "Selection") -> int | None:
    """Return the permissions of the file: the requested ones, or the usual ones if nothing was encrypted."""
    from onvif_bmff.playback import Seeker, settle_header

    asked: int | None = arguments.file_mode
    if asked is not None:
        return asked
    seeker = Seeker(store)
    for part in (part for parts in selection.parts.values() for part in parts):
        if arguments.strict:
            found: SegmentHeader | None = seeker.header(part.span.segments[part.first])
        else:
            found, _ = settle_header(store, seeker, part)
        if found is not None and found.is_protected:
            return None
    return usual_mode()
