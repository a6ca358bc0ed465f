"""Byte edits of fragments, their samples, and mfra. ISO/IEC 14496-12; ISO/IEC 23000-19, 7.3.2.3, 7.5."""

from byte_edits import M4A, M4M, again, drop, edit, edit_store, raw, set_
from byte_kit import Object, box, nodes, put, rows, runs_in_full, samples, set_row

BOTH, LONG = "cmaf mp4", "cmaf-long mp4-long"
ISO = "ANX-B.3-08"
FILE_INDEX = ("ANX-B.7-11", "ANX-B.6-07")


# ---- boxes of the file ----------------------------------------------------------------------------------------


def raw_bytes(change):
    """An edit of the whole object as bytes."""

    def apply(obj):
        obj.raw = bytes(change(bytearray(obj.build()), obj))

    return apply


def position(obj, path):
    """Where a box begins in the unedited object."""
    return obj.find(path).offset


def poke(path, at, value):
    def change(data, obj):
        start = position(obj, path) + at
        data[start : start + len(value)] = value
        return data

    return raw_bytes(change)


edit("cut off in the media data", ISO, BOTH, raw_bytes(lambda data, obj: data[: position(obj, "mdat") + 100]))
edit("cut off in the moof", ISO, BOTH, raw_bytes(lambda data, obj: data[: position(obj, "moof") + 40]))
edit("cut off in the moov", ISO, BOTH, raw_bytes(lambda data, obj: data[: position(obj, "moov") + 40]))
edit("five bytes at the end", ISO, BOTH, raw_bytes(lambda data, obj: data + b"hello"))
edit("a box size of 4", ISO, BOTH, poke("mfra", 0, b"\0\0\0\4"))
edit(
    "a moof too short by 4",
    ISO,
    BOTH,
    lambda obj: (obj.build(), setattr(obj, "fix", False), setattr(obj.find("moof"), "grown", -4)),
)
edit(
    "an mdat too long by 8",
    (ISO, "ANX-B.6-06"),
    BOTH,
    lambda obj: (obj.build(), setattr(obj, "fix", False), setattr(obj.find("mdat"), "grown", 8)),
)
edit("an mdat without end", "ANX-B.6-06", "mp4", poke("mdat", 0, bytes(4)))
edit("a largesize of 8", ISO, BOTH, poke("mdat", 0, b"\0\0\0\1"))
edit("no fragments", "ANX-B.1-03", BOTH, lambda obj: (obj.drop("moof"), obj.drop("mdat"), obj.drop("mfra")))
edit("a moof without mdat", ("C-40", "ANX-B.1-03"), LONG, drop("mdat"), which=0)
edit("mdat before its moof", ("C-40", "ANX-B.1-03"), BOTH, lambda obj: obj.boxes.insert(2, obj.boxes.pop(3)))
edit("data in two boxes", "C-40", "cmaf", again("mdat"))


def fragment_twice(obj):
    """The first fragment is there a second time."""
    copies = nodes(obj.find("moof").build() + obj.find("mdat").build())
    for copy in copies:
        copy.offset = -1
    obj.boxes[4:4] = copies


edit("a fragment twice", ("C-53", ISO), LONG, fragment_twice, which=0)


# ---- moof and traf --------------------------------------------------------------------------------------------

edit("no mfhd", ISO, BOTH, drop("moof/mfhd"))
edit("mfhd twice", ISO, BOTH, again("moof/mfhd"))
edit("a sequence number again", ("C-53", ISO), LONG, set_("moof[1]/mfhd.sequence_number", 1), which=0)
edit("a sequence number lower", ("C-53", ISO), LONG, set_("moof[2]/mfhd.sequence_number", 0), which=0)
edit("no traf", "C-40", "cmaf", drop("moof/traf"))
edit("two trafs", "C-40", "cmaf", again("moof/traf"))
edit("a track left out", "ANX-B.6-07", "mp4", drop("moof/traf[1]"))
edit("no tfhd", ISO, BOTH, drop("moof/traf/tfhd"))
edit("tfhd of an unknown track", ("C-42", ISO), BOTH, set_("moof/traf/tfhd.track_id", 9))
edit("tfhd of track 0", ("C-42", ISO), BOTH, set_("moof/traf/tfhd.track_id", 0))
edit(
    "offsets that do not count from the moof",
    ("C-42", ISO),
    BOTH,
    lambda obj: [put(one.all("tfhd")[0], "flags", 0x00002A) for one in obj.find("moof").all("traf")],
)


