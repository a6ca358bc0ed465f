"""The loop of ``record`` over a live stream: opened again whenever it breaks off, recorded in spans of its own."""

import argparse
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from fractions import Fraction
from typing import TYPE_CHECKING

from onvif_bmff.cenc.encrypt import IvSources
from onvif_bmff.cli.live_options import stream_options
from onvif_bmff.cli.live_status import LiveStatus
from onvif_bmff.cli.signals import Interrupted, SignalGuard
from onvif_bmff.cli.terminal import complain
from onvif_bmff.cli.track_choice import check_encrypted_tracks, tracks_to_record
from onvif_bmff.demux.sample_tables import CodecChange
from onvif_bmff.engine import SourceClock
from onvif_bmff.errors import MediaError, OnvifBmffError, ProtectionError, SourceError
from onvif_bmff.media.clock_reading import ClockReading
from onvif_bmff.media.track import Sample, Track, lead_of
from onvif_bmff.objects.events import RecordingEvent
from onvif_bmff.recording.readings import ClockChoice
from onvif_bmff.recording.recorder import Recorder
from onvif_bmff.recording.segment_labels import SegmentLabels
from onvif_bmff.recording.target import RecordingTarget
from onvif_bmff.storage.sink import StoreSink
from onvif_bmff.timing import UtcTime

if TYPE_CHECKING:
    from onvif_bmff.rtsp import LiveSource

__all__ = ["LiveRecording"]

_FIRST_RETRY = 1.0
_MAX_RETRY = 30.0
_SHOWN_EVERY = 0.5
_GRACE, _MAX_LATE = 2.0, 60.0
"""Seconds beyond the duration after which the recording ends: of a stream that is silent for as long, and of any."""


