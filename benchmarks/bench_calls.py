"""Calls of Python functions in the library for a usual sample, a camera-second and the opening of a span."""

from benchmarks.calls import KINDS, count
from benchmarks.measure import row

REACH = {"sample": "≤ 12", "open": "≤ 300"}


def run(quick: bool) -> list[dict[str, object]]:
    """Count; quick and not quick are the same, as counts need no repetition."""
    rows = []
    for kind in KINDS:
        for case, calls in count(kind).items():
            rows.append(row(case, calls, "calls", reach=REACH.get(case.rpartition("-")[2], "")))
    return rows
