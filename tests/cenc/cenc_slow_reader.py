"""Encrypted fragmented files read a second time, slowly, from what ISO/IEC 14496-12 and 23001-7 say of their boxes.

Nothing of the library is used: boxes are walked and fields unpacked here, and ``cenc_reference`` decrypts. Only
what the library writes is understood: default-base-is-moof, one sample entry a track, senc or none.
"""

import struct
from dataclasses import dataclass

import cenc_reference as slow

CONTAINERS = {"moov", "trak", "mdia", "minf", "stbl", "moof", "traf", "schi", "sinf"}
ENTRY_HEADS = {"encv": 86, "enca": 36}


@dataclass
class Box:
    type: str
    start: int
    body: bytes
    children: list["Box"]

    def find_all(self, name):
        return [child for child in self.children if child.type == name]

    def find(self, *names):
        found = self
        for name in names:
            found = found.find_all(name)[0]
        return found

    @property
    def payload(self):
        """The body of a box with version and flags, without them."""
        return self.body[4:]


@dataclass
class Rules:
    """What tenc or seig say."""

    crypt: int
    skip: int
    is_protected: int
    iv_size: int
    kid: bytes
    constant_iv: bytes


def boxes(data, start=0):
    found, position = [], 0
    while position < len(data):
        size, name = struct.unpack_from(">I4s", data, position)
        assert size >= 8, "a file of this library has no such sizes"
        body = data[position + 8 : position + size]
        assert len(body) == size - 8
        name = name.decode("latin-1")
        inside = boxes(body, start + position + 8) if name in CONTAINERS else []
        found.append(Box(name, start + position, body, inside))
        position += size
    return found


def rules(data):
    """tenc behind version and flags, or seig: both begin with a byte of zeros and the pattern."""
    constant = b""
    if data[2] == 1 and data[3] == 0:
        constant = data[21 : 21 + data[20]]
        assert len(constant) == data[20]
        assert len(data) == 21 + data[20]
    else:
        assert len(data) == 20
    return Rules(data[1] >> 4, data[1] & 15, data[2], data[3], data[4:20], constant)


@dataclass
class Track:
    number: int
    scheme: str | None
    default: Rules | None
    original: str


def read_track(trak):
    tkhd = trak.find("tkhd")
    number = struct.unpack_from(">I", tkhd.body, 12 if tkhd.body[0] == 0 else 20)[0]
    (entry,) = boxes(trak.find("mdia", "minf", "stbl", "stsd").body[8:])
    if entry.type in ENTRY_HEADS:
        children = boxes(entry.body[ENTRY_HEADS[entry.type] - 8 :])
    elif entry.type == "encm":
        at = 8
        for _ in range(3):  # the strings of metx
            at = entry.body.index(b"\0", at) + 1
        children = boxes(entry.body[at:])
    else:
        return Track(number, None, None, entry.type)
    assert children[-1].type == "sinf", "the protection comes last"
    frma, schm, schi = children[-1].children
    assert (frma.type, schm.type, schi.type) == ("frma", "schm", "schi")
    assert schm.body[:4] == bytes(4)
    assert schm.body[8:12] == b"\0\1\0\0"
    tenc = schi.find("tenc")
    return Track(number, schm.body[4:8].decode(), rules(tenc.payload), frma.body.decode())


def samples_of(traf, file):
    """Sizes of the samples of a traf, and where they begin."""
    tfhd, trun = traf.find("tfhd"), traf.find("trun")
    flags = int.from_bytes(tfhd.body[1:4], "big")
    assert flags & 0x20000
    assert not flags & 0x1
    at = 8 + 4 * bool(flags & 0x2) + 4 * bool(flags & 0x8)
    default_size = struct.unpack_from(">I", tfhd.body, at)[0] if flags & 0x10 else None
    flags = int.from_bytes(trun.body[1:4], "big")
    count, offset = struct.unpack_from(">Ii", trun.body, 4)
    assert flags & 0x1
    at = 12 + 4 * bool(flags & 0x4)
    sizes = []
    for _ in range(count):
        at += 4 * bool(flags & 0x100)
        if flags & 0x200:
            sizes.append(struct.unpack_from(">I", trun.body, at)[0])
            at += 4
        else:
            sizes.append(default_size)
        at += 4 * bool(flags & 0x400) + 4 * bool(flags & 0x800)
    assert at == len(trun.body)
    return struct.unpack_from(">I", tfhd.body, 4)[0], sizes, offset


