"""What the names of unsealed segments tell a recovery."""

from onvif_bmff.errors import ObjectKeyError
from onvif_bmff.objects.key import ObjectKey

__all__: list[str] = []


def segment_of(key: ObjectKey) -> tuple[str, str, str, int]:
    """Return what a segment has in common with that of the same number of another span: place, extension, counter."""
    return key.prefix, key.postfix, key.extension, key.counter


def parsed(name: str, prefix: str | None = None, postfix: str | None = None) -> ObjectKey | None:
    """Return the key that a name is; None if it is none."""
    try:
        return ObjectKey.parse(name, prefix=prefix, postfix=postfix)
    except ObjectKeyError:
        return None


def shown_place(place: tuple[str, str] | None) -> str:
    """Return prefix and postfix as they are shown; nothing for None."""
    return "" if place is None else " … ".join(part for part in place if part)
