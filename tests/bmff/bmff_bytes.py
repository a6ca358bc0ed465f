"""Bytes of boxes, made with struct alone: independent of the library."""

import struct

P = struct.pack
MATRIX = P(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
KID = bytes(range(16))


def box(name, *parts):
    body = b"".join(parts)
    return P(">I4s", 8 + len(body), name.encode("latin-1")) + body


def full(name, version, flags, *parts):
    return box(name, P(">I", version << 24 | flags), *parts)


def entry(name, *parts):
    """A sample entry inside stsd."""
    return full("stsd", 0, 0, P(">I", 1), box(name, bytes(6), P(">H", 1), *parts))


VISUAL = P(">16xHHIIIH", 640, 360, 0x480000, 0x480000, 0, 1) + bytes(32) + P(">Hh", 24, -1)
AUDIO = P(">8xHHHHI", 2, 16, 0, 0, 48000 << 16)


def key_entry(version, secret=b"", kem=0x10, key=bytes(32), info=None, thumbprint=bytes(32), algorithm=2):
    made = P(">HI", algorithm, len(thumbprint)) + thumbprint + P(">B", version)
    if version == 2:
        made += P(">HHH", kem, 1, 2) + secret
    made += P(">H", len(key)) + key
    return made if info is None else made + P(">H", len(info)) + info


ASYMMETRIC = bytes.fromhex("a4852bd080fc484eb9e178a74d49f5ce")
COMMON = bytes.fromhex("1077efecc0b24d02ace33c1e52e2fb4b")


def asymmetric(*entries, kid=KID):
    data = P(">I", len(entries)) + b"".join(entries)
    return full("pssh", 1, 0, ASYMMETRIC, P(">I", 1), kid, P(">I", len(data)), data)
