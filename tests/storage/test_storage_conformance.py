"""The tests that every store must pass, on ours, on the one that the documentation shows, and on broken ones."""

import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from onvif_bmff.errors import ObjectNotFoundError
from onvif_bmff.objects import ObjectInfo
from onvif_bmff.playback import Timeline
from onvif_bmff.storage import DirectoryStore, MemoryStore
from onvif_bmff.testing import StoreConformance
from onvif_bmff.testing.recordings import recorded_objects
from onvif_bmff.validation import validate_store

ROOT = Path(__file__).resolve().parents[2]
TESTS = sorted(name for name in dir(StoreConformance) if name.startswith("test_"))


def documented() -> list[str]:
    """The blocks of code of the section about stores: the store, its tests, and a program."""
    section = re.search(r"^## A store\n(.*?)^## ", (ROOT / "docs" / "extending.md").read_text(), re.M | re.S)
    return re.findall(r"^```python\n(.*?)^```$", section[1], re.M | re.S)


def made(code: str) -> ModuleType:
    module = ModuleType("dict_store")
    exec(compile(code, "dict_store.py", "exec"), module.__dict__)
    return module


class TestMemoryStore(StoreConformance):
    def make_store(self):
        return MemoryStore()


class TestDirectoryStore(StoreConformance):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path):
        self.folder, self.count = tmp_path, 0

    def make_store(self):
        self.count += 1
        return DirectoryStore(self.folder / str(self.count), fsync=False)


class TestDirectoryStoreWithAttributes(TestDirectoryStore):
    def make_store(self):
        self.count += 1
        return DirectoryStore(self.folder / str(self.count), fsync=False, labels="attributes", held_folders=2)


class TestDocumentedStore(StoreConformance):
    def make_store(self):
        return made(documented()[0]).DictStore()


def test_the_documentation_does_what_it_says(tmp_path):
    """The first two blocks of code, as files of an author who has nothing but the library and pytest."""
    store, tests = documented()[:2]
    (tmp_path / "dict_store.py").write_text(store)
    (tmp_path / "test_dict_store.py").write_text(tests)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(tmp_path),
        str(tmp_path),
    ]
    own = {name: text for name, text in os.environ.items() if not name.startswith(("PYTEST", "COV"))}
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False, env=own)
    assert done.returncode == 0, done.stdout
    assert f"{len(TESTS)} passed" in done.stdout


def test_the_documented_store_takes_a_recording():
    """The names of its attributes are in lower case, and nothing minds."""
    store = made(documented()[0]).DictStore()
    for one in recorded_objects(tracks=("vide", "soun"), spans=2):
        store.put(one)
    assert {name.islower() for key in tuple(store.keys()) for name in store.head(key).attributes} == {True}
    assert list(validate_store(store)) == []
    assert len(Timeline.from_store(store).spans) == 4


def test_neither_pytest_nor_hypothesis_is_needed():
    code = "import sys, onvif_bmff.testing as t; t.StoreConformance; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert not {"pytest", "hypothesis"} & set(done.stdout.split())


def wrong(store_members=None, writer_members=None):
    """A documented store with other methods."""
    module = made(documented()[0])
    for cls, members in ((module.DictStore, store_members), (module.DictWriter, writer_members)):
        for name, member in (members or {}).items():
            setattr(cls, name, member(getattr(cls, name, None)))
    return module.DictStore


def _visible_at_once(append):
    def appended(self, *buffers):
        append(self, *buffers)
        data = b"".join(self.buffers)
        self.store.objects[self.key] = data, ObjectInfo(self.key, len(data), self.content_type, {})

    return appended


def _without_errors(find):
    def found(self, key):
        try:
            return find(self, key)
        except ObjectNotFoundError:
            raise KeyError(key) from None

    return found


def _attributes(change):
    def changed(head):
        def heads(self, key):
            info = head(self, key)
            return ObjectInfo(key, info.size, info.content_type, change(info.attributes))

        return heads

    return {"head": changed}


