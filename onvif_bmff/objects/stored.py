"""Contents of an object store, and the protocols that a store implements.

Stores are outside the core, which declares only the methods that it calls: a store for any service is a class of a few
methods, without registration. ``ReadableStore`` is what readers need, ``ObjectStore`` adds the writing side.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias, runtime_checkable

from onvif_bmff.errors import ObjectKeyError, ObjectNotFoundError
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
    "ReadableStore",
    "ReleasableWriter",
    "SegmentObject",
    "SpanEndObject",
    "StorageObject",
    "UnsealedObject",
    "WatchedOpenArea",
    "is_stored",
]

Buffer: TypeAlias = bytes | bytearray | memoryview
"""Bytes that a caller passes; never changed by the receiver."""

SPAN_END_CONTENT_TYPE = "application/octet-stream"
"""Content type of the empty span end objects, for which B.5 names none."""


@dataclass(frozen=True, slots=True)
class SegmentObject:
    """A whole segment with its key and attributes (ONVIF Recording Control 25.12, B.4, B.9).

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
    """The empty object whose key contains the time at which a span ended (ONVIF Recording Control 25.12, B.5).

    Raises:
        ObjectKeyError: the key is that of a segment.
    """

    key: ObjectKey

    def __post_init__(self) -> None:
        if not self.key.span_end:
            raise ObjectKeyError(f"a span end needs a key that ends in _end: {self.key}")

    @property
    def body(self) -> bytes:
        """Empty."""
        return b""

    @property
    def content_type(self) -> str:
        """``SPAN_END_CONTENT_TYPE``."""
        return SPAN_END_CONTENT_TYPE

    @property
    def metadata(self) -> dict[str, str]:
        """No attributes."""
        return {}


StorageObject: TypeAlias = SegmentObject | SpanEndObject


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """What a store knows about an object without reading it.

    ``size`` is in bytes. ``content_type`` is None where the store keeps none, as for files that were copied into a
    directory: that is unknown, and differs from ``application/octet-stream``. Names of ``attributes`` may come back in
    another case than they were written in; ``ObjectAttributes.from_metadata`` accepts any case.
    """

    key: str
    size: int
    content_type: str | None
    attributes: Mapping[str, str]


class ObjectWriter(Protocol):
    """One object that is being written to a store. Nothing is visible under its key before ``seal`` returns.

    After ``seal`` or ``abandon`` every call but ``abandon`` raises ``StateError``. A ``seal`` that raises
    ``ObjectAttributeError`` changes nothing, so that it can be called again with other attributes.
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
            ObjectExistsError: another object took the key, and overwriting was not requested.
            StoreError: the store failed.
        """
        ...

    def abandon(self) -> None:
        """Discard what was appended. Does nothing if the writer is sealed or abandoned already."""
        ...


@runtime_checkable
class LocatedStore(Protocol):
    """A store that names its location, so that two stores of one place are recognised."""

    @property
    def location(self) -> str:
        """A URI. The URI of a store inside another one begins with the URI of that one and a slash."""
        ...


class ReadableStore(Protocol):
    """The part of a store that listing, reading and validation need: keys to bytes with attributes.

    A store may fail with any exception. The meaning of the errors of ``onvif_bmff.errors`` is defined below; anything
    else is a failure that is retried where a caller retries (``StoreSink``), and otherwise goes to the
    caller.

    **Keys** are texts. A store takes every key that ``onvif_bmff.objects.key.check_path`` takes (1 to ``MAX_KEY_BYTES``
    bytes of UTF-8; no control characters, no half surrogate pairs; no part between slashes that is empty, ``.`` or
    ``..``) and refuses all others with ``ObjectKeyError``; call that function and both are done. It may refuse more, by
    ``ObjectKeyError`` or ``StoreError``, where its medium cannot hold a key: a directory has no place for both ``a``
    and ``a/b``, nor for parts over 250 bytes. The keys that a recorder makes (B.4) are always of the kind that it can
    take.

    **Attributes** are names and values, both text. Names are compared without regard to case: a store may give
    ``objectid`` back for ``ObjectId``, as Amazon S3 does. Values come back as they were written.
    """

    def get(self, key: str, start: int = 0, length: int | None = None) -> bytes:
        """Return bytes of an object from ``start``, at most ``length`` of them; fewer where the object ends.

        A negative ``start`` counts from the end, as in a slice; before the beginning it is the beginning. From a
        ``start`` behind the end, and for a ``length`` of 0 or less, there are no bytes. None of that is an error, and
        neither is a number of any size.

        Raises:
            ObjectNotFoundError: no object has the key.
            ObjectKeyError: no object can have the key; ``ObjectNotFoundError`` is as good.
            StoreError: the store failed.
        """
        ...

    def head(self, key: str) -> ObjectInfo:
        """Return size, content type and attributes of an object.

        Raises:
            ObjectNotFoundError: no object has the key.
            ObjectKeyError: no object can have the key; ``ObjectNotFoundError`` is as good.
            ObjectDamagedError: there is one, and what the store keeps about it is damaged.
            StoreError: the store failed.
        """
        ...

    def keys(self, prefix: str = "", *, after: str = "") -> Iterator[str]:
        """Return keys that begin with ``prefix`` and are greater than ``after``, each once, in ascending order.

        The order is that of Python's strings, by code point; that of UTF-8 bytes is the same. ``prefix`` is any text:
        one that no key can begin with lists nothing. Objects that come or go while the iterator is used may be listed
        or not; all others are.

        Raises:
            StoreError: the store failed; it may be raised by the call or by any step of the iterator.
        """
        ...


