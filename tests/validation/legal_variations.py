"""Variations that other recorders may choose and that break no rule: the validator has nothing to say of them.

As the byte edits, each is a change of a recorded bucket: other boxes, orders, versions, brands, ways to write the same
samples, names and attributes.
"""

import base64
import gzip
import re

from byte_edits import ALL, M4A, M4M, M4V, MP4, in_objects
from byte_kit import box, nodes, put, rows, runs_in_full, samples, set_row

VARIATIONS = []
BOTH, EVERY = "cmaf mp4", "cmaf mp4 cmaf-cenc mp4-cenc cmaf-cbcs mp4-cbcs"
STBL = "moov/trak/mdia/minf/stbl"
ENTRY = f"{STBL}/stsd/*[0]"


class Variation:
    """A change of the objects of a recording."""

    def __init__(self, name, base, change):
        self.name, self.base, self.change = name, base, change

    def __str__(self):
        return f"{self.base}:{self.name}"


def legal(name, bases, change, *extensions, which=ALL):
    """List a change of objects, by default of pictures or of all tracks."""
    for base in bases.split():
        applied = [
            in_objects(change, extension, which)
            for extension in ((MP4,) if base.startswith("mp4") else extensions or (M4V,))
        ]

        def apply(objects, applied=applied):
            for one in applied:
                one(objects)

        VARIATIONS.append(Variation(name, base, apply))


def legal_store(name, bases, change):
    """List a change of the objects by key."""
    VARIATIONS.extend(Variation(name, base, change) for base in bases.split())


# ---- boxes that nobody has to know ----------------------------------------------------------------------------


def added(path, kind, payload=b"", at=None):
    return lambda obj: obj.add(path, box(kind, payload), at)


for place, at in (("", 1), ("", 2), ("", 4), ("moov", 1), ("moov/trak", 1), ("moov/trak/mdia", 1), ("moov/mvex", 0)):
    legal(f"free in {place or 'the file'} at {at}", BOTH, added(place, "free", b"padding", at))
legal("free in stbl", EVERY, added(STBL, "free", b"", 1))
legal("free in moof", EVERY, added("moof", "free", b"x", 1))
legal("free in traf", EVERY, added("moof/traf", "free", b"x", 2))
legal("skip at file level", BOTH, added("", "skip", b"12345", 2))
legal("an unknown box at file level", BOTH, added("", "abcd", b"12345", 2))
legal("a uuid box at file level", BOTH, added("", "uuid", bytes(24), 2))
legal("a uuid box in moof", BOTH, added("moof", "uuid", bytes(24)))
legal("styp before a fragment", BOTH, added("", "styp", b"msdh\0\0\0\0msdhcmfs", 2))
legal("udta in moov", BOTH, added("moov", "udta"))
legal("meta in moov", BOTH, added("moov", "meta", bytes(4) + box("hdlr", bytes(8) + b"mdta" + bytes(13)).build()))
legal("udta in trak", BOTH, added("moov/trak", "udta"))
legal("a language tag", BOTH, added("moov/trak/mdia", "elng", bytes(4) + b"en-GB\0", 2))
legal("free behind mfra", "cmaf", added("", "free"))
legal("no mfra", "cmaf", lambda obj: obj.drop("mfra"))
legal("no SeekTable", BOTH, lambda obj: obj.attributes.pop("SeekTable"))


def scale(obj):
    return obj.get("moov/trak/mdia/mdhd.timescale")


def event(obj):
    obj.add("", box("emsg", b"\1\0\0\0" + scale(obj).to_bytes(4, "big") + bytes(16) + b"urn:x\0\0data"), 2)


def reference_time(obj):
    obj.add("", box("prft", bytes(4) + obj.get("moov/trak/tkhd.track_id").to_bytes(4, "big") + bytes(12)), 2)


def index(obj):
    size = obj.find("moof").size + obj.find("mdat").size
    head = bytes(4) + (1).to_bytes(4, "big") + scale(obj).to_bytes(4, "big") + bytes(10) + b"\0\1"
    obj.add("", box("sidx", head + size.to_bytes(4, "big") + (2 * scale(obj)).to_bytes(4, "big") + b"\x90\0\0\0"), 2)


