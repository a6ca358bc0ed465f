"""Timelines as Arrow tables: pyarrow, DuckDB and polars read them; ctypes too, so that some of it is always tested."""

import ctypes
import gc
from datetime import UTC, datetime

import pytest

from onvif_bmff.playback import Timeline, arrow
from onvif_bmff.playback.arrow import ArrowColumn, ArrowType, arrow_stream

TIMES = [(place, hour, n) for place in "ab" for hour in (7, 8) for n in range(4)]
NAMES = [f"site/2024-05-01/cam-{place}/{hour:02}/00-0{n}.500Z.{n}.m4v" for place, hour, n in TIMES]
ENDS = ["site/2024-05-01/cam-a/07/00-04.500Z.4.m4v_end"]


@pytest.fixture
def timeline():
    return Timeline.from_keys([*NAMES, *ENDS])


class Table:
    """Something with a stream."""

    def __init__(self, columns, batches):
        self.columns, self.batches = columns, batches

    def __arrow_c_stream__(self, requested_schema=None):
        return arrow_stream(self.columns, iter(self.batches))


COLUMNS = [ArrowColumn(kind.name.lower(), kind) for kind in ArrowType]
ROWS = [
    ("\u00fc", -5, 2**64 - 1, 0.5, True, 1_700_000_000_000_000),
    (None, None, None, None, None, None),
    ("", 0, 0, 0.0, False, 0),
    *[(str(number), number, number, float(number), bool(number % 3), number) for number in range(20)],
]


def batches():
    return [list(zip(*ROWS[:3], strict=True)), list(zip(*ROWS[3:], strict=True))]


def held():
    gc.collect()
    arrow._sweep()
    return len(arrow._HELD), len(arrow._CAPSULES)


def test_a_capsule_that_nobody_reads_keeps_nothing(timeline):
    before = held()
    capsule = timeline.__arrow_c_stream__()
    assert "arrow_array_stream" in repr(capsule)
    assert held() != before
    del capsule
    assert held() == before


def test_the_structures_are_those_of_the_interface():
    """Read with ctypes alone: schema, batches, end, and what is left when all is released."""
    before = held()
    capsule = Table(COLUMNS, batches()).__arrow_c_stream__()
    address = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
        ("PyCapsule_GetPointer", ctypes.pythonapi)
    )(capsule, b"arrow_array_stream")
    stream = arrow._Stream.from_address(address)
    schema, array = arrow._Schema(), arrow._Array()
    assert stream.get_schema(ctypes.pointer(stream), ctypes.pointer(schema)) == 0
    assert schema.format == b"+s"
    names = [(schema.children[at].contents.name, schema.children[at].contents.format) for at in range(6)]
    assert names == [(column.name.encode(), column.type.value) for column in COLUMNS]
    schema.release(ctypes.addressof(schema))
    assert not schema.release
    lengths = []
    while stream.get_next(ctypes.pointer(stream), ctypes.pointer(array)) == 0 and array.release:
        lengths.append(array.length)
        text, number = array.children[0].contents, array.children[1].contents
        offsets = (ctypes.c_int32 * (text.length + 1)).from_address(text.buffers[1])
        assert ctypes.string_at(text.buffers[2], offsets[text.length]).decode() == "".join(
            row[0] or "" for row in (ROWS[:3] if len(lengths) == 1 else ROWS[3:])
        )
        assert number.null_count == (1 if len(lengths) == 1 else 0)
        array.release(ctypes.addressof(array))
    assert lengths == [3, 20]
    stream.release(ctypes.addressof(stream))
    del capsule
    assert held() == before


def test_an_error_in_the_middle_is_told_with_its_text():
    def broken():
        yield batches()[0]
        raise OSError("the disk is gone")

    capsule = arrow_stream(COLUMNS, broken())
    (stream,) = [one for _, one in arrow._CAPSULES if one.release]
    array = arrow._Array()
    assert stream.get_next(ctypes.pointer(stream), ctypes.pointer(array)) == 0
    array.release(ctypes.addressof(array))
    assert stream.get_next(ctypes.pointer(stream), ctypes.pointer(array)) != 0
    assert ctypes.string_at(stream.get_last_error(ctypes.pointer(stream))) == b"OSError: the disk is gone"
    del capsule


