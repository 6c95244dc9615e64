"""Snapshots as the solver wants them: equal ones once, rules first, then one column for all and one per line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from features.matrix import Floats, Ints, Texts
from models.points.refitting.penalized import Cells, Penalized

LINE_PRECISION: Final = 2.0
"""Of the shift of a service line: a prior standard deviation of .7 log-odds. Lines do differ by as much, and a line
with little of its own is taken to be like the others."""
USUAL: Final = 0.95
"""A rule whose points are given for each event is shrunk by what it usually gives at most: this quantile."""


@dataclass(frozen=True, slots=True)
class Design:
    """A table with a row per kind of snapshot: how often each rule counts, 1, and the service line.

    Attributes:
        cells: shape (kinds, rules + 1 + lines).
        kind: of each snapshot, shape (snapshots,).
        rules: how many. lines: names of the last columns.
        usual: what each rule usually gives at most, in times, shape (rules,); 1 for a rule that is given once.
    """

    cells: Cells
    kind: Ints
    rules: int
    lines: tuple[str, ...]
    usual: Floats

    @classmethod
    def of(cls, times: Floats, service_line: Texts) -> Design:
        """Equal snapshots become one. ``times``: shape (snapshots, rules)."""
        lines, line = np.unique(service_line.astype(str), return_inverse=True)
        shifted = tuple(lines.tolist()) if len(lines) > 1 else ()
        own = np.eye(len(lines))[line][:, : len(shifted)]
        table = np.ascontiguousarray(np.column_stack([times, np.ones(len(times)), own]))
        whole = table.view(np.dtype((np.void, table.dtype.itemsize * table.shape[1]))).ravel()
        _, first, kind = np.unique(whole, return_index=True, return_inverse=True)
        usual = np.array([_usual(column) for column in times.T])
        return cls(Cells.of(table[first]), kind.astype(np.int64), times.shape[1], shifted, usual)

    @property
    def width(self) -> int:
        """Number of coefficients."""
        return self.cells.width

    def weights(self, label: Floats, weight: Floats) -> tuple[Floats, Floats]:
        """Weight per kind of what converted, and of what did not."""
        converted, other = (
            np.bincount(self.kind, weights=part, minlength=len(self.cells)).astype(np.float64)
            for part in (weight * label, weight * (1.0 - label))
        )
        return converted, other

    def log_odds(self, b: Floats, times: Floats, service_line: Texts) -> Floats:
        """What coefficients say of snapshots, shape (snapshots,); a service line never seen has no shift."""
        shifts = dict(zip(self.lines, b[self.rules + 1 :].tolist(), strict=True))
        lines, line = np.unique(service_line.astype(str), return_inverse=True)
        shift = np.array([shifts.get(name, 0.0) for name in lines.tolist()])
        return np.asarray(times @ b[: self.rules] + b[self.rules] + shift[line])

    def problem(self, label: Floats, weight: Floats, penalty: Floats, toward: Floats) -> Penalized:
        """A regression without bounds. ``penalty``, ``toward``: of the rules, shape (rules,)."""
        of_lines = np.full(len(self.lines), LINE_PRECISION)
        none = np.full(self.width, np.inf)
        return Penalized(
            self.cells,
            *self.weights(label, weight),
            np.concatenate([penalty, [0.0], of_lines]),
            np.concatenate([toward, np.zeros(1 + len(self.lines))]),
            -none,
            none,
        )


def _usual(times: Floats) -> float:
    given = times[times > 0.0]
    return float(np.quantile(given, USUAL)) if len(given) else 1.0
