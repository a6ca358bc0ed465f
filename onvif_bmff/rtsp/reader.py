"""A stream is read in a task of its own, so that whoever wants its packets waits no longer than they want to.

libavformat blocks while it opens and reads, and nothing can call it off but its timeouts. So the task that opened a
container closes it, too: when it is stopped while it blocks, it is left alone and does so when it comes back.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from onvif_bmff.errors import OnvifBmffError, SourceError
from onvif_bmff.rtsp.container import Container, Packet
from onvif_bmff.rtsp.options import Location, StreamOptions, Transport
from onvif_bmff.rtsp.streams import StreamInfo, need_sessions
from onvif_bmff.runtime import SYSTEM, Flag, Runtime

__all__ = ["Arrived", "StreamReader"]

_NEARLY = 0.95
"""Of the timeout: silence for so long ended by it."""
_TURN = 0.25
"""Seconds after which those who wait look whether they are to stop."""
_WAITED = 0.003
"""Seconds that reading a packet takes if it has just come; less: it was there already."""
_GRACE = 5.0
"""Seconds for which one session is read on whose other one has ended."""
_NAP, _MAX_UNREAD = 0.2, 96 << 10
"""Seconds between looks at the connection, and bytes that may wait there, so that no camera has to wait."""


@dataclass(slots=True)
class Arrived:
    """A packet, and when it came, by ``Runtime.monotonic``."""

    packet: Packet
    at: float


class _PacketQueue:
    """What was read and not taken yet: bounded, for one taker. ``end`` is why all readers ended.

    Args:
        max_bytes: beyond which nothing is added.
        runtime: gives lock and flags.
    """

    def __init__(self, max_bytes: int, runtime: Runtime) -> None:
        self._max_bytes = max_bytes
        self._lock = runtime.lock()
        self._ready, self._room = runtime.flag(), runtime.flag()
        self._packets: deque[Arrived] = deque()
        self._bytes = 0
        self._readers = 1
        self._error: SourceError | None = None
        self.end: tuple[SourceError | None] | None = None

    def wait(self, timeout: float) -> None:
        """Wait until there is something to take, or the end is known."""
        self._ready.wait(timeout)

    def notify(self) -> None:
        """Wake who waits."""
        self._ready.set()

    def put(self, arrived: Arrived, *, wakes: bool) -> bool:
        """Add a packet, and wake who waits, or not yet; wait for room a moment and return False if there is none."""
        with self._lock:
            if self._bytes < self._max_bytes:
                self._packets.append(arrived)
                self._bytes += len(arrived.packet.data)
                if wakes:
                    self._ready.set()
                return True
            self._ready.set()
            self._room.clear()
        self._room.wait(_TURN)
        return False

    def take(self) -> Arrived | None:
        """Return the next packet; None if there is none now. Raises what reading ended with, behind all packets."""
        with self._lock:
            if self._packets:
                found = self._packets.popleft()
                self._bytes -= len(found.packet.data)
                if not self._room.is_set():
                    self._room.set()
                return found
            if self.end is None:
                self._ready.clear()
            elif self.end[0] is not None:
                raise self.end[0]
        return None

    def finish(self, error: SourceError | None) -> None:
        """Note that nothing follows of one reader; the first that failed says why."""
        with self._lock:
            self._error = self._error or error
            self._readers -= 1
            if not self._readers:
                self.end = (self._error,)
            self._ready.set()

    def add_reader(self) -> None:
        """Let there be another one that puts packets."""
        with self._lock:
            self._readers += 1

    def clear(self) -> None:
        """Drop all packets."""
        with self._lock:
            self._packets.clear()
            self._bytes = 0
            self._room.set()
            self._ready.set()

    @property
    def is_done(self) -> bool:
        """Whether all packets are taken, and nothing follows, not even an error."""
        with self._lock:
            return self.end == (None,) and not self._packets


class _Pace:
    """How long a connection may be left alone, so that much is read at once: each waking costs more than a packet.

    Not before the camera reported its clock: until then times are made of those of arrival. Packets that had to be
    waited for, the last before each nap, have exact times of arrival also later; the others come up to a nap later.

    Args:
        begin: when reading began.
    """

    def __init__(self, begin: float) -> None:
        self._since = begin
        self._bytes = 0
        self.is_reported = False

    def saw(self, packet: Packet) -> None:
        """Count a packet."""
        self._bytes += len(packet.data)
        self.is_reported = self.is_reported or packet.microseconds is not None

    def nap(self, at: float) -> float:
        """Return how many seconds may pass before what came since the last time comes to ``_MAX_UNREAD``."""
        rate = self._bytes / max(at - self._since, _WAITED)
        self._since, self._bytes = at, 0
        return min(_NAP, _MAX_UNREAD / max(rate, 1.0))


class StreamReader:
    """Opens a stream and reads it ahead, into a bounded queue. One task takes from it.

    Where streams cannot be read beside each other (``need_sessions``), the video has a session of its own, and a task;
    where one of them ends, so does the other. ``left_out`` says what is not read, and why.

    Args:
        location: the stream.
        options: how it is opened.
        stop: ends waiting when it is set.
        runtime: runs the task, waits and gives the times of arrival.
    """

    def __init__(self, location: Location, options: StreamOptions, stop: Flag, runtime: Runtime = SYSTEM) -> None:
        self._location = location
        self._options = options
        self._stop = stop
        self._runtime = runtime
        self._closed = runtime.flag()
        self._queue = _PacketQueue(options.max_bytes, runtime)
        self._opened: tuple[StreamInfo, ...] | None = None
        self._over_at: float | None = None
        self.left_out: list[str] = []
        self._tasks = [runtime.spawn(self._run, f"stream {location.shown}")]

    def streams(self) -> tuple[StreamInfo, ...] | None:
        """Wait until the stream is open, and return what is in it; None when it is stopped before.

        Raises ``SourceError`` if it cannot be opened.
        """
        queue = self._queue
        while not self._is_stopped:
            if self._opened is not None:
                return self._opened
            if queue.end is not None:
                raise queue.end[0] or SourceError(f"{self._location.shown}: it has ended")
            queue.wait(_TURN)
        return None

    def take(self, timeout: float) -> Arrived | None:
        """Return the next packet; None if none comes in so many seconds, or it is stopped, or has ended.

        Raises ``SourceError`` where the stream broke off, after all packets before that.
        """
        found = self._queue.take()
        if found is None and not self._is_stopped:
            self._queue.wait(min(timeout, _TURN))
        return found

    @property
    def has_ended(self) -> bool:
        """Whether the stream came to its end and all packets are taken, or it is stopped."""
        return self._is_stopped or self._queue.is_done

    def close(self, timeout: float = 1.0) -> None:
        """Stop reading; the connection is closed at once, or when the task comes back from a silent server."""
        self._closed.set()
        self._queue.clear()
        for task in self._tasks:
            task.join(timeout)

    @property
    def _is_stopped(self) -> bool:
        return self._closed.is_set() or self._stop.is_set()

    def _run(self) -> None:
        """Open the stream, and read it."""
        self._finish(self._read_all)

    def _finish(self, read: Callable[[], SourceError | None]) -> None:
        """Read to the end, whatever that is."""
        try:
            error = read()
        except SourceError as failure:
            error = failure
        except (OnvifBmffError, OSError, ValueError) as failure:
            error = SourceError(self._location.scrubber.scrub(f"{self._location.shown}: {failure}"))
        self._over_at = self._runtime.monotonic()
        self._queue.finish(error)

    def _read_all(self) -> SourceError | None:
        container = self._open()
        others: Container | None = None
        try:
            if need_sessions(container.streams):
                container, others = self._open_apart(container)
            streams = container.streams
            if others is not None:
                more = [replace(one, index=one.index + len(streams), session=1) for one in others.streams]
                self._read_apart(others, len(streams))
                others, streams = None, (*streams, *more)
            self._opened = streams
            self._queue.notify()
            return self._read(container)
        finally:
            container.close()
            if others is not None:
                others.close()

    def _open(self, media: str = "") -> Container:
        return Container(self._location, self._options, self._runtime, media)

    def _open_apart(self, whole: Container) -> tuple[Container, Container | None]:
        """Open the video of a session, and the rest of it, instead of the whole; the video alone if that is refused."""
        whole.close()
        video = self._open("video")
        try:
            return video, self._open("audio+data")
        except SourceError as failure:
            self.left_out.append(f"all but video, for which another session is needed: {failure}")
            return video, None

    def _read_apart(self, container: Container, begin: int) -> None:
        """Read a container in a task of its own; its streams have numbers from ``begin`` on."""

        def read() -> SourceError | None:
            try:
                return self._read(container, begin)
            finally:
                container.close()

        self._queue.add_reader()
        self._tasks.append(self._runtime.spawn(lambda: self._finish(read), f"stream {self._location.shown}, the rest"))

    def _read(self, container: Container, begin: int = 0) -> SourceError | None:
        """Read to the end; return why it is none of the stream's own, for libavformat calls silence an end, too."""
        limit = self._options.read_timeout.total_seconds()
        keeps_its_media = self._options.transport in (Transport.TCP, Transport.HTTP)
        now = self._runtime.monotonic
        last = asked = now()
        pace = _Pace(last)
        for packet in container.packets():
            last = now()
            has_waited = last - asked >= _WAITED
            packet.index += begin
            pace.saw(packet)
            may_nap = pace.is_reported and keeps_its_media
            if (
                self._is_stopped
                or self._queue.end is not None
                or not self._put(Arrived(packet, last), wakes=has_waited or not may_nap)
            ):
                return None
            if has_waited and may_nap:
                self._closed.wait(pace.nap(last))
            asked = now()
        if now() - last < limit * _NEARLY:
            return None
        return SourceError(f"{self._location.shown}: it broke off: nothing came within {limit:g} s")

    def _put(self, arrived: Arrived, *, wakes: bool) -> bool:
        """Add a packet as soon as there is room; return False if it is stopped before."""
        while not self._queue.put(arrived, wakes=wakes):
            if self._is_stopped:
                return False
        return True
