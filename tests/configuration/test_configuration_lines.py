"""The line of each value of a TOML file, which ``tomllib`` does not tell."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onvif_bmff.configuration import dotted, line_of, lines_of

TEXT = '''\
# a comment with [[brackets]] and "quotes"
data = "x"  # another = one
long = """
[[not.a.table]]
key = "\\""""
inner.deep."a.b" = 1

[[cameras]]
token = 'one'
[cameras.more]
x = 1
[[cameras]]

token = "two"
tags = [
  "a", # the first
  "b]",

  { z = 1, y = [2,
    3] },
]
[[cameras.tracks]]
when = 1979-05-27 07:32:00
[[cameras.tracks]]
"quoted key" = \'\'\'
[x]
\'\'\'\'\'
last = true
[spool]
'''


def test_lines_of_all_kinds_of_tables():
    lines = lines_of(TEXT)
    assert lines["data",] == 2
    assert lines["long",] == 3
    assert lines["inner", "deep", "a.b"] == 6
    assert lines["cameras", 0] == 8
    assert lines["cameras", 0, "token"] == 9
    assert lines["cameras", 0, "more", "x"] == 11
    assert lines["cameras", 1] == 12
    assert lines["cameras", 1, "token"] == 14
    assert lines["cameras", 1, "tags", 1] == 17
    assert lines["cameras", 1, "tags", 2, "y"] == 19
    assert lines["cameras", 1, "tags", 2, "y", 1] == 20
    assert lines["cameras", 1, "tracks", 0, "when"] == 23
    assert lines["cameras", 1, "tracks", 1] == 24
    assert lines["cameras", 1, "tracks", 1, "quoted key"] == 25
    assert lines["cameras", 1, "tracks", 1, "last"] == 28
    assert lines["spool",] == 29
    assert line_of(lines, ("cameras", 0, "missing")) == 8
    assert line_of(lines, ("missing",)) is None


def test_lines_are_those_of_the_file_with_any_line_ends():
    assert lines_of(TEXT.replace("\n", "\r\n")) == lines_of(TEXT)


def paths_of(value, path=()):
    """All paths of what ``tomllib`` read."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in items:
        yield (*path, name)
        yield from paths_of(inner, (*path, name))


def test_every_path_has_a_line():
    assert set(paths_of(tomllib.loads(TEXT))) == set(lines_of(TEXT))


# ---- documents that write down where everything is ----------------------------------------------------------

KEY = st.sampled_from(["a", "b-1", '"c d"', "'e.f'", '"g\\"h"', "3"])
SCALAR = st.sampled_from(
    ["1", "-2.5", "true", '"#]},="', "'[x] = \"'", "2020-01-01 10:00:00", '""', "''", '"\\\\"', '"""a"b\n#[[c]]\n"""',
     "'''\n]\n'''", '""""""', '"""x\\"""""', "inf"]
)  # fmt: skip
GAP = st.sampled_from(["", " ", "\n", " # ]},[\n", "\n\n\t"])


def unquoted(key):
    return next(iter(tomllib.loads(f"{key} = 1")))


class Document:
    """A text in the making, with the lines of what is in it."""

    def __init__(self):
        self.text, self.lines = "", {}

    def add(self, text):
        self.text += text

    def note(self, path):
        self.lines.setdefault(path, self.text.count("\n") + 1)


@st.composite
def documents(draw):
    made = Document()

    def value(path, depth):
        kind = draw(st.integers(0, 3 if depth < 3 else 1))
        if kind < 2:
            made.add(draw(SCALAR))
        elif kind == 2:
            made.add("[")
            for number in range(draw(st.integers(0, 3))):
                made.add(draw(GAP))
                made.note((*path, number))
                value((*path, number), depth + 1)
                made.add(draw(GAP) + ",")
            made.add(draw(GAP) + "]")
        else:
            made.add("{")
            for number, key in enumerate(draw(st.lists(KEY, unique=True, max_size=2))):
                made.add("," if number else "")
                made.add(" ")
                made.note((*path, unquoted(key)))
                made.add(f"{key} = ")
                value((*path, unquoted(key)), depth + 1)
            made.add(" }")

    def pairs(path):
        for key in draw(st.lists(KEY, unique=True, max_size=3)):
            made.add(draw(st.sampled_from(["", "\n", "# x = [\n", "  "])))
            made.note((*path, unquoted(key)))
            made.add(f"{key} = ")
            value((*path, unquoted(key)), 0)
            made.add(draw(st.sampled_from(["\n", " # end ]\n"])))

    pairs(())
    for name in draw(st.lists(st.sampled_from(["t1", "t2", '"t 3"']), unique=True)):
        made.note((unquoted(name),))
        made.add(f"[{name}]\n")
        pairs((unquoted(name),))
    for number in range(draw(st.integers(0, 3))):
        made.note(("many",))
        made.note(("many", number))
        made.add("[[ many ]]\n")
        pairs(("many", number))
        for inner in range(draw(st.integers(0, 2))):
            made.note(("many", number, "inner"))
            made.note(("many", number, "inner", inner))
            made.add("[[many.inner]] # x\n")
            pairs(("many", number, "inner", inner))
    return made


@given(documents())
def test_lines_are_where_they_were_written(document):
    data = tomllib.loads(document.text)
    found = lines_of(document.text)
    assert found == document.lines
    assert set(found) == set(paths_of(data))


@pytest.mark.parametrize(
    ("path", "text"),
    [(("cameras", 0, "url"), "cameras[0].url"), (("a b", "c"), '"a b".c'), (("x", 1, 2), "x[1][2]"), ((), "")],
)
def test_paths_as_they_are_told(path, text):
    assert dotted(path) == text
