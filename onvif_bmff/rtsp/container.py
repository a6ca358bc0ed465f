"""PyAV's side: a container is opened and read here, and nowhere else. Only errors without passwords come out.

PyAV is imported when the first stream is opened. A process that forks must do so before, or not use it in the child.
"""

import errno
import importlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from typing import Any

from onvif_bmff.errors import SourceError
from onvif_bmff.rtsp.options import Location, StreamOptions
from onvif_bmff.rtsp.stamps import SenderReport, wall_clock
from onvif_bmff.rtsp.streams import StreamInfo

__all__ = ["Container", "Packet", "load_pyav"]

_log = logging.getLogger(__name__)

_TRIES = 3
_PACKETISED = ("rtsp", "rtsps")
_WITHOUT_REPORTS = ("mjpeg",)
"""Codecs whose packets libavformat puts together of many, so that the report gets lost; the wall clock does not."""
_IN_PIECES = ("h264", "hevc", "av1")
"""Codecs whose pictures come in many packets: they are joined early, for each packet costs time later on."""
_MAX_JOINED = 1 << 18
"""Bytes from which on pieces are given out although more of their picture may come: stamps may stand still."""
_ENCRYPTED = ("rtsps", "https")
_REASONS = {
    "HTTPUnauthorizedError": "user or password are wrong (401)",
    "HTTPForbiddenError": "the server forbids it (403)",
    "HTTPNotFoundError": "the server has no such stream (404)",
    "ConnectionRefusedError": "the connection was refused",
    "ConnectionResetError": "the connection was reset",
    "BrokenPipeError": "the connection was closed",
    "ProtocolNotFoundError": "this protocol is not allowed",
    "InvalidDataError": "the server's answer, or the media, cannot be read",
    "EOFError": "the connection was closed",
    "FileNotFoundError": "there is no such file",
}


@dataclass(slots=True)
class Packet:
    """What libavformat read at once: times in ticks of the stream, where it knows them.

    ``report`` is the RTCP sender report that came before it, ``microseconds`` the wall clock of the packet then.
    """

    index: int
    pts: int | None
    dts: int | None
    duration: int
    data: bytes
    sync: bool
    report: SenderReport | None = None
    microseconds: int | None = None


def load_pyav() -> Any:
    """Return PyAV, which says nothing on standard error. Raises ``SourceError`` if it is not installed."""
    try:
        av = importlib.import_module("av")
        importlib.import_module("av.logging")
    except ImportError:
        raise SourceError("streams need PyAV: pip install 'onvif-bmff[rtsp]'") from None
    av.logging.set_level(None)
    return av


