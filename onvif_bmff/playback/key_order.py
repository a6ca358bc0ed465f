"""Times of keys as sortable numbers; a span end sorts before a segment that begins at the same time."""

from onvif_bmff.timing import UtcTime

__all__ = ["order_of", "time_of"]

_SECOND = 1_000_000


def order_of(time: UtcTime, *, span_end: bool = False) -> int:
    """Return a number that sorts keys by time, including leap seconds, and span ends before segments."""
    return 2 * time.sort_key + (not span_end)


def time_of(order: int) -> UtcTime:
    """Return the instant of an ``order_of``."""
    doubled, microsecond = divmod(order >> 1, _SECOND)
    second, normal = divmod(doubled, 2)
    return UtcTime(second * _SECOND + microsecond, not normal)
