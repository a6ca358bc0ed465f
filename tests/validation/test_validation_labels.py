"""Content types and attributes that a store does not have, as after a copy: unknown is not wrong."""

import os
import shutil
import stat
from collections import Counter

import pytest
from validation_kit import base, keys_of, objects_of, put, record, store_of

from onvif_bmff.codecs.g711 import G711Codec
from onvif_bmff.errors import ObjectDamagedError
from onvif_bmff.media.track import Track
from onvif_bmff.recording.formats import CMAF
from onvif_bmff.storage import DirectoryStore, MemoryStore
from onvif_bmff.testing.recordings import recorded_objects
from onvif_bmff.validation import RULES, Level, validate_store

NAMES = ("cmaf", "mp4", "cmaf-cenc", "mp4-cbcs")
OF_TYPES = {"ANX-B.6-03", "ANX-B.6-04", "ANX-B.7-03", "ANX-B.7-05", "ANX-B.7-07", "ANX-B.7-08"}
OF_ATTRIBUTES = {rule for rule in RULES if rule.startswith("ANX-B.9")}


def copied(objects, content_type):
    """The objects as a tool copied them: one content type for all, and no attributes."""
    store = MemoryStore()
    for key, (body, _, _) in objects.items():
        put(store, key, body, content_type)
    return store


def relabelled(objects, change):
    return store_of({key: (body, change(key, kind), labels) for key, (body, kind, labels) in objects.items()})


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("deep", [True, False])
def test_unknown_is_not_wrong(name, deep):
    objects = objects_of(base(name))
    report = validate_store(copied(objects, None), deep=deep)
    assert list(report) == []
    checked = report.checked
    assert checked.content_types_unknown == checked.attributes_missing == checked.segments > 0
    assert checked.attributes_seen == 0
    skipped = {one.rule: one.count for one in checked.skipped if "encrypted" not in one.reason}
    assert set(skipped) == OF_ATTRIBUTES | {rule for rule in OF_TYPES if (".6-" in rule) == name.startswith("mp4")}
    per_kind = Counter(key.rpartition(".")[2] for key in objects)
    assert skipped["ANX-B.9-05"] == checked.segments
    for rule, extension in (("ANX-B.6-03", "mp4"), ("ANX-B.7-03", "m4v"), ("ANX-B.7-05", "m4a"), ("ANX-B.7-07", "m4m")):
        assert skipped.get(rule, 0) == per_kind[extension]


@pytest.mark.parametrize("name", ["cmaf", "mp4"])
def test_a_copy_on_a_disk(name, tmp_path):
    for key, (body, _, _) in objects_of(base(name)).items():
        path = tmp_path / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    report = validate_store(DirectoryStore(tmp_path))
    assert list(report) == []
    assert report.checked.content_types_unknown == report.checked.segments > 0


@pytest.mark.requirement("ANX-B.6-03")
@pytest.mark.requirement("ANX-B.7-03")
@pytest.mark.parametrize("given", ["application/octet-stream", "binary/octet-stream", "", "text/plain; codecs"])
@pytest.mark.parametrize("name", ["cmaf", "mp4"])
def test_a_type_that_a_cloud_answers_is_found_once_a_place(name, given):
    objects = objects_of(base(name))
    per_kind = Counter(key.rpartition(".")[2] for key in objects)
    report = validate_store(copied(objects, given))
    found = list(report)
    expected = (
        {"mp4": "ANX-B.6-03"} if name == "mp4" else {"m4v": "ANX-B.7-03", "m4a": "ANX-B.7-05", "m4m": "ANX-B.7-07"}
    )
    by_rule = {one.rule: one for one in found}
    assert len(by_rule) == len(found), "each rule once"
    of_codecs = "ANX-B.6-04" if name == "mp4" else "ANX-B.7-08"
    assert set(by_rule) == {*expected.values(), of_codecs}
    for extension, rule in expected.items():
        assert by_rule[rule].level is Level.ERROR
        assert by_rule[rule].path == "@Content-Type"
        assert repr(given) in by_rule[rule].message
        assert f"({per_kind[extension]} objects of this place)" in by_rule[rule].message
        assert by_rule[rule].key == keys_of(base(name), extension)[0]
    total = sum(per_kind[extension] for extension in expected)
    assert by_rule[of_codecs].level is Level.WARNING
    assert f"no codecs parameter ({total} objects of this place)" == by_rule[of_codecs].message
    assert report.checked.content_types_unknown == 0


def test_each_place_has_a_finding_of_its_own():
    objects = objects_of(base("mp4"))
    more = {key.replace("camera-5", "camera-6"): found for key, found in objects.items()}
    found = [one for one in validate_store(copied({**objects, **more}, "x/y")) if one.rule == "ANX-B.6-03"]
    assert ["camera-6" in one.key for one in found] == [False, True]


