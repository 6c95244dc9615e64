"""A sheet as one SQL query over the tables of a history, as known at a moment.

The query reads the tables ``leads``, ``events`` and ``attributes`` (``features.tables``) and takes the moment as the
parameter ``as_of``. What had not happened, or was not known, strictly before it is not seen; windows and ages are
counted in microseconds, so that no time zone and no summer time can shift them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from features.sheet import Axis, Limits, Rule, Sheet
from models.points.evaluation import NO_GROUP, SAME
from pipelines.points.exporting.exported import THE_SHEET, Exported, Unsaid
from pipelines.points.exporting.names import one_each, one_line
from pipelines.points.exporting.sql_rules import Columns, number_of, times, word_of
from pipelines.points.exporting.sql_text import identifier, number, parsed, text, texts

_LONGEST: Final = 63
"""Characters of a column's name in PostgreSQL, the strictest."""
_NOT_MINUS_0: Final = " + 0e0"
"""Makes -0.0 of what is 0 times something negative a plain 0."""

HEAD: Final = """\
-- {name}: points of every lead as known at a moment.
-- Parameter as_of: the moment, with its zone, for example '2025-07-01 00:00:00+00'.
-- Tables: leads, events, attributes of a history. In DuckDB:
--   CREATE VIEW leads AS SELECT * FROM read_parquet('history/leads/*.parquet');  and so on
-- Ages are in microseconds. Points within {same!r} of a limit reach it, as sums of fractions are not exact.
-- DuckDB's own words are EPOCH_US (microseconds since 1970), REGEXP_EXTRACT and TRY_CAST; all else is common SQL.
"""


def to_sql(sheet: Sheet, *, excused: Collection[str] = ()) -> str:
    """The query: one row per lead created before ``as_of``, in order of ``lead_id``.

    Columns: ``lead_id``; ``points_...`` for each rule, after every cap, so that they add up to the total;
    ``group_...`` for each group after its caps; ``total``; ``cell`` where there is a grid; ``is_mql``.

    Args:
        sheet: the rules.
        excused: attributes that are read as if known when they happened, as the playbook excuses them.
    """
    columns = Columns()
    counted = [times(rule, columns) for rule in sheet.rules]
    parts = [
        ("asked", "SELECT CAST($as_of AS TIMESTAMPTZ) AS as_of"),
        ("lead", _LEAD),
        ("event", _EVENT),
        ("counted", _counted(columns)),
        ("newest", _newest(columns, excused)),
        ("told", _told(columns)),
        ("known", _known(columns)),
        ("ruled", _ruled(sheet, counted)),
        ("grouped", _grouped(sheet)),
        ("held", _held(sheet)),
        ("summed", _summed(sheet)),
        ("final", _final(sheet)),
    ]
    queries = ",\n".join(f"{name} AS (\n  {query}\n)" for name, query in parts)
    return f"{HEAD.format(name=one_line(sheet.name), same=SAME)}WITH {queries}\n{_answer(sheet)}\n"


def sql_files(sheet: Sheet, *, excused: Collection[str] = ()) -> Exported:
    """The query as a file."""
    unsaid = [] if sheet.decides else [Unsaid(THE_SHEET, "it does not say who is an MQL; is_mql is FALSE")]
    others = [
        Unsaid(rule.name, "LOWER stands in for the folding of letters such as ligatures")
        for rule in sheet.rules
        if not "".join(rule.when.contains).isascii()
    ]
    notes = ("tested with DuckDB; other databases name EPOCH_US, REGEXP_EXTRACT and TRY_CAST otherwise",)
    return Exported({"points.sql": to_sql(sheet, excused=excused)}, (*unsaid, *others), notes)


def rule_columns(sheet: Sheet) -> list[str]:
    """Names of the columns with the points of each rule."""
    return one_each([f"points {rule.name}" for rule in sheet.rules], _LONGEST)


def group_columns(sheet: Sheet) -> list[str]:
    """Names of the columns with the points of each group."""
    return one_each([f"group {name}" for name in sheet.groups], _LONGEST)


_LEAD: Final = """\
SELECT lead_id, account_id, service_line, EPOCH_US(as_of) - EPOCH_US(created_at) AS lead_age
  FROM leads CROSS JOIN asked
  WHERE created_at < as_of"""

