"""Reasons: our contributions of trees beside LightGBM's own, on one model, checked cell by cell.

``python benchmarks/reasons.py [--seed 7] [--quick] [--json]`` trains 500 trees of 31 leaves on 60,000 made-up
leads with 150 features, and times one row and a batch in turns, each on one thread. It exits with 1 if any
contribution is further than 1e-9 from LightGBM's, or any margin differs in a single bit.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

# As a script this file's folder comes first on the path, where a neighbour is called like our package.
ROOT: Final = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)

import lightgbm  # noqa: E402
import numpy as np  # noqa: E402

from features.matrix import Float32s  # noqa: E402
from models.tree_shap import TreeShap, compile_shap  # noqa: E402
from models.trees import parse_trees  # noqa: E402

ROWS, FEATURES, TREES, LEAVES = 60_000, 150, 500, 31
QUICK_TREES: Final = 50
ONE, THEIR_BATCH, OUR_BATCH = 40, 300, 3_000
"""Rows per turn. Ours are more in a batch, as a turn would else be over too soon to be timed."""
TOLERANCE: Final = 1e-9

Timed = Callable[[], object]


def main() -> None:
    """Read the arguments, run, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--repeats", type=int, default=7, help="turns; the median counts")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_TREES} trees")
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="leadlight-reasons-") as folder:
        trees = QUICK_TREES if arguments.quick else TREES
        kept = Path(folder) / "booster.txt"
        kept.write_text(train_large(arguments.seed, trees))
        result = measure(arguments.seed, kept.read_text(), repeats=arguments.repeats)
    _print(result)
    if arguments.json:
        print(json.dumps(result))
    if not result["equal"]:
        sys.exit(1)


def made_up(seed: int, rows: int) -> tuple[Float32s, Float32s]:
    """Counts and measures of leads, a tenth of them missing, and whether each became an SQL."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, FEATURES)).astype(np.float32)
    x[:, 50:100] = np.round(np.exp(x[:, 50:100]))
    x[random.random(x.shape) < 0.1] = np.nan
    known = np.nan_to_num(x)
    of_each = np.random.default_rng(0).normal(0.0, 0.25, 30)
    together = 0.5 * known[:, 0] * known[:, 1] - 0.4 * (known[:, 60] > 2) * known[:, 2]
    chance = 1.0 / (1.0 + np.exp(-(known[:, :30] @ of_each + together - 1.5)))
    return x, (random.random(rows) < chance).astype(np.float32)


def train_large(seed: int, trees: int = TREES) -> str:
    """The text of a large booster; the same seed gives the same trees."""
    settings = {
        "objective": "binary",
        "num_leaves": LEAVES,
        "learning_rate": 0.05,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "verbose": -1,
    }
    data = lightgbm.Dataset(*made_up(seed, ROWS), params={"verbose": -1})
    return str(lightgbm.train(settings, data, trees).model_to_string(num_iteration=-1))


def measure(seed: int, text: str | None = None, *, repeats: int = 7) -> dict[str, Any]:
    """Time both, in turns.

    Args:
        seed: of the model, if none is given, and of the rows.
        text: a booster of ``FEATURES`` columns; ``train_large(seed)`` if None.
        repeats: turns.

    Returns:
        ``reasons_one`` and ``reasons_batch`` say how many times as fast as LightGBM ours are.
    """
    text = train_large(seed) if text is None else text
    booster = lightgbm.Booster(model_str=text)
    shap, build_s = _compiled(text)
    x = made_up(seed + 1, OUR_BATCH)[0]
    wide = x.astype(np.float64)

    def theirs(rows: Float32s) -> Any:
        return booster.predict(rows, pred_contrib=True, num_threads=1)

    shap.explain(wide[0]), shap.explain_rows(x[:1])  # compiled, or read from the cache, before it is timed
    one = _in_turns(
        repeats,
        [
            lambda: [theirs(x[at : at + 1]) for at in range(ONE)],
            lambda: [shap.explain(wide[at]) for at in range(ONE)],
        ],
    )
    batch = _in_turns(repeats, [lambda: theirs(x[:THEIR_BATCH]), lambda: shap.explain_rows(x)])
    their_rate, our_rate = THEIR_BATCH / batch[0], OUR_BATCH / batch[1]
    return {
        "benchmark": "reasons",
        "trees": booster.num_trees(),
        "features": FEATURES,
        "repeats": repeats,
        "one_ms": {"pred_contrib": _rounded(1e3 * one[0] / ONE), "ours": _rounded(1e3 * one[1] / ONE)},
        "batch_rows_per_s": {"pred_contrib": _rounded(their_rate), "ours": _rounded(our_rate)},
        "reasons_one": _rounded(one[0] / one[1]),
        "reasons_batch": _rounded(our_rate / their_rate),
        "build_s": _rounded(build_s),
        "compiled_mb": _rounded(sum(part.nbytes for part in shap.arrays) / 1e6),
        **_compared(shap, booster, x[:THEIR_BATCH]),
    }


def _compiled(text: str) -> tuple[TreeShap, float]:
    columns = np.arange(FEATURES)
    compile_shap(parse_trees(text), columns, columns, FEATURES)
    begun = time.perf_counter()
    shap = compile_shap(parse_trees(text), columns, columns, FEATURES)
    return shap, time.perf_counter() - begun


def _in_turns(repeats: int, timed: list[Timed]) -> list[float]:
    """Median seconds of each."""
    spent: list[list[float]] = [[] for _ in timed]
    for _ in range(repeats):
        for run, seconds in zip(timed, spent, strict=True):
            begun = time.perf_counter()
            run()
            seconds.append(time.perf_counter() - begun)
    return [statistics.median(seconds) for seconds in spent]


def _compared(shap: TreeShap, booster: lightgbm.Booster, x: Float32s) -> dict[str, Any]:
    wanted = np.asarray(booster.predict(x, pred_contrib=True, num_threads=1))
    margin = np.asarray(booster.predict(x, raw_score=True, num_threads=1))
    alone = [shap.explain(row) for row in x.astype(np.float64)]
    together = shap.explain_rows(x)
    apart = max(
        float(np.abs(np.array([by for _, by in alone]) - wanted[:, :-1]).max()),
        float(np.abs(together[1] - wanted[:, :-1]).max()),
    )
    same = [told for told, _ in alone] == margin.tolist() == together[0].tolist()
    missed = float(np.abs(shap.base + together[1].sum(axis=1) - margin).max())
    return {
        "largest_difference": apart,
        "misses_margin_by": missed,
        "margins_equal_to_the_bit": same,
        "equal": same and max(apart, missed) <= TOLERANCE,
    }


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")


def _print(result: dict[str, Any]) -> None:
    one, batch = result["one_ms"], result["batch_rows_per_s"]
    print(
        f"{result['trees']} trees, {result['features']} features, median of {result['repeats']}, one thread"
    )
    print(f"{'':14}{'pred_contrib':>14}{'ours':>10}{'times':>8}")
    print(f"{'one row, ms':14}{one['pred_contrib']:14.3f}{one['ours']:10.3f}{result['reasons_one']:8.1f}")
    print(
        f"{'batch, rows/s':14}{batch['pred_contrib']:14,.0f}{batch['ours']:10,.0f}{result['reasons_batch']:8.1f}"
    )
    print(f"made in {result['build_s']:.2f} s, {result['compiled_mb']:.1f} MB; ", end="")
    print(f"largest difference {result['largest_difference']:.1g}, equal: {result['equal']}")


if __name__ == "__main__":
    main()
