"""A sheet as smart campaigns for Marketo, one row each, and what they have no words for.

A campaign is a smart list (who) and a flow (what happens). "Change Score" adds, takes away or sets whole numbers, best
by tokens of the program (experienceleague.adobe.com, "Change Score" and "OP-Scoring-Behavior"). Points that have to go
again are taken away by a second campaign, or after a wait step; a static list keeps who has them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Final

from features.sheet import Limits, Rule, Sheet
from pipelines.points.cells import write_number
from pipelines.points.exporting.criteria import (
    AND,
    BETWEEN,
    Criterion,
    Window,
    Wording,
    activity,
    of_attribute,
    windows,
)
from pipelines.points.exporting.exported import THE_SHEET, Exported, Unsaid, table
from pipelines.points.exporting.hubspot import mql_table
from pipelines.points.exporting.idle import left_out, working
from pipelines.points.exporting.names import one_each

COLUMNS: Final = (
    "rule", "campaign", "type", "smart_list", "runs", "flow", "score_fields", "token", "value", "differs"
)  # fmt: skip

_SCORE: Final = "Person Score"
_DAILY: Final = "batch, every day"
_EVERY_TIME: Final = "every time"
_LONGEST: Final = 40
Row = dict[str, str]


def marketo_files(sheet: Sheet) -> Exported:
    """``marketo.csv``: campaigns; ``mql.csv``: who is an MQL, any alternative of which all rows hold."""
    rules = working(sheet)
    named = list(zip(rules, one_each([rule.name for rule in rules], _LONGEST), strict=True))
    rows = [row for rule, name in named for row in _rows(rule, name)]
    gaps = [gap for rule, name in named for gap in _gaps(rule, name)]
    notes = (
        "names of activities and fields are those of the history: pick Marketo's own for them",
        "campaigns see what happens from their first run on; score what came before with a batch campaign",
        "lists and scores are up to date once a day, when the batch campaigns have run",
        "words stand in quotes, which are not typed; criteria with AND between them hold together",
    )
    held = {rule.name: _member(kept) for rule, name in named if (kept := _list(rule, name))}
    words = Wording(_SCORE, {group: _score_of(group) for group in sheet.groups}, held)
    files = {"marketo.csv": table(COLUMNS, rows), "mql.csv": mql_table(sheet, words)}
    return Exported(files, (*gaps, *left_out(sheet), *_gaps_of_sheet(sheet)), notes)


def _score_of(group: str) -> str:
    return f"Score {group}"


def _member(kept: str) -> Criterion:
    return Criterion("member of list", "is", kept)


def _rows(rule: Rule, name: str) -> list[Row]:
    differs = " ".join(gap.why for gap in _gaps(rule, name))
    fields = BETWEEN.join([_SCORE, *([_score_of(rule.group)] if rule.group else [])])
    kept = {"rule": rule.name, "score_fields": fields if rule.points else ""}
    if _wears(rule):
        made: list[Row] = [{"campaign": name, "type": "none"}]
    elif _triggers(rule):
        made = [_each(rule, name)]
    elif rule.when.event is None or rule.when.silent_days is not None:
        made = _held(_criteria(rule), name, rule.points, lasting=False)
    else:
        some = zip(_lists(rule, name), windows(rule), strict=True)
        made = [row for kept_in, window in some for row in _window(rule, kept_in, window)]
    return [{**kept, **row, **({"differs": differs} if place == 0 else {})} for place, row in enumerate(made)]


def _wears(rule: Rule) -> bool:
    """Whether its points wear off day by day."""
    return rule.decay is not None and rule.decay.steps is None


def _triggers(rule: Rule) -> bool:
    """Whether points are given at every event; where there are none, it matters only whether there was one."""
    return rule.each and rule.points != 0


def _lists(rule: Rule, name: str) -> list[str]:
    """A static list for each of the windows of a rule; no name of a rule has two underscores in a row."""
    count = len(windows(rule))
    return [name] if count == 1 else [f"{name}__{number}" for number in range(1, count + 1)]


def _list(rule: Rule, name: str) -> str | None:
    """The list of everybody for whom a rule holds, if there is one; the last window holds the others."""
    return None if _wears(rule) or _triggers(rule) else _lists(rule, name)[-1]


def _criteria(rule: Rule) -> str:
    """The smart list of a rule on an attribute, or on silence."""
    days = rule.when.silent_days
    if days is not None:
        return f"not {activity(rule)} in the last {days} days{AND}created more than {days} days ago"
    side = "company " if rule.when.entity == "account" else ""
    return AND.join(f"{side}{one}" for one in of_attribute(rule.when))


def _window(rule: Rule, kept_in: str, window: Window) -> list[Row]:
    """Points for an activity, given once, in one of the windows of a rule."""
    often = f", min. number of times {rule.when.times}" if rule.when.times > 1 else ""
    who = f"{activity(rule)} {window.span}{often}"
    return _held(who, kept_in, window.points, lasting=window.days is None)


def _held(who: str, name: str, points: float, *, lasting: bool) -> list[Row]:
    """Points as long as a smart list holds somebody; ``lasting``: whoever it holds stays in it.

    Where there are no points, only the list is kept.
    """
    change = "Change Score; " if points else ""
    given = {
        "campaign": f"{name}: give",
        "type": _DAILY,
        "smart_list": f"{who}{AND}not member of list {name}",
        "runs": _EVERY_TIME,
        "flow": f"{change}Add to List {name}",
        **_token(name, points),
    }
    taken = {
        "campaign": f"{name}: take",
        "type": _DAILY,
        "smart_list": f"member of list {name}{AND}not ({who})",
        "runs": _EVERY_TIME,
        "flow": f"{change}Remove from List {name}",
        **_token(f"{name}__off", -points),
    }
    return [given] if lasting else [given, taken]


def _each(rule: Rule, name: str) -> Row:
    """Points for every activity, taken away again step by step where they do not last."""
    some = windows(rule)
    ages = [window.days for window in some if window.days is not None]
    waits = [days - before for before, days in pairwise([0, *ages])]
    taken = [window.points for window in some if window.days is not None]
    steps = [
        f"Wait {days} days; Change Score {_signed(-less)}" for days, less in zip(waits, taken, strict=True)
    ]
    return {
        "campaign": name,
        "type": "trigger",
        "smart_list": activity(rule),
        "runs": _EVERY_TIME,
        "flow": BETWEEN.join(["Change Score", *steps]),
        **_token(name, sum(window.points for window in some)),
    }


def _token(name: str, points: float) -> Row:
    return {"token": f"{{{{my.{name}}}}}", "value": _signed(points)} if points else {}


def _signed(points: float) -> str:
    plain = write_number(round(points, 9) + 0.0)
    return plain if plain.startswith("-") else f"+{plain}"


def _gaps(rule: Rule, name: str) -> Iterator[Unsaid]:
    given = [window.points for window in windows(rule)] if rule.when.event else [rule.points]
    if _wears(rule):
        yield Unsaid(
            rule.name,
            "points cannot wear off day by day: give it steps instead; there is no campaign for it.",
        )
    elif not all(points.is_integer() for points in given):
        yield Unsaid(rule.name, "score fields hold whole numbers: double all points of the sheet, or round.")
    if rule.when.event == "any":
        yield Unsaid(rule.name, "no filter is about any activity: name each, with 'use any filter'.")
    if rule.most is not None and rule.points:
        yield Unsaid(rule.name, f"its cap of {write_number(rule.most)} cannot be set.")
    if rule.qualifies:
        yield Unsaid(rule.name, _at_once(_list(rule, name)))


def _at_once(kept: str | None) -> str:
    """What stands in for qualifying at once. ``kept``: the list of those who do."""
    if kept is None:
        return "it qualifies at once, and no list keeps who has it: request the MQL campaign by a campaign of its own."
    return f"no score says that it qualifies at once: member of list {kept}: request the MQL campaign, see mql.csv."


def _gaps_of_sheet(sheet: Sheet) -> Iterable[Unsaid]:
    if not sheet.decides:
        yield Unsaid(THE_SHEET, "it does not say who is an MQL")
    if sheet.total != Limits():
        yield Unsaid(THE_SHEET, "caps of a score cannot be set; those on the total are not there")
    for group, limits in sheet.groups.items():
        if limits != Limits():
            yield Unsaid(group, "caps of a score cannot be set; those of the group are not there")
