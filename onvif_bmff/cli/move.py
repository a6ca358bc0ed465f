"""``onvif-bmff move``: old objects from one store to another, such as from a disk to a bucket."""

import argparse
import time
from collections import Counter
from datetime import timedelta

from onvif_bmff.cli.machine import add_json_argument, write_json
from onvif_bmff.cli.progress import progress
from onvif_bmff.cli.signals import SignalGuard
from onvif_bmff.cli.status import Status
from onvif_bmff.cli.store_options import STORE_HELP, add_options_argument, check_places_apart, open_place
from onvif_bmff.cli.terminal import complain, say, summary
from onvif_bmff.cli.values import duration, store_place
from onvif_bmff.storage.cloud_client import NoBucketError
from onvif_bmff.storage.tiered import Moved, MoveState, keys_before, move_objects
from onvif_bmff.timing import UtcTime

__all__ = ["register", "run"]


def register(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "move",
        help="move old objects from one store to another, verified",
        description="Move the objects of recordings that are older than a duration to another store. Each is copied, "
        "looked at in the target, and only then removed from the source; the same command completes what broke off. "
        "Nothing is overwritten.",
    )
    parser.add_argument("store", metavar="SOURCE", type=store_place, help=STORE_HELP)
    parser.add_argument("target", metavar="TARGET", type=store_place, help="likewise; a missing directory is made")
    add_options_argument(parser, "--source-options", " (SOURCE)")
    add_options_argument(parser, "--target-options", " (TARGET)")
    parser.add_argument(
        "--older-than", metavar="P7D", type=duration, required=True, help="by the time in their keys (ISO 8601)"
    )
    parser.add_argument("--prefix", default="", help="move only keys that begin so")
    parser.add_argument("--digest", action="store_true", help="read each object back before it is removed")
    parser.add_argument("--dry-run", action="store_true", help="list what would be moved, and change nothing")
    add_json_argument(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Move; 1 if an object could not be moved."""
    check_places_apart(args, args.target)
    source = open_place(args.store, args.source_options)
    keys = keys_before(source.keys(args.prefix), _before(args.older_than))
    if args.dry_run:
        if args.json:
            write_json("move", {"keys": keys})
        else:
            with summary():
                for key in keys:
                    say(f"would be moved {key}")
        return Status.SUCCESS
    target = open_place(args.target, args.target_options, create=True)
    signals: SignalGuard = args.signals
    counts: Counter[MoveState] = Counter()
    size = 0
    failed: list[Moved] = []
    with signals.shield(final=True), progress("moving", len(keys), quiet=args.quiet) as show:
        for done in move_objects(source, target, signals.read(keys), digests=args.digest):
            if isinstance(done.error, NoBucketError):
                raise done.error
            counts[done.state] += 1
            size += done.size
            if done.error is not None:
                failed.append(done)
                args.outcome.status = Status.FINDINGS
                complain(str(done.error if done.key in str(done.error) else f"{done.key}: {done.error}"))
            if show is not None:
                show(counts.total())
    if args.json:
        errors = [{"key": one.key, "error": str(one.error)} for one in failed]
        write_json("move", {**{state.value: counts[state] for state in MoveState}, "bytes": size, "errors": errors})
    else:
        with summary():
            say(f"{', '.join(f'{counts[state]} {state.value}' for state in MoveState)}; {size:,} bytes")
    if signals.number is not None:
        complain(f"ended by {signals.name}; the same command goes on")
    return signals.status or (Status.FINDINGS if failed else Status.SUCCESS)


def _before(age: timedelta) -> UtcTime:
    return UtcTime(time.time_ns() // 1000) - age
