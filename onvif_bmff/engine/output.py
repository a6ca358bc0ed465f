"""The engine's core: what the service decides, and samples of sources, become the events of a recorder.

::

    OutputPlan ──────────┐
    sources open, close ─┼─► RecordingOutput ─► PreRoll ─► Recorder ─► events, for a store
    samples ─────────────┘            └─► track states, for the service

There is no I/O, thread or clock here; one `RecordingOutput` is used by one thread at a time.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from fractions import Fraction

from onvif_bmff.cenc.encrypt import IvSources
from onvif_bmff.control.plan import Feed
from onvif_bmff.control.types.job_configuration import SourceReference
from onvif_bmff.control.types.job_state import RecordingJobState, recorded_state
from onvif_bmff.engine.sources import (
    OpenSource,
    Way,
    encoding_name,
    kept_samples,
    pick_track,
    since_sync,
    tracks_fed_by,
)
from onvif_bmff.engine.targets import OutputPlan
from onvif_bmff.engine.topics import SegmentTopics
from onvif_bmff.media.codec import Codec
from onvif_bmff.media.track import Sample, Track, TrackType
from onvif_bmff.objects.events import RecordingEvent
from onvif_bmff.recording.encryption import encryption_fault, trouble_of
from onvif_bmff.recording.preroll import PreRoll
from onvif_bmff.recording.recorder import Recorder
from onvif_bmff.recording.segment_attributes import SegmentLabels
from onvif_bmff.timing import UtcTime

__all__ = ["RecordingOutput", "encoding_name"]

_log = logging.getLogger("onvif_bmff.control")

Accepts = Callable[[str, str, str, str], bool]
"""Asks the service whether (job, track, type, encoding) may be stored: `EngineSide.report_encoding`."""
Report = Callable[[str, RecordingJobState, str | None], None]
"""Tells the state of a track, and for an error what is wrong."""


class RecordingOutput:
    """Records what a plan says, from sources that come and go.

    Each method returns the events that it caused. Recording begins when all sources that feed it are open, or
    ``source_patience`` after the first; it begins anew, in new spans, when the set of its tracks or their sources
    changes, and goes on undisturbed when only the job is another one. Segments during which an event had a job record
    are labelled with its topic (B.9, EventTopic).

    Args:
        plan: what to do.
        accepts: asked before anything of a track is recorded.
        report: told of track states.
        labels: of all objects.
        ivs: initialisation vectors, shared by all that use a key.
        preroll_bytes: bounds what is kept for events, for each source.
        event_latency: how long after it happened an event may still come, so that nothing of its Before is lost; so
            much more than Before is kept. Analytics take their time.
        source_patience: how much of the first source's media may pass before recording begins without the others.
    """

    def __init__(
        self,
        plan: OutputPlan,
        accepts: Accepts,
        report: Report,
        *,
        labels: SegmentLabels = SegmentLabels(),  # noqa: B008
        ivs: IvSources | None = None,
        preroll_bytes: int = 64 << 20,
        event_latency: timedelta = timedelta(seconds=2),
        source_patience: timedelta = timedelta(seconds=2),
    ) -> None:
        self._plan = plan
        self._accepts = accepts
        self._report = report
        self._labels = labels
        self._ivs = ivs
        self._preroll_bytes = preroll_bytes
        self._event_latency = event_latency
        self._source_patience = source_patience
        self._topics = SegmentTopics()
        self._sources: dict[SourceReference, OpenSource] = {}
        self._failed: set[SourceReference] = set()
        self._recorder: Recorder | None = None
        self._base = UtcTime(0)
        self._leading: SourceReference | None = None
        self._refused = False
        self._faults: dict[str, str] = {}
        self._hopeless = False
        self._paused = False
        self._trouble: str | None = None
        self._waiting: UtcTime | None = None
        self._first: UtcTime | None = None
        self._begun: UtcTime | None = None
        self._until: UtcTime | None = None
        self._seen: dict[str, str | None] = {}  # what is wrong with the keys of a track that is recorded

    @property
    def recording(self) -> bool:
        """Whether a recorder is active."""
        return self._recorder is not None

    # ---- what is wanted --------------------------------------------------------------------------------------

    def configure(self, plan: OutputPlan) -> Sequence[RecordingEvent]:
        """Follow another plan."""
        old, self._plan = self._plan, plan
        before = {token: (feed.source, feed.source_tag) for token, feed in old.feeds.items()}
        after = {token: (feed.source, feed.source_tag) for token, feed in plan.feeds.items()}
        self._failed &= plan.sources
        self._hopeless = False
        recorder = self._recorder
        same_tracks = before == after and old.tracks == plan.tracks
        if not same_tracks or (self._refused and (old.feeds != plan.feeds or old.target != plan.target)):
            events = self._stop()
            self._keep_prerolls()
            return [*events, *self._start()]
        if recorder is not None:
            if old.target != plan.target or (old.override is not None and plan.override is None):
                recorder.reconfigure(plan.target)
            if plan.override is not None and (plan.override != old.override or old.target != plan.target):
                recorder.override_segment_duration(*plan.override)
            self._topics.follow(plan)
        self._keep_prerolls()
        return ()

    # ---- what the sources do ---------------------------------------------------------------------------------

    def source_opened(self, source: SourceReference, tracks: Iterable[Track], epoch: UtcTime) -> list[RecordingEvent]:
        """Take a source up. Its media time 0 happens at ``epoch``; ``tracks`` have its own numbers and tokens."""
        events: list[RecordingEvent] = []
        if source in self._sources:
            events += self.source_closed(source)
        self._failed.discard(source)
        self._hopeless = False
        self._sources[source] = OpenSource({track.track_id: track for track in tracks}, epoch)
        if self._recorder is not None and any(feed.source == source for feed in self._plan.feeds.values()):
            events += self._stop()  # the movie gets more tracks: all spans close (B.2)
        self._keep_prerolls()
        events += self._start()
        return events

    def source_closed(self, source: SourceReference, error: str | None = None) -> list[RecordingEvent]:
        """Take note that a source has ended, or with ``error`` that it failed or cannot be opened."""
        events: list[RecordingEvent] = []
        if source in self._sources and self._sources[source].ways:
            events += self._stop()
        self._sources.pop(source, None)
        self._failed.add(source)
        self._hopeless = False
        for token, feed in self._plan.feeds.items():
            if feed.source == source:
                self._say(token, RecordingJobState.ERROR if error else RecordingJobState.IDLE, error)
        self._keep_prerolls()
        events += self._start()
        return events

    def set_epoch(self, source: SourceReference, epoch: UtcTime) -> None:
        """Take note that a clock was set: a source's media time 0 happens at another instant than was thought.

        From the next sync sample on there are new spans, with the new time. What was kept for events stays.
        """
        found = self._sources.get(source)
        if found is None or found.epoch == epoch:
            return
        by = epoch - found.epoch
        found.epoch = epoch
        self._until = self._begun = self._waiting = None
        if self._recorder is not None and source == self._leading:  # the others are reckoned from it
            self._base = epoch
            self._first = self._first and self._first + by
            self._recorder.set_clock(epoch, Fraction(0))

    def push(self, source: SourceReference, sample: Sample) -> Sequence[RecordingEvent]:
        """Take a sample, with the times and track numbers of its source."""
        found = self._sources.get(source)
        if found is None:
            return ()
        if found.preroll is not None:
            found.preroll.push(sample)
        if self._recorder is None:
            return self._start(found.decoded_at(sample))
        way = found.ways.get(sample.track_id)
        return () if way is None else self._store(self._recorder, way, sample)

    def change_codec(self, source: SourceReference, track_id: int, codec: Codec) -> Sequence[RecordingEvent]:
        """Take note that the samples of a source's track that follow need another codec configuration."""
        found = self._sources.get(source)
        if found is None or track_id not in found.tracks:
            return ()
        old = found.change_codec(track_id, codec)
        way = found.ways.get(track_id)
        recorder = self._recorder
        if recorder is None:
            self._hopeless = False  # tried with the next sample
            return ()
        if way is None:
            fed = tracks_fed_by(found, source, track_id, self._plan)
            if not any(self._admits(token, kind, feed, codec) for token, kind, feed in fed):
                return ()
        if way is None or encoding_name(codec) != encoding_name(old.codec):
            return [*self._stop(), *self._start()]
        recorder.replace_track(Track(way.token, way.track_id, old.timescale, codec, old.language))
        return ()

    # ---- what the store does ---------------------------------------------------------------------------------

    def skip(self) -> Sequence[RecordingEvent]:
        """Samples are missing from here on, for want of time or room: close the spans, and go on in new ones."""
        return [*self._stop(), *self._start()]

    def pause(self, error: str) -> Sequence[RecordingEvent]:
        """Stop recording because of an error, until `resume`. What comes meanwhile is kept as before an event."""
        events = self._stop()
        self._paused = True
        _log.warning("recording to %r pauses: %s", self._plan.target.prefix, error)
        self._keep_prerolls()
        self.set_trouble(error)
        return events

    def resume(self) -> Sequence[RecordingEvent]:
        """Try again."""
        self._paused = False
        return self._start()

    def set_trouble(self, error: str | None) -> None:
        """Show an error in the state of all tracks that are fed, or with None that all is well again."""
        if error == self._trouble:
            return
        self._trouble = error
        for token in self._plan.feeds:
            known = error if error is not None else self._faults.get(token)
            if known is not None:
                self._report(token, RecordingJobState.ERROR, known)
            elif token in self._seen:
                self._report(token, *recorded_state(self._seen[token]))
            else:
                self._report(token, RecordingJobState.IDLE, None)

    def close(self) -> Sequence[RecordingEvent]:
        """Stop for good."""
        return self._stop()

    # ---- recording -------------------------------------------------------------------------------------------

    def _start(self, now: UtcTime | None = None) -> Sequence[RecordingEvent]:
        """Begin to record, if there is anything to record and nothing to wait for."""
        feeds = self._plan.feeds
        if self._recorder is not None or self._paused or self._hopeless or not feeds:
            return ()
        wanted = {feed.source for feed in feeds.values()}
        ready = wanted & self._sources.keys()
        if not ready:
            return ()
        if wanted - ready - self._failed:
            if now is not None:
                self._waiting = self._waiting or now
            if now is None or self._waiting is None or now - self._waiting < self._source_patience:
                return ()
        self._waiting = None
        tracks = self._tracks(ready)
        if not tracks:
            self._hopeless = True  # until the plan or the sources change
            return ()
        lead = min(tracks, key=lambda track: list(TrackType).index(track.type))
        self._leading = next(r for r, s in self._sources.items() for w in s.ways.values() if w.token == lead.token)
        self._base = self._sources[self._leading].epoch
        for source in self._sources.values():
            late = source.epoch.microseconds_since(self._base)
            for way in source.ways.values():
                way.shift = late * way.timescale // 1_000_000
        recorder = Recorder(tracks, self._plan.target, labels=self._labels, ivs=self._ivs)
        recorder.activate(self._base, media_time=Fraction(0))
        if self._plan.override is not None:
            recorder.override_segment_duration(*self._plan.override)
        self._recorder = recorder
        self._topics.follow(self._plan)
        self._first = None
        events = self._replay(recorder)
        self._keep_prerolls()
        return events

    def _tracks(self, ready: set[SourceReference]) -> list[Track]:
        """Choose the tracks that can be recorded now, and lay the ways into them."""
        found: list[Track] = []
        self._refused = False
        self._faults.clear()
        for source in self._sources.values():
            source.ways.clear()
        for number, (token, kind) in enumerate(self._plan.tracks, 1):
            feed = self._plan.feeds.get(token)
            if feed is None or feed.source not in ready:
                continue
            source = self._sources[feed.source]
            given = pick_track(source, kind, feed)
            if given is None:
                continue
            if not self._admits(token, kind, feed, given.codec):
                self._refused = True
                continue
            source.ways[given.track_id] = Way(token, number, 0, given.timescale)
            found.append(Track(token, number, given.timescale, given.codec, given.language))
        return found

    def _admits(self, token: str, kind: str, feed: Feed, codec: Codec) -> bool:
        """Whether a track can be recorded; if not, its state says why."""
        self._faults.pop(token, None)
        if not self._accepts(feed.job, token, kind, encoding_name(codec)):
            return False
        fault = encryption_fault(self._plan.target.encryption, token, codec)
        if fault is None:
            return True
        self._faults[token] = str(fault)  # never in the clear, and no reason to lose the other tracks
        _log.error("track %s is not recorded: %s", token, fault)
        self._say(token, RecordingJobState.ERROR, str(fault))
        return False

    def _replay(self, recorder: Recorder) -> Sequence[RecordingEvent]:
        """Record what was kept from before, from the last sync sample at or before the wanted instant."""
        since = [feed.since for feed in self._plan.feeds.values() if feed.since is not None]
        start = min(since, default=None)
        if self._until is not None:
            start = self._until if start is None or start < self._until else start
        kept = since_sync(kept_samples(self._sources.values()), start, after=self._begun)
        events: list[RecordingEvent] = []
        for one in kept:
            way = one.source.ways.get(one.sample.track_id)
            if way is not None:
                events += self._store(recorder, way, one.sample)
        return events

    def _store(self, recorder: Recorder, way: Way, sample: Sample) -> Sequence[RecordingEvent]:
        time = sample.decode_time + way.shift
        shown = time + sample.composition_offset
        way.end = max(way.end or shown, shown + sample.duration)
        if way.token not in self._seen:
            self._seen[way.token] = None
            if self._first is None:
                self._first = self._base.plus_ticks(shown, way.timescale)
            if self._trouble is None:
                self._report(way.token, RecordingJobState.ACTIVE, None)
        events = recorder.push(
            Sample(way.track_id, time, sample.duration, sample.data, sample.sync, sample.composition_offset)
        )
        if not events:
            return events
        self._tell_of_keys()
        return self._topics.label(events)

    def _tell_of_keys(self) -> None:
        """Show in the state of each track that is recorded whom its key is not wrapped for."""
        for token, said in self._seen.items():
            text = trouble_of(self._plan.target.encryption, token)
            if text != said:
                self._seen[token] = text
                self._say(token, *recorded_state(text))

    def _stop(self) -> Sequence[RecordingEvent]:
        recorder, self._recorder = self._recorder, None
        if recorder is None:
            return ()
        events = self._topics.label(recorder.deactivate())
        ends = [end for source in self._sources.values() for end in source.leave_ways(self._base)]
        self._until = max(ends, default=self._until)
        self._begun = self._first
        for token in self._seen:
            if self._trouble is None and token in self._plan.feeds:
                self._report(token, RecordingJobState.IDLE, None)
        self._seen.clear()
        return events

    def _say(self, token: str, state: RecordingJobState, error: str | None) -> None:
        if self._trouble is None:
            self._report(token, state, error)

    def _keep_prerolls(self) -> None:
        """See that each source is buffered as long as something may be wanted of it later, and no longer."""
        plan = self._plan
        for reference, source in self._sources.items():
            waiting = [one.before for one in plan.standby if one.source == reference]
            before = max(waiting) + self._event_latency if waiting else None
            if before is None and self._recorder is None and plan.feeds:
                since = [feed for feed in plan.feeds.values() if feed.source == reference]
                before = timedelta(0) if since else None
            if before is None:
                source.preroll = None
            elif source.preroll is None:
                source.preroll = PreRoll(tuple(source.tracks.values()), before, max_bytes=self._preroll_bytes)
            else:
                source.preroll.keep(before if waiting else max(before, source.preroll.before))
