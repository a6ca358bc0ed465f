"""A structure-aware mutator of ISO BMFF files: damage that a parser of boxes has to survive.

``Mutator(seed, random_seed).mutants(count)`` yields damaged copies of a seed file. It knows where the boxes are, so
that most mutants pass the first header: it falsifies sizes, counts, versions, flags and offsets, moves, duplicates,
renames, nests and truncates boxes, breaks strings and grows tables, and flips bits. The same seed and the same random
seed give the same mutants on every machine. Standard library only.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

from onvif_bmff.bmff.language.header import SIZE_32, SIZE_64, read_box_header
from onvif_bmff.testing.box_scan import Node, scan

__all__ = ["Mutator", "shorten_media"]

_NUMBERS = (0, 1, 2, 7, 8, 15, 16, 0x7F, 0xFF, 0x100, 0x7FFF, 0xFFFF, 0x10000, 0xFFFFFF, 1 << 30, (1 << 31) - 1)
_LARGE = (1 << 31, (1 << 32) - 1, (1 << 32) - 8, (1 << 32) - 16)
_TYPES = (
    b"ftyp", b"moov", b"mvhd", b"trak", b"tkhd", b"edts", b"elst", b"mdia", b"mdhd", b"hdlr", b"minf", b"vmhd",
    b"dinf", b"dref", b"url ", b"stbl", b"stsd", b"stts", b"ctts", b"stsc", b"stsz", b"stz2", b"stco", b"co64",
    b"stss", b"sdtp", b"avc1", b"hvc1", b"mp4a", b"encv", b"enca", b"encm", b"metx", b"avcC", b"hvcC", b"esds",
    b"sinf", b"frma", b"schm", b"schi", b"tenc", b"pssh", b"moof", b"mfhd", b"traf", b"tfhd", b"tfdt", b"trun",
    b"senc", b"saiz", b"saio", b"sgpd", b"sbgp", b"subs", b"mvex", b"mehd", b"trex", b"mfra", b"tfra", b"mfro",
    b"sidx", b"prft", b"emsg", b"free", b"skip", b"uuid", b"mdat", b"meta", b"udta", b"wide", b"\0\0\0\0",
)  # fmt: skip


def shorten_media(data: bytes, keep: int = 64) -> bytes:
    """Return ``data`` with at most ``keep`` bytes in each top-level mdat: a small seed makes fast mutants."""
    pieces, pos = [], 0
    for node in scan(data):
        if node.depth or node.type != b"mdat" or node.end - node.body <= keep or node.body - node.start != 8:
            continue
        pieces += [data[pos : node.start], struct.pack(">I", 8 + keep), b"mdat", data[node.body : node.body + keep]]
        pos = node.end
    return b"".join([*pieces, data[pos:]])


@dataclass(frozen=True, slots=True)
class _Splice:
    """Replace ``start``…``end`` by ``data``; the sizes of ``owner`` and of the enclosing boxes are corrected."""

    start: int
    end: int
    data: bytes
    owner: Node | None


class Mutator:
    """Makes damaged copies of ``seed``, the same ones for the same ``random_seed``.

    ``most_operations`` is how many kinds of damage one mutant has at most, ``max_growth`` how many bytes longer than
    the seed it may be. ``trace`` names the operations of the mutant that was yielded last. A seed in which no box is
    found is damaged as bytes.
    """

    def __init__(
        self, seed: bytes, random_seed: int = 0, *, most_operations: int = 4, max_growth: int = 1 << 16
    ) -> None:
        self.seed = bytes(seed)
        self.trace: tuple[str, ...] = ()
        self._random = Random(random_seed)
        self._most = most_operations
        self._growth = max_growth
        self._nodes = scan(self.seed)
        self._leaves = [node for node in self._nodes if not node.children] or self._nodes
        self._parents = [node for node in self._nodes if len(node.children) > 1]
        in_place: list[Callable[[bytearray], None]] = [self._bits, self._bytes]
        splices: list[Callable[[], _Splice]] = [self._truncate, self._junk]
        if self._nodes:
            in_place += [self._size, self._size, self._count, self._count, self._version, self._flags]
            in_place += [self._number, self._rename, self._terminator, self._overlap]
            splices += [self._delete, self._duplicate, self._insert, self._nest, self._large_size, self._grow]
            splices += [self._cut_body, self._transplant]
            if self._parents:
                in_place.append(self._order)
        self._in_place, self._splices = in_place, splices

    def mutants(self, count: int) -> Iterator[bytes]:
        """Yield ``count`` mutants."""
        for _ in range(count):
            yield self.mutant()

    def mutant(self) -> bytes:
        """Return the next mutant."""
        choose = self._random
        number = min(1 + int(choose.expovariate(1.0)), self._most)
        data, splices, trace = bytearray(self.seed), [], []
        for _ in range(number):
            if choose.random() < 0.65:
                damage = choose.choice(self._in_place)
                if data:
                    damage(data)
                trace.append(damage.__name__[1:])
            else:
                make = choose.choice(self._splices)
                splices.append(make())
                trace.append(make.__name__[1:])
        # from the back to the front, so that positions in the seed stay valid
        for splice in sorted(splices, key=lambda found: found.start, reverse=True):
            self._apply(data, splice)
        self.trace = tuple(trace)
        return bytes(data)

    def _apply(self, data: bytearray, splice: _Splice) -> None:
        change = len(splice.data) - (splice.end - splice.start)
        if change > self._growth:
            return
        data[splice.start : splice.end] = splice.data
        node = splice.owner
        while node is not None:
            header = read_box_header(data, node.start, len(data))
            if header is not None:
                _, _, stop, form = header
                size = stop - node.start + change
                if form == SIZE_32:
                    struct.pack_into(">I", data, node.start, size & 0xFFFFFFFF)
                elif form == SIZE_64:
                    struct.pack_into(">Q", data, node.start + 8, size & 0xFFFFFFFFFFFFFFFF)
            node = node.parent

    # damage that keeps the length

    def _interesting(self, old: int) -> int:
        choose = self._random
        kind = choose.random()
        if kind < 0.35:
            return max(0, old + choose.choice((-16, -8, -4, -2, -1, 1, 2, 4, 8, 16))) & 0xFFFFFFFF
        if kind < 0.75:
            return choose.choice(_NUMBERS)
        if kind < 0.95:
            return choose.choice(_LARGE)
        return choose.getrandbits(32)

    def _word(self, data: bytearray, pos: int) -> None:
        if pos + 4 <= len(data):
            struct.pack_into(">I", data, pos, self._interesting(int.from_bytes(data[pos : pos + 4], "big")))

    def _size(self, data: bytearray) -> None:
        self._word(data, self._random.choice(self._nodes).start)

    def _overlap(self, data: bytearray) -> None:
        """Stretch a box into its neighbour, or up to the end of its parent or the file."""
        choose = self._random
        node = choose.choice(self._nodes)
        outer = node.parent.end if node.parent is not None else len(self.seed)
        end = choose.choice((outer, outer + 8, len(self.seed), node.end + choose.randrange(1, 64)))
        struct.pack_into(">I", data, node.start, (end - node.start) & 0xFFFFFFFF)

    def _count(self, data: bytearray) -> None:
        node = self._random.choice(self._leaves)
        self._word(data, node.body + self._random.choice((0, 4, 4, 4, 8, 8, 12, 16)))

    def _number(self, data: bytearray) -> None:
        """Change a 32-bit number anywhere in a leaf: offsets, sizes of samples, times."""
        node = self._random.choice(self._leaves)
        if node.end - node.body >= 4:
            self._word(data, node.body + self._random.randrange((node.end - node.body) // 4) * 4)

    def _version(self, data: bytearray) -> None:
        pos = self._random.choice(self._leaves).body
        if pos < len(data):
            data[pos] = self._random.choice((0, 1, 2, 3, 127, 255))

    def _flags(self, data: bytearray) -> None:
        pos = self._random.choice(self._leaves).body + self._random.randrange(1, 4)
        if pos < len(data):
            data[pos] ^= 1 << self._random.randrange(8)

    def _rename(self, data: bytearray) -> None:
        node = self._random.choice(self._nodes)
        data[node.start + 4 : node.start + 8] = self._random.choice((*_TYPES, self._random.choice(self._nodes).type))

    def _terminator(self, data: bytearray) -> None:
        """Remove a NUL, or put one into the middle of a text."""
        node = self._random.choice(self._leaves)
        where = self._random.randrange(node.body, node.end) if node.end > node.body else node.start
        pos = data.find(0, where, node.end)
        if pos >= 0 and self._random.random() < 0.7:
            data[pos] = self._random.choice((0x41, 0xFF, 0xC3))
        elif where < len(data):
            data[where] = 0

    def _order(self, data: bytearray) -> None:
        """Swap two neighbouring boxes."""
        parent = self._random.choice(self._parents)
        index = self._random.randrange(len(parent.children) - 1)
        one, two = parent.children[index : index + 2]
        data[one.start : two.end] = data[two.start : two.end] + data[one.start : one.end]

    def _bits(self, data: bytearray) -> None:
        for _ in range(self._random.choice((1, 1, 1, 2, 8))):
            data[self._random.randrange(len(data))] ^= 1 << self._random.randrange(8)

    def _bytes(self, data: bytearray) -> None:
        size = self._random.choice((1, 1, 2, 4, 8, 16))
        pos = self._random.randrange(len(data))
        stop = min(pos + size, len(data))
        filler = self._random.choice((0, 0xFF, 0x20, -1))
        data[pos:stop] = self._random.randbytes(stop - pos) if filler < 0 else bytes((filler,)) * (stop - pos)

    # damage that changes the length

    def _owner(self, node: Node | None) -> Node | None:
        """Return the box whose sizes are corrected; mostly the true owner, so that the damage lies deeper."""
        return node if self._random.random() < 0.8 else None

    def _truncate(self) -> _Splice:
        choose = self._random
        at = choose.randrange(len(self.seed) + 1)
        if self._nodes and choose.random() < 0.5:
            node = choose.choice(self._nodes)
            at = min(len(self.seed), choose.choice((node.start, node.body, node.end)) + choose.choice((0, 0, 1, 4, 7)))
        return _Splice(at, len(self.seed), b"", None)

    def _junk(self) -> _Splice:
        end = len(self.seed)
        return _Splice(end, end, self._random.randbytes(self._random.randrange(1, 32)), None)

    def _delete(self) -> _Splice:
        node = self._random.choice(self._nodes)
        return _Splice(node.start, node.end, b"", self._owner(node.parent))

    def _duplicate(self) -> _Splice:
        node = self._random.choice(self._nodes)
        times = self._random.choice((1, 1, 1, 2, 16))
        return _Splice(node.end, node.end, self.seed[node.start : node.end] * times, self._owner(node.parent))

    def _insert(self) -> _Splice:
        """Put a box of some other type in front of a box, empty or with random bytes."""
        node = self._random.choice(self._nodes)
        body = self._random.randbytes(self._random.choice((0, 0, 1, 4, 8, 12, 40)))
        made = struct.pack(">I", 8 + len(body)) + self._random.choice(_TYPES) + body
        return _Splice(node.start, node.start, made, self._owner(node.parent))

    def _nest(self) -> _Splice:
        """Wrap a box in containers, some or very many deep."""
        node = self._random.choice(self._nodes)
        depth = self._random.choice((1, 2, 5, 16, 17, 100))
        name = self._random.choice((b"moov", b"moof", b"trak", b"udta", b"meta", b"stsd", node.type))
        size = node.end - node.start
        heads = b"".join(struct.pack(">I", (size + 8 * (depth - level)) & 0xFFFFFFFF) + name for level in range(depth))
        return _Splice(node.start, node.start, heads, self._owner(node.parent))

    def _large_size(self) -> _Splice:
        """Write the size in 64 bits, right or wrong."""
        node = self._random.choice(self._nodes)
        size = node.end - node.start + 8
        size = self._random.choice((size, size, size, size + 1, 0, 15, 16, (1 << 63) - 1, (1 << 64) - 1))
        head = struct.pack(">I4sQ", 1, node.type, size)
        return _Splice(node.start, node.start + 8, head, self._owner(node.parent))

    def _grow(self) -> _Splice:
        """Repeat a piece of a leaf: rows beyond the count."""
        node = self._random.choice(self._leaves)
        size = node.end - node.body
        start = node.body + (self._random.randrange(size // 4 + 1) * 4 if size else 0)
        stop = min(node.end, start + self._random.choice((1, 2, 4, 8, 12, 16, 20)))
        times = self._random.choice((1, 2, 8, 64, 1000))
        return _Splice(start, start, self.seed[start:stop] * times, self._owner(node))

    def _cut_body(self) -> _Splice:
        """Remove bytes at the end, or anywhere, of a leaf."""
        node = self._random.choice(self._leaves)
        size = node.end - node.body
        gone = min(size, self._random.choice((1, 2, 3, 4, 8, 16, size)))
        start = node.end - gone if self._random.random() < 0.6 else node.body + self._random.randrange(size - gone + 1)
        return _Splice(start, start + gone, b"", self._owner(node))

    def _transplant(self) -> _Splice:
        """Give a box the body of another one."""
        node, other = self._random.choice(self._nodes), self._random.choice(self._nodes)
        return _Splice(node.body, node.end, self.seed[other.body : other.end], self._owner(node))
