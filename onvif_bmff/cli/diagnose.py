"""``onvif-bmff diagnose``: which clock was wrong, when, and by how much."""

import argparse
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from onvif_bmff.cli.machine import add_json_argument, write_rows
from onvif_bmff.cli.status import Status
from onvif_bmff.cli.store_options import (
    add_options_argument,
    add_part_arguments,
    check_names_no_part,
    is_store,
    opened_store,
)
from onvif_bmff.cli.terminal import Line, line_writer
from onvif_bmff.cli.values import store_place
from onvif_bmff.errors import BoxError, MediaError

if TYPE_CHECKING:
    from onvif_bmff.diagnosis import Observation

__all__ = ["register", "run"]


def register(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "diagnose",
        help="say which clock was wrong, when, and by how much",
        description="Say in words what is wrong with the times of a file or a store: stamps that are off, clocks that "
        "stepped or drift, gaps, missing samples, jitter, pictures without a sync sample, keys that disagree with the "
        "media. Media data are not decoded, so no key is needed.",
    )
    parser.add_argument(
        "store", metavar="FILE|STORE", type=store_place, help="an MP4, CMAF or QuickTime file, or a store"
    )
    add_options_argument(parser)
    add_part_arguments(parser)
    add_json_argument(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Show the observations; 1 if there are any."""
    if is_store(args.store):
        found = _stored(args)
    else:
        check_names_no_part(args)
        found = _filed(args)
    seen = 0
    counts: dict[str, int] = {}

    def counted() -> "Iterator[Observation]":
        nonlocal seen
        for one in found:
            seen += 1
            counts[str(one.fault)] = counts.get(str(one.fault), 0) + 1
            yield one

    if args.json:
        write_rows("diagnose", "observations", map(_row, counted()), _members(args, counts))
    else:
        write = line_writer(sys.stdout)
        for one in counted():
            write(_line(one))
        if not seen:
            write([("", "nothing is wrong with the times")])
    return Status.FINDINGS if seen else Status.SUCCESS


def _members(args: argparse.Namespace, counts: dict[str, int]) -> Iterator[tuple[str, Any]]:
    yield "path", str(args.store)
    yield "counts", counts


def _stored(args: argparse.Namespace) -> "Iterator[Observation]":
    from onvif_bmff.diagnosis import diagnose_store

    return diagnose_store(opened_store(args), prefix=args.prefix, postfix=args.postfix, start=args.start, end=args.end)


def _filed(args: argparse.Namespace) -> "Iterator[Observation]":
    """Yield the observations of a file, and its damage."""
    from onvif_bmff.cli.undecrypted import Undecrypted
    from onvif_bmff.diagnosis import Fault, Observation, diagnose_samples
    from onvif_bmff.ingest import open_mp4

    with open_mp4(args.store) as source:
        try:
            yield from diagnose_samples(source.tracks, source.samples(Undecrypted()))
        except (BoxError, MediaError) as error:
            yield Observation(Fault.DAMAGED, "file", str(error))
        for text in source.warnings:
            yield Observation(Fault.DAMAGED, "file", text)


def _row(one: "Observation") -> dict[str, Any]:
    return {
        "fault": str(one.fault),
        "where": one.where,
        "media_time": None if one.media_time is None else round(one.media_time, 6),
        "utc": None if one.utc is None else one.utc.isoformat(3),
        "seconds": round(one.seconds, 6),
        "count": one.count,
        "key": one.key,
        "message": one.message,
    }


def _line(one: "Observation") -> Line:
    seconds = "" if one.media_time is None else f"{one.media_time:.3f} s"
    when = seconds if one.utc is None else one.utc.isoformat(3)
    line: Line = [("type", f"{one.where}  "), ("place", f"{when}  " if when else ""), ("bad", f"{one.fault}: ")]
    line.append(("", one.message))
    if one.key:
        line.append(("place", f"  ({one.key})"))
    return line
