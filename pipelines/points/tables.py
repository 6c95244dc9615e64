"""The tables of what would change: every way of choosing beside today's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pipelines.points import words
from pipelines.points.schema_judged import Comparison, Segmentation, Standing
from pipelines.points.words import Say
from pipelines.reporting import words as common
from pipelines.reporting.schema import Estimate


@dataclass(frozen=True, slots=True)
class Cell:
    """A figure: its value, its interval, and how much more than today. ``sure``: more or less than chance."""

    value: str
    span: str = ""
    more: str = ""
    sure: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A figure of all that are compared."""

    title: str
    note: str
    cells: tuple[Cell, ...]


def blocks(comparison: Comparison) -> list[tuple[str, list[Row]]]:
    """The table of comparison, block by block; what nobody has is left out."""
    calls, whose = comparison.period.calls_per_week, words.work(comparison.period)
    asked: dict[str, list[tuple[str, str, tuple[str, ...], Say]]] = {
        "Handed over at its own threshold": [
            ("MQLs a week", "", ("own", "per_week"), words.number),
            ("of them SQL", "precision", ("own", "precision"), words.share),
            ("SQLs caught", "share of all SQLs", ("own", "captured"), words.share),
            ("SQLs a week", "", ("own", "sqls_per_week"), words.number),
        ],
        f"The best {words.number(calls)} a week of each: as many as {whose}": [
            ("of them SQL", "precision", ("at_capacity", "precision"), words.share),
            ("SQLs caught", "share of all SQLs", ("at_capacity", "captured"), words.share),
            ("SQLs a week", "", ("at_capacity", "sqls_per_week"), words.number),
        ],
        "Order of all leads": [
            ("ROC-AUC", "chance that an SQL is ranked above another lead", ("roc_auc",), words.rank),
            ("Log loss", "of its probability; lower is better", ("log_loss",), words.loss),
        ],
    }
    blocks = {
        heading: [Row(title, note, _cells(comparison, path, say)) for title, note, path, say in rows]
        for heading, rows in asked.items()
    }
    blocks["Load on sales, at its own threshold"] = _load_rows(comparison)
    told = {
        heading: [row for row in rows if any(cell.value for cell in row.cells)]
        for heading, rows in blocks.items()
    }
    return [(heading, rows) for heading, rows in told.items() if rows]


def _cells(comparison: Comparison, path: tuple[str, ...], say: Say) -> tuple[Cell, ...]:
    cells = []
    for one in comparison.standings:
        value, apart = (_found(part, path) for part in (one.figures, one.apart))
        if value is None:
            cells.append(Cell(""))
            continue
        more = "" if apart is None else words.more(apart.value, say)
        cells.append(
            Cell(say(value.value), words.span(value, say), more, apart is not None and words.sure(apart))
        )
    return tuple(cells)


def _found(part: Any, path: tuple[str, ...]) -> Estimate | None:
    for name in path:
        part = None if part is None else getattr(part, name)
    found: Estimate | None = part
    return found


def _load_rows(comparison: Comparison) -> list[Row]:
    loads = [one.load for one in comparison.standings]
    hours = next((one.within_hours for one in loads if one is not None), None)
    return [
        Row(
            "SQLs promised a week",
            "by its probabilities, for its MQLs",
            tuple(
                Cell("" if one.expected_sqls_per_week is None else words.number(one.expected_sqls_per_week))
                for one in comparison.standings
            ),
        ),
        Row(
            "MQLs over capacity",
            "100 % keeps sales just busy",
            tuple(Cell("" if one is None else common.percent(one.ratio)) for one in loads),
        ),
        Row(
            "Weeks over capacity",
            "share of the weeks; below, MQLs of the busiest",
            tuple(
                Cell("") if one is None else Cell(words.share(one.weeks_over), words.number(one.busiest_week))
                for one in loads
            ),
        ),
        Row(
            f"Called within {hours:g} hours" if hours else "Called in time",
            "if called in the order in which they come",
            tuple(
                Cell("" if one is None or one.in_time is None else words.share(one.in_time)) for one in loads
            ),
        ),
    ]


def segments(comparison: Comparison) -> list[dict[str, Any]]:
    """What each way hands over of each part of the leads."""
    return [
        {"name": segmentation.name, "parts": _parts(segmentation, comparison.standings)}
        for segmentation in comparison.segments
    ]


def _parts(
    segmentation: Segmentation, standings: tuple[Standing, ...]
) -> list[tuple[str, int, int, list[Cell]]]:
    return [
        (
            part.value,
            part.leads,
            part.converted,
            [
                Cell(
                    words.number(part.handed[one.name].per_week.value),
                    words.told(part.handed[one.name].precision, words.share),
                )
                for one in standings
            ],
        )
        for part in segmentation.parts
    ]
