"""Byte edits of names: keys of segments and span ends, spans. ONVIF 25.12, B.1 to B.7."""

import re
from datetime import datetime, timedelta

from byte_edits import edit_store, keys_with

BOTH = "cmaf mp4"


def video(objects, suffix=""):
    """The keys of the leading track's objects."""
    return keys_with(objects, f"m4v{suffix}") or keys_with(objects, f"mp4{suffix}")


def rename(objects, old, new):
    assert old != new
    objects[new] = objects.pop(old)


def renamed(name, rule, change, *, which=-1, suffix="", bases=BOTH):
    def apply(objects):
        key = video(objects, suffix)[which]
        rename(objects, key, change(key))

    edit_store(name, rule, bases, apply)


def swap(old, new):
    def change(key):
        assert old in key
        return key.replace(old, new)

    return change


def match(pattern, new):
    def change(key):
        made, count = re.subn(pattern, new, key)
        assert count == 1, key
        return made

    return change


TIME = re.compile(r"(\d{4}-\d\d-\d\d)(/camera-5/)(\d\d)/(\d\d-\d\d\.\d{3})Z")


def shifted(key, microseconds):
    def change(found):
        at = datetime.strptime(f"{found[1]} {found[3]}:{found[4]}", "%Y-%m-%d %H:%M-%S.%f")  # noqa: DTZ007  of a key
        at += timedelta(microseconds=microseconds)
        return at.strftime(f"%Y-%m-%d{found[2]}%H/%M-%S.") + f"{at.microsecond // 1000:03}Z"

    return TIME.sub(change, key)


# ---- the grammar ----------------------------------------------------------------------------------------------

GRAMMAR = "ANX-B.4-02"
renamed("no counter", GRAMMAR, match(r"Z\.\d+\.", "Z."))
renamed("a counter with a letter", GRAMMAR, swap("Z.", "Z.x"))
renamed("a negative counter", GRAMMAR, swap("Z.", "Z.-"))
renamed("seven digits of a fraction", GRAMMAR, match(r"(\.\d{3})Z", r"\g<1>0000Z"))
renamed("a fraction without digits", GRAMMAR, match(r"\.\d{3}Z", ".Z"))
renamed("a comma before the fraction", GRAMMAR, match(r"\.(\d{3}Z)", r",\1"))
renamed("colons in the time", GRAMMAR, match(r"/(\d\d)-(\d\d\.)", r"/\1:\2"))
renamed("a key that begins with a slash", GRAMMAR, lambda key: f"/{key}")
renamed("two slashes", GRAMMAR, swap("/15/", "//15/"))
renamed("no date", "ANX-B.4-06", swap("2022-11-08/", ""))
renamed("a month 13", "ANX-B.4-06", swap("2022-11-08", "2022-13-08"))
renamed("a day 31 in November", "ANX-B.4-06", swap("2022-11-08", "2022-11-31"))
renamed("a day of one digit", "ANX-B.4-06", swap("2022-11-08", "2022-11-8"))
renamed("a year of two digits", "ANX-B.4-06", swap("2022-11-08", "22-11-08"))
renamed("a date without dashes", "ANX-B.4-06", swap("2022-11-08", "20221108"))
renamed("a date of slashes", "ANX-B.4-06", swap("2022-11-08", "2022/11/08"))
renamed("day before month", "ANX-B.4-06", swap("2022-11-08", "31-11-2022"))
renamed("no hour", "ANX-B.4-07", swap("/15/", "/"))
renamed("hour and minute in one", "ANX-B.4-07", swap("/15/", "/15-"))
renamed("an hour 24", "ANX-B.4-08", swap("/15/", "/24/"))
renamed("an hour of one digit", "ANX-B.4-08", swap("/15/", "/5/"))
renamed("a minute 60", "ANX-B.4-08", swap("/08-", "/60-"))
renamed("a minute of one digit", "ANX-B.4-08", swap("/08-", "/8-"))
renamed("a second 61", "ANX-B.4-08", match(r"-\d\d\.(\d{3}Z)", r"-61.\1"))
renamed("no Z", "ANX-B.4-10", swap("Z.", "."))
renamed("a small z", "ANX-B.4-10", swap("Z.", "z."))
renamed("an offset for Z", "ANX-B.4-10", swap("Z.", "+00:00."))
renamed("a capital extension", "ANX-B.4-12", lambda key: key.rpartition(".")[0] + "." + key.rpartition(".")[2].upper())


# ---- times and counters ---------------------------------------------------------------------------------------

