"""Whatever a store holds, validation ends, and never with an error."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from validation_kit import KEYS, base, objects_of, put, rules_in, store_of

from onvif_bmff.cenc.keys.content import ContentKey
from onvif_bmff.cenc.keys.ring import KeyRing
from onvif_bmff.errors import StoreError
from onvif_bmff.storage.memory import MemoryStore
from onvif_bmff.testing.mutator import Mutator
from onvif_bmff.validation import RULES, Finding, validate_store

RING = KeyRing(KEYS)
BASES = ("cmaf", "mp4", "cmaf-cenc", "cmaf-cbcs", "mp4-cenc", "mp4-cbcs")


def validated(store, **options):
    found = list(validate_store(store, keys=RING, **options))
    assert all(isinstance(one, Finding) and one.rule in RULES for one in found)
    return found


def some_object(name, extension):
    objects = objects_of(base(name))
    key = [key for key in objects if key.endswith(extension)][1]
    return key, objects[key]


@settings(max_examples=100, deadline=None)
@given(
    name=st.sampled_from(BASES),
    flips=st.lists(st.tuples(st.integers(0, 1 << 30), st.integers(0, 255)), min_size=1, max_size=6),
    in_header=st.booleans(),
    cut=st.none() | st.integers(0, 1 << 30),
)
def test_damaged_bytes(name, flips, in_header, cut):
    key, (body, content_type, attributes) = some_object(name, "mp4" if name.startswith("mp4") else "m4v")
    damaged = bytearray(body)
    end = min(len(body), 2500) if in_header else len(body)
    for place, value in flips:
        damaged[place % end] = value
    if cut is not None:
        del damaged[cut % len(damaged) :]
    validated(store_of({key: (damaged, content_type, attributes)}))


@pytest.mark.parametrize("name", BASES)
def test_mutants_of_boxes(name):
    key, (body, content_type, attributes) = some_object(name, "mp4" if name.startswith("mp4") else "m4v")
    for mutant in Mutator(body, 7).mutants(120):
        validated(store_of({key: (mutant, content_type, attributes)}))


class Foreign(MemoryStore):
    """A store that answers with labels that none of ours would have taken."""

    def __init__(self, bodies, content_type, attributes):
        super().__init__()
        for key, body in bodies.items():
            put(self, key, body)
        self.labels = {"content_type": content_type, "attributes": attributes}

    def head(self, key):
        return replace(super().head(key), **self.labels)


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(
            ("Version", "Duration", "FullContentType", "VideoBitrate", "AudioBitrate", "VideoWidth", "VideoHeight",
             "VideoFramerate", "AudioSampleRate", "Timescale", "SeekTable", "SEEKTABLE", "other")
        ),
        st.text(max_size=40) | st.integers(-(10**12), 10**12).map(str) | st.binary(max_size=60).map(bytes.hex),
    ),
    st.text(max_size=60),
)  # fmt: skip
def test_any_attributes_and_content_types(attributes, content_type):
    key, (body, _, old) = some_object("mp4", "mp4")
    validated(Foreign({key: body}, content_type, {**old, **attributes}))
    validated(Foreign({key: body}, content_type, attributes), deep=False)


NAME = st.text(alphabet="0123456789/-.Zm4vap_endx", min_size=1, max_size=60)


@settings(max_examples=100, deadline=None)
@given(st.lists(NAME, max_size=8), st.lists(st.tuples(st.integers(0, 200), st.integers(0, 59), st.integers(0, 9))))
def test_any_names(names, keys):
    store = MemoryStore()
    for name in names:
        if all(part not in ("", ".", "..") for part in name.split("/")):
            put(store, name, b"")
    for seconds, minute, counter in keys:
        put(store, f"2022-11-08/10/{minute:02}-{seconds % 60:02}Z.{counter}.mp4" + "_end" * (seconds % 5 == 0), b"")
    validated(store)


def test_names_of_others_are_let_be():
    store = base("mp4")
    put(store, "notes/readme.txt", b"hello")
    put(store, "2022-11-08/picture.jpg", b"")
    assert rules_in(store) == {}


def test_another_recording_is_let_be():
    store = base("mp4")
    put(store, "site-2/2022-11-08/camera-6/10/00-00.000Z.0.mp4", b"")
    assert rules_in(store, prefix="site-2", postfix="camera-5") == {}
    assert rules_in(store, prefix="site-2", postfix="camera-6")
    assert rules_in(store)


def test_many_wrong_names_are_counted():
    store = MemoryStore()
    for number in range(300):
        put(store, f"2022-11-08/10/00-{number}.mp4", b"")
    found = validated(store)
    assert len(found) == 101
    assert "200 more" in found[-1].message


def test_many_faults_of_one_object_are_counted():
    store = base("mp4")
    key, (body, content_type, attributes) = some_object("mp4", "mp4")
    put(store, key, body.replace(b"tfdt", b"free"), content_type, attributes)
    assert max(rules_in(store).values()) <= 6


@pytest.mark.parametrize("name", ["cmaf-cenc", "cmaf-cbcs", "mp4-cenc", "mp4-cbcs"])
def test_wrong_keys_are_noticed(name):
    """In slice data noise shows only by chance, but metadata and AAC frames have a look of their own."""
    wrong = KeyRing([ContentKey(KEYS[0].kid, Random(3).randbytes(16))])
    rule = "ANX-B.8-06" if name.endswith("cenc") else "ANX-B.8-07"
    assert {finding.rule for finding in validate_store(base(name), keys=wrong)} == {rule}
    assert rules_in(base(name), keys=RING) == {}
    assert rules_in(base(name), keys=KeyRing([KEYS[1]])) == {}, "a key that is not there is no fault of the object"


def test_findings_never_show_a_key():
    wrong = ContentKey(KEYS[0].kid, Random(3).randbytes(16))
    text = "".join(map(str, validate_store(base("mp4-cenc"), keys=KeyRing([wrong]))))
    assert wrong.key.hex() not in text


def test_a_store_that_fails_is_an_error():
    class Broken(MemoryStore):
        def head(self, key):
            raise StoreError("no")

    store = Broken()
    put(store, "2022-11-08/10/00-00.000Z.0.mp4", b"")
    with pytest.raises(StoreError):
        list(validate_store(store))


def test_objects_that_go_away_meanwhile():
    store = base("mp4")
    keys = list(store.keys())
    found = validate_store(store)

    class Fading(MemoryStore):
        def keys(self, prefix="", *, after=""):
            return iter(keys)

    assert {finding.rule for finding in validate_store(Fading())} <= set(RULES)
    assert list(found) == []
