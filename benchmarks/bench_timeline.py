"""A timeline from keys alone: time and memory a key, and how both grow from 10,000 keys to 1,000,000."""

import gc
import time
import tracemalloc
from collections.abc import Iterator

from benchmarks.measure import row
from onvif_bmff.playback import Timeline
from onvif_bmff.timing import UtcTime

START = UtcTime.parse("2024-01-01T00:00:00Z")
SEGMENT = 5
SPAN = 720
REACH_TIME = 10.0
REACH_MEMORY = 300


def keys(count: int) -> Iterator[str]:
    """Keys of segments of five seconds, in spans of an hour, as a store lists them; made one after another."""
    for number in range(count):
        counter = number % (SPAN + 1)
        at = START.plus_ticks((number - number // (SPAN + 1)) * SEGMENT, 1)
        year, month, day, hour, minute, second, _ = at.fields()
        end = "_end" if counter == SPAN else ""
        yield (
            f"site-2/{year:04}-{month:02}-{day:02}/camera-5/{hour:02}/{minute:02}-{second:02}.000Z.{counter}.m4v{end}"
        )


def measure(count: int) -> tuple[float, float, float]:
    """Microseconds, peak bytes and kept bytes a key; the keys themselves are not counted in any of them."""
    listed = list(keys(count))
    gc.collect()
    start = time.process_time()
    timeline = Timeline.from_keys(listed)
    spent = time.process_time() - start
    assert len(timeline.spans) == -(-count // (SPAN + 1))
    del timeline
    gc.collect()
    tracemalloc.start()
    timeline = Timeline.from_keys(listed)
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert timeline.objects == count
    return spent / count * 1e6, peak / count, kept / count


def run(quick: bool) -> list[dict[str, object]]:
    """One row for each size: microseconds a key, peak and kept bytes a key."""
    rows = []
    for count in (1_000, 10_000) if quick else (10_000, 100_000, 1_000_000):
        micros, peak, kept = measure(count)
        name = f"timeline of {count:,} keys"
        rows.append(row(name, micros, "µs a key", reach=f"≤ {REACH_TIME:g}"))
        rows.append(row(name, peak, "bytes a key, peak"))
        rows.append(row(name, kept, "bytes a key, kept", reach=f"≤ {REACH_MEMORY}"))
    return rows
