"""Snapshots as a point sheet sees them: how often each rule counted, and what became of the lead."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.matrix import Floats, Ints, Texts
from features.sheet import Sheet
from models.dataset import Dataset, Rows
from models.points.evaluation import capped, points_of, times


@dataclass(frozen=True, slots=True)
class RuleRows:
    """What points are learned from, in order of ``as_of``.

    Attributes:
        sheet: the rules.
        times: how often the points of each rule count, by rule caps at most, shape (rows, rules).
        label, weight, lead_id, account, service_line, as_of, label_known_at: as in ``Dataset``, shape (rows,).
    """

    sheet: Sheet
    times: Floats
    label: Floats
    weight: Floats
    lead_id: Texts
    account: Texts
    service_line: Texts
    as_of: Ints
    label_known_at: Ints

    def __post_init__(self) -> None:
        if self.times.shape != (len(self.label), len(self.sheet.rules)):
            raise ValueError(f"times must have one column per rule, got {self.times.shape}")

    @classmethod
    def of(cls, sheet: Sheet, rows: Dataset) -> RuleRows:
        """Read a sheet off a data set.

        Raises:
            LeadlightError: the matrix lacks a feature of a rule.
        """
        return cls(
            sheet,
            capped(sheet, times(sheet, rows.matrix)),
            *(getattr(rows, name) for name in cls.__slots__[2:]),
        )

    def __len__(self) -> int:
        return len(self.label)

    def take(self, rows: Rows) -> RuleRows:
        """Some of the rows, in their order. ``rows``: positions or a mask."""
        return RuleRows(self.sheet, *(getattr(self, name)[rows] for name in self.__slots__[1:]))

    @property
    def totals(self) -> Floats:
        """Sum of the points of all rules, before the caps of groups and of the total, shape (rows,)."""
        return self.times @ points_of(self.sheet)

    @property
    def fired(self) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
        """Whether each rule gives anything, shape (rows, rules)."""
        return self.times > 0.0

    @property
    def positives(self) -> int:
        """How many different leads converted."""
        return len(set(self.lead_id[self.label == 1.0]))