legal("an event", BOTH, event)
legal("two events", BOTH, lambda obj: (event(obj), event(obj)))
legal("a producer's time", BOTH, reference_time)
legal("a producer's time and an event", BOTH, lambda obj: (event(obj), reference_time(obj)))
legal("an index", BOTH, index)


# ---- orders ---------------------------------------------------------------------------------------------------


def reordered(path, order):
    def change(obj):
        children = obj.find(path).children
        children[:] = [children[number] for number in order(len(children))]

    return change


legal("mvex before trak", BOTH, reordered("moov", lambda count: [0, count - 1, *range(1, count - 1)]))
legal(
    "pssh before trak",
    "cmaf-cenc mp4-cbcs",
    lambda obj: obj.find("moov").children.insert(1, obj.find("moov").children.pop()),
)
legal("sample tables in another order", EVERY, reordered(STBL, lambda count: [0, *reversed(range(1, count))]))
legal("dinf before the media header", BOTH, reordered("moov/trak/mdia/minf", lambda count: [1, 0, *range(2, count)]))
legal("minf before hdlr", "mp4", reordered("moov/trak/mdia", lambda count: [0, *reversed(range(1, count))]))
legal(
    "boxes of traf in another order",
    "cmaf-cenc mp4-cenc cmaf-cbcs mp4-cbcs",
    reordered("moof/traf", lambda count: [0, 1, *reversed(range(2, count))]),
)
legal(
    "sinf before the configuration",
    "cmaf-cenc mp4-cbcs",
    lambda obj: obj.entry().children.insert(0, obj.entry().children.pop()),
)


# ---- brands ---------------------------------------------------------------------------------------------------


def brands(*names):
    def change(obj):
        obj.find("ftyp").data[:] = names[0].encode() + bytes(4) + "".join(names).encode()

    return change


legal("cmfc alone", "cmaf-long", brands("cmfc", "iso6"))
legal("major brand iso6", "cmaf", brands("iso6", "cmf2", "cmfc"))
legal("major brand mp42", "cmaf", brands("mp42", "isom", "cmf2", "cmfc", "iso6"))
legal("many brands", "cmaf", brands("cmf2", "cmfc", "iso6", "iso9", "dash", "mp41", "avc1", "cfsd"))
legal("brands of FFmpeg", "mp4", brands("iso5", "iso6", "mp41"))
legal("brands of others", "mp4", brands("isom", "iso2", "avc1", "mp41", "iso6"))
legal("later brands", "mp4", brands("iso9", "mp42"))
legal("dash as a brand", "mp4", brands("dash", "isom"))
legal("minor version of isom", BOTH, lambda obj: obj.find("ftyp").data.__setitem__(slice(0, 8), b"isom\0\0\2\0"))


# ---- versions and sizes ---------------------------------------------------------------------------------------


def mvhd_1(obj):
    data = obj.find("moov/mvhd").data
    data[:20] = b"\1\0\0\0" + bytes(4) + data[4:8] + bytes(4) + data[8:12] + data[12:16] + bytes(4) + data[16:20]


def tkhd_1(obj):
    data = obj.find("moov/trak/tkhd").data
    data[:24] = b"\1\0\0\7" + bytes(4) + data[4:8] + bytes(4) + data[8:12] + data[12:20] + bytes(4) + data[20:24]


def mdhd_1(obj):
    data = obj.find("moov/trak/mdia/mdhd").data
    data[:20] = b"\1\0\0\0" + bytes(4) + data[4:8] + bytes(4) + data[8:12] + data[12:16] + bytes(4) + data[16:20]


legal("mvhd of version 1", EVERY, mvhd_1)
legal("tkhd of version 1", EVERY, tkhd_1)
legal("mdhd of version 1", EVERY, mdhd_1)


