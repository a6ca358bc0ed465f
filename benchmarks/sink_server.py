"""An S3 service that keeps no bytes: ``python -m benchmarks.sink_server`` prints its port, and ends with its input.

It runs in a process of its own, so that the processor time of a client is its own. It knows PUT with
``If-None-Match``, HEAD, and nothing else; what it keeps of an object is its size and headers.
"""

import os
import socket
import sys
import threading

_DATE = b"Sun, 29 Nov 2026 12:00:00 GMT"


class Sink:
    """The objects, by path."""

    def __init__(self) -> None:
        self.objects: dict[bytes, tuple[int, list[bytes]]] = {}
        self.lock = threading.Lock()

    def answer(self, method: bytes, path: bytes, headers: dict[bytes, bytes], size: int) -> bytes:
        """Return the answer to a request."""
        path = path.partition(b"?")[0]
        with self.lock:
            if method == b"PUT":
                if path in self.objects and headers.get(b"if-none-match") == b"*":
                    return _head(b"412 Precondition Failed", [], 0)
                kept = [
                    name + b": " + value
                    for name, value in headers.items()
                    if name.startswith(b"x-amz-meta-") or name == b"content-type"
                ]
                self.objects[path] = size, kept
                return _head(b"200 OK", [b'ETag: "1"'], 0)
            found = self.objects.get(path)
        if found is None:
            return _head(b"404 Not Found", [], 0)
        return _head(b"200 OK", [*found[1], b'ETag: "1"', b"Last-Modified: " + _DATE], found[0])


def _head(status: bytes, headers: list[bytes], size: int) -> bytes:
    return b"\r\n".join([b"HTTP/1.1 " + status, *headers, b"Content-Length: %d" % size, b"", b""])


def serve(connection: socket.socket, sink: Sink) -> None:
    """Serve one client until it leaves."""
    room = memoryview(bytearray(1 << 20))
    data = b""
    with connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while True:
            while b"\r\n\r\n" not in data:
                more = connection.recv(1 << 16)
                if not more:
                    return
                data += more
            head, _, data = data.partition(b"\r\n\r\n")
            first, *lines = head.split(b"\r\n")
            method, path, _ = first.split(b" ", 2)
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)}
            size = int(headers.get(b"content-length", b"0"))
            if headers.get(b"expect"):
                connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            left = size - len(data)
            data = data[size:] if left < 0 else b""
            while left > 0:
                got = connection.recv_into(room, min(left, len(room)))
                if not got:
                    return
                left -= got
            connection.sendall(sink.answer(method, path, headers, size))


def main() -> None:
    """Serve until standard input ends."""
    sink, listener = Sink(), socket.create_server(("127.0.0.1", 0), backlog=64)
    print(listener.getsockname()[1], flush=True)

    def accept() -> None:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=serve, args=(connection, sink), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
