"""Formats, targets, headers and labels: what a recording is before its first sample."""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from recording_kit import (
    AUDIO,
    AVC,
    CMAF,
    FORMATS,
    G711,
    META,
    MJPEG,
    MP4,
    START,
    VIDEO,
    VIDEO_2,
    audio,
    metadata,
    mixed,
    of,
    record,
    target,
    video,
)
from support_recorded import check_movie, check_recording

from onvif_bmff.bmff import (
    FileTypeBox,
    HandlerBox,
    MediaHeaderBox,
    MovieBox,
    MovieExtendsBox,
    MovieExtendsHeaderBox,
    MovieFragmentBox,
    MovieHeaderBox,
    NullMediaHeaderBox,
    SoundMediaHeaderBox,
    SyncSampleBox,
    TrackFragmentBox,
    TrackFragmentHeaderBox,
    TrackHeaderBox,
    VideoMediaHeaderBox,
    pack_language,
    parse_boxes,
)
from onvif_bmff.cenc.keys.content import ContentKey, FixedKey
from onvif_bmff.cenc.scheme import ProtectionScheme
from onvif_bmff.errors import MediaError, ObjectKeyError
from onvif_bmff.media import Sample
from onvif_bmff.media.track import lead_of
from onvif_bmff.objects import StorageType
from onvif_bmff.recording.encryption import EncryptionEntry
from onvif_bmff.recording.formats import CmafFormat, full_content_type
from onvif_bmff.recording.header import build_header
from onvif_bmff.recording.segment_labels import SegmentLabels
from onvif_bmff.recording.target import RecordingTarget
from onvif_bmff.storage.memory import MemoryStore
from onvif_bmff.storage.sink import StoreSink
from onvif_bmff.timing import UtcTime

ALL = (META, AUDIO, VIDEO)


# ---- formats --------------------------------------------------------------------------------------------------


@pytest.mark.requirement("ANX-B.6-01", "ANX-B.6-02", "REC-5.3.1-12")
@pytest.mark.parametrize("tracks", [ALL, (AUDIO,), (META,), (VIDEO, AUDIO), (VIDEO, VIDEO_2)])
def test_mp4_is_one_span_with_all_tracks(tracks):
    (span,) = MP4.spans(tracks)
    assert span.extension == "mp4"
    assert set(span.tracks and [t.track_id for t in span.tracks]) == {t.track_id for t in tracks}
    codecs = ",".join(dict.fromkeys(t.codec.codecs_parameter() for t in span.tracks))
    assert span.content_type == f'video/mp4; codecs="{codecs}"'
    assert MP4.name == "MP4"


@pytest.mark.requirement("ANX-B.6-03", "ANX-B.6-04")
@pytest.mark.parametrize(
    ("tracks", "codecs"),
    [
        (ALL, "avc1.64000C,mp4a.40.2,metx"),
        ((AUDIO, VIDEO), "avc1.64000C,mp4a.40.2"),
        ((META, AUDIO), "mp4a.40.2,metx"),
        ((VIDEO, VIDEO_2), "avc1.64000C"),
        ((VIDEO,), "avc1.64000C"),
        ((AUDIO,), "mp4a.40.2"),
        ((META,), "metx"),
    ],
)
def test_all_mp4_segments_are_uploaded_as_video_mp4_with_their_codecs(tracks, codecs):
    """Whatever the tracks are, and those after the first segment too."""
    given = {track.track_id for track in tracks}
    samples = mixed(video(8), audio(8), metadata(*range(8)), video(8, track=VIDEO_2))
    store = MemoryStore()
    with StoreSink(store) as sink:
        sink.add_all(record(tracks, [s for s in samples if s.track_id in given], target(MP4, segment=2)))
    uploaded = {key: store.head(key).content_type for key in list(store.keys()) if not key.endswith("_end")}
    assert [key.rpartition("Z.")[2] for key in uploaded] == ["0.mp4", "1.mp4", "2.mp4", "3.mp4"]
    assert set(uploaded.values()) == {f'video/mp4; codecs="{codecs}"'}


@pytest.mark.requirement(
    "ANX-B.7-01", "ANX-B.7-02", "ANX-B.7-03", "ANX-B.7-04", "ANX-B.7-05", "ANX-B.7-06", "ANX-B.7-07", "ANX-B.7-08"
)
def test_cmaf_is_a_span_for_each_track():
    spans = CMAF.spans(ALL)
    assert [(span.extension, span.content_type) for span in spans] == [
        ("m4v", f'video/mp4; codecs="{AVC.codecs_parameter()}"'),
        ("m4a", 'audio/mp4; codecs="mp4a.40.2"'),
        ("m4m", 'application/mp4; codecs="metx"'),
    ]
    assert [span.tracks for span in spans] == [(VIDEO,), (AUDIO,), (META,)]
    assert [span.timescale for span in spans] == [90_000, 48_000, 1_000]
    assert CMAF.name == "CMAF"


