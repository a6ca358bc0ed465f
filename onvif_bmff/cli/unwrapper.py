"""``--unwrapper MODULE:OBJECT``: a Python object that unwraps content keys with a private key held elsewhere."""

import logging
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any
from uuid import UUID

from onvif_bmff.bmff.pssh import EncryptedKeyEntry
from onvif_bmff.cenc.keys.ring import NOT_OPENED, KeyUnwrapper
from onvif_bmff.cenc.keys.token import TokenUnwrapper
from onvif_bmff.errors import OnvifBmffError, ProtectionError, WrongKeyError
from onvif_bmff.key_format import KEY_SIZE

__all__ = ["load_unwrapper"]

_log = logging.getLogger(__name__)
_METHODS = ("unwrap", "decrypt", "agree")
_SHOWN_ERRORS = (ImportError, OSError, AttributeError, LookupError)
"""Errors of a third-party module whose text is shown; texts of others could contain secrets."""


def load_unwrapper(name: str, certificates: Sequence[bytes] = ()) -> KeyUnwrapper:
    """Return the object of a module, found as ``import`` finds it and, behind all else, in the current folder.

    It may be a ``KeyUnwrapper`` (a method ``unwrap``), an ``RsaToken`` or an ``EcToken`` (``decrypt`` or ``agree``), or
    a callable that makes one without arguments. ``certificates`` are given to a token in addition to its own.

    Raises:
        ProtectionError: there is no such object, it cannot be made, or it is none of these.
    """
    module, colon, path = name.partition(":")
    if not (colon and module and path):
        raise ProtectionError("an unwrapper is written MODULE:OBJECT")
    try:
        found = _found(module, path)
        if isinstance(found, type) or not _has_method(found):
            if not callable(found):
                raise ProtectionError(f"{name} has none of the methods {', '.join(_METHODS)}")
            found = _called(found)
    except OnvifBmffError:
        raise
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever it does when it is loaded, nothing was decrypted
        _log.debug("the unwrapper %s cannot be had: %s", name, type(error).__name__)
        reason = f"{type(error).__name__}: {error}" if isinstance(error, _SHOWN_ERRORS) else type(error).__name__
        raise ProtectionError(f"the unwrapper {name} cannot be had: {reason}") from None
    if callable(getattr(found, "unwrap", None)):
        return _Guarded(found)
    if not _has_method(found):
        raise ProtectionError(f"{name} has none of the methods {', '.join(_METHODS)}")
    return TokenUnwrapper(found, certificates=certificates)


def _called(factory: Any) -> Any:
    return factory()


def _found(module: str, path: str) -> Any:
    here = os.getcwd()
    if here not in sys.path:
        sys.path.append(here)  # the last place: no file of this folder can replace a module of Python
    found: Any = import_module(module)
    for part in path.split("."):
        found = getattr(found, part)
    return found


def _has_method(found: object) -> bool:
    return any(callable(getattr(found, method, None)) for method in _METHODS)


class _Guarded:
    """A third-party ``KeyUnwrapper``, whose exceptions become errors of this library."""

    def __init__(self, unwrapper: KeyUnwrapper) -> None:
        self._unwrapper = unwrapper

    def unwrap(self, kid: UUID, entries: Sequence[EncryptedKeyEntry]) -> bytes:
        try:
            key = bytes(memoryview(self._unwrapper.unwrap(kid, entries)))
        except OnvifBmffError:
            raise
        except OSError as error:
            raise ProtectionError(f"the holder of the private key cannot be reached: {error}") from error
        except Exception as error:  # noqa: BLE001 - third-party unwrappers may raise anything; why is not revealed
            _log.debug("the unwrapper failed: %s: %s", type(error).__name__, error)
            raise WrongKeyError(NOT_OPENED) from None
        if len(key) != KEY_SIZE:
            _log.debug("the unwrapper gave %d bytes", len(key))
            raise WrongKeyError(NOT_OPENED)
        return key
