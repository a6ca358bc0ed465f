"""Leap seconds in the keys of other recorders: …/23/59-60.500Z.…, and keys that step back by a second behind it."""

import io
from datetime import timedelta

import pytest
from support_configurations import carry_out, configuration

from onvif_bmff.export import export_movie, hls_playlists
from onvif_bmff.ingest import Mp4Input
from onvif_bmff.objects import ObjectKey
from onvif_bmff.playback import SampleReader, Timeline, select
from onvif_bmff.storage import MemoryStore
from onvif_bmff.timing import UtcTime

MIDNIGHT = UtcTime.parse("2017-01-01T00:00:00Z")


def renamed(store: MemoryStore, lead: float) -> MemoryStore:
    """The first span of video, moved so that it begins ``lead`` seconds before the leap second of 2016."""
    span = next(one for one in Timeline.from_store(store).spans if one.extension == "m4v" and len(one.segments) > 3)
    base = span.start
    copy = MemoryStore()
    names = [segment.name for segment in span.segments] + [name for name in [span.end_name] if name]
    for name in names:
        key = ObjectKey.parse(name)
        elapsed = key.time - base - timedelta(seconds=lead)
        if elapsed < timedelta(0):
            time = MIDNIGHT + elapsed
        elif elapsed < timedelta(seconds=1):
            time = UtcTime((MIDNIGHT + elapsed).microseconds, leap=True)
        else:
            time = MIDNIGHT + elapsed - timedelta(seconds=1)
        made = ObjectKey(key.prefix, time, key.postfix, key.counter, key.extension, key.span_end, 6)
        head = store.head(name)
        writer = copy.open_writer(str(made), content_type=head.content_type)
        writer.append(store.get(name))
        writer.seal(dict(head.attributes))
    return copy


@pytest.fixture(scope="module")
def recorded() -> MemoryStore:
    for seed in range(1_000_000, 1_002_000):
        found = configuration(seed)
        plain = found.chosen == "CMAF" and not found.scheme and not found.span and not found.steps and not found.wraps
        if plain and found.seconds > 4 and found.segment <= 1_000:
            store = carry_out(found).store
            if any(one.extension == "m4v" and len(one.segments) > 3 for one in Timeline.from_store(store).spans):
                return store
    raise AssertionError("there is no such recording")


@pytest.mark.parametrize("lead", [1.0, 1.3, 1.95, 2.5])
@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("progressive", [True, False])
def test_a_span_over_a_leap_second(recorded: MemoryStore, lead: float, strict: bool, progressive: bool) -> None:
    store = renamed(recorded, lead)
    timeline = Timeline.from_store(store)
    assert (timeline.foreign, len(timeline.spans), timeline.orphan_ends) == (0, 1, 0)
    assert list(timeline.spans[0].lost()) == []
    selection = select(timeline)
    reader = SampleReader(store, selection, strict=strict)
    played = list(reader)
    assert reader.left_out == []
    out = io.BytesIO()
    report = export_movie(store, selection, out, progressive=progressive, strict=strict)
    assert report.left_out == ()
    with Mp4Input(memoryview(out.getvalue())) as movie:
        got = list(movie.samples())
        timescale = movie.tracks[0].timescale
    assert [bytes(one.data) for one in got] == [bytes(one.sample.data) for one in played]
    first = played[0]
    for one, sample in zip(played, got, strict=True):
        expected = (one.sample.decode_time - first.sample.decode_time) / one.track.timescale
        assert abs((sample.decode_time - got[0].decode_time) / timescale - expected) < 0.002  # no step, no squeeze


def test_playlists_and_ranges_over_a_leap_second(recorded: MemoryStore) -> None:
    store = renamed(recorded, 1.3)
    timeline = Timeline.from_store(store)
    text = hls_playlists(store, select(timeline), strict=False)["video.m3u8"]
    assert "DISCONTINUITY" not in text
    leap = UtcTime.parse("2016-12-31T23:59:60.2Z")
    found = timeline.locate(leap)
    assert found is not None
    assert found.start <= leap
    part = list(SampleReader(store, select(timeline, start=leap, end=leap + timedelta(milliseconds=400))))
    assert part
