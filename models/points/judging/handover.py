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
        per_week: leads a week. precision: share of them that become SQL. captured: share of all SQLs that is
            among them. sqls_per_week: SQLs among them a week.
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
    def of(cls, sums: Floats, leads_per_week: float, units: tuple[int, int]) -> Drawn:
        """From sums over rows.

        Args:
            sums: shape (1 + draws, 4): weight handed over, converted among it, weight of all, converted of all.
            leads_per_week: that all of the weight stands for.
            units: accounts handed over, and those that converted.
        """
        taken, won, mass, converted = sums.T
        with np.errstate(divide="ignore", invalid="ignore"):
            a_week = leads_per_week / mass
            figures = np.column_stack([taken * a_week, won / taken, won / converted, won * a_week])
        return cls(figures, units)

    def handover(self) -> Handover:
        """With intervals."""
        per_week, precision, captured, sqls = (within(float(c[0]), c[1:]) for c in self.figures.T)
        return Handover(per_week, certain(precision, self.units[0]), certain(captured, self.units[1]), sqls)

    def minus(self, other: Drawn) -> Handover:
        """The difference to another way, draw by draw."""
        return Drawn(self.figures - other.figures).handover()
