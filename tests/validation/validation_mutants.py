"""One broken store for each rule: what is broken, and what else cannot help but be found with it."""

import base64
from dataclasses import dataclass, replace

from validation_kit import keys_of, opened, put, rename

from onvif_bmff.bmff import (
    Columns,
    FreeSpaceBox,
    MediaHeaderBox,
    MovieFragmentRandomAccessOffsetBox,
    MovieHeaderBox,
    TimeToSampleBox,
    TrackFragmentBaseMediaDecodeTimeBox,
    TrackFragmentRandomAccessBox,
    TrackHeaderBox,
    TrackRunBox,
    parse_boxes,
)
from onvif_bmff.objects.key import ObjectKey
from onvif_bmff.objects.seek_table import SeekTable

MUTANTS = []


@dataclass
class Mutant:
    rule: str
    base: str
    breaks: object
    besides: frozenset

    def __str__(self):
        return f"{self.rule}-{self.breaks.__name__}"


def breaks(rule, base, *besides):
    def note(function):
        MUTANTS.append(Mutant(rule, base, function, frozenset(besides)))
        return function

    return note


def edit(rule, base, extension, *besides, number=1):
    """A mutant of one object, which is handed over opened."""

    def note(function):
        def change(store):
            with opened(store, extension, number) as obj:
                function(obj)

        change.__name__ = function.__name__
        MUTANTS.append(Mutant(rule, base, change, frozenset(besides)))
        return function

    return note


def attribute(rule, extension, name, value, *besides, base=None):
    @edit(rule, base or ("mp4" if extension == "mp4" else "cmaf"), extension, *besides)
    def change(obj):
        assert name in obj.attributes
        obj.fix = False
        obj.attributes[name] = value

    MUTANTS[-1].breaks.__name__ = f"{name}={value[:20]}"


def columns(table, **changed):
    kept = {name: list(table[name]) for name in table.names}
    return Columns(**{**kept, **changed})


# ---- names ----------------------------------------------------------------------------------------------------


def renamed(rule, make, *besides):
    def change(store):
        rename(store, *make(keys_of(store, "m4v")))

    change.__name__ = "renamed"
    MUTANTS.append(Mutant(rule, "cmaf", change, frozenset(besides)))


renamed("ANX-B.4-02", lambda keys: (keys[-1], keys[-1].replace("Z.", "Z.x")), "ANX-B.4-11")
renamed("ANX-B.4-06", lambda keys: (keys[-1], keys[-1].replace("2022-11-08", "2022-13-08")), "ANX-B.4-11")
renamed("ANX-B.4-07", lambda keys: (keys[-1], keys[-1].replace("/15/", "/")), "ANX-B.4-11")
renamed("ANX-B.4-08", lambda keys: (keys[-1], keys[-1].replace("/15/", "/25/")), "ANX-B.4-11")
renamed("ANX-B.4-10", lambda keys: (keys[-1], keys[-1].replace("Z.", ".")), "ANX-B.4-11")
renamed("ANX-B.4-05", lambda keys: (keys[1], keys[1].replace("08-25.5", "08-25.9")))


@breaks("ANX-B.4-01", "cmaf")
def the_same_segment_twice(store):
    key = keys_of(store, "m4v")[1]
    info = store.head(key)
    put(store, key.replace("Z.1.", "Z.01."), store.get(key), info.content_type, info.attributes)


@breaks("ANX-B.4-11", "cmaf")
def lost_object(store):
    store.delete(keys_of(store, "m4v")[1])


@breaks("ANX-B.4-12", "cmaf")
def audio_called_video(store):
    for key in [*keys_of(store, "m4v"), *keys_of(store, "m4v_end")]:
        store.delete(key)
    for key in [*keys_of(store, "m4a"), *keys_of(store, "m4a_end")]:
        new = rename(store, key, key.replace(".m4a", ".m4v"))
        info = store.head(new)
        put(store, new, store.get(new), info.content_type.replace("audio/", "video/"), info.attributes)


# ---- spans ----------------------------------------------------------------------------------------------------


@breaks("ANX-B.5-01", "cmaf-spans")
def no_end_object(store):
    store.delete(keys_of(store, "m4v_end")[0])


@breaks("ANX-B.5-01", "cmaf")
def an_end_object_that_is_not_empty(store):
    put(store, keys_of(store, "m4v_end")[0], b"end")


def end_renamed(rule, make, *besides, base="cmaf"):
    def change(store):
        key = keys_of(store, "m4v_end")[0]
        rename(store, key, make(key))

    change.__name__ = "end_renamed"
    MUTANTS.append(Mutant(rule, base, change, frozenset(besides)))


end_renamed("ANX-B.5-02", lambda key: key.replace("Z.", "."))
end_renamed("ANX-B.5-03", lambda key: str(_later(key)))
end_renamed("ANX-B.5-04", lambda key: str(replace(ObjectKey.parse(key), counter=2)))
end_renamed("ANX-B.5-05", lambda key: key.replace(".m4v_end", ".mp4_end"))


def _later(key):
    found = ObjectKey.parse(key)
    return replace(found, time=found.time.plus_microseconds(250_000))


