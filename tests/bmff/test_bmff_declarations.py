"""Declarations that make no sense are refused when the class is made, with class and field."""

import re
from typing import Annotated

import construct
import pytest

from onvif_bmff.bmff.language.box import Box, ContainerBox, FullBox
from onvif_bmff.bmff.language.columns import Columns
from onvif_bmff.bmff.language.declare import BOXES, Record, box, record, refinement, sample_entry
from onvif_bmff.bmff.language.layout import Layout
from onvif_bmff.bmff.language.wire import (
    STRING,
    U8,
    U16,
    U32,
    Bits,
    DeclarationError,
    FourCC,
    ListOf,
    Rest,
    SizedBytes,
    String,
    Table,
    View,
    by_version,
    when,
    when_flag,
)
from onvif_bmff.bmff.pssh import ProtectionSystemSpecificHeaderBox


def wrong(base, **annotations):
    """A class body with these annotations."""
    return type(base)("Wrong", (base,), {"__annotations__": annotations})


def late(this):
    return this["late"]


def got(this):
    return this.get("late")


@pytest.mark.parametrize(
    ("base", "annotations", "reason"),
    [
        (Box, {"a": int}, "a: has no field type"),
        (Box, {"a": Annotated[int, "nonsense"]}, "a: 'nonsense' cannot be used"),
        (Box, {"a": Annotated[float, construct.Float32b]}, "a: .* cannot be used"),
        (Box, {"a": Annotated[int, construct.Int32ul]}, "a: .* cannot be used"),
        (Box, {"a": Annotated[tuple, ListOf(U8, "nonsense")]}, "a: 'nonsense' cannot be used"),
        (FullBox, {"a": Annotated[int, by_version(U8, int)]}, "a: <class 'int'> cannot be used"),
        (FullBox, {"a": Annotated[int, when_flag(1, None)]}, "a: None cannot be used"),
        (Box, {"a": Annotated[int, Bits(3)]}, "a: the bit fields .* byte boundary"),
        (Box, {"a": Annotated[int, Bits(3)], "b": U8, "c": Annotated[int, Bits(5)]}, "a: .* byte boundary"),
        (Box, {"a": Annotated[int, Bits(0)]}, "a: a bit field of 0 bits"),
        (FullBox, {"a": Annotated[int, when_flag(1, Bits(8))]}, "a: bit fields, .* inside"),
        (FullBox, {"a": Annotated[bytes, when_flag(1, View)]}, "a: .*View.* inside"),
        (Box, {"a": Rest, "b": Rest}, "b: a before it takes all"),
        (Box, {"a": View, "b": U8}, "b: a before it takes all"),
        (Box, {"a": Annotated[tuple, ListOf(None, U8)], "b": U8}, "b: a before it takes all"),
        (FullBox, {"a": Annotated[bytes, when_flag(1, Rest)], "b": Rest}, "b: a before it takes all"),
        (FullBox, {"a": Rest, "b": Annotated[bytes, when_flag(1, U8)]}, "b: a before it takes all"),
        (Box, {"a": Annotated[tuple, ListOf(U8, Rest)]}, "a: an item of the list"),
        (ContainerBox, {"a": Rest}, "a: .* none are for children"),
        (ContainerBox, {"a": View}, "a: .* none are for children"),
        (Record, {"a": View}, "a: a View stands in boxes only"),
        (Box, {"a": Annotated[bytes, SizedBytes(late)], "late": U8}, "a: asks for late, .* later"),
        (Box, {"a": Annotated[tuple, ListOf(late, U8)], "late": U8}, "a: asks for late, .* later"),
        (Box, {"a": Annotated[Columns, Table(late, x="I")], "late": U8}, "a: asks for late, .* later"),
        (Box, {"a": Annotated[Columns, Table(U8, x=late)], "late": U8}, "a: asks for late, .* later"),
        (Box, {"a": Annotated[int, when(late, U8)]}, "a: asks for late, which is no field"),
        (Box, {"a": Annotated[int, when(got, U8)]}, "a: asks for late, which is no field"),
        (Box, {"a": Annotated[int, by_version(U8, U16)]}, "a: asks for version or flags"),
        (Box, {"a": Annotated[int, when_flag(1, U16)]}, "a: asks for version or flags"),
        (Box, {"a": Annotated[Columns, Table(U8, x=by_version("I", "i"))]}, "a: asks for version or flags"),
        (Box, {"a": Annotated[Columns, Table(U8, x="z")]}, "a: 'z' is no code of a column"),
        (FullBox, {"a": Annotated[Columns, Table(U8, x=when_flag(1, "z"))]}, "a: 'z' is no code"),
        (Box, {"a": Annotated[Columns, Table(None, x="I")]}, "a: its count is no unsigned number"),
        (Box, {"a": Annotated[bytes, SizedBytes(None)]}, "a: its count is no unsigned number"),
        (Box, {"a": Annotated[bytes, SizedBytes(FourCC)]}, "a: its count is no unsigned number"),
        (Box, {"a": Annotated[tuple, ListOf(construct.Int8sb, U8)]}, "a: its count is no unsigned number"),
        (Box, {"a": Annotated[tuple, ListOf(int, U8)]}, "a: <class 'int'> cannot be used"),
        (Box, {"a": Annotated[tuple, ListOf("U8", U8)]}, "a: 'U8' cannot be used"),
        (Box, {"size": U8}, "size: all boxes have an attribute"),
        (ContainerBox, {"find": U8}, "find: all boxes have an attribute"),
    ],
)
def test_wrong_declarations_fail_when_the_class_is_made(base, annotations, reason):
    registered = dict(BOXES)
    declare = record if base is Record else box("tst0")
    with pytest.raises(DeclarationError, match=rf"Wrong\.{reason}"):
        declare(wrong(base, **annotations))
    assert registered == BOXES


def test_types_have_four_characters():
    for fourcc, declare in (("abc", box("abc")), ("abcde", sample_entry("abcde"))):
        with pytest.raises(DeclarationError, match=f"Wrong: the type '{fourcc}' has not four characters"):
            declare(wrong(ContainerBox, a=U8))
        assert fourcc not in BOXES


def test_orders_hold_the_same_rules():
    declare = box("tst0", versions=(0, 1), orders={1: ("text", "late")})
    body = wrong(FullBox, late=U8, text=Annotated[bytes, SizedBytes(late)])
    with pytest.raises(DeclarationError, match=re.escape("Wrong.text: asks for late, a field that comes later")):
        declare(body)


def test_a_refinement_gives_all_fields_of_the_general_class():
    with pytest.raises(DeclarationError, match=r"Wrong\.system_id: missing, though ProtectionSystem"):
        refinement(ProtectionSystemSpecificHeaderBox, versions=(1,))(wrong(FullBox))


def test_both_spellings_of_a_type_mean_the_same():
    ours = Layout([("a", ListOf(U8, U32)), ("b", by_version(U8, U16)), ("c", String)])
    theirs = Layout(
        [
            ("a", ListOf(construct.Int8ub, construct.Int32ub)),
            ("b", by_version(construct.Int8ub, construct.Int16ub)),
            ("c", STRING),
        ]
    )
    for version in (0, 1):
        fields = {"version": version, "flags": 0, "a": (1, 2), "b": 7, "c": "x"}
        assert ours.write(fields) == theirs.write(fields)


def test_a_field_declared_again_keeps_its_place():
    @record
    class First(Record):
        one: U8 = 1
        two: U8 = 2

    @record
    class Again(First):
        one: U16 = 3

    assert Again.layout.names == ("one", "two")
    assert Again.construct.build({"one": 1, "two": 2}) == b"\0\1\2"
