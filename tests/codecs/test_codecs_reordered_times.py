"""Decode times from presentation times and picture order."""

import random
from itertools import pairwise

import pytest
from codecs_clips import CLIPS, read_clip
from codecs_parameter_sets import IDR, INTER, OTHER_PPS, OTHER_SPS, avc, hevc, sample
from hypothesis import given
from hypothesis import strategies as st

from onvif_bmff.codecs.access_units import AvcAccessUnits, HevcAccessUnits
from onvif_bmff.codecs.metadata import MetadataCodec
from onvif_bmff.codecs.reordered_times import ReorderedTimes
from onvif_bmff.media.nal_family import AVC
from onvif_bmff.media.track import Sample

TICKS = 3600
REORDERED = [name for name in CLIPS if name not in ("avc-bf0", "avc-refresh", "avc-intra", "hevc-bf0")]


def samples_of(clip, times):
    """The samples of a clip with given presentation times, and the codec before the first."""
    converter = AvcAccessUnits() if clip.family is AVC else HevcAccessUnits()
    units = [converter.convert(units) for units in clip.units]
    return units[0].codec, [Sample(1, time, 0, one.data, one.sync) for one, time in zip(units, times, strict=True)]


def passed(codec, samples):
    times = ReorderedTimes(codec, 90000)
    found = [one for sample in samples for one in times.push(sample)]
    found += times.flush()
    assert [one.data for one in found] == [one.data for one in samples]
    assert [one.sync for one in found] == [one.sync for one in samples]
    return found, times


def shown_at(samples):
    return [one.decode_time + one.composition_offset for one in samples]


@pytest.mark.interop
@pytest.mark.parametrize("name", CLIPS)
def test_decode_times_are_the_presentation_times_in_order(make_clip, name):
    clip = read_clip(make_clip, name)
    codec, samples = samples_of(clip, [rank * TICKS + 900 for rank in clip.ranks])
    found, times = passed(codec, samples)
    assert [one.decode_time for one in found] == [number * TICKS + 900 for number in range(len(samples))]
    assert shown_at(found) == [one.decode_time for one in samples]
    assert found[0].composition_offset == 0
    assert (times.depth > 0) == any(one.composition_offset for one in found) == (name in REORDERED)


@pytest.mark.interop
@pytest.mark.parametrize("name", REORDERED)
def test_uneven_times_stay_as_they_came(make_clip, name):
    clip = read_clip(make_clip, name)
    rng, times = random.Random(name), [0]
    for _ in clip.ranks[1:]:
        times.append(times[-1] + rng.choice((90, 1800, 3600, 45000)))
    codec, samples = samples_of(clip, [times[rank] for rank in clip.ranks])
    found, _ = passed(codec, samples)
    assert [one.decode_time for one in found] == times
    assert shown_at(found) == [one.decode_time for one in samples]


@pytest.mark.interop
@pytest.mark.parametrize("name", REORDERED)
def test_so_few_are_held_back_as_the_stream_may_reorder(make_clip, name):
    clip = read_clip(make_clip, name)
    codec, samples = samples_of(clip, [rank * TICKS for rank in clip.ranks])
    times, waiting = ReorderedTimes(codec, 90000), 0
    for one in samples:
        waiting += 1 - len(times.push(one))
        assert waiting <= times.depth <= 4


@pytest.mark.interop
@pytest.mark.parametrize("name", ["avc-bf2", "avc-bf3-pyramid", "hevc-bf3-open"])
@pytest.mark.parametrize("off", [-90000 * 3600, -180000, 180000, 90000 * 3600])
def test_a_time_that_is_off_is_off_alone(make_clip, name, off):
    """It keeps its own offset, as its decode time is off; all other pictures are as if it were not."""
    clip = read_clip(make_clip, name)
    times = [90000 * 7200 + rank * TICKS for rank in clip.ranks]
    codec, samples = samples_of(clip, times)
    right, _ = passed(codec, samples)
    for place in (20, 21, 22, 23):
        _, samples = samples_of(clip, [time + off * (n == place) for n, time in enumerate(times)])
        found, _ = passed(codec, samples)
        assert [one.composition_offset for one in found] == [one.composition_offset for one in right]
        assert [one.decode_time - other.decode_time for one, other in zip(found, right, strict=True)] == [
            off * (n == place) for n in range(len(found))
        ]


