"""The engine's core: turns plans of the service and samples of sources into events of a recorder.

::

    OutputPlan ──────────┐
    sources open, close ─┼─► RecordingOutput ─► PreRoll ─► Recorder ─► events, for a store
    samples ─────────────┘            └─► track states, for the service

There is no I/O, thread or clock here; one ``RecordingOutput`` is used by one thread at a time.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from functools import partial

from onvif_bmff.cenc.encrypt import IvSources
from onvif_bmff.control.types.common import SourceReference
from onvif_bmff.control.types.job_state import RecordingJobState
from onvif_bmff.engine.arrivals import media_epoch
from onvif_bmff.engine.output_state import TRANSITIONS, OutputEvent, OutputState, OutputTimes
from onvif_bmff.engine.paused import WHILE_PAUSED, PausedMedia
from onvif_bmff.engine.sources import OpenSource, Route, SourceSet, encoding_name, tracks_fed_by
from onvif_bmff.engine.targets import OutputPlan
from onvif_bmff.engine.topics import SegmentTopics
from onvif_bmff.engine.track_choice import Accepts, TrackChoice
from onvif_bmff.engine.track_reports import Report, TrackReports
from onvif_bmff.errors import InvariantError
from onvif_bmff.media.clock_reading import ClockReading
from onvif_bmff.media.codec import Codec
from onvif_bmff.media.track import Sample, Track, lead_of
from onvif_bmff.objects.events import RecordingEvent
from onvif_bmff.recording.recorder import Recorder
from onvif_bmff.recording.segment_labels import SegmentLabels
from onvif_bmff.timing import UtcTime

__all__ = ["RecordingOutput", "encoding_name"]

_log = logging.getLogger(__name__)

_IN_STEP = timedelta(seconds=1)
_STEP = 10
"""Seconds by which a source's time goes back that was set, and no order of pictures."""
_LONGEST_END = timedelta(seconds=30)
_MAY_START = {OutputState.IDLE, OutputState.WAITING}