def base_data_offset(obj):
    header = obj.find("moof/traf/tfhd")
    header.data[1:4] = (0x00002B).to_bytes(3, "big")
    header.data[8:8] = obj.find("moof").offset.to_bytes(8, "big")


edit("a base data offset", "C-42", "cmaf", base_data_offset)
edit("description 0", ISO, BOTH, set_("moof/traf/tfhd.description", 0))
edit("description 9", ISO, BOTH, set_("moof/traf/tfhd.description", 9))


def no_description(obj):
    header = obj.find("moof/traf/tfhd")
    header.data[1:4] = (int.from_bytes(header.data[1:4], "big") & ~2).to_bytes(3, "big")
    del header.data[8:12]


edit("only trex names the description", "C-46", "cmaf", no_description)


def no_durations(obj):
    header = obj.find("moof/traf/tfhd")
    header.data[1:4] = (int.from_bytes(header.data[1:4], "big") & ~8).to_bytes(3, "big")
    del header.data[12:16]


edit("only trex names durations", "C-46", "cmaf", no_durations)
edit("no tfdt", ("C-43", "ANX-B.2-05"), BOTH, drop("moof/traf/tfdt"))
edit("tfdt twice", ISO, BOTH, again("moof/traf/tfdt"))


def later(ticks, moof=0):
    def change(obj):
        for traf in obj.find(f"moof[{moof}]").all("traf"):
            found = traf.all("tfdt")[0]
            put(found, "time", int.from_bytes(found.data[4:12], "big") + ticks)
            for table in obj.find("mfra").all("tfra"):
                if table.data[4:8] == traf.all("tfhd")[0].data[4:8]:
                    at = 16 + 12 * moof
                    value = int.from_bytes(table.data[at : at + 4], "big") + ticks
                    table.data[at : at + 4] = value.to_bytes(4, "big")

    return change


edit("a gap between segments", "ANX-B.3-04", BOTH, later(600))
edit("a large gap between segments", "ANX-B.3-04", BOTH, later(2_000_000))
edit("an overlap of segments", "ANX-B.1-06", BOTH, later(-600))
edit("a gap between segments", "ANX-B.3-04", "cmaf", later(1024), extension=M4A)
edit("an overlap of segments", "ANX-B.1-06", "cmaf", later(-1024), extension=M4A)
edit("a gap between segments", "ANX-B.3-04", "cmaf", later(100), extension=M4M)
edit(
    "times from zero",
    "ANX-B.1-06",
    BOTH,
    lambda obj: [put(one.all("tfdt")[0], "time", 0) for one in obj.find("moof").all("traf")],
)
edit("a gap in the segment", ("C-43", "ANX-B.1-04"), LONG, later(5000, 3), which=0)
edit("an overlap in the segment", ("C-43", "ANX-B.1-04"), LONG, later(-5000, 3), which=0)
edit(
    "sound that overlaps in the segment",
    ("C-43", "ANX-B.1-04"),
    "mp4-long",
    lambda obj: put(obj.find("moof[2]/traf[1]/tfdt"), "time", 0),
    which=0,
)


def sound_before_its_key(objects):
    """Pictures and documents five seconds later in all objects, which are named after them; the sound is older."""
    for key in [one for one in objects if one.endswith(".mp4")]:
        obj = Object(*objects[key])
        for number, traf in enumerate(obj.find("moof").all("traf")):
            if traf.all("tfhd")[0].data[4:8] != b"\0\0\0\2":
                name = f"moof/traf[{number}]/tfdt.time"
                obj.set(name, obj.get(name) + 960_000)
        for table in obj.find("mfra").all("tfra"):
            if table.data[4:8] != b"\0\0\0\2":
                put(table, "time", int.from_bytes(table.data[16:20], "big") + 960_000)
        del obj.attributes["SeekTable"]
        objects[key] = [obj.build(), obj.content_type, obj.attributes]
    first = next(iter(objects))
    objects[first.replace("23.525Z", "23.547Z")] = objects.pop(first)


edit_store("sound older than its object's key", "ANX-B.4-05", "mp4", sound_before_its_key)


# ---- trun -----------------------------------------------------------------------------------------------------

TRUN = "moof/traf/trun"
edit("no trun", "C-40", "cmaf", drop(TRUN))
edit("trun twice", "C-40", "cmaf", again(TRUN))
edit("more samples than rows", ISO, BOTH, lambda obj: obj.set(f"{TRUN}.count", obj.get(f"{TRUN}.count") + 1))
edit("more rows than samples", ISO, BOTH, lambda obj: obj.set(f"{TRUN}.count", obj.get(f"{TRUN}.count") - 1))
for ticks, what in (
    (-40, "data before the mdat"),
    (-4, "data in the header of the mdat"),
    (1, "data that end behind the mdat"),
    (1 << 20, "data far behind the mdat"),
):
    edit(
        what,
        ("C-45", ISO),
        "cmaf" if ticks == 1 else BOTH,
        lambda obj, ticks=ticks: obj.set(f"{TRUN}.data_offset", obj.get(f"{TRUN}.data_offset") + ticks),
    )
