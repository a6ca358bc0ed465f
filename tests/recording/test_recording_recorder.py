"""A recording from its samples to its objects: keys, times, order, memory, and that what is played is what came."""

import gc
import tracemalloc
import weakref
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from recording_kit import (
    AUDIO,
    CMAF,
    FORMATS,
    FRAME,
    G711,
    META,
    MJPEG,
    MP4,
    SECOND,
    START,
    VIDEO,
    VIDEO_2,
    audio,
    data,
    metadata,
    mixed,
    of,
    record,
    target,
    video,
)
from support_recorded import check_recording

from onvif_bmff.errors import MediaError, StateError
from onvif_bmff.media import Sample
from onvif_bmff.objects import (
    FragmentWritten,
    SegmentOpened,
    SegmentSealed,
    SpanEnded,
    collect_objects,
)
from onvif_bmff.recording.formats import CmafFormat
from onvif_bmff.recording.recorder import Recorder
from onvif_bmff.recording.segment import FragmentLimits
from onvif_bmff.timing import UtcTime

ALL = [VIDEO, AUDIO, META]


# ---- B.10 -----------------------------------------------------------------------------------------------------

B10_START = UtcTime.parse("2022-11-08T15:08:23.547Z")
B10_FOLDER = "site-2/2022-11-08/camera-5/"


def regular(track_id, start_ms, end_ms, count, segment_ms):
    """Sync samples in milliseconds, ``count`` segments of them, from start to end; four a segment, the last longer."""
    step = segment_ms // 4
    times = [start_ms + step * n for n in range(4 * (count - 1) + 1)]
    ends = [*times[1:], end_ms]
    return [Sample(track_id, t, end - t, b"x") for t, end in zip(times, ends, strict=True)]


def keys_of(events):
    return [str(obj.key) for obj in collect_objects(events)]


@pytest.mark.requirement("ANX-B.10-01", "ANX-B.10-02", "ANX-B.4-11", "ANX-B.5-04", "REC-5.3.1-13", "REC-5.3.1-14")
def test_the_mp4_keys_of_b10():
    track = replace(VIDEO, timescale=1000)
    samples = regular(1, 0, 5_147_874, 85, 60_000)
    chosen = target(MP4, segment=60)
    events = record([track], samples, chosen, at=B10_START, media_time=Fraction(0), max_gap=Fraction(3600))
    keys = keys_of(events)
    assert keys[0] == B10_FOLDER + "15/08-23.547Z.0.mp4"
    assert keys[-1] == B10_FOLDER + "16/34-11.421Z.85.mp4_end"
    assert len(keys) == 86
    check_recording(events)


@pytest.mark.requirement(
    "ANX-B.10-01", "ANX-B.10-02", "ANX-B.4-01", "ANX-B.4-02", "ANX-B.4-03", "ANX-B.4-04", "ANX-B.4-05", "ANX-B.4-12",
    "ANX-B.5-01", "ANX-B.5-02", "ANX-B.5-03", "ANX-B.5-05", "ANX-B.7-03", "ANX-B.7-05", "ANX-B.7-07",
)  # fmt: skip
def test_the_cmaf_keys_of_b10():
    tracks = [replace(track, timescale=1000) for track in ALL]
    # video 15:08:23.547 to 16:34:11.421, audio 23.989 to 11.779, metadata 23.692 to 11.871; 1020 segments each
    samples = mixed(
        regular(1, 0, 5_147_874, 1020, 5_000),
        regular(2, 442, 5_148_232, 1020, 5_000),
        regular(3, 145, 5_148_324, 1020, 5_000),
        scales=dict.fromkeys((1, 2, 3), 1000),
    )
    chosen = target(CMAF, segment=5)
    events = record(tracks, samples, chosen, at=B10_START, media_time=Fraction(0), max_gap=Fraction(3600))
    keys = keys_of(events)
    assert len(keys) == 3 * 1021
    for name, first, last in (
        ("m4v", "15/08-23.547Z.0.m4v", "16/34-11.421Z.1020.m4v_end"),
        ("m4a", "15/08-23.989Z.0.m4a", "16/34-11.779Z.1020.m4a_end"),
        ("m4m", "15/08-23.692Z.0.m4m", "16/34-11.871Z.1020.m4m_end"),
    ):
        found = [key for key in keys if f".{name}" in key]
        assert found[0] == B10_FOLDER + first
        assert found[-1] == B10_FOLDER + last


