"""The team's own rules, read for one lead; says what ``models.pointsheet.fires`` says of a matrix."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from features.definitions import Feature
from features.online import Row
from features.sheet import Rule, Sheet
from models.pointsheet import rule_features

Holds = Callable[[Row], bool]


@dataclass(frozen=True, slots=True)
class ReadRule:
    """One rule; ``withheld`` where it looks at something that no reason may name."""

    name: str
    points: float
    holds: Holds
    withheld: bool


def read_sheet(
    sheet: Sheet | None,
    columns: Sequence[Feature],
    withhold: Mapping[str, str],
    silent: Collection[int] = (),
) -> tuple[ReadRule, ...]:
    """The rules of a sheet, bound to the columns of a row; none where there is no sheet.

    ``silent``: columns that may not be told, whatever they look at.
    """
    if sheet is None:
        return ()
    at = {feature.name: position for position, feature in enumerate(columns)}
    return tuple(
        ReadRule(
            rule.name,
            rule.points,
            _holds(rule, [at[feature.name] for feature in rule_features(rule)]),
            any(
                withheld(feature, withhold) is not None or at[feature.name] in silent
                for feature in rule_features(rule)
            ),
        )
        for rule in sheet.rules
    )


def withheld(feature: Feature, withhold: Mapping[str, str]) -> str | None:
    """Why a feature may not be named: it looks at a field, or selects on a word, that the playbook withholds."""
    rows = feature.where
    named = (feature.field, *rows.type, *rows.topic, *rows.channel, *rows.campaign, *rows.source)
    return next((withhold[word] for word in named if word is not None and word in withhold), None)


def _holds(rule: Rule, at: Sequence[int]) -> Holds:
    test = rule.when
    first, last = at[0], at[-1]
    if test.event is not None:
        times = test.times
        return lambda row: bool(row.values[first] >= times)
    words = frozenset(test.one_of)
    if test.at_least is None and test.below is None:
        return lambda row: row.words[first] in words
    # A limit is rounded as the row was: 0.7 has to reach "at least 0.7".
    low = np.float32(-np.inf if test.at_least is None else test.at_least)
    high = np.float32(np.inf if test.below is None else test.below)
    if not words:
        return lambda row: bool(low <= row.values[last] < high)
    return lambda row: row.words[first] in words and bool(low <= row.values[last] < high)
