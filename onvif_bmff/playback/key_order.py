"""Times of keys as numbers that sort as a listing of a span should: an end before what begins at that time."""

from onvif_bmff.timing import UtcTime

__all__ = ["order_of", "time_of"]

_SECOND = 1_000_000


def order_of(time: UtcTime, *, span_end: bool = False) -> int:
    """A number that sorts keys by time, leap seconds included, and ends before what begins at that time."""
    return 2 * time.sort_key + (not span_end)


def time_of(order: int) -> UtcTime:
    """The instant of an `order_of`."""
    doubled, microsecond = divmod(order >> 1, _SECOND)
    second, normal = divmod(doubled, 2)
    return UtcTime(second * _SECOND + microsecond, not normal)
