"""``onvif-bmff release``: let what was held be deleted again."""

import argparse

from onvif_bmff.cli.hold import add_hold_arguments, change_holds
from onvif_bmff.jobs.holding import release_objects

__all__ = ["register", "run"]


def register(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "release",
        help="take the holds of a time off",
        description="Take the legal holds off all objects of a time, whoever set them. What is retained until an "
        "instant stays so. Nothing is deleted.",
    )
    add_hold_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Release; 1 if an object could not be released."""
    return change_holds(args, "release", "released", release_objects)