_EVENT: Final = """\
SELECT lead_id, type, topic, channel, campaign, source, value, EPOCH_US(as_of) - EPOCH_US(occurred_at) AS age
  FROM events CROSS JOIN asked
  WHERE occurred_at < as_of AND known_at < as_of"""


def _selected(columns: Iterable[str], source: str) -> str:
    return "\n  ".join(("SELECT " + ",\n    ".join(columns), source))


def _counted(columns: Columns) -> str:
    sums = [f"{aggregate} AS {name}" for aggregate, name in columns.counted.items()]
    ages = [f"MIN(CASE WHEN {held} THEN age END) AS {name}" for held, name in columns.youngest.items()]
    return _selected(["lead_id", *sums, *ages], "FROM event GROUP BY lead_id")


def _newest(columns: Columns, excused: Collection[str]) -> str:
    fields = dict.fromkeys(attribute for _, attribute in (*columns.words, *columns.numbers))
    waived = [attribute for attribute in fields if attribute in excused]
    known = f"(known_at < as_of OR field IN ({texts(waived)}))" if waived else "known_at < as_of"
    wanted = f"field IN ({texts(fields)})" if fields else "FALSE"
    place = f"ROW_NUMBER() OVER (PARTITION BY entity, entity_id, field {_NEWEST}) AS place"
    return _selected(
        ["entity, entity_id, field, value", f"{parsed('value')} AS number", place],
        f"FROM attributes CROSS JOIN asked\n  WHERE occurred_at < as_of AND {known} AND {wanted}",
    )


_NEWEST: Final = "ORDER BY occurred_at DESC, known_at DESC, value DESC NULLS LAST"


def _facts(columns: Columns) -> list[tuple[str, str, str]]:
    """Entity, expression and name of every attribute that is looked at."""
    words = [(entity, word_of(field), name) for (entity, field), name in columns.words.items()]
    numbers = [(entity, number_of(field), name) for (entity, field), name in columns.numbers.items()]
    return words + numbers


def _told(columns: Columns) -> str:
    values = [f"{expression} AS {name}" for _, expression, name in _facts(columns)]
    source = "FROM newest WHERE place = 1 GROUP BY entity, entity_id"
    return _selected(["entity, entity_id", *values], source)


def _known(columns: Columns) -> str:
    counted = [f"COALESCE(counted.{name}, 0) AS {name}" for name in columns.counted.values()]
    ages = [f"counted.{name}" for name in columns.youngest.values()]
    facts = [f"of_{entity}.{name}" for entity, _, name in _facts(columns)]
    return _selected(["lead.lead_id, lead.service_line, lead.lead_age", *counted, *ages, *facts], _JOINED)


_JOINED: Final = """\
FROM lead
  LEFT JOIN counted ON counted.lead_id = lead.lead_id
  LEFT JOIN told AS of_lead ON of_lead.entity = 'lead' AND of_lead.entity_id = lead.lead_id
  LEFT JOIN told AS of_account ON of_account.entity = 'account' AND of_account.entity_id = lead.account_id"""


def _ruled(sheet: Sheet, counted: list[str]) -> str:
    said = [
        f"CAST({expression} AS DOUBLE) AS times_{at}, -- {one_line(rule.name)}"
        for at, (rule, expression) in enumerate(zip(sheet.rules, counted, strict=True), 1)
    ]
    lines = "\n    ".join(("(SELECT", *said, "lead_id, service_line FROM known) AS counted_by_rule"))
    given = [f"{_given(rule, at)} AS given_{at}" for at, rule in enumerate(sheet.rules, 1)]
    return _selected(["*", *given], f"FROM {lines}")


def _given(rule: Rule, at: int) -> str:
    points = f"times_{at} * {number(rule.points)}{_NOT_MINUS_0}"
    return points if rule.most is None else _clipped(points, Limits(least=-rule.most, most=rule.most))


def _places(sheet: Sheet) -> list[int]:
    """Position of each rule's group, the last for none."""
    groups = [*sheet.groups, NO_GROUP]
    return [groups.index(rule.group or NO_GROUP) for rule in sheet.rules]


