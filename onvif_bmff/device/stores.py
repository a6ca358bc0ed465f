"""The stores of a device: those of its storage configurations, and the one of its local data."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from onvif_bmff.control.persistence import Persistence
from onvif_bmff.control.plan import DevicePlan
from onvif_bmff.device.spooled_storages import DEVICE_SPOOL, SpooledStorages
from onvif_bmff.device.worker_spools import check_left_over
from onvif_bmff.objects.key import ObjectKey
from onvif_bmff.objects.stored import LocatedStore, ObjectStore
from onvif_bmff.runtime import Runtime
from onvif_bmff.storage.spool import Dropped, SpoolPolicy, SpoolStatus
from onvif_bmff.storage.sqlite import SqlitePersistence
from onvif_bmff.timing import UtcTime

__all__ = ["DeviceSpool", "DeviceStores"]


@dataclass(frozen=True, slots=True)
class DeviceSpool:
    """Whether and how a device puts spools before its stores in the cloud.

    Args:
        folder: where the spools are. None for a folder beside the file of an ``SqlitePersistence``, at ``….spool``;
            without such a file there are no spools.
        policy: how they are uploaded, and what happens when one is full.
        used: False for no spools.
        on_dropped: called with the token of a storage configuration and each drop; raises nothing.
    """

    folder: str | os.PathLike[str] | None = None
    policy: SpoolPolicy = DEVICE_SPOOL
    used: bool = True
    on_dropped: Callable[[str, Dropped], None] | None = None

    def folder_beside(self, persistence: Persistence | None) -> str | None:
        """Return the folder of the spools; None if there are none."""
        if not self.used:
            return None
        if self.folder is None and isinstance(persistence, SqlitePersistence):
            return f"{persistence.path}.spool"
        return None if self.folder is None else os.fspath(self.folder)

    def before(
        self, storages: Mapping[str, ObjectStore], persistence: Persistence | None, runtime: Runtime
    ) -> Mapping[str, ObjectStore]:
        """Return stores with spools before those in the cloud.

        Raises:
            StateError: recordings wait in spools of processes, which nobody would upload.
        """
        folder = self.folder_beside(persistence)
        if folder is None:
            return storages
        check_left_over(folder, [folder])
        return SpooledStorages(storages, folder, policy=self.policy, on_dropped=self.on_dropped, runtime=runtime)


@dataclass(frozen=True, slots=True)
class DeviceStores:
    """Stores by token; None stands for local data.

    Args:
        storages: stores by the token of their storage configuration; may change at any time.
        local: where local data lie; None if the device keeps none.
    """

    storages: Mapping[str, ObjectStore]
    local: ObjectStore | None = None
    _recorded: dict[tuple[str | None, str, str], UtcTime] = field(default_factory=dict, init=False)

    def get(self, token: str | None) -> ObjectStore | None:
        """Return the store of a token, or for None of local data; None if it is missing."""
        return self.local if token is None else self.storages.get(token)

    def all(self) -> dict[str | None, ObjectStore]:
        """Return all available stores."""
        found: dict[str | None, ObjectStore] = {token: store for token, store in self.storages.items()}  # noqa: C416
        if self.local is not None:
            found[None] = self.local
        return found

    def tokens(self) -> list[str | None]:
        """Return the tokens of all available stores; open none of them."""
        return [*self.storages, *([] if self.local is None else [None])]

    def spools(self) -> dict[str | None, SpoolStatus]:
        """Return the state of the spools that are open."""
        return self.storages.statuses() if isinstance(self.storages, SpooledStorages) else {}

    def drop_changes(self, plan: DevicePlan) -> dict[tuple[str, str], str | None]:
        """Return which tracks lose media by full spools, and which no longer do; see ``SpoolDrops.changes``."""
        return self.storages.drops.changes(plan) if isinstance(self.storages, SpooledStorages) else {}

    def location(self, token: str | None) -> str:
        """Return the location of a store, equal for two tokens of one store."""
        store = self.get(token)
        if store is None:
            return "local:" if token is None else f"storage:{token}"
        return store.location if isinstance(store, LocatedStore) else f"object:{id(store):x}"

    def close(self) -> None:
        """Close the spools before the stores; what waits stays in them."""
        if isinstance(self.storages, SpooledStorages):
            self.storages.close()

    def note_recorded(self, token: str | None, key: ObjectKey) -> None:
        """Note that this process records a segment to a storage, or locally with None."""
        place = token, key.prefix, key.postfix
        self._recorded[place] = min(self._recorded.get(place, key.time), key.time)

    def recorded_since(self, token: str | None, prefix: str, postfix: str) -> UtcTime | None:
        """Return the earliest instant of what this process recorded to a place; None if there is nothing.

        Where a camera's clock is behind that of the device, it lies before the process began.
        """
        return self._recorded.get((token, prefix, postfix))
