"""The stores of a device: those of its storage configurations, and the one of its local data."""

from collections.abc import Mapping
from dataclasses import dataclass

from onvif_bmff.objects.stored import LocatedStore, ObjectStore

__all__ = ["DeviceStores"]


@dataclass(frozen=True, slots=True)
class DeviceStores:
    """Stores by token; None stands for local data.

    Args:
        storages: stores by the token of their storage configuration; may change at any time.
        local: where local data lie; None if the device keeps none.
    """

    storages: Mapping[str, ObjectStore]
    local: ObjectStore | None = None

    def get(self, token: str | None) -> ObjectStore | None:
        """Return the store of a token, or for None of local data; None if it is missing."""
        return self.local if token is None else self.storages.get(token)

    def all(self) -> dict[str | None, ObjectStore]:
        """Return all available stores."""
        found: dict[str | None, ObjectStore] = {token: store for token, store in self.storages.items()}  # noqa: C416
        if self.local is not None:
            found[None] = self.local
        return found

    def location(self, token: str | None) -> str:
        """Return the location of a store, equal for two tokens of one store."""
        store = self.get(token)
        if store is None:
            return "local:" if token is None else f"storage:{token}"
        return store.location if isinstance(store, LocatedStore) else f"object:{id(store):x}"