def test_one_object_among_many_and_one_wrong_one_alone():
    objects = objects_of(base("cmaf"))
    wrong = keys_of(base("cmaf"), "m4v")[1]
    store = relabelled(objects, lambda key, kind: "video/quicktime" if key == wrong else kind)
    first, second = validate_store(store)
    assert (first.key, first.rule, second.rule) == (wrong, "ANX-B.7-03", "ANX-B.7-08")
    assert "objects of this place" not in first.message + second.message


@pytest.mark.requirement("ANX-B.7-08")
def test_wrong_codecs_are_told_apart_by_what_they_are():
    objects = objects_of(base("cmaf"))
    keys = keys_of(base("cmaf"), "m4v")
    given = dict.fromkeys(keys, 'video/mp4; codecs="hvc1.1"') | {keys[-1]: 'video/mp4; codecs="vp09"'}
    found = list(validate_store(relabelled(objects, lambda key, kind: given.get(key, kind))))
    assert [one.rule for one in found] == ["ANX-B.7-08"] * 2
    assert f"({len(keys) - 1} objects of this place)" in found[0].message
    assert "vp09" in found[1].message


def test_any_number_of_different_types_costs_little():
    g711 = Track("AUDIO001", 2, 8_000, G711Codec("ulaw"))
    body, _, labels = next(iter(objects_of(record([g711], [], format=CMAF)).values()), (b"", "", {}))
    store = MemoryStore()
    for number in range(300):
        put(store, f"2022-11-08/10/00-00.{number:03}Z.{number}.m4a", body, f"type/{number}", labels)
    found = [one for one in validate_store(store, deep=False) if one.path == "@Content-Type"]
    assert 100 <= len(found) <= 102
    assert any("and others" in one.message for one in found)


def test_some_labels_and_some_none():
    objects = objects_of(base("cmaf"))
    bare = keys_of(base("cmaf"), "m4a")
    store = MemoryStore()
    for key, (body, kind, labels) in objects.items():
        put(store, key, body, None if key in bare else kind, {} if key in bare else labels)
    report = validate_store(store)
    assert list(report) == []
    assert report.checked.content_types_unknown == report.checked.attributes_missing == len(bare)
    assert report.checked.attributes_seen == report.checked.segments - len(bare)


def damaged_text(side):
    side.write_bytes(b"{")


def a_link(side):
    side.rename(side.with_suffix(".elsewhere"))
    side.symlink_to(side.with_suffix(".elsewhere"))


def a_link_to_itself(side):
    side.unlink()
    side.symlink_to(side.name)


def a_folder(side):
    side.unlink()
    side.mkdir()


def a_pipe(side):
    side.unlink()
    os.mkfifo(side)


def a_socket(side):
    side.unlink()
    os.mknod(side, stat.S_IFSOCK | 0o600)


def a_file_above(side):
    shutil.rmtree(side.parent)
    side.parent.write_bytes(b"")


def a_link_above(side):
    side.parent.rename(side.parent.with_suffix(".elsewhere"))
    side.parent.symlink_to(side.parent.with_suffix(".elsewhere"))


@pytest.mark.requirement("ANX-B.9-05")
@pytest.mark.parametrize(
    "damage",
    [damaged_text, a_link, a_link_to_itself, a_folder, a_pipe, a_socket, a_file_above, a_link_above],
)
@pytest.mark.parametrize("of_end", [False, True], ids=["segment", "end"])
def test_damage_to_what_a_store_keeps_about_an_object_is_a_finding_and_the_rest_is_checked(damage, of_end, tmp_path):
    store = DirectoryStore(tmp_path, fsync=False)
    objects = recorded_objects(tracks=("vide", "soun"), segments=2)
    for one in objects:
        store.put(one)
    plain = validate_store(store)
    assert list(plain) == []
    key = next(str(one.key) for one in objects if str(one.key).endswith("_end") == of_end)
    *folders, name = key.split("/")
    side = tmp_path.joinpath(".onvif_bmff", "meta", *(f"{part}.d" for part in folders), f"{name}.json")
    assert side.is_file()
    concerned = len(list(side.parent.iterdir())) if damage in (a_file_above, a_link_above) else 1
    damage(side)
    with pytest.raises(ObjectDamagedError):
        store.head(key)
    assert store.get(key) == next(bytes(one.body) for one in objects if str(one.key) == key)
    validation = validate_store(store)
    found = list(validation)
    assert len(found) == concerned
    assert key in {finding.key for finding in found}
    assert Level.NOTE not in {finding.level for finding in found}
    assert all("side file" in finding.message for finding in found)
    assert (validation.checked.segments, validation.checked.spans) == (plain.checked.segments, plain.checked.spans)
    assert validation.checked.objects_read == plain.checked.objects_read
