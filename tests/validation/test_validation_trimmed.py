"""A bucket whose oldest objects are gone, by retention or life-cycle rules, is noted and not held against it."""

from datetime import timedelta

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st
from validation_kit import base, clip, keys_of, objects_of, put, record, rename, store_of

from onvif_bmff.objects.key import ObjectKey
from onvif_bmff.recording.formats import CMAF, MP4
from onvif_bmff.validation import Level, validate_store


def found_in(store, **options):
    """Rules and levels."""
    return [(found.rule, found.level) for found in validate_store(store, **options)]


def remove_head(store, extension, count):
    for key in keys_of(store, extension)[:count]:
        store.delete(key)


@pytest.mark.requirement("ANX-B.4-11")
@pytest.mark.parametrize(("name", "extensions"), [("cmaf", ("m4v", "m4a", "m4m")), ("mp4", ("mp4",))])
@pytest.mark.parametrize("count", [1, 2])
def test_a_trimmed_head_is_a_note_for_each_kind(name, extensions, count):
    store = base(name)
    for extension in extensions:
        remove_head(store, extension, count)
    findings = list(validate_store(store))
    assert [(one.rule, one.level) for one in findings] == [("ANX-B.4-11", Level.NOTE)] * len(extensions)
    assert {one.key for one in findings} == {keys_of(store, extension)[0] for extension in extensions}
    assert all(f"counters 0 to {count - 1}:" in one.message for one in findings)
    report = validate_store(store)
    list(report)
    assert report.checked.notes == len(extensions)


@pytest.mark.requirement("ANX-B.4-11")
def test_a_hole_is_an_error_even_in_the_oldest_span():
    store = base("cmaf")
    first, second, third = keys_of(store, "m4v")[:3]
    store.delete(second)
    assert found_in(store) == [("ANX-B.4-11", Level.ERROR)]
    store.delete(first)
    assert found_in(store) == [("ANX-B.4-11", Level.NOTE)], "what begins with the third is trimmed, without a hole"
    assert third in keys_of(store, "m4v")


@pytest.mark.requirement("ANX-B.4-11")
def test_a_later_span_without_its_head_is_an_error():
    store = base("cmaf-spans")
    (later,) = {key for key in keys_of(store, "m4v")[1:] if ".0." in key}
    store.delete(later)
    assert found_in(store) == [("ANX-B.4-11", Level.ERROR)]


@pytest.mark.requirement("ANX-B.5-04")
def test_whole_spans_are_gone_but_for_their_end():
    store, extensions = base("cmaf-spans"), ("m4v", "m4a", "m4m")
    for extension in extensions:
        second = next(index for index, key in enumerate(keys_of(store, extension)) if index and ".0." in key)
        remove_head(store, extension, second)
    assert found_in(store) == [("ANX-B.5-04", Level.NOTE)] * len(extensions)
    for extension in extensions:
        remove_head(store, extension, 100)
    assert set(found_in(store)) == {("ANX-B.5-04", Level.NOTE)}


@pytest.mark.requirement("ANX-B.5-04")
def test_a_kind_of_which_nothing_is_left_but_ends():
    """Documents may be kept for a shorter time than pictures."""
    store = base("cmaf-spans")
    remove_head(store, "m4m", 100)
    assert found_in(store) == [("ANX-B.5-04", Level.NOTE)] * 2


@pytest.mark.requirement("ANX-B.5-05")
def test_an_end_object_with_another_extension_is_no_relic():
    store = base("cmaf-spans")
    remove_head(store, "m4m", 100)
    for key in keys_of(store, "m4m_end"):
        store.delete(key)
    end = keys_of(store, "m4v_end")[-1]
    rename(store, end, end.replace("m4v_end", "m4m_end"))
    assert found_in(store) == [("ANX-B.5-05", Level.ERROR)]


@pytest.mark.requirement("ANX-B.5-04")
def test_an_end_object_among_segments_is_no_relic():
    store = base("cmaf-spans")
    end = keys_of(store, "m4v_end")[-1]
    key = ObjectKey.parse(end)
    rename(store, end, str(ObjectKey(key.prefix, key.time, key.postfix, 1, "m4v", span_end=True)))
    assert ("ANX-B.5-04", Level.ERROR) in found_in(store)


def test_other_places_have_heads_of_their_own():
    objects = objects_of(base("cmaf"))
    elsewhere = {key.replace("camera-5", "camera-6"): found for key, found in objects.items()}
    store = store_of({**objects, **elsewhere})
    assert found_in(store) == []
    remove_head(store, "m4v", 1)
    assert found_in(store) == [("ANX-B.4-11", Level.NOTE)]
    for key in [key for key in keys_of(store, "m4v") if "camera-6" in key][:1]:
        store.delete(key)
    assert found_in(store) == [("ANX-B.4-11", Level.NOTE)] * 2


def test_within_a_range_the_head_is_not_looked_at():
    store = base("cmaf")
    start = ObjectKey.parse(keys_of(store, "m4v")[0]).time
    remove_head(store, "m4v", 1)
    assert found_in(store, start=start, end=start.plus_ticks(60, 1)) == []


@settings(max_examples=12, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(
    format_=st.sampled_from((CMAF, MP4)),
    cuts=st.tuples(*[st.integers(0, 14_000)] * 3),
    keep_ends=st.booleans(),
)
@example(format_=CMAF, cuts=(2228, 11234, 2294), keep_ends=True)
@example(format_=CMAF, cuts=(14_000, 0, 14_000), keep_ends=True)
def test_whatever_time_a_bucket_is_trimmed_to_there_are_notes_only(format_, cuts, keep_ends):
    """Each kind may be trimmed to a time of its own, as life-cycle rules act at leisure."""
    tracks, samples = clip()
    store = record(tracks, samples, format=format_, span_duration=timedelta(seconds=4) if format_ is CMAF else None)
    kinds = sorted({key.rpartition(".")[2].removesuffix("_end") for key in store.keys()})  # noqa: SIM118
    start = min(ObjectKey.parse(key).time for key in store.keys())  # noqa: SIM118
    for kind, cut in zip(kinds, cuts, strict=False):
        for key in list(store.keys()):
            parsed = ObjectKey.parse(key)
            old = parsed.extension == kind and parsed.time.microseconds_since(start) < cut * 1000
            if old and not (parsed.span_end and keep_ends):
                store.delete(key)
    assert {found.level for found in validate_store(store)} <= {Level.NOTE}


def test_a_recording_that_was_never_trimmed_has_no_notes():
    store = base("mp4-spans")
    put(store, "readme.txt", b"")
    assert found_in(store) == []
