"""Addresses that clients of the service name: what is not opened, and no password in any text."""

import logging
import time
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onvif_bmff.errors import SourceError
from onvif_bmff.rtsp import AddressPolicy, Location, Scrubber, StreamOptions, check_address, without_secrets

HOSTS = {
    "camera": ["192.168.1.20"],
    "camera.example": ["203.0.113.7"],
    "localhost": ["127.0.0.1", "::1"],
    "rebound.example": ["203.0.113.7", "169.254.169.254"],
    "metadata.google.internal": ["169.254.169.254"],
    "0x7f.1": ["127.0.0.1"],
    "2130706433": ["127.0.0.1"],
    "017700000001": ["127.0.0.1"],
    "0": ["0.0.0.0"],
}


def resolve(host: str, port: int) -> list[str]:
    if host in HOSTS:
        return HOSTS[host]
    if host.replace(".", "").isdecimal() or ":" in host:
        return [host]
    raise OSError("unknown")


HOSTILE = [
    "file:///etc/passwd",
    "FILE:///etc/passwd",
    "/etc/passwd",
    "concat:/etc/passwd|/etc/shadow",
    "concat:rtsp://camera/a|file:///etc/passwd",
    "subfile,,start,0,end,0,,:/etc/passwd",
    "http://camera/stream.flv",
    "https://camera/stream.flv",
    "tcp://camera:22",
    "udp://239.0.0.1:5000",
    "pipe:0",
    "data:text/plain;base64,AAAA",
    "crypto:file:///etc/passwd",
    "hls+http://camera/x.m3u8",
    "rtsp+file:///etc/passwd",
    "gopher://camera/",
    "rtsp:///etc/passwd",
    "rtsp://",
    "rtsp:camera",
    "rtsp://@/x",
    "rtsp://camera:0/x",
    "rtsp://camera:99999/x",
    "rtsp://camera\\@169.254.169.254/x",
    "rtsp://camera|file:///etc/passwd",
    "rtsp://camera/\r\nDESCRIBE rtsp://other/ RTSP/1.0",
    "rtsp://camera /x",
    "rtsp://cam%65ra/x",
    "rtsp://cämera/x",
    "rtsp://" + "a" * 3000,
    "rtsp://169.254.169.254/latest/meta-data",
    "rtsp://metadata.google.internal/x",
    "rtsp://rebound.example/x",
    "rtsp://169.254.7.7/x",
    "rtsp://[fe80::1]/x",
    "rtsp://[fd00:ec2::254]/x",
    "rtsp://100.100.100.200/x",
    "rtsp://[::ffff:169.254.169.254]/x",
    "rtsp://[::ffff:127.0.0.1]/x",
    "rtsp://[64:ff9b::a9fe:a9fe]/x",
    "rtsp://[2002:a9fe:a9fe::1]/x",
    "rtsp://[::a9fe:a9fe]/x",
    "rtsp://localhost/x",
    "rtsp://127.0.0.1/x",
    "rtsp://127.9.9.9:8554/x",
    "rtsp://[::1]/x",
    "rtsp://0x7f.1/x",
    "rtsp://2130706433/x",
    "rtsp://017700000001/x",
    "rtsp://0/x",
    "rtsp://0.0.0.0/x",
    "rtsp://224.0.0.1/x",
    "rtsp://255.255.255.255/x",
    "rtsp://nobody.example/x",
]


@pytest.mark.parametrize("uri", HOSTILE)
def test_hostile_addresses_are_not_opened(uri: str) -> None:
    with pytest.raises(SourceError):
        check_address(uri, resolve=resolve)


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("rtsp://camera/live?channel=1", ("rtsp", "camera", 554, "192.168.1.20", "/live?channel=1")),
        ("RTSP://Camera:8554", ("rtsp", "camera", 8554, "192.168.1.20", "/")),
        ("rtsps://camera.example/x", ("rtsps", "camera.example", 322, "203.0.113.7", "/x")),
        ("rtsp://[2001:db8::7]:554/x", ("rtsp", "2001:db8::7", 554, "2001:db8::7", "/x")),
    ],
)
def test_addresses_of_cameras_are_checked_once(uri: str, expected: tuple[str, ...]) -> None:
    found = check_address(uri, resolve=resolve)
    assert (found.scheme, found.host, found.port, found.ip, found.path) == expected
    opened = Location.at(found, StreamOptions())
    assert (f"[{found.ip}]" if ":" in found.ip else found.ip) in opened.secret, "what was checked is connected to"
    assert opened.checked == found, "the certificate is that of the name"


def test_a_policy_allows_what_is_near_but_no_metadata_service() -> None:
    near = AddressPolicy(loopback=True, link_local=True)
    assert check_address("rtsp://localhost/x", near, resolve).ip == "127.0.0.1"
    assert check_address("rtsp://169.254.7.7/x", near, resolve).ip == "169.254.7.7"
    for uri in ("rtsp://169.254.169.254/x", "rtsp://rebound.example/x", "rtsp://[fd00:ec2::254]/x"):
        with pytest.raises(SourceError, match="metadata"):
            check_address(uri, near, resolve)