def rules_of_samples(traf, default, count):
    groups = traf.find_all("sgpd")
    if not groups:
        assert not traf.find_all("sbgp")
        return [default] * count
    (sgpd,), (sbgp,) = groups, traf.find_all("sbgp")
    assert sgpd.body[:8] == b"\1\0\0\0seig"
    assert sbgp.body[:8] == b"\0\0\0\0seig"
    length, entries = struct.unpack_from(">II", sgpd.body, 8)
    assert len(sgpd.body) == 16 + length * entries
    described = [rules(sgpd.body[16 + length * n : 16 + length * (n + 1)]) for n in range(entries)]
    found = []
    for number in range(struct.unpack_from(">I", sbgp.body, 8)[0]):
        run, index = struct.unpack_from(">II", sbgp.body, 12 + 8 * number)
        assert index > 0x10000, "groups are the fragment's own"
        found += [described[index - 0x10001]] * run
    assert len(found) == count
    return found


def records(traf, moof, given, file):
    """Vector and subsamples of each sample; also sees that senc, saiz and saio agree."""
    senc = traf.find_all("senc")
    if not senc:
        assert not traf.find_all("saiz")
        assert not traf.find_all("saio")
        return [(b"", None)] * len(given)
    (senc,), (saiz,), (saio,) = senc, traf.find_all("saiz"), traf.find_all("saio")
    assert senc.body[0] == 0
    flags = int.from_bytes(senc.body[1:4], "big")
    (count,) = struct.unpack_from(">I", senc.body, 4)
    assert count == len(given)
    assert saiz.body[:4] == bytes(4)
    default, sized = struct.unpack_from(">BI", saiz.body, 4)
    assert sized == count
    sizes = [default] * count if default else list(saiz.body[9:])
    assert len(saiz.body) == 9 + (0 if default else count)
    assert saio.body[:8] == b"\0\0\0\0\0\0\0\1"
    (offset,) = struct.unpack_from(">I", saio.body, 8)
    assert moof.start + offset == senc.start + 16, "saio points to the first record"
    found, at = [], 8
    for rule, size in zip(given, sizes, strict=True):
        start = at
        iv = senc.body[at : at + rule.iv_size]
        at += rule.iv_size
        pairs = None
        if flags & 2:
            (entries,) = struct.unpack_from(">H", senc.body, at)
            pairs = [struct.unpack_from(">HI", senc.body, at + 2 + 6 * n) for n in range(entries)]
            assert entries, "every video sample has at least one subsample"
            at += 2 + 6 * entries
        assert at - start == size
        found.append((iv, pairs))
    assert at == len(senc.body)
    return found


def decrypt_sample(scheme, rule, key, iv, pairs, data):
    if not rule.is_protected:
        return data
    if pairs is None:
        ranges = [(0, len(data))]
    else:
        assert sum(map(sum, pairs)) == len(data), "subsamples cover the sample"
        ranges, at = [], 0
        for clear, protected in pairs:
            ranges.append((at + clear, at + clear + protected))
            at += clear + protected
    iv = iv or rule.constant_iv
    if scheme == "cenc":
        assert not rule.crypt
        assert not rule.skip
        return slow.cenc(key, iv, data, ranges)
    assert scheme == "cbcs"
    return slow.cbcs(key, iv, data, ranges, rule.crypt, rule.skip, decrypt=True)


@dataclass
class Used:
    """A vector that a sample was encrypted with, in a fragment of the file."""

    kid: bytes
    iv: bytes
    fragment: tuple
    blocks: int


def read(file, keys, header=None):
    """Samples by track number, and the vectors they used. ``header`` is another segment's, to read this one with."""
    found = boxes(file)
    assert [box.type for box in found][:2] == ["ftyp", "moov"]
    moov = found[1] if header is None else boxes(header)[1]
    tracks = {track.number: track for track in map(read_track, moov.find_all("trak"))}
    samples = {number: [] for number in tracks}
    used = []
    for number, moof in enumerate(box for box in found if box.type == "moof"):
        for traf in moof.find_all("traf"):
            track_id, sizes, offset = samples_of(traf, file)
            track = tracks[track_id]
            given = rules_of_samples(traf, track.default, len(sizes)) if track.scheme else [None] * len(sizes)
            described = records(traf, moof, given, file) if track.scheme else [(b"", None)] * len(sizes)
            at = moof.start + offset
            for size, rule, (iv, pairs) in zip(sizes, given, described, strict=True):
                data = file[at : at + size]
                at += size
                if track.scheme:
                    data = decrypt_sample(track.scheme, rule, keys[rule.kid], iv, pairs, data)
                    used.append(Used(rule.kid, iv or rule.constant_iv, (number, track_id), -(-size // 16)))
                samples[track_id].append(data)
    return samples, used
