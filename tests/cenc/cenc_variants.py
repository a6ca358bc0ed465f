"""Encrypted files of all kinds that this library reads but does not write, made here.

Samples are encrypted by ``cenc_reference``; boxes are put together from the declared ones, protection as bytes.
"""

import struct
from dataclasses import dataclass, field

import cenc_recordings as kit
import cenc_reference as slow

from onvif_bmff.bmff import (
    Columns,
    MovieBox,
    MovieFragmentBox,
    MovieFragmentHeaderBox,
    ProtectionSchemeInfoBox,
    SampleDescriptionBox,
    SampleTableBox,
    TrackFragmentBaseMediaDecodeTimeBox,
    TrackFragmentBox,
    TrackFragmentHeaderBox,
    TrackRunBox,
    UnknownBox,
    parse_boxes,
)
from onvif_bmff.cenc.keys.content import ContentKey
from onvif_bmff.cenc.keys.ring import KeyRing
from onvif_bmff.recording.formats import CMAF
from onvif_bmff.recording.header import build_header

PIFF_TENC = bytes.fromhex("8974dbce7be74c5184f97148f9882554")
PIFF_SENC = bytes.fromhex("a2394f525a9b4f14a2446c427c648df4")
RING = KeyRing([kit.KEY, kit.OTHER_KEY])


def full(name, body=b"", version=0, flags=0):
    return plain(name, (version << 24 | flags).to_bytes(4, "big") + body)


def plain(name, body=b""):
    return struct.pack(">I4s", 8 + len(body), name.encode()) + body


@dataclass
class Rule:
    """How samples are encrypted, and what tenc or seig say of it."""

    scheme: str = "cenc"
    key: ContentKey = kit.KEY
    is_protected: int = 1
    iv_size: int = 8
    constant: bytes = b""
    crypt: int = 0
    skip: int = 0

    def _tail(self):
        tail = b""
        if self.is_protected and not self.iv_size:
            tail = bytes([len(self.constant)]) + self.constant
        return bytes([self.is_protected, self.iv_size]) + self.key.kid.bytes + tail

    def tenc(self):
        pattern = self.crypt << 4 | self.skip
        return full("tenc", bytes([0, pattern]) + self._tail(), version=1 if pattern or self.constant else 0)

    def seig(self):
        return bytes([0, self.crypt << 4 | self.skip]) + self._tail()

    def piff(self):
        algorithm = {"cenc": 1, "cbc1": 2}[self.scheme] if self.is_protected else 0
        return algorithm.to_bytes(3, "big") + bytes([self.iv_size]) + self.key.kid.bytes

    def encrypt(self, sample):
        if not self.is_protected:
            return sample.data
        ranges, at = [], 0
        for clear, protected in sample.pairs or [(0, len(sample.data))]:
            ranges.append((at + clear, at + clear + protected))
            at += clear + protected
        iv, key = sample.iv or self.constant, self.key.key
        if self.scheme == "cenc":
            return slow.cenc(key, iv, sample.data, ranges)
        if self.scheme == "cens":
            return slow.cens(key, iv, sample.data, ranges, self.crypt, self.skip)
        if self.scheme == "cbc1":
            return slow.cbc1(key, iv, sample.data, ranges)
        return slow.cbcs(key, iv, sample.data, ranges, self.crypt, self.skip)


@dataclass
class Coded:
    """A sample: clear data, its vector if it has its own, and its subsamples if there are any."""

    data: bytes
    iv: bytes = b""
    pairs: list | None = None
    rule: Rule | None = None

    def record(self, subsamples):
        if not subsamples:
            return self.iv
        pairs = self.pairs or []
        return self.iv + struct.pack(">H", len(pairs)) + b"".join(struct.pack(">HI", *pair) for pair in pairs)


@dataclass
class Groups:
    """seig descriptions and the samples they go for; ``version`` of sgpd, ``default`` index in version 2."""

    rules: list = field(default_factory=list)
    mapping: list = field(default_factory=list)
    version: int = 1
    default: int | None = None
    with_lengths: bool = False

    def build(self):
        entries = [rule.seig() for rule in self.rules]
        if self.version == 1 and self.with_lengths:
            body = struct.pack(">4sII", b"seig", 0, len(entries))
            entries = [struct.pack(">I", len(entry)) + entry for entry in entries]
        elif self.version == 1:
            body = struct.pack(">4sII", b"seig", len(entries[0]) if entries else 20, len(entries))
        elif self.default is not None:
            body = struct.pack(">4sIII", b"seig", len(entries[0]), self.default, len(entries))
        else:
            body = struct.pack(">4sII", b"seig", 0, len(entries))  # as the first edition with version 2 had it
        made = full("sgpd", body + b"".join(entries), version=self.version) if entries else b""
        if self.mapping:
            rows = b"".join(struct.pack(">II", *row) for row in self.mapping)
            made = full("sbgp", struct.pack(">4sI", b"seig", len(self.mapping)) + rows) + made
        return made


