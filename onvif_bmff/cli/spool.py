"""``onvif-bmff spool``: what waits in a spool, and its upload."""

import argparse
import dataclasses
import os
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from onvif_bmff.cli.machine import add_json_argument, write_json
from onvif_bmff.cli.signals import SignalGuard
from onvif_bmff.cli.spool_options import add_policy_arguments, check_uploads_to, policy_of
from onvif_bmff.cli.status import Status
from onvif_bmff.cli.store_options import STORE_HELP, add_options_argument, open_place
from onvif_bmff.cli.terminal import complain, say, summary
from onvif_bmff.cli.values import duration, path, store_place
from onvif_bmff.errors import ObjectNotFoundError, StoreError
from onvif_bmff.runtime import utc_now

if TYPE_CHECKING:
    from onvif_bmff.storage import DirectoryStore, SpooledStore

__all__ = ["complain_of_rest", "emptied", "register", "run"]

_STEP = 0.2
"""Seconds of waiting between two looks for a signal."""
_WAIT = timedelta(minutes=10)
"""How long an upload is tried if nothing else is said."""


def register(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "spool",
        help="show what waits in a spool, or upload it",
        description="Show what waits in the spool of a recorder, what was set aside, and what a dead recorder left "
        "open; with --to upload what waits. Only one program at a time may use a spool.",
    )
    parser.add_argument("spool", metavar="DIR", type=path, help="the folder of the spool")
    parser.add_argument("--to", metavar="STORE", type=store_place, help=f"upload what waits: {STORE_HELP}")
    add_options_argument(parser)
    parser.add_argument(
        "--wait",
        metavar="PT10M",
        type=duration,
        help="with --to: how long it is tried (ISO 8601, default PT10M)",
    )
    add_policy_arguments(parser)
    add_json_argument(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Show, or upload; 1 if objects are set aside, are open of a dead recorder, or still wait after an upload."""
    from onvif_bmff.storage import DirectoryStore, SpooledStore, SpoolNotes, spool_folders

    check_uploads_to(args)
    waiting, aside = spool_folders(args.spool)
    if not os.path.isdir(waiting):
        raise StoreError(f"{args.spool} is no spool")
    signals: SignalGuard = args.signals
    error = None
    if args.to is not None:
        with signals.shield(final=True):
            store = SpooledStore(
                open_place(args.to, args.store_options, create=True), args.spool, policy=policy_of(args)
            )
            emptied(store, _WAIT if args.wait is None else args.wait, signals)
            error = store.status.error
    folder = DirectoryStore(waiting, create=False)
    sizes = _sizes(folder)
    keys = list(sizes)
    kept = list(DirectoryStore(aside).keys()) if os.path.isdir(aside) else []
    left = [item.key for item in folder.open_area_state().unsealed]
    size = sum(sizes.values())
    notes = SpoolNotes(str(args.spool))
    today, month = notes.sent(str(utc_now())[:10])
    if args.json:
        found = {"waiting": keys, "bytes": size, "aside": kept, "unsealed": left, "error": error}
        dropped = [dataclasses.asdict(one) for one in notes.dropped]
        sums = {"objects": notes.dropped_objects, "bytes": notes.dropped_bytes, "last": dropped}
        write_json("spool", {**found, "dropped": sums, "sent": {"day": today, "month": month}})
    else:
        with summary():
            say(f"{len(keys)} objects of {size:,} bytes wait{f', since {keys[0]}' if keys else ''}")
            for key in kept:
                say(f"set aside {key}")
            for one in notes.dropped:
                say(f"dropped at {one.at}: {one.objects} segments of {one.bytes:,} bytes, {one.first} to {one.last}")
            if month:
                say(f"{today:,} bytes were sent today, {month:,} in this month, as far as they are limited")
            if notes.dropped_objects:
                say(f"{notes.dropped_objects} segments of {notes.dropped_bytes:,} bytes were dropped to make room")
    has_rest = complain_of_rest(args.spool, len(kept))
    if error is not None and keys:
        complain(f"not uploaded: {error}")
    return signals.status or (Status.FINDINGS if has_rest or (args.to is not None and keys) else Status.SUCCESS)


def _sizes(folder: "DirectoryStore") -> dict[str, int]:
    """Return the bytes of what waits, by key, but for what is uploaded meanwhile by the spool's owner."""
    found = {}
    for key in folder.keys(""):
        with suppress(ObjectNotFoundError):
            found[key] = folder.head(key).size
    return found


def complain_of_rest(spool: Path, count: int) -> bool:
    """Say on standard error what of a spool no upload will take, and return whether there is any.

    These are ``count`` objects that are set aside, and those that a dead recorder left open.
    """
    from onvif_bmff.storage import DirectoryStore, spool_folders

    waiting, aside = spool_folders(spool)
    left = DirectoryStore(waiting).open_area_state().unsealed
    if count:
        first = next(DirectoryStore(aside).keys(), None)
        named = f", first {first}" if first is not None else ""
        complain(f"{count} objects are set aside in {aside}, and are not in the store{named}")
    if left:
        how = f"'onvif-bmff recover {waiting}' completes them (with --nobody-records at once)"
        complain(f"{len(left)} objects were left open by a recorder that died, first {left[0].key}: {how}")
    return count > 0 or bool(left)


def emptied(store: "SpooledStore", wait: timedelta, signals: SignalGuard) -> bool:
    """Close a spooled store once all is uploaded, after a time, or at a signal; return whether it is empty."""
    left = wait.total_seconds()
    while left > 0 and signals.number is None and store.status.waiting:
        store.wait(_STEP)
        left -= _STEP
    return store.close()
