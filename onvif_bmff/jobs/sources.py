"""Stores by their address, so that a task can open them where it runs."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from onvif_bmff.objects.stored import ObjectStore, ReadableStore
from onvif_bmff.storage.cloud_settings import read_options
from onvif_bmff.storage.opening import open_store

__all__ = ["StoreAddress", "StoreSource", "opened"]


@dataclass(frozen=True, slots=True)
class StoreAddress:
    """Where a store is: its path or URL, and a file of options. Credentials are read where the store is opened."""

    location: str
    options: Path | None = None
    create: bool = False

    def open(self) -> ObjectStore:
        """Return the store; one object in each process.

        Raises:
            StoreError: it cannot be opened, or the file of options cannot be read.
        """
        return _open(self)


@lru_cache(maxsize=16)
def _open(address: StoreAddress) -> ObjectStore:
    options = None if address.options is None else read_options(address.options)
    return open_store(address.location, create=address.create, options=options)


StoreSource = StoreAddress | ReadableStore
"""A store, or its address: other processes need the address, or a store that can be pickled."""


def opened(source: StoreSource) -> ReadableStore:
    """Return the store of an address, or the store that is given.

    Raises:
        StoreError: it cannot be opened.
    """
    return source.open() if isinstance(source, StoreAddress) else source
