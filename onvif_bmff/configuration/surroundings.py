"""What a configuration file mentions and does not contain: files and variables."""

from typing import Protocol

from onvif_bmff.errors import ConfigurationError

__all__ = ["NoSurroundings", "Surroundings"]


class Surroundings(Protocol):
    """Gives what the file mentions. All methods raise ``ConfigurationError`` where that cannot be had."""

    def read(self, path: str) -> bytes:
        """Return the content of a file; a relative path begins at the folder of the configuration file."""
        ...

    def variable(self, name: str) -> str:
        """Return the value of a variable of the environment."""
        ...

    def has_package(self, name: str) -> bool:
        """Return whether a package of Python is installed."""
        ...


class NoSurroundings:
    """Has no files and no variables."""

    def read(self, path: str) -> bytes:
        """Raise ``ConfigurationError``."""
        raise ConfigurationError("there are no files here")

    def variable(self, name: str) -> str:
        """Raise ``ConfigurationError``."""
        raise ConfigurationError("there are no variables here")

    def has_package(self, name: str) -> bool:
        """Return True."""
        return True
