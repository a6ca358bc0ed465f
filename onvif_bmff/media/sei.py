"""Supplemental enhancement information (SEI): the messages in a NAL unit, which H.264 and H.265 write alike.

H.264, 7.3.2.3; H.265, 7.3.2.4.
"""

from collections.abc import Iterator

from onvif_bmff.media.nal import BitReader, Buffer, remove_emulation_prevention

__all__ = ["RECOVERY_POINT", "sei_messages", "sei_reader"]

RECOVERY_POINT = 6
"""payloadType of a recovery point. H.264, D.1.8; H.265, D.2.8."""


def sei_messages(nal: Buffer, header_size: int) -> Iterator[tuple[int, bytes]]:
    """Yield payloadType and payload of the messages in a unit whose NAL header has ``header_size`` bytes.

    Messages that do not fit the unit end it: what is broken costs itself and what follows it, never an error.
    """
    data = remove_emulation_prevention(nal).rstrip(b"\0")
    position, end = header_size, len(data) - 1  # the last byte is the one of the trailing bits
    while position < end:
        kind, position = _coded(data, position)
        size, position = _coded(data, position)
        if position + size > end:
            return
        yield kind, data[position : position + size]
        position += size


def sei_reader(nals: list[bytes], header_size: int, kind: int) -> BitReader | None:
    """Return a reader of the first message of a kind in some units; None where there is none."""
    for nal in nals:
        for found, payload in sei_messages(nal, header_size):
            if found == kind:
                return BitReader(payload)
    return None


def _coded(data: bytes, position: int) -> tuple[int, int]:
    """A number in bytes of 255 and a last one below, and the position behind it; beyond the end, where none ends."""
    value = 0
    while position < len(data):
        byte = data[position]
        position += 1
        value += byte
        if byte != 0xFF:
            return value, position
    return value, position
