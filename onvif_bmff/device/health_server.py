"""``/healthz`` and ``/metrics`` of a device over HTTP: a WSGI application, and a small server that runs it.

Both only read. There is neither a password nor encryption: listen on this machine (``127.0.0.1``) or behind a proxy.
"""

import json
import logging
import socket
import sys
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from onvif_bmff.device.health import DeviceHealth
from onvif_bmff.device.health_rules import find_faults
from onvif_bmff.device.metrics import CONTENT_TYPE, metrics_text
from onvif_bmff.errors import StateError
from onvif_bmff.logs import CauseLog
from onvif_bmff.runtime import SYSTEM, Runtime, Task

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["HealthServer", "health_app", "health_document"]

_log = logging.getLogger(__name__)

_MOST = 16
"""Requests at a time; more connections are closed."""
_PATIENCE = 5.0
"""Seconds that a client may take to ask, or to take the answer."""
_JSON = "application/json"


def health_document(health: DeviceHealth) -> dict[str, Any]:
    """Return what ``/healthz`` says, as plain data: whether the device is healthy, and what is wrong."""
    found = find_faults(health)
    return {
        "healthy": not any(one.serious for one in found),
        "time": health.clock.now.isoformat(),
        "recordings": {
            state: sum(one.state.value == state for one in health.recordings) for state in ("Idle", "Active", "Error")
        },
        "findings": [
            {"code": one.code, "serious": one.serious, "subject": one.subject, "text": one.text} for one in found
        ],
    }


def health_app(read: Callable[[], DeviceHealth]) -> "WSGIApplication":
    """Return a WSGI application with ``/healthz`` (200, or 503 if a serious rule is broken) and ``/metrics``.

    Without the extra ``metrics``, ``/metrics`` is 501.

    Args:
        read: returns the health, such as ``RecordingDevice.health``.
    """
    log = CauseLog(_log)

    def answer(path: str) -> tuple[str, str, bytes]:
        if path == "/healthz":
            document = health_document(read())
            status = "200 OK" if document["healthy"] else "503 Service Unavailable"
            return status, _JSON, (json.dumps(document, indent=1) + "\n").encode()
        if path == "/metrics":
            try:
                return "200 OK", CONTENT_TYPE, metrics_text(read())
            except StateError as error:
                return "501 Not Implemented", "text/plain", f"{error}\n".encode()
        return "404 Not Found", "text/plain", b"/healthz and /metrics\n"

    def app(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        method = environ.get("REQUEST_METHOD", "GET")
        if method not in ("GET", "HEAD"):
            status, kind, body = "405 Method Not Allowed", "text/plain", b"GET and HEAD\n"
        else:
            try:
                status, kind, body = answer(environ.get("PATH_INFO", ""))
            except Exception as error:  # noqa: BLE001 - a fault of ours or of ``read``, which no client is shown
                log.error(type(error).__name__, "the health of the device cannot be read: %r", error)
                status, kind, body = "500 Internal Server Error", "text/plain", b"the health cannot be read\n"
        headers = [("Content-Type", kind), ("Content-Length", str(len(body))), ("Cache-Control", "no-store")]
        if status.startswith("405"):
            headers.append(("Allow", "GET, HEAD"))
        start_response(status, headers)
        return [] if method == "HEAD" else [body]

    return app


class _Handler(WSGIRequestHandler):
    """One request; nothing goes to standard error."""

    timeout = _PATIENCE

    def address_string(self) -> str:
        """Return the client's address, and look no name up."""
        return str(self.client_address[0])

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
        """Log nothing."""


class _Server(ThreadingMixIn, WSGIServer):
    """Answers each request in a thread, a few at a time."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = _MOST

    def __init__(self, host: str, port: int) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.answering: set[int] = set()
        super().__init__((host, port), _Handler)

    def server_bind(self) -> None:
        """Listen; look no name up."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]
        self.setup_environ()

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Refuse a connection while there are many."""
        if len(self.answering) >= _MOST:
            return False
        self.answering.add(id(request))
        return True

    def shutdown_request(self, request: Any) -> None:
        """End a connection."""
        self.answering.discard(id(request))
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log why a request was not answered: mostly a client that went away."""
        _log.debug("a request was not answered: %s", type(sys.exc_info()[1]).__name__)


class HealthServer:
    """Serves ``health_app`` in a thread until ``close``; also a context manager.

    Args:
        read: returns the health, such as ``RecordingDevice.health``.
        host: address to listen on.
        port: port to listen on; 0 for a free one.
        runtime: runs the thread.

    Raises:
        OSError: the address cannot be used.
    """

    def __init__(
        self, read: Callable[[], DeviceHealth], host: str = "127.0.0.1", port: int = 0, *, runtime: Runtime = SYSTEM
    ) -> None:
        self._server = _Server(host, port)
        self._server.set_app(health_app(read))
        self._task: Task = runtime.spawn(self._server.serve_forever, "health server")

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._server.server_port)

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._task.join(_PATIENCE)
        self._server.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
