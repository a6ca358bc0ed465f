"""Cameras that do what no specification says, or what it says and hardly any camera does: nothing of theirs is lost."""

import re
import struct
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from rtsp_camera import Camera, Sent, frame
from support_tools import need_module
from test_rtsp_camera import BEGINS, PATIENT, Pictures, drained, payload, pictures, sound, steps, video
from test_rtsp_record import bytes_of, played, record

from onvif_bmff.media.clock_reading import ClockReading
from onvif_bmff.playback import Timeline
from onvif_bmff.rtsp.answers import AnswerFilter
from onvif_bmff.runtime import utc_now
from onvif_bmff.storage import DirectoryStore
from onvif_bmff.validation import validate_store

__all__ = ["pictures"]

REPORTS = (Fraction(1, 10), Fraction(2))
COUNT = 100


@pytest.fixture(autouse=True)
def _pyav() -> None:
    need_module("av")


# ---- what they answer ----------------------------------------------------------------------------------------

Rewrite = Callable[[str, str], str]


def headers(pattern: str, becomes: str, *methods: str) -> Rewrite:
    """Another header, or none, in the answers to some methods, or to all."""

    def rewrite(method: str, answer: str) -> str:
        head, end, body = answer.partition("\r\n\r\n")
        if method in methods or not methods:
            head = re.sub(pattern, becomes, head)
        return head + end + body

    return rewrite


def description(pattern: str, becomes: str) -> Rewrite:
    """Other lines in the session description."""

    def rewrite(method: str, answer: str) -> str:
        head, end, body = answer.partition("\r\n\r\n")
        if method != "DESCRIBE":
            return answer
        port = re.search(r"rtsp://127.0.0.1:(\d+)", head)
        body = re.sub(pattern, becomes, body).replace("{port}", port[1] if port else "")
        return re.sub(r"Content-Length: \d+", f"Content-Length: {len(body)}", head) + end + body

    return rewrite


ANSWERS: dict[str, Rewrite] = {
    "no Content-Base": headers("\r\nContent-Base:[^\r]*", ""),
    "a Content-Base without a slash": headers("/live/(?=\r|$)", "/live", "DESCRIBE"),
    "a Content-Base of a name that is not known": headers(r"(?<=Content-Base: rtsp://)[^/]*", "camera.invalid"),
    "a Content-Base without an address": headers("Content-Base: [^\r]*", "Content-Base: /live/"),
    "no Range": headers("\r\nRange:[^\r]*", "", "PLAY"),
    "a Range of the wall clock": headers("Range:[^\r]*", "Range: clock=20260101T000000Z-", "PLAY"),
    "RTP-Info without addresses": headers("url=[^;]*;", "", "PLAY"),
    "RTP-Info of one address": headers("/track1", "/track0", "PLAY"),
    "RTP-Info of other stamps": headers("rtptime=[0-9]+", "rtptime=77", "PLAY"),
    "no Session in the answer to PLAY": headers("\r\nSession:[^\r]*", "", "PLAY"),
    "a Session with blanks": headers("Session: 42", "Session: 42 ; timeout = 60"),
    "a Session without a time": headers("Session: 42", "Session: 42;timeout=0"),
    "headers in small letters": headers("(?m)^[A-Za-z-]+(?=:)", lambda found: found[0].lower()),  # type: ignore[arg-type]
    "lines that end in LF": headers("\r\n", "\n"),
    "nothing to TEARDOWN": lambda method, answer: "" if method == "TEARDOWN" else answer,
    "ssrc in Transport": headers("unicast;", "unicast;ssrc=000003E8;mode=play;", "SETUP"),
    "Transport in capitals": headers("RTP/AVP/TCP;unicast", "RTP/AVP/TCP;UNICAST", "SETUP"),
    "an absolute address of each track": description("control:track", "control:rtsp://127.0.0.1:{port}/live/track"),
    "an address of the session": description("t=0 0\r\n", "t=0 0\r\na=control:*\r\na=range:npt=0-\r\n"),
    "a description that ends in zeros": description("\\Z", "\0\0\0"),
    "a description with empty lines": description("(?m)^a=control", "\r\na=control"),
    "more than one coding in a line": description("RTP/AVP 96", "RTP/AVP 96 97"),
    "bandwidth, key and a title with a colon": description("(?m)^t=", "i=a: b = c\r\nb=AS:5000\r\nt="),
    "parameter sets that are none": description("sprop-parameter-sets=[^\r]*", "sprop-parameter-sets=???,=="),
    "a profile and no parameter sets": description("sprop-parameter-sets=[^\r]*", "profile-level-id=640028"),
    "no fmtp": description("a=fmtp[^\r]*\r\n", ""),
}


