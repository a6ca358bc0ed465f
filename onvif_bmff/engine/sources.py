"""The open sources of an output: the times of their samples, and which of the kept samples are recorded."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta

from onvif_bmff.control.plan import Feed
from onvif_bmff.control.types.common import SourceReference
from onvif_bmff.engine.targets import OutputPlan
from onvif_bmff.errors import InvariantError, MediaError
from onvif_bmff.media.codec import Codec
from onvif_bmff.media.nal_family import nal_family_of
from onvif_bmff.media.track import Sample, Track, TrackType
from onvif_bmff.recording.preroll import PreRoll
from onvif_bmff.timing import UtcTime

__all__ = [
    "KeptSample",
    "OpenSource",
    "Route",
    "SourceSet",
    "encoding_name",
    "kept_samples",
    "pick_track",
    "since_sync",
    "tracks_fed_by",
]

_log = logging.getLogger(__name__)

_ENCODINGS = {"mp4a": "AAC", "ulaw": "G711", "alaw": "G711"}


def encoding_name(codec: Codec) -> str:
    """Return the stored name of a track's encoding (5.1): as in tt:VideoEncoding where that has one."""
    entry = codec.sample_entry()
    family = nal_family_of(entry)
    if family is not None and entry.type in family.own:
        return family.encoding
    return _ENCODINGS.get(entry.type, entry.type)


@dataclass(slots=True)
class Route:
    """The route of samples from a source's track into a track of the recording.

    ``shift`` is added to their times; ``end`` is the presentation end of the latest of them.
    """

    token: str
    track_id: int
    shift: int
    timescale: int
    end: int | None = None


@dataclass(slots=True)
class OpenSource:
    """A source that is open. Media time 0 of all its tracks happens at ``epoch``."""

    tracks: dict[int, Track]
    epoch: UtcTime
    preroll: PreRoll | None = None
    routes: dict[int, Route] = field(default_factory=dict)

    def change_codec(self, track_id: int, codec: Codec) -> Track:
        """Give a track another codec, and return the track as it was.

        Its kept samples are dropped: the new configuration can neither play them nor find their slice data to encrypt.
        """
        old = self.tracks[track_id]
        if codec != old.codec:
            self.tracks[track_id] = replace(old, codec=codec)
            lost = 0 if self.preroll is None else self.preroll.forget(track_id)
            if lost:
                _log.info("track %s has another codec: %d samples kept from before are dropped", old.token, lost)
        return old

    def leave_routes(self, base: UtcTime) -> list[UtcTime]:
        """Remove all routes, and return where the samples of each ended, with time 0 at ``base``."""
        ends = [base.plus_ticks(route.end, route.timescale) for route in self.routes.values() if route.end is not None]
        self.routes.clear()
        return ends

    def track(self, track_id: int) -> Track:
        """Return the track of a number.

        Raises:
            MediaError: the source has none.
        """
        found = self.tracks.get(track_id)
        if found is None:
            raise MediaError(f"the source has no track {track_id}")
        return found

    def decoded_at(self, sample: Sample) -> UtcTime:
        """Return the decode time of a sample; ``MediaError`` for an unknown track."""
        return self.epoch.plus_ticks(sample.decode_time, self.track(sample.track_id).timescale)

    def shown_at(self, sample: Sample) -> UtcTime:
        """Return the presentation time of a sample, which keys contain (B.4), and from which Before counts."""
        ticks = sample.decode_time + sample.composition_offset
        return self.epoch.plus_ticks(ticks, self.tracks[sample.track_id].timescale)


@dataclass(frozen=True, slots=True)
class KeptSample:
    """A sample that was kept for events, with its source and both of its times."""

    decoded: UtcTime
    shown: UtcTime
    source: OpenSource
    sample: Sample

    @property
    def is_video(self) -> bool:
        """Whether it is a picture."""
        return self.source.tracks[self.sample.track_id].type is TrackType.VIDEO


