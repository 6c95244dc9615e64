"""The team's own point sheet as a model: total points, brought to log-odds by a straight line.

A rule needs ordinary features: a count of events in a window, or an attribute as known. They are columns
of the matrix like any other, so the kernel computes them and nothing about a sheet needs code of its own.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.definitions import Feature
from features.errors import LeadlightError
from features.language import latest, latest_number
from features.matrix import Floats, Matrix
from features.sheet import Rule, RuleTest, Sheet
from models.contributions import Contributions, of_features
from models.dataset import Dataset
from models.learning import Files
from models.ridge import Problem, fit_ridge, with_intercept


def rule_features(rule: Rule) -> list[Feature]:
    """What a rule looks at: one feature, or two where it asks for a word and a number of one attribute."""
    test = rule.when
    if test.event is not None:
        return [Feature("count", test.selection, days=test.days)]
    name = test.attribute or ""
    of_words = latest(name, entity=test.entity) if test.one_of else []
    return of_words + (latest_number(name, entity=test.entity) if _has_range(test) else [])


def with_sheet(features: Sequence[Feature], sheet: Sheet) -> list[Feature]:
    """``features`` and, behind them, those the rules need and no feature of that name gives yet."""
    joined = {feature.name: feature for feature in features}
    for rule in sheet.rules:
        for feature in rule_features(rule):
            joined.setdefault(feature.name, feature)
    return list(joined.values())


def fires(sheet: Sheet, matrix: Matrix) -> NDArray[np.bool_]:
    """Whether each rule holds, shape (rows, rules). A rule on something unknown does not hold.

    Raises:
        LeadlightError: the matrix lacks a feature of a rule.
    """
    needed = {feature.name for rule in sheet.rules for feature in rule_features(rule)}
    missing = sorted(needed - set(matrix.names))
    if missing:
        raise LeadlightError(
            f"the matrix lacks features of {sheet.name!r}; build it with with_sheet()", missing
        )
    return np.column_stack([_holds(rule, matrix) for rule in sheet.rules])


def total_points(sheet: Sheet, matrix: Matrix) -> Floats:
    """Sum of the points of the rules that hold, shape (rows,)."""
    return fires(sheet, matrix) @ _points(sheet)


@dataclass(frozen=True, slots=True)
class SheetModel:
    """``intercept + slope * total points``.

    Attributes:
        means: share of training rows in which each rule held; a contribution is the distance from there.
    """

    sheet: Sheet
    slope: float
    intercept: float
    means: tuple[float, ...]
    name: str = "sheet"

    @property
    def features(self) -> tuple[Feature, ...]:
        """Those it needs in a matrix."""
        return tuple(with_sheet([], self.sheet))

    @property
    def base(self) -> float:
        """Log-odds of the mean total."""
        return self.intercept + self.slope * float(np.array(self.means) @ _points(self.sheet))

    def log_odds(self, matrix: Matrix) -> Floats:
        """Shape (rows,)."""
        return self.intercept + self.slope * total_points(self.sheet, matrix)

    def contributions(self, matrix: Matrix) -> Contributions:
        """Each rule adds to the first feature that it looks at."""
        position = {name: at for at, name in enumerate(matrix.names)}
        parts = self.slope * _points(self.sheet) * (fires(self.sheet, matrix) - np.array(self.means))
        by_feature = np.zeros((len(matrix), len(matrix.features)))
        for at, rule in enumerate(self.sheet.rules):
            by_feature[:, position[rule_features(rule)[0].name]] += parts[:, at]
        return of_features(self.base, by_feature)

    def to_files(self) -> dict[str, str]:
        """``model.json``."""
        plain = {
            "kind": "sheet",
            "name": self.name,
            "slope": self.slope,
            "intercept": self.intercept,
            "means": list(self.means),
            "sheet": self.sheet.model_dump(mode="json"),
        }
        return {"model.json": json.dumps(plain, indent=1, sort_keys=True, ensure_ascii=False) + "\n"}

    @classmethod
    def from_files(cls, files: Files) -> SheetModel:
        """Inverse of ``to_files``."""
        plain = json.loads(files["model.json"])
        sheet = Sheet.model_validate(plain["sheet"])
        return cls(sheet, plain["slope"], plain["intercept"], tuple(plain["means"]), plain["name"])


@dataclass(frozen=True, slots=True)
class SheetLearner:
    """Fits the straight line; its slope is never negative, and 0 where the total says nothing."""

    sheet: Sheet
    name: str = "sheet"

    def fit(self, train: Dataset, *, seed: int) -> SheetModel:
        """Learn from every row of ``train``."""
        fired = fires(self.sheet, train.matrix)
        total = fired @ _points(self.sheet)
        center, scale = float(total.mean()), float(total.std()) or 1.0
        intercept, slope = _line((total - center) / scale, train)
        means = tuple(fired.mean(axis=0).tolist())
        return SheetModel(self.sheet, slope / scale, intercept - slope / scale * center, means, self.name)


def _line(x: Floats, train: Dataset) -> tuple[float, float]:
    """Intercept and slope; a negative slope is brought to 0."""
    ones, penalty = with_intercept(x[:, None], np.ones(1))
    none = np.zeros(len(train))
    intercept, slope = fit_ridge(
        Problem(ones, train.label, train.weight, none, penalty, np.zeros(2))
    ).tolist()
    if slope >= 0.0:
        return intercept, slope
    alone = Problem(ones[:, :1], train.label, train.weight, none, np.zeros(1), np.zeros(1))
    return float(fit_ridge(alone)[0]), 0.0


def _points(sheet: Sheet) -> Floats:
    return np.array([rule.points for rule in sheet.rules], dtype=np.float64)


def _has_range(test: RuleTest) -> bool:
    return test.at_least is not None or test.below is not None


def _holds(rule: Rule, matrix: Matrix) -> NDArray[np.bool_]:
    test = rule.when
    names = [feature.name for feature in rule_features(rule)]
    if test.event is not None:
        return matrix.column(names[0]) >= test.times
    held = np.ones(len(matrix), dtype=np.bool_)
    if test.one_of:
        held &= np.array([word in test.one_of for word in matrix.texts(names[0])], dtype=np.bool_)
    if _has_range(test):
        value = matrix.column(names[-1])
        # A limit is rounded as the matrix rounds: 0.7 has to reach "at least 0.7".
        low = np.float32(-np.inf if test.at_least is None else test.at_least)
        high = np.float32(np.inf if test.below is None else test.below)
        held &= (value >= low) & (value < high)
    return held
