"""Which work of a runner is an operation on the configuration, and what it changed: for the audit log."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from onvif_bmff.audit import AuditOutcome, audit, differences, is_audited
from onvif_bmff.control.faults import Fault
from onvif_bmff.control.operations.catalogue import OPERATIONS_26_06
from onvif_bmff.control.plain import to_plain
from onvif_bmff.control.state import DeviceState
from onvif_bmff.errors import OnvifBmffError

__all__ = ["audited", "operation_of"]

_OWNERS = ("RecordingService", "Provisioning")
_METHODS = {operation.method: name for name, operation in OPERATIONS_26_06.items()} | {
    "create_receiver": "CreateReceiver",
    "configure_receiver": "ConfigureReceiver",
    "delete_receiver": "DeleteReceiver",
}
_NOT_SHOWN = ("key_checks",)
"""Members of documents that follow from content keys."""


def operation_of(work: Callable[..., object]) -> str | None:
    """Return the name of the operation that a piece of work belongs to, by the method that it is made in.

    None for what the device does by itself, such as reports of states.
    """
    owner, _, rest = work.__qualname__.partition(".")
    method = rest.partition(".")[0]
    return _METHODS.get(method, method) if owner in _OWNERS and method != "advance" else None


@contextmanager
def audited(operation: str | None, state: Callable[[], DeviceState]) -> Iterator[None]:
    """Write a line in the audit log when the body ends, however it does; nothing without an operation."""
    if operation is None:
        yield
        return
    before = state()
    try:
        yield
    except Fault as fault:
        audit(operation, AuditOutcome.REFUSED, {}, str(fault))
        raise
    except BaseException as error:
        # The texts of our own errors hold no secret; what others say is not known.
        audit(
            operation,
            AuditOutcome.FAILED,
            {},
            str(error) if isinstance(error, OnvifBmffError) else type(error).__name__,
        )
        raise
    if is_audited():
        audit(operation, AuditOutcome.DONE, _changes(before, state()))


def _changes(before: DeviceState, after: DeviceState) -> dict[str, tuple[Any, Any]]:
    """Return what changed: members of documents from what to what, and of content keys only that they did."""
    documents, secrets = after.changes_since(before)
    found: dict[str, tuple[Any, Any]] = {}
    tables = before.tables()
    for name, text in documents.items():
        kind, _, token = name.partition("/")
        old = tables[kind].get(token)
        found |= differences(_plain(None if old is None else to_plain(old)), _plain(text and json.loads(text)), name)
    for name, key in secrets.items():
        found[f"key/{name}"] = (None, None) if key is None else (None, "set")
        if name in before.secrets:
            found[f"key/{name}"] = ("set", None) if key is None else ("set", "set anew")
    return found


def _plain(document: Any) -> Any:
    return {name: one for name, one in document.items() if name not in _NOT_SHOWN} if document else None
