"""Object attributes (Table B.1)."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onvif_bmff.errors import ObjectAttributeError
from onvif_bmff.objects import (
    ObjectAttributes,
    SeekEntry,
    SeekTable,
    StorageType,
    TrackSeekTable,
    bitrate_in_kilobits,
    sample_rate_in_kilohertz,
)
from onvif_bmff.objects.attributes import _TABLE

FULL_TYPE = 'video/mp4; codecs="avc1.640028,mp4a.40.2"'


def table(tracks=1, count=20, first=0):
    rows = tuple(SeekEntry(first + index * 180_000, index * 500_000) for index in range(count))
    return SeekTable(tuple(TrackSeekTable(track_id, rows) for track_id in range(1, tracks + 1)))


FULL = ObjectAttributes(
    source="camera-5",
    event_topic="tns1:RuleEngine/CellMotionDetector/Motion",
    duration=timedelta(seconds=60, milliseconds=33),
    full_content_type=FULL_TYPE,
    video_channel="1",
    video_bitrate=4000,
    video_width=1920,
    video_height=1080,
    video_framerate=29.97,
    audio_channel="2",
    audio_bitrate=64,
    audio_sample_rate=48,
    timescale=90_000,
    seek_table=table(),
)

texts = st.none() | st.text(st.characters(codec="utf-8"), max_size=30)
attributes = st.builds(
    ObjectAttributes,
    version=st.from_regex("[0-9]{1,5}\\.[0-9]{1,5}", fullmatch=True),
    source=texts,
    event_topic=texts,
    duration=st.none() | st.timedeltas(timedelta(0), timedelta(days=400)),
    full_content_type=st.none() | st.just(FULL_TYPE),
    video_channel=texts,
    video_bitrate=st.none() | st.integers(0, 2**32 - 1),
    video_width=st.none() | st.integers(0, 65_535),
    video_height=st.none() | st.integers(0, 65_535),
    video_framerate=st.none() | st.floats(0, 1e8),
    audio_channel=texts,
    audio_bitrate=st.none() | st.integers(0, 2**32 - 1),
    audio_sample_rate=st.none() | st.integers(0, 1000),
    timescale=st.integers(1, 2**32 - 1),
    seek_table=st.none() | st.just(table()),
    other=st.dictionaries(st.from_regex("x[A-Za-z0-9_]{0,9}", fullmatch=True), st.text(max_size=9), max_size=3),
).filter(lambda made: not any("\ud800" <= letter <= "\udfff" for value in made.other.values() for letter in value))


@pytest.mark.requirement("ANX-B.9-01")
@pytest.mark.requirement("ANX-B.9-06")
@given(attributes)
def test_round_trip(made):
    metadata = made.to_metadata()
    assert ObjectAttributes.from_metadata(metadata) == made
    assert ObjectAttributes.from_metadata({name.lower(): value for name, value in metadata.items() if name in _TABLE})
    for value in metadata.values():
        assert value.isascii()
        assert value.isprintable()
        assert value == value.strip()


@pytest.mark.requirement("ANX-B.9-05")
@pytest.mark.requirement("ANX-B.9-07")
@pytest.mark.requirement("ANX-B.9-08")
@pytest.mark.requirement("ANX-B.9-09")
@pytest.mark.requirement("ANX-B.9-10")
@pytest.mark.requirement("ANX-B.9-11")
@pytest.mark.requirement("ANX-B.9-12")
@pytest.mark.requirement("ANX-B.9.1-01")
def test_the_whole_table():
    metadata = FULL.to_metadata()
    assert metadata == {
        "Version": "1.0",
        "Source": "camera-5",
        "EventTopic": "tns1:RuleEngine/CellMotionDetector/Motion",
        "Duration": "PT60.033S",
        "FullContentType": FULL_TYPE,
        "VideoChannel": "1",
        "VideoBitrate": "4000",
        "VideoWidth": "1920",
        "VideoHeight": "1080",
        "VideoFramerate": "29.97",
        "AudioChannel": "2",
        "AudioBitrate": "64",
        "AudioSampleRate": "48",
        "Timescale": "90000",
        "SeekTable": table().to_base64(),
    }
    assert list(metadata) == list(_TABLE)
    assert {where for where, _ in _TABLE.values()} | {"other"} == set(ObjectAttributes.__slots__)


@pytest.mark.requirement("ANX-B.9-04")
@pytest.mark.requirement("ANX-B.9-13")
def test_every_attribute_may_be_left_out():
    assert ObjectAttributes().to_metadata() == {"Version": "1.0"}
    assert ObjectAttributes(audio_bitrate=64, video_width=640).to_metadata() == {
        "Version": "1.0",
        "VideoWidth": "640",
        "AudioBitrate": "64",
    }


@pytest.mark.requirement("ANX-B.9-02")
@pytest.mark.requirement("ANX-B.9-03")
def test_headers():
    assert ObjectAttributes(source="x").headers(StorageType.S3) == {
        "x-amz-meta-Version": "1.0",
        "x-amz-meta-Source": "x",
    }
    assert ObjectAttributes().headers(StorageType.AZURE) == {"x-ms-meta-Version": "1.0"}
    assert StorageType("ObjectStorageS3") is StorageType.S3


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("Caméra", "Cam%C3%A9ra"),
        ("100%", "100%25"),
        ("%41", "%2541"),
        (" both ends ", "%20both ends%20"),
        ("  ", "%20%20"),
        ("a\r\nb", "a%0D%0Ab"),
        ('quoted "text"; a=b, c', 'quoted "text"; a=b, c'),
        ("", ""),
    ],
)
def test_text_is_percent_encoded(value, written):
    assert ObjectAttributes(source=value).to_metadata()["Source"] == written
    assert ObjectAttributes.from_metadata({"source": written}).source == value


def test_what_others_write_is_read_kindly():
    assert ObjectAttributes.from_metadata({"source": "100%"}).source == "100%"
    assert ObjectAttributes.from_metadata({"SOURCE": "%FF%FE"}).source == "%FF%FE"
    found = ObjectAttributes.from_metadata({"Version": "1.0", "vendor_thing": "7"})
    assert found.other == {"vendor_thing": "7"}
    assert found.to_metadata() == {"Version": "1.0", "vendor_thing": "7"}


@pytest.mark.requirement("ANX-B.9.2-08")
def test_seek_table_needs_the_timescale():
    with pytest.raises(ObjectAttributeError):
        ObjectAttributes(seek_table=table())
    metadata = FULL.to_metadata()
    del metadata["Timescale"]
    with pytest.raises(ObjectAttributeError):
        ObjectAttributes.from_metadata(metadata)
    assert ObjectAttributes.from_metadata(metadata, strict=False).seek_table is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Version", "one"),
        ("Version", "1"),
        ("Duration", "60"),
        ("Duration", "-PT5S"),
        ("Duration", "P1M"),
        ("FullContentType", "audio/mp4; codecs=x"),
        ("FullContentType", "video/mp4"),
        ("VideoBitrate", "4000.5"),
        ("VideoBitrate", "-1"),
        ("VideoBitrate", "٣"),
        ("AudioBitrate", "9999999999"),
        ("VideoWidth", "65536"),
        ("VideoFramerate", "nan"),
        ("VideoFramerate", "1e3"),
        ("VideoFramerate", "9999999999"),
        ("AudioSampleRate", ""),
        ("Timescale", "0"),
        ("Timescale", "4294967296"),
        ("SeekTable", "AAAA"),
    ],
)
def test_bad_values(name, value):
    with pytest.raises(ObjectAttributeError) as caught:
        ObjectAttributes.from_metadata({name: value, "Source": "x"})
    assert name in str(caught.value)
    kindly = ObjectAttributes.from_metadata({name: value, "Source": "x"}, strict=False)
    assert kindly == ObjectAttributes(source="x")


@pytest.mark.parametrize(
    "changes",
    [
        {"version": "1"},
        {"duration": timedelta(seconds=-1)},
        {"full_content_type": "video/mp4"},
        {"video_width": -1},
        {"video_framerate": float("inf")},
        {"video_framerate": -1.0},
        {"timescale": 0},
        {"other": {"Version": "2"}},
        {"other": {"seektable": ""}},
        {"other": {"no-name": ""}},
    ],
)
def test_bad_fields(changes):
    with pytest.raises(ObjectAttributeError):
        ObjectAttributes(**changes)


def test_other_names():
    with pytest.raises(ObjectAttributeError):
        ObjectAttributes.from_metadata({"no-name": "1"})
    assert ObjectAttributes.from_metadata({"no-name": "1"}, strict=False) == ObjectAttributes()
    with pytest.raises(ObjectAttributeError):
        ObjectAttributes(source="\ud800").to_metadata()


@given(st.dictionaries(st.sampled_from([*_TABLE, "x"]), st.text(max_size=20)))
def test_any_metadata_is_read_or_an_error(metadata):
    ObjectAttributes.from_metadata(metadata, strict=False)
    try:
        ObjectAttributes.from_metadata(metadata)
    except ObjectAttributeError:
        return


# ---- budget -------------------------------------------------------------------------------------------


@pytest.mark.requirement("ANX-B.9.2-04")
@pytest.mark.parametrize("tracks", [1, 2, 3])
def test_twenty_entries_in_all_fit_every_store(tracks):
    for first in (0, 2**33):
        whole = ObjectAttributes(
            **{
                **{where: getattr(FULL, where) for where, _ in _TABLE.values()},
                "seek_table": table(tracks, 100, first).condense(),
            }
        )
        assert whole.fitted(StorageType.S3) is whole
        assert whole.fitted(StorageType.AZURE) is whole


def test_a_long_seek_table_is_thinned_before_anything_is_dropped():
    long = ObjectAttributes(source="camera-5", duration=timedelta(seconds=60), timescale=1, seek_table=table(3, 200))
    fitted = long.fitted(StorageType.S3)
    assert fitted.size(StorageType.S3) <= 2048 < long.size(StorageType.S3)
    assert (fitted.source, fitted.duration, fitted.timescale) == ("camera-5", timedelta(seconds=60), 1)
    assert len(fitted.seek_table) > 60
    assert [track.entries[0] for track in fitted.seek_table.tracks] == [
        track.entries[0] for track in long.seek_table.tracks
    ]
    assert len(long.fitted(StorageType.AZURE).seek_table) > len(fitted.seek_table)


def test_the_less_important_is_dropped_first():
    room = FULL.fitted(StorageType.S3, 300)
    assert room.duration == FULL.duration
    assert room.source == FULL.source
    assert len(room.seek_table) == 1
    assert room.audio_sample_rate is None
    huge = ObjectAttributes(source="x" * 3000, event_topic="y", other={"a": "1", "b": "2" * 3000})
    assert huge.fitted(StorageType.S3) == ObjectAttributes(event_topic="y", other={"a": "1"})


@given(attributes, st.integers(40, 3000))
def test_fitted_fits(made, limit):
    fitted = made.fitted(StorageType.S3, limit)
    assert fitted.size(StorageType.S3) <= limit
    assert (fitted is made) == (made.size(StorageType.S3) <= limit)
    assert fitted.version == made.version


def test_rates():
    assert bitrate_in_kilobits(30_000_000, timedelta(seconds=60)) == 4000
    assert bitrate_in_kilobits(125, timedelta(seconds=2)) == 1
    assert bitrate_in_kilobits(124, timedelta(seconds=2)) == 0
    assert bitrate_in_kilobits(5, timedelta(0)) == 0
    assert [sample_rate_in_kilohertz(rate) for rate in (44_100, 22_050, 8000, 48_000, 11_025)] == [44, 22, 8, 48, 11]


def test_what_services_take():
    """2 KB and 8 KB of names and values."""
    assert [kind.metadata_limit for kind in (StorageType.S3, StorageType.AZURE)] == [2_048, 8_192]
    assert ObjectAttributes(other={"x": "yy"}).size(StorageType.S3) == 2 * len("x-amz-meta-") + len("Version1.0xyy")


@pytest.mark.parametrize("storage", StorageType)
def test_what_fits_to_the_byte_is_kept_whole(storage):
    def sized(size):
        base = ObjectAttributes(timescale=1, seek_table=table(1, 5), other={"x": ""})
        return ObjectAttributes(timescale=1, seek_table=table(1, 5), other={"x": "y" * (size - base.size(storage))})

    fits, over = sized(storage.metadata_limit), sized(storage.metadata_limit + 1)
    assert fits.size(storage) == storage.metadata_limit
    assert fits.fitted(storage) is fits
    assert over.fitted(storage) == ObjectAttributes(
        timescale=1, seek_table=over.fitted(storage).seek_table, other=over.other
    )
    assert len(over.fitted(storage).seek_table) == 4, "one entry less is enough"


def test_a_table_is_thinned_as_little_as_it_takes():
    made = ObjectAttributes(timescale=1, seek_table=table(1, 100))
    for limit in (400, 401, 402, 403, 404, 800):
        fitted = made.fitted(StorageType.S3, limit)
        count = len(fitted.seek_table)
        assert fitted.size(StorageType.S3) <= limit
        more = ObjectAttributes(timescale=1, seek_table=table(1, 100).condense(count + 1))
        assert more.size(StorageType.S3) > limit


def test_each_attribute_is_kept_as_long_as_it_fits_to_the_byte():
    size = ObjectAttributes(source="x" * 50).size(StorageType.S3)
    made = ObjectAttributes(source="x" * 50, other={"far": "y" * 90})
    assert made.fitted(StorageType.S3, size) == ObjectAttributes(source="x" * 50)
    assert made.fitted(StorageType.S3, size - 1) == ObjectAttributes()
    whole = made.size(StorageType.S3)
    both = ObjectAttributes(other={"far": "y" * 90, "near": "z" * 90})
    assert both.fitted(StorageType.S3, both.size(StorageType.S3) - 1).other == {"far": "y" * 90}
    assert made.fitted(StorageType.S3, whole - 1) == ObjectAttributes(source="x" * 50)


def test_numbers_at_their_limits():
    largest = {
        "video_bitrate": 2**32 - 1,
        "video_width": 2**16 - 1,
        "video_height": 2**16 - 1,
        "audio_bitrate": 2**32 - 1,
        "audio_sample_rate": 2**32 - 1,
        "timescale": 2**32 - 1,
    }
    assert ObjectAttributes.from_metadata(ObjectAttributes(**largest).to_metadata()) == ObjectAttributes(**largest)
    for name, number in largest.items():
        with pytest.raises(ObjectAttributeError, match="out of range"):
            ObjectAttributes(**{name: number + 1})
        with pytest.raises(ObjectAttributeError, match="out of range"):
            ObjectAttributes(**{name: -1})
        least = int(name == "timescale")
        assert getattr(ObjectAttributes(**{name: least}), name) == least
    assert ObjectAttributes(video_framerate=0).video_framerate == 0
    assert ObjectAttributes(video_framerate=999_999_999).video_framerate == 999_999_999
    assert ObjectAttributes(video_framerate=29.9700296).video_framerate == 29.97003
    with pytest.raises(ObjectAttributeError):
        ObjectAttributes(video_framerate=1e9)
    assert ObjectAttributes(duration=timedelta(0)).duration == timedelta(0)


def test_names_and_versions_at_their_limits():
    name = "_" + "a" * 127
    assert ObjectAttributes.from_metadata({name: "1"}).other == {name: "1"}
    assert ObjectAttributes(version="12345.12345").version == "12345.12345"
    for bad in ({"other": {name + "a": "1"}}, {"version": "123456.1"}, {"version": "1.123456"}):
        with pytest.raises(ObjectAttributeError):
            ObjectAttributes(**bad)


def test_text_is_read_where_escapes_are_no_text():
    assert ObjectAttributes.from_metadata({"Source": "a%FFb%C3%A9"}).source == "a%FFb\u00e9"
    assert ObjectAttributes(source="  a b ").to_metadata()["Source"] == "%20%20a b%20"


def test_rates_are_rounded_half_up():
    assert bitrate_in_kilobits(1_000_000, timedelta(microseconds=1)) == 8_000_000_000
    assert bitrate_in_kilobits(3, timedelta(microseconds=16_000)) == 2
    assert bitrate_in_kilobits(187, timedelta(seconds=1)) == 1
    assert bitrate_in_kilobits(188, timedelta(seconds=1)) == 2
    assert bitrate_in_kilobits(10, timedelta(seconds=-1)) == 0
    assert [sample_rate_in_kilohertz(rate) for rate in (499, 500, 1_499, 1_500)] == [0, 1, 1, 2]
