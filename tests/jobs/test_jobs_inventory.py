"""Inventories in place of listings: those of three services, in any order, with damaged rows."""

import csv
import gzip
import io
import json
from dataclasses import replace
from random import Random
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jobs_kit import damaged_objects, directory, memory, whole_objects
from test_jobs_timelines import facts

from onvif_bmff.cli.main import main
from onvif_bmff.errors import StoreError
from onvif_bmff.jobs import (
    Inventory,
    InventoryCounts,
    InventoryFile,
    ListedStore,
    SortedKeys,
    Workers,
    read_inventory,
    timeline_of_inventory,
)
from onvif_bmff.playback import Timeline
from onvif_bmff.storage import MemoryStore
from onvif_bmff.storage.opening import StoreUrl
from onvif_bmff.timing import UtcTime
from onvif_bmff.validation import validate_store

KEYS = sorted(whole_objects())
S3, AZURE, GOOGLE = (StoreUrl(scheme, "bucket", "root") for scheme in ("s3", "az", "gs"))


def shuffled(keys, seed=1):
    keys = list(keys)
    Random(seed).shuffle(keys)
    return keys


def csv_of(rows, header=None):
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL)
    writer.writerows([header, *rows] if header else rows)
    return out.getvalue().encode()


def keys_of(path, place=None, columns=()):
    counts = InventoryCounts()
    return sorted(read_inventory(path, place=place, columns=columns).keys(counts)), counts


@pytest.fixture
def s3_inventory(tmp_path):
    """As S3 writes it: a manifest, and compressed files without header elsewhere, keys encoded."""
    rows = [
        ["bucket", quote(f"root/{key}", safe=""), "17", "2024-05-01T00:00:00.000Z", "true", "false"] for key in KEYS
    ]
    rows += [["bucket", quote_plus(f"root/{KEYS[0]}"), "17", "x", "false", "false"]]
    rows += [
        ["bucket", "root%2Fgone.mp4", "0", "x", "true", "true"],
        ["bucket", "other%2Fa.txt", "1", "x", "true", "false"],
    ]
    rows += [["another", quote(f"root/{KEYS[1]}x"), "1", "x", "true", "false"]]
    rows = shuffled(rows)
    folder = tmp_path / "report" / "2024-05-02T01-00Z"
    folder.mkdir(parents=True)
    (tmp_path / "report" / "data").mkdir()
    names = []
    for number in range(3):
        name = f"part-{number}.csv.gz"
        (tmp_path / "report" / "data" / name).write_bytes(gzip.compress(csv_of(rows[number::3])))
        names.append({"key": f"dest/bucket/daily/data/{name}", "size": 1, "MD5checksum": "0"})
    schema = "Bucket, Key, Size, LastModifiedDate, IsLatest, IsDeleteMarker"
    manifest = {"sourceBucket": "bucket", "fileFormat": "CSV", "fileSchema": schema, "files": names}
    path = folder / "manifest.json"
    path.write_text(json.dumps(manifest))
    return path


def test_an_inventory_of_s3(s3_inventory):
    found, counts = keys_of(s3_inventory, S3)
    assert found == KEYS
    assert (counts.rows, counts.keys, counts.other, counts.damaged) == (len(KEYS) + 4, len(KEYS), 4, 0)


def test_keys_of_s3_are_decoded(tmp_path):
    path = tmp_path / "part.csv"
    path.write_bytes(b'"b","site+1/2024%2B05/%C3%BC/a.txt"\n"b","%ff"\n')
    found, counts = keys_of(path, columns=["Bucket", "Key"])
    assert found == ["site 1/2024+05/\u00fc/a.txt"]
    assert counts.damaged == 1


