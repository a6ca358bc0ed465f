"""MPDs over stored objects: periods, and that each piece is presented when it was recorded."""

import re
import xml.etree.ElementTree as ET
from datetime import timedelta
from fractions import Fraction
from io import BytesIO
from itertools import pairwise
from urllib.parse import unquote

import pytest
import support_told_time as told
from hypothesis import given, settings
from hypothesis import strategies as st
from playback_kit import names

from onvif_bmff.cenc.keys.content import FixedKey, generate_content_key
from onvif_bmff.cenc.scheme import ProtectionScheme
from onvif_bmff.cli.main import main
from onvif_bmff.errors import MediaError, OnvifBmffError, ProtectionError
from onvif_bmff.export import dash_manifest, is_one_track_an_object, playlists_with_fillers
from onvif_bmff.export.fillers import filler_of
from onvif_bmff.media.track import TrackType
from onvif_bmff.objects import ObjectKey, SegmentObject, SpanEndObject
from onvif_bmff.playback import SampleReader, Timeline, read_segment, select
from onvif_bmff.recording.encryption import EncryptionEntry
from onvif_bmff.recording.target import DecodeTimes
from onvif_bmff.storage import MemoryStore
from onvif_bmff.timing import UtcTime

_small = {}
SPACE = {"d": "urn:mpeg:dash:schema:mpd:2011"}
CMAF_CASES = [name for name, case in told.CASES.items() if case.form == "CMAF"]


def seconds(text):
    return Fraction(text.removeprefix("PT").removesuffix("S"))


class Manifest:
    """An MPD over a store, and the files of its fillers."""

    def __init__(self, store, *, strict=True, **range_):
        self.store = store
        self.files = {}
        self.made = dash_manifest(
            store, select(Timeline.from_store(store), **range_), self._open, base="../store/", strict=strict
        )
        self.root = ET.fromstring(self.made.text)
        self.periods = self.root.findall("d:Period", SPACE)

    def _open(self, name):
        assert name not in self.files
        self.files[name] = BytesIO()
        return self.files[name]

    def get(self, uri, where):
        first, last = map(int, where.split("-"))
        if uri in self.files:
            return self.files[uri].getvalue()[first : last + 1]
        return self.store.get(unquote(uri).removeprefix("../store/"), first, last + 1 - first)

    def sets(self, period):
        """Kind, timescale, offset, header and pieces (time, duration, bytes) of each track in a period."""
        for one in period.findall("d:AdaptationSet", SPACE):
            segments = one.find("d:Representation/d:SegmentList", SPACE)
            init = segments.find("d:Initialization", SPACE)
            times = [(int(row.get("t")), int(row.get("d"))) for row in segments.find("d:SegmentTimeline", SPACE)]
            urls = segments.findall("d:SegmentURL", SPACE)
            pieces = [
                (time, duration, self.get(url.get("media"), url.get("mediaRange")))
                for (time, duration), url in zip(times, urls, strict=True)
            ]
            header = self.get(init.get("sourceURL"), init.get("range"))
            yield (
                one.get("contentType"),
                int(segments.get("timescale")),
                int(segments.get("presentationTimeOffset")),
                header,
                pieces,
            )

    def shown(self):
        """For each kind what a player shows: start and end in seconds since told.START, payload."""
        found = {}
        for period in self.periods:
            at = Fraction(UtcTime.parse(period.get("id")).microseconds_since(told.START), 1_000_000)
            length = seconds(period.get("duration"))
            for kind, scale, offset, header, pieces in self.sets(period):
                rows = found.setdefault(kind, [])
                for time, _, data in pieces:
                    samples = list(read_segment(header + data).samples())
                    first = samples[0].decode_time + samples[0].composition_offset
                    assert abs(first - time) * 500 <= scale
                    assert samples[0].sync
                    needs_sync = False
                    for one in samples:
                        start = Fraction(one.decode_time + one.composition_offset - offset, scale)
                        if start < -Fraction(1, 1000) or start >= length:
                            needs_sync = needs_sync or start < 0
                        elif one.sync or not needs_sync:
                            needs_sync = False
                            rows.append((at + start, at + start + Fraction(one.duration, scale), bytes(one.data)))
        return found


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return told.make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4")


def recorded(store):
    found = {}
    fillers = {}
    for played in SampleReader(store, select(Timeline.from_store(store))):
        kind = played.track.type.lower()
        time = Fraction(played.time.microseconds_since(told.START), 1_000_000)
        found.setdefault(kind, []).append((time, bytes(played.sample.data)))
        fillers[kind] = set(filler_of(played.track.codec).samples)
    return found, fillers


