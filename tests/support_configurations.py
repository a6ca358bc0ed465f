"""Recordings at random, each of them following from one number: what is recorded, how, and what happens meanwhile.

``configuration(seed)`` draws one, ``carry_out`` records it (no clock, no randomness but the seed's: the same number
gives the same bytes), and ``examine`` holds the objects to everything that is known of them: the validator says
nothing, every sample is in the store once or was counted as dropped, and the timeline has exactly the spans that were
recorded.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from fractions import Fraction
from random import Random

from onvif_bmff.cenc.encrypt import IvSources
from onvif_bmff.cenc.iv import CbcsIvSource, CencIvAllocators
from onvif_bmff.cenc.keys.content import FixedKey, RotatingKey, generate_content_key
from onvif_bmff.cenc.keys.ring import KeyRing
from onvif_bmff.cenc.scheme import ProtectionScheme
from onvif_bmff.codecs import AacCodec, AvcCodec, G711Codec, MetadataCodec, MjpegCodec
from onvif_bmff.media import Sample, Track
from onvif_bmff.media.track import TrackType
from onvif_bmff.objects.events import RecordingEvent, SegmentSealed, SpanEnded
from onvif_bmff.objects.key import ObjectKey
from onvif_bmff.playback import Timeline
from onvif_bmff.playback.segment import read_segment
from onvif_bmff.recording.boundaries import by_clock, since_open
from onvif_bmff.recording.encryption import EncryptionEntry
from onvif_bmff.recording.formats import CMAF, MP4
from onvif_bmff.recording.recorder import Recorder
from onvif_bmff.recording.segment import FragmentLimits
from onvif_bmff.recording.target import RecordingTarget
from onvif_bmff.storage import MemoryStore, StoreSink
from onvif_bmff.timing import UtcTime
from onvif_bmff.validation import validate_store

START = UtcTime.parse("2022-11-08T15:08:23.547Z")
_AVC = AvcCodec.from_parameter_sets([bytes.fromhex("6742c01e95a0280bfe54")], [bytes.fromhex("68ce3c80")])
_ENTRY = _AVC.sample_entry()
_OTHER_AVC = AvcCodec.from_sample_entry(replace(_ENTRY, width=_ENTRY.width // 2))
_AAC, _OTHER_AAC = (AacCodec.from_config(bytes.fromhex(config)) for config in ("1588", "1590"))
_VIDEO, _AUDIO, _META = 1, 2, 3
_SMALL = FragmentLimits(max_bytes=1_500, max_samples=25)
_STEPS = (
    "override", "end early", "encrypt", "clear", "digits", "place", "format", "clock", "again", "at once", "codec",
    "sound codec", "span duration",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Feed:
    """The samples of one track, times in seconds.

    ``late`` is when its first sample is, ``silences`` from when to when there is none, ``skew`` how much later than
    others it is delivered; ``told`` whether samples say how long they last, ``lasting`` how long documents say so;
    ``jitter`` the most ticks that a time is off; ``empty`` how many of a thousand samples have no bytes.
    """

    kind: str
    rate: Fraction
    group: int = 1
    reorder: bool = False
    late: Fraction = Fraction(0)
    silences: tuple[tuple[Fraction, Fraction], ...] = ()
    skew: Fraction = Fraction(0)
    told: bool = True
    lasting: Fraction | None = None
    jitter: int = 0
    empty: int = 0


@dataclass(frozen=True, slots=True)
class Configuration:
    """A recording: its source, its target, and what happens at which second."""

    seed: int
    chosen: str
    seconds: int
    feeds: tuple[Feed, ...]
    segment: int
    span: int | None
    digits: int
    scheme: str | None
    encrypted: tuple[str, ...]
    rotation: int | None
    by_clock: bool
    wraps: bool
    small: bool
    begin: int
    steps: tuple[tuple[Fraction, str], ...]

    def __str__(self) -> str:
        return ", ".join(f"{one.name}={getattr(self, one.name)!r}" for one in fields(self))


def configuration(seed: int) -> Configuration:
    """The configuration that follows from a number."""
    draw = Random(seed)
    seconds = draw.choice((2, 4, 6, 9, 14))
    chosen = draw.choice(("CMAF", "MP4"))
    kinds = draw.choice(((_VIDEO,), (_AUDIO,), (_META,), (_VIDEO, _AUDIO), (_VIDEO, _META), (_VIDEO, _AUDIO, _META)))
    long_silence = draw.random() < 0.1
    if long_silence:
        seconds = 30
    feeds = tuple(_feed(draw, kind, seconds, long_silence=long_silence) for kind in kinds)
    scheme = draw.choice((None, None, "cenc", "cbcs"))
    count = draw.choice((0, 0, 0, 1, 2, 4))
    found = Configuration(
        seed=seed,
        chosen=chosen,
        seconds=seconds,
        feeds=feeds,
        segment=draw.choice((100, 396, 1_000, 2_000, 5_000, 60_000)),
        span=draw.choice((None, None, 300, 1_500, 4_000, 11_000)),
        digits=draw.choice((3, 3, 6)),
        scheme=scheme,
        encrypted=() if scheme is None or draw.random() < 0.6 else (draw.choice(("VIDEO001", "AUDIO001")),),
        rotation=draw.choice((None, None, 1, 3)),
        by_clock=draw.random() < 0.3,
        wraps=draw.random() < 0.2,
        small=draw.random() < 0.15,
        begin=draw.randrange(1_000_000),
        steps=tuple(sorted((Fraction(draw.randrange(seconds * 100), 100), draw.choice(_STEPS)) for _ in range(count))),
    )
    if {"again", "at once"} & {what for _, what in found.steps}:
        # A span that ends more than three seconds behind the beginning of the next one cannot be told from it.
        feeds = tuple(replace(feed, lasting=None) if feed.lasting == 9 else feed for feed in found.feeds)
    return replace(found, feeds=feeds)


def _feed(draw: Random, kind: int, seconds: int, *, long_silence: bool) -> Feed:
    silences: list[tuple[Fraction, Fraction]] = []
    if draw.random() < 0.25:
        since = Fraction(draw.randrange(seconds * 10), 10)
        silences.append((since, since + draw.choice((Fraction(1, 5), Fraction(2), Fraction(8)))))
    if long_silence and draw.random() < 0.6:
        since = Fraction(draw.randrange(20, 120), 10)
        silences.append((since, since + Fraction(draw.randrange(105, 200), 10)))
    if draw.random() < 0.05:
        silences.append((Fraction(-1), Fraction(seconds)))  # declared, and never there
    feed = Feed(
        kind={
            _VIDEO: draw.choice(("jpeg", "h264", "h264")),
            _AUDIO: draw.choice(("g711", "aac")),
            _META: "metadata",
        }[kind],
        rate={
            _VIDEO: draw.choice((Fraction(1), Fraction(5), Fraction(10), Fraction(25), Fraction(30_000, 1001))),
            _AUDIO: Fraction(50),
            _META: draw.choice((Fraction(1, 3), Fraction(1), Fraction(2), Fraction(10))),
        }[kind],
        group=draw.choice((1, 2, 5, 12, 30)),
        reorder=draw.random() < 0.3,
        late=draw.choice((Fraction(0), Fraction(0), Fraction(draw.randrange(3000), 1000))),
        silences=tuple(silences),
        skew=draw.choice((Fraction(0), Fraction(0), Fraction(draw.randrange(900), 1000))),
        told=draw.random() < 0.5,
        lasting=draw.choice((None, None, Fraction(1, 2), Fraction(5, 2), Fraction(9))) if kind == _META else None,
        jitter=draw.choice((0, 0, 1, 3)),
        empty=draw.choice((0, 0, 0, 20, 200)),
    )
    return feed if feed.kind == "h264" else replace(feed, group=1, reorder=False)


# ---- media ------------------------------------------------------------------------------------------------------


def tracks_of(found: Configuration) -> list[Track]:
    """The tracks that a configuration declares."""
    made = {
        "jpeg": Track("VIDEO001", _VIDEO, 90_000, MjpegCodec(64, 48)),
        "h264": Track("VIDEO001", _VIDEO, 90_000, _AVC),
        "g711": Track("AUDIO001", _AUDIO, 8_000, G711Codec("ulaw")),
        "aac": Track("AUDIO001", _AUDIO, 8_000, _AAC),
        "metadata": Track("META001", _META, 1_000, MetadataCodec()),
    }
    return [made[feed.kind] for feed in found.feeds]


def samples_of(found: Configuration) -> list[Sample]:
    """All samples in the order in which they are delivered."""
    draw = Random(found.seed + 1)
    rows: list[tuple[Fraction, Sample]] = []
    for feed, track in zip(found.feeds, tracks_of(found), strict=True):
        rows.extend(_samples(feed, track, found, draw))
    rows.sort(key=lambda row: row[0])
    return [sample for _, sample in rows]


def _samples(feed: Feed, track: Track, found: Configuration, draw: Random) -> Iterator[tuple[Fraction, Sample]]:
    scale = track.timescale
    step = Fraction(1024, 8_000) if feed.kind == "aac" else 1 / feed.rate
    count = int((found.seconds - feed.late) / step)
    start = _first_second(found) * scale
    for number in range(count):
        at = feed.late + number * step
        if any(since <= at < until for since, until in feed.silences):
            continue
        ticks = int(at * scale)
        lasting = int((at + step) * scale) - ticks if feed.lasting is None else int(feed.lasting * scale)
        place, sync = number % feed.group, number % feed.group == 0
        offset = 0
        if feed.reorder:
            left = min(feed.group, count - number + place) - place
            later = min(3, left) if place and place % 3 == 1 else 0
            offset = int(step * scale) * (later if place else 1)
        data = b"" if draw.randrange(1000) < feed.empty else _data(feed.kind, track, number, place)
        time = ticks + draw.randint(0, feed.jitter) + start
        yield (
            at + feed.skew,
            Sample(
                track.track_id,
                time % (1 << 32) if found.wraps else time,
                lasting if feed.told else 0,
                data,
                sync,
                offset,
            ),
        )


def _first_second(found: Configuration) -> int:
    """When the source's media time begins: where the counter of video wraps in the middle, or at 0."""
    return (1 << 32) // 90_000 - found.seconds // 2 if found.wraps else 0