class LiveRecording:
    """Records a stream until the duration is over, a signal comes, or, with ``--once``, it ends.

    ``failure`` is what could not be recorded, first of all; ``dropped`` counts samples by reason.

    Args:
        args: the arguments of the command.
        target: what is recorded how.
        ivs: source of initialisation vectors.
        status: shows what happens.
    """

    def __init__(
        self, args: argparse.Namespace, target: RecordingTarget, ivs: IvSources | None, status: LiveStatus
    ) -> None:
        self._args = args
        self._target = target
        self._ivs = ivs
        self._status = status
        self._options = stream_options(args)
        self._stop = threading.Event()
        self._over_at: float | None = None
        self._heard = 0.0
        self._end: UtcTime | None = None
        self.failure: Exception | None = None
        self.dropped: Counter[str] = Counter()

    def run(self, sink: StoreSink) -> None:
        """Record. Raises ``SourceError`` if the stream cannot be opened at first."""
        ticker = threading.Thread(target=self._tick, name="status", daemon=True)
        ticker.start()
        try:
            self._run(sink)
        finally:
            self._stop.set()
            ticker.join()
            self._status.clear()
        self._status.entered("ended")

    def _run(self, sink: StoreSink) -> None:
        from onvif_bmff.rtsp import open_live

        args = self._args
        signals: SignalGuard = args.signals
        delay, is_first = _FIRST_RETRY, True
        while not self._stop.is_set() and signals.number is None:
            self._status.entered("connecting" if is_first else "reconnecting")
            error: OnvifBmffError | None = None
            begins = is_first
            try:
                with signals.exposed():
                    source = open_live(args.input, self._options, stop=self._stop)
            except SourceError as failure:
                if is_first or args.once:
                    raise
                error = failure
            except Interrupted:
                return
            else:
                if is_first:
                    for text in source.left_out:
                        complain(f"{args.input.shown}: {text}")
                is_first, delay = False, _FIRST_RETRY
                try:
                    self._record(source, sink)
                except SourceError as failure:
                    error = failure
                except (MediaError, ProtectionError) as failure:  # other tracks than before, as after a new start
                    if begins or args.once:
                        raise
                    error = failure
                finally:
                    source.close()
            if args.once or self._stop.is_set() or signals.number is not None:
                self.failure = self.failure or (error if args.once else None)
                return
            why = "it has ended" if error is None else str(error)
            self._status.entered("reconnecting", why)
            complain(f"{why}; another try in {delay:g} s")
            for _ in signals.read(self._pause(delay)):
                pass
            delay = min(delay * 2, _MAX_RETRY)

    def _pause(self, seconds: float) -> Iterator[None]:
        self._stop.wait(seconds)
        yield

    def _tick(self) -> None:
        """Show the state; end a recording whose duration is over although nothing comes."""
        while not self._stop.wait(_SHOWN_EVERY):
            self._status.show()
            if self._over_at is not None and _is_over(time.monotonic(), self._over_at, self._heard):
                self._stop.set()

    # ---- one connection ----------------------------------------------------------------------------------------

    def _record(self, source: "LiveSource", sink: StoreSink) -> None:
        tracks = tracks_to_record(source, self._target.format, self._args.tracks)
        check_encrypted_tracks(self._args.encrypt_tracks, tracks)
        recorder = Recorder(tracks, self._target, labels=SegmentLabels(source=self._args.source), ivs=self._ivs)
        choice = ClockChoice(self._args.clock)
        session = _LiveSession(tracks, recorder, choice, self._status, name=self._args.input.shown)
        error: SourceError | None = None
        try:
            for item in self._args.signals.read(self._until_over(source.samples(), tracks, session)):
                try:
                    sink.add_all(session.take(item))
                except (MediaError, ProtectionError) as failure:
                    self._fail(failure)
        except SourceError as failure:
            error = failure
        try:
            sink.add_all(session.close())
        except OnvifBmffError as failure:
            self._fail(failure)
        self._fail(session.recorder.failure)
        self.dropped += session.recorder.dropped
        if error is not None:
            raise error

    def _fail(self, error: Exception | None) -> None:
        self.failure = self.failure or error

    def _until_over(
        self,
        items: "Iterator[Sample | CodecChange | ClockReading]",
        tracks: Sequence[Track],
        session: "_LiveSession",
    ) -> "Iterator[Sample | CodecChange | ClockReading]":
        """Pass items of the tracks on, until the duration is over since the first sample, interruptions included."""
        timescales = {track.track_id: track.timescale for track in tracks}
        lead, duration = lead_of(tracks).track_id, self._args.duration
        for item in items:
            self._heard = time.monotonic()
            if isinstance(item, ClockReading) or item.track_id not in timescales:
                if isinstance(item, ClockReading) and item.track_id in (None, *timescales):
                    yield item
                continue
            if duration is None or item.track_id != lead or not isinstance(item, Sample):
                yield item
            elif self._end is not None:
                if session.recorder.active and session.instant(item) >= self._end:
                    self._stop.set()
                    return
                yield item
            else:
                yield item  # which ties media time to UTC, if nothing did before
                if item.sync:
                    # Instants are whole microseconds: a sample that is one early is on time.
                    self._end = session.instant(item).plus_microseconds(duration // timedelta(microseconds=1) - 1)
                    self._over_at = self._heard + duration.total_seconds()


def _is_over(now: float, over_at: float, heard: float) -> bool:
    """Whether nothing is waited for any more, of a stream whose duration was over at an instant, if it was not late.

    ``heard`` is when the last item came. Streams come late, and what is late is waited for, but not for ever.
    """
    return now >= max(over_at, heard) + _GRACE or now >= over_at + _MAX_LATE


class _LiveSession:
    """What is recorded of one connection: by the camera's clock if that is to be believed, else by arrival."""

    def __init__(
        self, tracks: Sequence[Track], recorder: Recorder, choice: ClockChoice, status: LiveStatus, *, name: str
    ) -> None:
        self._tracks = {track.track_id: track for track in tracks}
        self._timescales = {track.track_id: track.timescale for track in tracks}
        self.recorder = recorder
        self._status = status
        self._name = name
        self._epoch, self._begin = UtcTime(time.time_ns() // 1000), time.monotonic()
        self._clock = SourceClock(choice, tracks, self._utc)
        self._anchor = self._epoch, Fraction(0)

    def take(self, item: "Sample | CodecChange | ClockReading") -> Sequence[RecordingEvent]:
        """Record an item; return the events."""
        if isinstance(item, ClockReading):
            return self._read(item)
        if isinstance(item, CodecChange):
            old = self._tracks[item.track_id]
            track = Track(old.token, old.track_id, old.timescale, item.codec, old.language)
            self._tracks[item.track_id] = track
            self.recorder.replace_track(track)
            return ()
        reading = self._clock.arrived(item, time.monotonic() - self._begin)
        events = () if reading is None else self._follow(reading)
        if not self.recorder.active:
            at, media_time = self._anchor
            self.recorder.activate(at, media_time=media_time)
            self._status.entered("recording")
        self._status.sample(self.instant(item), len(item.data))
        return [*events, *self.recorder.push(item)]

    def instant(self, sample: Sample) -> UtcTime:
        """Return when a sample is decoded, by what the recording of this connection began with."""
        at, media_time = self._anchor
        since = Fraction(sample.decode_time, self._timescales[sample.track_id]) - media_time
        return at.plus_microseconds(round(since * 1_000_000))

    def close(self) -> Sequence[RecordingEvent]:
        """End the recording of this connection; return the events."""
        return self.recorder.deactivate() if self.recorder.active else ()

    def _utc(self, arrival: float) -> UtcTime:
        return self._epoch.plus_microseconds(round(arrival * 1_000_000))

    def _read(self, reading: ClockReading) -> Sequence[RecordingEvent]:
        """Take a reading of the camera's clock; say once if it cannot be right."""
        found = self._clock.read(reading, self._utc(time.monotonic() - self._begin))
        if found is None:
            if self._clock.disbelieved == 1:
                complain(f"{self._name}: the camera's clock says {reading.utc.isoformat(0)}, and is not believed")
            return ()
        return self._follow(found)

    def _follow(self, reading: ClockReading) -> Sequence[RecordingEvent]:
        """Go by a reading: at first at once, later as the recorder does."""
        if not self.recorder.active:
            self._anchor = reading.utc, reading.media_time
            return ()
        at, media_time = self._anchor
        expected = at.plus_microseconds(round((reading.media_time - media_time) * 1_000_000))
        self._status.drift(Fraction(reading.utc.microseconds_since(expected), 1_000_000))
        return self.recorder.read_clock(reading)
