"""The house rules that a glance can miss: the names at the front door, the typing marker."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import onvif_bmff

ROOT = Path(__file__).resolve().parents[1]


def test_the_front_door_opens() -> None:
    for name in onvif_bmff.__all__:
        assert getattr(onvif_bmff, name) is not None
    assert onvif_bmff.__all__ == sorted(
        onvif_bmff.__all__, key=lambda name: (not name.isupper(), not name[0].isupper(), name)
    )
    assert set(onvif_bmff.__all__) <= set(dir(onvif_bmff))
    with pytest.raises(AttributeError):
        _ = onvif_bmff.no_such_name


def test_the_doors_are_as_they_are_generated() -> None:
    """What a module offers is importable from its room, and type checkers know."""
    done = subprocess.run([sys.executable, "docs/build_doors.py", "--check"], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == ""


def test_the_ways_are_as_they_are_traced() -> None:
    """How many calls a sample, a key and a command take, and through which rooms, as the page on architecture says."""
    done = subprocess.run([sys.executable, "docs/build_ways.py", "--check"], cwd=ROOT, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("", "")


def test_the_density_of_invariants_is_as_it_is_counted() -> None:
    done = subprocess.run(
        [sys.executable, "docs/build_invariants.py", "--check"], cwd=ROOT, capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("", "")


def test_no_check_of_the_library_is_removed_by_a_flag_of_python() -> None:
    """``python -O`` removes ``assert``."""
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in (ROOT / "onvif_bmff").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Assert)
    ]
    assert found == []


@pytest.mark.parametrize("room", sorted(path.parent.name for path in (ROOT / "onvif_bmff").glob("*/_names.py")))
def test_all_that_is_public_is_importable_from_its_room(room: str) -> None:
    door = importlib.import_module(f"onvif_bmff.{room}")
    assert door.__all__
    for name in door.__all__:
        assert getattr(door, name) is not None
    with pytest.raises(AttributeError):
        _ = door.no_such_name


@pytest.mark.parametrize("room", sorted(path.parent.name for path in (ROOT / "onvif_bmff").glob("*/_names.py")))
def test_no_public_name_is_that_of_a_module_of_its_room(room: str) -> None:
    """Import binds a module in its package, where it would hide a function of its name: which one a user gets would
    depend on what was imported before."""
    folder = ROOT / "onvif_bmff" / room
    modules = {path.stem for path in folder.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert not modules & set(importlib.import_module(f"onvif_bmff.{room}").__all__)


def test_the_family_of_nal_video_is_decided_in_one_place() -> None:
    """No module but its home names a sample entry of H.264 or H.265, so that no two can disagree."""
    for path in sorted((ROOT / "onvif_bmff").rglob("*.py")):
        room = path.relative_to(ROOT / "onvif_bmff").parts[0]
        if path.name == "nal_family.py" or room in ("bmff", "testing"):  # the parser's own list, and made-up files
            continue
        named = {node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)}
        assert not named & {"avc1", "avc2", "avc3", "avc4", "hvc1", "hev1", "hvc2", "hev2"}, path


def test_types_are_shipped() -> None:
    assert (ROOT / "onvif_bmff" / "py.typed").exists()
