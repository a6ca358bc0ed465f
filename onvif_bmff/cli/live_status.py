"""What a live recording shows while it runs: a line that changes on a terminal, or lines of JSON."""

import sys
import time
from fractions import Fraction
from threading import Lock
from typing import Any

from onvif_bmff.cli.machine import schema
from onvif_bmff.cli.terminal import json_text
from onvif_bmff.errors import escaped
from onvif_bmff.timing import UtcTime

__all__ = ["LiveStatus"]

_WINDOW = 5.0
"""Seconds over which the bit rate is taken."""


class LiveStatus:
    """State, time, bit rate, drift and segments of a live recording. For use by two threads.

    Args:
        as_json: write a line of JSON for each change to standard output.
        quiet: show no line on a terminal.
    """

    def __init__(self, *, as_json: bool, quiet: bool) -> None:
        self.as_json = as_json
        self._shows = not quiet and not as_json and sys.stderr.isatty()
        self._lock = Lock()
        self._state = "connecting"
        self._time: UtcTime | None = None
        self._drift: Fraction | None = None
        self._rate = [time.monotonic(), 0.0, 0.0]
        self._segments = 0
        self._width = 0

    def entered(self, state: str, error: str | None = None) -> None:
        """Note a state: connecting, recording, reconnecting, ended; and why."""
        with self._lock:
            self._state = state
        self.write("state", state=state, **({} if error is None else {"error": error}))

    def sample(self, at: UtcTime, size: int) -> None:
        """Note a sample of so many bytes, at an instant."""
        with self._lock:
            self._time = at
            self._rate[1] += size
            now = time.monotonic()
            if now - self._rate[0] >= _WINDOW:
                self._rate = [now, 0.0, self._rate[1] * 8 / (now - self._rate[0])]

    def drift(self, seconds: Fraction) -> None:
        """Note by how much the camera's clock is ahead of what the recording goes by."""
        with self._lock:
            self._drift = seconds
        self.write("clock", drift=float(seconds))

    def stored(self, key: str, size: int) -> None:
        """Note an object that is in the store."""
        with self._lock:
            self._segments += bool(size)
        self.write("stored", key=key, bytes=size)

    def write(self, event: str, **members: Any) -> None:
        """Write a line of JSON, if these are wanted."""
        if self.as_json:
            with self._lock:
                sys.stdout.write(json_text({"schema": schema("record"), "event": event, **members}) + "\n")
                sys.stdout.flush()

    def show(self) -> None:
        """Show the line on a terminal."""
        if not self._shows:
            return
        with self._lock:
            text = self._text()
            sys.stderr.write("\r" + escaped(text).ljust(self._width))
            sys.stderr.flush()
            self._width = len(text)

    def clear(self) -> None:
        """Remove the line."""
        if self._shows and self._width:
            sys.stderr.write("\r" + " " * self._width + "\r")
            sys.stderr.flush()

    def _text(self) -> str:
        parts = [self._state]
        if self._time is not None:
            parts.append(self._time.isoformat(0))
        since = time.monotonic() - self._rate[0]
        rate = self._rate[2] or (self._rate[1] * 8 / since if since > 1 else 0.0)
        parts.append(f"{rate / 1000:,.0f} kbit/s")
        if self._drift is not None:
            parts.append(f"clock {float(self._drift) * 1000:+.0f} ms")
        parts.append(f"{self._segments} segments")
        return ", ".join(parts)
