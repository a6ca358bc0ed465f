"""Samples that cannot be encrypted, keys that cannot be had: what is lost is counted, and every object stays whole."""

from datetime import timedelta
from fractions import Fraction
from uuid import UUID

import pytest
from recording_kit import AUDIO as SOUND
from recording_kit import CAMERA, CMAF, META, MP4, NEW_AUDIO, NEW_VIDEO, SECOND, START, metadata, mixed, target
from recording_kit import VIDEO as PICTURES
from support_recorded import check_recording

from onvif_bmff.cenc.encrypt import IvSources
from onvif_bmff.cenc.iv import CencIvAllocators
from onvif_bmff.cenc.keys.content import ContentKey, FixedKey
from onvif_bmff.cenc.scheme import ProtectionScheme
from onvif_bmff.errors import BitstreamError, ProtectionError
from onvif_bmff.ingest.mp4 import open_mp4
from onvif_bmff.media import Sample
from onvif_bmff.objects import SegmentSealed, SpanEnded
from onvif_bmff.recording.encryption import EncryptionEntry
from onvif_bmff.recording.recorder import Recorder

KEY = ContentKey(UUID("01234567-89ab-cdef-0123-456789abcdef"), bytes.fromhex("00112233445566778899aabbccddeeff"))
BAD = b"\0\0\0\2\x41\xff"
"""A slice that ends within its header."""


def pictures_of_the_clip():
    with open_mp4(CAMERA) as source:
        video = next(track.track_id for track in source.tracks if track.type.value == "Video")
        found = [sample for sample in source.samples() if sample.track_id == video]
        keys = [bytes(sample.data) for sample in found if sample.sync]
        others = [bytes(sample.data) for sample in found if not sample.sync]
    return keys[0], others[0]


KEY_FRAME, OTHER_FRAME = pictures_of_the_clip()


def video(seconds, *bad):
    """Pictures at 25 a second, a key frame each second; those with the numbers ``bad`` cannot be parsed."""
    return [
        Sample(1, n * 3_600, 3_600, BAD if n in bad else OTHER_FRAME if n % 25 else KEY_FRAME, n % 25 == 0)
        for n in range(seconds * 25)
    ]


def audio(seconds):
    return [Sample(2, n * 960, 960, b"a%d" % n) for n in range(seconds * 50)]


def protected(chosen, scheme=ProtectionScheme.CBCS, *, keys=None, **options):
    entry = EncryptionEntry(scheme, keys or FixedKey(KEY), ("VIDEO001",))
    return target(chosen, encryption=(entry,), **options)


def run(recorder, samples, *, before=()):
    """Events, and errors with the number of the sample whose push raised them; recording goes on after each."""
    events, errors, todo = [], [], dict(before)
    recorder.activate(START, media_time=Fraction(0))
    for number, sample in enumerate(samples):
        if number in todo:
            todo[number](recorder)
        try:
            events.extend(recorder.push(sample))
        except Exception as error:
            errors.append(error)
    events.extend(recorder.deactivate())
    return events, errors


def keys_of(spans):
    """Keys of the first segments of spans."""
    return [span.segments[0].obj.key for span in spans]


def stored_pictures(spans):
    """Numbers of the pictures that are stored, by span, from their times."""
    found = []
    for span in spans:
        if span.extension != "m4a":
            start = (span.segments[0].obj.key.time - START) / SECOND
            first = min(s.decode_time for s in span.samples())
            pictures = [s.decode_time - first for s in span.samples(1)]
            found.append([round((start + ticks / span.timescale) * 25) for ticks in pictures])
    return [one for one in found if one]


