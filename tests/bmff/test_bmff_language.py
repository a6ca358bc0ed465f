"""Declarations, field types and plans: the fast plan and the plain construct of a class agree, misuse is refused."""

import io
import subprocess
import sys
import uuid
from itertools import combinations
from typing import Annotated, Any

import construct
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onvif_bmff import bmff
from onvif_bmff.bmff.codec_config import HevcParameterArray
from onvif_bmff.bmff.language.box import Box, ContainerBox, FullBox, UnknownBox
from onvif_bmff.bmff.language.columns import Columns
from onvif_bmff.bmff.language.conditions import decide
from onvif_bmff.bmff.language.declare import (
    BOXES,
    SAMPLE_ENTRIES,
    Record,
    RecordOf,
    _register,
    box,
    record,
)
from onvif_bmff.bmff.language.header import SIZE_64
from onvif_bmff.bmff.language.layout import Layout
from onvif_bmff.bmff.language.plain import field_construct, struct_of
from onvif_bmff.bmff.language.wire import (
    FOURCC,
    ITEM_BUDGET,
    NOT_WRITTEN,
    REST,
    STRING,
    UUID_FIELD,
    VIEW,
    Bits,
    Bytes,
    FieldType,
    ListOf,
    SizedBytes,
    Table,
    WireError,
    as_byte_view,
    as_field,
    by_version,
    when,
    when_flag,
)
from onvif_bmff.bmff.pssh import EncryptedKeyEntry
from onvif_bmff.testing.strategies import boxes

DECLARED = sorted({*BOXES.values(), *SAMPLE_ENTRIES.values()}, key=lambda kind: kind.__name__)


CONTAINERS = [kind for kind in DECLARED if issubclass(kind, ContainerBox)]


def combinations_of(kind):
    """All versions, and all sets of the flags on which the fields depend, of a class."""
    mask = kind.layout.flag_mask
    bits = [1 << bit for bit in range(24) if mask >> bit & 1]
    flags = [sum(chosen) for size in range(len(bits) + 1) for chosen in combinations(bits, size)]
    return [(version, one) for version in kind.versions or (0,) for one in flags]


def hold_plan_and_construct_together(layout, plain, fields, head=b""):
    """Build and parse ``fields`` both ways; ``head`` is version and flags in front of them."""
    payload = bytes(fields[layout.payload]) if layout.payload else b""
    fast = head + layout.write(fields) + payload
    assert plain.build(fields) == fast
    read = {name: fields[name] for name in ("version", "flags") if name in fields}
    assert layout.read(memoryview(fast), len(head), len(fast), read) == len(fast)
    parsed = plain.parse(fast)
    for name in layout.names:
        assert parsed[name] == read[name] == fields[name]
    return parsed


def hold_box_and_construct_together(kind, fields):
    head = bytes((fields["version"],)) + fields["flags"].to_bytes(3, "big") if kind.versions is not None else b""
    parsed = hold_plan_and_construct_together(kind.layout, kind.construct, {"children": (), **fields}, head)
    assert [parsed[name] for name in ("version", "flags") if head] == [fields[n] for n in ("version", "flags") if head]


@pytest.mark.parametrize("kind", DECLARED, ids=lambda kind: kind.__name__)
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_plan_and_plain_construct_agree(kind, data):
    made = data.draw(boxes(kind, depth=0))
    context = {} if kind.versions is None else {"version": made.version, "flags": made.flags}
    hold_box_and_construct_together(kind, made.layout.fields_of(made) | context)


@pytest.mark.parametrize("kind", CONTAINERS, ids=lambda kind: kind.__name__)
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_plain_construct_of_containers_reads_and_builds_children(kind, data):
    made = data.draw(boxes(kind, depth=2))
    body = made.build()[16 if made.size_form == SIZE_64 else 8 :]
    plain = kind.construct
    parsed = plain.parse(body)
    assert parsed.children == made.children
    assert plain.build(parsed) + made.trailing == body


@pytest.mark.parametrize("kind", [kind for kind in DECLARED if kind.layout.flag_mask or len(kind.versions or ()) > 1])
def test_plan_and_plain_construct_agree_for_each_version_and_flags(kind):
    for version, flags in combinations_of(kind):
        fields: dict[str, Any] = {"version": version, "flags": flags}
        for name, field_type in kind.layout.fields:
            fields[name] = smallest(decide(field_type, version, flags), fields)
        hold_box_and_construct_together(kind, fields)