def test_libavformat_gets_no_protocol_but_those_of_the_session() -> None:
    allowed = StreamOptions().libav_options("rtsp")["protocol_whitelist"].split(",")
    assert allowed == ["tcp"]
    assert StreamOptions().libav_options("rtsps", "camera") == {
        "rtsp_transport": "tcp",
        "fflags": "noparse+nofillin",
        "probesize": "32",
        "protocol_whitelist": "tcp,tls",
        "tls_verify": "1",
        "verifyhost": "camera",
    }


# ---- no password ever --------------------------------------------------------------------------------

SECRET = "p@ss/w:rd %41"


def texts_of(error: BaseException) -> str:
    found = [str(error), repr(error), repr(error.args)]
    if error.__cause__ is not None:
        found.append(texts_of(error.__cause__))
    return " ".join(found)


@pytest.mark.parametrize(
    "text",
    [
        "rtsp://admin:p%40ss%2Fw%3Ard%20%2541@camera/x: 401",
        "rtsp://admin:p@ss/w:rd %41@camera/x: 401",
        "[rtsp] method DESCRIBE failed; Authorization: Basic YWRtaW46cEBzcw==",
        "wrong password p@ss/w:rd %41, try again",
        "wrong password p%40ss/w%3Ard%20%2541, try again",
    ],
)
def test_a_scrubber_hides_a_password_however_it_is_quoted(text: str) -> None:
    location = Location.of("rtsp://camera/x", StreamOptions(user="admin", password=SECRET))
    scrubbed = location.scrubber.scrub(text)
    for form in (SECRET, "p%40ss", "p@ss", "YWRtaW46"):
        assert form not in scrubbed
    assert "admin:" not in scrubbed


@pytest.mark.parametrize("secret", ["x", "ab", "abc"])
def test_short_passwords_are_hidden_as_words(secret: str) -> None:
    scrubber = Scrubber(secrets=[secret])
    assert scrubber.scrub(f"user:{secret} at camera, '{secret}'") == "user:*** at camera, '***'"


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("rtsp://u:p@camera/x", "rtsp://camera/x"),
        ("rtsp://u@camera/x", "rtsp://camera/x"),
        ("rtsp://camera/x?user=u&password=geheim", "rtsp://camera/x?user=u&password=***"),
        ("rtsp://camera/x?pwd=geheim&channel=1", "rtsp://camera/x?pwd=***&channel=1"),
        ("rtsp://camera/cam?token=geheim", "rtsp://camera/cam?token=***"),
        ("rtsp://camera/x", "rtsp://camera/x"),
    ],
)
def test_an_address_is_shown_without_its_secrets(uri: str, shown: str) -> None:
    assert without_secrets(uri) == shown
    assert "geheim" not in repr(Location.of(uri, StreamOptions()))


@pytest.mark.parametrize("letter", "/#?\\ :")
@pytest.mark.parametrize("begin", ["rtsp://", "rtsps://", "http://", "rtsp:", "rtsp:/"])
def test_a_password_that_is_not_quoted_is_shown_nowhere(begin: str, letter: str) -> None:
    uri = f"{begin}admin:geheim{letter}geheim@camera/x"
    for opened in (lambda: check_address(uri, resolve=resolve), lambda: Location.of(uri, StreamOptions())):
        try:
            shown = repr(opened())
        except SourceError as error:
            shown = texts_of(error)
        assert "camera" in shown
        assert "geheim" not in shown
    assert "geheim" not in Scrubber().scrub(f"[rtsp] {uri}: not found")


@pytest.mark.parametrize(
    "uri", ["rtsp://camera:554/a@b", "rtsp://camera/a@b", "rtsp://[fe80::1]:554/x@y", "rtsp://c: a@b"]
)
def test_what_is_no_password_stays(uri: str) -> None:
    assert without_secrets(uri) == uri


@pytest.mark.parametrize("text", ["rtsp://c/?" + "key" * 100_000, "rtsp://c/" + "a" * 300_000, "?key" * 75_000])
def test_an_address_of_any_length_is_refused_at_once(text: str) -> None:
    begin = time.process_time()
    with pytest.raises(SourceError, match=r"no URI|received"):
        check_address(text, resolve=resolve)
    assert time.process_time() - begin < 10, "a pattern that tries all ways takes an hour"


passwords = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=2, max_size=40).map(
    lambda text: f"Qx9{text}"  # which is in no other text of ours
)


@given(passwords)
def test_no_object_of_ours_shows_a_password(password: str) -> None:
    options = StreamOptions(user="u", password=password)
    assert password not in repr(options)
    if len(quote(password, safe="")) > 124:
        with pytest.raises(SourceError) as caught:
            Location.of("rtsp://camera.example:554/x", options)
        assert password not in texts_of(caught.value)
        return
    location = Location.of("rtsp://camera.example:554/x", options)
    assert password not in repr(location)
    assert password not in location.scrubber.scrub(f"failed: {location.secret} with {password}")


def test_a_hostile_address_with_a_password_shows_none(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for uri in HOSTILE:
        with_password = uri.replace("://", "://admin:geheim@", 1)
        with pytest.raises(SourceError) as caught:
            check_address(with_password, resolve=resolve)
        assert "geheim" not in texts_of(caught.value)
    assert "geheim" not in caplog.text
