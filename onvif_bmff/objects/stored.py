"""What lies in an object store, and what a store must be able to do.

Stores are outside the core: this room only says which methods it calls, so that a store for any service is
a class of a few methods and no registration.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias, runtime_checkable

from onvif_bmff.errors import ObjectKeyError
from onvif_bmff.objects.attributes import ObjectAttributes
from onvif_bmff.objects.key import ObjectKey

__all__ = [
    "SPAN_END_CONTENT_TYPE",
    "Buffer",
    "LocatedStore",
    "ObjectInfo",
    "ObjectStore",
    "ObjectWriter",
    "OpenAreaState",
    "OpenAreaStore",
    "ReleasableWriter",
    "SegmentObject",
    "SpanEndObject",
    "StorageObject",
    "UnsealedObject",
    "WatchedOpenArea",
]

Buffer: TypeAlias = bytes | bytearray | memoryview
"""Bytes that a caller hands over; never changed by whoever takes them."""

SPAN_END_CONTENT_TYPE = "application/octet-stream"
"""Content type of the empty span end objects, for which B.5 names none."""


@dataclass(frozen=True, slots=True)
class SegmentObject:
    """A whole segment with its name and labels (ONVIF Recording Control 25.12, B.4, B.9).

    Raises:
        ObjectKeyError: the key is that of a span end object.
    """

    key: ObjectKey
    body: bytes = field(repr=False)
    content_type: str
    attributes: ObjectAttributes = field(default_factory=ObjectAttributes)

    def __post_init__(self) -> None:
        if self.key.span_end:
            raise ObjectKeyError(f"a segment cannot have the key of a span end: {self.key}")

    @property
    def metadata(self) -> dict[str, str]:
        """The attributes as names and values, as a store keeps them."""
        return self.attributes.to_metadata()


@dataclass(frozen=True, slots=True)
class SpanEndObject:
    """The empty object whose key says when a span ended (ONVIF Recording Control 25.12, B.5).

    Raises:
        ObjectKeyError: the key is that of a segment.
    """

    key: ObjectKey

    def __post_init__(self) -> None:
        if not self.key.span_end:
            raise ObjectKeyError(f"a span end needs a key that ends in _end: {self.key}")

    @property
    def body(self) -> bytes:
        """Nothing."""
        return b""

    @property
    def content_type(self) -> str:
        """`SPAN_END_CONTENT_TYPE`."""
        return SPAN_END_CONTENT_TYPE

    @property
    def metadata(self) -> dict[str, str]:
        """No attributes."""
        return {}


StorageObject: TypeAlias = SegmentObject | SpanEndObject


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """What a store knows of an object without reading it.

    ``size`` is in bytes. ``content_type`` is None where the store keeps none, as for files that were copied into a
    directory: unknown, which is something else than ``application/octet-stream``. Names of ``attributes`` may come
    back in another case than they were written in, as most object stores do; `ObjectAttributes.from_metadata` does
    not mind.
    """

    key: str
    size: int
    content_type: str | None
    attributes: Mapping[str, str]


class ObjectWriter(Protocol):
    """One object on its way into a store. Nothing is visible under its key before ``seal`` returns.

    After ``seal`` or ``abandon`` the writer is spent and every call but ``abandon`` raises `StateError`.
    """

    def append(self, *buffers: Buffer) -> None:
        """Add bytes to the end.

        The caller must not change the buffers afterwards: a writer may keep them instead of copying.

        Raises:
            StoreError: the store failed; the writer can then only be abandoned.
        """
        ...

    def seal(self, attributes: Mapping[str, str]) -> None:
        """Make the object visible under its key, whole and with its attributes.

        Raises:
            ObjectAttributeError: the store cannot keep such attributes; nothing has happened then.
            ObjectExistsError: another object took the key, and overwriting was not asked for.
            StoreError: the store failed.
        """
        ...

    def abandon(self) -> None:
        """Forget what was appended. Does nothing if the writer is sealed or abandoned already."""
        ...


@runtime_checkable
class LocatedStore(Protocol):
    """A store that says where it lies, so that two of one place are known to be one."""

    @property
    def location(self) -> str:
        """A URI. That of a store inside another begins with the other's and a slash."""
        ...


