"""Inventories: files of S3, Azure and Google that list a bucket, in place of listings. CSV; Parquet by an extra."""

import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

from onvif_bmff.errors import StoreError
from onvif_bmff.storage.opening import StoreUrl
from onvif_bmff.timing import UtcTime

__all__ = ["Inventory", "InventoryCounts", "InventoryFile", "read_inventory", "wanted_columns"]

_KEY = ("key", "name")
_BUCKET = "bucket"
_IN_BATCH = 65_536
_EXAMPLES = 10

# Columns by which a row is no current object: what each must not say. Names without case, hyphens and underscores.
_FALSE_ONLY = ("isdeletemarker", "deletemarker", "deleted", "hdiisfolder", "snapshot", "timedeleted", "softdeletetime")
_TRUE_ONLY = ("islatest", "iscurrentversion")
_FALSE, _TRUE = ("", "false"), ("", "true")


@dataclass(slots=True)
class InventoryCounts:
    """What was in an inventory.

    Attributes:
        rows: rows that were read.
        keys: those that are objects of the store.
        other: those of another bucket or prefix, old versions, folders and marks of deletion.
        damaged: those that could not be read.
        damaged_examples: where the first ten of them are, as file and row, and what is wrong.
    """

    rows: int = 0
    keys: int = 0
    other: int = 0
    damaged: int = 0
    damaged_examples: list[str] = field(default_factory=list)

    def damage(self, where: str, what: str) -> None:
        """Count a row that could not be read."""
        self.damaged += 1
        if len(self.damaged_examples) < _EXAMPLES:
            self.damaged_examples.append(f"{where}: {what}")

    def add(self, others: "InventoryCounts") -> None:
        """Add the counts of another part."""
        self.rows += others.rows
        self.keys += others.keys
        self.other += others.other
        self.damaged += others.damaged
        self.damaged_examples += others.damaged_examples[: _EXAMPLES - len(self.damaged_examples)]


@dataclass(frozen=True, slots=True)
class InventoryFile:
    """A file of an inventory: CSV, also compressed by gzip, or Parquet.

    ``columns`` are those of a CSV file without a header; keys in such files, which are of S3, are URL-encoded.
    """

    path: Path
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Inventory:
    """Files that together list a bucket, in any order.

    ``bucket`` and ``prefix`` are those of the store; a prefix is taken off its keys, and with ``names_container`` the
    bucket too, which Azure writes before each name. ``made`` is when the service began to write it, if that is known.
    """

    files: tuple[InventoryFile, ...]
    bucket: str = ""
    prefix: str = ""
    names_container: bool = False
    made: UtcTime | None = None

    def keys(self, counts: InventoryCounts) -> Iterator[str]:
        """Yield the keys of the store that the files name, in their order.

        A damaged row costs itself, and is counted; so is whatever is no current object of the store.

        Raises:
            StoreError: a file cannot be read, or is damaged or cut as a whole.
        """
        for file in self.files:
            yield from self.keys_of(file, counts)

    def keys_of(self, file: InventoryFile, counts: InventoryCounts) -> Iterator[str]:
        """Yield the keys that one of the files names; see ``keys``."""
        if file.path.suffix == ".parquet":
            from onvif_bmff.jobs.inventory_parquet import parquet_rows

            rows: Iterable[Sequence[Any] | str] = parquet_rows(file.path, wanted_columns)
        else:
            rows = _csv_rows(file)
        found = iter(rows)
        columns = _Columns(next(found, ()), file.path)
        lead = "".join(f"{part}/" for part in (self.names_container and self.bucket, self.prefix) if part)
        for number, row in enumerate(found, 1):
            counts.rows += 1
            if isinstance(row, str):
                counts.damage(f"{file.path}, row {number}", row)
                continue
            try:
                key = columns.key(row, encoded=bool(file.columns))
                is_other = not columns.is_current(row) or not columns.is_of(row, self.bucket)
            except ValueError as error:
                counts.damage(f"{file.path}, row {number}", str(error))
                continue
            if not is_other and lead and not key.startswith(lead):
                is_other = True
            if is_other:
                counts.other += 1
            else:
                counts.keys += 1
                yield key[len(lead) :]


def read_inventory(path: Path, *, place: StoreUrl | None = None, columns: Sequence[str] = ()) -> Inventory:
    """Return the inventory of a file: a list of keys (CSV, also ``.gz``, or Parquet), or a manifest of S3.

    The files of a manifest are looked for beside it, and in folders ``data`` beside it and above.

    Args:
        path: the file.
        place: the bucket and prefix of the store; rows of others are passed over.
        columns: names of the columns of CSV without a header, as in S3's ``fileSchema``.

    Raises:
        StoreError: the file cannot be read, or names files that are not there, or its form is unknown.
    """
    where = ("", "", False) if place is None else (place.bucket, place.prefix, place.scheme == "az")
    if path.suffix != ".json":
        return Inventory((InventoryFile(path, tuple(columns)),), *where)
    try:
        manifest = json.loads(path.read_bytes())
        names = [str(one["key"]) for one in manifest["files"]]
        form = str(manifest["fileFormat"]).upper()
        made = manifest.get("creationTimestamp")
        schema = tuple(name.strip() for name in str(manifest["fileSchema"]).split(",")) if form == "CSV" else ()
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise StoreError(f"{path} is no manifest of an S3 inventory") from None
    if form not in ("CSV", "PARQUET"):
        raise StoreError(f"{path}: an inventory in CSV or Parquet is needed, not in {form}")
    files = tuple(InventoryFile(_beside(path, name), schema) for name in names)
    return Inventory(files, *where, made=_instant(made))


