"""Event recording, what to keep before the event. ONVIF Recording Control 25.12, 5.3.4."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onvif_bmff.codecs.g711 import G711Codec
from onvif_bmff.codecs.jpeg.codec import MjpegCodec
from onvif_bmff.errors import MediaError
from onvif_bmff.media.track import Sample, Track
from onvif_bmff.recording.preroll import PreRoll

VIDEO = Track("VIDEO001", 1, 90_000, MjpegCodec(width=64, height=48))
AUDIO = Track("AUDIO001", 2, 8_000, G711Codec())


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
