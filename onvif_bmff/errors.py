"""Everything this library raises, by whose fault it is.

::

    OnvifBmffError
    ├─ BoxError             the bytes of a file are wrong        .reason .path .offset
    ├─ ObjectKeyError       the name of an object is wrong
    ├─ ObjectAttributeError a label on an object is wrong
    ├─ TimeError            a date, time or duration is wrong
    ├─ MediaError           samples or codec data are wrong
    │  └─ BitstreamError    a parameter set or slice header is wrong
    ├─ ProtectionError      encryption or decryption cannot go on
    │  ├─ MissingKeyError       no content key for a KID
    │  ├─ WrongKeyError         a private key opens none of the wrapped keys
    │  ├─ CertificateError      a certificate cannot be used to wrap keys
    │  └─ UnsupportedSchemeError
    ├─ StateError           called at the wrong time (push after close)
    ├─ StoreError           an object store refused or failed
    │  ├─ ObjectNotFoundError
    │  └─ ObjectExistsError
    ├─ PersistenceError     the stored control model cannot be read or written
    └─ Fault                ONVIF said no (declared in ``control.faults``)

No error message ever carries key material.
"""

__all__ = [
    "BitstreamError",
    "BoxError",
    "CertificateError",
    "MediaError",
    "MissingKeyError",
    "ObjectAttributeError",
    "ObjectExistsError",
    "ObjectKeyError",
    "ObjectNotFoundError",
    "OnvifBmffError",
    "PersistenceError",
    "ProtectionError",
    "StateError",
    "StoreError",
    "TimeError",
    "UnsupportedSchemeError",
    "WrongKeyError",
]


class OnvifBmffError(Exception):
    """Base of every error of this library; never raised itself."""


class BoxError(OnvifBmffError, ValueError):
    """The bytes of a box are wrong.

    ``reason`` says what, ``path`` which box ("/moov/trak/tkhd"), ``offset`` where in the input (bytes
    from its start). ``partial`` holds the boxes that were read before the fault.
    """

    def __init__(self, reason: str, *, path: str = "", offset: int = 0) -> None:
        super().__init__(reason, path, offset)
        self.reason = reason
        self.path = path
        self.offset = offset
        self.partial: tuple[object, ...] = ()

    def __str__(self) -> str:
        where = f"{self.path or '/'} at byte {self.offset}"
        return f"{where}: {self.reason}"


class ObjectKeyError(OnvifBmffError, ValueError):
    """The name of an object does not follow Annex B.4."""


class ObjectAttributeError(OnvifBmffError, ValueError):
    """An attribute of an object does not follow Annex B.9."""


class TimeError(OnvifBmffError, ValueError):
    """A date, time or duration cannot be read, or lies outside its range."""


class MediaError(OnvifBmffError, ValueError):
    """Samples or codec configuration that the caller handed over are wrong."""


class BitstreamError(MediaError):
    """A parameter set, slice header or other codec syntax cannot be parsed."""


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


class StateError(OnvifBmffError, RuntimeError):
    """A call came at the wrong time, for example a push after a close."""


class StoreError(OnvifBmffError):
    """An object store refused a request or failed."""


class ObjectNotFoundError(StoreError, KeyError):
    """No object lies under the key."""

    def __str__(self) -> str:
        return Exception.__str__(self)


class ObjectExistsError(StoreError):
    """An object lies under the key already, and overwriting was not asked for."""


class PersistenceError(OnvifBmffError):
    """The stored control model, or store of vectors, is damaged, unreadable, in use elsewhere or cannot be written."""
