"""What strangers wrote into files never reaches a terminal as it is: the errors themselves escape it (CWE-150)."""

import inspect
import logging
import pickle
import pkgutil
import traceback
import unicodedata
from importlib import import_module

import pytest
from hypothesis import given
from hypothesis import strategies as st

import onvif_bmff
from onvif_bmff import errors
from onvif_bmff.control.faults import Fault
from onvif_bmff.errors import BoxError, ObjectNotFoundError, OnvifBmffError, escaped
from onvif_bmff.validation.rules import RULES, Findings

HOSTILE = [
    *map(chr, range(0x20)),
    "\x7f",
    *map(chr, range(0x80, 0xA0)),
    *map(chr, range(0x202A, 0x202F)),
    *map(chr, range(0x2066, 0x206A)),
    "\u200e", "\u200f", "\u061c", "\u2028", "\u2029", "\u200b", "\ufeff", "\ud800", "\udc80", "\udfff",
    "\U000e0041",
]  # fmt: skip
EVIL = "a" + "b".join(HOSTILE) + "bc"


def is_plain(text):
    return not any(letter in text for letter in HOSTILE) and text.isprintable()


def error_classes():
    for module in pkgutil.walk_packages(onvif_bmff.__path__, "onvif_bmff."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    found, waiting = set(), [OnvifBmffError]
    while waiting:
        waiting.extend(new for new in waiting.pop().__subclasses__() if new not in found)
        found.update(waiting)
    return sorted((one for one in found if one.__module__.startswith("onvif_bmff.")), key=lambda one: one.__name__)


CLASSES = [OnvifBmffError, *error_classes()]


def test_all_classes_are_here():
    assert {getattr(errors, name) for name in errors.__all__ if name != "escaped"} <= set(CLASSES)
    assert len(CLASSES) > 30
    assert Fault in CLASSES


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_errors_show_no_control_characters(kind, caplog):
    error = kind(EVIL)
    for text in (str(error), f"{error}", repr(error), *(arg for arg in error.args if isinstance(arg, str))):
        assert is_plain(text)
    assert "bc" in str(error)
    try:
        raise error
    except OnvifBmffError as caught:
        lines = traceback.format_exception_only(caught)
        logging.getLogger("onvif_bmff.test").warning("dropped: %s", caught)
    assert is_plain("".join(lines).removesuffix("\n"))
    assert is_plain(caplog.messages[-1])
    if "reason" in inspect.signature(kind).parameters:
        assert is_plain(error.reason)
    assert str(kind("two words")).endswith("two words"), "plain text stays as it is"


def test_a_box_error_escapes_its_path_and_keeps_its_offset():
    error = BoxError("no \x1b[2J box", path="/moov/\x9b2J\x1b", offset=7)
    assert (error.reason, error.path, error.offset) == ("no \\x1b[2J box", "/moov/\\x9b2J\\x1b", 7)
    assert str(error) == "/moov/\\x9b2J\\x1b at byte 7: no \\x1b[2J box"


def test_an_object_that_is_not_there_is_named_without_quotes():
    assert str(ObjectNotFoundError("no object: a\u202eb")) == "no object: a\\u202eb"


def test_errors_of_one_text_survive_a_process_boundary():
    again = pickle.loads(pickle.dumps(ObjectNotFoundError("no object: \x1b")))
    assert str(again) == "no object: \\x1b"


@pytest.mark.parametrize("letter", HOSTILE, ids=ascii)
def test_every_dangerous_character_is_escaped(letter):
    shown = escaped(f"a{letter}b")
    assert is_plain(shown)
    assert eval(f'"{shown}"') == f"a{letter}b", "Python reads it back"


def test_what_is_harmless_stays():
    for text in ("", "Grüße", "камера 5", "カメラ", "مصور", "a\\x1b", "100 % & <b>", "📷"):
        assert escaped(text) == text


@given(st.text(st.characters()))
def test_whatever_it_is_one_line_of_printable_text_comes_out(text):
    shown = escaped(text)
    assert shown.isprintable()
    assert escaped(shown) == shown
    assert not any(unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp") for letter in shown)
    assert (shown == text) == text.isprintable()


def test_findings_escape_what_they_quote_and_keep_the_key():
    findings = Findings("p\u202e/2022-11-08/10/00-00Z.0.mp4")
    findings.add(next(iter(RULES)), f"a box {EVIL}", path="/\x1b[2J")
    (found,) = findings.take()
    assert is_plain(found.message)
    assert is_plain(found.path)
    assert found.key == "p\u202e/2022-11-08/10/00-00Z.0.mp4", "a key must lead to its object"
    assert is_plain(repr(found))
