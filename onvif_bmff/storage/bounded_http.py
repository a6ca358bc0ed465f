"""Answers over HTTP that are bounded as a whole, in time and in bytes, however they drip.

The time limit of the standard library is that of each single read.
"""

import io
from collections.abc import Callable
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from ssl import SSLContext
from typing import Any
from urllib.request import HTTPHandler, HTTPSHandler, Request

__all__ = ["bounded_handlers"]


class _Limits:
    """What is left of an answer: bytes, and time until a reading of the clock."""

    def __init__(self, seconds: float, size: int, monotonic: Callable[[], float]) -> None:
        self._until = monotonic() + seconds
        self._size = size
        self._monotonic = monotonic

    def seconds(self) -> float:
        """Return the time that is left.

        Raises:
            TimeoutError: there is none.
        """
        left = self._until - self._monotonic()
        if left <= 0:
            raise TimeoutError("the answer took too long")
        return left

    def count(self, size: int) -> None:
        """Count bytes that came.

        Raises:
            OSError: there are too many.
        """
        self._size -= size
        if self._size < 0:
            raise OSError("the answer is too large")


class _Bytes(io.RawIOBase):
    """The bytes that come from a socket, within limits."""

    def __init__(self, socket: Any, limits: _Limits) -> None:
        self._socket = socket
        self._limits = limits

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._socket.settimeout(self._limits.seconds())
        size = int(self._socket.recv_into(buffer))
        self._limits.count(size)
        return size

    def close(self) -> None:
        if not self.closed:
            self._socket.close()
        super().close()


class _BoundedSocket:
    """As much of a socket as a connection needs; it is closed by whoever read the answer last."""

    def __init__(self, socket: Any, limits: _Limits) -> None:
        self._socket = socket
        self._limits = limits
        self._is_read = False

    def sendall(self, data: Any) -> None:
        self._socket.settimeout(self._limits.seconds())
        self._socket.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        self._is_read = True
        return io.BufferedReader(_Bytes(self._socket, self._limits))

    def close(self) -> None:
        if not self._is_read:
            self._socket.close()


def bounded_handlers(
    context: SSLContext, seconds: float, size: int, monotonic: Callable[[], float]
) -> tuple[HTTPHandler, HTTPSHandler]:
    """Return handlers for ``urllib.request.build_opener`` whose answers are bounded.

    Args:
        context: how certificates are checked.
        seconds: until when an answer has come, from when its connection is begun; beside that a connection may take as
            long for each address of its host.
        size: the most bytes of an answer, with its headers.
        monotonic: the clock.
    """

    class Plain(HTTPConnection):
        def connect(self) -> None:
            limits = _Limits(seconds, size, monotonic)
            super().connect()
            self.sock: Any = _BoundedSocket(self.sock, limits)

    class Secure(HTTPSConnection):
        def connect(self) -> None:
            limits = _Limits(seconds, size, monotonic)
            super().connect()
            self.sock: Any = _BoundedSocket(self.sock, limits)

    class OverPlain(HTTPHandler):
        def http_open(self, req: Request) -> HTTPResponse:
            return self.do_open(Plain, req)

    class OverSecure(HTTPSHandler):
        def https_open(self, req: Request) -> HTTPResponse:
            return self.do_open(Secure, req, context=context)

    return OverPlain(), OverSecure(context=context)
