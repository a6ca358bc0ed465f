"""Many workers find what one process finds, finding by finding."""

import pickle
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import cache

import pytest
from jobs_kit import MIDNIGHT, damaged_objects, directory, look_and_die_once, memory, reader, whole_objects

from onvif_bmff.bmff import MovieBox, parse_boxes
from onvif_bmff.cenc.keys.ring import KeyRing
from onvif_bmff.cenc.protection import protection_headers
from onvif_bmff.jobs import SentRing, StoreAddress, Workers, validate_by_workers, validating
from onvif_bmff.validation import ValidationScope, validate_store
from onvif_bmff.validation.rules import Level

SEEDS = range(12)


def result(validation):
    return list(validation), validation.checked.counts()


@cache
def bucket(seed):
    return memory(whole_objects() if seed is None else damaged_objects(seed))


def by_threads(store, **options):
    with ThreadPoolExecutor(3) as pool:
        return result(validate_by_workers(store, Workers(pool, 3), **options))


@pytest.fixture(autouse=True)
def small_tasks(monkeypatch):
    monkeypatch.setattr(validating, "_OBJECTS", 3)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("unwraps", [False, True])
def test_findings_and_counts_are_those_of_one_process(seed, unwraps):
    store = bucket(seed)
    unwrapper = reader().unwrapper if unwraps else None
    expected = result(validate_store(store, unwrapper=unwrapper))
    assert by_threads(store, unwrapper=unwrapper) == expected
    assert sum(found.level is not Level.NOTE for found in expected[0]) > 10


def test_the_seeds_break_many_rules():
    rules = {found.rule for seed in SEEDS for found in validate_store(bucket(seed), unwrapper=reader().unwrapper)}
    assert {"ANX-B.8-08", "ANX-B.4-11", "ANX-B.5-04", "ANX-B.9-07", "ANX-B.3-08"} <= rules
    assert len(rules) > 20


def test_a_whole_bucket_has_no_findings_and_all_is_opened():
    store = bucket(None)
    found, counts = by_threads(store, unwrapper=reader().unwrapper)
    assert found == []
    assert counts == result(validate_store(store, unwrapper=reader().unwrapper))[1]
    assert counts["samples_opened"] > 100
    assert counts["samples_unopened"] == 0


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(
    "scope",
    [
        ValidationScope(start=MIDNIGHT),
        ValidationScope(end=MIDNIGHT),
        ValidationScope("site", "camera-1", MIDNIGHT, MIDNIGHT + timedelta(seconds=2)),
        ValidationScope(prefix="copy"),
    ],
    ids=["from midnight", "to midnight", "two seconds", "a prefix"],
)
def test_a_part_of_a_bucket_too(seed, scope):
    options = {"prefix": scope.prefix, "postfix": scope.postfix, "start": scope.start, "end": scope.end}
    assert by_threads(bucket(seed), scope=scope) == result(validate_store(bucket(seed), **options))


@pytest.mark.parametrize("seed", [None, 3])
def test_names_and_labels_alone(seed):
    assert by_threads(bucket(seed), deep=False) == result(validate_store(bucket(seed), deep=False))


def test_keys_that_are_given_are_sent():
    store, known = bucket(None), KeyRing()
    for key in list(store.keys()):
        if key.endswith(".mp4") and "camera-2" in key:
            boxes = parse_boxes(store.get(key))
            movie = next(box for box in boxes if isinstance(box, MovieBox))
            known.unlock(protection_headers(movie), reader().unwrapper)
    assert len(known) > 1
    found, counts = by_threads(store, keys=known)
    assert (found, counts) == result(validate_store(store, keys=known))
    assert counts["samples_opened"] > 100
    one = SentRing.of(known)
    assert all(key.key.hex() not in repr(one) and repr(key.key) not in repr(one) for key in known.values())
    assert pickle.loads(pickle.dumps(one)).ring() == known
    assert SentRing.of(None).ring() is None


@pytest.mark.parametrize("seed", [None, 5])
def test_processes_find_the_same_also_where_one_is_killed(tmp_path, monkeypatch, seed):
    objects = whole_objects() if seed is None else damaged_objects(seed)
    directory(tmp_path / "store", objects)
    mark = tmp_path / "mark"
    mark.touch()
    monkeypatch.setenv("ONVIF_BMFF_TEST_MARK", str(mark))
    expected = result(validate_store(bucket(seed), unwrapper=reader().unwrapper))
    monkeypatch.setattr(validating, "_look", look_and_die_once)
    with Workers.processes(2) as workers:
        address = StoreAddress(str(tmp_path / "store"))
        assert result(validate_by_workers(address, workers, unwrapper=reader().unwrapper)) == expected
    assert not mark.exists()
