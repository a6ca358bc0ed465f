"""Byte edits of ftyp and moov. ISO/IEC 14496-12; ISO/IEC 23000-19, 7.3.2, 7.5."""

from byte_edits import ALL, M4A, M4M, again, drop, edit, set_
from byte_kit import box, put

BOTH = "cmaf mp4"
FILE = ("C-01", "ANX-B.1-02")
ISO = "ANX-B.3-08"
STBL = "moov/trak/mdia/minf/stbl"
ENTRY = f"{STBL}/stsd/*[0]"


def header(name, rules, bases, change, **options):
    edit(name, rules, bases, change, **{"which": ALL, **options})


# ---- ftyp, and boxes at file level ----------------------------------------------------------------------------


def moved(source, path, at):
    def change(obj):
        found = obj.find(source)
        obj.drop(source)
        obj.add(path, found, at)

    return change


def brands(*names):
    def change(obj):
        obj.find("ftyp").data[:] = names[0].encode() + bytes(4) + "".join(names).encode()

    return change


def added(path, kind, payload, at=None):
    return lambda obj: obj.add(path, box(kind, payload), at)


header("no ftyp", FILE, BOTH, drop("ftyp"))
header("ftyp behind moov", FILE, BOTH, moved("ftyp", "", 1))
header("free before ftyp", FILE, BOTH, added("", "free", b"", 0))
header("ftyp twice", FILE, BOTH, again("ftyp"))
edit("no moov", "ANX-B.1-02", BOTH, drop("moov"))
edit("moov behind a fragment", "ANX-B.1-02", BOTH, moved("moov", "", 3))
edit("moov twice", FILE, BOTH, again("moov"))
header("no structural brand", "C-02", "cmaf", brands("iso6", "mp41"))
header("only isom", ("C-02", ISO), BOTH, brands("isom"))
header("only mp42", ("C-02", ISO), BOTH, brands("mp42"))
header("cmfc among other tracks", ISO, "mp4", brands("iso6", "cmfc"))
header("cmf2 among other tracks", ISO, "mp4", brands("iso6", "cmf2", "cmfc"))
header("minor version of cmf2", "C-02", "cmaf", set_("ftyp.minor", 1))
header(
    "minor version of cmfc",
    "C-02",
    "cmaf",
    lambda obj: put(obj.find("ftyp"), "major", b"cmfc") or put(obj.find("ftyp"), "minor", 512),
)
header("cmf2 alone", "C-03", "cmaf", brands("cmf2", "iso6"))
header("udta at file level", "C-01", "cmaf", added("", "udta", b"", 2))
header("meta at file level", "C-01", "cmaf", added("", "meta", bytes(4), 2))
edit("pssh at file level", "ANX-B.8-09", "cmaf-cenc mp4-cbcs", lambda obj: obj.add("", obj.find("moov/pssh"), 2))


# ---- moov and its headers -------------------------------------------------------------------------------------