# ---- what is played is what came ------------------------------------------------------------------------------


def played(spans, tracks):
    """Samples by track in units of seconds from the recording's start, spans joined by their own time lines."""
    out = {track.track_id: [] for track in tracks}
    for span in spans:
        for sample in span.samples():
            out[sample.track_id].append(
                (
                    bytes(sample.data),
                    Fraction(sample.decode_time, span.timescale),
                    Fraction(sample.presented, span.timescale),
                    Fraction(sample.duration, span.timescale),
                    sample.sync,
                )
            )
    return out


def came(samples, tracks):
    out = {track.track_id: [] for track in tracks}
    scales = {track.track_id: track.timescale for track in tracks}
    for sample in samples:
        scale = scales[sample.track_id]
        time = Fraction(sample.decode_time, scale)
        out[sample.track_id].append(
            (
                bytes(sample.data),
                time,
                time + Fraction(sample.composition_offset, scale),
                Fraction(sample.duration, scale),
                sample.sync,
            )
        )
    return out


def in_step(found, expected):
    """Hold played samples to what came: the same but for one shift of presentation, and one of decoding a track."""
    shifts = set()
    for track_id, rows in expected.items():
        got = found[track_id]
        assert len(got) == len(rows)
        if not rows:
            continue
        assert [(row[0], row[3], row[4]) for row in got] == [(row[0], row[3], row[4]) for row in rows]
        assert len({a[1] - b[1] for a, b in zip(got, rows, strict=True)}) == 1
        shifts |= {a[2] - b[2] for a, b in zip(got, rows, strict=True)}
    assert len(shifts) <= 1, "tracks are out of step"


STEPS = st.lists(
    st.tuples(st.integers(1, 9_000), st.booleans(), st.integers(-4, 8), st.binary(max_size=6)), max_size=60
)


@pytest.mark.requirement("ANX-B.3-09", "ANX-B.1-01", "ANX-B.1-05", "ANX-B.1-06", "ANX-B.3-04", "ANX-B.3-06")
@settings(max_examples=80, deadline=None)
@example([(2947, True, 1, b""), (3106, False, 0, b""), (2947, True, 0, b"")], [(1, True, 0, b"")], 0, CMAF, 0.1, True)
@given(
    STEPS, STEPS, st.integers(0, 1 << 40), st.sampled_from(FORMATS), st.sampled_from((0.1, 0.5, 3, 60)), st.booleans()
)
def test_what_is_played_is_what_came(pictures, packets, start, chosen, segment, reorder):
    """The law, for clear recordings: payload, times, durations and sync of every sample."""
    samples, time = [], start * 90_000
    shown = 0
    for n, (duration, sync, offset, payload) in enumerate(pictures):
        sync = sync or not n
        shift = offset * 900 if reorder else 0
        if sync:
            shift = max(shift, shown - time)
            shown = time + shift
        samples.append(Sample(1, time, duration, data("v", n) + payload, sync, shift))
        time += duration
    time = start * 48_000
    for n, (duration, _, _, payload) in enumerate(packets):
        samples.append(Sample(2, time, duration, data("a", n) + payload))
        time += duration
    samples = mixed(samples[: len(pictures)], samples[len(pictures) :])
    tracks = [VIDEO, AUDIO]
    events = record(tracks, samples, target(chosen, segment=segment, digits=6))
    spans = check_recording(events)
    assert len(spans) == (1 if chosen is MP4 and samples else bool(pictures) + bool(packets))
    in_step(played(spans, tracks), came(samples, tracks))


@pytest.mark.parametrize("chosen", FORMATS)
@pytest.mark.parametrize("reorder", [False, True])
def test_order_and_offsets_of_reordered_pictures(chosen, reorder):
    samples = mixed(video(30, reorder=reorder), audio(30, start=0.3), metadata(0.2, 5, 5.5, 17, 29))
    # until the next document; in a multiplexed segment no longer than that, which ends where pictures are shown
    late = 40 if reorder else 0
    ends = (
        (4_800, 500, 11_500, 12_000, 1_000)
        if chosen is CMAF
        else (3_800 + late, 500, 2_500 + late, 3_000 + late, 1_000)
    )
    lasting = iter(ends)
    expected = [replace(s, duration=next(lasting)) if s.track_id == 3 else s for s in samples]
    spans = check_recording(record(ALL, samples, target(chosen, segment=4)))
    in_step(played(spans, ALL), came(expected, ALL))
    assert len(spans) == (3 if chosen is CMAF else 1)