@pytest.mark.requirement("ANX-B.1-07")
def test_each_format_opens_its_spans():
    samples = mixed(video(5), audio(5), metadata(1, 2))
    for chosen, expected in ((CMAF, ["m4a", "m4m", "m4v"]), (MP4, ["mp4"])):
        spans = check_recording(record(ALL, samples, target(chosen)))
        assert sorted(span.extension for span in spans) == expected
    for track, samples in ((AUDIO, audio(5)), (META, metadata(0, 1))):
        (span,) = check_recording(record([track], samples, target(MP4)))
        assert span.segments[0].obj.content_type.startswith("video/mp4;")


def test_what_no_format_holds():
    for chosen in FORMATS:
        with pytest.raises(MediaError, match="without tracks"):
            chosen.spans(())
    with pytest.raises(MediaError, match="one audio track"):
        CMAF.spans((AUDIO, replace(G711, track_id=9)))


def test_the_leading_track_is_the_first_of_video_audio_metadata():
    assert lead_of(ALL) is VIDEO
    assert lead_of((META, AUDIO)) is AUDIO
    assert MP4.spans(ALL)[0].lead is VIDEO


@pytest.mark.requirement("ANX-B.9-08")
def test_the_full_content_type_covers_all_tracks():
    assert full_content_type(ALL) == f'video/mp4; codecs="{AVC.codecs_parameter()},mp4a.40.2,metx"'


# ---- target ---------------------------------------------------------------------------------------------------


def test_targets_that_make_no_sense():
    for wrong in ({"segment_duration": timedelta(0)}, {"span_duration": timedelta(0)}):
        with pytest.raises(MediaError, match="must be positive"):
            RecordingTarget(**wrong)
    for wrong in ({"prefix": "/a"}, {"postfix": "a//b"}, {"digits": 7}):
        with pytest.raises(ObjectKeyError):
            RecordingTarget(**wrong)


def test_encryption_entries_cover_tracks_once():
    key = FixedKey(ContentKey(__import__("uuid").UUID(int=1), bytes(16)))

    def entry(*tokens):
        return EncryptionEntry(ProtectionScheme.CENC, key, tokens)

    for wrong in ((entry(), entry("A")), (entry("A"), entry("B", "A"))):
        with pytest.raises(MediaError):
            RecordingTarget(encryption=wrong)
    two = RecordingTarget(encryption=(entry("A"), entry("B")))
    assert two.entry_for("B") is two.encryption[1]
    assert two.entry_for("C") is None
    assert RecordingTarget(encryption=(entry(),)).entry_for("C") is not None


# ---- header ---------------------------------------------------------------------------------------------------


def header(tracks, timescale=90_000, created=START, brands=CMAF.brands):
    return parse_boxes(build_header(brands, tracks, timescale, created))


@pytest.mark.requirement("ANX-B.1-02", "ANX-B.6-05", "ANX-B.9.1-02", "ANX-B.9.1-03", "ANX-B.3-08")
@pytest.mark.parametrize("chosen", FORMATS)
def test_all_headers_are_empty_movies_in_one_timescale(chosen):
    for span in chosen.spans(ALL):
        boxes = header(span.tracks, span.timescale, brands=chosen.brands)
        assert [type(box) for box in boxes] == [FileTypeBox, MovieBox]
        timescale, kinds = check_movie(boxes[1])
        assert timescale == span.timescale
        assert list(kinds) == [track.track_id for track in span.tracks]
        assert not [box for _, box in boxes[1].walk() if isinstance(box, MovieExtendsHeaderBox)]


def test_brands():
    (cmaf, _), (mp4, _) = header([VIDEO]), header([VIDEO], brands=MP4.brands)
    assert (cmaf.major_brand, cmaf.minor_version, cmaf.compatible_brands) == ("cmf2", 0, ("cmf2", "cmfc", "iso6"))
    assert not {"cmf2", "cmfc"} & set(mp4.compatible_brands)