header("no mvhd", ("C-11", ISO), BOTH, drop("moov/mvhd"))
header("mvhd behind trak", "C-11", "cmaf", moved("moov/mvhd", "moov", 1))
header("mvhd twice", ISO, BOTH, again("moov/mvhd"))
header("rate", "C-11", "cmaf", set_("moov/mvhd.rate", 0x20000))
header("volume of the movie", "C-11", "cmaf", set_("moov/mvhd.volume", 0))
header("matrix of the movie", "C-11", "cmaf", set_("moov/mvhd.matrix", 0x20000))
header("duration in mvhd", "C-10", "cmaf", set_("moov/mvhd.duration", 25600))
header("timescale 0 in mvhd", ISO, BOTH, set_("moov/mvhd.timescale", 0))
header("another timescale in mvhd", "ANX-B.9.1-03", BOTH, set_("moov/mvhd.timescale", 1000))
header("next_track_ID 0", ISO, BOTH, set_("moov/mvhd.next_track_id", 0))
header("next_track_ID in use", ISO, BOTH, set_("moov/mvhd.next_track_id", 1))
header("mvhd of an unknown version", ISO, "mp4", lambda obj: obj.find("moov/mvhd").data.__setitem__(0, 9))
header("a track_ID twice", ("ANX-B.7-01", ISO), BOTH, again("moov/trak"))
header("no trak", ("ANX-B.7-01", ISO), "cmaf", drop("moov/trak"))
header("trak of the sound is gone", ISO, "mp4", drop("moov/trak[1]"))
header("moov runs past its end", ISO, BOTH, lambda obj: setattr(obj.find("moov/trak"), "grown", 8))
header("no tkhd", ISO, BOTH, drop("moov/trak/tkhd"))
header("tkhd twice", ISO, BOTH, again("moov/trak/tkhd"))
header("track_ID 0", ISO, BOTH, set_("moov/trak/tkhd.track_id", 0))
header("another track_ID", ("C-42", ISO), BOTH, set_("moov/trak/tkhd.track_id", 7))
header("a disabled track", "C-12", "cmaf", set_("moov/trak/tkhd.flags", 6))
header("a track not in the movie", "C-12", "cmaf", set_("moov/trak/tkhd.flags", 1))
header("duration in tkhd", "C-12", "cmaf", set_("moov/trak/tkhd.duration", 1))
header("layer", "C-12", "cmaf", set_("moov/trak/tkhd.layer", 1))
header("alternate group", "C-12", "cmaf", set_("moov/trak/tkhd.group", 1))
header("volume of pictures", "C-12", "cmaf", set_("moov/trak/tkhd.volume", 0x100))
header("volume of sound", "C-12", "cmaf", set_("moov/trak/tkhd.volume", 0), extension=M4A)
header("matrix of the track", "C-12", "cmaf", set_("moov/trak/tkhd.matrix", 0x8000))
header("width of sound", "C-12", "cmaf", set_("moov/trak/tkhd.width", 1 << 16), extension=M4A)
header("height of documents", "C-12", "cmaf", set_("moov/trak/tkhd.height", 1 << 16), extension=M4M)
header("no width", "C-13", "cmaf", set_("moov/trak/tkhd.width", 0))
header("no height", "C-13", "cmaf", set_("moov/trak/tkhd.height", 0))


# ---- media ----------------------------------------------------------------------------------------------------

for gone in ("mdia", "mdia/mdhd", "mdia/minf", STBL.removeprefix("moov/trak/")):
    header(f"no {gone.rpartition('/')[2]}", ISO, BOTH, drop(f"moov/trak/{gone}"))