@pytest.mark.parametrize("decode_times", list(DecodeTimes))
@pytest.mark.parametrize("name", CMAF_CASES)
def test_all_is_shown_when_it_was_recorded(tmp_path, clip, name, decode_times):
    """Pictures exactly; sound but for a packet at a boundary. Between them are fillers, and no holes."""
    store = told.record(tmp_path / "store", told.CASES[name], clip, decode_times=decode_times)
    manifest = Manifest(store)
    if decode_times is DecodeTimes.UTC:
        assert len(manifest.periods) == 1
    wanted, fillers = recorded(store)
    shown = manifest.shown()
    for kind, rows in wanted.items():
        real = sorted(row for row in shown[kind] if row[2] not in fillers[kind])
        rows = sorted(rows)
        assert len(rows) - len(real) <= (0 if kind == "video" else 3)
        missing = iter(rows)
        for start, _, data in real:
            at = next(time for time, payload in missing if payload == data)
            assert abs(start - at) < (Fraction(2, 1000) if kind == "video" else Fraction(1, 20))
        reach = Fraction(0)
        for start, end, _ in sorted(shown[kind]):
            assert start - reach < Fraction(1, 10)
            reach = max(reach, end)
        assert abs(reach - told.SECONDS) < Fraction(1, 10)


def test_periods_follow_each_other(tmp_path, clip):
    store = told.record(tmp_path / "store", told.CASES["c6 gaps that cross"], clip)
    manifest = Manifest(store)
    assert [period.get("id")[17:19] for period in manifest.periods] == ["00", "11", "20"]
    ends = [seconds(period.get("start")) + seconds(period.get("duration")) for period in manifest.periods]
    assert [seconds(period.get("start")) for period in manifest.periods] == [0, *ends[:-1]]
    assert seconds(manifest.root.get("mediaPresentationDuration")) == ends[-1]
    for period in manifest.periods:
        for _, _, _, _, pieces in manifest.sets(period):
            assert all(time + duration <= later + 1000 for (time, duration, _), (later, _, _) in pairwise(pieces))
    numbers = [[one.get("id") for one in period.findall("d:AdaptationSet", SPACE)] for period in manifest.periods]
    assert numbers == [["1", "2"]] * 3


def test_sound_waits_for_the_next_piece_of_pictures(tmp_path, clip):
    """For a period that begins within a piece would show no picture until the next one."""
    case = told.Case((told.WHOLE,), ((0, 8), (14, told.SECONDS)))
    store = told.record(tmp_path / "store", case, told.make_clip(tmp_path / "clip.mp4", gop=100))
    manifest = Manifest(store)
    assert [period.get("id")[17:19] for period in manifest.periods] == ["00", "16"]
    wanted, fillers = recorded(store)
    video = manifest.shown()["video"]
    assert len(video) == len(wanted["video"]) == told.SECONDS * told.RATE
    heard = [row for row in manifest.shown()["audio"] if row[2] not in fillers["audio"]]
    assert not [row for row in heard if 8.1 < row[0] < 15.9]
    assert clip


def test_only_fillers_are_written(tmp_path, clip):
    store = told.record(tmp_path / "store", told.CASES["c1 video lost"], clip)
    manifest = Manifest(store)
    assert set(manifest.files) == {"filler-video.mp4"}
    whole = told.record(tmp_path / "whole", told.Case((told.WHOLE,), (told.WHOLE,)), clip)
    assert Manifest(whole).files == {}
    assert len(Manifest(whole).periods) == 1


@pytest.mark.parametrize("name", CMAF_CASES)
def test_playlists_over_objects_with_utc_decode_times(tmp_path, clip, name):
    """The same pieces as in the MPD, and dates; other objects need copies."""
    store = told.record(tmp_path / "store", told.CASES[name], clip, decode_times=DecodeTimes.UTC)
    files = {}
    made = playlists_with_fillers(
        store, select(Timeline.from_store(store)), lambda name: files.setdefault(name, BytesIO()), base="../store/"
    )
    manifest = Manifest(store)
    assert {name: file.getvalue() for name, file in files.items()} == {
        name: file.getvalue() for name, file in manifest.files.items()
    }
    assert set(made) == {"index.m3u8", "video.m3u8", "audio.m3u8"}
    (period,) = manifest.periods
    for kind, scale, offset, _, pieces in manifest.sets(period):
        text = made[f"{kind}.m3u8"]
        assert "DISCONTINUITY" not in text
        assert text.count("EXT-X-MAP") == 1
        dates = [UtcTime.parse(date) for date in re.findall("DATE-TIME:(.*)", text)]
        lengths = [Fraction(length) for length in re.findall("EXTINF:(.*),", text)]
        ranges = re.findall(r"BYTERANGE:(\d+)@(\d+)\n(.*)", text)
        bodies = [manifest.get(uri, f"{start}-{int(start) + int(size) - 1}") for size, start, uri in ranges]
        assert bodies == [data for _, _, data in pieces]
        for (time, _, _), date in zip(pieces, dates, strict=True):
            at = told.START.microseconds + (time - offset) * 1_000_000 / scale
            assert abs(date.microseconds - at) <= 1_000
        last = pieces[-1][0] + pieces[-1][1] - pieces[0][0]
        assert abs(sum(lengths) - Fraction(last, scale)) < Fraction(1, 1_000)
    if name != "common gap":
        plain = told.record(tmp_path / "plain", told.CASES[name], clip)
        assert playlists_with_fillers(plain, select(Timeline.from_store(plain)), lambda name: BytesIO()) is None


