"""What ``validate`` reports: formats, and which findings count."""

import json
import xml.etree.ElementTree as ET

import pytest
from support_schema import faults, our_schema

from onvif_bmff.cli.main import main
from onvif_bmff.storage import DirectoryStore, StoreSink
from onvif_bmff.testing.recordings import recorded_events

FORMATS = ("text", "json", "sarif", "junit", "html", "github")


def recorded(root):
    with StoreSink(DirectoryStore(root, fsync=False)) as sink:
        sink.add_all(recorded_events(tracks=("vide",), segments=4))
    return root


@pytest.fixture
def whole(tmp_path):
    """A recording without faults."""
    return recorded(tmp_path / "whole")


@pytest.fixture
def damaged(tmp_path):
    """A recording with a hole, which is one error."""
    root = recorded(tmp_path / "damaged")
    next(root.rglob("*.1.m4v")).unlink()
    return root


@pytest.fixture
def trimmed(tmp_path):
    """A recording whose first object is gone, which is a note."""
    root = recorded(tmp_path / "trimmed")
    next(root.rglob("*.0.m4v")).unlink()
    return root


def run(capsys, *arguments):
    status = main(["validate", *map(str, arguments)])
    said = capsys.readouterr()
    return status, said.out, said.err


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_has_the_statuses_of_the_others(whole, damaged, capsys, form):
    status, out, err = run(capsys, whole, "--format", form)
    assert (status, err) == (0, "")
    assert out.endswith("\n")
    status, out, err = run(capsys, damaged, "--format", form)
    assert (status, err) == (1, "")
    assert "ANX-B.4-11" in out
    empty = damaged.parent / "empty"
    empty.mkdir()
    status, _, err = run(capsys, empty, "--format", form)
    assert (status, err.count("\n")) == (2, 1)
    assert run(capsys, empty, "--format", form, "--allow-empty")[0] == 0


def test_json_is_the_same_by_both_names(damaged, capsys):
    assert run(capsys, damaged, "--json") == run(capsys, damaged, "--format", "json")
    assert run(capsys, damaged, "--json", "--format", "json")[0] == 1
    assert run(capsys, "--rules", "--format", "json") == run(capsys, "--rules", "--json")


@pytest.mark.parametrize(
    "options", [(), ("--shallow",), ("--max-findings", "0"), ("--ignore", "ANX-B.4-11"), ("--prove-encrypted",)]
)
def test_json_has_the_form_that_its_schema_says(whole, damaged, trimmed, capsys, options):
    for store in (whole, damaged, trimmed):
        found = json.loads(run(capsys, store, "--json", *options)[1])
        assert faults(found, our_schema("validate-1")) == []
        assert found["schema"] == "onvif-bmff/validate/1"
        assert ("proof" in found) == ("--prove-encrypted" in options)
        shown = [one["count"] for one in found["findings"]]
        assert sum(one["findings"] for one in found["rules"]) == len(shown) + found["not_shown"]


def test_text_sums_up_by_rule(damaged, capsys):
    lines = run(capsys, damaged)[1].splitlines()
    assert lines[2] == "       1 error   ANX-B.4-11     counters of a span count from 0 without gaps"
    assert lines[-1] == "1 errors, 0 warnings"


def test_fail_on(damaged, trimmed, capsys):
    for level, of_damaged, of_trimmed in (("error", 1, 0), ("warning", 1, 0), ("note", 1, 1)):
        assert run(capsys, damaged, "--fail-on", level)[0] == of_damaged
        assert run(capsys, trimmed, "--fail-on", level)[0] == of_trimmed
    (end,) = damaged.rglob("*_end")
    end.write_bytes(b"not empty")
    assert run(capsys, damaged, "--ignore", "ANX-B.4-11")[0] == 1, "a warning is left"
    assert run(capsys, damaged, "--ignore", "ANX-B.4-11", "--fail-on", "error")[0] == 0
    status, out, _ = run(capsys, damaged, "--ignore", "ANX-B.4-11", "--fail-on", "error", "--format", "junit")
    suite = ET.fromstring(out)[0]
    assert (status, suite.get("failures")) == (0, "0")


def test_ignore(damaged, capsys):
    status, out, _ = run(capsys, damaged, "--ignore", "ANX-B.4-11", "--ignore", "P-01")
    assert status == 0
    assert out.endswith("findings ignored: ANX-B.4-11 (1)\n0 errors, 0 warnings\n")
    found = json.loads(run(capsys, damaged, "--ignore", "ANX-B.4-11", "--json")[1])
    assert (found["findings"], found["rules"], found["ignored"]) == ([], [], {"ANX-B.4-11": 1})
    assert found["summary"] == {"errors": 0, "warnings": 0}


def test_max_findings(damaged, capsys):
    (end,) = damaged.rglob("*_end")
    end.write_bytes(b"not empty")
    status, out, _ = run(capsys, damaged, "--max-findings", "1")
    assert status == 1
    assert out.count("\n  error") + out.count("\n  warning") == 1
    assert "… and 1 findings that are not shown\n" in out
    assert out.endswith("1 errors, 1 warnings\n")
    status, out, _ = run(capsys, damaged, "--max-findings", "0", "--json")
    found = json.loads(out)
    assert (status, found["findings"], found["not_shown"]) == (1, [], 2)
    assert [one["rule"] for one in found["rules"]] == ["ANX-B.4-11", "ANX-B.5-01"]


def test_sarif_says_where_the_store_is(damaged, capsys):
    (made,) = json.loads(run(capsys, damaged, "--format", "sarif")[1])["runs"]
    place = made["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]
    assert made["originalUriBaseIds"] == {"STORE": {"uri": f"{damaged.as_uri()}/"}}
    assert (damaged / place["uri"]).exists()
    assert made["tool"]["driver"]["semanticVersion"]


def test_annotations_name_files_as_the_store_was_given(damaged, capsys, monkeypatch):
    monkeypatch.chdir(damaged.parent)
    lines = run(capsys, "damaged", "--format", "github")[1].splitlines()
    assert lines[0].startswith("::error file=damaged/")
    assert lines[-1].startswith("::notice title=onvif-bmff validate damaged::1 errors, 0 warnings%0A")


@pytest.mark.parametrize(
    "options",
    [
        ("--format", "pdf"), ("--json", "--format", "html"), ("--rules", "--format", "sarif"),
        ("--prove-encrypted", "--format", "junit"), ("--ignore", "C-999"), ("--fail-on", "never"),
        ("--max-findings", "-1"), ("--max-findings", "many"), ("--max-findings", "\u0663"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_options_that_make_no_sense(whole, capsys, options):
    status, out, err = run(capsys, whole, *options)
    assert (status, out) == (2, "")
    assert err.startswith("onvif-bmff: ")
    assert err.count("\n") == 1


def test_a_store_that_fails_leaves_a_whole_document(damaged, capsys, monkeypatch):
    whole_get, calls = DirectoryStore.head, []

    def head(self, key):
        calls.append(key)
        if len(calls) > 1:
            raise OSError(5, "Input/output error", "a disk")
        return whole_get(self, key)

    monkeypatch.setattr(DirectoryStore, "head", head)
    for form, read in (("json", json.loads), ("sarif", json.loads), ("junit", ET.fromstring)):
        calls.clear()
        status, out, err = run(capsys, damaged, "--format", form)
        assert (status, err.count("\n")) == (2, 1), form
        assert read(out) is not None