class ObjectStore(ReadableStore, Protocol):
    """A store that objects can be written to, and removed from.

    An object appears under its key in one step, whole and with its attributes, and no other way. An existing one is
    replaced only if ``overwrite`` is true, and in one step too.
    """

    def put(self, obj: StorageObject, *, overwrite: bool = False) -> None:
        """Store a whole object.

        Raises:
            ObjectKeyError: the store cannot hold such a key.
            ObjectAttributeError: the store cannot keep such attributes.
            ObjectExistsError: an object has the key, and ``overwrite`` is false.
            StoreError: the store failed.
        """
        ...

    def open_writer(self, key: str, *, content_type: str, overwrite: bool = False) -> ObjectWriter:
        """Begin an object whose bytes come in parts. Any number may be open, also of one key: the first sealed has it.

        Raises:
            ObjectKeyError: the store cannot hold such a key.
            ObjectAttributeError: ``content_type`` is no line of printable text of at most 1024 characters.
            ObjectExistsError: an object has the key, and ``overwrite`` is false.
            StoreError: the store failed.
        """
        ...

    def delete(self, key: str) -> None:
        """Remove an object.

        Raises:
            ObjectNotFoundError: no object has the key.
            ObjectKeyError: no object can have the key; ``ObjectNotFoundError`` is as good.
            StoreError: the store failed.
        """
        ...


@dataclass(frozen=True, slots=True)
class UnsealedObject:
    """An object whose writer died: the appended bytes are kept, its key is not taken.

    ``size`` is in bytes, ``name`` distinguishes it from others of the same key, ``overwrite`` is that of its writer.
    """

    key: str
    content_type: str
    size: int
    name: str
    overwrite: bool


@runtime_checkable
class ReleasableWriter(Protocol):
    """A writer that can be released without losing what it holds: what ``OpenAreaStore.resume`` should return."""

    def release(self) -> None:
        """Stop writing, and leave the object unsealed for the next ``resume``. Does nothing if it is sealed."""
        ...


@runtime_checkable
class OpenAreaStore(Protocol):
    """A store that keeps what writers appended when they die before they seal it, so that it can be recovered.

    A store offers this in addition to the methods of ``ObjectStore``.
    """

    def unsealed(self) -> Sequence[UnsealedObject]:
        """Return the unsealed objects of dead writers; none of living ones.

        Raises:
            StoreError: the store failed.
        """
        ...

    def read_unsealed(self, item: UnsealedObject, start: int = 0, length: int | None = None) -> bytes:
        """Return bytes of an unsealed object, as ``ReadableStore.get`` gives those of a sealed one.

        Raises:
            ObjectNotFoundError: it is gone.
            StoreError: the store failed.
        """
        ...

    def resume(self, item: UnsealedObject, size: int | None = None) -> ObjectWriter:
        """Take an unsealed object over, cut to ``size`` bytes if given, to append, seal or abandon it.

        A writer that is neither sealed nor abandoned must lose nothing: it is released if it is a ``ReleasableWriter``.

        Raises:
            ObjectNotFoundError: it is gone.
            StoreError: another process took it over, or the store failed.
        """
        ...


@dataclass(frozen=True, slots=True)
class OpenAreaState:
    """Content of an open area: what dead writers left, and the keys that living writers are writing."""

    unsealed: tuple[UnsealedObject, ...]
    being_written: tuple[str, ...]


@runtime_checkable
class WatchedOpenArea(Protocol):
    """An open area that also knows which objects are being written, by any process."""

    def open_area_state(self) -> OpenAreaState:
        """Return the state of the open area, without changing it.

        Raises:
            StoreError: the store failed.
        """
        ...


def is_stored(store: ReadableStore, name: str) -> bool:
    """Ask a store whether an object is there; raises whatever else ``ReadableStore.head`` does."""
    try:
        store.head(name)
    except ObjectNotFoundError:
        return False
    return True
