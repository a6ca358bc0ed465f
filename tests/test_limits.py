"""Nothing in the house is too large to hold in the head: files, functions, and what a class keeps and offers.

What a class has from others of the package counts as its own, so that a class cannot be made small by cutting it in
pieces that inherit from each other. Exceptions stand here by name, each with its reason.
"""

import ast
from collections.abc import Mapping
from pathlib import Path

import pytest
import support_limits as limits

PACKAGE = Path(__file__).resolve().parents[1] / "onvif_bmff"
P90_LINES = 350
MAX_LINES = 400
MAX_FUNCTION_LINES = 60
MAX_ATTRIBUTES = 12
MAX_METHODS = 15

LONG_FILES: Mapping[str, str] = {}
"""Files of more lines than ``MAX_LINES``, by path in the package: why."""

_SYNTAX = "a syntax table of the standard in its order, run once for each slice: a call for each part would cost it"

LONG_FUNCTIONS: Mapping[str, str] = {}
"""Functions of more lines than ``MAX_FUNCTION_LINES``, by path and name: why."""

_BOX = "a box: its fields are those of the standard"
_SYNTAX_VALUE = "a value: what the bitstream says, under the standard's names"
_CONFIGURATION = "a value: what ONVIF or a device configures, member for member"

MANY_ATTRIBUTES: Mapping[str, str] = {
    "bmff.codec_config.Av1ConfigurationBox": _BOX,
    "bmff.codec_config.AvcConfigurationBox": _BOX,
    "bmff.codec_config.HevcConfigurationBox": _BOX,
    "bmff.codec_config.VpCodecConfigurationBox": _BOX,
    "bmff.file.EventMessageBox": _BOX,
    "bmff.movie.MovieHeaderBox": _BOX,
    "bmff.protection.TrackEncryptionBox": _BOX,
    "bmff.sample_entries.AudioSampleEntry": _BOX,
    "bmff.sample_entries.VisualSampleEntry": _BOX,
    "bmff.track.TrackHeaderBox": _BOX,
    "codecs.av1.syntax.Av1SequenceHeader": _SYNTAX_VALUE,
    "codecs.avc.layout.AvcSliceLayout": _SYNTAX_VALUE,
    "codecs.avc.syntax.AvcPps": _SYNTAX_VALUE,
    "codecs.avc.syntax.AvcSps": _SYNTAX_VALUE,
    "codecs.hevc.layout.HevcSliceLayout": _SYNTAX_VALUE,
    "codecs.hevc.pps.HevcPps": _SYNTAX_VALUE,
    "codecs.hevc.syntax.HevcSps": _SYNTAX_VALUE,
    "configuration.settings.DeviceConfiguration": "a value: the tables of a configuration file, one for one",
    "configuration.settings.RecordingSettings": "a value: the options of a table, one for one",
    "control.types.capabilities.Capabilities": _CONFIGURATION,
    "control.types.capabilities.ServiceLimits": _CONFIGURATION,
    "device.health.RecordingHealth": "a value: what health says of a recording, each a line of it",
    "media.nal_family.NalFamily": "a value: a row in the table of standards",
    "objects.attributes.ObjectAttributes": "a value: the attributes of B.9, one for one",
    "playback.key_columns.SpanColumns": "a record of columns: one for each part of a key",
    "validation.report.Checked": "a record of counts, each a line of the report",
}
"""Classes with more attributes than ``MAX_ATTRIBUTES``, by module and name: why."""

MANY_METHODS: Mapping[str, str] = {
    "control.service.RecordingService": "the façade of the service: one method for each operation of ONVIF",
    "storage.file_system.FileSystem": "the functions of the system that a store uses, one method for each",
    "storage.file_system.PosixFileSystem": "the functions of the system that a store uses, one method for each",
    "storage.fixed_modes.FixedModes": "the functions of the system that a store uses, one method for each",
    "testing.store_conformance.StoreConformance": "a list of tests, which its users do not call",
    "timing.UtcTime": "a value: the ways to make, show and compare an instant",
}
"""Classes with more public methods and properties than ``MAX_METHODS``, by module and name: why."""