def test_an_inventory_of_azure(tmp_path):
    header = [
        "Name",
        "Creation-Time",
        "Last-Modified",
        "Content-Length",
        "Content-Type",
        "IsCurrentVersion",
        "Snapshot",
        "Deleted",
    ]
    rows = [[f"bucket/root/{key}", "x", "x", "9", "video/mp4", "true", "", ""] for key in KEYS]
    rows += [
        [f"bucket/root/{KEYS[0]}x", "x", "x", "9", "", "false", "", ""],
        [f"bucket/root/{KEYS[0]}y", "", "", "", "", "true", "2024", ""],
    ]
    rows += [
        ["other/root/a", "x", "x", "9", "", "true", "", ""],
        ["bucket/root/z", "x", "x", "9", "", "true", "", "true"],
    ]
    path = tmp_path / "rule.csv"
    path.write_bytes(csv_of(shuffled(rows), header))
    found, counts = keys_of(path, AZURE)
    assert found == KEYS
    assert counts.other == 4


def test_an_inventory_of_google(tmp_path):
    header = ["bucket", "name", "project", "size", "timeCreated", "timeDeleted", "contentType"]
    rows = [["bucket", f"root/{key}", "p", "9", "x", "", "video/mp4"] for key in KEYS]
    rows += [["bucket", f"root/{KEYS[0]}x", "p", "9", "x", "2024-05-01", ""]]
    path = tmp_path / "report.csv"
    path.write_bytes(csv_of(shuffled(rows), header))
    assert keys_of(path, GOOGLE)[0] == KEYS


def test_a_column_of_keys_is_enough(tmp_path):
    path = tmp_path / "keys.csv"
    path.write_bytes(csv_of([[key] for key in KEYS], ["key"]))
    assert keys_of(path)[0] == KEYS


def test_damaged_rows_cost_themselves(tmp_path):
    lines = csv_of([["b", f"root/{key}", "1"] for key in KEYS], ["Bucket", "Key", "Size"]).splitlines()
    bad = [b'"b","root/half', b'"b"', b'"b","","1"', b'"b","root/\xff\xfe","1"', b'"b"x,"root/a","1"', b"\x00\x01"]
    for number, line in enumerate(bad):
        lines.insert(3 + 4 * number, line)
    path = tmp_path / "damaged.csv"
    path.write_bytes(b"\n".join([*lines, b"", b""]))
    found, counts = keys_of(path)
    assert found == [f"root/{key}" for key in KEYS]
    assert counts.damaged == len(bad)
    assert len(counts.damaged_examples) == len(bad)
    assert str(path) in counts.damaged_examples[0]


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 400), st.binary(min_size=1, max_size=8))
def test_any_bytes_are_keys_damage_or_an_error_of_the_library(tmp_path_factory, at, noise):
    path = tmp_path_factory.getbasetemp() / "noise.csv"
    body = bytearray(csv_of([["b", key, "1"] for key in KEYS[:6]], ["Bucket", "Key", "Size"]))
    body[at : at + len(noise)] = noise
    path.write_bytes(body)
    try:
        found, counts = keys_of(path)
    except StoreError:
        return
    # Rows that the noise lies in have another key, or are joined or split; any other that is missing is counted.
    assert len(set(KEYS[:6]) - set(found)) <= 2 + noise.count(b"\n") + 1 + counts.damaged


def test_a_cut_file_is_an_error_and_not_a_shorter_list(tmp_path):
    path = tmp_path / "cut.csv.gz"
    path.write_bytes(gzip.compress(csv_of([[key] for key in shuffled(KEYS * 9)], ["key"]))[:-20])
    with pytest.raises(StoreError, match="damaged, or cut"):
        keys_of(path)
    path.write_bytes(b"\x1f\x8bnot gzip")
    with pytest.raises(StoreError, match="damaged"):
        keys_of(path)


