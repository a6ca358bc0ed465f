"""A camera for tests: an RTSP server of its own, which sends what a test made up, as fast as it is taken.

It answers OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER and TEARDOWN, and sends RTP and RTCP in the connection. A test
says what is sent in which order, what the reports say, and what happens at the end.
"""

import base64
import hashlib
import re
import select
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction

NTP = 2_208_988_800
Sent = tuple[Fraction, bytes]
"""When a frame is due, in seconds, and the frame."""
_PORT = 47_000
"""Of the first stream sent to a group."""


@dataclass
class Payload:
    """One RTP packet: ``time`` in ticks since the start of the session, and when it is sent, if that is not then."""

    time: int
    data: bytes
    marker: bool = True
    sent: int | None = None


@dataclass
class Line:
    """One stream of a session: its lines of the description, and its packets."""

    kind: str
    """What follows "m=", up to the port."""
    attributes: tuple[str, ...]
    rate: int
    payload_type: int
    packets: list[Payload] = field(default_factory=list)
    first_rtp: int = 1000
    """Not 0: libavformat takes that for a stamp that it does not know yet, and counts from the next one."""
    reports: tuple[Fraction, ...] = ()
    """Seconds of the session at which reports are sent."""
    off: Fraction = Fraction(0)
    """Seconds by which the wall clock of its reports is ahead of ``Camera.begins``."""
    is_announced: bool = True
    """Whether RTP-Info says its first stamp."""


