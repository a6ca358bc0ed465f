"""Messages to the service manager of the system, as systemd's ``sd_notify`` sends them, without its library."""

import os
import socket
from collections.abc import Callable, Mapping
from typing import Self

__all__ = ["ServiceManager"]


class ServiceManager:
    """Tells a service manager how the process is; does nothing where there is none.

    Args:
        address: of its datagram socket: a path, or ``@`` and a name for an abstract one; None for none.
        watchdog: seconds within which it wants to hear that the process is alive; None if it does not.
        monotonic: the system's monotonic clock in seconds (CLOCK_MONOTONIC).
    """

    def __init__(self, address: str | None, watchdog: float | None, monotonic: Callable[[], float]) -> None:
        self._address = address
        self._watchdog = watchdog
        self._monotonic = monotonic
        self._alive_at = monotonic()

    @classmethod
    def from_environment(cls, variables: Mapping[str, str], monotonic: Callable[[], float]) -> Self:
        """Return the manager that started this process, as ``NOTIFY_SOCKET`` and ``WATCHDOG_USEC`` say."""
        microseconds = variables.get("WATCHDOG_USEC", "")
        watched = variables.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        watchdog = int(microseconds) / 1e6 if watched and microseconds.isdecimal() and int(microseconds) else None
        return cls(variables.get("NOTIFY_SOCKET") or None, watchdog, monotonic)

    def ready(self, status: str = "") -> None:
        """Say that the process does its work: after its start, and after each reload."""
        self._send("READY=1", *((f"STATUS={status}",) if status else ()))

    def reloading(self) -> None:
        """Say that the configuration is being read anew."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={int(self._monotonic() * 1e6)}")

    def stopping(self) -> None:
        """Say that the process is about to end."""
        self._send("STOPPING=1")

    @property
    def is_watchdog_due(self) -> bool:
        """Whether it is time for ``alive``: after half of the watchdog's time."""
        return self._watchdog is not None and self._monotonic() - self._alive_at >= self._watchdog / 2

    def alive(self) -> None:
        """Say that the process is alive."""
        self._alive_at = self._monotonic()
        self._send("WATCHDOG=1")

    def _send(self, *lines: str) -> None:
        address = self._address
        if address is None or address[0] not in "/@":
            return
        if address[0] == "@":
            address = "\0" + address[1:]
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as link:
                link.settimeout(0.0)
                link.sendto("\n".join(lines).encode(), address)
        except OSError:
            return  # the manager is gone or busy: it finds out by its own timeouts