class RecordingOutput:
    """Records what a plan says, from sources that come and go.

    Each method returns the events that it caused. Recording begins when all sources that feed it are open, or
    ``source_patience`` after the first; it begins anew, in new spans, when the set of its tracks or their sources
    changes, and goes on undisturbed when only the job is another one. When an event is over whose job has a Before, it
    goes on to the next sync sample, so that what the next event wants begins where this one ended. Segments recorded
    while an event kept the job active are labelled with its topic (B.9, EventTopic). ``OutputState`` has its states.

    Args:
        plan: the plan to follow.
        accepts: asked before anything of a track is recorded.
        report: called with the states of tracks.
        labels: of all objects.
        ivs: initialisation vectors, shared by all that use a key.
        preroll_bytes: limit in bytes of what each source keeps for events.
        event_latency: how late an event may arrive, as from analytics, without a loss of its Before: so much more than
            Before is kept.
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
        self._make_recorder = partial(Recorder, labels=labels, ivs=ivs)
        self._source_patience = source_patience
        self._topics = SegmentTopics()
        self._sources = SourceSet(preroll_bytes, event_latency)
        self._reports = TrackReports(report)
        self._choice = TrackChoice(accepts, self._reports)
        self.state = OutputState.IDLE
        self._times = OutputTimes()
        self._recorder: Recorder | None = None
        self._ending: OutputPlan | None = None
        self._paused = PausedMedia(self._sources)

    @property
    def recording(self) -> bool:
        """Whether a recorder is active."""
        return self._recorder is not None

    @property
    def dropped(self) -> Counter[str]:
        """Samples that recorders took and did not write, by ``DropReason``, since the output was made."""
        before = self._reports.dropped
        return before if self._recorder is None else before + self._recorder.dropped

    def _enter(self, event: OutputEvent) -> None:
        self.state = TRANSITIONS[self.state].get(event, self.state)
        if (self.state is OutputState.RECORDING) != (self._recorder is not None):
            raise InvariantError(f"{self.state} after {event}, {'with' if self._recorder else 'without'} a recorder")

    # ---- plan ------------------------------------------------------------------------------------------------

    def configure(self, plan: OutputPlan) -> Sequence[RecordingEvent]:
        """Follow another plan."""
        old, self._plan = self._ending or self._plan, plan
        self._sources.failed &= plan.sources
        self._sources.leave_out(plan.tracks, plan.feeds, old.feeds)
        self._enter(OutputEvent.CHANGED)
        recorder = self._recorder
        self._ending = old if recorder is not None and plan.is_after_event(old) else None
        if self._ending is not None:
            self._keep_prerolls()
            return ()
        self._times.ending_since = None  # another event goes on
        if not plan.has_tracks_of(old) or (
            self._choice.some_refused and (old.feeds != plan.feeds or old.target != plan.target)
        ):
            events = self._stop()
            self._keep_prerolls()
            return self._start(after=events)
        if recorder is not None:
            if old.target != plan.target or (old.override is not None and plan.override is None):
                recorder.reconfigure(plan.target)
            if plan.override is not None and (plan.override != old.override or old.target != plan.target):
                recorder.override_segment_duration(*plan.override)
            self._topics.follow(plan)
        self._keep_prerolls()
        return ()

    # ---- sources --------------------------------------------------------------------------------------------

    def source_opened(self, source: SourceReference, tracks: Iterable[Track], epoch: UtcTime) -> list[RecordingEvent]:
        """Record from a source.

        Its media time 0 happens at ``epoch``; ``tracks`` have its own numbers and tokens.
        """
        events: list[RecordingEvent] = []
        if source in self._sources.opened:
            events += self.source_closed(source)
        self._sources.open(source, tracks, epoch)
        self._enter(OutputEvent.CHANGED)
        if self._recorder is not None and any(feed.source == source for feed in self._plan.feeds.values()):
            events += self._stop()  # the movie gets more tracks: all spans close (B.2)
        self._keep_prerolls()
        return self._start(after=events)

    def source_closed(self, source: SourceReference, error: str | None = None) -> list[RecordingEvent]:
        """Note that a source has ended, or with ``error`` that it failed or cannot be opened."""
        events = self._stop() if self._sources.is_recorded(source) else ()
        self._sources.close(source)
        self._enter(OutputEvent.CHANGED)
        for token, feed in self._plan.feeds.items():
            if feed.source == source:
                self._reports.report(token, RecordingJobState.ERROR if error else RecordingJobState.IDLE, error)
        self._keep_prerolls()
        return self._start(after=events)

    def set_epoch(self, source: SourceReference, epoch: UtcTime) -> None:
        """Correct the instant of a source's media time 0, after a clock was set.

        New spans with the new time begin at the next sync sample. Samples kept for events stay.
        """
        found = self._sources.opened.get(source)
        if found is not None and found.epoch != epoch:
            self._times.forget()
            self._redate(source, found, epoch)

    def _redate(self, source: SourceReference, found: OpenSource, epoch: UtcTime) -> None:
        by, times = epoch - found.epoch, self._times
        found.epoch = epoch
        if self._recorder is not None and source == self._sources.leading:  # the others are counted from it
            times.base = epoch
            times.began = times.began and times.began + by
            self._recorder.set_clock(epoch, Fraction(0))

    def read_clock(self, source: SourceReference, reading: ClockReading) -> Sequence[RecordingEvent]:
        """Take a reading of a source's clock: before its first sample it holds from the beginning.

        Later on that of the leading source is the recorder's to follow (``Recorder.read_clock``), and new spans begin
        if it is off by more than 100 ms for five seconds; of another source, if it is off by a second.
        """
        found = self._sources.opened.get(source)
        if found is None:
            return ()
        epoch, old = media_epoch(reading), found.epoch
        if found.preroll is not None:
            found.preroll.redate(Fraction(old.microseconds_since(epoch), 1_000_000))
        leads = source == self._sources.leading and self._sources.is_recorded(source)
        if leads and found.is_fresh:
            if abs(epoch - old) > _IN_STEP:
                self._times.forget()
            self._redate(source, found, self._times.not_overlapping(epoch))
            return ()
        found.epoch = epoch
        if leads and self._recorder is not None:
            route = None if reading.track_id is None else found.routes.get(reading.track_id)
            return self._recorder.read_clock(replace(reading, track_id=None if route is None else route.track_id))
        if self._sources.is_recorded(source) and abs(epoch - old) > _IN_STEP:
            return self._start(after=self._stop())
        return ()

    def push(self, source: SourceReference, sample: Sample) -> Sequence[RecordingEvent]:
        """Take a sample, with the times and track numbers of its source.

        Raises ``MediaError`` if the source was opened without a track of that number; nothing has happened then. For
        other errors see ``Recorder.push``.
        """
        found = self._sources.opened.get(source)
        if found is None:
            return ()
        if self._ending is not None and sample.sync and self._sources.leads(source, sample):
            return [*self._end_event(), *self.push(source, sample)]
        if found.preroll is not None:
            found.preroll.push(sample)
        if self._recorder is None:
            self._paused.note(source, sample.track_id, self._plan)
            return self._start(found.decoded_at(sample))
        route = found.routes.get(sample.track_id)
        if route is not None:
            return self._store(self._recorder, route, sample)
        found.track(sample.track_id)
        return ()

    def advance(self, now: UtcTime) -> Sequence[RecordingEvent]:
        """Do what is due at an instant even if no sample comes; all that came before has been pushed.

        An event that is over goes on for half a minute at most, should the sync sample for which it waits not come.
        The spans of a track that gives nothing any more, while others do, close when their segments are as long as
        configured.
        """
        if self._ending is not None and self._times.has_ended_for(now, _LONGEST_END):
            return self._end_event()
        silent = self._sources.silent(now)
        return () if self._recorder is None or not silent else self._topics.label(self._recorder.end_silent(silent))

    def change_codec(self, source: SourceReference, track_id: int, codec: Codec) -> Sequence[RecordingEvent]:
        """Change the codec configuration of a source's track, for the samples that follow."""
        found = self._sources.opened.get(source)
        if found is None or track_id not in found.tracks:
            return ()
        old = found.change_codec(track_id, codec)
        route = found.routes.get(track_id)
        recorder = self._recorder
        if recorder is None:
            self._enter(OutputEvent.CHANGED)  # tried with the next sample
            return ()
        if route is None:
            fed = tracks_fed_by(found, source, track_id, self._plan.tracks, self._plan.feeds)
            admitted = any(self._choice.admits(self._plan, token, kind, feed, codec) for token, kind, feed in fed)
            return self._start(after=self._stop()) if admitted else ()
        if encoding_name(codec) != encoding_name(old.codec):
            return self._start(after=self._stop())
        recorder.replace_track(Track(route.token, route.track_id, old.timescale, codec, old.language))
        return ()

    # ---- store ----------------------------------------------------------------------------------------------

    def skip(self) -> Sequence[RecordingEvent]:
        """Close the spans and continue in new ones, because samples were dropped here."""
        return self._start(after=self._stop())

    def pause(self, error: str) -> Sequence[RecordingEvent]:
        """Stop recording because of an error, until ``resume``; return also what was caused before that error.

        Samples are kept meanwhile as before an event; those for which there is no room are counted in ``dropped``.
        """
        events = [*self._paused.take_events(), *self._stop()]
        self._enter(OutputEvent.PAUSED)
        _log.warning("recording to %r pauses: %s", self._plan.target.prefix, error)
        self._keep_prerolls()
        self._paused.begin(self._plan)
        self.set_trouble(error)
        return events

    def resume(self) -> Sequence[RecordingEvent]:
        """Record again after ``pause``."""
        self._enter(OutputEvent.RESUMED)
        self._reports.drop(WHILE_PAUSED, self._paused.end(self._plan))
        return self._start()

    def set_trouble(self, error: str | None) -> None:
        """Show an error in the state of all tracks that are fed, or with None that all is well again."""
        self._reports.set_output_error(error, self._plan.feeds)

    def close(self) -> Sequence[RecordingEvent]:
        """Stop for good."""
        self._reports.drop(WHILE_PAUSED, self._paused.end(self._plan, recorded=False))
        return self._stop()

    # ---- recording -------------------------------------------------------------------------------------------

    def _start(self, now: UtcTime | None = None, *, after: Sequence[RecordingEvent] = ()) -> list[RecordingEvent]:
        """Start recording, and return the events of that ``after`` others, which ``pause`` returns if it fails."""
        try:
            return [*after, *self._begin(now)]
        except Exception:
            self._paused.events[:0] = after
            raise

    def _begin(self, now: UtcTime | None = None) -> Sequence[RecordingEvent]:
        """Start recording, if there is anything to record and nothing to wait for."""
        if self.state not in _MAY_START:
            return ()
        wanted = {feed.source for feed in self._plan.feeds.values()}
        ready = wanted & self._sources.opened.keys()
        if not ready:
            self._enter(OutputEvent.NO_SOURCE)
            return ()
        if wanted - ready - self._sources.failed and not self._times.have_waited(now, self._source_patience):
            self._enter(OutputEvent.SOURCE_MISSING)
            return ()
        times = self._times
        times.waiting_since = None
        tracks = self._choice.choose(self._plan, self._sources, ready)
        if not tracks:
            self._enter(OutputEvent.REFUSED)
            return ()
        lead = lead_of(tracks)
        times.base = self._sources.lead(lead.token, times.not_overlapping)
        recorder = self._make_recorder(tracks, self._plan.target)
        recorder.activate(times.base, media_time=Fraction(0))
        if self._plan.override is not None:
            recorder.override_segment_duration(*self._plan.override)
        self._recorder = recorder
        self._enter(OutputEvent.STARTED)
        self._topics.follow(self._plan)
        times.began = None
        events = self._replay(recorder)
        self._keep_prerolls()
        return events

    def _replay(self, recorder: Recorder) -> Sequence[RecordingEvent]:
        """Record the samples kept from before, from the last sync sample at or before the wanted instant."""
        since = min((feed.since for feed in self._plan.feeds.values() if feed.since is not None), default=None)
        self._reports.note_shortfall(self._sources.shortfall(since))
        kept = list(self._sources.kept_since(since, self._times.previous_begin, self._times.previous_end))
        events: list[RecordingEvent] = []
        for number, (route, sample) in enumerate(kept, 1):
            try:
                events += self._store(recorder, route, sample)
            except Exception:
                self._reports.drop(WHILE_PAUSED, len(kept) - number)
                self._paused.events += events
                raise
        return events

    def _store(self, recorder: Recorder, route: Route, sample: Sample) -> Sequence[RecordingEvent]:
        time = sample.decode_time + route.shift
        shown = time + sample.composition_offset
        end, last = shown + sample.duration, route.end
        if last is None or end > last or end < last - _STEP * route.timescale:
            route.end = end
        route.count += 1
        if route.token not in self._reports.recorded:
            if self._times.began is None:
                self._times.began = self._times.base.plus_ticks(shown, route.timescale)
            self._reports.begin(route.token)
        events = recorder.push(
            Sample(route.track_id, time, sample.duration, sample.data, sample.sync, sample.composition_offset)
        )
        if not events:
            return events
        self._reports.update_keys(self._plan.target.encryption)
        return self._topics.label(events)

    def _end_event(self) -> Sequence[RecordingEvent]:
        """Stop before a sync sample what an event has kept going, and record what is wanted besides."""
        events = self._stop()
        self._keep_prerolls()
        return self._start(after=events)

    def _stop(self) -> Sequence[RecordingEvent]:
        recorder, self._recorder, self._ending = self._recorder, None, None
        if recorder is None:
            return ()
        self._enter(OutputEvent.STOPPED)
        events = self._topics.label(recorder.deactivate())
        self._reports.dropped += recorder.dropped
        self._times.end(self._sources.leave_routes())
        self._reports.end(self._plan.feeds)
        return events

    def _keep_prerolls(self) -> None:
        plan = self._plan
        self._sources.keep_prerolls(plan.feeds.values(), plan.standby, recording=self._recorder is not None)
