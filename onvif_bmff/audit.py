"""The audit log: one line for each operation that may change the configuration, also for those that are refused.

Its logger is ``onvif_bmff.audit``; it says who asked, for which operation, how it ended, and what changed from what to
what. An application says who asks by ``acting_for``; without that the line says that it is not known. No content key,
password, or part of an address that may be one is ever in it.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from enum import StrEnum
from typing import Any

from onvif_bmff.errors import escaped

__all__ = ["AuditOutcome", "acting_for", "audit", "differences", "is_audited", "rehearsed"]

_log = logging.getLogger(__name__)
_MAX_TEXT = 4000
"""Characters of changes in the text of a line; the field ``changes`` has all."""
_HIDDEN = "***"

_user: ContextVar[str | None] = ContextVar("user", default=None)
_is_rehearsal: ContextVar[bool] = ContextVar("is_rehearsal", default=False)


class AuditOutcome(StrEnum):
    """How an operation ended."""

    DONE = "done"
    REFUSED = "refused"
    """By a fault: nothing was changed."""
    FAILED = "failed"
    """By another error, as of the disk: nothing was changed."""


_LEVELS = {
    AuditOutcome.DONE: logging.INFO,
    AuditOutcome.REFUSED: logging.WARNING,
    AuditOutcome.FAILED: logging.ERROR,
}


@contextmanager
def acting_for(user: str) -> Iterator[None]:
    """Say who asks for the operations that the body calls: in this thread or task, and those that copy its context."""
    token = _user.set(user)
    try:
        yield
    finally:
        _user.reset(token)


@contextmanager
def rehearsed() -> Iterator[None]:
    """Write no line for the operations that the body calls, for they are tried in a service that keeps nothing."""
    token = _is_rehearsal.set(True)
    try:
        yield
    finally:
        _is_rehearsal.reset(token)


def is_audited() -> bool:
    """Return whether anybody listens to what is done; what is refused is always logged."""
    return _log.isEnabledFor(logging.INFO) and not _is_rehearsal.get()


def audit(operation: str, outcome: AuditOutcome, changes: Mapping[str, tuple[Any, Any]], reason: str = "") -> None:
    """Write a line.

    Args:
        operation: its name in ONVIF, or that of a method.
        outcome: how it ended.
        changes: what has changed → from what, to what; None for nothing.
        reason: why it was refused, or failed.
    """
    if _is_rehearsal.get():
        return
    user = _user.get()
    text = "; ".join(f"{name}: {_shown(old)} -> {_shown(new)}" for name, (old, new) in changes.items())
    if len(text) > _MAX_TEXT:
        text = f"{text[:_MAX_TEXT]} …"
    _log.log(
        _LEVELS[outcome],
        "%s by %s: %s%s",
        operation,
        "somebody not named" if user is None else escaped(user),
        outcome,
        escaped(f": {reason or text or 'nothing changed'}"),
        extra={
            "operation": operation,
            "user": user,
            "outcome": str(outcome),
            "cause": reason or None,
            "changes": {name: [old, new] for name, (old, new) in changes.items()},
        },
    )


def differences(old: Any, new: Any, name: str) -> dict[str, tuple[Any, Any]]:
    """Return what differs between two values of plain data, by path below ``name``; without what may be secret."""
    if old == new:
        return {}
    if isinstance(old, dict) and isinstance(new, dict):
        found: dict[str, tuple[Any, Any]] = {}
        for key in [*old, *(key for key in new if key not in old)]:
            found |= differences(old.get(key), new.get(key), f"{name}.{key}")
        return found
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        found = {}
        for number, (one, other) in enumerate(zip(old, new, strict=True)):
            found |= differences(one, other, f"{name}[{number}]")
        return found
    return {name: (_without_secrets(old), _without_secrets(new))}


def _without_secrets(value: Any) -> Any:
    """Return plain data without user, password and parameters of the addresses in it."""
    if isinstance(value, dict):
        return {key: _without_secrets(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_without_secrets(one) for one in value]
    if not isinstance(value, str) or ":" not in value:
        return value
    address, mark, _ = value.partition("?")
    if mark:
        address = f"{address}?{_HIDDEN}"
    scheme, _, rest = address.partition(":")
    before, at, place = rest.rpartition("@")
    if at:
        slashes = before[: len(before) - len(before.lstrip("/"))]
        return f"{scheme}:{slashes}{_HIDDEN}@{place}"
    return address


def _shown(value: Any) -> str:
    return "nothing" if value is None else repr(value)
