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

    def measured(self, weights: Floats, share: float | None) -> tuple[Floats, Floats, Floats]:
        """Each of shape (weightings,).

        Args:
            weights: shape (weightings, rows).
            share: of the weight that is taken, the best first; ``None`` takes all.

        Returns:
            Converted weight among those taken, converted weight of all, ROC-AUC (NaN with one class only).
        """
        ranked = weights[:, self.order]
        mass = np.cumsum(ranked, axis=1)[:, self.ends]
        won = np.cumsum(ranked * self.converted, axis=1)[:, self.ends]
        caught = [
            np.interp((1.0 if share is None else share) * m[-1], np.append(0.0, m), np.append(0.0, w))
            for m, w in zip(mass, won, strict=True)
        ]
        return np.array(caught), won[:, -1], _roc_auc(mass, won)


def _roc_auc(mass: Floats, won: Floats) -> Floats:
    """Chance that a converted row is ranked above another; a tie counts half."""
    others = mass - won
    below = others[:, -1:] - others + 0.5 * np.diff(others, axis=1, prepend=0.0)
    pairs = won[:, -1] * others[:, -1]
    beaten = (np.diff(won, axis=1, prepend=0.0) * below).sum(axis=1)
    return np.asarray(np.divide(beaten, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0.0))
