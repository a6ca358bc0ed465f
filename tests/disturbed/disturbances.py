"""What cameras and networks do to a stream: pure functions from streams to streams, which can be composed.

Those of the camera's counter (``step``, ``drift``, ``restart``, ``counter_from``) change the stamps of units and the
reports alike. Those of single units (``lone``, ``shaken``, ``equal``) leave the counter as it was. Seconds are of the
true clock.
"""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from random import Random

from streams import Item, NewCodec, Report, Stream, Unit, ticks

from onvif_bmff.media import Track

Disturbance = Callable[[Stream], Stream]


def composed(*parts: Disturbance) -> Disturbance:
    """One disturbance after the other."""

    def disturb(stream: Stream) -> Stream:
        for part in parts:
            stream = part(stream)
        return stream

    return disturb


def _stamped(stream: Stream, unit: Unit, off: Fraction) -> Unit:
    """A unit with a wrong stamp."""
    time = unit.sample.decode_time + ticks(stream, unit, off)
    return replace(unit, sample=replace(unit.sample, decode_time=time))


def _counted(stream: Stream, unit: Unit, off: Fraction) -> Unit:
    """A unit of a source whose counter is off."""
    return replace(_stamped(stream, unit, off), counter=unit.counter + off)


# ---- single stamps -----------------------------------------------------------------------------------------------


def lone(off: float, *, every: int = 50, first: int = 30, count: int = 1, track_id: int | None = 1) -> Disturbance:
    """``count`` units in ``every`` are off by some seconds, from unit ``first`` on; 0: only once."""
    wrong = Fraction(off).limit_denominator(1000)

    def disturb(stream: Stream) -> Stream:
        seen: dict[int, int] = {}

        def change(item: Item) -> Item:
            if not isinstance(item, Unit) or track_id not in (None, item.sample.track_id):
                return item
            number = seen.get(item.sample.track_id, -1) + 1
            seen[item.sample.track_id] = number
            place = number - first if not every else (number - first) % every
            off = number >= first and 0 <= place < count
            return replace(_stamped(stream, item, wrong), is_off=True) if off else item

        return stream.each(change)

    return disturb


def shaken(amplitude: float, *, seed: int = 3, track_id: int | None = 1) -> Disturbance:
    """Stamps are off by up to ``amplitude`` seconds, each by itself."""
    most = Fraction(amplitude).limit_denominator(1000)

    def disturb(stream: Stream) -> Stream:
        chance = Random(seed)

        def change(item: Item) -> Item:
            if not isinstance(item, Unit) or track_id not in (None, item.sample.track_id):
                return item
            return _stamped(stream, item, most * chance.randint(-1000, 1000) / 1000)

        return replace(stream.each(change), shaken=stream.shaken + most)

    return disturb


def equal(*, every: int = 2, track_id: int = 1) -> Disturbance:
    """One unit in ``every`` has the stamp of the one before it."""

    def disturb(stream: Stream) -> Stream:
        last: list[Unit] = []
        number = [0]

        def change(item: Item) -> Item:
            if not isinstance(item, Unit) or item.sample.track_id != track_id:
                return item
            number[0] += 1
            if last and number[0] % every == 0:
                sample = replace(item.sample, decode_time=last[0].sample.decode_time)
                return replace(item, sample=sample, is_off=True)
            last[:] = [item]
            return item

        return stream.each(change)

    return disturb