@pytest.mark.interop
@pytest.mark.parametrize("name", ["avc-bf2", "hevc-bf2"])
def test_a_step_of_the_clock_stays_a_step(make_clip, name):
    clip = read_clip(make_clip, name)
    times = [90000 * 7200 + rank * TICKS + (-450000 if n >= 25 else 0) for n, rank in enumerate(clip.ranks)]
    codec, samples = samples_of(clip, times)
    found, _ = passed(codec, samples)
    deltas = [later.decode_time - one.decode_time for one, later in pairwise(found)]
    assert sorted(deltas)[0] == TICKS - 450000
    assert sorted(deltas)[1:] == [TICKS] * (len(found) - 2)
    assert shown_at(found) == times


@pytest.mark.interop
@pytest.mark.parametrize("name", ["avc-bf2", "hevc-bf2"])
def test_pictures_may_be_lost(make_clip, name):
    clip = read_clip(make_clip, name)
    codec, samples = samples_of(clip, [rank * TICKS for rank in clip.ranks])
    for lost in ({12}, {13, 14}, {24, 25, 26}, set(range(1, 12)), {0, 12, 24, 36}):
        left = [one for n, one in enumerate(samples) if n not in lost]
        found, _ = passed(codec, left)
        assert shown_at(found) == [one.decode_time for one in left]
        assert [one.decode_time for one in found] == sorted(one.decode_time for one in left)


@pytest.mark.interop
@pytest.mark.parametrize("name", ["avc-bf2", "avc-bf3-pyramid", "avc-bf0"])
def test_depth_is_seen_where_it_is_not_stated(make_clip, name, monkeypatch):
    monkeypatch.setattr("onvif_bmff.codecs.avc.picture._depth", lambda sps: None)
    clip = read_clip(make_clip, name)
    codec, samples = samples_of(clip, [rank * TICKS for rank in clip.ranks])
    found, times = passed(codec, samples)
    assert [one.decode_time for one in found] == [number * TICKS for number in range(len(samples))]
    assert times.depth == {"avc-bf2": 1, "avc-bf3-pyramid": 2, "avc-bf0": 0}[name]


@pytest.mark.interop
def test_given_decode_times_pass(make_clip):
    clip = read_clip(make_clip, "avc-bf2")
    codec, samples = samples_of(clip, [rank * TICKS for rank in clip.ranks])
    given_times, _ = passed(codec, samples)
    again, _ = passed(codec, given_times)
    assert again == given_times
    rising = [Sample(1, n * TICKS, 0, one.data, one.sync) for n, one in enumerate(samples)]
    assert passed(codec, rising)[0][20:] == rising[20:]


def test_other_media_pass_at_once():
    document = Sample(2, 5, 0, b"<a/>")
    assert ReorderedTimes(MetadataCodec(), 90000).push(document) == [document]
    late = [Sample(1, time, 0, sample(IDR)) for time in (5, 3, 4)]
    baseline = avc(OTHER_SPS, OTHER_PPS)
    assert ReorderedTimes(baseline, 90000).depth == 0
    assert passed(baseline, late)[0] == late


def test_another_codec_begins_anew():
    times = ReorderedTimes(hevc(), 90000)
    times.depth, times._transparent = 2, False
    first = Sample(1, 0, 0, sample(IDR))
    assert times.push(first) == []
    assert times.change_codec(avc(OTHER_SPS, OTHER_PPS)) == [first]
    assert times.push(first) == [first]


@given(
    st.lists(
        st.tuples(st.integers(-(1 << 40), 1 << 40), st.one_of(st.binary(max_size=30), st.just(sample(INTER)))),
        max_size=30,
    )
)
def test_whatever_comes_goes(pieces):
    for codec in (avc(), hevc()):
        times = ReorderedTimes(codec, 90000)
        times._transparent, times.depth = False, None
        given_samples = [Sample(1, time, 0, data) for time, data in pieces]
        found = [one for given_sample in given_samples for one in times.push(given_sample)] + times.flush()
        assert [one.data for one in found] == [data for _, data in pieces]
        for shown, (time, _) in zip(shown_at(found), pieces, strict=True):
            assert abs(shown - time) <= 9000  # a stamp is moved by no more than a tenth of a second
