"""The team's own rules, read for one lead by the engine that reads them for a matrix."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from features.definitions import Feature
from features.online import Row
from features.sheet import Sheet
from models.points.evaluation import Evaluated
from models.points.one_row import RowReader


class Given(NamedTuple):
    """What a rule that may be told gives a lead: ``points`` after caps, signed."""

    name: str
    points: float
    fired: bool


class ReadSheet:
    """A sheet, bound to the columns of a row. What is withheld counts for nothing, so that no sum tells of it.

    Attributes:
        withheld: of each rule, whether it looks at something that no reason may name.
    """

    def __init__(
        self,
        sheet: Sheet,
        columns: Sequence[Feature],
        withhold: Mapping[str, str],
        silent: Collection[int] = (),
    ) -> None:
        """``silent``: columns that may not be told, whatever they look at."""
        self.sheet = sheet
        self._rows = RowReader(sheet, columns)
        self.withheld = tuple(
            any(withheld(columns[at], withhold) is not None or at in silent for at in of_rule)
            for of_rule in self._rows.of_rule
        )
        self._told = np.array([0.0 if hidden else 1.0 for hidden in self.withheld])

    @property
    def complete(self) -> bool:
        """Whether every rule may be told."""
        return not any(self.withheld)

    def evaluated(self, row: Row, service_line: str | None = None) -> Evaluated:
        """The answer of the rules that may be told, for one lead."""
        counted = self._rows.times(row) * self._told
        return self._rows.reader.judge(counted, np.array([service_line or ""], dtype=object))

    def given(self, row: Row) -> list[Given]:
        """What the rules that may be told give."""
        counted = self._rows.times(row) * self._told
        points = self._rows.reader.capped(counted).by_rule[0].tolist()
        told = zip(self.sheet.rules, points, counted[0].tolist(), self.withheld, strict=True)
        return [Given(rule.name, gives, times > 0.0) for rule, gives, times, hidden in told if not hidden]


def withheld(feature: Feature, withhold: Mapping[str, str]) -> str | None:
    """Why a feature may not be named: it looks at a field, or selects on a word, that the playbook withholds."""
    rows = feature.where
    named = (feature.field, *rows.type, *rows.topic, *rows.channel, *rows.campaign, *rows.source)
    return next((withhold[word] for word in named if word is not None and word in withhold), None)
