"""Rows of a CSV file: a header with ``lead_id`` and perhaps ``as_of``; other columns are passed over."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from serving.jobs.lines import Lines
from serving.jobs.progress import JobError
from serving.jobs.rows import LONGEST_ID, InputRow, instant, is_id

LEAD, AS_OF = "lead_id", "as_of"
MARK: Final = "\ufeff"
"""What some spreadsheets write in front of everything."""
MALFORMED: Final[list[str]] = []
"""Stands for a record that cannot be read."""


def read(path: Path, position: int) -> Iterator[InputRow]:
    """Rows from ``position`` on.

    Raises:
        JobError: no header, or none with a column ``lead_id``.
    """
    with Lines(path) as lines:
        columns = _header(lines)
        if position > lines.position:
            lines.go_to(position)
        while (cells := _record(lines)) is not None:
            if cells is MALFORMED or (cells and len(cells) != len(columns)):
                yield InputRow("", lines.position, code="row_malformed")
            elif cells:
                yield _row(dict(zip(columns, cells, strict=True)), lines.position)


def _header(lines: Lines) -> list[str]:
    cells = _record(lines)
    columns = [cell.removeprefix(MARK).strip().lower() for cell in cells or []]
    if columns.count(LEAD) != 1 or columns.count(AS_OF) > 1:
        raise JobError("no_lead_id_column", "the first line of the CSV file has to name one column lead_id")
    return columns


def _record(lines: Lines) -> list[str] | None:
    """Cells of the next record; none for an empty line, ``MALFORMED`` for what is no CSV, ``None`` at the end.

    A quote that is never closed would swallow all lines behind it; so a record that cannot be read counts
    as one line.
    """
    first = lines.next()
    if first is None:
        return MALFORMED
    if not first:
        return None
    behind_first = lines.position
    try:
        return next(csv.reader(_texts(first, lines), strict=True))
    except (csv.Error, UnicodeDecodeError):
        lines.go_to(behind_first)
        return MALFORMED


def _texts(first: bytes, lines: Lines) -> Iterator[str]:
    line: bytes | None = first
    while line:
        yield line.decode()
        line = lines.next()


def _row(by_column: dict[str, str], end: int) -> InputRow:
    lead_id, written = by_column[LEAD].strip(), by_column.get(AS_OF, "").strip()
    if not is_id(lead_id):
        return InputRow(lead_id[:LONGEST_ID], end, code="lead_id_invalid")
    as_of = instant(written) if written else None
    code = "as_of_invalid" if written and as_of is None else ""
    return InputRow(lead_id, end, as_of, code=code)
