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
from onvif_bmff.rtsp.addresses import StreamAddress
from onvif_bmff.rtsp.options import Location, StreamOptions, Transport
from onvif_bmff.rtsp.relay import UNTRUSTED, Relay
from onvif_bmff.rtsp.stamps import SenderReport, wall_clock
from onvif_bmff.rtsp.streams import StreamInfo
from onvif_bmff.runtime import SYSTEM, Runtime

__all__ = ["Container", "Packet", "load_pyav"]

_log = logging.getLogger(__name__)

_TRIES = 3
_PACKETISED = ("rtsp", "rtsps")
_WITHOUT_REPORTS = ("mjpeg",)
"""Codecs whose packets libavformat puts together of many, so that the report gets lost; the wall clock does not."""
_IN_PIECES = ("h264", "hevc", "av1")
"""Codecs whose pictures come in many packets: they are joined early, for each packet costs time later on."""
_WITHOUT_SHOWN = ("avi", "h264", "hevc")
"""Formats whose packets tell no more than when pictures are decoded."""
_MAX_JOINED = 1 << 18
"""Bytes from which on pieces are given out although more of their picture may come: stamps may stand still."""
_REPORT = "rtcp_sr"
_ENCRYPTED = ("rtsps", "https")
_REDIRECTS_REFUSED = (62, 12)
"""The version of libavformat from which on redirections of RTSP are held against the whitelist of protocols."""
_REASONS = {
    "HTTPUnauthorizedError": "user or password are wrong (401)",
    "HTTPForbiddenError": "the server forbids it (403)",
    "HTTPNotFoundError": "the server has no such stream (404)",
    "ArgumentError": "the server redirects to another place, which is not followed, or its answer cannot be used",
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

    Args:
        location: where it is.
        options: how it is opened.
        runtime: runs the relay to an address that came from the network.
        media: the kinds of streams that are asked for; all by default.

    Raises:
        SourceError: it cannot be opened.
    """

    def __init__(self, location: Location, options: StreamOptions, runtime: Runtime = SYSTEM, media: str = "") -> None:
        self._location = location
        self._media = media
        self._av = load_pyav()
        live = location.scheme in _PACKETISED
        self._read_timeout = options.read_timeout
        self._relay: Relay | None = None
        fault: SourceError | None = None
        try:
            if location.checked is not None:
                self._relay = self._guard(location.checked, options, runtime)
            self._container = self._open(options, _TRIES if live else 1)
        except SourceError as error:  # the relay's, without a place
            fault = self._told(str(error), is_opening=True)
        except Exception as error:  # noqa: BLE001 - PyAV has a tree of its own, and raises ValueError and others too
            fault = self._fault(error, options.open_timeout, is_opening=True)
        if fault is not None:
            self._close_relay()
            raise fault  # out here, for the context of an error has its text too
        if self._relay is not None:
            self._relay.opened()
        self.format = str(self._container.format.name)
        self.metadata = {str(name): str(text) for name, text in self._container.metadata.items()}
        shown = self.format not in _WITHOUT_SHOWN
        self.streams = tuple([_info(stream, packetised=live, tells_shown=shown) for stream in self._container.streams])

    def _guard(self, address: StreamAddress, options: StreamOptions, runtime: Runtime) -> Relay | None:
        """See to it that a server leads nowhere else, where libavformat would follow: then through a relay."""
        if tuple(self._av.library_versions["libavformat"]) < _REDIRECTS_REFUSED:
            raise SourceError("this libavformat follows redirections: addresses of clients need PyAV 18 or newer")
        return None if options.transport is Transport.TCP else Relay(address, options, runtime)

    def _open(self, options: StreamOptions, tries: int) -> Any:
        """Open the container. Where the first packet is in the middle of a picture, libavformat may not like it."""
        location, relay = self._location, self._relay
        url, target = location.secret, (location.scheme, "" if location.checked is None else location.checked.host)
        if relay is not None:
            url, target = location.through(relay.port), ("rtsp", "")
        try:
            return self._av.open(
                url,
                options=options.libav_options(*target, self._media),
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
        packetised = [info for info in self.streams if info.packetised]
        in_pieces = {info.index for info in packetised if info.codec in _IN_PIECES}
        without_reports = {info.index for info in packetised if info.codec in _WITHOUT_REPORTS}
        held: Packet | None = None
        pieces: list[Any] = []
        size = 0
        try:
            for packet in self._read():
                index = packet.stream_index
                if held is not None:
                    goes_on = index == held.index and packet.pts == held.pts and size < _MAX_JOINED
                    if goes_on and not packet.has_sidedata(_REPORT):
                        pieces.append(packet)
                        size += packet.size
                        continue
                    yield _joined(held, pieces)
                    held = None
                made = _packet(packet, reads_clock=index in without_reports)
                if index in in_pieces:
                    held, pieces, size = made, [packet], packet.size
                else:
                    made.data = bytes(packet)
                    yield made
        except SourceError:
            if held is not None:
                yield _joined(held, pieces)
            raise
        if held is not None:
            yield _joined(held, pieces)

    def _read(self) -> Iterator[Any]:
        """Yield what libavformat gives, as packets of PyAV."""
        packets = iter(self._container.demux())
        while True:
            fault: SourceError | None = None
            packet = None
            try:
                packet = next(packets, None)
            except Exception as error:  # noqa: BLE001 - as above
                fault = self._fault(error, self._read_timeout, is_opening=False)
            if fault is not None:
                raise fault
            if packet is None:
                return
            if packet.size:
                yield packet

    def close(self) -> None:
        """End the session and close the connection."""
        try:
            self._container.close()
        except Exception as error:  # noqa: BLE001 - as above; nothing more is wanted of it
            _log.debug("a stream was not closed in good order: %s", type(error).__name__)
        self._close_relay()

    def _close_relay(self) -> None:
        if self._relay is not None:
            self._relay.close()

    def _fault(self, error: Exception, limit: timedelta, *, is_opening: bool) -> SourceError:
        name = type(error).__name__
        if self._relay is not None and self._relay.refusal is not None:
            reason = self._relay.refusal
        elif name == "ExitError":  # what PyAV's timeouts end with
            reason = f"nothing came within {limit.total_seconds():g} s"
        else:
            detail = getattr(error, "strerror", None) or name
            reason = _REASONS.get(name) or self._location.scrubber.scrub(str(detail))
            if is_opening and self._location.scheme in _ENCRYPTED and getattr(error, "errno", None) == errno.EIO:
                reason = UNTRUSTED
        return self._told(reason, is_opening=is_opening)

    def _told(self, reason: str, *, is_opening: bool) -> SourceError:
        what = "it cannot be opened" if is_opening else "it broke off"
        return SourceError(f"{self._location.shown}: {what}: {reason}")


def _joined(packet: Packet, pieces: list[Any]) -> Packet:
    packet.data = b"".join(pieces)
    return packet


def _info(stream: Any, *, packetised: bool, tells_shown: bool) -> StreamInfo:
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
        tells_shown,
    )


def _language(text: str) -> str:
    return text if len(text) == 3 and text.isascii() and text.islower() else "und"


def _packet(packet: Any, *, reads_clock: bool) -> Packet:
    """What is known of a packet of PyAV but for its bytes."""
    made = Packet(packet.stream_index, packet.pts, packet.dts, packet.duration or 0, b"", bool(packet.is_keyframe))
    if packet.has_sidedata(_REPORT):
        made.report = SenderReport.parse(bytes(packet.get_sidedata(_REPORT)))
        made.microseconds = wall_clock(bytes(packet.get_sidedata("prft")))
    elif reads_clock and packet.has_sidedata("prft"):
        made.microseconds = wall_clock(bytes(packet.get_sidedata("prft")))
    return made