BROKEN = {
    "negative starts": (
        {"get": lambda get: lambda self, key, start=0, length=None: get(self, key, max(0, start), length)},
        "test_ranges",
    ),
    "lengths beyond the end": (
        {"get": lambda get: lambda self, key, start=0, length=None: get(self, key, start, length).ljust(length or 0)},
        "test_ranges",
    ),
    "a bytearray": (
        {"get": lambda get: lambda self, *a: bytearray(get(self, *a))},
        "test_ranges",
    ),
    "not found by another error": ({"_find": _without_errors}, "test_missing_objects"),
    "no order": (
        {"keys": lambda keys: lambda self, *a, **b: reversed(list(keys(self, *a, **b)))},
        "test_listing_in_order",
    ),
    "an order by folders": (
        {
            "keys": lambda keys: (
                lambda self, *a, **b: sorted(keys(self, *a, **b), key=lambda key: key.replace("/", "\0"))
            )
        },
        "test_listing_in_order",
    ),
    "after is included": (
        {"keys": lambda keys: lambda self, prefix="", *, after="": (key for key in keys(self, prefix) if key >= after)},
        "test_listing_in_order",
    ),
    "the first page": (
        {"keys": lambda keys: lambda self, *a, **b: iter(list(keys(self, *a, **b))[:1000])},
        "test_listing_of_many",
    ),
    "deep folders are not listed": (
        {"keys": lambda keys: lambda self, *a, **b: (key for key in keys(self, *a, **b) if key.count("/") < 2)},
        "test_any_history_is_that_of_a_dictionary",
    ),
    "attributes are lost": (_attributes(lambda found: {}), "test_head"),
    "values in lower case": (
        _attributes(lambda found: {name: value.lower() for name, value in found.items()}),
        "test_head",
    ),
    "values as ASCII": (
        _attributes(lambda found: {name: value.encode("ascii", "replace").decode() for name, value in found.items()}),
        "test_head",
    ),
    "deletes nothing": ({"delete": lambda delete: lambda self, key: self._find(key) and None}, "test_delete"),
    "a missing object is deleted": (
        {"delete": lambda delete: lambda self, key: self.objects.pop(key, None) and None},
        "test_delete",
    ),
}

BROKEN_WRITERS = {
    "visible at once": ({"append": _visible_at_once}, "test_nothing_is_visible_before_it_is_sealed"),
    "the last seal wins": (
        {"seal": lambda seal: lambda self, attributes: (setattr(self, "overwrite", True), seal(self, attributes))[1]},
        "test_a_late_collision_is_found_when_sealing",
    ),
    "abandon does nothing": ({"abandon": lambda abandon: lambda self: None}, "test_abandoned"),
    "attributes are not checked": (
        {"seal": lambda seal: lambda self, found: seal(self, {str(name): str(found[name]) for name in found})},
        "test_attributes_that_could_not_be_read_back",
    ),
    "one buffer only": (
        {"append": lambda append: lambda self, *buffers: append(self, *buffers[:1])},
        "test_buffers_of_all_kinds",
    ),
}


def unchecked(self, key, *, content_type, overwrite=False):
    """``open_writer`` as someone writes it who knows no rules."""
    return self.writer(self, key, content_type, overwrite=overwrite)


def failing(store, test):
    suite = type("Suite", (StoreConformance,), {"make_store": lambda self: store()})()
    try:
        getattr(suite, test)()
    except AssertionError as error:
        return str(error)
    return None


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_store_is_found_out(name):
    members, test = BROKEN[name]
    message = failing(wrong(members), test)
    assert message is not None
    assert message != ""


@pytest.mark.parametrize("name", BROKEN_WRITERS)
def test_a_broken_writer_is_found_out(name):
    members, test = BROKEN_WRITERS[name]
    assert failing(wrong(None, members), test)


@pytest.mark.parametrize(
    "test",
    [
        "test_keys_that_no_store_takes",
        "test_content_types_are_one_line_of_text",
        "test_never_overwritten_unless_asked",
    ],
)
def test_a_store_that_checks_nothing_is_found_out(test):
    module = made(documented()[0])
    module.DictStore.writer = module.DictWriter
    module.DictStore.open_writer = unchecked
    assert failing(module.DictStore, test)


def test_the_documented_store_is_not_found_out():
    """So what finds the broken ones finds what is broken in them."""
    assert [failing(wrong(), test) for test in TESTS] == [None] * len(TESTS)
