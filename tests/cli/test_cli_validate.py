"""The command ``validate``."""

import json
import shutil
from pathlib import Path

import pytest

from onvif_bmff.cli.main import main
from onvif_bmff.storage import DirectoryStore
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
    assert (status, said.err) == (0, "")
    assert said.out.splitlines() == [
        "looked at 8 objects in 2 spans: 6 segments, 6 of them read, and 2 span ends",
        f"samples: 0 clear, 864 encrypted and not opened (no key for {KID})",
        "attributes on 6 of 6 segments",
        "not checked: ANX-B.8-06 in 6 cases, as samples are encrypted, and were not opened",
        "0 errors, 0 warnings",
    ], "a bucket whose samples nobody could look into is not just fine"
    status, said = run(capsys, recorded, "--key", f"{KID}:{KEY}")
    assert status == 0
    assert said.out.splitlines()[1:] == [
        "samples: 0 clear, 864 encrypted and opened",
        "attributes on 6 of 6 segments",
        "0 errors, 0 warnings",
    ]
    status, said = run(capsys, recorded, "--shallow")
    assert status == 0
    assert said.out.splitlines() == [
        "looked at 8 objects in 2 spans: 6 segments, 0 of them read, and 2 span ends",
        "attributes on 6 of 6 segments",
        "0 errors, 0 warnings",
    ]


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
    found = json.loads(said.out)
    assert found["findings"] == []
    assert found["summary"] == {"errors": 0, "warnings": 0}
    checked = found["checked"]
    assert {name: checked[name] for name in ("spans", "segments", "span_ends", "objects_read")} == {
        "spans": 2, "segments": 6, "span_ends": 2, "objects_read": 6,
    }  # fmt: skip
    assert (checked["samples_clear"], checked["samples_opened"], checked["samples_unopened"]) == (0, 0, 864)
    assert checked["missing_keys"] == [KID]
    assert checked["skipped"] == [
        {"rule": "ANX-B.8-06", "reason": "samples are encrypted, and were not opened", "count": 6}
    ]


def test_a_part_of_the_store(recorded, capsys):
    next(recorded.rglob("*.1.m4v")).unlink()
    assert run(capsys, recorded, "--prefix", "site-2")[0] == 1
    later = ("--from", "2022-11-09T00:00:00Z", "--to", "2022-11-10T00:00:00Z")
    for options in (("--prefix", "site-3"), ("--postfix", "camera-5"), later):
        status, said = run(capsys, recorded, *options)
        assert (status, said.out) == (2, ""), "what looked at nothing found nothing, which is no success"
        assert run(capsys, recorded, *options, "--allow-empty")[0] == 0


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
    assert [rule["id"] for rule in json.loads(said.out)["rules"]] == list(RULES)


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


# ---- labels from a file -----------------------------------------------------------------------------


@pytest.fixture
def copied(recorded):
    """The objects of a store without what the store knew of them, and that as lines."""
    store = DirectoryStore(recorded)
    infos = [store.head(key) for key in store.keys("site-2")]
    lines = [{"key": one.key, "content_type": one.content_type, "metadata": dict(one.attributes)} for one in infos]
    shutil.rmtree(recorded / ".onvif_bmff")
    return recorded, lines


def write(path, lines):
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def test_a_copy_without_labels_and_with_those_of_a_file(copied, tmp_path, capsys):
    store, lines = copied
    status, said = run(capsys, store)
    assert status == 0
    assert "attributes on 0 of 6 segments, content type unknown of 6\n" in said.out
    assert "not checked: ANX-B.7-03, ANX-B.7-05, ANX-B.7-08 in 6 cases" in said.out
    file = write(tmp_path / "labels.jsonl", lines)
    status, said = run(capsys, store, "--attributes", file)
    assert status == 0
    assert f"attributes on 6 of 6 segments; 8 lines of {file} used, 0 not\n" in said.out
    status, said = run(capsys, store, "--attributes", file, "--json")
    assert json.loads(said.out)["checked"]["attributes_file"] == {"used": 8, "unused": 0}


def test_labels_of_a_file_are_held_against_the_objects(copied, tmp_path, capsys):
    store, lines = copied
    video = next(line for line in lines if line["key"].endswith(".m4v"))
    for change, rule in (
        ({"content_type": "binary/octet-stream"}, "ANX-B.7-03"),
        ({"metadata": {**video["metadata"], "Duration": "PT9S"}}, "ANX-B.9-07"),
    ):
        file = write(tmp_path / "labels.jsonl", [*lines, {**video, **change}])
        status, said = run(capsys, store, "--attributes", file)
        assert status == 1, "the last line of a key counts"
        assert rule in said.out


def test_lines_as_others_write_them(copied, tmp_path, capsys):
    store, lines = copied
    made = [
        {"Key": one["key"], "ContentType": one["content_type"], "Metadata": one["metadata"], "ETag": "x", "Size": 1}
        for one in lines
    ]
    made.append({"Key": "elsewhere/2022-11-08/10/00-00Z.0.m4v", "Content-Type": None})
    file = write(tmp_path / "labels.jsonl", made)
    file.write_text("\n" + file.read_text() + "   \n")
    status, said = run(capsys, store, "--attributes", file)
    assert status == 0
    assert "8 lines of" in said.out
    assert "used, 1 not\n" in said.out, "a file of another bucket shows"


@pytest.mark.parametrize(
    "line",
    [
        "x", "[]", "7", "{}", '{"key": 5}', '{"key": "a", "content_type": 5}', '{"key": "a", "metadata": []}',
        '{"key": "a", "metadata": {"Source": 1}}', '{"key": "a"', "[" * 50_000, '{"key": "a"} trailing',
        '{"key": null, "content_type": "x"}', "\x00", '{"key": "' + "x" * (2 << 20) + '"}',
    ],
    ids=lambda line: line[:20],
)  # fmt: skip
def test_lines_that_are_none(recorded, tmp_path, capsys, line):
    file = tmp_path / "labels.jsonl"
    file.write_text('{"key": "a"}\n' + line + "\n")
    status, said = run(capsys, recorded, "--attributes", file)
    assert (status, said.out) == (2, "")
    assert said.err.startswith(f"onvif-bmff: {file}, line 2: ")
    assert said.err.count("\n") == 1


def test_a_file_that_is_not_there_or_no_text(recorded, tmp_path, capsys):
    assert run(capsys, recorded, "--attributes", tmp_path / "none")[0] == 2
    assert run(capsys, recorded, "--attributes", tmp_path)[0] == 2
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")
    assert run(capsys, recorded, "--attributes", tmp_path / "bytes")[0] == 2