def test_a_lost_object_is_filled_on_the_time_line_of_its_span(tmp_path, clip):
    store = told.record(tmp_path / "store", told.Case((told.WHOLE,), (told.WHOLE,)), clip)
    store.delete(names(store, ".2.m4v")[0])
    manifest = Manifest(store, strict=False)
    assert len(manifest.periods) == 1
    assert set(manifest.files) == {"filler-video.mp4"}
    assert [str(one.cause.value) for one in manifest.made.left_out] == ["missing"]
    _, fillers = recorded(store)
    times = [float(start) for start, _, data in manifest.shown()["video"] if data in fillers["video"]]
    assert times == [8, 9, 10, 11]


def test_a_range(tmp_path, clip):
    store = told.record(tmp_path / "store", told.CASES["c2 sound lost"], clip)
    manifest = Manifest(store, start=told.START + timedelta(seconds=9.5), end=told.START + timedelta(seconds=15.5))
    assert manifest.periods[0].get("id")[17:19] == "09"
    assert sum(seconds(period.get("duration")) for period in manifest.periods) == pytest.approx(7, abs=0.05)


def test_what_cannot_be_played_so(tmp_path, clip):
    muxed = told.record(tmp_path / "muxed", told.CASES["c4 audio-only span"], clip)
    assert not is_one_track_an_object(select(Timeline.from_store(muxed)))
    with pytest.raises(MediaError, match="several tracks"):
        Manifest(muxed)
    entry = EncryptionEntry(ProtectionScheme.CENC, FixedKey(generate_content_key()))
    with pytest.raises(ProtectionError, match="encrypted"):
        Manifest(told.record(tmp_path / "locked", told.CASES["c1 video lost"], clip, entry))
    only = told.record(tmp_path / "only", told.CASES["c1 video lost"], clip)
    with pytest.raises(MediaError, match="nothing"):
        dash_manifest(only, select(Timeline.from_store(only), media=TrackType.METADATA), lambda name: BytesIO())


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_damaged_objects_are_library_errors_or_left_out(tmp_path_factory, clip, data):
    """And never fillers without end."""
    if not _small:
        store = told.record(tmp_path_factory.mktemp("small"), told.Case(((0, 3), (5, 6)), ((0, 6),)), clip)
        _small.update({name: store.get(name) for name in list(store.keys())})
    damaged = MemoryStore()
    name = data.draw(st.sampled_from([name for name in _small if not name.endswith("_end")]))
    body = bytearray(_small[name])
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.sampled_from([b"tfdt", b"trun", b"tfhd", b"tfra", b"mdhd", b"stsd", b"moof"]))
        at = _small[name].index(place) + data.draw(st.integers(-4, 24))
        body[at] = data.draw(st.integers(0, 255))
    for other, whole in _small.items():
        key = ObjectKey.parse(other)
        one = SegmentObject(key, bytes(body) if other == name else whole, "video/mp4") if whole else SpanEndObject(key)
        damaged.put(one)
    for strict in (True, False):
        try:
            manifest = Manifest(damaged, strict=strict)
        except OnvifBmffError:
            continue
        assert sum(len(file.getvalue()) for file in manifest.files.values()) < 20_000_000


def test_the_command(tmp_path, clip, capsys):
    """In place where that does, copies otherwise; nothing is left where it fails."""
    store = tmp_path / "cmaf"
    told.record(store, told.CASES["c1 video lost"], clip)
    told.record(tmp_path / "muxed", told.CASES["c4 audio-only span"], clip)

    def files(*options):
        folder = tmp_path / f"out{len(list(tmp_path.iterdir()))}"
        status = main(["export", *map(str, options), "--dash", str(folder)])
        capsys.readouterr()
        return status, sorted(path.name for path in folder.iterdir()) if folder.exists() else None

    assert files(store) == (0, ["filler-video.mp4", "index.mpd"])
    assert files(store, "--copies", "always") == (0, ["audio.mp4", "index.mpd", "video.mp4"])
    utc = tmp_path / "utc"
    told.record(utc, told.CASES["c1 video lost"], clip, decode_times=DecodeTimes.UTC)
    for folder, expected in ((utc, "filler-video.mp4"), (store, "video.mp4")):
        out = tmp_path / f"hls-{folder.name}"
        assert main(["export", str(folder), "--hls", str(out)]) == 0
        assert expected in {path.name for path in out.iterdir()}
        assert not [path for path in out.iterdir() if path.name.startswith(".")]
    assert files(tmp_path / "muxed") == (0, ["audio.mp4", "index.mpd", "video.mp4"])
    assert files(tmp_path / "muxed", "--copies", "never") == (2, None)
    lost = names(told.DirectoryStore(store), ".0.m4a")[0]
    (store / lost).write_bytes(b"no segment")
    assert files(store)[0] == 1
    assert files(store, "--strict") == (2, None)
