"""Exact TreeSHAP values of a sum of trees, by quadrature: ten and more times as fast as walking every path.

A tree answers a question about a row of which only some columns are known: where a split's column is not,
the answer is the mean of both sides, weighted by training rows. If each column is known with probability
``t``, independently of the others, then the Shapley value of a column is the integral, over ``t`` from 0
to 1, of what knowing it adds. (Owen 1972, *Management Science* 18: multilinear extensions of games. The
questions are those of path-dependent TreeSHAP, Lundberg et al. 2020, *Nature Machine Intelligence* 2.)

At one ``t`` all these derivatives take one walk up the tree and one down, as in back-propagation:

* A node expects ``r * left + (1 - r) * right``, with ``r = share + s * (goes_left - share)``.
* ``s`` is the probability that its column is known: ``t``; or, where the row met a split on that column
  before and both times went this way, what Bayes' rule makes of it; or 0 where it had turned off, since
  nobody who knows the column comes here.

On a path over ``d`` columns the integrand is a polynomial of degree ``d - 1``, for which Gauss-Legendre
nodes, ``ceil(d / 2)`` of them, are exact. So there is no table to fill and no limit of size or depth.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from features.matrix import Float32s, Floats, Ints
from models.tree_walks import (
    LANES,
    MISSING,
    NONE,
    Flat,
    Uints,
    explain,
    explain_rows,
    margin,
)
from models.trees import Trees, TreesError


@dataclass(frozen=True, slots=True, eq=False)
class TreeShap:
    """Answers for rows of cells; made by ``compile_shap``. May be used from several threads at once.

    Attributes:
        base: mean answer over the training rows, which contributions start from.
        parts: how many contributions there are.
    """

    base: float
    parts: int
    _flat: Flat

    @property
    def arrays(self) -> tuple[NDArray[Any], ...]:
        """All that it holds."""
        return tuple(self._flat)

    def margin(self, cells: Floats) -> float:
        """The sum of the trees, shape of ``cells`` (cells,); to the last bit what LightGBM predicts."""
        return float(margin(cells, self._flat))

    def explain(self, cells: Floats) -> tuple[float, Floats]:
        """Margin and contributions, shape (parts,), of one row."""
        by_part = np.zeros(self.parts)
        return float(explain(cells, self._flat, by_part)), by_part

    def explain_rows(self, cells: Float32s) -> tuple[Floats, Floats]:
        """Margins, shape (rows,), and contributions, shape (rows, parts)."""
        margin, by_part = np.empty(len(cells)), np.empty((len(cells), self.parts))
        explain_rows(np.ascontiguousarray(cells, dtype=np.float32), self._flat, margin, by_part)
        return margin, by_part


def compile_shap(trees: Trees, reads: Ints, adds_to: Ints, parts: int) -> TreeShap:
    """Prepare trees for rows whose cells are not in the order of the trees' columns.

    Args:
        trees: what LightGBM learned.
        reads: of each column of the trees, the position of its cell.
        adds_to: of each column of the trees, the position of the contribution that it is a part of.
        parts: how many contributions there are.

    Raises:
        TreesError: the trees look at more columns than are given.
    """
    if trees.column.max(initial=-1) >= len(reads):
        raise TreesError("the trees look at more columns than there are")
    again = _ancestry(trees.first_node, trees.column, trees.left, trees.right, trees.left_share)
    nodes_of = np.diff(trees.first_node)
    of_tree = np.repeat(np.arange(len(trees)), nodes_of)
    rules, rule, known, weight = _rules(again, of_tree)
    repeat = np.flatnonzero(again.before >= 0)

    def slot(child: NDArray[np.int32]) -> Uints:
        return np.where(child >= 0, child, nodes_of[of_tree] + ~child).astype(np.uint32)

    flat = Flat(
        first_node=trees.first_node.astype(np.uint32),
        first_leaf=trees.first_leaf.astype(np.uint32),
        first_repeat=np.searchsorted(repeat, trees.first_node).astype(np.uint32),
        rules=rules,
        reads=reads[trees.column].astype(np.uint32),
        adds_to=adds_to[trees.column].astype(np.uint32),
        threshold=trees.threshold,
        share=trees.left_share,
        left=slot(trees.left),
        right=slot(trees.right),
        special=trees.nan_left * MISSING | trees.zero_left * NONE,
        rule=rule,
        value=trees.leaf_value,
        repeat=repeat.astype(np.uint32),
        repeat_of=again.before[repeat].astype(np.uint32),
        repeat_left=again.on_left[repeat],
        known=known,
        weight=weight,
    )
    return TreeShap(float(trees.leaf_share @ trees.leaf_value), parts, flat)


class _Ancestry(NamedTuple):
    """Which splits look at their column for a second time.

    Attributes:
        before: the last split above a node on the same column, or -1; on_left: whether the node lies to
            the left of it; let_through: share of training rows that all such splits let through to the
            node; shape (nodes,).
        most_columns: the most columns on a path, shape (trees,).
    """

    before: NDArray[np.int32]
    on_left: NDArray[np.bool_]
    let_through: Floats
    most_columns: NDArray[np.int32]


@njit(cache=True)
def _ancestry(first_node, column, left, right, left_share):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Look upwards from every node."""
    nodes, trees = len(column), len(first_node) - 1
    parent = np.full(nodes, -1, np.int32)
    before = np.full(nodes, -1, np.int32)
    on_left = np.zeros(nodes, np.bool_)
    let_through = np.ones(nodes)
    columns = np.zeros(nodes, np.int32)  # different ones on the path to a node, its own included
    most_columns = np.zeros(trees, np.int32)
    for tree in range(trees):
        root = first_node[tree]
        for node in range(root, first_node[tree + 1]):
            for child in (left[node], right[node]):
                if child >= 0:
                    parent[root + child] = node
            below, above = node, parent[node]
            while above >= 0 and column[above] != column[node]:
                below, above = above, parent[above]
            if above >= 0:
                before[node] = above
                on_left[node] = root + left[above] == below
                share = left_share[above] if on_left[node] else 1.0 - left_share[above]
                let_through[node] = let_through[above] * share
            columns[node] = (columns[parent[node]] if parent[node] >= 0 else 0) + (above < 0)
            most_columns[tree] = max(most_columns[tree], columns[node])
    return _Ancestry(before, on_left, let_through, most_columns)


