"""``hold`` and ``release``, and what other commands do with what is held: over moto as an Amazon S3 that locks."""

import json
from pathlib import Path

import pytest
import support_cloud_emulators as cloud_emulators
from support_tools import need_module

from onvif_bmff.cli.main import main
from onvif_bmff.storage import DirectoryStore, open_store

CLIP = Path(__file__).resolve().parents[1] / "data" / "camera.mp4"
TIME = ["--from", "2024-05-01T12:00:10.5Z", "--to", "2024-05-01T12:00:11Z"]


@pytest.fixture(scope="module")
def s3():
    need_module("obstore")
    need_module("botocore")
    with cloud_emulators.moto() as moto, cloud_emulators.with_retentions(moto) as running:
        yield running


@pytest.fixture
def options(s3, tmp_path):
    def write(**more):
        path = tmp_path / f"options-{len(more)}.toml"
        path.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in s3.options(**more).items()))
        return ["--store-options", str(path)]

    return write


def record(store, *options):
    clip = ["record", str(CLIP), "--store", store, "--prefix", "site", "--postfix", "cam", "--segment-duration", "PT2S"]
    assert main([*clip, "--start", "2024-05-01T12:00:00Z", "-q", *options]) == 0


@pytest.mark.interop
def test_a_time_is_held_and_released(s3, options, capsys):
    url, given = s3.new_bucket(locks=True), options()
    record(url, *given)
    store = open_store(url, options=s3.options())
    keys = list(store.keys())
    capsys.readouterr()

    assert main(["hold", url, *TIME, *given, "--dry-run", "--json"]) == 0
    wanted = json.loads(capsys.readouterr().out)["keys"]
    assert 0 < len(wanted) < len(keys)
    assert not any(store.lock_of(key).legal_hold for key in keys)
    assert main(["hold", url, *TIME, *given, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found == {
        "schema": "onvif-bmff/hold/1", "dry_run": False, "held": len(wanted), "unchanged": 0, "errors": [],
    }  # fmt: skip
    assert {key for key in keys if store.lock_of(key).legal_hold} == set(wanted)
    assert main(["hold", url, *TIME, *given]) == 0
    assert f"0 held, {len(wanted)} were already, 0 failed" in capsys.readouterr().out

    assert main(["expire", url, "--older-than", "P1D", *given]) == 1
    said = capsys.readouterr()
    assert "it is locked: held; it stays, and so do later objects of its kind" in said.err
    assert set(wanted) <= set(store.keys()) < set(keys)

    assert main(["release", url, *TIME, *given]) == 0
    assert f"{len(wanted)} released, 0 were already, 0 failed" in capsys.readouterr().out
    assert main(["expire", url, "--older-than", "P1D", *given]) == 0
    assert list(store.keys()) == []


@pytest.mark.interop
def test_what_is_retained_is_not_moved_away(s3, options, tmp_path, capsys):
    url = s3.new_bucket(locks=True)
    record(url, *options(retain_for="P1D"))
    capsys.readouterr()
    move = ["move", url, str(tmp_path / "to"), "--older-than", "P1D", "--source-options", options()[1]]
    assert main(move) == 1
    assert "it is locked: retained until" in capsys.readouterr().err
    assert list(DirectoryStore(tmp_path / "to").keys()) == list(open_store(url, options=s3.options()).keys())


@pytest.mark.interop
def test_a_store_is_tried_without_locking_its_probes(s3, options, capsys):
    url = s3.new_bucket(locks=True)
    assert main(["check-store", url, *options(retain_for="P1D", legal_hold=True)]) == 0
    assert "fit      locks: objects are held, and released again" in capsys.readouterr().out
    assert list(open_store(url, options=s3.options()).keys()) == []


@pytest.mark.interop
def test_what_cannot_be_held(s3, options, tmp_path, capsys):
    record(str(tmp_path / "store"))
    plain, given = s3.new_bucket(), options()
    record(plain, *given)
    capsys.readouterr()
    for store, more in ((str(tmp_path / "store"), []), (plain, given)):
        for word in ("hold", "release"):
            assert main([word, store, *TIME, *more]) == 2
            assert "has no Object Lock: only buckets of Amazon S3" in capsys.readouterr().err
    url = s3.new_bucket(locks=True)
    assert main(["hold", url, *TIME, *given]) == 2
    assert "nothing was recorded in that time" in capsys.readouterr().err
    assert main(["hold", url, *given]) == 2
    assert "are required: --from, --to" in capsys.readouterr().err
    assert main(["record", str(CLIP), "--store", plain, "--postfix", "two", *options(legal_hold=True), "-q"]) == 2
    assert "no Object Lock: nothing is stored" in capsys.readouterr().err
    assert not any("two" in key for key in list(open_store(plain, options=s3.options()).keys()))
