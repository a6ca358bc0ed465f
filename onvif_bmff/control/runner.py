"""Execution of operations: one at a time, durable before they are acknowledged, events only afterwards.

There is no timer: every call first does what is due (``TransactionRunner.advance``), and
``TransactionRunner.next_deadline`` returns when something will be due next. A runner may be used from any thread.
"""

import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from threading import RLock
from typing import Protocol, TypeVar

from onvif_bmff.control.audit_trail import audited, operation_of
from onvif_bmff.control.environment import Environment
from onvif_bmff.control.listeners import Listener, Listeners
from onvif_bmff.control.notifications import Notification
from onvif_bmff.control.persistence import Persistence
from onvif_bmff.control.state import DeviceState
from onvif_bmff.control.subscription import Subscription
from onvif_bmff.control.transaction import Transaction, VolatileState
from onvif_bmff.control.types.job_state import RecordingJobState
from onvif_bmff.errors import PersistenceError, StateError
from onvif_bmff.timing import UtcTime

__all__ = ["TransactionRunner", "Upkeep"]

_log = logging.getLogger(__name__)

T = TypeVar("T")


class Upkeep(Protocol):
    """Work of a service without a request, called by the runner. All methods run while the service is locked."""

    def complete(self, tx: Transaction) -> None:
        """Complete a change before it is committed."""
        ...

    def resume(self, runner: "TransactionRunner", now: UtcTime) -> None:
        """Go on after a restart."""
        ...

    def expire(self, tx: Transaction) -> None:
        """Do what is due."""
        ...

    def run_deferred(self, runner: "TransactionRunner", now: UtcTime) -> bool:
        """Run work that durable operations deferred, as far as possible now; return True if anything changed.

        It must not fail: the operation before it is complete, and what cannot be stored now is retried later.
        """
        ...

    def next_deadline(self, runner: "TransactionRunner", now: UtcTime) -> UtcTime | None:
        """Return when something is due next."""
        ...


class TransactionRunner:
    """State, transactions, time and events of a service.

    Args:
        environment: the environment of operations.
        persistence: where the state is kept.
        clock: the present instant.
        unreported: state of a fed track without a report.
        upkeep: work without a request.
        lock: held while an operation runs; it must be reentrant.

    ``changes`` are listeners that are called after everything that changed anything, by the thread that caused it and
    while the service is locked; they should only wake somebody up. ``on_change`` is one more of them, which may be set.

    Raises:
        PersistenceError: what is stored cannot be read.
    """

    def __init__(
        self,
        environment: Environment,
        persistence: Persistence,
        clock: Callable[[], UtcTime],
        unreported: RecordingJobState,
        upkeep: Upkeep,
        lock: AbstractContextManager[object] | None = None,
    ) -> None:
        self.environment = environment
        self.persistence = persistence
        self.clock = clock
        self.on_change: Listener | None = None
        self.changes = Listeners("changes of the service")
        self.changes.add(self._call_on_change)
        self._upkeep = upkeep
        self._lock = lock or RLock()
        documents, secrets = persistence.load()
        self.state = DeviceState.from_documents(documents, secrets)
        if outdated := self.state.outdated(documents):
            try:
                persistence.commit(outdated, {})
            except PersistenceError as error:  # they stay usable until they can be rewritten
                _log.warning("documents of an earlier version are not rewritten now: %s", error)
        self.volatile = VolatileState(unreported)
        self._subscriptions: list[Subscription] = []
        self._deadline: UtcTime | None = None
        self._is_closed = False

    def start(self) -> None:
        """Go on after a power cycle; the state of every job is an event."""
        with self._lock:
            now = self.clock()
            self._upkeep.resume(self, now)
            self._finish(now)

    # ---- running operations ------------------------------------------------------------------------

    def run(self, work: Callable[[Transaction], T]) -> T:
        """Run an operation that may change something; one of a client has a line in the audit log.

        ``StateError`` after ``close``.
        """
        with self._lock:
            self.check_open()
            now = self.clock()
            changed = self._advance(now)
            try:
                with audited(operation_of(work), lambda: self.state):
                    tx = self.begin(now)
                    result = work(tx)
                    changed |= self.commit(tx)
                changed |= self._finish(now)
            finally:
                self._wake(changed=changed)
        return result

    def run_while_open(self, work: Callable[[Transaction], T], otherwise: T) -> T:
        """Run an operation as ``run`` does; after ``close`` do nothing, and return ``otherwise``."""
        with self._lock:
            return otherwise if self._is_closed else self.run(work)

    def read(self, look: Callable[[Transaction], T]) -> T:
        """Run an operation that changes nothing; ``StateError`` after ``close``."""
        with self._lock:
            self.check_open()
            now = self.clock()
            changed = self._advance(now)
            try:
                return look(Transaction(self.environment, now, self.state, self.volatile, draft=False))
            finally:
                self._wake(changed=changed)

    def begin(self, now: UtcTime) -> Transaction:
        """Return a transaction with a draft of the present state; for the upkeep."""
        return Transaction(self.environment, now, self.state, self.volatile)

    def commit(self, tx: Transaction) -> bool:
        """Make a transaction durable, apply it and send its events; return True if it changed anything.

        Raises:
            PersistenceError: it cannot be stored; then nothing has happened.
        """
        self._upkeep.complete(tx)
        documents, secrets = tx.state.changes_since(self.state)
        if documents or secrets:
            self.persistence.commit(documents, secrets)
        self.state, self.volatile = tx.state, tx.volatile
        self.publish(tx.notifications)
        return bool(documents or secrets or tx.notifications or tx.touched)

    def publish(self, notifications: Sequence[Notification]) -> None:
        """Send events to all subscriptions."""
        for subscription in self._subscriptions:
            subscription.put(notifications)

    def _finish(self, now: UtcTime) -> bool:
        changed = self._upkeep.run_deferred(self, now)
        self._deadline = self._upkeep.next_deadline(self, now)
        return changed

    def _wake(self, *, changed: bool) -> None:
        if changed:
            self.changes()

    def _call_on_change(self) -> None:
        if self.on_change is not None:
            self.on_change()

    # ---- time and events ---------------------------------------------------------------------------

    def advance(self) -> None:
        """Do what is due by now."""
        self.run(lambda tx: None)

    def next_deadline(self) -> UtcTime | None:
        """Return the time of the next ``advance``; None if nothing is scheduled."""
        with self._lock:
            return self._deadline

    def _advance(self, now: UtcTime) -> bool:
        if self._deadline is None or now < self._deadline:
            return False
        tx = self.begin(now)
        self._upkeep.expire(tx)
        self.commit(tx)
        self._finish(now)
        return True

    def subscribe(self) -> Subscription:
        """Return a new queue that gets every event from now on, in order; ``StateError`` after ``close``."""
        with self._lock:
            self.check_open()
            subscription = Subscription(self.environment.limits.notifications, self._unsubscribe)
            self._subscriptions.append(subscription)
            return subscription

    def _unsubscribe(self, subscription: Subscription) -> None:
        with self._lock:
            if subscription in self._subscriptions:
                self._subscriptions.remove(subscription)

    def check_open(self) -> None:
        """Raise ``StateError`` after ``close``."""
        if self._is_closed:
            raise StateError("the service is closed")

    def close(self) -> None:
        """Close all subscriptions, and the persistence; no operation is taken afterwards."""
        with self._lock:
            self._is_closed = True
            for subscription in list(self._subscriptions):
                subscription.close()
            self.persistence.close()
