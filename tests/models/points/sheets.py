"""Point sheets at random, over the words of ``tests.features.strategies``.

Decoded from bytes, as histories are there: it is much faster than a draw for each field.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from hypothesis import strategies as st

from features.sheet import Sheet
from tests.features import strategies as some

T = TypeVar("T")
Plain = dict[str, Any]

LINES = ("", "assays", "panels", None)
GROUPS = ("being", "doing")
POINTS = (5.0, -10.0, 20.0, 2.5, -5.0, 10.0, 0.1, 0.0)
DAYS = (None, 90, 30, 7, 1, 37)
STEPS: tuple[dict[int, float], ...] = ({30: 0.5, 90: 0.0}, {7: 0.0}, {1: 0.75, 7: 0.5, 30: 0.25}, {90: 0.1})
LIMITS: tuple[Plain, ...] = ({}, {}, {"most": 20}, {"least": -7.5}, {"most": 10, "least": -5}, {"most": 0.25})
WIDTH = 16


def sheets() -> st.SearchStrategy[Sheet]:
    """One to eight rules of any kind, with or without groups, caps, thresholds and a grid."""
    return st.integers(1, 8).flatmap(
        lambda rules: st.binary(min_size=(rules + 1) * WIDTH, max_size=(rules + 1) * WIDTH).map(_sheet)
    )


def _sheet(data: bytes) -> Sheet:
    records = [data[at : at + WIDTH] for at in range(0, len(data), WIDTH)]
    rules = [{"name": f"rule {at}", **_rule(record)} for at, record in enumerate(records[1:])]
    head = records[0]
    plain: Plain = {
        "rules": rules,
        "groups": {name: _pick(LIMITS, head[at]) for at, name in enumerate(GROUPS)},
        "total": _pick(LIMITS, head[2]),
        **_pick(DECISIONS, head[3]),
    }
    return Sheet.model_validate(plain)


ROWS: Plain = {"group": "being", "at": {"A": 10, "B": 5}, "rest": "C"}
COLUMNS: Plain = {"group": "doing", "at": {"1": 20, "2": 2.5, "3": -1}, "rest": "4"}
DECISIONS: tuple[Plain, ...] = (
    *({"mql_at": limit} for limit in (10, 0, 5.5, -5)),
    *({"mql_at": limit, "mql_at_by_line": {"assays": 5, "panels": 2.5}} for limit in (10, 20)),
    *({"mql_at": 5, "needs": {"doing": need}} for need in (5, 0.1, 10)),
    {"grid": {"rows": ROWS, "columns": COLUMNS, "mql": ["A1", "A2", "B1", "C2"]}},
    {"grid": {"rows": ROWS, "columns": COLUMNS, "mql": ["B4", "C3"]}},
    {},
)


def _rule(record: bytes) -> Plain:
    points = _pick(POINTS, record[0])
    own: Plain = {
        "points": points,
        "group": _pick((*GROUPS, None), record[1]),
        "qualifies": record[2] % 16 == 15,
    }
    kind = record[3] % 8
    if kind == 7:
        return {**own, "when": _attribute(record[4:])}
    when = {"event": _pick(("any", *some.TYPES), record[4]), "where": _where(record[5:11])}
    if kind == 6:
        when["silent_days"] = _pick((1, 7, 30, 90), record[11])
    elif kind == 5:
        when |= {"days": _pick(DAYS, record[11]), "times": 1 + record[12] % 3}
    else:
        own |= _each(points, record[13:])
        own |= {"decay": _decay(record[11:13])} if kind < 3 else {}
        when |= {"days": _pick(DAYS, record[11])} if kind >= 3 else {}
    return {**own, "when": when}


def _each(points: float, record: bytes) -> Plain:
    if record[0] % 2 == 1:
        return {}
    capped = {} if record[1] % 2 else {"most": max(abs(points), 0.5) * _pick((1.5, 1, 2), record[2])}
    return {"each": True, **capped}


def _decay(record: bytes) -> Plain:
    kind = record[0] % 3
    if kind == 0:
        return {"linear_days": _pick((30, 1, 7, 60, 365), record[1])}
    if kind == 1:
        return {"half_life_days": _pick((30, 1, 7, 90), record[1])}
    return {"steps": _pick(STEPS, record[1])}


def _where(record: bytes) -> Plain:
    words = {
        "topic": some.TOPICS,
        "channel": some.CHANNELS,
        "campaign": some.CAMPAIGNS,
        "source": some.SOURCES,
    }
    told: Plain = {}
    for at, (name, known) in enumerate(words.items()):
        if record[at] % 6 == 5:
            told[name] = [_pick([word for word in known if word], record[at] // 6)]
    at_least, below = _pick(some.RANGES, record[4])
    return told | {"at_least": at_least, "below": below}


def _attribute(record: bytes) -> Plain:
    test: Plain = {"attribute": _pick(some.FIELDS, record[0]), "entity": _pick(some.SCOPES, record[1])}
    kind = record[2] % 4
    if kind in {0, 3}:
        test["one_of"] = _pick((["pharma"], ["bio tech", "12"], ["3.5", "nan"]), record[3])
    if kind == 1:
        test["contains"] = _pick((["BIO"], ["arm", "12"], [" "], ["1"]), record[3])
    if kind in {2, 3}:
        test["at_least"], test["below"] = _pick(((3, None), (None, 12), (3.5, 12), (-1000, 3.6)), record[4])
    return test


def _pick(choices: Sequence[T], byte: int) -> T:
    return choices[byte % len(choices)]
