"""A live stream as a source of samples: ``LiveSource``."""

import logging
from collections.abc import Iterator, Sequence
from fractions import Fraction

from onvif_bmff.errors import SourceError
from onvif_bmff.media.clock_reading import ClockReading
from onvif_bmff.media.track import Track
from onvif_bmff.media_kind import MediaKind
from onvif_bmff.rtsp.options import Location, StreamOptions
from onvif_bmff.rtsp.reader import Arrived, StreamReader
from onvif_bmff.rtsp.session import Pending, Session, SourceItem
from onvif_bmff.runtime import SYSTEM, Flag, Runtime

__all__ = ["LiveSource", "open_live", "open_location"]

_log = logging.getLogger(__name__)


class LiveSource:
    """An open live stream; ``open_live`` makes one. A ``device.SampleSource``.

    Media time counts as the RTP stamps do, in step over all tracks, and is 0 when the first sample is asked for: those
    that came while the stream was opened are before it.

    ``left_out`` names the streams that are not recorded; ``lost`` counts access units that could not be read.
    """

    def __init__(self, reader: StreamReader, session: Session, opening: "_Opening", runtime: Runtime) -> None:
        self._reader = reader
        self._session = session
        self._held = opening.held
        self._lead = opening.lead
        self._runtime = runtime
        self.tracks: Sequence[Track] = session.tracks(self._held)
        self.has_camera_time = session.has_reports

    @property
    def left_out(self) -> list[str]:
        """Streams that are not recorded, and why."""
        return self._session.left_out

    @property
    def lost(self) -> int:
        """Access units that could not be read."""
        return self._session.lost

    def samples(self) -> Iterator[SourceItem]:
        """Yield samples, codec changes and readings of the camera's clock, until the end or until it is stopped.

        Raises ``SourceError`` where the stream breaks off.
        """
        origin = Fraction(self._runtime.monotonic()) + (self._lead or 0)
        session = self._session
        for track in session.streams:
            track.shift -= round(origin * track.info.timescale) if self._lead is not None else 0
        held, self._held = self._held, []
        yield from session.items(_readings_first(held))
        reader = self._reader
        try:
            while True:
                arrived = reader.take(1.0)
                if arrived is not None:
                    yield from session.items(session.push(arrived.packet, arrived.at))
                elif reader.has_ended:
                    break
        except SourceError:
            yield from session.last_items()
            raise
        yield from session.last_items()

    def close(self) -> None:
        """End the session."""
        self._reader.close()


def _readings_first(held: list[Pending]) -> list[Pending]:
    """What came while the stream was opened, with what is known of the camera's clock before the samples."""
    return sorted(held, key=lambda found: not isinstance(found[1], ClockReading))


class _Opening:
    """What comes while the codecs and the first reports are waited for.

    ``lead`` is the most that media time was ahead of the clock, in seconds: by the packets that came without delay.
    ``size`` are the bytes that came.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.held: list[Pending] = []
        self.lead: Fraction | None = None
        self.size = 0
        self._last: list[tuple[int, int, float]] = []

    def push(self, arrived: Arrived) -> None:
        """Take a packet."""
        packet = arrived.packet
        self.size += len(packet.data)
        self.held.extend(self._session.push(packet, arrived.at))
        for track in self._session.streams:
            last = track.stamps.last
            if track.info.index == packet.index and last is not None and track.kind is not MediaKind.METADATA:
                self._last.append((packet.index, last, arrived.at))

    def settle(self) -> None:
        """Put the tracks in step, and see how media time and the clock go together."""
        self._session.align()
        tracks = {track.info.index: track for track in self._session.streams}
        leads = [
            Fraction(ticks + tracks[index].shift, tracks[index].info.timescale) - Fraction(at)
            for index, ticks, at in self._last
            if index in tracks
        ]
        self.lead = max(leads, default=None)
        self._last.clear()


def open_live(
    uri: str,
    options: StreamOptions = StreamOptions(),  # noqa: B008
    *,
    stop: Flag | None = None,
    runtime: Runtime = SYSTEM,
) -> LiveSource:
    """Open a live stream: wait until its codecs are known, and, for a while, until the camera's clock is.

    Args:
        uri: rtsp, rtsps, or any other that libavformat reads.
        options: how it is opened.
        stop: ends waiting and reading when it is set.
        runtime: gives tasks and time.

    Raises:
        SourceError: it cannot be opened, or is stopped before it is; no password is in its text.
    """
    return open_location(Location.of(uri, options), options, stop=stop, runtime=runtime)


def open_location(
    location: Location, options: StreamOptions, *, stop: Flag | None = None, runtime: Runtime = SYSTEM
) -> LiveSource:
    """Open a live stream at a location; as ``open_live``."""
    reader = StreamReader(location, options, stop or runtime.flag(), runtime)
    try:
        streams = reader.streams()
        if streams is None:
            raise SourceError(f"{location.shown}: stopped")
        session = Session(streams, reader.left_out)
        opening = _Opening(session)
        begin = runtime.monotonic()
        while opening.size < options.max_bytes and not _is_settled(session, options, runtime.monotonic() - begin):
            try:
                arrived = reader.take(0.1)
            except SourceError:  # which the reader raises again behind what came before
                break
            if arrived is not None:
                opening.push(arrived)
            elif reader.has_ended:
                break
        session.drop_unknown()
        opening.settle()
        source = LiveSource(reader, session, opening, runtime)
    except BaseException:
        reader.close()
        raise
    for text in session.left_out:
        _log.warning("%s: %s", location.shown, text)
    return source


def _is_settled(session: Session, options: StreamOptions, waited: float) -> bool:
    has_codecs = session.has_codecs or waited >= options.codec_wait.total_seconds()
    return has_codecs and (session.has_reports or waited >= options.report_wait.total_seconds())