def test_the_construct_of_a_box_composes_with_others():
    tfdt = bmff.TrackFragmentBaseMediaDecodeTimeBox
    both = construct.Struct("a" / construct.Int8ub, "tfdt" / tfdt.construct, "b" / construct.Int8ub)
    raw = bytes.fromhex("07 01000000 0000000000000009 08")
    parsed = both.parse(raw)
    assert (parsed.a, parsed.tfdt.base_media_decode_time, parsed.b) == (7, 9, 8)
    assert both.build(parsed) == raw
    assert both.build({"a": 7, "tfdt": {"version": 1, "flags": 0, "base_media_decode_time": 9}, "b": 8}) == raw
    last = construct.Struct("run" / bmff.TrackRunBox.construct, "flags" / construct.Computed(construct.this.run.flags))
    assert last.parse(bytes.fromhex("00000200 00000001 00000005")).flags == 0x200
    times = construct.PrefixedArray(construct.Int8ub, construct.Prefixed(construct.Int8ub, tfdt.construct))
    assert [one.base_media_decode_time for one in times.parse(b"\1\x08" + bytes(7) + b"\x03")] == [3]


def test_errors_of_a_plain_construct_are_those_of_construct():
    for wrong in (b"", b"\1\2\3"):
        with pytest.raises(construct.ConstructError):
            bmff.AvcConfigurationBox.construct.parse(wrong)
    for wrong in (b"", bytes(4) + b"no end", b"\7" + bytes(30)):
        with pytest.raises(construct.ConstructError):
            bmff.EventMessageBox.construct.parse(wrong)
    plain = bmff.TrackFragmentHeaderBox.construct
    fields = {"version": 0, "flags": 0, **dict.fromkeys(bmff.TrackFragmentHeaderBox.layout.names), "track_id": 1}
    assert plain.build(fields) == bytes(7) + b"\1"
    with pytest.raises(construct.CheckError, match="absent"):
        plain.build(fields | {"default_sample_size": 1})
    with pytest.raises(construct.IntegerError):
        bmff.TrackEncryptionBox.construct.build(
            {"version": 1, "flags": 0, "reserved": 0, "default_crypt_byte_block": 16, "default_skip_byte_block": 0}
        )
    with pytest.raises(construct.ConstructError):
        bmff.MovieBox.construct.parse(b"\0\0\0\4moov")
    assert bmff.MovieBox.construct.parse(b"\0\0\0\x08free123").children == (bmff.FreeSpaceBox(),)


def test_construct_is_imported_when_it_is_asked_for():
    code = (
        "import sys, onvif_bmff.bmff as bmff; bmff.parse_boxes(b'\\0\\0\\0\\x08moov'); bmff.MovieBox().build();"
        "print('construct' in sys.modules, bmff.MovieBox.construct.parse(b'').children, 'construct' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "()", "True"]


CONDITIONAL = type(when(None, REST))


def smallest(field_type, fields):
    """A small value of ``field_type``."""
    if field_type is None or (isinstance(field_type, CONDITIONAL) and not field_type.present(fields)):
        return None
    if isinstance(field_type, CONDITIONAL):
        return smallest(decide(field_type.inner, fields["version"], fields["flags"]), fields)
    if isinstance(field_type, Table):
        count = 1 if isinstance(field_type.count, FieldType) else field_type.count(fields)
        return Columns(count, **{name: [1] * count for name in field_type.codes(fields)})
    if field_type is FOURCC:
        return "abcd"
    if field_type is STRING:
        return "text"
    if field_type is UUID_FIELD:
        return uuid.UUID(int=7)
    if isinstance(field_type, ListOf):
        return ()
    if isinstance(field_type, SizedBytes):
        return bytes(0 if isinstance(field_type.count, FieldType) else field_type.count(fields))
    if field_type in (REST, VIEW):
        return b"rest"
    return bytes(field_type.length) if isinstance(field_type, Bytes) else 1


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (HevcParameterArray, {"array_completeness": 1, "reserved": 0, "nal_unit_type": 33, "nal_units": (b"ab", b"c")}),
        (
            EncryptedKeyEntry,
            {"thumbprint_algorithm": 2, "thumbprint": bytes(32), "encryption_version": 1, "hpke_kem": None,
             "hpke_kdf": None, "hpke_aead": None, "encapsulated_secret": b"", "encrypted_key": b"key"},
        ),
        (
            EncryptedKeyEntry,
            {"thumbprint_algorithm": 1, "thumbprint": bytes(20), "encryption_version": 2, "hpke_kem": 0x20,
             "hpke_kdf": 1, "hpke_aead": 2, "encapsulated_secret": bytes(32), "encrypted_key": b"key"},
        ),
    ],
)  # fmt: skip
def test_records_agree_with_plain_construct(kind, values):
    hold_plan_and_construct_together(kind.layout, kind.construct, values)