edit(
    "data of the next track", ISO, "mp4", lambda obj: obj.set(f"{TRUN}.data_offset", obj.get(f"{TRUN}.data_offset") + 1)
)


def no_data_offset(obj):
    run = obj.find(TRUN)
    run.data[1:4] = (int.from_bytes(run.data[1:4], "big") & ~1).to_bytes(3, "big")
    del run.data[8:12]


edit("no data offset", ("C-45", ISO), BOTH, no_data_offset)
edit("a sample reaches behind the mdat", ("C-45", ISO), BOTH, lambda obj: set_row(obj.find(TRUN), 49, "size", 90_000))


def sizes(change):
    def apply(obj):
        run = obj.find(TRUN)
        found = [one["size"] for one in rows(run)[2]]
        change(found)
        for number, size in enumerate(found):
            set_row(run, number, "size", size)

    return apply


def moves(number, count):
    def change(found):
        found[number] += count
        found[number + 1] -= count

    return change


edit("a byte of the next sample", ISO, BOTH, sizes(moves(3, 1)))
edit("a byte too few", ISO, BOTH, sizes(moves(3, -1)))


def empty(found):
    found[2], found[3] = found[2] + found[3], 0


edit("an empty sample", "P-01", BOTH, sizes(empty))
edit("an empty sample", "P-01", "cmaf", sizes(empty), extension=M4A)
edit("a first sample that is no sync sample", "ANX-B.3-06", BOTH, set_(f"{TRUN}.first_flags", 0x01010000))
edit(
    "a later fragment begins with no sync sample",
    FILE_INDEX,
    "cmaf-long",
    set_("moof[2]/traf/trun.first_flags", 0x01010000),
    which=0,
)
edit("a sync sample that depends on others", ("C-47", ISO), BOTH, set_(f"{TRUN}.first_flags", 0x01000000))
edit("a trun of version 0", "C-32", "cmaf", set_(f"{TRUN}.version", 0))


def composition(ticks):
    def change(obj):
        run = obj.find(TRUN)
        for number, one in enumerate(rows(run)[2]):
            set_row(run, number, "offset", one["offset"] + ticks)

    return change


def a_tick_apart(*numbers):
    """Pictures last a tick, and the one behind them as much longer."""

    def change(obj):
        runs_in_full(obj)
        run = obj.find(TRUN)
        found = rows(run)[2]
        for number in numbers:
            set_row(run, number, "duration", 1)
        longer = sum(found[number]["duration"] - 1 for number in numbers)
        set_row(run, numbers[-1] + 1, "duration", found[numbers[-1] + 1]["duration"] + longer)

    return change


edit("two pictures a tick apart", "P-02", BOTH, a_tick_apart(10))
edit("eight pictures a tick apart", "P-02", BOTH, a_tick_apart(*range(10, 18)))


def shown(number, seconds):
    def change(obj):
        run = obj.find(TRUN)
        ticks = seconds * obj.get("moov/trak/mdia/mdhd.timescale")
        set_row(run, number, "offset", rows(run)[2][number]["offset"] + ticks)

    return change


edit("a picture shown two seconds late", "P-03", BOTH, shown(20, 2))
edit("a picture shown two seconds early", "P-03", BOTH, shown(20, -2))


def sound_of_another_object(obj):
    time = obj.get("moof/traf[1]/tfdt.time")
    put(obj.find("moof/traf[1]/tfdt"), "time", time - 3 * obj.get("moov/trak/mdia/mdhd.timescale"))


edit("sound three seconds older", "P-04", "mp4", sound_of_another_object, which=2)
edit("shown one tick later", "C-33", "cmaf", composition(1))
edit("shown a picture later", "C-33", "cmaf", composition(512))
edit(
    "durations twice as long",
    ("ANX-B.1-06", "ANX-B.9-07"),
    BOTH,
    lambda obj: obj.find("moof/traf/tfhd").data.__setitem__(
        slice(12, 16), (1024 if obj.get("moov/trak/mdia/mdhd.timescale") == 12_800 else 15_360).to_bytes(4, "big")
    ),
)


