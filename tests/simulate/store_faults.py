"""What may happen to a request to a simulated bucket."""

from collections.abc import Mapping
from enum import StrEnum

from onvif_bmff.errors import ObjectExistsError, StoreError

__all__ = ["MEETS", "REFUSALS", "UPLOAD_LOST", "StoreFault"]

UPLOAD_LOST = "store: upload lost"
"""Name in ``simulation.hits`` of what a power cut does to an upload where there is no open area."""


class StoreFault(StrEnum):
    """What may happen to a request; the values are the names in ``simulation.hits``."""

    UNAVAILABLE = "store: unavailable"
    """503: nothing happened."""
    DENIED = "store: denied"
    """403: nothing happened."""
    CONFLICT = "store: conflict"
    """409: reported as an object that exists, though nothing happened."""
    HANG = "store: hang"
    """No answer for a long time; then it works, or it failed and nothing happened."""
    LOST_ANSWER = "store: lost answer"
    """It is done, and the call fails."""
    DUPLICATE_ANSWER = "store: duplicate answer"
    """The request arrives twice, and the answer is that of the second one, which meets what the first one did."""
    LATE_ARRIVAL = "store: late arrival"
    """The call fails, and what it asked for is done some time afterwards."""
    SLOW_BODY = "store: slow body"
    """Sending or reading the bytes takes long."""
    CUT_BODY = "store: cut body"
    """The connection breaks within the bytes: a part arrived, and is never visible."""
    LATE_LISTING = "store: late listing"
    """For some time a new object is not listed, or a deleted one is. Reading by key is right at once."""


_ANY = frozenset({"open", "append", "seal", "put", "get", "head", "keys", "delete", "unsealed", "resume"})
_CHANGES = frozenset({"seal", "put", "delete"})
MEETS: Mapping[StoreFault, frozenset[str]] = {
    StoreFault.UNAVAILABLE: _ANY,
    StoreFault.DENIED: _ANY,
    StoreFault.CONFLICT: frozenset({"seal", "put"}),
    StoreFault.HANG: _ANY,
    StoreFault.LOST_ANSWER: _CHANGES,
    StoreFault.DUPLICATE_ANSWER: _CHANGES,
    StoreFault.LATE_ARRIVAL: _CHANGES,
    StoreFault.SLOW_BODY: frozenset({"append", "put", "get"}),
    StoreFault.CUT_BODY: frozenset({"append", "put", "get"}),
    StoreFault.LATE_LISTING: frozenset(),
}
"""The operations that each fault may happen to; late listing follows from what changes a bucket."""
REFUSALS: Mapping[StoreFault, tuple[type[StoreError], str]] = {
    StoreFault.UNAVAILABLE: (StoreError, "503: the store is not available"),
    StoreFault.DENIED: (StoreError, "403: access denied"),
    StoreFault.CONFLICT: (ObjectExistsError, "409: another request was faster"),
}
