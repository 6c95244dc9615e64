"""The compiled walks behind ``models.tree_shap``: what is computed, not why.

Whatever hangs on the row is decided once for all nodes; the walks up and down a tree then have no branches,
and several quadrature nodes, or rows, are computed side by side.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from features.matrix import Floats
from models.trees import ZERO

Uints = NDArray[np.uint32]

LANES: Final = 3
"""Quadrature nodes that are computed side by side for one row; a tree takes a multiple of them."""
BLOCK: Final = 128
"""Rows that are computed side by side."""

NUMBER, MISSING, NONE = np.uint8(0), np.uint8(1), np.uint8(2)
"""What a cell holds: a number, nothing, or what LightGBM takes for 0."""


class Flat(NamedTuple):
    """Trees as the compiled walks read them.

    A slot is a node of a tree or, behind the nodes, a leaf.

    Attributes:
        first_node, first_leaf, first_repeat: where each tree begins, and the end; shape (trees + 1,).
        rules: how many rows of ``known`` a tree takes, shape (trees,).
        reads: the cell that a node looks at; adds_to: whom its contribution belongs to; threshold, share;
            left, right: slots; special: which of MISSING and NONE go left, as bits;
            rule: first row of ``known`` and ``weight``; shape (nodes,).
        value: shape (leaves,).
        repeat: nodes that split on a column for a second time; repeat_of: the split before;
            repeat_left: whether they lie to the left of it; shape (repeats,).
        known: probability that a node's column is known, at each quadrature node; weight: its derivative,
            times the weight of the quadrature node; shape (rules, LANES).
    """

    first_node: Uints
    first_leaf: Uints
    first_repeat: Uints
    rules: Uints
    reads: Uints
    adds_to: Uints
    threshold: Floats
    share: Floats
    left: Uints
    right: Uints
    special: NDArray[np.uint8]
    rule: Uints
    value: Floats
    repeat: Uints
    repeat_of: Uints
    repeat_left: NDArray[np.bool_]
    known: Floats
    weight: Floats


@njit(cache=True, nogil=True, inline="always")
def _kind(cell):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    return np.isnan(cell) * MISSING | (abs(cell) <= ZERO) * NONE


@njit(cache=True, nogil=True)
def _most_nodes(flat):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    most = np.uint32(0)
    for tree in range(len(flat.rules)):
        most = max(most, np.uint32(flat.first_node[tree + 1] - flat.first_node[tree]))
    return most


@njit(cache=True, nogil=True, error_model="numpy")
def margin(cells, flat):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """The sum of the leaves that one row comes to."""
    total = 0.0
    for tree in range(len(flat.rules)):
        first = flat.first_node[tree]
        nodes = np.uint32(flat.first_node[tree + 1] - first)
        slot = np.uint32(0)
        while slot < nodes:
            at = first + slot
            cell = cells[flat.reads[at]]
            kind = _kind(cell)
            goes_left = (flat.special[at] & kind) != 0 if kind else cell <= flat.threshold[at]
            slot = flat.left[at] if goes_left else flat.right[at]
        total += flat.value[flat.first_leaf[tree] + (slot - nodes)]
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def explain(cells, flat, by_part):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Add the contributions of one row to ``by_part`` and return its margin."""
    goes_left, surprise = _decisions(cells, flat)
    most = _most_nodes(flat)
    slots = np.empty((2 * most + 1, LANES)), np.empty((2 * most + 1, LANES))
    between = np.empty((most, LANES)), np.empty((most, LANES))
    total = 0.0
    for tree in range(len(flat.rules)):
        first, leaf = flat.first_node[tree], flat.first_leaf[tree]
        nodes = np.uint64(flat.first_node[tree + 1] - first)
        slot = np.uint64(0)
        while slot < nodes:
            slot = np.uint64(flat.left[first + slot] if goes_left[first + slot] else flat.right[first + slot])
        total += flat.value[leaf + (slot - nodes)]
        for behind in range(nodes + np.uint64(1)):
            for lane in range(LANES):
                slots[0][nodes + behind, lane] = flat.value[leaf + behind]
        for row in range(flat.rules[tree] if nodes else 0):
            _up_and_down((flat, first, nodes, np.uint64(row)), surprise, slots, between, by_part)
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def _decisions(cells, flat):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Where one row goes at each node, and how much of a surprise that is."""
    kind = np.empty(len(cells), np.uint8)
    for of in range(len(cells)):
        kind[of] = _kind(cells[of])
    goes_left = np.empty(len(flat.reads), np.bool_)
    surprise = np.empty(len(flat.reads))
    for at in range(len(flat.reads)):
        of = flat.reads[at]
        below = (cells[of] <= flat.threshold[at]) & (kind[of] == NUMBER)
        goes_left[at] = below | ((flat.special[at] & kind[of]) != 0)
        surprise[at] = np.float64(goes_left[at]) - flat.share[at]
    comes = np.ones(len(flat.reads), np.bool_)
    for again in range(len(flat.repeat)):
        at, before = flat.repeat[again], flat.repeat_of[again]
        comes[at] = comes[before] & (goes_left[before] == flat.repeat_left[again])
        if not comes[at]:
            surprise[at] = 0.0
    return goes_left, surprise


@njit(cache=True, nogil=True, error_model="numpy")
def _up_and_down(where, surprise, slots, between, by_part):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Add what one row of quadrature nodes tells of one tree to ``by_part``."""
    (flat, first, nodes, row), (expected, reached), (differs, to_left) = where, slots, between
    for back in range(nodes):
        node = nodes - np.uint64(1) - np.uint64(back)
        at = first + node
        left, right, rule = flat.left[at], flat.right[at], np.uint64(flat.rule[at]) + row
        share, surprised = flat.share[at], surprise[at]
        for lane in range(LANES):
            apart = expected[left, lane] - expected[right, lane]
            differs[node, lane] = apart * flat.weight[rule, lane]
            to_left[node, lane] = share + flat.known[rule, lane] * surprised
            expected[node, lane] = expected[right, lane] + to_left[node, lane] * apart
    for lane in range(LANES):
        reached[0, lane] = 1.0
    for forth in range(nodes):
        node = np.uint64(forth)
        at = first + node
        left, right = flat.left[at], flat.right[at]
        gain = 0.0
        for lane in range(LANES):
            here = reached[node, lane]
            gain += here * differs[node, lane]
            reached[left, lane] = here * to_left[node, lane]
            reached[right, lane] = here - reached[left, lane]
        by_part[flat.adds_to[at]] += gain * surprise[at]


