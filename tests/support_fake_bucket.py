"""A bucket behind HTTP in this process: as much of the XML interfaces of S3 and GCS as a store uses, with faults.

It keeps the limits that the emulators do not (metadata, order, names), and can fail in ways that they cannot: lose the
answer to a write, answer 409 without having stored anything, hang, cut an answer short.
"""

import html
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

FAULTS = ("500", "503", "429", "409", "reset", "lost answer", "hang", "truncation")
"""What may happen to a request, by name."""
DATE = "Sun, 29 Nov 2026 12:00:00 GMT"


@dataclass
class Stored:
    data: bytes
    headers: dict
    number: int


@dataclass
class FakeBucket:
    """The objects of all buckets, by bucket and key.

    ``next_fault`` is called with the method of each request and says what happens to it: a name in ``FAULTS``, None, or
    an answer in place of the true one (status, body and headers).
    ``keeps_attributes`` is False where the service drops those of its objects, and says that all is well.
    ``requests`` are the methods and targets of all requests, ``writes`` counts by key how often one was stored.
    """

    dialect: str = "s3"
    page: int = 1000
    keeps_attributes: bool = True
    objects: dict = field(default_factory=dict)
    requests: list = field(default_factory=list)
    writes: dict = field(default_factory=dict)
    headers: list = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    number: int = 0
    let_go: threading.Event = field(default_factory=threading.Event)

    next_fault = staticmethod(lambda method: None)

    @property
    def meta(self):
        return "x-amz-meta-" if self.dialect == "s3" else "x-goog-meta-"

    @property
    def limit(self):
        return 2048 if self.dialect == "s3" else 8192


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    bucket: FakeBucket

    def log_message(self, *args):
        pass

    def _serve(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fake = self.bucket
        with fake.lock:
            fake.requests.append((self.command, self.path))
            fake.headers.append(dict(self.headers.items()))
            fault = fake.next_fault(self.command)
        if isinstance(fault, tuple):
            status, data, headers = fault
            self._answer(status, data, dict(headers))
        elif fault == "reset":
            self._cut()
        elif fault == "hang":
            fake.let_go.wait(5)
            self._cut()
        elif fault in ("500", "503", "429", "409", "403"):
            self._answer(int(fault), f"<Error><Code>Fault{fault}</Code></Error>".encode())
        elif fault == "no bucket":
            self._answer(404, b"<Error><Code>NoSuchBucket</Code></Error>")
        else:
            with fake.lock:
                status, data, headers = self._done(body)
            if fault == "lost answer":
                self._cut()
            elif fault == "truncation" and len(data) > 1 and self.command == "GET":
                self._answer(status, data, headers, cut=len(data) // 2)
                self._cut()
            else:
                self._answer(status, data, headers)

    def __getattr__(self, name):
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def _cut(self):
        self.close_connection = True
        self.connection.close()

    def _answer(self, status, data=b"", headers=None, cut=None):
        self.send_response(status)
        length = (headers or {}).pop("Content-Length", len(data))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data[:cut])
        self.wfile.flush()

    def _done(self, body):
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query, keep_blank_values=True).items()}
        _, bucket, *rest = url.path.split("/", 2)
        key = unquote(rest[0]) if rest else ""
        found = self.bucket.objects.setdefault(bucket, {})
        if self.command == "POST":
            return self._delete_many(found, body)
        if not key:
            return self._list(found, query)
        if self.command == "PUT":
            return self._put(found, key, body)
        if key not in found:
            return 404, b"<Error><Code>NoSuchKey</Code></Error>", {}
        if self.command == "DELETE":
            del found[key]
            return 204, b"", {}
        return self._read(found[key])

    def _put(self, found, key, body):
        sent = {name.lower(): value for name, value in self.headers.items()}
        fresh = sent.get("if-none-match") == "*" or sent.get("x-goog-if-generation-match") == "0"
        if fresh and key in found:
            return 412, b"<Error><Code>PreconditionFailed</Code></Error>", {}
        meta = {name: value for name, value in sent.items() if name.startswith(self.bucket.meta)}
        if sum(len(name) + len(value) for name, value in meta.items()) > self.bucket.limit:
            return 400, b"<Error><Code>MetadataTooLarge</Code></Error>", {}
        self.bucket.number += 1
        kept = {
            **(meta if self.bucket.keeps_attributes else {}),
            "Content-Type": sent.get("content-type", "binary/octet-stream"),
        }
        found[key] = Stored(body, kept, self.bucket.number)
        self.bucket.writes[key] = self.bucket.writes.get(key, 0) + 1
        return 200, b"", self._marks(found[key])

    @staticmethod
    def _marks(one):
        return {"ETag": f'"{one.number}"', "x-goog-generation": str(one.number), "Last-Modified": DATE}

    def _read(self, one):
        headers = {**one.headers, **self._marks(one)}
        data, size = one.data, len(one.data)
        wanted = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", ""))
        if self.command == "HEAD":
            return 200, b"", {**headers, "Content-Length": size}
        if self.headers.get("If-Match", headers["ETag"]) != headers["ETag"]:
            return 412, b"<Error><Code>PreconditionFailed</Code></Error>", {}
        if wanted is None:
            return 200, data, headers
        first, last = wanted.groups()
        start = int(first) if first else max(0, size - int(last))
        end = min(int(last), size - 1) if first and last else size - 1
        if start >= size:
            return 416, b"<Error><Code>InvalidRange</Code></Error>", {}
        return 206, data[start : end + 1], {**headers, "Content-Range": f"bytes {start}-{end}/{size}"}

    def _list(self, found, query):
        after = max(query.get("start-after", ""), query.get("continuation-token", ""), key=str.encode)
        wanted = sorted(
            (key for key in found if key.startswith(query.get("prefix", "")) and key.encode() > after.encode()),
            key=str.encode,
        )
        page = wanted[: self.bucket.page]
        rows = "".join(
            f"<Contents><Key>{escape(key)}</Key><LastModified>2026-11-29T12:00:00.000Z</LastModified>"
            f"<ETag>&quot;{found[key].number}&quot;</ETag><Size>{len(found[key].data)}</Size></Contents>"
            for key in page
        )
        more = len(page) < len(wanted)
        token = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if more else ""
        text = f"<ListBucketResult><IsTruncated>{str(more).lower()}</IsTruncated>{token}{rows}</ListBucketResult>"
        return 200, text.encode(), {"Content-Type": "application/xml"}

    def _delete_many(self, found, body):
        keys = [html.unescape(key) for key in re.findall(r"<Key>(.*?)</Key>", body.decode(), re.DOTALL)]
        for key in keys:
            found.pop(key, None)
        rows = "".join(f"<Deleted><Key>{escape(key)}</Key></Deleted>" for key in keys)
        return 200, f"<DeleteResult>{rows}</DeleteResult>".encode(), {"Content-Type": "application/xml"}


class FakeServer:
    """A server for a fake bucket, as a context manager; ``endpoint`` is its URL."""

    def __init__(self, **settings):
        self.bucket = FakeBucket(**settings)

    def __enter__(self):
        handler = type("BucketHandler", (Handler,), {"bucket": self.bucket})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error):
        self.bucket.let_go.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def options(self, **more):
        """Options with which ``open_store`` reaches it."""
        own = (
            {"access_key_id": "AKIDFAKE00001", "secret_access_key": "SECRETFAKE00001", "region": "us-east-1"}
            if self.bucket.dialect == "s3"
            else {"bearer_token": "x"}
        )
        return {"endpoint": self.endpoint, "timeout": 5, **own, **more}

    def url(self, name="bucket"):
        return f"{'s3' if self.bucket.dialect == 's3' else 'gs'}://{name}"
