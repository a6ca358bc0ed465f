"""Which stores may be copied into each other, and which keys are those of a store itself."""

from onvif_bmff.errors import StoreError

__all__ = ["STORE_AREA", "check_apart", "is_in_store_area"]

STORE_AREA = ".onvif_bmff"
"""Name of the folder in which a store in a directory keeps what is no object."""


def check_apart(source: str, target: str) -> None:
    """Check that neither of two stores is, or lies within, the other: copies would be copied again.

    Args:
        source: URI of a store, as ``LocatedStore.location`` has it: without links, and begins with that of a store
            around it.
        target: likewise.

    Raises:
        StoreError: they are not apart.
    """
    one, other = (f"{uri.rstrip('/')}/" for uri in (source, target))
    if one == other:
        raise StoreError("source and target are the same store: the copies need a store of their own")
    if other.startswith(one):
        raise StoreError("the target lies within the source: the copies need a store of their own")
    if one.startswith(other):
        raise StoreError("the source lies within the target: the copies need a store of their own")


def is_in_store_area(key: str) -> bool:
    """Return whether a key lies in the folder of a store itself, here of one that lies within another."""
    return STORE_AREA in key.casefold().split("/")
