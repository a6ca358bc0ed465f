"""A tap in the line to an RTSP server: what it sent, taken apart here. RFC 2326, 10.12; RFC 3550."""

import hashlib
import os
import socket
import struct
import threading
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from queue import SimpleQueue

from rtsp_servers import URGENT

from onvif_bmff.storage import DirectoryStore
from onvif_bmff.validation import Finding, Level, validate_store

_FOLLOWED = 9_000
"""Microseconds; the recorder follows what is off by ten milliseconds."""


@dataclass
class RtpPacket:
    sequence: int
    time: int
    """32 bits."""
    marker: bool
    payload: bytes


@dataclass
class Report:
    """At ``rtp`` it was ``utc`` microseconds after 1970, says the server."""

    utc: Fraction
    rtp: int


@dataclass
class Wire:
    """What came on one connection: packets and reports by stream, in the order of the session description."""

    packets: dict[int, list[RtpPacket]] = field(default_factory=lambda: defaultdict(list))
    reports: dict[int, list[Report]] = field(default_factory=lambda: defaultdict(list))
    requests: list[str] = field(default_factory=list)
    rest: bytes = b""

    def feed(self, data: bytes) -> None:
        """Take bytes of the server."""
        rest = self.rest + data
        while rest:
            if rest[:1] == b"$":
                if len(rest) < 4 or len(rest) < 4 + int.from_bytes(rest[2:4], "big"):
                    break
                size = int.from_bytes(rest[2:4], "big")
                self._frame(rest[1], rest[4 : 4 + size])
                rest = rest[4 + size :]
                continue
            head, found, body = rest.partition(b"\r\n\r\n")
            if not found:
                break
            length = 0
            for line in head.lower().split(b"\r\n"):
                if line.startswith(b"content-length:"):
                    length = int(line.partition(b":")[2])
            if len(body) < length:
                break
            rest = body[length:]
        self.rest = rest

    def _frame(self, channel: int, data: bytes) -> None:
        stream = channel // 2
        if channel % 2:
            while len(data) >= 28 and data[1] != 200:
                data = data[4 * (1 + int.from_bytes(data[2:4], "big")) :]
            if len(data) >= 28:
                ntp, rtp = struct.unpack_from(">QI", data, 8)
                self.reports[stream].append(Report((Fraction(ntp, 1 << 32) - 2_208_988_800) * 1_000_000, rtp))
            return
        begin = 12 + 4 * (data[0] & 15)
        if data[0] & 16:
            begin += 4 + 4 * int.from_bytes(data[begin + 2 : begin + 4], "big")
        end = len(data) - (data[-1] if data[0] & 32 else 0)
        sequence, time = struct.unpack_from(">HI", data, 2)
        self.packets[stream].append(RtpPacket(sequence, time, bool(data[1] & 128), data[begin:end]))


class DigestWire(Wire):
    """A wire of which only stamps and digests are kept, for long runs, by stream: of access units, without wraps.

    ``codings`` are those of the streams. The last access unit is there when the next has begun.
    """

    def __init__(self, codings: Sequence[str]) -> None:
        super().__init__()
        self.stamps = [array("q") for _ in codings]
        self.digests = [array("Q") for _ in codings]
        self.lost = 0
        self._codings = codings
        self._groups: list[list[RtpPacket]] = [[] for _ in codings]

    def _frame(self, channel: int, data: bytes) -> None:
        super()._frame(channel, data)
        if channel % 2 == 0:
            self._take(channel // 2, self.packets[channel // 2].pop())

    def _take(self, stream: int, packet: RtpPacket) -> None:
        group, stamps = self._groups[stream], self.stamps[stream]
        if group:
            self.lost += (packet.sequence - group[-1].sequence - 1) % (1 << 16)
            if packet.time != group[0].time:
                known = stamps[-1] if stamps else group[0].time
                stamps.append(known + _since(group[0].time, known))
                self.digests[stream].append(short_digest(_content(group, self._codings[stream])[0]))
                group.clear()
        group.append(packet)


class Tap:
    """Listens on a port of its own and passes on to a server; ``wires`` are the connections, in order.

    ``make_wire`` makes what keeps what came on one of them. ``is_urgent``: it goes before others, if that is permitted,
    and takes what the server sends however slow the client is.
    """

    def __init__(self, port: int, make_wire: Callable[[], Wire] = Wire, *, is_urgent: bool = False) -> None:
        self._port = port
        self._is_urgent = is_urgent
        self._make_wire = make_wire
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.wires: list[Wire] = []
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> "Tap":
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()
        self._listener.close()

    def cut(self) -> None:
        """Close all connections."""
        for one in self._open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self._open.clear()

    def _accept(self) -> None:
        if self._is_urgent:  # of this thread, and of those that it starts
            with suppress(PermissionError):
                os.setpriority(os.PRIO_PROCESS, 0, URGENT)
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._port), timeout=20)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            wire = self._make_wire()
            self.wires.append(wire)
            self._open += [client, server]
            for source, sink, feed in ((client, server, None), (server, client, wire.feed)):
                threading.Thread(target=self._pass, args=(source, sink, feed, wire), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket, feed: object, wire: Wire) -> None:
        send: Callable[[bytes], object] = sink.sendall
        waiting: SimpleQueue[bytes | None] = SimpleQueue()
        if self._is_urgent:
            send = waiting.put
            threading.Thread(target=self._send, args=(sink, waiting), daemon=True).start()
        try:
            while data := source.recv(1 << 16):
                if feed is None:
                    wire.requests.append(data.decode("latin-1"))
                else:
                    wire.feed(data)
                send(data)
        except OSError:
            pass
        finally:
            if self._is_urgent:
                waiting.put(None)
            else:
                _end(sink)

    def _send(self, sink: socket.socket, waiting: "SimpleQueue[bytes | None]") -> None:
        with suppress(OSError):
            while data := waiting.get():
                sink.sendall(data)
        _end(sink)


