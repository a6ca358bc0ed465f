"""Writes bits, slowly and one at a time, so that tests do not lean on the code that reads them."""

from dataclasses import dataclass, field
from random import Random


class BitWriter:
    def __init__(self):
        self.bits = []

    def u(self, width, value):
        assert 0 <= value < 1 << width or (width == 0 and value == 0), (width, value)
        for shift in range(width - 1, -1, -1):
            self.bits.append(value >> shift & 1)
        return value

    def flag(self, value):
        self.bits.append(int(bool(value)))
        return bool(value)

    def ue(self, value):
        digits = format(value + 1, "b")
        self.bits += [0] * (len(digits) - 1) + [int(digit) for digit in digits]
        return value

    def se(self, value):
        self.ue(2 * value - 1 if value > 0 else -2 * value)
        return value

    def trailing(self):
        self.bits.append(1)
        while len(self.bits) % 8:
            self.bits.append(0)

    def bytes(self):
        assert len(self.bits) % 8 == 0
        text = "".join(map(str, self.bits))
        return bytes(int(text[at : at + 8], 2) for at in range(0, len(text), 8))


def escape(plain, header_bytes=0):
    """Insert emulation prevention; also the offset behind the first ``header_bytes`` bytes of ``plain``."""
    out = bytearray()
    zeros = 0
    offset = 0
    for count, byte in enumerate(plain, 1):
        if zeros >= 2 and byte <= 3:
            out.append(3)
            zeros = 0
        out.append(byte)
        zeros = zeros + 1 if byte == 0 else 0
        if count == header_bytes:
            offset = len(out)
    return bytes(out), offset


@dataclass
class Case:
    """Parameter sets, what they say, and slices with the right answers."""

    sps: bytes
    pps: bytes
    facts: dict
    slices: list = field(default_factory=list)
    """(unit, offset of the slice data, letter of the slice type)"""
    vps: bytes = b""


class Dice:
    """Random choices that like the ends of their ranges, above all zero."""

    def __init__(self, seed):
        self.random = Random(seed)

    def flag(self, odds=0.5):
        return self.random.random() < odds

    def number(self, low, high):
        kind = self.random.random()
        if kind < 0.3 and low <= 0 <= high:
            return 0
        if kind < 0.4:
            return low
        if kind < 0.5:
            return high
        if kind < 0.75:
            return self.random.randint(max(low, -4), min(high, max(4, low)))
        return self.random.randint(low, high)

    def choice(self, options):
        return self.random.choice(options)

    def payload(self):
        size = self.choice((1, 2, 3, 7, 120))
        body = bytearray(self.choice((0, 0, 1, 3, self.random.randrange(256))) for _ in range(size))
        return bytes(body) + b"\x80"


def write_vui_start(out, dice):
    facts = {"sample_aspect_ratio": (1, 1), "colour": None}
    if out.flag(dice.flag()):
        idc = out.u(8, dice.choice((0, 1, 2, 14, 16, 40, 255)))
        if idc == 255:
            facts["sample_aspect_ratio"] = (out.u(16, dice.number(1, 65535)), out.u(16, dice.number(1, 65535)))
        else:
            facts["sample_aspect_ratio"] = {2: (12, 11), 14: (4, 3), 16: (2, 1)}.get(idc, (1, 1))
    if out.flag(dice.flag()):
        out.flag(dice.flag())
    if out.flag(dice.flag()):
        out.u(3, 5)
        full = out.flag(dice.flag())
        facts["colour"] = (2, 2, 2, full)
        if out.flag(dice.flag()):
            facts["colour"] = (*(out.u(8, dice.choice((1, 5, 6, 9))) for _ in range(3)), full)
    if out.flag(dice.flag()):
        out.ue(dice.number(0, 5))
        out.ue(dice.number(0, 5))
    return facts


def offset_behind(nal, plain_bytes):
    """Offset in ``nal`` behind the byte that is number ``plain_bytes`` once emulation prevention is gone."""
    zeros = count = 0
    for offset, byte in enumerate(nal):
        if zeros >= 2 and byte == 3:
            zeros = 0
            continue
        zeros = zeros + 1 if byte == 0 else 0
        count += 1
        if count == plain_bytes:
            return offset + 1
    raise AssertionError("the unit is shorter than that")