@pytest.mark.parametrize(
    ("track", "handler", "media_header", "volume"),
    [
        (VIDEO, "vide", VideoMediaHeaderBox, 0),
        (AUDIO, "soun", SoundMediaHeaderBox, 0x100),
        (META, "meta", NullMediaHeaderBox, 0),
    ],
)
def test_headers_by_media(track, handler, media_header, volume):
    found = {type(box): box for _, box in header([replace(track, language="deu")])[1].walk()}
    assert found[HandlerBox].handler_type == handler
    assert media_header in found
    assert found[TrackHeaderBox].volume == volume
    assert found[MediaHeaderBox].language == pack_language("deu")
    size = found[TrackHeaderBox].width >> 16, found[TrackHeaderBox].height >> 16
    assert size == (getattr(track.codec, "presentation_size", (0, 0)) if handler == "vide" else (0, 0))


def test_only_tracks_with_other_than_sync_samples_have_a_sync_table():
    def has_table(track):
        return any(isinstance(box, SyncSampleBox) for _, box in header([track])[1].walk())

    assert [has_table(track) for track in (VIDEO, MJPEG, AUDIO, META, G711)] == [True, False, False, False, False]


def test_box_sizes_of_the_fact_sheet():
    found = {box.type: box.read_size for _, box in header([VIDEO])[1].walk()}
    expected = {"mvhd": 108, "tkhd": 92, "mdhd": 32, "vmhd": 20, "url ": 12, "dref": 28, "trex": 32}
    assert {name: found[name] for name in expected} == expected
    audio_boxes = {box.type: box.read_size for _, box in header([AUDIO])[1].walk()}
    assert audio_boxes["smhd"] == 16
    assert {box.type: box.read_size for _, box in header([META])[1].walk()}["nmhd"] == 12


@pytest.mark.parametrize(("year", "version"), [("1903", 0), ("2022", 0), ("2041", 1)])
def test_creation_times_far_away(year, version):
    movie = header([VIDEO], created=UtcTime.parse(f"{year}-06-01T00:00:00Z"))[1]
    assert movie.require(MovieHeaderBox).version == version
    check_movie(movie)


def test_the_largest_track_number():
    movie = header([replace(VIDEO, track_id=0xFFFFFFFF)])[1]
    assert movie.require(MovieHeaderBox).next_track_id == 0xFFFFFFFF
    assert movie.require(MovieExtendsBox)


# ---- labels ---------------------------------------------------------------------------------------------------


@pytest.mark.requirement(
    "ANX-B.9-01", "ANX-B.9-05", "ANX-B.9-06", "ANX-B.9-07", "ANX-B.9-09", "ANX-B.9-10", "ANX-B.9-11", "ANX-B.9-12",
    "ANX-B.9.1-01", "ANX-B.9.2-08",
)  # fmt: skip
@pytest.mark.parametrize("chosen", FORMATS)
def test_attributes_of_segments(chosen):
    labels = SegmentLabels(source="cam 5", video_channel="v", audio_channel="a")
    samples = mixed(video(20, size=500), audio(20, size=100))
    spans = check_recording(record([VIDEO, AUDIO], samples, target(chosen), labels=labels))
    lead = spans[0] if chosen is MP4 else of(spans, "m4v")[0]
    found = lead.segments[0].obj.attributes
    assert (found.version, found.source, found.video_channel, found.audio_channel) == ("1.0", "cam 5", "v", "a")
    assert found.duration == timedelta(seconds=10)
    assert found.video_framerate == 25.0
    assert found.video_bitrate == 500 * 25 * 8 // 1000
    assert (found.video_width, found.video_height) == (AVC.width, AVC.height)
    assert found.full_content_type == f'video/mp4; codecs="{AVC.codecs_parameter()},mp4a.40.2"'
    assert found.timescale == lead.timescale
    assert found.seek_table is not None
    heard = (spans[0] if chosen is MP4 else of(spans, "m4a")[0]).segments[0].obj.attributes
    assert heard.audio_sample_rate == 48
    assert heard.audio_bitrate == 38  # 37.5
    texts = found.to_metadata()
    assert texts["Duration"] == "PT10S"
    assert texts["Version"] == "1.0"
    assert "x-amz-meta-Duration" in found.headers(StorageType.S3)
    if chosen is CMAF:
        assert found.audio_bitrate is None
        assert heard.video_width is None
        assert heard.full_content_type == found.full_content_type