def with_flags(change):
    """Give the samples of a fragment flags of their own: a sync sample, then others."""

    def apply(obj, moof=0):
        run = obj.find(f"moof[{moof}]/traf/trun")
        start, _, found = rows(run)
        flags = [0x02000000] + [0x01010000] * (len(found) - 1)
        change(flags)
        payload = b"".join(
            one["size"].to_bytes(4, "big") + flag.to_bytes(4, "big") + one["offset"].to_bytes(4, "big", signed=True)
            for one, flag in zip(found, flags, strict=True)
        )
        run.data[:] = run.data[: start - 4] + payload
        run.data[1:4] = (0xE01).to_bytes(3, "big")

    return apply


def pictures_flagged(*numbers):
    def change(flags):
        for number in numbers:
            flags[number] = 0x02000000

    return with_flags(change)


edit("a P picture flagged as a sync sample", ("C-47", ISO), BOTH, pictures_flagged(7))
edit("all pictures flagged as sync samples", ("C-47", ISO), BOTH, pictures_flagged(*range(50)))


def both_flags(obj):
    with_flags(lambda flags: None)(obj)
    run = obj.find(TRUN)
    run.data[1:4] = (0xE05).to_bytes(3, "big")
    run.data[12:12] = (0x02000000).to_bytes(4, "big")


edit("first_sample_flags beside sample flags", ISO, BOTH, both_flags)


# ---- boxes beside fragments -----------------------------------------------------------------------------------


def event(timescale):
    return box("emsg", b"\1\0\0\0" + timescale.to_bytes(4, "big") + bytes(8 + 4 + 4) + b"urn:x\0\0")


def reference(track_id):
    return box("prft", bytes(4) + track_id.to_bytes(4, "big") + bytes(12))


def index(*references, scale=12_800):
    head = (
        bytes(4)
        + (1).to_bytes(4, "big")
        + scale.to_bytes(4, "big")
        + bytes(8)
        + bytes(2)
        + len(references).to_bytes(2, "big")
    )
    return box(
        "sidx", head + b"".join(one.to_bytes(4, "big") + (25_600).to_bytes(4, "big") + bytes(4) for one in references)
    )


def fragment_size(obj):
    return obj.find("moof").size + obj.find("mdat").size


edit("an event behind the last moof", "C-49", "cmaf", lambda obj: obj.add("", event(12_800), 4))
edit("an event in other ticks", "C-49", "cmaf", lambda obj: obj.add("", event(1000), 2))
edit("a time behind the last moof", "C-50", "cmaf", lambda obj: obj.add("", reference(1), 4))
edit("a time of another track", "C-50", "cmaf", lambda obj: obj.add("", reference(9), 2))
edit("an index of indexes", "C-48", "cmaf", lambda obj: obj.add("", index(1 << 31 | fragment_size(obj)), 2))
edit("an index of more fragments", "C-48", "cmaf", lambda obj: obj.add("", index(fragment_size(obj), 100), 2))
edit("an index of other sizes", "C-48", "cmaf", lambda obj: obj.add("", index(fragment_size(obj) - 8), 2))


# ---- what samples hold ----------------------------------------------------------------------------------------


def sample_data(number, change, moof=0, traf=0):
    """Change the bytes of one sample; its size stays."""

    def apply(obj):
        start, end = samples(obj, moof, traf)[number]
        data = [one for one in obj.boxes if one.kind == "mdat"][moof].data
        new = change(bytearray(data[start:end]))
        assert len(new) == end - start
        data[start:end] = new

    return apply


def unit_of(data, kinds):
    """Where the first NAL unit of some types begins in a sample."""
    at = 0
    while data[at + 4] & 31 not in kinds:
        at += 4 + int.from_bytes(data[at : at + 4], "big")
    return at + 4


def slice_byte(value):
    def change(data):
        data[unit_of(data, (1, 5)) + 1] = value
        return data

    return change


def start_codes(data):
    at = 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        data[at : at + 4] = b"\0\0\0\1"
        at += 4 + size
    return data


def length(change):
    def apply(data):
        data[:4] = (int.from_bytes(data[:4], "big") + change).to_bytes(4, "big")
        return data

    return apply


edit("a NAL unit too long", ISO, BOTH, sample_data(5, length(1)))
edit("a NAL unit too short", ISO, BOTH, sample_data(5, length(-1)))
edit("start codes for lengths", ISO, BOTH, sample_data(5, start_codes))
edit("a segment begins with a P picture", "ANX-B.3-06", BOTH, sample_data(0, slice_byte(0x9A)))
edit(
    "a fragment begins with a P picture",
    ("C-47", ISO),
    "cmaf-long mp4-long",
    sample_data(0, slice_byte(0x9A), moof=2),
    which=0,
)
edit("a sample without the first slice", ISO, BOTH, sample_data(6, slice_byte(0x40)))


