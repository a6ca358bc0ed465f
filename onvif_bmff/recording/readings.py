"""Everything that decides what a reading of a clock means for a recording, and nothing else.

``judge_reading`` looks at what is known of a reading; ``READINGS`` says what to do in each situation. There is no state
here. docs/time.md explains the bounds.
"""

from enum import Enum, StrEnum
from fractions import Fraction

from onvif_bmff.media.clock_reading import ClockOrigin
from onvif_bmff.timing import UtcTime

__all__ = ["CAUGHT_UP", "FOLLOWED", "READINGS", "ClockChoice", "ReadingSituation", "ReadingVerdict", "judge_reading"]

_FIRST_YEAR = UtcTime.from_fields(2000, 1, 1)
_DAY = 86_400_000_000
FOLLOWED = 100_000
"""Microseconds that are followed from one segment of a span to the next."""
CAUGHT_UP = 1_000_000
"""Microseconds by which a clock may be set back that new spans catch up with: else they overlap those before."""
_UNNOTICED = 10_000
"""Microseconds that are not worth a correction: readings are not more precise."""
_LASTS = 5
"""Seconds after which a clock that is off by more than is followed is off for good."""


class ClockChoice(StrEnum):
    """Which clock's readings a recording follows."""

    CAMERA = "camera"
    """The camera's, as long as it can be believed."""
    ARRIVAL = "arrival"
    """The clock of the device that receives the media."""
    AUTO = "auto"
    """The camera's where there are readings of it that can be believed, else the arrival."""


class ReadingVerdict(Enum):
    """What becomes of a reading."""

    IGNORE = "nothing"
    DISBELIEVE = "it is counted, and nothing else"
    FOLLOW = "the next segment's key goes by it; the span goes on"
    WAIT = "spans that open for another reason go by it"
    SET = "new spans go by it, from the next sync sample on; if it is up to 1 s back, they catch up with it"


class ReadingSituation(Enum):
    """How a reading lies to the time that the recording has."""

    NOT_CHOSEN = "of a clock that was not chosen, or while the camera's clock is followed"
    IMPOSSIBLE = "a camera's, before 2000, or more than a day off the arrival"
    EXACT = "off by less than 10 ms"
    CLOSE = "off by up to 100 ms"
    MISTAKEN = "of the arrival, off by as much as the source's counter was set back lately: it takes that for a delay"
    OFF = "off by more, for no more than 5 s"
    STEP = "off by as much as the last gap of the media, the other way: that was a step of the source's counter"
    OFF_FOR_GOOD = "off by more, for longer"


READINGS: dict[ReadingSituation, ReadingVerdict] = {
    ReadingSituation.NOT_CHOSEN: ReadingVerdict.IGNORE,
    ReadingSituation.IMPOSSIBLE: ReadingVerdict.DISBELIEVE,
    ReadingSituation.EXACT: ReadingVerdict.IGNORE,
    ReadingSituation.CLOSE: ReadingVerdict.FOLLOW,
    ReadingSituation.MISTAKEN: ReadingVerdict.IGNORE,
    ReadingSituation.OFF: ReadingVerdict.WAIT,
    ReadingSituation.STEP: ReadingVerdict.SET,
    ReadingSituation.OFF_FOR_GOOD: ReadingVerdict.SET,
}
"""What each situation calls for."""


def is_possible(origin: ClockOrigin, utc: UtcTime, arrival: UtcTime) -> bool:
    """Tell whether a reading can be believed where the media came at ``arrival``."""
    return origin is ClockOrigin.ARRIVAL or (utc >= _FIRST_YEAR and abs(utc.microseconds_since(arrival)) <= _DAY)


def is_chosen(origin: ClockOrigin, choice: ClockChoice, *, camera_followed: bool) -> bool:
    """Tell whether readings of an origin count; ``camera_followed``: there are some of the camera's lately."""
    if choice is ClockChoice.AUTO:
        return origin is ClockOrigin.CAMERA or not camera_followed
    return origin.value == choice.value


def judge_reading(
    origin: ClockOrigin,
    utc: UtcTime,
    *,
    choice: ClockChoice,
    camera_followed: bool,
    arrival: UtcTime,
    expected: UtcTime,
    off_for: Fraction,
    denies_gap: bool = False,
    repeats_step: bool = False,
) -> ReadingSituation:
    """Judge a reading.

    ``arrival`` is when its media came, as far as that is known; ``expected`` what the recording takes the time to be;
    ``off_for`` the seconds for which all readings have been off by more than 100 ms, up to this one. It ``denies_gap``
    if there was one lately, and it says that there was not; it ``repeats_step`` if it is off as the source's clock was
    set.
    """
    if origin is ClockOrigin.CAMERA and not is_possible(origin, utc, arrival):
        return ReadingSituation.IMPOSSIBLE
    if not is_chosen(origin, choice, camera_followed=camera_followed):
        return ReadingSituation.NOT_CHOSEN
    off = abs(utc.microseconds_since(expected))
    if off <= FOLLOWED:
        return ReadingSituation.CLOSE if off >= _UNNOTICED else ReadingSituation.EXACT
    if repeats_step and origin is ClockOrigin.ARRIVAL:
        return ReadingSituation.MISTAKEN
    if denies_gap:
        return ReadingSituation.STEP
    return ReadingSituation.OFF_FOR_GOOD if off_for > _LASTS else ReadingSituation.OFF
