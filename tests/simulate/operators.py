"""Simulated operators: clients that call the operations of a recording service at random, and know what must come back.

``Operator`` outlives all processes. It keeps a model of what was acknowledged (``tests.simulate.acknowledged``), says
of each call beforehand whether it must succeed or be refused and with which faults, and writes down as ``findings``
what was otherwise. An operation that raises ``PersistenceError`` has changed nothing; one in which the process crashed
may have happened or not, until ``differences`` has seen which. There may be one operator in a world only.

Exports go below ``exports/`` of their storage, where no recording lies.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from onvif_bmff.control import (
    PROFILE_TYPE,
    AsymmetricEncryption,
    EventFilterEntry,
    EventMessage,
    PropertyOperation,
    RecordingConfiguration,
    RecordingEncryption,
    RecordingEventFilter,
    RecordingJobConfiguration,
    RecordingJobSource,
    RecordingJobTrack,
    RecordingService,
    RecordingTargetConfiguration,
    SourceReference,
    TrackConfiguration,
    faults,
)
from onvif_bmff.control.faults import Fault
from onvif_bmff.control.types.export import SearchScope, StorageReferencePath
from onvif_bmff.control.types.receiver import ReceiverConfiguration
from onvif_bmff.control.types.segments import DateTimeRange
from onvif_bmff.errors import PersistenceError
from onvif_bmff.runtime import Flag
from tests.simulate.acknowledged import (
    NEW_TRACKS,
    UNKNOWN,
    Acknowledged,
    KnownRecording,
    observe,
    without_override,
)
from tests.simulate.cameras import SCHEME
from tests.simulate.runtime import Crashed, Simulation

__all__ = ["EXPORTS", "HITS", "OPERATIONS", "WEIGHTS", "Operator", "Request"]

EXPORTS = "exports"
"""Where exports go."""

HITS = ("operation not stored", "storm of events")
"""What operators count in ``simulation.hits``."""

_MOST_RECORDINGS, _MOST_JOBS, _MOST_OF_A_KIND, _MOST_RECEIVERS = 4, 5, 2, 3
_SECOND = timedelta(seconds=1)
_TOPICS = ("tns1:RuleEngine/CellMotionDetector/Motion", "tns1:Device/Trigger/Bell", "tns1:VideoSource/ImageTooDark")
_SCHEDULES = ("night", "day")
_NOWHERE = "nowhere"

After = Callable[[Acknowledged, Any], Acknowledged]


@dataclass(frozen=True)
class Request:
    """One call, and what has to come of it.

    Args:
        call: makes it.
        after: the state after it, from the state before and the answer; None stands for an answer that was lost.
        refused: faults of which one must be raised; without any the call must succeed.
        may_succeed: it may succeed all the same.
        answer: what the answer must be, if that is known.
    """

    call: Callable[[RecordingService], Any]
    after: After = lambda state, _: state
    refused: tuple[type[Fault], ...] = ()
    may_succeed: bool = False
    answer: Callable[[Any], bool] = lambda _: True


class Operator:
    """A client of a recording service; see the module's text.

    Args:
        simulation: time and chance.
        cameras: tokens of media profiles.
        storages: tokens of storages.
        certificates: IDs of certificates.
        local: the device can record without a target.
        table: weights of the operations, by name of ``OPERATIONS``; by default those of ``WEIGHTS``.
    """

    def __init__(
        self,
        simulation: Simulation,
        cameras: Sequence[str],
        storages: Sequence[str] = ("s3",),
        certificates: Sequence[str] = (),
        *,
        local: bool = False,
        table: Mapping[str, int] | None = None,
    ) -> None:
        self.simulation = simulation
        self.chance = simulation.chance
        self.world = _Place(tuple(cameras), tuple(storages), tuple(certificates), local)
        self._table = dict(WEIGHTS if table is None else table)
        self.acknowledged = Acknowledged()
        self.maybe: list[Acknowledged] = []
        self.exports: dict[str, tuple[str, ...]] = {}
        self.keys: dict[str, bytes] = {}
        self.places: set[str] = set()
        self.calls: Counter[str] = Counter()
        self.findings: list[str] = []
        self._service: RecordingService | None = None

    def run(self, service: RecordingService, stop: Flag, every: float = 20.0) -> None:
        """Call an operation now and then until ``stop`` is set; ``every`` is seconds between two, on average."""
        while not stop.wait(self.chance.expovariate(1 / every)):
            self.step(service)

    def step(self, service: RecordingService) -> None:
        """Call one operation."""
        self._meet(service)
        if self.maybe:
            self.findings += self.differences(service)
        name = self._choose()
        request = OPERATIONS[name](self)
        if request is None:  # nothing to do it with
            return
        self._carry_out(name, service, request)

    def _choose(self) -> str:
        """Return the name of an operation, at first those without which nothing is recorded."""
        (name,) = self.chance.choices(list(self._table), list(self._table.values()))
        state = self.acknowledged
        wanted = "CreateRecordingJob" if state.recordings else "CreateRecording"
        records = any(job.mode == "Active" and not job.schedule_token for job in state.jobs.values())
        return wanted if wanted in self._table and not records and self.often(0.5) else name

    def differences(self, service: RecordingService) -> list[str]:
        """Compare what was acknowledged with what a service shows; return what is different.

        What was left open by a crash is certain afterwards: it must not change any more.
        """
        self._meet(service)
        seen = observe(service)
        states = (self.acknowledged, *self.maybe)
        found = [state.differences(seen) for state in states]
        self.maybe.clear()
        if [] not in found:
            self.acknowledged = seen  # so that one mistake is found once
            return found[0]
        self.acknowledged = seen.leave(states[found.index([])].leaving)
        return []

    def _meet(self, service: RecordingService) -> None:
        """Note that exports are forgotten where the service is another one."""
        if service is not self._service:
            self._service = service
            self.exports.clear()

    def _carry_out(self, name: str, service: RecordingService, request: Request) -> None:
        before = self.acknowledged
        self.calls[name] += 1
        try:
            answer = request.call(service)
        except Crashed:
            if not request.refused or request.may_succeed:
                self.maybe.append(request.after(before, None))
            raise
        except PersistenceError:
            self.simulation.hits["operation not stored"] += 1
            return
        except Fault as fault:
            self.calls[f"{name}: {type(fault).__name__}"] += 1
            if not isinstance(fault, request.refused):
                self._find(f"{name} was refused: {fault!s}; expected {_names(request.refused) or 'no fault'}")
            return
        except Exception as error:
            self._find(f"{name} raised {error!r}")
            return
        if request.refused and not request.may_succeed:
            self._find(f"{name} was accepted; expected {_names(request.refused)}")
            self.acknowledged = observe(service)
            return
        if not request.answer(answer):
            self._find(f"{name} answered {answer!r}")
        self.acknowledged = request.after(before, answer)

    def _find(self, finding: str) -> None:
        self.findings.append(f"at {self.simulation.time:.3f}: {finding}")

    # ---- what requests are made of -------------------------------------------------------------------------------

    def often(self, share: float) -> bool:
        """Return True so often."""
        return self.chance.random() < share

    def recording(self) -> str:
        """Return the token of a recording, or now and then of none."""
        known = list(self.acknowledged.recordings)
        return self.chance.choice(known) if known and self.often(0.9) else _NOWHERE

    def job(self) -> str:
        """Return the token of a job, or now and then of none."""
        known = list(self.acknowledged.jobs)
        return self.chance.choice(known) if known and self.often(0.9) else _NOWHERE

    def new_place(self) -> str:
        """Return a prefix that no recording has: a new one, or one that a deleted recording had."""
        used = {
            one.configuration.target.prefix
            for one in self.acknowledged.recordings.values()
            if one.configuration.target is not None
        }
        free = sorted(self.places - used)
        if free and not self.acknowledged.leaving and not self.maybe and self.often(0.2):
            return self.chance.choice(free)
        place = f"place{len(self.places)}"
        self.places.add(place)
        return place


@dataclass(frozen=True)
class _Place:
    """What there is in the world of an operator."""

    cameras: tuple[str, ...]
    storages: tuple[str, ...]
    certificates: tuple[str, ...]
    local: bool


def _names(kinds: tuple[type[Fault], ...]) -> str:
    return ", ".join(kind.__name__ for kind in kinds)


# ---- recordings -------------------------------------------------------------------------------------------------

_BAD = (faults.BadConfiguration,)


def _entries(operator: Operator, tracks: Sequence[str]) -> tuple[RecordingEncryption, ...]:
    """Encryption for all tracks, or for some of them; keys are new ones."""
    chance, world = operator.chance, operator.world
    if operator.often(0.5):
        return ()

    def entry(names: tuple[str, ...]) -> RecordingEncryption:
        mode = chance.choice(("CENC", "CBCS"))
        if world.certificates and operator.often(0.4):
            named = tuple(chance.sample(world.certificates, chance.randint(1, len(world.certificates))))
            every = chance.choice((None, 30 * _SECOND, 90 * _SECOND))
            return RecordingEncryption(mode, None, None, names, AsymmetricEncryption(named, every))
        kid, key = UUID(bytes=chance.randbytes(16)), chance.randbytes(16)
        operator.keys[str(kid)] = key
        return RecordingEncryption(mode, chance.choice((str(kid), kid.hex.upper())), key, names)

    if operator.often(0.6):
        return (entry(()),)
    return tuple(entry((track,)) for track in tracks if operator.often(0.5))


def _target(operator: Operator, tracks: Sequence[str], prefix: str) -> RecordingTargetConfiguration:
    chance = operator.chance
    return RecordingTargetConfiguration(
        chance.choice(operator.world.storages),
        chance.choice(("CMAF", "MP4")),
        chance.choice((5, 10, 30, 60)) * _SECOND,
        prefix=prefix,
        postfix=chance.choice((None, None, "view")),
        span_duration=chance.choice((None, None, 120 * _SECOND)),
        encryption=_entries(operator, tracks),
    )


def _in_effect(configuration: RecordingConfiguration) -> RecordingConfiguration:
    """A configuration as it is shown: without keys, with key IDs in lower case and with dashes."""
    target = configuration.target
    if target is None:
        return configuration
    entries = tuple(
        replace(entry, key=None, kid=None if entry.kid is None else str(UUID(entry.kid))) for entry in target.encryption
    )
    return replace(configuration, target=replace(target, encryption=entries))


def _configuration(operator: Operator, known: KnownRecording | None) -> RecordingConfiguration:
    """A valid configuration, of a new recording or in place of the present one."""
    chance = operator.chance
    tracks = list(NEW_TRACKS if known is None else known.tracks)
    old = None if known is None else known.configuration.target
    content, retention = f"content {chance.randrange(1000)}", chance.choice((0, 3600)) * _SECOND
    if old is not None and operator.often(0.4):  # keys that are held need not be given again
        target: RecordingTargetConfiguration | None = replace(
            old, segment_duration=chance.choice((5, 10, 30)) * _SECOND, segment_duration_override=None
        )
    elif operator.world.local and operator.often(0.2):
        target = None
    else:
        keep = old is not None and old.prefix is not None and operator.often(0.5)
        target = _target(operator, tracks, old.prefix if keep else operator.new_place())
        kinds = list(NEW_TRACKS.values()) if known is None else known.kinds()
        if len(kinds) != len(set(kinds)):
            target = replace(target, format="MP4")
    return RecordingConfiguration(content=content, maximum_retention_time=retention, target=target)


def _spoil(
    operator: Operator, good: RecordingConfiguration, token: str | None = None
) -> tuple[RecordingConfiguration, tuple[type[Fault], ...]]:
    """Return a configuration of a recording, or of a new one, that must be refused, and how."""
    target, chance = good.target or _target(operator, ("VIDEO001",), operator.new_place()), operator.chance
    key, kid = chance.randbytes(16), str(UUID(bytes=chance.randbytes(16)))
    wrapped = AsymmetricEncryption(("nobody",))
    others = [one.configuration.target for name, one in operator.acknowledged.recordings.items() if name != token]
    ways: list[tuple[RecordingConfiguration | RecordingTargetConfiguration, tuple[type[Fault], ...]]] = [
        (replace(good, maximum_retention_time=-_SECOND), _BAD),
        (replace(good, source=replace(good.source, name="n" * 65)), _BAD),
        (replace(target, format="AVI"), _BAD),
        (replace(target, storage=_NOWHERE), _BAD),
        (replace(target, segment_duration=0 * _SECOND), _BAD),
        (replace(target, span_duration=-_SECOND), _BAD),
        (replace(target, prefix="a//b"), _BAD),
        (replace(target, encryption=(RecordingEncryption("ROT13", kid, key),)), _BAD),
        (replace(target, encryption=(RecordingEncryption("CENC", kid, None),)), _BAD),
        (replace(target, encryption=(RecordingEncryption("CENC", kid, key[:15]),)), _BAD),
        (replace(target, encryption=(RecordingEncryption("CENC", kid, key, ("VIDEO999",)),)), _BAD),
        (replace(target, encryption=(RecordingEncryption("CENC", None, None, (), wrapped),)), _BAD),
        (
            replace(target, encryption=(RecordingEncryption("CENC", kid, key, (), wrapped),)),
            (faults.AmbiguousConfiguration,),
        ),
    ]
    ways += [
        (replace(other, encryption=()), _BAD) for other in others if other is not None
    ]  # it is no place of its own
    wrong, refused = chance.choice(ways)
    return (wrong if isinstance(wrong, RecordingConfiguration) else replace(good, target=wrong)), refused


def _create_recording(operator: Operator) -> Request | None:
    good = _configuration(operator, None)
    if operator.often(0.15):
        bad, refused = _spoil(operator, good)
        return Request(lambda service: service.create_recording(bad), refused=refused)
    if len(operator.acknowledged.recordings) >= _MOST_RECORDINGS:
        return None
    tracks = {token: TrackConfiguration(kind) for token, kind in NEW_TRACKS.items()}
    made = KnownRecording(_in_effect(good), tracks)
    return Request(
        lambda service: service.create_recording(good), lambda state, token: state.with_recording(token, made)
    )


def _set_recording(operator: Operator) -> Request:
    token = operator.recording()
    known = operator.acknowledged.recordings.get(token)
    good = _configuration(operator, known)
    if known is None:
        return Request(lambda service: service.set_recording_configuration(token, good), refused=(faults.NoRecording,))
    if operator.often(0.15):
        bad, refused = _spoil(operator, good, token)
        return Request(lambda service: service.set_recording_configuration(token, bad), refused=refused)
    made = KnownRecording(_in_effect(good), known.tracks)
    return Request(
        lambda service: service.set_recording_configuration(token, good),
        lambda state, _: state.with_recording(token, made),
    )


def _delete_recording(operator: Operator) -> Request:
    token = operator.recording()
    if token not in operator.acknowledged.recordings:
        return Request(lambda service: service.delete_recording(token), refused=(faults.NoRecording,))
    exported = any(token in read for read in operator.exports.values())
    return Request(
        lambda service: service.delete_recording(token),
        lambda state, _: state.without_recording(token, exported=exported),
    )


def _get_recording(operator: Operator) -> Request:
    token = operator.recording()
    known = operator.acknowledged.recordings.get(token)
    if known is None:
        return Request(lambda service: service.get_recording_configuration(token), refused=(faults.NoRecording,))
    return Request(
        lambda service: service.get_recording_configuration(token),
        answer=lambda found: without_override(found) == known.configuration,
    )


def _get_all(operator: Operator) -> Request:
    state = operator.acknowledged
    return Request(observe, answer=lambda seen: state.differences(seen) == [])


def _get_options(operator: Operator) -> Request:
    token = operator.recording()
    refused = () if token in operator.acknowledged.recordings else (faults.NoRecording,)
    return Request(lambda service: service.get_recording_options(token), refused=refused)


def _override(operator: Operator) -> Request:
    token, chance = operator.recording(), operator.chance
    known = operator.acknowledged.recordings.get(token)
    duration, lasting = chance.choice((1, 2, 4, 90)) * _SECOND, chance.choice((10, 60, 3600, 3601)) * _SECOND
    refused: tuple[type[Fault], ...] = ()
    if known is None:
        refused = (faults.NoRecording,)
    elif lasting > timedelta(hours=1):
        refused = (faults.BadDuration,)
    elif known.configuration.target is None:
        refused = _BAD
    elif duration >= known.configuration.target.segment_duration:
        refused = (faults.BadDuration,)
    return Request(lambda service: service.override_segment_duration(duration, lasting, token), refused=refused)


# ---- tracks -----------------------------------------------------------------------------------------------------


def _create_track(operator: Operator) -> Request | None:
    token, kind = operator.recording(), operator.chance.choice(("Video", "Audio", "Metadata", "Smell"))
    known = operator.acknowledged.recordings.get(token)
    made = TrackConfiguration(kind, f"track {operator.chance.randrange(100)}")
    refused: tuple[type[Fault], ...] = ()
    if known is None:
        refused = (faults.NoRecording,)
    elif kind == "Smell":
        refused = _BAD
    else:
        target, count = known.configuration.target, known.kinds().count(kind)
        if target is not None and target.format == "CMAF" and count:
            refused = (faults.MaxTracks,)
        elif count >= _MOST_OF_A_KIND:
            return None

    def after(state: Acknowledged, track: str | None) -> Acknowledged:
        found = state.recordings[token]
        return state.with_recording(token, replace(found, tracks={**found.tracks, track or UNKNOWN: made}))

    return Request(lambda service: service.create_track(token, made), after, refused)


def _some_track(operator: Operator) -> tuple[str, str, tuple[type[Fault], ...]]:
    """A recording, a track of it, and the faults if there is none such."""
    token = operator.recording()
    known = operator.acknowledged.recordings.get(token)
    if known is None:
        return token, "VIDEO001", (faults.NoRecording,)
    if not known.tracks or operator.often(0.1):
        return token, "VIDEO999", (faults.NoTrack,)
    return token, operator.chance.choice(list(known.tracks)), ()


def _delete_track(operator: Operator) -> Request:
    token, track, refused = _some_track(operator)
    return Request(
        lambda service: service.delete_track(token, track), lambda state, _: state.without_track(token, track), refused
    )


def _set_track(operator: Operator) -> Request:
    token, track, refused = _some_track(operator)
    text = f"described {operator.chance.randrange(100)}"

    def after(state: Acknowledged, _: object) -> Acknowledged:
        found = state.recordings[token]
        made = replace(found.tracks[track], description=text)
        return state.with_recording(token, replace(found, tracks={**found.tracks, track: made}))

    given = TrackConfiguration("Video", text)  # its type is ignored
    return Request(lambda service: service.set_track_configuration(token, track, given), after, refused)


def _get_track(operator: Operator) -> Request:
    token, track, refused = _some_track(operator)
    state = operator.acknowledged
    return Request(
        lambda service: service.get_track_configuration(token, track),
        refused=refused,
        answer=lambda found: found == state.recordings[token].tracks[track],
    )


# ---- jobs -------------------------------------------------------------------------------------------------------


def _source(operator: Operator, tracks: tuple[RecordingJobTrack, ...]) -> RecordingJobSource:
    receivers = list(operator.acknowledged.receivers)
    if receivers and operator.often(0.2):
        return RecordingJobSource(SourceReference(operator.chance.choice(receivers)), tracks=tracks)
    if operator.often(0.05):
        return RecordingJobSource(auto_create_receiver=True, tracks=tracks)
    camera = operator.chance.choice(operator.world.cameras)
    return RecordingJobSource(SourceReference(camera, PROFILE_TYPE), tracks=tracks)


def _event_filter(operator: Operator) -> RecordingEventFilter | None:
    if operator.often(0.7):
        return None
    chance = operator.chance
    topics = chance.sample(_TOPICS, chance.randint(1, 2))
    before, after = (chance.choice((None, 5 * _SECOND, 20 * _SECOND)) for _ in range(2))
    return RecordingEventFilter(tuple(EventFilterEntry(topic) for topic in topics), before, after)


def _job(operator: Operator, recording: str) -> RecordingJobConfiguration:
    """A valid configuration of a job."""
    chance, known = operator.chance, operator.acknowledged.recordings.get(recording)
    tokens = [] if known is None else [token for token in known.tracks if operator.often(0.7)]
    tracks = tuple(RecordingJobTrack(chance.choice(("", "video", "audio")), token) for token in tokens)
    cut = chance.randint(1, len(tracks)) if len(tracks) > 1 and operator.often(0.3) else len(tracks)
    sources = [_source(operator, part) for part in (tracks[:cut], tracks[cut:]) if part] or [_source(operator, ())]
    return RecordingJobConfiguration(
        recording,
        "Idle" if operator.often(0.1) else "Active",
        chance.randint(0, 3),
        tuple(sources),
        _event_filter(operator),
        chance.choice(_SCHEDULES) if operator.often(0.15) else None,
    )


def _bad_job(operator: Operator, good: RecordingJobConfiguration) -> RecordingJobConfiguration:
    """A configuration of a job that must be refused."""
    source = good.source[0]
    no_topic = RecordingEventFilter((EventFilterEntry("///"),))
    too_early = RecordingEventFilter((EventFilterEntry(_TOPICS[0]),), 31 * _SECOND)
    return operator.chance.choice(
        (
            replace(good, mode="Sometimes"),
            replace(good, priority=-1),
            replace(good, source=()),
            replace(good, source=(replace(source, source_token=SourceReference(_NOWHERE, PROFILE_TYPE)),)),
            replace(good, source=(replace(source, source_token=SourceReference(_NOWHERE)),)),
            replace(good, source=(replace(source, tracks=(RecordingJobTrack("", "VIDEO999"),)),)),
            replace(good, event_filter=no_topic),
            replace(good, event_filter=too_early),
        )
    )


def _create_job(operator: Operator) -> Request | None:
    recording = operator.recording()
    good = _job(operator, recording)
    if recording not in operator.acknowledged.recordings:
        return Request(lambda service: service.create_recording_job(good), refused=(faults.NoRecording,))
    if operator.often(0.15):
        bad = _bad_job(operator, good)
        return Request(lambda service: service.create_recording_job(bad), refused=_BAD)
    if len(operator.acknowledged.jobs) >= _MOST_JOBS:
        return None
    state = operator.acknowledged.with_job(UNKNOWN, good)
    return Request(
        lambda service: service.create_recording_job(good),
        lambda before, item: before.with_job(*(_item(item) if item is not None else (None, good))),
        answer=lambda item: state.differences(_with_known(state, *_item(item))) == [],
    )


def _item(item: Any) -> tuple[str, RecordingJobConfiguration]:
    return item.job_token, item.job_configuration


def _with_known(state: Acknowledged, token: str, job: RecordingJobConfiguration) -> Acknowledged:
    """Return a state in which a job that was created is known by its token."""
    return replace(state, jobs={**{name: one for name, one in state.jobs.items() if name != UNKNOWN}, token: job})


def _set_job(operator: Operator) -> Request:
    token = operator.job()
    known = operator.acknowledged.jobs.get(token)
    good = _job(operator, _NOWHERE if known is None else known.recording_token)
    if known is None:
        refused = (faults.NoRecordingJob,)
        return Request(lambda service: service.set_recording_job_configuration(token, good), refused=refused)
    if operator.often(0.15):
        bad = _bad_job(operator, good) if operator.often(0.8) else replace(good, recording_token=_NOWHERE)
        return Request(lambda service: service.set_recording_job_configuration(token, bad), refused=_BAD)
    state = operator.acknowledged.with_job(token, good)
    return Request(
        lambda service: service.set_recording_job_configuration(token, good),
        lambda before, made: before.with_job(token, good if made is None else made),
        answer=lambda made: state.differences(_with_known(state, token, made)) == [],
    )


def _set_mode(operator: Operator) -> Request:
    token, mode = operator.job(), operator.chance.choice(("Idle", "Active", "Active", "Active", "Sometimes"))
    refused: tuple[type[Fault], ...] = (faults.BadMode,) if mode == "Sometimes" else ()
    if token not in operator.acknowledged.jobs:
        refused = (faults.NoRecordingJob,)

    def after(state: Acknowledged, _: object) -> Acknowledged:
        return replace(state, jobs={**state.jobs, token: replace(state.jobs[token], mode=mode)})

    return Request(lambda service: service.set_recording_job_mode(token, mode), after, refused)


def _delete_job(operator: Operator) -> Request:
    token = operator.job()

    def after(state: Acknowledged, _: object) -> Acknowledged:
        return replace(state, jobs={name: one for name, one in state.jobs.items() if name != token})

    refused = () if token in operator.acknowledged.jobs else (faults.NoRecordingJob,)
    return Request(lambda service: service.delete_recording_job(token), after, refused)


def _get_job(operator: Operator) -> Request:
    token, state = operator.job(), operator.acknowledged
    refused = () if token in state.jobs else (faults.NoRecordingJob,)
    return Request(
        lambda service: service.get_recording_job_configuration(token),
        refused=refused,
        answer=lambda found: found == state.jobs[token],
    )


def _get_job_state(operator: Operator) -> Request:
    token = operator.job()
    refused = () if token in operator.acknowledged.jobs else (faults.NoRecordingJob,)
    return Request(
        lambda service: service.get_recording_job_state(token),
        refused=refused,
        answer=lambda found: str(found.state) in ("Idle", "Active", "PartiallyActive", "Error"),
    )


# ---- receivers --------------------------------------------------------------------------------------------------


def _receiver(operator: Operator) -> Request | None:
    chance, state = operator.chance, operator.acknowledged
    camera = chance.choice(operator.world.cameras)
    made = ReceiverConfiguration(chance.choice(("AutoConnect", "NeverConnect")), f"{SCHEME}{camera}")
    if len(state.receivers) < _MOST_RECEIVERS and operator.often(0.5):
        return Request(
            lambda service: service.provisioning.create_receiver(made),
            lambda before, token: replace(before, receivers={**before.receivers, token or UNKNOWN: made}),
        )
    token = chance.choice([*state.receivers, _NOWHERE])
    refused: tuple[type[Fault], ...] = () if token in state.receivers else (faults.UnknownReceiver,)
    if operator.often(0.7):
        return Request(
            lambda service: service.provisioning.configure_receiver(token, made),
            lambda before, _: replace(before, receivers={**before.receivers, token: made}),
            refused,
        )
    if any(source.source_token == SourceReference(token) for job in state.jobs.values() for source in job.source):
        refused = (faults.CannotDeleteReceiver,)
    # A job of a recording that is leaving may still use it.
    return Request(
        lambda service: service.provisioning.delete_receiver(token),
        lambda before, _: replace(before, receivers={n: one for n, one in before.receivers.items() if n != token}),
        refused or ((faults.CannotDeleteReceiver,) if state.leaving else ()),
        may_succeed=not refused,
    )


# ---- exports ----------------------------------------------------------------------------------------------------


def _export(operator: Operator) -> Request:
    chance, state = operator.chance, operator.acknowledged
    known = list(state.recordings)
    chosen = tuple(chance.sample(known, chance.randint(0, len(known))))
    path = f"{EXPORTS}/{chance.randrange(10**9)}"
    kind, scope = "MP4", SearchScope(included_recordings=chosen)
    destination = StorageReferencePath(chance.choice(operator.world.storages), path)
    refused: tuple[type[Fault], ...] = ()
    if operator.often(0.2):
        refused = _BAD
        kind, scope, destination = chance.choice(
            (
                ("AVI", scope, destination),
                (kind, SearchScope(included_recordings=(_NOWHERE,)), destination),
                (kind, scope, replace(destination, storage_token=_NOWHERE)),
                (kind, scope, replace(destination, relative_path="../up")),
            )
        )

    def after(before: Acknowledged, answer: Any) -> Acknowledged:
        if answer is not None:
            operator.exports[answer.operation_token] = chosen or tuple(before.recordings)
        return before

    return Request(lambda service: service.export_recorded_data(scope, kind, destination), after, refused)


def _some_export(operator: Operator) -> tuple[str, tuple[type[Fault], ...]]:
    known = list(operator.exports)[-5:]
    return (operator.chance.choice(known), ()) if known and operator.often(0.8) else (_NOWHERE, _BAD)


def _export_state(operator: Operator) -> Request:
    token, refused = _some_export(operator)
    return Request(
        lambda service: service.get_export_recorded_data_state(token),
        refused=refused,
        answer=lambda found: 0.0 <= found.progress <= 1.0,
    )


def _stop_export(operator: Operator) -> Request:
    token, refused = _some_export(operator)

    def after(before: Acknowledged, _: object) -> Acknowledged:
        operator.exports.pop(token, None)
        return before

    return Request(lambda service: service.stop_export_recorded_data(token), after, refused)


# ---- others -----------------------------------------------------------------------------------------------------


def _segments(operator: Operator) -> Request:
    """One of the operations of 26.06, which a device of 25.12 does not offer."""
    token = operator.recording()

    def call(service: RecordingService) -> Any:
        now = service._runner.clock()
        return operator.chance.choice(
            (
                lambda: service.list_recorded_segments(DateTimeRange(now, now), token),
                lambda: service.export_recorded_segments(DateTimeRange(now, now), token),
                lambda: service.stop_export_recorded_segments(_NOWHERE),
            )
        )()

    return Request(call, refused=(faults.ActionNotSupported,))


def _capabilities(operator: Operator) -> Request:
    return Request(lambda service: service.get_service_capabilities(), answer=lambda found: found.dynamic_recordings)


def _storm(operator: Operator) -> Request:
    """Events, one or very many at once: of conditions that begin and end, and of instants."""
    chance = operator.chance
    count = 1 if operator.often(0.6) else chance.randint(10, 60)

    def call(service: RecordingService) -> None:
        if count > 1:
            operator.simulation.hits["storm of events"] += 1
        for _ in range(count):
            topic, active = chance.choice(_TOPICS), chance.choice(("true", "false", "false"))
            lasting = chance.choice((PropertyOperation.CHANGED, PropertyOperation.DELETED, None))
            source = {"Source": chance.choice(("cam1", "cam2"))}
            now = service._runner.clock() - chance.choice((0, 0, 1)) * _SECOND
            service.device_side.event(EventMessage(topic, now, source, {"State": active}, lasting))

    return Request(call)


def _schedule(operator: Operator) -> Request:
    name, active = operator.chance.choice(_SCHEDULES), operator.chance.choice((True, True, False, None))
    return Request(lambda service: service.device_side.schedule_changed(name, active))


OPERATIONS: Mapping[str, Callable[[Operator], Request | None]] = {
    "CreateRecording": _create_recording,
    "DeleteRecording": _delete_recording,
    "SetRecordingConfiguration": _set_recording,
    "GetRecordingConfiguration": _get_recording,
    "GetRecordings, GetRecordingJobs": _get_all,
    "GetRecordingOptions": _get_options,
    "OverrideSegmentDuration": _override,
    "CreateTrack": _create_track,
    "DeleteTrack": _delete_track,
    "SetTrackConfiguration": _set_track,
    "GetTrackConfiguration": _get_track,
    "CreateRecordingJob": _create_job,
    "DeleteRecordingJob": _delete_job,
    "SetRecordingJobConfiguration": _set_job,
    "GetRecordingJobConfiguration": _get_job,
    "SetRecordingJobMode": _set_mode,
    "GetRecordingJobState": _get_job_state,
    "receivers": _receiver,
    "ExportRecordedData": _export,
    "GetExportRecordedDataState": _export_state,
    "StopExportRecordedData": _stop_export,
    "RecordedSegments": _segments,
    "GetServiceCapabilities": _capabilities,
    "events": _storm,
    "schedule": _schedule,
}
"""What an operator does, by name: makes a request, or None if there is nothing to do it with."""

WEIGHTS: Mapping[str, int] = {
    **dict.fromkeys(OPERATIONS, 3),
    "CreateRecording": 8,
    "DeleteRecording": 1,
    "SetRecordingConfiguration": 4,
    "DeleteTrack": 1,
    "CreateRecordingJob": 10,
    "DeleteRecordingJob": 1,
    "SetRecordingJobMode": 5,
    "ExportRecordedData": 2,
    "RecordedSegments": 1,
    "GetServiceCapabilities": 1,
    "events": 8,
}
"""How often each of them is done, compared with the others."""
