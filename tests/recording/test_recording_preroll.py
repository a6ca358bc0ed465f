"""Event recording, what to keep before the event. ONVIF Recording Control 25.12, 5.3.4."""

from datetime import timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onvif_bmff.codecs.g711 import G711Codec
from onvif_bmff.codecs.jpeg.codec import MjpegCodec
from onvif_bmff.codecs.metadata import MetadataCodec
from onvif_bmff.errors import MediaError
from onvif_bmff.media.track import Sample, Track
from onvif_bmff.recording.preroll import PreRoll

VIDEO = Track("VIDEO001", 1, 90_000, MjpegCodec(width=64, height=48))
AUDIO = Track("AUDIO001", 2, 8_000, G711Codec())
META = Track("META001", 3, 1_000, MetadataCodec())


def video(index: int, gop: int = 10, size: int = 100) -> Sample:
    return Sample(1, index * 3_600, 3_600, bytes(size), index % gop == 0)


def audio(index: int) -> Sample:
    return Sample(2, index * 160, 160, bytes(10))


@pytest.mark.requirement("REC-5.3.4-10", "REC-5.3.4-11")
@given(count=st.integers(1, 200), gop=st.integers(1, 40), before=st.integers(0, 4000))
def test_at_least_the_time_before_the_event_is_kept_from_a_sync_sample_on(count: int, gop: int, before: int) -> None:
    buffer = PreRoll([VIDEO], timedelta(milliseconds=before))
    for index in range(count):
        buffer.push(video(index, gop))
    kept = buffer.release()
    assert kept[0].sync
    assert [sample.decode_time for sample in kept] == [index * 3_600 for index in range(count - len(kept), count)], (
        "the newest samples without a hole"
    )
    newest = (count - 1) * 3_600
    wanted = max(0, newest - before * 90)
    assert kept[0].decode_time <= wanted
    assert kept[0].decode_time > wanted - gop * 3_600, "and not a GOP more than needed"
    assert buffer.release() == []


@pytest.mark.requirement("REC-5.3.4-12", "REC-5.3.4-13")
def test_an_event_without_duration_still_gets_an_i_frame() -> None:
    buffer = PreRoll([VIDEO], timedelta(0))
    for index in range(17):
        buffer.push(video(index))
    kept = buffer.release()
    assert [sample.sync for sample in kept] == [True, *[False] * 6]


def test_other_tracks_come_along_from_the_sync_sample_on() -> None:
    buffer = PreRoll([VIDEO, AUDIO], timedelta(milliseconds=500))
    for index in range(100):
        buffer.push(video(index))
        buffer.push(audio(2 * index))
        buffer.push(audio(2 * index + 1))
    kept = buffer.release()
    start = min(sample.decode_time for sample in kept if sample.track_id == 1) / 90_000
    sound = [sample.decode_time / 8_000 for sample in kept if sample.track_id == 2]
    assert sound[0] == pytest.approx(start, abs=0.02)
    assert sound == sorted(sound)
    assert sound[-1] == pytest.approx(3.98)


def test_memory_is_bounded_by_giving_up_the_oldest() -> None:
    buffer = PreRoll([VIDEO], timedelta(seconds=100), max_bytes=2_500)
    for index in range(95):
        buffer.push(video(index))
        assert buffer.size <= 2_500
    kept = buffer.release()
    assert kept[0].sync
    assert kept[-1].decode_time == 94 * 3_600