class SourceSet:
    """The sources of one output: those that are open, those that have failed, and the leading one.

    Args:
        preroll_bytes: limit in bytes of what each source keeps for events.
        event_latency: how late an event may arrive; so much more than Before is kept.
    """

    def __init__(self, preroll_bytes: int, event_latency: timedelta) -> None:
        self._preroll_bytes = preroll_bytes
        self._event_latency = event_latency
        self.opened: dict[SourceReference, OpenSource] = {}
        self.failed: set[SourceReference] = set()
        self.leading: SourceReference | None = None

    def open(self, reference: SourceReference, tracks: Iterable[Track], epoch: UtcTime) -> None:
        """Add an open source; its media time 0 happens at ``epoch``."""
        self.failed.discard(reference)
        self.opened[reference] = OpenSource({track.track_id: track for track in tracks}, epoch)

    def close(self, reference: SourceReference) -> None:
        """Note that a source has ended, or cannot be opened."""
        self.opened.pop(reference, None)
        self.failed.add(reference)

    def is_recorded(self, reference: SourceReference) -> bool:
        """Return whether samples of a source lead into a track of the recording."""
        return reference in self.opened and bool(self.opened[reference].routes)

    def lead(self, token: str) -> UtcTime:
        """Count all times from media time 0 of the source that feeds a track, and return its instant."""
        leading = (r for r, s in self.opened.items() for one in s.routes.values() if one.token == token)
        self.leading = next(leading, None)
        if self.leading is None:
            raise InvariantError(f"no source feeds the leading track {token}")
        base = self.opened[self.leading].epoch
        for source in self.opened.values():
            late = source.epoch.microseconds_since(base)
            for route in source.routes.values():
                route.shift = late * route.timescale // 1_000_000
        return base

    def clear_routes(self) -> None:
        """Remove all routes."""
        for source in self.opened.values():
            source.routes.clear()

    def leave_routes(self, base: UtcTime) -> list[UtcTime]:
        """Remove all routes, and return where the samples of each ended, with time 0 at ``base``."""
        return [end for source in self.opened.values() for end in source.leave_routes(base)]

    def keep_prerolls(self, plan: OutputPlan, *, recording: bool) -> None:
        """Buffer each source as long as an event may need it, and no longer."""
        for reference, source in self.opened.items():
            waiting = [one.before for one in plan.standby if one.source == reference]
            before = max(waiting) + self._event_latency if waiting else None
            if before is None and not recording and any(feed.source == reference for feed in plan.feeds.values()):
                before = timedelta(0)
            if before is None:
                source.preroll = None
            elif source.preroll is None:
                source.preroll = PreRoll(tuple(source.tracks.values()), before, max_bytes=self._preroll_bytes)
            else:
                source.preroll.keep(before if waiting else max(before, source.preroll.before))


def kept_samples(sources: Iterable[OpenSource]) -> list[KeptSample]:
    """Take the kept samples of the recorded sources, in order of decoding."""
    kept = [
        KeptSample(source.decoded_at(sample), source.shown_at(sample), source, sample)
        for source in sources
        if source.preroll is not None and source.routes
        for sample in source.preroll.release()
    ]
    kept.sort(key=lambda one: one.decoded.microseconds)
    return kept


def since_sync(kept: list[KeptSample], start: UtcTime | None, *, after: UtcTime | None = None) -> list[KeptSample]:
    """Return the samples from the last sync sample on that is shown at or before ``start``; all if there is none.

    That sync sample is one of video if there is video. If it is shown at or before ``after``, the first that is
    shown after ``start`` takes its place, or all samples after ``start`` if there is none.
    """
    video = any(one.is_video for one in kept)
    syncs = [one for one in kept if one.sample.sync and (not video or one.is_video)]
    before = [one for one in syncs if start is not None and one.shown <= start]
    if start is None or not before:
        return kept
    begin = max(before, key=lambda one: one.shown.microseconds)
    begins = begin.decoded
    if after is not None and begin.shown <= after:
        later = [one for one in syncs if one.shown > start]
        begins = min((one.decoded for one in later), default=start)
    return [one for one in kept if one.decoded >= begins]


def pick_track(source: OpenSource, kind: str, feed: Feed) -> Track | None:
    """Return the track of a source for a tag: the one of that token, else the first of the type."""
    found = [track for track in source.tracks.values() if track.type.value == kind]
    return next((track for track in found if track.token == feed.source_tag), found[0] if found else None)


def tracks_fed_by(
    found: OpenSource, source: SourceReference, track_id: int, plan: OutputPlan
) -> Iterator[tuple[str, str, Feed]]:
    """Return the tracks of a recording that a source's track is meant for: token, type and feed."""
    for token, kind in plan.tracks:
        feed = plan.feeds.get(token)
        if feed is not None and feed.source == source:
            track = pick_track(found, kind, feed)
            if track is not None and track.track_id == track_id:
                yield token, kind, feed
