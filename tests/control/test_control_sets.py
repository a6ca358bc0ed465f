"""Set operations add no track that nobody asked for: not to a recording, and not to a job ([5.7], [5.12], [5.16])."""

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from control_kit import automatic, job, profile, recording, service, target
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from onvif_bmff.control import Fault, RecordingJobTrack, ServiceLimits, TrackConfiguration

TOKENS = ("VIDEO001", "AUDIO001", "META001", "VIDEO002", "nothing")
KINDS = st.sampled_from(("Video", "Audio", "Metadata", "Extended"))
NAMES = st.lists(st.sampled_from(TOKENS), max_size=4, unique=True)
SOURCES = st.lists(
    st.one_of(NAMES.map(lambda names: profile(*names)), NAMES.map(lambda names: automatic(*names))),
    min_size=1,
    max_size=3,
)
OPERATIONS = st.one_of(
    st.tuples(st.just("job"), SOURCES, st.sampled_from(("Idle", "Active")), st.integers(0, 3)),
    st.tuples(st.just("job as it was read")),
    st.tuples(st.just("mode"), st.sampled_from(("Idle", "Active"))),
    st.tuples(st.just("recording"), st.sampled_from(("MP4", "CMAF")), st.integers(1, 60)),
    st.tuples(st.just("track"), st.sampled_from(TOKENS), KINDS, st.text(max_size=5)),
    st.tuples(st.just("delete track"), st.sampled_from(TOKENS)),
)


def asked_for(sources):
    """The tracks that sources name."""
    return {track.destination for source in sources for track in source.tracks}


class Stranger:
    """A client that sets anything, and looks at what became of it."""

    def __init__(self, sources):
        self.service = service(limits=ServiceLimits(video_tracks=2))
        self.token = self.service.create_recording(recording())
        self.service.create_track(self.token, TrackConfiguration("Video", "second"))
        self.job = self.service.create_recording_job(job(self.token, *sources)).job_token

    @property
    def tracks(self):
        """Of the recording."""
        return [track.track_token for track in self.service.get_recordings()[0].tracks]

    @property
    def configuration(self):
        """Of the job."""
        return self.service.get_recording_job_configuration(self.job)

    def do(self, name, *values):
        """Carry an operation out; hold what it answers, and what is read then, to what was asked for."""
        before, fed = self.tracks, asked_for(self.configuration.source)
        wanted = fed
        with suppress(Fault):
            if name == "job":
                sources, mode, priority = values
                given_ = job(self.token, *sources, mode=mode, priority=priority)
                answer = self.service.set_recording_job_configuration(self.job, given_)
                wanted = asked_for(sources)
                assert asked_for(answer.source) == wanted
            elif name == "job as it was read":
                read = self.configuration
                self.service.set_recording_job_configuration(self.job, read)
                assert asked_for(self.configuration.source) == asked_for(read.source)
            elif name == "mode":
                self.service.set_recording_job_mode(self.job, *values)
            elif name == "recording":
                kind, seconds = values
                changed = recording(target(format=kind, segment_duration=timedelta(seconds=seconds)))
                self.service.set_recording_configuration(self.token, changed)
            elif name == "track":
                track, kind, text = values
                self.service.set_track_configuration(self.token, track, TrackConfiguration(kind, text))
            else:
                self.service.delete_track(self.token, *values)
                assert set(before) - set(self.tracks) == set(values)
                wanted = fed - set(values)
                before = self.tracks
        assert self.tracks == before
        assert asked_for(self.configuration.source) == wanted
        assert asked_for(self.configuration.source) <= set(self.tracks)


@settings(max_examples=100, derandomize=True, phases=[Phase.generate], database=None)
@given(first=NAMES.filter(lambda names: "nothing" not in names), operations=st.lists(OPERATIONS, max_size=12))
def test_no_set_adds_a_track_that_was_not_asked_for(first, operations):
    stranger = Stranger([profile(*first)])
    for operation in operations:
        stranger.do(*operation)


def test_the_law_fails_of_a_set_that_adds_tracks(monkeypatch):
    stranger = Stranger([profile("VIDEO001")])
    right = type(stranger.service).set_recording_job_configuration

    def all_of_them(self, token, configuration):
        tracks = tuple(RecordingJobTrack("", name) for name in TOKENS[:3])
        return right(self, token, replace(configuration, source=(replace(configuration.source[0], tracks=tracks),)))

    monkeypatch.setattr(type(stranger.service), "set_recording_job_configuration", all_of_them)
    try:
        stranger.do("job", [profile("AUDIO001")], "Idle", 1)
    except AssertionError:
        return
    raise AssertionError("a job with all tracks was taken for one with the one that was asked for")
