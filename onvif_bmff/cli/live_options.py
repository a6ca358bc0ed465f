"""Options of live streams, and the password, which need not stand among the arguments."""

import argparse
import getpass
import os
import re
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from onvif_bmff.cli.values import duration, path
from onvif_bmff.errors import MediaError

if TYPE_CHECKING:
    from onvif_bmff.rtsp import StreamOptions

__all__ = [
    "PASSWORD_VARIABLE",
    "StreamUrl",
    "add_live_arguments",
    "check_is_stream",
    "input_place",
    "stream_options",
]

PASSWORD_VARIABLE = "ONVIF_BMFF_PASSWORD"
"""The environment variable that may hold the password of a stream."""
_URL = re.compile(r"(?!file:)[A-Za-z][A-Za-z0-9+.-]*://")
_STORES = ("s3", "az", "gs", "memory")
"""Schemes of stores, which no stream has."""
_TRANSPORTS = ("tcp", "udp", "udp_multicast", "http")
_CLOCKS = ("auto", "camera", "arrival")
_DEFAULTS = {
    "clock": _CLOCKS[0],
    "report_wait": timedelta(seconds=3),
    "transport": _TRANSPORTS[0],
    "timeout": timedelta(seconds=10),
}


class StreamUrl(str):
    """The address of a stream; what is shown of it has no password."""

    __slots__ = ()

    @property
    def shown(self) -> str:
        """The address without user and password."""
        from onvif_bmff.rtsp import without_secrets

        return without_secrets(self)

    @property
    def is_live(self) -> bool:
        """Whether it is a camera's: it never ends by itself, and is opened again."""
        return self.partition(":")[0].lower() in ("rtsp", "rtsps")


def input_place(text: str) -> Path | StreamUrl:
    """Return an input: a file of this machine, or the address of a stream; a store in a cloud is neither."""
    found = _URL.match(text)
    is_store = found is not None and found[0].partition(":")[0].lower() in _STORES
    return StreamUrl(text) if found is not None and not is_store else path(text)


def add_live_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of streams."""
    live = parser.add_argument_group("live streams (rtsp://, rtsps://)")
    live.add_argument(
        "--duration", metavar="PT20S", type=duration, help="end after so much (ISO 8601; default: at a signal)"
    )
    live.add_argument(
        "--clock",
        choices=_CLOCKS,
        default=_DEFAULTS["clock"],
        help="whose clock gives the times: the camera's as long as it can be right (auto, camera), or that of arrival",
    )
    live.add_argument(
        "--report-wait",
        metavar="PT3S",
        type=duration,
        default=_DEFAULTS["report_wait"],
        help="how long the first reports of the camera's clock are waited for (default PT3S)",
    )
    live.add_argument("--once", action="store_true", help="end where the stream ends or breaks off")
    live.add_argument("--json", action="store_true", help="a line of JSON for each thing that happens")
    group = parser.add_argument_group("addresses (rtsp://, rtsps://, and others that FFmpeg reads)")
    group.add_argument("--user", metavar="NAME", help="for the camera")
    group.add_argument(
        "--password-file",
        metavar="FILE",
        type=path,
        help=f"its first line is the password (default: {PASSWORD_VARIABLE}, or asked for if --user is given)",
    )
    group.add_argument("--transport", choices=_TRANSPORTS, default=_DEFAULTS["transport"], help="of RTSP (default tcp)")
    group.add_argument("--ca-file", metavar="PEM", type=path, help="certificates that the server's must lead to")
    group.add_argument("--insecure", action="store_true", help="do not check the server's certificate")
    group.add_argument(
        "--timeout",
        metavar="PT10S",
        type=duration,
        default=_DEFAULTS["timeout"],
        help="silence after which a stream is opened again (default PT10S)",
    )


def check_is_stream(args: argparse.Namespace) -> None:
    """Refuse options of live streams for what is none, and those of addresses for a file: they would do nothing.

    ``MediaError`` names the first.
    """
    is_address = isinstance(args.input, StreamUrl)
    checked = (
        (
            ("duration", "clock", "report_wait", "once", "json"),
            "live streams (rtsp://)",
            is_address and args.input.is_live,
        ),
        (("user", "password_file", "transport", "ca_file", "insecure", "timeout"), "addresses", is_address),
    )
    for options, meant, fits in checked:
        for option in () if fits else options:
            if getattr(args, option) not in (None, False, _DEFAULTS.get(option)):
                shown = args.input.shown if is_address else args.input
                raise MediaError(f"--{option.replace('_', '-')} is for {meant}, and {shown} is none")


def stream_options(args: argparse.Namespace) -> "StreamOptions":
    """Return how the stream of ``args`` is opened, with its password.

    Raises ``MediaError`` if there is none in its file; ``OSError`` if that cannot be read.
    """
    from onvif_bmff.rtsp import StreamOptions, Transport

    options = StreamOptions(
        transport=Transport(args.transport),
        user=args.user or "",
        ca_file=args.ca_file,
        verify=not args.insecure,
        open_timeout=args.timeout,
        read_timeout=args.timeout,
        report_wait=args.report_wait,
    )
    password = _password(args)
    return options if password is None else replace(options, password=password)


def _password(args: argparse.Namespace) -> str | None:
    if args.password_file is not None:
        text: str = args.password_file.read_text(encoding="utf-8", errors="surrogateescape")
        password = text.splitlines()[0] if text else ""
        if not password:
            raise MediaError(f"{args.password_file}: the first line is empty")
        return password
    if PASSWORD_VARIABLE in os.environ:
        return os.environ[PASSWORD_VARIABLE]
    if args.user and sys.stdin is not None and sys.stdin.isatty():
        with args.signals.exposed():
            return getpass.getpass(f"Password of {args.user}: ")
    return None