def check_that_all_come_once(pictures: Pictures, **oddity: Any) -> None:
    """Pictures and sound of a camera with an oddity are those that it sent, each once, evenly."""
    sets, units = pictures
    line, audio = video((sets, units[:COUNT]), in_band=True, reports=REPORTS), sound(COUNT // 25, reports=REPORTS)
    line.attributes += video(pictures).attributes[1:]
    with Camera([line, audio], BEGINS, end="close", **oddity) as camera:
        found, _ = drained(camera)
    assert [bytes(one.data) for one in found[1]] == [payload(one) for one, *_ in units[:COUNT]]
    assert steps(found[1]) == {3600}
    assert [bytes(one.data) for one in found[2]] == [one.data for one in audio.packets]


@pytest.mark.parametrize("name", ANSWERS)
def test_whatever_it_answers_all_that_it_sends_comes_once(pictures: Pictures, name: str) -> None:
    check_that_all_come_once(pictures, rewrite=ANSWERS[name])


# ---- what they send ------------------------------------------------------------------------------------------

Mangle = Callable[[list[Sent]], list[Sent]]


def each(change: Callable[[int, bytes], bytes], *, channels: tuple[int, ...] = (0, 2)) -> Mangle:
    """Other packets on some channels; ``change`` takes the number of a packet there, and the packet."""

    def mangle(media: list[Sent]) -> list[Sent]:
        made, numbers = [], dict.fromkeys(range(256), 0)
        for due, data in media:
            channel = data[1]
            packet = data[4:]
            if channel in channels:
                packet = change(numbers[channel], packet)
                numbers[channel] += 1
            made.append((due, frame(channel, packet)))
        return made

    return mangle


def between(*inserted: bytes, every: int = 10) -> Mangle:
    """Something between whole packets, again and again."""

    def mangle(media: list[Sent]) -> list[Sent]:
        made: list[Sent] = []
        for number, one in enumerate(media):
            made.append(one)
            if number % every == every - 1:
                made += [(one[0], data) for data in inserted]
        return made

    return mangle


def report(packet: bytes, **fields: int) -> bytes:
    """A sender report with other fields."""
    ntp, rtp = struct.unpack_from(">QI", packet, 8)
    return packet[:8] + struct.pack(">QI", fields.get("ntp", ntp), fields.get("rtp", rtp)) + packet[20:]


def with_source(packet: bytes, number: int, *, from_number: int, sequence: int = 0) -> bytes:
    """A packet of another source from some number on, whose numbers begin anew."""
    if number < from_number:
        return packet
    (old,) = struct.unpack_from(">H", packet, 2)
    return packet[:2] + struct.pack(">H", old + sequence) + packet[4:8] + struct.pack(">I", 77) + packet[12:]


_SDES = struct.pack(">BBHI", 0x81, 202, 3, 1000) + b"\1\6camera\0\0"
_BYE: list[Sent] = [(Fraction(0), frame(2 * at + 1, struct.pack(">BBHI", 0x81, 203, 1, 1000 + at))) for at in (0, 1)]

SENT: dict[str, Mangle] = {
    "BYE in the middle, and on it goes": lambda media: [*media[:200], *_BYE, *media[200:]],
    "another source, of the same stamps": each(lambda number, packet: with_source(packet, number, from_number=60)),
    "numbers of packets that jump": each(
        lambda number, packet: packet[:2] + struct.pack(">H", number * 7 % 65536) + packet[4:]
    ),
    "padding": each(lambda number, packet: bytes((packet[0] | 32,)) + packet[1:] + b"\0\0\0\4"),
    "an extension of the header": each(
        lambda number, packet: bytes((packet[0] | 16,)) + packet[1:12] + b"\xab\xac\0\3" + bytes(12) + packet[12:]
    ),
    "contributing sources": each(
        lambda number, packet: bytes((packet[0] | 2,)) + packet[1:12] + bytes(8) + packet[12:]
    ),
    "frames without bytes": between(b"$\0\0\0", b"$\1\0\0", b"$\2\0\0"),
    "packets without payload": between(frame(0, b"\x80\x60" + bytes(10)), frame(2, b"\x80\0" + bytes(10))),
    "frames of channels that nobody asked for": between(frame(9, b"\x80\x60" + bytes(40)), frame(200, b"?" * 50)),
    "another payload type in between": between(frame(0, b"\x80\x7f" + bytes(60))),
    "requests of the server": between(
        b"OPTIONS rtsp://127.0.0.1/live RTSP/1.0\r\nCSeq: 900\r\nSession: 42\r\n\r\n",
        b"SET_PARAMETER rtsp://127.0.0.1/live RTSP/1.0\r\nCSeq: 901\r\nContent-Length: 9\r\n\r\nname: $1\n",
        every=200,
    ),
    "answers that nobody waits for": between(b"RTSP/1.0 200 OK\r\nCSeq: 3\r\nSession: 42\r\n\r\n", every=50),
    "a stale password": between(
        b'RTSP/1.0 401 Unauthorized\r\nCSeq: 9\r\nWWW-Authenticate: Digest realm="c", nonce="2", stale=true\r\n\r\n',
        every=100,
    ),
    "reports with descriptions": each(lambda number, packet: packet + _SDES, channels=(1, 3)),
    "reports of receivers": between(frame(1, struct.pack(">BBHI", 0x80, 201, 1, 5) + _SDES)),
    "reports of the application": between(frame(3, struct.pack(">BBHI4s", 0x80, 204, 2, 5, b"ABCD"))),
    "reports cut short": between(frame(1, b"\x80\xc8\0\1" + bytes(4)), frame(3, b"\x80\xc8\0\6" + bytes(8))),
    "reports without a time": each(lambda number, packet: report(packet, ntp=0), channels=(1, 3)),
    "reports without a stamp": each(lambda number, packet: report(packet, rtp=0), channels=(1, 3)),
}


@pytest.mark.parametrize("name", SENT)
def test_whatever_it_sends_beside_its_media_those_come_once(pictures: Pictures, name: str) -> None:
    check_that_all_come_once(pictures, mangle=SENT[name])


@pytest.mark.parametrize("from_number", [60, 61, 62, 63, 64, 65])
def test_where_numbers_of_packets_begin_anew_libavformat_leaves_out_one_and_no_more(
    pictures: Pictures, from_number: int
) -> None:
    sets, units = pictures
    line, audio = video((sets, units[:COUNT]), reports=REPORTS), sound(COUNT // 25, reports=REPORTS)
    anew = each(lambda number, packet: with_source(packet, number, from_number=from_number, sequence=9000))
    with Camera([line, audio], BEGINS, end="close", mangle=anew) as camera:
        found, _ = drained(camera)
    lost = line.packets[from_number].time // 3600
    assert [bytes(one.data) for one in found[1]] == [payload(one) for one, _, place in units[:COUNT] if place != lost]
    assert [bytes(one.data) for one in found[2]] == [
        one.data for one in audio.packets[:from_number] + audio.packets[from_number + 1 :]
    ]


def test_of_what_comes_before_the_answer_to_play_libavformat_leaves_out_all(pictures: Pictures) -> None:
    sets, units = pictures
    line, audio = video((sets, units[:COUNT]), reports=REPORTS), sound(COUNT // 25, reports=REPORTS)
    with Camera([line, audio], BEGINS, end="close", is_early=True) as camera:
        found, _ = drained(camera)
    sent = [payload(one) for one, *_ in units[:COUNT]]
    assert [bytes(one.data) for one in found[1]] == sent[-len(found[1]) :]


def moved(at: Fraction, by: tuple[int, int]) -> Mangle:
    """From an instant on stamps are others, by so many ticks of each stream, and reports say so."""

    def mangle(media: list[Sent]) -> list[Sent]:
        made = []
        for due, data in media:
            channel, place = data[1], 8 if data[1] % 2 == 0 else 20
            if due >= at:
                stamp = (int.from_bytes(data[place : place + 4], "big") + by[channel // 2]) % (1 << 32)
                data = data[:place] + stamp.to_bytes(4, "big") + data[place + 4 :]
            made.append((due, data))
        return made

    return mangle


@pytest.mark.parametrize("by", [(2**31 + 1000, 10**6), (10**8, -(10**8)), (-(10**7), 4 * 10**9), (10**6, 10**6)])
def test_where_the_stamps_of_each_stream_begin_anew_somewhere_else_they_stay_in_step_and_at_their_time(
    pictures: Pictures, tmp_path: Path, by: tuple[int, int]
) -> None:
    """As those of a camera whose encoders start again in mid-session: nothing is lost, and no span is cut."""
    sets, units = pictures
    units = units[:200]
    begins = Fraction(utc_now().microseconds, 1_000_000)
    reports = tuple(Fraction(second) + Fraction(1, 10) for second in range(8))
    line, audio = video((sets, units), reports=reports), sound(8, reports=reports)
    with Camera([line, audio], begins, mangle=moved(Fraction(4), by)) as camera:
        done = record(camera.url, tmp_path, "--once")
    assert (done.returncode, done.stderr) == (0, "")
    found = played(tmp_path)
    assert bytes_of(found["Video"]) == [payload(one) for one, *_ in units]
    assert bytes_of(found["Audio"]) == [one.data for one in audio.packets]
    for one, (_, _, place) in zip(found["Video"], units, strict=True):
        assert abs(one.time.microseconds - (begins + Fraction(place, 25)) * 1_000_000) <= 5000
    for number, heard in enumerate(found["Audio"]):
        assert abs(heard.time.microseconds - (begins + Fraction(number, 25)) * 1_000_000) <= 5000
    bucket = DirectoryStore(tmp_path)
    assert len(Timeline.from_store(bucket).spans) == 2
    assert list(validate_store(bucket)) == []


_SHA = 'WWW-Authenticate: Digest realm="camera", nonce="99", algorithm=SHA-256\r\n'
_BASIC = 'WWW-Authenticate: Basic realm="camera"\r\n'
CHALLENGES: dict[str, Rewrite] = {
    "SHA-256 or MD5": headers("(?=WWW-Authenticate)", _SHA),
    "Basic or MD5": headers("(?=WWW-Authenticate)", _BASIC),
    "MD5 or Basic": headers("(WWW-Authenticate.*)", f"\\1\r\n{_BASIC[:-2]}"),
    "MD5 that is named": headers('nonce="4711"', 'nonce="4711", algorithm=MD5, stale=FALSE'),
    "an empty opaque": headers('nonce="4711"', 'nonce="4711", opaque="", domain="/"'),
    "no blanks": headers('"camera", ', '"camera",'),
}


@pytest.mark.parametrize("name", CHALLENGES)
def test_a_password_is_handed_over_however_it_is_asked_for(pictures: Pictures, name: str) -> None:
    sets, units = pictures
    line = video((sets, units[:50]))
    with Camera([line], BEGINS, login=("user", "geheim"), rewrite=CHALLENGES[name]) as camera:
        found, _ = drained(camera, replace(PATIENT, user="user", password="geheim"))
    assert len(found[1]) == 50


KEPT_ALIVE: dict[str, Rewrite] = {
    "as it should be": lambda method, answer: answer,
    "with an error": headers("200 OK", "454 Session Not Found", "GET_PARAMETER"),
    "as a stale password": headers(
        "200 OK", '401 Unauthorized\r\nWWW-Authenticate: Digest realm="c", nonce="2", stale=true', "GET_PARAMETER"
    ),
    "with nothing": lambda method, answer: "" if method == "GET_PARAMETER" else answer,
}


@pytest.mark.parametrize("name", KEPT_ALIVE)
def test_the_session_is_kept_alive_however_that_is_answered(pictures: Pictures, name: str) -> None:
    sets, units = pictures
    line = video((sets, units[:75]), reports=REPORTS)

    def rewrite(method: str, answer: str) -> str:
        answer = KEPT_ALIVE[name](method, answer)
        return answer.replace("Session: 42", "Session: 42;timeout=2") if method in ("SETUP", "PLAY") else answer

    with Camera([line], BEGINS, end="close", rewrite=rewrite, is_paced=True) as camera:
        found, _ = drained(camera)
    assert [bytes(one.data) for one in found[1]] == [payload(one) for one, *_ in units[:75]]
    asked = [one.split()[0] for one in camera.requests]
    assert "GET_PARAMETER" in asked[asked.index("PLAY") :]


@pytest.mark.parametrize("channels", [(2, 0), (100, 40), (1, 3)])
def test_it_may_choose_other_channels_than_it_was_asked_for(pictures: Pictures, channels: tuple[int, int]) -> None:
    sets, units = pictures
    line, audio = video((sets, units[:COUNT]), reports=REPORTS), sound(COUNT // 25, reports=REPORTS)
    chosen = iter(channels)

    def rewrite(method: str, answer: str) -> str:
        if method != "SETUP":
            return answer
        channel = next(chosen)
        return re.sub(r"interleaved=\d+-\d+", f"interleaved={channel}-{channel + 1}", answer)

    def mangle(media: list[Sent]) -> list[Sent]:
        return [(due, frame(channels[data[1] // 2] + data[1] % 2, data[4:])) for due, data in media]

    with Camera([line, audio], BEGINS, end="close", rewrite=rewrite, mangle=mangle) as camera:
        found, others = drained(camera)
    assert [bytes(one.data) for one in found[1]] == [payload(one) for one, *_ in units[:COUNT]]
    assert [bytes(one.data) for one in found[2]] == [one.data for one in audio.packets]
    assert {one.track_id for one in others if isinstance(one, ClockReading)} == {1, 2}


_KEPT = (r"(?im)^(CSeq *: *\d+)", r"(?im)^(Session *: *\d+)", r"(interleaved=\d+-\d+)", r"(?m)^(a=control:.*?)$")


@pytest.mark.parametrize("name", ANSWERS)
def test_the_relay_passes_such_answers_on(name: str) -> None:
    """Between a server that a client names and libavformat, where the media come over HTTP or as datagrams."""
    body = "v=0\r\ns=x\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:track0\r\n"
    answers = {
        "OPTIONS": "Public: DESCRIBE, SETUP, PLAY",
        "DESCRIBE": f"Content-Base: rtsp://192.0.2.7/live/\r\nContent-Length: {len(body)}",
        "SETUP": "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 42",
        "PLAY": "Session: 42\r\nRTP-Info: url=rtsp://192.0.2.7/live/track0;seq=0;rtptime=5\r\nRange: npt=0-",
    }
    for method, lines in answers.items():
        plain = f"RTSP/1.0 200 OK\r\nCSeq: 7\r\n{lines}\r\n\r\n" + (body if method == "DESCRIBE" else "")
        sent = ANSWERS[name](method, plain)
        received = AnswerFilter("192.0.2.7").feed(sent.encode()).decode()
        assert received.startswith("RTSP/1.0 200 OK\r\n")
        for pattern in _KEPT:
            kept, expected = (re.findall(pattern, text.replace("\r\n", "\n")) for text in (received, sent))
            assert kept == expected
