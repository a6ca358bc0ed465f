"""A bound of work for tests whose failure would be to go on for minutes: processor time, which a busy machine does not
use up for us, and far above what is needed. It is protection; what a test proves are the data after it."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def bounded_work(seconds: float = 60.0) -> Iterator[None]:
    """Fail the body when it has used this much processor time of the process."""

    def too_much(number: int, frame: FrameType | None) -> None:
        raise AssertionError(f"still at work after {seconds} seconds of processor time")

    before = signal.signal(signal.SIGPROF, too_much)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