def _instant(milliseconds: Any) -> UtcTime | None:
    """Return the instant of a manifest: milliseconds since 1970, as text; None if it is none."""
    text = str(milliseconds)
    return UtcTime(int(text) * 1000) if text.isascii() and text.isdecimal() and len(text) < 15 else None


def _beside(manifest: Path, name: str) -> Path:
    """Return the file of a manifest: the longest end of its key that is there. It never names a place by itself."""
    parts = Path(name.lstrip("/")).parts
    for folder in (manifest.parent, manifest.parent / "data", manifest.parent.parent / "data", *manifest.parents[1:3]):
        for at in range(len(parts)):
            found = folder.joinpath(*parts[at:])
            with suppress(OSError):  # a name that is too long, say
                if ".." not in parts and found.is_file():
                    return found
    raise StoreError(f"{manifest} names a file that is not here: {name}")


def wanted_columns(names: Iterable[str]) -> list[str]:
    """Return those of the columns that say which object a row is, and whether it is a current one."""
    wanted = {*_KEY, _BUCKET, *_FALSE_ONLY, *_TRUE_ONLY}
    return [name for name in names if _folded(name) in wanted]


def _folded(name: str) -> str:
    return name.strip().lower().replace("-", "").replace("_", "").replace(" ", "")


class _Columns:
    """Where in the rows of a file things are."""

    def __init__(self, names: Sequence[Any] | str, path: Path) -> None:
        places: Mapping[str, int] = (
            {} if isinstance(names, str) else {_folded(str(n)): at for at, n in enumerate(names)}
        )
        key = next((places[name] for name in _KEY if name in places), None)
        if key is None:
            raise StoreError(f"{path} has no column Key or Name: it has no header, and no manifest names its columns")
        self._key = key
        self._bucket = places.get(_BUCKET)
        self._checks = [
            *((places[name], _FALSE) for name in _FALSE_ONLY if name in places),
            *((places[name], _TRUE) for name in _TRUE_ONLY if name in places),
        ]
        self._count = len(names)

    def key(self, row: Sequence[Any], *, encoded: bool) -> str:
        """Return the key of a row. Raises ``ValueError`` if it has none."""
        if len(row) != self._count:
            raise ValueError(f"{len(row)} columns of {self._count}")
        key = row[self._key]
        if not isinstance(key, str) or not key:
            raise ValueError("no key")
        if encoded:
            key = unquote_to_bytes(key.replace("+", " ")).decode()
        else:
            key.encode()
        if "\n" in key:
            raise ValueError("a line break in the key")
        return key

    def is_current(self, row: Sequence[Any]) -> bool:
        """Return whether a row is of an object that is there."""
        return all(_plain(row[at]) in allowed for at, allowed in self._checks)

    def is_of(self, row: Sequence[Any], bucket: str) -> bool:
        """Return whether a row is of a bucket; of any, if the row or the caller does not say."""
        return self._bucket is None or not bucket or row[self._bucket] in (bucket, "", None)


def _plain(value: Any) -> str:
    return "" if value is None else str(value).strip().lower()


def _csv_rows(file: InventoryFile) -> Iterator[Sequence[str] | str]:
    """Yield the names of the columns, and the rows of a CSV file; for a row that cannot be read, why."""
    if file.columns:
        yield file.columns
    try:
        with file.path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            plain: Any = gzip.GzipFile(fileobj=raw) if packed else raw
            with io.TextIOWrapper(plain, "utf-8", errors="surrogateescape", newline="\n") as text:
                yield from _lines_as_rows(text)
    except OSError as error:
        raise StoreError(f"{file.path}: {error.strerror or 'the file is damaged'}") from None
    except (EOFError, zlib.error):
        raise StoreError(f"{file.path}: the file is damaged, or cut") from None


def _lines_as_rows(lines: Iterable[str]) -> Iterator[Sequence[str] | str]:
    """Parse lines by themselves: a quotation mark too many costs its line, not all behind it."""
    bad: list[str] = []

    def whole() -> Iterator[str]:
        for line in lines:
            if line.count('"') % 2:
                bad.append("a quotation mark has no other")
            elif line.strip("\r\n"):
                yield line.rstrip("\r\n")

    reader = csv.reader(whole(), strict=True)
    while True:
        try:
            row = next(reader, None)
        except csv.Error as error:
            bad.append(str(error))
            continue
        yield from bad
        bad.clear()
        if row is None:
            return
        yield row
