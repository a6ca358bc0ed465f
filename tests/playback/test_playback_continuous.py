"""Copies on one time line: each sample when it was recorded, a filler where a track has nothing, playlists that fit."""

import re
import subprocess
import xml.etree.ElementTree as ET
from datetime import timedelta
from fractions import Fraction
from io import BytesIO
from itertools import pairwise

import pytest
import support_told_time as told
from playback_kit import after, frames, make_clip, names, record
from support_tools import need

from onvif_bmff.cenc.keys.content import FixedKey, generate_content_key
from onvif_bmff.cenc.keys.ring import KeyRing
from onvif_bmff.cenc.scheme import ProtectionScheme
from onvif_bmff.errors import MediaError, ProtectionError
from onvif_bmff.export import (
    continuous_mpd,
    continuous_playlists,
    export_continuous,
    has_one_codec_a_track,
    plays_in_place,
)
from onvif_bmff.export.fillers import filler_of
from onvif_bmff.export.playlist_lines import rounded
from onvif_bmff.media.track import TrackType
from onvif_bmff.playback import SampleReader, Timeline, read_segment, select
from onvif_bmff.recording.encryption import EncryptionEntry
from onvif_bmff.recording.formats import CMAF, MP4
from onvif_bmff.recording.target import RecordingTarget
from onvif_bmff.storage import DirectoryStore, MemoryStore
from onvif_bmff.timing import UtcTime

HOLE = Fraction(1, 10)


class Copies:
    """Files in memory, and what was exported to them."""

    def __init__(self, store, *, range_=(None, None), **options):
        self.files = {}
        self.selection = select(Timeline.from_store(store), start=range_[0], end=range_[1])
        self.export = export_continuous(store, self.selection, self._open, **options)
        self.lists = continuous_playlists(self.export)

    def _open(self, name):
        assert name not in self.files
        self.files[name] = BytesIO()
        return self.files[name]

    def bytes(self, name):
        return self.files[name].getvalue()

    def samples(self, name):
        """Presentation time (s), duration (s) and payload of all samples of a file, in decoding order."""
        segment = read_segment(self.bytes(name))
        scale = segment.header.lead.timescale
        return [
            (Fraction(one.decode_time + one.composition_offset, scale), Fraction(one.duration, scale), bytes(one.data))
            for one in segment.samples()
        ]

    def pieces(self, name):
        """Date, EXTINF and bytes of each piece of a playlist."""
        found, date, length, where = [], None, None, None
        for line in self.lists[name].splitlines():
            if line.startswith("#EXT-X-PROGRAM-DATE-TIME:"):
                date = UtcTime.parse(line.split(":", 1)[1])
            elif line.startswith("#EXTINF:"):
                length = Fraction(line[8:-1])
            elif line.startswith("#EXT-X-BYTERANGE:"):
                where = tuple(map(int, line[17:].split("@")))
            elif not line.startswith("#"):
                found.append((date, length, self.bytes(line)[where[1] : sum(where)]))
        return found


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return told.make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4")


@pytest.fixture(scope="module")
def stores(tmp_path_factory, clip):
    root = tmp_path_factory.mktemp("stores")
    return {name: told.record(root / name.split()[0], case, clip) for name, case in told.CASES.items()}


def recorded(store, **keys):
    """Presentation time since told.START (µs) and payload of all samples of a store, by kind of media."""
    found = {}
    for played in SampleReader(store, select(Timeline.from_store(store)), **keys):
        time = played.time.microseconds_since(told.START)
        found.setdefault(played.track.type, []).append((time, bytes(played.sample.data)))
    return found


def filler_payloads(samples_of_track):
    (codec,) = samples_of_track.codecs
    return set(filler_of(codec).samples)


@pytest.mark.parametrize("name", told.CASES)
def test_each_sample_is_presented_when_it_was_recorded(stores, name):
    """And nothing else but fillers, which leave no hole that a player would stop at."""
    case, store = told.CASES[name], stores[name]
    copies = Copies(store)
    wanted = recorded(store)
    assert copies.export.utc_at(0, 1) == told.START
    for rendition in copies.export.renditions:
        grey = filler_payloads(rendition.track)
        samples = copies.samples(rendition.name)
        real = [(time, data) for time, _, data in samples if data not in grey]
        assert [data for _, data in real] == [data for _, data in wanted[rendition.track.type]]
        for (time, _), (at, _) in zip(real, wanted[rendition.track.type], strict=True):
            assert abs(time * 1_000_000 - at) < 1_100  # keys have milliseconds
        kind = rendition.track.type.lower()
        for time, duration, data in samples:
            if data in grey:
                inside = min(duration / 2, Fraction(1, 20))
                assert case.has(kind, time + inside, 0.025) is not True
                assert case.has(kind, time + duration - inside, 0.025) is not True
        shown = sorted((time, time + duration) for time, duration, _ in samples)
        reach = Fraction(0)
        for time, over in shown:
            assert time - reach < HOLE
            reach = max(reach, over)
        assert abs(reach - told.SECONDS) < HOLE