def tfdt_0(obj):
    data = obj.find("moof/traf/tfdt").data
    data[:] = bytes(4) + data[8:12]


legal("tfdt of version 0", EVERY, tfdt_0)


def tfra_1(obj):
    for one in obj.find("mfra").children:
        if one.kind == "tfra":
            row = one.data[16:28]
            one.data[:] = b"\1" + one.data[1:16] + bytes(4) + row[:4] + bytes(4) + row[4:]
    obj.find("mfra/mfro").data[4:8] = obj.find("mfra").size.to_bytes(4, "big")
    obj.fix = False


legal("tfra of version 1", BOTH, tfra_1)


def short_numbers(obj):
    for one in obj.find("mfra").children:
        if one.kind == "tfra":
            one.data[8:12] = bytes(4)
            del one.data[26]
    obj.find("mfra/mfro").data[4:8] = obj.find("mfra").size.to_bytes(4, "big")
    obj.fix = False


legal("numbers of one byte in tfra", BOTH, short_numbers)


def next_track(value):
    return lambda obj: obj.set("moov/mvhd.next_track_id", value)


legal("next_track_ID behind the last", BOTH, next_track(9))
legal("next_track_ID of all ones", BOTH, next_track(0xFFFFFFFF))
legal("mehd of the whole", BOTH, added("moov/mvex", "mehd", b"\1\0\0\0" + (1 << 40).to_bytes(8, "big"), 0))
legal(
    "another language", BOTH, lambda obj: obj.find("moov/trak/mdia/mdhd").data.__setitem__(slice(20, 22), b"\x15\xc7")
)
legal(
    "another name of the handler",
    BOTH,
    lambda obj: obj.find("moov/trak/mdia/hdlr").data.__setitem__(slice(24, None), b"\0"),
)
legal("times of creation", BOTH, lambda obj: obj.find("moov/mvhd").data.__setitem__(slice(4, 12), bytes(8)))
legal("a clip and colours", BOTH, lambda obj: obj.find(ENTRY).children.append(box("colr", b"nclx\0\1\0\1\0\1\0")))
legal("no pasp and no btrt", BOTH, lambda obj: obj.find(ENTRY).children.__setitem__(slice(1, 3), []))
legal("a track that is not in the preview", "mp4", lambda obj: obj.set("moov/trak/tkhd.flags", 3))
legal("a layer", "mp4", lambda obj: obj.set("moov/trak/tkhd.layer", 1))
legal("a graphics mode", "mp4", lambda obj: obj.set("moov/trak/mdia/minf/vmhd.graphicsmode", 64))


def small_sizes(obj):
    found = obj.find(f"{STBL}/stsz")
    found.kind = "stz2"
    found.data[:] = bytes(7) + b"\x08" + bytes(4)


legal("stz2 for stsz", BOTH, small_sizes)


def wide_mdat(obj):
    obj.build()
    obj.fix = False
    body = b"".join(one.build() for one in obj.boxes[:2])
    moof, mdat, *rest = obj.boxes[2:]
    for one in moof.walk():
        if one.kind == "trun":
            one.data[8:12] = (int.from_bytes(one.data[8:12], "big") + 8).to_bytes(4, "big")
    data = b"\0\0\0\1mdat" + (16 + len(mdat.data)).to_bytes(8, "big") + mdat.data
    obj.raw = body + moof.build() + data + b"".join(one.build() for one in rest)


legal("an mdat with a large size", EVERY, wide_mdat)


# ---- fragments ------------------------------------------------------------------------------------------------


legal("durations and flags for each sample", EVERY, runs_in_full)


