"""Byte edits of content types and attributes. ONVIF 25.12, B.6, B.7, B.9."""

import base64

from byte_edits import ALL, M4A, M4M, edit
from byte_kit import nodes, put

BOTH = "cmaf mp4"


def content_type(name, rules, bases, change, **options):
    def apply(obj):
        new = change(obj.content_type)
        assert new != obj.content_type
        obj.content_type = new

    edit(name, rules, bases, apply, **options)


def attribute(name, rule, bases, label, change, **options):
    def apply(obj):
        obj.fix = False
        new = change(obj.attributes[label]) if callable(change) else change
        assert new != obj.attributes[label]
        obj.attributes[label] = new

    edit(name, rule, bases, apply, **options)


KIND = ("ANX-B.7-03", "ANX-B.6-03")
CODECS = ("ANX-B.7-08", "ANX-B.6-04")
for which in (1, ALL):
    content_type(
        f"another content type ({which})",
        KIND,
        BOTH,
        lambda old: old.replace("video/mp4", "application/mp4"),
        which=which,
    )
content_type("octets for a content type", KIND, BOTH, lambda old: "application/octet-stream")
content_type("audio for a content type", KIND, BOTH, lambda old: old.replace("video/mp4", "audio/mp4"))
content_type(
    "video for a content type", "ANX-B.7-05", "cmaf", lambda old: old.replace("audio/mp4", "video/mp4"), extension=M4A
)
content_type(
    "text for a content type",
    "ANX-B.7-07",
    "cmaf",
    lambda old: old.replace("application/mp4", "text/xml"),
    extension=M4M,
)
content_type("no codecs", CODECS, BOTH, lambda old: old.partition(";")[0])
content_type("no codecs", "ANX-B.7-08", "cmaf", lambda old: old.partition(";")[0], extension=M4A)
content_type("no codecs", "ANX-B.7-08", "cmaf", lambda old: old.partition(";")[0], extension=M4M)
content_type("another level in codecs", CODECS, BOTH, lambda old: old.replace("64000C", "640028"))
content_type("another codec", CODECS, BOTH, lambda old: old.replace("avc1.64000C", "hvc1.1.6.L93.B0"))
content_type("a track left out of codecs", "ANX-B.6-04", "mp4", lambda old: old.replace(",mp4a.40.2", ""))
content_type(
    "an encrypted entry in codecs", CODECS, "cmaf-cenc mp4-cenc", lambda old: old.replace("avc1.64000C", "encv")
)

attribute("version 2.0", "ANX-B.9-05", BOTH, "Version", "2.0")
attribute("version 1", "ANX-B.9-05", BOTH, "Version", "1")
attribute("version v1.0", "ANX-B.9-05", BOTH, "Version", "v1.0")
attribute("a duration too long", "ANX-B.9-07", BOTH, "Duration", "PT2.5S")
attribute("a duration too short", "ANX-B.9-07", BOTH, "Duration", "PT1.96S")
attribute("a duration of nothing", "ANX-B.9-07", BOTH, "Duration", "PT0S")
attribute("a duration in seconds", "ANX-B.9-07", BOTH, "Duration", "2")
attribute("a duration in words", "ANX-B.9-07", BOTH, "Duration", "two seconds")
attribute("a duration of sound", "ANX-B.9-07", "cmaf", "Duration", "PT2S", extension=M4A)
FULL = "ANX-B.9-08"
attribute("FullContentType of audio", FULL, BOTH, "FullContentType", lambda old: old.replace("video/", "audio/"))
attribute("FullContentType without codecs", FULL, BOTH, "FullContentType", "video/mp4")
attribute("FullContentType without audio", FULL, BOTH, "FullContentType", lambda old: old.replace(",mp4a.40.2", ""))
attribute(
    "FullContentType without audio everywhere",
    FULL,
    BOTH,
    "FullContentType",
    lambda old: old.replace(",mp4a.40.2", ""),
    which=ALL,
)
attribute("FullContentType without video", FULL, BOTH, "FullContentType", lambda old: old.replace("avc1.64000C,", ""))
attribute("FullContentType without metadata", FULL, BOTH, "FullContentType", lambda old: old.replace(",metx", ""))
attribute(
    "FullContentType without video",
    FULL,
    "cmaf",
    "FullContentType",
    lambda old: old.replace("avc1.64000C,", ""),
    extension=M4A,
)
attribute(
    "FullContentType without video",
    FULL,
    "cmaf",
    "FullContentType",
    lambda old: old.replace("avc1.64000C,", ""),
    extension=M4M,
)
RATE = "ANX-B.9-09"
attribute("bits per second", RATE, BOTH, "VideoBitrate", lambda old: old + "000")
attribute("half a kilobit", RATE, BOTH, "VideoBitrate", "66.5")
attribute("a bit rate with its unit", RATE, BOTH, "VideoBitrate", "66k")
attribute("a negative bit rate", RATE, BOTH, "VideoBitrate", "-66")
attribute("a bit rate of 0", RATE, BOTH, "VideoBitrate", "0")
attribute("bits per second of sound", RATE, BOTH, "AudioBitrate", lambda old: old + "000", extension=M4A)
PICTURE = "ANX-B.9-10"
attribute("another width", PICTURE, BOTH, "VideoWidth", "640")
attribute("a width in words", PICTURE, BOTH, "VideoWidth", "320px")
attribute("another height", PICTURE, BOTH, "VideoHeight", "184")
attribute("a frame rate of half", "ANX-B.9-11", BOTH, "VideoFramerate", "12.5")
attribute("a frame rate as a fraction", "ANX-B.9-11", BOTH, "VideoFramerate", "25/1")
attribute("a frame rate of nothing", "ANX-B.9-11", BOTH, "VideoFramerate", "0")
attribute("hertz", "ANX-B.9-12", BOTH, "AudioSampleRate", "48000", extension=M4A)
attribute("another sample rate", "ANX-B.9-12", BOTH, "AudioSampleRate", "44", extension=M4A)
attribute("a sample rate as a float", "ANX-B.9-12", BOTH, "AudioSampleRate", "44.1", extension=M4A)
SCALE = "ANX-B.9.1-01"
attribute("another timescale", SCALE, BOTH, "Timescale", "1000")
attribute("timescale 0", SCALE, BOTH, "Timescale", "0")
attribute("a timescale in words", SCALE, BOTH, "Timescale", "ticks")


