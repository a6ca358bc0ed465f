"""All operations in any order against the naive model: answers, faults, events, states, what is stored."""

from datetime import timedelta

import pytest
from control_kit import KEY, KID, OTHER_KID, START, Clock, Counting, Data, Exports, resources
from control_model import JOBS as MOST_JOBS
from control_model import JOBS_EACH, RECEIVERS, RECORDINGS, TRACKS, VIDEO, Model
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from onvif_bmff.control import (
    PROFILE_TYPE,
    AsymmetricEncryption,
    BadConfiguration,
    Capabilities,
    EventFilterEntry,
    EventMessage,
    Fault,
    MemoryPersistence,
    PropertyOperation,
    RecordingConfiguration,
    RecordingEncryption,
    RecordingEventFilter,
    RecordingJobConfiguration,
    RecordingJobSource,
    RecordingJobState,
    RecordingJobTrack,
    RecordingService,
    RecordingTargetConfiguration,
    SearchScope,
    SegmentDurationOverride,
    ServiceLimits,
    SourceReference,
    StorageReferencePath,
    TimeRange,
    TrackConfiguration,
)
from onvif_bmff.control.state import DeviceState

OTHER_KEY = bytes(16)
TOPICS = ("tns1:Motion", "tns1:Device/Bell")
NAMES = ("VIDEO001", "VIDEO002", "AUDIO001", "AUDIO002", "META001", "META002")

tracks = st.lists(st.sampled_from(NAMES), max_size=3)
fed = st.just([]) | st.lists(st.sampled_from(NAMES[::2]), min_size=1, max_size=2, unique=True)
numbers = st.sampled_from([0, 1, 2, 3, 4] * 4 + [9])
entries = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["key"] * 8 + ["asymmetric"] * 2 + ["both"]),
        "kid": st.sampled_from([KID, OTHER_KID]),
        "key": st.sampled_from([KEY] * 6 + [OTHER_KEY, None]),
        "tracks": st.lists(st.sampled_from(NAMES[::2]), max_size=2, unique=True),
    }
)
target = st.fixed_dictionaries(
    {
        "format": st.sampled_from(["MP4", "CMAF"] * 6 + ["AVI"]),
        "storage": st.sampled_from(["s3"] * 15 + ["nobody"]),
        "prefix": st.sampled_from(["", "a", "b", "c", "d", "e", "f"]),
        "segment": st.sampled_from([60] * 8 + [30, 10, 0]),
        "entries": st.lists(entries, max_size=2) | st.lists(entries, max_size=3),
    }
)
targets = st.one_of(st.none(), target, target, target)
filters = st.none() | st.fixed_dictionaries(
    {"topic": st.sampled_from(TOPICS), "after": st.sampled_from([timedelta(0), timedelta(seconds=20)])}
)
sources = st.lists(
    st.tuples(st.sampled_from(["prof1", "auto", "held"] * 12 + ["nobody", None]), fed), min_size=1, max_size=2
)
parts = {
    "mode": st.sampled_from(["Active"] * 16 + ["Idle", "Idle", "Idle", "idle"]),
    "priority": st.sampled_from([0, 1, 1, 1, 2] * 6 + [-1]),
    "sources": sources,
    "schedule": st.sampled_from([None, None, "night"]),
    "filter": filters,
}
few = st.sampled_from([0, 0, 0, 1, 1, 2] * 3 + [9])


def written_target(target):
    """A target of the model as the client would send it."""
    if target is None:
        return None
    sent = []
    for one in target["entries"]:
        wrapped = AsymmetricEncryption(("cert-a",)) if one["kind"] != "key" else None
        kid, key = (None, None) if one["kind"] == "asymmetric" else (one["kid"], one["key"])
        sent.append(RecordingEncryption("CBCS", kid, key, tuple(one["tracks"]), wrapped))
    return RecordingTargetConfiguration(
        target["storage"],
        target["format"],
        timedelta(seconds=target["segment"]),
        prefix=target["prefix"],
        encryption=tuple(sent),
    )


