"""How operations run: one at a time, durable before they are acknowledged, events only afterwards.

Time passes only when someone calls: every call first does what is due by now (`ServiceCore.advance`), and
`ServiceCore.next_deadline` says when something will be due next. A service may be used from any thread.
"""

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from threading import RLock
from typing import TypeVar

from onvif_bmff.control.arbitration import EventGate
from onvif_bmff.control.environment import Environment
from onvif_bmff.control.notifications import Notification, PropertyOperation
from onvif_bmff.control.operations.export import remove_pending_deletions
from onvif_bmff.control.operations.jobs import open_gate
from onvif_bmff.control.operations.override import expire_overrides
from onvif_bmff.control.operations.recordings import RETENTION_INTERVAL, expire_data, purge_data
from onvif_bmff.control.persistence import Persistence
from onvif_bmff.control.places import clashing
from onvif_bmff.control.state import DeviceState, Job
from onvif_bmff.control.subscription import Subscription
from onvif_bmff.control.transaction import (
    Runtime,
    Transaction,
    export_event,
    job_state_event,
    segment_export_event,
)
from onvif_bmff.control.types.job_state import RecordingJobState
from onvif_bmff.errors import PersistenceError
from onvif_bmff.timing import UtcTime

__all__ = ["ServiceCore"]

log = logging.getLogger(__name__)

T = TypeVar("T")
_PURGE_INTERVAL = timedelta(minutes=1)


