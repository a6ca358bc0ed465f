"""Checks that hold for every structure: types of fields, and text that can be stored and sent.

Requests are untrusted, whatever the binding is. One walk over the type hints refuses what could only fail
later, so that all other code can rely on its types. A wrong type is a slip of the program that calls, and a
``TypeError``; what a client may have sent is a fault.
"""

import re
import types
from collections.abc import Callable, Sequence
from dataclasses import is_dataclass
from functools import cache
from typing import Any, Union, get_args, get_origin

from onvif_bmff.control.faults import BadConfiguration
from onvif_bmff.control.plain import field_types

__all__ = ["check_tokens", "check_types", "is_progress", "is_token"]

_MAX_TEXT_LENGTH = 65_536
_MAX_ITEMS = 10_000
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TOKEN_LENGTH = 64


def check_types(value: object, hint: Any, path: str) -> None:
    """Check that a value matches a type hint, recursively.

    Args:
        value: the value of a request.
        hint: a class, a dataclass, ``X | None``, ``Sequence[X]`` or ``tuple[X, ...]``.
        path: name of the value for the message.

    Raises:
        TypeError: a type is wrong, which no client can cause, but the program that calls.
        BadConfiguration: a text holds characters that XML cannot carry or is longer than 65,536, or a list has more
            than 10,000 items.
    """
    _checker(hint)(value, path)


@cache
def _checker(hint: Any) -> Callable[[Any, str], None]:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        (inner,) = (arg for arg in get_args(hint) if arg is not type(None))
        check = _checker(inner)
        return lambda value, path: None if value is None else check(value, path)
    if origin is Sequence:
        return _list_checker(_checker(*get_args(hint)))
    if origin is tuple:
        args = get_args(hint)
        return _list_checker(_checker(args[0]), None if args[-1] is Ellipsis else len(args))
    if is_dataclass(hint):
        return _structure_checker(hint)
    if hint is str:
        return _check_text
    return _plain_checker(hint)


def _list_checker(check: Callable[[Any, str], None], length: int | None = None) -> Callable[[Any, str], None]:
    def check_list(value: Any, path: str) -> None:
        if not isinstance(value, tuple) or (length is not None and len(value) != length):
            of = "" if length is None else f" of {length}"
            raise TypeError(f"{path} must be a tuple{of}, not {_kind(value)}")
        if len(value) > _MAX_ITEMS:
            raise BadConfiguration(f"{path} has too many items")
        for index, item in enumerate(value):
            check(item, f"{path}[{index}]")

    return check_list


def _structure_checker(cls: Any) -> Callable[[Any, str], None]:
    def check_structure(value: Any, path: str) -> None:
        if not isinstance(value, cls):
            raise TypeError(f"{path} must be a {cls.__name__}, not {_kind(value)}")
        for name, hint in field_types(cls).items():
            _checker(hint)(getattr(value, name), f"{path}.{name}")

    return check_structure


def _plain_checker(cls: Any) -> Callable[[Any, str], None]:
    def check_plain(value: Any, path: str) -> None:
        if not isinstance(value, cls) or (isinstance(value, bool) and cls is not bool):
            raise TypeError(f"{path} must be a {cls.__name__}, not {_kind(value)}")

    return check_plain


def _check_text(value: Any, path: str) -> None:
    if not isinstance(value, str):
        raise TypeError(f"{path} must be text, not {_kind(value)}")
    if len(value) > _MAX_TEXT_LENGTH:
        raise BadConfiguration(f"{path} is longer than {_MAX_TEXT_LENGTH} characters")
    if _NOT_XML.search(value):
        raise BadConfiguration(f"{path} holds a character that XML cannot carry")


def _kind(value: object) -> str:
    """Return what a value is, for messages."""
    return "None" if value is None else f"a {type(value).__name__}"


def is_token(text: object) -> bool:
    """Return whether a value can be a tt:ReferenceToken: text of 1 to 64 characters."""
    return isinstance(text, str) and 0 < len(text) <= _TOKEN_LENGTH


def check_tokens(path: str, *tokens: str) -> None:
    """Check that texts are tokens of 1 to 64 characters.

    Raises:
        BadConfiguration: one is not.
    """
    for token in tokens:
        if not is_token(token):
            raise BadConfiguration(f"{path} must be a token of 1 to {_TOKEN_LENGTH} characters")


def is_progress(value: object) -> bool:
    """Return whether a value is a number from 0.0 to 1.0."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0.0 <= value <= 1.0
