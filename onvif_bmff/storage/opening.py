"""Open a store by its path or URL."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from onvif_bmff.errors import ObjectKeyError, ObjectNotFoundError, StoreError
from onvif_bmff.objects.key import check_path
from onvif_bmff.objects.stored import ObjectStore
from onvif_bmff.runtime import SYSTEM, Runtime
from onvif_bmff.storage.attempts import RetryBudget
from onvif_bmff.storage.cloud import CloudStore
from onvif_bmff.storage.cloud_client import AZURE, GCS, S3
from onvif_bmff.storage.credentials import CredentialSource
from onvif_bmff.storage.directory import DirectoryStore
from onvif_bmff.storage.file_system import POSIX
from onvif_bmff.storage.fixed_modes import FixedModes
from onvif_bmff.storage.location import local_path
from onvif_bmff.storage.memory import MemoryStore
from onvif_bmff.storage.object_locks import ObjectLocks

__all__ = ["StoreUrl", "open_store", "parse_location"]

_SERVICES = {service.scheme: service for service in (S3, AZURE, GCS)}
_CLOUD = re.compile(rf"({'|'.join(_SERVICES)})://(.*)", re.DOTALL)
_BUCKET = re.compile(r"[A-Za-z0-9$][A-Za-z0-9._-]{1,221}")
_MEMORY = "memory:"


@dataclass(frozen=True, slots=True)
class StoreUrl:
    """The place of a store that is no directory: ``s3://bucket/prefix``, ``az://…``, ``gs://…``, ``memory:``.

    ``prefix`` is what stands before all keys, "" for nothing.
    """

    scheme: str
    bucket: str = ""
    prefix: str = ""

    def __str__(self) -> str:
        if f"{self.scheme}:" == _MEMORY:
            return _MEMORY
        return f"{self.scheme}://{self.bucket}{f'/{self.prefix}' if self.prefix else ''}"


def parse_location(location: str | os.PathLike[str]) -> StoreUrl | str:
    """Return what a text says about the place of a store: a URL in its parts, or the path of a directory.

    A path may be written as ``file:/path`` or ``file:///path``, with escapes.

    Raises:
        StoreError: the scheme is unknown, or the URL is none of a store. It is not repeated: it may hold a password.
    """
    text = os.fsdecode(location)
    if text.startswith("file:/"):
        return _file_path(text.removeprefix("file:"))
    if text == _MEMORY:
        return StoreUrl("memory")
    found = _CLOUD.fullmatch(text)
    if found is None:
        return local_path(location)
    scheme, rest = found.groups()
    bucket, _, prefix = rest.partition("/")
    if "?" in rest or "@" in bucket:
        raise StoreError(
            f"the URL of a store is {scheme}://bucket/prefix; credentials belong in variables or a file of options"
        )
    if not _BUCKET.fullmatch(bucket):
        raise StoreError(f"the URL of a store is {scheme}://bucket/prefix, and this has no such name of a bucket")
    prefix = prefix.removesuffix("/")
    try:
        if prefix:
            check_path(prefix)
    except ObjectKeyError as error:
        raise StoreError(f"no prefix of a store: {error}") from None
    return StoreUrl(scheme, bucket, prefix)


def _file_path(text: str) -> str:
    path = text
    if text.startswith("//"):
        host, _, rest = text[2:].partition("/")
        if host not in ("", "localhost"):
            raise StoreError("a file: URL names a directory of this machine, and no host")
        path = f"/{rest}"
    path = unquote(path)
    if "\0" in path:
        raise StoreError("a path cannot contain a null character")
    return path


def open_store(
    location: str | os.PathLike[str],
    *,
    create: bool = True,
    options: Mapping[str, Any] | None = None,
    credentials: CredentialSource | None = None,
    file_mode: int | None = None,
    runtime: Runtime = SYSTEM,
) -> ObjectStore:
    """Open the store at a path or URL.

    =====================================  ==========================================================
    a path, ``file:/path``                 ``DirectoryStore``
    ``memory:``                            a new, empty ``MemoryStore``
    ``s3://bucket/prefix``                 ``CloudStore`` in Amazon S3, or in what speaks like it
    ``az://container/prefix``              ``CloudStore`` in Azure Blob Storage
    ``gs://bucket/prefix``                 ``CloudStore`` in Google Cloud Storage
    =====================================  ==========================================================

    Those in the cloud need the extra ``cloud``. Endpoint and credentials are found where the services' own tools look;
    see docs/cloud.md.

    Args:
        location: path or URL.
        create: make the directory if it is missing. Otherwise a missing directory or bucket is an error; buckets are
            never made.
        options: options of the store in the cloud, by name (``CLOUD_OPTIONS``); they go before what is found elsewhere.
        credentials: gives the credentials of the moment for a store in the cloud, such as ``RenewedCredentials``; it
            takes the place of all others.
        file_mode: permissions of new files of a directory, such as ``0o640``; None for those of the process's mask.
        runtime: waits and draws random numbers.

    Raises:
        StoreError: the place is none of these or cannot be opened, an option is unknown, or the extra is missing.
    """
    place = parse_location(location)
    if not isinstance(place, StoreUrl) or place.scheme not in _SERVICES:
        if options or credentials is not None:
            raise StoreError("only stores in the cloud have options and credentials")
        system = POSIX if file_mode is None else FixedModes(file_mode)
        return DirectoryStore(place, create=create, system=system) if isinstance(place, str) else MemoryStore()
    if file_mode is not None:
        raise StoreError("only stores in directories have permissions of files")
    from onvif_bmff.storage.cloud_settings import settings_for, settings_without_credentials
    from onvif_bmff.storage.obstore_client import ObstoreClient
    from onvif_bmff.storage.s3_locks import S3Locks

    service = _SERVICES[place.scheme]
    if credentials is None and options and "renewal_endpoint" in options:
        from onvif_bmff.storage.renewal import renewal_of

        credentials, options = renewal_of(options, runtime=runtime)
    read = settings_for if credentials is None else settings_without_credentials
    settings = read(service, options or {})
    budget = RetryBudget() if settings.retry_seconds is None else RetryBudget(total=settings.retry_seconds)
    client = ObstoreClient(service, place.bucket, settings, credentials)
    tasks = {} if settings.tasks is None else {"tasks": settings.tasks}
    locks = None
    if service is S3 and settings.ask_locks:
        locks = ObjectLocks(lambda: S3Locks(place.bucket, settings, credentials), settings.locks, runtime)
    store = CloudStore(client, place.prefix, budget=budget, runtime=runtime, locks=locks, **tasks)
    if not create:
        try:
            next(store.keys(), None)
        except ObjectNotFoundError:
            raise StoreError("there is no such bucket or container") from None
    return store