# ---- events ---------------------------------------------------------------------------------------------------


@pytest.mark.requirement("ANX-B.3-01", "ANX-B.3-02", "REC-4.1.3-02")
@pytest.mark.parametrize("chosen", FORMATS)
def test_events_come_in_order_and_as_soon_as_they_can(chosen):
    recorder = Recorder([VIDEO], target(chosen, segment=4))
    recorder.activate(START)
    log = [(n, event) for n, sample in enumerate(video(9)) for event in recorder.push(sample)]
    log += [(-1, event) for event in recorder.deactivate()]
    names = [(n, type(event).__name__) for n, event in log]
    # a group of 25 pictures is complete when the next key frame is, and that is known with the picture after it
    assert names[:3] == [(26, "SegmentOpened"), (26, "FragmentWritten"), (51, "FragmentWritten")]
    assert (101, "SegmentSealed") in names
    assert names[-1] == (-1, "SpanEnded")
    fragment = next(event for _, event in log if isinstance(event, FragmentWritten))
    assert fragment.start_time == START
    assert fragment.duration_ticks == 90_000
    open_key = None
    for _, event in log:
        match event:
            case SegmentOpened():
                assert open_key is None
                open_key = event.key
            case FragmentWritten() | SegmentSealed():
                assert event.key == open_key
                open_key = None if isinstance(event, SegmentSealed) else open_key
            case SpanEnded():
                assert open_key is None


@pytest.mark.requirement("ANX-B.6-06", "ANX-B.6-07", "ANX-B.7-10", "ANX-B.7-11", "ANX-B.2-05", "ANX-B.7-09")
@pytest.mark.parametrize("chosen", FORMATS)
def test_every_fragment_goes_with_every_header_of_its_span(chosen):
    """One moov, byte for byte; mfra last and true; times and numbers go on. The checker holds all of it."""
    samples = mixed(video(30, reorder=True), audio(30), metadata(*range(30)))
    for span in check_recording(record(ALL, samples, target(chosen, segment=4))):
        assert len(span.segments) >= 7
        assert len({segment.header for segment in span.segments}) == 1
        assert all(segment.obj.body[-16:-12] == b"\0\0\0\x10" for segment in span.segments)
        swapped = span.segments[-1].header + b"".join(span.segments[0].fragments)
        assert swapped == span.segments[0].header + b"".join(span.segments[0].fragments)


# ---- sources that misbehave -----------------------------------------------------------------------------------


def payloads(spans, kind=b"v"):
    return [s.data for span in spans for s in span.samples() if s.data.startswith(kind)]


@pytest.mark.parametrize("chosen", FORMATS)
def test_live_input_without_durations(chosen):
    samples = mixed(video(10, duration=0), audio(10, duration=0))
    spans = check_recording(record([VIDEO, AUDIO], samples, target(chosen, segment=3)))
    full = mixed(video(10), audio(10))
    in_step(played(spans, [VIDEO, AUDIO]), came(full, [VIDEO, AUDIO]))


