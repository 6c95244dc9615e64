"""Where to cut: numbers that people would write, and jumps in what a number does."""

from __future__ import annotations

from typing import Final

import numpy as np

from features.matrix import Floats, Ints

DAYS: Final = (1, 2, 3, 5, 7, 14, 30, 60, 90, 180)
"""Windows that people agree on."""
HALF_LIVES: Final = (7, 14, 30, 60, 90)
"""Half-lives that people agree on, in days."""
_LEADING: Final = np.array([1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0])
BINS: Final = 64
"""Cells of about equal weight among which jumps are looked for."""


def round_number(value: float) -> float:
    """The nearest number with one or one and a half digits, by ratio.

    >>> round_number(187.0), round_number(0.034), round_number(-1100.0)
    (200.0, 0.03, -1000.0)
    """
    if value == 0.0 or not np.isfinite(value):
        return 0.0
    power = 10.0 ** np.floor(np.log10(abs(value)))
    lead = _LEADING[np.abs(np.log(_LEADING * power / abs(value))).argmin()]
    return float(f"{np.sign(value) * lead * power:.3g}")


def quantile_cuts(values: Floats, shares: tuple[float, ...] = (0.1, 0.25, 0.5, 0.75, 0.9)) -> list[float]:
    """Round numbers near quantiles of the values that are known, rising; none is the smallest value or below."""
    known = values[~np.isnan(values)]
    if not len(known):
        return []
    rounded = {round_number(float(q)) for q in np.quantile(known, shares)}
    return sorted(cut for cut in rounded if known.min() < cut <= known.max())


def count_cuts(counts: Floats) -> list[int]:
    """Numbers of events from 2 on: quantiles of the counts of those who have any, rising."""
    some = counts[counts > 0]
    if not len(some):
        return []
    return sorted({int(q) for q in np.quantile(some, (0.25, 0.5, 0.75, 0.9)) if q >= 2.0})


def jumps(values: Floats, told: Floats, weight: Floats, *, at_most: int = 3) -> list[float]:
    """Values at which ``told`` changes most, rising: a tree of ``at_most`` cuts, grown best first.

    Args:
        values: of a column; missing ones are left out. Shape (rows,).
        told: for example what the column adds to a model's log-odds, shape (rows,).
        weight: shape (rows,).
        at_most: cuts.

    Returns:
        Cuts c, meant as "at least c". A cut that explains less than 1 % of the variance of ``told`` is left out.
    """
    known = ~np.isnan(values)
    edges, sums = _cells(values[known], told[known], weight[known])
    everything = _scatter(sums.sum(axis=0))
    enough = 0.01 * max(float(weight[known] @ told[known] ** 2) - everything, 0.0)
    pieces, cuts = [(0, len(edges))], list[float]()
    while len(cuts) < at_most:
        options = [(*_best_cut(sums, piece), piece) for piece in pieces if piece[1] - piece[0] > 1]
        gain, at, piece = max(options, default=(0.0, 0, (0, 0)))
        if gain <= max(enough, 1e-12):
            break
        pieces.remove(piece)
        pieces += [(piece[0], at), (at, piece[1])]
        cuts.append(float(edges[at]))
    return sorted(cuts)


def _cells(values: Floats, told: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Smallest value of each cell, shape (cells,), and (weight, weight * told) of each, shape (cells, 2)."""
    if not len(values):
        return np.empty(0), np.empty((0, 2))
    wanted = np.quantile(values, np.linspace(0.0, 1.0, BINS + 1)[:-1], method="lower")
    edges = np.unique(wanted)
    cell: Ints = np.searchsorted(edges, values, side="right") - 1
    sums = [np.bincount(cell, weights=part, minlength=len(edges)) for part in (weight, weight * told)]
    return edges, np.column_stack(sums)


def _scatter(sums: Floats) -> float:
    """Squared sum over weight: what a cell explains."""
    return float(sums[1] ** 2 / sums[0]) if sums[0] > 0.0 else 0.0


def _best_cut(sums: Floats, piece: tuple[int, int]) -> tuple[float, int]:
    """(what is explained more, first cell of the right side)."""
    inside = sums[piece[0] : piece[1]]
    left = np.cumsum(inside, axis=0)[:-1]
    right = inside.sum(axis=0) - left
    explained = left[:, 1] ** 2 / left[:, 0] + right[:, 1] ** 2 / right[:, 0] - _scatter(inside.sum(axis=0))
    best = int(explained.argmax())
    return float(explained[best]), piece[0] + best + 1
