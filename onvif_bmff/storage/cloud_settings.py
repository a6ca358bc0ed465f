"""How a service is reached: options of a caller, and what the services' own tools read: variables, profiles.

Later sources do not replace what earlier ones say: options, then variables, then the profile. What is not said here,
the client library finds by itself: the roles of machines and containers, the login of the Azure CLI, Google's
application default credentials.
"""

import configparser
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from onvif_bmff.errors import StoreError, TimeError
from onvif_bmff.storage.cloud_client import AZURE, GCS, S3, CloudService
from onvif_bmff.storage.locks import LockPolicy, RetentionMode
from onvif_bmff.timing import UtcTime, parse_duration

__all__ = [
    "CLOUD_OPTIONS",
    "NEW_LOCKS",
    "CloudSettings",
    "read_options",
    "settings_for",
    "settings_without_credentials",
]

_ANY = (
    "allow_http", "connect_timeout", "renewal_endpoint", "renewal_token_file", "retry_seconds", "root_certificate",
    "tasks", "timeout",
)  # fmt: skip
NEW_LOCKS = ("legal_hold", "retain_for", "retain_until", "retention_mode")
"""Options that lock new objects."""
_LOCK = (*NEW_LOCKS, "object_lock")
_OWN = (*_ANY, *_LOCK, "profile", "storage_class", "tags")
_CONFIG: Mapping[str, Mapping[str, str]] = {
    S3.scheme: {
        "access_key_id": "access_key_id",
        "bucket_key": "sse_bucket_key_enabled",
        "endpoint": "endpoint",
        "encryption": "server_side_encryption",
        "kms_key_id": "sse_kms_key_id",
        "region": "region",
        "requester_pays": "request_payer",
        "secret_access_key": "secret_access_key",
        "session_token": "session_token",
        "unsigned_payload": "unsigned_payload",
        "virtual_hosted_style": "virtual_hosted_style_request",
    },
    AZURE.scheme: {
        "account": "account_name",
        "account_key": "account_key",
        "client_id": "client_id",
        "client_secret": "client_secret",
        "endpoint": "endpoint",
        "sas_token": "sas_key",
        "tenant_id": "tenant_id",
        "use_azure_cli": "use_azure_cli",
    },
    GCS.scheme: {"bearer_token": "bearer_token", "endpoint": "base_url", "service_account": "service_account"},
}
"""Names of our options for a service, and of those of obstore."""

CLOUD_OPTIONS: Mapping[str, frozenset[str]] = {
    S3.scheme: frozenset((*_CONFIG[S3.scheme], *_OWN)),
    AZURE.scheme: frozenset((*_CONFIG[AZURE.scheme], *_ANY, "storage_class", "tags")),
    GCS.scheme: frozenset((*_CONFIG[GCS.scheme], *_ANY, "storage_class")),
}
"""Names of the options by the scheme of the URL."""

_VARIABLES: Mapping[str, Mapping[str, str]] = {
    S3.scheme: {
        "AWS_ACCESS_KEY_ID": "access_key_id",
        "AWS_ENDPOINT_URL_S3": "endpoint",
        "AWS_ENDPOINT_URL": "endpoint",
        "AWS_PROFILE": "profile",
        "AWS_REGION": "region",
        "AWS_DEFAULT_REGION": "region",
        "AWS_SECRET_ACCESS_KEY": "secret_access_key",
        "AWS_SESSION_TOKEN": "session_token",
        "AWS_CA_BUNDLE": "root_certificate",
    },
    AZURE.scheme: {
        "AZURE_STORAGE_ACCOUNT": "account",
        "AZURE_STORAGE_KEY": "account_key",
        "AZURE_STORAGE_SAS_TOKEN": "sas_token",
        "AZURE_STORAGE_SERVICE_ENDPOINT": "endpoint",
    },
    GCS.scheme: {"STORAGE_EMULATOR_HOST": "endpoint"},
}
"""Variables of the services' own tools, the strongest first; obstore reads some more."""

