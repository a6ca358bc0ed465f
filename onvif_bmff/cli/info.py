"""``onvif-bmff info``: what is in a file or a store: tracks, codecs, rates, GOPs, encryption, times."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from onvif_bmff.cli.machine import add_json_argument, write_json, write_rows
from onvif_bmff.cli.status import Status
from onvif_bmff.cli.store_options import (
    add_empty_argument,
    add_inventory_argument,
    add_options_argument,
    add_part_arguments,
    check_names_no_part,
    counts_of,
    is_store,
    listed_store,
    nothing_found,
    warn_of_inventory,
)
from onvif_bmff.cli.terminal import complain, line_writer
from onvif_bmff.cli.values import store_place
from onvif_bmff.cli.worker_options import add_worker_arguments, address_of, refuse_with_workers, workers_of
from onvif_bmff.errors import StoreError

if TYPE_CHECKING:
    from onvif_bmff.cli.info_file import FileFacts
    from onvif_bmff.cli.info_store import StoreFacts

__all__ = ["register", "run"]


def register(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "info",
        help="show tracks, codecs, rates, GOPs and encryption of a file or store",
        description="Show what a file or the recordings of a store hold: duration, tracks, codecs with profile and "
        "level, sizes, rates, GOPs, encryption and times. Media data are not read, so no key is needed.",
    )
    parser.add_argument(
        "store", metavar="FILE|STORE", type=store_place, help="an MP4, CMAF or QuickTime file, or a store"
    )
    add_options_argument(parser)
    add_part_arguments(parser)
    add_inventory_argument(parser)
    add_worker_arguments(parser)
    add_empty_argument(parser)
    add_json_argument(parser)
    parser.add_argument("--samples", action="store_true", help="list all samples")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Show the facts; 1 if a part of the file, or an object of the store, could not be read."""
    args.inventory_counts = None
    facts = _facts_of(args)
    refuse_with_workers(args, samples=args.samples)
    rows = facts.rows()
    if args.workers is not None or args.dask is not None:
        rows = iter(())
        _read_by_workers(args, facts)
    if args.json:
        if args.samples:
            write_rows("info", "samples", rows, _members(facts))
        else:
            _exhaust(rows)
            write_json("info", facts.to_json())
    elif args.samples:
        _write_samples(rows)
    else:
        _exhaust(rows)
    warn_of_inventory(args.inventory_counts)
    reason = _empty(args, facts)
    if reason is not None and not args.allow_empty:
        complain(reason)
        return Status.ERROR
    if not args.json:
        from onvif_bmff.cli.info_text import lines_of

        write = line_writer(sys.stdout)
        for line in lines_of(facts.to_json()):
            write(line)
    for one in facts.damage:
        complain(f"{one['key']}: {one['error']}" if one["key"] else str(one["error"]))
    return Status.FINDINGS if facts.damage else Status.SUCCESS


def _read_by_workers(args: argparse.Namespace, facts: "FileFacts | StoreFacts") -> None:
    from onvif_bmff.cli.info_store import StoreFacts, read_by_workers

    if not isinstance(facts, StoreFacts):
        raise StoreError(f"--workers and --dask share the work on a store, and {args.store} is none")
    with workers_of(args) as workers:
        if workers is not None:
            read_by_workers(facts, address_of(args.store, args.store_options), workers)


def _facts_of(args: argparse.Namespace) -> "FileFacts | StoreFacts":
    if is_store(args.store):
        from onvif_bmff.cli.info_store import StoreFacts

        store = listed_store(args)
        args.inventory_counts = counts_of(store)
        return StoreFacts(
            store,
            str(args.store),
            start=args.start,
            end=args.end,
            prefix=args.prefix,
            postfix=args.postfix,
        )
    check_names_no_part(args)
    if args.inventory:
        raise StoreError(f"--inventory lists a store, and {args.store} is none")
    from onvif_bmff.cli.info_file import FileFacts

    return FileFacts(args.store)


def _empty(args: argparse.Namespace, facts: "FileFacts | StoreFacts") -> str | None:
    names = facts.names()
    return None if names is None else nothing_found(args, *names)


def _members(facts: "FileFacts | StoreFacts") -> Iterator[tuple[str, Any]]:
    yield from facts.to_json().items()


def _exhaust(rows: Iterator[dict[str, Any]]) -> None:
    for _ in rows:
        pass


def _write_samples(rows: Iterator[dict[str, Any]]) -> None:
    """Write a line for each sample, with the key of a store's object above its samples."""
    write = line_writer(sys.stdout)
    key = ""
    for row in rows:
        if row.get("key", "") != key:
            key = row["key"]
            write([("type", key)])
        line = [
            ("name", f"track {row['track']} "),
            ("", f"#{row['number']:<7} {row['time']:>14.6f} s  "),
            ("", f"{row['composition_offset']:+} +{row['duration']} ticks  {row['size']:>9,} bytes @{row['position']}"),
        ]
        frames = row.get("frames", 1)
        line += [("", f"  {frames} frames")] if frames != 1 else []
        line += [("value", "  sync")] if row["sync"] else []
        with suppress(KeyError):
            line.append(("place", f"  {row['utc']}"))
        write(line)
