"""Servers that send their clients elsewhere: a receiver's address leads to the host that was checked, and no other."""

import random
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

import pytest
from rtsp_camera import Camera, frame
from support_tools import need_module
from test_rtsp_camera import BEGINS, PATIENT, Pictures, pictures, received, video

from onvif_bmff.control.types.common import SourceReference
from onvif_bmff.errors import SourceError
from onvif_bmff.media.track import Sample
from onvif_bmff.rtsp import AddressPolicy, AnswerFilter, StreamOptions, StreamSources, Transport, open_live

__all__ = ["pictures"]


class Victim:
    """A service that nobody is to reach: counts who connects."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.reached = 0

    def run(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.reached += 1
                client.close()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@contextmanager
def victim() -> Iterator[Victim]:
    made = Victim()
    thread = threading.Thread(target=made.run, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.close()
        thread.join(5)


def opened(url: str, options: StreamOptions = PATIENT) -> int:
    """Receive from an address; return how many samples came."""
    sources = StreamSources(policy=AddressPolicy(loopback=True), options=options)
    source = sources.open(SourceReference("r"), received(url), threading.Event())
    assert source is not None
    try:
        return sum(isinstance(item, Sample) for item in source.samples())
    finally:
        source.close()


def sending_away(method: str, status: int, place: str) -> Callable[[str, str], str]:
    """A camera that answers one method by a redirection."""

    def rewrite(asked: str, answer: str) -> str:
        if asked != method:
            return answer
        head = answer.partition("\r\n\r\n")[0].split("\r\n")
        kept = [line for line in head[1:] if not line.startswith("Content-")]
        return "\r\n".join([f"RTSP/1.0 {status} Moved", *kept, f"Location: {place}", "", ""])

    return rewrite


@pytest.mark.parametrize(
    ("method", "status"), [("OPTIONS", 302), ("DESCRIBE", 301), ("DESCRIBE", 307), ("SETUP", 302), ("PLAY", 303)]
)
def test_a_server_that_redirects_a_receiver_is_not_followed(pictures: Pictures, method: str, status: int) -> None:
    need_module("av")
    import av

    with victim() as other, Camera([video(pictures)], BEGINS) as camera:
        camera.rewrite = sending_away(method, status, f"rtsp://127.0.0.1:{other.port}/latest/meta-data")
        said = "redirects to another place" if method == "DESCRIBE" else "cannot be opened"  # libavformat tells no more
        with pytest.raises(SourceError, match=said):
            opened(camera.url)
        if method != "PLAY":  # for which a server is needed that sends datagrams
            with pytest.raises(SourceError, match=rf"redirects to another place \({status}\), which is not followed"):
                opened(camera.url, replace(PATIENT, transport=Transport.UDP))
        assert other.reached == 0
        if method in ("OPTIONS", "DESCRIBE"):  # the control: without a whitelist libavformat is led there
            with pytest.raises(av.FFmpegError):
                av.open(camera.url, options={"rtsp_transport": "tcp"}, timeout=(5, 5))
            assert other.reached > 0


def test_a_libavformat_that_follows_redirections_opens_no_addresses_of_clients(
    pictures: Pictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    need_module("av")
    import av

    monkeypatch.setitem(av.library_versions, "libavformat", (62, 3, 100))
    with Camera([video(pictures)], BEGINS) as camera:
        with pytest.raises(SourceError, match="need PyAV 18"):
            opened(camera.url)
        assert camera.requests == []


def test_a_tunnel_over_http_is_not_led_away_either() -> None:
    need_module("av")
    with victim() as other, socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"rtsp://127.0.0.1:{listener.getsockname()[1]}/live"

        def serve() -> None:
            with suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    with client:
                        client.recv(4096)
                        client.sendall(
                            f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{other.port}/\r\n\r\n".encode()
                        )

        threading.Thread(target=serve, daemon=True).start()
        with pytest.raises(SourceError, match="redirects"):
            opened(url, replace(PATIENT, transport=Transport.HTTP))
        assert other.reached == 0
        with pytest.raises(SourceError):  # the control: an address of one's own
            open_live(url, replace(PATIENT, transport=Transport.HTTP))
        assert other.reached > 0
        listener.shutdown(socket.SHUT_RDWR)


def test_addresses_of_other_hosts_in_answers_lead_nowhere(pictures: Pictures) -> None:
    """Content-Base, control addresses, RTP-Info, origin and connection of the description."""
    need_module("av")
    with victim() as other, Camera([video(pictures)], BEGINS) as camera:
        place = f"rtsp://127.0.0.1:{other.port}/x"

        def rewrite(method: str, answer: str) -> str:
            head, _, body = answer.replace(camera.url, place).partition("\r\n\r\n")
            body = body.replace("a=control:", f"a=control:{place}/").replace("IP4 127.0.0.1", "IP4 169.254.169.254")
            lines = [line for line in head.split("\r\n") if not line.startswith("Content-Length")]
            return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", body] if body else [*lines, "", ""])

        camera.rewrite = rewrite
        assert opened(camera.url) == len(pictures[1])
        assert other.reached == 0
        assert any(place in request for request in camera.requests), "it was asked by the address that it gave"


# ---- the filter by itself ------------------------------------------------------------------------------------

OK = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n"


def described(body: bytes) -> bytes:
    return b"RTSP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def filtered(*pieces: bytes, ip: str = "192.0.2.7") -> bytes:
    made = AnswerFilter(ip)
    return b"".join(made.feed(piece) for piece in pieces)


def test_media_pass_as_they_are_however_they_are_cut() -> None:
    chance = random.Random(7)
    sent = []
    for _ in range(60):
        sent.append(frame(chance.randrange(4), chance.randbytes(chance.randrange(1500))))
        if chance.random() < 0.2:
            sent.append(OK)
        if chance.random() < 0.1:
            sent.append(described(b"v=0\r\ns=\r\nRTSP/1.0 302 Moved\r\n$$$\r\n"))
    data = b"".join(sent)
    for _ in range(20):
        cuts = sorted(chance.randrange(len(data)) for _ in range(chance.randrange(40)))
        pieces = [data[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]
        assert filtered(*pieces) == data


@pytest.mark.parametrize(
    ("sent", "passed"),
    [
        (b"RTSP/1.0 200 OK\nCSeq: 1\n\n", OK),
        (b"\r\n\n" + OK, OK),
        (b"RTSP/1.0 200 OK\r\nLocation: rtsp://x/\r\nCSeq: 1\r\n\r\n", OK),
        (
            b"RTSP/1.0 200 OK\r\nTransport: RTP/AVP;source=169.254.169.254;destination=10.0.0.1;port=5-6\r\n\r\n",
            b"RTSP/1.0 200 OK\r\nTransport: RTP/AVP;source=192.0.2.7;port=5-6\r\n\r\n",
        ),
        (
            b"RTSP/1.0 200 OK\r\nTransport: RTP/AVP;multicast;DESTINATION=239.1.2.3;port=5000-5001;ttl=1\r\n\r\n",
            b"RTSP/1.0 200 OK\r\nTransport: RTP/AVP;multicast;DESTINATION=239.1.2.3;port=5000-5001;ttl=1\r\n\r\n",
        ),
        (described(b"c=IN IP4 10.0.0.1\r\nm=video\r\n"), described(b"c=IN IP4 192.0.2.7\r\nm=video\r\n")),
        (described(b"s=\rc=IN IP4 10.0.0.1"), described(b"s=\r\nc=IN IP4 192.0.2.7\r\n")),
        (described(b"s=\n \tc=IN \t IP4  10.0.0.1/3\n"), described(b"s=\r\nc=IN IP4 192.0.2.7\r\n")),
        (described(b"c=IN IP4 239.1.2.3 10.0.0.1\r\n"), described(b"c=IN IP4 192.0.2.7\r\n")),
        (described(b"c=IN IP4 239.1.2.3/4\r\n"), described(b"c=IN IP4 239.1.2.3/4\r\n")),
        (b"OPTIONS * RTSP/1.0\r\nCSeq: 9\r\n\r\n", b"OPTIONS * RTSP/1.0\r\nCSeq: 9\r\n\r\n"),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 32767\r\n\r\n" + OK, b"HTTP/1.0 200 OK\r\n\r\n" + OK),
        (b"HTTP/1.0 401 No\r\nWWW-Authenticate: x\r\n\r\n<html>", b"HTTP/1.0 401 No\r\nWWW-Authenticate: x\r\n\r\n"),
        (OK[:-2], b""),
        (b"$\0\0\5abcd", b""),
    ],
)
def test_what_a_client_gets_to_read(sent: bytes, passed: bytes) -> None:
    assert filtered(sent) == passed
    assert filtered(*[sent[at : at + 1] for at in range(len(sent))]) == passed


@pytest.mark.parametrize(
    "sent",
    [
        b"RTSP/1.0 301 Moved\r\nLocation: rtsp://10.0.0.1/\r\n\r\n",
        b"RTSP/1.0 305 Use Proxy\n\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://10.0.0.1/\r\n\r\n",
        OK + b"RTSP/1.0 302 Moved\r\n\r\n",
        b"$\0\0\1xRTSP/1.0 302 Moved\r\n\r\n",
        b"RTSP/1.0 200 OK\r\nContent-Length: 0\r\nContent-Length: 40\r\n\r\nRTSP/1.0 302 Moved\r\n\r\n",
        b"RTSP/1.0 200 OK\r\nContent-Length: 0x20\r\n\r\n",
        b"RTSP/1.0 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"RTSP/1.0 200 OK\r\nContent-Length: 99999999\r\n\r\n",
        b"RTSP/1.0 200 OK\r\nX: a\rRTSP/1.0 302 Moved\r\n\r\n",
        b"RTSP/1.0 200 OK\r\n folded: x\r\n\r\n",
        b"RTSP/1.0 302\0 OK\r\n\r\n",
        b"RTSP/1.0  302 OK\r\n\r\n",
        b"rtsp/1.0 302 OK\r\n\r\n",
        b"x" * 20_000,
    ],
)
def test_what_is_refused(sent: bytes) -> None:
    with pytest.raises(SourceError):
        filtered(sent)
