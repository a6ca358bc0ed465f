"""Answers that are odd, or none of the service: for them nothing is acknowledged or taken for an object of another."""

import datetime as dt
import ipaddress
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from storage_kit import add
from support_fake_bucket import FakeServer
from support_tools import need_module

from onvif_bmff.errors import ObjectExistsError, StoreError
from onvif_bmff.objects.attributes import OBJECT_ID
from onvif_bmff.storage import SpooledStore, SpoolPolicy, open_store

XML = {"Content-Type": "application/xml"}
PAGE = b"<html>Please log in</html>", {"Content-Type": "text/html"}


@pytest.fixture
def server():
    need_module("obstore")
    with FakeServer() as running:
        yield running


@pytest.fixture
def store(server):
    store = open_store("s3://bucket", options=server.options(retry_seconds=0.3))
    add(store, "there", b"data", {OBJECT_ID: "1"})
    server.bucket.requests.clear()
    return store


def coded(status, code):
    """An answer of the service with a code, which answers to HEAD do not have."""
    body = f"<Error><Code>{code}</Code><Message>m</Message></Error>".encode()
    return lambda method: (status, b"" if method == "HEAD" else body, XML)


@pytest.mark.parametrize(
    ("status", "code", "to_head", "to_others"),
    [
        (301, "PermanentRedirect", "in another region", "in another region"),
        (400, "AuthorizationHeaderMalformed", "is the region right", "in another region"),
        (403, "RequestTimeTooSkewed", "clock is wrong", "RequestTimeTooSkewed: this machine's clock is wrong"),
        (403, "AccessDenied", "a permission is missing", r"refuses these credentials \(HTTP status 403, AccessDenied"),
    ],
)
def test_what_is_wrong_is_said_at_the_first_request(server, store, status, code, to_head, to_others):
    server.bucket.next_fault = coded(status, code)
    for call, words in ((lambda: add(store, "new"), to_head), (lambda: store.get("there"), to_others)):
        server.bucket.requests.clear()
        with pytest.raises(StoreError, match=words) as error:
            call()
        assert not isinstance(error.value, ObjectExistsError)
        assert len(server.bucket.requests) == 1
    assert server.bucket.writes == {"there": 1}


def test_a_page_that_answers_everything_is_no_object(server, store):
    """As that of a network that wants a password: no collision, no bytes, nothing stored."""
    server.bucket.next_fault = lambda method: (200, *PAGE)
    for call in (lambda: add(store, "new"), lambda: store.get("there"), lambda: store.head("there")):
        with pytest.raises(
            StoreError, match=r"has no e-tag, and so is none of the service \(tried [23] times\)"
        ) as error:
            call()
        assert type(error.value) is StoreError
    server.bucket.next_fault = lambda method: (200, *PAGE) if method == "PUT" else None
    with pytest.raises(StoreError, match="ETag Header missing"):
        add(store, "new")
    server.bucket.next_fault = lambda method: None
    assert list(store.keys()) == ["there"]


def test_a_look_that_is_forbidden_after_a_lost_answer(server, store):
    """It is not known whether the object is there: an error, and the same object later."""
    left = ["lost answer"]
    looks = iter([None, coded(403, "AccessDenied")("HEAD")])

    def next_fault(method):
        return left.pop() if method == "PUT" and left else next(looks, None) if method == "HEAD" else None

    server.bucket.next_fault = next_fault
    with pytest.raises(StoreError, match="refuses these credentials") as error:
        add(store, "k", b"data", {OBJECT_ID: "7"})
    assert not isinstance(error.value, ObjectExistsError)
    with pytest.raises(ObjectExistsError):  # which asks a recorder to look whose it is
        add(store, "k", b"data", {OBJECT_ID: "7"})
    assert server.bucket.writes["k"] == 1


def test_an_object_that_is_shown_later_is_stored_once(server, store):
    """The answer is lost, then the service says "taken", and shows nothing for a while."""
    hidden = [True] * 4

    def next_fault(method):
        if method == "HEAD" and hidden:
            hidden.pop()
            return 404, b"", {}
        return "lost answer" if method == "PUT" and len(hidden) == 3 else None

    server.bucket.next_fault = next_fault
    late = open_store("s3://bucket", options=server.options(retry_seconds=20))
    add(late, "k", b"data", {OBJECT_ID: "7"})
    assert not hidden
    assert server.bucket.writes["k"] == 1
    assert [method for method, _ in server.bucket.requests].count("PUT") >= 2


def test_success_without_an_object_is_no_confirmation_for_a_spool(server, store, tmp_path):
    """A service, or what stands before it, that answers with success and an error, as S3 does for copies."""
    error = b"<Error><Code>InternalError</Code></Error>"
    lies = [2]

    def next_fault(method):
        if method == "PUT" and lies[0]:
            lies[0] -= 1
            return 200, error, {**XML, "ETag": '"x"'}
        return None

    server.bucket.next_fault = next_fault
    with_spool = SpooledStore(store, tmp_path / "spool", policy=SpoolPolicy(first=0.01, longest=0.05))
    add(with_spool, "k", b"data", {OBJECT_ID: "7"})
    assert with_spool.close(20)
    assert lies == [0]
    assert store.get("k") == b"data"
    assert server.bucket.writes["k"] == 1


@pytest.mark.parametrize("code", ["AccessDenied", "InternalError"])
def test_a_batch_of_deletions_that_succeeds_in_part_is_an_error(server, store, code):
    add(store, "other")
    rows = f"<Deleted><Key>other</Key></Deleted><Error><Key>there</Key><Code>{code}</Code><Message>no</Message></Error>"
    server.bucket.next_fault = lambda method: (
        (200, f"<DeleteResult>{rows}</DeleteResult>".encode(), XML) if method == "POST" else None
    )
    with pytest.raises(StoreError, match=code):
        store.delete_all(["other", "there"])


def test_certificates_are_checked(tmp_path):
    """A certificate that nobody vouches for is refused; one that an option names is trusted, for its own name."""
    need_module("obstore")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "service")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now - dt.timedelta(1), now + dt.timedelta(1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (tmp_path / "root.pem").write_bytes(made.public_bytes(pem))
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (tmp_path / "both.pem").write_bytes(secret + made.public_bytes(pem))
    with FakeServer() as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tmp_path / "both.pem")
        server._server.socket = context.wrap_socket(server._server.socket, server_side=True)
        where = server.endpoint.replace("http:", "https:")
        options = server.options(endpoint=where, retry_seconds=0.5)
        with pytest.raises(StoreError, match="error sending request"):
            add(open_store("s3://bucket", options=options), "k")
        assert server.bucket.requests == []
        trusting = {**options, "root_certificate": str(tmp_path / "root.pem")}
        add(open_store("s3://bucket", options=trusting), "k", b"data")
        assert server.bucket.writes == {"k": 1}
        other = {**trusting, "endpoint": where.replace("127.0.0.1", "localhost")}
        with pytest.raises(StoreError, match="error sending request"):
            open_store("s3://bucket", options=other).get("k")
