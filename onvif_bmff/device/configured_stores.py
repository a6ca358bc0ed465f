"""The storages of a configuration file, opened when they are needed first."""

import logging
import os
from collections.abc import Iterator, Mapping

from onvif_bmff.configuration.secret import Secret
from onvif_bmff.configuration.settings import DeviceConfiguration, StorageSettings
from onvif_bmff.errors import StoreError
from onvif_bmff.logs import CauseLog
from onvif_bmff.objects.stored import ObjectStore
from onvif_bmff.runtime import SYSTEM, Runtime
from onvif_bmff.storage.directory import DirectoryStore
from onvif_bmff.storage.opening import StoreUrl, open_store, parse_location

__all__ = ["ConfiguredStores"]


class ConfiguredStores(Mapping[str, ObjectStore]):
    """Stores by token. One that cannot be opened is an error in the log, and tried again when it is asked for next.

    A store that is open stays as it is, whatever a later configuration says of it.

    Args:
        file: the configuration.
        folder: where relative paths begin.
        runtime: waits and draws random numbers.
    """

    def __init__(self, file: DeviceConfiguration, folder: str, runtime: Runtime = SYSTEM) -> None:
        self._folder = folder
        self._runtime = runtime
        self._lock = runtime.lock()
        self._settings: dict[str, StorageSettings] = {}
        self._opened: dict[str, tuple[StorageSettings, ObjectStore]] = {}
        self._failures = CauseLog(logging.getLogger(__name__), clock=runtime.monotonic)
        self.follow(file)

    def follow(self, file: DeviceConfiguration) -> None:
        """Have the storages of another configuration; those that are open already stay as they are."""
        with self._lock:
            self._settings = {storage.token: storage for storage in file.storages}

    @property
    def outdated(self) -> list[str]:
        """Tokens of open storages that the configuration in force describes otherwise."""
        with self._lock:
            return [
                token
                for token, (settings, _) in self._opened.items()
                if self._settings.get(token, settings) != settings
            ]

    def close(self) -> None:
        """Leave no folder open."""
        with self._lock:
            opened = [store for _, store in self._opened.values()]
        for store in opened:
            if isinstance(store, DirectoryStore):
                store.close()

    def __getitem__(self, token: str) -> ObjectStore:
        with self._lock:
            settings = self._settings[token]
            if token not in self._opened:
                try:
                    self._opened[token] = settings, self._open(settings)
                except (StoreError, OSError) as error:
                    self._failures.error(token, "storage %s cannot be opened: %s", token, error)
                    raise KeyError(token) from None
            return self._opened[token][1]

    def __contains__(self, token: object) -> bool:
        return token in self._settings

    def __iter__(self) -> Iterator[str]:
        """Yield the tokens of those that can be opened now."""
        for token in list(self._settings):
            if self.get(token) is not None:
                yield token

    def __len__(self) -> int:
        return len(self._settings)

    def _open(self, settings: StorageSettings) -> ObjectStore:
        place = parse_location(settings.url)
        location = str(place) if isinstance(place, StoreUrl) else os.path.join(self._folder, place)
        options = {
            name: value.reveal() if isinstance(value, Secret) else value for name, value in settings.options.items()
        }
        return open_store(location, options=options or None, runtime=self._runtime)
