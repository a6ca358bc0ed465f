"""A validation says what it looked at and what it could not: that it found nothing is worth no more than that."""

import json
from dataclasses import replace

import pytest
from validation_kit import (
    CBCS,
    CENC,
    KEYS,
    START,
    base,
    clip,
    entry,
    keys_of,
    objects_of,
    opened,
    put,
    record,
    store_of,
)

from onvif_bmff.bmff import SampleEncryptionBox
from onvif_bmff.cenc.keys.ring import KeyRing
from onvif_bmff.recording.formats import CMAF, MP4
from onvif_bmff.storage.memory import MemoryStore
from onvif_bmff.validation import RULES, Level, Validation, validate_store

RING = KeyRing(KEYS)


def checked(store, **options):
    """What was looked at, once all findings were taken."""
    report = validate_store(store, **options)
    assert isinstance(report, Validation)
    for found in report:
        assert found.rule in RULES
    json.dumps(report.checked.counts())
    return report.checked


def samples_of(store):
    """Samples by whether they are clear, opened, not opened, not read."""
    return lambda **options: (
        (found := checked(store, **options)).samples_clear,
        found.samples_opened,
        found.samples_unopened,
        found.samples_unread,
    )


def test_a_clear_recording():
    tracks, samples = clip()
    for format_, spans, segments in ((CMAF, 3, 18), (MP4, 1, 6)):
        found = checked(record(tracks, samples, format=format_))
        assert (found.spans, found.segments, found.span_ends) == (spans, segments, spans)
        assert found.objects == segments + spans == found.names
        assert found.objects_read == found.attributes_seen == segments
        assert found.samples_clear == len(samples)
        assert found.samples_opened == found.samples_unopened == found.samples_unread == 0
        assert found.foreign == found.elsewhere == found.notes == found.attributes_missing == 0
        assert found.skipped == ()


@pytest.mark.parametrize("format_", [CMAF, MP4], ids=lambda one: one.name)
@pytest.mark.parametrize("scheme", [CENC, CBCS], ids=str)
def test_encrypted_samples_count_as_opened_only_with_their_key(format_, scheme):
    tracks, samples = clip()
    entries = (entry(scheme, KEYS[0], tracks=("VIDEO001",)), entry(scheme, KEYS[1], tracks=("AUDIO001",)))
    store = record(tracks, samples, format=format_, encryption=entries)
    number = {track.token: sum(one.track_id == track.track_id for one in samples) for track in tracks}
    video, audio, rest = (number[token] for token in ("VIDEO001", "AUDIO001", "META001"))
    count = samples_of(store)
    assert count() == (rest, 0, video + audio, 0)
    assert count(keys=KeyRing(KEYS[:1])) == (rest, video, audio, 0)
    assert count(keys=RING) == (rest, video + audio, 0, 0)
    assert count(deep=False) == (0, 0, 0, 0)
    assert checked(store).missing_keys == {KEYS[0].kid, KEYS[1].kid}
    assert checked(store, keys=KeyRing(KEYS[1:])).missing_keys == {KEYS[0].kid}
    assert checked(store, keys=RING).missing_keys == set()
    rule = "ANX-B.8-06" if scheme is CENC else "ANX-B.8-07"
    (skipped,) = checked(store).skipped
    objects = sum(key.endswith(("m4v", "m4a", "mp4")) for key in store.keys())  # noqa: SIM118
    assert (skipped.rule, skipped.count) == (rule, objects), "by object, however many samples"
    assert checked(store, keys=RING).skipped == ()


def test_samples_whose_protection_cannot_be_read_were_not_opened():
    store = base("cmaf-cenc")
    whole = checked(store, keys=RING)
    with opened(store, "m4v") as obj:
        for moof in range(len(obj.moofs)):
            obj.drop(obj.traf(moof), SampleEncryptionBox)
    found = checked(store, keys=RING)
    assert found.samples_unopened > 0
    assert found.samples_opened + found.samples_unopened == whole.samples_opened
    assert found.missing_keys == set()


