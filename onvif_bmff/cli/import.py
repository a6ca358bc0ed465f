"""``onvif-bmff import``: folders of files that other recorders made become spans at their true UTC."""  # noqa: N999

import argparse
from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from onvif_bmff.cli.encryption_options import add_arguments as add_encryption_arguments
from onvif_bmff.cli.encryption_options import certificates_left_out, keep_made_key
from onvif_bmff.cli.encryption_options import entries as encryption_entries
from onvif_bmff.cli.encryption_options import vectors as encryption_vectors
from onvif_bmff.cli.imported_before import ImportedBefore
from onvif_bmff.cli.importing import CameraImport, created, ended_at
from onvif_bmff.cli.progress import progress
from onvif_bmff.cli.recording_names import ImportedFile, NamedTime, name_of_camera, time_in_path, time_zone
from onvif_bmff.cli.signals import SignalGuard
from onvif_bmff.cli.status import Status
from onvif_bmff.cli.store_options import STORE_HELP, add_empty_argument, add_options_argument, opened_store
from onvif_bmff.cli.terminal import complain, say, summary
from onvif_bmff.cli.values import duration, path, store_place
from onvif_bmff.errors import MediaError, OnvifBmffError, StoreError, TimeError
from onvif_bmff.objects.key import ObjectKey
from onvif_bmff.recording.formats import CMAF, MP4, RecordingFormat
from onvif_bmff.recording.target import RecordingTarget
from onvif_bmff.storage.sink import StoreFailure, StoreSink

__all__ = ["register", "run"]

_FORMATS: dict[str, RecordingFormat] = {"CMAF": CMAF, "MP4": MP4}
_MEDIA = {".mp4", ".m4v", ".mov", ".mkv", ".ts", ".m2ts", ".avi", ".flv", ".webm"}
_SLACK = timedelta(milliseconds=500)


def register(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "import",
        help="record folders of files by the times in their names",
        description="Record the media files in a folder, of MediaMTX, Frigate, Moonfire or any other recorder, at the "
        "time at which each began. Files that follow each other become one span; each camera has a prefix of its own.",
    )
    parser.add_argument("folder", metavar="DIR", type=path, help="folder of media files, with all folders in it")
    parser.add_argument("--store", metavar="STORE", required=True, type=store_place, help=STORE_HELP)
    add_options_argument(parser)
    parser.add_argument(
        "--time-from",
        choices=("name", "creation", "mtime"),
        default="name",
        help="where it is written when a file begins: in its path (default), in its movie header, or, as its end, in "
        "the file system",
    )
    parser.add_argument(
        "--zone",
        metavar="ZONE",
        type=_zone,
        default="UTC",
        help="time zone of names that do not say theirs: UTC (default), local, +02:00, Europe/Berlin",
    )
    parser.add_argument(
        "--join",
        metavar="PT2S",
        type=duration,
        help="how far apart the end of a file and the beginning of the next may be in one span (default: what the "
        "times are exact to, and half a second)",
    )
    parser.add_argument("--prefix", default="", help="path before that of the camera in object keys")
    parser.add_argument("--postfix", default="", help="path after the date in object keys")
    parser.add_argument("--format", choices=sorted(_FORMATS), default="CMAF", help="recording format (default CMAF)")
    parser.add_argument(
        "--segment-duration", metavar="PT10S", type=duration, default=timedelta(seconds=10), help="ISO 8601"
    )
    parser.add_argument("--span-duration", metavar="PT1H", type=duration, help="ISO 8601; no limit by default")
    parser.add_argument("--source", metavar="ID", help="identifier of the device, kept as the attribute Source")
    parser.add_argument("--digits", type=int, choices=(3, 6), default=3, help="fraction digits in object keys")
    parser.add_argument("--overwrite", action="store_true", help="replace objects that exist; includes --again")
    parser.add_argument("--again", action="store_true", help="record also files that the store holds already")
    parser.add_argument("--dry-run", action="store_true", help="list what would be recorded when, and change nothing")
    add_empty_argument(parser)
    add_encryption_arguments(parser)
    parser.set_defaults(run=run)


def _zone(text: str) -> object:
    try:
        return time_zone(text)
    except TimeError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def run(args: argparse.Namespace) -> int:
    """Import; ``Status.FINDINGS`` if files were left out, or media in them lost."""
    if not args.folder.is_dir():
        raise MediaError(f"{args.folder} is no folder")
    cameras, left_out = _found(args)
    for text in left_out:
        complain(text)
    if not cameras and not args.allow_empty:
        raise MediaError(f"{args.folder}: there is no media file whose time is known")
    if args.dry_run:
        with summary():
            for camera, files in sorted(cameras.items()):
                for file in files:
                    say(f"would be recorded {file.start.isoformat()} {_prefix(args, camera) or '-'} {file.path}")
        return Status.FINDINGS if left_out else Status.SUCCESS
    return _record(args, cameras, is_partial=bool(left_out))


