"""The kinds of model, each compiled for one row at a time.

A part reads cells (``models.cells``) and tells its log-odds, and what each feature of the bundle adds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

import numpy as np
from numba import njit

from features.definitions import Feature
from features.errors import DefinitionError
from features.matrix import Floats, Ints, Matrix
from features.online import Row
from models.boosting import Boosting
from models.cells import CellPlan
from models.learning import Model
from models.logistic import Logistic
from models.naive_bayes import LIMIT, NaiveBayes
from models.points.evaluation import Capped, most_times
from models.points.model import PointsModel
from models.points.one_row import RowReader
from models.pointsheet import SheetModel
from models.tree_shap import TreeShap, compile_shap
from models.trees import TreesError, parse_trees


class TakenApart(NamedTuple):
    """A log-odds taken apart; ``by_feature`` in the order of the features of the bundle."""

    log_odds: float
    base: float
    by_feature: Floats
    sheet: float


class Part(Protocol):
    """A model, ready for one row."""

    def log_odds(self, row: Row, cells: Floats) -> float:
        """To the bit that of ``explain``."""
        ...

    def explain(self, row: Row, cells: Floats) -> TakenApart:
        """Log-odds and what it consists of."""
        ...


def _gathered(parts: Floats, adds_to: Ints, told: int) -> Floats:
    """Sum of the parts of each feature, shape (told,)."""
    return np.bincount(adds_to, weights=parts, minlength=told).astype(np.float64)


@dataclass(frozen=True, slots=True)
class AnyPart:
    """Asks the model itself; for what has no faster way.

    Attributes:
        features: those of the bundle, which are the first ones of a row.
    """

    model: Model
    features: tuple[Feature, ...]

    def log_odds(self, row: Row, cells: Floats) -> float:
        """See ``Part``."""
        return float(self.model.log_odds(self._matrix(row))[0])

    def explain(self, row: Row, cells: Floats) -> TakenApart:
        """See ``Part``."""
        parts = self.model.contributions(self._matrix(row))
        log_odds, sheet = self.log_odds(row, cells), float(parts.sheet[0])
        return TakenApart(log_odds, float(parts.base), parts.by_feature[0], sheet)

    def _matrix(self, row: Row) -> Matrix:
        told = len(self.features)
        return Row(row.values[:told], row.words[:told]).matrix(self.features)


@dataclass(frozen=True, slots=True)
class SheetPart:
    """``models.pointsheet.SheetModel``. Its rules are read by the engine that reads those of a matrix.

    Attributes:
        adds_to: of each rule, the feature that it adds to.
    """

    model: SheetModel
    rules: RowReader
    base: float
    means: Floats
    adds_to: Ints
    told: int

    @classmethod
    def of(cls, model: SheetModel, plan: CellPlan, told: int) -> SheetPart:
        """Compile."""
        rules = RowReader(model.sheet, plan.features)
        adds_to = np.array([columns[0] for columns in rules.of_rule], dtype=np.int64)
        return cls(model, rules, model.base, np.array(model.means), adds_to, told)

    def log_odds(self, row: Row, cells: Floats) -> float:
        """See ``Part``."""
        return self._log_odds(self.rules.points(row))

    def explain(self, row: Row, cells: Floats) -> TakenApart:
        """See ``Part``."""
        points = self.rules.points(row)
        away = self.model.slope * (points.by_rule[0] - self.means)
        return TakenApart(self._log_odds(points), self.base, _gathered(away, self.adds_to, self.told), 0.0)

    def _log_odds(self, points: Capped) -> float:
        return float(self.model.intercept + self.model.slope * points.total[0])


@dataclass(frozen=True, slots=True)
class PointsPart:
    """``models.points.model.PointsModel``. Arrays by rule: at most how often it counts, its log-odds, its mean."""

    rules: RowReader
    intercept: float
    base: float
    by_rule: tuple[Floats, Floats, Floats]
    adds_to: Ints
    told: int

    @classmethod
    def of(cls, model: PointsModel, plan: CellPlan, told: int) -> PointsPart:
        """Compile."""
        rules = RowReader(model.sheet, plan.features)
        learned, means = np.array(model.log_odds_of), np.array(model.means)
        adds_to = np.array([columns[0] for columns in rules.of_rule], dtype=np.int64)
        base = model.intercept + float(means @ learned)
        return cls(rules, model.intercept, base, (most_times(model.sheet), learned, means), adds_to, told)

    def log_odds(self, row: Row, cells: Floats) -> float:
        """See ``Part``."""
        return float(self.intercept + self._times(row) @ self.by_rule[1])

    def explain(self, row: Row, cells: Floats) -> TakenApart:
        """See ``Part``."""
        times, (_, learned, means) = self._times(row), self.by_rule
        log_odds = float(self.intercept + times @ learned)
        return TakenApart(
            log_odds, self.base, _gathered((times - means) * learned, self.adds_to, self.told), 0.0
        )

    def _times(self, row: Row) -> Floats:
        return np.asarray(np.minimum(self.rules.times(row)[0], self.by_rule[0]))


@dataclass(frozen=True, slots=True)
class TreePart:
    """``models.boosting.Boosting``."""

    trees: TreeShap
    sheet: SheetPart | None
    told: int

    @classmethod
    def of(cls, model: Boosting, plan: CellPlan, told: int) -> TreePart:
        """Compile.

        Raises:
            TreesError: the booster's text is not understood.
        """
        columns = model.encoder.columns
        reads = np.array([plan.encoded(column) for column in columns], dtype=np.int64)
        adds_to = np.array([plan.feature(column.feature) for column in columns], dtype=np.int64)
        trees = compile_shap(parse_trees(model.booster_text), reads, adds_to, told)
        return cls(trees, SheetPart.of(model.sheet, plan, told) if model.sheet else None, told)

    def log_odds(self, row: Row, cells: Floats) -> float:
        """See ``Part``."""
        start = self.sheet.log_odds(row, cells) if self.sheet else 0.0
        return self.trees.margin(cells) + start

    def explain(self, row: Row, cells: Floats) -> TakenApart:
        """See ``Part``."""
        start = self.sheet.log_odds(row, cells) if self.sheet else 0.0
        typical = self.sheet.base if self.sheet else 0.0
        margin, by_feature = self.trees.explain(cells)
        return TakenApart(margin + start, self.trees.base + typical, by_feature, start - typical)


@dataclass(frozen=True, slots=True)
class LinearPart:
    """``models.logistic.Logistic``. Arrays by term: see ``_linear``."""

    intercept: float
    terms: tuple[Ints, Ints, Floats, Floats]
    told: int

    @classmethod
    def of(cls, model: Logistic, plan: CellPlan, told: int) -> LinearPart:
        """Compile."""
        columns = model.encoder.columns
        cell_of = [plan.encoded(column) for column in columns]
        cells = np.array([cell_of[term.column] for term in model.terms], dtype=np.int64)
        adds_to = [plan.feature(columns[term.column].feature) for term in model.terms]
        shapes = [[term.low, term.high, term.knot, term.center, term.scale] for term in model.terms]
        terms = (
            cells,
            np.array(adds_to, dtype=np.int64),
            np.array(shapes, dtype=np.float64).reshape(-1, 5),
            np.array(model.coefficients, dtype=np.float64),
        )
        return cls(model.intercept, terms, told)

    def log_odds(self, row: Row, cells: Floats) -> float:
        """See ``Part``."""
        return self.explain(row, cells).log_odds

    def explain(self, row: Row, cells: Floats) -> TakenApart:
        """See ``Part``."""
        by_feature = np.zeros(self.told)
        total = _linear(cells, self.terms, by_feature)
        return TakenApart(self.intercept + total, self.intercept, by_feature, 0.0)


@njit(cache=True, nogil=True)
def _linear(cells, terms, by_feature):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """``models.linear.Term`` times coefficient, added to ``by_feature``; returns the sum."""
    reads, adds_to, shapes, coefficients = terms
    total = 0.0
    for term in range(len(reads)):
        cell = cells[reads[term]]
        low, high, knot, center, scale = shapes[term]
        if low > high:
            value = (np.float64(np.isnan(cell)) - center) / scale
        elif np.isnan(cell):
            value = 0.0
        else:
            log = np.sign(cell) * np.log1p(abs(cell))
            value = (max(min(max(log, low), high) - knot, 0.0) - center) / scale
        by_feature[adds_to[term]] += coefficients[term] * value
        total += coefficients[term] * value
    return total


@dataclass(frozen=True, slots=True)
class BayesPart:
    """``models.naive_bayes.NaiveBayes``. Arrays by factor: see ``_factors``."""

    prior: float
    factors: tuple[Ints, Floats, Floats]
    adds_to: Ints
    told: int

    @classmethod
    def of(cls, model: NaiveBayes, plan: CellPlan, told: int) -> BayesPart:
        """Compile."""
        adds_to = np.array([plan.feature(factor.feature) for factor in model.factors], dtype=np.int64)
        widest = max((len(factor.edges) for factor in model.factors), default=0)
        reads = adds_to.copy()
        edges = np.full((len(model.factors), widest), np.nan)
        worth = np.zeros((len(model.factors), widest + 1))
        for at, factor in enumerate(model.factors):
            if plan.features[adds_to[at]].is_category:
                plan.learned(factor.feature, [*factor.log_odds])
                # Its worth is in the cell itself, which is marked by having none of its own.
                reads[at], worth[at] = plan.word(factor.feature, factor.log_odds), np.nan
            else:
                edges[at, : len(factor.edges)] = factor.edges
                bins = len(factor.edges) + 1
                worth[at, :bins] = [factor.log_odds.get(str(number), 0.0) for number in range(bins)]
        return cls(model.prior, (reads, edges, worth), adds_to, told)

    def log_odds(self, row: Row, cells: Floats) -> float:
        """See ``Part``."""
        return float(np.clip(self.prior + _factors(cells, self.factors).sum(), -LIMIT, LIMIT))

    def explain(self, row: Row, cells: Floats) -> TakenApart:
        """See ``Part``."""
        factors = _factors(cells, self.factors)
        raw = float(factors.sum())
        log_odds = float(np.clip(self.prior + raw, -LIMIT, LIMIT))
        wanted = log_odds - self.prior
        scale = wanted / raw if abs(self.prior + raw) > LIMIT else 1.0
        by_feature = _gathered(factors * scale, self.adds_to, self.told)
        return TakenApart(log_odds, self.prior, by_feature, 0.0)


@njit(cache=True, nogil=True)
def _factors(cells, factors):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """What each factor adds: of a word its cell, of a number the worth of its bin, of nothing 0."""
    reads, edges, worth = factors
    added = np.zeros(len(reads))
    for factor in range(len(reads)):
        cell = cells[reads[factor]]
        if np.isnan(worth[factor, 0]):
            added[factor] = cell
        elif not np.isnan(cell):
            added[factor] = worth[factor, (edges[factor] <= cell).sum()]
    return added


COMPILERS: Final[dict[type, Callable[..., Part]]] = {
    Boosting: TreePart.of,
    Logistic: LinearPart.of,
    NaiveBayes: BayesPart.of,
    PointsModel: PointsPart.of,
    SheetModel: SheetPart.of,
}


def compile_part(model: Model, plan: CellPlan, features: tuple[Feature, ...]) -> Part:
    """The fastest part for a model.

    Args:
        model: any.
        plan: what is read is noted here.
        features: those of the bundle, which contributions are told of.
    """
    compiler = COMPILERS.get(type(model))
    if compiler is None:
        return AnyPart(model, features)
    try:
        return compiler(model, plan, len(features))
    except (TreesError, DefinitionError):
        return AnyPart(model, features)
