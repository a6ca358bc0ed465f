"""``onvif-bmff hold``: keep what was recorded in a time from being deleted, by anybody."""

import argparse
from collections.abc import Callable, Iterator

from onvif_bmff.cli.machine import add_json_argument, write_json
from onvif_bmff.cli.progress import progress
from onvif_bmff.cli.signals import SignalGuard
from onvif_bmff.cli.status import Status
from onvif_bmff.cli.store_options import add_store_arguments, opened_store
from onvif_bmff.cli.terminal import complain, say, summary
from onvif_bmff.errors import StoreError
from onvif_bmff.jobs.holding import Held, hold_objects, keys_recorded_in
from onvif_bmff.storage.locks import LockingStore

__all__ = ["add_hold_arguments", "change_holds", "register", "run"]


def register(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "hold",
        help="keep what was recorded in a time from being deleted",
        description="Set a legal hold on each segment of a time, and on the ends of their spans: nobody can delete or "
        "replace them until it is released. For buckets of Amazon S3 with Object Lock. Each hold is read back.",
    )
    add_hold_arguments(parser)
    parser.set_defaults(run=run)


def add_hold_arguments(parser: argparse.ArgumentParser) -> None:
    """Add STORE, the time and --dry-run."""
    add_store_arguments(parser, needs_time=True)
    parser.add_argument("--dry-run", action="store_true", help="list the objects, and change nothing")
    add_json_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Hold; 1 if an object could not be held."""
    return change_holds(args, "hold", "held", hold_objects)


def change_holds(
    args: argparse.Namespace, name: str, done: str, change: Callable[[LockingStore, Iterator[str]], Iterator[Held]]
) -> int:
    """Change the holds of the objects of a time; 1 if one could not be changed.

    Raises:
        StoreError: the store has no locks, or nothing was recorded in the time.
    """
    store = opened_store(args)
    if not isinstance(store, LockingStore) or not store.can_lock():
        raise StoreError(f"{args.store} has no Object Lock: only buckets of Amazon S3 that have it can hold objects")
    keys = keys_recorded_in(store, args.start, args.end, prefix=args.prefix, postfix=args.postfix)
    if not keys:
        raise StoreError(f"{args.store}: nothing was recorded in that time")
    if args.dry_run:
        if args.json:
            write_json(name, {"dry_run": True, "keys": keys})
        else:
            with summary():
                for key in keys:
                    say(f"would be {done} {key}")
        return Status.SUCCESS
    signals: SignalGuard = args.signals
    changed, before, failed = 0, 0, list[Held]()
    with signals.shield(final=True), progress(name, len(keys), quiet=args.quiet) as show:
        for one in change(store, signals.read(keys)):
            if one.error is not None:
                failed.append(one)
                args.outcome.status = Status.FINDINGS
                complain(str(one.error if one.key in str(one.error) else f"{one.key}: {one.error}"))
            changed += one.changed
            before += not one.changed and one.error is None
            if show is not None:
                show(changed + before + len(failed))
    if args.json:
        errors = [{"key": one.key, "error": str(one.error)} for one in failed]
        write_json(name, {"dry_run": False, done: changed, "unchanged": before, "errors": errors})
    else:
        with summary():
            say(f"{changed} {done}, {before} were already, {len(failed)} failed")
    if signals.number is not None:
        complain(f"ended by {signals.name}; the same command goes on")
    return signals.status or (Status.FINDINGS if failed else Status.SUCCESS)
