"""On which line of a TOML text does each value stand? ``tomllib`` does not say.

The text must be one that ``tomllib`` has read: what is not TOML is not noticed here.
"""

import re
import tomllib
from bisect import bisect_right
from typing import TypeAlias

__all__ = ["Path", "dotted", "line_of", "lines_of"]

Path: TypeAlias = tuple[str | int, ...]
"""Names of tables and keys, and numbers of elements, from the root on."""

_BLANK = re.compile(r"(?:[ \t\n]+|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_LONG = re.compile(r'"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?\'{3,5}', re.DOTALL)
_SHORT = re.compile(r'"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'')
_OTHER = re.compile(r"[^,\]}#\n]+")
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


def lines_of(text: str) -> dict[Path, int]:
    """Return the line, counted from 1, of each key, table and element of an array.

    A table that is an element of an array of tables stands where its ``[[header]]`` does.
    """
    walk = _Walk(text.replace("\r\n", "\n"))
    walk.document()
    return walk.lines


def line_of(lines: dict[Path, int], path: Path) -> int | None:
    """Return the line of a path, or of the nearest table around it; None for the root."""
    while path:
        if path in lines:
            return lines[path]
        path = path[:-1]
    return None


def dotted(path: Path) -> str:
    """Return a path as it is told: ``cameras[0].url``; names that need quotes have them."""
    told = ""
    for part in path:
        if isinstance(part, int):
            told += f"[{part}]"
        else:
            name = part if _PLAIN.fullmatch(part) else f'"{part}"'
            told += f".{name}" if told else name
    return told


class _Walk:
    """One pass over a text; ``lines`` is what it found."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._ends = [found.start() for found in re.finditer("\n", text)]
        self._counts: dict[Path, int] = {}
        self.lines: dict[Path, int] = {}

    def document(self) -> None:
        table: Path = ()
        while self._skip(_BLANK) < len(self._text):
            start = self._at
            if self._text.startswith("[[", self._at):
                self._at += 2
                *outer, last = self._key()
                array = (*self._inside(outer), last)
                number = self._counts.get(array, 0)
                self._counts[array] = number + 1
                self._note(array, start)
                table = (*array, number)
                self._note(table, start)
                self._at += 2
            elif self._text.startswith("[", self._at):
                self._at += 1
                table = self._inside(self._key())
                self._note(table, start)
                self._at += 1
            else:
                self._pair(table)

    def _inside(self, names: list[str]) -> Path:
        """Return the path of a table, which is in the last element of each array of tables on the way."""
        path: Path = ()
        for name in names:
            path = (*path, name)
            if path in self._counts:
                path = (*path, self._counts[path] - 1)
        return path

    def _pair(self, table: Path) -> None:
        start, path = self._at, table
        for name in self._key():
            path = (*path, name)
            self._note(path, start)
        self._at += 1  # =
        self._skip(_SPACE)
        self._value(path)

    def _value(self, path: Path) -> None:
        first = self._text[self._at : self._at + 1]
        if first == "[":
            self._elements(path)
        elif first == "{":
            self._members(path)
        else:
            for kind in (_LONG, _SHORT, _OTHER):
                found = kind.match(self._text, self._at)
                if found is not None:
                    self._at = found.end()
                    return
            self._at += 1

    def _elements(self, path: Path) -> None:
        self._at += 1
        number = 0
        while self._skip(_BLANK) < len(self._text):
            first = self._text[self._at]
            if first == "]":
                break
            if first == ",":
                self._at += 1
                continue
            self._note((*path, number), self._at)
            self._value((*path, number))
            number += 1
        self._at += 1

    def _members(self, path: Path) -> None:
        self._at += 1
        while self._skip(_BLANK) < len(self._text):
            first = self._text[self._at]
            if first == "}":
                break
            if first == ",":
                self._at += 1
                continue
            self._pair(path)
        self._at += 1

    def _key(self) -> list[str]:
        names: list[str] = []
        while True:
            self._skip(_SPACE)
            found = _BARE.match(self._text, self._at) or _SHORT.match(self._text, self._at)
            if found is None:
                self._at = len(self._text)  # it was no TOML
                return names or [""]
            self._at = found.end()
            word = found[0]
            names.append(tomllib.loads(f"x = {word}")["x"] if word[0] in "\"'" else word)
            self._skip(_SPACE)
            if not self._text.startswith(".", self._at):
                return names
            self._at += 1

    def _skip(self, what: re.Pattern[str]) -> int:
        found = what.match(self._text, self._at)
        self._at = self._at if found is None else found.end()
        return self._at

    def _note(self, path: Path, at: int) -> None:
        self.lines.setdefault(path, bisect_right(self._ends, at - 1) + 1)
