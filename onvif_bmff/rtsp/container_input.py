"""Containers of all kinds as timed samples: files and addresses that libavformat reads and that are no MP4 files."""

from collections.abc import Iterator
from itertools import chain
from types import TracebackType

from onvif_bmff.demux.sample_tables import CodecChange
from onvif_bmff.errors import TimeError
from onvif_bmff.media.clock_reading import ClockReading
from onvif_bmff.media.track import Sample, Track
from onvif_bmff.rtsp.container import Container
from onvif_bmff.rtsp.options import Location, StreamOptions
from onvif_bmff.rtsp.session import Pending, Session
from onvif_bmff.timing import UtcTime

__all__ = ["ContainerInput", "open_container"]

_MAX_AHEAD = 64 << 20
"""Bytes that are read ahead to learn the codecs of all streams."""
_WITHOUT_ZERO = ("mpegts", "mpeg")


class ContainerInput:
    """An open container; ``open_container`` makes one. Close it, or use it in a ``with`` statement.

    ``tracks`` are its video and audio, named VIDEO001, AUDIO001, AUDIO002, …; ``left_out`` says which streams are not
    recorded, and why. Times are those of the container, and need not begin at 0.
    """

    def __init__(self, container: Container) -> None:
        self._container = container
        self._session = session = Session(container.streams)
        self._packets = container.packets()
        held: list[Pending] = []
        size = 0
        while not session.has_codecs and size < _MAX_AHEAD:
            packet = next(self._packets, None)
            if packet is None:
                break
            size += len(packet.data)
            held.extend(session.push(packet))
        session.drop_unknown()
        self._held = held
        self.tracks: tuple[Track, ...] = session.tracks(held)

    def __enter__(self) -> "ContainerInput":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close it."""
        self._container.close()

    @property
    def left_out(self) -> list[str]:
        """Streams that are not recorded, and why."""
        return self._session.left_out

    @property
    def counts_from_anywhere(self) -> bool:
        """Whether times of such containers have no zero: MPEG transport and program streams. ISO/IEC 13818-1, 2.4.2."""
        return self._container.format in _WITHOUT_ZERO

    @property
    def created(self) -> UtcTime | None:
        """When it says that it was made; None if it does not."""
        try:
            return UtcTime.parse(self._container.metadata.get("creation_time", ""))
        except TimeError:
            return None

    @property
    def lost(self) -> int:
        """Access units that could not be read, so far."""
        return self._session.lost

    def samples(self) -> Iterator[Sample | CodecChange]:
        """Yield all samples once, as they lie in the container, and a ``CodecChange`` before those of another codec.

        Raises ``SourceError`` where it breaks off.
        """
        session = self._session
        held, self._held = self._held, []
        pushed = (unit for packet in self._packets for unit in session.push(packet))
        for item in chain(session.items(chain(held, pushed)), session.last_items()):
            if not isinstance(item, ClockReading):
                yield item


def open_container(place: str, options: StreamOptions = StreamOptions()) -> ContainerInput:  # noqa: B008
    """Open a file, by its path, or an address that libavformat reads; the caller's own, for it may be any.

    Raises ``SourceError`` if it cannot be opened, or has nothing that can be recorded.
    """
    container = Container(Location.of(place, options), options)
    try:
        return ContainerInput(container)
    except BaseException:
        container.close()
        raise