class ServiceCore:
    """State, transactions, time and events of a service; the operations are added by `RecordingService`.

    ``on_change`` may be set to a function without arguments. It is called after everything that changed
    anything, by the thread that caused it and while the service is locked; it should do no more than wake
    up whoever records (set an event, say), and must not raise.
    """

    def __init__(
        self,
        environment: Environment,
        persistence: Persistence,
        clock: Callable[[], UtcTime],
        unreported: RecordingJobState,
    ) -> None:
        self._environment = environment
        self._persistence = persistence
        self._clock = clock
        self._lock = RLock()
        documents, secrets = persistence.load()
        self._state = DeviceState.from_documents(documents, secrets)
        with suppress(PersistenceError):  # what an earlier version wrote is good enough until it can be written anew
            if outdated := self._state.outdated(documents):
                persistence.commit(outdated, {})
        self._runtime = Runtime(unreported, clashing=self._find_clashes())
        self._subscriptions: list[Subscription] = []
        self._own = self.subscribe()
        self._deadline: UtcTime | None = None
        self._purge_due: UtcTime | None = None
        self.on_change: Callable[[], None] | None = None
        self._start()

    def _find_clashes(self) -> frozenset[str]:
        """Recordings of one place, which an earlier version did not refuse; they are told, and must not mix objects."""
        pairs = clashing(self._environment, self._state.recordings.values())
        for first, second in pairs:
            what = "the local data" if second is None else f"recording {second}"
            log.error("recording %s has the place of %s, so that it may not be written; give it another", first, what)
        return frozenset(token for pair in pairs for token in pair if token is not None)

    def _start(self) -> None:
        """Take up what a power cycle interrupted, and tell the state of every job."""
        now = self._clock()
        try:
            self._resume_after_restart(now, remove_pending_deletions)
        except PersistenceError:  # they stay for now; a device whose disk is full starts all the same
            self._resume_after_restart(now, lambda tx: None)
        self._run_deferred(now)
        self._schedule(now)

    def _resume_after_restart(self, now: UtcTime, work: Callable[[Transaction], None]) -> None:
        tx = Transaction(self._environment, now, self._state, self._runtime)
        for job in tx.state.jobs.values():
            open_gate(tx, job.token, job.configuration)
        tx.touched |= tx.state.recordings.keys()
        work(tx)
        self._commit(tx)

    # ---- running operations ------------------------------------------------------------------------

    def _run(self, work: Callable[[Transaction], T]) -> T:
        """Run an operation that may change something."""
        with self._lock:
            now = self._clock()
            changed = self._advance(now)
            try:
                tx = Transaction(self._environment, now, self._state, self._runtime)
                result = work(tx)
                changed |= self._commit(tx)
                changed |= self._run_deferred(now)
                self._schedule(now)
            finally:
                self._tell(changed)
        return result

    def _read(self, look: Callable[[Transaction], T]) -> T:
        """Run an operation that changes nothing."""
        with self._lock:
            now = self._clock()
            changed = self._advance(now)
            try:
                return look(Transaction(self._environment, now, self._state, self._runtime, draft=False))
            finally:
                self._tell(changed)

    def _tell(self, changed: bool) -> None:
        if changed and self.on_change is not None:
            self.on_change()

    def _commit(self, tx: Transaction) -> bool:
        """Make a transaction durable, take it over and hand out its events; True if it changed anything."""
        tx.update_job_states()
        documents, secrets = tx.state.changes_since(self._state)
        if documents or secrets:
            self._persistence.commit(documents, secrets)
        self._state, self._runtime = tx.state, tx.runtime
        self._publish(tx.notifications)
        return bool(documents or secrets or tx.notifications or tx.touched)

    def _publish(self, notifications: Sequence[Notification]) -> None:
        for subscription in self._subscriptions:
            subscription.put(notifications)

    def _run_deferred(self, now: UtcTime) -> bool:
        """Do what durable operations left to do, as far as it can be done now; True if anything changed.

        That is to remove recordings whose export has ended, and the local data of deleted tracks. It must
        not fail: the operation before it was done, and what cannot be stored now is tried again later.
        """
        changed = False
        if any(recording.deletion_pending for recording in self._state.recordings.values()):
            tx = Transaction(self._environment, now, self._state, self._runtime)
            remove_pending_deletions(tx)
            with suppress(PersistenceError):
                changed |= self._commit(tx)
        waits = self._purge_due is not None and now < self._purge_due <= now + _PURGE_INTERVAL
        if self._state.purges and self._environment.local_data is not None and not waits:
            tx = Transaction(self._environment, now, self._state, self._runtime)
            purge_data(tx)
            told = tuple(tx.notifications)
            self._purge_due = None
            try:
                changed |= self._commit(tx)
            except PersistenceError:
                self._purge_due = now + _PURGE_INTERVAL
                self._publish(told)  # the data is gone, whatever the persistence says
                changed |= bool(told)
        return changed

    # ---- time --------------------------------------------------------------------------------------

    def advance(self) -> None:
        """Do what is due by now: end overrides and event windows, delete old local data."""
        self._run(lambda tx: None)

    def next_deadline(self) -> UtcTime | None:
        """When `advance` should be called next; None if nothing is waiting for time to pass."""
        with self._lock:
            return self._deadline

    def _advance(self, now: UtcTime) -> bool:
        if self._deadline is None or now < self._deadline:
            return False
        tx = Transaction(self._environment, now, self._state, self._runtime)
        expire_overrides(tx)
        for token, gate in tx.runtime.gates.items():
            closes = gate.closes()
            if closes is not None and closes <= now:
                tx.runtime.gates[token] = EventGate()
                tx.touched.add(tx.state.jobs[token].configuration.recording_token)
        expire_data(tx)
        self._commit(tx)
        self._run_deferred(now)
        self._schedule(now)
        return True

    def _schedule(self, now: UtcTime) -> None:
        runtime = self._runtime
        due = [override.expires for override in runtime.overrides.values()]
        due += [closes for gate in runtime.gates.values() if (closes := gate.closes()) is not None]
        if self._environment.local_data is not None:
            due.append(runtime.retention_due or now)
        elif any(r.deletion_pending and r.token not in runtime.exported() for r in self._state.recordings.values()):
            due.append(now + RETENTION_INTERVAL)  # it could not be stored that they are gone
        if self._purge_due is not None and self._state.purges:
            due.append(self._purge_due)
        self._deadline = min(due, default=None)

    # ---- events ------------------------------------------------------------------------------------

    def subscribe(self) -> Subscription:
        """A new queue that gets every event from now on, in order (5.26)."""
        with self._lock:
            subscription = Subscription(self._environment.limits.notifications, self._unsubscribe)
            self._subscriptions.append(subscription)
            return subscription

    def _unsubscribe(self, subscription: Subscription) -> None:
        with self._lock:
            if subscription in self._subscriptions:
                self._subscriptions.remove(subscription)

    def take_notifications(self) -> tuple[Notification, ...]:
        """All events since the last call, oldest first; the service's own subscription.

        After a start it begins with the state of every job, as Initialized.
        """
        self._read(lambda tx: None)
        return self._own.take()

    def current_properties(self) -> tuple[Notification, ...]:
        """Every property event as Initialized: what a new subscriber must be told first."""
        return self._read(_current_properties)

    # ---- the whole ---------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, object]:
        """The persistent state as plain, JSON-able data, without content keys."""
        return self._read(lambda tx: tx.state.snapshot())

    def close(self) -> None:
        """Close the persistence; nothing may be called afterwards."""
        with self._lock:
            self._persistence.close()


def _current_properties(tx: Transaction) -> tuple[Notification, ...]:
    first = PropertyOperation.INITIALIZED
    found: list[Notification] = []
    errors = tx.errors()
    by_recording: dict[str, list[Job]] = {}
    for job in tx.state.jobs.values():
        by_recording.setdefault(job.configuration.recording_token, []).append(job)
    for jobs in by_recording.values():
        winners = tx.winners(jobs)
        for job in jobs:
            information = tx.information(job, winners, errors)
            found.append(job_state_event(tx.now, first, job.token, information))
    running = (export for export in tx.runtime.exports.values() if not export.finished)
    found += (export_event(tx.now, first, export) for export in running)
    found += (segment_export_event(tx.now, first, export) for export in tx.runtime.segment_exports.values())
    return tuple(found)
