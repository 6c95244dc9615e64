"""How well a score ranks, and what its best leads bring, for many weightings of the same rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.matrix import Floats, Ints


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """Rows sorted by score, the highest first; rows of one score are taken together, each in part.

    Attributes:
        order: of the rows. ends: last position of each score in it. converted: in that order.
    """

    order: Ints
    ends: Ints
    converted: Floats

    @classmethod
    def of(cls, score: Floats, label: Floats) -> Ranking:
        """Sort once."""
        order = np.argsort(-score, kind="stable")
        ends = np.flatnonzero(np.append(np.diff(score[order]) != 0.0, True))
        return cls(order, ends, label[order])

    def measured(self, weights: Floats, share: Floats | float | None) -> tuple[Floats, Floats, Floats]:
        """Each of shape (weightings,).

        Args:
            weights: shape (weightings, rows).
            share: of the weight that is taken, the best first, of all weightings or of each; ``None`` takes all.

        Returns:
            Converted weight among those taken, converted weight of all, ROC-AUC (NaN with one class only).
        """
        ranked = weights[:, self.order]
        mass = np.cumsum(ranked, axis=1)[:, self.ends]
        won = np.cumsum(ranked * self.converted, axis=1)[:, self.ends]
        shares = np.broadcast_to(1.0 if share is None else share, len(weights))
        caught = [
            np.interp(part * m[-1], np.append(0.0, m), np.append(0.0, w))
            for part, m, w in zip(shares, mass, won, strict=True)
        ]
        return np.array(caught), won[:, -1], _roc_auc(mass, won)

    def parts(self, weight: Floats, share: float) -> Floats:
        """How much of each row is taken where a share of the weight is, 0 to 1, shape (rows,)."""
        mass = np.cumsum(weight[self.order])[self.ends]
        start = np.append(0.0, mass[:-1])
        return self._of_rows(np.clip((share * mass[-1] - start) / (mass - start), 0.0, 1.0))

    def ranks(self, weights: Floats) -> Floats:
        """Weight above each row, and half of the weight of its equals; shape (weightings, rows)."""
        mass = np.cumsum(weights[:, self.order], axis=1)[:, self.ends]
        return self._of_rows(mass - 0.5 * np.diff(mass, axis=1, prepend=0.0))

    def _of_rows(self, levels: Floats) -> Floats:
        """What holds of each score, the highest first, for every row of it; the last axis is that of rows."""
        found = np.empty((*levels.shape[:-1], len(self.order)))
        found[..., self.order] = np.repeat(levels, np.diff(self.ends, prepend=-1), axis=-1)
        return found


def _roc_auc(mass: Floats, won: Floats) -> Floats:
    """Chance that a converted row is ranked above another; a tie counts half."""
    others = mass - won
    below = others[:, -1:] - others + 0.5 * np.diff(others, axis=1, prepend=0.0)
    pairs = won[:, -1] * others[:, -1]
    beaten = (np.diff(won, axis=1, prepend=0.0) * below).sum(axis=1)
    return np.asarray(np.divide(beaten, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0.0))
