"""Common Encryption written a second time, slowly, block by block, from ISO/IEC 23001-7 alone.

Nothing here is shared with the library but AES itself, one block at a time.
"""

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

BLOCK = 16


def aes_encrypt(key: bytes, block: bytes) -> bytes:
    assert len(block) == BLOCK
    return Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(block)


def aes_decrypt(key: bytes, block: bytes) -> bytes:
    assert len(block) == BLOCK
    return Cipher(algorithms.AES(key), modes.ECB()).decryptor().update(block)


def xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


def counter_block(iv: bytes, number: int) -> bytes:
    """Block ``number`` of the counter: only the low 64 bits count, and they wrap without carry."""
    if len(iv) == 8:
        iv = iv + bytes(8)
    low = (int.from_bytes(iv[8:], "big") + number) % 2**64
    return iv[:8] + low.to_bytes(8, "big")


def pattern_blocks(start: int, end: int, crypt: int, skip: int) -> list[int]:
    """Where the encrypted blocks of a range begin."""
    if not crypt and not skip:
        crypt = 1
    found, at = [], start
    while at + crypt * BLOCK <= end:
        found += [at + number * BLOCK for number in range(crypt)]
        at += (crypt + skip) * BLOCK
    return found


def _stream(key, iv, data, positions):
    out = bytearray(data)
    for number, at in enumerate(positions):
        out[at] ^= aes_encrypt(key, counter_block(iv, number // BLOCK))[number % BLOCK]
    return bytes(out)


def cenc(key, iv, data, ranges):
    """One sample of cenc; its own inverse."""
    return _stream(key, iv, data, [at for start, end in ranges for at in range(start, end)])


def cens(key, iv, data, ranges, crypt, skip):
    """One sample of cens; its own inverse. Only encrypted blocks use up key stream."""
    blocks = [at for start, end in ranges for at in pattern_blocks(start, end, crypt, skip)]
    return _stream(key, iv, data, [at + number for at in blocks for number in range(BLOCK)])


def cbcs(key, iv, data, ranges, crypt, skip, *, decrypt=False):
    """One sample of cbcs: vector and pattern begin anew with each range."""
    out = bytearray(data)
    for start, end in ranges:
        _chain(key, iv, out, pattern_blocks(start, end, crypt, skip), decrypt)
    return bytes(out)


def cbc1(key, iv, data, ranges, *, decrypt=False):
    """One sample of cbc1: one chain through all ranges."""
    out = bytearray(data)
    _chain(key, iv, out, [at for start, end in ranges for at in pattern_blocks(start, end, 0, 0)], decrypt)
    return bytes(out)


def _chain(key, iv, out, blocks, decrypt):
    before = iv + bytes(BLOCK - len(iv))
    for at in blocks:
        block = bytes(out[at : at + BLOCK])
        if decrypt:
            out[at : at + BLOCK] = xor(aes_decrypt(key, block), before)
            before = block
        else:
            before = aes_encrypt(key, xor(block, before))
            out[at : at + BLOCK] = before