def _record(args: argparse.Namespace, cameras: dict[str, list[ImportedFile]], *, is_partial: bool) -> int:
    stored: list[tuple[str, int]] = []
    refused: list[StoreFailure] = []
    encryption = encryption_entries(args)
    signals: SignalGuard = args.signals
    count = sum(map(len, cameras.values()))
    with signals.shield(final=True), progress("importing", count, quiet=args.quiet) as show:
        store = opened_store(args, create=True)
        keep_made_key(args)
        ivs = encryption_vectors(args)

        def on_stored(key: ObjectKey, size: int) -> None:
            stored.append((str(key), size))

        done = before = 0
        with StoreSink(store, overwrite=args.overwrite, on_stored=on_stored, on_failure=refused.append) as sink:
            for camera, files in sorted(cameras.items()):
                target = RecordingTarget(
                    format=_FORMATS[args.format],
                    prefix=_prefix(args, camera),
                    postfix=args.postfix,
                    segment_duration=args.segment_duration,
                    span_duration=args.span_duration,
                    encryption=encryption,
                    digits=args.digits,
                )
                one = CameraImport(target, args.source, ivs, args.join, sink)
                again = args.again or args.overwrite or encryption  # what is encrypted cannot be compared
                known = None if again else ImportedBefore(store, target, files)
                for file in signals.read(files):
                    new = file if known is None else known.left_of(file)
                    if new is None:
                        before += 1
                    else:
                        is_partial |= not _recorded(one, new)
                    done += 1
                    if show is not None:
                        show(done, camera)
                is_partial |= not one.close()
    with summary():
        say(f"{sum(size for _, size in stored):,} bytes in {len(stored)} objects under {args.store}")
        if before:
            say(f"{before} of {count} files are left out: the store holds all of their samples at their times")
    if signals.number is not None:
        complain(f"ended by {signals.name}")
    left = certificates_left_out(encryption)
    for text in left:
        complain(f"not all was encrypted for {text}")
    if refused:
        raise StoreError(f"{len(refused)} objects are not stored, first {refused[0].key}: {refused[0].error}")
    return signals.status or (Status.FINDINGS if is_partial or left else Status.SUCCESS)


def _recorded(one: CameraImport, file: ImportedFile) -> bool:
    """Record a file; say what is wrong with it and return False if not all of it is recorded."""
    try:
        faults = one.record(file)
    except (OnvifBmffError, OSError) as error:
        faults = [str(error)]
    for text in faults:
        complain(text if str(file.path) in text else f"{file.path}: {text}")
    return not faults


def _prefix(args: argparse.Namespace, camera: str) -> str:
    return "/".join(part for part in (args.prefix, camera) if part)


def _found(args: argparse.Namespace) -> tuple[dict[str, list[ImportedFile]], list[str]]:
    """The files by camera, in the order of their times; and why others are left out."""
    cameras: dict[str, list[ImportedFile]] = defaultdict(list)
    left_out: list[str] = []
    for file in _files(args.folder):
        try:
            named = _time_of(args, file)
        except (OnvifBmffError, OSError) as error:
            left_out.append(f"{file}: {error}")
            continue
        if named is None:
            what = {"name": "its name", "creation": "its movie header"}.get(args.time_from, "it")
            left_out.append(f"{file}: no time is in {what}")
            continue
        cameras[named.camera].append(ImportedFile(file, named.start, named.resolution + _SLACK))
    for files in cameras.values():
        files.sort(key=lambda one: (one.start, str(one.path)))
    return cameras, left_out


def _time_of(args: argparse.Namespace, file: Path) -> NamedTime | None:
    parts = file.relative_to(args.folder).parts
    named = time_in_path(parts, args.zone)
    if args.time_from == "name":
        return named
    camera = name_of_camera(parts[:-1], "") if named is None else named.camera
    found = created(file) if args.time_from == "creation" else ended_at(file)
    return None if found is None else NamedTime(found, timedelta(seconds=1), camera)


def _files(folder: Path) -> Iterator[Path]:
    for found in sorted(folder.rglob("*")):
        if found.suffix.lower() in _MEDIA and found.is_file() and not found.name.startswith("."):
            yield found
