"""The house rules that a glance can miss: sizes of files, the names at the front door, the typing marker."""

from pathlib import Path

import pytest

import onvif_bmff

ROOT = Path(__file__).resolve().parents[1]
LONGEST = 400


@pytest.mark.parametrize("path", sorted((ROOT / "onvif_bmff").rglob("*.py")), ids=str)
def test_no_module_is_too_long_to_read(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LONGEST


def test_the_front_door_opens() -> None:
    for name in onvif_bmff.__all__:
        assert getattr(onvif_bmff, name) is not None
    assert onvif_bmff.__all__ == sorted(
        onvif_bmff.__all__, key=lambda name: (not name.isupper(), not name[0].isupper(), name)
    )
    assert set(onvif_bmff.__all__) <= set(dir(onvif_bmff))
    with pytest.raises(AttributeError):
        _ = onvif_bmff.no_such_name


def test_types_are_shipped() -> None:
    assert (ROOT / "onvif_bmff" / "py.typed").exists()