def test_what_is_no_inventory_is_refused(tmp_path):
    path = tmp_path / "manifest.json"
    for text in ("[]", "{", '{"files": [{}], "fileFormat": "CSV"}'):
        path.write_text(text)
        with pytest.raises(StoreError, match="no manifest"):
            read_inventory(path)
    path.write_text('{"files": [], "fileFormat": "ORC", "fileSchema": ""}')
    with pytest.raises(StoreError, match="not in ORC"):
        read_inventory(path)
    path.write_text('{"files": [{"key": "a/../../b.csv"}], "fileFormat": "CSV", "fileSchema": "Key"}')
    with pytest.raises(StoreError, match="not here"):
        read_inventory(path)
    with pytest.raises(StoreError):
        read_inventory(tmp_path / "absent.json")
    with pytest.raises(StoreError):
        keys_of(tmp_path / "absent.csv")
    (tmp_path / "none.csv").write_text("a,b\n1,2\n")
    with pytest.raises(StoreError, match="no column"):
        keys_of(tmp_path / "none.csv")


def test_an_inventory_in_parquet(tmp_path):
    pa = pytest.importorskip("pyarrow", reason="pyarrow is missing (extra index)")
    from pyarrow import parquet

    rows = {
        "bucket": ["bucket"] * (len(KEYS) + 2),
        "key": [f"root/{key}" for key in KEYS] + ["root/old", None],
        "size": [1] * (len(KEYS) + 2),
        "is_latest": [True] * len(KEYS) + [False, True],
        "is_delete_marker": [False] * (len(KEYS) + 2),
    }
    path = tmp_path / "part.parquet"
    parquet.write_table(pa.table(rows), path, row_group_size=7)
    found, counts = keys_of(path, S3)
    assert found == KEYS
    assert (counts.other, counts.damaged) == (1, 1)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(StoreError, match="Parquet"):
        keys_of(path)
    parquet.write_table(pa.table({"x": [1]}), path)
    with pytest.raises(StoreError, match="no column"):
        keys_of(path)


# ---- sorted, and as the listing of a store -----------------------------------------------------------

NAMES = st.text(st.sampled_from("ab/-0Z\u00fc\U0001f600"), min_size=1, max_size=6)


@settings(max_examples=300)
@given(
    st.lists(NAMES, max_size=30), st.integers(1, 9), st.text(st.sampled_from("ab/"), max_size=3), NAMES | st.just("")
)
def test_sorted_keys_list_as_a_store_does(names, run, prefix, after):
    store = MemoryStore()
    for name in set(names):
        try:
            store.open_writer(name, content_type="text/plain").seal({})
        except Exception:
            names = [one for one in names if one != name]
    assert list(SortedKeys(names, run=run).keys(prefix, after=after)) == list(store.keys(prefix, after=after))


def test_many_runs_are_merged_and_any_place_is_found():
    keys = [f"{number:06}" for number in range(20_000)]
    made = SortedKeys(shuffled([*keys, *keys[:500]]), run=100)
    assert list(made.keys()) == keys
    for at in (0, 1, 999, 1000, 1001, 12_345, 19_999):
        assert list(made.keys(after=keys[at]))[:3] == keys[at + 1 : at + 4]
    assert list(made.keys("0123")) == keys[12_300:12_400]


@pytest.mark.parametrize("seed", range(4))
def test_a_listed_store_gives_the_same_findings(tmp_path, seed):
    objects = damaged_objects(seed)
    path = tmp_path / "keys.csv"
    path.write_bytes(csv_of([[key] for key in shuffled(objects)], ["Key"]))
    store = memory(objects)
    listed = ListedStore(store, [read_inventory(path)])
    assert list(validate_store(listed)) == list(validate_store(store))
    assert facts(Timeline.from_store(listed)) == facts(Timeline.from_store(store))
    assert listed.counts.keys == len(objects)


def test_workers_read_the_files_of_an_inventory(tmp_path):
    files = []
    for number in range(3):
        path = tmp_path / f"{number}.csv"
        path.write_bytes(
            csv_of([[key] for key in shuffled(KEYS)[number::3]] + [["a"], ["a", "b"][:1]], ["Key"]) + b'"\n'
        )
        files.append(InventoryFile(path))
    counts = InventoryCounts()
    with Workers.processes(2) as workers:
        found = timeline_of_inventory([Inventory(tuple(files))], workers, counts)
    assert facts(found)[0] == facts(Timeline.from_keys(KEYS))[0]
    assert (counts.keys, counts.damaged) == (len(KEYS) + 6, 3)


