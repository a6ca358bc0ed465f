"""A track that falls silent: what it holds back is stored when the silence has become a gap, and not later."""

from datetime import timedelta
from fractions import Fraction

import pytest

from onvif_bmff.codecs.g711 import G711Codec
from onvif_bmff.codecs.jpeg.codec import MjpegCodec
from onvif_bmff.media.track import Sample, Track
from onvif_bmff.objects.events import collect_objects
from onvif_bmff.objects.stored import SegmentObject
from onvif_bmff.playback.segment import read_segment
from onvif_bmff.recording.formats import CMAF, MP4, RecordingFormat
from onvif_bmff.recording.recorder import Recorder
from onvif_bmff.recording.sample_clock import SampleClock
from onvif_bmff.recording.segment import FragmentLimits
from onvif_bmff.recording.target import RecordingTarget
from onvif_bmff.timing import UtcTime

VIDEO = Track("VIDEO001", 1, 90_000, MjpegCodec(width=64, height=48))
AUDIO = Track("AUDIO001", 2, 8_000, G711Codec())
START = UtcTime.parse("2022-11-08T15:08:00Z")


def recorded(chosen: RecordingFormat, silence: tuple[int, int], seconds: int) -> list[SegmentObject]:
    """Objects of a camera whose pictures are missing from one second to another while its sound goes on."""
    recorder = Recorder([VIDEO, AUDIO], RecordingTarget(format=chosen, segment_duration=timedelta(seconds=5)))
    recorder.activate(START, media_time=Fraction(0))
    samples = [(Fraction(i, 50), Sample(2, i * 160, 160, b"a" * 10)) for i in range(50 * seconds)]
    samples += [
        (Fraction(i, 25), Sample(1, i * 3_600, 3_600, b"v" * 100, i % 25 == 0))
        for i in range(25 * seconds)
        if not silence[0] * 25 <= i < silence[1] * 25
    ]
    samples.sort(key=lambda pair: pair[0])
    events = [event for _, sample in samples for event in recorder.push(sample)]
    events.extend(recorder.deactivate())
    assert not recorder.dropped
    return [one for one in collect_objects(events) if isinstance(one, SegmentObject)]


@pytest.mark.requirement("ANX-B.1-04", "ANX-B.1-05", "ANX-B.1-06")
@pytest.mark.parametrize("chosen", [MP4, CMAF], ids=lambda chosen: chosen.name)
@pytest.mark.parametrize("silence", [(10, 30), (7, 19), (1, 40)])
def test_the_last_picture_before_a_silence_stays_where_it_belongs(
    chosen: RecordingFormat, silence: tuple[int, int]
) -> None:
    pictures = []
    for one in recorded(chosen, silence, 60):
        segment = read_segment(one.body)
        clock = segment.clock(one.key)
        for sample in segment.samples(1) if one.key.extension != "m4a" else ():
            at = clock.utc(
                sample.decode_time + sample.composition_offset,
                next(t.timescale for t in segment.tracks if t.track_id == 1),
            )
            assert one.key.time <= at, "no picture is older than its segment"
            pictures.append((at - START) / timedelta(seconds=1))
    assert pictures == pytest.approx(
        [i / 25 for i in range(25 * 60) if not silence[0] * 25 <= i < silence[1] * 25], abs=1e-3
    )


@pytest.mark.parametrize("chosen", [MP4, CMAF], ids=lambda chosen: chosen.name)
def test_keys_rise_and_never_repeat(chosen: RecordingFormat) -> None:
    keys = [str(one.key) for one in recorded(chosen, (10, 30), 60)]
    assert len(set(keys)) == len(keys)
    for extension in ("mp4", "m4v", "m4a"):
        times = [one.key.time for one in recorded(chosen, (10, 30), 60) if one.key.extension == extension]
        assert times == sorted(times)


def first_event(recorder: Recorder, samples: list[Sample], extension: str) -> Fraction:
    """The time, in seconds, of the sample whose push first gives something of an object of some kind."""
    for sample in samples:
        if any(event.key.extension == extension for event in recorder.push(sample)):
            return Fraction(sample.decode_time, 8_000 if sample.track_id == AUDIO.track_id else 90_000)
    raise AssertionError("nothing came")


@pytest.mark.parametrize(("max_gap", "patience"), [(1, 10), (8, 10), (9, 11), (10, 12), (20, 22)])
def test_a_track_that_never_comes_is_waited_for_ten_seconds_or_two_more_than_a_gap(max_gap: int, patience: int) -> None:
    """Sound alone in a recording of pictures and sound: it takes the lead, and then all of it is stored at once."""
    recorder = Recorder([VIDEO, AUDIO], RecordingTarget(format=MP4), max_gap=Fraction(max_gap))
    recorder.activate(START, media_time=Fraction(0))
    sound = [Sample(2, i * 160, 160, b"a" * 10) for i in range(50 * 30)]
    packet = Fraction(1, 50)
    assert first_event(recorder, sound, "mp4") == patience + 2 * packet, "the one after it tells how long it lasts"


@pytest.mark.parametrize("last", [Fraction(1, 2), Fraction(7, 10), Fraction(1)])
def test_what_a_silent_track_holds_back_comes_within_a_second_of_the_gap(last: Fraction) -> None:
    """Each packet is a fragment of its own here, which the next one ends."""
    recorder = Recorder([VIDEO, AUDIO], RecordingTarget(format=CMAF), limits=FragmentLimits(other=0))
    recorder.activate(START, media_time=Fraction(0))
    for i in range(int(last * 50) + 1):
        recorder.push(Sample(2, i * 160, 160, b"a" * 10))
    pictures = [Sample(1, i * 3_600, 3_600, b"v" * 100, i % 25 == 0) for i in range(25 * 20)]
    assert 10 < first_event(recorder, pictures, "m4a") - last <= Fraction(11) + Fraction(2, 25)


