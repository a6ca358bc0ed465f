"""The engine's core without threads or clocks: sources that come and go, plans that change."""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest

from onvif_bmff.codecs import MetadataCodec
from onvif_bmff.codecs.g711 import G711Codec
from onvif_bmff.codecs.jpeg.codec import MjpegCodec
from onvif_bmff.control.plan import Feed, Standby
from onvif_bmff.control.types.common import PROFILE_TYPE, SourceReference
from onvif_bmff.engine.output import RecordingOutput, encoding_name
from onvif_bmff.engine.output_state import TRANSITIONS, OutputEvent, OutputState
from onvif_bmff.engine.targets import OutputPlan
from onvif_bmff.errors import MediaError, PersistenceError
from onvif_bmff.media.track import Sample, Track
from onvif_bmff.objects.events import SegmentOpened, SpanEnded, collect_objects
from onvif_bmff.playback import Timeline, read_segment
from onvif_bmff.recording.formats import CMAF, MP4
from onvif_bmff.recording.target import RecordingTarget
from onvif_bmff.timing import UtcTime

START = UtcTime.parse("2026-01-02T03:04:05.000Z")
SECOND = timedelta(seconds=1)
ONE, TWO = SourceReference("one", PROFILE_TYPE), SourceReference("two", PROFILE_TYPE)
VIDEO = Track("VIDEO001", 1, 90_000, MjpegCodec(width=64, height=48))
AUDIO = Track("AUDIO001", 2, 8_000, G711Codec())
TRACKS = (("VIDEO001", "Video"), ("AUDIO001", "Audio"), ("META001", "Metadata"))


class Rig:
    """An output, and what it said."""

    def __init__(self, plan, refuse=(), **more):
        self.refuse = set(refuse)
        self.asked = []
        self.states = {}
        self.events = []
        self.output = RecordingOutput(plan, self.accepts, self.report, **more)

    def accepts(self, job, track, kind, encoding):
        self.asked.append((job, track, kind, encoding))
        return track not in self.refuse

    def report(self, track, state, error):
        self.states[track] = (str(state), error)

    def do(self, events):
        self.events += events

    def open(self, source, *tracks, late=0.0):
        self.do(self.output.source_opened(source, tracks, START + late * SECOND))

    def play(self, source, first, last, *, video=True, audio=False, gop=25, shown=0):
        """Seconds of 25 pictures a second, each ``shown`` ticks after it is decoded, and packets of 20 ms."""
        for index in range(int(first * 50), int(last * 50)):
            if video and index % 2 == 0:
                number = index // 2
                picture = Sample(1, number * 3600, 3600, b"\xff\xd8" * 9, number % gop == 0, shown)
                self.do(self.output.push(source, picture))
            if audio:
                self.do(self.output.push(source, Sample(2, index * 160, 160, bytes(160))))

    def close(self):
        self.do(self.output.close())
        return collect_objects(self.events)

    def spans(self, extension):
        return list(Timeline.from_keys([str(obj.key) for obj in self.close_once()]).of(extension))

    def close_once(self):
        if not hasattr(self, "objects"):
            self.objects = self.close()
        return self.objects


def plan(feeds, kind=CMAF, standby=(), **more):
    target = RecordingTarget(kind, "cam", segment_duration=2 * SECOND, **more)
    return OutputPlan(target, TRACKS, feeds, tuple(standby))


def both(source=ONE, job="job"):
    return {token: Feed(job, source, "") for token in ("VIDEO001", "AUDIO001")}


def test_two_sources_of_one_recording_are_put_on_one_time_line():
    rig = Rig(plan({"VIDEO001": Feed("j", ONE, ""), "AUDIO001": Feed("j", TWO, "")}, MP4))
    rig.open(ONE, VIDEO)
    rig.play(ONE, 0, 1)
    assert not rig.output.recording, "it waits for the other source"
    rig.open(TWO, AUDIO, late=0.5)
    assert rig.output.recording
    rig.play(ONE, 1, 5)
    rig.play(TWO, 0, 4, video=False, audio=True)
    rig.play(ONE, 5, 8)
    rig.play(TWO, 4, 7, video=False, audio=True)
    (span,) = rig.spans("mp4")
    assert span.start == START
    assert span.end == START + 8 * SECOND
    assert rig.states["VIDEO001"] == rig.states["AUDIO001"] == ("Idle", None)
    assert "META001" not in rig.states


