"""Options that select a part of a store, and the message if that part is empty."""

import argparse
from typing import TYPE_CHECKING

from onvif_bmff.cli.values import instant, path

if TYPE_CHECKING:
    from onvif_bmff.playback import Timeline

__all__ = ["add_empty_argument", "add_part_arguments", "add_store_arguments", "nothing_found", "other_formats"]


def add_store_arguments(parser: argparse.ArgumentParser) -> None:
    """Add STORE and the options --from, --to, --prefix and --postfix (``start``, ``end``, ``prefix``, ``postfix``)."""
    parser.add_argument("store", metavar="STORE", type=path, help="directory that holds the objects")
    add_part_arguments(parser)


def add_part_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --from, --to, --prefix and --postfix alone."""
    parser.add_argument("--from", dest="start", metavar="TIME", type=instant, help="begin, as 2024-05-01T12:00:00Z")
    parser.add_argument("--to", dest="end", metavar="TIME", type=instant, help="end, likewise")
    parser.add_argument("--prefix", help="path before the date in the keys of the recording; empty for none")
    parser.add_argument("--postfix", help="path after the date in the keys of the recording; empty for none")


def add_empty_argument(parser: argparse.ArgumentParser) -> None:
    """Add the option --allow-empty (``allow_empty``)."""
    parser.add_argument(
        "--allow-empty", action="store_true", help="finding nothing recorded is success (exit status 0, not 2)"
    )


def other_formats(timeline: "Timeline") -> str:
    """Return how many objects of other formats there are under keys of recordings; empty if there are none."""
    if not timeline.other_formats:
        return ""
    count = sum(timeline.other_formats.values())
    return f"{count} objects of other formats under keys of recordings ({', '.join(timeline.other_formats)})"


def nothing_found(args: argparse.Namespace, names: int, ours: int, others: str = "") -> str:
    """Return the message that says why there was nothing to do.

    Args:
        args: has the options of ``add_store_arguments``.
        names: number of names that the store listed.
        ours: number of keys of recordings among them, with the requested prefix and postfix.
        others: what ``other_formats`` says.
    """
    wanted = [f"{name} {getattr(args, name)!r}" for name in ("prefix", "postfix") if getattr(args, name)]
    where = f" with {' and '.join(wanted)}" if wanted else ""
    when = " in that time" if args.start is not None or args.end is not None else ""
    if ours:
        why = f"there are {ours} keys, but of no segment that is wanted"
    elif others:
        why = f"there are only {others}, which cannot be read"
    elif names:
        why = f"none of {names} names is such a key of a recording"
    else:
        why = "there are no objects"
    return f"{args.store}: nothing was recorded{where}{when}: {why}"
