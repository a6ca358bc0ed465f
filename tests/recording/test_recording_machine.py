"""Whatever comes, in whatever order: every object is whole and true."""

from datetime import timedelta
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from recording_kit import AUDIO, CMAF, META, MP4, NEW_AUDIO, NEW_VIDEO, START, VIDEO, VIDEO_2, target
from support_recorded import check_recording

from onvif_bmff.media import Sample
from onvif_bmff.recording.recorder import Recorder
from onvif_bmff.recording.segment import FragmentLimits

SMALL = FragmentLimits(max_bytes=2_000, max_samples=60)


class RecorderMachine(RuleBasedStateMachine):
    """Pushes runs of samples on three or four tracks, between anything that can close a segment or span."""

    def __init__(self):
        super().__init__()
        self.events = []
        self.clock = {}
        self.pushed = 0
        self.number = 0

    @initialize(
        chosen=st.sampled_from((CMAF, MP4)),
        span=st.sampled_from((None, 3)),
        bits=st.sampled_from((None, 32)),
        two=st.booleans(),
        limits=st.sampled_from((FragmentLimits(), SMALL)),
    )
    def begin(self, chosen, span, bits, two, limits):
        tracks = [VIDEO, AUDIO, META]
        self.only_mp4 = two and chosen is MP4
        if self.only_mp4:
            tracks.append(VIDEO_2)
        self.tracks = {track.track_id: track for track in tracks}
        self.clock = {track.track_id: 0 for track in tracks}
        self.place = dict.fromkeys(self.clock, 0)
        self.recorder = Recorder(tracks, target(chosen, segment=1, span=span), timestamp_bits=bits, limits=limits)
        self.bits = bits
        self.at = START
        self.recorder.activate(self.at)

    def push(self, track_id, time, *, sync, duration, offset=0, size=8):
        self.number += 1
        payload = f"{track_id}:{self.number}".encode().ljust(size, b".")
        raw = time % (1 << self.bits) if self.bits else time
        self.events.extend(self.recorder.push(Sample(track_id, raw, duration, payload, sync, offset)))
        self.pushed += 1

    @precondition(lambda self: self.recorder.active)
    @rule(
        which=st.integers(0, 3),
        count=st.integers(1, 40),
        gop=st.sampled_from((1, 5, 12, 1000)),
        live=st.booleans(),
        reorder=st.booleans(),
        size=st.sampled_from((0, 8, 300)),
    )
    def run(self, which, count, gop, live, reorder, size):
        """A run of regular samples of one track."""
        track = list(self.tracks.values())[which % len(self.tracks)]
        track_id, scale = track.track_id, track.timescale
        visual = track.type.value == "Video"
        step = scale // 10
        for _ in range(count):
            place = self.place[track_id]
            sync = not visual or place % gop == 0
            offset = 0
            if visual and reorder:
                offset = step if sync else (3 * step, 0, 0)[place % 3]
            self.push(track_id, self.clock[track_id], sync=sync, duration=0 if live else step, offset=offset, size=size)
            self.clock[track_id] += step
            self.place[track_id] += 1

    @precondition(lambda self: self.recorder.active)
    @rule(seconds=st.integers(1, 15), count=st.integers(1, 30))
    def all_tracks(self, seconds, count):
        """All tracks in step, as a camera sends them."""
        start = max(time / self.tracks[track_id].timescale for track_id, time in self.clock.items())
        for number in range(min(seconds * 10, count * 3)):
            for track_id, track in self.tracks.items():
                sync = track.type.value != "Video" or number % 10 == 0
                time = round(start * track.timescale) + number * (track.timescale // 10)
                self.push(track_id, time, sync=sync, duration=track.timescale // 10)
                self.clock[track_id] = time + track.timescale // 10

    @precondition(lambda self: self.recorder.active)
    @rule(which=st.integers(0, 3), seconds=st.sampled_from((-100_000, -60, -8, -0.05, 0.03, 4, 9.97, 11, 30, 100_000)))
    def jump(self, which, seconds):
        """A track's timestamps jump."""
        track = list(self.tracks.values())[which % len(self.tracks)]
        self.clock[track.track_id] += round(seconds * track.timescale)

    @precondition(lambda self: self.recorder.active)
    @rule(seconds=st.sampled_from((-100_000, -60, -8, 11, 30)))
    def jump_together(self, seconds):
        """The source starts anew."""
        for track_id, track in self.tracks.items():
            self.clock[track_id] += round(seconds * track.timescale)

    @precondition(lambda self: self.recorder.active)
    @rule(
        which=st.integers(0, 3),
        offset=st.integers(-400_000, 400_000),
        duration=st.integers(-5, 2_000_000),
        sync=st.booleans(),
    )
    def odd_sample(self, which, offset, duration, sync):
        """A sample with any offset and duration."""
        track_id = list(self.tracks)[which % len(self.tracks)]
        visual = self.tracks[track_id].type.value == "Video"
        self.push(
            track_id, self.clock[track_id], sync=sync or not visual, duration=duration, offset=offset if visual else 0
        )

    @precondition(lambda self: self.recorder.active)
    @rule(video=st.booleans(), new=st.booleans())
    def movie_change(self, video, new):
        track = (NEW_VIDEO if new else VIDEO) if video else (NEW_AUDIO if new else AUDIO)
        self.recorder.replace_track(track)

    @rule(
        chosen=st.sampled_from((CMAF, MP4)),
        prefix=st.sampled_from(("", "a", "b/c")),
        segment=st.sampled_from((0.5, 1, 4)),
    )
    def target_change(self, chosen, prefix, segment):
        if self.only_mp4:
            chosen = MP4
        self.recorder.reconfigure(target(chosen, segment=segment, prefix=prefix, span=3))

    @precondition(lambda self: self.recorder.active)
    @rule(seconds=st.integers(1, 5_000))
    def clock_change(self, seconds):
        # forward only: a clock set back may give keys again, which the store then refuses
        self.at = self.at + timedelta(days=1, seconds=seconds)
        self.recorder.set_clock(self.at, Fraction(max(self.clock.values()), 90_000))

    @precondition(lambda self: self.recorder.active)
    @rule(seconds=st.integers(1, 3))
    def override(self, seconds):
        self.recorder.override_segment_duration(timedelta(seconds=seconds), self.at + timedelta(seconds=30))

    @precondition(lambda self: self.recorder.active)
    @rule()
    def early(self):
        self.recorder.end_segments_early()

    @precondition(lambda self: self.recorder.active)
    @rule()
    def stop(self):
        self.events.extend(self.recorder.deactivate())
        check_recording(self.events, in_step=False)

    @precondition(lambda self: not self.recorder.active)
    @rule(days=st.integers(10, 11))
    def start(self, days):
        self.at = self.at + timedelta(days=days)
        self.recorder.activate(self.at)

    @invariant()
    def all_is_true(self):
        stored = check_recording(self.events, ended=False, in_step=False)
        found = [sample.data for span in stored for sample in span.samples()]
        assert len(set(found) - {b""}) == len([one for one in found if one])

    def teardown(self):
        if getattr(self, "recorder", None) is None:
            return
        if self.recorder.active:
            self.events.extend(self.recorder.deactivate())
        spans = check_recording(self.events, in_step=False)
        stored = sum(len(span.samples()) for span in spans)
        assert stored + sum(self.recorder.dropped.values()) == self.pushed


RecorderMachine.TestCase.settings = settings(
    max_examples=20,
    stateful_step_count=15,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
TestRecorder = pytest.mark.slow(RecorderMachine.TestCase)
