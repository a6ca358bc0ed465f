"""Files mapped into memory for reading."""

import errno
import mmap
import os
import shutil
import stat
import tempfile
from typing import IO

from onvif_bmff.errors import MediaError

__all__ = ["map_file", "map_stream"]


def map_file(path: str | os.PathLike[str]) -> mmap.mmap:
    """Map a file into memory for reading; it must not shrink while the map is in use. A pipe is read first, to its end.

    Raises ``OSError`` with the name of the file where it cannot be opened, or is a device; ``MediaError`` where it is
    empty.
    """
    with open(path, "rb") as file:
        return map_stream(file, os.fspath(path))


def map_stream(file: IO[bytes], name: str) -> mmap.mmap:
    """Map an open file into memory, or what comes out of an open pipe, by way of a temporary file.

    ``name`` is for messages. Raises as ``map_file`` does.
    """
    mode = os.fstat(file.fileno()).st_mode
    if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
        with tempfile.TemporaryFile() as copy:
            shutil.copyfileobj(file, copy)
            copy.flush()
            return _map(copy, name)
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "a device, not a media file", name)
    return _map(file, name)


def _map(file: IO[bytes], name: str) -> mmap.mmap:
    try:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except ValueError:  # there is nothing to map
        raise MediaError("the file is empty") from None
    except OSError as error:  # which has no file name
        raise OSError(error.errno, f"cannot be mapped into memory ({os.strerror(error.errno or 0)})", name) from None
