"""Records a disturbed stream and holds what was stored to what was sent.

From its first sync sample on each access unit of a track is stored once, in order, or counted as dropped; samples keep
their spacing; no gap hides in a span; the validator is silent; and each stored sample happens at the UTC that the
camera's readings give it, to within 100 ms, or without readings at that of its arrival, to within 250 ms.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from fractions import Fraction
from itertools import islice, pairwise
from statistics import median

from streams import NewCodec, Report, Stream, Unit
from support_recorded import PlayedSample, PlayedSegment, PlayedSpan, check_recording

from onvif_bmff.codecs import ReorderedTimes
from onvif_bmff.engine import SourceClock
from onvif_bmff.errors import ObjectExistsError
from onvif_bmff.media import ClockOrigin, ClockReading, TrackType
from onvif_bmff.objects.events import RecordingEvent, collect_objects
from onvif_bmff.recording.dropped import DropReason
from onvif_bmff.recording.formats import RecordingFormat
from onvif_bmff.recording.readings import ClockChoice
from onvif_bmff.recording.recorder import Recorder
from onvif_bmff.recording.target import RecordingTarget
from onvif_bmff.recording.timing_faults import TimingFault
from onvif_bmff.storage.memory import MemoryStore
from onvif_bmff.timing import UtcTime
from onvif_bmff.validation import validate_store
from onvif_bmff.validation.rules import Level

START = UtcTime.parse("2026-03-04T10:20:30.000000Z")
SEGMENT = timedelta(seconds=4)
SETTLING = 12
"""A step of a clock is followed when it has lasted 5 s, readings come every 2 s, and spans open with a sync sample."""


class Clock(StrEnum):
    """Where a recorder's UTC comes from."""

    CAMERA = "camera"
    ARRIVAL = "arrival"


SET_BACK = {TimingFault.CLOCK_SET, TimingFault.DISCONTINUITY}
CHOICES = {Clock.CAMERA: ClockChoice.AUTO, Clock.ARRIVAL: ClockChoice.ARRIVAL}
BOUNDS = {Clock.CAMERA: 0.100, Clock.ARRIVAL: 0.250}
"""How far a stored sample may lie from its UTC, in seconds."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of a stream."""

    events: list[RecordingEvent]
    dropped: dict[str, int]
    timing: dict[str, int]
    spans: list[PlayedSpan]
    store: MemoryStore


def instant(seconds: Fraction) -> UtcTime:
    """Seconds since the beginning as an instant."""
    return UtcTime(START.microseconds + round(seconds * 1_000_000))


def record(stream: Stream, format_: RecordingFormat, clock: Clock) -> Recorded:
    """Record a stream as a device does."""
    target = RecordingTarget(format=format_, prefix="site", postfix="camera", segment_duration=SEGMENT, digits=6)
    recorder = Recorder(stream.tracks, target, timestamp_bits=stream.timestamp_bits)
    recorder.activate(instant(stream.items[0].arrival))
    source = SourceClock(CHOICES[clock], stream.tracks, lambda arrival: instant(Fraction(arrival)))
    orders = {
        track.track_id: ReorderedTimes(track.codec, track.timescale) for track in stream.tracks if stream.presented
    }
    events: list[RecordingEvent] = []
    for item in stream.items:
        if isinstance(item, NewCodec):
            recorder.replace_track(item.track)
        elif isinstance(item, Report):
            given = ClockReading(item.track_id, item.counter, instant(item.wall), ClockOrigin.CAMERA)
            reading = source.read(given, instant(item.arrival))
            events.extend(() if reading is None else recorder.read_clock(reading))
        else:
            order = orders.get(item.sample.track_id)
            for sample in (item.sample,) if order is None else order.push(item.sample):
                reading = source.arrived(sample, float(item.arrival))
                events.extend(() if reading is None else recorder.read_clock(reading))
                events.extend(recorder.push(sample))
    for order in orders.values():
        for sample in order.flush():
            events.extend(recorder.push(sample))
    events.extend(recorder.deactivate())
    store = MemoryStore()
    for obj in collect_objects(events):
        with suppress(ObjectExistsError):  # of a clock that was set back: a store refuses to overwrite
            store.put(obj)
    return Recorded(
        events,
        dict(recorder.dropped),
        dict(recorder.timing),
        check_recording(events, in_step=False, followed=100_000),
        store,
    )


def check(stream: Stream, format_: RecordingFormat, clock: Clock) -> Recorded:
    """Record a stream and hold the result to all that is said above."""
    recorded = record(stream, format_, clock)
    check_units(stream, recorded)
    check_validator(stream, recorded)
    for track in stream.tracks:
        if track.type is not TrackType.METADATA:
            check_spacing(stream, recorded, track.track_id)
    check_times(stream, recorded, clock)
    return recorded


