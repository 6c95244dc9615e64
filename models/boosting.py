"""LightGBM, many small trees, deterministic; stored as text.

Every split is tried at one random threshold (extremely randomized trees, Geurts et al. 2006): on a few
thousand leads that does what a bag of boosters does, in one booster. The number of rounds is found
forward in time, then the booster is fitted again on every row.

Where the team's sheet carries information, the booster starts from the sheet's log-odds. LightGBM
forgets such a start once it is trained, so the model adds it back, as a group of its own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Final

import lightgbm
import numpy as np

from features.definitions import Feature
from features.errors import TooLittleDataError
from features.matrix import Float32s, Floats, Matrix
from features.sheet import Sheet
from models.contributions import Contributions
from models.dataset import Dataset
from models.encoder import Encoder, fit_encode
from models.learning import Files
from models.pointsheet import SheetLearner, SheetModel
from models.ridge import log_loss_terms
from models.splits import Fold, account_folds, forward_folds

CERTAIN: Final = 0.9
"""Share of bootstrap draws in which the sheet must beat the base rate before a booster starts from it."""
DRAWS: Final = 1000
PATIENCE: Final = 100
"""Rounds without a gain after which a curve is taken as flat."""
SHEET_FOLDS: Final = 5
CLOSE_ENOUGH: Final = 0.5
"""Standard errors by which fewer rounds may be worse than the best number."""
MANY_ROWS: Final = 20_000
"""From here on, one forward fold is enough to find the number of rounds."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How a booster is grown. ``leaves`` None: by the number of converted leads."""

    leaves: int | None = None
    learning_rate: float = 0.05
    most_rounds: int = 600
    least_rounds: int = 50
    rows_per_leaf: int = 20
    l2: float = 5.0
    share_of_columns: float = 0.5
    share_of_rows: float = 0.8
    threads: int = 1

    def leaves_for(self, positives: int) -> int:
        """Small trees for few conversions."""
        if self.leaves is not None:
            return self.leaves
        return 5 if positives < 1_500 else 15 if positives < 10_000 else 31

    def to_lightgbm(self, train: Dataset, seed: int) -> dict[str, Any]:
        """Parameters in LightGBM's words."""
        return {
            "objective": "binary",
            "num_leaves": self.leaves_for(train.positives),
            "learning_rate": self.learning_rate,
            "min_data_in_leaf": self.rows_per_leaf,
            "lambda_l2": self.l2,
            "feature_fraction": self.share_of_columns,
            "bagging_fraction": self.share_of_rows,
            "bagging_freq": 1,
            "extra_trees": True,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": self.threads,
            "seed": seed,
            "verbose": -1,
        }


DEFAULTS: Final = Settings()


@dataclass(frozen=True, slots=True)
class Boosting:
    """A booster, what it reads, and the sheet it started from, if any."""

    encoder: Encoder
    booster_text: str = field(repr=False)
    sheet: SheetModel | None = None
    name: str = "lightgbm"
    _booster: lightgbm.Booster = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_booster", lightgbm.Booster(model_str=self.booster_text))

    @property
    def features(self) -> tuple[Feature, ...]:
        """Those it needs in a matrix."""
        of_sheet = self.sheet.features if self.sheet else ()
        return tuple({feature.name: feature for feature in (*self.encoder.features, *of_sheet)}.values())

    @property
    def rounds(self) -> int:
        """Number of trees."""
        return int(self._booster.num_trees())

    def log_odds(self, matrix: Matrix) -> Floats:
        """Shape (rows,); the sheet's log-odds are in it."""
        if not len(matrix):
            return np.empty(0)
        margin = self._booster.predict(self.encoder.encode(matrix), raw_score=True, num_threads=1)
        return np.asarray(margin, dtype=np.float64) + self._start(matrix)

    def contributions(self, matrix: Matrix) -> Contributions:
        """TreeSHAP values (path-dependent), as ``shap.TreeExplainer`` gives them, summed by feature."""
        columns = len(self.encoder.columns)
        encoded = np.vstack([np.zeros((1, columns), dtype=np.float32), self.encoder.encode(matrix)])
        parts = np.asarray(self._booster.predict(encoded, pred_contrib=True, num_threads=1), dtype=np.float64)
        by_feature = self.encoder.to_features(parts[1:, :-1], matrix)
        typical = self.sheet.base if self.sheet else 0.0
        return Contributions(float(parts[0, -1]) + typical, by_feature, self._start(matrix) - typical)

    def _start(self, matrix: Matrix) -> Floats:
        return self.sheet.log_odds(matrix) if self.sheet else np.zeros(len(matrix))

    def to_files(self) -> dict[str, str]:
        """``model.json``, ``encoder.json``, ``booster.txt`` and, where it started from one, the sheet's file."""
        plain = {"kind": "boosting", "name": self.name, "starts_from_sheet": self.sheet is not None}
        sheet = {f"sheet/{name}": text for name, text in self.sheet.to_files().items()} if self.sheet else {}
        return {
            "model.json": json.dumps(plain, indent=1, sort_keys=True) + "\n",
            "encoder.json": self.encoder.to_json(),
            "booster.txt": self.booster_text,
            **sheet,
        }

    @classmethod
    def from_files(cls, files: Files) -> Boosting:
        """Inverse of ``to_files``."""
        plain = json.loads(files["model.json"])
        sheet = None
        if plain["starts_from_sheet"]:
            sheet = SheetModel.from_files({"model.json": files["sheet/model.json"]})
        return cls(Encoder.from_json(files["encoder.json"]), files["booster.txt"], sheet, plain["name"])


