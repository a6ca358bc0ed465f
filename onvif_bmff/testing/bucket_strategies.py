"""Strategies for contents of object storage: keys, attributes, whole spans and whole buckets. ONVIF 25.12, B.2 to B.9.

``object_keys()``, ``seek_tables()`` and ``attributes()`` draw keys and attributes within their rules; ``spans()``
and ``buckets()`` draw recordings as a device stores them, with every rule of Annex B kept, so that a receiver has to
read them all. Needs hypothesis.
"""

from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from onvif_bmff.media_kind import MediaKind
from onvif_bmff.objects.attributes import ObjectAttributes
from onvif_bmff.objects.key import ObjectKey
from onvif_bmff.objects.seek_table import SeekEntry, SeekTable, TrackSeekTable
from onvif_bmff.objects.stored import StorageObject
from onvif_bmff.recording.formats import CMAF, MP4, RecordingFormat
from onvif_bmff.testing.made_files import TRACKS
from onvif_bmff.testing.recordings import recorded_objects
from onvif_bmff.timing import UtcTime

__all__ = ["attributes", "buckets", "object_keys", "seek_tables", "spans"]

_FORMATS: tuple[RecordingFormat, ...] = (CMAF, MP4)
_EXTENSIONS = ("mp4", *(kind.extension for kind in MediaKind))
_FIRST = UtcTime.parse("0001-01-01T00:00:00Z").microseconds
_LAST = UtcTime.parse("9999-12-31T23:59:59.999999Z").microseconds
_RECORDED = (UtcTime.parse("1999-12-31T23:59:00Z").microseconds, UtcTime.parse("2099-12-31T00:00:00Z").microseconds)
_LEAP_DAY = UtcTime.parse("2016-12-31T23:59:00Z").microseconds


def _instants() -> SearchStrategy[UtcTime]:
    """Draw instants of all years that keys can name, with leap seconds among them."""
    minute = timedelta(minutes=1) // timedelta(microseconds=1)
    leaps = st.integers(0, 999_999).map(lambda part: UtcTime(_LEAP_DAY + minute + part, leap=True))
    return st.integers(_FIRST, _LAST).map(UtcTime) | st.integers(*_RECORDED).map(UtcTime) | leaps


def _paths() -> SearchStrategy[str]:
    """Draw prefixes and postfixes: none, one part or several, also such as look like dates and hours."""
    letters = st.characters(min_codepoint=33, max_codepoint=0x2FF, exclude_characters="/", exclude_categories=["Cc"])
    texts = st.text(letters, min_size=1, max_size=12).filter(lambda part: part not in (".", ".."))
    part = st.sampled_from(("site-2", "camera-5", "2022-11-08", "15", "a b")) | texts
    return st.lists(part, max_size=3).map("/".join)


def object_keys() -> SearchStrategy[ObjectKey]:
    """Draw keys of segments and span ends. ``ObjectKey.parse`` needs prefix and postfix to give the same key back."""
    return st.builds(
        ObjectKey,
        prefix=_paths(),
        time=_instants(),
        postfix=_paths(),
        counter=st.integers(0, 3) | st.integers(0, 10**18 - 1),
        extension=st.sampled_from(_EXTENSIONS),
        span_end=st.booleans(),
        digits=st.sampled_from((3, 3, 6, 0, 1)),
    )


@st.composite
def seek_tables(draw: DrawFn) -> SeekTable:
    """Draw seek tables of one to three tracks, of up to eight entries each."""
    tracks = []
    for track_id in draw(st.lists(st.integers(1, 5), min_size=1, max_size=3, unique=True)):
        entry = st.builds(
            SeekEntry,
            st.integers(0, 1 << 20) | st.integers(0, (1 << 64) - 1),
            st.integers(0, 1 << 20) | st.integers(0, (1 << 64) - 1),
            st.integers(1, 300),
            st.integers(1, 300),
            st.integers(1, (1 << 32) - 1),
        )
        tracks.append(TrackSeekTable(track_id, tuple(sorted(draw(st.lists(entry, min_size=1, max_size=8))))))
    return SeekTable(tuple(tracks))


