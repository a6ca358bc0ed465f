"""What the spools of a device drop, as it is shown in the states of the tracks that lose it."""

from onvif_bmff.control.plan import DevicePlan
from onvif_bmff.errors import ObjectKeyError
from onvif_bmff.objects.extensions import EXTENSIONS
from onvif_bmff.objects.key import ObjectKey
from onvif_bmff.runtime import SYSTEM, Runtime
from onvif_bmff.storage.spool import Dropped

__all__ = ["SpoolDrops"]

_SHOWN = 60.0
"""Seconds for which a loss is shown, behind the last one."""


class SpoolDrops:
    """What was dropped lately, by storage and place.

    Args:
        runtime: gives locks and the monotonic clock.
    """

    def __init__(self, runtime: Runtime = SYSTEM) -> None:
        self._runtime = runtime
        self._lock = runtime.lock()
        self._places: dict[tuple[str, str, str, str], tuple[str, float]] = {}
        self._shown: dict[tuple[str, str], str] = {}

    def note(self, token: str, what: Dropped) -> None:
        """Take what the spool of a storage dropped; from any thread."""
        try:
            key = ObjectKey.parse(what.first)
        except ObjectKeyError:  # nothing that a recorder wrote
            return
        place = token, key.prefix, key.postfix, key.extension
        with self._lock:
            first = self._places.get(place, (str(key.time), 0.0))[0]
            self._places[place] = first, self._runtime.monotonic()

    def changes(self, plan: DevicePlan) -> dict[tuple[str, str], str | None]:
        """Return what changed since the last call, by recording and track: what it loses; None: nothing any more."""
        with self._lock:
            now = self._runtime.monotonic()
            self._places = {place: one for place, one in self._places.items() if now - one[1] < _SHOWN}
            places = {place: first for place, (first, _) in self._places.items()}
        lost: dict[tuple[str, str], str] = {}
        for recording in plan.recordings.values() if places else ():
            target = recording.configuration.target
            mine = None if target is None else (target.storage, target.prefix or "", target.postfix or "")
            for (*there, extension), first in places.items():
                if mine == tuple(there):
                    row = EXTENSIONS.get(extension)
                    text = f"the spool of its storage is full: segments from {first} on are dropped"
                    tracks = [track for track, kind in recording.tracks if row is None or kind in row.media]
                    lost |= {(recording.token, track): text for track in tracks}
        changed: dict[tuple[str, str], str | None] = {
            where: text for where, text in lost.items() if self._shown.get(where) != text
        }
        changed |= {where: None for where in self._shown if where not in lost}
        self._shown = lost
        return changed
