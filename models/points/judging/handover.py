"""What sales gets when a part of the leads is handed over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from features.matrix import Floats
from models.intervals import Estimate
from models.points.judging.account_draws import certain, within

FIGURES: Final = ("per_week", "precision", "captured", "sqls_per_week")


@dataclass(frozen=True, slots=True)
class Handover:
    """Leads that are handed over; or, of two ways, how much more of each.

    Attributes:
        per_week: leads a week, of all that were offered. precision: share that became SQL, of those with an
            outcome. captured: share of all known SQLs that is among them.
        sqls_per_week: the product of the first two: SQLs a week if sales worked every lead handed over, and
            those without an outcome converted like those with one.
    """

    per_week: Estimate
    precision: Estimate
    captured: Estimate
    sqls_per_week: Estimate


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """``FIGURES`` as they are and in every draw.

    Attributes:
        figures: shape (1 + draws, figures), the first row as they are.
        units: accounts handed over, and those that converted.
    """

    figures: Floats
    units: tuple[int, int] = (0, 0)

    @classmethod
    def of(cls, sums: Floats, per_week: Floats, units: tuple[int, int]) -> Drawn:
        """From sums over rows.

        Args:
            sums: shape (1 + draws, 3): weight handed over, converted among it, converted of all.
            per_week: leads handed over a week, shape (1 + draws,).
            units: accounts handed over, and those that converted.
        """
        taken, won, converted = sums.T
        with np.errstate(divide="ignore", invalid="ignore"):
            precision, captured = won / taken, won / converted
            sqls = np.where(per_week > 0.0, per_week * precision, 0.0)
        return cls(np.column_stack([per_week, precision, captured, sqls]), units)

    def handover(self) -> Handover:
        """With intervals."""
        per_week, precision, captured, sqls = (within(float(c[0]), c[1:]) for c in self.figures.T)
        return Handover(per_week, certain(precision, self.units[0]), certain(captured, self.units[1]), sqls)

    def minus(self, other: Drawn) -> Handover:
        """The difference to another way, draw by draw."""
        return Drawn(self.figures - other.figures).handover()
