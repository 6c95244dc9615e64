"""The score of one lead, with its reasons, in well under a millisecond.

A bundle's model, compiled for one row at a time. It tells what ``ModelBundle.score`` tells, and is held
against the bundle's golden rows before it is used.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from features.definitions import Feature
from features.errors import LeadlightError
from features.matrix import Floats, Matrix
from features.online import Row
from models.blend import Blend
from models.bundle import ModelBundle
from models.cells import CellPlan, Cells
from models.contributions import TOLERANCE
from models.golden import Golden
from models.learning import Model
from models.online_parts import AnyPart, Part, TakenApart, compile_part
from models.points.evaluation import with_sheet
from models.sealed import BundleError


class ContributionError(LeadlightError):
    """The parts of a score do not add up to it, so neither may be told."""


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """A score taken apart: ``base + by_feature.sum() + sheet == log_odds``, always.

    Attributes:
        log_odds: calibrated.
        base: before anything is known about the lead.
        by_feature: in log-odds, in the order of the features of the bundle, shape (features,).
        sheet: what the team's own points add.
    """

    log_odds: float
    base: float
    by_feature: Floats
    sheet: float

    def __post_init__(self) -> None:
        apart = abs(self.base + float(self.by_feature.sum()) + self.sheet - self.log_odds)
        if not apart <= TOLERANCE:
            raise ContributionError(f"the parts of a score miss it by {apart:.3g} log-odds")


@dataclass(frozen=True, slots=True, eq=False)
class OnlineScorer:
    """``intercept + sum(weight * part)`` for one row; may be used from several threads at once.

    Attributes:
        features: the columns of a row: those of the bundle and, behind them, what the playbook's sheet needs.
    """

    features: tuple[Feature, ...]
    _told: int
    _cells: Cells
    _intercept: float
    _weights: tuple[float, ...]
    _parts: tuple[Part, ...]

    @classmethod
    def compile(cls, bundle: ModelBundle) -> OnlineScorer:
        """Prepare a bundle's model.

        A part that does not reproduce the golden rows is replaced by the model itself, which is slower.

        Raises:
            BundleError: if the golden rows are not reproduced even so.
        """
        sheet = bundle.playbook.sheet
        features = tuple(with_sheet(bundle.features, sheet)) if sheet else bundle.features
        intercept, weighted = _flattened(bundle.model)
        rows = list(_rows(bundle.golden.matrix, features))
        plan = CellPlan(features)
        parts = [compile_part(model, plan, bundle.features) for _, model in weighted]
        weights = tuple(weight for weight, _ in weighted)
        scorer = cls(features, len(bundle.features), plan.finish(), intercept, weights, tuple(parts))
        if scorer._apart(rows, bundle.golden) <= TOLERANCE:
            return scorer
        slow = [AnyPart(model, bundle.features) for _, model in weighted]
        safe = tuple(
            part if _apart(part, other, rows, scorer._cells) <= TOLERANCE else other
            for part, other in zip(parts, slow, strict=True)
        )
        scorer = cls(features, len(bundle.features), scorer._cells, intercept, weights, safe)
        if not (apart := scorer._apart(rows, bundle.golden)) <= TOLERANCE:
            raise BundleError(f"golden rows are missed by {apart:.3g} log-odds on this machine")
        return scorer

    def score(self, row: Row) -> Told:
        """Log-odds and contributions.

        Raises:
            ContributionError: if they do not add up, as with numbers that are not finite.
        """
        cells = self._cells.of(row)
        parts = [part.explain(row, cells) for part in self._parts]
        base, sheet, by_feature = self._intercept, 0.0, np.zeros(self._told)
        for weight, part in zip(self._weights, parts, strict=True):
            base += weight * part.base
            sheet += weight * part.sheet
            by_feature += weight * part.by_feature
        return Told(self._sum(part.log_odds for part in parts), base, by_feature, sheet)

    def log_odds(self, row: Row) -> float:
        """Log-odds alone; to the bit those of ``score``."""
        cells = self._cells.of(row)
        return self._sum(part.log_odds(row, cells) for part in self._parts)

    def unseen(self, row: Row) -> tuple[str, ...]:
        """Names of the categories whose word no part of the model has learned anything about."""
        return self._cells.unseen(row)

    def _sum(self, log_odds: Iterator[float]) -> float:
        return self._intercept + sum(
            weight * told for weight, told in zip(self._weights, log_odds, strict=True)
        )

    def _apart(self, rows: Sequence[Row], golden: Golden) -> float:
        """How far the answers are from the golden ones, at most; infinite where there is no answer."""
        stored = golden.contributions
        try:
            told = [_numbers(self.score(row), self.log_odds(row)) for row in rows]
        except ContributionError:
            return float("inf")
        parts = zip(golden.log_odds, stored.by_feature, stored.sheet, strict=True)
        wanted = [
            _numbers(TakenApart(log_odds, stored.base, by_feature, sheet), log_odds)
            for log_odds, by_feature, sheet in parts
        ]
        return _furthest(told, wanted)


def _flattened(model: Model) -> tuple[float, list[tuple[float, Model]]]:
    """Intercept, and the models that are added up, each with its weight."""
    if not isinstance(model, Blend):
        return 0.0, [(1.0, model)]
    inner = [(weight, *_flattened(part)) for weight, part in zip(model.weights, model.parts, strict=True)]
    intercept = model.intercept + sum(weight * of_part for weight, of_part, _ in inner)
    return intercept, [(weight * within, part) for weight, _, parts in inner for within, part in parts]


def _rows(matrix: Matrix, features: tuple[Feature, ...]) -> Iterator[Row]:
    """Rows of ``features`` with the values of ``matrix``, whose columns come first; nothing is known of others."""
    beyond = len(features) - len(matrix.features)
    values = np.pad(matrix.values, ((0, 0), (0, beyond)), constant_values=np.nan)
    texts = {
        at: matrix.texts(feature.name) for at, feature in enumerate(matrix.features) if feature.is_category
    }
    for at in texts:
        values[:, at] = np.where(np.isnan(values[:, at]), np.nan, 0.0)
    for row in range(len(matrix)):
        words = tuple(texts[at][row] if at in texts else None for at in range(len(features)))
        yield Row(values[row], words)


def _apart(part: Part, other: Part, rows: Sequence[Row], cells: Cells) -> float:
    """How far two parts are apart, at most."""
    told, wanted = (
        [_numbers(one.explain(row, cells.of(row)), one.log_odds(row, cells.of(row))) for row in rows]
        for one in (part, other)
    )
    return _furthest(told, wanted)


def _numbers(answer: Told | TakenApart, log_odds: float) -> Floats:
    """All that was told of a row, with and without reasons."""
    return np.array([log_odds, answer.log_odds, answer.base, answer.sheet, *answer.by_feature])


def _furthest(told: Sequence[Floats], wanted: Sequence[Floats]) -> float:
    return float(np.abs(np.array(told) - np.array(wanted)).max(initial=0.0))