@pytest.mark.requirement("ANX-B.1-04", "ANX-B.1-05", "ANX-B.3-04", "ANX-B.5-03", "ANX-B.8-07")
@pytest.mark.parametrize("chosen", [CMAF, MP4], ids=lambda chosen: chosen.name)
@pytest.mark.parametrize("with_audio", [False, True])
@pytest.mark.parametrize("segment", [1, 10])
def test_a_fragment_that_cannot_be_encrypted_is_a_gap_between_spans(chosen, with_audio, segment):
    samples = video(8, 80)  # in the fourth GOP
    if with_audio:
        samples = mixed(samples, audio(8))
    tracks = [PICTURES, SOUND] if with_audio else [PICTURES]
    recorder = Recorder(tracks, protected(chosen, segment=segment))
    events, errors = run(recorder, samples)
    assert [type(error) for error in errors] == [BitstreamError], "the error is told once"
    spans = check_recording(events, protected=True)
    assert stored_pictures(spans) == [list(range(75)), list(range(100, 200))]
    before = next(span for span in spans if span.extension != "m4a")
    assert before.end.key.time <= START + 3.021 * SECOND, "the span ends where the last good fragment ended"
    stored = sum(len(span.samples()) for span in spans)
    assert stored + sum(recorder.dropped.values()) == len(samples)
    assert recorder.dropped["in a fragment that could not be written"] >= 25
    if with_audio and chosen is CMAF:
        sound = [sample for span in spans if span.extension == "m4a" for sample in span.samples()]
        assert len(sound) == 8 * 50, "the other track loses nothing"
        starts = [span.segments[0].obj.key.time for span in spans if span.extension == "m4a"]
        again = next(key.time for key in keys_of(spans) if key.extension == "m4v" and key.time > START + SECOND)
        assert starts == [START, again + SECOND / 50], "all spans end where the leading track has a hole"


