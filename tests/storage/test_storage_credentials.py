"""Credentials that change: when they are renewed, by what answer, and that nobody sees them."""

import json
import logging
import pickle
import re
import threading
import time
import traceback
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random

import pytest
from storage_kit import add
from support_fake_bucket import FakeServer
from support_tools import need_module

from onvif_bmff.errors import StateError, StoreError
from onvif_bmff.runtime import ThreadedRuntime
from onvif_bmff.storage import (
    RenewalEndpoint,
    RenewalPolicy,
    RenewalSchedule,
    RenewedCredentials,
    SpooledStore,
    SpoolPolicy,
    StorageCredentials,
    open_store,
    read_renewal,
)
from onvif_bmff.timing import UtcTime

NOW = UtcTime.parse("2026-11-30T12:00:00Z")
SECRET = "S3CRETS3CRET"
OLD = StorageCredentials("AKIDOLD", f"{SECRET}-old", f"{SECRET}-token", "eu-central-1", "https://s3.example/b")


def answer(**more):
    row = {
        "region": "eu-west-1",
        "storageUri": None,
        "user": {"username": "AKIDNEW", "password": f"{SECRET}-new", "token": None},
        "expiresAt": "2026-11-30T13:00:00Z",
        **more,
    }
    return json.dumps(row).encode()


# ---- answers -----------------------------------------------------------------------------------------------


def test_a_null_clears_and_what_is_missing_stays():
    found = read_renewal(answer(), OLD, NOW)
    assert (found.username, found.password, found.token) == ("AKIDNEW", f"{SECRET}-new", None)
    assert (found.region, found.storage_uri) == ("eu-west-1", None)
    assert found.expires_at == UtcTime.parse("2026-11-30T13:00:00Z")
    none = read_renewal(answer(user=None), OLD, NOW)
    assert (none.username, none.password, none.token) == (None, None, None)
    row = json.loads(answer())
    del row["region"], row["user"]["token"]
    found = read_renewal(json.dumps(row).encode(), OLD, NOW)
    assert (found.region, found.token) == (OLD.region, OLD.token)


@pytest.mark.parametrize(
    "data",
    [
        b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000, answer(expiresAt=None), answer(expiresAt="soon"),
        answer(expiresAt=5), answer(user=[]), answer(user="x"), answer(user={"password": 5}), answer(region=["x"]),
        answer(user={"password": "a\nb"}), answer(user={"password": "ü"}), answer(region="x" * 20_000),
        answer(expiresAt="2026-11-30T12:00:00Z"), answer(expiresAt="2026-11-30T11:00:00+01:00"),
    ],
)  # fmt: skip
def test_what_is_no_answer_is_refused_without_being_quoted(data):
    with pytest.raises(StoreError, match="the renewal endpoint gave") as caught:
        read_renewal(data, OLD, NOW)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_a_missing_end_is_refused():
    row = json.loads(answer())
    del row["expiresAt"]
    with pytest.raises(StoreError, match="no valid answer"):
        read_renewal(json.dumps(row).encode(), OLD, NOW)


# ---- when --------------------------------------------------------------------------------------------------


def test_at_once_and_before_they_end():
    schedule = RenewalSchedule(RenewalPolicy(), lambda: 0.0)
    assert schedule.wait(100.0, NOW) == 0
    schedule.renewed(NOW.plus_microseconds(3_600_000_000), 100.0, NOW)
    assert schedule.wait(100.0, NOW) == 2700
    assert schedule.wait(2800.0, NOW.plus_microseconds(2_700_000_000)) == 0
    schedule.renewed(None, 0.0, NOW)
    assert schedule.wait(1e9, NOW) == float("inf")


def test_a_wall_clock_that_jumps_is_followed():
    schedule = RenewalSchedule(RenewalPolicy(), lambda: 0.0)
    schedule.renewed(NOW.plus_microseconds(3_600_000_000), 0.0, NOW)
    assert schedule.wait(10.0, NOW.plus_microseconds(3_500_000_000)) == 0, "forward: they end soon"
    assert schedule.wait(2700.0, NOW.plus_microseconds(-1_000_000_000)) == 0, (
        "backward: no later than by the steady clock"
    )


