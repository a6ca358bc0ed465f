"""Work without a request: resuming after a restart, deadlines, deferred deletions."""

import logging
from datetime import timedelta

from onvif_bmff.control.operations.events import close_gates
from onvif_bmff.control.operations.job_states import update_job_states
from onvif_bmff.control.operations.jobs import open_gate
from onvif_bmff.control.operations.override import expire_overrides
from onvif_bmff.control.operations.recordings import (
    RETENTION_INTERVAL,
    expire_data,
    purge_data,
    remove_pending_deletions,
)
from onvif_bmff.control.places import clashing
from onvif_bmff.control.runner import TransactionRunner
from onvif_bmff.control.transaction import Transaction
from onvif_bmff.errors import PersistenceError
from onvif_bmff.logs import CauseLog
from onvif_bmff.timing import UtcTime

__all__ = ["ServiceUpkeep"]

log = logging.getLogger(__name__)
_causes = CauseLog(log)

_PURGE_INTERVAL = timedelta(minutes=1)


class ServiceUpkeep:
    """The ``Upkeep`` of a recording service."""

    def __init__(self) -> None:
        self._purge_due: UtcTime | None = None

    def complete(self, tx: Transaction) -> None:
        """Bring the states of jobs up to date."""
        update_job_states(tx)

    def resume(self, runner: TransactionRunner, now: UtcTime) -> None:
        """Go on with what a power cycle interrupted, and send the state of every job."""
        pairs = clashing(runner.environment.resources, runner.state.recordings.values())
        for first, second in pairs:  # an earlier version accepted them; their objects must not mix
            what = "the local data" if second is None else f"recording {second}"
            log.error("recording %s has the place of %s, so that it may not be written; give it another", first, what)
        runner.volatile.clashing = frozenset(token for pair in pairs for token in pair if token is not None)
        try:
            self._resume_after_restart(runner, now, delete=True)
        except PersistenceError as error:  # they stay for now: a device with a full disk must start too
            log.warning("recordings that were to be removed stay for now: %s", error)
            self._resume_after_restart(runner, now, delete=False)

    def _resume_after_restart(self, runner: TransactionRunner, now: UtcTime, *, delete: bool) -> None:
        tx = runner.begin(now)
        for job in tx.state.jobs.values():
            open_gate(tx, job.token, job.configuration)
        tx.touched |= tx.state.recordings.keys()
        if delete:
            remove_pending_deletions(tx)
        runner.commit(tx)

    def expire(self, tx: Transaction) -> None:
        """End overrides and event windows, and delete old local data."""
        expire_overrides(tx)
        close_gates(tx)
        expire_data(tx)

    def run_deferred(self, runner: TransactionRunner, now: UtcTime) -> bool:
        """Remove recordings whose export has ended, and the local data of deleted tracks."""
        changed = False
        if any(recording.deletion_pending for recording in runner.state.recordings.values()):
            tx = runner.begin(now)
            remove_pending_deletions(tx)
            try:
                changed |= runner.commit(tx)
            except PersistenceError as error:
                _causes.warning("removal", "recordings that were to be removed stay for now: %s", error)
        waits = self._purge_due is not None and now < self._purge_due <= now + _PURGE_INTERVAL
        if runner.state.purges and runner.environment.local_data is not None and not waits:
            tx = runner.begin(now)
            purge_data(tx)
            deleted = tuple(tx.notifications)
            self._purge_due = None
            try:
                changed |= runner.commit(tx)
            except PersistenceError as error:
                _causes.warning("purge", "that local data are deleted could not be stored: %s", error)
                self._purge_due = now + _PURGE_INTERVAL
                runner.publish(deleted)  # the data is gone, even if that cannot be stored
                changed |= bool(deleted)
        return changed

    def next_deadline(self, runner: TransactionRunner, now: UtcTime) -> UtcTime | None:
        """Return when the next override, event window or age of local data ends, or a deletion is retried."""
        state, volatile = runner.state, runner.volatile
        due = [override.expires for override in volatile.overrides.values()]
        due += [closes for gate in volatile.gates.values() if (closes := gate.closes()) is not None]
        if runner.environment.local_data is not None:
            due.append(volatile.retention_due or now)
        elif any(r.deletion_pending and r.token not in volatile.exported() for r in state.recordings.values()):
            due.append(now + RETENTION_INTERVAL)  # their removal could not be stored
        if self._purge_due is not None and state.purges:
            due.append(self._purge_due)
        return min(due, default=None)