# ---- each unit once ----------------------------------------------------------------------------------------------


def check_units(stream: Stream, recorded: Recorded) -> None:
    """From its first sync sample on each unit is stored once, in order, or counted; none is lost at a step alone."""
    lost_in_all = before_sync = allowed = 0
    for track in stream.tracks:
        sent = stream.units(track.track_id)
        first = next((place for place, unit in enumerate(sent) if unit.sample.sync), len(sent))
        before_sync += first
        expected = [bytes(unit.sample.data) for unit in sent[first:]]
        stored = [sample.data for span in recorded.spans for sample in span.samples(track.track_id)]
        assert stored, f"nothing of {track.token} is stored"
        assert len(set(stored)) == len(stored), f"a unit of {track.token} is stored twice"
        places = {data: place for place, data in enumerate(expected)}
        order = [places[data] for data in stored]
        assert order == sorted(order), f"units of {track.token} are not in order"
        lost = len(expected) - len(stored)
        lost_in_all += lost
        group = longest_group(sent) if track.type is TrackType.VIDEO else 0
        allowed = stream.breaks * (group + 50)
        assert lost <= allowed, f"{lost} units of {track.token} of {len(expected)} are lost: {recorded.dropped}"
    counted = sum(recorded.dropped.values())
    assert counted == lost_in_all + before_sync, f"{lost_in_all} are lost, {recorded.dropped} counted"
    assert set(recorded.dropped) <= {reason.value for reason in DropReason}
    if TimingFault.GAP not in recorded.timing and not may_leave_spans(stream):
        assert DropReason.BEFORE_NEXT_SYNC not in recorded.dropped, f"dropped at a step: {recorded.dropped}"


def may_leave_spans(stream: Stream) -> bool:
    """Whether a track may leave its span without a gap in its stamps: its codec changes, or it is silent for long."""
    media = [stream.units(track.track_id) for track in stream.tracks if track.type is not TrackType.METADATA]
    silent = any(after.decoded - before.decoded > 10 for units in media for before, after in pairwise(units))
    return silent or any(isinstance(item, NewCodec) for item in stream.items)


def longest_group(units: list[Unit]) -> int:
    """The most units from one sync sample to the next."""
    places = [place for place, unit in enumerate(units) if unit.sample.sync]
    return max((after - before for before, after in pairwise([*places, len(units)])), default=0)


def check_validator(stream: Stream, recorded: Recorded) -> None:
    """Our validator has nothing to say of the store; where a clock was set, so that spans overlap, of each span."""
    stores = [recorded.store]
    if recorded.timing.keys() & SET_BACK:
        stores = [_alone(span) for span in recorded.spans]
    for store in stores:
        found = [one for one in validate_store(store) if one.level is not Level.NOTE]
        found = [one for one in found if one.rule != "P-02" or not stream.is_close]
        assert not found, "\n".join(f"{one.rule} {one.key}: {one.message}" for one in found[:5])


def _alone(span: PlayedSpan) -> MemoryStore:
    """A store with the objects of one span, which has no other beside it."""
    store = MemoryStore()
    for obj in [*(segment.obj for segment in span.segments), span.end]:
        if obj is not None:
            store.put(obj)
    return store


# ---- spacing -----------------------------------------------------------------------------------------------------


def gap_bound(nominal: float) -> float:
    """Seconds that a sample may last at most before its end is a gap."""
    return max(min(10, 3 * nominal), 1, nominal * 1.5)


def check_spacing(stream: Stream, recorded: Recorded, track_id: int) -> None:
    """Samples are as far apart as they were sent, never a tick, and none lasts through a gap."""
    sent = stream.units(track_id)
    place = {bytes(unit.sample.data): number for number, unit in enumerate(sent)}
    decoded, counter = [float(unit.decoded) for unit in sent], [float(unit.counter) for unit in sent]
    stamped = sorted(sent, key=lambda unit: unit.shown) if stream.presented else sent  # the n-th shown, then
    stamps = [unit.sample.decode_time / stream.timescales[track_id] for unit in stamped]
    steps = [after - before for before, after in pairwise(decoded)]
    loose = 2 * float(stream.shaken) + BOUNDS[Clock.CAMERA]
    for span in recorded.spans:
        scale = span.timescale
        for before, after in pairwise(span.samples(track_id)):
            a, b = place[before.data], place[after.data]
            nominal = median(steps[max(0, a - 16) : a] or steps[:1])
            real, counted = decoded[b] - decoded[a], counter[b] - counter[a]
            stored = (after.decode_time - before.decode_time) / scale
            shortest = min(one for one in (real, counted, nominal, stamps[b] - stamps[a]) if one > 0)
            assert stored >= shortest / 8, f"{before.data[-20:]!r} and the next are {stored:.5f} s apart"
            lasts = before.duration / scale
            assert lasts <= gap_bound(nominal) + 2 / scale, f"{before.data[-20:]!r} lasts {lasts:.3f} s"
            longest = max(real, counted, nominal) + nominal + loose
            if sent[a].is_off or sent[b].is_off:  # beside a pause, on either side of it
                longest += max(steps[max(0, a - 5) : b + 5]) - nominal
            if b == len(sent) - 1 and sent[b].is_off:  # nothing comes that tells a pause from a stamp that is off
                longest = max(longest, gap_bound(nominal))
            assert stored <= longest, f"{before.data[-20:]!r} and the next are {stored:.3f} s apart"


