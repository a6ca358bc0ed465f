"""Golden records of what records for the control service: plans that change, sources that come, fail and go."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

from golden_kit import Kind, Record, digest
from golden_recording import event_of

from onvif_bmff.cenc.encrypt import IvSources
from onvif_bmff.cenc.iv import CbcsIvSource, CencIvAllocators
from onvif_bmff.cenc.keys.content import FixedKey, generate_content_key
from onvif_bmff.cenc.scheme import ProtectionScheme
from onvif_bmff.codecs import G711Codec, MetadataCodec, MjpegCodec
from onvif_bmff.control import PROFILE_TYPE, Feed, SourceReference, Standby
from onvif_bmff.engine.output import RecordingOutput
from onvif_bmff.engine.targets import OutputPlan
from onvif_bmff.media import Sample, Track
from onvif_bmff.objects.events import RecordingEvent, collect_objects
from onvif_bmff.recording.encryption import EncryptionEntry
from onvif_bmff.recording.formats import CMAF, MP4
from onvif_bmff.recording.target import RecordingTarget
from onvif_bmff.timing import UtcTime

SEEDS = range(60)
_START = UtcTime.parse("2026-01-02T03:04:05Z")
_SECOND = timedelta(seconds=1)
_SOURCES = tuple(SourceReference(name, PROFILE_TYPE) for name in ("one", "two"))
_KINDS = {"VIDEO001": "Video", "AUDIO001": "Audio", "META001": "Metadata"}
_TOPIC = "tns1:RuleEngine/Motion"
_SOURCE_TRACKS = {
    "VIDEO001": Track("v", 1, 90_000, MjpegCodec(width=64, height=48)),
    "AUDIO001": Track("a", 2, 8_000, G711Codec()),
    "META001": Track("m", 3, 1_000, MetadataCodec()),
}


class _Run:
    """An output, fed in steps of a fifth of a second while its plan and its sources change."""

    def __init__(self, seed: int) -> None:
        self.draw = Random(seed)
        self.seconds = [0, 0]
        self.events: list[RecordingEvent] = []
        self.rows: list[Any] = []
        self.counts: Counter[str] = Counter()
        self.refused: set[str] = set()
        self.opened: tuple[set[int], set[int]] = (set(), set())
        self.target = self._target()
        self.plan = self._plan()
        vectors = IvSources(CencIvAllocators(random=self.draw.randbytes), CbcsIvSource(self.draw.randbytes))
        self.output = RecordingOutput(self.plan, self._accepts, self._report, ivs=vectors)

    def _accepts(self, *asked: Any) -> bool:
        self.rows.append(["asked", *map(str, asked)])
        return not self.refused.intersection(asked)

    def _report(self, track: str, state: Any, error: str | None) -> None:
        self.counts["states"] += 1
        self.rows.append(["state", track, str(state), error is not None])

    def _target(self) -> RecordingTarget:
        draw = self.draw
        encryption: tuple[EncryptionEntry, ...] = ()
        if draw.random() < 0.3:
            key = FixedKey(generate_content_key(draw.randbytes))
            tracks = draw.choice(((), ("VIDEO001",)))
            encryption = (EncryptionEntry(ProtectionScheme(draw.choice(("cenc", "cbcs"))), key, tracks=tracks),)
        return RecordingTarget(
            draw.choice((CMAF, MP4)),
            "cam",
            segment_duration=draw.choice((0.7, 1, 2, 4)) * _SECOND,
            span_duration=draw.choice((None, None, 5 * _SECOND)),
            encryption=encryption,
        )

    def _plan(self) -> OutputPlan:
        draw = self.draw
        feeds: dict[str, Feed] = {}
        standby: list[Standby] = []
        for token in _KINDS:
            kind = draw.random()
            source = _SOURCES[draw.random() < 0.2]
            if kind < 0.65:
                since = _START + self.seconds[0] * _SECOND - _SECOND if draw.random() < 0.3 else None
                feeds[token] = Feed(draw.choice("jk"), source, "", since, None if since is None else _TOPIC)
            elif kind < 0.85:
                standby.append(Standby("w", "r", token, source, "", draw.choice((1, 3)) * _SECOND))
        override = None
        if draw.random() < 0.15:
            override = 0.5 * _SECOND, _START + (self.seconds[0] + 3) * _SECOND
        return OutputPlan(self.target, tuple(_KINDS.items()), feeds, tuple(standby), override)

    def _do(self, word: str, events: Any) -> None:
        found = list(events or ())
        self.events += found
        self.rows.append([word, [event_of(event) for event in found], self.output.recording])

    def open(self, number: int) -> None:
        """A source comes, with some of its tracks."""
        tokens = [token for token in _SOURCE_TRACKS if self.draw.random() < 0.8] or ["VIDEO001"]
        epoch = _START + self.draw.choice((0, 0, 0.04, 0.5)) * _SECOND
        tracks = [_SOURCE_TRACKS[token] for token in tokens]
        self.opened[number].clear()
        self.opened[number].update(track.track_id for track in tracks)
        self._do("opened", self.output.source_opened(_SOURCES[number], tracks, epoch))

    def play(self, number: int) -> None:
        """A second of a source."""
        begin = self.seconds[number]
        self.seconds[number] += 1
        shown = 7200 if self.draw.random() < 0.3 else 0
        for tick in range(begin * 50, (begin + 1) * 50):
            if tick % 5 == 0:
                picture = tick // 5
                data = b"\xff\xd8" + b"%d." % picture * 5
                self._push(number, Sample(1, picture * 9000, 9000, data, picture % 5 == 0, shown))
            self._push(number, Sample(2, tick * 160, 160, b"%d." % tick * 4))
            if tick % 25 == 0:
                self._push(number, Sample(3, tick * 20, 500, b"<tt:MetadataStream n='%d'/>" % tick))

    def _push(self, number: int, sample: Sample) -> None:
        if sample.track_id not in self.opened[number]:
            return
        found = list(self.output.push(_SOURCES[number], sample))
        if found:
            self._do("pushed", found)

    def step(self) -> None:
        """Something happens, and a second passes."""
        draw, output = self.draw, self.output
        what = draw.choice(
            ("plan", "plan", "target", "close", "open", "codec", "skip", "pause", "trouble", *["-"] * 14)
        )
        number = int(draw.random() < 0.3)
        source = _SOURCES[number]
        if what == "plan":
            self.plan = self._plan()
            self._do(what, output.configure(self.plan))
        elif what == "target":
            self.target = self._target()
            self.plan = replace(self.plan, target=self.target)
            self._do(what, output.configure(self.plan))
        elif what == "close":
            self._do(what, output.source_closed(source, draw.choice((None, "no signal"))))
        elif what == "open":
            self.open(number)
        elif what == "codec":
            self.refused = {"VIDEO001"} if draw.random() < 0.3 else set()
            self._do(what, output.change_codec(source, 1, MjpegCodec(width=draw.choice((64, 128)), height=48)))
        elif what == "skip":
            self._do(what, output.skip())
        elif what == "pause":
            self._do(what, output.pause("full"))
        elif what == "trouble":
            output.set_trouble(draw.choice((None, "slow")))
        if draw.random() < 0.3:
            self._do("resume", output.resume())
        for one in range(2):
            self.play(one)


def _engine(name: str) -> Record:
    run = _Run(int(name))
    run.open(0)
    if run.draw.random() < 0.5:
        run.open(1)
    for _ in range(24):
        run.step()
    run._do("closed", run.output.close())
    objects = [
        [str(one.key), len(one.body), digest(one.body), one.content_type, sorted(one.metadata.items())]
        for one in collect_objects(run.events)
    ]
    counts = {"objects": len(objects), "events": len(run.events), "states": run.counts["states"]}
    return Record({"steps": run.rows, "objects": objects}, counts)


KINDS = {"engine": Kind([str(seed) for seed in SEEDS], _engine, [str(seed) for seed in SEEDS[:12]])}
