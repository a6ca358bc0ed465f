"""Facts of ``info`` that workers gathered are those of one process."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jobs_kit import MIDNIGHT, damaged_objects, directory, memory, whole_objects

from onvif_bmff.cli import info_store
from onvif_bmff.cli.info_samples import SampleFact
from onvif_bmff.cli.info_store import StoreFacts
from onvif_bmff.cli.info_tracks import SampleSums
from onvif_bmff.cli.main import main
from onvif_bmff.jobs import Workers


def facts_of(store, **part):
    return StoreFacts(store, "store", **{"start": None, "end": None, "prefix": None, "postfix": None, **part})


@pytest.mark.parametrize("most", [1, 3, 64])
@pytest.mark.parametrize("seed", [None, 0, 1, 2, 3])
def test_the_facts_are_those_of_one_process(monkeypatch, seed, most):
    monkeypatch.setattr(info_store, "_SEGMENTS", most)
    store = memory(whole_objects() if seed is None else damaged_objects(seed))
    for part in ({}, {"start": MIDNIGHT - timedelta(seconds=1)}, {"prefix": "site", "postfix": "camera-2"}):
        one, many = facts_of(store, **part), facts_of(store, **part)
        count = sum(1 for _ in one.rows())
        with ThreadPoolExecutor(3) as pool:
            info_store.read_by_workers(many, store, Workers(pool, 3))
        assert count > 20
        assert many.to_json() == one.to_json()
        assert many.names() == one.names()


FACTS = st.builds(
    lambda **values: SampleFact(**{**{one.name: 0 for one in fields(SampleFact)}, **values}),
    decode_time=st.integers(0, 9),
    composition_offset=st.integers(-1, 1),
    duration=st.integers(0, 2),
    size=st.integers(1, 9),
    sync=st.booleans(),
    frames=st.integers(1, 2),
)


@given(st.lists(FACTS, max_size=14), st.lists(st.integers(0, 14), max_size=4))
def test_sums_of_parts_are_those_of_the_whole(facts, cuts):
    whole, parts = SampleSums(), SampleSums()
    for fact in facts:
        whole.add(fact)
    cuts = sorted({0, *cuts, len(facts)})
    for begin, end in pairwise(cuts):
        part = SampleSums()
        for fact in facts[begin:end]:
            part.add(fact)
        parts.add_all(part)
    for sums in (whole, parts):
        sums.close()
    names = ("count", "size", "duration", "sync", "largest", "start", "end", "reordered", "is_constant")
    assert [getattr(parts, name) for name in names] == [getattr(whole, name) for name in names]
    assert parts.gops() == whole.gops()


def test_the_command_shares_the_work(tmp_path, capsys):
    directory(tmp_path, damaged_objects(1))
    assert main(["info", str(tmp_path), "--json"]) == 1
    expected = json.loads(capsys.readouterr().out)
    assert main(["info", str(tmp_path), "--json", "--workers", "2"]) == 1
    assert json.loads(capsys.readouterr().out) == expected
    assert main(["info", str(tmp_path), "--samples", "--workers", "2"]) == 2
    assert "--samples does not go with --workers" in capsys.readouterr().err
    assert main(["info", __file__, "--workers", "2"]) == 2


def test_the_facts_are_an_arrow_table():
    pa = pytest.importorskip("pyarrow", reason="pyarrow is missing (extra index)")
    facts = facts_of(memory(whole_objects()))
    assert sum(1 for _ in facts.rows()) > 20
    rows = pa.table(facts).to_pylist()
    expected = [
        (one["prefix"], one["postfix"], track) for one in facts.to_json()["recordings"] for track in one["tracks"]
    ]
    assert len(rows) == len(expected) > 5
    for row, (prefix, postfix, track) in zip(rows, expected, strict=True):
        assert (row["prefix"], row["postfix"], row["encrypted"]) == (prefix, postfix, track["encryption"] is not None)
        assert row["codec"] == track["codec"]["name"]
        assert {name: row[name] for name in ("kind", "samples", "bytes", "duration", "bit_rate")} == {
            name: track[name] for name in ("kind", "samples", "bytes", "duration", "bit_rate")
        }
