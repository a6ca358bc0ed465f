"""Events, schedules, and ends of event windows, which open and close waiting jobs (5.3.3, 5.3.4)."""

from dataclasses import replace

from onvif_bmff.control.event_filter import EventGate, EventMessage
from onvif_bmff.control.transaction import Transaction

__all__ = ["change_schedule", "close_gates", "take_event"]


def take_event(tx: Transaction, message: EventMessage) -> None:
    """Take an event of the device or of a source (5.3.4), at its own time if that can be right, else at receipt."""
    if abs(tx.now - message.time) > tx.environment.limits.event_skew:
        tx.volatile.events_at_receipt += 1
        message = replace(message, time=tx.now)
    conditions = tx.volatile.conditions
    if (
        message.is_lasting()
        and message.is_active()
        and len(conditions) >= tx.environment.limits.conditions
        and message.property_key() not in conditions
    ):
        message = replace(message, operation=None)
    if message.is_lasting() and message.is_active():
        conditions[message.property_key()] = message
    elif message.operation is not None:  # the condition is over, or is none any more
        conditions.pop(message.property_key(), None)
    for job in tx.state.jobs.values():
        event_filter, gate = job.configuration.event_filter, tx.volatile.gates.get(job.token)
        if event_filter is None or gate is None:
            continue
        changed = gate.after(event_filter, message, tx.now, tx.environment.limits.instant_event)
        if changed is not gate:
            tx.volatile.gates[job.token] = changed
            tx.touched.add(job.configuration.recording_token)


def close_gates(tx: Transaction) -> None:
    """End the event windows whose time is over."""
    for token, gate in tx.volatile.gates.items():
        closes = gate.closes()
        if closes is not None and closes <= tx.now:
            tx.volatile.gates[token] = EventGate()
            tx.touched.add(tx.state.jobs[token].configuration.recording_token)


def change_schedule(tx: Transaction, schedule_token: str, *, active: bool | None) -> None:
    """Note that a schedule became active or inactive, or (None) ceased to exist; unknown ones are inactive."""
    if active is None:
        tx.volatile.schedules.pop(schedule_token, None)
    else:
        tx.volatile.schedules[schedule_token] = active
    for job in tx.state.jobs.values():
        if job.configuration.schedule_token == schedule_token:
            tx.touched.add(job.configuration.recording_token)