def _grouped(sheet: Sheet) -> str:
    places = _places(sheet)
    members: list[list[str]] = [[] for _ in range(len(sheet.groups) + 1)]
    for at, place in enumerate(places, 1):
        members[place].append(f"given_{at}")
    sums = [f"{' + '.join(given) or '0'} AS raw_{place}" for place, given in enumerate(members)]
    return _selected(["*", *sums], "FROM ruled")


def _held(sheet: Sheet) -> str:
    limits = [*sheet.groups.values(), Limits()]
    kept = [f"{_clipped(f'raw_{place}', limit)} AS held_{place}" for place, limit in enumerate(limits)]
    return _selected(["*", *kept], "FROM grouped")


def _summed(sheet: Sheet) -> str:
    held = " + ".join(f"held_{place}" for place in range(len(sheet.groups) + 1))
    return _selected(["*", f"{held} AS summed"], "FROM held")


def _final(sheet: Sheet) -> str:
    total = _clipped("summed", sheet.total)
    cell = [f"{_cell(sheet)} AS cell"] if sheet.grid else []
    return _selected(["*", f"{total} AS total", *cell], "FROM summed")


def _clipped(points: str, limits: Limits) -> str:
    low = points if limits.least is None else f"GREATEST({points}, {number(limits.least)})"
    return low if limits.most is None else f"LEAST({low}, {number(limits.most)})"


def _cell(sheet: Sheet) -> str:
    sides = [sheet.grid.rows, sheet.grid.columns] if sheet.grid else []
    return " || ".join(_named(axis, list(sheet.groups).index(axis.group)) for axis in sides)


def _named(axis: Axis, place: int) -> str:
    cases = [
        f"WHEN {_reaches(f'held_{place}', number(limit))} THEN {text(name)}"
        for name, limit in axis.at.items()
    ]
    return f"CASE {' '.join(cases)} ELSE {text(axis.rest)} END"


def _answer(sheet: Sheet) -> str:
    shares = _shares(sheet)
    by_rule = [
        f"given_{at}{shares[place]}{_NOT_MINUS_0 if shares[place] else ''} AS {identifier(name)}"
        for at, (place, name) in enumerate(zip(_places(sheet), rule_columns(sheet), strict=True), 1)
    ]
    groups = [f"held_{place} AS {identifier(name)}" for place, name in enumerate(group_columns(sheet))]
    cell = ["cell"] if sheet.grid else []
    columns = ",\n  ".join(["lead_id", *by_rule, *groups, "total", *cell, f"{_mql(sheet)} AS is_mql"])
    return f"SELECT\n  {columns}\nFROM final\nORDER BY lead_id"


def _shares(sheet: Sheet) -> list[str]:
    """What the caps of each group and of the total leave of each point, as factors."""
    limits = [*sheet.groups.values(), Limits()]
    of_total = "" if sheet.total == Limits() else " * " + _left("total", "summed")
    of_group = [
        "" if limit == Limits() else " * " + _left(f"held_{place}", f"raw_{place}")
        for place, limit in enumerate(limits)
    ]
    return [group + of_total for group in of_group]


def _left(after: str, before: str) -> str:
    return f"(CASE WHEN {before} = 0 THEN 1 ELSE {after} / {before} END)"


def _mql(sheet: Sheet) -> str:
    at_once = [f"times_{at} > 0" for at, rule in enumerate(sheet.rules, 1) if rule.qualifies]
    return " OR ".join([*_reached(sheet), *at_once]) or "FALSE"


def _reaches(points: str, limit: str) -> str:
    """Sums of decimal fractions are not exact, so as much as ``SAME`` may be missing."""
    return f"{points} >= {limit} - {SAME!r}"


def _reached(sheet: Sheet) -> Iterable[str]:
    if sheet.grid is not None:
        yield f"cell IN ({texts(sheet.grid.mql)})"
    elif sheet.mql_at is not None:
        groups = list(sheet.groups)
        needs = [_reaches(f"held_{groups.index(group)}", number(need)) for group, need in sheet.needs.items()]
        yield f"({' AND '.join([_reaches('total', _threshold(sheet, sheet.mql_at)), *needs])})"


def _threshold(sheet: Sheet, usual: float) -> str:
    lines = sheet.mql_at_by_line.items()
    cases = " ".join(f"WHEN {text(line)} THEN {number(at)}" for line, at in lines)
    return f"(CASE service_line {cases} ELSE {number(usual)} END)" if lines else number(usual)