def with_first_bit(data):
    data[unit_of(data, (1, 5))] |= 0x80
    return data


edit("forbidden_zero_bit", ISO, BOTH, sample_data(4, with_first_bit))


def one_slice_a_sample(obj):
    """Every second sample is the second slice of a picture: it begins with another macroblock than the first."""
    for number in range(1, 50, 2):
        sample_data(number, slice_byte(0x2A))(obj)


edit("one slice a sample", ISO, BOTH, one_slice_a_sample)


def adts(data):
    header = b"\xff\xf1\x4c\x80" + (len(data) << 5 | 0x1F).to_bytes(2, "big") + b"\xfc"
    return header + data[:-7]


def in_all(traf, change):
    def apply(obj):
        for number in range(len(samples(obj, 0, traf))):
            sample_data(number, change, 0, traf)(obj)

    return apply


edit("ADTS left on AAC", ISO, "cmaf", in_all(0, adts), extension=M4A)
edit("ADTS left on AAC", ISO, "mp4", in_all(1, adts))
edit("ADTS left on one frame", ISO, "cmaf", sample_data(4, adts), extension=M4A)
edit("a document that is no XML", ISO, "cmaf", sample_data(1, lambda data: b"{" + data[1:]), extension=M4M)
edit("a document that is no XML", ISO, "mp4", sample_data(1, lambda data: b"{" + data[1:], traf=2))
edit("a document that stops", ISO, "cmaf", sample_data(1, lambda data: data[:-4] + b"    "), extension=M4M)
edit("a document of zeros", ISO, "cmaf", sample_data(0, lambda data: bytes(len(data))), extension=M4M)


# ---- mfra -----------------------------------------------------------------------------------------------------

TFRA = "mfra/tfra"
edit("no mfra", "ANX-B.6-06", "mp4", drop("mfra"))
edit("something behind mfra", "ANX-B.6-06", "mp4", lambda obj: obj.add("", box("free")))
edit("mfra before the fragments", "ANX-B.6-06", "mp4", lambda obj: obj.boxes.insert(2, obj.boxes.pop()))
edit("mfra twice", (ISO, "ANX-B.6-06"), BOTH, again("mfra"))
edit("a wrong size in mfro", ISO, BOTH, raw("mfra/mfro.size", 61))
edit("no mfro", ISO, BOTH, drop("mfra/mfro"))
edit("no tfra", FILE_INDEX, BOTH, drop(TFRA))
edit("tfra of an unknown track", FILE_INDEX, BOTH, set_(f"{TFRA}.track_id", 9))
edit("another time in tfra", FILE_INDEX, BOTH, lambda obj: obj.set(f"{TFRA}.time", obj.get(f"{TFRA}.time") + 1))
edit(
    "another offset in tfra",
    FILE_INDEX,
    BOTH,
    lambda obj: raw(f"{TFRA}.moof_offset", obj.get(f"{TFRA}.moof_offset") + 8)(obj),
)
edit("offset 0 in tfra", FILE_INDEX, BOTH, raw(f"{TFRA}.moof_offset", 0))
edit("another traf in tfra", FILE_INDEX, "cmaf", set_(f"{TFRA}.traf", 2))
edit("another traf in tfra", FILE_INDEX, "mp4", set_(f"{TFRA}.traf", 1))
edit("another trun in tfra", FILE_INDEX, BOTH, set_(f"{TFRA}.trun", 2))
edit("another sample in tfra", FILE_INDEX, BOTH, set_(f"{TFRA}.sample", 2))
edit("no such sample in tfra", FILE_INDEX, BOTH, set_(f"{TFRA}.sample", 999))
edit("sample 0 in tfra", FILE_INDEX, BOTH, set_(f"{TFRA}.sample", 0))
edit("more entries than rows in tfra", ISO, BOTH, lambda obj: obj.set(f"{TFRA}.count", obj.get(f"{TFRA}.count") + 1))


def one_entry_fewer(obj):
    table = obj.find(TFRA)
    put(table, "count", obj.get(f"{TFRA}.count") - 1)
    del table.data[28:40]


edit("a fragment that mfra leaves out", FILE_INDEX, LONG, one_entry_fewer, which=0)


def no_entries(obj):
    table = obj.find(TFRA)
    del table.data[16:]
    put(table, "count", 0)


edit("an empty tfra", FILE_INDEX, BOTH, no_entries)
