"""What a boosted model makes of the same rules: a second opinion beside the refitted points, never their source.

Its points are biased towards 0, and it splits credit among rules that say the same; but it sees what no sum of
points can: pairs of rules that are worth more, or less, together.

Sources: SHAP values of trees, Lundberg et al. (2020), *Nature Machine Intelligence* 2; interaction as what both
together add beyond each alone, with all else as it is, Friedman, Popescu (2008), *Annals of Applied Statistics* 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import lightgbm
import numpy as np
from scipy.special import expit

from features.errors import TooLittleDataError
from features.matrix import Floats, Ints
from models.points.discovery.testing import own_levels
from models.points.rows import RuleRows

LEAST_TOGETHER: Final = 30
"""Leads for which both rules of a pair must have fired."""
MOST_PAIRS: Final = 10
MOST_TRIED: Final = 60
"""Pairs that are tried out: those on one path of a tree, by what the lower split gains."""
PATTERNS: Final = 300
"""Rows on which a pair is tried out."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two rules that are worth something else together.

    Attributes:
        first, second: names. strength: log-odds that both together add beyond the sum of each; may be negative.
    """

    first: str
    second: str
    strength: float


@dataclass(frozen=True, slots=True)
class SecondOpinion:
    """What boosted trees on the rules say.

    Attributes:
        points: of each rule, per event where points are given for each; NaN where it never or always fires.
        pairs: first those that matter most: strong ones that fire together often where the outcome is open.
    """

    points: Floats
    pairs: tuple[Pair, ...]


def second_opinion(rows: RuleRows, *, unit: float, seed: int) -> SecondOpinion:
    """Fit boosted trees to the rules and ask them what each rule is worth.

    Args:
        rows: to learn from.
        unit: points per log-odd.
        seed: of the trees.

    Raises:
        TooLittleDataError: all rows have one outcome.
    """
    if not 0.0 < rows.label.mean() < 1.0:
        raise TooLittleDataError("a second opinion needs leads that converted and others")
    trees = _Trees.fit(rows, seed)
    told = trees.contributions(rows)
    points = [unit * _worth(rows, at, told[:, at]) for at in range(rows.times.shape[1])]
    return SecondOpinion(np.array(points), _pairs(rows, trees, seed))


def _worth(rows: RuleRows, at: int, told: Floats) -> float:
    """Difference of mean contributions where the rule fires and where not, per time it counts."""
    fired, weight = rows.fired[:, at], rows.weight
    if fired.all() or not fired.any():
        return float("nan")
    with_it, without = (float(np.average(told[part], weights=weight[part])) for part in (fired, ~fired))
    return (with_it - without) / float(np.average(rows.times[fired, at], weights=weight[fired]))


@dataclass(frozen=True, slots=True)
class _Trees:
    """Trees on rules and service lines."""

    booster: lightgbm.Booster
    lines: tuple[str, ...]

    @classmethod
    def fit(cls, rows: RuleRows, seed: int) -> _Trees:
        lines = own_levels(rows)
        known = lightgbm.Dataset(
            _seen(rows, lines), rows.label, weight=rows.weight, params={"verbose": -1}, free_raw_data=True
        )
        rounds = int(np.clip(0.6 * rows.positives, 20, 300))
        return cls(lightgbm.train(_parameters(seed), known, rounds), lines)

    def contributions(self, rows: RuleRows) -> Floats:
        """SHAP values of the rules, shape (rows, rules). Rows that are alike are asked about once."""
        patterns, member = np.unique(_seen(rows, self.lines), axis=0, return_inverse=True)
        told = np.asarray(self.booster.predict(patterns, pred_contrib=True, num_threads=1), dtype=np.float64)
        return told[member.reshape(-1), : rows.times.shape[1]]

    def log_odds(self, seen: Floats) -> Floats:
        """Shape (rows,)."""
        return np.asarray(self.booster.predict(seen, raw_score=True, num_threads=1), dtype=np.float64)

    def gains_of_pairs(self) -> dict[tuple[int, int], float]:
        """Pairs of columns on one path, each with the gains of the lower splits."""
        gains: dict[tuple[int, int], float] = {}
        trees = self.booster.dump_model()["tree_info"]
        open_: list[tuple[dict[str, Any], tuple[int, ...]]] = [(tree["tree_structure"], ()) for tree in trees]
        while open_:
            node, above = open_.pop()
            if "split_feature" not in node:
                continue
            column = int(node["split_feature"])
            for other in set(above) - {column}:
                pair = (min(other, column), max(other, column))
                gains[pair] = gains.get(pair, 0.0) + float(node["split_gain"])
            open_ += [(node[side], (*above, column)) for side in ("left_child", "right_child")]
        return gains


def _parameters(seed: int) -> dict[str, Any]:
    return {
        "objective": "binary",
        "num_leaves": 8,
        "learning_rate": 0.05,
        "min_data_in_leaf": 20,
        "lambda_l2": 5.0,
        "feature_fraction": 0.7,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "seed": seed,
        "verbose": -1,
    }


def _seen(rows: RuleRows, lines: tuple[str, ...]) -> Floats:
    levels = (rows.service_line[:, None] == np.array([lines], dtype=object)).astype(np.float64)
    return np.column_stack([rows.times, levels])


def _pairs(rows: RuleRows, trees: _Trees, seed: int) -> tuple[Pair, ...]:
    seen = _seen(rows, trees.lines)
    some = np.random.default_rng(seed).permutation(len(rows))[:PATTERNS]
    chance = expit(trees.log_odds(seen))
    names = [rule.name for rule in rows.sheet.rules]
    found: list[tuple[float, Pair]] = []
    for a, b in _tried(rows, trees):
        strength = _together(trees, seen[some], (a, b), _typical(rows, (a, b)))
        both = rows.fired[:, a] & rows.fired[:, b]
        matters = strength**2 * float(rows.weight[both] @ (chance[both] * (1.0 - chance[both])))
        found.append((matters, Pair(names[a], names[b], strength)))
    ranked = sorted(found, key=lambda one: -one[0])
    return tuple(pair for matters, pair in ranked[:MOST_PAIRS] if matters > 0.0)


def _tried(rows: RuleRows, trees: _Trees) -> list[tuple[int, int]]:
    """Pairs on one path that fired together, and each without the other, for enough leads."""
    _, member = np.unique(rows.lead_id.astype(str), return_inverse=True)
    fired = np.zeros((int(member.max(initial=-1)) + 1, rows.times.shape[1]), dtype=np.float32)
    np.maximum.at(fired, member, rows.fired.astype(np.float32))
    both: Ints = (fired.T @ fired).astype(np.int64)
    own = np.diagonal(both)
    apart = np.minimum(own[:, None], own[None, :]) - both
    gains = trees.gains_of_pairs()
    ranked = sorted((pair for pair in gains if max(pair) < len(own)), key=lambda pair: -gains[pair])
    return [(a, b) for a, b in ranked if min(both[a, b], apart[a, b]) >= LEAST_TOGETHER][:MOST_TRIED]


def _typical(rows: RuleRows, pair: tuple[int, int]) -> tuple[float, float]:
    """How often each counts where it fires: the median."""
    first, second = (float(np.median(rows.times[rows.fired[:, at], at])) for at in pair)
    return first, second


def _together(trees: _Trees, seen: Floats, pair: tuple[int, int], typical: tuple[float, float]) -> float:
    """Mean of f(both) - f(first) - f(second) + f(neither)."""
    told = []
    for first, second in ((1.0, 1.0), (1.0, 0.0), (0.0, 1.0), (0.0, 0.0)):
        asked = seen.copy()
        asked[:, pair[0]] = first * typical[0]
        asked[:, pair[1]] = second * typical[1]
        told.append(asked)
    both, one, other, none = trees.log_odds(np.concatenate(told)).reshape(4, -1)
    return float((both - one - other + none).mean())
