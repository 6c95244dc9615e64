"""The team's own rules with learned points, as a model that races: the log-odds of its rules, added up."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

import numpy as np

from features.definitions import Feature
from features.matrix import Floats, Matrix
from features.sheet import Sheet
from models.contributions import Contributions, of_features
from models.dataset import Dataset
from models.learning import Files
from models.points.evaluation import by_first_feature, capped, points_of, times, with_sheet
from models.points.refitting.design import Design
from models.points.refitting.shrinkage import Shrunk, choose_penalty
from models.points.rows import RuleRows
from models.pointsheet import SheetLearner


@dataclass(frozen=True, slots=True)
class PointsModel:
    """``intercept + sum(log-odds of a rule * how often it counts)``.

    Attributes:
        log_odds_of: of each rule, in the order of the sheet.
        means: how often each rule counts in training on average; a contribution is the distance from there.
    """

    sheet: Sheet
    log_odds_of: tuple[float, ...]
    intercept: float
    means: tuple[float, ...]
    name: str = "points"

    @property
    def features(self) -> tuple[Feature, ...]:
        """Those it needs in a matrix."""
        return tuple(with_sheet([], self.sheet))

    def log_odds(self, matrix: Matrix) -> Floats:
        """Shape (rows,)."""
        return np.asarray(self.intercept + self._times(matrix) @ np.array(self.log_odds_of))

    def contributions(self, matrix: Matrix) -> Contributions:
        """Each rule adds to the first feature that it looks at."""
        learned, means = np.array(self.log_odds_of), np.array(self.means)
        parts = (self._times(matrix) - means) * learned
        base = self.intercept + float(means @ learned)
        return of_features(base, by_first_feature(self.sheet, matrix, parts))

    def _times(self, matrix: Matrix) -> Floats:
        return capped(self.sheet, times(self.sheet, matrix))

    def to_files(self) -> dict[str, str]:
        """``model.json``."""
        plain = {
            "kind": "points",
            "name": self.name,
            "intercept": self.intercept,
            "log_odds": list(self.log_odds_of),
            "means": list(self.means),
            "sheet": self.sheet.model_dump(mode="json"),
        }
        return {"model.json": json.dumps(plain, indent=1, sort_keys=True, ensure_ascii=False) + "\n"}

    @classmethod
    def from_files(cls, files: Files) -> PointsModel:
        """Inverse of ``to_files``."""
        plain = json.loads(files["model.json"])
        sheet = Sheet.model_validate(plain["sheet"])
        return cls(sheet, tuple(plain["log_odds"]), plain["intercept"], tuple(plain["means"]), plain["name"])


@dataclass(frozen=True, slots=True)
class PointsLearner:
    """Learns all rules jointly, shrunk towards today's points brought to log-odds, their signs kept.

    A model is asked about leads of any service line, so it has one intercept; the ``refit`` of a report has more.
    """

    sheet: Sheet
    name: str = "points"

    def fit(self, train: Dataset, *, seed: int) -> PointsModel:
        """Learn from every row of ``train``."""
        nowhere = np.full(len(train), "", dtype=object)
        rows = replace(RuleRows.of(self.sheet, train), service_line=nowhere)
        today = points_of(self.sheet)
        line = SheetLearner(self.sheet).fit(train, seed=seed)
        held = Shrunk.signed(line.slope * today, today)
        penalty, _ = choose_penalty(rows, held)
        design = Design.of(rows.times, rows.service_line)
        b = held.fit(rows, design, penalty)
        means = tuple(rows.times.mean(axis=0).tolist())
        return PointsModel(self.sheet, tuple(b[: design.rules].tolist()), float(b[design.rules]), means)