class ObjectStore(Protocol):
    """A place for objects: keys to bytes with a content type and attributes."""

    def put(self, obj: StorageObject, *, overwrite: bool = False) -> None:
        """Store a whole object.

        Raises:
            ObjectExistsError: an object has the key, and ``overwrite`` is false.
            StoreError: the store failed.
        """
        ...

    def open_writer(self, key: str, *, content_type: str, overwrite: bool = False) -> ObjectWriter:
        """Begin an object whose bytes come in parts.

        Raises:
            ObjectKeyError: the store cannot hold such a key.
            ObjectAttributeError: ``content_type`` is no line of text.
            ObjectExistsError: an object has the key, and ``overwrite`` is false.
            StoreError: the store failed.
        """
        ...

    def get(self, key: str, start: int = 0, length: int | None = None) -> bytes:
        """Bytes of an object from ``start``, at most ``length`` of them; fewer where the object ends.

        A negative ``start`` counts from the end, as in a slice.

        Raises:
            ObjectNotFoundError: no object has the key.
            StoreError: the store failed.
        """
        ...

    def head(self, key: str) -> ObjectInfo:
        """Size, content type and attributes of an object.

        Raises:
            ObjectNotFoundError: no object has the key.
            ObjectDamagedError: there is one, and what the store keeps about it is damaged.
            StoreError: the store failed.
        """
        ...

    def keys(self, prefix: str = "", *, after: str = "") -> Iterator[str]:
        """Keys that begin with ``prefix`` and are greater than ``after``, in ascending lexical order.

        Raises:
            StoreError: the store failed.
        """
        ...

    def delete(self, key: str) -> None:
        """Remove an object.

        Raises:
            ObjectNotFoundError: no object has the key.
            StoreError: the store failed.
        """
        ...


@dataclass(frozen=True, slots=True)
class UnsealedObject:
    """An object whose writer died: the bytes that were appended are there, its key is not taken.

    ``size`` is in bytes, ``name`` tells it from others of the same key, ``overwrite`` is what its writer
    was told.
    """

    key: str
    content_type: str
    size: int
    name: str
    overwrite: bool


@runtime_checkable
class ReleasableWriter(Protocol):
    """A writer that can be let go of without losing what it holds: what `OpenAreaStore.resume` should give."""

    def release(self) -> None:
        """Write no more, and leave the object unsealed for whoever resumes it next. Does nothing if it is spent."""
        ...


@runtime_checkable
class OpenAreaStore(Protocol):
    """A store that keeps what writers appended when they die before they seal it, so that it can be recovered.

    A store offers this beside the methods of `ObjectStore`.
    """

    def unsealed(self) -> Sequence[UnsealedObject]:
        """What writers that no longer live left behind; nothing of those that live.

        Raises:
            StoreError: the store failed.
        """
        ...

    def read_unsealed(self, item: UnsealedObject, start: int = 0, length: int | None = None) -> bytes:
        """Bytes of an unsealed object, as `ObjectStore.get` gives those of a sealed one.

        Raises:
            ObjectNotFoundError: it is gone.
            StoreError: the store failed.
        """
        ...

    def resume(self, item: UnsealedObject, size: int | None = None) -> ObjectWriter:
        """Take an unsealed object over, cut to ``size`` bytes if given, to append, seal or abandon it.

        A writer that is neither sealed nor abandoned must lose nothing: it is released if it is a `ReleasableWriter`.

        Raises:
            ObjectNotFoundError: it is gone.
            StoreError: somebody else took it over, or the store failed.
        """
        ...


@dataclass(frozen=True, slots=True)
class OpenAreaState:
    """What lies in an open area: what dead writers left, and the keys of what living ones write."""

    unsealed: tuple[UnsealedObject, ...]
    being_written: tuple[str, ...]


@runtime_checkable
class WatchedOpenArea(Protocol):
    """An open area that also tells which objects are being written, by any process."""

    def open_area_state(self) -> OpenAreaState:
        """Look at the open area, and change nothing.

        Raises:
            StoreError: the store failed.
        """
        ...
