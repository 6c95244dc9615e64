"""The team's own point sheet as a model: total points, brought to log-odds by a straight line."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np

from features.definitions import Feature
from features.matrix import Floats, Matrix
from features.sheet import Sheet
from models.contributions import Contributions, of_features
from models.dataset import Dataset
from models.learning import Files
from models.points.evaluation import by_first_feature, evaluate, total_points, with_sheet
from models.ridge import Problem, fit_ridge, with_intercept


@dataclass(frozen=True, slots=True)
class SheetModel:
    """``intercept + slope * total points``.

    Attributes:
        means: mean points of each rule in training, after caps; a contribution is the distance from there.
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
        return self.intercept + self.slope * float(np.sum(self.means))

    def log_odds(self, matrix: Matrix) -> Floats:
        """Shape (rows,)."""
        return self.intercept + self.slope * total_points(self.sheet, matrix)

    def contributions(self, matrix: Matrix) -> Contributions:
        """Each rule adds to the first feature that it looks at."""
        parts = self.slope * (evaluate(self.sheet, matrix).by_rule - np.array(self.means))
        return of_features(self.base, by_first_feature(self.sheet, matrix, parts))

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
        evaluated = evaluate(self.sheet, train.matrix)
        total = evaluated.total
        center, scale = float(total.mean()), float(total.std()) or 1.0
        intercept, slope = _line((total - center) / scale, train)
        means = tuple(evaluated.by_rule.mean(axis=0).tolist())
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