def test_a_gop_larger_than_the_room_is_given_up_until_the_next_sync_sample() -> None:
    buffer = PreRoll([VIDEO], timedelta(seconds=1), max_bytes=1_000)
    for index in range(30):
        buffer.push(video(index, gop=20, size=100))
        assert buffer.size <= 1_000
    kept = buffer.release()
    assert [sample.decode_time // 3_600 for sample in kept] == list(range(20, 30))


def test_what_cannot_be_kept_is_refused() -> None:
    with pytest.raises(MediaError):
        PreRoll([VIDEO], timedelta(seconds=-1))
    with pytest.raises(MediaError):
        PreRoll([VIDEO], timedelta(0)).push(audio(0))


def test_a_track_is_forgotten_by_itself_and_with_the_leading_one_all() -> None:
    buffer = PreRoll([VIDEO, AUDIO], timedelta(seconds=5), max_bytes=1_000)
    for index in range(5):
        buffer.push(video(index))
        buffer.push(audio(index))
    assert buffer.forget(2) == 5
    assert buffer.forget(2) == 0
    for index in range(5, 9):
        buffer.push(video(index))
    assert [sample.track_id for sample in buffer.release()] == [1] * 9, "the room of what went is free"
    for index in range(10, 13):
        buffer.push(video(index))
        buffer.push(audio(index))
    assert buffer.forget(1) == 6
    buffer.push(video(13))
    assert buffer.release() == [], "it begins with the next sync sample"


def picture(time: int, *, sync: bool = False, offset: int = 0, size: int = 10) -> Sample:
    return Sample(1, time, 1, bytes(size), sync, offset)


def kept(buffer: PreRoll) -> list[Sample]:
    return [sample for sample, _ in buffer.kept()]


def times(samples: list[Sample], track_id: int = 1) -> list[int]:
    return [sample.decode_time for sample in samples if sample.track_id == track_id]


@pytest.mark.parametrize(("newest", "first"), [(449_999, 0), (450_000, 90_000), (539_999, 90_000), (540_000, 180_000)])
def test_a_gop_goes_when_the_next_one_reaches_back_far_enough(newest: int, first: int) -> None:
    """Sync samples each second, four seconds kept, to the tick."""
    buffer = PreRoll([VIDEO], timedelta(seconds=4))
    for second in range(newest // 90_000 + 1):
        buffer.push(picture(second * 90_000, sync=True))
    if newest % 90_000:
        buffer.push(picture(newest))
    assert buffer.release()[0].decode_time == first


def test_times_count_in_microseconds() -> None:
    buffer = PreRoll([VIDEO], timedelta(days=100, microseconds=11))
    assert buffer.before == timedelta(days=100, microseconds=11)
    day = 86_400 * 90_000
    buffer.push(picture(0, sync=True))
    buffer.push(picture(day, sync=True))
    buffer.push(picture(101 * day - 1))
    assert times(buffer.release()) == [0, day, 101 * day - 1], "eleven microseconds are less than a tick"


def test_another_length_holds_from_the_next_sample_on() -> None:
    buffer = PreRoll([VIDEO], timedelta(seconds=100))
    for second in range(10):
        buffer.push(picture(second * 90_000, sync=True))
    buffer.keep(timedelta(seconds=2))
    assert buffer.size == 100
    buffer.push(picture(10 * 90_000, sync=True))
    assert times(buffer.release()) == [second * 90_000 for second in (8, 9, 10)]
    with pytest.raises(MediaError):
        buffer.keep(timedelta(microseconds=-1))
    assert buffer.before == timedelta(seconds=2)


def test_room_is_taken_by_what_is_kept_and_by_nothing_else() -> None:
    """Pictures of the next GOP that are decoded before its sync sample go with the old one, sound before it too."""
    buffer = PreRoll([VIDEO, AUDIO], timedelta(0))
    buffer.push(picture(0, sync=True, size=1_000))
    buffer.push(Sample(2, 0, 160, bytes(20)))
    buffer.push(picture(3_600, offset=90_000, size=500))
    buffer.push(Sample(2, 639, 160, bytes(30)))
    buffer.push(Sample(2, 640, 160, bytes(40)))
    assert buffer.size == 1_590
    buffer.push(picture(7_200, sync=True, size=7))
    buffer.push(picture(97_200, size=5))
    assert buffer.size == 40 + 7 + 5, "sound of 640 / 8000 s is that of 7200 / 90000 s"
    kept = buffer.release()
    assert (times(kept), times(kept, 2)) == ([7_200, 97_200], [640])
    assert buffer.size == 0


def test_room_after_a_track_was_forgotten_is_that_of_the_others() -> None:
    buffer = PreRoll([VIDEO, AUDIO], timedelta(seconds=5), max_bytes=100)
    buffer.push(picture(0, sync=True, size=60))
    buffer.push(Sample(2, 0, 160, bytes(40)))
    assert buffer.size == 100, "as many as may be"
    assert buffer.forget(2) == 1
    assert buffer.size == 60
    buffer.push(picture(3_600, size=40))
    assert buffer.size == 100
    buffer.push(picture(7_200, size=1))
    assert (buffer.size, buffer.release()) == (0, []), "one byte too many in a single GOP"


def test_the_oldest_gop_makes_room_when_there_is_too_much_by_a_byte() -> None:
    for size, first in ((40, 0), (41, 90_000)):
        buffer = PreRoll([VIDEO], timedelta(seconds=100), max_bytes=100)
        buffer.push(picture(0, sync=True, size=60))
        buffer.push(picture(90_000, sync=True, size=size))
        assert buffer.release()[0].decode_time == first
    for bad in ({"max_bytes": 0}, {"before": timedelta(microseconds=-1)}):
        with pytest.raises(MediaError):
            PreRoll([VIDEO], bad.pop("before", timedelta(0)), **bad)
    assert PreRoll([VIDEO], timedelta(0), max_bytes=1).size == 0


def test_sound_that_came_before_the_first_picture_is_not_given_out() -> None:
    buffer = PreRoll([VIDEO, AUDIO], timedelta(seconds=5))
    buffer.push(Sample(2, 0, 160, bytes(10)))
    buffer.push(picture(0))
    assert times(buffer.release(), 2) == [0], "without any picture all there is"
    buffer.push(Sample(2, 7_999, 160, bytes(10)))
    buffer.push(Sample(2, 8_000, 160, bytes(10)))
    buffer.push(picture(90_000, sync=True))
    assert times(buffer.release(), 2) == [8_000]


def test_what_came_before_a_clock_was_set_keeps_its_place_once_that_is_known() -> None:
    """The camera's clock is set back by 30 s behind the tenth picture; then its epoch is known to be 30 s later."""
    buffer = PreRoll([VIDEO, AUDIO], timedelta(seconds=60))
    for second in range(20):
        stamp = second - 30 * (second >= 10)
        buffer.push(Sample(1, stamp * 90_000, 90_000, bytes(9), second % 5 == 0))
        buffer.push(Sample(2, stamp * 8_000 + 800, 8_000, bytes(9)))
    buffer.redate(Fraction(-1, 5))  # a clock was followed: that is no step
    stamped = [second - 30 * (second >= 10) for second in range(20)]
    assert times(kept(buffer)) == [one * 90_000 for one in stamped]
    buffer.redate(Fraction(-30))
    moved = range(-30, -10)
    assert times(kept(buffer)) == [one * 90_000 for one in moved]
    assert times(kept(buffer), 2) == [one * 8_000 + 800 for one in moved]
    buffer.redate(Fraction(-30))  # the same step does not count twice
    assert times(buffer.release()) == [one * 90_000 for one in moved]


@pytest.mark.parametrize("by", [-9.5, -5, -0.4, 0.4, 5, 9.5])
@pytest.mark.parametrize("every", [0.04, 0.2, 4.2])
@pytest.mark.parametrize("known", [0, 1])
def test_what_came_before_a_clock_was_set_by_seconds_keeps_its_place(by: float, every: float, known: int) -> None:
    """The clock is set behind the tenth picture; by a second later, or just before it comes, that is known."""
    buffer = PreRoll([VIDEO, AUDIO, META], timedelta(seconds=600))
    when = 10 * every
    media = [(1, n * every, 90_000) for n in range(20)]
    media += [(2, n * 0.02 + 0.001, 8_000) for n in range(round(when * 100))]
    media += [(3, n * 1.7 + 0.002, 1_000) for n in range(round(when / 1.7) + 2)]
    media.sort(key=lambda one: one[1])
    told = False
    for track_id, time, timescale in media:
        if not told and time >= when + known * max(1, every):
            told = True
            buffer.redate(Fraction(by))
        stamp = time + by * (time >= when)
        buffer.push(Sample(track_id, round(stamp * timescale), timescale // 50, bytes(9), True))
    found = kept(buffer)
    for track, timescale in ((1, 90_000), (2, 8_000), (3, 1_000)):
        right = [round((time + by) * timescale) for one, time, _ in media if one == track]
        assert times(found, track) == pytest.approx(right, abs=1)


@pytest.mark.parametrize("by", [-86_400, -3_600, -30, 30, 3_600])
@pytest.mark.parametrize("every", [0.04, 0.2, 2.8])
@pytest.mark.parametrize("known", [0, 1])
def test_what_came_before_a_clock_was_set_by_an_hour_keeps_its_place(by: float, every: float, known: int) -> None:
    """It is read just before the first sample that comes by it, or a second later."""
    buffer = PreRoll([VIDEO, AUDIO], timedelta(seconds=600))
    when = 10 * every
    count = 10 + max(10, round(2 / every))
    media = [(1, n * every, 90_000) for n in range(count)]
    media += [(2, n * 0.02 + 0.001, 8_000) for n in range(round(count * every * 50))]
    media.sort(key=lambda one: one[1])
    told = False
    for track_id, time, timescale in media:
        if not told and time >= when + known * max(1, every):
            told = True
            buffer.redate(Fraction(by))
        stamp = time + by * (time >= when)
        buffer.push(Sample(track_id, round(stamp * timescale), timescale // 50, bytes(9), True))
    buffer.redate(Fraction(0))
    found = kept(buffer)
    for track, timescale in ((1, 90_000), (2, 8_000)):
        right = [round((time + by) * timescale) for one, time, _ in media if one == track]
        assert times(found, track) == pytest.approx(right, abs=1)


def test_samples_behind_a_gap_stay_where_their_stamps_put_them() -> None:
    buffer = PreRoll([VIDEO], timedelta(seconds=60))
    seconds = [*range(5), *range(25, 30)]
    for second in seconds:
        buffer.push(Sample(1, second * 90_000, 90_000, bytes(9), second % 5 == 0))
    buffer.redate(Fraction(1, 10))
    assert times(buffer.release()) == [second * 90_000 for second in seconds]


def test_all_that_is_missing_of_a_group_that_is_too_large_is_counted_and_the_next_one_has_its_room() -> None:
    buffer = PreRoll([VIDEO, AUDIO], timedelta(seconds=10), max_bytes=1_000)
    for index in range(23):
        buffer.push(video(index, gop=20))
        for packet in range(2):
            buffer.push(audio(2 * index + packet))
    kept = [sample.decode_time // 3_600 for sample, _ in buffer.kept() if sample.track_id == 1]
    assert kept == [20, 21, 22]
    assert buffer.missing(Fraction(0)) == 60, "of the group, and the sound beside it"
    assert buffer.missing(Fraction(19, 25)) == 3
