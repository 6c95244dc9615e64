"""Hypothesis strategies: small dirty histories, snapshots at awkward moments, features of every statistic.

Rows and features are decoded from bytes: one draw for a whole table is some fifteen times faster than
one draw per cell, and it still shrinks to few rows of first choices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st

from features.clock import DAY, HOUR
from features.definitions import COLUMNS, UNITS, Feature, Where, feature_set
from features.history import History
from features.matrix import Ints, Texts
from features.tables import SCHEMAS

T = TypeVar("T")
Row = dict[str, Any]
Rows = dict[str, list[Row]]

BASE = 1_709_251_200_000_000  # 2024-03-01 UTC: the spring change of European clocks lies within a month
TYPES = ("visit", "click", "form", "call")
STAGES = ("lead", "mql", "sql")
TOPICS = ("pricing", "demo", None, "")
CHANNELS = ("email", "web", None)
CAMPAIGNS = ("spring", None)
SOURCES = ("crm", "site", None)
FIELDS = ("industry", "size")
TEXTS = ("12", "3.5", "pharma", None, "", "-1e3", "nan", "inf", "bio tech")
VALUES = (None, 0.0, 1.0, 2.5, -3.0, 0.1, 0.2, 1234.5678912, float("nan"))
WINDOWS = (1, 7, 30, 90, None)
TRENDS = ((7, 30), (1, 7), (30, 90))
DECAYS = (1, 7, 30, 45, 90, 365)
RANGES = ((None, None), (None, None), (None, None), (0.0, None), (None, 1.0), (0.1, 2.5))
SCOPES: tuple[Any, ...] = ("lead", "account")
PLAIN: dict[str, Any] = {
    "time_in_stage": "lead",
    "lead_age": "lead",
    "created_hour": "lead",
    "created_weekday": "lead",
    "account_size": "account",
}
ACCOUNTS = ("acme", "bolt", None)

# Differences of these days are exactly the windows, and a microsecond less or more.
INSTANTS = tuple(
    BASE + day * DAY + shift
    for shift in (0, 6 * HOUR, -1, 1, 13 * HOUR + 1_234_567)
    for day in (0, 1, 7, 8, 30, 31, 37, 90, 91, 97, 120)
)
DELAYS = (0, 1, DAY, 18 * HOUR, 30 * DAY, -DAY)  # late, known at the next midnight, and planned ahead
AS_OF = (BASE + 400 * DAY, BASE - 5 * DAY, *INSTANTS)


@dataclass(frozen=True)
class Case:
    """A history as rows, and snapshots of it."""

    rows: Rows
    lead_id: Texts
    as_of: Ints
    time_zone: str = "UTC"

    @property
    def tables(self) -> dict[str, pa.Table]:
        """The rows as Arrow tables, in the order given."""
        return {
            name: pa.Table.from_pylist(self.rows[name], schema=schema) for name, schema in SCHEMAS.items()
        }

    @property
    def history(self) -> History:
        """What the kernel reads."""
        return History.from_tables(self.tables, time_zone=self.time_zone)

    def having(self, **rows: list[Row]) -> Case:
        """The same snapshots of another history."""
        return replace(self, rows={**self.rows, **rows})

    def asking(self, lead_id: Sequence[str], as_of: Sequence[int]) -> Case:
        """Other snapshots of the same history."""
        return replace(self, lead_id=np.array(lead_id, dtype=object), as_of=np.array(as_of, dtype=np.int64))


def _records(width: int, least: int, most: int) -> st.SearchStrategy[list[bytes]]:
    """Between ``least`` and ``most`` records of ``width`` bytes."""
    return (
        st.integers(least, most)
        .flatmap(lambda count: st.binary(min_size=count * width, max_size=count * width))
        .map(lambda data: [data[at : at + width] for at in range(0, len(data), width)])
    )


def _pick(choices: Sequence[T], byte: int) -> T:
    return choices[byte % len(choices)]


def _clocks(happened: str, record: bytes) -> Row:
    occurred_at = _pick(INSTANTS, record[0])
    return {happened: occurred_at, "known_at": occurred_at + _pick(DELAYS, record[1])}


def leads() -> st.SearchStrategy[list[Row]]:
    """One to five leads of two accounts or of none."""
    return _records(2, 1, 5).map(lambda records: [_lead(i, record) for i, record in enumerate(records)])


def _lead(number: int, record: bytes) -> Row:
    created_at, account_id = _pick(INSTANTS, record[0]), _pick(ACCOUNTS, record[1])
    return {"lead_id": f"L{number}", "account_id": account_id, "service_line": None, "created_at": created_at}


def events(leads: Sequence[str], prefix: str = "e") -> st.SearchStrategy[list[Row]]:
    """Up to thirty events; other leads use the same ids again."""
    return _records(9, 0, 30).map(
        lambda records: _numbered([_event(leads, record) for record in records], prefix)
    )


def _event(leads: Sequence[str], record: bytes) -> Row:
    row = {
        "lead_id": _pick(leads, record[2]),
        "value": _pick(VALUES, record[3]),
        **_clocks("occurred_at", record),
    }
    words = (TYPES, TOPICS, CHANNELS, CAMPAIGNS, SOURCES)
    return row | {name: _pick(words[i], record[4 + i]) for i, name in enumerate(COLUMNS)}


def _numbered(rows: list[Row], prefix: str) -> list[Row]:
    seen: dict[str, int] = {}
    for row in rows:
        seen[row["lead_id"]] = seen.get(row["lead_id"], 0) + 1
        row["event_id"] = f"{prefix}{seen[row['lead_id']]}"
    return rows


def stages(leads: Sequence[str]) -> st.SearchStrategy[list[Row]]:
    """Entries into stages, some at the same moment."""
    return _records(4, 0, 6).map(lambda records: [_stage(leads, record) for record in records])


def _stage(leads: Sequence[str], record: bytes) -> Row:
    return {
        "lead_id": _pick(leads, record[2]),
        "stage": _pick(STAGES, record[3]),
        **_clocks("entered_at", record),
    }


def attributes(leads: Sequence[str]) -> st.SearchStrategy[list[Row]]:
    """Values of two fields of leads and accounts, some emptied, some of accounts without leads."""
    owners = [("lead", lead) for lead in leads] + [("account", name) for name in ("acme", "bolt", "idle")]
    return _records(5, 0, 12).map(lambda records: [_attribute(owners, record) for record in records])


def _attribute(owners: Sequence[tuple[str, str]], record: bytes) -> Row:
    entity, entity_id = _pick(owners, record[2])
    fact = {
        "entity": entity,
        "entity_id": entity_id,
        "field": _pick(FIELDS, record[3]),
        "value": _pick(TEXTS, record[4]),
    }
    return fact | _clocks("occurred_at", record)


@st.composite
def cases(draw: st.DrawFn, time_zone: str = "UTC") -> Case:
    """A small dirty history with some of its events told twice, and one to twelve snapshots."""
    people = draw(leads())
    ids = [lead["lead_id"] for lead in people]
    told = draw(events(ids))
    again = [_pick(told, record[0]) for record in draw(_records(1, 0, 4)) if told]
    rows = {
        "leads": people,
        "events": told + again,
        "attributes": draw(attributes(ids)),
        "stages": draw(stages(ids)),
    }
    asked = draw(_records(2, 1, 12))
    case = Case(rows, np.empty(0, dtype=object), np.empty(0, dtype=np.int64), time_zone)
    return case.asking(
        [_pick(ids, record[0]) for record in asked], [_pick(AS_OF, record[1]) for record in asked]
    )


def selections() -> st.SearchStrategy[Where]:
    """Any mix of words and a range of values."""
    return st.binary(min_size=6, max_size=6).map(_selection)


def _selection(record: bytes) -> Where:
    words = (TYPES, TOPICS, CHANNELS, CAMPAIGNS, SOURCES)
    wanted = {name: _some(words[i], record[i]) for i, name in enumerate(COLUMNS)}
    at_least, below = _pick(RANGES, record[5])
    return Where(**wanted, at_least=at_least, below=below)


def _some(words: Sequence[str | None], byte: int) -> tuple[str, ...]:
    """Mostly no wish; else one word or two."""
    if byte % 4 < 3:
        return ()
    known = [word for word in (*words, "never seen") if word is not None]
    return tuple(dict.fromkeys((_pick(known, byte // 4), _pick(known, byte // 16))))


def feature_lists() -> st.SearchStrategy[list[Feature]]:
    """Up to sixteen features of any statistic of the language, each once."""
    return _records(10, 1, 16).map(lambda records: feature_set([_feature(record) for record in records]))


def _feature(record: bytes) -> Feature:
    statistic: Any = _pick(list(UNITS), record[0])
    scope: Any = _pick(SCOPES, record[1])
    if statistic in ("latest", "latest_number", "attribute_age"):
        return Feature(statistic, field=_pick((*FIELDS, "no such field"), record[2]), scope=scope)
    if statistic in PLAIN:
        return Feature(statistic, scope=PLAIN[statistic])
    if statistic == "stage_entries":
        return Feature(statistic, Where(type=_some(STAGES, record[4])), _pick(WINDOWS, record[2]))
    return _event_feature(statistic, scope, record)


def _event_feature(statistic: Any, scope: Any, record: bytes) -> Feature:
    where = _selection(record[4:])
    if statistic in ("recency", "first_seen"):
        return Feature(statistic, where, scope=scope)
    if statistic == "trend":
        days, versus = _pick(TRENDS, record[2])
        return Feature(statistic, where, days, versus, scope=scope)
    if statistic in ("fading", "halving"):
        return Feature(statistic, where, _pick(DECAYS, record[2]), scope=scope)
    field = _pick(COLUMNS, record[3]) if statistic == "distinct" else None
    return Feature(statistic, where, _pick(WINDOWS, record[2]), field=field, scope=scope)
