"""All errors of this library, by cause.

::

    OnvifBmffError
    ├─ BoxError             the bytes of a file are wrong        .reason .path .offset
    ├─ ObjectKeyError       the name of an object is wrong
    ├─ ObjectAttributeError an attribute of an object is wrong
    ├─ TimeError            a date, time or duration is wrong
    ├─ EventError           the text of an event cannot be read
    ├─ MediaError           samples or codec data are wrong
    │  ├─ BitstreamError    a parameter set or slice header is wrong
    │  └─ ForeignFormatError  an object is no ISO BMFF file at all
    ├─ ProtectionError      encryption or decryption cannot go on
    │  ├─ MissingKeyError       no content key for a KID
    │  ├─ WrongKeyError         a private key opens none of the wrapped keys
    │  ├─ CertificateError      a certificate cannot be used to wrap keys
    │  └─ UnsupportedSchemeError
    ├─ SourceError          a live source cannot be opened, or broke off
    ├─ StateError           called at the wrong time (push after close)
    ├─ StoreError           an object store refused or failed
    │  ├─ ObjectNotFoundError
    │  ├─ ObjectExistsError
    │  └─ ObjectDamagedError
    ├─ PersistenceError     the stored control model cannot be read or written
    └─ Fault                a refusal that ONVIF defines (declared in ``control.faults``)

No error message ever carries key material. Messages quote names and other text of untrusted files: characters
that control a terminal or a log viewer, or reorder text, are escaped in them; see ``escaped``.

An error about a stored object has its name as ``key``, and its text begins with it.
"""

from typing import Self

__all__ = [
    "BitstreamError",
    "BoxError",
    "CertificateError",
    "EventError",
    "ForeignFormatError",
    "InvariantError",
    "MediaError",
    "MissingKeyError",
    "ObjectAttributeError",
    "ObjectDamagedError",
    "ObjectExistsError",
    "ObjectKeyError",
    "ObjectNotFoundError",
    "OnvifBmffError",
    "PersistenceError",
    "ProtectionError",
    "SourceError",
    "StateError",
    "StoreError",
    "TimeError",
    "UnsupportedSchemeError",
    "WrongKeyError",
    "escaped",
]


def escaped(text: str) -> str:
    r"""Return ``text`` in a form that is safe to show: one line, without control or bidirectional characters (CWE-150).

    All characters that Unicode does not count as printable (control characters of C0 and C1, DEL, marks of direction,
    separators of lines and paragraphs, invisible and unassigned characters, halves of surrogate pairs) are written as
    Python writes them in a string, ``\x1b`` or ``\u202e``. Printable text, backslashes included, stays as it is, so
    escaping twice changes nothing.
    """
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


class OnvifBmffError(Exception):
    """Base of every error of this library; never raised itself. Its texts are ``escaped``.

    ``key`` is the escaped name of the stored object that it is about; None if it is about none, or that is not known.
    """

    key: str | None = None

    def __init__(self, *args: object) -> None:
        super().__init__(*(escaped(value) if isinstance(value, str) else value for value in args))

    def __str__(self) -> str:
        return self._named(super().__str__())

    def about(self, name: str) -> Self:
        """Note the name of the stored object that the error is about, unless one is known; return the error."""
        if self.key is None:
            self.key = escaped(name)
        return self

    def _named(self, text: str) -> str:
        """Return a text that names the object."""
        return text if self.key is None or self.key in text else f"{self.key}: {text}"


class BoxError(OnvifBmffError, ValueError):
    """The bytes of a box are wrong.

    ``reason`` is the fault, ``path`` the box ("/moov/trak/tkhd"), ``offset`` the position in bytes from
    the start of the input. ``partial`` holds the boxes that were read before the fault.
    """

    def __init__(self, reason: str, *, path: str = "", offset: int = 0) -> None:
        super().__init__(reason, path, offset)
        self.reason = escaped(reason)
        self.path = escaped(path)
        self.offset = offset
        self.partial: tuple[object, ...] = ()

    def __str__(self) -> str:
        where = f"{self.path or '/'} at byte {self.offset}"
        return self._named(f"{where}: {self.reason}")


class ObjectKeyError(OnvifBmffError, ValueError):
    """The name of an object does not follow Annex B.4."""


class ObjectAttributeError(OnvifBmffError, ValueError):
    """An attribute of an object does not follow Annex B.9."""


class TimeError(OnvifBmffError, ValueError):
    """A date, time or duration cannot be read, or lies outside its range."""


class EventError(OnvifBmffError, ValueError):
    """The text of an event's item or attribute is no value of its type."""


class MediaError(OnvifBmffError, ValueError):
    """Samples or codec configuration that the caller handed over are wrong."""


class BitstreamError(MediaError):
    """A parameter set, slice header or other codec syntax cannot be parsed."""


class ForeignFormatError(MediaError):
    """An object is a file of another format than ISO BMFF, or no media file at all."""


class ProtectionError(OnvifBmffError):
    """Encryption or decryption cannot go on."""


class MissingKeyError(ProtectionError):
    """No content key is known for a KID."""


class WrongKeyError(ProtectionError):
    """A key does not open what it was given for."""


class CertificateError(ProtectionError, ValueError):
    """A certificate or its public key cannot be used."""


class UnsupportedSchemeError(ProtectionError):
    """A protection scheme or algorithm that this library does not know."""


class SourceError(OnvifBmffError):
    """A live source cannot be opened, or it broke off. Its text carries no password."""


class StateError(OnvifBmffError, RuntimeError):
    """A call came at the wrong time, for example a push after a close."""


class InvariantError(OnvifBmffError):
    """Something that must always be true is not: a fault of this library, not of its caller; please report it.

    It is raised before the fault reaches an object. Python's ``-O`` does not remove it.
    """


class StoreError(OnvifBmffError):
    """An object store refused a request or failed."""


class ObjectNotFoundError(StoreError, KeyError):
    """No object lies under the key."""

    def __str__(self) -> str:
        return self._named(Exception.__str__(self))  # KeyError would quote it


class ObjectExistsError(StoreError):
    """An object lies under the key already, and overwriting was not requested."""


class ObjectDamagedError(StoreError):
    """The content type or attributes of one object are damaged; other objects are not affected."""


class PersistenceError(OnvifBmffError):
    """The stored control model, or store of vectors, is damaged, unreadable, in use elsewhere or cannot be written."""


class ConfigurationError(OnvifBmffError, ValueError):
    """A configuration file has faults, or mentions what cannot be read."""