@njit(cache=True, nogil=True, error_model="numpy")
def explain_rows(rows, flat, margins, by_part):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201, C901
    """As ``explain``, with a block of rows in the place of quadrature nodes."""
    most, cells, parts = _most_nodes(flat), rows.shape[1], by_part.shape[1]
    cell, kind = np.empty((cells, BLOCK)), np.empty((cells, BLOCK), np.uint8)
    goes_left, comes = np.empty((most, BLOCK), np.bool_), np.ones((most, BLOCK), np.bool_)
    surprise, gain, differs = np.empty((most, BLOCK)), np.empty((most, BLOCK)), np.empty((most, BLOCK))
    slots = np.empty((2 * most + 1, BLOCK)), np.empty((2 * most + 1, BLOCK))
    total, gains = np.empty(BLOCK), np.empty((parts, BLOCK))
    for start in range(0, len(rows), BLOCK):
        many = min(BLOCK, len(rows) - start)
        for of in range(cells):
            for lane in range(BLOCK):
                cell[of, lane] = rows[start + min(lane, many - 1), of]
                kind[of, lane] = _kind(cell[of, lane])
        total[:] = 0.0
        gains[:] = 0.0
        for tree in range(len(flat.rules)):
            _decide(flat, tree, (cell, kind), (goes_left, comes, surprise))
            _add_leaves(flat, tree, goes_left, total)
            _gain(flat, tree, surprise, slots, (differs, gain))
            first = flat.first_node[tree]
            for node in range(flat.first_node[tree + 1] - first):
                part = flat.adds_to[first + node]
                for lane in range(BLOCK):
                    gains[part, lane] += gain[node, lane] * surprise[node, lane]
        for lane in range(many):
            margins[start + lane] = total[lane]
            for part in range(parts):
                by_part[start + lane, part] = gains[part, lane]


