"""Contributions of trees: equal to LightGBM's, to shap's, and to what the definition says."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from itertools import combinations
from math import factorial
from operator import mul

import lightgbm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.matrix import Floats
from models.tree_shap import TreeShap, compile_shap
from models.tree_walks import BLOCK
from models.trees import Trees, TreesError, parse_trees
from tests.models.boosters import UNUSED, all_kinds, long_path, made_up, rows

KINDS = all_kinds()


def compiled(model: lightgbm.Booster) -> TreeShap:
    columns = np.arange(model.num_feature())
    return compile_shap(parse_trees(model.model_to_string()), columns, columns, len(columns))


COMPILED = {name: compiled(model) for name, model in KINDS.items()}


def by_lightgbm(model: lightgbm.Booster, x: Floats) -> tuple[Floats, Floats]:
    return (
        np.asarray(model.predict(x.astype(np.float32), raw_score=True, num_threads=1)),
        np.asarray(model.predict(x.astype(np.float32), pred_contrib=True, num_threads=1)),
    )


def assert_equal(shap: TreeShap, model: lightgbm.Booster, x: Floats) -> None:
    margin, parts = by_lightgbm(model, x)
    told = [shap.explain(row) for row in x]
    assert [margin for margin, _ in told] == margin.tolist()
    assert [shap.margin(row) for row in x] == margin.tolist()
    np.testing.assert_allclose([by for _, by in told], parts[:, :-1], rtol=0, atol=1e-9)
    np.testing.assert_allclose(shap.base, parts[:, -1], rtol=0, atol=1e-12)
    np.testing.assert_allclose([shap.base + by.sum() for _, by in told], margin, rtol=0, atol=1e-9)
    together = shap.explain_rows(x.astype(np.float32))
    assert together[0].tolist() == margin.tolist()
    np.testing.assert_allclose(together[1], [by for _, by in told], rtol=0, atol=1e-12)


@given(data=st.data(), kind=st.sampled_from(sorted(KINDS)))
def test_equals_lightgbm_on_any_row(data, kind) -> None:
    x = np.array(data.draw(rows(KINDS[kind])))
    assert_equal(COMPILED[kind], KINDS[kind], x)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_equals_lightgbm_where_it_learned(kind) -> None:
    model = KINDS[kind]
    x = made_up()[0][: BLOCK + 3, : model.num_feature()]
    assert_equal(COMPILED[kind], model, x)


@pytest.mark.filterwarnings("ignore:LightGBM binary classifier:UserWarning")
@pytest.mark.parametrize("kind", ["missing is a number's own side", "zero is missing", "a bagged one"])
def test_equals_shap(kind) -> None:
    shap = pytest.importorskip("shap")
    x = made_up(60, seed=9)[0]
    explainer = shap.TreeExplainer(KINDS[kind])
    _, parts = COMPILED[kind].explain_rows(x.astype(np.float32))
    np.testing.assert_allclose(parts, explainer.shap_values(x), rtol=0, atol=1e-9)
    assert COMPILED[kind].base == pytest.approx(float(explainer.expected_value), abs=1e-12)


# --- the definition: every coalition of columns, every tree


def expectation(trees: Trees, tree: int, row: Floats, known: frozenset[int], node: int = 0) -> float:
    """What a tree answers if only some columns are known."""
    if node < 0:
        return float(trees.leaf_value[trees.first_leaf[tree] + ~node])
    at = trees.first_node[tree] + node
    value = row[trees.column[at]]
    if np.isnan(value):
        left = bool(trees.nan_left[at])
    else:
        left = bool(trees.zero_left[at]) if value == 0.0 else bool(value <= trees.threshold[at])
    share = float(trees.left_share[at])
    if trees.column[at] in known:
        share = float(left)
    sides = (trees.left[at], trees.right[at])
    less, more = (expectation(trees, tree, row, known, int(side)) for side in sides)
    return share * less + (1.0 - share) * more


def shapley(trees: Trees, row: Floats, columns: int) -> Floats:
    """Shapley values by their definition."""
    values = np.zeros(columns)
    worth = {
        coalition: sum(expectation(trees, tree, row, frozenset(coalition)) for tree in range(len(trees)))
        for size in range(columns + 1)
        for coalition in combinations(range(columns), size)
    }
    for column in range(columns):
        others = [other for other in range(columns) if other != column]
        for size in range(columns):
            weight = factorial(size) * factorial(columns - size - 1) / factorial(columns)
            for coalition in combinations(others, size):
                more = tuple(sorted((*coalition, column)))
                values[column] += weight * (worth[more] - worth[coalition])
    return values


@pytest.mark.parametrize(
    "kind", ["missing is a number's own side", "zero is missing", "two columns again and again"]
)
def test_equals_the_definition(kind) -> None:
    model = KINDS[kind]
    trees = parse_trees(model.model_to_string())
    for row in made_up(4, seed=11)[0][:, : model.num_feature()]:
        _, parts = COMPILED[kind].explain(row)
        np.testing.assert_allclose(parts, shapley(trees, row, model.num_feature()), rtol=0, atol=1e-12)


def exactly(trees: Trees, row: Floats, columns: int) -> Floats:
    """Shapley values in whole numbers, leaf by leaf: coalitions are counted by their size."""
    values = [Fraction(0)] * columns
    for path, value in leaves(trees, row):
        for column, (follows, share) in path.items():
            by_size = [Fraction(1)]
            for other in path.keys() - {column}:
                agrees, else_share = path[other]
                longer = zip([*by_size, 0], [0, *by_size], strict=True)
                by_size = [without * else_share + known * agrees for without, known in longer]
            weights = [factorial(k) * factorial(len(path) - 1 - k) for k in range(len(path))]
            mean = sum(map(mul, by_size, weights)) / factorial(len(path))
            values[column] += value * (follows - share) * mean
    return np.array([float(value) for value in values])


Path = dict[int, tuple[int, Fraction]]


def leaves(
    trees: Trees, row: Floats, node: int = 0, path: Path | None = None
) -> Iterator[tuple[Path, Fraction]]:
    """Of the first tree: each leaf, and by column whether the row turns towards it, and the share that did."""
    if node < 0:
        yield path or {}, Fraction(float(trees.leaf_value[~node]))
        return
    column, share = int(trees.column[node]), Fraction(float(trees.left_share[node]))
    goes_left = int(row[column] <= trees.threshold[node])
    follows, before = (path or {}).get(column, (1, Fraction(1)))
    for child, turns, of in ((trees.left, goes_left, share), (trees.right, 1 - goes_left, 1 - share)):
        yield from leaves(
            trees, row, int(child[node]), {**(path or {}), column: (follows * turns, before * of)}
        )


def test_paths_may_be_long() -> None:
    model = long_path()
    trees, shap = parse_trees(model.model_to_string()), compiled(model)
    row = np.random.default_rng(1).random(model.num_feature()) ** 0.3
    wanted = exactly(trees, row, model.num_feature())
    _, parts = shap.explain(row)
    assert (parts != 0.0).sum() > 24  # more columns on one path than any table of subsets could hold
    np.testing.assert_allclose(parts, wanted, rtol=0, atol=1e-14)
    # LightGBM divides again and again on its way, and has lost some digits by then.
    np.testing.assert_allclose(by_lightgbm(model, row[np.newaxis])[1][0, :-1], wanted, rtol=0, atol=1e-7)


# --- where cells are read and where contributions go


def test_cells_and_parts_may_be_in_any_order() -> None:
    kind = "missing is a number's own side"
    trees = parse_trees(KINDS[kind].model_to_string())
    reads, adds_to = np.array([7, 3, 0, 5, 1, 2]), np.array([2, 0, 0, 1, 1, 2])
    shap = compile_shap(trees, reads, adds_to, 4)
    row = made_up(1, seed=12)[0][0]
    cells = np.full(9, np.nan)
    cells[reads] = row
    margin, parts = shap.explain(cells)
    own = COMPILED[kind].explain(row)
    assert margin == own[0]
    np.testing.assert_allclose(parts[:3], np.bincount(adds_to, weights=own[1]), rtol=0, atol=1e-14)
    assert parts[3] == 0.0


def test_too_few_columns_are_refused() -> None:
    trees = parse_trees(KINDS["a bagged one"].model_to_string())
    with pytest.raises(TreesError, match="more columns"):
        compile_shap(trees, np.arange(2), np.arange(2), 2)


def test_a_column_that_no_tree_looks_at_adds_exactly_nothing() -> None:
    _, parts = COMPILED["missing is a number's own side"].explain_rows(
        made_up(50, seed=13)[0].astype(np.float32)
    )
    assert not parts[:, UNUSED].any()
    assert np.delete(parts, UNUSED, axis=1).all(axis=0).any()


def test_no_rows_have_no_contributions() -> None:
    margin, parts = COMPILED["a stump"].explain_rows(np.empty((0, 6), dtype=np.float32))
    assert margin.shape == (0,)
    assert parts.shape == (0, 6)


@settings(max_examples=20)
@given(many=st.integers(1, 3 * BLOCK))
def test_a_row_is_answered_alike_in_any_company(many) -> None:
    shap, x = COMPILED["zero is missing"], made_up(3 * BLOCK, seed=14)[0].astype(np.float32)
    margin, parts = shap.explain_rows(x[:many])
    whole = shap.explain_rows(x)
    assert margin.tolist() == whole[0][:many].tolist()
    assert parts.tolist() == whole[1][:many].tolist()


def test_threads_may_share_it() -> None:
    shap, x = COMPILED["more nodes than a word has bits"], made_up(200, seed=15)[0]
    alone = [shap.explain(row) for row in x]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(shap.explain, np.tile(x, (5, 1))))
    assert [margin for margin, _ in together] == [margin for margin, _ in alone] * 5
    assert all((one[1] == other[1]).all() for one, other in zip(together, alone * 5, strict=True))
