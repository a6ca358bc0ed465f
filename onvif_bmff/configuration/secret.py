"""Passwords and keys of a configuration: compared and handed on, and in no text."""

from typing import final

__all__ = ["Secret"]


@final
class Secret:
    """A text that is in no ``repr``, error or log. Equal to another one with the same text."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text itself, for whoever logs in or encrypts with it."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(…)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __reduce__(self) -> str:
        raise TypeError("a secret is not pickled")