# ---- SeekTable ------------------------------------------------------------------------------------------------

TABLE = "ANX-B.9.2-01"


def table(change):
    """An edit of the mfra in SeekTable."""

    def apply(old):
        (mfra,) = nodes(base64.b64decode(old))
        change(mfra)
        return base64.b64encode(mfra.build()).decode()

    return apply


def first(label, value):
    return table(lambda mfra: put(mfra.children[0], label, value))


def seek(name, rule, bases, change, **options):
    attribute(name, rule, bases, "SeekTable", change, **options)


seek("no base64", TABLE, BOTH, "no table!")
seek("no padding", TABLE, "cmaf", lambda old: old.rstrip("="))
seek("half of it", TABLE, BOTH, lambda old: old[: len(old) // 8 * 4])
seek("hexadecimal", TABLE, BOTH, lambda old: base64.b64decode(old).hex())
seek("another box", TABLE, BOTH, table(lambda mfra: setattr(mfra, "kind", "moof")))
seek("another time", TABLE, BOTH, first("time", 7))
seek("another offset", TABLE, BOTH, first("moof_offset", 7))
seek("another sample", TABLE, BOTH, first("sample", 2))
seek("another trun", TABLE, BOTH, first("trun", 3))
seek("an unknown track", TABLE, BOTH, first("track_id", 9))
seek("no sound", "ANX-B.9.2-05", "mp4", table(lambda mfra: mfra.children.pop(1)))
seek("no tracks", "ANX-B.9.2-05", BOTH, table(lambda mfra: mfra.children.clear()))
seek("the length of an mfro", "ANX-B.9.2-07", BOTH, table(lambda mfra: setattr(mfra, "grown", 16)))


def later_only(mfra):
    one = mfra.children[0]
    put(one, "count", int.from_bytes(one.data[12:16], "big") - 1)
    del one.data[16:28]


seek("not the first sample", "ANX-B.9.2-05", "cmaf-long mp4-long", table(later_only), which=0)


def only_first(mfra):
    one = mfra.children[0]
    put(one, "count", 1)
    del one.data[28:]


seek("one entry for twelve seconds", "ANX-B.9.2-03", "cmaf-long", table(only_first), which=0)


def many(mfra):
    one = mfra.children[0]
    put(one, "count", 21)
    entry = bytes(one.data[16:28])
    for number in range(1, 21):
        more = bytearray(entry)
        more[:4] = (int.from_bytes(entry[:4], "big") + 1024 * number).to_bytes(4, "big")
        more[10:12] = (number + 1).to_bytes(2, "big")
        one.data += more


seek("many entries", "ANX-B.9.2-04", "cmaf", table(many), extension=M4A)


def without(label):
    def change(obj):
        obj.fix = False
        del obj.attributes[label]

    return change


edit("SeekTable without Timescale", "ANX-B.9.2-08", BOTH, without("Timescale"))
