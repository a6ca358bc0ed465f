"""Which tracks of open sources can be recorded now, and why not the others."""

import logging
from collections.abc import Callable

from onvif_bmff.control.plan import Feed
from onvif_bmff.control.types.common import SourceReference
from onvif_bmff.control.types.job_state import RecordingJobState
from onvif_bmff.engine.sources import Route, SourceSet, encoding_name, pick_track
from onvif_bmff.engine.targets import OutputPlan
from onvif_bmff.engine.track_reports import TrackReports
from onvif_bmff.errors import InvariantError
from onvif_bmff.media.codec import Codec
from onvif_bmff.media.track import Track, TrackType
from onvif_bmff.recording.encryption import encryption_fault

__all__ = ["Accepts", "TrackChoice"]

_log = logging.getLogger(__name__)

Accepts = Callable[[str, str, str, str], bool]
"""Asks the service whether (job, track, type, encoding) may be stored: ``DeviceSide.report_encoding``."""


class TrackChoice:
    """Chooses tracks; what cannot be recorded is reported, and ``some_refused`` then.

    Args:
        accepts: asked before anything of a track is recorded.
        reports: takes the reasons.
    """

    def __init__(self, accepts: Accepts, reports: TrackReports) -> None:
        self._accepts = accepts
        self._reports = reports
        self.some_refused = False

    def choose(self, plan: OutputPlan, sources: SourceSet, ready: set[SourceReference]) -> list[Track]:
        """Return the tracks that can be recorded from sources that are ready, and set the routes into them."""
        found: list[Track] = []
        self.some_refused = False
        self._reports.clear_track_errors()
        sources.clear_routes()
        for number, (token, kind) in enumerate(plan.tracks, 1):
            feed = plan.feeds.get(token)
            if feed is None or feed.source not in ready:
                continue
            source = sources.opened[feed.source]
            given = pick_track(source, kind, feed)
            if given is None:  # as one of Table 2; it was in Error while the source was away
                self._reports.report(token, RecordingJobState.IDLE, None)
                continue
            if not self.admits(plan, token, kind, feed, given.codec):
                self.some_refused = True
                continue
            taken = source.routes.get(given.track_id)
            if taken is not None:  # without a tag of its own, a second track of a type gets the only one there is
                self._reports.set_track_error(token, f"The source has one track for this and for {taken.token}")
                continue
            source.routes[given.track_id] = Route(token, number, 0, given.timescale, given.type is TrackType.METADATA)
            found.append(Track(token, number, given.timescale, given.codec, given.language))
        if len(found) != sum(len(source.routes) for source in sources.opened.values()):
            raise InvariantError("the tracks of a recording and the routes into them are not the same in number")
        return found

    def admits(self, plan: OutputPlan, token: str, kind: str, feed: Feed, codec: Codec) -> bool:
        """Return whether a track can be recorded; if not, its state says why."""
        self._reports.set_track_error(token, None)
        if not self._accepts(feed.job, token, kind, encoding_name(codec)):
            return False
        fault = encryption_fault(plan.target.encryption, token, codec)
        if fault is None:
            return True
        _log.error("track %s is not recorded: %s", token, fault)
        self._reports.set_track_error(token, str(fault))  # never in the clear; the other tracks are recorded
        return False
