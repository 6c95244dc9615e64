"""Export files as tables of text, each record with the line it starts on."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from features.errors import LeadlightError, TableError
from pipelines.ingest_csv import read_header, read_records
from pipelines.ingest_zones import Ints
from pipelines.mapping import Source

_HEAD = 1 << 20
_BOM = "\ufeff"


@dataclass(frozen=True, slots=True)
class Sheet:
    """One file. ``line`` is the physical line a record starts on; for Parquet, the number of the row.

    ``broken_line`` and ``broken_reason`` are the records that could not be taken apart.
    """

    name: str
    sha256: str
    columns: dict[str, pa.StringArray]
    line: Ints
    broken_line: Ints
    broken_reason: tuple[str, ...]

    @property
    def rows(self) -> int:
        """Records, broken ones included."""
        return len(self.line) + len(self.broken_line)

    def without_columns(self) -> Sheet:
        """What remains to be told of a file that has been read."""
        return replace(self, columns={})


def find_files(folder: Path, source: Source) -> list[Path]:
    """Files of a source in order of name; empty if there is none.

    A file that is named without ``.gz`` may be there with it.
    """
    if any(mark in source.file for mark in "*?["):
        return [path for path in sorted(folder.glob(source.file)) if path.is_file()]
    named = (folder / source.file, folder / f"{source.file}.gz")
    return [path for path in named if path.is_file()][:1]


def column_names(path: Path, source: Source) -> tuple[str, ...]:
    """Names of the columns of a file.

    Raises:
        TableError: if it has none, or one of them twice.
    """
    try:
        if path.suffix == ".parquet":
            return tuple(pq.read_schema(path).names)
        return read_header(_decoded(_read(path, _HEAD), source.encoding, "ignore"), _delimiter(path, source))
    except (OSError, EOFError, zlib.error, pa.ArrowException) as error:
        raise _damaged(path.name, error) from error
    except TableError as error:
        raise TableError(f"{path.name} cannot be read: {error.what}") from error


def read_sheet(path: Path, source: Source, name: str, wanted: Collection[str]) -> Sheet:
    """The ``wanted`` columns of a file, as text.

    Raises:
        TableError: if the file is damaged.
    """
    try:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        if path.suffix == ".parquet":
            return _parquet(path, name, digest, wanted)
        raw = _decoded(_read(path, -1), source.encoding, "strict")
    except (OSError, EOFError, zlib.error, pa.ArrowException) as error:
        raise _damaged(name, error) from error
    except UnicodeDecodeError as error:
        raise TableError(f"{name} is not {source.encoding}: {error.reason} at byte {error.start}") from error
    records = read_records(raw, _delimiter(path, source), wanted)
    return Sheet(name, digest, records.columns, records.line, records.broken_line, records.broken_reason)


def _damaged(name: str, error: Exception) -> LeadlightError:
    return TableError(f"{name} cannot be read: {error}; export it again")


def _read(path: Path, size: int) -> bytes:
    if path.suffix != ".gz":
        with path.open("rb") as stream:
            return stream.read(size)
    with gzip.open(path, "rb") as unpacked:
        return unpacked.read(size)


def _decoded(raw: bytes, encoding: str, errors: str) -> bytes:
    """UTF-8 without a byte order mark."""
    if encoding != "utf-8":
        raw = raw.decode(encoding, errors).encode("utf-8")
    return raw.removeprefix(_BOM.encode("utf-8"))


def _delimiter(path: Path, source: Source) -> str:
    return source.delimiter or ("\t" if ".tsv" in path.suffixes else ",")


def _parquet(path: Path, name: str, digest: str, wanted: Collection[str]) -> Sheet:
    table = pq.ParquetFile(path).read(columns=sorted(wanted))
    columns = {column: _as_text(table[column]) for column in table.column_names}
    line = np.arange(1, table.num_rows + 1, dtype=np.int64)
    return Sheet(name, digest, columns, line, np.zeros(0, np.int64), ())


def _as_text(column: pa.ChunkedArray) -> pa.StringArray:
    """Text of typed values, as an ISO export would write them; an instant with a zone is written in UTC."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("us", column.type.tz and "UTC"), safe=False)
    flat: pa.Array = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    if pa.types.is_nested(flat.type):
        return pa.array([None if value is None else str(value) for value in flat.to_pylist()], pa.string())
    return flat.cast(pa.string())
