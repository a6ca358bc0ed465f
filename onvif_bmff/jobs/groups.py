"""Objects in groups that are a task: of one place and day."""

from collections.abc import Iterable, Iterator

from onvif_bmff.objects.key import ObjectKey

__all__ = ["NamedKey", "grouped"]

NamedKey = tuple[ObjectKey, str]
"""The key of an object and its name."""

_DAY = 86_400_000_000


def grouped(objects: Iterable[NamedKey], most: int) -> Iterator[tuple[NamedKey, ...]]:
    """Yield groups of at most ``most`` neighbours, of one prefix, postfix, extension and day each."""
    group: list[NamedKey] = []
    place: tuple[str, str, str, int] | None = None
    for one in objects:
        own = _place_and_day(one[0])
        if group and (own != place or len(group) >= most):
            yield tuple(group)
            group = []
        place = own
        group.append(one)
    if group:
        yield tuple(group)


def _place_and_day(key: ObjectKey) -> tuple[str, str, str, int]:
    return key.prefix, key.postfix, key.extension, key.time.microseconds // _DAY