def _data(kind: str, track: Track, number: int, place: int) -> bytes:
    name = b"%d-%d." % (track.track_id, number)
    if kind == "h264":
        # IDR slice; P slice: first_mb 0, type 5, pps 0, frame_num of 8 bits, no lists, no marking, no deblocking
        head = bytes.fromhex("6588804a")
        if place:
            head = b"\x41" + (0b1001101 << 17 | (place % 256) << 9 | 0b0001010 << 2 | 2).to_bytes(3, "big")
        unit = head + name * (3 + number % 9)
        return len(unit).to_bytes(4, "big") + unit
    if kind == "jpeg":
        return b"\xff\xd8" + name * (3 + number % 9)
    if kind == "metadata":
        return b"<tt:MetadataStream n='%s'/>" % name
    return b"\x01" + name


# ---- recording --------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Recorded:
    """What came of a configuration."""

    store: MemoryStore
    events: list[RecordingEvent]
    ring: KeyRing
    dropped: Counter[str]
    pushed: list[Sample]
    failures: list[str] = field(default_factory=list)


def carry_out(found: Configuration) -> Recorded:
    """Record a configuration."""
    random = Random(found.seed + 2)
    ring = KeyRing()
    entries = _encryption(found, random, ring)
    target = RecordingTarget(
        format={"CMAF": CMAF, "MP4": MP4}[found.chosen],
        prefix="site-2",
        postfix="camera-5",
        segment_duration=timedelta(milliseconds=found.segment),
        span_duration=None if found.span is None else timedelta(milliseconds=found.span),
        encryption=entries,
        digits=found.digits,
    )
    tracks = tracks_of(found)
    recorder = Recorder(
        tracks,
        target,
        limits=_SMALL if found.small else FragmentLimits(),
        boundary=by_clock if found.by_clock else since_open,
        ivs=IvSources(CencIvAllocators(random=random.randbytes), CbcsIvSource(random.randbytes)),
        timestamp_bits=32 if found.wraps else None,
    )
    recorded = Recorded(MemoryStore(), [], ring, recorder.dropped, [])
    clock = _Clock(found, {track.track_id: track.timescale for track in tracks})
    recorder.activate(clock.now(Fraction(0)), media_time=clock.media(Fraction(0)))
    steps = list(found.steps)
    with StoreSink(recorded.store, random=Random(found.seed + 3).randbytes) as sink:

        def apply(events: list[RecordingEvent]) -> None:
            recorded.events.extend(events)
            sink.add_all(events)

        for sample in samples_of(found):
            at = clock.seconds(sample)
            while steps and at >= steps[0][0]:
                _step(
                    steps.pop(0)[1],
                    recorder,
                    at,
                    clock,
                    entries or _encryption(found, random, ring, always=True),
                    apply,
                )
            if not recorder.active:
                continue
            recorded.pushed.append(sample)
            try:
                apply(list(recorder.push(sample)))
            except Exception as error:
                recorded.failures.append(f"push raised {error!r}")
        if recorder.active:
            apply(recorder.deactivate())
    if recorder.failure is not None:
        recorded.failures.append(f"failure {recorder.failure!r}")
    return recorded


