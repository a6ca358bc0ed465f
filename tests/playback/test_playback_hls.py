"""HLS playlists: what their lines say, and that the bytes they name are what a player needs."""

import re
from datetime import timedelta
from fractions import Fraction

import pytest
from playback_kit import CountingStore, after, make_clip, names, record

from onvif_bmff.bmff import MovieFragmentBox, parse_boxes
from onvif_bmff.cenc.keys.content import FixedKey, generate_content_key
from onvif_bmff.cenc.scheme import ProtectionScheme
from onvif_bmff.errors import MediaError, ProtectionError
from onvif_bmff.export import hls_playlists
from onvif_bmff.objects import ObjectKey
from onvif_bmff.playback import Timeline, read_segment, select
from onvif_bmff.recording.encryption import EncryptionEntry
from onvif_bmff.recording.formats import CMAF, MP4, CmafFormat
from onvif_bmff.recording.segment_labels import SegmentLabels
from onvif_bmff.recording.target import RecordingTarget
from onvif_bmff.storage import MemoryStore
from onvif_bmff.timing import UtcTime

FORMATS = [pytest.param(CMAF, id="CMAF"), pytest.param(MP4, id="MP4")]


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", seconds=6)


def target(form, **options):
    return RecordingTarget(format=form, prefix="p p", postfix="q", segment_duration=timedelta(seconds=2), **options)


def playlists(store, base="../", **options):
    return hls_playlists(store, select(Timeline.from_store(store), **options), base=base)


def ranges(text):
    """Map and pieces of a playlist: URI, offset, size, seconds."""
    found, current, duration, size, offset = [], None, 0, 0, 0
    for line in text.splitlines():
        if line.startswith("#EXT-X-MAP"):
            uri, size, offset = re.fullmatch(r'#EXT-X-MAP:URI="(.*)",BYTERANGE="(\d+)@(\d+)"', line).groups()
            current = (uri, int(offset), int(size))
        elif line.startswith("#EXTINF"):
            duration = Fraction(line[8:-1])
        elif line.startswith("#EXT-X-BYTERANGE"):
            size, offset = map(int, line[17:].split("@"))
        elif not line.startswith("#"):
            found.append((current, (line, offset, size), duration))
    return found


def fetch(store, where):
    uri, offset, size = where
    assert uri.startswith("../")
    return store.get(uri.removeprefix("../").replace("%20", " "), offset, size)


@pytest.mark.parametrize("form", FORMATS)
def test_pieces_are_whole_fragments(clip, form):
    """Map and pieces put together are a file with all samples."""
    store = MemoryStore()
    _, tracks, samples = record(store, clip, target(form))
    made = playlists(store)
    assert set(made) == ({"index.m3u8", "main.m3u8"} if form is MP4 else {"index.m3u8", "video.m3u8", "audio.m3u8"})
    count = 0
    for name, text in made.items():
        if name == "index.m3u8":
            continue
        assert text.startswith("#EXTM3U\n#EXT-X-VERSION:7\n")
        assert text.endswith("#EXT-X-ENDLIST\n")
        assert "DISCONTINUITY" not in text
        rows = ranges(text)
        longest = int(re.search(r"TARGETDURATION:(\d+)", text)[1])
        assert all(0 < duration <= longest for _, _, duration in rows)
        assert abs(sum(duration for _, _, duration in rows) - 6) < 0.05
        assert len({current for current, _, _ in rows}) == 1  # one header serves them all
        body = fetch(store, rows[0][0])
        for _, piece, _ in rows:
            data = fetch(store, piece)
            boxes = [box for box in parse_boxes(data) if box.type != "mfra"]
            assert isinstance(boxes[0], MovieFragmentBox)
            body += b"".join(box.build() for box in boxes)
        count += len(list(read_segment(body).samples()))
    assert count == len(samples)
    assert tracks


def test_the_master_playlist(clip):
    store = MemoryStore()
    _, tracks, _ = record(store, clip, target(CMAF))
    codecs = ",".join(track.codec.codecs_parameter() for track in tracks)
    lines = playlists(store)["index.m3u8"].splitlines()
    assert lines[3] == (
        '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="Audio",DEFAULT=YES,AUTOSELECT=YES,URI="audio.m3u8"'
    )
    assert re.fullmatch(
        rf'#EXT-X-STREAM-INF:BANDWIDTH=\d+,CODECS="{re.escape(codecs)}",RESOLUTION=160x120,AUDIO="audio"', lines[4]
    )
    assert lines[5] == "video.m3u8"


