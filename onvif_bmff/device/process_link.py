"""Messages between a device and the processes of its outputs, over a pipe: a name and values, in order, never blocking.

Nothing but these two ever writes to the pipe, for messages are pickled.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from onvif_bmff.runtime import PipeEnd, Runtime, WorkQueue

__all__ = ["ProcessLink"]


@dataclass(frozen=True, slots=True)
class _End:
    """Nothing follows."""


class ProcessLink:
    """One end of a pipe, with a thread that sends and one that receives.

    Args:
        connection: the pipe.
        received: called with each message, in the thread that receives.
        ended: called once, when the other side is gone.
        runtime: runs the threads.
        name: of the other side, for the names of the threads.

    ``waits_since`` is since when nothing came, by the monotonic clock; None while a message is being taken.
    """

    def __init__(
        self,
        connection: PipeEnd,
        received: Callable[[tuple[Any, ...]], None],
        ended: Callable[[], None],
        runtime: Runtime,
        name: str,
    ) -> None:
        self._connection = connection
        self._received = received
        self._ended = ended
        self._queue: WorkQueue[tuple[Any, ...] | _End] = WorkQueue(runtime)
        self._monotonic = runtime.monotonic
        self.waits_since: float | None = runtime.monotonic()
        self._sending = runtime.spawn(self._send, f"to {name}")
        self._receiving = runtime.spawn(self._receive, f"from {name}")

    def send(self, *message: Any) -> None:
        """Send a message; it is lost if the other side is gone."""
        self._queue.put(message)

    def finish(self, timeout: float) -> None:
        """Send what was to be sent, and nothing more; wait at most so many seconds."""
        self._queue.put(_End())
        self._sending.join(timeout)

    def close(self, timeout: float) -> None:
        """Close the pipe, whose other side is gone; wait at most so many seconds."""
        self.finish(timeout)
        if self._receiving.join(timeout):  # or another file gets its number, and is read
            self._connection.close()

    def _send(self) -> None:
        while True:
            message = self._queue.take(None)
            if message is None:
                continue
            try:
                if isinstance(message, _End):
                    return
                self._connection.send(message)
            except OSError:  # the other side is gone, as the receiver finds out, too
                return

    def _receive(self) -> None:
        try:
            while True:
                message = self._connection.recv()
                self.waits_since = None
                self._received(message)
                self.waits_since = self._monotonic()
        except (EOFError, OSError):
            self._ended()