def _rules(again: _Ancestry, of_tree: Ints) -> tuple[Uints, Uints, Floats, Floats]:
    """Rows per tree, first row per node, and the rows themselves: ``known`` and ``weight``.

    Nodes that were let through to alike, as those whose column was not met before, share their rows.
    """
    per_tree = np.maximum(-(-again.most_columns // (2 * LANES)), 1)
    first: dict[tuple[int, float], int] = {}
    known: list[Floats] = []
    weight: list[Floats] = []
    rule = np.empty(len(of_tree), dtype=np.uint32)
    keys = zip(per_tree[of_tree].tolist(), again.let_through.tolist(), strict=True)
    for node, (rows, let_through) in enumerate(keys):
        if (rows, let_through) not in first:
            first[rows, let_through] = len(known)
            t, of_t = _quadrature(rows * LANES)
            reached = t + (1.0 - t) * let_through
            known.extend((t / reached).reshape(rows, LANES))
            weight.extend((of_t * let_through / reached**2).reshape(rows, LANES))
        rule[node] = first[rows, let_through]
    shape = len(known), LANES
    return per_tree.astype(np.uint32), rule, np.reshape(known, shape), np.reshape(weight, shape)


@lru_cache
def _quadrature(nodes: int) -> tuple[Floats, Floats]:
    """Gauss-Legendre nodes and weights between 0 and 1."""
    at, weight = np.polynomial.legendre.leggauss(nodes)
    return (at + 1.0) / 2.0, weight / 2.0