@pytest.mark.parametrize("chosen", FORMATS)
@pytest.mark.parametrize(
    "shuffle",
    [
        lambda s: [*s[:60], s[61], s[60], *s[62:]],
        lambda s: [*s[:60], replace(s[60], decode_time=s[59].decode_time), *s[61:]],
        lambda s: [*s[:60], replace(s[60], decode_time=s[10].decode_time), *s[61:]],
        lambda s: [*s[:50], replace(s[50], decode_time=s[10].decode_time), *s[51:]],
        lambda s: [one for one in s for _ in (0, 1)],
        lambda s: [replace(one, decode_time=one.decode_time // 20_000 * 20_000) for one in s],
        lambda s: s[::-1],
    ],
    ids=["swapped", "equal", "back", "key frame back", "twice", "coarse", "backward"],
)
def test_bad_timestamps_lose_nothing_and_break_nothing(chosen, shuffle):
    pictures = shuffle(video(8))
    recorder = Recorder([VIDEO, AUDIO], target(chosen, segment=2))
    recorder.activate(START)
    events = [e for s in mixed(pictures, audio(8)) for e in recorder.push(s)] + recorder.deactivate()
    spans = check_recording(events)
    dropped = sum(recorder.dropped.values())
    assert len(payloads(spans)) + dropped == len(pictures)
    assert dropped <= 24
    assert len(payloads(spans, b"a")) == 375


@pytest.mark.parametrize("chosen", FORMATS)
def test_recording_starts_with_the_first_key_frame(chosen):
    """A camera may send no key frame for minutes; audio is recorded meanwhile."""
    pictures = [replace(s, sync=n == 4_000) for n, s in enumerate(video(240))]
    recorder = Recorder([VIDEO, AUDIO], target(chosen))
    recorder.activate(START)
    samples = mixed(pictures, audio(240))
    spans = check_recording([e for s in samples for e in recorder.push(s)] + recorder.deactivate())
    assert payloads(spans) == [bytes(s.data) for s in pictures[4_000:]]
    assert recorder.dropped == {"before the first sync sample": 4_000}
    assert len(payloads(spans, b"a")) == sum(s.track_id == 2 for s in samples)


@pytest.mark.parametrize("chosen", FORMATS)
def test_key_frames_that_stay_away(chosen):
    """Minutes without a key frame: segments wait, fragments do not."""
    samples = mixed([replace(s, sync=n in (0, 3_000)) for n, s in enumerate(video(200, size=400))], audio(200))
    limits = FragmentLimits(max_bytes=100_000)
    spans = check_recording(record([VIDEO, AUDIO], samples, target(chosen, segment=10), limits=limits))
    lead = of(spans, "m4v" if chosen is CMAF else "mp4")
    assert [len(span.segments) for span in lead] == [2]
    assert len(lead[0].segments[0].fragments) >= 10
    assert sum(len(span.samples()) for span in spans) == len(samples)


@pytest.mark.parametrize("chosen", FORMATS)
def test_video_stalls_and_audio_goes_on(chosen):
    samples = mixed(video(20), video(20, start=60, first=500), audio(90))
    spans = check_recording(record([VIDEO, AUDIO], samples, target(chosen, segment=5)))
    assert payloads(spans) == [data("v1-", n) for n in range(1000)]
    assert payloads(spans, b"a") == [bytes(s.data) for s in samples if s.track_id == 2]
    longest = max(segment.obj.attributes.duration for span in spans for segment in span.segments)
    assert longest <= 17 * SECOND, "another track leads meanwhile"


@pytest.mark.parametrize("chosen", FORMATS)
def test_audio_stalls_and_video_goes_on(chosen):
    samples = mixed(video(60), audio(10), audio(10, start=40))
    spans = check_recording(record([VIDEO, AUDIO], samples, target(chosen, segment=5)))
    assert len(of(spans, "m4v" if chosen is CMAF else "mp4")) == 1
    assert sum(len(span.samples()) for span in spans) == len(samples)


@pytest.mark.parametrize("chosen", FORMATS)
@pytest.mark.parametrize(("video_at", "audio_at"), [(0, 3), (3, 0), (0, 30), (30, 0)])
def test_tracks_that_start_apart(chosen, video_at, audio_at):
    samples = mixed(video(20, start=video_at), audio(20, start=audio_at))
    tracks = [VIDEO, AUDIO]
    spans = check_recording(record(tracks, samples, target(chosen, segment=5)))
    assert sum(len(span.samples()) for span in spans) == len(samples)
    assert spans[0].segments[0].obj.key.time == START
    first = {t: next(s for s in samples if s.track_id == t) for t in (1, 2)}
    apart = Fraction(first[2].decode_time, 48_000) - Fraction(first[1].decode_time, 90_000)
    if chosen is CMAF:
        keys = [of(spans, ext)[0].segments[0].obj.key.time for ext in ("m4v", "m4a")]
        assert abs((keys[1] - keys[0]) / SECOND - apart) < 0.002
    elif len(spans) == 1:
        in_step(played(spans, tracks), came(samples, tracks))


@pytest.mark.parametrize("chosen", FORMATS)
@pytest.mark.parametrize("present", [[VIDEO], [AUDIO], [META]])
def test_tracks_that_never_start(chosen, present):
    streams = {1: video(20), 2: audio(20), 3: metadata(*range(20))}
    samples = streams[present[0].track_id]
    spans = check_recording(record(ALL, samples, target(chosen, segment=5)))
    assert len(spans) == 1
    assert len(spans[0].samples()) == len(samples)
    assert len(spans[0].segments) >= 3


@pytest.mark.parametrize("chosen", FORMATS)
def test_sparse_metadata(chosen):
    samples = mixed(video(400, gop=50), metadata(1, 2, 350))
    spans = check_recording(record([VIDEO, META], samples, target(chosen, segment=20)))
    if chosen is CMAF:
        (span,) = of(spans, "m4m")
        assert [s.duration for s in span.samples()] == [1_000, 348_000, 1_000]
    assert len(payloads(spans, b"m")) == 3


def test_metadata_silent_for_longer_than_a_multiplexed_file_can_say():
    """4.41 million ticks a second leave 974 seconds in 32 bits."""
    track = replace(AUDIO, timescale=44_100)
    samples = mixed(metadata(0, 1, 2_000, 2_001), video(2_010, gop=250), scales={1: 90_000, 3: 1_000})
    for chosen in FORMATS:
        spans = check_recording(record([VIDEO, track, META], samples, target(chosen, segment=600)))
        assert len(payloads(spans, b"m")) == 4


@pytest.mark.parametrize("chosen", FORMATS)
def test_all_sync_video(chosen):
    samples = [replace(s, sync=True) for s in video(20, size=2_000)]
    (span,) = check_recording(record([MJPEG], samples, target(chosen, segment=5)))
    assert [segment.obj.attributes.duration / SECOND for segment in span.segments] == [5] * 4
    assert len(span.samples()) == 500


@pytest.mark.parametrize("chosen", FORMATS)
def test_open_groups_keep_their_leading_pictures(chosen):
    """Pictures presented before the key frame they follow: stored, in order, with their times."""
    samples = []
    for group in range(10):
        base = group * 6 * FRAME
        for n, offset in enumerate((3, 0, 0, 1, 1, 1)):
            samples.append(Sample(1, base + n * FRAME, FRAME, data("v", group * 6 + n), n == 0, offset * FRAME))
    spans = check_recording(record([VIDEO], samples, target(chosen, segment=1)))
    in_step(played(spans, [VIDEO]), came(samples, [VIDEO]))


@pytest.mark.parametrize("chosen", FORMATS)
def test_nothing_but_samples_without_data(chosen):
    """Nothing is written for them; test_recording_empty.py has what becomes of single ones."""
    samples = mixed([replace(s, data=b"") for s in video(4)], [replace(s, data=b"") for s in audio(4)])
    assert record([VIDEO, AUDIO], samples, target(chosen, segment=1)) == []


@pytest.mark.parametrize("chosen", FORMATS)
@pytest.mark.parametrize("bits", [32, 33])
def test_timestamps_that_wrap(chosen, bits):
    before = (1 << bits) / 90_000 - 7
    tracks = [VIDEO, replace(AUDIO, timescale=90_000)]
    full = mixed(video(20, start=before), audio(20, start=before, track=tracks[1]), scales={1: 90_000, 2: 90_000})
    wrapped = [replace(s, decode_time=s.decode_time % (1 << bits)) for s in full]
    spans = check_recording(record(tracks, wrapped, target(chosen, segment=5), timestamp_bits=bits))
    in_step(played(spans, tracks), came(full, tracks))


@pytest.mark.parametrize("chosen", FORMATS)
def test_a_source_that_starts_anew(chosen):
    samples = [*mixed(video(10, start=1_000), audio(10, start=1_000)), *mixed(video(10, first=250), audio(10))]
    spans = check_recording(record([VIDEO, AUDIO], samples, target(chosen)))
    assert payloads(spans) == [data("v1-", n) for n in range(500)]
    lead = of(spans, "m4v" if chosen is CMAF else "mp4")
    first, second = (span.segments[0].obj.key.time - START for span in lead)
    assert first == timedelta(0)
    assert abs(second - 10 * SECOND) <= SECOND / 40, "where the first track that is certain goes on, all go on"


def test_a_refused_sample_leaves_no_trace():
    recorder = Recorder([VIDEO], target())
    recorder.activate(START)
    events = []
    for n, sample in enumerate(video(10)):
        if n % 10 == 5:
            with pytest.raises(MediaError):
                recorder.push(replace(sample, composition_offset=1 << 40))
            with pytest.raises(MediaError):
                recorder.push(replace(sample, track_id=7))
        events.extend(recorder.push(sample))
    (span,) = check_recording(events + recorder.deactivate())
    in_step(played([span], [VIDEO]), came(video(10), [VIDEO]))


@pytest.mark.parametrize("chosen", FORMATS)
def test_two_video_tracks(chosen):
    samples = mixed(video(20), video(20, track=VIDEO_2, start=0.4, gop=40), audio(20))
    if chosen is CMAF:
        with pytest.raises(MediaError):
            Recorder([VIDEO, VIDEO_2], target(CMAF))
        return
    (span,) = check_recording(record([VIDEO, VIDEO_2, AUDIO], samples, target(MP4, segment=5)))
    in_step(played([span], [VIDEO, VIDEO_2, AUDIO]), came(samples, [VIDEO, VIDEO_2, AUDIO]))


def test_a_second_video_track_breaks_off_and_comes_back():
    """With a gap, or another configuration, between its key frames: it alone waits, the span goes on."""
    second = video(20, track=VIDEO_2, gop=40)
    late = [replace(s, decode_time=s.decode_time + 15 * 90_000) for s in second[200:]]
    samples = mixed(video(40), second[:200], late, audio(40))
    (span,) = check_recording(record([VIDEO, VIDEO_2, AUDIO], samples, target(MP4, segment=5)))
    stored = [s.data for s in span.samples(VIDEO_2.track_id)]
    assert stored == [data("v4-", n) for n in range(500)]
    broken = mixed(video(40), second[:210], late[10:], audio(40))
    (span,) = check_recording(record([VIDEO, VIDEO_2, AUDIO], broken, target(MP4, segment=5)))
    stored = [s.data for s in span.samples(VIDEO_2.track_id)]
    assert stored == [data("v4-", n) for n in (*range(210), *range(240, 500))]
    changed = replace(VIDEO_2, codec=VIDEO.codec)
    whole = mixed(video(20), second, audio(20))
    index = next(n for n, s in enumerate(whole) if s.track_id == 4 and s.decode_time == 210 * FRAME)
    steps = [(index, lambda recorder: recorder.replace_track(changed))]
    spans = check_recording(record([VIDEO, VIDEO_2, AUDIO], whole, target(MP4, segment=5), steps=steps))
    assert len(spans) == 2
    assert len(payloads(spans, b"v1-")) == 500
    assert payloads(spans, b"v4-")[:210] == [data("v4-", n) for n in range(210)]


@pytest.mark.parametrize("chosen", FORMATS)
def test_a_track_that_comes_with_old_samples_loses_those(chosen):
    """Audio that is handed over late, from before what has been written already."""
    samples = [*video(30, start=100), *audio(5, start=90), *audio(10, start=101)]
    recorder = Recorder([VIDEO, AUDIO], target(chosen, segment=5))
    recorder.activate(START)
    spans = check_recording([e for s in samples for e in recorder.push(s)] + recorder.deactivate(), in_step=False)
    assert recorder.dropped["too late for its span"] > 200
    assert len(payloads(spans)) == 750
    assert len(payloads(spans, b"a")) > 400


@pytest.mark.parametrize("chosen", FORMATS)
def test_a_first_document_that_is_followed_late_is_kept(chosen):
    """It is held back until the next one tells how long it lasts; by then much has been written."""
    samples = mixed(video(40, start=0.02), metadata(0, 30))
    spans = check_recording(record([VIDEO, META], samples, target(chosen, segment=5)))
    assert len(payloads(spans, b"m")) == 2
    lead = spans[0] if chosen is MP4 else of(spans, "m4v")[0]
    start = lead.segments[0].obj.key.time - START
    assert start == timedelta(0) or chosen is MP4


def test_two_tracks_with_one_number():
    with pytest.raises(MediaError, match="one number"):
        Recorder([VIDEO, replace(AUDIO, track_id=1)], target())


def test_timescales_that_have_no_common_one():
    odd = replace(G711, timescale=4_294_967_291)
    with pytest.raises(StateError):
        Recorder([VIDEO, odd], target(MP4)).push(Sample(1, 0, 1, b""))
    sound = [Sample(2, n * odd.timescale // 50, 0, data("a", n)) for n in range(500)]
    samples = mixed(video(10), sound, scales={1: 90_000, 2: odd.timescale})
    for chosen in FORMATS:
        spans = check_recording(record([VIDEO, odd], samples, target(chosen, segment=2)))
        assert sum(len(span.samples()) for span in spans) == len(samples)


# ---- keys that could collide ----------------------------------------------------------------------------------


def test_spans_that_start_in_one_millisecond_have_keys_of_their_own():
    recorder = Recorder([AUDIO], target(CMAF))
    events = []
    for microsecond in (0, 100, 100, 200):
        try:
            recorder.activate(START.plus_microseconds(microsecond))
            events += [e for s in audio(0.2) for e in recorder.push(s)]
        finally:
            events += recorder.deactivate()
    keys = [str(event.key) for event in events if isinstance(event, SegmentOpened)]
    assert [key.rsplit("/", 1)[1] for key in keys] == [
        "08-23.547Z.0.m4a",
        "08-23.547100Z.0.m4a",
        "08-23.547100Z.0.m4a",
        "08-23.547200Z.0.m4a",
    ], "the very same instant twice is for the store to refuse"


def test_spans_that_end_in_one_millisecond_have_ends_of_their_own():
    recorder = Recorder([AUDIO], target(CMAF))
    events = []
    for microsecond, ticks in ((0, 480), (10_010, 1), (10_200, 4)):
        recorder.activate(START.plus_microseconds(microsecond))
        events += [*recorder.push(Sample(2, 0, ticks, b"x")), *recorder.deactivate()]
    keys = [str(event.key).rsplit("/", 1)[1] for event in events if isinstance(event, SegmentOpened | SpanEnded)]
    assert keys == [
        "08-23.547Z.0.m4a",
        "08-23.557Z.1.m4a_end",
        "08-23.557Z.0.m4a",
        "08-23.557030Z.1.m4a_end",
        "08-23.557200Z.0.m4a",
        "08-23.557283Z.1.m4a_end",
    ]


@pytest.mark.parametrize("chosen", FORMATS)
def test_midnight(chosen):
    late = UtcTime.parse("2022-11-08T23:59:58Z")
    (span,) = check_recording(record([VIDEO], video(8), target(chosen, segment=4), at=late))
    assert [str(s.obj.key).split("/", 1)[1][:23] for s in span.segments] == [
        "2022-11-08/camera-5/23/",
        "2022-11-09/camera-5/00/",
    ]
    assert str(span.end.key).endswith("2022-11-09/camera-5/00/00-06.000Z.2." + span.extension + "_end")


# ---- memory ---------------------------------------------------------------------------------------------------


class Watched(bytearray):
    """Sample data whose life can be watched."""


@pytest.mark.parametrize("chosen", FORMATS)
@pytest.mark.parametrize("lag", [0, 3])
def test_memory_is_two_groups_and_some(chosen, lag):
    """However long the segment: what has been handed out is let go. ``lag`` seconds that audio comes after video."""
    largest, most = 25 * 4_000, 0
    recorder = Recorder([VIDEO, AUDIO], target(chosen, segment=3600))
    recorder.activate(START)
    alive = weakref.WeakValueDictionary()
    sound = [(s.decode_time / 48_000 + lag, s) for s in audio(120, size=200)]
    pictures = [(s.decode_time / 90_000, s) for s in video(120)]
    gc.disable()
    try:
        for n, (_, sample) in enumerate(sorted(pictures + sound, key=lambda pair: pair[0])):
            held = Watched(bytes(4_000 if sample.track_id == 1 else 200))
            alive[n] = held
            recorder.push(replace(sample, data=held))
            del held
            most = max(most, sum(map(len, alive.values())))
    finally:
        gc.enable()
    assert most <= 2 * largest + 65_536
    assert len(recorder.deactivate()) >= 3


def test_memory_does_not_grow_with_the_segment():
    def peak(seconds):
        recorder = Recorder([VIDEO], target(segment=36_000))
        recorder.activate(START)
        tracemalloc.start()
        for n in range(seconds * 25):
            recorder.push(Sample(1, n * FRAME, FRAME, bytes(1_000), n % 25 == 0))
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        recorder.deactivate()
        return most

    assert peak(240) - peak(30) < 32_768, "a few numbers a fragment, for the mfra"


def test_a_format_without_mfra_streams_too():
    events = record([VIDEO], video(10), target(CmafFormat(random_access=False)))
    assert all(event.trailer == b"" for event in events if isinstance(event, SegmentSealed))
    assert META.type.value == "Metadata"