class Container:
    """An open container. All calls may block, as long as the timeouts say; used by one thread at a time.

    Raises ``SourceError`` if it cannot be opened.
    """

    def __init__(self, location: Location, options: StreamOptions) -> None:
        self._location = location
        self._av = load_pyav()
        live = location.scheme in _PACKETISED
        self._read_timeout = options.read_timeout
        fault: SourceError | None = None
        try:
            self._container = self._open(options, _TRIES if live else 1)
        except Exception as error:  # noqa: BLE001 - PyAV has a tree of its own, and raises ValueError and others too
            fault = self._fault(error, options.open_timeout, is_opening=True)
        if fault is not None:
            raise fault  # out here, for the context of an error has its text too
        self.metadata = {str(name): str(text) for name, text in self._container.metadata.items()}
        self.streams = tuple([_info(stream, packetised=live) for stream in self._container.streams])

    def _open(self, options: StreamOptions, tries: int) -> Any:
        """Open the container. Where the first packet is in the middle of a picture, libavformat may not like it."""
        try:
            return self._av.open(
                self._location.secret,
                options=options.libav_options(self._location.scheme, self._location.verified_host),
                timeout=(options.open_timeout.total_seconds(), options.read_timeout.total_seconds()),
                metadata_errors="replace",
            )
        except self._av.error.InvalidDataError:
            if tries <= 1:
                raise
        return self._open(options, tries - 1)

    def packets(self) -> Iterator[Packet]:
        """Yield packets until the end; pieces of one picture that come one after the other are one, if not too large.

        Raises ``SourceError`` where reading fails.
        """
        in_pieces = {info.index for info in self.streams if info.packetised and info.codec in _IN_PIECES}
        held: Packet | None = None
        pieces: list[bytes] = []
        size = 0
        try:
            for packet in self._read():
                if held is not None:
                    same = packet.index == held.index and packet.pts == held.pts and packet.report is None
                    if same and size < _MAX_JOINED:
                        pieces.append(packet.data)
                        size += len(packet.data)
                        continue
                    yield _joined(held, pieces)
                    held = None
                if packet.index in in_pieces:
                    held, pieces, size = packet, [packet.data], len(packet.data)
                else:
                    yield packet
        except SourceError:
            if held is not None:
                yield _joined(held, pieces)
            raise
        if held is not None:
            yield _joined(held, pieces)

    def _read(self) -> Iterator[Packet]:
        """Yield what libavformat gives."""
        without_reports = {info.index for info in self.streams if info.packetised and info.codec in _WITHOUT_REPORTS}
        packets = iter(self._container.demux())
        while True:
            fault: SourceError | None = None
            try:
                packet = next(packets, None)
            except Exception as error:  # noqa: BLE001 - as above
                fault = self._fault(error, self._read_timeout, is_opening=False)
            if fault is not None:
                raise fault
            if packet is None:
                return
            if packet.size:
                yield _packet(packet, reads_clock=packet.stream_index in without_reports)

    def close(self) -> None:
        """End the session and close the connection."""
        try:
            self._container.close()
        except Exception as error:  # noqa: BLE001 - as above; nothing more is wanted of it
            _log.debug("a stream was not closed in good order: %s", type(error).__name__)

    def _fault(self, error: Exception, limit: timedelta, *, is_opening: bool) -> SourceError:
        what = "it cannot be opened" if is_opening else "it broke off"
        name = type(error).__name__
        if name == "ExitError":  # what PyAV's timeouts end with
            reason = f"nothing came within {limit.total_seconds():g} s"
        else:
            detail = getattr(error, "strerror", None) or name
            reason = _REASONS.get(name) or self._location.scrubber.scrub(str(detail))
            if is_opening and self._location.scheme in _ENCRYPTED and getattr(error, "errno", None) == errno.EIO:
                reason = "no secure connection, or the server's certificate is not trusted for this host"
        return SourceError(f"{self._location.shown}: {what}: {reason}")


def _joined(packet: Packet, pieces: list[bytes]) -> Packet:
    packet.data = b"".join(pieces)
    return packet


def _info(stream: Any, *, packetised: bool) -> StreamInfo:
    context = stream.codec_context
    return StreamInfo(
        stream.index,
        stream.type,
        "" if context is None else context.codec.canonical_name,
        Fraction(stream.time_base or Fraction(1, 90_000)),
        b"" if context is None else bytes(context.extradata or b""),
        int(getattr(context, "sample_rate", 0) or 0),
        int(getattr(context, "channels", 0) or 0),
        _language(stream.metadata.get("language", "")),
        packetised,
    )


def _language(text: str) -> str:
    return text if len(text) == 3 and text.isascii() and text.islower() else "und"


def _packet(packet: Any, *, reads_clock: bool) -> Packet:
    made = Packet(
        packet.stream_index, packet.pts, packet.dts, packet.duration or 0, bytes(packet), bool(packet.is_keyframe)
    )
    if packet.has_sidedata("rtcp_sr"):
        made.report = SenderReport.parse(bytes(packet.get_sidedata("rtcp_sr")))
        made.microseconds = wall_clock(bytes(packet.get_sidedata("prft")))
    elif reads_clock and packet.has_sidedata("prft"):
        made.microseconds = wall_clock(bytes(packet.get_sidedata("prft")))
    return made
