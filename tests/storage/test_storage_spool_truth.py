"""What a spool says is so: confirmed, uploaded, sent; and what it cannot keep to is refused."""

import json
from dataclasses import asdict

import pytest
from storage_kit import add

from onvif_bmff.errors import StoreError
from onvif_bmff.objects.attributes import OBJECT_ID
from onvif_bmff.objects.stored import ObjectInfo
from onvif_bmff.storage import MemoryStore, SpooledStore, SpoolNotes, SpoolPolicy
from onvif_bmff.timing import UtcTime

DAY = "2026-11-30"
KEY = "site/2026-11-30/cam/12/00-00.000Z.0.m4v"


class Changing(MemoryStore):
    """Shows another content type, or another value of an attribute, than what it was given."""

    def __init__(self, content_type=None, **attributes):
        super().__init__()
        self.content_type, self.attributes = content_type, attributes

    def head(self, key):
        found = super().head(key)
        shown = {name: self.attributes.get(name, value) for name, value in found.attributes.items()}
        return ObjectInfo(key, found.size, self.content_type or found.content_type, shown)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"content_type": "text/html"}, "content type differ in the target"),
        ({"Duration": "2"}, "the attribute duration differs in the target"),
    ],
)
@pytest.mark.parametrize("identified", [True, False])
def test_what_differs_is_not_confirmed_by_asking_again(tmp_path, changes, said, identified):
    """The first upload says what differs; the next one finds the object there, with its id, and must not take it."""
    remote = Changing(**changes)
    store = SpooledStore(remote, tmp_path, policy=SpoolPolicy(tasks=0, first=0.0, longest=0.0))
    add(store, KEY, b"data", {"Duration": "1", **({OBJECT_ID: "0" * 32} if identified else {})})
    for _ in range(3):
        store._uploader.upload(store._contents.take(DAY), DAY)
        assert said in store.status.error
        assert (store.status.waiting, store.status.uploaded) == (1, 0)
    remote.content_type, remote.attributes = None, {}  # mended
    store._uploader.upload(store._contents.take(DAY), DAY)
    assert (store.status.waiting, store.status.uploaded, store.status.error) == (0, 1, None)
    store.close()


# ---- budgets -----------------------------------------------------------------------------------------------


def test_a_clock_that_is_set_back_gives_no_day_its_bytes_twice(tmp_path):
    """As a machine without a battery that is started in 1970, again and again, until it knows the time."""
    for number in range(1, 4):
        notes = SpoolNotes(str(tmp_path))
        notes.charge("1970-01-01", 10)
        notes.charge(DAY, 100)
        assert SpoolNotes(str(tmp_path)).sent("1970-01-01") == (number * 10, number * 10)
        assert SpoolNotes(str(tmp_path)).sent(DAY) == (number * 100, number * 100)


def test_an_upload_that_fails_after_midnight_takes_back_its_own_day_alone(tmp_path):
    notes = SpoolNotes(str(tmp_path))
    notes.charge("2026-11-30", 10)
    notes.charge("2026-12-01", 100)
    notes.charge("2026-11-30", -10)
    assert notes.sent("2026-12-01") == (100, 100)
    assert notes.sent("2026-11-30") == (0, 0)


def test_days_are_forgotten_in_the_end(tmp_path):
    first = UtcTime.parse("2026-01-01T00:00:00Z")
    notes = SpoolNotes(str(tmp_path))
    for number in range(365):
        notes.charge(str(first.plus_microseconds(number * 86_400_000_000))[:10], 1)
    assert notes.sent("2026-12-31") == (1, 31)
    assert notes.sent("2026-12-01") == (0, 31)
    assert (tmp_path / "notes").stat().st_size < 2000


def test_notes_of_earlier_versions_are_read(tmp_path):
    sums = {"objects": 2, "bytes": 5, "dropped": [], "dropping": None}
    sent = {"day": {"period": DAY, "bytes": 7}, "month": {"period": DAY[:7], "bytes": 9}}
    (tmp_path / "notes").write_text(json.dumps({**sums, **sent}))
    notes = SpoolNotes(str(tmp_path))
    assert (notes.dropped_objects, notes.sent(DAY), notes.sent("2026-11-29")) == (2, (7, 9), (0, 9))
    sent = {"day": {"period": "", "bytes": 0}, "month": {"period": "", "bytes": 0}}
    (tmp_path / "notes").write_text(json.dumps({**sums, **sent}))
    assert SpoolNotes(str(tmp_path)).sent(DAY) == (0, 0)
    assert SpoolNotes(str(tmp_path)).dropped_objects == 2


def test_notes_that_cannot_be_read_count_as_empty(tmp_path, caplog):
    (tmp_path / "notes").mkdir()
    assert SpoolNotes(str(tmp_path)).dropped_objects == 0
    assert "cannot be read" in caplog.text


@pytest.mark.parametrize(
    "given",
    [
        {"bytes_a_second": 0}, {"bytes_a_second": -1.0}, {"bytes_a_second": float("nan")}, {"bytes_a_day": 0},
        {"bytes_a_month": -1}, {"most_bytes": 0}, {"tasks": -1}, {"first": -1.0}, {"first": 2.0, "longest": 1.0},
    ],
)  # fmt: skip
def test_a_policy_that_nobody_can_keep_to_is_refused(given):
    with pytest.raises(StoreError, match="spool"):
        SpoolPolicy(**given)
    assert asdict(SpoolPolicy(bytes_a_second=0.5, bytes_a_day=1, bytes_a_month=1, most_bytes=1, tasks=0))
