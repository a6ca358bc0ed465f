"""Signals that end a command: SIGINT, SIGTERM and SIGHUP, handled in the same way by all commands.

The first signal sets a flag. Normally the handler also raises ``Interrupted`` at once, even out of a blocked read.
Within ``shield()`` it does not: work that must not be interrupted (writing objects, renaming a file) goes on, and
checks the flag where it can stop. A second signal ends the process
at once, by the signal's default action.

Actions that undo the work of an interrupted command are registered by ``undo``; the frame of the command line runs
the remaining ones, so that an interrupt between two lines of Python leaves nothing behind either.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread
from types import FrameType, TracebackType
from typing import Any, Final, Self, TypeVar

__all__ = ["Interrupted", "SignalGuard"]

Item = TypeVar("Item")

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_ONE_REQUEST: Final = 0.1
"""Seconds within which further signals count as the first one: shells and terminals send some of them twice."""
_RAISE_AGAIN: Final = 0.05
"""Seconds until an ``Interrupted`` that Python had to swallow (in a finaliser, say) is raised again."""


class Interrupted(BaseException):
    """A signal asks the command to end. Not an error of the library, so that no handler of those catches it."""

    def __init__(self, number: int) -> None:
        super().__init__(f"ended by {signal.Signals(number).name}")
        self.number = number


class SignalGuard:
    """Holds the handlers of the signals that end a command, from ``__enter__`` on.

    ``last`` says that the process ends with this command: signals that come after its end are ignored then, where
    otherwise the former handlers are put back. Signals that were ignored at the start (``nohup``) stay ignored. In
    another thread than the main one there is nothing to handle, and the guard does nothing.
    """

    def __init__(self, *, last: bool = False) -> None:
        self.number: int | None = None
        self._last = last
        self._first_at = 0.0
        self._shields = 0
        self._undo: list[Callable[[], object]] = []
        self._former: dict[int, Any] = {}
        self._former_hook: Callable[[Any], object] | None = None

    @property
    def status(self) -> int:
        """Exit status of a command that a signal ended: 128 and the signal's number; 0 if none came."""
        return 0 if self.number is None else 128 + self.number

    @property
    def name(self) -> str:
        """Name of the signal that came, or ""."""
        return "" if self.number is None else signal.Signals(self.number).name

    def __enter__(self) -> Self:
        if current_thread() is main_thread():
            for number in _SIGNALS:
                if signal.getsignal(number) not in (signal.SIG_IGN, None):
                    self._former[number] = signal.signal(number, self._handle)
            self._former[signal.SIGALRM] = signal.signal(signal.SIGALRM, self._raise_again)
            self._former_hook, sys.unraisablehook = sys.unraisablehook, self._swallowed
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._shields += 1  # what follows is short, and must complete
        if self._former:
            signal.setitimer(signal.ITIMER_REAL, 0)
        while self._undo:
            self._undo.pop()()
        if self._former_hook is not None:
            sys.unraisablehook = self._former_hook
        for number, handler in self._former.items():
            signal.signal(number, signal.SIG_IGN if self._last else handler)
        self._former.clear()

    def check(self) -> None:
        """Raise ``Interrupted`` if a signal has come, shield or not."""
        if self.number is not None:
            raise Interrupted(self.number)

    @contextmanager
    def shield(self, *, final: bool = False) -> Iterator[None]:
        """Let no signal interrupt the body; acted on at its end, or never if that is the command's (``final``)."""
        self._shields += 1
        try:
            yield
        finally:
            self._shields -= 1
            if final:
                self._shields += 1  # the work is done: a signal changes nothing any more
        if not self._shields:
            self.check()

    @contextmanager
    def exposed(self) -> Iterator[None]:
        """Within a shield: let a signal interrupt the body, which only waits or reads."""
        shields = self._shields
        try:
            self._shields = 0
            self.check()
            yield
        finally:
            self._shields = shields

    def read(self, items: Iterable[Item]) -> Iterator[Item]:
        """Within a shield: pass items on until their end, or until a signal.

        Only while the next item is waited for can a signal interrupt; what is done with items is shielded.
        """
        iterator, shields = iter(items), self._shields
        while True:
            try:
                try:
                    self._shields = 0
                    self.check()
                    item = next(iterator)
                except StopIteration:
                    return
                finally:
                    self._shields = shields
            except Interrupted:
                self._shields = shields
                return
            yield item

    @contextmanager
    def undo(self, action: Callable[[], object]) -> Iterator[None]:
        """Run ``action`` if the body does not come to its end. It may run twice, and before the body did anything."""
        self._undo.append(action)
        try:
            yield
        except BaseException:
            with self.shield():
                action()
                self._undo.remove(action)
            raise
        self._undo.remove(action)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self.number is None:
            self.number, self._first_at = number, now
            if not self._shields:
                raise Interrupted(number)
        elif now - self._first_at > _ONE_REQUEST:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    def _raise_again(self, number: int, frame: FrameType | None) -> None:
        if not self._shields:
            self.check()

    def _swallowed(self, unraisable: Any) -> None:
        """Schedule an ``Interrupted`` again that Python swallowed, as in a finaliser."""
        if isinstance(unraisable.exc_value, Interrupted):
            signal.setitimer(signal.ITIMER_REAL, _RAISE_AGAIN)
        elif self._former_hook is not None:
            self._former_hook(unraisable)