def test_sound_alone(clip):
    store = MemoryStore()
    record(store, clip, target(CMAF))
    for name in names(store, "m4v"):
        store.delete(name)
    made = playlists(store)
    assert set(made) == {"index.m3u8", "audio.m3u8"}
    assert made["index.m3u8"].endswith("audio.m3u8\n")
    assert "TYPE=AUDIO" not in made["index.m3u8"]


@pytest.mark.parametrize("form", FORMATS)
def test_gaps_and_losses_are_discontinuities_in_all_playlists(clip, form):
    store = MemoryStore()
    record(store, clip, target(form))
    record(store, clip, target(form), start=after(60))
    lost = [name for name in names(store) if ".1.m4v" in name or ".1.mp4" in name]
    store.delete(lost[0])
    made = playlists(store)
    counts = {text.count("#EXT-X-DISCONTINUITY\n") for name, text in made.items() if name != "index.m3u8"}
    assert counts == {2}  # after the loss, and after the gap
    dates = re.findall(r"PROGRAM-DATE-TIME:(\S+)", made.get("main.m3u8") or made["video.m3u8"])
    for expected in (after(0), after(60)):
        assert any(abs(UtcTime.parse(date).microseconds_since(expected)) <= 1000 for date in dates)
    maps = [line for line in (made.get("main.m3u8") or made["video.m3u8"]).splitlines() if "EXT-X-MAP" in line]
    assert len(maps) == 3


def test_a_range(clip):
    store = MemoryStore()
    record(store, clip, target(CMAF))
    rows = ranges(playlists(store, start=after(1.5), end=after(3.5))["video.m3u8"])
    assert [duration for _, _, duration in rows] == [1, 1, 1]
    with pytest.raises(MediaError, match="nothing"):
        playlists(store, start=after(100), end=after(200))


@pytest.mark.parametrize("labels", [SegmentLabels(seek_table=False), SegmentLabels(seek_table=False, duration=False)])
@pytest.mark.parametrize("mfra", [True, False])
def test_without_seek_tables(clip, labels, mfra):
    store = MemoryStore()
    record(store, clip, target(CmafFormat(random_access=mfra)), labels=labels)
    rows = ranges(playlists(store)["video.m3u8"])
    assert len(rows) == (6 if mfra else 3)
    assert abs(sum(duration for _, _, duration in rows) - 6) < 0.01
    assert all(parse_boxes(fetch(store, piece))[0].type == "moof" for _, piece, _ in rows)


def test_one_question_for_each_object(clip):
    store = MemoryStore()
    record(store, clip, target(CMAF))
    counting = CountingStore(store)
    hls_playlists(counting, select(Timeline.from_store(store)))
    assert len(counting.requests) == len(names(store)) + 2  # and one header for each kind of span
    assert counting.bytes < 20_000


def test_encrypted_recordings_are_refused(clip):
    store = MemoryStore()
    entry = EncryptionEntry(ProtectionScheme.CENC, FixedKey(generate_content_key()))
    record(store, clip, target(CMAF, encryption=(entry,)))
    with pytest.raises(ProtectionError, match="encrypted"):
        playlists(store)


def test_lengths_add_up_to_the_media(clip):
    """Keys have milliseconds: what is cut off of each must not add up."""
    store = MemoryStore()
    form = RecordingTarget(format=CMAF, prefix="p p", postfix="q", segment_duration=timedelta(milliseconds=137))
    _, tracks, _ = record(store, clip, form, start=UtcTime.parse("2024-02-28T23:59:55.250333Z"))
    made = playlists(store)
    for name, extension in (("video.m3u8", "m4v"), ("audio.m3u8", "m4a")):
        parts = [read_segment(store.get(key)) for key in names(store, extension)]
        track = parts[0].header.lead
        media = Fraction(sum(part.duration_ticks(track.track_id) for part in parts), track.timescale)
        rows = ranges(made[name])
        assert len(rows) >= len(parts) > 5
        assert abs(sum(duration for _, _, duration in rows) - media) < Fraction(2, 1000)
    assert tracks


def test_dates_are_rounded(clip):
    store = MemoryStore()
    record(store, clip, target(CMAF, digits=6), start=UtcTime.parse("2024-02-28T23:59:59.999600Z"))
    text = playlists(store)["video.m3u8"]
    dates = re.findall(r"PROGRAM-DATE-TIME:(\S+)", text)
    starts = [ObjectKey.parse(key).time for key in names(store, "m4v")]
    assert dates[0] == "2024-02-29T00:00:00.000Z"
    assert all(abs(UtcTime.parse(date).microseconds_since(at)) <= 500 for date, at in zip(dates, starts, strict=True))
