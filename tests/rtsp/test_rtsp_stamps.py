"""Times of streams: RTP stamps out of what libavformat makes of them, and readings of the camera's clock."""

import random
import struct
from fractions import Fraction

import pytest

from onvif_bmff.rtsp.stamps import RtpStamps, SenderReport, wall_clock

EPOCH = 1_700_000_000_000_000
"""Microseconds after 1970 at which the streams of these tests begin."""


class Sender:
    """A camera's stream as libavformat gives it on: ``pts`` by the first report of the session, then by each report."""

    def __init__(self, timescale: int, first_rtp: int, *, begin: int = 0, skew: int = 0) -> None:
        self.timescale = timescale
        self.first_rtp = first_rtp
        self.begin = begin
        """Ticks after the session's start at which the first packet was sampled."""
        self.skew = skew
        """Microseconds by which the reports of this stream are off."""
        self.report: SenderReport | None = None
        self.origin: Fraction | None = None
        """The wall clock at which the session's times are 0, once it is known."""

    def utc(self, ticks: int) -> Fraction:
        return EPOCH + self.skew + Fraction((self.begin + ticks) * 1_000_000, self.timescale)

    def packet(self, ticks: int, reported: int | None = None) -> tuple[int, SenderReport | None, int | None]:
        """What comes with the packet at ``ticks``; ``reported``: a report of that time came before it."""
        rtp = (self.first_rtp + ticks) % (1 << 32)
        report = None
        if reported is not None:
            report = self.report = SenderReport(self.utc(reported), (self.first_rtp + reported) % (1 << 32))
        if self.report is None or self.origin is None:
            return ticks, None, None
        since = (rtp - self.report.rtp_time + (1 << 31)) % (1 << 32) - (1 << 31)
        utc = self.report.microseconds + Fraction(since * 1_000_000, self.timescale)
        return round((utc - self.origin) * self.timescale / 1_000_000), report, int(utc)


