"""``onvif-bmff expire``: delete what is too old."""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

from onvif_bmff.cli.machine import add_json_argument, write_json, write_rows
from onvif_bmff.cli.status import Status
from onvif_bmff.cli.store_options import (
    add_inventory_argument,
    add_store_argument,
    counts_of,
    listed_store,
    warn_of_inventory,
)
from onvif_bmff.cli.terminal import complain, say, summary
from onvif_bmff.cli.values import duration, instant
from onvif_bmff.cli.worker_options import add_worker_arguments, address_of, workers_of
from onvif_bmff.errors import StoreError
from onvif_bmff.jobs.expiry import Expired, expire_store, expired_in
from onvif_bmff.jobs.lifecycle import lifecycle_rule
from onvif_bmff.jobs.retention import Hold
from onvif_bmff.timing import UtcTime

__all__ = ["register", "run"]


def register(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "expire",
        help="delete what is too old",
        description="Delete whole segments that ended longer ago than a duration, oldest first, and whole spans, "
        "so that the rest stays valid. Names that are no keys of recordings are left alone.",
    )
    add_store_argument(parser)
    parser.add_argument(
        "--older-than", metavar="P30D", type=duration, required=True, help="how long ago it ended (ISO 8601, as P30D)"
    )
    parser.add_argument("--prefix", help="path before the date in the keys of the recording; empty for none")
    parser.add_argument("--postfix", help="path after the date in the keys of the recording; empty for none")
    parser.add_argument(
        "--hold",
        metavar="FROM/TO",
        type=_hold,
        action="append",
        default=[],
        help="delete nothing of this time (two instants); may be given again",
    )
    parser.add_argument("--dry-run", action="store_true", help="list what would be deleted, and delete nothing")
    parser.add_argument(
        "--print-lifecycle",
        action="store_true",
        help="write the rule of life cycle by which the service itself does so (S3, Azure, Google), and delete nothing",
    )
    add_inventory_argument(parser)
    add_worker_arguments(parser)
    add_json_argument(parser)
    parser.set_defaults(run=run)


def _hold(text: str) -> Hold:
    start, _, end = text.partition("/")
    found = Hold(instant(start), instant(end))
    if found.end <= found.start:
        raise argparse.ArgumentTypeError(f"a hold ends after it starts: {text!r}")
    return found


def run(args: argparse.Namespace) -> int:
    """Delete; 1 if something could not be."""
    if args.print_lifecycle:
        return _print_lifecycle(args)
    before = UtcTime(time.time_ns() // 1000) - args.older_than
    where = {"prefix": args.prefix, "postfix": args.postfix, "holds": args.hold}
    store = listed_store(args)
    if args.dry_run:
        keys = [key for kind in expired_in(store, before, **where) for key in kind]
        warn_of_inventory(counts_of(store))
        if args.json:
            write_json("expire", {"dry_run": True, "before": str(before), "deleted": keys, "errors": []})
        else:
            with summary():
                for key in keys:
                    say(f"would be deleted {key}")
                say(f"{len(keys)} objects that ended before {before} would be deleted")
        return Status.SUCCESS
    errors: list[Expired] = []
    count = 0

    def deleted(done: Iterator[Expired]) -> Iterator[str]:
        nonlocal count
        for one in done:
            if one.error:
                args.outcome.status = Status.FINDINGS
                errors.append(one)
                complain(f"{one.key}: {one.error}; it stays, and so do later objects of its kind")
            else:
                count += 1
                yield one.key

    with workers_of(args) as workers:
        address = address_of(args.store, args.store_options)
        done = deleted(expire_store(address, before, workers=workers, listing=store, **where))
        if args.json:
            failed = ([{"key": one.key, "error": one.error} for one in errors] for _ in range(1))
            write_rows("expire", "deleted", done, _members(before, failed))
        else:
            for key in done:
                if args.verbose:
                    say(key)
            with summary():
                say(f"{count} objects that ended before {before} were deleted")
    warn_of_inventory(counts_of(store))
    return Status.FINDINGS if errors else Status.SUCCESS


def _members(before: UtcTime, failed: Iterator[list[dict[str, str]]]) -> Iterator[tuple[str, object]]:
    yield "dry_run", False
    yield "before", str(before)
    yield "errors", next(failed)


def _print_lifecycle(args: argparse.Namespace) -> int:
    if isinstance(args.store, Path):
        raise StoreError("a directory has no rules of life cycle: run expire from time to time")
    if args.postfix or args.hold:
        raise StoreError("a rule of life cycle knows the beginning of names only: no --postfix, no --hold")
    for line in lifecycle_rule(args.store, args.older_than, args.prefix or "").splitlines():
        say(line)
    return Status.SUCCESS