def test_samples_that_are_not_there_were_not_read():
    store = base("cmaf")
    whole = checked(store)
    with opened(store, "m4v") as obj:
        for box in obj.boxes:  # half of the data is gone
            if box.type == "mdat":
                box.data = bytes(box.data)[: len(box.data) // 2]
        obj.fix = False
    found = checked(store)
    assert found.samples_unread > 0
    assert found.samples_clear < whole.samples_clear
    assert found.objects_read == whole.objects_read


def test_names_of_others_are_counted_by_what_they_are():
    store = base("mp4")
    own = len(objects_of(store))
    put(store, "notes/readme.txt", b"hello")
    put(store, "2022-11-08/picture.jpg", b"")
    put(store, "site-2/2022-11-08/camera-6/10/00-00.000Z.0.mp4", b"")
    found = checked(store, prefix="site-2", postfix="camera-5")
    assert (found.names, found.foreign, found.elsewhere, found.objects) == (own + 1, 0, 1, own)
    found = checked(store)
    assert (found.names, found.foreign, found.elsewhere, found.objects) == (own + 3, 2, 0, own + 1)


def test_nothing_at_all():
    for store in (MemoryStore(), store_of({"a.txt": (b"x", "text/plain", {})})):
        found = checked(store)
        assert (found.objects, found.spans, found.skipped) == (0, 0, ())
    assert checked(base("cmaf"), prefix="site-3").objects == 0
    found = checked(base("cmaf"), start=START.plus_ticks(3600, 1), end=START.plus_ticks(7200, 1))
    assert (found.objects, found.spans) == (0, 0)
    assert found.names > 0


def test_a_range_counts_what_lies_in_it_and_says_which_rules_it_cuts_off():
    store = base("cmaf-spans")
    whole = checked(store)
    found = checked(store, start=START.plus_ticks(2, 1), end=START.plus_ticks(5, 1))
    assert 0 < found.segments < whole.segments
    assert found.objects_read == found.segments
    for key in keys_of(store, "m4v_end") + keys_of(store, "m4v")[:1]:
        store.delete(key)
    found = checked(store, end=START.plus_ticks(5, 1))
    assert ("ANX-B.5-01", 1) in [(one.rule, one.count) for one in found.skipped]
    found = checked(store, start=START)
    assert ("ANX-B.4-11", 1) in [(one.rule, one.count) for one in found.skipped]
    assert all("range" in one.reason for one in found.skipped)


def test_counts_grow_while_findings_are_taken():
    store = base("cmaf")
    for key in keys_of(store, "m4v"):
        info = store.head(key)
        put(store, key, store.get(key)[:-5], info.content_type, info.attributes)
    report = validate_store(store)
    assert report.checked.segments == 0
    next(report)
    first = report.checked.segments
    list(report)
    assert 0 < first < report.checked.segments


def test_plain_values_hold_all():
    tracks, samples = clip()
    store = record(tracks, samples, format=CMAF, encryption=(entry(CENC),))
    key = keys_of(store, "m4a")[0]
    put(store, key, store.get(key), "audio/mp4")
    found = checked(store)
    plain = found.counts()
    assert plain["segments"] == found.segments
    assert plain["missing_keys"] == [str(KEYS[0].kid)]
    assert [(one["rule"], one["reason"], one["count"]) for one in plain["skipped"]] == [
        (one.rule, one.reason, one.count) for one in found.skipped
    ]
    assert found.attributes_missing == 1
    assert not any(name.startswith("_") for name in plain)


def test_levels_of_notes_are_no_faults():
    assert [level.value for level in Level] == ["error", "warning", "note"]
    assert Level.NOTE not in {rule.level for rule in RULES.values()}
    assert replace(next(iter(RULES.values())), level=Level.NOTE).level is Level.NOTE
