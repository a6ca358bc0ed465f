"""The options that say how a spool is uploaded, and what happens when it is full."""

import argparse
from typing import TYPE_CHECKING

from onvif_bmff.errors import StoreError

if TYPE_CHECKING:
    from onvif_bmff.storage import SpoolPolicy

__all__ = ["add_policy_arguments", "add_room_arguments", "check_has_spool", "check_uploads_to", "policy_of"]

_ORDERS = ("oldest", "newest")
_FULL = ("refuse", "drop-oldest", "drop-newest")


def add_policy_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of uploads."""
    parser.add_argument(
        "--upload-order",
        choices=_ORDERS,
        default=_ORDERS[0],
        help="which spans of a spool go first, after those that an event caused (default oldest)",
    )
    parser.add_argument("--upload-rate", metavar="BYTES", type=_count, help="bytes a second at most, on average")
    parser.add_argument("--upload-a-day", metavar="BYTES", type=_count, help="bytes on a day in UTC at most")
    parser.add_argument("--upload-a-month", metavar="BYTES", type=_count, help="bytes in a month in UTC at most")


def add_room_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of a spool that is being filled."""
    parser.add_argument(
        "--spool-bytes", metavar="BYTES", type=_count, help="bytes of waiting objects that fill a spool"
    )
    parser.add_argument(
        "--spool-full",
        choices=_FULL,
        default=_FULL[0],
        help="what a full spool does: refuse what is new, or drop what waits of the oldest or newest span "
        "(default refuse)",
    )


def check_has_spool(args: argparse.Namespace) -> None:
    """Refuse options of a spool where there is none: they would do nothing. ``StoreError`` names the first."""
    if args.spool is None:
        _refuse(args, "spool_bytes", needs="--spool")
        _check_uploads(args, "--spool")
        if args.spool_full != _FULL[0]:
            raise StoreError("--spool-full needs --spool")


def check_uploads_to(args: argparse.Namespace) -> None:
    """Refuse options of uploads where nothing is uploaded. ``StoreError`` names the first."""
    if args.to is None:
        _refuse(args, "store_options", "wait", needs="--to")
        _check_uploads(args, "--to")


def _check_uploads(args: argparse.Namespace, needs: str) -> None:
    _refuse(args, "upload_rate", "upload_a_day", "upload_a_month", needs=needs)
    if args.upload_order != _ORDERS[0]:
        raise StoreError(f"--upload-order needs {needs}")


def _refuse(args: argparse.Namespace, *options: str, needs: str) -> None:
    for option in options:
        if getattr(args, option) is not None:
            raise StoreError(f"--{option.replace('_', '-')} needs {needs}")


def policy_of(args: argparse.Namespace) -> "SpoolPolicy":
    """Return what the options say."""
    from onvif_bmff.storage import SpoolPolicy, UploadOrder, WhenFull

    return SpoolPolicy(
        most_bytes=getattr(args, "spool_bytes", None),
        when_full=WhenFull(getattr(args, "spool_full", WhenFull.REFUSE.value)),
        order=UploadOrder(args.upload_order),
        bytes_a_second=args.upload_rate,
        bytes_a_day=args.upload_a_day,
        bytes_a_month=args.upload_a_month,
    )


def _count(text: str) -> int:
    """Read a number of bytes above zero."""
    try:
        found = int(text)
    except ValueError:
        found = 0
    if found < 1:
        raise argparse.ArgumentTypeError(f"not a number of bytes: {text!r}")
    return found