def children(data):
    return parse_boxes(data)


def header(rule, *, scheme=None, groups=None, tenc=None):
    """ftyp and moov with one protected video track."""
    video = kit.camera()[0][0]
    ftyp, moov = parse_boxes(build_header(CMAF.brands, (video,), video.timescale, kit.START))
    entry = next(box for _, box in moov.walk() if box.type == "avc1")
    name = scheme or rule.scheme
    info = plain("sinf", plain("frma", b"avc1") + full("schm", name.encode() + b"\0\1\0\0")
                 + plain("schi", rule.tenc() if tenc is None else tenc))  # fmt: skip
    from dataclasses import replace

    (sinf,) = children(info)
    assert isinstance(sinf, ProtectionSchemeInfoBox)
    protected = replace(entry, type="encv", children=(*entry.children, sinf))

    def changed(box):
        if isinstance(box, SampleDescriptionBox):
            return replace(box, children=(protected,))
        if isinstance(box, SampleTableBox) and groups is not None:
            box = replace(box, children=(*box.children, *children(groups.build())))
        if isinstance(box, MovieBox | SampleTableBox) or box.type in ("trak", "mdia", "minf"):
            return replace(box, children=tuple(map(changed, box.children)))
        return box

    return ftyp.build() + changed(moov).build()


def fragment(samples, rule, *, place="senc", subsamples=None, groups=None, time=0, runs=1, extra=()):
    """moof and mdat. ``place`` of the vectors: senc, senc-only, mdat, piff, piff-override or none."""
    track_id = kit.camera()[0][0].track_id
    if subsamples is None:
        subsamples = any(sample.pairs for sample in samples)
    records = [sample.record(subsamples) for sample in samples]
    stored = [(sample.rule or rule).encrypt(sample) for sample in samples]
    aux = b"".join(records) if place == "mdat" else b""

    def build(data_offset, aux_offset):
        body = struct.pack(">I", len(records)) + b"".join(records)
        flags = 2 if subsamples else 0
        sizes = bytes(map(len, records))
        saiz = full("saiz", struct.pack(">BI", 0, len(sizes)) + sizes)
        inner = b""
        if place in ("senc", "senc-only"):
            inner = full("senc", body, flags=flags)
        elif place == "piff":
            inner = plain("uuid", PIFF_SENC + struct.pack(">I", flags) + body)
        elif place == "piff-override":
            inner = plain("uuid", PIFF_SENC + struct.pack(">I", flags | 1) + samples[0].rule.piff() + body)
        if place == "senc":
            inner += saiz + full("saio", struct.pack(">II", 1, aux_offset))
        elif place == "mdat":
            inner = saiz + full("saio", struct.pack(">II", 1, max(data_offset - len(aux), 0)))
        inner += groups.build() if groups else b""
        each = -(-len(samples) // runs)
        parts, at = [], data_offset
        for first in range(0, len(samples), each):
            some = [len(data) for data in stored[first : first + each]]
            parts.append(
                TrackRunBox(
                    version=1, flags=0x301, sample_count=len(some), data_offset=at,
                    samples=Columns(duration=[1000] * len(some), size=some),
                )
            )  # fmt: skip
            at += sum(some)
        return MovieFragmentBox(
            children=(
                MovieFragmentHeaderBox(sequence_number=1),
                TrackFragmentBox(
                    children=(
                        TrackFragmentHeaderBox(flags=0x20000, track_id=track_id),
                        TrackFragmentBaseMediaDecodeTimeBox(version=1, base_media_decode_time=time),
                        *parts,
                        *children(inner),
                        *extra,
                    )
                ),
            )
        ).build()

    size = len(build(0, 0))
    moof = build(size + 8 + len(aux), 0)
    if place == "senc":
        moof = build(size + 8, moof.index(b"senc") + 12)
    return moof + plain("mdat", aux + b"".join(stored))


def unknown(name, data):
    return UnknownBox(type=name, data=data)
