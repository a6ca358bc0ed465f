"""Golden records of the control service: random operations, right and wrong ones, on injected clock, ids and store."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from random import Random
from typing import Any

from golden_kit import Kind, Record, error_word, plain

from onvif_bmff.control import (
    PROFILE_25_12,
    PROFILE_26_06,
    PROFILE_TYPE,
    RECEIVER_TYPE,
    AsymmetricEncryption,
    Capabilities,
    DateTimeRange,
    EventFilterEntry,
    EventMessage,
    Extensions,
    Fault,
    FileProgress,
    FixedResources,
    MemoryPersistence,
    Notification,
    PropertyOperation,
    ReceiverConfiguration,
    RecordedSegmentItem,
    RecordingConfiguration,
    RecordingEncryption,
    RecordingEventFilter,
    RecordingJobConfiguration,
    RecordingJobSource,
    RecordingJobState,
    RecordingJobTrack,
    RecordingService,
    RecordingSourceInformation,
    RecordingTargetConfiguration,
    SearchScope,
    SegmentDurationOverride,
    ServiceLimits,
    SourceReference,
    StorageReferencePath,
    TimeRange,
    TrackConfiguration,
)
from onvif_bmff.timing import UtcTime

SEEDS = range(140)
_STEPS = 100
_SECOND = timedelta(seconds=1)
_START = UtcTime.parse("2026-01-02T03:04:05Z")
_KIDS = ("0123abcd-0000-4000-8000-0000000000ff", "0123ABCD-0000-4000-8000-0000000000EE", "no uuid")
_KEYS = (bytes(range(16)), bytes(16), b"short", None)
_TRACKS = ("VIDEO001", "AUDIO001", "META001", "VIDEO002", "nobody", "")
_GARBAGE = ("nobody", "", "x" * 65, "\u202e\x00", "Recording/1")
_TOPICS = ("tns1:RuleEngine/Motion", "tns1:Device/Bell")


class _World:
    """What the service is given: a clock, ids that count, and providers that remember what they were asked."""

    def __init__(self) -> None:
        self.now = _START
        self.count = 0
        self.calls: list[Any] = []

    def clock(self) -> UtcTime:
        return self.now

    def random(self, size: int) -> bytes:
        self.count += 1
        return self.count.to_bytes(size, "big")

    # LocalData
    def delete_before(self, recording_token: str, track_token: str, limit: UtcTime) -> list[TimeRange]:
        self.calls.append(["delete before", recording_token, track_token, limit])
        return [TimeRange(limit - 9 * _SECOND, limit - _SECOND)] if track_token == "AUDIO001" else []

    def delete_track(self, recording_token: str, track_token: str) -> list[TimeRange]:
        self.calls.append(["delete track", recording_token, track_token])
        return [TimeRange(_START, _START + _SECOND)] if track_token == "VIDEO001" else []

    # RecordedSegments
    def segments(self, recording_token: str, time: TimeRange) -> list[RecordedSegmentItem]:
        self.calls.append(["segments", recording_token, time.start, time.end])
        return [
            RecordedSegmentItem(_START + n * _SECOND, _START + (n + 1) * _SECOND, kind)
            for n, kind in enumerate(("Video", "Audio", "Video"))
        ]


class _Exporter:
    """Remembers the exports that it was asked for."""

    def __init__(self, world: _World, word: str) -> None:
        self._world = world
        self._word = word

    def start(self, operation: Any) -> tuple[str, ...]:
        self._world.calls.append([self._word, "start", plain(operation)])
        return ("a.mp4", "b.mp4")

    def stop(self, operation_token: str) -> None:
        self._world.calls.append([self._word, "stop", operation_token])


def _device_side(service: RecordingService) -> Any:
    """Where the methods are that the device calls, not its clients."""
    return _DeviceSide(service)


class _DeviceSide:
    """All parts of a service that face the device, as one object."""

    def __init__(self, service: RecordingService) -> None:
        self._parts = (service.device_side, service.provisioning, service)

    def __getattr__(self, name: str) -> Any:
        return next(getattr(part, name) for part in self._parts if hasattr(part, name))


def _configured(draw: Random, world: _World, persistence: MemoryPersistence) -> Callable[[], RecordingService]:
    newer = draw.random() < 0.4
    offered = draw.choice(
        (
            {},
            *[{"supported_export_file_formats": ("ONVIF", "MP4")}] * 3,
            {"supported_export_file_formats": ("ONVIF",), "dynamic_tracks": False},
            {"options": False, "override_segment_duration": False, "before_event_limit": None},
            {"supported_encryption_modes": ("CENC",), "encryption_entry_limit": 1, "event_recording": False},
            {"supported_target_formats": ("CMAF",), "scheduled_recording": False, "max_recordings": 3},
        )
    )
    if newer:
        offered = offered | {"segment_export": True}
    limits = ServiceLimits(
        video_tracks=2,
        tracks=5,
        jobs_per_recording=draw.choice((None, 3)),
        receivers=3,
        description_length=draw.choice((8, 1024)),
    )

    def open_service() -> RecordingService:
        return RecordingService(
            clock=world.clock,
            capabilities=Capabilities(**{"max_recordings": 5, "max_recording_jobs": 8} | offered),
            limits=limits,
            profile=PROFILE_26_06 if newer else PROFILE_25_12,
            persistence=persistence,
            resources=FixedResources(
                storages={"s3", "nas"}, certificates={"cert-a", "cert-b"}, profiles={"prof1", "prof2"}
            ),
            local_data=world,
            exporter=_Exporter(world, "export"),
            segments=world,
            segment_exporter=_Exporter(world, "segment export"),
            random=world.random,
        )

    return open_service


class _Run:
    """A sequence of operations, each with what came of it."""

    def __init__(self, seed: int) -> None:
        self.draw = Random(seed)
        self.wild = False
        self.world = _World()
        self.persistence = MemoryPersistence()
        self.strategies: tuple[str | None, ...] = (None,)
        self._open = _configured(self.draw, self.world, self.persistence)
        self.service = self._open()
        if self.service.get_service_capabilities().segment_export:
            self.strategies = (None, "Local", "Both")
        self.rows: list[Any] = []
        self.counts: Counter[str] = Counter()
        self.operations: list[str] = []
        self._kept: dict[str, Any] = {}

    def step(self) -> None:
        """One operation, and all that can be seen afterwards."""
        self.wild = self.draw.random() < 0.25
        operate = self.draw.choice(_OPERATIONS) if len(self.rows) > 5 else _BEGINNING[len(self.rows)]
        row: dict[str, Any] = {"operation": operate.__name__.lstrip("_")}
        try:
            row["answer"] = plain(operate(self))
            self.counts["answers"] += 1
        except Fault as fault:
            row["fault"] = [fault.code, *fault.subcodes]
            self.counts["faults"] += 1
        except Exception as error:
            row["error"] = error_word(error)
            self.counts["errors"] += 1
        notifications = [told(one) for one in _device_side(self.service).take_notifications()]
        self.counts["notifications"] += len(notifications)
        row["notifications"] = notifications
        row["calls"], self.world.calls = plain(self.world.calls), []
        row["device"] = self._device()
        stored = {"documents": dict(self.persistence.documents), "secrets": dict(self.persistence.secrets)}
        if stored != self._kept:
            row["stored"] = plain(stored)
            self._kept = stored
        self.rows.append(row)

    def _device(self) -> Any:
        side = _device_side(self.service)
        feeds = {
            key: feed
            and [feed.job, feed.source.token, feed.source.type, feed.source_tag, plain(feed.since), feed.event_topic]
            for key, feed in side.assignments().items()
        }
        waiting = [
            [one.job, one.recording, one.track, one.source.token, one.source_tag, one.before] for one in side.standby()
        ]
        return plain({"feeds": feeds, "standby": waiting, "deadline": side.next_deadline()})

    def read_all(self) -> Any:
        """What every getter answers."""
        service, side = self.service, _device_side(self.service)
        recordings = service.get_recordings()
        jobs = service.get_recording_jobs()
        return {
            "recordings": recordings,
            "jobs": jobs,
            "states": [service.get_recording_job_state(one.job_token) for one in jobs],
            "receivers": side.get_receivers(),
            "durations": [side.segment_duration(one.recording_token) for one in recordings],
            "since": [side.accessible_since(one.recording_token) for one in recordings],
            "properties": [told(one) for one in side.current_properties()],
            "capabilities": service.get_service_capabilities(),
        }

    def restart(self) -> None:
        """A power cycle."""
        self.service.close()
        self.service = self._open()

    # ---- what is drawn ------------------------------------------------------------------------------------------

    def pick(self, good: Sequence[Any], wrong: Sequence[Any] = ()) -> Any:
        """A good value; in one step of four, a wrong one as well."""
        return self.draw.choice((*good, *wrong) if self.wild else good)

    def token(self, held: list[str]) -> str:
        return self.draw.choice(held) if held and not (self.wild and self.draw.random() < 0.5) else self.pick(_GARBAGE)

    def recording(self) -> str:
        return self.token([one.recording_token for one in self.service.get_recordings()])

    def job(self) -> str:
        return self.token([one.job_token for one in self.service.get_recording_jobs()])

    def receiver(self) -> str:
        return self.token([one.token for one in _device_side(self.service).get_receivers()])

    def operation(self) -> str:
        return self.token(self.operations)

    def track(self) -> str:
        return self.pick(_TRACKS[:3], _TRACKS)

    def seconds(self, good: Sequence[float], wrong: Sequence[float] = ()) -> timedelta:
        return self.pick(good, wrong) * _SECOND

    def entry(self, track: str | None) -> RecordingEncryption:
        wrapped, number = None, self.draw.randrange(2)
        kid, key = self.pick(_KIDS[number : number + 1], _KIDS), self.pick(_KEYS[number : number + 1], _KEYS)
        if self.draw.random() < 0.3:
            names = self.pick((("cert-a",), ("cert-a", "cert-b")), (("nobody",), ()))
            wrapped = AsymmetricEncryption(names, self.pick((None, timedelta(hours=1)), (timedelta(0),)))
            kid, key = self.pick(((None, None),), ((kid, key),))
        tracks = () if track is None else (track,)
        return RecordingEncryption(self.pick(("CENC", "CBCS"), ("cbcs",)), kid, key, tracks, wrapped)

    def entries(self) -> tuple[RecordingEncryption, ...]:
        places = self.pick(
            ((), (), (None,), ("VIDEO001",), ("VIDEO001", "AUDIO001")), ((None, "VIDEO001"), ("VIDEO002",))
        )
        return tuple(self.entry(track) for track in places)

    def target(self) -> RecordingTargetConfiguration | None:
        if self.draw.random() < 0.2:
            return None
        return RecordingTargetConfiguration(
            self.pick(("s3", "s3", "nas"), ("nobody",)),
            self.pick(("CMAF", "CMAF", "MP4"), ("AVI",)),
            self.seconds((60, 60, 10), (0, 2.5)),
            prefix=self.pick((f"site/{self.draw.randrange(99)}",), (None, "", "a", "2026-01-02/x", "a//b")),
            postfix=self.pick((None, "", "gate"), ("g\u00fcte", "/")),
            span_duration=self.pick((None, None, timedelta(hours=1)), (timedelta(0),)),
            encryption=self.entries(),
            segment_duration_override=self.pick((None,), (SegmentDurationOverride(5 * _SECOND, 60 * _SECOND),)),
            storage_strategy=self.pick(self.strategies, ("Local", "Both", "Remote", "garbage")),
        )

    def configuration(self) -> RecordingConfiguration:
        draw = self.draw
        source = RecordingSourceInformation(
            self.pick(("urn:cam:1",), ("", "s" * 1025)),
            "Camera 1",
            draw.choice(("Gate", "a location that is rather long", "T\u00fcr")),
            draw.choice(("", "North")),
            "rtsp://cam",
            self.pick((None,), ("video-source-1",)),
        )
        extensions = Extensions(('<x xmlns="urn:x"/>',), (("{urn:x}y", "1"),)) if draw.random() < 0.1 else Extensions()
        return RecordingConfiguration(
            source, draw.choice(("", "content")), self.seconds((0, 0, 60, 3600), (-1,)), self.target(), extensions
        )

    def sources(self) -> tuple[RecordingJobSource, ...]:
        groups = self.pick((_TRACKS[:2], _TRACKS[:1], _TRACKS[1:2], _TRACKS[:3], ()), (("nobody",), _TRACKS[:1] * 2))
        if self.draw.random() < 0.2 and len(groups) == 2:
            return tuple(self.source(groups[n : n + 1]) for n in range(2))
        return (self.source(groups),)

    def source(self, tracks: Sequence[str]) -> RecordingJobSource:
        fed = tuple(RecordingJobTrack(self.draw.choice(("", "tag")), track) for track in tracks)
        profile = SourceReference(self.pick(("prof1", "prof1", "prof2"), ("nobody",)), PROFILE_TYPE)
        kind = self.draw.random()
        if kind < 0.6:
            return RecordingJobSource(profile, None, fed)
        if kind < 0.8:
            return RecordingJobSource(None, True, fed)
        if self.wild and kind < 0.9:
            return RecordingJobSource(profile, True, fed)
        held = self.receiver() if _device_side(self.service).get_receivers() or self.wild else None
        return RecordingJobSource(profile if held is None else SourceReference(held, RECEIVER_TYPE), None, fed)

    def job_configuration(self, recording: str) -> RecordingJobConfiguration:
        event_filter = None
        if self.draw.random() < 0.35:
            topic = self.pick((*_TOPICS, "tns1:RuleEngine//.", "tns1:Device/Bell|tns1:RuleEngine//."), ("((", ""))
            source = self.pick((None, None, 'boolean(//tt:SimpleItem[@Name="Rule" and @Value="R1"])'), ("garbage(",))
            event_filter = RecordingEventFilter(
                (EventFilterEntry(topic, source),),
                self.pick((None, None, 5 * _SECOND), (31 * _SECOND,)),
                self.pick((None, 10 * _SECOND), (timedelta(hours=2),)),
            )
        return RecordingJobConfiguration(
            recording,
            self.pick((*["Active"] * 4, "Idle"), ("idle",)),
            self.pick((0, 1, 1, 2, 3), (-1,)),
            self.sources(),
            event_filter,
            self.pick((None, None, None, "night")),
        )

    def range(self) -> DateTimeRange:
        begin = _START + self.seconds((-9, 0, 0.5, 1))
        return DateTimeRange(begin, begin + self.seconds((2, 60), (-1, 0)))


def told(notification: Notification) -> Any:
    """An event as its topic and items."""
    return [
        notification.topic,
        plain(notification.operation),
        plain(notification.time),
        plain(notification.source_items()),
        plain(notification.data_items()),
    ]


# ---- operations -------------------------------------------------------------------------------------------------


def _create_recording(run: _Run) -> Any:
    return run.service.create_recording(run.configuration())


def _delete_recording(run: _Run) -> Any:
    return run.service.delete_recording(run.recording())


def _set_recording(run: _Run) -> Any:
    return run.service.set_recording_configuration(run.recording(), run.configuration())


def _write_back(run: _Run) -> Any:
    token = run.recording()
    return run.service.set_recording_configuration(token, run.service.get_recording_configuration(token))


def _get_options(run: _Run) -> Any:
    return run.service.get_recording_options(run.recording())


def _override(run: _Run) -> Any:
    return run.service.override_segment_duration(
        run.seconds((5,), (60, 0)), run.seconds((10, 600, 3600), (3601, 0)), run.recording()
    )


def _create_track(run: _Run) -> Any:
    kind = run.pick(("Video", "Audio", "Metadata"), ("Extended",))
    return run.service.create_track(run.recording(), TrackConfiguration(kind, run.draw.choice(("", "d" * 20))))


def _delete_track(run: _Run) -> Any:
    return run.service.delete_track(run.recording(), run.track())


def _set_track(run: _Run) -> Any:
    return run.service.set_track_configuration(run.recording(), run.track(), TrackConfiguration("Audio", "Mikro"))


def _get_track(run: _Run) -> Any:
    return run.service.get_track_configuration(run.recording(), run.track())


def _create_job(run: _Run) -> Any:
    return run.service.create_recording_job(run.job_configuration(run.recording()))


def _set_job(run: _Run) -> Any:
    token = run.job()
    held = {one.job_token: one.job_configuration.recording_token for one in run.service.get_recording_jobs()}
    recording = held.get(token, "nobody") if not run.wild else run.recording()
    return run.service.set_recording_job_configuration(token, run.job_configuration(recording))


def _set_mode(run: _Run) -> Any:
    return run.service.set_recording_job_mode(run.job(), run.pick(("Active", "Active", "Idle"), ("active",)))


def _delete_job(run: _Run) -> Any:
    return run.service.delete_recording_job(run.job())


def _get_job(run: _Run) -> Any:
    return run.service.get_recording_job_configuration(run.job())


def _get_job_state(run: _Run) -> Any:
    return run.service.get_recording_job_state(run.job())


def _export(run: _Run) -> Any:
    draw = run.draw
    scope = SearchScope(included_recordings=(run.recording(),)) if draw.random() < 0.6 else SearchScope()
    answer = run.service.export_recorded_data(
        scope,
        run.pick(("ONVIF",), ("MP4", "AVI")),
        StorageReferencePath(run.pick(("s3",), ("nobody",))),
        start_point=run.pick((None, _START)),
        end_point=run.pick((None, _START + _SECOND), (_START - _SECOND,)),
    )
    run.operations.append(answer.operation_token)
    return answer


def _stop_export(run: _Run) -> Any:
    return run.service.stop_export_recorded_data(run.operation())


def _export_state(run: _Run) -> Any:
    return run.service.get_export_recorded_data_state(run.operation())


def _export_report(run: _Run) -> Any:
    progress = run.draw.choice((0.25, 0.5, 1.0))
    files = (FileProgress("a.mp4", progress),)
    return _device_side(run.service).report_export(run.operation(), progress, files, finished=progress == 1.0)


def _list_segments(run: _Run) -> Any:
    return run.service.list_recorded_segments(run.range(), run.recording(), run.pick((None, 1, 9), (0, -1)))


def _export_segments(run: _Run) -> Any:
    token = run.service.export_recorded_segments(
        run.range(),
        run.recording(),
        alias=run.draw.choice((None, "mine")),
        storage_token=run.pick((None, "s3"), ("nobody",)),
        track=run.pick((None, "VIDEO001"), ("nobody",)),
    )
    run.operations.append(token)
    return token


def _stop_segments(run: _Run) -> Any:
    return run.service.stop_export_recorded_segments(run.operation())


def _segment_report(run: _Run) -> Any:
    side, token = _device_side(run.service), run.operation()
    side.report_segment(token, "https://s3/a.m4v", 0.5)
    return side.report_segments_done(token, run.draw.choice((None, "full")))


def _schedule(run: _Run) -> Any:
    return _device_side(run.service).schedule_changed("night", run.draw.choice((True, True, False, None)))


def _event(run: _Run) -> Any:
    draw = run.draw
    operation = draw.choice((None, PropertyOperation.CHANGED, PropertyOperation.CHANGED, PropertyOperation.DELETED))
    data = {"State": draw.choice(("true", "false"))} if operation else {}
    at = run.world.now - run.seconds((0, 0, 1))
    message = EventMessage(draw.choice(_TOPICS), at, {"Rule": draw.choice(("R1", "R2"))}, data, operation)
    return _device_side(run.service).event(message)


def _track_state(run: _Run) -> Any:
    state, error = run.pick((("Active", None), ("Idle", None), ("Error", "broken")), (("Active", "x"), ("Error", None)))
    return _device_side(run.service).report_track_state(run.job(), run.track(), RecordingJobState(state), error)


def _encoding(run: _Run) -> Any:
    kind, encoding = run.draw.choice((("Video", "H264"), ("Video", "H265"), ("Audio", "AAC")))
    return _device_side(run.service).report_encoding(run.job(), run.track(), kind, encoding)


def _data_deleted(run: _Run) -> Any:
    lost = TimeRange(_START, run.world.now)
    return _device_side(run.service).report_data_deleted(run.recording(), run.track(), lost)


def _content_key(run: _Run) -> Any:
    return _device_side(run.service).content_key(run.recording(), run.pick(_KIDS[:2], _KIDS))


def _receiver(run: _Run) -> Any:
    side, what = _device_side(run.service), run.draw.random()
    settings = ReceiverConfiguration("AlwaysConnect", "rtsp://elsewhere", "RTP-Unicast", "RTSP")
    if what < 0.4:
        return side.create_receiver(settings)
    return side.configure_receiver(run.receiver(), settings) if what < 0.7 else side.delete_receiver(run.receiver())


def _provision(run: _Run) -> Any:
    tracks = {"VIDEO001": TrackConfiguration("Video", "fixed")}
    token = run.pick(("Device",), ("a/b",))
    return _device_side(run.service).provision_recording(token, run.configuration(), tracks)


def _wait(run: _Run) -> Any:
    run.world.now += run.seconds((0.5, 1, 4, 10, 10, 600, 3600))
    return _device_side(run.service).advance()


def _clock(run: _Run) -> Any:
    by = run.seconds((-3600, -1, 60))

    def change() -> None:
        run.world.now += by

    return _device_side(run.service).clock_changes(by, change)


def _restart(run: _Run) -> Any:
    return run.restart()


def _read(run: _Run) -> Any:
    return run.read_all()


_OPERATIONS: tuple[Callable[[_Run], Any], ...] = (
    *[_create_recording] * 2, _delete_recording, *[_set_recording] * 2, _write_back, _get_options, *[_override] * 2,
    _create_track, _delete_track, _set_track, _get_track, *[_create_job] * 6, *[_set_job] * 3, *[_set_mode] * 2,
    _delete_job, _get_job, _get_job_state, *[_export] * 2, _stop_export, _export_state, _export_report, _list_segments,
    _export_segments, _stop_segments, _segment_report, *[_schedule] * 2, *[_event] * 5, *[_track_state] * 3, _encoding,
    _data_deleted, _content_key, _receiver, _provision, *[_wait] * 4, _clock, _restart, _read,
)  # fmt: skip


_BEGINNING = (_create_recording, _create_recording, _create_job, _create_recording, _create_job, _create_job)


def _control(name: str) -> Record:
    run = _Run(int(name))
    for _ in range(_STEPS):
        run.step()
    return Record({"steps": run.rows, "last": run.read_all()}, dict(sorted(run.counts.items())))


KINDS = {"control": Kind([str(seed) for seed in SEEDS], _control, [str(seed) for seed in SEEDS[:20]])}
