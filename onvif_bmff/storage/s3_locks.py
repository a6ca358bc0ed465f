"""Requests about Object Lock by botocore, the package of the extra ``lock``: obstore has none of them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from onvif_bmff.errors import ObjectNotFoundError, StoreError
from onvif_bmff.storage.cloud_client import NoBucketError, StoreBusyError
from onvif_bmff.storage.cloud_settings import CloudSettings
from onvif_bmff.storage.credentials import CredentialSource
from onvif_bmff.storage.locks import RetentionMode
from onvif_bmff.timing import UtcTime

__all__ = ["S3Locks"]

_NONE = ("NoSuchObjectLockConfiguration", "ObjectLockConfigurationNotFoundError")
_GONE = ("NoSuchKey", "NoSuchVersion", "MethodNotAllowed")
"""``MethodNotAllowed``: it was removed, and an older version is still there."""
_AGAIN = (408, 409, 425, 429)
_SECOND = 1_000_000


class S3Locks:
    """A ``LockClient`` of a bucket in Amazon S3, or in what speaks like it.

    Args:
        bucket: name of the bucket.
        settings: how to reach it.
        source: gives credentials that change; None for those of the settings, or of the machine.

    Raises:
        StoreError: the extra ``lock`` is not installed, or botocore refuses the settings.
    """

    def __init__(self, bucket: str, settings: CloudSettings, source: CredentialSource | None = None) -> None:
        try:
            import botocore.config
            import botocore.exceptions
            import botocore.session
        except ImportError:
            raise StoreError(
                "botocore asks whether objects are locked: pip install 'onvif-bmff[cloud]' (or, where nothing is "
                "ever locked, the option object_lock = false)"
            ) from None
        self._botocore = botocore
        self._bucket = bucket
        self._settings = settings
        self._source = source
        self._made: tuple[Mapping[str, str] | None, Any] | None = None

    def is_enabled(self) -> bool:
        """Return whether objects of the bucket can be locked."""
        found = self._asked("get_object_lock_configuration", self._bucket)
        return bool(found) and found["ObjectLockConfiguration"].get("ObjectLockEnabled") == "Enabled"

    def retention(self, key: str) -> tuple[UtcTime, RetentionMode] | None:
        """Return until when an object is retained, and how; None if it is not."""
        found = self._asked("get_object_retention", key, Key=key).get("Retention") or {}
        until, mode = found.get("RetainUntilDate"), found.get("Mode")
        known = RetentionMode.__members__.get(str(mode))
        return None if until is None or known is None else (UtcTime.from_datetime(until), known)

    def retain(self, key: str, until: UtcTime, mode: RetentionMode) -> None:
        """Retain an object, until the next whole second."""
        ends = datetime.fromtimestamp(-(-until.microseconds // _SECOND), UTC)
        self._asked(
            "put_object_retention", key, Key=key, Retention={"Mode": mode.value, "RetainUntilDate": ends}
        )  # fmt: skip

    def is_held(self, key: str) -> bool:
        """Return whether an object has a legal hold."""
        found = self._asked("get_object_legal_hold", key, Key=key).get("LegalHold") or {}
        return bool(found.get("Status") == "ON")

    def hold(self, key: str, *, held: bool) -> None:
        """Set a legal hold, or take it off."""
        self._asked("put_object_legal_hold", key, Key=key, LegalHold={"Status": "ON" if held else "OFF"})

    def _asked(self, operation: str, what: str, **more: Any) -> Mapping[str, Any]:
        """Return the answer to a request; an empty one where there is no such lock."""
        if self._settings.config.get("request_payer") == "true":
            more["RequestPayer"] = "requester"
        with self._translated(what):
            try:
                answer: Mapping[str, Any] = getattr(self._client(), operation)(Bucket=self._bucket, **more)
            except self._botocore.exceptions.ClientError as error:
                if error.response.get("Error", {}).get("Code") in _NONE:
                    return {}
                raise
        return answer

    def _client(self) -> Any:
        """Return the client for the credentials of the moment."""
        pair = self._pair()
        if self._made is None or self._made[0] != pair:
            self._made = pair, self._make(pair)
        return self._made[1]

    def _pair(self) -> Mapping[str, str] | None:
        if self._source is None:
            return self._settings.credentials
        found = self._source()
        pair = {"access_key_id": found.username or "", "secret_access_key": found.password or ""}
        return {**pair, "session_token": found.token} if found.token else pair

    def _make(self, pair: Mapping[str, str] | None) -> Any:
        config = self._settings.config
        virtual = config.get("virtual_hosted_style_request") == "true"
        endpoint = config.get("endpoint")
        options = self._botocore.config.Config(
            connect_timeout=_seconds(self._settings.client["connect_timeout"]),
            read_timeout=_seconds(self._settings.client["timeout"]),
            retries={"total_max_attempts": 1},
            s3={"addressing_style": "virtual" if virtual or endpoint is None else "path"},
        )
        given: dict[str, Any] = {f"aws_{name}": value for name, value in (pair or {}).items()}
        return self._botocore.session.Session().create_client(
            "s3",
            region_name=config.get("region") or "us-east-1",
            endpoint_url=None if endpoint is None else _without_bucket(endpoint, self._bucket, virtual=virtual),
            verify=self._settings.certificate,
            config=options,
            **given,
        )

    @contextmanager
    def _translated(self, what: str) -> Iterator[None]:
        errors = self._botocore.exceptions
        try:
            yield
        except errors.ClientError as error:
            raise _ours(what, error.response) from None
        except (errors.NoCredentialsError, errors.PartialCredentialsError):
            raise StoreError(f"{what}: there are no credentials for its locks") from None
        except (errors.HTTPClientError, errors.ConnectionError) as error:
            raise StoreBusyError(f"{what}: the service did not answer ({type(error).__name__})") from None
        except (errors.BotoCoreError, ValueError) as error:
            raise StoreError(f"{what}: the client library failed ({type(error).__name__})") from None


def _ours(what: str, answer: Mapping[str, Any]) -> StoreError:
    code = str(answer.get("Error", {}).get("Code", ""))[:60]
    status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    said = f"{what}: HTTP status {status}, {code}"
    if code == "NoSuchBucket":
        return NoBucketError("there is no such bucket or container")
    if code in _GONE or (status == 404 and code == "404"):
        return ObjectNotFoundError(f"no object has this key: {what}")
    if status in _AGAIN or status >= 500:
        return StoreBusyError(said)
    if status in (401, 403):
        return StoreError(f"{what}: the service does not let these credentials see or change locks ({said})")
    return StoreError(said)


def _seconds(text: str) -> float:
    return float(text.removesuffix("s"))


def _without_bucket(endpoint: str, bucket: str, *, virtual: bool) -> str:
    """Return the endpoint of a service, which obstore wants to be that of the bucket where that is its host."""
    parts = urlsplit(endpoint)
    if not virtual or not parts.netloc.startswith(f"{bucket}."):
        return endpoint
    return urlunsplit(parts._replace(netloc=parts.netloc.removeprefix(f"{bucket}.")))