def test_a_picture_that_hardly_lasts_has_no_rates():
    """The segment is stored nevertheless: a rate that no attribute can hold is left out, not an error."""
    for timescale in (1_000_000, 0xFFFFFFFF):
        quick = replace(VIDEO, timescale=timescale)
        (span,) = check_recording(record([quick], [Sample(1, 0, 1, bytes(600_000))]), in_step=False)
        found = span.segments[0].obj.attributes
        assert found.video_bitrate is None
        assert found.video_framerate is None or found.video_framerate == 1_000_000
        assert found.video_width == AVC.width


@pytest.mark.requirement("ANX-B.9-13")
def test_attributes_that_are_left_out():
    labels = SegmentLabels(seek_table=False, duration=False)
    (span,) = check_recording(record([VIDEO], video(5), labels=labels))
    assert "Duration" not in span.segments[0].obj.attributes.to_metadata()
    assert "SeekTable" not in span.segments[0].obj.attributes.to_metadata()


def test_the_topic_labels_one_activation():
    from onvif_bmff.objects import collect_objects
    from onvif_bmff.recording.recorder import Recorder

    recorder = Recorder([VIDEO], target(), labels=SegmentLabels(event_topic="always"))
    topics = []
    for day, topic in enumerate(("tns1:Motion", None)):
        recorder.activate(START + timedelta(days=day), event_topic=topic)
        events = [event for sample in video(1) for event in recorder.push(sample)] + recorder.deactivate()
        topics.append(collect_objects(events)[0].attributes.event_topic)
    assert topics == ["tns1:Motion", "always"]


@pytest.mark.requirement("ANX-B.9.2-02", "ANX-B.9.2-04", "ANX-B.9.2-01")
@pytest.mark.parametrize("chosen", FORMATS)
def test_seek_tables_are_thinned(chosen):
    samples = mixed(video(60), audio(60), metadata(*range(60)))
    for span in check_recording(record(ALL, samples, target(chosen, segment=60))):
        table = span.segments[0].obj.attributes.seek_table
        assert len(table) <= 20
        assert {track.track_id for track in table.tracks} == set(span.kinds)


@pytest.mark.requirement("ANX-B.9.2-05")
@pytest.mark.parametrize("chosen", FORMATS)
@pytest.mark.parametrize("audio_from", [0, 0.3])
def test_seek_tables_lead_to_the_very_first_sample_of_each_track(chosen, audio_from):
    """In all segments of a span; where the fragment of that sample, and its place in there, is what the bytes say."""
    samples = mixed(video(60, gop=30), audio(60 - audio_from, start=audio_from), metadata(*range(60)))
    for span in check_recording(record(ALL, samples, target(chosen, segment=15))):
        assert len(span.segments) >= 3
        for segment in span.segments:
            moofs = [box for box in parse_boxes(segment.obj.body) if isinstance(box, MovieFragmentBox)]
            for track_id in span.kinds:
                offset, number = next(
                    (moof.offset, number)
                    for moof in moofs
                    for number, traf in enumerate(moof.find_all(TrackFragmentBox), 1)
                    if traf.require(TrackFragmentHeaderBox).track_id == track_id
                )
                first = next(sample for sample in segment.samples if sample.track_id == track_id)
                entries = segment.obj.attributes.seek_table.track(track_id).entries
                assert entries[0] == (first.presented, offset, number, 1, 1)


@pytest.mark.requirement("ANX-B.9.2-03")
@pytest.mark.parametrize("chosen", FORMATS)
def test_seek_tables_of_all_segments_of_a_span_are_as_fine(chosen):
    """A minute of one-second groups, three times: what is thinned out is so evenly, also where times are large."""
    samples = mixed(video(180), audio(180), metadata(*range(180)))
    (span,) = of(check_recording(record(ALL, samples, target(chosen, segment=60))), "m4v" if chosen is CMAF else "mp4")
    spacings = []
    for segment in span.segments:
        times = [entry.time / span.timescale for entry in segment.obj.attributes.seek_table.track(1).entries]
        assert len(times) == (20 if chosen is CMAF else 18)
        spacings.append([after - before for before, after in pairwise([*times, times[0] + 60])])
    assert len(spacings) == 3
    assert spacings[1] == pytest.approx(spacings[0])
    assert spacings[2] == pytest.approx(spacings[0])
    assert max(spacings[0]) < (3.1 if chosen is CMAF else 4.1)


def test_a_format_without_random_access():
    (span,) = check_recording(record([VIDEO], video(20), target(CmafFormat(random_access=False))))
    assert len(span.segments) == 2
    assert span.segments[0].obj.attributes.seek_table is None
    assert b"mfra" not in span.segments[0].obj.body
