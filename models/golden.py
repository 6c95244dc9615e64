"""Golden rows: made-up leads whose answer is stored beside the model, to be recomputed wherever it is loaded.

A hash tells that the files are the ones that were written; golden rows tell that this machine, with its
versions of the libraries, still reads them the same way. Every value is drawn independently of the others
from the training quantiles of its feature, so no real lead is reproduced.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from features.definitions import Feature
from features.matrix import Floats, Matrix, Texts
from models.contributions import Contributions
from models.dataset import Dataset
from models.learning import Model
from models.sealed import BundleError

ROWS: Final = 50
"""Drawn rows; three rows of extremes come on top."""

TOLERANCE: Final = 1e-9
"""How far a recomputed number may be from the stored one, in log-odds."""

LEADS_PER_WORD: Final = 20
"""A word is used only if so many leads carried it, so that it points to nobody."""

UNSEEN: Final = "never seen in training"
LARGE: Final = 1e6


@dataclass(frozen=True, slots=True)
class Golden:
    """Rows and the model's answer to them."""

    matrix: Matrix
    log_odds: Floats
    contributions: Contributions

    def to_json(self) -> dict[str, Any]:
        """Plain data; a missing value is ``None``, a category its word. Floats survive to the last bit."""
        cells = [_cells(self.matrix, feature) for feature in self.matrix.features]
        return {
            "features": [feature.name for feature in self.matrix.features],
            "rows": [list(row) for row in zip(*cells, strict=True)],
            "log_odds": self.log_odds.tolist(),
            "base": self.contributions.base,
            "by_feature": self.contributions.by_feature.tolist(),
            "sheet": self.contributions.sheet.tolist(),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any], features: tuple[Feature, ...]) -> Golden:
        """Inverse of ``to_json``."""
        if data["features"] != [feature.name for feature in features]:
            raise BundleError("the golden rows are of other features than the bundle")
        log_odds = np.array(data["log_odds"], dtype=np.float64)
        by_feature = np.array(data["by_feature"], dtype=np.float64).reshape(len(log_odds), len(features))
        sheet = np.array(data["sheet"], dtype=np.float64)
        columns = {feature.name: [row[at] for row in data["rows"]] for at, feature in enumerate(features)}
        matrix = _matrix(features, columns, len(log_odds))
        return cls(matrix, log_odds, Contributions(data["base"], by_feature, sheet))


def record(model: Model, train: Dataset, *, seed: int = 0) -> Golden:
    """Draw golden rows of the features of ``model``, in the likeness of ``train``, and store its answers.

    The first row is missing everything, the second holds words never seen and zeros, the third very
    large numbers.
    """
    rng = np.random.default_rng(seed)
    needed = {feature.name for feature in model.features}
    features = tuple(feature for feature in train.matrix.features if feature.name in needed)
    columns = {feature.name: _extremes(feature) + _drawn(feature, train, rng) for feature in features}
    matrix = _matrix(features, columns, ROWS + 3)
    return Golden(matrix, model.log_odds(matrix), model.contributions(matrix))


def verify(golden: Golden, model: Model) -> None:
    """Recompute every answer.

    Raises:
        BundleError: naming what differs, and by how much.
    """
    again = model.contributions(golden.matrix)
    stored = golden.contributions
    checks = {
        "log-odds": _apart(model.log_odds(golden.matrix), golden.log_odds),
        "base": _apart(np.array([again.base]), np.array([stored.base])),
        "contributions": _apart(again.by_feature, stored.by_feature),
        "contributions of the sheet": _apart(again.sheet, stored.sheet),
        "sums of contributions": _apart(again.total, golden.log_odds),
    }
    problems = [f"{what} differ by {apart:.3g}" for what, apart in checks.items() if not apart <= TOLERANCE]
    if problems:
        advice = (
            "this machine does not read the model as the one that made it; compare made_with in manifest.json"
        )
        raise BundleError(f"golden rows are not reproduced: {advice}", problems)


def dumps(golden: Golden) -> str:
    """Text with one row per line, equal for equal rows."""
    plain = golden.to_json()
    parts = [f' "{key}": {_lines(value)}' for key, value in plain.items()]
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _lines(value: Any) -> str:
    if isinstance(value, list) and value and isinstance(value[0], list):
        rows = ",\n  ".join(json.dumps(row, ensure_ascii=False, allow_nan=False) for row in value)
        return f"[\n  {rows}\n ]"
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _apart(left: Floats, right: Floats) -> float:
    return float(np.abs(left - right).max(initial=0.0)) if left.shape == right.shape else float("inf")


def _cells(matrix: Matrix, feature: Feature) -> list[str | float | None]:
    if feature.is_category:
        return list(matrix.texts(feature.name))
    return [None if np.isnan(value) else value for value in matrix.column(feature.name).tolist()]


def _matrix(features: tuple[Feature, ...], columns: Mapping[str, list[Any]], rows: int) -> Matrix:
    values = np.full((rows, len(features)), np.nan)
    words: dict[str, tuple[str, ...]] = {}
    for at, feature in enumerate(features):
        cells = columns[feature.name]
        if feature.is_category:
            words[feature.name] = tuple(sorted({cell for cell in cells if cell is not None}))
            position = {word: float(i) for i, word in enumerate(words[feature.name])}
            values[:, at] = [np.nan if cell is None else position[cell] for cell in cells]
        else:
            values[:, at] = [np.nan if cell is None else cell for cell in cells]
    return Matrix(features, values, words)


def _extremes(feature: Feature) -> list[str | float | None]:
    return [None, UNSEEN, None] if feature.is_category else [None, 0.0, LARGE]


def _drawn(feature: Feature, train: Dataset, rng: np.random.Generator) -> list[Any]:
    known = ~np.isnan(train.matrix.column(feature.name))
    missing = rng.random(ROWS) >= known.mean() if len(known) else np.ones(ROWS, dtype=bool)
    if feature.is_category:
        drawn: list[Any] = _words(train.matrix.texts(feature.name)[known], train.lead_id[known], rng)
    else:
        drawn = _numbers(train.matrix.column(feature.name)[known], rng)
    return [None if gone else value for value, gone in zip(drawn, missing, strict=True)]


def _words(texts: Texts, leads: Texts, rng: np.random.Generator) -> list[str]:
    carriers: dict[str, int] = {}
    for text, _ in set(zip(texts.tolist(), leads.tolist(), strict=True)):
        carriers[text] = carriers.get(text, 0) + 1
    common = sorted(word for word, count in carriers.items() if count >= LEADS_PER_WORD)
    if not common:
        return [UNSEEN] * ROWS
    share = np.array([carriers[word] for word in common], dtype=np.float64)
    return [common[at] for at in rng.choice(len(common), size=ROWS, p=share / share.sum())]


def _numbers(values: Floats, rng: np.random.Generator) -> list[float]:
    """Between the 2 % and 98 % quantiles, so that nobody's extreme shows; whole where all are whole."""
    if not len(values):
        return [0.0] * ROWS
    drawn = np.quantile(values, rng.uniform(0.02, 0.98, ROWS))
    whole = bool((values == np.round(values)).all())
    rounded: list[float] = np.round(drawn, 0 if whole else 6).tolist()
    return rounded
