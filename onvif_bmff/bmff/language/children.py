"""How many children of each type a container holds: declared with it, and checked on a parsed one."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

__all__ = ["ChildCountFault", "Children", "child_count_faults"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Children:
    """Types of the children of a container, by their number; types that are not named may occur at will.

    ``one``: exactly one, ``optional``: at most one, ``some``: one or more, ``many``: any number. Alternatives
    ("stco|co64") count together.
    """

    one: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    some: tuple[str, ...] = ()
    many: tuple[str, ...] = ()
    counted: tuple[tuple[str, tuple[str, ...], int, int | None], ...] = field(init=False, repr=False, compare=False)
    """Each entry that has bounds: its name, its alternatives if it has any, and the bounds."""

    def __post_init__(self) -> None:
        """Work out once what every check of a container needs."""
        rows = [
            (name, tuple(name.split("|")) if "|" in name else (), least, most) for name, least, most in self.bounds()
        ]
        object.__setattr__(self, "counted", tuple(rows))

    def bounds(self) -> Iterator[tuple[str, int, int | None]]:
        """Yield each entry with the least and the greatest number (None: any) of children."""
        yield from [(name, 1, 1) for name in self.one]
        yield from [(name, 0, 1) for name in self.optional]
        yield from [(name, 1, None) for name in self.some]


@dataclass(frozen=True, slots=True)
class ChildCountFault:
    """A container has ``count`` children of ``type`` where ``least`` to ``most`` (None: any number) are right."""

    type: str
    count: int
    least: int
    most: int | None


def child_count_faults(rules: Children | None, types: Collection[str]) -> list[ChildCountFault]:
    """Return where the children, of ``types``, are too few or too many; none without ``rules``."""
    if rules is None:
        return []
    listed, found = list(types), []
    for name, alternatives, least, most in rules.counted:
        count = sum([listed.count(one) for one in alternatives]) if alternatives else listed.count(name)
        if count < least or (most is not None and count > most):
            found.append(ChildCountFault(name, count, least, most))
    return found
