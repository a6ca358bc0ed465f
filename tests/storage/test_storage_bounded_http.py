"""An endpoint of renewals that drips, or never ends, is given up: in time and in size, over TCP and over TLS."""

import datetime as dt
import ipaddress
import socket
import ssl
import threading
import time
from contextlib import contextmanager

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from onvif_bmff.errors import StoreError
from onvif_bmff.storage import RenewalEndpoint

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
SECONDS = 0.6


@contextmanager
def server(say, context=None):
    """A server that takes one request after the other, and lets ``say`` answer."""
    listening = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def serve():
        while True:
            try:
                one, _ = listening.accept()
            except OSError:
                return
            try:
                with context.wrap_socket(one, server_side=True) if context else one as talk:
                    while b"\r\n\r\n" not in talk.recv(65536):
                        pass
                    say(talk, over)
            except OSError:
                continue

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        over.set()
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join()


def drip(data, pause=0.05):
    def say(talk, over):
        for at in range(len(data)):
            talk.sendall(data[at : at + 1])
            if over.wait(pause):
                return

    return say


def flood(piece):
    def say(talk, over):
        talk.sendall(HEAD if piece.startswith(b"X") else b"")
        while not over.is_set():
            talk.sendall(piece * 100)

    return say


def at_once(data):
    return lambda talk, over: talk.sendall(data)


@pytest.fixture(scope="module")
def contexts(tmp_path_factory):
    """TLS of a server with a certificate of its own, and of a client that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now - dt.timedelta(1), now + dt.timedelta(1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    plain = serialization.NoEncryption()
    pem = serialization.Encoding.PEM
    path.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain) + made.public_bytes(pem)
    )  # fmt: skip
    there = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    there.load_cert_chain(path)
    return there, ssl.create_default_context(cafile=path)


ENDLESS = {
    "a body": drip(HEAD + b"Content-Length: 50000\r\n\r\n" + b"x" * 50_000),
    "a head": drip(HEAD + b"X-Long: " + b"y" * 50_000),
    "a status": drip(b"HTTP/1.1 200 " + b"O" * 50_000),
    "nothing": drip(b" ", pause=60),
}
LARGE = {
    "headers": flood(b"X-More: " + b"y" * 5000 + b"\r\n"),
    "answers that are none": flood(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "a body without end": lambda talk, over: (talk.sendall(HEAD + b"\r\n"), flood(b"xxxxxxxxxx")(talk, over)),
}


@pytest.mark.parametrize("over_tls", [False, True])
@pytest.mark.parametrize("what", ENDLESS)
def test_what_drips_is_given_up_in_time(what, over_tls, contexts):
    with server(ENDLESS[what], contexts[0] if over_tls else None) as port:
        url = f"{'https' if over_tls else 'http'}://127.0.0.1:{port}/"
        began = time.monotonic()
        with pytest.raises(StoreError, match=r"did not answer \(TimeoutError\)"):
            RenewalEndpoint(url, context=contexts[1], timeout=SECONDS)()
        assert SECONDS * 0.8 < time.monotonic() - began < SECONDS * 5


@pytest.mark.parametrize("what", LARGE)
def test_what_never_ends_is_given_up_by_its_size(what):
    with server(LARGE[what]) as port:
        began = time.monotonic()
        with pytest.raises(StoreError, match=r"did not answer|and 65537 bytes"):
            RenewalEndpoint(f"http://127.0.0.1:{port}/", timeout=30)()
        assert time.monotonic() - began < 10


@pytest.mark.parametrize("over_tls", [False, True])
def test_an_answer_in_time_is_whole(over_tls, contexts):
    body = b"{" + b" " * 60_000 + b"}"
    whole = HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body
    for say in (at_once(whole), at_once(HEAD + b"\r\n" + body), drip(HEAD + b"Content-Length: 2\r\n\r\n{}", 0.001)):
        with server(say, contexts[0] if over_tls else None) as port:
            url = f"{'https' if over_tls else 'http'}://127.0.0.1:{port}/"
            assert RenewalEndpoint(url, context=contexts[1], timeout=20)() in (body, b"{}")
