"""Options of commands that share their work: how many processes of this machine, or which Dask cluster."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from onvif_bmff.errors import StoreError

if TYPE_CHECKING:
    from onvif_bmff.jobs import StoreAddress, Workers
    from onvif_bmff.storage.opening import StoreUrl

__all__ = ["add_worker_arguments", "address_of", "refuse_with_workers", "workers_of"]


def add_worker_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --workers and --dask (``workers``, ``dask``)."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        "--workers", metavar="N", type=_count, help="share the work among N processes of this machine; none by default"
    )
    group.add_argument(
        "--dask",
        metavar="ADDRESS",
        help="share it among the workers of a Dask cluster, by the address of its scheduler (tcp://host:8786)",
    )


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 0 < len(text) < 5 and int(text)):
        raise argparse.ArgumentTypeError(f"a number of processes is needed, 1 or more: {text!r}")
    return int(text)


@contextmanager
def workers_of(args: argparse.Namespace) -> "Iterator[Workers | None]":
    """Begin the workers that the options ask for, and end them after the body; None if they ask for none.

    Raises:
        StoreError: the cluster cannot be reached.
    """
    count: int | None = args.workers
    if count is None and args.dask is None:
        yield None
        return
    from onvif_bmff.jobs import Workers

    with Workers.dask(args.dask) if count is None else Workers.processes(count) as workers:
        yield workers


def refuse_with_workers(args: argparse.Namespace, **options: object) -> None:
    """Check that options that need one process are not given together with workers, by their names.

    Raises:
        StoreError: one is.
    """
    if args.workers is None and args.dask is None:
        return
    with_what = "--workers" if args.dask is None else "--dask"
    for name, value in options.items():
        if value not in (None, False):
            raise StoreError(f"--{name.replace('_', '-')} does not go with {with_what}")


def address_of(place: "Path | StoreUrl", options: Path | None, *, create: bool = False) -> "StoreAddress":
    """Return the address of a store for workers: a path of this machine is made absolute."""
    from onvif_bmff.jobs import StoreAddress

    location = str(place.absolute()) if isinstance(place, Path) else str(place)
    return StoreAddress(location, None if options is None else options.absolute(), create)