def session(seed: int, *, reordered: bool = False) -> None:
    """Video and audio of one session: the audio's report comes first, and the video's makes its times jump."""
    chance = random.Random(seed)
    audio = Sender(8000, chance.randrange(1 << 32), begin=0)
    video = Sender(
        90_000, chance.randrange(1 << 32) if seed % 3 else (1 << 32) - 50_000, begin=chance.randrange(-5000, 5000)
    )
    heard, seen = RtpStamps(8000), RtpStamps(90_000)
    order = [0, 3, 1, 2] if reordered else [0, 1, 2, 3]
    heard_at, seen_at = chance.randrange(10, 30), chance.randrange(31, 60)
    audio.origin = None
    found: list[tuple[int, int]] = []
    readings = 0
    for number in range(400):
        ticks = number * 320
        if number == heard_at:
            audio.origin = video.origin = audio.utc(0)
        pts, report, clock = audio.packet(
            ticks, ticks - 100 if number >= heard_at and number % 50 == heard_at % 50 else None
        )
        assert heard.read(pts, report, clock, leads=number == heard_at) == ticks
        picture = (number // 4 * 4 + order[number % 4]) * 3600
        is_reported = number >= seen_at and number % 60 == seen_at % 60
        video.skew = chance.randrange(-2000, 2000) if is_reported else video.skew
        pts, report, clock = video.packet(picture, picture - 1000 if is_reported else None)
        found.append((picture, seen.read(pts, report, clock)))
        if seen.reading is not None:
            readings += 1
            media_time, utc = seen.reading
            assert media_time == Fraction(found[-1][1], 90_000)
            assert abs(utc.microseconds - video.utc(picture)) <= 1
    assert readings == len(range(seen_at, 400, 60))
    assert [ticks for _, ticks in found] == [picture for picture, _ in found], "spacing is that of the RTP stamps"
    truth = Fraction(video.begin, 90_000)
    aligned = Fraction(seen.alignment, 90_000) - Fraction(heard.alignment, 8000)
    assert abs(aligned - truth) < Fraction(5, 1000), "and the tracks are in step"


@pytest.mark.parametrize("seed", range(12))
def test_times_are_rtp_stamps_and_tracks_in_step(seed: int) -> None:
    session(seed)


@pytest.mark.parametrize("seed", range(12))
def test_reordered_pictures_keep_their_spacing(seed: int) -> None:
    session(seed, reordered=True)


def test_a_packet_within_an_access_unit_keeps_its_time_whatever_a_report_does() -> None:
    stamps = RtpStamps(90_000)
    assert stamps.read(0) == 0
    assert stamps.read(3600) == 3600
    report = SenderReport(Fraction(EPOCH), 1000)
    assert stamps.read(4321, report, EPOCH, continues=True) == 3600
    assert stamps.read(4321) == 3600
    assert stamps.alignment == 721


def test_the_first_report_may_come_before_a_pattern_shows() -> None:
    stamps = RtpStamps(90_000)
    assert [stamps.read(time) for time in (0, 10_800, 3600)] == [0, 10_800, 3600]
    assert stamps.read(7250, SenderReport(Fraction(EPOCH), 1000), EPOCH) == 7200
    assert stamps.alignment == 50


def test_without_the_report_the_wall_clock_is_read_all_the_same() -> None:
    stamps = RtpStamps(90_000)
    assert stamps.read(0) == 0
    assert stamps.reading is None
    read = []
    for number in range(1, 500):
        stamps.read(number * 3600, None, EPOCH + number * 40_000)
        if stamps.reading is not None:
            read.append(number)
    assert read == [1, 126, 251, 376]


def test_what_libavformat_attaches_is_read() -> None:
    data = struct.pack("@IQIII", 7, ((1_700_000_000 + 2_208_988_800) << 32) + (1 << 31), 4711, 1, 2).ljust(32, b"\0")
    report = SenderReport.parse(data)
    assert report == SenderReport(Fraction(1_700_000_000_500_000), 4711)
    assert SenderReport.parse(data[:19]) is None
    assert wall_clock(struct.pack("@qi", -5, 24)) == -5
    assert wall_clock(b"\0") is None


def test_a_clock_that_no_date_can_say_gives_no_reading() -> None:
    stamps = RtpStamps(90_000)
    stamps.read(0, SenderReport(Fraction(0), 0), 1 << 62)
    assert stamps.reading is None
    assert stamps.is_reported


# ---- stamps that begin anew ----------------------------------------------------------------------------------

JUMPS = [11 * 90_000, 20 * 90_000, -20 * 90_000, (1 << 31) - 1, 1 << 31, (1 << 31) + 90_000, 3_000_000_000]


@pytest.mark.parametrize("jump", JUMPS)
@pytest.mark.parametrize("pause", [0, 4 * 90_000])
@pytest.mark.parametrize("first", ["report", "pictures"])
def test_stamps_that_begin_anew_go_on_where_they_were(jump: int, pause: int, first: str) -> None:
    """As those of a camera whose encoder starts again: before the next report nearly, from it on exactly."""
    sender, stamps = Sender(90_000, 77), RtpStamps(90_000)
    sender.origin = sender.utc(0)
    found = []
    for number in range(200):
        ticks = number * 3600 + (pause if number >= 100 else 0)
        if number == 100 and abs(jump) > 10:
            sender.first_rtp = (sender.first_rtp + jump) % (1 << 32)
            if first == "pictures":
                sender.report = SenderReport(  # libavformat goes by the old one
                    sender.report.microseconds,
                    sender.report.rtp_time,  # type: ignore[union-attr]
                )
        is_reported = number % 50 == 0 and (number != 100 or first == "report")
        pts, report, clock = sender.packet(ticks, ticks if is_reported else None)
        found.append(stamps.read(pts, report, clock, leads=number == 0, at=1000 + ticks / 90_000))
        if stamps.reading is not None and is_reported:
            assert abs(stamps.reading[1].microseconds - sender.utc(ticks)) <= 1
    truth = [number * 3600 + (pause if number >= 100 else 0) for number in range(200)]
    assert found[:100] == truth[:100]
    assert all(abs(one - other) <= 3600 for one, other in zip(found, truth, strict=True))
    assert all(abs(one - other) <= 90 for one, other in zip(found[150:], truth[150:], strict=True)), "a millisecond"


def test_a_pause_that_the_arrival_explains_is_one() -> None:
    stamps = RtpStamps(90_000)
    assert stamps.read(0, at=5.0) == 0
    assert stamps.read(60 * 90_000, at=65.0) == 60 * 90_000


def test_what_comes_late_and_then_not_is_no_jump() -> None:
    """Sixty seconds are lost behind five that waited: all of it comes at once then."""
    stamps = RtpStamps(90_000)
    for second in (*range(6), *range(66, 70)):
        at = second if second < 1 or second > 65 else 66
        assert stamps.read(second * 90_000, at=float(at)) == second * 90_000
