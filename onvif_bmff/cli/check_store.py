"""``onvif-bmff check-store``: whether a store is fit for recordings."""

import argparse

from onvif_bmff.cli.machine import add_json_argument, write_json
from onvif_bmff.cli.signals import SignalGuard
from onvif_bmff.cli.status import Status
from onvif_bmff.cli.store_options import add_store_argument, open_place
from onvif_bmff.cli.terminal import complain, say, summary

__all__ = ["register", "run"]


def register(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "check-store",
        help="find out whether a store is fit for recordings",
        description="Find out by trying whether a store is fit: objects are created only, and are there right after "
        "they were written, attributes and ranges come back, listings are in order, and its clock is right. A few "
        "small objects are stored below onvif-bmff-check/, and removed again.",
    )
    add_store_argument(parser)
    add_json_argument(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Try it; 1 if it is not fit."""
    from onvif_bmff.storage.cloud_settings import NEW_LOCKS
    from onvif_bmff.storage.store_check import Fitness, check_store

    signals: SignalGuard = args.signals
    with signals.shield(final=True):
        store = open_place(args.store, args.store_options, without=NEW_LOCKS)
        found = list(signals.read(check_store(store)))
    is_unfit = any(one.fitness is Fitness.UNFIT for one in found)
    is_whole = is_unfit or signals.number is None
    if args.json:
        rows = [{"probe": one.name, "fitness": one.fitness.value, "text": one.text} for one in found]
        write_json("check-store", {"fit": not is_unfit if is_whole else None, "probes": rows})
    else:
        with summary():
            for one in found:
                say(f"{one.fitness.value:8} {one.name}: {one.text}")
            if is_whole:
                say(f"the store is {'not fit' if is_unfit else 'fit'} for recordings")
    if signals.number is not None:
        rest = "" if is_unfit else ": whether the store is fit is not known"
        complain(f"ended by {signals.name}{rest}")
    return signals.status or (Status.FINDINGS if is_unfit else Status.SUCCESS)
