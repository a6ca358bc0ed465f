"""A short slice of ``benchmarks/soak_boxes.py``."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "soak_boxes.py"


@pytest.fixture(scope="module")
def soak():
    spec = importlib.util.spec_from_file_location("soak_boxes", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_slice_has_no_findings(soak):
    figures = soak.soak(5_000, soak.made_up_seeds(), random_seed=42)
    assert figures["mutants"] == figures["read"] + figures["refused"] == 5_000
    assert figures["finding"] == 0
    assert figures["read"] > 1000


def test_findings_are_told_and_saved(soak, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(soak, "build_boxes", lambda boxes: b"other")
    monkeypatch.setattr(sys, "argv", ["soak", "--count", "20", "--findings", str(tmp_path), "--progress", "0.0001"])
    assert soak.main() == 1
    captured = capsys.readouterr()
    assert json.loads(captured.out)["finding"] == len(list(tmp_path.glob("finding-*.bin"))) > 0
    assert "random seed 0" in captured.err
    assert "20 mutants" in captured.err or "mutants, " in captured.err


def test_every_exception_is_a_finding(soak, monkeypatch):
    def fail(data):
        raise KeyError(data)

    monkeypatch.setattr(soak, "build_boxes", fail)
    assert soak.check(b"\0\0\0\x08free")[0] == "finding"
    monkeypatch.setattr(soak, "parse_boxes", fail)
    assert soak.check(b"\0\0\0\x08free")[1].startswith("parse: KeyError")
    assert soak.read_seeds([SCRIPT.parent / "absent"], 100) == {}