def coarse(resolution: float, *, phase: float = 0) -> Disturbance:
    """Stamps of video are of a clock that counts multiples of so many seconds, the first one at ``phase``."""
    step = Fraction(resolution).limit_denominator(1000)

    def disturb(stream: Stream) -> Stream:
        def change(item: Item) -> Item:
            if not isinstance(item, Unit) or item.sample.track_id != 1:
                return item
            ticks_of_step = ticks(stream, item, step)
            time = item.sample.decode_time + ticks(stream, item, Fraction(phase).limit_denominator(1000))
            return replace(item, sample=replace(item.sample, decode_time=time // ticks_of_step * ticks_of_step))

        return replace(stream.each(change), shaken=stream.shaken + step)

    return disturb


def grouped(size: int) -> Disturbance:
    """Pictures are stamped when their group of ``size`` was read out: a tick apart, then a long step."""

    def disturb(stream: Stream) -> Stream:
        number = [-1]
        base = [0]

        def change(item: Item) -> Item:
            if not isinstance(item, Unit) or item.sample.track_id != 1:
                return item
            number[0] += 1
            if number[0] % size == 0:
                base[0] = item.sample.decode_time
            return replace(item, sample=replace(item.sample, decode_time=base[0] + number[0] % size))

        return replace(stream.each(change), shaken=stream.shaken + Fraction(size, 25))

    return disturb


def lasting(seconds: float, *, track_id: int = 1) -> Disturbance:
    """All units claim to last as long."""

    def disturb(stream: Stream) -> Stream:
        def change(item: Item) -> Item:
            if not isinstance(item, Unit) or item.sample.track_id != track_id:
                return item
            return replace(item, sample=replace(item.sample, duration=ticks(stream, item, Fraction(seconds))))

        return stream.each(change)

    return disturb


# ---- the source's counter and the camera's wall clock ---------------------------------------------------------------


def step(at: float, by: float, *, wall: bool = False, track_id: int | None = None, back: float = 0) -> Disturbance:
    """The counter steps; ``wall``: the camera's wall clock does, and the counter follows it. ``back``: and returns."""
    off = Fraction(by).limit_denominator(1000)

    def disturb(given: Stream) -> Stream:
        stream = given if track_id is None else given.reported_by_track()

        def change(item: Item) -> Item:
            if isinstance(item, NewCodec):
                return item
            time = item.decoded if isinstance(item, Unit) else item.arrival
            if time < at or (back and time >= back):
                return item
            if track_id not in (None, item.track_id if isinstance(item, Report) else item.sample.track_id):
                return item
            if isinstance(item, Report):
                return replace(item, counter=item.counter + off, wall=item.wall + off * wall)
            return replace(_counted(stream, item, off), ahead=item.ahead + off * wall)

        return replace(stream.each(change), breaks=stream.breaks + (2 if back else 1))

    return disturb


def drift(rate: Fraction) -> Disturbance:
    """The counter counts ``1 + rate`` seconds a second."""

    def disturb(stream: Stream) -> Stream:
        def change(item: Item) -> Item:
            if isinstance(item, Report):
                return replace(item, counter=item.counter + (item.arrival - Fraction(1, 20)) * rate)
            if isinstance(item, Unit):
                return _counted(stream, item, item.decoded * rate)
            return item

        changed = stream.each(change)
        return replace(changed, breaks=changed.breaks + int(abs(rate) * 200))

    return disturb


def counter_from(seconds: float) -> Disturbance:
    """The counter does not begin at 0."""

    def disturb(stream: Stream) -> Stream:
        off = Fraction(seconds)

        def change(item: Item) -> Item:
            if isinstance(item, Report):
                return replace(item, counter=item.counter + off)
            return _counted(stream, item, off) if isinstance(item, Unit) else item

        return stream.each(change)

    return disturb


def wraps(after: float, *, bits: int = 32, told: bool = True) -> Disturbance:
    """The counter of 90 kHz wraps after some seconds; those of other tracks count with it, and do not wrap yet."""
    base = Fraction(1 << bits, 90_000) - Fraction(after)

    def disturb(stream: Stream) -> Stream:
        def change(item: Item) -> Item | None:
            if isinstance(item, Report):
                return None
            if not isinstance(item, Unit):
                return item
            sample = item.sample
            time = (sample.decode_time + ticks(stream, item, base)) % (1 << bits)
            return replace(item, sample=replace(sample, decode_time=time))

        changed = stream.each(change)
        breaks = changed.breaks + (0 if told else 1)
        return replace(changed, timestamp_bits=bits if told else None, breaks=breaks)

    return disturb


def wall_clock(ahead: float) -> Disturbance:
    """The camera's wall clock is ahead from the beginning."""

    def disturb(stream: Stream) -> Stream:
        off = Fraction(ahead)

        def change(item: Item) -> Item:
            if isinstance(item, Report):
                return replace(item, wall=item.wall + off)
            return replace(item, ahead=item.ahead + off) if isinstance(item, Unit) else item

        return stream.each(change)

    return disturb


def restart(at: float, *, away: float = 0, to: float = 0) -> Disturbance:
    """The camera boots: it says nothing for ``away`` seconds, then its counter goes on from ``to``."""

    def disturb(stream: Stream) -> Stream:
        resumed = Fraction(at) + Fraction(away)
        first = next((unit for unit in stream.units() if unit.decoded >= resumed), None)
        off = Fraction(to) - resumed + (0 if first is None else first.decoded - first.counter)
        until = min((boot for boot in stream.boots if boot > at), default=None)

        def change(item: Item) -> Item | None:
            if isinstance(item, NewCodec):
                return item
            time = item.decoded if isinstance(item, Unit) else item.arrival
            if time < at or (until is not None and time >= until):
                return item
            if time < resumed:
                return None
            if isinstance(item, Report):
                return replace(item, counter=item.counter + off)
            return _counted(stream, item, off)

        changed = stream.each(change)
        return replace(changed, breaks=changed.breaks + 1, boots=(*changed.boots, Fraction(at)))

    return disturb


# ---- what is sent, and when it comes in ------------------------------------------------------------------------------


def pause(at: float, seconds: float, *, track_id: int | None = None) -> Disturbance:
    """Nothing is sent for some seconds."""

    def disturb(stream: Stream) -> Stream:
        def change(item: Item) -> Item | None:
            if not isinstance(item, Unit) or track_id not in (None, item.sample.track_id):
                return item
            return None if at <= item.decoded < at + seconds else item

        changed = stream.each(change)
        return replace(changed, breaks=changed.breaks + 1)

    return disturb


def lost(*, every: int = 7, track_id: int = 1) -> Disturbance:
    """One unit in ``every`` is lost on the way, but no sync sample of video."""

    def disturb(stream: Stream) -> Stream:
        number = [0]

        def change(item: Item) -> Item | None:
            if not isinstance(item, Unit) or item.sample.track_id != track_id:
                return item
            number[0] += 1
            return None if number[0] % every == 0 and not (track_id == 1 and item.sample.sync) else item

        return stream.each(change)

    return disturb


def sparse(*, burst: int = 5, of: int = 25, track_id: int = 2) -> Disturbance:
    """Discontinuous transmission: ``burst`` packets are sent of each ``of``."""

    def disturb(stream: Stream) -> Stream:
        number = [-1]

        def change(item: Item) -> Item | None:
            if not isinstance(item, Unit) or item.sample.track_id != track_id:
                return item
            number[0] += 1
            return item if number[0] % of < burst else None

        return stream.each(change)

    return disturb


def late(by: float, *, track_id: int) -> Disturbance:
    """What a track sends comes in later than that of others."""
    wait = Fraction(by)

    def disturb(stream: Stream) -> Stream:
        def change(item: Item) -> Item:
            if isinstance(item, Unit) and item.sample.track_id == track_id:
                return replace(item, arrival=item.arrival + wait)
            return item

        return stream.each(change)

    return disturb


def stalled(at: float, seconds: float) -> Disturbance:
    """The network holds everything back for some seconds, and then delivers it at once."""
    until = Fraction(at) + Fraction(seconds)

    def disturb(stream: Stream) -> Stream:
        def change(item: Item) -> Item:
            return replace(item, arrival=until) if at <= item.arrival < until else item

        return stream.each(change)

    return disturb


def delayed(most: float, *, seed: int = 5) -> Disturbance:
    """Each unit takes up to ``most`` seconds longer; the order stays."""

    def disturb(stream: Stream) -> Stream:
        chance = Random(seed)
        latest = [Fraction(0)]

        def change(item: Item) -> Item:
            latest[0] = max(latest[0], item.arrival + Fraction(most) * chance.randint(0, 1000) / 1000)
            return replace(item, arrival=latest[0])

        return stream.each(change)

    return disturb


def joined_at(seconds: float, *, track_id: int) -> Disturbance:
    """A track begins later than the others."""

    def disturb(stream: Stream) -> Stream:
        def change(item: Item) -> Item | None:
            of_track = isinstance(item, Unit) and item.sample.track_id == track_id
            return None if of_track and item.decoded < seconds else item

        return stream.each(change)

    return disturb


def codec_change(at: float, track: Track) -> Disturbance:
    """The camera sends with another configuration from its first sync sample after ``at`` on."""

    def disturb(stream: Stream) -> Stream:
        first = next(one for one in stream.units(track.track_id) if one.sample.sync and one.decoded >= at)
        place = stream.items.index(first)
        items = (*stream.items[:place], NewCodec(track, first.arrival), *stream.items[place:])
        return replace(stream, items=items, breaks=stream.breaks + 1)

    return disturb


def unreported(stream: Stream) -> Stream:
    """The camera sends no reports."""
    return stream.each(lambda item: None if isinstance(item, Report) else item)


def undecided(stream: Stream) -> Stream:
    """The stream ends where nothing tells yet whether a gap begins: its last units may be given up, and counted."""
    return replace(stream, breaks=stream.breaks + 1)
