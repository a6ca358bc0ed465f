"""Inventories in Parquet, read by pyarrow (extra ``index``)."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from onvif_bmff.errors import StoreError

__all__ = ["parquet_rows"]

_ROWS = 65_536
"""Rows in memory at a time."""


def parquet_rows(path: Path, wanted: Callable[[Iterable[str]], list[str]]) -> Iterator[Sequence[Any]]:
    """Yield the names of the wanted columns of a file, and then its rows.

    Raises:
        StoreError: the file cannot be read, or pyarrow is not installed.
    """
    try:
        import pyarrow as pa  # pyright: ignore[reportMissingImports]
        from pyarrow import parquet  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise StoreError("inventories in Parquet need pyarrow: pip install 'onvif-bmff[index]'") from None
    try:
        with parquet.ParquetFile(path) as file:
            columns = wanted(file.schema_arrow.names)
            yield columns
            if not columns:
                return
            for batch in file.iter_batches(batch_size=_ROWS, columns=columns):
                yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror or 'the file is damaged, or no Parquet file'}") from None
    except pa.ArrowException as error:
        raise StoreError(f"{path}: the file is damaged, or no Parquet file: {str(error).splitlines()[0]}") from None
