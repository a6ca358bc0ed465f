"""The open sources of an output: the times of their samples, and which of the kept samples are recorded."""

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from fractions import Fraction

from onvif_bmff.control.plan import Feed, Standby
from onvif_bmff.control.types.common import SourceReference
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

_SILENT = timedelta(seconds=10)
"""How long a track may give nothing until it is silent, however close its samples were."""
_DOCUMENTS = timedelta(seconds=60)
"""How long documents may stay away at most, however rare they were."""
_ASKED = timedelta(seconds=5)
"""What one question adds to a silence at most."""
_SET_BACK = timedelta(seconds=10)
"""By how much what was recorded may end behind all that is kept, before that means that a clock was set back."""
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

    ``shift`` is added to their times; ``end`` is the presentation end of the latest of them, ``count`` how many came.
    ``sparse``: they are documents.
    """

    token: str
    track_id: int
    shift: int
    timescale: int
    sparse: bool = False
    end: int | None = None
    count: int = 0
    _counted: int = 0
    _heard: bool = False
    _asked: UtcTime | None = None
    _silent: timedelta = timedelta(0)
    _rhythm: timedelta = timedelta(0)

    def silence(self, now: UtcTime) -> timedelta | None:
        """Return for how long nothing came if that is long, by the times at which this is asked; else None.

        That is ten seconds, or three times as long as samples of the track were apart (documents: a minute at most).
        """
        passed = timedelta(0) if self._asked is None else min(max(now - self._asked, timedelta(0)), _ASKED)
        self._asked, self._silent = now, self._silent + passed  # a clock that is set adds little
        if self.count != self._counted:
            if self._heard:
                self._rhythm = self._silent
            self._counted, self._heard, self._silent = self.count, True, timedelta(0)
        if not self._heard:
            return None
        allowed = min(3 * self._rhythm, _DOCUMENTS) if self.sparse else 3 * self._rhythm
        return self._silent if self._silent > max(_SILENT, allowed) else None


@dataclass(slots=True)
class OpenSource:
    """A source that is open. Media time 0 of all its tracks happens at ``epoch``."""

    tracks: dict[int, Track]
    epoch: UtcTime
    preroll: PreRoll | None = None
    routes: dict[int, Route] = field(default_factory=dict)

    @property
    def is_fresh(self) -> bool:
        """Whether none of its samples is recorded yet."""
        return all(route.end is None for route in self.routes.values())

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

    def leave_routes(self) -> list[UtcTime]:
        """Remove all routes, and return where the samples of each ended."""
        if self.preroll is not None:
            self.preroll.mark_recorded(self.routes)
        ends = [
            self.epoch.plus_ticks(route.end - route.shift, route.timescale)
            for route in self.routes.values()
            if route.end is not None
        ]
        self.routes.clear()
        return ends

    def missing(self, since: UtcTime) -> int:
        """Return how many samples shown from ``since`` on could not be kept."""
        if self.preroll is None:
            return 0
        return self.preroll.missing(Fraction(since.microseconds_since(self.epoch), 1_000_000))

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
    """A sample that was kept for events, with its source and both of its times; it may be ``recorded`` already."""

    decoded: UtcTime
    shown: UtcTime
    source: OpenSource
    sample: Sample
    recorded: bool = False

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
        self._lead_track: int | None = None

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

    def lead(self, token: str, dated: Callable[[UtcTime], UtcTime] = lambda epoch: epoch) -> UtcTime:
        """Count all times from media time 0 of the source that feeds a track, and return its instant.

        ``dated`` corrects that; all sources are moved by as much.
        """
        leading = ((r, n) for r, s in self.opened.items() for n, one in s.routes.items() if one.token == token)
        self.leading, self._lead_track = next(leading, (None, None))
        if self.leading is None:
            raise InvariantError(f"no source feeds the leading track {token}")
        before = self.opened[self.leading].epoch
        base = dated(before)
        for source in self.opened.values():
            source.epoch += base - before
            late = source.epoch.microseconds_since(base)
            for route in source.routes.values():
                route.shift = late * route.timescale // 1_000_000
        return base

    def leads(self, reference: SourceReference, sample: Sample) -> bool:
        """Return whether a sample is one of the track that leads the recording."""
        return reference == self.leading and sample.track_id == self._lead_track

    def silent(self, now: UtcTime) -> dict[int, timedelta]:
        """Return the tracks that give nothing any more, and for how long, as far as this is asked every few seconds."""
        routes = [route for source in self.opened.values() for route in source.routes.values()]
        found = {route.track_id: route.silence(now) for route in routes}
        return {track_id: silence for track_id, silence in found.items() if silence is not None}

    def shortfall(self, since: UtcTime | None) -> int:
        """Return how many samples of the recorded sources are missing from ``since`` on for want of room."""
        if since is None:
            return 0
        recorded = [source for source in self.opened.values() if source.preroll is not None and source.routes]
        return sum(source.missing(since) for source in recorded)

    def leave_out(
        self, tracks: Iterable[tuple[str, str]], feeds: Mapping[str, Feed], before: Mapping[str, Feed]
    ) -> None:
        """Leave out what is kept of tracks that are fed from now on, but were not ``before``, unless for an event.

        Otherwise a job without an event would record what happened before it began, where another one waits for events.
        """
        all_tracks = tuple(tracks)
        for reference, source in self.opened.items():
            if source.preroll is None:
                continue
            for track_id in source.tracks:
                fed = [feed for _, _, feed in tracks_fed_by(source, reference, track_id, all_tracks, feeds)]
                of_events = any(feed.since is not None or feed.before is not None for feed in fed)
                known = any(tracks_fed_by(source, reference, track_id, all_tracks, before))
                if fed and not of_events and not known:
                    source.preroll.leave_out(track_id)

    def kept_since(
        self, since: UtcTime | None, begin: UtcTime | None, end: UtcTime | None
    ) -> Iterator[tuple[Route, Sample]]:
        """Yield kept samples that are to be recorded from an instant on, or from the beginning, with their routes.

        What was recorded before them lasted from ``begin`` to ``end``.
        """
        kept = kept_samples(self.opened.values())
        newest = max((one.shown for one in kept), default=end)
        is_before = end is not None and newest is not None and end - newest <= _SET_BACK
        if end is not None and is_before and not any(one.recorded for one in kept):  # of other sources than that
            since = end if since is None else max(since, end)
        for one in since_sync(kept, since, after=begin):
            route = one.source.routes.get(one.sample.track_id)
            if route is not None:
                yield route, one.sample

    def clear_routes(self) -> None:
        """Remove all routes."""
        for source in self.opened.values():
            source.routes.clear()

    def leave_routes(self) -> list[UtcTime]:
        """Remove all routes, and return where the samples of each ended."""
        return [end for source in self.opened.values() for end in source.leave_routes()]

    def keep_prerolls(self, feeds: Collection[Feed], standby: Collection[Standby], *, recording: bool) -> None:
        """Buffer each source as long as an event may need it, and no longer."""
        for reference, source in self.opened.items():
            waiting = [one.before for one in standby if one.source == reference]
            feeding = [feed.before for feed in feeds if feed.source == reference]
            waiting += [before for before in feeding if before is not None]
            before = max(waiting) + self._event_latency if waiting else None
            if before is None and not recording and any(feed.source == reference for feed in feeds):
                before = timedelta(0)
            if before is None:
                source.preroll = None
            elif source.preroll is None:
                source.preroll = PreRoll(tuple(source.tracks.values()), before, max_bytes=self._preroll_bytes)
            else:
                source.preroll.keep(before if waiting else max(before, source.preroll.before))


def kept_samples(sources: Iterable[OpenSource]) -> list[KeptSample]:
    """Return the kept samples of the recorded sources; those of several in order of decoding."""
    recorded = [source for source in sources if source.preroll is not None and source.routes]
    kept = [
        KeptSample(source.decoded_at(sample), source.shown_at(sample), source, sample, again)
        for source in recorded
        if source.preroll is not None
        for sample, again in source.preroll.kept()
    ]
    if len(recorded) > 1:
        kept.sort(key=lambda one: one.decoded.microseconds)
    return kept


def since_sync(kept: list[KeptSample], since: UtcTime | None, *, after: UtcTime | None = None) -> list[KeptSample]:
    """Return the samples to record from the last sync sample on that is shown by ``since``, else from the first one.

    The sync sample is one of video if there is video, and no picture before it is shown later than ``since``: a clock
    may have been set back. What is recorded already is left out, but where that ended in the middle of a group of
    pictures: then the group is there again, unless it began at or before ``after``.
    """
    video = any(one.is_video for one in kept)
    leads = [one for one in kept if not video or one.is_video]
    fresh = next((at for at, one in enumerate(leads) if not one.recorded), len(leads))
    syncs = [at for at, one in enumerate(leads) if one.sample.sync]
    begin = max((at for at in syncs if at <= fresh), default=None)
    if begin is None or fresh == len(leads):
        return [one for one in kept if not one.recorded]
    goes_on = fresh > 0
    late = next((at for at, one in enumerate(leads) if since is None or one.shown > since), len(leads))
    wanted = [at for at in syncs if at < late]
    if wanted and max(wanted) > begin:
        begin, goes_on = max(wanted), False
    if begin < fresh and after is not None and leads[begin].shown <= after:
        begin = min((at for at in syncs if at > fresh), default=fresh)
    first, lead_ids = leads[begin].decoded, {id(one) for one in leads[begin:]}
    every = {id(one) for one in leads}
    return [
        one
        for one in kept
        if id(one) in lead_ids or (id(one) not in every and not one.recorded and (goes_on or one.decoded >= first))
    ]


def pick_track(source: OpenSource, kind: str, feed: Feed) -> Track | None:
    """Return the track of a source for a tag: the one of that token, else the first of the type."""
    found = [track for track in source.tracks.values() if track.type.value == kind]
    return next((track for track in found if track.token == feed.source_tag), found[0] if found else None)


def tracks_fed_by(
    found: OpenSource,
    source: SourceReference,
    track_id: int,
    tracks: Iterable[tuple[str, str]],
    feeds: Mapping[str, Feed],
) -> Iterator[tuple[str, str, Feed]]:
    """Return the tracks of a recording that a source's track is meant for: token, type and feed."""
    for token, kind in tracks:
        feed = feeds.get(token)
        if feed is not None and feed.source == source:
            track = pick_track(found, kind, feed)
            if track is not None and track.track_id == track_id:
                yield token, kind, feed
