"""``onvif-bmff recover``: complete what recorders that died left behind."""

import argparse
import time
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

from onvif_bmff.cli.machine import add_json_argument, write_json
from onvif_bmff.cli.status import Status
from onvif_bmff.cli.store_options import add_store_argument, opened_store
from onvif_bmff.cli.terminal import complain, say
from onvif_bmff.cli.values import duration
from onvif_bmff.errors import StoreError
from onvif_bmff.timing import UtcTime

__all__ = ["register", "run"]

_IDLE = timedelta(minutes=10)


def register(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "recover",
        help="complete what recorders that died left behind",
        description="Complete the segments that dead recorders left unsealed, and write the end objects of spans that "
        "nobody ended. Recordings that are being written are left alone; a second run finds nothing to do.",
    )
    add_store_argument(parser)
    parser.add_argument("--prefix", help="path before the date in the keys of the recording; empty for none")
    parser.add_argument(
        "--postfix",
        help="path after the date, likewise; with both, only the last days of this recording are listed, however long "
        "ago they are",
    )
    parser.add_argument(
        "--idle",
        metavar="PT10M",
        type=duration,
        default=_IDLE,
        help="end spans only where nothing was recorded for so long (ISO 8601, default PT10M)",
    )
    parser.add_argument(
        "--nobody-records",
        action="store_true",
        help="end all spans at once: no recorder is alive that writes to this store, and no spool has anything for it",
    )
    parser.add_argument(
        "--no-spool",
        action="store_true",
        help="no spool has anything for this store. A span that is ended here goes on as another, incomplete one where "
        "a spool has more of it; so a store in the cloud is only recovered with this option or --nobody-records",
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and change nothing")
    add_json_argument(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Recover; 1 if something could not be."""
    from onvif_bmff.recovery import recover_store
    from onvif_bmff.storage import is_spool, spool_folders

    if (args.prefix is None) != (args.postfix is None):
        raise StoreError("give both --prefix and --postfix (empty for none), or neither")
    if isinstance(args.store, Path) and is_spool(args.store):
        raise StoreError(f"{args.store} is a spool: 'onvif-bmff recover {spool_folders(args.store)[0]}' completes it")
    if not (isinstance(args.store, Path) or args.nobody_records or args.no_spool or args.dry_run):
        raise StoreError(
            f"a spool may have more of what looks like the end of a span in {args.store}: upload it first (onvif-bmff "
            "spool DIR --to STORE), then say --no-spool, or --nobody-records if no recorder is alive either"
        )
    store = opened_store(args)
    before = UtcTime(time.time_ns() // 1000) - args.idle
    report = recover_store(
        store,
        places=None if args.prefix is None else [(args.prefix, args.postfix)],
        before=None if args.nobody_records else before,
        exclusive=args.nobody_records,
        dry_run=args.dry_run,
    )
    args.outcome.status = Status.FINDINGS if report.errors else Status.SUCCESS
    if args.json:
        write_json("recover", asdict(report))
    else:
        would = "would be " if args.dry_run else ""
        done = {
            "completed": report.recovered,
            "given up": report.abandoned,
            "ended": report.ended,
        }
        for what, keys in done.items():
            for key in keys:
                say(f"{would}{what:<9} {key}")
        for key in report.left:
            say(f"left open {key} (somebody records there)")
        sums = ", ".join(f"{len(keys)} {what}" for what, keys in done.items())
        say(f"{sums}, {len(report.left)} left open, {len(report.errors)} errors")
    for error in report.errors:
        complain(" ".join(error.split()))
    return Status.FINDINGS if report.errors else Status.SUCCESS