@dataclass(frozen=True, slots=True)
class BoostingLearner:
    """Fits a ``Boosting``.

    Attributes:
        features: the columns that trees may split on; all if None. The sheet reads its own besides.
        settings: how it is grown.
        sheet: the team's point sheet, if it has one.
    """

    features: tuple[Feature, ...] | None = None
    settings: Settings = DEFAULTS
    sheet: Sheet | None = None
    name: str = "lightgbm"

    def fit(self, train: Dataset, *, seed: int) -> Boosting:
        """Find the number of rounds forward in time, then learn from every row of ``train``.

        Raises:
            TooLittleDataError: no feature differs between the rows.
        """
        start = self._useful_sheet(train, seed)
        rounds = self._rounds(train, start, seed)
        encoder, encoded = fit_encode(train, self.features)
        if not encoder.columns:
            raise TooLittleDataError("no feature differs between the rows to learn from")
        sheet = start.fit(train, seed=seed) if start else None
        learn = _rows(train, encoded, sheet.log_odds(train.matrix) if sheet else None)
        booster = lightgbm.train(self.settings.to_lightgbm(train, seed), learn, rounds)
        return Boosting(encoder, booster.model_to_string(num_iteration=-1), sheet, self.name)

    def _useful_sheet(self, train: Dataset, seed: int) -> SheetLearner | None:
        if self.sheet is None:
            return None
        learner = SheetLearner(self.sheet)
        return learner if certainty(learner, train, seed) >= CERTAIN else None

    def _rounds(self, train: Dataset, start: SheetLearner | None, seed: int) -> int:
        try:
            losses = self.losses(train, start, seed=seed)
        except TooLittleDataError:
            return int(np.clip(0.6 * train.positives, 20, 200))
        return max(fewest_rounds(losses), self.settings.least_rounds)

    def losses(self, train: Dataset, start: SheetLearner | None, *, seed: int) -> Floats:
        """Log loss on later data after each round, shape (forward folds, most_rounds).

        Raises:
            TooLittleDataError: no forward fold can be cut.
        """
        folds = forward_folds(train, folds=4 if len(train) < MANY_ROWS else 1)
        return np.array([self._losses(fold, start, seed) for fold in folds])

    def _losses(self, fold: Fold, start: SheetLearner | None, seed: int) -> Floats:
        train, valid = fold.dataset.take(fold.train), fold.dataset.take(fold.valid)
        encoder, encoded = fit_encode(train, self.features)
        if not encoder.columns:
            return np.zeros(self.settings.most_rounds)
        sheet = start.fit(train, seed=seed) if start else None
        learn = _rows(train, encoded, sheet.log_odds(train.matrix) if sheet else None)
        # The block is judged at its own level: a drift of the base rate says nothing about rounds.
        drift = np.full(len(valid), _base_rate(valid) - _base_rate(train))
        begun = drift + sheet.log_odds(valid.matrix) if sheet else drift
        judge = _rows(valid, encoder.encode(valid.matrix), begun, learn)
        history: dict[str, dict[str, list[float]]] = {}
        lightgbm.train(
            self.settings.to_lightgbm(train, seed),
            learn,
            self.settings.most_rounds,
            valid_sets=[judge],
            callbacks=[lightgbm.record_evaluation(history), lightgbm.early_stopping(PATIENCE, verbose=False)],
        )
        [[losses]] = [list(metrics.values()) for metrics in history.values()]
        return np.pad(np.array(losses), (0, self.settings.most_rounds - len(losses)), mode="edge")


def fewest_rounds(losses: Floats) -> int:
    """The fewest rounds that are as good as the best: within half a standard error of the paired difference.

    With few conversions the curve is flat and its lowest point is chance; fewer rounds are the safer guess.
    (Backtests inside training periods: half an error was better than none and than a whole one.)

    Args:
        losses: shape (folds, rounds).
    """
    mean = losses.mean(axis=0)
    best = int(mean.argmin())
    if len(losses) == 1:
        return best + 1
    error = (losses - losses[:, [best]]).std(axis=0, ddof=1) / np.sqrt(len(losses))
    return int(np.argmax(mean - mean[best] <= CLOSE_ENOUGH * error)) + 1


def certainty(learner: SheetLearner, train: Dataset, seed: int) -> float:
    """Share of account bootstrap draws in which the sheet's out-of-fold log loss is below the base rate's."""
    try:
        folds = account_folds(train, SHEET_FOLDS, seed)
    except TooLittleDataError:
        return 0.0
    gain = np.zeros(len(train))
    for fold in folds:
        known, valid = train.take(fold.train), train.take(fold.valid)
        null = log_loss_terms(np.full(len(valid), _base_rate(known)), valid.label)
        told = learner.fit(known, seed=seed).log_odds(valid.matrix)
        gain[fold.valid] = valid.weight * (null - log_loss_terms(told, valid.label))
    member = np.unique(train.account.astype(str), return_inverse=True)[1]
    by_account = np.bincount(member, weights=gain)
    random = np.random.default_rng(seed)
    drawn = [by_account[random.integers(0, len(by_account), len(by_account))].sum() for _ in range(DRAWS)]
    return float(np.mean(np.array(drawn) > 0.0))


def _rows(
    data: Dataset, encoded: Float32s, start: Floats | None, like: lightgbm.Dataset | None = None
) -> lightgbm.Dataset:
    return lightgbm.Dataset(
        encoded, data.label, weight=data.weight, init_score=start, reference=like, params={"verbose": -1}
    )


def _base_rate(data: Dataset) -> float:
    """In log-odds; half a lead is added to each outcome."""
    won = float(data.weight @ data.label)
    return float(np.log(won + 0.5) - np.log(data.weight.sum() - won + 0.5))
