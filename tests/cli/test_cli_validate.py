"""The command ``validate``."""

import json
from pathlib import Path

import pytest

from onvif_bmff.cli.main import main
from onvif_bmff.validation import RULES

CAMERA = Path(__file__).resolve().parents[1] / "data" / "camera.mp4"
KID, KEY = "00000000-0000-0000-0000-000000000001", "01" * 16


@pytest.fixture
def recorded(tmp_path, capsys):
    store = tmp_path / "store"
    arguments = ["--segment-duration", "PT4S", "--prefix", "site-2", "--start", "2022-11-08T15:08:23.547Z"]
    encryption = ["--encrypt", "CENC", "--kid", KID, "--key", KEY]
    assert main(["record", str(CAMERA), "--store", str(store), *arguments, *encryption]) == 0
    capsys.readouterr()
    return store


def run(capsys, *arguments):
    status = main(["validate", *map(str, arguments)])
    return status, capsys.readouterr()


def test_a_clean_store(recorded, capsys):
    status, said = run(capsys, recorded)
    assert (status, said.out) == (0, "0 errors, 0 warnings\n")
    assert run(capsys, recorded, "--key", f"{KID}:{KEY}")[0] == 0
    assert run(capsys, recorded, "--shallow")[0] == 0


def test_findings_as_text_and_json(recorded, capsys):
    lost = next(recorded.rglob("*.1.m4v"))
    lost.unlink()
    status, said = run(capsys, recorded)
    assert status == 1
    assert "ANX-B.4-11" in said.out
    assert said.out.endswith("1 errors, 0 warnings\n")
    status, said = run(capsys, recorded, "--json")
    assert status == 1
    found = json.loads(said.out)
    assert found["summary"] == {"errors": 1, "warnings": 0}
    (finding,) = found["findings"]
    assert finding["rule"] == "ANX-B.4-11"
    assert finding["level"] == "error"
    assert finding["key"].startswith("site-2/2022-11-08/")


def test_json_of_a_clean_store(recorded, capsys):
    status, said = run(capsys, recorded, "--json")
    assert status == 0
    assert json.loads(said.out) == {"findings": [], "summary": {"errors": 0, "warnings": 0}}


def test_a_part_of_the_store(recorded, capsys):
    next(recorded.rglob("*.1.m4v")).unlink()
    assert run(capsys, recorded, "--prefix", "site-3")[0] == 0
    assert run(capsys, recorded, "--from", "2022-11-09T00:00:00Z", "--to", "2022-11-10T00:00:00Z")[0] == 0
    assert run(capsys, recorded, "--prefix", "site-2")[0] == 1


def test_a_wrong_key(recorded, capsys):
    status, said = run(capsys, recorded, "--key", f"{KID}:{'77' * 16}")
    assert status == 1
    assert "ANX-B.8-06" in said.out
    assert "77" * 16 not in said.out + said.err


def test_the_list_of_rules(capsys):
    status, said = run(capsys, "--rules")
    assert status == 0
    assert [line.split()[0] for line in said.out.splitlines()] == list(RULES)
    status, said = run(capsys, "--rules", "--json")
    assert [rule["id"] for rule in json.loads(said.out)] == list(RULES)


@pytest.mark.parametrize(
    "arguments", [(), ("/no/such/store",), (".", "--from", "yesterday"), (".", "--key", "nonsense")], ids=str
)
def test_trouble(arguments, capsys):
    status, said = run(capsys, *arguments)
    assert status == 2
    assert said.err.startswith("onvif-bmff: ")
    assert said.err.count("\n") == 1


def test_colours_on_a_terminal(recorded, capsys, monkeypatch):
    next(recorded.rglob("*.1.m4v")).unlink()
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    status, said = run(capsys, recorded)
    assert status == 1
    assert "ANX-B.4-11" in said.out