def test_pauses_after_failures_grow_to_an_end():
    schedule = RenewalSchedule(RenewalPolicy(first=5, longest=60), lambda: 0.0)
    now, pauses = 0.0, []
    for _ in range(6):
        schedule.failed(now)
        pauses.append(schedule.wait(now, NOW))
        now += pauses[-1]
    assert pauses == [5, 10, 20, 40, 60, 60]
    schedule.renewed(NOW.plus_microseconds(4_000_000), now, NOW)
    assert schedule.wait(now, NOW) == 3
    schedule.failed(now)
    assert schedule.wait(now, NOW) == 5, "it begins anew"


@pytest.mark.parametrize("left", [1, 1_000, 100_000])
def test_credentials_that_end_at_once_do_not_make_it_ask_without_a_pause(left):
    schedule = RenewalSchedule(RenewalPolicy(), lambda: 1.0)
    schedule.renewed(NOW.plus_microseconds(left), 5.0, NOW)
    assert schedule.wait(5.0, NOW) == 1


def test_pauses_are_random():
    chance = Random(1)
    schedule = RenewalSchedule(RenewalPolicy(first=10), chance.random)
    pauses = set()
    for _ in range(20):
        schedule.renewed(NOW, 0.0, NOW)
        schedule.failed(0.0)
        pauses.add(schedule.wait(0.0, NOW))
    assert len(pauses) == 20
    assert 5 <= min(pauses) < max(pauses) <= 10


# ---- an endpoint -------------------------------------------------------------------------------------------


@contextmanager
def endpoint(*answers):
    """An endpoint that gives answers (status, bytes), the last for ever; yields its URL and the requests."""
    left, asked = list(answers), []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append((self.path, self.headers.get("Authorization")))
            status, data = left.pop(0) if len(left) > 1 else left[0]
            self.send_response(status)
            if status == 302:
                self.send_header("Location", f"/elsewhere?{SECRET}")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *given):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/renew", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_the_endpoint_is_asked_with_the_access_token():
    with endpoint((200, answer())) as (url, asked):
        assert RenewalEndpoint(url, lambda: "T0KEN")() == answer()
        assert RenewalEndpoint(url)() == answer()
    assert asked == [("/renew", "Bearer T0KEN"), ("/renew", None)]


def test_no_proxy_sees_a_token_that_is_not_encrypted(monkeypatch):
    with endpoint((200, b"{}")) as (proxy, seen), endpoint((200, answer())) as (url, asked):
        monkeypatch.setenv("http_proxy", proxy.removesuffix("/renew"))
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        assert RenewalEndpoint(url, lambda: "T0KEN")() == answer()
    assert (seen, asked) == ([], [("/renew", "Bearer T0KEN")])


@pytest.mark.parametrize("status", [302, 401, 404, 500])
def test_no_other_status_is_an_answer_and_a_redirect_is_not_followed(status):
    with endpoint((status, SECRET.encode())) as (url, asked):
        with pytest.raises(StoreError, match=f"HTTP status {status}") as caught:
            RenewalEndpoint(url, lambda: SECRET)()
        assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert len(asked) == 1


def test_what_is_too_long_or_not_there():
    with endpoint((200, b" " * 100_000)) as (url, _), pytest.raises(StoreError, match="65537 bytes"):
        RenewalEndpoint(url)()
    with pytest.raises(StoreError, match="did not answer"):
        RenewalEndpoint(url, timeout=1)()


@pytest.mark.parametrize(
    "url",
    ["ftp://x/y", "file:///etc/passwd", "http://example.org/", "https://", "https://u:p@example.org/", "nothing",
     "http://169.254.169.254/latest", "https://169.254.169.254/", "https://[fe80::1]/", "https://[x"],
)  # fmt: skip
def test_endpoints_that_are_not_safe_are_refused(url):
    with pytest.raises(StoreError, match="the renewal endpoint is"):
        RenewalEndpoint(url)


