"""Which tracks are silent, and which go on so far behind the others that one multiplexed span cannot hold both."""

from collections.abc import Iterable

from onvif_bmff.media.track import TrackType
from onvif_bmff.recording.progress import Progress
from onvif_bmff.recording.track_state import TrackState

__all__ = ["LateTracks"]

_LOOKS = 5
"""Seconds of media that a track stays behind before it is moved: what was only late catches up."""


class LateTracks:
    """Looks at the tracks of a recording, about once in a second of media: whether samples come, and how late.

    Documents may come late, and are no fault. Others that are more than ``patience`` behind for ``_LOOKS`` are.
    """

    __slots__ = ("_late", "_patience", "_seen")

    def __init__(self, patience: int) -> None:
        self._patience = patience
        self._seen: dict[int, int] = {}
        self._late: dict[int, int] = {}

    def look(self, states: Iterable[TrackState], progress: Progress, *, move: bool) -> list[TrackState]:
        """Return the tracks that have had no sample since the last look.

        With ``move``, those that stay behind are moved to where the others are, behind a gap: their clocks are off.
        """
        silent: list[TrackState] = []
        for state in states:
            newest, track_id = state.clock.newest, state.track.track_id
            if newest is None or self._seen.get(track_id) == newest.decode_time:
                silent.append(state)
                continue
            self._seen[track_id] = newest.decode_time
            if move and state.latest is not None and state.track.type is not TrackType.METADATA:
                self._judge(state, progress.newest - state.latest)
        return silent

    def _judge(self, state: TrackState, behind: int) -> None:
        """Note that a track sends, and from how far ``behind`` the others."""
        track_id = state.track.track_id
        late = self._late[track_id] = self._late.get(track_id, 0) + 1 if behind > self._patience else 0
        if late > _LOOKS:
            state.clock.go_on(behind // state.factor)
            self._late[track_id] = 0