@dataclass
class Camera:
    """What a camera sends, and how it behaves.

    ``begins`` is the wall clock, in seconds after 1970, at the start of the session; ``end`` what it does then:
    "close", "hang" (send nothing, keep the connection), or "wait" for TEARDOWN.
    """

    lines: Sequence[Line]
    begins: Fraction
    end: str = "close"
    login: tuple[str, str] | None = None
    digest: bool = True
    before_play: Callable[[int], None] = lambda number: None
    tls: ssl.SSLContext | None = None
    silent_from: str | None = None
    """The method from which on nothing is answered."""
    redirect: str | None = None
    rewrite: Callable[[str, str], str] = lambda method, answer: answer
    """Makes of an answer to a method what is sent."""
    is_paced: bool = False
    """Whether media are sent when they are due, and not all at once."""
    mangle: "Callable[[list[Sent]], list[Sent]]" = lambda media: media
    """Makes of frames, and when they are due, what is sent."""
    is_early: bool = False
    """Whether half of the media come before the answer to PLAY."""
    group: str | None = None
    """The address of a multicast group that media are sent to, each stream at a port of its own."""

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.requests: list[str] = []
        self.plays = 0
        self.torn_down = threading.Event()
        self._open: list[socket.socket] = []
        self._channels: dict[socket.socket, dict[int, int]] = {}

    def __enter__(self) -> "Camera":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        for one in self._open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    @property
    def url(self) -> str:
        return f"{'rtsp' if self.tls is None else 'rtsps'}://127.0.0.1:{self.port}/live"

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(client)
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError, ValueError):  # a socket that was closed meanwhile has no number for select
            if self.tls is None:
                self._converse(client)
            else:
                with self.tls.wrap_socket(client, server_side=True) as secure:
                    self._open.append(secure)
                    self._converse(secure)
                    with suppress(OSError):
                        secure.unwrap()
        with suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)
        client.close()

    def _converse(self, client: socket.socket) -> None:
        """Answer requests until one is the last."""
        rest = b""
        while True:
            while b"\r\n\r\n" not in rest:
                data = client.recv(1 << 16)
                if not data:
                    return
                rest = _without_frames(rest + data)
            head, _, rest = rest.partition(b"\r\n\r\n")
            if not self._answer(client, head.decode("latin-1")):
                return

    def _answer(self, client: socket.socket, head: str) -> bool:
        """Answer a request; return whether another one may follow."""
        self.requests.append(head)
        method = head.split(" ", 1)[0]
        number = re.search(r"CSeq: *(\d+)", head, re.IGNORECASE)
        sequence = number[1] if number else "0"
        if method == self.silent_from:
            self.torn_down.wait(60)
            return False

        def reply(status: str = "200 OK", headers: Sequence[str] = (), body: str = "") -> None:
            lines = [f"RTSP/1.0 {status}", f"CSeq: {sequence}", *headers]
            if body:
                lines += ["Content-Type: application/sdp", f"Content-Length: {len(body)}"]
            client.sendall(self.rewrite(method, "\r\n".join(lines) + "\r\n\r\n" + body).encode())

        if method != "OPTIONS" and self.login is not None and not self._is_allowed(head, method):
            kind = 'Digest realm="camera", nonce="4711"' if self.digest else 'Basic realm="camera"'
            reply("401 Unauthorized", [f"WWW-Authenticate: {kind}"])
        elif method == "OPTIONS":
            reply(headers=["Public: OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, TEARDOWN"])
        elif method == "DESCRIBE" and self.redirect is not None:
            reply("302 Moved", [f"Location: {self.redirect}"])
        elif method == "DESCRIBE":
            reply(headers=[f"Content-Base: {self.url}/"], body=self._description())
        elif method == "SETUP":
            reply(headers=[f"Transport: {self._transport(client, head)}", "Session: 42"])
        elif method == "PLAY":
            self.plays += 1
            self.before_play(self.plays)
            info = ",".join(
                f"url={self.url}/track{at};seq=0;rtptime={line.first_rtp}"
                for at, line in enumerate(self.lines)
                if line.is_announced
            )
            media = self.mangle(self._chosen(client))
            half = len(media) // 2 if self.is_early else 0
            self._play(client, media[:half])
            reply(headers=["Session: 42", "Range: npt=0-", *([f"RTP-Info: {info}"] if info else [])])
            self._play(client, media[half:])
            if self.end == "close":
                return False
        elif method == "TEARDOWN":
            reply()
            self.torn_down.set()
            return False
        else:
            reply()
        return True

    def _transport(self, client: socket.socket, head: str) -> str:
        """What is answered to a SETUP."""
        found = re.search(r"/track(\d+) ", head)
        track = int(found[1]) if found else 0
        if self.group is not None:
            port = _PORT + 2 * track
            return f"RTP/AVP;multicast;destination={self.group};port={port}-{port + 1};ttl=1"
        asked = re.search(r"interleaved=(\d+)-", head)
        channel = int(asked[1]) if asked else 0
        self._channels.setdefault(client, {})[track] = channel
        return f"RTP/AVP/TCP;unicast;interleaved={channel}-{channel + 1}"

    def _chosen(self, client: socket.socket) -> "list[Sent]":
        """The media of the tracks that a connection asked for, on its channels."""
        if self.group is not None:
            return self._media()
        channels = self._channels.get(client, {})
        return [
            (due, data[:1] + bytes((channels[data[1] // 2] + data[1] % 2,)) + data[2:])
            for due, data in self._media()
            if data[1] // 2 in channels
        ]

    def _play(self, client: socket.socket, media: "list[Sent]") -> None:
        if not self.is_paced:
            client.sendall(b"".join(data for _, data in media))
            return
        begin = time.monotonic()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
            for due, data in media:
                time.sleep(max(0.0, begin + float(due) - time.monotonic()))
                if self.group is None:
                    self._answer_meanwhile(client)
                    client.sendall(data)
                else:
                    datagrams.sendto(data[4:], (self.group, _PORT + data[1]))

    def _answer_meanwhile(self, client: socket.socket) -> None:
        """Answer what is asked while media are sent, if anything is."""
        if self.tls is not None or not select.select([client], [], [], 0)[0]:
            return
        rest = _without_frames(client.recv(1 << 16))
        while b"\r\n\r\n" in rest:
            head, _, rest = rest.partition(b"\r\n\r\n")
            self._answer(client, head.decode("latin-1"))
            rest = _without_frames(rest)

    def _is_allowed(self, head: str, method: str) -> bool:
        user, password = self.login or ("", "")
        if not self.digest:
            return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}" in head
        found = dict(re.findall(r'(\w+)="([^"]*)"', head))
        if found.get("username") != user:
            return False
        first = hashlib.md5(f"{user}:camera:{password}".encode()).hexdigest()
        second = hashlib.md5(f"{method}:{found.get('uri', '')}".encode()).hexdigest()
        return found.get("response") == hashlib.md5(f"{first}:4711:{second}".encode()).hexdigest()

    def _description(self) -> str:
        lines = [
            "v=0",
            "o=- 1 1 IN IP4 127.0.0.1",
            "s=camera",
            f"c=IN IP4 {f'{self.group}/1' if self.group else '127.0.0.1'}",
            "t=0 0",
        ]
        for at, line in enumerate(self.lines):
            lines += [f"m={line.kind} 0 RTP/AVP {line.payload_type}", *(f"a={one}" for one in line.attributes)]
            lines.append(f"a=control:track{at}")
        return "\r\n".join(lines) + "\r\n"

    def _media(self) -> "list[Sent]":
        """All packets and reports in the order of their time, in seconds."""
        due: list[tuple[Fraction, int, int, bytes]] = []
        for at, line in enumerate(self.lines):
            for number, packet in enumerate(line.packets):
                rtp = (line.first_rtp + packet.time) % (1 << 32)
                head = struct.pack(
                    ">BBHII", 128, packet.marker << 7 | line.payload_type, number % (1 << 16), rtp, 1000 + at
                )
                sent = packet.time if packet.sent is None else packet.sent
                due.append((Fraction(sent, line.rate), 1, number, frame(2 * at, head + packet.data)))
            for at_time in line.reports:
                rtp = (line.first_rtp + round(at_time * line.rate)) % (1 << 32)
                ntp = int((self.begins + NTP + at_time + line.off) * (1 << 32)) % (1 << 64)
                report = struct.pack(">BBHIQIII", 128, 200, 6, 1000 + at, ntp, rtp, 1, 1)
                due.append((at_time, 0, 0, frame(2 * at + 1, report)))
        return [(one[0], one[3]) for one in sorted(due, key=lambda one: one[:3])]


def frame(channel: int, data: bytes) -> bytes:
    return struct.pack(">cBH", b"$", channel, len(data)) + data


def _without_frames(data: bytes) -> bytes:
    """Without the client's own RTCP, which comes in the same connection."""
    while data[:1] == b"$" and len(data) >= 4 and len(data) >= 4 + int.from_bytes(data[2:4], "big"):
        data = data[4 + int.from_bytes(data[2:4], "big") :]
    return data


# ---- payloads ------------------------------------------------------------------------------------------------


def avc_packets(units: Sequence[bytes], time: int, sent: int, size: int = 1000) -> list[Payload]:
    """The NAL units of one picture as packets: whole ones, or in fragments (FU-A). RFC 6184, 5.6, 5.8."""
    made: list[Payload] = []
    for unit in units:
        if len(unit) <= size:
            made.append(Payload(time, unit, marker=False, sent=sent))
            continue
        rest, indicator, kind = unit[1:], unit[0] & 0xE0 | 28, unit[0] & 31
        pieces = [rest[at : at + size] for at in range(0, len(rest), size)]
        for number, piece in enumerate(pieces):
            state = (number == 0) << 7 | (number == len(pieces) - 1) << 6 | kind
            made.append(Payload(time, bytes((indicator, state)) + piece, marker=False, sent=sent))
    made[-1].marker = True
    return made
