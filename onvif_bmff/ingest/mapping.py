"""Files mapped into memory for reading."""

import mmap
import os

from onvif_bmff.errors import MediaError

__all__ = ["map_file"]


def map_file(path: str | os.PathLike[str]) -> mmap.mmap:
    """Map a file into memory for reading; it must not shrink while the map is in use.

    Raises ``OSError`` with the name of the file where it cannot be opened, or cannot be mapped as devices and pipes
    cannot; ``MediaError`` where it is empty.
    """
    with open(path, "rb") as file:
        try:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except ValueError:  # there is nothing to map
            raise MediaError("the file is empty") from None
        except OSError as error:  # which has no file name
            raise OSError(
                error.errno, f"cannot be mapped into memory ({os.strerror(error.errno or 0)})", os.fspath(path)
            ) from None
