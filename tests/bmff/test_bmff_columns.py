"""Tables as columns."""

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onvif_bmff.bmff.language import columns
from onvif_bmff.bmff.language.columns import Columns, no_rows, pack_columns, unpack_columns

CODES = "bBhHtiIqQ"
BYTES = {"b": 1, "B": 1, "h": 2, "H": 2, "t": 3, "i": 4, "I": 4, "q": 8, "Q": 8}


def test_columns_are_read_by_name():
    made = Columns(duration=[512, 256], size=[4000, 900])
    assert len(made) == made.count == 2
    assert made["size"] == array("I", [4000, 900])
    assert made.names == ("duration", "size")
    assert "size" in made
    assert "flags" not in made
    assert made.get("flags") is None
    assert list(made.rows()) == [(512, 4000), (256, 900)]
    assert repr(Columns(a=range(6))) == "Columns(6 rows, a=[0, 1, 2, 3, …])"
    assert repr(made) == "Columns(2 rows, duration=[512, 256], size=[4000, 900])"


def test_columns_compare_by_content():
    assert Columns(a=[1]) == Columns(a=array("Q", [1])) != Columns(a=[2])
    assert Columns(a=[1]) != Columns(b=[1])
    assert Columns(3) != Columns(4)
    assert Columns(0) == Columns()
    assert Columns(a=[1]) != "table"
    with pytest.raises(TypeError):
        hash(Columns())


def test_arrays_are_shared():
    values = array("I", [1, 2])
    assert Columns(a=values)["a"] is values


def test_a_bare_count():
    bare = Columns(1 << 32)
    assert bare.count == 1 << 32
    assert list(bare.rows()) == []
    assert no_rows("a", "b")() == Columns(a=[], b=[])


def test_narrowest_array():
    assert Columns(a=[1 << 31])["a"].typecode == "I"
    assert Columns(a=[1 << 32])["a"].typecode == "Q"
    assert Columns(a=[-1])["a"].typecode == "i"
    assert Columns(a=[-1, 1 << 31])["a"].typecode == "q"
    for wrong in ([1 << 64], [-1, 1 << 63]):
        with pytest.raises(ValueError, match="64 bits"):
            Columns(a=wrong)
    with pytest.raises(ValueError, match="different lengths"):
        Columns(a=[1], b=[1, 2])
    with pytest.raises(ValueError, match="different lengths"):
        Columns(3, a=[1])


def plain(table, codes):
    """The rows on the wire, number by number."""
    return b"".join(
        value.to_bytes(BYTES[code], "big", signed=code in "bhiq")
        for row in zip(*(table[name] for name in codes), strict=True)
        for value, code in zip(row, codes.values(), strict=True)
    )


@given(st.lists(st.sampled_from(CODES), min_size=1, max_size=4), st.integers(0, 6), st.data())
def test_every_layout_both_ways(layout, count, data):
    codes = {f"c{index}": code for index, code in enumerate(layout)}
    numbers = {}
    for name, code in codes.items():
        bits = 8 * BYTES[code]
        low = -(1 << (bits - 1)) if code in "bhiq" else 0
        numbers[name] = data.draw(st.lists(st.integers(low, low + (1 << bits) - 1), min_size=count, max_size=count))
    table = Columns(**numbers)
    wire = plain(table, codes)
    assert pack_columns(table, codes) == wire
    read, stop = unpack_columns(memoryview(b"??" + wire + b"!"), 2, len(wire) + 2, count, codes)
    assert (read, stop) == (table, len(wire) + 2)
    assert pack_columns(read, codes) == wire


def test_the_other_byte_order(monkeypatch):
    """What a big-endian machine would do: the same, but without swapping; single bytes need none."""
    monkeypatch.setattr(columns, "_SWAP", False)
    for codes in ({"a": "I"}, {"a": "I", "b": "i"}, {"a": "B"}):
        table = Columns(**{name: [1, 2] for name in codes})
        wire = pack_columns(table, codes)
        assert unpack_columns(memoryview(wire), 0, len(wire), 2, codes)[0] == table
    swapped = array("H", [0x0102])
    assert unpack_columns(memoryview(swapped.tobytes()), 0, 2, 1, {"a": "H"})[0]["a"] == swapped


def test_a_table_without_columns():
    assert unpack_columns(memoryview(b""), 0, 0, 1 << 32, {}) == (Columns(1 << 32), 0)
    assert pack_columns(Columns(1 << 32), {}) == b""


@pytest.mark.parametrize(
    ("table", "codes", "reason"),
    [
        (Columns(a=[1]), {"b": "I"}, r"\['a'\] given, \['b'\] needed"),
        (Columns(a=[256]), {"a": "B"}, "does not fit 1 bytes"),
        (Columns(a=[-1]), {"a": "I"}, "does not fit 4 bytes"),
        (Columns(a=[1 << 24]), {"a": "t"}, "does not fit 3 bytes"),
        (Columns(a=[1 << 40]), {"a": "I", "b": "Q"}, "needed"),
    ],
)
def test_values_that_do_not_fit(table, codes, reason):
    with pytest.raises(ValueError, match=reason):
        pack_columns(table, codes)


def test_rows_that_are_not_there():
    with pytest.raises(ValueError, match="3 rows of 8 bytes in 20 bytes"):
        unpack_columns(memoryview(bytes(20)), 0, 20, 3, {"a": "I", "b": "I"})