# The loops over a block store to one or two arrays each: with more of them the compiler cannot tell that
# they do not overlap, and leaves the wide registers of the processor alone.


@njit(cache=True, nogil=True, error_model="numpy")
def _decide(flat, tree, rows, decisions):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Where each row of a block goes at each node of a tree, and how much of a surprise that is."""
    (cell, kind), (goes_left, comes, surprise) = rows, decisions
    first = flat.first_node[tree]
    for node in range(flat.first_node[tree + 1] - first):
        at = first + np.uint64(node)
        of, threshold, share, special = flat.reads[at], flat.threshold[at], flat.share[at], flat.special[at]
        for lane in range(BLOCK):
            below = (cell[of, lane] <= threshold) & (kind[of, lane] == NUMBER)
            goes_left[node, lane] = below | ((special & kind[of, lane]) != 0)
        for lane in range(BLOCK):
            surprise[node, lane] = np.float64(goes_left[node, lane]) - share
    for again in range(flat.first_repeat[tree], flat.first_repeat[tree + 1]):
        at, before = np.uint64(flat.repeat[again] - first), np.uint64(flat.repeat_of[again] - first)
        for lane in range(BLOCK):
            comes[at, lane] = comes[before, lane] & (goes_left[before, lane] == flat.repeat_left[again])
            if not comes[at, lane]:
                surprise[at, lane] = 0.0
    for again in range(flat.first_repeat[tree], flat.first_repeat[tree + 1]):
        comes[np.uint64(flat.repeat[again] - first)] = True


@njit(cache=True, nogil=True, error_model="numpy")
def _add_leaves(flat, tree, goes_left, total):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Add the leaf of each row of a block."""
    first, leaf = flat.first_node[tree], flat.first_leaf[tree]
    nodes = np.uint64(flat.first_node[tree + 1] - first)
    for lane in range(BLOCK):
        slot = np.uint64(0)
        while slot < nodes:
            slot = np.uint64(flat.left[first + slot] if goes_left[slot, lane] else flat.right[first + slot])
        total[lane] += flat.value[leaf + (slot - nodes)]


@njit(cache=True, nogil=True, error_model="numpy")
def _gain(flat, tree, surprise, slots, told):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202, C901
    """What knowing a node's column is worth there, per unit of surprise, for a block of rows."""
    (expected, reached), (differs, gain) = slots, told
    first, leaf = flat.first_node[tree], flat.first_leaf[tree]
    nodes = np.uint64(flat.first_node[tree + 1] - first)
    gain[:nodes] = 0.0
    for behind in range(nodes + np.uint64(1)):
        expected[nodes + behind] = flat.value[leaf + behind]
    for row in range(flat.rules[tree] if nodes else 0):
        for at_t in range(LANES):
            for back in range(nodes):
                node = nodes - np.uint64(1) - np.uint64(back)
                at = first + node
                left, right, rule = flat.left[at], flat.right[at], np.uint64(flat.rule[at]) + np.uint64(row)
                share, known, weight = flat.share[at], flat.known[rule, at_t], flat.weight[rule, at_t]
                for lane in range(BLOCK):
                    apart = expected[left, lane] - expected[right, lane]
                    to_left = share + known * surprise[node, lane]
                    differs[node, lane] = apart * weight
                    expected[node, lane] = expected[right, lane] + to_left * apart
            reached[0] = 1.0
            for forth in range(nodes):
                node = np.uint64(forth)
                at = first + node
                left, right, rule = flat.left[at], flat.right[at], np.uint64(flat.rule[at]) + np.uint64(row)
                share, known = flat.share[at], flat.known[rule, at_t]
                for lane in range(BLOCK):
                    here = reached[node, lane]
                    goes = here * (share + known * surprise[node, lane])
                    reached[left, lane] = goes
                    reached[right, lane] = here - goes
                for lane in range(BLOCK):
                    gain[node, lane] += reached[node, lane] * differs[node, lane]
