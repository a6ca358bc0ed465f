"""Listings of a bucket, in the order of code points, from the first key that can be wanted to the last."""

from collections.abc import Iterable, Iterator

from onvif_bmff.errors import ObjectKeyError, StoreError
from onvif_bmff.objects.key import check_path
from onvif_bmff.storage.attempts import Attempts
from onvif_bmff.storage.cloud_client import CloudClient, StoreBusyError

__all__ = ["listed_keys"]

_SURROGATES = "\ud800"


def listed_keys(client: CloudClient, prefix: str, after: str, attempts: Attempts) -> Iterator[str]:
    """Yield the keys of a bucket that begin with ``prefix`` and are greater than ``after``, in order.

    Services are asked for whole folders, and from a key on. A listing that breaks off is gone on with.

    Raises:
        StoreError: the service failed, or does not list in order, as directory buckets of S3.
    """
    folder = prefix.rpartition("/")[0]
    if folder and not _is_path(folder):
        return  # no key can begin so
    start = max(_start_of(prefix), _path_before(_plain_head(after) if client.service.utf16_order else after))
    found = _from(client, folder, start, attempts)
    if client.service.utf16_order:
        found = _by_code_points(found)
    for key in found:
        if key.startswith(prefix):
            if key > after:
                yield key
        elif key > prefix:
            return


def _from(client: CloudClient, folder: str, start: str, attempts: Attempts) -> Iterator[str]:
    """Yield keys in the order of the service, each once, and check that there is one."""
    last = start
    while True:
        try:
            newest = ""
            for page in client.pages(folder, last):
                for key in page:
                    if _place(client, key) < _place(client, newest):
                        where = f"{client.service.scheme}://{client.bucket}"
                        raise StoreError(f"{where} does not list objects in the order of their keys")
                    newest = key
                    if _place(client, key) > _place(client, last):  # some emulators ignore where to begin
                        yield key
                last = max(last, newest, key=lambda key: _place(client, key))
            return
        except StoreBusyError as error:
            attempts.wait(error)


def _place(client: CloudClient, key: str) -> bytes:
    """Return what a service orders its keys by."""
    return key.encode("utf-16-be" if client.service.utf16_order else "utf-8", "surrogatepass")


def _by_code_points(keys: Iterable[str]) -> Iterator[str]:
    """Put keys that come in the order of UTF-16 into that of code points.

    The two differ only in what comes behind a common beginning, from the first letter from U+D800 on; all such keys
    come together.
    """
    group: list[str] = []
    head: str | None = None
    for key in keys:
        own = _plain_head(key)
        if own == key:
            yield from sorted(group)
            group, head = [], None
            yield key
            continue
        if own != head:
            yield from sorted(group)
            group, head = [], own
        group.append(key)
    yield from sorted(group)


def _plain_head(text: str) -> str:
    """Return the beginning of a text in which both orders are the same."""
    return text[: next((at for at, letter in enumerate(text) if letter >= _SURROGATES), len(text))]


def _is_path(text: str) -> bool:
    try:
        check_path(text)
    except ObjectKeyError:
        return False
    return True


def _path_before(text: str) -> str:
    """Return a path that is not greater than a text, the text itself where it is a path; "" if there is none."""
    while text and not _is_path(text):
        text = text[:-1] if text.endswith("/") else text.rpartition("/")[0]
    return text


def _start_of(prefix: str) -> str:
    """Return a path after which a listing finds all keys with a prefix, and few before them."""
    last = prefix[-1:]
    if last.isascii() and last.isalnum() and last not in "0Aa":
        before = f"{prefix[:-1]}{chr(ord(last) - 1)}~"
        if _is_path(before):
            return before
    return _path_before(prefix[:-1])
