"""Lists in structures: as a list or a tuple they may be given, as a tuple they are kept."""

from collections.abc import Sequence

__all__ = ["keep_tuples"]


def keep_tuples(structure: object, *names: str) -> None:
    """Make tuples of fields of a frozen structure that is being made, so that it is a value whatever it was made of.

    Raises:
        TypeError: a field is neither a list nor a tuple, nor another sequence of items.
    """
    for name in names:
        given = getattr(structure, name)
        if type(given) is tuple:
            continue
        if not isinstance(given, Sequence) or isinstance(given, str | bytes | bytearray | memoryview):
            kind = type(structure).__name__
            raise TypeError(f"{name} of {kind} must be a list or a tuple, not a {type(given).__name__}")
        object.__setattr__(structure, name, tuple(given))
