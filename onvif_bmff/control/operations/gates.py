"""Gates of jobs that record around events only (5.3.4)."""

from typing import TYPE_CHECKING

from onvif_bmff.control.event_filter import EventGate, matches
from onvif_bmff.control.types.job_configuration import RecordingJobConfiguration

if TYPE_CHECKING:
    from onvif_bmff.control.transaction import Transaction

__all__ = ["open_gate"]


def open_gate(tx: "Transaction", job_token: str, configuration: RecordingJobConfiguration) -> None:
    """Create the gate of a job's event filter; it is open if a matching condition is active already."""
    tx.volatile.gates.pop(job_token, None)
    event_filter = configuration.event_filter
    if event_filter is None:
        return
    held = {key: event.topic for key, event in tx.volatile.conditions.items() if matches(event_filter, event)}
    opened = tx.now if held else None
    tx.volatile.gates[job_token] = EventGate(frozenset(held), None, opened, next(iter(held.values()), None))