def written_job(job):
    def reference(name):
        return SourceReference(name, PROFILE_TYPE) if name == "prof1" else SourceReference(name)

    event_filter = job["filter"] and RecordingEventFilter(
        (EventFilterEntry(job["filter"]["topic"] + "//."),), None, job["filter"]["after"]
    )
    return RecordingJobConfiguration(
        job["recording"],
        job["mode"],
        job["priority"],
        tuple(
            RecordingJobSource(
                None if name in (None, "auto") else reference(name),
                True if name == "auto" else None,
                tuple(RecordingJobTrack("", track) for track in fed),
            )
            for name, fed in job["sources"]
        ),
        event_filter,
        job["schedule"],
    )


def short(event):
    """An event as the model writes it."""
    name = event.topic.rpartition("/")[2]
    if name == "JobState":
        return (name, event.recording_job_token, event.operation, event.state, event.information is not None)
    if name == "AsynchronousOperationStatus":
        return (name, event.token, event.operation)
    return (name, *event.source_items().values())


class Machine(RuleBasedStateMachine):
    """The service and its model, step by step."""

    def make_persistence(self):
        return MemoryPersistence()

    def reopen(self, persistence):
        return persistence

    @initialize()
    def begin(self):
        self.clock, self.random, self.data = Clock(), Counting(), Data()
        self.persistence = self.make_persistence()
        self.model = Model(START)
        self.model.purged = []
        self.start()
        # A rich beginning, so that few steps are enough to reach what is interesting.
        entries = [
            {"kind": "key", "kid": KID, "key": KEY, "tracks": ["VIDEO001"]},
            {"kind": "key", "kid": OTHER_KID, "key": KEY, "tracks": ["AUDIO001", "META001"]},
        ]
        for prefix, used in (("first", entries), ("second", [])):
            aim = {"format": "MP4", "storage": "s3", "prefix": prefix, "segment": 60, "entries": used}
            self.create_recording(aim, "a")
        for priority, source in ((1, "prof1"), (1, "prof1"), (0, "auto")):
            self.create_good_job(0, priority, source, [])
        waiting = {"mode": "Active", "priority": 2, "schedule": None, "sources": [("prof1", ["VIDEO001"])]}
        waiting["filter"] = {"topic": TOPICS[0], "after": timedelta(seconds=20)}
        self.create_any_job(self.job_of(0, waiting))
        self.start_override(0, 5, 600)
        self.put_data(0, 0)

    def start(self):
        self.exports = Exports()
        self.service = RecordingService(
            clock=self.clock,
            capabilities=Capabilities(
                max_recordings=RECORDINGS,
                max_recording_jobs=MOST_JOBS,
                encryption_entry_limit=2,
                supported_export_file_formats=("MP4",),
            ),
            limits=ServiceLimits(video_tracks=VIDEO, tracks=TRACKS, jobs_per_recording=JOBS_EACH, receivers=RECEIVERS),
            persistence=self.persistence,
            resources=resources(),
            local_data=self.data,
            exporter=self.exports,
            random=self.random,
        )

    # ---- one step ----------------------------------------------------------------------------------

    def step(self, expected, call):
        faults, done = expected
        if faults:
            with pytest.raises(Fault) as caught:
                call()
            assert caught.value.subcodes[1] in faults
            self.expect([])
        else:
            self.expect(done(call()))

    def expect(self, events):
        """Compare the events: those of the operation in order, then states, then deleted data."""
        wanted = [*events, *self.model.settle()]
        for recording, track in self.model.purged:
            count = self.model.data.pop((recording, track), 0)
            wanted += [("DeleteTrackData", recording, track)] * count
        self.model.purged = []
        found = [short(event) for event in self.service.take_notifications()]

        def states_sorted(listed):
            plain = [event for event in listed if event[0] != "JobState"]
            return plain, sorted(event for event in listed if event[0] == "JobState")

        assert states_sorted(found) == states_sorted(wanted)

    def pick(self, table, number):
        """A token that exists, unless the number is 9."""
        held = list(table)
        return held[number % len(held)] if held and number < 9 else "nobody"

    def track_of(self, recording, number):
        return self.pick(self.model.recordings.get(recording, {"tracks": ()})["tracks"], number)

    # ---- recordings and tracks ---------------------------------------------------------------------

    @rule(aim=targets, content=st.sampled_from("ab"))
    def new_recording(self, aim, content):
        self.create_recording(aim, content)

    def create_recording(self, aim, content):
        self.step(
            self.model.create_recording(content, aim),
            lambda: self.service.create_recording(RecordingConfiguration(content=content, target=written_target(aim))),
        )

    @rule(number=numbers)
    def delete_recording(self, number):
        token = self.pick(self.model.recordings, number)
        self.step(self.model.delete_recording(token), lambda: self.service.delete_recording(token))

    @rule(number=few, aim=targets, content=st.sampled_from("ab"))
    def set_recording(self, number, aim, content):
        token = self.pick(self.model.recordings, number)
        self.step(
            self.model.set_recording(token, content, aim),
            lambda: self.service.set_recording_configuration(
                token, RecordingConfiguration(content=content, target=written_target(aim))
            ),
        )

    @rule(number=few)
    def write_back(self, number):
        token = self.pick(self.model.recordings, number)
        held = self.model.recordings.get(token)
        if held is not None:
            read = self.service.get_recording_configuration(token)
            target = held["target"]
            if target is not None:
                target = target | {"entries": [entry | {"key": None} for entry in target["entries"]]}
            self.step(
                self.model.set_recording(token, held["content"], target),
                lambda: self.service.set_recording_configuration(token, read),
            )

    @rule(number=few, kind=st.sampled_from(["Video", "Audio", "Metadata", "Extended"]))
    def create_track(self, number, kind):
        token = self.pick(self.model.recordings, number)
        self.step(
            self.model.create_track(token, kind),
            lambda: self.service.create_track(token, TrackConfiguration(kind)),
        )

    @rule(number=few, track=numbers)
    def delete_track(self, number, track):
        token = self.pick(self.model.recordings, number)
        track = self.track_of(token, track)
        self.step(self.model.delete_track(token, track), lambda: self.service.delete_track(token, track))

    @rule(number=few, track=numbers, text=st.sampled_from("xy"))
    def set_track(self, number, track, text):
        token = self.pick(self.model.recordings, number)
        track = self.track_of(token, track)
        self.step(
            self.model.set_track(token, track, text),
            lambda: self.service.set_track_configuration(token, track, TrackConfiguration("Audio", text)),
        )

    @rule(
        number=few,
        duration=st.sampled_from([5, 5, 5, 20, 20, 60, 0]),
        expiration=st.sampled_from([10, 10, 600, 3600, 3601]),
    )
    def override(self, number, duration, expiration):
        self.start_override(number, duration, expiration)

    def start_override(self, number, duration, expiration):
        token = self.pick(self.model.recordings, number)
        self.step(
            self.model.override(token, duration, expiration),
            lambda: self.service.override_segment_duration(
                timedelta(seconds=duration), timedelta(seconds=expiration), token
            ),
        )

    @rule(number=few, track=numbers)
    def record(self, number, track):
        self.put_data(number, track)

    def put_data(self, number, track):
        token = self.pick(self.model.recordings, number)
        track = self.track_of(token, track)
        if track in self.model.recordings.get(token, {"tracks": ()})["tracks"]:
            self.data.add(token, track, TimeRange(self.clock.now, self.clock.now))
            self.model.data[token, track] = self.model.data.get((token, track), 0) + 1

    # ---- jobs --------------------------------------------------------------------------------------

    def job_of(self, number, parts):
        receiver = next(iter(self.model.receivers), "prof1")
        named = [(receiver if name == "held" else name, fed) for name, fed in parts["sources"]]
        return parts | {"recording": self.pick(self.model.recordings, number), "sources": named}

    @rule(number=few, parts=st.fixed_dictionaries(parts))
    def create_job(self, number, parts):
        self.create_any_job(self.job_of(number, parts))

    @rule(number=few, priority=st.integers(0, 2), source=st.sampled_from(["prof1", "auto"]), fed=tracks)
    def new_good_job(self, number, priority, source, fed):
        self.create_good_job(number, priority, source, fed)

    def create_good_job(self, number, priority, source, fed):
        held = self.model.recordings.get(self.pick(self.model.recordings, number))
        fed = [track for track in dict.fromkeys(fed) if held and track in held["tracks"]]
        parts = {"mode": "Active", "priority": priority, "schedule": None, "filter": None}
        self.create_any_job(self.job_of(number, parts | {"sources": [(source, fed)]}))

    def create_any_job(self, job):
        self.step(self.model.create_job(job), lambda: self.service.create_recording_job(written_job(job)))

    @rule(
        job_number=numbers,
        number=few,
        same=st.sampled_from([True, True, True, True, False]),
        parts=st.fixed_dictionaries(parts),
    )
    def set_job(self, job_number, number, same, parts):
        token = self.pick(self.model.jobs, job_number)
        job = self.job_of(number, parts)
        if same and token in self.model.jobs:
            job["recording"] = self.model.jobs[token]["recording"]
        self.step(
            self.model.set_job(token, job),
            lambda: self.service.set_recording_job_configuration(token, written_job(job)),
        )

    @rule(number=numbers, mode=st.sampled_from(["Idle", "Active", "active"]))
    def set_mode(self, number, mode):
        token = self.pick(self.model.jobs, number)
        self.step(self.model.set_mode(token, mode), lambda: self.service.set_recording_job_mode(token, mode))

    @rule(number=numbers)
    def delete_job(self, number):
        token = self.pick(self.model.jobs, number)
        self.step(self.model.delete_job(token), lambda: self.service.delete_recording_job(token))

    # ---- the world ---------------------------------------------------------------------------------

    @rule(active=st.sampled_from([True, True, False, None]))
    def schedule(self, active):
        self.model.schedules["night"] = active
        self.service.device_side.schedule_changed("night", active)
        self.expect([])

    @rule(
        topic=st.sampled_from(TOPICS),
        source=st.sampled_from("ab"),
        kind=st.sampled_from(["on", "off", "instant"]),
    )
    def happen(self, topic, source, kind):
        operation = None if kind == "instant" else PropertyOperation.CHANGED
        data = {} if kind == "instant" else {"State": "true" if kind == "on" else "false"}
        self.model.history.append((self.model.now, f"{topic}/{source}", kind))
        self.service.device_side.event(EventMessage(f"{topic}/{source}", self.clock.now, {}, data, operation))
        self.expect([])

    @rule(number=numbers, track=numbers, state=st.sampled_from(["Idle", "Active", "Error"]))
    def report(self, number, track, state):
        token = self.pick(self.model.jobs, number)
        job = self.model.jobs.get(token)
        track = self.track_of(job["recording"] if job else "nobody", track)
        feeds = job is not None and self.model.feeder(job["recording"], track) == token
        if feeds:
            self.model.reports[token, track] = state
        assert self.service.device_side.report_track_state(token, track, RecordingJobState(state)) is feeds
        self.expect([])

    @rule(seconds=st.sampled_from([1, 4, 5, 15, 20, 3600]))
    def wait(self, seconds):
        self.clock.forward(seconds=seconds)
        self.model.now = self.clock.now
        self.service.advance()
        self.expect(self.model.expired())

    # ---- exports -----------------------------------------------------------------------------------

    @rule(number=st.integers(0, 2), everything=st.booleans())
    def export(self, number, everything):
        token = self.pick(self.model.recordings, number)
        scope = SearchScope() if everything else SearchScope(included_recordings=(token,))
        known = everything or token in self.model.alive()

        def done(answer):
            self.model.exports[answer.operation_token] = self.model.alive() if everything else {token}
            return [("AsynchronousOperationStatus", answer.operation_token, "Initialized")]

        self.step(
            (set() if known else {"BadConfiguration"}, done),
            lambda: self.service.export_recorded_data(scope, "MP4", StorageReferencePath("s3")),
        )

    @precondition(lambda self: self.model.exports)
    @rule(stop=st.booleans())
    def end_export(self, stop):
        token = next(iter(self.model.exports))
        name = "AsynchronousOperationStatus"
        events = [(name, token, "Deleted")]
        if stop:
            self.service.stop_export_recorded_data(token)
            with pytest.raises(BadConfiguration):
                self.service.get_export_recorded_data_state(token)
        else:
            events.insert(0, (name, token, "Changed"))
            self.service.device_side.report_export(token, 1.0, finished=True)
            assert self.service.get_export_recorded_data_state(token).progress == 1.0
        self.expect(events + self.model.end_export(token))

    @rule()
    def restart(self):
        self.service.close()
        self.persistence = self.reopen(self.persistence)
        self.model.forget()
        self.start()
        self.expect(self.model.doomed())

    # ---- always ------------------------------------------------------------------------------------

    @invariant()
    def service_and_model_agree(self):
        if not hasattr(self, "service"):
            return
        model, made = self.model, self.service
        listed = made.get_recordings()
        assert [item.recording_token for item in listed] == list(model.recordings)
        for item in listed:
            held = model.recordings[item.recording_token]
            token = item.recording_token
            assert {t.track_token: t.configuration.track_type for t in item.tracks} == held["tracks"]
            assert {t.track_token: t.configuration.description for t in item.tracks} == held["descriptions"]
            assert item.configuration == made.get_recording_configuration(token)
            assert item.configuration.content == held["content"]
            self.compare_target(token, item.configuration.target, held)
            spare = {kind: count or None for kind, count in model.spare(token).items()}
            options = made.get_recording_options(token)
            assert options.track.spare_video == spare["Video"]
            assert options.track.spare_audio == spare["Audio"]
            assert options.track.spare_metadata == spare["Metadata"]
            left = min(MOST_JOBS - len(model.jobs), JOBS_EACH - len(model.of(token)))
            assert options.job.spare == (left or None)
        assert {r.token: r.auto_created for r in made.provisioning.get_receivers()} == model.receivers
        assigned = made.device_side.assignments()
        assert {key: found and found.job for key, found in assigned.items()} == {
            (token, track): model.feeder(token, track)
            for token, held in model.recordings.items()
            for track in held["tracks"]
        }
        self.compare_jobs()
        stored = DeviceState.from_documents(*self.stored())
        assert stored.snapshot() == made.snapshot()
        assert stored.secrets == {
            f"{token}/{kid}": key for token, held in model.recordings.items() for kid, key in held["keys"].items()
        }

    def stored(self):
        return self.persistence.load()

    def compare_target(self, token, found, held):
        target = held["target"]
        if target is None:
            assert found is None
            return
        assert (found.format, found.segment_duration, found.prefix) == (
            target["format"],
            timedelta(seconds=target["segment"]),
            target["prefix"] or None,
        )
        assert [(e.kid, list(e.track), e.key) for e in found.encryption] == [
            (e["kid"] if e["kind"] == "key" else None, list(e["tracks"]), None) for e in target["entries"]
        ]
        running = self.model.overrides.get(token)
        assert found.segment_duration_override == (
            running and SegmentDurationOverride(timedelta(seconds=running[0]), running[1] - self.model.now)
        )

    def compare_jobs(self):
        model, made = self.model, self.service
        listed = made.get_recording_jobs()
        assert [item.job_token for item in listed] == list(model.jobs)
        for item in listed:
            job, configuration = model.jobs[item.job_token], item.job_configuration
            assert configuration == made.get_recording_job_configuration(item.job_token)
            assert (configuration.recording_token, configuration.mode) == (job["recording"], job["mode"])
            assert (configuration.priority, configuration.schedule_token) == (
                job["priority"],
                job["schedule"],
            )
            assert [(s.source_token.token, [t.destination for t in s.tracks]) for s in configuration.source] == job[
                "sources"
            ]
            state, below = model.state(item.job_token)
            found = made.get_recording_job_state(item.job_token)
            assert (found.recording_token, found.state) == (job["recording"], state)
            assert [[t.state for t in s.tracks] for s in found.sources] == below


TestMachine = pytest.mark.requirement("REC-5.2-01", "REC-5.2-02")(Machine.TestCase)
TestMachine.settings = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
