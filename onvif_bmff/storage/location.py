"""Check that a text is a path of the local file system, and not a URL that looks like one."""

import os
import re

from onvif_bmff.errors import StoreError

__all__ = ["local_path"]

_URL = re.compile(r"\s*([^/]*)://")
_SCHEME = re.compile(r"\s*([A-Za-z][\w+.-]*):")


def local_path(path: str | os.PathLike[str]) -> str:
    r"""Return the text of a path, unless it names a place that is not in the local file system.

    A file system accepts nearly everything as a name, so that ``s3://bucket/recordings`` would become a folder ``s3:``
    next to the program, and a recording would look stored. Refused are texts with ``scheme://`` at their beginning,
    of whatever scheme, and those with ``scheme:`` (``s3:bucket``, ``file:/data``, ``C:\data``, and what a
    ``pathlib.Path`` makes of a URL) unless a file or folder of that name, up to the first slash, exists. An absolute
    path, or a text with ``./`` before it, is always local.

    Raises:
        StoreError: the text names no local place. It is not repeated but for the scheme: a URL may hold a password.
    """
    text = os.fsdecode(path)
    url = _URL.match(text)
    if url is None:
        scheme = _SCHEME.match(text)
        if scheme is None or os.path.lexists(text.partition("/")[0]):
            return text
        url = scheme
    name = url[1] if _SCHEME.fullmatch(f"{url[1]}:") else "that"
    raise StoreError(
        f"only local paths can be opened, not {name}: locations (a local name with a colon: give its absolute path)"
    )