renamed("a key too late", "ANX-B.4-05", lambda key: shifted(key, 250_000), which=1)
renamed("a key too early", "ANX-B.4-05", lambda key: shifted(key, -250_000), which=1)
renamed("a key 130 ms too late", "ANX-B.4-05", lambda key: shifted(key, 130_000), which=1)
renamed("a key 130 ms too early", "ANX-B.4-05", lambda key: shifted(key, -130_000), which=1)
renamed("a key an hour too late", "ANX-B.4-05", lambda key: shifted(key, 3_600_000_000), which=-1)
renamed("the first key too late", "ANX-B.4-05", lambda key: shifted(key, 1_000_000), which=0)
renamed("a counter skipped", "ANX-B.4-11", match(r"Z\.3\.", "Z.4."))


def lost(which, extension=None):
    def apply(objects):
        keys = video(objects) if extension is None else keys_with(objects, extension)
        objects.pop(keys[which])

    return apply


edit_store("a lost segment", "ANX-B.4-11", BOTH, lost(1))
edit_store("a lost segment of sound", "ANX-B.4-11", "cmaf", lost(1, "m4a"))
edit_store("a lost last segment", "ANX-B.4-11", BOTH, lost(-1))


def counters_from_one(objects):
    keys = video(objects)
    at = [number for number, key in enumerate(keys) if "Z.0." in key][1]
    for key in reversed(keys[at:]):
        rename(objects, key, re.sub(r"Z\.(\d+)\.", lambda found: f"Z.{int(found[1]) + 1}.", key))


edit_store("a span that counts from one", "ANX-B.4-11", "cmaf-spans mp4-spans", counters_from_one)


def twice(objects):
    key = video(objects)[1]
    objects[key.replace("Z.1.", "Z.01.")] = objects[key]


edit_store("a segment twice", "ANX-B.4-01", BOTH, twice)


def relabelled(old, new, kinds):
    def apply(objects):
        for key in list(objects):
            if key.endswith((f".{new}", f".{new}_end")):
                objects.pop(key)
        for key in list(objects):
            if key.endswith((f".{old}", f".{old}_end")):
                rename(objects, key, key.replace(f".{old}", f".{new}"))
                objects[key.replace(f".{old}", f".{new}")][1] = kinds

    return apply


edit_store("sound called pictures", "ANX-B.4-12", "cmaf", relabelled("m4a", "m4v", 'video/mp4; codecs="mp4a.40.2"'))
edit_store("documents called sound", "ANX-B.4-12", "cmaf", relabelled("m4m", "m4a", 'audio/mp4; codecs="metx"'))
edit_store(
    "several tracks called pictures",
    "ANX-B.7-01",
    "mp4",
    relabelled("mp4", "m4v", 'video/mp4; codecs="avc1.64000C,mp4a.40.2,metx"'),
)


# ---- span ends ------------------------------------------------------------------------------------------------


def gone(which):
    def apply(objects):
        objects.pop(video(objects, "_end")[which])

    return apply


edit_store("no end before the next span", "ANX-B.5-01", "cmaf-spans mp4-spans", gone(0))


def not_empty(objects):
    objects[video(objects, "_end")[0]][0] = b"end"


edit_store("an end that is not empty", "ANX-B.5-01", BOTH, not_empty)
renamed("an end without Z", "ANX-B.5-02", swap("Z.", "."), suffix="_end")
renamed("an end without counter", "ANX-B.5-02", match(r"Z\.\d+\.", "Z."), suffix="_end")
renamed("an end with a month 13", "ANX-B.5-02", swap("2022-11-08", "2022-13-08"), suffix="_end")
renamed("an end too late", "ANX-B.5-03", lambda key: shifted(key, 250_000), suffix="_end")
renamed("an end too early", "ANX-B.5-03", lambda key: shifted(key, -100_000), suffix="_end")
renamed("an end before the last segment", "ANX-B.5-03", lambda key: shifted(key, -20_000_000), suffix="_end")
renamed("an end with the last counter", "ANX-B.5-04", match(r"Z\.4\.", "Z.3."), suffix="_end")
renamed("an end two behind", "ANX-B.5-04", match(r"Z\.4\.", "Z.5."), suffix="_end")
renamed("an end of another kind", "ANX-B.5-05", swap("m4v_end", "mp4_end"), suffix="_end", bases="cmaf")
renamed("an end of another kind", "ANX-B.5-05", swap("mp4_end", "m4v_end"), suffix="_end", bases="mp4")
renamed("an end in capitals", "ANX-B.5-05", lambda key: key.replace("_end", "_END"), suffix="_end")


# ---- spans at the same time -----------------------------------------------------------------------------------


def earlier(objects):
    keys = video(objects)
    at = [number for number, key in enumerate(keys) if "Z.0." in key][1]
    moved = [*keys[at:], *[key for key in video(objects, "_end") if key > keys[at + 1]]]
    for key in moved:
        rename(objects, key, shifted(key, -1_000_000))


edit_store("two spans at a time", ("ANX-B.7-01", "ANX-B.6-01"), "cmaf-spans mp4-spans", earlier)