@pytest.mark.parametrize("chosen", [CMAF, MP4], ids=lambda chosen: chosen.name)
@pytest.mark.parametrize("bad", [0, 1, 24, 25, 199])
def test_the_first_and_the_last_fragment_may_fail_too(chosen, bad):
    samples = video(8, bad)
    recorder = Recorder([PICTURES], protected(chosen, segment=2))
    events, errors = run(recorder, samples)
    assert len(errors) == (bad < 175), "deactivate closes everything and raises nothing"
    assert isinstance(recorder.failure, BitstreamError) == (bad >= 175)
    spans = check_recording(events, protected=True)
    lost = set(range(bad // 25 * 25, bad // 25 * 25 + 25))
    assert [n for span in stored_pictures(spans) for n in span] == [n for n in range(200) if n not in lost]
    assert sum(recorder.dropped.values()) == 25


def test_a_stream_of_which_nothing_can_be_encrypted_makes_no_object():
    recorder = Recorder([PICTURES], protected(CMAF))
    events, errors = run(recorder, video(4, *range(100)))
    assert events == []
    assert len(errors) == 3
    assert sum(recorder.dropped.values()) == 100


def test_the_events_of_the_closing_come_with_the_next_call():
    recorder = Recorder([PICTURES], protected(CMAF))
    recorder.activate(START)
    samples = video(5, 80)
    for sample in samples[:101]:
        recorder.push(sample)
    with pytest.raises(BitstreamError):
        recorder.push(samples[101])
    told = recorder.push(samples[102])
    assert [type(event) for event in told] == [SegmentSealed, SpanEnded]
    assert all(type(event) not in (SegmentSealed, SpanEnded) for event in recorder.push(samples[103]))


class Unsteady:
    """A key source that fails at times, and gives another key for each segment."""

    def __init__(self):
        self.works = True
        self.given = 0

    def key_for(self, segment_start):
        if not self.works:
            raise ProtectionError("the key server does not answer")
        self.given += 1
        return ContentKey(UUID(int=self.given), bytes([self.given]) * 16)


@pytest.mark.requirement("ANX-B.8.2-05", "ANX-B.2-06")
@pytest.mark.parametrize("chosen", [CMAF, MP4], ids=lambda chosen: chosen.name)
@pytest.mark.parametrize("with_audio", [False, True])
def test_spans_close_properly_where_the_next_key_cannot_be_had(chosen, with_audio):
    source = Unsteady()

    def works(answer):
        return lambda _: setattr(source, "works", answer)

    samples = video(12)
    tracks = [PICTURES]
    if with_audio:
        samples, tracks = mixed(samples, audio(12)), [PICTURES, SOUND]
    per_second = len(samples) // 12
    recorder = Recorder(tracks, protected(chosen, ProtectionScheme.CENC, keys=source, segment=2))
    events, errors = run(recorder, samples, before=((3 * per_second, works(False)), (7 * per_second, works(True))))
    assert errors
    assert {type(error) for error in errors} == {ProtectionError}
    spans = check_recording(events, protected=True)
    pictures = [n for span in stored_pictures(spans) for n in span]
    assert set(range(100)) | set(range(200, 300)) <= set(pictures), "what has a key is stored, up to the last picture"
    assert not set(range(100, 150)) & set(pictures), "nothing is stored without one"
    stored = sum(len(span.samples()) for span in spans)
    assert stored + sum(recorder.dropped.values()) == len(samples)


@pytest.mark.requirement("ANX-B.2-06")
def test_no_picture_of_another_codec_gets_into_a_span_that_cannot_be_replaced():
    source = Unsteady()
    recorder = Recorder([PICTURES], protected(CMAF, ProtectionScheme.CENC, keys=source))

    def change(recorder):
        source.works = False
        recorder.replace_track(NEW_VIDEO)

    events, _errors = run(recorder, video(6), before=((75, change),))
    (span,) = check_recording(events, protected=True)
    assert len(span.samples()) == 75


class FullDisk:
    def reserve(self, kid, bits, count, fresh):
        raise OSError("no space left")


def test_a_store_of_vectors_that_fails_loses_nothing():
    """Vectors begin at random then; a recording does not end because a disk is full."""
    ivs = IvSources(cenc=CencIvAllocators(store=FullDisk(), reserve=10))
    recorder = Recorder([PICTURES, SOUND], protected(CMAF, ProtectionScheme.CENC), ivs=ivs)
    events, errors = run(recorder, mixed(video(4), audio(4)))
    assert not errors
    assert {span.extension for span in check_recording(events, protected=True)} == {"m4v", "m4a"}


def test_a_source_of_randomness_that_fails_loses_fragments_and_breaks_no_object():
    def broken(size):
        raise OSError("no entropy")

    recorder = Recorder(
        [PICTURES, SOUND], protected(CMAF, ProtectionScheme.CENC), ivs=IvSources(CencIvAllocators(random=broken))
    )
    events, errors = run(recorder, mixed(video(4), audio(4)))
    assert {type(error) for error in errors} == {OSError}
    assert {span.extension for span in check_recording(events)} == {"m4a"}


# ---- what was found beside that -----------------------------------------------------------------------------------


@pytest.mark.requirement("ANX-B.2-02", "ANX-B.3-02")
def test_a_multiplexed_span_that_waits_for_a_cut_is_closed_at_the_end():
    """Audio changes its codec before any picture has come: the span that it has left is nobody's, and not lost."""
    recorder = Recorder([PICTURES, SOUND], target(MP4))
    events, _ = run(recorder, audio(4), before=((100, lambda recorder: recorder.replace_track(NEW_AUDIO)),))
    (span,) = check_recording(events)
    assert len(span.samples()) == 100
    assert sum(recorder.dropped.values()) == 100


@pytest.mark.requirement("ANX-B.1-06", "ANX-B.3-09")
@pytest.mark.parametrize("span", [None, 10])
def test_sparse_documents_lie_in_the_multiplexed_segment_of_their_time(span):
    times = [1.5, 21.5, 22.25, 41.5, 61.5, 81.5]
    recorder = Recorder([PICTURES, META], target(MP4, segment=5, span=span))
    events, _ = run(recorder, mixed(video(100), metadata(*times)))
    assert not recorder.dropped
    found = []
    for one in check_recording(events):
        for segment in one.segments:
            start = (segment.obj.key.time - START) / SECOND
            first = min(s.decode_time for s in segment.samples if s.track_id == PICTURES.track_id)
            for document in (s for s in segment.samples if s.track_id == META.track_id):
                at = start + (document.decode_time - first) / one.timescale
                found.append(at)
                assert start <= at < start + 5
                assert at + document.duration / one.timescale <= start + 5.001
    assert found == pytest.approx(times, abs=0.002)


@pytest.mark.requirement("ANX-B.4-05")
@pytest.mark.parametrize("bits", [32, None])
def test_set_clock_takes_the_time_that_the_source_counts_now(bits):
    """After its counter has wrapped, or the source has started anew, as sender reports tell it then."""
    wrap = 1 << 32
    began = wrap - 125 * 3_600
    recorder = Recorder([PICTURES], target(CMAF, segment=2), timestamp_bits=bits)
    recorder.activate(START, media_time=Fraction(began, 90_000))
    events = []
    for number in range(250):
        time = began + number * 3_600
        time = time % wrap if bits or number < 125 else time - wrap  # without bits: it starts anew
        if number == 150:
            recorder.set_clock(START + timedelta(days=60), Fraction(time, 90_000))
        events.extend(recorder.push(Sample(1, time, 3_600, b"p", number % 25 == 0)))
    events.extend(recorder.deactivate())
    times = [span.segments[0].obj.key.time for span in check_recording(events)]
    assert times[0] == START
    assert abs((times[-1] - START) - timedelta(days=60)) <= SECOND


@pytest.mark.requirement("ANX-B.4-05")
def test_activate_takes_a_time_on_the_other_side_of_a_wrap():
    wrap = 1 << 32
    recorder = Recorder([PICTURES], target(CMAF), timestamp_bits=32)
    recorder.activate(START, media_time=Fraction(wrap - 45_000, 90_000))
    events = [event for n in range(50) for event in recorder.push(Sample(1, n * 3_600, 3_600, b"p", n % 25 == 0))]
    events.extend(recorder.deactivate())
    (span,) = check_recording(events)
    assert span.segments[0].obj.key.time == START + SECOND / 2


@pytest.mark.requirement("ANX-B.1-06")
def test_a_last_picture_before_a_silence_lasts_no_longer_than_the_silence():
    """What lasts it takes from the one before, 8 seconds; after 2 of silence it is stored, after 6 the next comes."""
    samples = [Sample(1, 0, 90_000 * 20, b"p"), Sample(1, 8 * 90_000, 0, b"p"), Sample(1, 14 * 90_000, 0, b"p")]
    recorder = Recorder([PICTURES, SOUND], target(CMAF), max_gap=Fraction(1))
    events, _ = run(recorder, mixed(samples, audio(16)))
    first, second = (span for span in check_recording(events) if span.extension == "m4v")
    assert first.end.key.time <= second.segments[0].obj.key.time


@pytest.mark.parametrize("chosen", [CMAF, MP4], ids=lambda chosen: chosen.name)
def test_a_clear_track_waits_too_where_the_next_key_cannot_be_had(chosen):
    """Spans open together: without a key for the pictures there are none for the sound, which is not encrypted."""
    source = Unsteady()
    recorder = Recorder([PICTURES, SOUND], protected(chosen, ProtectionScheme.CENC, keys=source, segment=2))
    samples = mixed(video(12), audio(12))

    def works(answer):
        return lambda _: setattr(source, "works", answer)

    events, errors = run(recorder, samples, before=((3 * 75, works(False)), (7 * 75, works(True))))
    assert {type(error) for error in errors} == {ProtectionError}
    spans = check_recording(events, protected=True)
    with_sound = [span for span in spans if span.extension in ("m4a", "mp4")]
    starts = [round((span.segments[0].obj.key.time - START) / SECOND) for span in with_sound]
    assert starts == [0, 2, 7, 9, 11]
    stored = sum(len(span.samples(SOUND.track_id)) for span in with_sound)
    assert stored == pytest.approx((4 + 5) * 50, abs=3), "from 4 s, when a key is needed, to 7 s nothing"
