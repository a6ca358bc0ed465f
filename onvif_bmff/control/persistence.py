"""Where the control model is kept: the protocol, and an implementation in memory.

The durable implementation is ``onvif_bmff.storage.sqlite.SqlitePersistence``. It does not know this room:
it gets texts and content keys by name, in one ``Persistence.commit`` for each operation.
"""

from collections.abc import Mapping
from typing import Any, Protocol

__all__ = ["MemoryPersistence", "Persistence"]


class Persistence(Protocol):
    """Documents and secrets by name, changed in transactions.

    Every method raises ``PersistenceError`` if it cannot do its work.
    """

    def load(self) -> tuple[dict[str, str], dict[str, bytes]]:
        """Return all that was committed: documents (JSON text) and secrets (content keys).

        A secret that is damaged is left out, so that everything else can be used; a damaged document is an
        error.
        """
        ...

    def commit(self, documents: Mapping[str, str | None], secrets: Mapping[str, bytes | None]) -> None:
        """Write or, for None, remove what is named: all of it, durably, or nothing of it.

        When this returns, a power cut can no longer undo the change.
        """
        ...

    def close(self) -> None:
        """Close all files; no method may be called afterwards."""
        ...


class MemoryPersistence:
    """Keeps everything in memory: for tests, and for devices without persistent configuration.

    ``documents`` and ``secrets`` are what has been committed, ``commits`` counts the transactions. Handing
    the same object to a new service is a restart.
    """

    def __init__(self) -> None:
        self.documents: dict[str, str] = {}
        self.secrets: dict[str, bytes] = {}
        self.commits = 0

    def __repr__(self) -> str:
        return f"MemoryPersistence({len(self.documents)} documents, {len(self.secrets)} secrets)"

    def load(self) -> tuple[dict[str, str], dict[str, bytes]]:
        """Copies of everything committed."""
        return dict(self.documents), dict(self.secrets)

    def commit(self, documents: Mapping[str, str | None], secrets: Mapping[str, bytes | None]) -> None:
        """Take over a change."""
        _apply(self.documents, documents)
        _apply(self.secrets, secrets)
        self.commits += 1

    def close(self) -> None:
        """Do nothing: no file is open."""


def _apply(held: dict[str, Any], changes: Mapping[str, Any]) -> None:
    for name, value in changes.items():
        if value is None:
            held.pop(name, None)
        else:
            held[name] = value
