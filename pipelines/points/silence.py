"""Why a rule gives points to no snapshot, or to every one, in words and numbers."""

from __future__ import annotations

from collections import Counter
from typing import Final

import numpy as np

from features.matrix import Floats, Matrix
from features.sheet import Rule, RuleTest
from models.points.evaluation import rule_features

SHOWN: Final = 3
"""Words named at most."""


def why(rule: Rule, matrix: Matrix) -> str:
    """What the snapshots hold of what a rule looks at.

    Args:
        rule: of a sheet.
        matrix: with its columns, at least one row.
    """
    if rule.when.attribute is not None:
        return _of_attribute(rule, matrix)
    counted = matrix.column(rule_features(rule)[0].name).astype(np.float64)
    if rule.when.silent_days is not None:
        return _of_silence(rule.when, counted, matrix.column(rule_features(rule)[1].name))
    return _of_events(rule, counted)


def _of_events(rule: Rule, counted: Floats) -> str:
    window = f" in {rule.when.days} days" if rule.when.days else ""
    if rule.decay is not None:
        reached = int(np.count_nonzero(np.nan_to_num(counted) > 0))
        return f"{_of(reached, len(counted))} have such an event whose points have not worn off"
    most = int(counted.max())
    if most == 0:
        return f"no snapshot has seen such an event{window}; does it come only later, or with other words?"
    needed = f", {rule.when.times} are needed" if rule.when.times > 1 else ""
    return f"snapshots have seen {int(counted.min())} to {most} such events{window}{needed}"


def _of_silence(test: RuleTest, events: Floats, age: Floats) -> str:
    old = age >= float(test.silent_days or 0)
    if not old.any():
        return f"no lead is {test.silent_days} days old when it is asked about; the oldest is {age.max():.0f}"
    silent = int(np.count_nonzero(old & (events == 0)))
    return f"{_of(int(old.sum()), len(old))} are of leads that old, and {silent:,} of them were silent"


def _of_attribute(rule: Rule, matrix: Matrix) -> str:
    names = [feature.name for feature in rule_features(rule)]
    if rule.when.has_range:
        numbers = matrix.column(names[-1]).astype(np.float64)
        known = numbers[~np.isnan(numbers)]
        if len(known):
            return f"{_of(len(known), len(matrix))} know a number, from {known.min():g} to {known.max():g}"
        return "no snapshot knows a number there"
    told = Counter(matrix.texts(names[0]))
    told.pop(None, None)
    common = ", ".join(repr(word) for word, _ in told.most_common(SHOWN))
    known_words = _of(sum(told.values()), len(matrix))
    return f"{known_words} know a word, most of them {common}" if told else "no snapshot knows a word there"


def _of(number: int, whole: int) -> str:
    return f"{number:,} of {whole:,} snapshots"
