"""The validator has nothing to say of what the recorder writes, in all its ways."""

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from itertools import product

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from validation_kit import (
    CBCS,
    CENC,
    G711,
    KEYS,
    META,
    MJPEG,
    START,
    clip,
    entry,
    in_order,
    jpegs,
    make_recorder,
    metadata,
    objects_of,
    packets,
    record,
)

from onvif_bmff.cenc.encrypt import IvSources
from onvif_bmff.cenc.iv import CencIvAllocators
from onvif_bmff.cenc.keys.content import RotatingKey
from onvif_bmff.cenc.keys.ring import KeyRing
from onvif_bmff.ingest.mp4 import open_mp4
from onvif_bmff.media import Sample
from onvif_bmff.recording.boundaries import by_clock, since_open
from onvif_bmff.recording.encryption import EncryptionEntry
from onvif_bmff.recording.formats import CMAF, MP4
from onvif_bmff.storage.memory import MemoryStore
from onvif_bmff.storage.sink import StoreSink
from onvif_bmff.validation import validate_store

RING = KeyRing(KEYS)
SECOND = timedelta(seconds=1)
NO_LONG_SHRINKING = (Phase.explicit, Phase.reuse, Phase.generate)


def findings(store, **options):
    return [f"{found.rule} {found.key} {found.message}" for found in validate_store(store, keys=RING, **options)]


@pytest.mark.parametrize("format_", [CMAF, MP4], ids=lambda one: one.name)
@pytest.mark.parametrize("scheme", [None, CENC, CBCS], ids=str)
@pytest.mark.parametrize("span", [None, 4], ids=["one span", "spans"])
@pytest.mark.parametrize("kept", [(1,), (2,), (3,), (1, 2), (1, 3), (2, 3), (1, 2, 3)], ids=str)
def test_a_real_clip_with_pictures_in_another_order(format_, scheme, span, kept):
    tracks, samples = clip()
    tracks = [track for track in tracks if track.track_id in kept]
    store = record(
        tracks,
        samples,
        format=format_,
        span_duration=span and span * SECOND,
        encryption=(entry(scheme),) if scheme else (),
    )
    assert findings(store) == []
    assert findings(store, deep=False) == []


@pytest.mark.parametrize("format_", [CMAF, MP4], ids=lambda one: one.name)
def test_a_track_with_a_mode_and_a_key_of_its_own(format_):
    tracks, samples = clip()
    entries = (
        entry(CBCS, KEYS[0], tracks=("VIDEO001",)),
        entry(CENC, KEYS[1], tracks=("AUDIO001",)),
    )
    assert findings(record(tracks, samples, format=format_, encryption=entries)) == []


@pytest.mark.parametrize("format_", [CMAF, MP4], ids=lambda one: one.name)
def test_without_pictures_in_another_order(format_):
    tracks, samples = clip()
    plain = [replace(sample, composition_offset=0) for sample in samples]
    assert findings(record(tracks, plain, format=format_)) == []


@pytest.mark.parametrize(
    ("scheme", "signalling", "cmaf_rule", "mp4_rule"),
    [(CBCS, "sample", "C-67", "ANX-B.8-07"), (CBCS, "track", "ANX-B.8-08", "ANX-B.8-08")],
    ids=["sample", "track"],
)
def test_vectors_for_simple_readers_break_the_rule_they_are_known_to_break(scheme, signalling, cmaf_rule, mp4_rule):
    """These two ways of carrying vectors are there for readers that ignore sample groups, and are no default."""
    tracks, samples = clip()
    for format_, rule in ((CMAF, cmaf_rule), (MP4, mp4_rule)):
        store = record(tracks[:1], samples, format=format_, encryption=(entry(scheme, iv_signalling=signalling),))
        assert {finding.rule for finding in validate_store(store, keys=RING)} == {rule}


def test_cenc_vectors_of_16_bytes_deviate_from_cmaf_and_from_nothing_else():
    """An option for keys that very many runs share; see docs/SECURITY.md."""
    tracks, samples = clip()
    for format_, rules in ((CMAF, {"C-66"}), (MP4, set())):
        ivs = IvSources(CencIvAllocators(size=16))
        store = record(tracks, samples, format=format_, encryption=(entry(CENC),), recorder={"ivs": ivs})
        assert {finding.rule for finding in validate_store(store, keys=RING)} == rules


@pytest.mark.parametrize("format_", [CMAF, MP4], ids=lambda one: one.name)
@pytest.mark.parametrize("boundary", [since_open, by_clock])
def test_a_life_with_everything_in_it(format_, boundary):
    """Keys rotate, the duration is overridden, the target changes, the recording stops and starts again."""
    tracks, samples = clip()
    rotating = EncryptionEntry(CENC, RotatingKey(3 * SECOND))
    recorder = make_recorder(tracks, format=format_, encryption=(rotating,), recorder={"boundary": boundary})
    store = MemoryStore()
    scales = {track.track_id: track.timescale for track in tracks}
    with StoreSink(store) as sink:
        recorder.activate(START, media_time=Fraction(0))
        done = set()
        for sample in samples:
            seconds = sample.decode_time / scales[sample.track_id]
            for at, act in (
                (3, lambda: recorder.override_segment_duration(SECOND, START + 6 * SECOND)),
                (5, lambda: recorder.reconfigure(replace(recorder.target, encryption=(entry(CBCS),)))),
                (7, lambda: recorder.reconfigure(replace(recorder.target, encryption=(), digits=6))),
                (8, lambda: sink.add_all(recorder.deactivate())),
                (9, lambda: recorder.activate(START, media_time=Fraction(0), event_topic="tns1:Motion")),
            ):
                if seconds >= at and at not in done:
                    done.add(at)
                    act()
            if recorder.active:
                sink.add_all(recorder.push(sample))
        sink.add_all(recorder.deactivate())
    assert len(done) == 5
    assert findings(store) == []