# ---- times -------------------------------------------------------------------------------------------------------


def check_times(stream: Stream, recorded: Recorded, clock: Clock) -> None:
    """Each stored sample happens at its UTC; so do the keys, which name the first ones."""
    tolerance = _tolerances(stream, clock)
    truth = {
        bytes(unit.sample.data): float(
            unit.shown + (unit.ahead if clock is Clock.CAMERA and believed(unit.ahead) else 0)
        )
        for unit in stream.units()
    }
    # Reordered pictures come in as much later as they are reordered: with the clock of arrival up to then is right.
    late = {bytes(unit.sample.data): float(unit.arrival - unit.shown) for unit in stream.units() if stream.presented}
    for span in recorded.spans:
        for segment in span.segments:
            reference = reference_of(segment, span)
            key = (segment.obj.key.time.microseconds - START.microseconds) / 1_000_000
            for sample in segment.samples:
                at, true = key + (sample.presented - reference.presented) / span.timescale, truth[sample.data]
                bound = tolerance[sample.data]
                assert -bound <= at - true <= bound + late.get(sample.data, 0), (
                    f"{sample.data[-20:]!r} of {segment.obj.key} was shown at {true:.3f} s, "
                    f"is at {at:.3f} s: more than {bound:.3f} s"
                )


def believed(ahead: Fraction) -> bool:
    """Whether a camera's wall clock is believed: it is not more than a day off."""
    return abs(ahead) <= 86_400


def reference_of(segment: PlayedSegment, span: PlayedSpan) -> PlayedSample:
    """The sample whose time is that of the key."""
    fragment: dict[int, PlayedSample] = {}
    for sample in segment.samples[: segment.first_fragment]:
        fragment.setdefault(sample.track_id, sample)
    if segment.obj.key.counter and span.lead in fragment:
        return fragment[span.lead]
    return min(fragment.values(), key=lambda sample: sample.presented)


def _tolerances(stream: Stream, clock: Clock) -> dict[bytes, float]:
    """The bound for each unit: wider by as much as a clock has changed in the last seconds, until that is followed."""
    found: dict[bytes, float] = {}
    for track in stream.tracks:
        _add_tolerances(found, stream, clock, track.track_id)
    return found


def _add_tolerances(found: dict[bytes, float], stream: Stream, clock: Clock, track_id: int) -> None:
    offsets: dict[int, list[float]] = {}
    walls: dict[int, list[float]] = {}
    units = stream.units(track_id)
    for place, unit in enumerate(units):
        second = int(unit.decoded)
        offset, ahead = float(unit.counter - unit.decoded), float(unit.ahead if believed(unit.ahead) else 0)
        offsets[second] = _range([*offsets.get(second, ()), offset])
        walls[second] = _range([*walls.get(second, () if walls else (0.0,)), ahead])
        bound = BOUNDS[clock] + _spread(offsets)
        if clock is Clock.CAMERA:
            # Until the first report is followed, arrival is all that is known.
            bound = max(bound, BOUNDS[Clock.ARRIVAL] if len(walls) <= SETTLING else 0) + _spread(walls)
        if unit.is_off:  # beside a pause, on either side of it
            times = [float(one.decoded) for one in units[max(0, place - 5) : place + 6]]
            steps = [later - earlier for earlier, later in pairwise(times)]
            bound += max(steps) - median(steps)
            if unit is units[-1]:  # nothing comes that tells a pause from a stamp that is off
                bound += gap_bound(median(steps))
        found[bytes(unit.sample.data)] = bound + float(stream.shaken) + 1e-5


def _range(values: list[float]) -> list[float]:
    return [min(values), max(values)]


def _spread(by_second: dict[int, list[float]]) -> float:
    """How far the values of the last seconds with media lie apart."""
    values = [value for second in islice(reversed(by_second), SETTLING + 1) for value in by_second[second]]
    return max(values) - min(values)