@pytest.mark.parametrize("end", [5, 6])
def test_sound_decides_for_itself_when_pictures_have_been_silent_for_more_than_ten_seconds(end: int) -> None:
    """A change of the target waits for the next sync sample of the leading track, which is silent."""
    recorder = Recorder([VIDEO, AUDIO], RecordingTarget(format=CMAF, prefix="old"))
    recorder.activate(START, media_time=Fraction(0))
    events = []
    for i in range(50 * 30):
        if i == 50 * end:
            recorder.reconfigure(RecordingTarget(format=CMAF, prefix="new"))
        if not i % 2 and i < 50 * end:
            events += recorder.push(Sample(1, i * 1_800, 3_600, b"v" * 100, i % 50 == 0))
        events += recorder.push(Sample(2, i * 160, 160, b"a" * 10))
    events += recorder.deactivate()
    first = next(one.key for one in collect_objects(events) if one.key.prefix == "new")
    last_picture = timedelta(seconds=end) - timedelta(milliseconds=80)  # one more is held back still
    assert (first.extension, first.counter) == ("m4a", 0)
    assert first.time - START == last_picture + timedelta(seconds=10, milliseconds=20)


def test_what_silent_tracks_hold_back_is_looked_for_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []
    release = SampleClock.release

    def see(clock: SampleClock, now: int) -> Sample | None:
        looked.append(now)
        return release(clock, now)

    monkeypatch.setattr(SampleClock, "release", see)
    recorder = Recorder([VIDEO, AUDIO], RecordingTarget(format=CMAF))
    recorder.activate(START, media_time=Fraction(0))
    for i in range(25 * 10):
        recorder.push(Sample(1, i * 3_600, 3_600, b"v" * 100, i % 25 == 0))
    assert looked == [second * 8_000 for second in range(10)], "of the track that is silent"


@pytest.mark.requirement("ANX-B.1-04")
@pytest.mark.parametrize("lag", [0.05, 0.667, 1.5, 3.0])
@pytest.mark.parametrize("chosen", [MP4, CMAF], ids=lambda chosen: chosen.name)
def test_what_comes_behind_a_gap_is_in_no_span_from_before_it(chosen: RecordingFormat, lag: float) -> None:
    """Few pictures, of unknown duration: sound goes on in new spans before the first one behind the gap is whole."""
    recorder = Recorder([VIDEO, AUDIO], RecordingTarget(format=chosen, segment_duration=timedelta(seconds=20)))
    recorder.activate(START, media_time=Fraction(0))
    pictures = [*(4.7 * n for n in range(6)), *(60 + 4.7 * n for n in range(8))]
    sounds = [*(0.4 + n for n in range(24)), *(60 + lag + n for n in range(38))]
    samples = [(at, Sample(1, round(at * 90_000), 0, b"picture", n % 2 == 0)) for n, at in enumerate(pictures)]
    samples += [(at, Sample(2, round(at * 8_000), 0, b"sound", True)) for at in sounds]
    events = [event for _, sample in sorted(samples, key=lambda one: one[0]) for event in recorder.push(sample)]
    events += recorder.deactivate()
    count = 0
    for one in [one for one in collect_objects(events) if isinstance(one, SegmentObject)]:
        segment = read_segment(one.body)
        for track in segment.tracks:
            found = list(segment.samples(track.track_id))
            count += len(found)
            ends = [sample.decode_time + sample.duration for sample in found]
            gaps = [later.decode_time - end for later, end in zip(found[1:], ends, strict=False)]
            assert max(gaps, default=0) < 10 * track.timescale, one.key
    assert count + sum(recorder.dropped.values()) == len(samples)
    assert not recorder.dropped or chosen is CMAF, "there the picture comes too late for the spans of the sound"


@pytest.mark.parametrize(
    ("chosen", "back"),
    [(CMAF, 0), (CMAF, 5), (CMAF, 12), (CMAF, 30), (MP4, 0), (MP4, 12), (MP4, 30)],
    ids=lambda given: getattr(given, "name", str(given)),
)
def test_few_pictures_whose_clock_is_set_back_are_not_silent(chosen: RecordingFormat, back: int) -> None:
    """A picture in 3.7 seconds is in doubt for longer than a gap, while the sound goes on: it is coming all the same.

    Where the step is found, new spans begin at the next sync sample, which is two pictures later; none is lost.
    """
    recorder = Recorder([VIDEO, AUDIO], RecordingTarget(format=chosen, segment_duration=timedelta(seconds=20)))
    recorder.activate(START, media_time=Fraction(0))
    samples = [(Fraction(i, 5), Sample(2, i * 1_600, 1_600, b"a" * 10)) for i in range(5 * 300)]
    for i in range(80):
        at = Fraction(37, 10) * i
        stamp = round((at if i < 22 else at - back) * 90_000)
        samples.append((at, Sample(1, stamp, 333_000, bytes([i]) * 100, i % 6 == 0)))
    samples.sort(key=lambda pair: pair[0])
    events = [event for _, sample in samples for event in recorder.push(sample)]
    events.extend(recorder.deactivate())
    stored, shortest = set(), 10.0
    for one in collect_objects(events):
        if isinstance(one, SegmentObject) and one.key.extension != "m4a":
            segment = read_segment(one.body)
            timescale = next(track.timescale for track in segment.tracks if track.track_id == 1)
            for sample in segment.samples(1):
                stored.add(bytes(sample.data)[0])
                shortest = min(shortest, sample.duration / timescale)
    assert not recorder.dropped
    assert len(stored) == 80
    assert shortest > 2.0
