"""Rows of results, in the form of the input: CSV or NDJSON.

A CSV file of results ends up in a spreadsheet. A cell that it would take for a formula gets an apostrophe in
front, which spreadsheets show as text.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from features.clock import iso
from serving.answers.view import SIGNALS
from serving.jobs.answering import Scored
from serving.jobs.progress import Content, Reasons, Result
from serving.jobs.rows import InputRow

AT_A_TIME: Final = 1_000

FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")

SCORED: Final = ("prediction_id", "lead_id", "as_of", "probability", "points", "band", "bundle")
REASONS: Final = ("base_points", *(f"{group}_points" for group in SIGNALS))
"""They add up to ``points``."""
REFUSED: Final = ("lead_id", "as_of", "code", "problem")
UNPROCESSED: Final = ("lead_id", "as_of")

PROBLEMS: Final = {
    "row_malformed": "The row cannot be read: it is not CSV or JSON, or has more or fewer cells than the header.",
    "row_invalid": "The row is not of the form of a lead in POST /v1/score.",
    "lead_id_invalid": "lead_id is empty, longer than 255 characters or not printable.",
    "as_of_invalid": "as_of is no instant with a time zone, such as 2026-03-01T09:00:00Z.",
    "as_of_in_future": "as_of lies in the future; what will be known then cannot be known now.",
    "as_of_before_lead": "as_of is before the lead was created; there was nobody to score yet.",
    "lead_not_found": "There is no such lead.",
    "lead_forgotten": "This lead was erased and cannot be scored again.",
    "objected_to_profiling": "The person objected to profiling; nothing was computed.",
    "evidence_unusable": "The evidence of this lead cannot be used.",
    "row_not_computed": "Something unforeseen went wrong with this row; the log of the service tells what.",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one row: ``scored``, or the ``code`` of why not."""

    row: InputRow
    as_of: int
    scored: Scored | None = None
    code: str = ""


def columns(result: Result, reasons: Reasons) -> tuple[str, ...]:
    """Of a file of results."""
    if result == "successful":
        return SCORED + (REASONS if reasons == "signals" else ())
    return REFUSED if result == "failed" else UNPROCESSED


def head(content: Content, result: Result, reasons: Reasons) -> bytes:
    """What stands above the rows."""
    return _csv([columns(result, reasons)]) if content == "csv" else b""


def successful(content: Content, reasons: Reasons, outcomes: Iterable[Outcome]) -> bytes:
    """Rows of leads that were scored; the others are passed over."""
    scored = [outcome.scored for outcome in outcomes if outcome.scored is not None]
    if content == "ndjson":
        return b"".join(one.prediction.answer + b"\n" for one in scored)
    return _rows(content, columns("successful", reasons), [_cells(one.answer) for one in scored])


def failed(content: Content, outcomes: Iterable[Outcome]) -> bytes:
    """Rows of leads that were not scored; the others are passed over."""
    rows = [
        {
            "lead_id": outcome.row.lead_id,
            "as_of": iso(outcome.as_of),
            "code": outcome.code,
            "problem": PROBLEMS[outcome.code],
        }
        for outcome in outcomes
        if outcome.scored is None
    ]
    return _rows(content, REFUSED, rows)


def left_over(rows: Iterable[InputRow]) -> Iterator[bytes]:
    """CSV rows that nobody came to, a few at a time."""
    some: list[dict[str, Any]] = []
    for row in rows:
        some.append({"lead_id": row.lead_id, "as_of": None if row.as_of is None else iso(row.as_of)})
        if len(some) == AT_A_TIME:
            yield _rows("csv", UNPROCESSED, some)
            some = []
    yield _rows("csv", UNPROCESSED, some)


def _cells(answer: Mapping[str, Any]) -> dict[str, Any]:
    """A flat row; what each signal adds where reasons are told."""
    cells = {**answer, "bundle": answer["model"]["bundle"]}
    if "reasons" in answer:
        cells["base_points"] = answer["base"]["points"]
        cells |= dict.fromkeys(REASONS[1:], 0.0)
        cells |= {f"{one['signal']}_points": one["points"] for one in answer["reasons"]["by_signal"]}
    return cells


def _rows(content: Content, names: Sequence[str], rows: list[dict[str, Any]]) -> bytes:
    if content == "ndjson":
        return b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows)
    return _csv([[_cell(row.get(name)) for name in names] for row in rows])


def _csv(rows: Iterable[Sequence[Any]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    """A text that no spreadsheet takes for a formula; numbers are of our own making.

    >>> _cell("=1+1"), _cell(-0.5)
    ("'=1+1", -0.5)
    """
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
