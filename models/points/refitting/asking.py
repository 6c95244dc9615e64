"""What the data say, whatever the sheet says: of every rule beside the others, and of the total."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from features.matrix import Floats
from models.points.refitting.design import Design
from models.points.refitting.penalized import fit_penalized
from models.points.refitting.resampling import redraw
from models.points.refitting.verdicts import LEAST_LEADS
from models.points.rows import RuleRows
from models.wilson import Z_95

FREE: Final = 0.3
"""Prior precision of a rule, around 0: it only keeps one that always or never converts from running to infinity."""
SLOPE_PRECISION: Final = 0.25
"""Of the slope per standard deviation of the total; it only matters where a total parts the classes."""


@dataclass(frozen=True, slots=True)
class Told:
    """Log-odds each time that a rule counts.

    Attributes:
        middle, error: estimates and their standard errors, by draws of accounts, shape (rules,).
        drawn: of each draw, shape (draws, rules).
    """

    middle: Floats
    error: Floats
    drawn: Floats

    @property
    def low(self) -> Floats:
        """Lower ends, 95 %."""
        return self.middle - Z_95 * self.error

    @property
    def high(self) -> Floats:
        """Upper ends, 95 %."""
        return self.middle + Z_95 * self.error


@dataclass(frozen=True, slots=True)
class Slope:
    """Log-odds per point of the total, at least 0, with the ends of its interval, 95 %."""

    value: float
    low: float
    high: float

    @property
    def informative(self) -> bool:
        """Whether more points surely mean better leads."""
        return self.low > 0.0


def ask_rules(rows: RuleRows, design: Design, *, draws: int, seed: int) -> Told:
    """Fit all rules at once, nearly unshrunk, without regard to their signs."""
    precision = FREE * design.usual**2
    problem = design.problem(rows.label, rows.weight, precision, np.zeros(design.rules))
    middle = fit_penalized(problem)
    drawn = redraw(rows, design, problem, middle, draws=draws, seed=seed)[:, : design.rules]
    return Told(middle[: design.rules], drawn.std(axis=0, ddof=1), drawn)


def ask_total(rows: RuleRows, *, draws: int, seed: int) -> Slope:
    """Fit the total of today's points alone; one that is nearly always the same says nothing."""
    total = rows.totals
    if _nearly_constant(rows, total):
        return Slope(0.0, 0.0, 0.0)
    design = Design.of(total[:, None], rows.service_line)
    variance = np.average((total - np.average(total, weights=rows.weight)) ** 2, weights=rows.weight)
    precision = np.array([SLOPE_PRECISION * variance])
    problem = design.problem(rows.label, rows.weight, precision, np.zeros(1))
    middle = fit_penalized(problem)
    error = float(redraw(rows, design, problem, middle, draws=draws, seed=seed)[:, 0].std(ddof=1))
    value = float(middle[0])
    return Slope(max(value, 0.0), value - Z_95 * error, value + Z_95 * error)


def _nearly_constant(rows: RuleRows, total: Floats) -> bool:
    """Fewer than ``LEAST_LEADS`` leads ever have another total than the usual one."""
    values, often = np.unique(total, return_counts=True)
    return len(set(rows.lead_id[total != values[often.argmax()]])) < LEAST_LEADS