def test_a_source_that_does_not_come_is_waited_for_no_longer_than_two_seconds():
    rig = Rig(plan({"VIDEO001": Feed("j", ONE, ""), "AUDIO001": Feed("j", TWO, "")}))
    rig.open(ONE, VIDEO)
    rig.play(ONE, 0, 1.9)
    assert not rig.output.recording
    rig.play(ONE, 1.9, 4)
    assert rig.output.recording
    rig.open(TWO, AUDIO, late=4)
    rig.play(ONE, 4, 6)
    rig.play(TWO, 0, 2, video=False, audio=True)
    video, audio = rig.spans("m4v"), rig.spans("m4a")
    assert len(video) == 2, "another track makes another movie header: all spans close"
    assert video[0].end == video[1].start == START + 4 * SECOND
    assert len(audio) == 1


def test_a_source_that_failed_is_not_waited_for():
    rig = Rig(plan({"VIDEO001": Feed("j", ONE, ""), "AUDIO001": Feed("j", TWO, "")}))
    rig.open(ONE, VIDEO)
    rig.do(rig.output.source_closed(TWO, "no signal"))
    rig.play(ONE, 0, 0.1)
    assert rig.output.recording
    assert rig.states == {"AUDIO001": ("Error", "no signal"), "VIDEO001": ("Active", None)}


def test_a_track_that_the_camera_does_not_have_is_idle_after_its_connection_broke():
    feeds = {token: Feed("j", ONE, "") for token, _ in TRACKS}
    rig = Rig(plan(feeds))
    rig.open(ONE, VIDEO, AUDIO)
    rig.play(ONE, 0, 1, audio=True)
    rig.do(rig.output.source_closed(ONE, "no signal"))
    assert set(rig.states.values()) == {("Error", "no signal")}
    rig.open(ONE, VIDEO, AUDIO, late=2)
    assert rig.states["META001"] == ("Idle", None)
    rig.play(ONE, 0, 1, audio=True)
    assert rig.states == {"VIDEO001": ("Active", None), "AUDIO001": ("Active", None), "META001": ("Idle", None)}


def test_another_job_of_the_same_source_does_not_disturb():
    rig = Rig(plan(both()))
    rig.open(ONE, VIDEO, AUDIO)
    rig.play(ONE, 0, 3, audio=True)
    rig.do(rig.output.configure(plan(both(job="better"))))
    rig.play(ONE, 3, 6, audio=True)
    assert len(rig.spans("m4v")) == len(rig.spans("m4a")) == 1


def test_a_track_that_leaves_or_comes_makes_new_spans():
    rig = Rig(plan(both()))
    rig.open(ONE, VIDEO, AUDIO)
    rig.play(ONE, 0, 3, audio=True)
    rig.do(rig.output.configure(plan({"VIDEO001": Feed("job", ONE, "")})))
    rig.play(ONE, 3, 6, audio=True)
    rig.do(rig.output.configure(plan(both())))
    rig.play(ONE, 6, 9, audio=True)
    assert len(rig.spans("m4v")) == 3
    assert len(rig.spans("m4a")) == 2


