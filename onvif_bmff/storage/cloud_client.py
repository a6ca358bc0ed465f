"""What a ``CloudStore`` needs of a client library: requests to one bucket, each sent once, errors by their meaning.

Keys are whole keys in the bucket. A client does not retry; ``CloudStore`` does.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from onvif_bmff.errors import StoreError
from onvif_bmff.objects.stored import Buffer
from onvif_bmff.timing import UtcTime

__all__ = [
    "AZURE",
    "GCS",
    "S3",
    "CloudClient",
    "CloudHead",
    "CloudService",
    "KeyTakenError",
    "MetadataTooLargeError",
    "NoBucketError",
    "RangeNotSatisfiableError",
    "StoreBusyError",
]


@dataclass(frozen=True, slots=True)
class CloudService:
    """Properties of a service.

    Args:
        scheme: how its URLs begin.
        title: its name, for messages.
        header_prefix: what stands before the names of attributes in HTTP headers.
        metadata_limit: most bytes of all names, with the prefix, and values.
        suffix_ranges: whether the last bytes of an object can be had without knowing its size.
        batch: most keys of one request to delete.
        utf16_order: whether keys are listed in the order of UTF-16, and not of code points.
        unfit_in_keys: characters that the service replaces in keys.
    """

    scheme: str
    title: str
    header_prefix: str
    metadata_limit: int
    suffix_ranges: bool
    batch: int
    utf16_order: bool = False
    unfit_in_keys: str = ""


S3 = CloudService("s3", "Amazon S3", "x-amz-meta-", 2048, suffix_ranges=True, batch=1000)
AZURE = CloudService(
    "az", "Azure Blob Storage", "x-ms-meta-", 8192, suffix_ranges=False, batch=256, utf16_order=True, unfit_in_keys="\\"
)
GCS = CloudService("gs", "Google Cloud Storage", "x-goog-meta-", 8192, suffix_ranges=True, batch=100)


class NoBucketError(StoreError):
    """There is no such bucket or container: no request to it succeeds."""


class StoreBusyError(StoreError):
    """The service did not answer, or wants to be asked again: a time-out, a reset, 408, 429, 5xx.

    Whether a write had an effect is not known.
    """


class KeyTakenError(StoreError):
    """The service says that the key is taken, or that another request for it is under way (409, 412).

    There need not be an object, and if there is one, it may be that of an earlier try.
    """


class MetadataTooLargeError(StoreError):
    """The service takes an object with fewer bytes of attributes only."""


class RangeNotSatisfiableError(StoreError):
    """There is an object, and no byte of it lies in the range (416)."""


@dataclass(frozen=True, slots=True)
class CloudHead:
    """What the service knows about an object: size in bytes, content type, and the attributes as they came back.

    ``modified`` is when it was stored, by the clock of the service; None if that is not known. ``version`` is which
    version of the object this is; None where the service keeps none.
    """

    size: int
    content_type: str | None
    attributes: Mapping[str, str]
    modified: UtcTime | None = None
    version: str | None = None


class CloudClient(Protocol):
    """Requests to one bucket or container; for use by several threads.

    All raise ``StoreBusyError`` where another try may succeed, and ``StoreError`` where it will not: wrong credentials,
    no such bucket. Those that name an object raise ``ObjectNotFoundError``.
    """

    @property
    def service(self) -> CloudService:
        """The service."""
        ...

    @property
    def bucket(self) -> str:
        """Name of the bucket or container."""
        ...

    def put(
        self, key: str, buffers: Sequence[Buffer], content_type: str, attributes: Mapping[str, str], *, create: bool
    ) -> None:
        """Store an object with its attributes, in one request. ``create``: only if the key is free.

        Raises:
            KeyTakenError: it is not (``create`` only), or another write is under way.
            MetadataTooLargeError: the attributes are too large.
        """
        ...

    def head(self, key: str) -> CloudHead:
        """Return what is known about an object."""
        ...

    def get(self, key: str, start: int, end: int | None) -> bytes:
        """Return bytes of an object; fewer where it ends. ``end`` is exclusive, None for all from ``start`` on.

        A negative ``start`` counts from the end of the object, and needs ``service.suffix_ranges``.

        Raises:
            RangeNotSatisfiableError: there are none.
        """
        ...

    def tail(self, key: str, length: int) -> bytes | None:
        """Return the last bytes of an object as it was when it was asked for before.

        None if it was not, or not lately, or if it has been replaced.
        """
        ...

    def pages(self, folder: str, after: str) -> Iterator[Sequence[str]]:
        """Return the keys below a folder ("" for all) that are greater than ``after``, page by page, in order."""
        ...

    def delete(self, keys: Sequence[str]) -> None:
        """Remove objects, at most ``service.batch``. A missing one is ``ObjectNotFoundError``, or nothing."""
        ...