# field types


@pytest.mark.parametrize("field_type", [FOURCC, UUID_FIELD, as_field(construct.Int32ub), as_field(construct.Bytes(3))])
def test_size_of_fixed_field_types(field_type):
    assert field_construct(field_type).sizeof() == field_type.packer.size


def test_plain_constructs_read_from_the_middle_of_a_stream():
    stream = io.BytesIO(b"..abcdrest")
    stream.seek(2)
    assert field_construct(FOURCC).parse_stream(stream) == "abcd"
    assert stream.read() == b"rest"


def test_text_that_is_not_utf_8_survives():
    raw = b"caf\xe9 \xff\0"
    text, pos = STRING.decode(memoryview(raw), 0, len(raw), {})
    assert (STRING.encode(text, {}), pos) == (raw, len(raw))
    with pytest.raises(WireError, match="NUL"):
        STRING.encode("a\0b", {})


def test_a_bare_field_type_reads_and_writes_nothing():
    with pytest.raises(WireError):
        FieldType().decode(memoryview(b""), 0, 0, {})
    with pytest.raises(WireError):
        FieldType().encode(0, {})


def test_by_version_within_another_field_type():
    field_type = when(lambda this: True, by_version(construct.Int8ub, construct.Int16ub))
    for version, raw in ((0, b"\7"), (1, b"\0\7")):
        this = {"version": version}
        assert field_type.decode(memoryview(raw), 0, len(raw), this) == (7, len(raw))
        assert field_type.encode(7, this) == raw


def test_conditions_hold_both_ways():
    field_type = when(lambda this: this["there"], construct.Int8ub)
    assert field_type.encode(None, {"there": 0}) == b""
    with pytest.raises(WireError, match="there is none"):
        field_type.encode(1, {"there": 0})
    with pytest.raises(WireError, match="there is one"):
        field_type.encode(None, {"there": 1})
    layout = Layout([("value", when_flag(1, construct.Int8ub))])
    with pytest.raises(WireError, match="absent"):
        layout.write({"flags": 0, "value": 1})
    inner = when_flag(2, construct.Int8ub)
    assert inner.decode(memoryview(b"\7"), 0, 1, {"flags": 2}) == (7, 1)
    assert inner.decode(memoryview(b"\7"), 0, 1, {"flags": 1}) == (None, 0)
    column = when_flag(1, "I")
    assert decide(column, 0, 1) == "I"
    assert not column.present({})


def test_lists():
    pairs = ListOf(None, SizedBytes(lambda this: 0))
    with pytest.raises(WireError, match="without bytes"):
        pairs.decode(memoryview(b"x"), 0, 1, {})
    counted = ListOf(lambda this: this["count"], construct.Int8ub)
    assert counted.decode(memoryview(b"\1\2"), 0, 2, {"count": 2}) == ((1, 2), 2)
    assert counted.encode((1, 2), {"count": 2}) == b"\1\2"
    with pytest.raises(WireError, match="3 items"):
        counted.decode(memoryview(b"\1\2"), 0, 2, {"count": 3})
    with pytest.raises(WireError, match="the other fields say 1"):
        counted.encode((1, 2), {"count": 1})


class Budget:
    def __init__(self, left):
        self.left = left

    def charge(self, count, position):
        self.left -= count
        if self.left < 0:
            raise WireError("spent", position)


def test_items_are_charged():
    budget = Budget(5)
    this = {ITEM_BUDGET: budget}
    ListOf(construct.Int8ub, construct.Int8ub).decode(memoryview(b"\2ab"), 0, 3, this)
    assert budget.left == 3
    ListOf(None, construct.Int8ub).decode(memoryview(b"ab"), 0, 2, this)
    assert budget.left == 1
    arrays = ListOf(construct.Int8ub, RecordOf(HevcParameterArray))
    with pytest.raises(WireError, match="spent"):
        arrays.decode(memoryview(b"\1\x20\0\1\0\0"), 0, 6, this)


