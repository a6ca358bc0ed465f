"""The language of the table of options: what kinds of values there are, and how each is read."""

import difflib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final, TypeAlias

from onvif_bmff.errors import TimeError
from onvif_bmff.timing import format_duration, parse_duration

__all__ = ["NONE", "Kind", "Option", "Section", "UnfitValue", "nearest", "read_value", "toml_text"]

_TOKEN = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
_HOST = re.compile(r"\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]*")
_NOT_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_MOST_TEXT = 1024
_MOST_COUNT = 2**53


class UnfitValue(Exception):  # noqa: N818 - not an error for users: it becomes a fault with line and path
    """A value is not of its kind; the text says what is needed, and repeats no secret."""


class Kind(StrEnum):
    """Kinds of values, by the words that the documentation has for them."""

    TEXT = "text"
    TOKEN = "token"
    URL = "URL"
    PATH = "path"
    DURATION = "duration"
    COUNT = "whole number"
    FLAG = "true or false"
    CHOICE = "word"
    ADDRESS = "HOST:PORT"
    TOKENS = "list of tokens"
    TEXTS = "list of texts"
    SECRET = "secret"
    STORE_OPTIONS = "table"


class _No:
    """The default of options that have none."""


NONE: Final = _No()
"""Default of an option that has to be given."""


@dataclass(frozen=True, slots=True)
class Option:
    """An option of the file.

    A secret may also be given by a file or a variable, as ``NAME_file`` and ``NAME_env``.

    Args:
        name: the key.
        kind: what value it takes.
        help: what it does, in a few words.
        default: its value where it is not given; None says that nothing is set, ``NONE`` that it must be given.
        example: what the sample shows where there is no default.
        least: the smallest value.
        most: the largest one.
        choices: the words of ``Kind.CHOICE``.
        usual: what happens if nothing is set, in words.
    """

    name: str
    kind: Kind
    help: str
    default: Any = NONE
    example: Any = None
    least: Any = None
    most: Any = None
    choices: tuple[str, ...] = ()
    usual: str = ""

    @property
    def is_required(self) -> bool:
        """Whether it must be given."""
        return self.default is NONE

    @property
    def shown(self) -> Any:
        """A value that the option takes: its default, or an example."""
        return self.default if self.example is None else self.example


@dataclass(frozen=True, slots=True)
class Section:
    """A table of the file.

    Args:
        name: the key of the table; "" for the root.
        help: what it is, in a sentence or two.
        make: makes the value of the options and sections by name.
        options: its options.
        sections: tables in it.
        many: it is an array of tables.
        is_optional: a table that is left out is None, and not one of defaults.
        usual: what an array of tables holds where it is left out.
        unique: the option by which elements are told apart, and others mention them.
    """

    name: str
    help: str
    make: Callable[..., Any]
    options: tuple[Option, ...]
    sections: "tuple[Section, ...]" = ()
    many: bool = False
    is_optional: bool = False
    usual: tuple[Any, ...] = ()
    unique: str = ""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ``; did you mean 'NAME'?`` for the known name that is nearest, or "" if none is near."""
    found = difflib.get_close_matches(name, list(known), 1, 0.6)
    return f"; did you mean '{found[0]}'?" if found else ""


def read_value(option: Option, value: object) -> Any:
    """Return what a value of the file means.

    Raises:
        UnfitValue: it is not of the kind, or out of range.
    """
    found = _READERS[option.kind](option, value)
    if option.least is not None and found < option.least:
        raise UnfitValue(f"at least {toml_text(option.least)} is needed")
    if option.most is not None and found > option.most:
        raise UnfitValue(f"at most {toml_text(option.most)} is allowed")
    return found


def toml_text(value: object) -> str:
    """Return a value as TOML has it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, timedelta):
        return f'"{format_duration(value)}"'
    if isinstance(value, tuple | list):
        return f"[{', '.join(toml_text(one) for one in value)}]"
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{name} = {toml_text(one)}' for name, one in value.items())} }}"
    if isinstance(value, int | float):
        return str(value)
    return '"' + "".join(_ESCAPES.get(c) or (c if c.isprintable() else f"\\U{ord(c):08x}") for c in str(value)) + '"'