def test_files_are_short() -> None:
    sizes = {str(path.relative_to(PACKAGE)): limits.lines(path) for path in PACKAGE.rglob("*.py")}
    assert limits.p90(list(sizes.values())) <= P90_LINES
    assert {name for name, size in sizes.items() if size > MAX_LINES} == set(LONG_FILES)


def test_functions_are_short() -> None:
    found = {
        f"{path.relative_to(PACKAGE)}: {name}"
        for path in PACKAGE.rglob("*.py")
        for name, size in limits.functions(ast.parse(path.read_text()))
        if size > MAX_FUNCTION_LINES
    }
    assert found == set(LONG_FUNCTIONS)


@pytest.fixture(scope="module")
def classes() -> dict[str, limits.Class]:
    return limits.classes(PACKAGE)


def test_classes_keep_little(classes: dict[str, limits.Class]) -> None:
    found = {name for name, one in classes.items() if len(one.attributes) > MAX_ATTRIBUTES}
    assert found == {f"onvif_bmff.{name}" for name in MANY_ATTRIBUTES}


def test_classes_offer_little(classes: dict[str, limits.Class]) -> None:
    found = {name for name, one in classes.items() if len(one.methods) > MAX_METHODS}
    assert found == {f"onvif_bmff.{name}" for name in MANY_METHODS}


def test_every_exception_has_a_reason() -> None:
    for table in (LONG_FILES, LONG_FUNCTIONS, MANY_ATTRIBUTES, MANY_METHODS):
        assert all(len(reason.split()) > 3 for reason in table.values())


# ---- each limit would be noticed ---------------------------------------------------------------------------------


def made_up(tmp_path: Path, **modules: str) -> dict[str, limits.Class]:
    package = tmp_path / "made"
    (package / "room").mkdir(parents=True)
    for name, text in modules.items():
        (package / "room" / f"{name}.py").write_text(text)
    return limits.classes(package)


def test_what_a_class_keeps_is_seen_however_it_is_set(tmp_path: Path) -> None:
    found = made_up(
        tmp_path,
        one="""
class Many:
    __slots__ = ("slot",)
    declared: int
    constant = 1

    def __init__(me, given):
        me.plain = given
        me.typed: int = 1
        me.first, (me.second, *me.rest) = given
        me.counted += 1
        for me.each in given:
            other.not_mine = me.plain.not_mine_either = 1
        with given as me.opened:
            object.__setattr__(me, "frozen", 1)
        if (lambda: 1)():
            setattr(me, "late", 1)
""",
    )
    assert found["made.room.one.Many"].attributes == {
        "slot", "declared", "plain", "typed", "first", "second", "rest", "counted", "each", "opened", "frozen", "late",
    }  # fmt: skip


def test_what_is_inherited_counts_wherever_it_comes_from(tmp_path: Path) -> None:
    found = made_up(
        tmp_path,
        base="class Base:\n    def __init__(self):\n        self.a = 1\n    def one(self): ...\n",
        middle="from made.room import Base\nclass Middle(Base):\n    b: int\n    @property\n    def two(self): ...\n",
        top="from made.room.middle import Middle as M\nclass Top(M):\n    def _no(self): ...\n    def three(self): ...",
    )
    assert found["made.room.top.Top"].attributes == {"a", "b"}
    assert found["made.room.top.Top"].methods == {"one", "two", "three"}


def test_lines_of_a_function_are_those_that_do_something() -> None:
    text = '@decorated\ndef long():\n    """Docstring,\n\n    of three lines."""\n    a = 1\n\n    return a\n'
    assert list(limits.functions(ast.parse(text))) == [("long", 4)]
    assert list(limits.functions(ast.parse("class A:\n    async def b(self):\n        x = 1\n"))) == [("b", 2)]


@pytest.mark.parametrize(("sizes", "expected"), [([1] * 9 + [500], 1), ([1] * 8 + [500] * 2, 500), ([7], 7)])
def test_nine_of_ten_are_no_longer_than_the_p90(sizes: list[int], expected: int) -> None:
    assert limits.p90(sizes) == expected
