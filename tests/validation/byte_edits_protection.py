"""Byte edits of encryption: sinf, senc, saiz, saio, sample groups, pssh. ISO/IEC 23001-7; ONVIF 25.12, B.8."""

from byte_edits import ALL, M4A, M4M, edit, edit_store, keys_with
from byte_kit import FIELDS, Object, box, put

CENC, CBCS = "cmaf-cenc mp4-cenc", "cmaf-cbcs mp4-cbcs"
EVERY = f"{CENC} {CBCS}"
ISO = "ANX-B.8-01"


def header(name, rules, bases, change, **options):
    edit(name, rules, bases, change, **{"which": ALL, **options})


def inside(where, kind, label, value):
    return lambda obj: put(obj.inside(where, kind), label, value)


def without(where, kind):
    """An edit that takes the first box of a kind out of whatever holds it."""

    def change(obj):
        for one in obj.find(where).walk():
            for child in one.children:
                if child.kind == kind:
                    one.children.remove(child)
                    return

    return change


# ---- sample entries -------------------------------------------------------------------------------------------

for gone in ("frma", "schm", "schi"):
    header(f"no {gone}", ("C-60", ISO), EVERY, without("moov", gone))
header("no sinf", ("C-60", ISO), EVERY, without("moov", "sinf"))
header("no tenc", ("C-61", ISO), EVERY, without("moov", "tenc"))
header("an unknown scheme", ("C-60", ISO), EVERY, inside("moov", "schm", "scheme", b"abcd"))
header("a scheme version of 0", ("C-60", ISO), EVERY, inside("moov", "schm", "version", 0))
header("the scheme cens", "ANX-B.8-05", CENC, inside("moov", "schm", "scheme", b"cens"))
header("the scheme cbc1", "ANX-B.8-05", CENC, inside("moov", "schm", "scheme", b"cbc1"))
header("cbcs said of cenc", ("C-67", "ANX-B.8-07"), CENC, inside("moov", "schm", "scheme", b"cbcs"))
header("cenc said of cbcs", ("C-66", "ANX-B.8-06"), CBCS, inside("moov", "schm", "scheme", b"cenc"))
header("an original format that is none", ("C-60", ISO), EVERY, inside("moov", "frma", "format", b"xxxx"))
header("isProtected 0 over encrypted samples", ("C-61", ISO), CENC, inside("moov", "tenc", "protected", 0))
header(
    "isProtected 0 over encrypted samples", "C-61", "cmaf-cenc", inside("moov", "tenc", "protected", 0), extension=M4A
)
header("isProtected 2", ("C-61", ISO), CENC, inside("moov", "tenc", "protected", 2))
header("vectors of 4 bytes", ("C-61", ISO), CENC, inside("moov", "tenc", "iv_size", 4))
header("vectors of 16 bytes", ("C-64", ISO), CENC, inside("moov", "tenc", "iv_size", 16))
header("vectors of 0 bytes", ("C-61", ISO), CENC, inside("moov", "tenc", "iv_size", 0))
header("another default KID", "ANX-B.8.1-06", CENC, inside("moov", "tenc", "kid", bytes(15) + b"\2"))
header("a default KID of zeros", "ANX-B.8.1-06", CENC, inside("moov", "tenc", "kid", bytes(16)))
header("tenc of version 0 in cbcs", ("C-67", "ANX-B.8-07"), CBCS, inside("moov", "tenc", "version", 0))
header("tenc of an unknown version", ("C-61", ISO), CENC, inside("moov", "tenc", "version", 7))
header("a clear entry with a sinf", ("C-60", ISO), CENC, lambda obj: setattr(obj.entry(), "kind", "avc1"))


def two_schemes(obj):
    entry = obj.entry()
    copy = box("sinf", b"".join(one.build() for one in entry.all("sinf")[0].children))
    put(next(one for one in copy.walk() if one.kind == "schm"), "scheme", b"cbcs")
    entry.children.append(copy)


