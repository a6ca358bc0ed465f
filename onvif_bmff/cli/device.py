"""``onvif-bmff device``: run a whole device as a configuration file says."""

import argparse
import os
import secrets
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from onvif_bmff.cli.permissions import PRIVATE
from onvif_bmff.cli.status import Status
from onvif_bmff.cli.terminal import complain, say
from onvif_bmff.cli.values import duration, path
from onvif_bmff.errors import ConfigurationError

__all__ = ["register", "run"]

CLIP = Path(__file__).resolve().parent / "camera.mp4"
"""The file that plays the camera in the sample."""
_TO_OUTPUT = "-"


def register(subparsers: Any) -> None:
    """Add the parser of the command."""
    parser = subparsers.add_parser(
        "device",
        help="run a device as a configuration file says",
        description="Record cameras to storages as a configuration file says, until a signal comes (docs/device.md).",
    )
    parser.add_argument("config", metavar="CONFIG.toml", nargs="?", type=path, help="the configuration file")
    parser.add_argument("--check", action="store_true", help="name all faults of the file, and record nothing")
    parser.add_argument(
        "--print-sample",
        metavar="FILE",
        nargs="?",
        const=_TO_OUTPUT,
        help="write a configuration with all options, which runs at once, to a new file or to standard output",
    )
    parser.add_argument(
        "--listen", metavar="HOST:PORT", type=_address, help="serve /healthz and /metrics, and nothing else, there"
    )
    parser.add_argument(
        "--stop-timeout",
        metavar="PT10S",
        type=duration,
        default=timedelta(seconds=10),
        help="how long spans may take to close after SIGTERM or SIGINT (default PT10S); a second signal ends at once",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the command; return its exit status."""
    if args.print_sample is not None:
        if args.config is not None or args.check:
            raise ConfigurationError("--print-sample goes alone")
        return _print_sample(args.print_sample)
    if args.config is None:
        raise ConfigurationError("a configuration file is needed; --print-sample shows one")
    from onvif_bmff.cli.device_files import DeviceFile

    file = DeviceFile(args.config)
    loaded = file.load()
    if loaded.warning is not None and not args.quiet:
        complain(loaded.warning)
    for fault in loaded.faults:
        complain(fault)
    if loaded.configuration is None:
        return Status.ERROR
    if args.check:
        from onvif_bmff.cli.device_summary import summary_lines

        for line in summary_lines(loaded.configuration, file.folder):
            say(line)
        return Status.SUCCESS
    from onvif_bmff.cli.device_run import DeviceRun

    return DeviceRun(file, loaded.configuration, args.signals, args.log, args.stop_timeout, args.listen).run()


def _print_sample(name: str) -> int:
    from onvif_bmff.configuration.sample import sample_file

    text = sample_file(str(CLIP), secrets.token_urlsafe(18))
    if name == _TO_OUTPUT:
        sys.stdout.write(text)
        return Status.SUCCESS
    place = path(name)
    try:
        with open(place, "x", encoding="utf-8", opener=_private) as file:
            file.write(text)
    except FileExistsError:
        raise ConfigurationError(f"{name} is there already, and is not overwritten") from None
    return Status.SUCCESS


def _address(text: str) -> tuple[str, int]:
    from onvif_bmff.configuration import Kind, Option, UnfitValue, read_value

    try:
        found: tuple[str, int] = read_value(Option("listen", Kind.ADDRESS, ""), text)
    except UnfitValue as unfit:
        raise argparse.ArgumentTypeError(str(unfit)) from None
    return found


def _private(name: str, flags: int) -> int:
    return os.open(name, flags, PRIVATE)
