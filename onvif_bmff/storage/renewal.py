"""A client of the renewal of storage configurations (ONVIF Core 25.12, Configuration Renewal)."""

import logging
import ssl
from collections.abc import Callable, Mapping
from http.client import HTTPException
from ipaddress import ip_address
from typing import IO, Any, NoReturn
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

from onvif_bmff.errors import StateError, StoreError
from onvif_bmff.logs import CauseLog
from onvif_bmff.runtime import SYSTEM, Runtime
from onvif_bmff.storage.bounded_http import bounded_handlers
from onvif_bmff.storage.credentials import RenewalPolicy, RenewalSchedule, StorageCredentials, read_renewal

__all__ = ["RenewalEndpoint", "RenewedCredentials", "renewal_of"]

_log = logging.getLogger(__name__)
_LARGEST = 1 << 16
_LARGEST_ANSWER = 1 << 18
"""The same with its headers."""
_FIRST = 10.0
_LONGEST_SLEEP = 60.0
"""Seconds after which the clocks are compared again."""


class _NoRedirect(HTTPRedirectHandler):
    """An access token is for its endpoint alone."""

    def redirect_request(self, req: Request, fp: IO[bytes], code: int, msg: str, headers: object, newurl: str) -> None:
        return None


class RenewalEndpoint:
    """Asks an endpoint for credentials: a GET with an access token, without redirects.

    Args:
        url: of the endpoint, with ``https``; ``http`` for this machine only, and then past any proxy.
        access_token: returns the access token of the authorization server at each call; None if there is none.
        context: how the server's certificate is checked; by the system's authorities if None.
        timeout: seconds that the endpoint may take for all of its answer, and as many for connecting.
        runtime: gives monotonic time.

    Raises:
        StoreError: the URL cannot be used, or names an address of this link, such as that of a cloud's metadata.
    """

    def __init__(
        self,
        url: str,
        access_token: Callable[[], str] | None = None,
        *,
        context: ssl.SSLContext | None = None,
        timeout: float = 10.0,
        runtime: Runtime = SYSTEM,
    ) -> None:
        _check_url(url)
        self._url = url
        self._access_token = access_token
        self._timeout = timeout
        # Where nothing is encrypted, a proxy would see the token, and this machine needs none to reach itself.
        proxies = [] if urlsplit(url).scheme == "https" else [ProxyHandler({})]
        context = context or ssl.create_default_context()
        bounded = bounded_handlers(context, timeout, _LARGEST_ANSWER, runtime.monotonic)
        self._opener = build_opener(_NoRedirect, *bounded, *proxies)

    def __repr__(self) -> str:
        return f"RenewalEndpoint({urlsplit(self._url).hostname!r})"

    def __reduce__(self) -> NoReturn:
        raise StateError("an endpoint with a token is not pickled")

    def __call__(self) -> bytes:
        """Return the answer.

        Raises:
            StoreError: there is none, or not with status 200. Neither URL nor answer are quoted.
        """
        headers = {"Accept": "application/json"}
        if self._access_token is not None:
            headers["Authorization"] = f"Bearer {self._access_token()}"
        try:
            with self._opener.open(Request(self._url, headers=headers), timeout=self._timeout) as answer:
                status, data = answer.status, answer.read(_LARGEST + 1)
        except HTTPError as error:
            error.close()
            raise StoreError(f"the renewal endpoint answered with HTTP status {error.code}") from None
        except (URLError, OSError, ValueError, HTTPException) as error:
            reason = getattr(error, "reason", error)
            kind = type(reason).__name__ if isinstance(reason, BaseException) else type(error).__name__
            raise StoreError(f"the renewal endpoint did not answer ({kind})") from None
        if status != 200 or len(data) > _LARGEST:
            raise StoreError(f"the renewal endpoint answered with HTTP status {status} and {len(data)} bytes")
        return bytes(data)


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        raise StoreError("the renewal endpoint is no URL") from None
    if parts.scheme not in ("https", "http") or not host or parts.username or parts.password:
        raise StoreError("the renewal endpoint is a URL that begins with https://, without user and password")
    try:
        address = ip_address(host)
    except ValueError:
        address = None
    if address is not None and address.is_link_local:
        raise StoreError("the renewal endpoint is an address of this link")
    is_here = host == "localhost" or (address is not None and address.is_loopback)
    if parts.scheme == "http" and not is_here:
        raise StoreError("the renewal endpoint is not encrypted: use https")