_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


# ---- one reader a kind --------------------------------------------------------------------------------------

_Reader: TypeAlias = Callable[[Option, object], Any]


def _text(option: Option, value: object) -> str:
    if not isinstance(value, str):
        raise UnfitValue(f"a text in quotes is needed, and not {_what(value)}")
    if len(value) > _MOST_TEXT or _NOT_TEXT.search(value):
        raise UnfitValue(f"a text of at most {_MOST_TEXT} characters is needed, without control characters")
    return value


def _filled(option: Option, value: object) -> str:
    found = _text(option, value)
    if not found:
        raise UnfitValue("it is empty")
    return found


def _token(option: Option, value: object) -> str:
    found = _text(option, value)
    if not _TOKEN.fullmatch(found):
        raise UnfitValue("a token has 1 to 64 letters, digits, '_', '.' and '-', a letter first")
    return found


def _duration(option: Option, value: object) -> timedelta:
    if not isinstance(value, str):
        raise UnfitValue(f'a duration as in ISO 8601 is needed, such as "PT20S", and not {_what(value)}')
    try:
        return parse_duration(value)
    except TimeError as error:
        raise UnfitValue(f'a duration as in ISO 8601 is needed, such as "PT20S": {error}') from None


def _count(option: Option, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise UnfitValue(f"a whole number is needed, and not {_what(value)}")
    if abs(value) > _MOST_COUNT:
        raise UnfitValue("the number is too large")
    return value


def _flag(option: Option, value: object) -> bool:
    if not isinstance(value, bool):
        raise UnfitValue(f"true or false is needed, and not {_what(value)}")
    return value


def _choice(option: Option, value: object) -> str:
    if value not in option.choices or not isinstance(value, str):
        words = ", ".join(f'"{word}"' for word in option.choices)
        raise UnfitValue(f"one of {words} is needed{nearest(str(value), option.choices)}")
    return value


def _address(option: Option, value: object) -> tuple[str, int]:
    host, colon, port = _text(option, value).rpartition(":")
    if not colon or not _HOST.fullmatch(host) or not (port.isascii() and port.isdigit() and int(port) < 65536):
        raise UnfitValue('HOST:PORT is needed, such as "127.0.0.1:8080" or "[::1]:8080"')
    return host.strip("[]"), int(port)


def _tokens(option: Option, value: object) -> tuple[str, ...]:
    found = tuple(_token(option, one) for one in _list(value))
    if len(set(found)) != len(found):
        raise UnfitValue("one is named twice")
    return found


def _texts(option: Option, value: object) -> tuple[str, ...]:
    return tuple(_filled(option, one) for one in _list(value))


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise UnfitValue(f"a list in brackets is needed, and not {_what(value)}")
    return value


def _table(option: Option, value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise UnfitValue(f"a table is needed, and not {_what(value)}")
    return value


def _what(value: object) -> str:
    """Return what a value is, in the words of TOML, without the value itself."""
    kinds = ((bool, "true or false"), (str, "a text"), (int, "a whole number"), (float, "a number"), (list, "a list"))
    found = next((name for kind, name in kinds if isinstance(value, kind)), None)
    return found or ("a table" if isinstance(value, dict) else "a date or time")


_READERS: dict[Kind, _Reader] = {
    Kind.TEXT: _text,
    Kind.TOKEN: _token,
    Kind.URL: _filled,
    Kind.PATH: _filled,
    Kind.DURATION: _duration,
    Kind.COUNT: _count,
    Kind.FLAG: _flag,
    Kind.CHOICE: _choice,
    Kind.ADDRESS: _address,
    Kind.TOKENS: _tokens,
    Kind.TEXTS: _texts,
    Kind.SECRET: _filled,
    Kind.STORE_OPTIONS: _table,
}
