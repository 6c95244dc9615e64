"""How sure a metric is: a bootstrap that draws whole accounts, the same draws for every model.

Leads of one account resemble each other, so rows are not independent; accounts are drawn with
replacement and their rows come along. Models are compared draw by draw, which removes what all of
them share.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from features.matrix import Floats, Texts
from models.dataset import Rows
from models.metrics import METRICS, measure

LEVEL: Final = 0.95
"""Share of draws inside an interval."""

CELLS: Final = 400_000
"""Weightings times rows that are held in memory at a time; small enough for the cache of a processor."""

ABSOLUTE: Final = frozenset({"ece"})
"""Metrics that are means of absolute values: resampling noise is added to the noise they already hold."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A metric and its interval. All three are NaN where the metric is not defined."""

    value: float
    low: float
    high: float

    def __post_init__(self) -> None:
        if self.low > self.high:
            message = f"an interval runs from low to high, got {self.low:g} to {self.high:g}"
            raise ValueError(message)


Estimates = dict[str, Estimate]


@dataclass(frozen=True, slots=True, eq=False)
class Outcomes:
    """What really became of the rows that a model is judged on.

    Attributes:
        label: 1.0 or 0.0, shape (rows,).
        weight: shape (rows,), positive.
        account: texts, shape (rows,); rows of one account are drawn together.
    """

    label: Floats
    weight: Floats
    account: Texts

    def __post_init__(self) -> None:
        if not len(self.label) == len(self.weight) == len(self.account):
            message = f"{len(self.label)} labels, {len(self.weight)} weights, {len(self.account)} accounts"
            raise ValueError(message)
        if not (self.weight > 0.0).all():
            raise ValueError("weights must be positive; leave out rows that do not count")

    def take(self, rows: Rows) -> Outcomes:
        """Some of the rows; positions or a mask."""
        return Outcomes(self.label[rows], self.weight[rows], self.account[rows])


def evaluate(outcomes: Outcomes, probability: Floats, *, draws: int = 1000, seed: int = 0) -> Estimates:
    """All ``METRICS`` of one model with 95 % intervals.

    Percentile intervals over ``draws`` bootstrap samples of accounts. ``ece`` alone is turned round
    (2 value - percentile, cut at 0 and widened to hold the value): as a mean of absolute values it
    grows with noise, and its percentiles would lie above the truth.
    """
    return judge(outcomes, {"": probability}, "", draws=draws, seed=seed).metrics[""]


def differences(
    outcomes: Outcomes,
    probabilities: Mapping[str, Floats],
    reference: str,
    *,
    draws: int = 1000,
    seed: int = 0,
) -> dict[str, Estimates]:
    """For each other model, its metrics minus those of ``reference``, on the same draws."""
    return judge(outcomes, probabilities, reference, draws=draws, seed=seed).differences


@dataclass(frozen=True, slots=True)
class Judgment:
    """Every model's metrics, and every other model's difference to the reference."""

    metrics: dict[str, Estimates]
    differences: dict[str, Estimates]


def judge(
    outcomes: Outcomes,
    probabilities: Mapping[str, Floats],
    reference: str,
    *,
    draws: int = 1000,
    seed: int = 0,
) -> Judgment:
    """``evaluate`` and ``differences`` for several models, in one pass over the same draws."""
    values = {
        name: measure(outcomes.label, p, outcomes.weight[None, :])[0] for name, p in probabilities.items()
    }
    drawn: dict[str, list[Floats]] = {name: [] for name in probabilities}
    for weights in _weightings(outcomes, draws, seed):
        for name, probability in probabilities.items():
            drawn[name].append(measure(outcomes.label, probability, weights))
    samples = {name: np.concatenate(parts) for name, parts in drawn.items()}
    metrics = {name: _estimates(values[name], samples[name], ABSOLUTE) for name in probabilities}
    apart = {
        name: _estimates(values[name] - values[reference], samples[name] - samples[reference], frozenset())
        for name in probabilities
        if name != reference
    }
    return Judgment(metrics, apart)


def _weightings(outcomes: Outcomes, draws: int, seed: int) -> Iterator[Floats]:
    """Row weights of bootstrap samples, in blocks of shape (some draws, rows)."""
    accounts, member = np.unique(outcomes.account.astype(str), return_inverse=True)
    rng = np.random.default_rng(seed)
    block = max(1, CELLS // len(outcomes.label))
    for start in range(0, draws, block):
        size = min(block, draws - start)
        picked = rng.integers(len(accounts), size=(size, len(accounts)))
        flat = picked + np.arange(size)[:, None] * len(accounts)
        times = np.bincount(flat.ravel(), minlength=size * len(accounts)).reshape(size, -1)
        yield times[:, member] * outcomes.weight


def _estimates(values: Floats, samples: Floats, turned: frozenset[str]) -> Estimates:
    tail = (1.0 - LEVEL) / 2.0
    found: Estimates = {}
    for column, name in enumerate(METRICS):
        value = float(values[column])
        sample = samples[:, column][np.isfinite(samples[:, column])]
        if not np.isfinite(value) or not len(sample):
            found[name] = Estimate(np.nan, np.nan, np.nan)
            continue
        low, high = (float(q) for q in np.quantile(sample, (tail, 1.0 - tail)))
        if name in turned:
            low, high = max(0.0, min(value, 2.0 * value - high)), max(value, 2.0 * value - low)
        found[name] = Estimate(value, low, high)
    return found