@pytest.mark.parametrize("format_", [CMAF, MP4], ids=lambda one: one.name)
def test_a_recording_that_goes_on(format_):
    tracks, samples = clip()
    recorder, store = make_recorder(tracks, format=format_), MemoryStore()
    recorder.activate(START, media_time=Fraction(0))
    with StoreSink(store) as sink:
        for number, sample in enumerate(samples):
            sink.add_all(recorder.push(sample))
            if number % 200 == 199:
                assert findings(store) == []


def test_only_a_part_of_the_time():
    tracks, samples = clip()
    store = record(tracks, samples, format=CMAF, span_duration=4 * SECOND)
    for first, last in ((0, 3), (3, 8), (5, 60)):
        assert findings(store, start=START + first * SECOND, end=START + last * SECOND) == []


def test_no_more_than_one_read_of_each_byte():
    tracks, samples = clip()
    store = record(tracks, samples, format=MP4)

    class Counting(MemoryStore):
        read = 0

        def get(self, key, start=0, length=None):
            data = store.get(key, start, length)
            Counting.read += len(data)
            return data

        def head(self, key):
            return store.head(key)

        def keys(self, prefix="", *, after=""):
            return store.keys(prefix, after=after)

    assert findings(Counting()) == []
    assert Counting.read == sum(len(body) for body, _, _ in objects_of(store).values())


@settings(max_examples=20, deadline=None, phases=NO_LONG_SHRINKING)
@given(
    format_=st.sampled_from((CMAF, MP4)),
    kept=st.sets(st.sampled_from((1, 2, 3)), min_size=1),
    scheme=st.sampled_from((None, CENC, CBCS)),
    segment=st.integers(200, 9000),
    span=st.none() | st.integers(500, 20_000),
    digits=st.sampled_from((3, 6)),
    starts=st.tuples(*[st.integers(0, 3000)] * 3),
    seconds=st.integers(1, 20),
    microseconds=st.integers(0, 10**6),
)
def test_all_sorts_of_targets(format_, kept, scheme, segment, span, digits, starts, seconds, microseconds):
    """Tracks that start at different times, segments and spans of any length."""
    tracks = [track for track in (MJPEG, G711, META) if track.track_id in kept]
    samples = [
        Sample(one.track_id, one.decode_time + starts[one.track_id - 1] * scale // 1000, one.duration, one.data)
        for found, scale in ((jpegs(seconds), 90_000), (packets(seconds), 8_000), (metadata(seconds), 1_000))
        for one in found
        if one.track_id in kept
    ]
    store = record(
        tracks,
        in_order(tracks, samples),
        format=format_,
        start=START.plus_microseconds(microseconds),
        segment_duration=timedelta(milliseconds=segment),
        span_duration=span and timedelta(milliseconds=span),
        digits=digits,
        encryption=(entry(scheme),) if scheme else (),
    )
    assert findings(store) == []


@settings(max_examples=20, deadline=None, phases=NO_LONG_SHRINKING)
@given(data=st.data())
def test_sources_with_gaps_and_uneven_times(data):
    format_ = data.draw(st.sampled_from((CMAF, MP4)))
    tracks = [MJPEG, G711, META]
    samples = []
    for track, made in ((MJPEG, jpegs(30)), (G711, packets(30)), (META, metadata(30))):
        shift = 0
        hole = data.draw(st.integers(0, len(made)))
        width = data.draw(st.sampled_from((0, 1, 3, 8))) * track.timescale
        jitter = data.draw(st.integers(0, 3))
        for number, sample in enumerate(made):
            if number == hole:
                shift += width
            samples.append(replace(sample, decode_time=sample.decode_time + shift + (number % 4 == 0) * jitter))
    store = record(tracks, in_order(tracks, samples), format=format_, span_duration=20 * SECOND)
    assert findings(store) == []


def test_a_segment_shorter_than_keys_can_tell():
    store = record([G711], [replace(packets(1)[0], duration=2)], format=CMAF)
    assert len(objects_of(store)) == 2
    assert findings(store) == []


@pytest.mark.parametrize("format_", [CMAF, MP4], ids=lambda one: one.name)
@pytest.mark.parametrize("scheme", [None, CENC, CBCS], ids=str)
def test_h265_with_b_frames(format_, scheme, make_clip):
    pictures = ["-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25:duration=6", "-c:v", "libx265"]
    options = ["-x265-params", "keyint=50:min-keyint=50:scenecut=0:open-gop=0:bframes=3:log-level=none"]
    clip = make_clip("validation_h265.mp4", [*pictures, *options, "-tag:v", "hvc1"])
    with open_mp4(clip) as source:
        samples = [sample for sample in source.samples() if isinstance(sample, Sample)]
        store = record(source.tracks, samples, format=format_, encryption=(entry(scheme),) if scheme else ())
        assert findings(store) == []


def test_combinations_of_schemes_and_formats_are_what_they_seem():
    """The test above would be worth little if nothing were encrypted."""
    tracks, samples = clip()
    for format_, scheme in product((CMAF, MP4), (CENC, CBCS)):
        store = record(tracks[:1], samples, format=format_, encryption=(entry(scheme),))
        body = store.get(next(iter(store.keys())))
        assert scheme.fourcc.encode() in body
        assert b"encv" in body