class _Clock:
    """When a sample happens, in seconds of the source and in UTC."""

    def __init__(self, found: Configuration, scales: dict[int, int]) -> None:
        self._found = found
        self._scales = scales
        self.ahead = 0
        self.skewed = any(feed.skew for feed in found.feeds)

    def seconds(self, sample: Sample) -> Fraction:
        scale, found = self._scales[sample.track_id], self._found
        ticks = sample.decode_time
        if found.wraps:
            ticks = (ticks - _first_second(found) * scale) % (1 << 32)
        return Fraction(ticks, scale)

    def media(self, at: Fraction) -> Fraction | None:
        """The media time of a second; None where that of the source has wrapped."""
        return None if self._found.wraps else at

    def now(self, at: Fraction) -> UtcTime:
        return START.plus_microseconds(self._found.begin + self.ahead + int(at * 1_000_000))


def _encryption(
    found: Configuration, random: Random, ring: KeyRing, *, always: bool = False
) -> tuple[EncryptionEntry, ...]:
    if found.scheme is None and not always:
        return ()

    class Keys:
        def __init__(self) -> None:
            rotates = found.rotation is not None
            self._source = (
                RotatingKey(timedelta(seconds=found.rotation or 1), random.randbytes)
                if rotates
                else FixedKey(generate_content_key(random.randbytes))
            )

        def key_for(self, at: UtcTime):
            key = self._source.key_for(at)
            ring.add(key)
            return key

    return (EncryptionEntry(ProtectionScheme(found.scheme or "cbcs"), Keys(), tracks=found.encrypted),)