header("two schemes", ("C-62", ISO), CENC, two_schemes)
header("sinf twice", ("C-60", ISO), CENC, lambda obj: obj.entry().children.append(obj.entry().all("sinf")[0]))


# ---- senc, saiz, saio -----------------------------------------------------------------------------------------

TRAF = "moof/traf"
VIDEO_SENC = f"{CENC} {CBCS}"
edit("no senc", ("C-64", ISO), VIDEO_SENC, without(TRAF, "senc"))
edit("no saiz", ("C-63", ISO), VIDEO_SENC, without(TRAF, "saiz"))
edit("no saio", ("C-63", ISO), VIDEO_SENC, without(TRAF, "saio"))


def no_auxiliary(obj):
    for kind in ("senc", "saiz", "saio"):
        without(TRAF, kind)(obj)


edit("no auxiliary information", ("C-64", ISO), VIDEO_SENC, no_auxiliary)
edit("no auxiliary information", "C-64", "cmaf-cenc", no_auxiliary, extension=M4A)
edit(
    "saio leads elsewhere",
    ("C-63", ISO),
    VIDEO_SENC,
    lambda obj: (obj.build(), setattr(obj, "fix", False), put(obj.inside(TRAF, "saio"), "offset", 8)),
)
edit(
    "saio leads to the box",
    ("C-63", ISO),
    VIDEO_SENC,
    lambda obj: (
        obj.build(),
        setattr(obj, "fix", False),
        put(obj.inside(TRAF, "saio"), "offset", int.from_bytes(obj.inside(TRAF, "saio").data[8:12], "big") - 16),
    ),
)
edit(
    "saio of two places",
    ("C-63", ISO),
    VIDEO_SENC,
    lambda obj: (put(obj.inside(TRAF, "saio"), "count", 2), obj.inside(TRAF, "saio").data.extend(bytes(4))),
)
edit("saiz of fewer samples", ("C-63", ISO), VIDEO_SENC, lambda obj: put(obj.inside(TRAF, "saiz"), "count", 3))
edit("saiz of other sizes", ("C-63", ISO), VIDEO_SENC, lambda obj: put(obj.inside(TRAF, "saiz"), "default", 22))
edit(
    "saiz of other sizes", "C-63", "cmaf-cenc", lambda obj: put(obj.inside(TRAF, "saiz"), "default", 16), extension=M4A
)


def typed(kind):
    def change(obj):
        found = obj.inside(TRAF, kind)
        found.data[1:4] = b"\0\0\1"
        found.data[4:4] = b"abcd" + bytes(4)
        obj.build()
        obj.fix = False
        if kind == "saio":
            senc = obj.inside(TRAF, "senc")
            found.data[16:20] = (senc.offset - obj.find("moof").offset + 16).to_bytes(4, "big")

    return change


edit("information of another type in saiz", ("C-63", ISO), VIDEO_SENC, typed("saiz"))
edit("senc counts one fewer", ("C-64", ISO), VIDEO_SENC, lambda obj: put(obj.inside(TRAF, "senc"), "count", 49))
edit("senc counts one more", ("C-64", ISO), VIDEO_SENC, lambda obj: put(obj.inside(TRAF, "senc"), "count", 51))
edit("senc without its subsamples", ("C-64", ISO), VIDEO_SENC, lambda obj: put(obj.inside(TRAF, "senc"), "flags", 0))


def pair(first, second, number=0, iv=8):
    """An edit that changes the only subsample of the first sample, or of a later one."""

    def change(obj):
        senc = obj.inside(TRAF, "senc")
        size = iv if obj.entry().all("sinf")[0].children[1].data[4:8] == b"cenc" else 0
        at = 8
        for _ in range(number):
            at += size + 2 + 6 * int.from_bytes(senc.data[at + size : at + size + 2], "big")
        at += size + 2
        clear, protected = (int.from_bytes(senc.data[at + a : at + b], "big") for a, b in ((0, 2), (2, 6)))
        senc.data[at : at + 2] = (clear + first).to_bytes(2, "big")
        senc.data[at + 2 : at + 6] = (protected + second).to_bytes(4, "big")

    return change


