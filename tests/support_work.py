"""How much work something is, told by figures that are the same on every machine, however busy it is."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def bounded_work(seconds: float = 60.0) -> Iterator[None]:
    """Fail the body when it has used this much processor time of the process: far above what it needs.

    Protection from what would go on for minutes; what a test proves are the data after it.
    """

    def too_much(number: int, frame: FrameType | None) -> None:
        raise AssertionError(f"still at work after {seconds} seconds of processor time")

    before = signal.signal(signal.SIGPROF, too_much)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


class Runaway(BaseException):
    """More lines ran than were allowed."""


def lines_run(action: Callable[[], object], most: int = 1 << 62) -> int:
    """Lines of Python that run in ``action``; raises ``Runaway`` beyond ``most``."""
    lines = 0

    def line(frame: object, event: str, argument: object) -> object:
        nonlocal lines
        lines += 1
        if lines > most:
            raise Runaway
        return line

    def call(frame: object, event: str, argument: object) -> object:
        return line

    before = sys.gettrace()
    sys.settrace(call)  # type: ignore[arg-type]
    try:
        action()
    finally:
        sys.settrace(before)
    return lines