def _end(sink: socket.socket) -> None:
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


# ---- access units on the wire -----------------------------------------------------------------------------


@dataclass
class WireUnit:
    """An access unit: its RTP stamp, counted on over wraps, and a digest of what of it a sample has."""

    time: int
    digest: str
    sync: bool
    size: int


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def short_digest(data: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big")


def nal_units(packets: list[RtpPacket], coding: str) -> list[bytes]:
    """The NAL units of one access unit. RFC 6184, 5.6 to 5.8; RFC 7798, 4.4."""
    found: list[bytes] = []
    for packet in packets:
        data = packet.payload
        if coding == "avc":
            kind = data[0] & 31
            header, aggregate, fragment = 1, kind == 24, kind == 28
        else:
            kind = data[0] >> 1 & 63
            header, aggregate, fragment = 2, kind == 48, kind == 49
        if aggregate:
            at = header
            while at < len(data):
                size = int.from_bytes(data[at : at + 2], "big")
                found.append(data[at + 2 : at + 2 + size])
                at += 2 + size
        elif fragment:
            state = data[header]
            if state & 128:
                if coding == "avc":
                    found.append(bytes((data[0] & 0xE0 | state & 31,)) + data[2:])
                else:
                    found.append(bytes((data[0] & 0x81 | (state & 63) << 1, data[1])) + data[3:])
            else:
                found[-1] += data[header + 1 :]
        else:
            found.append(data)
    return found


def units_of(packets: list[RtpPacket], coding: str) -> list[WireUnit]:
    """The access units of a stream, in the order of the wire."""
    groups: list[list[RtpPacket]] = []
    for packet in packets:
        if groups and coding in ("avc", "hevc", "jpeg", "metadata") and groups[-1][0].time == packet.time:
            groups[-1].append(packet)
        else:
            groups.append([packet])
    made: list[WireUnit] = []
    last = groups[0][0].time if groups else 0
    for group in groups:
        last += (group[0].time - last + (1 << 31)) % (1 << 32) - (1 << 31)
        data, sync = _content(group, coding)
        made.append(WireUnit(last, digest(data), sync, len(data)))
    return made


def _content(group: list[RtpPacket], coding: str) -> tuple[bytes, bool]:
    """What of an access unit a sample has: no parameter sets, no headers of the payload format."""
    if coding in ("avc", "hevc"):
        units = nal_units(group, coding)
        kinds = [unit[0] & 31 if coding == "avc" else unit[0] >> 1 & 63 for unit in units]
        sets = (7, 8) if coding == "avc" else (32, 33, 34)
        sync = any(kind == 5 if coding == "avc" else 16 <= kind <= 23 for kind in kinds)
        kept = [unit for unit, kind in zip(units, kinds, strict=True) if kind not in sets]
        return b"".join(len(unit).to_bytes(4, "big") + unit for unit in kept), sync
    if coding == "jpeg":
        return b"".join(packet.payload[8:] for packet in group), True  # its headers are made anew: only counted
    if coding == "aac":
        data = group[0].payload
        assert int.from_bytes(data[:2], "big") == 16, "one frame a packet"
        return data[4:], True
    return b"".join(packet.payload for packet in group), True


def utc_of(unit: WireUnit, report: Report, rate: int) -> Fraction:
    """When an access unit was sampled, as a report says: microseconds after 1970."""
    return report.utc + Fraction(_since(unit.time, report.rtp) * 1_000_000, rate)


# ---- what the validator may find ---------------------------------------------------------------------------


def moved_by(wires: Iterable[Wire], rates: Sequence[int]) -> Fraction:
    """Microseconds by which the reports of one stream differ on when it began; ``rates`` are those of its streams."""
    most = Fraction(0)
    for wire in wires:
        for stream, rate in enumerate(rates):
            reports = wire.reports[stream]
            begins = [one.utc - Fraction(_since(one.rtp, reports[0].rtp) * 1_000_000, rate) for one in reports]
            most = max(most, max(begins, default=Fraction(0)) - min(begins, default=Fraction(0)))
    return most


def _since(rtp: int, first: int) -> int:
    return (rtp - first + (1 << 31)) % (1 << 32) - (1 << 31)


def findings_of(store: Path, wires: Iterable[Wire], rates: Sequence[int]) -> list[Finding]:
    """What the validator finds, without the notes that a clock was followed if the server's reports say that it moved.

    On a busy machine a server is late with what it stamps, by tens of milliseconds, and its reports differ as much.
    """
    found = list(validate_store(DirectoryStore(store)))
    if moved_by(wires, rates) < _FOLLOWED:
        return found
    return [
        one for one in found if (one.rule, one.level) != ("ANX-B.4-05", Level.NOTE) or "followed" not in one.message
    ]