edit("subsamples that cover less", ("C-64", ISO), VIDEO_SENC, pair(0, -16))
edit("subsamples that cover more", ("C-64", ISO), VIDEO_SENC, pair(16, 0))
edit("subsamples of a later sample that cover less", ("C-64", ISO), VIDEO_SENC, pair(0, -16, 9))
edit("a protected range of other than blocks", ("C-66", "ANX-B.8-06"), CENC, pair(1, -1))
edit("slice headers encrypted in cbcs", ("C-67", "ANX-B.8-07"), CBCS, pair(-2, 2), which=0)
edit("a clear block before the slice data in cbcs", ("C-67", "ANX-B.8-07"), CBCS, pair(16, -16), which=0)
edit("slice headers encrypted in cenc", "ANX-B.8-06", CENC, pair(-32, 32), which=0)
edit("slice headers of a later picture encrypted in cbcs", ("C-67", "ANX-B.8-07"), CBCS, pair(-4, 4, 5))


def whole_pictures(obj):
    senc = obj.inside(TRAF, "senc")
    at, vectors = 8, b""
    for _ in range(50):
        vectors += bytes(senc.data[at : at + 8])
        at += 10 + 6 * int.from_bytes(senc.data[at + 8 : at + 10], "big")
    senc.data[:] = b"\0\0\0\0" + (50).to_bytes(4, "big") + vectors
    put(obj.inside(TRAF, "saiz"), "default", 8)


edit("whole pictures encrypted", ("ANX-B.8-06", "ANX-B.8-06"), CENC, whole_pictures)


# ---- vectors --------------------------------------------------------------------------------------------------


def same_vector(obj):
    senc = obj.inside(TRAF, "senc")
    size = 8 + 2 + 6 * int.from_bytes(senc.data[16:18], "big")
    senc.data[8 + size : 16 + size] = senc.data[8:16]


edit("a vector twice in a fragment", "ANX-B.8-08", CENC, same_vector)


def vectors_again(kind, label):
    def change(objects):
        keys = keys_with(objects, "m4v") or keys_with(objects, "mp4")
        first, second = (Object(*objects[key]) for key in keys[:2])
        if label:
            start, size = FIELDS[kind][label]
            put(
                second.inside("moof/traf", kind),
                label,
                bytes(first.inside("moof/traf", kind).data[start : start + size]),
            )
        else:
            second.inside("moof/traf", kind).data[8:16] = first.inside("moof/traf", kind).data[8:16]
        objects[keys[1]] = [second.build(), second.content_type, second.attributes]

    return change


edit_store("a vector again in another object", "ANX-B.8-08", CENC, vectors_again("senc", ""))
edit_store("a constant vector again in another object", "ANX-B.8-08", CBCS, vectors_again("sgpd", "constant"))


# ---- sample groups --------------------------------------------------------------------------------------------

