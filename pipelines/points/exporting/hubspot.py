"""A sheet as a table to type into HubSpot's lead scoring, one row per criterion, and what it has no words for.

What the tool can do, from developers.hubspot.com (Lead Scoring API, beta), iv-lead.com ("A guide to HubSpot's lead
scoring tool") and the notes of CRMSwitch.com's template: scores of groups of rules; a scoring group has one type of
event and gives at most 100 points; a rule gives points each time up to a limit of its own, or for a frequency; points
end with a timeframe or wear off evenly by months, never both; the limit of a score is the same above and below 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Final

from features.sheet import Decay, Limits, Rule, Sheet
from pipelines.points.cells import write_number
from pipelines.points.exporting.criteria import (
    AND,
    Criterion,
    Window,
    Wording,
    activity,
    alternatives,
    of_attribute,
    refined,
    windows,
)
from pipelines.points.exporting.exported import THE_SHEET, Exported, Unsaid, table

COLUMNS: Final = (
    "rule", "group", "score", "object", "criterion", "operator", "value", "refined_by", "timeframe",
    "frequency", "points", "limit_of_the_rule", "decay", "differs",
)  # fmt: skip
MQL_COLUMNS: Final = ("alternative", "criterion", "operator", "value")

_WORDING: Final = Wording("the score")
_MOST_OF_A_GROUP: Final = 100
_MONTH: Final = 30
Row = dict[str, str]


def hubspot_files(sheet: Sheet) -> Exported:
    """``hubspot.csv``: criteria; ``mql.csv``: who is an MQL, any alternative of which all rows hold."""
    unsaid = [*(gap for rule in sheet.rules for gap in _gaps(rule)), *_gaps_of_sheet(sheet)]
    rows = [row for rule in sheet.rules for row in _rows(rule)]
    notes = (
        "names of properties and events are those of the history: pick HubSpot's own for them",
        "a row without a rule belongs to the rule above it: both criteria must hold",
        "several rows that name the same rule are rules of their own, the points of which add up",
        "words stand in quotes, which are not typed; criteria with AND between them hold together",
    )
    files = {"hubspot.csv": table(COLUMNS, rows), "mql.csv": mql_table(sheet, _WORDING)}
    return Exported(files, tuple(unsaid), notes)


def mql_table(sheet: Sheet, words: Wording) -> str:
    """Who is an MQL, as CSV."""
    rows = (
        {"alternative": str(number), "criterion": one.what, "operator": one.operator, "value": one.value}
        for number, together in enumerate(alternatives(sheet, words), 1)
        for one in together
    )
    return table(MQL_COLUMNS, rows)


def _rows(rule: Rule) -> list[Row]:
    rows = _scored(rule)
    unscored = {"score": "", "points": "", "limit_of_the_rule": "", "decay": ""}
    return [row | unscored for row in rows] if _only_qualifies(rule) else rows


def _only_qualifies(rule: Rule) -> bool:
    return rule.qualifies and not rule.points


def _scored(rule: Rule) -> list[Row]:
    differs = {"differs": " ".join(gap.why for gap in _gaps(rule))}
    first = {"rule": rule.name, "group": rule.group or "", "points": write_number(rule.points)}
    if rule.when.event is None:
        kept = {"score": "fit", "object": "company" if rule.when.entity == "account" else "contact"}
        rows = [kept | _criterion(one) for one in of_attribute(rule.when)]
        return [first | differs | rows[0], *rows[1:]]
    if rule.when.silent_days is not None:
        rows = [{"object": "contact"} | _criterion(one) for one in _silent(rule, rule.when.silent_days)]
        return [first | differs | {"score": "engagement"} | rows[0], *rows[1:]]
    return [first | differs | _event(rule, window) for window in windows(rule)]


def _criterion(one: Criterion) -> Row:
    return {"criterion": one.what, "operator": one.operator, "value": one.value}


def _silent(rule: Rule, days: int) -> list[Criterion]:
    """A property that stands in for events that did not happen."""
    latest = f"date of the latest {activity(rule)}"
    ago = f"{days} days ago, or unknown"
    return [
        Criterion(latest, "is more than", ago),
        Criterion("create date", "is more than", f"{days} days ago"),
    ]


def _event(rule: Rule, window: Window) -> Row:
    limit = _limit(rule, window)
    often = rule.when.times > 1
    return {
        "score": "engagement",
        "object": "contact",
        "criterion": str(rule.when.event),
        "operator": "happened",
        "refined_by": AND.join(map(str, refined(rule.when.where))),
        "timeframe": window.span if rule.decay is None or rule.decay.steps is not None else "",
        "frequency": f"at least {rule.when.times} times" if often else "",
        "points": write_number(window.points),
        "limit_of_the_rule": "" if often or limit is None else write_number(limit),
        "decay": _decay(rule.decay) if rule.decay else "",
    }


def _limit(rule: Rule, window: Window) -> float | None:
    """Points at most, with the sign of the points."""
    if not rule.each:
        return window.points
    return None if rule.most is None else math.copysign(rule.most, rule.points)


def _gone(decay: Decay) -> int:
    """Days after which nothing is left where points wear off evenly; half at the half-life."""
    return decay.linear_days or 2 * (decay.half_life_days or 1)


def _decay(decay: Decay) -> str:
    if decay.steps is not None:
        return ""
    return f"{write_number(min(round(100 * _MONTH / _gone(decay), 1), 100.0))} % every month"


def _gaps(rule: Rule) -> Iterator[Unsaid]:
    test, decay = rule.when, rule.decay
    if test.event == "any":
        yield Unsaid(rule.name, "no criterion is about any event: make one row for each type of event.")
    if test.silent_days is not None:
        why = "no rule is about events that did not happen: a property kept by a workflow stands in."
        yield Unsaid(rule.name, why)
    if _only_qualifies(rule):
        yield Unsaid(rule.name, "no points: only for mql.csv.")
        if decay is not None and decay.steps is None:
            yield Unsaid(rule.name, "nothing there ends with what would be left of its points.")
    elif decay is not None:
        yield from (Unsaid(rule.name, why) for why in _gaps_of_decay(rule, decay))
    if rule.qualifies:
        yield Unsaid(
            rule.name, "that it qualifies at once needs a segment or workflow of its own: see mql.csv."
        )


def _gaps_of_decay(rule: Rule, decay: Decay) -> Iterator[str]:
    if decay.steps is not None:
        if rule.most is not None:
            yield f"its cap of {write_number(rule.most)} is on the sum of several rows, each has its own."
        return
    if decay.half_life_days is not None:
        yield "points wear off evenly there, not by halves: at the half-life half is left, later less."
    else:
        yield f"points wear off by months there: one stands for {_MONTH} days."
    if _gone(decay) < _MONTH:
        yield "no points are gone before a month has passed there."
    if not rule.each:
        yield "the limit is on what is left of all events: several recent ones give more than the latest."


def _gaps_of_sheet(sheet: Sheet) -> Iterable[Unsaid]:
    if not sheet.decides:
        yield Unsaid(THE_SHEET, "it does not say who is an MQL")
    if sheet.total != Limits():
        why = "a score has one limit of a fixed list, the same above and below 0; its own may be missing"
        yield Unsaid(THE_SHEET, why)
    asked = set(sheet.needs) | ({sheet.grid.rows.group, sheet.grid.columns.group} if sheet.grid else set())
    for group in sheet.groups:
        if group in asked:
            yield Unsaid(group, "points of a group are no property there: make a score of its own for it")
        yield from _gaps_of_group(sheet, group)


def _gaps_of_group(sheet: Sheet, group: str) -> Iterator[Unsaid]:
    limits = sheet.groups[group]
    members = [rule for rule in sheet.rules if rule.group == group]
    kinds = {rule.when.event or "properties" for rule in members}
    if limits != Limits() and len(kinds) > 1:
        yield Unsaid(
            group, f"its caps are on {len(kinds)} kinds of criteria; a scoring group has one type of event"
        )
    if limits.most is not None and limits.most > _MOST_OF_A_GROUP:
        yield Unsaid(group, f"a scoring group gives at most {_MOST_OF_A_GROUP} points")
