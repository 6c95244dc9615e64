"""Small LightGBM models of every kind that is understood, and rows that try them."""

from __future__ import annotations

from typing import Any

import lightgbm
import numpy as np
from hypothesis import strategies as st

from features.matrix import Floats
from models.trees import parse_trees

COLUMNS = 6
QUIET = {"verbose": -1, "num_threads": 1, "deterministic": True, "force_row_wise": True, "seed": 5}
UNUSED = 4
"""A column that never differs."""


def made_up(rows: int = 800, seed: int = 2) -> tuple[Floats, Floats]:
    """Counts, lines, values that are often missing, a constant; the label hangs on how they meet."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, COLUMNS))
    x[:, 1] = random.poisson(1.0, rows)
    x[:, 2] = np.where(random.random(rows) < 0.4, np.nan, x[:, 2])
    x[:, 3] = random.integers(-3, 4, rows)
    x[:, UNUSED] = 1.0
    meets = x[:, 0] * (x[:, 1] > 0) + np.nan_to_num(x[:, 2], nan=-1.0) * np.sign(x[:, 3]) + 0.5 * x[:, 5]
    return x.astype(np.float32).astype(np.float64), (random.random(rows) < 1 / (1 + np.exp(-meets))) * 1.0


def booster(x: Floats, y: Floats, rounds: int = 12, **settings: Any) -> lightgbm.Booster:
    """Read back from its text, as in serving."""
    given = QUIET | {"objective": "binary", "num_leaves": 12, "min_data_in_leaf": 5, **settings}
    data = lightgbm.Dataset(x, y, params={"verbose": -1, **settings})
    return lightgbm.Booster(model_str=lightgbm.train(given, data, rounds).model_to_string(num_iteration=-1))


def all_kinds() -> dict[str, lightgbm.Booster]:
    """By what is special about it."""
    x, y = made_up()
    known = np.nan_to_num(x)
    return {
        "missing is a number's own side": booster(x, y),
        "zero is missing": booster(x, y, zero_as_missing=True),
        "nothing is missing": booster(x, y, use_missing=False),
        "nothing was missing": booster(known, y),
        "one column again and again": booster(x[:, :1], y, num_leaves=31),
        "two columns again and again": booster(known[:, [0, 5]], y, num_leaves=40, min_data_in_leaf=2),
        "more nodes than a word has bits": booster(x, y, 4, num_leaves=120, min_data_in_leaf=2),
        "a stump": booster(x, y, num_leaves=2),
        "constant trees": booster(x, y, 3, min_data_in_leaf=5_000),
        "a bagged one": booster(x, y, bagging_fraction=0.6, bagging_freq=1, extra_trees=True),
    }


def long_path(columns: int = 28) -> lightgbm.Booster:
    """A tree that asks about another column at every step."""
    random = np.random.default_rng(3)
    x = random.random((3_000, columns))
    steps = np.argmin(x > 0.06, axis=1) + columns * (x > 0.06).all(axis=1)
    return booster(x, steps * 1.0, 1, objective="regression", num_leaves=columns, min_data_in_leaf=1)


def cells(model: lightgbm.Booster) -> st.SearchStrategy[float]:
    """Missing values, zeros and almost zeros, extremes, anything, and what lies at a threshold."""
    limits = np.unique(parse_trees(model.model_to_string()).threshold).astype(np.float32)
    around = np.unique(
        [limits, np.nextafter(limits, np.float32(np.inf)), np.nextafter(limits, np.float32(-np.inf))]
    )
    named = [np.nan, 0.0, -0.0, 1e-35, -1e-35, 1e-36, -1e-36, 2e-35, -2e-35, 1e30, -1e30, np.inf, -np.inf]
    near = st.sampled_from([float(limit) for limit in around] or [1.0])
    return st.sampled_from(named) | near | st.floats(-4.0, 4.0, width=32)


def rows(model: lightgbm.Booster, most: int = 5) -> st.SearchStrategy[list[list[float]]]:
    """Rows as wide as the model wants them."""
    one = st.lists(cells(model), min_size=model.num_feature(), max_size=model.num_feature())
    return st.lists(one, min_size=1, max_size=most)
