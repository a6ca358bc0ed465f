"""Event recording, for any events: what is stored is the union of their windows, each access unit once.

The window of an event begins with the last sync sample before what Before asks for, as far back as there is room for,
and lasts to the first sync sample behind its end. A shortfall is counted.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from test_control_engine import AUDIO, ONE, START, VIDEO, Rig, plan

from onvif_bmff.control.plan import Feed, Standby
from onvif_bmff.media.track import Sample
from onvif_bmff.playback import read_segment
from onvif_bmff.recording.dropped import DropReason
from onvif_bmff.recording.formats import CMAF, MP4
from onvif_bmff.recording.preroll import PreRoll

RATE = 25
"""Pictures a second; there are two packets of sound to each."""
TOKENS = ("VIDEO001", "AUDIO001")
SHORTFALL = "from before an event, for which there was no room"


@dataclass(frozen=True)
class Case:
    """Numbers of pictures: ``events`` begin and end before one; ``before`` is asked for; ``room`` is kept, in bytes."""

    events: tuple[tuple[int, int], ...]
    before: int
    gop: int
    size: int
    room: int

    @property
    def last(self):
        """The picture behind the last one that is sent."""
        return self.after(self.events[-1][1]) + self.gop + 1

    def sync(self, number):
        """The last sync sample up to a picture."""
        return number - number % self.gop

    def after(self, number):
        """The first sync sample from a picture on."""
        return -(-number // self.gop) * self.gop

    def windows(self):
        """The pictures that are wanted, event by event: of Before, and of the event with what it goes on for."""
        for begin, end in self.events:
            since = max(begin - self.before, 0)
            # Before counts back from the event; the picture that is shown then is the one before it.
            yield range(self.sync(since), begin), range(begin, self.after(end))

    @property
    def wanted(self):
        """All of them."""
        return {number for windows in self.windows() for window in windows for number in window}


@st.composite
def cases(draw, *, bounded):
    before, gop, size = draw(st.integers(0, 150)), draw(st.integers(2, 60)), draw(st.integers(20, 200))
    lengths = draw(st.lists(st.tuples(st.integers(1, 200), st.integers(1, 120)), min_size=1, max_size=4))
    events, at = [], 0
    for pause, length in lengths:
        events.append((at + pause, at + pause + length))
        at += pause + length
    room = draw(st.integers(size, (before + gop) * (size + 80))) if bounded else 64 << 20
    return Case(tuple(events), before, gop, size, room)


def picture(number, case):
    data = b"\xff\xd8" + number.to_bytes(4, "big")
    return Sample(1, number * 3600, 3600, data.ljust(case.size, b"\0"), number % case.gop == 0)


def packet(number):
    return Sample(2, number * 160, 160, number.to_bytes(4, "big") + bytes(36))


def recorded(case, kind):
    """Carry a case out; return the pictures and packets that are stored, in order, and what was dropped."""
    before = timedelta(seconds=case.before / RATE)
    waiting = [Standby("j", "r", token, ONE, "", before) for token in TOKENS]
    rig = Rig(plan({}, kind, waiting), preroll_bytes=case.room)
    rig.open(ONE, VIDEO, AUDIO)
    begins, ends = {begin for begin, _ in case.events}, {end for _, end in case.events}
    for number in range(case.last):
        if number in ends:
            rig.do(rig.output.configure(plan({}, kind, waiting)))
        if number in begins:
            since = START + timedelta(seconds=(number - case.before) / RATE)
            rig.do(rig.output.configure(plan({t: Feed("j", ONE, "", since, None, before) for t in TOKENS}, kind)))
        rig.do(rig.output.push(ONE, picture(number, case)))
        for half in (0, 1):
            rig.do(rig.output.push(ONE, packet(2 * number + half)))
    stored = {"Video": [], "Audio": []}
    for obj in rig.close():
        if not obj.key.span_end:
            for sample in read_segment(obj.body).samples():
                data = bytes(sample.data)
                kind_of = "Video" if data.startswith(b"\xff\xd8") else "Audio"
                stored[kind_of].append(int.from_bytes(data[2:6] if kind_of == "Video" else data[:4], "big"))
    return stored, rig.output.dropped


def check_all(case, kind):
    """There is room for all."""
    stored, dropped = recorded(case, kind)
    assert Counter(stored["Video"]) == Counter(case.wanted)
    sound = {2 * number + half for number in case.wanted for half in (0, 1)}
    assert Counter(stored["Audio"]) == Counter(sound)
    assert dropped == Counter()


def check_bounded(case, kind):
    """There may be no room for all that Before asks for: the newest is kept, from a sync sample on."""
    stored, dropped = recorded(case, kind)
    pictures = set(stored["Video"])
    assert len(pictures) == len(stored["Video"])
    assert pictures <= case.wanted
    short, earlier = 0, set()
    for before, during in case.windows():
        missing = [number for number in before if number not in pictures | earlier]
        if missing:
            assert missing == list(range(missing[0], missing[-1] + 1)), "a hole"
        lacks_begin = missing and missing[-1] + 1 == before.stop
        begun = case.after(during.start) if lacks_begin else during.start
        assert {number for number in during if number >= begun} <= pictures
        earlier |= {*before, *during}
        if missing:
            short += 1
            room = (before.stop - case.sync(missing[-1])) * (case.size + 80)
            assert room > case.room, "there was room for one more group"
    told = dropped[SHORTFALL] + dropped[DropReason.BEFORE_FIRST_SYNC]  # a group that is given up begins with none
    assert told or not short
    assert set(dropped) <= {SHORTFALL, DropReason.BEFORE_FIRST_SYNC}


@settings(max_examples=60, derandomize=True, phases=[Phase.generate], database=None)
@given(case=cases(bounded=False), kind=st.sampled_from((CMAF, MP4)))
def test_what_is_stored_is_the_union_of_the_windows_of_events(case, kind):
    check_all(case, kind)


@settings(max_examples=40, derandomize=True, phases=[Phase.generate], database=None)
@given(case=cases(bounded=True), kind=st.sampled_from((CMAF, MP4)))
def test_a_window_for_which_there_is_no_room_is_as_long_as_there_is(case, kind):
    check_bounded(case, kind)


TWO_EVENTS = Case(((60, 90), (130, 160)), before=50, gop=10, size=50, room=64 << 20)


FAULTS = {
    "what came before is not kept": lambda kept: [],
    "the oldest sample is lost": lambda kept: kept[1:],
    "a sample comes twice": lambda kept: kept[-1:] + kept,
}


@pytest.mark.parametrize("kind", [CMAF, MP4], ids=["CMAF", "MP4"])
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_the_law_fails_of_a_preroll_with_a_fault(fault, kind, monkeypatch):
    check_all(TWO_EVENTS, kind)
    right = PreRoll.kept
    monkeypatch.setattr(PreRoll, "kept", lambda self: fault(right(self)))
    with pytest.raises(AssertionError):
        check_all(TWO_EVENTS, kind)


def test_the_bounded_law_fails_of_a_preroll_that_keeps_less_than_it_could(monkeypatch):
    case = Case(((60, 90),), before=50, gop=10, size=50, room=40 * 130)
    check_bounded(case, CMAF)
    right = PreRoll.kept
    monkeypatch.setattr(PreRoll, "kept", lambda self: right(self)[-60:])
    with pytest.raises(AssertionError):
        check_bounded(case, CMAF)