@st.composite
def attributes(draw: DrawFn) -> ObjectAttributes:
    """Draw attributes of a segment, any of them left out."""
    text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)

    def maybe(values: SearchStrategy[object]) -> object:
        return draw(st.none() | values)

    table = maybe(seek_tables())
    given = {
        "source": maybe(text),
        "event_topic": maybe(text),
        "duration": maybe(st.timedeltas(timedelta(0), timedelta(days=2))),
        "full_content_type": maybe(st.sampled_from(("avc1.42c01e", "hvc1.1.6.L93.B0,mp4a.40.2")).map(_full_type)),
        "video_channel": maybe(text),
        "video_bitrate": maybe(st.integers(0, (1 << 32) - 1)),
        "video_width": maybe(st.integers(0, 65_535)),
        "video_height": maybe(st.integers(0, 65_535)),
        "video_framerate": maybe(st.floats(0, 1000)),
        "audio_channel": maybe(text),
        "audio_bitrate": maybe(st.integers(0, (1 << 32) - 1)),
        "audio_sample_rate": maybe(st.integers(0, 192)),
        "timescale": draw(st.integers(1, (1 << 32) - 1)) if table else maybe(st.integers(1, (1 << 32) - 1)),
        "seek_table": table,
    }
    return ObjectAttributes(**given)  # type: ignore[arg-type]


def _full_type(codecs: str) -> str:
    return f'video/mp4; codecs="{codecs}"'


@st.composite
def spans(draw: DrawFn, *, recording_format: RecordingFormat | None = None) -> tuple[StorageObject, ...]:
    """Draw the objects of one span: its segments in order, then its end object, unless the span is still open.

    Of one kind of media in CMAF, of one to three in MP4 (``recording_format``: either if None); clear, or encrypted
    with ``onvif_bmff.testing.recordings.CONTENT_KEY``.
    """
    recording_format = recording_format or draw(st.sampled_from(_FORMATS))
    most = 1 if recording_format is CMAF else len(TRACKS)
    tracks = draw(st.lists(st.sampled_from(TRACKS), min_size=1, max_size=most, unique=True))
    return recorded_objects(
        tracks=tracks,
        recording_format=recording_format,
        scheme=draw(st.sampled_from((None, None, "cenc", "cbcs"))),
        segments=draw(st.integers(1, 3)),
        seconds=draw(st.integers(1, 2)),
        size=draw(st.integers(12, 300)),
        ended=draw(st.booleans()),
        prefix=draw(_paths()),
        postfix=draw(_paths()),
        start=UtcTime(draw(st.integers(*_RECORDED)) // 1000 * 1000),
    )


@st.composite
def buckets(draw: DrawFn) -> tuple[StorageObject, ...]:
    """Draw the objects of a bucket, in the order in which they were stored, recording by recording.

    One to three recordings of either format, with one to three spans of each kind of media; the last spans may be
    open. Encrypted ones use ``onvif_bmff.testing.recordings.CONTENT_KEY``.
    """
    found: list[StorageObject] = []
    for number in range(draw(st.integers(1, 3))):
        found += recorded_objects(
            tracks=draw(st.lists(st.sampled_from(TRACKS), min_size=1, max_size=len(TRACKS), unique=True)),
            recording_format=draw(st.sampled_from(_FORMATS)),
            scheme=draw(st.sampled_from((None, None, "cenc", "cbcs"))),
            spans=draw(st.integers(1, 3)),
            segments=draw(st.integers(1, 3)),
            seconds=draw(st.integers(1, 2)),
            gap=draw(st.integers(1, 100_000)),
            size=draw(st.integers(12, 200)),
            ended=draw(st.booleans()),
            prefix=draw(st.sampled_from(("", "site-2", "sites/a"))),
            postfix=f"camera-{number}",
            start=UtcTime(draw(st.integers(*_RECORDED)) // 1000 * 1000),
            random_seed=number,
        )
    return tuple(found)
