"""Requests to a bucket by obstore, the package of the extra ``cloud``. It is imported when a client is made."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from os import getpid
from types import ModuleType
from typing import TYPE_CHECKING, Any

from onvif_bmff.errors import ObjectNotFoundError, StateError, StoreError
from onvif_bmff.objects.stored import Buffer
from onvif_bmff.storage.cloud_client import (
    AZURE,
    GCS,
    S3,
    CloudHead,
    CloudService,
    KeyTakenError,
    MetadataTooLargeError,
    NoBucketError,
    RangeNotSatisfiableError,
    StoreBusyError,
)
from onvif_bmff.storage.cloud_settings import CloudSettings
from onvif_bmff.storage.credentials import CredentialSource
from onvif_bmff.timing import UtcTime

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import ObjectStore as Bucket

__all__ = ["ObstoreClient"]

_STATUS = re.compile(r"status code: ([0-9]{3})")
_CODE = re.compile(r"<Code>([A-Za-z0-9]{1,60})</Code>")
_QUERY = re.compile(r"\?[^\s\"<>)]*")
_NO_BUCKET = ("NoSuchBucket", "ContainerNotFound")
_ELSEWHERE = "Received redirect without LOCATION"
_FINAL = ("builder error", "URL scheme is not allowed", _ELSEWHERE)
_TOO_LARGE = "MetadataTooLarge"
_NO_PART = "non-partial response"
_BEHIND_THE_END = "Wanted range starting at"
_CAUSES = {
    "AuthorizationHeaderMalformed": "is the bucket in another region?",
    "PermanentRedirect": "is the bucket in another region?",
    "RequestTimeTooSkewed": "this machine's clock is wrong",
    "RequestExpired": "this machine's clock is wrong",
}
"""What codes of services mean."""
_WITHOUT_BODY = {
    301: "is the bucket in another region?",
    400: "is the region right?",
    403: "or a permission is missing, as that to list the bucket, or this machine's clock is wrong",
}
"""What statuses may mean where no code is with them, as in all answers to HEAD."""
_AGAIN = (408, 409, 425, 429)
_HEADERS = {
    "Content-Disposition", "Content-Encoding", "Content-Language", "Content-Type", "Cache-Control", "Storage-Class",
}  # fmt: skip
_NO_TYPE = "binary/octet-stream"
"""What S3 answers for an object that was stored without content type."""
_LONGEST = 300
_SEEN = 256
"""Objects whose sizes are remembered."""
_PAGE = 1000
"""Keys that are listed before the first is given out: what services list in one request."""
_OVER = datetime(2000, 1, 1, tzinfo=UTC)

_used_in: int | None = None
"""Process whose threads obstore runs in; a forked child has none of them, and would wait for ever."""


class ObstoreClient:
    """A ``CloudClient`` by obstore, which sends each request once.

    Args:
        service: which service.
        bucket: name of the bucket or container.
        settings: how to reach it.
        source: gives credentials that change; None for those of the settings.

    Raises:
        StoreError: the extra ``cloud`` is not installed, or obstore refuses the settings.
        StateError: this is a forked child of a process that used obstore.
    """

    def __init__(
        self, service: CloudService, bucket: str, settings: CloudSettings, source: CredentialSource | None = None
    ) -> None:
        global _used_in
        try:
            import obstore
            from obstore import store
        except ImportError:
            raise StoreError("stores in the cloud need the extra: pip install 'onvif-bmff[cloud]'") from None
        if _used_in not in (None, getpid()):
            raise StateError("a cloud store does not work in a forked process: spawn it, and open the store there")
        _used_in = getpid()
        self._obstore: ModuleType = obstore
        self.service = service
        self.bucket = bucket
        self._tags = dict(settings.tags) or None
        self._storage_class = settings.storage_class
        self._seen: dict[str, tuple[int, str | None]] = {}
        kinds: dict[str, Any] = {S3.scheme: store.S3Store, AZURE.scheme: store.AzureStore, GCS.scheme: store.GCSStore}
        more: dict[str, Any] = {}
        if source is not None:
            more["credential_provider"] = _changing(service, source)
        elif settings.credentials is not None:
            more["credential_provider"] = _provider(settings.credentials)
        with _translated("the settings"):
            self._store: Bucket = kinds[service.scheme](
                bucket,
                config=dict(settings.config),
                client_options=dict(settings.client),
                retry_config={"max_retries": 0, "retry_timeout": timedelta(0)},
                **more,
            )

    def __repr__(self) -> str:
        return f"ObstoreClient({self.service.scheme!r}, {self.bucket!r})"

    def put(
        self, key: str, buffers: Sequence[Buffer], content_type: str, attributes: Mapping[str, str], *, create: bool
    ) -> None:
        """Store an object in one request; see ``CloudClient.put``."""
        sent = {**attributes, "Content-Type": content_type}
        if self._storage_class:
            sent["Storage-Class"] = self._storage_class
        with _translated(key):
            self._obstore.put(
                self._store,
                key,
                [_flat(buffer) for buffer in buffers] or b"",
                attributes=sent,
                tags=self._tags,
                mode="create" if create else "overwrite",
                use_multipart=False,
            )

    def head(self, key: str) -> CloudHead:
        """Return what is known about an object; see ``CloudClient.head``."""
        with _translated(key):
            found = self._obstore.get(self._store, key, options={"head": True})
            _check_is_of_service(key, found.meta)
            self._note(key, found.meta)
            headers = found.attributes
            content_type = headers.get("Content-Type")
            own = {name: value for name, value in headers.items() if name not in _HEADERS}
            modified = UtcTime.from_datetime(found.meta["last_modified"])
            content_type = None if content_type == _NO_TYPE else content_type
            return CloudHead(found.meta["size"], content_type, own, modified, found.meta["version"])

    def get(self, key: str, start: int, end: int | None) -> bytes:
        """Return bytes of an object; see ``CloudClient.get``."""
        wanted: dict[str, Any] = {}
        if start < 0:
            wanted = {"range": {"suffix": -start}}
        elif end is not None:
            wanted = {"range": (start, end)}
        elif start:
            wanted = {"range": {"offset": start}}
        return self._get(key, wanted)

    def tail(self, key: str, length: int) -> bytes | None:
        """Return the last bytes of an object that was read before; see ``CloudClient.tail``."""
        size, tag = self._seen.get(key, (0, None))
        if not size or tag is None:
            return None
        try:
            return self._get(key, {"range": (max(0, size - length), size), "if_match": tag})
        except KeyTakenError:  # another object has the key by now
            self._seen.pop(key, None)
            return None

    def _get(self, key: str, wanted: Mapping[str, Any]) -> bytes:
        try:
            with _translated(key):
                found = self._obstore.get(self._store, key, options=wanted)
                _check_is_of_service(key, found.meta)
                first, last = found.range
                data = bytes(found.bytes())
                self._note(key, found.meta)
        except StoreError as error:
            if _NO_PART not in str(error):
                raise
            if self.head(key).size:
                raise StoreError(f"{key}: the service gave the whole object in place of a part") from None
            raise RangeNotSatisfiableError(f"{key}: the object is empty") from None
        if len(data) != last - first:
            raise StoreBusyError(f"{key}: {len(data)} bytes came, and {last - first} were announced")
        return data

    def _note(self, key: str, meta: Mapping[str, Any]) -> None:
        """Note the size of an object that was read, where its end cannot be had otherwise."""
        if not self.service.suffix_ranges:
            while len(self._seen) >= _SEEN:
                self._seen.pop(next(iter(self._seen)), None)
            self._seen[key] = meta["size"], meta["e_tag"]

    def pages(self, folder: str, after: str) -> Iterator[Sequence[str]]:
        """Return keys page by page; see ``CloudClient.pages``."""
        with _translated(folder or self.bucket):
            stream = iter(self._obstore.list(self._store, folder or None, offset=after or None, chunk_size=_PAGE))
        while True:
            with _translated(folder or self.bucket):
                page = next(stream, None)
            if page is None:
                return
            yield [one["path"] for one in page]

    def delete(self, keys: Sequence[str]) -> None:
        """Remove objects; see ``CloudClient.delete``."""
        with _translated(keys[0]):
            self._obstore.delete(self._store, keys[0] if len(keys) == 1 else list(keys))


def _check_is_of_service(key: str, meta: "ObjectMeta") -> None:
    """Check that an answer is one about an object, and not a page that something on the way gives to any request.

    Raises:
        StoreBusyError: it has no e-tag, which all services give.
    """
    if not meta["e_tag"]:
        raise StoreBusyError(f"{key}: the answer has no e-tag, and so is none of the service")


def _provider(credentials: Mapping[str, str]) -> Callable[[], dict[str, Any]]:
    """Return a function that gives the client library a key pair, which it then does not keep where it can be read."""
    pair = {"access_key_id": credentials["access_key_id"], "secret_access_key": credentials["secret_access_key"]}
    return lambda: {**pair, "token": credentials.get("session_token"), "expires_at": None}


def _changing(service: CloudService, source: CredentialSource) -> Callable[[], dict[str, Any]]:
    """Return a function that gives the client library the credentials of the moment.

    They are said to be over, so that the library asks again for its next request.
    """

    def provide() -> dict[str, Any]:
        found = source()
        ends = {"expires_at": _OVER}
        if service is S3:
            pair = {"access_key_id": found.username or "", "secret_access_key": found.password or ""}
            return {**pair, "token": found.token, **ends}
        if service is AZURE:
            return {"sas_token": (found.password or "").removeprefix("?"), **ends}
        return {"token": found.password or found.token or "", **ends}

    return provide


def _flat(buffer: Buffer) -> Buffer:
    if isinstance(buffer, bytes):
        return buffer
    view = memoryview(buffer)
    return view if view.format == "B" and view.ndim == 1 and view.contiguous else memoryview(view.tobytes())


@contextmanager
def _translated(what: str) -> Iterator[None]:
    """Raise what obstore raises as an error of ours, without the queries of URLs, which may hold a signature."""
    try:
        yield
    except (StoreError, StateError, GeneratorExit, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        # A panic of the library is no Exception; it has no type that can be imported.
        if isinstance(error, Exception) or type(error).__name__ == "PanicException":
            raise _ours(what, error) from None
        raise


def _ours(what: str, error: BaseException) -> StoreError:
    text, kind = str(error), type(error).__name__
    is_missing = isinstance(error, FileNotFoundError)
    number = None if is_missing else _STATUS.search(text)
    status = int(number[1]) if number else 0
    if is_missing or status == 404:
        if any(code in text for code in _NO_BUCKET):
            return NoBucketError("there is no such bucket or container")
        return ObjectNotFoundError(f"no object has this key: {what}")
    message = f"{what}: {_said(text, status)}"
    if kind == "AlreadyExistsError" or kind == "PreconditionError":
        return KeyTakenError(message)
    if kind == "GenericError":
        if status == 416 or _BEHIND_THE_END in text:
            return RangeNotSatisfiableError(message)
        if status in _AGAIN or status >= 500 or (not status and not any(word in text for word in _FINAL)):
            return StoreBusyError(message)
    if status == 400 and _TOO_LARGE in text:
        return MetadataTooLargeError(message)
    if kind in ("PermissionDeniedError", "UnauthenticatedError") or status in (401, 403):
        return StoreError(f"{what}: the service refuses these credentials ({_said(text, status)})")
    return StoreError(message)


def _said(text: str, status: int) -> str:
    """Return what an error says, in one line, without the answer of the service but for its code."""
    code = _CODE.search(text)
    if _ELSEWHERE in text:
        status = 301
    if status:
        cause = _CAUSES.get(code[1], "") if code else _WITHOUT_BODY.get(status, "")
        return f"HTTP status {status}{f', {code[1]}' if code else ''}{f': {cause}' if cause else ''}"
    line = next(iter(text.splitlines()), "")
    return _QUERY.sub("?…", line)[:_LONGEST] or "the client library failed"