def test_durations_change_without_new_spans():
    rig = Rig(plan(both()))
    rig.open(ONE, VIDEO, AUDIO)
    rig.play(ONE, 0, 4)
    changed = plan(both())
    rig.do(rig.output.configure(replace(changed, target=replace(changed.target, segment_duration=4 * SECOND))))
    rig.play(ONE, 4, 12)
    (span,) = rig.spans("m4v")
    starts = [(segment.start - START) // SECOND for segment in span.segments]
    assert starts[:2] == [0, 2]
    assert 4 in {after - before for before, after in pairwise(starts)}


def test_refused_encodings_are_left_out_and_not_asked_for_again_and_again():
    rig = Rig(plan(both()), refuse=["VIDEO001", "AUDIO001"])
    rig.open(ONE, VIDEO, AUDIO)
    rig.play(ONE, 0, 2, audio=True)
    assert not rig.output.recording
    assert len(rig.asked) == 2, "asked once for each track, not with each sample"
    rig.refuse.clear()
    rig.do(rig.output.configure(plan(both(job="other"))))
    assert rig.output.recording
    assert encoding_name(AUDIO.codec) == "G711"


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_one_track_of_a_source_feeds_one_track_and_the_other_one_says_so(order):
    pair = [("VIDEO001", "Video"), ("VIDEO002", "Video")]
    first, second = (pair[at][0] for at in order)
    feeds = {token: Feed("j", ONE, tag) for token, tag in zip(("VIDEO001", "VIDEO002"), ("", "VIDEO002"), strict=True)}
    rig = Rig(replace(plan(feeds, MP4), tracks=tuple(pair[at] for at in order)))
    rig.open(ONE, VIDEO)
    rig.play(ONE, 0, 2)
    assert rig.states[first] == ("Active", None)
    assert rig.states[second] == ("Error", f"The source has one track for this and for {first}")
    assert len(rig.spans("mp4")) == 1
    assert sum(isinstance(event, SpanEnded) for event in rig.events) == 1


def test_what_is_missing_is_a_gap_between_spans():
    rig = Rig(plan(both()))
    rig.open(ONE, VIDEO, AUDIO)
    rig.play(ONE, 0, 3)
    rig.do(rig.output.skip())
    rig.play(ONE, 5, 8)
    first, second = rig.spans("m4v")
    assert (first.end, second.start) == (START + 3 * SECOND, START + 5 * SECOND)


def test_an_error_pauses_and_is_shown_until_it_is_over():
    rig = Rig(plan(both()))
    rig.open(ONE, VIDEO, AUDIO)
    rig.play(ONE, 0, 3)
    rig.do(rig.output.pause("full"))
    assert rig.states["VIDEO001"] == rig.states["AUDIO001"] == ("Error", "full")
    rig.play(ONE, 3, 6.4)
    assert not rig.output.recording
    rig.do(rig.output.resume())
    assert rig.output.recording
    assert rig.states["VIDEO001"] == ("Error", "full"), "nothing has been stored yet"
    rig.output.set_trouble(None)
    assert rig.states["VIDEO001"] == ("Active", None)
    assert rig.states["AUDIO001"] == ("Idle", None)
    rig.play(ONE, 6.4, 9)
    first, second = rig.spans("m4v")
    assert first.end == START + 3 * SECOND
    assert second.start == START + 6 * SECOND, "from the GOP under way"


def test_what_comes_while_an_error_keeps_it_from_being_recorded_is_kept_or_counted():
    """Groups of a second: of 3.4 s with pictures and sound, the group under way is recorded afterwards."""
    rig = Rig(plan({"VIDEO001": both()["VIDEO001"]}))
    rig.open(ONE, VIDEO, AUDIO)
    rig.play(ONE, 0, 3)
    rig.do(rig.output.pause("full"))
    rig.play(ONE, 3, 6.4, audio=True)
    rig.do(rig.output.resume())
    lost = "while an error kept media from being recorded"
    assert rig.output.dropped == {lost: 75}, "the sound is not to be recorded"
    rig.do(rig.output.pause("full"))
    rig.play(ONE, 6.4, 7.4)
    rig.do(rig.output.pause("full"))
    rig.do(rig.output.close())
    assert rig.output.dropped == {lost: 75 + 25}


def test_a_start_that_fails_loses_nothing_that_was_recorded_before():
    """The database fails while a track is asked about, twice: when a source is opened again, and after a gap."""
    rig = Rig(plan(both()))
    accepts = rig.accepts

    def fail(*asked):
        raise PersistenceError("the change cannot be stored")

    def restart(first, last, act):
        rig.output._choice._accepts = fail
        with pytest.raises(PersistenceError):
            rig.do(act())
        rig.do(rig.output.pause("full"))
        rig.play(ONE, first, last)
        rig.output._choice._accepts = accepts
        rig.do(rig.output.resume())

    rig.open(ONE, VIDEO, AUDIO)
    rig.play(ONE, 0, 3)
    restart(3, 4.2, lambda: rig.output.source_opened(ONE, (VIDEO, AUDIO), START))
    rig.play(ONE, 4.2, 6)
    restart(6, 6.6, rig.output.skip)
    rig.play(ONE, 6.6, 8)
    spans = [(span.start, span.end) for span in rig.spans("m4v")]
    ends = [(0, 3), (4, 6), (6, 8)]
    assert spans == [(START + first * SECOND, START + last * SECOND) for first, last in ends]
    assert all(span.end_name for span in rig.spans("m4v"))
    assert sum(rig.output.dropped.values()) == 25


@pytest.mark.requirement("REC-5.3.4-10")
@pytest.mark.parametrize("before", [0.5, 1.0, 3.3])
def test_what_came_before_an_event_is_recorded_from_the_sync_sample_on(before):
    waiting = [Standby("j", "r", token, ONE, "", before * SECOND) for token in ("VIDEO001", "AUDIO001")]
    rig = Rig(plan({}, standby=waiting))
    rig.open(ONE, VIDEO, AUDIO)
    rig.play(ONE, 0, 9.2, audio=True)
    assert rig.events == []
    since = START + (9 - before) * SECOND
    feeds = {token: Feed("j", ONE, "", since) for token in ("VIDEO001", "AUDIO001")}
    rig.do(rig.output.configure(plan(feeds)))
    rig.play(ONE, 9.2, 12, audio=True)
    for extension in ("m4v", "m4a"):
        (span,) = rig.spans(extension)
        assert since - SECOND <= span.start <= since
        assert span.end == START + 12 * SECOND


@pytest.mark.parametrize("kind", [CMAF, MP4])
def test_a_job_without_an_event_records_nothing_from_before_it_began(kind):
    """Another job waits for events of the same tracks, so that their media are kept."""
    waiting = [Standby("e", "r", token, ONE, "", 5 * SECOND) for token in ("VIDEO001", "AUDIO001")]
    rig = Rig(plan({}, kind, waiting))
    rig.open(ONE, VIDEO, AUDIO)
    rig.play(ONE, 0, 9.5, audio=True)
    rig.do(rig.output.configure(plan(both(), kind, waiting)))
    rig.play(ONE, 9.5, 10.5, audio=True)
    rig.do(rig.output.configure(plan({}, kind, waiting)))
    rig.play(ONE, 10.5, 15.5, audio=True)
    rig.do(rig.output.configure(plan(both(), kind, waiting)))
    rig.play(ONE, 15.5, 18, audio=True)
    asked = [START + 9.5 * SECOND, START + 15.5 * SECOND]
    assert [span.start for span in rig.spans("mp4" if kind is MP4 else "m4a")] == asked
    if kind is CMAF:  # there is no picture without the sync sample before it
        assert [span.start for span in rig.spans("m4v")] == [START + 10 * SECOND, START + 16 * SECOND]


def test_a_track_of_a_job_without_an_event_is_left_out_beside_one_that_an_event_records():
    waiting = [Standby("e", "r", token, ONE, "", 5 * SECOND) for token in ("VIDEO001", "AUDIO001")]
    rig = Rig(plan({}, standby=waiting))
    rig.open(ONE, VIDEO, AUDIO)
    rig.play(ONE, 0, 9.5, audio=True)
    feeds = {"VIDEO001": Feed("e", ONE, "", START + 4 * SECOND), "AUDIO001": Feed("j", ONE, "")}
    rig.do(rig.output.configure(plan(feeds)))
    rig.play(ONE, 9.5, 12, audio=True)
    (video,), (audio,) = rig.spans("m4v"), rig.spans("m4a")
    assert video.start == START + 4 * SECOND
    assert audio.start == START + 9.5 * SECOND


@pytest.mark.parametrize("token", ["VIDEO001", "AUDIO001"])
def test_what_is_kept_of_a_track_that_was_fed_before_is_recorded_when_an_error_is_over(token):
    waiting = [Standby("e", "r", one, ONE, "", 8 * SECOND) for one in ("VIDEO001", "AUDIO001")]
    first = {token: Feed("j", ONE, "")}
    rig = Rig(plan(first, standby=waiting))
    rig.open(ONE, VIDEO, AUDIO)
    rig.play(ONE, 0, 4, audio=True)
    rig.do(rig.output.pause("the store is away"))
    rig.play(ONE, 4, 6.5, audio=True)
    rig.do(rig.output.configure(plan(both(), standby=waiting)))
    rig.play(ONE, 6.5, 8.5, audio=True)
    rig.do(rig.output.resume())
    rig.play(ONE, 8.5, 10, audio=True)
    assert sum(rig.output.dropped.values()) == (0 if token == "VIDEO001" else 12), "pictures before a sync sample"
    kinds = {"VIDEO001": "m4v", "AUDIO001": "m4a"}
    assert rig.spans(kinds.pop(token))[0].start == START
    (other,) = kinds.values()
    assert min(span.start for span in rig.spans(other)) >= START + 6.5 * SECOND


@pytest.mark.requirement("REC-5.3.4-10")
@pytest.mark.parametrize("since", [4.96, 5.0, 5.04, 5.08, 5.12])
def test_before_counts_from_when_pictures_are_shown_not_from_when_they_are_decoded(since):
    standby = [Standby("j", "r", "VIDEO001", ONE, "", 4 * SECOND)]
    rig = Rig(plan({}, standby=standby))
    rig.open(ONE, VIDEO)
    rig.play(ONE, 0, 9, shown=7200)  # B-frames: 80 ms later
    rig.do(rig.output.configure(plan({"VIDEO001": Feed("j", ONE, "", START + since * SECOND)})))
    rig.play(ONE, 9, 12, shown=7200)
    (span,) = rig.spans("m4v")
    assert START + (since - 1) * SECOND < span.start <= START + since * SECOND


@pytest.mark.parametrize("back", [12, 30])
def test_what_came_before_an_event_is_recorded_although_the_clock_of_its_source_was_set_back(back):
    """That is not known yet, so that what comes behind it seems to be from before the time that is asked for."""
    standby = [Standby("j", "r", "VIDEO001", ONE, "", 20 * SECOND)]
    rig = Rig(plan({}, standby=standby))
    rig.open(ONE, VIDEO)
    rig.play(ONE, 40, 60)
    for number in range(25 * (60 - back), 25 * (69 - back)):
        rig.do(rig.output.push(ONE, Sample(1, number * 3600, 3600, b"\xff\xd8" * 9, number % 25 == 0)))
    rig.do(rig.output.configure(plan({"VIDEO001": Feed("j", ONE, "", START + 50 * SECOND)})))
    stored = sum(count_samples(rig, span) for span in rig.spans("m4v"))
    assert stored + sum(rig.output.dropped.values()) == 25 * 19, "from second 50 on"
    assert rig.spans("m4v")[0].start == START + 50 * SECOND


@pytest.mark.parametrize(("ahead", "first"), [(3600, 12), (0, 19)])
def test_what_came_before_an_event_is_recorded_where_the_clock_was_an_hour_ahead_for_the_event_before(ahead, first):
    """Recorded until second 19.4; a connection from 12 on has the right time, as the one before it had or not."""
    standby = [Standby("j", "r", "VIDEO001", ONE, "", 9 * SECOND)]
    rig = Rig(plan({}, standby=standby))
    rig.open(ONE, VIDEO, late=ahead)
    rig.play(ONE, 0, 15)
    rig.do(rig.output.configure(plan({"VIDEO001": Feed("j", ONE, "", START + (ahead + 12) * SECOND)})))
    rig.play(ONE, 15, 19.4)
    rig.do(rig.output.configure(plan({}, standby=standby)))
    rig.do(rig.output.source_closed(ONE))
    rig.open(ONE, VIDEO)
    rig.play(ONE, 12, 21)
    rig.do(rig.output.configure(plan({"VIDEO001": Feed("j", ONE, "", START + 12 * SECOND)})))
    rig.play(ONE, 21, 25)
    found = rig.spans("m4v")
    assert {(span.start - START) // SECOND for span in found} == {ahead + 12, first}


@pytest.mark.requirement("REC-5.3.4-10")
@pytest.mark.parametrize("latency", [2, 6])
def test_an_event_may_come_as_late_as_the_output_was_told(latency):
    standby = [Standby("j", "r", "VIDEO001", ONE, "", 3 * SECOND)]
    rig = Rig(plan({}, standby=standby), event_latency=latency * SECOND)
    rig.open(ONE, VIDEO)
    happened = 9.5
    rig.play(ONE, 0, happened + latency)
    since = START + (happened - 3) * SECOND
    rig.do(rig.output.configure(plan({"VIDEO001": Feed("j", ONE, "", since)})))
    rig.play(ONE, happened + latency, 18)
    (span,) = rig.spans("m4v")
    assert since - SECOND < span.start <= since


@pytest.mark.parametrize("kind", [CMAF, MP4])
@pytest.mark.parametrize("between", [0.3, 1.5, 4.0, 9.0])
def test_events_within_before_of_each_other_lose_nothing_and_repeat_nothing(kind, between):
    """GOPs of two seconds; the first event ends in the middle of one."""
    waiting = [Standby("j", "r", token, ONE, "", 5 * SECOND) for token in ("VIDEO001", "AUDIO001")]

    def feeds(since):
        return {t: Feed("j", ONE, "", START + since * SECOND, None, 5 * SECOND) for t in ("VIDEO001", "AUDIO001")}

    rig = Rig(plan({}, kind, waiting))
    rig.open(ONE, VIDEO, AUDIO)
    rig.play(ONE, 0, 12, audio=True, gop=50)
    rig.do(rig.output.configure(plan(feeds(7), kind)))
    rig.play(ONE, 12, 16.7, audio=True, gop=50)
    rig.do(rig.output.configure(plan({}, kind, waiting)))
    again = 16.7 + between
    rig.play(ONE, 16.7, again, audio=True, gop=50)
    rig.do(rig.output.configure(plan(feeds(again - 5), kind)))
    rig.play(ONE, again, 30.1, audio=True, gop=50)
    rig.do(rig.output.configure(plan({}, kind, waiting)))
    rig.play(ONE, 30.1, 33, audio=True, gop=50)
    found = rig.spans("mp4" if kind is MP4 else "m4v")
    assert found[0].start == START + 6 * SECOND, "the sync sample before what Before asks for"
    assert found[-1].end == START + 32 * SECOND, "recording goes on to the next sync sample"
    if again - 5 <= 18:
        assert all(one.end == two.start for one, two in pairwise(found))
        assert len(found) == (1 if again < 18 else 2)
    else:
        assert (found[0].end, found[1].start) == (START + 18 * SECOND, START + 20 * SECOND)
    pushed = {"m4v": 25, "m4a": 50}
    for extension, rate in pushed.items() if kind is CMAF else ():
        made = rig.spans(extension)
        total = sum((span.end - span.start).total_seconds() for span in made)
        assert sum(count_samples(rig, span) for span in made) == round(total * rate)
    assert rig.output.dropped == {}


def count_samples(rig, span):
    """Samples in the objects of a span."""
    bodies = {str(one.key): one.body for one in rig.close_once()}
    return sum(1 for segment in span.segments for _ in read_segment(bodies[segment.name]).samples())


def test_an_event_that_goes_on_to_a_sync_sample_ends_with_its_source():
    waiting = [Standby("j", "r", "VIDEO001", ONE, "", 5 * SECOND)]
    rig = Rig(plan({"VIDEO001": Feed("j", ONE, "", None, None, 5 * SECOND)}))
    rig.open(ONE, VIDEO)
    rig.play(ONE, 0, 3.5)
    rig.do(rig.output.configure(plan({}, standby=waiting)))
    assert rig.output.recording
    rig.do(rig.output.source_closed(ONE))
    assert not rig.output.recording
    (span,) = rig.spans("m4v")
    assert span.end == START + 3.52 * SECOND


def test_a_track_that_falls_silent_is_stored_by_the_clock():
    """Sound ends at 4 s, the only documents come at 1 s and 2 s; video goes on. Segments of 2 s."""
    document = Track("META001", 3, 1_000, MetadataCodec())
    feeds = {token: Feed("job", ONE, "") for token, _ in TRACKS}
    rig = Rig(plan(feeds))
    rig.open(ONE, VIDEO, AUDIO, document)
    ended = {}
    for second in range(40):
        rig.play(ONE, second, second + 1, audio=second < 4)
        if second in (1, 2):
            rig.do(rig.output.push(ONE, Sample(3, second * 1000, 0, b"<tt:MetadataStream/>")))
        if second % 5 == 4:
            rig.do(rig.output.advance(START + (second + 1) * SECOND))
        for event in rig.events:
            if isinstance(event, SpanEnded):
                ended.setdefault(event.key.extension, second)
    assert set(ended) == {"m4a", "m4m"}
    assert all(10 <= second <= 20 for second in ended.values()), "three times five seconds at most"
    (sound,), (documents,) = rig.spans("m4a"), rig.spans("m4m")
    assert (sound.start, sound.end) == (START, START + 4 * SECOND)
    assert documents.start == START + SECOND
    rig = Rig(plan(feeds))
    rig.open(ONE, VIDEO, AUDIO)
    rig.play(ONE, 0, 4, audio=True)
    rig.do(rig.output.advance(START + 4 * SECOND))
    rig.play(ONE, 4, 20)
    rig.do(rig.output.advance(START + 20 * SECOND))
    rig.play(ONE, 20, 24, audio=True)
    first, second = rig.spans("m4a")
    assert (first.end, second.start) == (START + 4 * SECOND, START + 20 * SECOND)


def test_an_event_goes_on_for_half_a_minute_at_most_if_no_sync_sample_comes():
    waiting = [Standby("j", "r", "VIDEO001", ONE, "", 5 * SECOND)]
    rig = Rig(plan({"VIDEO001": Feed("j", ONE, "", None, None, 5 * SECOND)}))
    rig.open(ONE, VIDEO)
    rig.play(ONE, 0, 2.5)
    rig.do(rig.output.configure(plan({}, standby=waiting)))
    for second in (3, 20, 33):
        rig.do(rig.output.advance(START + second * SECOND))
        assert rig.output.recording
    rig.do(rig.output.advance(START + 34 * SECOND))
    assert not rig.output.recording
    assert rig.output.state is OutputState.IDLE


@pytest.mark.parametrize("another", [True, False], ids=["another event comes", "a sync sample comes"])
def test_each_event_has_half_a_minute_of_its_own(another):
    """The wait for a sync sample is over, and the next event ends a minute later, before anything tells the time."""
    waiting = [Standby("j", "r", "VIDEO001", ONE, "", 5 * SECOND)]
    event = plan({"VIDEO001": Feed("j", ONE, "", None, None, 5 * SECOND)})
    rig = Rig(event)
    rig.open(ONE, VIDEO)
    rig.play(ONE, 0, 2.5)
    rig.do(rig.output.configure(plan({}, standby=waiting)))
    rig.do(rig.output.advance(START + 3 * SECOND))
    if not another:
        rig.play(ONE, 2.5, 3.02)
        assert not rig.output.recording
    rig.do(rig.output.configure(event))
    rig.do(rig.output.configure(plan({}, standby=waiting)))
    rig.do(rig.output.advance(START + 60 * SECOND))
    assert rig.output.recording


def test_a_before_for_which_there_was_no_room_is_counted_and_shown(caplog):
    """Pictures of 18 bytes, 25 a second, GOPs of one second: room for four seconds, and a Before of ten."""
    waiting = [Standby("j", "r", "VIDEO001", ONE, "", 10 * SECOND)]
    rig = Rig(plan({}, standby=waiting), preroll_bytes=18 * 100)
    rig.open(ONE, VIDEO)
    rig.play(ONE, 0, 20)
    since = START + 10 * SECOND
    rig.do(rig.output.configure(plan({"VIDEO001": Feed("j", ONE, "", since, None, 10 * SECOND)})))
    kept = 20 * 25 - 1 - rig.output._sources.opened[ONE].preroll.kept()[0][0].decode_time // 3600
    missing = 10 * 25 - 1 - kept
    assert rig.output.dropped == {"from before an event, for which there was no room": missing}
    text = f"{missing} samples from before an event, for which there was no room, are missing"
    assert text in caplog.text
    assert rig.states["VIDEO001"] == ("Error", f"Recording goes on, but {text}")
    rig.play(ONE, 20, 21)
    rig.do(rig.output.configure(plan({}, standby=waiting)))
    rig.play(ONE, 21, 40)
    rig.do(rig.output.configure(plan({"VIDEO001": Feed("j", ONE, "", None, None, 10 * SECOND)})))
    assert rig.states["VIDEO001"] == ("Active", None), "nothing that this one asks for is missing"


def test_how_long_a_source_is_waited_for_is_a_parameter():
    rig = Rig(plan({"VIDEO001": Feed("j", ONE, ""), "AUDIO001": Feed("j", TWO, "")}), source_patience=5 * SECOND)
    rig.open(ONE, VIDEO)
    rig.play(ONE, 0, 4.9)
    assert not rig.output.recording
    rig.play(ONE, 4.9, 6)
    assert rig.output.recording


def test_a_recording_that_goes_on_after_b_frames_begins_where_it_ended():
    rig = Rig(plan({"VIDEO001": Feed("j", ONE, "")}))
    rig.open(ONE, VIDEO)
    rig.play(ONE, 0, 3, shown=7200)
    rig.do(rig.output.pause("full"))
    rig.play(ONE, 3, 3.5, shown=7200)
    rig.do(rig.output.resume())
    rig.play(ONE, 3.5, 6, shown=7200)
    first, second = rig.spans("m4v")
    assert first.end == second.start == START + 3.08 * SECOND


def topics(rig, extension):
    """EventTopic of the segments, in order."""
    found = [o for o in rig.close_once() if o.key.extension == extension and not o.key.span_end]
    return [o.metadata.get("EventTopic") for o in found]


MOTION, BELL = "tns1:RuleEngine/CellMotionDetector/Motion", "tns1:Device/Trigger/Bell"


@pytest.mark.requirement("ANX-B.9-06")
@pytest.mark.parametrize("kind", [CMAF, MP4])
def test_what_an_event_recorded_is_labelled_with_its_topic(kind):
    rig = Rig(plan({}, kind, [Standby("j", "r", token, ONE, "", 2 * SECOND) for token in ("VIDEO001", "AUDIO001")]))
    rig.open(ONE, VIDEO, AUDIO)
    rig.play(ONE, 0, 4, audio=True)
    feeds = {token: Feed("j", ONE, "", START + 2 * SECOND, MOTION) for token in ("VIDEO001", "AUDIO001")}
    rig.do(rig.output.configure(plan(feeds, kind)))
    rig.play(ONE, 4, 9, audio=True)
    rig.do(rig.output.configure(plan({}, kind)))
    for extension in ("m4v", "m4a") if kind is CMAF else ("mp4",):
        found = topics(rig, extension)
        assert len(found) >= 3
        assert set(found) == {MOTION}


@pytest.mark.requirement("ANX-B.9-06")
def test_an_event_shorter_than_a_fragment_is_labelled_too():
    rig = Rig(plan({"VIDEO001": Feed("j", ONE, "", START, BELL)}))
    rig.open(ONE, VIDEO)
    rig.play(ONE, 0, 0.5)
    rig.do(rig.output.configure(plan({})))
    assert topics(rig, "m4v") == [BELL]


@pytest.mark.requirement("ANX-B.9-06")
def test_only_segments_that_an_event_is_in_are_labelled_when_its_job_takes_over_and_gives_back():
    rig = Rig(plan(both()))
    rig.open(ONE, VIDEO, AUDIO)
    rig.play(ONE, 0, 5.2, audio=True)
    event = {token: Feed("event", ONE, "", START + 5 * SECOND, MOTION) for token in ("VIDEO001", "AUDIO001")}
    rig.do(rig.output.configure(plan(event)))
    rig.play(ONE, 5.2, 8.5, audio=True)
    rig.do(rig.output.configure(plan(both())))
    rig.play(ONE, 8.5, 13, audio=True)
    assert len(rig.spans("m4v")) == 1
    # segments of two seconds: the event lasts from the third to the fifth
    assert topics(rig, "m4v") == [None, None, MOTION, MOTION, MOTION, None, None]


@pytest.mark.requirement("ANX-B.9-06")
def test_in_cmaf_each_track_has_the_topic_of_its_own_job():
    feeds = {"VIDEO001": Feed("j", ONE, ""), "AUDIO001": Feed("k", ONE, "", START, BELL)}
    rig = Rig(plan(feeds))
    rig.open(ONE, VIDEO, AUDIO)
    rig.play(ONE, 0, 3, audio=True)
    assert set(topics(rig, "m4v")) == {None}
    assert set(topics(rig, "m4a")) == {BELL}


def test_another_encoding_on_the_way_is_asked_for():
    rig = Rig(plan({"VIDEO001": Feed("j", ONE, "")}))
    rig.open(ONE, VIDEO)
    rig.play(ONE, 0, 2)
    rig.do(rig.output.change_codec(ONE, 1, MjpegCodec(width=128, height=96)))
    rig.play(ONE, 2, 4)
    assert len(rig.asked) == 1
    opened = [event for event in rig.events if isinstance(event, SegmentOpened)]
    ends = [event for event in rig.events if isinstance(event, SpanEnded)]
    assert len(ends) == 1, "another size closes the span"
    assert opened
    rig.refuse.add("VIDEO001")
    rig.do(rig.output.change_codec(ONE, 1, G711Codec()))
    assert not rig.output.recording


# ---- states --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("when", ["while sources are waited for", "while it records", "while it waits for events"])
def test_a_sample_of_a_track_that_its_source_has_not_is_refused_and_changes_nothing(when):
    feeds = {"VIDEO001": Feed("j", ONE, ""), "AUDIO001": Feed("j", TWO, "")}
    if when == "while it waits for events":
        rig = Rig(plan({}, standby=[Standby("j", "r", "VIDEO001", ONE, "", SECOND)]))
    else:
        rig = Rig(plan(feeds))
    rig.open(ONE, VIDEO)
    if when == "while it records":
        rig.open(TWO, AUDIO)
    rig.play(ONE, 0, 1)
    before = rig.output.state, dict(rig.states), len(rig.events)
    with pytest.raises(MediaError, match="no track 7"):
        rig.output.push(ONE, Sample(7, 3600 * 25, 3600, b"\xff\xd8", True))
    assert (rig.output.state, rig.states, len(rig.events)) == before
    rig.play(ONE, 1, 4)
    rig.do(rig.output.close())
    assert (rig.states.get("VIDEO001") == ("Idle", None)) == (when != "while it waits for events")


def test_an_output_goes_through_its_states():
    rig = Rig(plan({"VIDEO001": Feed("j", ONE, ""), "AUDIO001": Feed("j", TWO, "")}), {"VIDEO001", "AUDIO001"})
    output, seen = rig.output, [rig.output.state]

    def step(events, state):
        rig.do(events)
        assert output.state is state
        assert output.recording == (state is OutputState.RECORDING)
        seen.append(state)

    assert seen == [OutputState.IDLE]
    step(output.source_opened(ONE, [VIDEO], START), OutputState.WAITING)
    step(output.source_closed(ONE), OutputState.IDLE)
    step(output.source_opened(ONE, [VIDEO], START), OutputState.WAITING)
    step(output.source_opened(TWO, [AUDIO], START), OutputState.BLOCKED)
    step(output.resume(), OutputState.BLOCKED)
    rig.refuse.clear()
    step(output.push(ONE, Sample(1, 0, 3600, b"\xff\xd8", True)), OutputState.BLOCKED)
    step(output.configure(output._plan), OutputState.IDLE)
    step(output.push(ONE, Sample(1, 3600, 3600, b"\xff\xd8", True)), OutputState.RECORDING)
    step(output.pause("full"), OutputState.PAUSED)
    step(output.push(ONE, Sample(1, 7200, 3600, b"\xff\xd8", True)), OutputState.PAUSED)
    step(output.resume(), OutputState.RECORDING)
    step(output.configure(plan({})), OutputState.IDLE)
    known = {(state, to) for state, row in TRANSITIONS.items() for to in row.values()}
    steps = {(state, to) for state, to in pairwise(seen) if state is not to}
    assert steps - known == {
        (OutputState.RECORDING, OutputState.PAUSED),  # both by way of Idle: an error stops the recorder first,
        (OutputState.PAUSED, OutputState.RECORDING),  # and another try begins at once
    }


def test_every_state_of_an_output_has_a_row_and_can_be_reached_and_left():
    assert TRANSITIONS.keys() == set(OutputState)
    assert all(row for row in TRANSITIONS.values())
    assert {to for row in TRANSITIONS.values() for to in row.values()} == set(OutputState)
    assert {event for row in TRANSITIONS.values() for event in row} == set(OutputEvent)
    assert all(to is not state for state, row in TRANSITIONS.items() for to in row.values())