header("no hdlr", ("C-15", ISO), BOTH, drop("moov/trak/mdia/hdlr"))
header("duration in mdhd", "C-14", "cmaf", set_("moov/trak/mdia/mdhd.duration", 25600))
header("timescale 0 in mdhd", ISO, BOTH, set_("moov/trak/mdia/mdhd.timescale", 0))
header(
    "another timescale in mdhd", ("ANX-B.9.1-01", "ANX-B.9.1-02"), BOTH, set_("moov/trak/mdia/mdhd.timescale", 90000)
)
header("an unknown handler", "C-15", "cmaf", set_("moov/trak/mdia/hdlr.handler", b"hint"))
header("handler of sound over pictures", ("ANX-B.4-12", ISO), BOTH, set_("moov/trak/mdia/hdlr.handler", b"soun"))
header("no media header", ("C-16", ISO), BOTH, drop("moov/trak/mdia/minf/vmhd"))
header("no media header", "C-16", "cmaf", drop("moov/trak/mdia/minf/smhd"), extension=M4A)
header("no media header", "C-16", "cmaf", drop("moov/trak/mdia/minf/nmhd"), extension=M4M)
header("flags 0 in vmhd", ("C-16", ISO), BOTH, set_("moov/trak/mdia/minf/vmhd.flags", 0))
header("graphicsmode", "C-16", "cmaf", set_("moov/trak/mdia/minf/vmhd.graphicsmode", 1))
header("opcolor", "C-16", "cmaf", set_("moov/trak/mdia/minf/vmhd.opcolor", 1))
header("balance", "C-16", "cmaf", set_("moov/trak/mdia/minf/smhd.balance", 0x100), extension=M4A)
header(
    "vmhd for sound",
    "C-16",
    "cmaf",
    lambda obj: setattr(obj.find("moov/trak/mdia/minf/smhd"), "kind", "vmhd"),
    extension=M4A,
)
header("no dinf", ("C-17", ISO), BOTH, drop("moov/trak/mdia/minf/dinf"))
header("data elsewhere", ("C-17", ISO), BOTH, set_("moov/trak/mdia/minf/dinf/dref/url .flags", 0))
header(
    "no data reference",
    ("C-17", ISO),
    BOTH,
    lambda obj: (obj.drop("moov/trak/mdia/minf/dinf/dref/url "), obj.set("moov/trak/mdia/minf/dinf/dref.count", 0)),
)
header(
    "two data references",
    "C-17",
    "cmaf",
    lambda obj: (obj.again("moov/trak/mdia/minf/dinf/dref/url "), obj.set("moov/trak/mdia/minf/dinf/dref.count", 2)),
)
header("data reference index 0", ("C-17", ISO), BOTH, set_(f"{ENTRY}.data_reference_index", 0))
header("data reference index 2", ("C-17", ISO), BOTH, set_(f"{ENTRY}.data_reference_index", 2))


# ---- sample tables --------------------------------------------------------------------------------------------

for table in ("stsd", "stts", "stsc", "stsz", "stco"):
    header(f"no {table}", ("C-18", ISO), BOTH, drop(f"{STBL}/{table}"))
header("stsd of version 1", "C-18", "cmaf", set_(f"{STBL}/stsd.version", 1))
header("stsd counts two", ISO, BOTH, set_(f"{STBL}/stsd.count", 2))
header("stsd without entry", ISO, BOTH, lambda obj: (obj.drop(ENTRY), obj.set(f"{STBL}/stsd.count", 0)))


def row(table, *values):
    def change(obj):
        found = obj.find(f"{STBL}/{table}")
        if table == "stsz":
            found.data[8:12] = (1).to_bytes(4, "big")
        else:
            found.data[4:8] = (1).to_bytes(4, "big")
        found.data += b"".join(value.to_bytes(4, "big") for value in values)

    return change


SAMPLES = ("C-10", "ANX-B.6-05")
header("a row in stts", SAMPLES, BOTH, row("stts", 1, 512))
header("a row in stsc", SAMPLES, BOTH, row("stsc", 1, 1, 1))
header("a row in stco", SAMPLES, BOTH, row("stco", 1000))
header("a row in stsz", SAMPLES, BOTH, row("stsz", 100))
header("a row in stss", SAMPLES, BOTH, row("stss", 1))
header("no stss", "C-19", "cmaf", drop(f"{STBL}/stss"))
header(
    "an old edit list of two", "C-30", "cmaf", lambda obj: obj.add("moov/trak", edits((0, 0), (0, 0)), 1), extension=M4A
)
header("an edit that ends", "C-30", "cmaf", lambda obj: obj.add("moov/trak", edits((100, 0)), 1), extension=M4A)
header("an empty edit", "C-30", "cmaf", lambda obj: obj.add("moov/trak", edits((100, -1), (0, 0)), 1), extension=M4A)
header("an edit list beside cmf2", "C-32", "cmaf", lambda obj: obj.add("moov/trak", edits((0, 0)), 1))


def edits(*entries):
    payload = bytes(4) + len(entries).to_bytes(4, "big")
    for duration, time in entries:
        payload += duration.to_bytes(4, "big") + time.to_bytes(4, "big", signed=True) + b"\0\1\0\0"
    return box("edts", b"".join([(8 + len(payload)).to_bytes(4, "big"), b"elst", payload]))


# ---- sample entries -------------------------------------------------------------------------------------------

