"""The stores of a device by their tokens, each one in the cloud behind a spool of its own."""

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import quote

from onvif_bmff.device.drops import SpoolDrops
from onvif_bmff.errors import StoreError
from onvif_bmff.objects.stored import ObjectStore
from onvif_bmff.runtime import SYSTEM, Runtime
from onvif_bmff.storage.cloud import CloudStore
from onvif_bmff.storage.spool import Dropped, SpoolPolicy, SpoolStatus, WhenFull
from onvif_bmff.storage.spooled import SpooledStore

__all__ = ["DEVICE_SPOOL", "SpooledStorages"]

_log = logging.getLogger(__name__)

_AGAIN = 60.0
"""Seconds after which a spool that could not be used is tried again."""

DEVICE_SPOOL = SpoolPolicy(most_bytes=10 << 30, when_full=WhenFull.DROP_OLDEST)
"""How a device uploads by default: what waits has at most about 10 GiB, and what is newest is kept."""


class SpooledStorages(Mapping[str, ObjectStore]):
    """Stores by token: a ``CloudStore`` behind a ``SpooledStore``, all others as they are.

    A spool is opened when its store is asked for first, and its folder has the name of the token. A spool that cannot
    be used is an error in the log, and its store is used without; a minute later it is tried again for whoever asks.
    ``drops`` are what the spools dropped lately.

    Args:
        storages: the stores; may change at any time.
        folder: where the folders of the spools are.
        policy: how each is uploaded.
        on_dropped: called with the token and each drop; raises nothing.
        runtime: runs the uploads.
    """

    def __init__(
        self,
        storages: Mapping[str, ObjectStore],
        folder: str | os.PathLike[str],
        *,
        policy: SpoolPolicy = DEVICE_SPOOL,
        on_dropped: Callable[[str, Dropped], None] | None = None,
        runtime: Runtime = SYSTEM,
    ) -> None:
        self._storages = storages
        self._folder = os.fspath(folder)
        self._policy = policy
        self._on_dropped = on_dropped
        self._runtime = runtime
        self._lock = runtime.lock()
        self._opened: dict[str, tuple[CloudStore, ObjectStore]] = {}
        self._failed: dict[str, float] = {}
        self.drops = SpoolDrops(runtime)

    def __getitem__(self, token: str) -> ObjectStore:
        store = self._storages[token]
        if not isinstance(store, CloudStore):
            return store
        with self._lock:
            known = self._opened.get(token)
            if known is None or known[0] is not store or self._is_due(token):
                if known is not None:
                    _close(known[1])
                known = self._opened[token] = store, self._spooled(token, store)
            return known[1]

    def _is_due(self, token: str) -> bool:
        """Return whether a spool could not be used so long ago that it is tried again."""
        failed = self._failed.get(token)
        return failed is not None and self._runtime.monotonic() - failed >= _AGAIN

    def __contains__(self, token: object) -> bool:
        return token in self._storages

    def __iter__(self) -> Iterator[str]:
        return iter(self._storages)

    def __len__(self) -> int:
        return len(self._storages)

    def _spooled(self, token: str, store: CloudStore) -> ObjectStore:
        on_dropped = self._on_dropped

        def dropped(what: Dropped) -> None:
            self.drops.note(token, what)
            if on_dropped is not None:
                on_dropped(token, what)

        self._failed.pop(token, None)
        folder = os.path.join(self._folder, f"storage-{quote(token, safe='')}")
        try:
            return SpooledStore(store, folder, policy=self._policy, on_dropped=dropped, runtime=self._runtime)
        except (StoreError, OSError) as error:
            _log.error("%s: recorded without a spool: %s", store.location, error)
            self._failed[token] = self._runtime.monotonic()
            return store

    def statuses(self) -> dict[str | None, SpoolStatus]:
        """Return the state of each spool that is open, by the token of its storage; waits for nothing."""
        opened = dict(self._opened)
        return {token: store.status for token, (_, store) in opened.items() if isinstance(store, SpooledStore)}

    def close(self) -> None:
        """Close the spools that are open; what waits stays in them."""
        with self._lock:
            opened, self._opened = self._opened, {}
        for _, store in opened.values():
            _close(store)


def _close(store: ObjectStore) -> None:
    if isinstance(store, SpooledStore):
        store.close()