GROUP = ("C-69", ISO)
edit("no sgpd", GROUP, CBCS, without(TRAF, "sgpd"))
edit("an index without description", GROUP, CBCS, inside(TRAF, "sbgp", "index", 0x10002))
edit("an index of the track without description", GROUP, CBCS, inside(TRAF, "sbgp", "index", 1))
edit("an index without description", "C-69", "cmaf-cbcs", inside(TRAF, "sbgp", "index", 0x10002), extension=M4A)
edit(
    "an index without description in cenc",
    GROUP,
    CENC,
    lambda obj: obj.find(TRAF).children.append(
        box(
            "sbgp", bytes(4) + b"seig" + (1).to_bytes(4, "big") + (50).to_bytes(4, "big") + (0x10001).to_bytes(4, "big")
        )
    ),
)
edit("a group of more samples", GROUP, CBCS, inside(TRAF, "sbgp", "sample_count", 90))
edit("a description too short", GROUP, CBCS, inside(TRAF, "sgpd", "default_length", 12))
edit("another KID in a group", "ANX-B.8.1-06", CBCS, inside(TRAF, "sgpd", "kid", bytes(15) + b"\2"))
edit(
    "another KID in a group", "ANX-B.8.1-06", "cmaf-cbcs", inside(TRAF, "sgpd", "kid", bytes(15) + b"\2"), extension=M4A
)
edit("a group that says clear", ("C-67", "ANX-B.8-07"), CBCS, lambda obj: put(obj.inside(TRAF, "sgpd"), "protected", 0))
edit(
    "a constant vector of 8 bytes",
    ("C-67", "ANX-B.8-07"),
    CBCS,
    lambda obj: (
        put(obj.inside(TRAF, "sgpd"), "constant_size", 8),
        put(obj.inside(TRAF, "sgpd"), "default_length", 29),
        obj.inside(TRAF, "sgpd").data.__delitem__(slice(45, 53)),
    ),
)
edit("video without a pattern", "ANX-B.8-07", CBCS, inside(TRAF, "sgpd", "pattern", 0))
edit("sound with a pattern", "ANX-B.8-07", "cmaf-cbcs", inside(TRAF, "sgpd", "pattern", 0x19), extension=M4A)
edit(
    "senc without need",
    "C-65",
    "cmaf-cbcs",
    lambda obj: obj.find(TRAF).children.append(box("senc", bytes(4) + obj.inside(TRAF, "trun").data[4:8])),
    extension=M4A,
)


def half_clear(obj):
    group, described = obj.inside(TRAF, "sbgp"), obj.inside(TRAF, "sgpd")
    count = int.from_bytes(group.data[12:16], "big")
    put(group, "count", 2)
    put(group, "sample_count", 2)
    group.data += (count - 2).to_bytes(4, "big") + (0x10002).to_bytes(4, "big")
    put(described, "default_length", 0)
    put(described, "count", 2)
    first = bytes(described.data[16:])
    second = bytes(4) + bytes(16)
    described.data[16:] = b"".join(len(one).to_bytes(4, "big") + one for one in (first, second))


edit("clear and encrypted samples in a fragment", "C-68", "cmaf-cbcs", half_clear, extension=M4A)
edit("clear and encrypted documents in a fragment", "C-68", "cmaf-cbcs", half_clear, extension=M4M)


# ---- pssh of the common system --------------------------------------------------------------------------------

PSSH = "moov/pssh"


def pssh(label, value, number=0):
    return lambda obj: put(obj.find(f"{PSSH}[{number}]"), label, value)


header("no pssh", "ANX-B.8.1-01", EVERY, lambda obj: obj.drop(PSSH))
header("pssh twice", "ANX-B.8.1-01", EVERY, lambda obj: obj.again(PSSH))
header("another system", "ANX-B.8.1-04", EVERY, pssh("system", bytes(16)))
header("flags", "ANX-B.8.1-03", EVERY, pssh("flags", 1))


def version_0(number):
    def change(obj):
        found = obj.find(f"{PSSH}[{number}]")
        found.data[0] = 0
        del found.data[20:40]

    return change


header("version 0", "ANX-B.8.1-03", EVERY, version_0(0))
header("version 2", "ANX-B.8.1-03", EVERY, pssh("version", 2))
header(
    "no KID",
    "ANX-B.8.1-05",
    EVERY,
    lambda obj: (pssh("kid_count", 0)(obj), obj.find(PSSH).data.__delitem__(slice(24, 40))),
)
header(
    "two KIDs for one key",
    "ANX-B.8.1-05",
    EVERY,
    lambda obj: (pssh("kid_count", 2)(obj), obj.find(PSSH).data.__setitem__(slice(40, 40), bytes(16))),
)
header("another KID", "ANX-B.8.1-06", EVERY, pssh("kid", bytes(15) + b"\7"))
header("data", "ANX-B.8.1-07", EVERY, lambda obj: (pssh("data_size", 4)(obj), obj.find(PSSH).data.extend(b"data")))
header("DataSize of more than there is", "ANX-B.8.1-07", EVERY, pssh("data_size", 9))
header("bytes behind the data", "ANX-B.8.1-07", EVERY, lambda obj: obj.find(PSSH).data.extend(b"data"))


