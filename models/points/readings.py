"""How a rule is read off ordinary features.

The kernel computes the features as known at each snapshot, so nothing about a sheet looks at events itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.definitions import Feature
from features.language import latest, latest_number, lead_age
from features.matrix import Floats, Ints, Matrix
from features.sheet import Decay, Rule, RuleTest
from models.points import engine

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Words:
    """The words that a rule means: whole ones, or any that holds one of the parts, whatever the case."""

    whole: frozenset[str]
    parts: tuple[str, ...]

    @classmethod
    def of(cls, test: RuleTest) -> Words:
        """Those of a rule."""
        return cls(frozenset(test.one_of), tuple(part.casefold() for part in test.contains))

    def mean(self, word: str) -> bool:
        """Whether a word is meant."""
        if not self.parts:
            return word in self.whole
        folded = word.casefold()
        return any(part in folded for part in self.parts)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a rule looks at.

    Attributes:
        kind: of ``models.points.engine``.
        features: its columns, in the order in which it reads them.
        numbers: of the rule itself; see the kinds.
        words: those meant, where the first column is a category.
    """

    kind: int
    features: tuple[Feature, ...]
    numbers: tuple[float, ...] = ()
    words: Words | None = None

    def cells(self, matrix: Matrix) -> list[Floats]:
        """What it reads, one column each: a number, or 1 where a word is meant and 0 where not."""
        return [
            _meant(self.words, matrix, feature.name)
            if self.words and feature.is_category
            else matrix.column(feature.name)
            for feature in self.features
        ]

    def times(self, matrix: Matrix) -> Floats:
        """How often the points of the rule count, before caps, shape (rows,); never negative."""
        program = program_of([self])
        return np.asarray(engine.count_all(np.column_stack(self.cells(matrix)), program)[:, 0])


Program = tuple[Ints, Ints, Ints, Floats]


def program_of(readings: Sequence[Reading]) -> Program:
    """Rules as arrays; see ``models.points.engine.count_all``."""
    return (
        np.array([one.kind for one in readings], dtype=np.int64),
        _starts([len(one.features) for one in readings]),
        _starts([len(one.numbers) for one in readings]),
        np.array([number for one in readings for number in one.numbers], dtype=np.float64),
    )


def _starts(lengths: Sequence[int]) -> Ints:
    return np.cumsum([0, *lengths], dtype=np.int64)


def _meant(words: Words, matrix: Matrix, name: str) -> Floats:
    """1 where the word of a category is meant; each word is looked at once."""
    known = np.array([*(words.mean(word) for word in matrix.words[name]), False], dtype=np.float64)
    place = matrix.column(name)
    return known[np.where(np.isnan(place), len(known) - 1, place).astype(np.int64)]


def reading(rule: Rule) -> Reading:
    """How a rule is read."""
    if rule.when.event is None:
        return _told(rule.when)
    return _of_events(rule) if rule.decay is None else _decaying(rule, rule.decay)


def _told(test: RuleTest) -> Reading:
    name = test.attribute or ""
    # A limit is rounded as the matrix rounds: 0.7 has to reach "at least 0.7".
    low = float(np.float32(-np.inf if test.at_least is None else test.at_least))
    high = float(np.float32(np.inf if test.below is None else test.below))
    word, number = latest(name, entity=test.entity), latest_number(name, entity=test.entity)
    if not test.has_words:
        return Reading(engine.BETWEEN, tuple(number), (low, high))
    if not test.has_range:
        return Reading(engine.NAMED, tuple(word), (), Words.of(test))
    return Reading(engine.NAMED_BETWEEN, (*word, *number), (low, high), Words.of(test))


def _of_events(rule: Rule) -> Reading:
    test, rows = rule.when, rule.when.selection
    if test.silent_days is not None:
        looked_at = (Feature("count", rows, days=test.silent_days), *lead_age())
        return Reading(engine.SILENT, looked_at, (test.silent_days,))
    counted = (Feature("count", rows, days=test.days),)
    return Reading(engine.SUMMED, counted) if rule.each else Reading(engine.ENOUGH, counted, (test.times,))


def _decaying(rule: Rule, decay: Decay) -> Reading:
    if decay.steps is not None:
        return _stepped(rule, decay.steps)
    rows, linear = rule.when.selection, decay.linear_days is not None
    days = decay.linear_days or decay.half_life_days or 1
    if rule.each:
        return Reading(engine.SUMMED, (Feature("fading" if linear else "halving", rows, days=days),))
    latest_event = (Feature("recency", rows, signal="timing"),)
    return Reading(engine.LINEAR if linear else engine.HALVED, latest_event, (days,))


def _stepped(rule: Rule, steps: dict[int, float]) -> Reading:
    """Counts in windows that grow from step to step; what is worth nothing is not counted."""
    rings = [
        (days, share)
        for days, share in zip([*steps, None], [1.0, *steps.values()], strict=True)
        if share > 0.0
    ]
    counts = tuple(Feature("count", rule.when.selection, days=days) for days, _ in rings)
    kind = engine.EACH_BY_STEPS if rule.each else engine.LATEST_BY_STEPS
    return Reading(kind, counts, tuple(share for _, share in rings))