@pytest.mark.parametrize("name", told.CASES)
def test_playlists_name_all_of_the_files(stores, name):
    copies = Copies(stores[name])
    assert set(copies.lists) == {"index.m3u8", "video.m3u8", "audio.m3u8"}
    assert set(copies.files) == {"video.mp4", "audio.mp4"}
    for rendition in copies.export.renditions:
        list_name = rendition.name.replace(".mp4", ".m3u8")
        text = copies.lists[list_name]
        assert "DISCONTINUITY" not in text
        assert text.count("EXT-X-MAP") == 1
        pieces = copies.pieces(list_name)
        assert b"".join([rendition.header, *[data for _, _, data in pieces]]) == copies.bytes(rendition.name)
        longest = int(re.search(r"TARGETDURATION:(\d+)", text)[1])
        assert all(0 < length <= longest for _, length, _ in pieces)
        assert abs(sum(length for _, length, _ in pieces) - told.SECONDS) < Fraction(3, 100)
        start = Fraction(0)
        for date, length, data in pieces:
            first = next(read_segment(rendition.header + data).samples())
            scale = rendition.track.timescale
            assert first.sync
            assert abs(Fraction(first.decode_time + first.composition_offset, scale) - start) < Fraction(1, 1000)
            assert abs(date.microseconds_since(told.START) - start * 1_000_000) <= 1_000
            start += length


def test_all_end_together_and_so_do_the_playlists(stores):
    for store in stores.values():
        copies = Copies(store)
        sums = [sum(length for _, length, _ in copies.pieces(name)) for name in ("video.m3u8", "audio.m3u8")]
        assert abs(sums[0] - sums[1]) < Fraction(3, 100)


def test_the_mpd_has_the_same_pieces(stores):
    copies = Copies(stores["c6 gaps that cross"])
    root = ET.fromstring(continuous_mpd(copies.export, base="https://example.org/a b/"))
    space = {"d": "urn:mpeg:dash:schema:mpd:2011"}
    (period,) = root.findall("d:Period", space)
    assert period.get("id") == "2026-05-01T10:00:00.000Z"
    assert period.get("duration") == root.get("mediaPresentationDuration") == "PT24.000000S"
    for rendition, found in zip(copies.export.renditions, period.findall("d:AdaptationSet", space), strict=True):
        representation = found.find("d:Representation", space)
        assert representation.get("codecs") == rendition.track.codecs[0].codecs_parameter()
        segments = representation.find("d:SegmentList", space)
        times = [(int(one.get("t")), int(one.get("d"))) for one in segments.find("d:SegmentTimeline", space)]
        assert all(start + duration == later for (start, duration), (later, _) in pairwise(times))
        body = b""
        urls = [segments.find("d:Initialization", space), *segments.findall("d:SegmentURL", space)]
        assert len(urls) == len(times) + 1
        for url in urls:
            assert (url.get("media") or url.get("sourceURL")) == f"https://example.org/a b/{rendition.name}"
            first, last = map(int, (url.get("mediaRange") or url.get("range")).split("-"))
            assert first == len(body)
            body += copies.bytes(rendition.name)[first : last + 1]
        assert body == copies.bytes(rendition.name)


def test_ffmpeg_decodes_all_of_it(stores, tmp_path):
    """Without a word, and as many pictures as there are samples."""
    for name in ("c1 video lost", "c5 video later", "c7 video-only span"):
        copies = Copies(stores[name])
        path = tmp_path / f"{name}.mp4"
        path.write_bytes(copies.bytes("video.mp4"))
        assert len(frames(path)) == len(copies.samples("video.mp4"))
        path.write_bytes(copies.bytes("audio.mp4"))
        assert len(frames(path, "a:0")) == len(copies.samples("audio.mp4"))


def test_which_recordings_play_in_place(stores):
    for name, store in stores.items():
        assert plays_in_place(store, select(Timeline.from_store(store))) == (name == "common gap")
        assert has_one_codec_a_track(store, select(Timeline.from_store(store)))


