"""Keys as a recorder would write them."""

from datetime import timedelta

from onvif_bmff.objects import ObjectKey
from onvif_bmff.timing import UtcTime

START = UtcTime.parse("2022-11-08T15:08:23.547Z")


def span(start=START, segments=5, step=5, extension="m4v", prefix="site-2", postfix="camera-5", end=True, digits=3):
    """The keys of a span as a recorder would write them."""
    keys = [
        ObjectKey(prefix, start.plus_ticks(step * index, 1), postfix, index, extension, False, digits)
        for index in range(segments)
    ]
    if end:
        keys.append(keys[-1].ending(start.plus_ticks(step * segments, 1)))
    return keys


def after(seconds):
    return START.plus_ticks(seconds * 1000, 1000) if isinstance(seconds, int) else START + timedelta(seconds=seconds)


def names(keys):
    return [str(key) for key in keys]