def test_tables_of_unequal_or_foreign_columns_are_refused():
    table = Table(construct.Int32ub, size="I")
    for wrong in (Columns(other=[1]), Columns(size=[-1]), Columns(size=[1 << 32])):
        with pytest.raises(WireError):
            table.encode(wrong, {})
    counted = Table(lambda this: 2, size="I")
    with pytest.raises(WireError, match="1 items"):
        counted.encode(Columns(size=[1]), {})
    with pytest.raises(WireError, match="rows"):
        counted.decode(memoryview(b"1234"), 0, 4, {})


def test_bytes_of_fixed_length_are_exact():
    field_type = as_field(construct.Bytes(3))
    assert field_type.encode(b"abc", {}) == b"abc"
    with pytest.raises(WireError, match="3 bytes needed, not 2"):
        field_type.encode(b"ab", {})
    with pytest.raises(WireError, match="3 bytes needed, 2 left"):
        field_type.decode(memoryview(b"ab"), 0, 2, {})


def test_flat_buffers():
    assert as_byte_view(b"ab") == b"ab"
    assert len(as_byte_view(memoryview(b"abcd").cast("I"))) == 4
    with pytest.raises(TypeError):
        as_byte_view(memoryview(b"abcd")[::2].cast("H"))
    with pytest.raises(TypeError):
        as_byte_view("text")


# bits


def test_bit_fields():
    layout = Layout([("a", Bits(4)), ("b", Bits(12)), ("c", Bits(24)), ("d", Bits(8))])
    values = {"a": 1, "b": 0x234, "c": 0x56789A, "d": 0xBC}
    hold_plan_and_construct_together(layout, struct_of(layout), values)
    assert layout.write(values) == bytes.fromhex("123456789abc")
    trailing = Layout([("a", construct.Int8ub), ("b", Bits(3)), ("c", Bits(5))])
    hold_plan_and_construct_together(trailing, struct_of(trailing), {"a": 1, "b": 7, "c": 31})
    for wrong in (16, -1, None):
        with pytest.raises(WireError, match="a: "):
            layout.write(values | {"a": wrong})
    with pytest.raises(TypeError, match="byte boundary"):
        Layout([("a", Bits(3))]).write({"a": 1})


@pytest.mark.parametrize(
    ("field_type", "wrong"),
    [
        (construct.Int8ub, 256),
        (construct.Int8ub, "x"),
        (FOURCC, "abc"),
        (FOURCC, None),
        (UUID_FIELD, b"x" * 16),
        (Annotated[int, 0].__metadata__ and construct.Int16sb, 1 << 15),
        (STRING, 7),
        (ListOf(construct.Int8ub, construct.Int8ub), (1,) * 256),
        (ListOf(construct.Int8ub, construct.Int8ub), 7),
        (SizedBytes(construct.Int8ub), bytes(256)),
        (RecordOf(HevcParameterArray), 7),
    ],
)
def test_values_that_do_not_fit_name_the_field(field_type, wrong):
    with pytest.raises(WireError, match="field"):
        Layout([("field", field_type)]).write({"field": wrong})


def test_a_mixed_run_names_its_fields():
    layout = Layout([("one", FOURCC), ("two", construct.Int8ub), ("bit", Bits(8))])
    with pytest.raises(WireError, match="one, two, bit: "):
        layout.write({"one": "abcd", "two": 256, "bit": 1})


# declarations


def test_a_type_declared_twice_is_refused():
    with pytest.raises(TypeError, match="twice"):
        _register(BOXES, "moov", UnknownBox)


def test_postponed_annotations_are_refused():
    class Postponed(Box):
        field: "Annotated[int, construct.Int8ub]"

    with pytest.raises(TypeError, match=r"Postponed\.field: postponed"):
        box("tst0")(Postponed)


def test_what_is_no_field_type_is_refused():
    with pytest.raises(TypeError, match="cannot be used"):
        Layout([("field", construct.GreedyBytes)]).write({"field": b""})


def test_fields_may_be_marked_as_not_written():
    @record
    class Mixed(Record):
        one: Annotated[int, construct.Int8ub]
        note: Annotated[str, NOT_WRITTEN] = ""

    assert Mixed.layout.names == ("one",)
    assert Mixed(one=1, note="x").layout.write({"one": 1}) == b"\1"


def test_a_full_box_may_carry_a_payload():
    layout = FullBox.layout
    try:
        FullBox.layout = Layout([("trailing", VIEW)])
        assert FullBox(trailing=b"x")._body() == [bytes(4), b"x"]
    finally:
        FullBox.layout = layout
