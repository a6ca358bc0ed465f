"""Stores on the command line: where they are, which part of them is wanted, and the message if that part is empty."""

import argparse
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from onvif_bmff.cli.terminal import complain
from onvif_bmff.cli.values import instant, path, store_place
from onvif_bmff.errors import StoreError

if TYPE_CHECKING:
    from onvif_bmff.jobs.inventory import Inventory, InventoryCounts
    from onvif_bmff.jobs.listed import ListedStore
    from onvif_bmff.objects import ObjectStore
    from onvif_bmff.playback import Timeline
    from onvif_bmff.storage.opening import StoreUrl

__all__ = [
    "STORE_HELP",
    "add_empty_argument",
    "add_inventory_argument",
    "add_options_argument",
    "add_part_arguments",
    "add_store_argument",
    "add_store_arguments",
    "base_uri",
    "check_names_no_part",
    "check_places_apart",
    "counts_of",
    "inventories_of",
    "is_store",
    "listed_store",
    "nothing_found",
    "open_place",
    "opened_store",
    "other_formats",
    "warn_of_inventory",
]

STORE_HELP = "directory or URL (s3://bucket/prefix, az://, gs://) of the objects"


def add_store_arguments(parser: argparse.ArgumentParser, *, needs_time: bool = False) -> None:
    """Add STORE and the options --from, --to, --prefix and --postfix (``start``, ``end``, ``prefix``, ``postfix``)."""
    add_store_argument(parser)
    add_part_arguments(parser, needs_time=needs_time)


def add_store_argument(parser: argparse.ArgumentParser, *, optional: bool = False) -> None:
    """Add STORE (``store``) and the options of one in the cloud."""
    parser.add_argument("store", metavar="STORE", type=store_place, nargs="?" if optional else None, help=STORE_HELP)
    add_options_argument(parser)


def add_options_argument(parser: argparse.ArgumentParser, name: str = "--store-options", whose: str = "") -> None:
    """Add the option for a file with the options of a store in the cloud (``store_options``)."""
    parser.add_argument(
        name,
        metavar="FILE",
        type=path,
        help=f"TOML file with endpoint, credentials and more for a store in the cloud{whose}; see docs/cloud.md",
    )


def open_place(
    place: "Path | StoreUrl", options: Path | None = None, *, create: bool = False, without: Collection[str] = ()
) -> "ObjectStore":
    """Open a store; see ``onvif_bmff.storage.open_store``. ``without`` are names of options that are passed over.

    Raises:
        StoreError: it cannot be opened, or the file of options cannot be read.
    """
    from onvif_bmff.storage.opening import open_store

    if options is None:
        return open_store(str(place), create=create)
    from onvif_bmff.storage.cloud_settings import read_options

    given = {name: value for name, value in read_options(options).items() if name not in without}
    return open_store(str(place), create=create, options=given)


def opened_store(args: argparse.Namespace, *, create: bool = False) -> "ObjectStore":
    """Open the store of ``add_store_argument``."""
    return open_place(args.store, args.store_options, create=create)


def add_inventory_argument(parser: argparse.ArgumentParser) -> None:
    """Add --inventory and --inventory-columns (``inventory``, ``inventory_columns``)."""
    parser.add_argument(
        "--inventory",
        metavar="FILE",
        type=path,
        action="append",
        default=[],
        help="list the store by a file of an inventory (manifest.json of S3, CSV, Parquet), without requests; may be "
        "given again",
    )
    parser.add_argument(
        "--with-newer",
        action="store_true",
        help="also list what was stored since the inventory was made, as its manifest says",
    )
    parser.add_argument(
        "--inventory-columns",
        metavar="NAMES",
        default="",
        help="names of the columns of CSV files that have no header, as Bucket,Key,Size",
    )


def inventories_of(args: argparse.Namespace) -> "list[Inventory]":
    """Return the inventories of ``add_inventory_argument``.

    Raises:
        StoreError: a manifest cannot be read.
    """
    if not args.inventory:
        return []
    from onvif_bmff.jobs.inventory import read_inventory

    place = None if isinstance(args.store, Path) else args.store
    columns = [name.strip() for name in args.inventory_columns.split(",") if name.strip()]
    return [read_inventory(file, place=place, columns=columns) for file in args.inventory]


def listed_store(args: argparse.Namespace) -> "ListedStore | ObjectStore":
    """Open the store, listed by its inventories if there are any.

    Raises:
        StoreError: it cannot be opened, or a manifest cannot be read.
    """
    inventories = inventories_of(args)
    if not inventories:
        return opened_store(args)
    from onvif_bmff.jobs.listed import ListedStore

    return ListedStore(opened_store(args), inventories, newer=args.with_newer)


def warn_of_inventory(counts: "InventoryCounts | None") -> None:
    """Say on standard error how many rows of an inventory could not be read; nothing without an inventory."""
    if counts is not None and counts.damaged:
        complain(f"{counts.damaged} rows of the inventory could not be read, the first: {counts.damaged_examples[0]}")


def counts_of(store: object) -> "InventoryCounts | None":
    """Return what was in the inventory of a ``listed_store``; None if it has none."""
    from onvif_bmff.jobs.listed import ListedStore

    return store.counts if isinstance(store, ListedStore) else None


def is_store(place: "Path | StoreUrl") -> bool:
    """Return whether a place is that of a store rather than a file."""
    return not isinstance(place, Path) or place.is_dir()


def base_uri(place: "Path | StoreUrl") -> str:
    """Return the URI of a store, with a slash at its end."""
    return f"{place.resolve().as_uri() if isinstance(place, Path) else place}/"


def check_places_apart(args: argparse.Namespace, target: "Path | StoreUrl") -> None:
    """Check that STORE (``store``) and a target are apart; ``check_apart`` says how.

    Those in the cloud with options of their own may be of two services: only the same URL is refused then.

    Raises:
        StoreError: they are not.
    """
    from onvif_bmff.objects.locations import check_apart

    is_cloud = not isinstance(target, Path)
    if not is_cloud or args.source_options == args.target_options or str(args.store) == str(target):
        check_apart(base_uri(args.store), base_uri(target))


def add_part_arguments(parser: argparse.ArgumentParser, *, needs_time: bool = False) -> None:
    """Add --from, --to, --prefix and --postfix alone; ``needs_time``: the first two have to be given."""
    start, end = "begin, as 2024-05-01T12:00:00Z", "end, likewise"
    parser.add_argument("--from", dest="start", metavar="TIME", type=instant, required=needs_time, help=start)
    parser.add_argument("--to", dest="end", metavar="TIME", type=instant, required=needs_time, help=end)
    parser.add_argument("--prefix", help="path before the date in the keys of the recording; empty for none")
    parser.add_argument("--postfix", help="path after the date in the keys of the recording; empty for none")


def check_names_no_part(args: argparse.Namespace) -> None:
    """Refuse the options that select in a store where ``store`` is a file: they would do nothing.

    ``StoreError`` names the first.
    """
    for option, name in (("--from", "start"), ("--to", "end"), ("--prefix", "prefix"), ("--postfix", "postfix")):
        if getattr(args, name, None) is not None:
            raise StoreError(f"{option} selects in a store, and {args.store} is none")


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
