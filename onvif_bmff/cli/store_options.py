"""Options that say which part of a store a command is about."""

import argparse

from onvif_bmff.cli.values import instant, path

__all__ = ["add_store_arguments"]


def add_store_arguments(parser: argparse.ArgumentParser) -> None:
    """Add STORE and the options --from, --to, --prefix and --postfix (``start``, ``end``, ``prefix``, ``postfix``)."""
    parser.add_argument("store", metavar="STORE", type=path, help="directory that holds the objects")
    parser.add_argument("--from", dest="start", metavar="TIME", type=instant, help="begin, as 2024-05-01T12:00:00Z")
    parser.add_argument("--to", dest="end", metavar="TIME", type=instant, help="end, likewise")
    parser.add_argument("--prefix", help="path before the date in the keys of the recording; empty for none")
    parser.add_argument("--postfix", help="path after the date in the keys of the recording; empty for none")
