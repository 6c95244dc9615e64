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
from pipelines.points.exporting.criteria import BETWEEN, Window, of_attribute, refined, windows
from pipelines.points.exporting.exported import THE_SHEET, Exported, Unsaid, table
from pipelines.points.exporting.hubspot import mql_table
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
    names = one_each([rule.name for rule in sheet.rules], _LONGEST)
    rows = [row for rule, name in zip(sheet.rules, names, strict=True) for row in _rows(rule, name)]
    unsaid = [*(gap for rule in sheet.rules for gap in _gaps(rule)), *_gaps_of_sheet(sheet)]
    notes = (
        "names of activities and fields are those of the history: pick Marketo's own for them",
        "campaigns see what happens from their first run on; score what came before with a batch campaign",
        "lists and scores are up to date once a day, when the batch campaigns have run",
    )
    files = {"marketo.csv": table(COLUMNS, rows), "mql.csv": mql_table(sheet, _SCORE)}
    return Exported(files, tuple(unsaid), notes)


def _rows(rule: Rule, name: str) -> list[Row]:
    differs = " ".join(gap.why for gap in _gaps(rule))
    fields = BETWEEN.join([_SCORE, *([f"Score {rule.group}"] if rule.group else [])])
    kept = {"rule": rule.name, "score_fields": fields}
    if rule.decay is not None and rule.decay.steps is None:
        made: list[Row] = [{"campaign": name, "type": "none"}]
    elif rule.each:
        made = [_each(rule, name)]
    elif rule.when.event is None or rule.when.silent_days is not None:
        made = _held(_criteria(rule), name, rule.points, lasting=False)
    else:
        made = [
            row for number, window in enumerate(windows(rule)) for row in _window(rule, name, number, window)
        ]
    return [{**kept, **row, **({"differs": differs} if place == 0 else {})} for place, row in enumerate(made)]


def _criteria(rule: Rule) -> str:
    """The smart list of a rule on an attribute, or on silence."""
    days = rule.when.silent_days
    if days is not None:
        return f"not {_activity(rule)} in the last {days} days; created more than {days} days ago"
    side = "company " if rule.when.entity == "account" else ""
    return BETWEEN.join(f"{side}{one}" for one in of_attribute(rule.when))


def _activity(rule: Rule) -> str:
    chosen = ", ".join(map(str, refined(rule.when.where)))
    return f"{rule.when.event} ({chosen})" if chosen else str(rule.when.event)


def _window(rule: Rule, name: str, number: int, window: Window) -> list[Row]:
    """Points for an activity, given once, in one of the windows of a rule."""
    often = f", min. number of times {rule.when.times}" if rule.when.times > 1 else ""
    whole = f"{name}_{number + 1}" if rule.decay is not None else name
    return _held(f"{_activity(rule)} {window.span}{often}", whole, window.points, lasting=window.days is None)


def _held(who: str, name: str, points: float, *, lasting: bool) -> list[Row]:
    """Points as long as a smart list holds somebody; ``lasting``: whoever it holds stays in it."""
    given = {
        "campaign": f"{name}: give",
        "type": _DAILY,
        "smart_list": f"{who}; not member of list {name}",
        "runs": _EVERY_TIME,
        "flow": f"Change Score; Add to List {name}",
        **_token(name, points),
    }
    taken = {
        "campaign": f"{name}: take",
        "type": _DAILY,
        "smart_list": f"member of list {name}; not ({who})",
        "runs": _EVERY_TIME,
        "flow": f"Change Score; Remove from List {name}",
        **_token(f"{name}_off", -points),
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
        "smart_list": _activity(rule),
        "runs": _EVERY_TIME,
        "flow": BETWEEN.join(["Change Score", *steps]),
        **_token(name, sum(window.points for window in some)),
    }


def _token(name: str, points: float) -> Row:
    return {"token": f"{{{{my.{name}}}}}", "value": _signed(points)}


def _signed(points: float) -> str:
    plain = write_number(round(points, 9) + 0.0)
    return plain if plain.startswith("-") else f"+{plain}"


def _gaps(rule: Rule) -> Iterator[Unsaid]:
    given = [window.points for window in windows(rule)] if rule.when.event else [rule.points]
    if rule.decay is not None and rule.decay.steps is None:
        yield Unsaid(
            rule.name,
            "points cannot wear off day by day: give it steps instead; there is no campaign for it.",
        )
    elif not all(points.is_integer() for points in given):
        yield Unsaid(rule.name, "score fields hold whole numbers: double all points of the sheet, or round.")
    if rule.when.event == "any":
        yield Unsaid(rule.name, "no filter is about any activity: name each, with 'use any filter'.")
    if rule.most is not None:
        yield Unsaid(rule.name, f"its cap of {write_number(rule.most)} cannot be set.")


def _gaps_of_sheet(sheet: Sheet) -> Iterable[Unsaid]:
    if not sheet.decides:
        yield Unsaid(THE_SHEET, "it does not say who is an MQL")
    if sheet.total != Limits():
        yield Unsaid(THE_SHEET, "caps of a score cannot be set; those on the total are not there")
    for group, limits in sheet.groups.items():
        if limits != Limits():
            yield Unsaid(group, "caps of a score cannot be set; those of the group are not there")
