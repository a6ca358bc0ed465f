"""``onvif-bmff copy``: objects from one store to another, with their attributes, verified."""

import argparse
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from onvif_bmff.cli.machine import add_json_argument, write_json
from onvif_bmff.cli.progress import progress
from onvif_bmff.cli.signals import SignalGuard
from onvif_bmff.cli.status import Status
from onvif_bmff.cli.store_options import (
    STORE_HELP,
    add_empty_argument,
    add_options_argument,
    add_part_arguments,
    check_places_apart,
    nothing_found,
    open_place,
    other_formats,
)
from onvif_bmff.cli.terminal import complain, say, summary
from onvif_bmff.cli.values import store_place
from onvif_bmff.errors import StoreError
from onvif_bmff.objects.locations import is_in_store_area
from onvif_bmff.storage.cloud_client import NoBucketError
from onvif_bmff.storage.copying import Copied, CopyState, copy_objects
from onvif_bmff.timing import UtcTime

if TYPE_CHECKING:
    from onvif_bmff.objects import ReadableStore
    from onvif_bmff.playback import RecordedSpan

__all__ = ["register", "run"]


def register(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "copy",
        help="copy objects from one store to another, verified",
        description="Copy the objects of a store to another one, with content types and attributes. Nothing is "
        "overwritten, and what is there already is compared, so that a copy that broke off is completed by the same "
        "command: an object is present if size and ObjectId are the same, or, with --digest or without ids, all bytes. "
        "Each copied object is looked at in the target.",
    )
    parser.add_argument("store", metavar="SOURCE", type=store_place, help=STORE_HELP)
    parser.add_argument("target", metavar="TARGET", type=store_place, help="likewise; a missing directory is made")
    add_options_argument(parser, "--source-options", " (SOURCE)")
    add_options_argument(parser, "--target-options", " (TARGET)")
    add_part_arguments(parser)
    parser.add_argument(
        "--digest",
        action="store_true",
        help="read each object back, also those that are present, and compare digests of all bytes",
    )
    parser.add_argument("--tasks", metavar="N", type=_tasks, default=4, help="objects at once (default 4)")
    parser.add_argument("--dry-run", action="store_true", help="list what would be copied, and change nothing")
    add_empty_argument(parser)
    add_json_argument(parser)
    parser.set_defaults(run=run)


def _tasks(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 0 < int(text[:4]) <= 256 and len(text) < 4):
        raise argparse.ArgumentTypeError(f"a number from 1 to 256 is needed: {text!r}")
    return int(text)


def run(args: argparse.Namespace) -> int:
    """Copy; 1 if an object could not be copied."""
    check_places_apart(args, args.target)
    source = open_place(args.store, args.source_options)
    keys, reason = _keys(args, source)
    keys = [key for key in keys if not is_in_store_area(key)]
    if not keys and not args.allow_empty:
        raise StoreError(reason)
    if args.dry_run:
        return _list(args, keys)
    keys.sort(key=lambda key: key.endswith("_end"))  # a span is not ended before its segments are there
    target = open_place(args.target, args.target_options, create=True)
    signals: SignalGuard = args.signals
    sums = _Sums()
    with signals.shield(final=True), progress("copying", len(keys), quiet=args.quiet) as show:
        for done in copy_objects(source, target, signals.read(keys), digests=args.digest, tasks=args.tasks):
            sums.add(done)
            if isinstance(done.error, NoBucketError):
                raise done.error  # of the source or the target: so are all others
            if done.state is CopyState.FAILED:
                args.outcome.status = Status.FINDINGS
                complain(str(done.error if done.key in str(done.error) else f"{done.key}: {done.error}"))
            if show is not None:
                show(sums.counts.total())
    if args.json:
        write_json("copy", sums.to_json())
    else:
        with summary():
            counts = ", ".join(f"{sums.counts[state]} {state.value}" for state in CopyState)
            say(f"{counts}; {sums.size:,} bytes written")
            if sums.thinned:
                say(f"{sums.thinned} objects have fewer attributes in the target, which keeps no more")
    if signals.number is not None:
        complain(f"ended by {signals.name}; the same command goes on")
    return signals.status or (Status.FINDINGS if sums.failed else Status.SUCCESS)


class _Sums:
    """What became of all objects; ``size`` is in bytes."""

    def __init__(self) -> None:
        self.counts: Counter[CopyState] = Counter()
        self.size = self.thinned = 0
        self.failed: list[Copied] = []

    def add(self, done: Copied) -> None:
        """Take one object into account."""
        self.counts[done.state] += 1
        self.thinned += done.thinned
        if done.state is CopyState.COPIED:
            self.size += done.size
        elif done.state is CopyState.FAILED:
            self.failed.append(done)

    def to_json(self) -> dict[str, Any]:
        """Return them as plain values."""
        return {
            **{state.value: self.counts[state] for state in CopyState},
            "bytes": self.size,
            "thinned": self.thinned,
            "errors": [{"key": one.key, "error": str(one.error)} for one in self.failed],
        }


def _list(args: argparse.Namespace, keys: list[str]) -> int:
    if args.json:
        write_json("copy", {"keys": keys})
    else:
        with summary():
            for key in keys:
                say(f"would be copied {key}")
    return Status.SUCCESS


def _keys(args: argparse.Namespace, source: "ReadableStore") -> tuple[list[str], str]:
    """Return the keys that are wanted, and why there are none: all of the store, or those of a place or time."""
    if args.start is None and args.end is None and args.prefix is None and args.postfix is None:
        return list(source.keys()), f"{args.store}: there are no objects"
    from onvif_bmff.playback import Timeline

    timeline = Timeline.from_store(source, args.start, args.end, prefix=args.prefix, postfix=args.postfix)
    keys = [key for span in timeline.spans for key in _of_span(span, args.start, args.end)]
    names = timeline.objects + timeline.foreign
    return keys, nothing_found(args, names, timeline.objects, other_formats(timeline))


def _of_span(span: "RecordedSpan", start: UtcTime | None, end: UtcTime | None) -> Iterator[str]:
    """Yield the keys of the segments of a span that lie in a range, and of its end if the last one does."""
    last = None
    for segment in span.segments:
        over = segment.end or segment.start
        if (end is None or segment.start < end) and (start is None or over > start or segment.start >= start):
            last = segment
            yield segment.name
    if last is not None and last.name == span.segments[-1].name and span.end_name is not None:
        yield span.end_name
