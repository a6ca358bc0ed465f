"""Whether the clock of a camera is followed: it may never be right, stop, become absurd, and come back."""

from onvif_bmff.timing import UtcTime

__all__ = ["CameraClock"]

_DAY = 86_400 * 1_000_000
_EARLIEST = UtcTime.parse("2000-01-01T00:00:00Z")
_LAPSE, _RHYTHM, _LONGEST = 60.0, 3.0, 200.0
"""Seconds without a reading after which none is followed; or so many times the longest time, up to so many seconds,
that lay between two."""
_IN_A_ROW = 2
"""Readings that cannot be right after which the time between two is no excuse: they come, and nothing else does."""
_TRIAL, _LONGEST_TRIAL = 60.0, 3600.0
"""Seconds for which readings must have come again to be followed again: twice as many each time."""


class CameraClock:
    """Decides whose turn it is: the camera's readings, or the arrival of its media.

    The first reading that can be right is followed at once. Without one for a minute, or for three times the longest
    time that usually lies between two, the camera is not followed any more; always after a minute if those that come
    instead cannot be right. It is again when readings have come for a
    minute; for two after it lapsed once more, and so on up to an hour, so that keys do not jump back and forth.
    Pure: ``arrival`` is in seconds of a clock that only grows.
    """

    def __init__(self) -> None:
        self.followed = False
        """Whether the camera was followed when this was last asked or told."""
        self.disbelieved = 0
        """Readings that cannot be right."""
        self._doubted = 0
        self._latest: float | None = None
        self._since: float | None = None
        self._longest = 0.0
        self._trial = 0.0

    @property
    def _allowed(self) -> float:
        return _LAPSE if self._doubted >= _IN_A_ROW else max(_LAPSE, _RHYTHM * self._longest)

    @property
    def has_readings(self) -> bool:
        """Whether there was a reading that can be right."""
        return self._latest is not None

    def can_be_right(self, utc: UtcTime, now: UtcTime) -> bool:
        """Return whether a reading can be right that came at ``now`` by the device's clock; count it if not."""
        possible = utc >= _EARLIEST and abs(utc.microseconds_since(now)) <= _DAY
        self.disbelieved += not possible
        self._doubted = 0 if possible else self._doubted + 1
        return possible

    def read(self, arrival: float) -> bool:
        """Take a reading that can be right; return whether it is followed."""
        lapsed = not self.is_followed(arrival)
        if self._latest is not None:
            passed = arrival - self._latest
            if passed <= _LONGEST:
                self._longest = max(self._longest, passed)
            if lapsed and passed > self._allowed:
                self._since = None
        self._latest = arrival
        if lapsed:
            self._since = arrival if self._since is None else self._since
            self.followed = arrival - self._since >= self._trial
        return self.followed

    def is_followed(self, arrival: float) -> bool:
        """Return whether the camera's readings are followed when media arrive."""
        if self.followed and not self.may_lapse(arrival, 0.0):
            return True
        if self.followed:
            self.followed, self._since = False, None
            self._trial = min(max(_TRIAL, 2 * self._trial), _LONGEST_TRIAL)
        return False

    def may_lapse(self, arrival: float, within: float) -> bool:
        """Return whether the camera's clock is not followed within so many seconds, should it say nothing more."""
        return not self.followed or self._latest is None or arrival - self._latest > self._allowed - within
