"""Slow twin of ``features.kernel``: for every snapshot and feature, one plain loop over all rows.

Nothing is sorted ahead, encoded or shared between features, so that it is obviously right. It must
know nothing of the kernel; it shares only the definitions and the tables with it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa

from features.definitions import COLUMNS, Feature, Where

Row = dict[str, Any]
Cell = float | str | None
MICROSECONDS_PER_DAY = 24 * 60 * 60 * 1_000_000
NAN = math.nan


@dataclass(frozen=True)
class Facts:
    """The rows of the four tables; instants are whole microseconds, ``time_zone`` is that of the business."""

    leads: list[Row]
    events: list[Row]
    attributes: list[Row]
    stages: list[Row]
    time_zone: str = "UTC"

    @classmethod
    def from_tables(cls, tables: Mapping[str, pa.Table], time_zone: str = "UTC") -> Facts:
        """Read Arrow tables; a value that is no number is no value."""
        rows = {name: _rows(table) for name, table in tables.items()}
        stages = [{**row, "type": row["stage"], "occurred_at": row["entered_at"]} for row in rows["stages"]]
        return cls(rows["leads"], rows["events"], rows["attributes"], stages, time_zone)


def _rows(table: pa.Table) -> list[Row]:
    instants = [name for name in table.column_names if pa.types.is_timestamp(table.schema.field(name).type)]
    for name in instants:
        table = table.set_column(table.column_names.index(name), name, table[name].cast(pa.int64()))
    rows: list[Row] = table.to_pylist()
    for row in rows:
        if row.get("value") is not None and row["value"] != row["value"]:
            row["value"] = None
    return rows


@dataclass(frozen=True)
class Question:
    """What is known about one lead just before ``as_of``."""

    facts: Facts
    lead: Row
    as_of: int

    def known(self, rows: Iterable[Row]) -> list[Row]:
        """Rows that had happened and were known; an event told twice is told once."""
        seen: set[tuple[str, str]] = set()
        found: list[Row] = []
        for row in rows:
            if not (row["occurred_at"] < self.as_of and row["known_at"] < self.as_of):
                continue
            if "event_id" in row:
                if (row["lead_id"], row["event_id"]) in seen:
                    continue
                seen.add((row["lead_id"], row["event_id"]))
            found.append(row)
        return found

    def within(self, rows: Iterable[Row], days: int | None) -> list[Row]:
        """Rows of the window ``[as_of - days, as_of)``."""
        if days is None:
            return list(rows)
        return [row for row in rows if row["occurred_at"] >= self.as_of - days * MICROSECONDS_PER_DAY]

    def days_since(self, instant: int) -> float:
        """Length of time in days."""
        return (self.as_of - instant) / MICROSECONDS_PER_DAY

    def others(self) -> list[Row]:
        """The other leads of the account."""
        account = self.lead["account_id"]
        if account is None:
            return []
        return [
            o for o in self.facts.leads if o["account_id"] == account and o["lead_id"] != self.lead["lead_id"]
        ]


def build(
    features: Sequence[Feature], facts: Facts, lead_id: Iterable[str], as_of: Iterable[int]
) -> list[list[Cell]]:
    """One list per snapshot, one cell per feature: a number, a word, NaN or ``None`` where missing."""
    of_id = {lead["lead_id"]: lead for lead in facts.leads}
    questions = [Question(facts, of_id[str(lead)], int(at)) for lead, at in zip(lead_id, as_of, strict=True)]
    return [[answer(feature, question) for feature in features] for question in questions]


def answer(feature: Feature, question: Question) -> Cell:
    """The value of one feature at one question."""
    if feature.statistic in EVENT_STATISTICS:
        return EVENT_STATISTICS[feature.statistic](feature, question, _selected_events(feature, question))
    return OTHER_STATISTICS[feature.statistic](feature, question)


def _selected_events(feature: Feature, question: Question) -> list[Row]:
    leads = [question.lead] if feature.scope == "lead" else question.others()
    ids = [lead["lead_id"] for lead in leads]
    own = [row for row in question.facts.events if row["lead_id"] in ids]
    return [row for row in question.known(own) if _passes(row, feature.where)]


def _passes(row: Row, where: Where) -> bool:
    for column in COLUMNS:
        words = getattr(where, column)
        if words and row.get(column) not in words:
            return False
    value = row.get("value")
    if where.at_least is not None and (value is None or value < where.at_least):
        return False
    return not (where.below is not None and (value is None or value >= where.below))


def _values(feature: Feature, question: Question, rows: list[Row]) -> list[float]:
    return [row["value"] for row in question.within(rows, feature.days) if row["value"] is not None]


def _count(feature: Feature, question: Question, rows: list[Row]) -> float:
    return float(len(question.within(rows, feature.days)))


def _active_days(feature: Feature, question: Question, rows: list[Row]) -> float:
    return float(
        len({row["occurred_at"] // MICROSECONDS_PER_DAY for row in question.within(rows, feature.days)})
    )


def _total(feature: Feature, question: Question, rows: list[Row]) -> float:
    return sum(round(value * 1_000_000) for value in _values(feature, question, rows)) / 1_000_000


def _mean(feature: Feature, question: Question, rows: list[Row]) -> float:
    values = _values(feature, question, rows)
    return math.fsum(values) / len(values) if values else NAN


def _maximum(feature: Feature, question: Question, rows: list[Row]) -> float:
    return max(_values(feature, question, rows), default=NAN)


def _distinct(feature: Feature, question: Question, rows: list[Row]) -> float:
    return float(len({row[str(feature.field)] for row in question.within(rows, feature.days)} - {None}))


def _trend(feature: Feature, question: Question, rows: list[Row]) -> float:
    short, long = len(question.within(rows, feature.days)), len(question.within(rows, feature.versus))
    assert feature.days is not None
    assert feature.versus is not None
    return math.log(((short + 0.5) / feature.days) / ((long + 0.5) / feature.versus)) if long else 0.0


def _fading(feature: Feature, question: Question, rows: list[Row]) -> float:
    """Exact: a fraction for every event."""
    assert feature.days is not None
    length = feature.days * MICROSECONDS_PER_DAY
    ages = [question.as_of - row["occurred_at"] for row in question.within(rows, feature.days)]
    return float(sum(1 - Fraction(age, length) for age in ages))


def _halving(feature: Feature, question: Question, rows: list[Row]) -> float:
    assert feature.days is not None
    return math.fsum(2.0 ** -(question.days_since(row["occurred_at"]) / feature.days) for row in rows)


def _recency(feature: Feature, question: Question, rows: list[Row]) -> float:
    instants = [row["occurred_at"] for row in question.within(rows, feature.days)]
    return question.days_since(max(instants)) if instants else NAN


def _first_seen(feature: Feature, question: Question, rows: list[Row]) -> float:
    instants = [row["occurred_at"] for row in question.within(rows, feature.days)]
    return question.days_since(min(instants)) if instants else NAN


def _entered(question: Question) -> list[Row]:
    return question.known(
        [row for row in question.facts.stages if row["lead_id"] == question.lead["lead_id"]]
    )


def _stage_entries(feature: Feature, question: Question) -> float:
    rows = [row for row in _entered(question) if _passes(row, feature.where)]
    return float(len(question.within(rows, feature.days)))


def _time_in_stage(feature: Feature, question: Question) -> float:
    instants = [row["occurred_at"] for row in _entered(question)]
    return question.days_since(max(instants)) if instants else NAN


def _attribute(feature: Feature, question: Question) -> Row | None:
    owner = question.lead["lead_id"] if feature.scope == "lead" else question.lead["account_id"]
    newest: Row | None = None
    for row in question.known(question.facts.attributes):
        if (row["entity"], row["entity_id"], row["field"]) != (feature.scope, owner, feature.field):
            continue
        if newest is None or _order(row) >= _order(newest):
            newest = row
    return newest


def _order(row: Row) -> tuple[int, int, bool, str]:
    """When, and of the same moment by text; an emptied field comes before any value."""
    return row["occurred_at"], row["known_at"], row["value"] is not None, row["value"] or ""


def _latest(feature: Feature, question: Question) -> Cell:
    row = _attribute(feature, question)
    return None if row is None else row["value"]


def _latest_number(feature: Feature, question: Question) -> float:
    row = _attribute(feature, question)
    try:
        number = float(row["value"]) if row is not None and row["value"] is not None else NAN
    except ValueError:
        return NAN
    return number if math.isfinite(number) else NAN


def _attribute_age(feature: Feature, question: Question) -> float:
    row = _attribute(feature, question)
    return NAN if row is None else question.days_since(row["occurred_at"])


def _lead_age(feature: Feature, question: Question) -> float:
    return question.days_since(question.lead["created_at"])


def _created(question: Question) -> datetime:
    utc = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=question.lead["created_at"])
    return utc.astimezone(ZoneInfo(question.facts.time_zone))


def _account_size(feature: Feature, question: Question) -> float:
    return float(sum(other["created_at"] < question.as_of for other in question.others()))


EVENT_STATISTICS: dict[str, Callable[[Feature, Question, list[Row]], float]] = {
    "count": _count,
    "active_days": _active_days,
    "total": _total,
    "mean": _mean,
    "maximum": _maximum,
    "distinct": _distinct,
    "trend": _trend,
    "fading": _fading,
    "halving": _halving,
    "recency": _recency,
    "first_seen": _first_seen,
}
OTHER_STATISTICS: dict[str, Callable[[Feature, Question], Cell]] = {
    "stage_entries": _stage_entries,
    "time_in_stage": _time_in_stage,
    "latest": _latest,
    "latest_number": _latest_number,
    "attribute_age": _attribute_age,
    "lead_age": _lead_age,
    "created_hour": lambda feature, question: float(_created(question).hour),
    "created_weekday": lambda feature, question: float(_created(question).weekday()),
    "account_size": _account_size,
}
