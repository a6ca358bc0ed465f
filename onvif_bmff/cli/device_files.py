"""The configuration file of a device on the disk, and the files and variables that it mentions."""

import os
import stat
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from onvif_bmff.configuration import DeviceConfiguration, judge
from onvif_bmff.errors import ConfigurationError

__all__ = ["DeviceFile", "LoadedFile"]

_MOST_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class LoadedFile:
    """What came of reading the file: a configuration, or a line for each fault; and a warning."""

    configuration: DeviceConfiguration | None
    faults: tuple[str, ...]
    warning: str | None = None


class DeviceFile:
    """A configuration file, which is read anew each time. Its warning on permissions is given once.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._has_warned = False

    @property
    def folder(self) -> str:
        """The folder of the file, where relative paths begin."""
        return os.path.dirname(os.path.abspath(self._path))

    def load(self) -> LoadedFile:
        """Read and judge the file. Nothing is raised: that it cannot be read is a fault, too."""
        try:
            data, mode = _content(self._path)
        except OSError as error:
            return LoadedFile(None, (f"{self._path}: {error.strerror}",))
        try:
            text = data.decode()
        except UnicodeDecodeError as error:
            line = data[: error.start].count(b"\n") + 1
            return LoadedFile(None, (f"{self._path}:{line}: not TOML: it is no text in UTF-8",))
        judged = judge(text, _Surroundings(self.folder))
        faults = tuple(
            ": ".join(
                part
                for part in (f"{self._path}{f':{fault.line}' if fault.line else ''}", fault.path, fault.text)
                if part
            )
            for fault in judged.faults
        )
        return LoadedFile(judged.configuration, faults, self._warning(mode) if judged.has_secrets else None)

    def _warning(self, mode: int) -> str | None:
        if self._has_warned or not mode & stat.S_IROTH:
            return None
        self._has_warned = True
        return f"{self._path} holds passwords, and all users of this machine can read it: chmod o-r, or password_file"


class _Surroundings:
    """Files and variables of this machine."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def read(self, path: str) -> bytes:
        """Return the content of a file."""
        try:
            return _content(Path(self._folder) / path)[0]
        except OSError as error:
            raise ConfigurationError(f"{path}: {error.strerror}") from None
        except ValueError:
            raise ConfigurationError("no path") from None

    def variable(self, name: str) -> str:
        """Return the value of a variable."""
        found = os.environ.get(name)
        if not found:
            raise ConfigurationError(f"there is no variable {name}")
        return found

    def has_package(self, name: str) -> bool:
        """Return whether a package is installed."""
        return find_spec(name) is not None


def _content(path: Path) -> tuple[bytes, int]:
    """Return what a file holds, and its permissions."""
    with open(path, "rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        data = file.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise OSError(27, "it is too large", str(path))
    return data, mode