header("width of the entry", "ANX-B.9-10", BOTH, set_(f"{ENTRY}.width", 640))
header("height of the entry", "ANX-B.9-10", BOTH, set_(f"{ENTRY}.height", 176))
header("no avcC", ("C-26", ISO), BOTH, drop(f"{ENTRY}/avcC"))
header("avcC twice", ("C-26", ISO), BOTH, again(f"{ENTRY}/avcC"))
header("avcC of version 2", ("C-26", ISO), BOTH, set_(f"{ENTRY}/avcC.version", 2))
header("lengths of one byte", ISO, BOTH, set_(f"{ENTRY}/avcC.length", 0xFC))
header("lengths of two bytes", ISO, BOTH, set_(f"{ENTRY}/avcC.length", 0xFD))
header("avcC without parameter sets", ("C-26", ISO), BOTH, set_(f"{ENTRY}/avcC.sps_count", 0xE0))
header("another profile in avcC", ("C-26", ISO), BOTH, set_(f"{ENTRY}/avcC.profile", 77))
header(
    "avc3 without pasp and colr",
    "C-25",
    "cmaf",
    lambda obj: (setattr(obj.find(ENTRY), "kind", "avc3"), obj.drop(f"{ENTRY}/pasp")),
)


def audio(path):
    return f"moov/trak/mdia/minf/stbl/stsd/*[0]{path}"


header("no esds", ISO, "cmaf", drop(audio("/esds")), extension=M4A)
header("ES_ID of another track", ISO, "cmaf", set_(audio("/esds.es_id"), 77), extension=M4A)
header("ES_ID of another track", ISO, "mp4", set_("moov/trak[1]/mdia/minf/stbl/stsd/*[0]/esds.es_id", 77))
header("a stream of pictures in esds", ISO, "cmaf", set_(audio("/esds.stream_type"), 0x11), extension=M4A)
header("no config in esds", ISO, "cmaf", lambda obj: obj.find(audio("/esds")).data.__setitem__(30, 6), extension=M4A)
header("another object type in esds", "ANX-B.7-08", "cmaf", set_(audio("/esds.object_type"), 0x6B), extension=M4A)


# ---- mvex -----------------------------------------------------------------------------------------------------

TREX = ("C-20", ISO)
header("no mvex", TREX, BOTH, drop("moov/mvex"))
header("no trex", TREX, BOTH, drop("moov/mvex/trex"))
header("trex of another track", TREX, BOTH, set_("moov/mvex/trex.track_id", 9))
header("trex twice", TREX, BOTH, again("moov/mvex/trex"))
header("trex with description 0", TREX, BOTH, set_("moov/mvex/trex.description", 0))
header("trex with description 9", TREX, BOTH, set_("moov/mvex/trex.description", 9))
header("mehd of nothing", ("C-21", ISO), BOTH, added("moov/mvex", "mehd", bytes(8), 0))
header("mehd too short", ("C-21", ISO), BOTH, added("moov/mvex", "mehd", bytes(4) + (3).to_bytes(4, "big"), 0))


# ---- one header that differs ----------------------------------------------------------------------------------

SAME = "ANX-B.2-05"
edit("another width in one object", SAME, BOTH, set_("moov/trak/tkhd.width", 321 << 16))
edit("another level in one object", SAME, BOTH, set_(f"{ENTRY}/avcC.level", 41))
edit(
    "another default in one object",
    SAME,
    BOTH,
    lambda obj: obj.find("moov/mvex/trex").data.__setitem__(slice(12, 16), b"\0\0\0\1"),
)
edit("another config in one object", SAME, "cmaf", set_(audio("/esds.config"), 0x1210), extension=M4A)
edit("another depth in one object", SAME, BOTH, set_(f"{ENTRY}.depth", 32))
edit(
    "another KID in one object",
    SAME,
    "cmaf-cenc mp4-cenc",
    lambda obj: put(obj.inside("moov", "tenc"), "kid", bytes(16)),
)
