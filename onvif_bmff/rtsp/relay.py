"""A relay on this machine's loopback, between libavformat and an address that a client of the service named.

It is needed where libavformat would send something to hosts that a server names: by redirections of a tunnel over
HTTP, and by datagrams. libavformat connects to the relay only, and the relay to the address that was checked.
Certificates are verified here, too, so that libavformat needs no protocol but plain RTSP.
"""

import logging
import selectors
import socket
import ssl
from contextlib import suppress
from os import fspath

from onvif_bmff.errors import SourceError
from onvif_bmff.rtsp.addresses import StreamAddress
from onvif_bmff.rtsp.answers import AnswerFilter
from onvif_bmff.rtsp.options import StreamOptions
from onvif_bmff.runtime import SYSTEM, Runtime

__all__ = ["Relay"]

_log = logging.getLogger(__name__)

_CONNECTIONS = 8
"""Connections that one stream may need: two of a tunnel over HTTP, each again with a password, and another try."""
_CHUNK = 1 << 16
UNTRUSTED = "no secure connection, or the server's certificate is not trusted for this host"


class Relay:
    """Listens on ``port`` until ``opened``, and passes on until ``close``.

    ``refusal`` is why it ended a connection by itself; None if it did not.

    Args:
        address: where the server is.
        options: time for connecting, and how the server's certificate is verified.
        runtime: runs it.

    Raises:
        SourceError: the server cannot be reached, or is not trusted.
    """

    def __init__(self, address: StreamAddress, options: StreamOptions, runtime: Runtime = SYSTEM) -> None:
        self._address = address
        self._timeout = options.open_timeout.total_seconds()
        self._context = _context(options) if address.scheme == "rtsps" else None
        self._runtime = runtime
        self._sockets: list[socket.socket] = []
        self._lock = runtime.lock()
        self._is_closed = False
        self.refusal: str | None = None
        first = self._connect()
        try:
            self._listener = socket.create_server(("127.0.0.1", 0))
            self.port: int = self._listener.getsockname()[1]
            self._task = runtime.spawn(lambda: self._accept(first), f"relay {address.host}")
        except BaseException:
            first.close()
            raise

    def opened(self) -> None:
        """Take no further connections."""
        with suppress(OSError):  # which wakes the task that waits there
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def close(self) -> None:
        """End all connections."""
        self.opened()
        with self._lock:
            self._is_closed = True
            sockets, self._sockets = self._sockets, []
        for one in sockets:
            _end(one)

    def _connect(self) -> socket.socket:
        """Connect to the server, and verify it."""
        address = self._address
        reason = "the connection was refused"
        try:
            found = socket.create_connection((address.ip, address.port), timeout=self._timeout)
            try:
                if self._context is not None:
                    reason = UNTRUSTED
                    found = self._context.wrap_socket(found, server_hostname=address.host)
            except BaseException:
                found.close()
                raise
            found.settimeout(None)
        except TimeoutError:
            reason = f"nothing came within {self._timeout:g} s"
        except (OSError, ValueError) as error:  # of ssl also ValueError: names that are none
            _log.debug("%s: not connected: %s", address.host, type(error).__name__)
        else:
            return found
        raise SourceError(reason)

    def _accept(self, first: socket.socket | None) -> None:
        for number in range(_CONNECTIONS):
            try:
                client, _ = self._listener.accept()
            except OSError:
                break
            try:
                server = self._connect() if first is None else first
            except SourceError as error:
                self.refusal = str(error)
                client.close()
                continue
            first = None
            if not self._keeps(client, server):
                return
            self._runtime.spawn(
                lambda client=client, server=server: self._pass(client, server),  # type: ignore[misc]
                f"relay {self._address.host} {number}",
            )
        if first is not None:
            first.close()

    def _keeps(self, *sockets: socket.socket) -> bool:
        """Keep sockets to be closed; close them at once if all are already."""
        with self._lock:
            if not self._is_closed:
                self._sockets += sockets
                return True
        for one in sockets:
            _end(one)
        return False

    def _pass(self, client: socket.socket, server: socket.socket) -> None:
        """Pass on what both send until one ends."""
        answers = AnswerFilter(self._address.ip)
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(client, selectors.EVENT_READ)
                selector.register(server, selectors.EVENT_READ)
                while True:
                    ready = [key.fileobj for key, _ in selector.select()]
                    if client in ready:
                        data = client.recv(_CHUNK)
                        if not data:
                            return
                        server.sendall(data)
                    if server in ready:
                        data = _received(server)
                        if not data:
                            return
                        client.sendall(answers.feed(data))
        except SourceError as error:
            self.refusal = str(error)
        except (OSError, ValueError) as error:  # one of them was closed
            _log.debug("%s: a connection of the relay ended: %s", self._address.host, type(error).__name__)
        finally:
            _end(client)
            _end(server)


def _context(options: StreamOptions) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=None if options.ca_file is None else fspath(options.ca_file))
    except (OSError, ValueError):
        raise SourceError(f"{options.ca_file}: no certificates can be read from it") from None
    if not options.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _received(sender: socket.socket) -> bytes:
    """Receive what is there; of TLS also what was decrypted already."""
    data = sender.recv(_CHUNK)
    if isinstance(sender, ssl.SSLSocket):
        while sender.pending():
            data += sender.recv(_CHUNK)
    return data


def _end(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