def test_the_commands_take_an_inventory(tmp_path, capsys):
    directory(tmp_path / "store", whole_objects())
    path = tmp_path / "keys.csv"
    path.write_bytes(csv_of([[key] for key in shuffled(KEYS)], ["Key"]))
    for command in (["timeline"], ["validate"], ["info"], ["validate", "--workers", "1"]):
        name, *more = command
        assert main([name, str(tmp_path / "store"), *more]) == 0
        expected = capsys.readouterr().out
        assert main([name, str(tmp_path / "store"), *more, "--inventory", str(path)]) == 0
        assert capsys.readouterr().out == expected
    path.write_bytes(path.read_bytes() + b'"half\n')
    assert main(["timeline", str(tmp_path / "store"), "--inventory", str(path)]) == 0
    assert "1 rows of the inventory could not be read" in capsys.readouterr().err


def test_what_is_newer_is_listed_by_requests(tmp_path, s3_inventory, capsys):
    """Days of several prefixes, with names that lie around them."""
    old = [f"{prefix}2024-05-{day:02}/cam/12/00-00Z.0.mp4" for prefix in ("", "a/", "a/b/") for day in (1, 2)]
    new = [f"{prefix}2024-05-{day:02}/cam/12/01-00Z.1.mp4" for prefix in ("", "a/", "a/b/") for day in (2, 3)]
    path = tmp_path / "keys.csv"
    path.write_bytes(csv_of([[key] for key in old], ["Key"]))
    listed = []

    class Store:
        def keys(self, prefix="", *, after=""):
            names = sorted([*old, *new, "a/b/zzz", "zzz", "a/0", ":", "a/2024-05-01/cam/12/09-00Z.0.mp4"])
            for name in names:
                if name.startswith(prefix) and name > after:
                    listed.append(name)
                    yield name

    made = replace(read_inventory(path), made=UtcTime.parse("2024-05-02T12:30:00Z"))
    assert list(ListedStore(Store(), [made]).keys()) == sorted(old)
    assert listed == []
    found = list(ListedStore(Store(), [made], newer=True).keys())
    assert found == sorted({*old, *new, "a/2024-05-01/cam/12/09-00Z.0.mp4"})
    assert "a/0" not in listed
    with pytest.raises(StoreError, match="does not say when"):
        ListedStore(Store(), [read_inventory(path)], newer=True)
    manifest = json.loads(s3_inventory.read_text())
    s3_inventory.write_text(json.dumps({**manifest, "creationTimestamp": "1714606200000"}))
    assert read_inventory(s3_inventory).made == UtcTime.parse("2024-05-01T23:30:00Z")
    arguments = ["timeline", str(tmp_path), "--inventory", str(path), "--with-newer"]
    assert main(arguments) == 2
    assert main([*arguments, "--totals"]) == 2
    assert main([*arguments, "--workers", "1"]) == 2
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    "text", ["[" * 100_000, f'{{"files": [{{"key": "{"x" * 5000}"}}], "fileFormat": "CSV", "fileSchema": "Key"}}']
)
def test_a_manifest_that_is_none_is_an_error_of_the_library(tmp_path, text):
    manifest = tmp_path / "manifest.json"
    manifest.write_text(text)
    with pytest.raises(StoreError, match=r"no manifest|not here"):
        read_inventory(manifest)


def test_a_manifest_names_no_file_elsewhere(tmp_path):
    elsewhere = tmp_path / "elsewhere/keys.csv"
    elsewhere.parent.mkdir()
    elsewhere.write_text("a\n")
    manifest = tmp_path / "one/two/three/four/manifest.json"
    manifest.parent.mkdir(parents=True)
    row = {"files": [{"key": str(elsewhere)}], "fileFormat": "CSV", "fileSchema": "Key"}
    manifest.write_text(json.dumps(row))
    with pytest.raises(StoreError, match="not here"):
        read_inventory(manifest)