def test_pyarrow_reads_all_types():
    pa = pytest.importorskip("pyarrow", reason="pyarrow is missing (extra index)")
    before = held()
    table = pa.table(Table(COLUMNS, batches()))
    assert [str(field.type) for field in table.schema] == [
        "string", "int64", "uint64", "double", "bool", "timestamp[us, tz=UTC]",
    ]  # fmt: skip
    rows = [tuple(row.values()) for row in table.to_pylist()]
    times = [None if row[5] is None else datetime.fromtimestamp(row[5] / 1e6, UTC) for row in ROWS]
    assert rows == [(*row[:5], time) for row, time in zip(ROWS, times, strict=True)]
    table.validate(full=True)
    del table, rows
    assert held() == before


def test_pyarrow_reads_a_timeline(timeline):
    pa = pytest.importorskip("pyarrow", reason="pyarrow is missing (extra index)")
    table = pa.table(timeline)
    assert table.column("key").to_pylist() == [one.name for span in timeline.spans for one in span.segments]
    assert table.column("end").null_count == 3
    spans = pa.table(timeline.spans).to_pylist()
    assert [one["state"] for one in spans] == [span.state.value for span in timeline.spans]
    assert [one["segments"] for one in spans] == [4, 4, 4, 4]
    assert pa.table(Timeline.from_keys([])).num_rows == 0


def test_many_batches(monkeypatch):
    pa = pytest.importorskip("pyarrow", reason="pyarrow is missing (extra index)")
    from onvif_bmff.playback import arrow_tables

    monkeypatch.setattr(arrow_tables, "_ROWS", 7)
    names = [f"2024-05-01/12/{n // 60:02}-{n % 60:02}Z.{n}.m4v" for n in range(500)]
    table = pa.table(Timeline.from_keys(names))
    assert table.column("key").to_pylist() == [f"{name}" for name in names]
    assert table.column("key").num_chunks == 72


def test_duckdb_asks_a_timeline(timeline):
    duckdb = pytest.importorskip("duckdb", reason="duckdb is missing")
    pytest.importorskip("pyarrow", reason="pyarrow is missing (extra index)")
    spans = timeline.spans  # noqa: F841  DuckDB finds it by its name
    with duckdb.connect() as connection:
        sums = 'postfix, count(*), min(start), sum(epoch("end" - start))'
        rows = connection.sql(f"SELECT {sums} FROM timeline GROUP BY 1 ORDER BY 1").fetchall()
        assert [row[:2] for row in rows] == [("cam-a", 8), ("cam-b", 8)]
        assert [row[3] for row in rows] == [7.0, 6.0]
        assert connection.sql("SELECT state, count(*) FROM spans GROUP BY 1 ORDER BY 1").fetchall() == [
            ("closed", 1), ("cut off", 1), ("open", 2),
        ]  # fmt: skip


def test_polars_reads_a_timeline(timeline):
    polars = pytest.importorskip("polars", reason="polars is missing")
    frame = polars.DataFrame(timeline)
    assert frame.shape == (16, 8)
    assert frame.filter(polars.col("postfix") == "cam-b")["counter"].to_list() == [0, 1, 2, 3, 0, 1, 2, 3]


def test_an_error_is_raised_where_it_is_read():
    pa = pytest.importorskip("pyarrow", reason="pyarrow is missing (extra index)")

    def broken():
        yield batches()[0]
        raise OSError("the disk is gone")

    before = held()
    with pytest.raises((OSError, SystemError)) as raised:  # pyarrow releases while it raises, and may lose the text
        pa.table(Table(COLUMNS, broken()))
    del raised
    assert held() == before