_ELSEWHERE = (
    "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)  # fmt: skip
"""Variables that say where other credentials than those of a profile come from."""
_CREDENTIALS = ("access_key_id", "secret_access_key", "session_token")
_SECRET = frozenset((
    *_CREDENTIALS, "profile", "account_key", "sas_token", "client_id", "client_secret", "tenant_id", "use_azure_cli",
    "service_account", "bearer_token",
))  # fmt: skip
"""Options that say who one is."""
_MAX_FILE = 1 << 20


@dataclass(frozen=True, slots=True)
class CloudSettings:
    """What a client and a store are made with. Nothing of it is shown, for it may hold credentials.

    Args:
        config: configuration of the service, under obstore's names.
        client: options of the HTTP client, under obstore's names.
        credentials: key pair for S3, and a token of temporary ones; None where the client library finds them by itself.
        storage_class: storage class of new objects; that of the bucket if None.
        tags: tags of new objects.
        retry_seconds: how long a request is tried; None for the usual time.
        tasks: requests at once; None for the usual number.
        locks: how new objects are locked; None if they are not.
        ask_locks: whether the service is asked for locks before an object of a bucket with versions is removed.
        certificate: path of the file of certificates that are trusted besides the usual ones; None without.
    """

    config: Mapping[str, Any] = field(repr=False)
    client: Mapping[str, Any] = field(repr=False)
    credentials: Mapping[str, str] | None = field(default=None, repr=False)
    storage_class: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    retry_seconds: float | None = None
    tasks: int | None = None
    locks: LockPolicy | None = None
    ask_locks: bool = True
    certificate: str | None = None


def read_options(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the options in a TOML file of names and values.

    Raises:
        StoreError: the file cannot be read, or is no TOML. Its content is not quoted.
    """
    try:
        with open(path, "rb") as file:
            return tomllib.loads(file.read(_MAX_FILE).decode())
    except OSError as error:
        raise StoreError(f"{os.fsdecode(path)}: {error.strerror}") from None
    except (ValueError, RecursionError):  # both of TOML and of UTF-8
        raise StoreError(f"{os.fsdecode(path)} is no TOML file of options") from None


def settings_without_credentials(
    service: CloudService, options: Mapping[str, Any], variables: Mapping[str, str] = os.environ
) -> CloudSettings:
    """Return the settings for a service whose credentials come from a source of their own.

    Raises:
        StoreError: as ``settings_for``, or the options have credentials, too.
    """
    found = sorted(set(options) & _SECRET)
    if found:
        raise StoreError(f"the option {found[0]} and a source of credentials do not go together")
    kept = {name: value for name, value in variables.items() if _VARIABLES[service.scheme].get(name) not in _SECRET}
    kept.pop("AZURE_STORAGE_CONNECTION_STRING", None)
    return replace(settings_for(service, options, kept), credentials=None)


def settings_for(
    service: CloudService, options: Mapping[str, Any], variables: Mapping[str, str] = os.environ
) -> CloudSettings:
    """Return the settings for a service.

    Raises:
        StoreError: an option is unknown or of the wrong kind, a profile cannot be used, or the endpoint is not safe.
    """
    unknown = sorted(set(options) - CLOUD_OPTIONS[service.scheme])
    if unknown:
        if unknown[0] in _LOCK:
            raise StoreError(f"{service.title}: locks of objects are there for Amazon S3 alone ({unknown[0]})")
        known = ", ".join(sorted(CLOUD_OPTIONS[service.scheme]))
        raise StoreError(f"{service.title} has no option {unknown[0]!r}; there are {known}")
    found = dict(options)
    for name, option in _VARIABLES[service.scheme].items():
        if variables.get(name) and not _is_given(option, options):
            found.setdefault(option, variables[name])
    if service is AZURE and variables.get("AZURE_STORAGE_CONNECTION_STRING"):
        for option, value in _connection_string(variables["AZURE_STORAGE_CONNECTION_STRING"]).items():
            found.setdefault(option, value)
    if service is S3 and ("access_key_id" not in found or "profile" in options):
        _add_profile(found, variables, asked="profile" in found)
    if service is GCS and "STORAGE_EMULATOR_HOST" in variables and "endpoint" not in options:
        if "://" not in found["endpoint"]:
            found["endpoint"] = f"http://{found['endpoint']}"
        found.setdefault("bearer_token", "emulator")  # an emulator asks for none, and the library must not look for one
    return _settings(service, found)


def _is_given(option: str, options: Mapping[str, Any]) -> bool:
    """Return whether options say something that a variable must not be mixed with: parts of other credentials."""
    return option in _CREDENTIALS and any(key in options for key in (*_CREDENTIALS, "profile"))


def _settings(service: CloudService, found: Mapping[str, Any]) -> CloudSettings:
    own = _CONFIG[service.scheme]
    config = {own[name]: _text(name, value) for name, value in found.items() if name in own}
    # Given apart, so that no variable that the library reads is mixed with them.
    credentials = {name: config.pop(name) for name in _CREDENTIALS if service is S3 and name in config}
    if credentials and not {"access_key_id", "secret_access_key"} <= set(credentials):
        raise StoreError("access_key_id and secret_access_key go together")
    if service is S3 and "endpoint" in config:
        config["aws_endpoint_url_s3"] = config["endpoint"]  # which a variable would replace otherwise
    if config.get("sse_kms_key_id") and "server_side_encryption" not in config:
        config["server_side_encryption"] = "aws:kms"
    client: dict[str, Any] = {
        "allow_http": _is_plain(found.get("endpoint"), allowed=found.get("allow_http", False)),
        "allow_invalid_certificates": False,
        "timeout": f"{_number(found, 'timeout', 120):g}s",
        "connect_timeout": f"{_number(found, 'connect_timeout', 10):g}s",
    }
    if found.get("root_certificate"):
        client["root_certificate"] = _certificate(found["root_certificate"])
    tags = found.get("tags", {})
    if not isinstance(tags, Mapping) or not all(isinstance(value, str) for value in tags.values()):
        raise StoreError("the option tags is a table of names and texts")
    return CloudSettings(
        config=config,
        client=client,
        credentials=credentials or None,
        storage_class=None if found.get("storage_class") is None else str(found["storage_class"]),
        tags=tags,
        retry_seconds=None if "retry_seconds" not in found else _number(found, "retry_seconds", 0),
        tasks=None if "tasks" not in found else int(_number(found, "tasks", 1)),
        locks=_lock_policy(found),
        ask_locks=_flag(found, "object_lock", usual=True),
        certificate=None if not found.get("root_certificate") else str(found["root_certificate"]),
    )


def _lock_policy(found: Mapping[str, Any]) -> LockPolicy | None:
    until, lasts = found.get("retain_until"), found.get("retain_for")
    mode, held = found.get("retention_mode", RetentionMode.GOVERNANCE.value), _flag(found, "legal_hold", usual=False)
    try:
        instant = None if until is None else UtcTime.parse(_text("retain_until", until))
        length = None if lasts is None else parse_duration(_text("retain_for", lasts))
        if length is not None and length <= timedelta(0):
            raise TimeError("the duration is not above zero")
    except TimeError as error:
        raise StoreError(f"retain_until is an instant, retain_for a duration of ISO 8601: {error}") from None
    if mode not in RetentionMode.__members__:
        raise StoreError(f"the option retention_mode is {' or '.join(RetentionMode.__members__)}")
    if instant is None and length is None and not held:
        if "retention_mode" in found:
            raise StoreError("the option retention_mode needs retain_until or retain_for")
        return None
    if not _flag(found, "object_lock", usual=True):
        raise StoreError("object_lock = false and locks of new objects do not go together")
    return LockPolicy(instant, length, RetentionMode[mode], held)


def _flag(found: Mapping[str, Any], name: str, *, usual: bool) -> bool:
    value = found.get(name, usual)
    if not isinstance(value, bool):
        raise StoreError(f"the option {name} is true or false")
    return value


def _text(name: str, value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):  # TOML has instants of its own
        return value.isoformat()
    if not isinstance(value, str | int):
        raise StoreError(f"the option {name} is a text, a number, or true or false")
    return str(value)


def _number(found: Mapping[str, Any], name: str, usual: float) -> float:
    value = found.get(name, usual)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e6:
        raise StoreError(f"the option {name} is a number above zero")
    return float(value)


def _certificate(path: object) -> bytes:
    try:
        with open(str(path), "rb") as file:
            return file.read(_MAX_FILE)
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}") from None


def _is_plain(endpoint: object, *, allowed: object) -> bool:
    """Return whether an endpoint is spoken to without TLS: only on this machine, or if that is asked for.

    Raises:
        StoreError: it would be, and must not; or it is no URL of HTTP.
    """
    if endpoint is None:
        return False
    try:
        url = urlsplit(str(endpoint))
        host = url.hostname or ""
    except ValueError:
        raise StoreError("the endpoint is no URL") from None
    if url.scheme not in ("http", "https") or url.username or url.password:
        raise StoreError("the endpoint is a URL that begins with https://, without user and password")
    if url.scheme == "https":
        return False
    if allowed is True or _is_loopback(host):
        return True
    raise StoreError(f"the endpoint at {host} is not encrypted: use https, or set the option allow_http")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _connection_string(text: str) -> dict[str, str]:
    """Return the options in a connection string of Azure."""
    parts = dict(part.split("=", 1) for part in text.split(";") if "=" in part)
    names = {
        "AccountName": "account",
        "AccountKey": "account_key",
        "BlobEndpoint": "endpoint",
        "SharedAccessSignature": "sas_token",
    }
    return {option: parts[name] for name, option in names.items() if parts.get(name)}


def _add_profile(found: dict[str, Any], variables: Mapping[str, str], *, asked: bool) -> None:
    """Add what the files of the AWS command line say of a profile.

    Raises:
        StoreError: the profile that was asked for does not exist, or has no keys of its own.
    """
    if not asked and any(variables.get(name) for name in _ELSEWHERE):
        return
    name = str(found.get("profile", "default"))
    home = variables.get("HOME", os.path.expanduser("~"))
    secrets = _section(variables.get("AWS_SHARED_CREDENTIALS_FILE", f"{home}/.aws/credentials"), (name,))
    sections = (f"profile {name}", *((name,) if name == "default" else ()))
    general = _section(variables.get("AWS_CONFIG_FILE", f"{home}/.aws/config"), sections)
    rows = {**general, **secrets}
    if asked and not rows:
        raise StoreError("the files of the AWS command line have no such profile")
    if asked and "aws_access_key_id" not in rows:
        raise StoreError(
            "the profile has no keys of its own (single sign-on, a role, a process): write them to a file of options, "
            "or put them into the environment with 'aws configure export-credentials'"
        )
    if "aws_access_key_id" in rows:
        for option in _CREDENTIALS:
            found.pop(option, None)  # parts of two pairs do not go together
            if f"aws_{option}" in rows:
                found[option] = rows[f"aws_{option}"]
    for row, option in (("region", "region"), ("endpoint_url", "endpoint"), ("ca_bundle", "root_certificate")):
        if row in rows:
            found.setdefault(option, rows[row])


def _section(path: str, names: tuple[str, ...]) -> Mapping[str, str]:
    parser = configparser.RawConfigParser()
    try:
        with open(path, encoding="utf-8") as file:
            parser.read_string(file.read(_MAX_FILE))
    except OSError:
        return {}
    except (configparser.Error, ValueError):
        raise StoreError(f"{path} cannot be read as a file of profiles") from None
    return next((dict(parser.items(name)) for name in names if parser.has_section(name)), {})