# ---- pssh of the asymmetric key system ------------------------------------------------------------------------

ASYMMETRIC = "cmaf-cenc+a mp4-cbcs+a"


def wrapped(name, rule, label, value):
    header(name, rule, ASYMMETRIC, pssh(label, value, 1))


header("two for a KID", "ANX-B.8.2-09", ASYMMETRIC, lambda obj: obj.again(f"{PSSH}[1]"))
wrapped("for a KID that is not used", "ANX-B.8.2-09", "kid", bytes(15) + b"\7")
wrapped("flags", "ANX-B.8.2-11", "flags", 1)
header("version 0", "ANX-B.8.2-11", ASYMMETRIC, version_0(1))
wrapped("version 2", "ANX-B.8.2-11", "version", 2)
wrapped("another system", "ANX-B.8.2-12", "system", bytes.fromhex("ca7743546f9841b6b17ab15f7bbf678a"))
header(
    "two KIDs",
    "ANX-B.8.2-13",
    ASYMMETRIC,
    lambda obj: (pssh("kid_count", 2, 1)(obj), obj.find(f"{PSSH}[1]").data.__setitem__(slice(40, 40), bytes(16))),
)
header(
    "no KID",
    "ANX-B.8.2-13",
    ASYMMETRIC,
    lambda obj: (pssh("kid_count", 0, 1)(obj), obj.find(f"{PSSH}[1]").data.__delitem__(slice(24, 40))),
)
wrapped("DataSize counts less", "ANX-B.8.2-16", "data_size", 140)
wrapped("DataSize counts more", "ANX-B.8.2-16", "data_size", 160)
header(
    "bytes behind the entries",
    "ANX-B.8.2-16",
    ASYMMETRIC,
    lambda obj: (obj.find(f"{PSSH}[1]").data.extend(b"data"), pssh("data_size", 152, 1)(obj)),
)
wrapped("no entries", "ANX-B.8.2-17", "entries", 0)
wrapped("more entries than there are", "ANX-B.8.2-16", "entries", 2)
wrapped("thumbprint by no algorithm", "ANX-B.8.2-18", "thumbprint_algorithm", 0)
wrapped("thumbprint by an unknown algorithm", "ANX-B.8.2-18", "thumbprint_algorithm", 3)
wrapped("thumbprint of another algorithm", "ANX-B.8.2-19", "thumbprint_algorithm", 1)
wrapped("thumbprint of 20 bytes", "ANX-B.8.2-19", "thumbprint_size", 20)
wrapped("encryption version 0", "ANX-B.8.2-21", "encryption_version", 0)
wrapped("encryption version 3", "ANX-B.8.2-21", "encryption_version", 3)
wrapped("an unknown KEM", "ANX-B.8.2-22", "kem", 0x99)
wrapped("an unknown KDF", "ANX-B.8.2-22", "kdf", 9)
wrapped("an unknown AEAD", "ANX-B.8.2-22", "aead", 9)
wrapped("an AEAD that only exports", "ANX-B.8.2-22", "aead", 0xFFFF)
wrapped("a secret that is no point", "ANX-B.8.2-23", "point", 2)
wrapped("a wrapped key of 16 bytes", "ANX-B.8.2-24", "key_size", 16)
header("a KEM of longer secrets", "ANX-B.8.2-23", ASYMMETRIC, pssh("kem", 0x11, 1))