# ---- in the background -------------------------------------------------------------------------------------

FAST = RenewalPolicy(first=0.01, longest=0.02)


def until(happened):
    deadline = time.monotonic() + 20
    while not happened() and time.monotonic() < deadline:
        time.sleep(0.005)
    assert happened()


def test_the_old_ones_go_on_until_there_are_new_ones(caplog):
    clock = ThreadedRuntime(now=lambda: NOW)
    answers = [StoreError("no"), ZeroDivisionError(SECRET), b"junk", answer()]
    changed = []

    def fetch():
        one = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(one, Exception):
            raise one
        return one

    with caplog.at_level(logging.DEBUG):
        source = RenewedCredentials(fetch, OLD, policy=FAST, on_changed=changed.append, runtime=clock)
        assert source() in (OLD, *changed)
        until(lambda: changed)
    source.close()
    assert source().username == "AKIDNEW"
    assert source.error is None
    assert source.wait(1)
    assert "the old ones go on" in caplog.text
    assert SECRET not in caplog.text


def test_who_is_told_of_new_ones_cannot_end_their_renewal(caplog):
    """A callback that fails is logged, without what it says, and the next renewal comes."""
    clock = ThreadedRuntime(now=lambda: NOW)
    renewed = []

    def told(found):
        renewed.append(found)
        raise ValueError(SECRET)

    soon = answer(expiresAt=str(NOW.plus_microseconds(1000)))
    source = RenewedCredentials(lambda: soon, OLD, policy=FAST, on_changed=told, runtime=clock)
    until(lambda: len(renewed) > 1)
    source.close()
    assert "new credentials were not passed on: ValueError" in caplog.text
    assert SECRET not in caplog.text


def test_without_any_there_is_an_error():
    def fetch():
        raise StoreError("down")

    source = RenewedCredentials(fetch, policy=FAST)
    assert not source.wait(0.05)
    with pytest.raises(StoreError, match="no credentials yet: down"):
        source()
    source.close()


def test_nobody_sees_them():
    source = RenewedCredentials(lambda: answer(), OLD, policy=FAST, runtime=ThreadedRuntime(now=lambda: NOW))
    source.close()
    target = RenewalEndpoint("https://example.org/secret?x=1", lambda: SECRET)
    for one in (OLD, source, target):
        assert SECRET not in f"{one!r} {one!s} {one}"
        for protocol in range(2, 6):
            with pytest.raises(StateError):
                pickle.dumps(one, protocol)
    assert repr(OLD) == "StorageCredentials(with username, password, token, region, storage_uri)"
    assert "secret" not in repr(target)


# ---- a store with them -------------------------------------------------------------------------------------


def test_a_store_takes_the_credentials_of_the_moment_and_a_spool_waits_for_them(tmp_path):
    """Credentials that end while segments are written: nothing is lost, and nothing is there twice."""
    need_module("obstore")
    valid, now = {"AKID0"}, [StorageCredentials("AKID0", SECRET)]
    with FakeServer() as server:
        used = []

        def fault(method):
            named = re.search(r"Credential=([^/]+)/", server.bucket.headers[-1].get("authorization", ""))
            used.append(named and named[1])
            return None if named and named[1] in valid else "403"

        server.bucket.next_fault = fault
        options = {"endpoint": server.endpoint, "region": "us-east-1", "retry_seconds": 0.2}
        remote = open_store(server.url(), options=options, credentials=lambda: now[0])
        store = SpooledStore(remote, tmp_path / "spool", policy=SpoolPolicy(first=0.02, longest=0.05))
        for number in range(9):
            if number % 3 == 1:
                valid.clear()  # in mid-segment: it is sealed, and cannot be sent
            add(store, f"k{number}", b"%d" % number)
            if number % 3 == 1:
                until(lambda: store.status.error and "refuses these credentials" in store.status.error)
                assert SECRET not in store.status.error
                now[0] = StorageCredentials(f"AKID{number}", SECRET)
                valid.add(f"AKID{number}")
                until(lambda: not store.status.waiting)
        assert store.close(20)
        assert {key: one.data for key, one in server.bucket.objects["bucket"].items()} == {
            f"k{number}": b"%d" % number for number in range(9)
        }
        assert set(server.bucket.writes.values()) == {1}
        assert {"AKID0", "AKID1", "AKID4", "AKID7"} <= set(used)


