"""A directory whose system fails at any single call, or from any call on, while a recorder writes into it.

Here each fifth call fails; the run ``store-faults`` of `tests.long` lets each of them fail.
"""

import errno
import os

import pytest
from storage_faults import check, contents, deliver

from onvif_bmff.recovery import recover_store
from onvif_bmff.storage import DirectoryStore
from onvif_bmff.testing.recordings import recorded_events

EVENTS = recorded_events(tracks=("vide",), segments=2, seconds=2)
CALLS = ("writev", "fsync", "link", "rename", "mkdir", "open", "unlink", "setxattr")
KINDS = {"full": errno.ENOSPC, "broken": errno.EIO}
EACH = 5


class Failing:
    """The calls of the system that change something, of which some fail."""

    def __init__(self, patch, fails, number):
        self.count = 0
        self.fails, self.number = fails, number
        for name in CALLS:
            patch.setattr(os, name, self.wrapped(getattr(os, name)))

    def wrapped(self, real):
        def call(*given, **more):
            self.count += 1
            if self.fails(self.count):
                raise OSError(self.number, os.strerror(self.number))
            return real(*given, **more)

        return call


def recorded(root, patch, fails, number, labels="files"):
    """What is there after a recording, and what the sink said; the system works again."""
    store = DirectoryStore(root, labels=labels)
    with patch.context() as patched:
        system = Failing(patched, fails, number)
        sink, failures = deliver(EVENTS, store)
    return store, sink, failures, system.count


def fails_once(root, patch, number, at, found, labels="files"):
    """One failure loses nothing."""
    store, sink, failures, _ = recorded(root, patch, lambda count: count == at, number, labels)
    assert (failures, dict(sink.dropped)) == ([], {}), at
    assert contents(store) == found, at


def fails_for_good(root, patch, number, at, labels="files"):
    """The store is valid, with nothing in it that is not acknowledged or counted, and can be recovered."""
    store, sink, failures, _ = recorded(root, patch, lambda count: count >= at, number, labels)
    check(EVENTS, Plain(store), sink)
    assert failures or len(list(store.keys())) == 3, at
    assert recover_store(store, exclusive=True).errors == [], at
    assert store.open_area_state().unsealed == ()
    assert recover_store(store, exclusive=True).ended == []


class Plain:
    """A store that `check` can look at."""

    def __init__(self, store):
        self.store, self.fails = store, None

    def __getattr__(self, name):
        return getattr(self.store, name)


@pytest.fixture(autouse=True)
def no_waiting_for_disks(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda number: None)


@pytest.fixture
def whole(tmp_path, monkeypatch):
    store, _, _, calls = recorded(tmp_path / "whole", monkeypatch, lambda count: False, 0)
    assert calls > 40
    return contents(store), calls


@pytest.mark.parametrize("kind", KINDS)
def test_one_failure_of_the_system_loses_nothing(tmp_path, monkeypatch, whole, kind):
    found, calls = whole
    for at in range(1 + list(KINDS).index(kind), calls + 1, EACH):
        fails_once(tmp_path / f"{at}", monkeypatch, KINDS[kind], at, found)


@pytest.mark.parametrize("kind", KINDS)
def test_a_system_that_fails_for_good_leaves_a_valid_store_to_recover(tmp_path, monkeypatch, whole, kind):
    for at in range(1 + list(KINDS).index(kind), whole[1] + 1, EACH):
        fails_for_good(tmp_path / f"{at}", monkeypatch, KINDS[kind], at)


@pytest.mark.parametrize("kind", KINDS)
def test_a_system_that_fails_while_labels_are_attributes(tmp_path, monkeypatch, whole, kind):
    *_, calls = recorded(tmp_path / "count", monkeypatch, lambda count: False, 0, "attributes")
    for at in range(1 + list(KINDS).index(kind), calls + 1, 2):
        fails_once(tmp_path / f"once {at}", monkeypatch, KINDS[kind], at, whole[0], "attributes")
        fails_for_good(tmp_path / f"ever {at}", monkeypatch, KINDS[kind], at, "attributes")
