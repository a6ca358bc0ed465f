"""AES over the protected ranges of samples, in place, for all four schemes of ISO/IEC 23001-7.

Each cipher takes a writable buffer (usually the payload of an ``mdat``) and, for each sample, its initialisation vector
and its protected ranges as ``(start, end)`` positions in that buffer. One call should cover a whole fragment: setting
up a cipher costs as much as encrypting ten kilobytes. There is no state between calls, so a cipher is thread-safe.

With a pattern such as 1:9, the encrypted blocks are gathered into a row by strided slices of 64-bit words, two for a
block, encrypted in one call and scattered back. No alignment is needed: among eight views of the buffer, each one byte
later, any position is a whole number of words.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from onvif_bmff.cenc.keys.content import ContentKey
from onvif_bmff.cenc.scheme import BLOCK, NAL_PATTERN, NO_PATTERN, Pattern, ProtectionScheme
from onvif_bmff.errors import ProtectionError

__all__ = ["Cbc1Cipher", "CbcsCipher", "CensCipher", "CtrCipher", "Range", "SampleCipher", "cipher_for"]

Range = tuple[int, int]
"""Start and end of protected bytes, as positions in a buffer."""
Samples = Iterable[tuple[bytes, Sequence[Range]]]
"""For each sample its vector and its ranges, in ascending order."""

_LOW_ZERO = bytes(8)
_WRAP = 1 << 64
_ZERO_IV = bytes(BLOCK)


class SampleCipher(Protocol):
    """Encrypts and decrypts the protected ranges of samples in place."""

    def encrypt(self, buffer: bytearray | memoryview, samples: Samples) -> None:
        """Encrypt the ranges of all samples.

        Raises:
            ProtectionError: the buffer is read-only, a range lies outside it, or a vector has neither 8 nor 16
                bytes. The buffer may then be partly processed, and must be discarded.
        """
        ...

    def decrypt(self, buffer: bytearray | memoryview, samples: Samples) -> None:
        """Decrypt the ranges of all samples; raises as ``encrypt`` does."""
        ...


class CtrCipher:
    """cenc: AES-CTR. The key stream continues over all ranges of a sample; clear bytes do not consume it.

    A vector of 8 bytes is the upper half of the first counter block. One of 16 bytes is that whole block, of which only
    the lower half counts: it wraps to 0 without a carry to the upper half.
    """

    __slots__ = ("_cipher",)

    def __init__(self, key: ContentKey) -> None:
        self._cipher = Cipher(algorithms.AES(key.key), modes.CTR(_ZERO_IV))

    def encrypt(self, buffer: bytearray | memoryview, samples: Samples) -> None:
        """Encrypt the ranges of all samples. See ``SampleCipher.encrypt``."""
        view = _writable(buffer)
        size = len(view)
        context = self._cipher.encryptor()
        reset, update = context.reset_nonce, context.update_into
        for iv, ranges in samples:
            if len(iv) == 8:
                reset(iv + _LOW_ZERO)
            else:
                _check_iv(iv)
                room = (_WRAP - int.from_bytes(iv[8:])) * BLOCK
                if sum(end - start for start, end in ranges) > room:
                    before, after = _split(ranges, room)
                    self.encrypt(view, ((iv, before), (iv[:8] + _LOW_ZERO, after)))
                    continue
                reset(iv)
            for start, end in ranges:
                if not 0 <= start <= end <= size:
                    raise _outside(start, end, size)
                part = view[start:end]
                update(part, part)

    decrypt = encrypt


class CensCipher:
    """cens: AES-CTR with a pattern. Only encrypted blocks consume the key stream.

    Without a pattern all whole blocks of a range are encrypted; unlike cenc, a last partial block stays clear.
    """

    __slots__ = ("_cipher", "_layout")

    def __init__(self, key: ContentKey, pattern: Pattern) -> None:
        self._cipher = CtrCipher(key)
        self._layout = _PatternLayout.of(pattern)

    def encrypt(self, buffer: bytearray | memoryview, samples: Samples) -> None:
        """Encrypt the ranges of all samples. See ``SampleCipher.encrypt``."""
        view, layout = _writable(buffer), self._layout
        words = _word_views(view)
        for iv, ranges in samples:
            found = [layout.lanes(words, len(view), start, end) for start, end in ranges]
            row = bytearray(8 * sum(len(lane) for lanes in found for lane in lanes))
            stage = memoryview(row).cast("Q")
            pairs: list[tuple[memoryview, memoryview]] = []
            at = 0
            for lanes in found:
                after = at + sum(map(len, lanes))
                pairs += ((lane, stage[at + place : after : layout.width]) for place, lane in enumerate(lanes))
                at = after
            for lane, place in pairs:
                place[:] = lane
            self._cipher.encrypt(row, [(iv, [(0, len(row))])])
            for lane, place in pairs:
                lane[:] = place

    decrypt = encrypt


class CbcsCipher:
    """cbcs: AES-CBC with a pattern that, like the chain, restarts with every range.

    Skipped blocks are not chained. A last partial block, and a short last run of blocks, stay clear.
    Without a pattern all whole blocks of a range are encrypted. A vector of 8 bytes is followed by zeros.
    """

    __slots__ = ("_cipher", "_layout")

    _restart = True

    def __init__(self, key: ContentKey, pattern: Pattern = NAL_PATTERN) -> None:
        self._cipher = Cipher(algorithms.AES(key.key), modes.CBC(_ZERO_IV))
        self._layout = _PatternLayout.of(pattern)

    def encrypt(self, buffer: bytearray | memoryview, samples: Samples) -> None:
        """Encrypt the ranges of all samples. See ``SampleCipher.encrypt``."""
        view = _writable(buffer)
        size, words, restart = len(view), _word_views(view), self._restart
        slack, unit, items, width, step = self._layout
        update = self._cipher.encryptor().update_into
        upper = lower = view
        lanes: list[memoryview] = []
        row, coded = _Stage(width), _Stage(width)
        # A chain cannot be restarted, but what it holds is known: the last block written. XORing that and
        # the vector into the first block of a range has the same effect and costs a tenth of a new context.
        last0 = last1 = 0
        for iv, ranges in samples:
            iv0, iv1 = _iv_words(iv)
            fresh = True
            for start, end in ranges:
                if not 0 <= start <= end <= size:
                    raise _outside(start, end, size)
                length = (end - start + slack) // unit * items
                if not length:
                    continue
                count = length * width
                if count > row.room:
                    row, coded = _Stage(width, count), _Stage(width, count)
                source = words[start & 7]
                first = start >> 3
                stop = first + (length - 1) * step + width
                if width == 2:  # one block in a run, as in nearly all files: no loops over lanes
                    upper, lower = source[first:stop:step], source[first + 1 : stop : step]
                    row.upper[:length] = upper
                    row.lower[:length] = lower
                else:
                    lanes = [source[at:stop:step] for at in range(first, first + width)]
                    for lane, place in zip(lanes, row.lanes, strict=True):
                        place[:length] = lane
                if fresh or restart:
                    stage = row.words
                    stage[0] ^= iv0 ^ last0
                    stage[1] ^= iv1 ^ last1
                    fresh = False
                update(row.bytes[: count << 3], coded.buffer)
                stage = coded.words
                last0, last1 = stage[count - 2], stage[count - 1]
                if width == 2:
                    upper[:] = coded.upper[:length]
                    lower[:] = coded.lower[:length]
                else:
                    for lane, place in zip(lanes, coded.lanes, strict=True):
                        lane[:] = place[:length]

    def decrypt(self, buffer: bytearray | memoryview, samples: Samples) -> None:
        """Decrypt the ranges of all samples. See ``SampleCipher.encrypt``."""
        view = _writable(buffer)
        size, words, restart = len(view), _word_views(view), self._restart
        slack, unit, items, width, step = self._layout
        update = self._cipher.decryptor().update_into
        upper = lower = view
        lanes: list[memoryview] = []
        # The vector is put before the blocks as if it were one, and its output is discarded.
        row, clear = _Stage(width, lead=2), _Stage(width, lead=2)
        for iv, ranges in samples:
            before = _iv_words(iv)
            row.words[0], row.words[1] = before
            for start, end in ranges:
                if not 0 <= start <= end <= size:
                    raise _outside(start, end, size)
                length = (end - start + slack) // unit * items
                if not length:
                    continue
                count = length * width
                if count > row.room:
                    row, clear = _Stage(width, count, lead=2), _Stage(width, count, lead=2)
                    row.words[0], row.words[1] = before
                source = words[start & 7]
                first = start >> 3
                stop = first + (length - 1) * step + width
                if width == 2:  # one block in a run, as in nearly all files: no loops over lanes
                    upper, lower = source[first:stop:step], source[first + 1 : stop : step]
                    row.upper[:length] = upper
                    row.lower[:length] = lower
                else:
                    lanes = [source[at:stop:step] for at in range(first, first + width)]
                    for lane, place in zip(lanes, row.lanes, strict=True):
                        place[:length] = lane
                update(row.bytes[: count + 2 << 3], clear.buffer)
                if width == 2:
                    upper[:] = clear.upper[:length]
                    lower[:] = clear.lower[:length]
                else:
                    for lane, place in zip(lanes, clear.lanes, strict=True):
                        lane[:] = place[:length]
                if not restart:
                    before = row.words[count], row.words[count + 1]
                    row.words[0], row.words[1] = before


class Cbc1Cipher(CbcsCipher):
    """cbc1: AES-CBC without a pattern, chained across all ranges of a sample; partial blocks stay clear."""

    __slots__ = ()

    _restart = False

    def __init__(self, key: ContentKey) -> None:
        super().__init__(key, NO_PATTERN)


def cipher_for(scheme: ProtectionScheme, key: ContentKey, pattern: Pattern = NO_PATTERN) -> SampleCipher:
    """Return the cipher of a scheme; ``pattern`` is ignored by schemes without one.

    Raises:
        UnsupportedSchemeError: the pattern is not defined.
    """
    match scheme:
        case ProtectionScheme.CENC:
            return CtrCipher(key)
        case ProtectionScheme.CENS:
            return CensCipher(key, pattern)
        case ProtectionScheme.CBC1:
            return Cbc1Cipher(key)
        case ProtectionScheme.CBCS:
            return CbcsCipher(key, pattern)


class _PatternLayout(NamedTuple):
    """Positions of the encrypted words of a range, and their arrangement in a row of blocks.

    They form ``width`` lanes: word n of the range begins lane n, and each further item of a lane lies ``step`` words
    later. In the row the lanes are interleaved. Without skipped blocks there is one lane.
    """

    slack: int
    """Bytes that may be missing at the end of a range with a complete last run: the skipped ones."""
    unit: int
    """Bytes from one run of encrypted blocks to the next."""
    items: int
    """Items that one run adds to each lane."""
    width: int
    step: int

    @classmethod
    def of(cls, pattern: Pattern) -> "_PatternLayout":
        pattern.check()
        crypt, skip = pattern
        if not skip:
            run = crypt or 1
            return cls(0, run * BLOCK, 2 * run, 1, 1)
        return cls(skip * BLOCK, (crypt + skip) * BLOCK, 1, 2 * crypt, 2 * (crypt + skip))

    def lanes(self, words: Sequence[memoryview], size: int, start: int, end: int) -> list[memoryview]:
        """Return the lanes of one range, as views of the buffer; empty if nothing of it is encrypted."""
        if not 0 <= start <= end <= size:
            raise _outside(start, end, size)
        length = (end - start + self.slack) // self.unit * self.items
        if not length:
            return []
        first = start >> 3
        stop = first + (length - 1) * self.step + self.width
        return [words[start & 7][at : stop : self.step] for at in range(first, first + self.width)]


class _Stage:
    """A row of blocks between buffer and cipher, with the spare block that ``update_into`` requires."""

    __slots__ = ("buffer", "bytes", "lanes", "lower", "room", "upper", "words")

    def __init__(self, width: int, count: int = 512, *, lead: int = 0) -> None:
        self.room = count + count // 2
        self.buffer = bytearray((lead + self.room) * 8 + BLOCK)
        self.bytes = memoryview(self.buffer)
        self.words = self.bytes.cast("Q")
        self.lanes = [self.words[lead + lane :: width] for lane in range(width)]
        self.upper, self.lower = self.lanes[0], self.lanes[-1]


def _word_views(view: memoryview) -> tuple[memoryview, ...]:
    """Eight views of 64-bit words; number n begins at byte n."""
    size = len(view)
    return tuple(view[at : at + (size - at & ~7)].cast("Q") for at in range(8) if at <= size) or (view,)


def _writable(buffer: bytearray | memoryview) -> memoryview:
    view = memoryview(buffer)
    if view.readonly:
        raise ProtectionError("samples are encrypted in place, but the buffer is read-only")
    return view.cast("B") if view.format != "B" else view


def _check_iv(iv: bytes) -> None:
    if len(iv) != BLOCK:
        raise ProtectionError(f"an initialisation vector is 8 or 16 bytes, not {len(iv)}")


def _iv_words(iv: bytes) -> tuple[int, int]:
    """Return a vector as two words in native byte order, as in the row of blocks."""
    if len(iv) == 8:
        iv += _LOW_ZERO
    _check_iv(iv)
    first, second = memoryview(iv).cast("Q")
    return first, second


def _outside(start: int, end: int, size: int) -> ProtectionError:
    return ProtectionError(f"the protected range {start} to {end} lies outside the {size} bytes given")


def _split(ranges: Sequence[Range], room: int) -> tuple[list[Range], list[Range]]:
    """Return the ranges up to the ``room``-th protected byte, and those after it."""
    before: list[Range] = []
    after: list[Range] = []
    for start, end in ranges:
        middle = min(end, start + room)
        if middle > start:
            before.append((start, middle))
        if end > middle:
            after.append((middle, end))
        room -= middle - start
    return before, after