@breaks("ANX-B.6-01", "mp4-spans")
def mp4_spans_at_the_same_time(store):
    _move_second_span(store, "mp4")


@breaks("ANX-B.7-01", "cmaf-spans")
def cmaf_spans_at_the_same_time(store):
    _move_second_span(store, "m4v")


def _move_second_span(store, extension):
    """The second span begins a quarter of a second too early."""
    names = list(store.keys())
    keys = [key for key in names if key.rpartition(".")[2] in (extension, f"{extension}_end")]
    at = [number for number, key in enumerate(keys) if f"Z.0.{extension}" in key][1]
    start = ObjectKey.parse(keys[at]).time
    for key in keys[at:]:
        found = ObjectKey.parse(key)
        if not (found.span_end and found.time.microseconds_since(start) < 1_000_000):
            rename(store, key, str(replace(found, time=found.time.plus_microseconds(-250_000))))


@edit("ANX-B.7-01", "cmaf", "m4v", "C-20", "ANX-B.2-05")
def two_tracks_in_cmaf(obj):
    (again,) = parse_boxes(obj.trak().build())
    again.require(TrackHeaderBox).track_id = 9
    obj.moov.require(MovieHeaderBox).next_track_id = 10
    obj.add(obj.moov, again, at=2)


@edit("ANX-B.3-04", "cmaf", "m4v", "ANX-B.1-06")
def gap_between_segments(obj):
    shift(obj, 9)


@edit("ANX-B.1-06", "cmaf", "m4v", "ANX-B.3-04")
def overlap_of_segments(obj):
    shift(obj, -9)


def shift(obj, ticks, moofs=None):
    """Move all times of some fragments by ticks, in the indexes too."""
    moofs = obj.moofs if moofs is None else moofs
    places = {moof.offset for moof in moofs}
    for moof in moofs:
        for _, box in moof.walk():
            if isinstance(box, TrackFragmentBaseMediaDecodeTimeBox):
                box.base_media_decode_time += ticks
    for table in obj.mfra.find_all(TrackFragmentRandomAccessBox):
        rows = zip(table.entries["time"], table.entries["moof_offset"], strict=True)
        table.entries = columns(table.entries, time=[time + ticks * (place in places) for time, place in rows])
    obj.attributes["SeekTable"] = SeekTable.from_mfra(obj.mfra).to_base64()


@edit("ANX-B.2-05", "cmaf", "m4v")
def another_moov_in_the_same_span(obj):
    obj.trak().require(TrackHeaderBox).width += 1 << 16


@edit("ANX-B.2-05", "mp4", "mp4", "ANX-B.1-06", "ANX-B.6-07", "ANX-B.9.2-01")
def no_decode_times(obj):
    obj.drop(obj.moofs[0].children[-1], TrackFragmentBaseMediaDecodeTimeBox)


# ---- the file -------------------------------------------------------------------------------------------------


@edit("ANX-B.1-02", "mp4", "mp4")
def something_before_ftyp(obj):
    obj.boxes.insert(0, FreeSpaceBox(data=b"free"))


@edit("ANX-B.1-02", "mp4", "mp4")
def no_moov(obj):
    obj.boxes.remove(obj.moov)


@edit("ANX-B.1-03", "cmaf", "m4v", number=-1)
def no_fragments(obj):
    obj.boxes = obj.boxes[:2]
    for name in ("SeekTable", "Duration"):
        del obj.attributes[name]


@edit("ANX-B.1-04", "mp4-long", "mp4", "ANX-B.5-03", number=0)
def gap_within_a_segment(obj):
    shift(obj, 100_000, moofs=obj.moofs[-1:])


@edit("ANX-B.3-06", "cmaf", "m4v", "ANX-B.7-11", "ANX-B.9.2-01")
def begins_without_a_sync_sample(obj):
    obj.inside(obj.traf(), TrackRunBox).first_sample_flags = 0x01010000