@pytest.mark.parametrize("form", [CMAF, MP4])
def test_what_a_recorder_makes_of_one_source_plays_in_place(tmp_path, form):
    store = MemoryStore()
    clip = make_clip(tmp_path / "clip.mp4", seconds=6)
    target = RecordingTarget(format=form, prefix="p", segment_duration=timedelta(seconds=2))
    record(store, clip, target)
    record(store, clip, target, start=after(60))
    assert plays_in_place(store, select(Timeline.from_store(store)))
    video = names(store, ".1.mp4" if form is MP4 else ".1.m4v")
    store.delete(video[0])
    assert plays_in_place(store, select(Timeline.from_store(store))) == (form is MP4)


@pytest.mark.parametrize("kind", ["video", "audio"])
@pytest.mark.parametrize("when", [(6, 17), (-1, 6), (18, 99)])
def test_a_pause_of_one_track_in_multiplexed_objects_is_seen(clip, kind, when):
    """No key shows it; an end of the last span is no gap."""
    store = MemoryStore()
    target = RecordingTarget(format=MP4, prefix="p", segment_duration=timedelta(seconds=4))

    def keep(sample):
        second = Fraction(sample.decode_time, scales[sample.track_id])
        return sample.track_id != silent or not when[0] <= second < when[1]

    _, tracks, samples = record(MemoryStore(), clip, target)
    scales = {track.track_id: track.timescale for track in tracks}
    (silent,) = [track.track_id for track in tracks if track.type.lower() == kind]
    record(store, (tracks, [one for one in samples if keep(one)]), target, start=told.START)
    selection = select(Timeline.from_store(store))
    assert plays_in_place(store, selection) == (when[1] == 99 and (kind == "audio" or len(selection.parts["mp4"]) == 1))
    copies = Copies(store)
    filled = {one.track.type.lower(): sum(piece.filled for piece in one.pieces) for one in copies.export.renditions}
    assert filled[kind] >= 2


@pytest.mark.parametrize("scheme", [ProtectionScheme.CENC, ProtectionScheme.CBCS])
@pytest.mark.parametrize("name", ["c4 audio-only span", "c6 gaps that cross"])
def test_encrypted_recordings_become_the_same_clear_copies(tmp_path, clip, stores, name, scheme):
    key = generate_content_key()
    store = told.record(tmp_path / "store", told.CASES[name], clip, EncryptionEntry(scheme, FixedKey(key)))
    with pytest.raises(ProtectionError):
        Copies(store)
    copies, clear = Copies(store, keys=KeyRing([key])), Copies(stores[name])
    for file in ("video.mp4", "audio.mp4"):
        assert copies.samples(file) == clear.samples(file)
        assert copies.export.renditions[0].header == clear.export.renditions[0].header


