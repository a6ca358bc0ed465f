"""What the tests of the command line share."""

import signal
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def usual_signals() -> Iterator[None]:
    """Commands meet the signals as a shell in the foreground leaves them, however the tests were started.

    What runs in the background of a script ignores SIGINT, as do its children.
    """
    usual = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL, signal.SIGHUP: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in usual.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