@edit("ANX-B.3-08", "cmaf", "m4v")
def cut_off(obj):
    body = obj.build()
    obj.boxes, obj.fix, obj.tail = [], False, body[: len(body) * 3 // 4]


@edit("ANX-B.6-05", "mp4", "mp4", "ANX-B.2-05")
def samples_in_the_moov(obj):
    obj.inside(obj.trak(), TimeToSampleBox).entries = Columns(sample_count=[1], sample_delta=[1])


@edit("ANX-B.6-06", "mp4", "mp4")
def no_mfra(obj):
    obj.boxes.remove(obj.mfra)


@edit("ANX-B.6-06", "mp4", "mp4")
def something_after_mfra(obj):
    obj.boxes.append(FreeSpaceBox(data=b""))


@edit("ANX-B.6-07", "mp4", "mp4")
def a_track_that_mfra_leaves_out(obj):
    obj.mfra.children = obj.mfra.children[1:]


@edit("ANX-B.6-07", "mp4", "mp4")
def a_wrong_time_in_mfra(obj):
    table = obj.mfra.children[0]
    table.entries = columns(table.entries, time=[time + 1 for time in table.entries["time"]])


@edit("ANX-B.7-11", "cmaf", "m4v")
def a_wrong_offset_in_mfra(obj):
    table = obj.mfra.children[0]
    table.entries = columns(table.entries, moof_offset=[offset + 8 for offset in table.entries["moof_offset"]])


@edit("ANX-B.3-08", "mp4", "mp4")
def a_wrong_size_in_mfro(obj):
    obj.build()
    obj.fix = False
    obj.inside(obj.mfra, MovieFragmentRandomAccessOffsetBox).parent_size += 1


# ---- content types and attributes -----------------------------------------------------------------------------


def content_type(rule, extension, old, new):
    @edit(rule, "mp4" if extension == "mp4" else "cmaf", extension)
    def change(obj):
        assert old in obj.content_type
        obj.content_type = obj.content_type.replace(old, new)

    MUTANTS[-1].breaks.__name__ = f"{extension}:{new}"


content_type("ANX-B.6-03", "mp4", "video/mp4", "application/mp4")
content_type("ANX-B.7-03", "m4v", "video/mp4", "video/quicktime")
content_type("ANX-B.7-05", "m4a", "audio/mp4", "video/mp4")
content_type("ANX-B.7-07", "m4m", "application/mp4", "text/xml")
content_type("ANX-B.6-04", "mp4", ",metx", "")
content_type("ANX-B.7-08", "m4v", "codecs", "profiles")

attribute("ANX-B.9-05", "m4v", "Version", "2.0")
attribute("ANX-B.9-05", "m4v", "Version", "1")
attribute("ANX-B.9-07", "m4v", "Duration", "PT2.5S")
attribute("ANX-B.9-07", "mp4", "Duration", "two seconds")
attribute("ANX-B.9-08", "m4v", "FullContentType", 'video/mp4; codecs="mp4a.40.2"')
attribute("ANX-B.9-09", "m4v", "VideoBitrate", "90000000")
attribute("ANX-B.9-09", "m4a", "AudioBitrate", "1.5")
attribute("ANX-B.9-10", "m4v", "VideoWidth", "1")
attribute("ANX-B.9-11", "m4v", "VideoFramerate", "12.5")
attribute("ANX-B.9-12", "m4a", "AudioSampleRate", "48000")
attribute("ANX-B.9.1-01", "m4v", "Timescale", "1000")
attribute("ANX-B.9.2-01", "m4v", "SeekTable", "no table")


@edit("ANX-B.9.1-02", "mp4", "mp4", "ANX-B.2-05")
def timescales_that_differ(obj):
    obj.inside(obj.trak(2), MediaHeaderBox).timescale //= 2


@edit("ANX-B.9.1-03", "mp4", "mp4", "ANX-B.2-05")
def another_timescale_in_mvhd(obj):
    obj.inside(obj.moov, MovieHeaderBox).timescale = 600


@edit("ANX-B.9.2-01", "cmaf", "m4v")
def a_seek_table_that_lies(obj):
    table = SeekTable.from_base64(obj.attributes["SeekTable"]).to_mfra()
    box = table.children[0]
    box.entries = columns(box.entries, time=[time + 1 for time in box.entries["time"]])
    obj.attributes["SeekTable"] = SeekTable.from_mfra(table).to_base64()


@edit("ANX-B.9.2-05", "mp4", "mp4")
def a_seek_table_without_audio(obj):
    table = SeekTable.from_base64(obj.attributes["SeekTable"])
    obj.attributes["SeekTable"] = SeekTable(table.tracks[:1]).to_base64()


@edit("ANX-B.9.2-07", "cmaf", "m4v")
def a_seek_table_with_the_length_of_mfro(obj):
    data = base64.b64decode(obj.attributes["SeekTable"])
    longer = (len(data) + 16).to_bytes(4, "big") + data[4:]
    obj.fix = False
    obj.attributes["SeekTable"] = base64.b64encode(longer).decode()


@edit("ANX-B.9.2-08", "cmaf", "m4v")
def a_seek_table_without_timescale(obj):
    del obj.attributes["Timescale"]


@edit("ANX-B.9.2-04", "cmaf", "m4a")
def a_seek_table_of_many_entries(obj):
    table = SeekTable.from_base64(obj.attributes["SeekTable"]).tracks[0]
    first = table.entries[0]
    more = tuple(first._replace(time=first.time + 1024 * n, sample_number=n + 1) for n in range(21))
    obj.attributes["SeekTable"] = SeekTable((replace(table, entries=more),)).to_base64()


@edit("ANX-B.9.2-03", "cmaf-long", "m4v", number=0)
def a_seek_table_too_thin(obj):
    table = SeekTable.from_base64(obj.attributes["SeekTable"])
    obj.attributes["SeekTable"] = table.condense(1).to_base64()


@breaks("ANX-B.5-03", "cmaf-long")
def an_end_before_the_last_segment(store):
    key = keys_of(store, "m4v_end")[0]
    found = ObjectKey.parse(key)
    rename(store, key, str(replace(found, time=found.time.plus_microseconds(-20_000_000))))
