"""Pieces of media of one time, which make one unit."""

from onvif_bmff.errors import BitstreamError

__all__ = ["MAX_UNIT", "Pieces"]

MAX_UNIT = 32 << 20
"""Bytes that one access unit or document may have; what is longer is lost."""


class Pieces:
    """Collects pieces of one time; ``time`` is that of the last one."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0
        self.time = 0

    def __bool__(self) -> bool:
        """Whether any are kept."""
        return bool(self._parts)

    def add(self, data: bytes, time: int) -> None:
        """Add a piece. No more than ``MAX_UNIT`` bytes are kept."""
        self.time = time
        self._size += len(data)
        if self._size <= MAX_UNIT:
            self._parts.append(data)

    def so_far(self) -> bytes:
        """Return what was collected until now."""
        return b"".join(self._parts)

    def take(self) -> bytes | None:
        """Return the pieces as one, and begin anew; None if there are none.

        Raises:
            BitstreamError: they are longer than ``MAX_UNIT``, and lost.
        """
        parts, size = self._parts, self._size
        self._parts, self._size = [], 0
        if size > MAX_UNIT:
            raise BitstreamError(f"a unit of {size} bytes")
        return b"".join(parts) if parts else None