def _step(
    what: str,
    recorder: Recorder,
    at: Fraction,
    clock: _Clock,
    entries: tuple[EncryptionEntry, ...],
    apply: Callable[[list[RecordingEvent]], None],
) -> None:
    """What happens beside the samples."""
    target = recorder.target
    videos = [track for track in recorder.tracks if track.type is TrackType.VIDEO]
    sounds = [track for track in recorder.tracks if track.type is TrackType.AUDIO]
    if what == "again":
        if recorder.active:
            apply(recorder.deactivate())
            clock.ahead += 2_000_000
            recorder.activate(clock.now(at), media_time=clock.media(at))
    elif what == "at once":
        # Of tracks that are delivered late, some would be older than what the spans that closed have.
        if recorder.active and clock.media(at) is not None and not clock.skewed:
            apply(recorder.deactivate())
            recorder.activate(clock.now(at), media_time=at)
    elif what == "override":
        recorder.override_segment_duration(timedelta(milliseconds=700), clock.now(at + 2))
    elif what == "end early":
        recorder.end_segments_early()
    elif what == "clock" and recorder.active:
        media = clock.media(at)
        if media is not None:
            clock.ahead += 3_000_000
            recorder.set_clock(clock.now(media), media)
    elif what == "codec" and videos and isinstance(videos[0].codec, AvcCodec):
        other = _OTHER_AVC if videos[0].codec == _AVC else _AVC
        recorder.replace_track(replace(videos[0], codec=other))
    elif what == "sound codec" and sounds and isinstance(sounds[0].codec, AacCodec):
        other_sound = _OTHER_AAC if sounds[0].codec == _AAC else _AAC
        recorder.replace_track(replace(sounds[0], codec=other_sound))
    else:
        changes = {
            "encrypt": {"encryption": entries},
            "clear": {"encryption": ()},
            "digits": {"digits": 9 - target.digits},
            "place": {"postfix": "camera-6"},
            "format": {"format": MP4 if target.format is CMAF else CMAF},
            "span duration": {"span_duration": timedelta(milliseconds=1_200)},
        }.get(what)
        if changes is not None:
            recorder.reconfigure(replace(target, **changes))


