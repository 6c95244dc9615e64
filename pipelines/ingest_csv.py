"""CSV text to columns, each record with the physical line it starts on.

Arrow takes the text apart. Where records start is found separately, for Arrow does not say, and a
quoted cell may span lines. Text whose quotes do not follow RFC 4180 goes through Python's reader.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
from numpy.typing import NDArray

from features.errors import TableError
from pipelines.ingest_zones import Ints, Mask

_LF, _CR, _QUOTE = 10, 13, 34
_BLOCK = 1 << 25


@dataclass(frozen=True, slots=True)
class Records:
    """Columns of the records that could be taken apart, and the lines of those that could not."""

    columns: dict[str, pa.StringArray]
    line: Ints
    broken_line: Ints
    broken_reason: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Bounds:
    """First byte, end (without the line break) and physical line of each record that is not blank."""

    start: Ints
    end: Ints
    line: Ints


def read_header(raw: bytes, delimiter: str) -> tuple[str, ...]:
    r"""Names of the columns, from the first record of ``raw`` that is not blank.

    >>> read_header(b'Id,"Became a Lead Date"\r\n1,2', ",")
    ('Id', 'Became a Lead Date')
    """
    reader = csv.reader(io.StringIO(raw.decode("utf-8", "replace"), newline=""), delimiter=delimiter)
    names = tuple(name.strip() for name in next((cells for cells in reader if cells), ()))
    twice = sorted({name for name in names if names.count(name) > 1})
    if not names or twice:
        raise TableError(
            f"two columns are called {', '.join(map(repr, twice))}" if twice else "there is no header line"
        )
    return names


def read_records(raw: bytes, delimiter: str, wanted: Collection[str]) -> Records:
    r"""The ``wanted`` columns of UTF-8 text ``raw``. A record with too few or too many cells is broken.

    >>> records = read_records(b'id,note\n1,"two\nlines"\n2\n3,x\n', ",", {"id"})
    >>> records.columns["id"].to_pylist(), records.line.tolist(), records.broken_line.tolist()
    (['1', '3'], [2, 5], [4])
    """
    names = read_header(raw[:_BLOCK], delimiter)
    bounds = _bounds(raw, delimiter)
    if bounds is not None:
        found = _by_arrow(raw, delimiter, names, bounds)
        if found is not None:
            return _chosen(found, wanted)
    return _chosen(_by_reader(raw, delimiter, names), wanted)


def _chosen(records: Records, wanted: Collection[str]) -> Records:
    columns = {name: column for name, column in records.columns.items() if name in wanted}
    return Records(columns, records.line, records.broken_line, records.broken_reason)


def _bounds(raw: bytes, delimiter: str) -> _Bounds | None:
    """Where records lie; None if a quote stands where RFC 4180 allows none."""
    data = np.frombuffer(raw, np.uint8)
    breaks = _line_breaks(data, raw)
    ends = breaks
    if b'"' in raw:
        quotes = np.flatnonzero(data == _QUOTE)
        if not _regular(data, quotes, ord(delimiter)):
            return None
        ends = breaks[np.searchsorted(quotes, breaks) % 2 == 0]
    start = np.concatenate([[0], ends + 1])
    end = np.concatenate([ends, [len(data)]])
    after_cr = (end > start) & (end < len(data)) & (data[np.maximum(end - 1, 0)] == _CR)
    end = end - after_cr
    filled = end > start
    line = np.searchsorted(breaks, start[filled]) + 1
    return _Bounds(start[filled], end[filled], line)


def _line_breaks(data: NDArray[np.uint8], raw: bytes) -> Ints:
    """Last byte of each line break: a line feed, or a carriage return without one."""
    feeds = np.flatnonzero(data == _LF)
    if b"\r" not in raw:
        return feeds
    returns = np.flatnonzero(data == _CR)
    lone = returns[np.append(data[1:], 0)[returns] != _LF]
    return np.sort(np.concatenate([feeds, lone])) if len(lone) else feeds


def _regular(data: NDArray[np.uint8], quotes: Ints, delimiter: int) -> bool:
    """Whether every quote opens or closes a cell, or is doubled within one."""
    allowed = np.zeros(256, bool)
    allowed[[_LF, _CR, _QUOTE, delimiter]] = True
    opening, closing = quotes[0::2], quotes[1::2]
    before, after = data[opening[opening > 0] - 1], data[closing[closing < len(data) - 1] + 1]
    return len(quotes) % 2 == 0 and bool(allowed[before].all() and allowed[after].all())


def _by_arrow(raw: bytes, delimiter: str, names: tuple[str, ...], bounds: _Bounds) -> Records | None:
    good, not_text = _decodable(raw, bounds)
    body, kept = _body(raw, bounds, good)
    broken: list[int] = []

    def remember(row: pacsv.InvalidRow) -> str:
        broken.append(row.number - 1)
        return "skip"

    table = (
        _parse(body, delimiter, names, remember)
        if len(kept.start)
        else pa.table({name: pa.array([], pa.string()) for name in names})
    )
    if table is None or table.num_rows + len(broken) != len(kept.start):
        return None
    whole = np.ones(len(kept.start), bool)
    whole[broken] = False
    columns = {name: _flat(table[name]) for name in names}
    broken_line = np.concatenate([kept.line[~whole], not_text])
    reasons = ("wrong_cell_count",) * len(broken) + ("not_utf8",) * len(not_text)
    return Records(columns, kept.line[whole], broken_line, reasons)


def _decodable(raw: bytes, bounds: _Bounds) -> tuple[Mask, Ints]:
    """Which records (without the header) are UTF-8, and the lines of those that are not."""
    good = np.ones(len(bounds.start), bool)
    try:
        str(memoryview(raw), "utf-8")
    except UnicodeDecodeError:
        good = np.array([_is_text(raw[a:b]) for a, b in zip(bounds.start, bounds.end, strict=True)])
    good[0] = True
    return good, bounds.line[~good]


def _is_text(raw: bytes) -> bool:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _body(raw: bytes, bounds: _Bounds, good: Mask) -> tuple[bytes | memoryview, _Bounds]:
    """Text and bounds of the good records behind the header."""
    kept = np.flatnonzero(good)[1:]
    inner = _Bounds(bounds.start[kept], bounds.end[kept], bounds.line[kept])
    if good.all():
        return memoryview(raw)[inner.start[0] if len(kept) else len(raw) :], inner
    return b"\n".join(raw[a:b] for a, b in zip(inner.start, inner.end, strict=True)), inner


def _parse(
    body: bytes | memoryview, delimiter: str, names: tuple[str, ...], remember: object
) -> pa.Table | None:
    try:
        return pacsv.read_csv(
            pa.BufferReader(body),
            read_options=pacsv.ReadOptions(column_names=list(names), use_threads=False, block_size=_BLOCK),
            parse_options=pacsv.ParseOptions(
                delimiter=delimiter, newlines_in_values=True, invalid_row_handler=remember
            ),
            convert_options=pacsv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                strings_can_be_null=False,
                quoted_strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid:  # a cell longer than a block
        return None


def _flat(column: pa.ChunkedArray) -> pa.StringArray:
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], pa.string())


def _by_reader(raw: bytes, delimiter: str, names: tuple[str, ...]) -> Records:
    """Python's reader: slow, and right about stray quotes."""
    text = raw.decode("utf-8", "surrogateescape")
    cells: list[list[str]] = []
    line: list[int] = []
    broken: list[tuple[int, str]] = []
    for number, record, reason in _strict_records(text, delimiter):
        if reason or record is None:
            broken.append((number, reason))
        elif not _is_text("".join(record).encode("utf-8", "surrogateescape")):
            broken.append((number, "not_utf8"))
        elif len(record) != len(names):
            broken.append((number, "wrong_cell_count"))
        else:
            cells.append(record)
            line.append(number)
    columns = {
        name: pa.array([record[index] for record in cells], pa.string()) for index, name in enumerate(names)
    }
    lines = np.array([number for number, _ in broken], np.int64)
    return Records(columns, np.array(line, np.int64), lines, tuple(reason for _, reason in broken))


def _strict_records(text: str, delimiter: str) -> Iterator[tuple[int, list[str] | None, str]]:
    """Line, cells and reason of each record behind the header.

    A quote that is never closed swallows the rest of the file: every line of it counts as broken.
    """
    limit = csv.field_size_limit(2**31 - 1)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header_seen = False
    try:
        while True:
            first = reader.line_num + 1
            try:
                record = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                swallowed = "unexpected end" in str(error)
                numbers = range(first, reader.line_num + 1) if swallowed else (first,)
                yield from (
                    (number, None, "unclosed_quote" if swallowed else "bad_quotes") for number in numbers
                )
                continue
            if record and header_seen:
                yield first, record, ""
            header_seen = header_seen or bool(record)
    finally:
        csv.field_size_limit(limit)