def test_spans_of_other_timescales_and_parameter_sets_share_one_header(tmp_path, clip):
    """The parameter sets lie in band, so that readers that take the first header only decode all pictures."""
    other = told.make_clip(tmp_path / "other.mp4", size=(480, 270), gop=50, scale=90_000)
    store = told.record(tmp_path / "store", told.CASES["c1 video lost"], clip, other=other)
    copies = Copies(store)
    video = copies.export.renditions[0]
    assert video.track.timescale % 12_800 == video.track.timescale % 90_000 == 0
    root = ET.fromstring(continuous_mpd(copies.export))
    found = root.find(".//{*}Representation")
    assert (found.get("width"), found.get("height")) == ("480", "270")
    # several would mean several tracks to a player
    assert found.get("codecs") == video.track.codecs[1].codecs_parameter() != video.track.codecs[0].codecs_parameter()
    assert copies.lists["video.m3u8"].count("EXT-X-MAP") == 1
    path = tmp_path / "video.mp4"
    path.write_bytes(copies.bytes("video.mp4"))
    command = [need("ffprobe"), "-v", "error", "-show_entries", "frame=width,pts_time", "-of", "csv=p=0", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert not done.stderr, done.stderr
    rows = [line.split(",")[:2] for line in done.stdout.splitlines() if line]
    assert len(rows) == len(copies.samples("video.mp4"))
    for time, width in ((float(time), int(width)) for time, width in rows):
        assert width == (480 if time >= 14 else 320)


def test_a_lost_object_is_filled(tmp_path, clip):
    store = told.record(tmp_path / "store", told.Case((told.WHOLE,), (told.WHOLE,)), clip)
    lost = names(store, ".2.m4v")
    assert len(lost) == 1
    store.delete(lost[0])
    assert not plays_in_place(store, select(Timeline.from_store(store)))
    copies = Copies(store, strict=False)
    assert [one.key.rpartition("*")[2] for one in copies.export.report.left_out] == ["Z.2.m4v"]
    grey = filler_payloads(copies.export.renditions[0].track)
    times = [float(time) for time, _, data in copies.samples("video.mp4") if data in grey]
    assert times == [8, 9, 10, 11]
    assert not any(piece.filled for piece in copies.export.renditions[1].pieces)


def test_a_range(stores):
    """From the key frame before it on, and to its end; the fillers too."""
    store = stores["c1 video lost"]
    start, end = told.START + timedelta(seconds=3.5), told.START + timedelta(seconds=11)
    copies = Copies(store, range_=(start, end))
    assert copies.export.utc_at(0, 1) == told.START + timedelta(seconds=3)
    for rendition in copies.export.renditions:
        assert abs(Fraction(rendition.end, rendition.track.timescale) - 8) < HOLE
    copies = Copies(store, range_=(told.START + timedelta(seconds=10), None))
    assert abs(copies.export.utc_at(0, 1).microseconds_since(told.START) - 10_000_000) < 25_000


def test_a_long_time_without_any_recording_is_left_out(clip):
    store = MemoryStore()
    target = RecordingTarget(prefix="p", segment_duration=timedelta(seconds=4))
    record(store, clip, target, start=told.START)
    record(store, clip, target, start=told.START + timedelta(hours=1))
    copies = Copies(store)
    dates = [date.microseconds_since(told.START) / 1_000_000 for date, _, _ in copies.pieces("video.m3u8")]
    assert dates == [*range(0, 24, 2), *range(3600, 3624, 2)]
    for rendition in copies.export.renditions:
        assert not any(piece.filled for piece in rendition.pieces)
        assert abs(Fraction(rendition.end, rendition.track.timescale) - 48) < HOLE
    off = copies.export.utc_at(30, 1).microseconds_since(told.START + timedelta(seconds=3606))
    assert abs(off) < 50_000  # sound begins a little earlier and lasts a little longer


def test_a_codec_without_filler_leaves_a_gap_that_players_know(tmp_path):
    source = make_clip(tmp_path / "clip.mp4", seconds=8, bframes=0, extra=("-c:v", "mjpeg", "-pix_fmt", "yuvj420p"))
    store = MemoryStore()
    target = RecordingTarget(prefix="p", segment_duration=timedelta(seconds=2))
    kinds = {}

    def keep(kind, start, end):
        return lambda sample: sample.track_id == kinds[kind] and start <= sample.decode_time / scales[kind] < end

    recorder, tracks, samples = record(MemoryStore(), source, target)
    assert recorder
    for track in tracks:
        kinds[track.type] = track.track_id
    scales = {track.type: track.timescale for track in tracks}
    for kind, start, end in ((TrackType.VIDEO, 0, 3), (TrackType.VIDEO, 5, 8), (TrackType.AUDIO, 0, 8)):
        only = [track for track in tracks if track.type is kind]
        chosen = [sample for sample in samples if keep(kind, start, end)(sample)]
        record(store, (only, chosen), target, start=after(start), shift=Fraction(start))
    copies = Copies(store)
    text = copies.lists["video.m3u8"]
    assert "#EXT-X-VERSION:8\n" in text
    assert text.count("#EXT-X-GAP") == 1
    assert [piece.size > 0 for piece in copies.export.renditions[0].pieces if piece.filled] == [False]
    lengths = [length for _, length, _ in copies.pieces("video.m3u8")]
    assert sum(lengths) == 8
    assert "#EXT-X-GAP" not in copies.lists["audio.m3u8"]


def test_a_start_within_a_second(clip):
    store = MemoryStore()
    record(store, clip, RecordingTarget(prefix="p"), start=after(0))
    copies = Copies(store)
    assert after(0).microseconds % 1_000_000
    off = copies.export.utc_at(0, 1).microseconds_since(after(0))
    assert abs(off) <= 1_000  # with the first picture, though sound begins up to a packet earlier
    for timescale in (1, 7, 48_000):
        assert abs(copies.export.utc_at(3 * timescale, timescale).microseconds_since(after(3)) - off) <= 1
    assert f'Period id="{rounded(copies.export.utc_at(0, 1)).isoformat(3)}"' in continuous_mpd(copies.export)


def test_nothing_to_play(stores):
    store = stores["common gap"]
    selection = select(Timeline.from_store(store), media=TrackType.METADATA)
    with pytest.raises(MediaError, match="nothing"):
        export_continuous(store, selection, lambda name: BytesIO())
    assert isinstance(store, DirectoryStore)