class RenewedCredentials:
    """A ``CredentialSource`` that renews its credentials in the background, until ``close``.

    The endpoint is asked at once, then before the credentials end. If it fails, the old ones go on, and it is asked
    again after pauses that grow exponentially. ``error`` is why it failed last, None after a success.

    A region or address of the store that changes is in what the source returns; a store that is open keeps its own.

    Args:
        fetch: returns the answer of the endpoint, such as a ``RenewalEndpoint``.
        present: the credentials of the configuration, which are used until the endpoint answers.
        policy: when they are renewed.
        on_changed: called with new credentials, in the background.
        runtime: runs the task, waits and reads clocks.
    """

    def __init__(
        self,
        fetch: Callable[[], bytes],
        present: StorageCredentials | None = None,
        *,
        policy: RenewalPolicy = RenewalPolicy(),  # noqa: B008
        on_changed: Callable[[StorageCredentials], None] | None = None,
        runtime: Runtime = SYSTEM,
    ) -> None:
        self._fetch = fetch
        self._present = present or StorageCredentials()
        self._on_changed = on_changed
        self._runtime = runtime
        self._schedule = RenewalSchedule(policy, lambda: int.from_bytes(runtime.random(2)) / 65535)
        self._log = CauseLog(_log, clock=runtime.monotonic)
        self._closed = runtime.flag()
        self._answered = runtime.flag()
        self.error: str | None = None
        self._task = runtime.spawn(self._run, "renewal")

    def __repr__(self) -> str:
        return f"RenewedCredentials({self._present!r})"

    def __reduce__(self) -> NoReturn:
        raise StateError("credentials are not pickled")

    def __call__(self) -> StorageCredentials:
        """Return the credentials of the moment.

        Raises:
            StoreError: there are none yet.
        """
        if self._present.password is None:
            raise StoreError(f"there are no credentials yet{f': {self.error}' if self.error else ''}")
        return self._present

    def wait(self, seconds: float) -> bool:
        """Wait for the first answer of the endpoint, at most so many seconds; return whether it was a good one."""
        self._answered.wait(seconds)
        return self._answered.is_set() and self.error is None

    def close(self) -> None:
        """Ask for no more credentials."""
        self._closed.set()

    def _run(self) -> None:
        while not self._closed.is_set():
            pause = self._schedule.wait(self._runtime.monotonic(), self._runtime.now())
            if pause > 0:
                self._closed.wait(min(pause, _LONGEST_SLEEP))
                continue
            self._renew()
            self._answered.set()

    def _renew(self) -> None:
        try:
            answer = self._fetch()
            now = self._runtime.now()
            found = read_renewal(answer, self._present, now)
        except Exception as error:  # noqa: BLE001
            # What an access token comes from may raise anything; only our own errors are known to show nothing.
            self.error = str(error) if isinstance(error, StoreError) else type(error).__name__
            self._log.warning(self.error, "credentials are not renewed, the old ones go on: %s", self.error)
            self._schedule.failed(self._runtime.monotonic())
            return
        self._present = found
        self.error = None
        self._schedule.renewed(found.expires_at, self._runtime.monotonic(), now)
        if self._on_changed is not None:
            try:
                self._on_changed(found)
            except Exception as error:  # noqa: BLE001
                # What others do with credentials must not end their renewal.
                self._log.error("on_changed", "new credentials were not passed on: %s", type(error).__name__)


def renewal_of(options: Mapping[str, Any], *, runtime: Runtime = SYSTEM) -> tuple[RenewedCredentials, dict[str, Any]]:
    """Return a source of credentials for the options of a store that have ``renewal_endpoint``, and the other options.

    Credentials among the options are those that it begins with; without any the first answer is waited for, 10 seconds.

    Raises:
        StoreError: the endpoint cannot be used, or the file with its access token cannot be read.
    """
    rest = dict(options)
    url, path = str(rest.pop("renewal_endpoint")), rest.pop("renewal_token_file", None)

    def token() -> str:
        try:
            with open(str(path), encoding="ascii") as file:
                return file.read(_LARGEST).strip()
        except (OSError, ValueError):
            raise StoreError(f"the access token cannot be read: {path}") from None

    fetch = RenewalEndpoint(url, None if path is None else token)
    if path is not None:
        token()
    username, password, session = (
        rest.pop(name, None) for name in ("access_key_id", "secret_access_key", "session_token")
    )
    for name in ("sas_token", "bearer_token"):
        password = rest.pop(name, password)
    source = RenewedCredentials(fetch, StorageCredentials(username, password, session), runtime=runtime)
    if password is None:
        source.wait(_FIRST)
    return source, rest