def test_a_source_that_fails_is_an_error_of_the_store():
    need_module("obstore")

    def source():
        raise StoreError("there are no credentials yet")

    with FakeServer() as server:
        options = {"endpoint": server.endpoint, "region": "us-east-1", "retry_seconds": 0.2}
        store = open_store(server.url(), options=options, credentials=source)
        with pytest.raises(StoreError):
            store.head("k")


def test_a_source_and_options_with_credentials_do_not_go_together():
    need_module("obstore")
    for url, name in (("s3://bucket", "access_key_id"), ("az://bucket", "sas_token"), ("gs://bucket", "bearer_token")):
        with pytest.raises(StoreError, match=f"the option {name} and a source of credentials"):
            open_store(url, options={name: SECRET}, credentials=lambda: OLD)
    with pytest.raises(StoreError, match="only stores in the cloud"):
        open_store("memory:", credentials=lambda: OLD)


def test_options_renew_too(tmp_path):
    need_module("obstore")
    (tmp_path / "token").write_text("T0KEN\n")
    row = json.loads(answer())
    row["expiresAt"] = "2999-01-01T00:00:00Z"
    with FakeServer() as server, endpoint((200, json.dumps(row).encode())) as (url, asked):
        options = {
            "endpoint": server.endpoint, "region": "us-east-1", "retry_seconds": 0.2,
            "renewal_endpoint": url, "renewal_token_file": str(tmp_path / "token"),
        }  # fmt: skip
        add(open_store(server.url(), options=options), "k")
        assert "Credential=AKIDNEW/" in server.bucket.headers[-1]["authorization"]
        assert asked == [("/renew", "Bearer T0KEN")]
        first = {**options, "access_key_id": "AKIDFIRST", "secret_access_key": SECRET}
        store = open_store(server.url(), options=first)
        until(lambda: len(asked) == 2)
        add(store, "l")
        with pytest.raises(StoreError, match="the access token cannot be read"):
            open_store(server.url(), options={**options, "renewal_token_file": str(tmp_path / "none")})
        with pytest.raises(StoreError, match="use https"):
            open_store(server.url(), options={**options, "renewal_endpoint": "http://example.org"})


def test_tokens_of_the_other_services_change_too(monkeypatch):
    need_module("obstore")
    for name in ("AZURE_STORAGE_KEY", "STORAGE_EMULATOR_HOST"):
        monkeypatch.delenv(name, raising=False)
    now = [StorageCredentials(password="token0")]
    with FakeServer(dialect="gcs") as server:
        options = {"endpoint": server.endpoint, "retry_seconds": 0.2}
        store = open_store(server.url(), options=options, credentials=lambda: now[0])
        add(store, "a")
        now[0] = StorageCredentials(password="token1")
        time.sleep(0.15)
        add(store, "b")
        tokens = [one.get("authorization") for one in server.bucket.headers]
    assert tokens[0] == "Bearer token0"
    assert tokens[-1] == "Bearer token1"
    with FakeServer() as server:
        options = {"endpoint": f"{server.endpoint}/account", "account": "account", "retry_seconds": 0.2}
        now[0] = StorageCredentials(password="?sig=abc&sv=1")
        store = open_store("az://bucket", options=options, credentials=lambda: now[0])
        with pytest.raises(StoreError):
            store.head("k")
        assert any("sig=abc" in path for _, path in server.bucket.requests)