# ---- what must be so --------------------------------------------------------------------------------------------


def examine(recorded: Recorded) -> list[str]:
    """What is wrong with a recording, each in a line; nothing, if all is well."""
    problems = list(recorded.failures)
    problems += [
        f"{found.rule} {found.key} {found.path} {found.message}"
        for found in validate_store(recorded.store, keys=recorded.ring)
    ]
    problems += _lost(recorded)
    problems += _misread(recorded)
    return problems


def _lost(recorded: Recorded) -> list[str]:
    """Samples that are in the store twice, changed, or neither there nor counted."""
    problems: list[str] = []
    stored: dict[int, list[bytes]] = defaultdict(list)
    for event in recorded.events:
        if isinstance(event, SegmentSealed):
            segment = read_segment(recorded.store.get(str(event.key)), keys=recorded.ring)
            for sample in segment.samples():
                stored[sample.track_id].append(bytes(sample.data))
                if not sample.data:
                    problems.append(f"a row of size 0 in {event.key}")
                if sample.duration <= 0:
                    problems.append(f"a sample that lasts {sample.duration} in {event.key}")
    for track_id, found in stored.items():
        given = [bytes(sample.data) for sample in recorded.pushed if sample.track_id == track_id]
        order = {data: number for number, data in enumerate(given)}
        places = [order.get(data, -1) for data in found]
        if -1 in places:
            problems.append(f"track {track_id}: {places.count(-1)} samples that were never pushed")
        if len(set(places)) < len(places):
            problems.append(f"track {track_id}: samples are stored twice")
        if sorted(places) != places:
            problems.append(f"track {track_id}: samples are stored in another order")
    kept, lost = sum(map(len, stored.values())), sum(recorded.dropped.values())
    if kept + lost != len(recorded.pushed):
        problems.append(f"{len(recorded.pushed)} samples, {kept} stored, {lost} dropped: {dict(recorded.dropped)}")
    return problems


def _in_order(spans: list[tuple[list[str], str]]) -> Iterator[tuple[list[str], str]]:
    """Spans with their ends in order.

    A span may end before what hangs over from the one before it, a packet or a document. Where both have as many
    segments, no key tells whose end is whose; here the earlier end is the earlier span's.
    """
    kinds: dict[tuple[str, str], list[tuple[list[str], str]]] = defaultdict(list)
    for names, end in spans:
        key = ObjectKey.parse(end, prefix="site-2")
        kinds[key.postfix, key.extension].append((names, end))
    for rows in kinds.values():
        for at in range(len(rows) - 1):
            (names, end), (later_names, later_end) = rows[at : at + 2]
            ours, theirs = (ObjectKey.parse(name, prefix="site-2") for name in (end, later_end))
            if ours.counter == theirs.counter and 0 < ours.time.microseconds_since(theirs.time) <= 3_000_000:
                rows[at : at + 2] = (names, later_end), (later_names, end)
        yield from rows


def _misread(recorded: Recorded) -> list[str]:
    """Spans that the timeline has otherwise than they were recorded."""
    open_spans: dict[tuple[str, str], list[str]] = {}
    spans: list[tuple[list[str], str]] = []
    for event in recorded.events:
        kind = event.key.postfix, event.key.extension
        if isinstance(event, SegmentSealed):
            if event.key.counter == 0 and kind in open_spans:
                return [f"a span began before the one before it ended: {event.key}"]
            open_spans.setdefault(kind, []).append(str(event.key))
        elif isinstance(event, SpanEnded):
            spans.append((open_spans.pop(kind), str(event.key)))
    problems = [f"a span without end: {names[0]}" for names in open_spans.values()]
    timeline = Timeline.from_store(recorded.store)
    problems += [f"the timeline has no end of {one.segments[0].name}" for one in timeline.spans if not one.end_name]
    found = [([segment.name for segment in one.segments], one.end_name) for one in timeline.spans if one.end_name]
    if sorted(_in_order(found)) != sorted(_in_order(spans)):
        problems.append(f"the timeline has {len(found)} spans, not {len(spans)}, or others: {timeline.ambiguous_ends}")
    if timeline.foreign or timeline.duplicates or timeline.orphan_ends or timeline.ambiguous_ends:
        problems.append("the timeline has keys that belong nowhere")
    return problems