def uneven(obj):
    """Pictures are decoded unevenly, and presented as before: half a picture later, each other one."""
    runs_in_full(obj)
    run = obj.find("moof/traf/trun")
    found = rows(run)[2]
    half = found[0]["duration"] // 2
    for number, one in enumerate(found[: len(found) // 2 * 2]):
        later = number % 2
        set_row(run, number, "duration", one["duration"] + (-half if later else half))
        set_row(run, number, "offset", one["offset"] - half * later)


def groups_of_two(obj):
    """Two fields of a picture are two samples, 5 ms apart."""
    runs_in_full(obj)
    run = obj.find("moof/traf/trun")
    found = rows(run)[2]
    close = obj.get("moov/trak/mdia/mdhd.timescale") // 200
    for number, one in enumerate(found[: len(found) // 2 * 2]):
        later = number % 2
        moved = one["duration"] - close
        set_row(run, number, "duration", one["duration"] + (moved if later else -moved))
        set_row(run, number, "offset", one["offset"] + moved * later)


legal("pictures that are decoded unevenly", BOTH, uneven, which=1)
legal("two samples 5 ms apart", BOTH, groups_of_two, which=1)


def plain_flags(obj):
    obj.set("moof/traf/trun.first_flags", 0)


legal("flags of 0 for a sync sample", BOTH, plain_flags)
legal("degradation priorities", BOTH, lambda obj: obj.set("moof/traf/trun.first_flags", 0x0200FFFF))
legal("sequence numbers from 0 in each segment", BOTH, lambda obj: obj.set("moof/mfhd.sequence_number", 0), M4V, M4A)
legal(
    "sequence numbers with gaps",
    "cmaf-long mp4-long",
    lambda obj: [
        put(one.all("mfhd")[0], "sequence_number", 7 + 3 * number)
        for number, one in enumerate(each for each in obj.boxes if each.kind == "moof")
    ],
)


def from_far(obj):
    """Decode times that count from 1970, as some players want them."""
    for one in [each for each in obj.boxes if each.kind == "moof"]:
        for traf in one.all("traf"):
            found = traf.all("tfdt")[0]
            put(found, "time", int.from_bytes(found.data[4:12], "big") + (1_668_000_000 * scale(obj)))
    obj.boxes[:] = [one for one in obj.boxes if one.kind != "mfra"]
    obj.attributes.pop("SeekTable", None)


legal("times from 1970", "cmaf cmaf-long", from_far, M4V, M4A, M4M)


def another_scale(obj):
    obj.set("moov/mvhd.timescale", 1000)
    obj.attributes.pop("SeekTable")
    obj.attributes.pop("Timescale")


legal("another timescale of the movie, without attributes of time", BOTH, another_scale)


def start_shift(obj):
    payload = bytes(4) + b"\0\0\0\1" + bytes(4) + (1024).to_bytes(4, "big") + b"\0\1\0\0"
    obj.add("moov/trak", box("edts", box("elst", payload).build()), 1)


legal("an edit list that moves the start", "cmaf", start_shift, M4A)
legal(
    "an edit list with a duration",
    "mp4",
    lambda obj: obj.add(
        "moov/trak[1]",
        box("edts", box("elst", bytes(4) + b"\0\0\0\1" + (9).to_bytes(4, "big") + bytes(4) + b"\0\1\0\0").build()),
        1,
    ),
)


# ---- what samples hold ----------------------------------------------------------------------------------------


def with_unit(number, unit):
    """Put a NAL unit in front of a picture; the payload of its only traf grows."""

    def change(obj):
        run = obj.find("moof/traf/trun")
        start, _ = samples(obj)[number]
        obj.find("mdat").data[start:start] = len(unit).to_bytes(4, "big") + unit
        first, names, found = rows(run)
        at = first + 4 * len(names) * number
        run.data[at : at + 4] = (found[number]["size"] + 4 + len(unit)).to_bytes(4, "big")

    return change


legal("an access unit delimiter", "cmaf", with_unit(0, b"\x09\x10"), which=1)
legal("an SEI message", "cmaf", with_unit(3, b"\x06\x05\x04abcd\x80"), which=1)
legal("filler data", "cmaf", with_unit(3, b"\x0c\xff\xff\x80"), which=1)


def recovery_point(obj):
    """A P picture that begins a refresh is flagged as a sync sample."""
    with_unit(7, b"\x06\x06\x01\x9c\x80")(obj)
    run = obj.find("moof/traf/trun")
    start, _, found = rows(run)
    payload = b""
    for number, one in enumerate(found):
        flags = 0x02000000 if number in (0, 7) else 0x01010000
        payload += one["size"].to_bytes(4, "big") + flags.to_bytes(4, "big")
        payload += one["offset"].to_bytes(4, "big", signed=True)
    run.data[:] = run.data[: start - 4] + payload
    run.data[1:4] = (0xE01).to_bytes(3, "big")


legal("a recovery point", "cmaf", recovery_point, which=1)


def documents(encoding, code):
    """Documents in another coding; each sample gets what ``code`` makes of its text."""

    def change(obj):
        entry = obj.entry()
        entry.data[8:9] = encoding + b"\0"
        run, header = obj.find("moof/traf/trun"), obj.find("moof/traf/tfhd")
        made = [code(bytes(obj.find("mdat").data[start:end])) for start, end in samples(obj)]
        obj.find("mdat").data[:] = b"".join(made)
        flags = int.from_bytes(header.data[1:4], "big")
        if flags & 0x10:
            at = 12 + 4 * bool(flags & 8)
            del header.data[at : at + 4]
            header.data[1:4] = (flags & ~0x10).to_bytes(3, "big")
        run.data[:] = run.data[:12] + b"".join(len(one).to_bytes(4, "big") for one in made)
        run.data[1:4] = (0x201).to_bytes(3, "big")

    return change


legal("documents in gzip", "cmaf", documents(b"gzip", lambda text: gzip.compress(text, mtime=0)), M4M)
legal("documents in EXI", "cmaf", documents(b"exi", lambda text: b"$EXI\x80" + text), M4M)
legal("documents in EXI without its cookie", "cmaf", documents(b"exi", lambda text: b"\x80" + text), M4M)
legal("documents said to be xml", "cmaf", documents(b"xml", lambda text: text), M4M)
legal("documents with a mark of their order", "cmaf", documents(b"", lambda text: b"\xef\xbb\xbf" + text), M4M)
legal(
    "documents with a declaration", "cmaf", documents(b"", lambda text: b'<?xml version="1.0"?>\n' + text + b"\n"), M4M
)
legal("documents with an end in zero", "cmaf", documents(b"", lambda text: text + b"\0"), M4M)
legal("documents in UTF-16", "cmaf", documents(b"", lambda text: text.decode().encode("utf-16")), M4M)


def es_id(value):
    return lambda obj: obj.set(f"{ENTRY}/esds.es_id", value)


legal("ES_ID of the track's number", "cmaf", es_id(2), M4A)


def short_lengths(obj):
    found = obj.find(f"{ENTRY}/esds")
    data, made, at = bytes(found.data), bytearray(found.data[:4]), 4
    while at < len(data):
        tag, length = data[at], data[at + 4]
        inner = {3: 3, 4: 13}.get(tag, length)
        shorter = {3: length - 9, 4: length - 3}.get(tag, length)
        made += bytes((tag, shorter)) + data[at + 5 : at + 5 + inner]
        at += 5 + inner
    found.data[:] = made


legal("short lengths in esds", "cmaf", short_lengths, M4A)


# ---- encryption -----------------------------------------------------------------------------------------------


def other_system(obj):
    obj.add("moov", box("pssh", bytes(4) + bytes.fromhex("edef8ba979d64acea3c827dcd51d21ed") + b"\0\0\0\4data"))


legal("a pssh of another system", "cmaf-cenc mp4-cenc cmaf-cbcs mp4-cbcs", other_system)
legal(
    "a pssh of another system first",
    "cmaf-cenc mp4-cbcs",
    lambda obj: (other_system(obj), obj.find("moov").children.insert(1, obj.find("moov").children.pop())),
)


def sizes_in_a_table(obj):
    for one in obj.find("moof/traf").all("saiz"):
        count = int.from_bytes(one.data[5:9], "big")
        one.data[:] = one.data[:4] + b"\0" + one.data[5:9] + bytes([one.data[4]]) * count


legal("sizes of information in a table", "cmaf-cenc mp4-cenc cmaf-cbcs mp4-cbcs", sizes_in_a_table)


# ---- names and attributes -------------------------------------------------------------------------------------


def renamed(pattern, new):
    def change(objects):
        for key in list(objects):
            made, count = re.subn(pattern, new, key)
            assert count == 1
            objects[made] = objects.pop(key)

    return change


legal_store("one digit of a fraction", "mp4", renamed(r"(\.\d)\d\dZ", r"\1Z"))
legal_store("no fraction", "cmaf-long mp4-long", renamed(r"\.\d{3}Z", "Z"))
legal_store("counters with zeros in front", BOTH, renamed(r"Z\.(\d)\.", r"Z.000\1."))
legal_store("no prefix and no postfix", BOTH, renamed(r"site-2/(.*)/camera-5/", r"\1/"))
legal_store("a prefix of several parts", BOTH, renamed("^site-2/", "a/b/c/"))


def without_ends(objects):
    for key in [one for one in objects if one.endswith("_end")]:
        objects.pop(key)


def foreign(objects):
    objects["site-2/manifest.json"] = [b"{}", "application/json", {}]
    objects["site-2/2022-11-08/camera-5/15/08-23.547Z.0.jpg"] = [b"\xff\xd8", "image/jpeg", {}]


def without_attributes(objects):
    for one in objects.values():
        one[2] = {}


def cased(objects):
    for one in objects.values():
        one[2] = {name.lower(): value for name, value in one[2].items()}


def labelled(objects):
    for one in objects.values():
        if one[0]:
            one[2] = {**one[2], "Source": "camera 5", "EventTopic": "tns1:VideoSource/MotionAlarm", "x-other": "1"}


legal_store("no span ends yet", BOTH, without_ends)
legal_store("other objects beside", BOTH, foreign)
legal_store("no attributes", BOTH, without_attributes)
legal_store("attributes in small letters", BOTH, cased)
legal_store("more attributes", BOTH, labelled)


def attribute(name, label, bases, change, *extensions):
    def apply(obj):
        obj.attributes[label] = change(obj.attributes[label])

    legal(name, bases, apply, *extensions)


attribute("a frame rate without a point", "VideoFramerate", "cmaf", lambda old: str(int(float(old))))
attribute("a duration in full", "Duration", BOTH, lambda old: old.replace("PT", "PT0H0M"))
attribute(
    "FullContentType in another order",
    "FullContentType",
    BOTH,
    lambda old: old.replace("avc1.64000C,mp4a.40.2", "mp4a.40.2, avc1.64000C"),
)
attribute("FullContentType of more", "FullContentType", BOTH, lambda old: old.replace(",metx", ",metx,opus"))
attribute("a bit rate that was asked for", "VideoBitrate", BOTH, lambda old: str(int(old) * 3))


def with_mfro(old):
    (mfra,) = nodes(base64.b64decode(old))
    mfra.children.append(box("mfro", bytes(4) + (mfra.size + 16).to_bytes(4, "big")))
    return base64.b64encode(mfra.build()).decode()


attribute("SeekTable with its mfro", "SeekTable", BOTH, with_mfro)


def content_type(name, bases, change, *extensions):
    def apply(obj):
        obj.content_type = change(obj.content_type)

    legal(name, bases, apply, *extensions)


content_type("no space in the content type", BOTH, lambda old: old.replace("; ", ";"))
content_type("capitals in the content type", BOTH, lambda old: old.replace("video/mp4", "Video/MP4"))
content_type("small letters in codecs", BOTH, lambda old: old.replace("64000C", "64000c"))
content_type("codecs without quotes", "cmaf", lambda old: old.replace('"', ""), M4V, M4A, M4M)
content_type("profiles beside codecs", BOTH, lambda old: old + '; profiles="cmfc"')
content_type(
    "codecs in another order", "mp4", lambda old: old.replace("avc1.64000C,mp4a.40.2", "mp4a.40.2,avc1.64000C")
)
