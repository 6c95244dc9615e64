"""A point sheet bound to the columns of a row, for one lead at a time: by the engine that reads matrices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from features.definitions import Feature
from features.matrix import Floats
from features.online import Row
from features.sheet import Sheet
from models.points.evaluation import Capped, SheetReader


class RowReader:
    """May be shared by threads.

    Attributes:
        reader: caps and judges what ``times`` gives.
        of_rule: columns that each rule looks at.
    """

    def __init__(self, sheet: Sheet, columns: Sequence[Feature]) -> None:
        """Bind.

        Raises:
            KeyError: a feature of a rule is not among the columns.
        """
        self.reader = SheetReader(sheet)
        at = {feature.name: position for position, feature in enumerate(columns)}
        readings = self.reader.readings
        self.of_rule = tuple(tuple(at[feature.name] for feature in one.features) for one in readings)
        self._columns = np.array([column for of_one in self.of_rule for column in of_one], dtype=np.int64)
        cells = [(one.words, feature) for one in readings for feature in one.features]
        self._words = [
            (cell, at[feature.name], words)
            for cell, (words, feature) in enumerate(cells)
            if words and feature.is_category
        ]

    def times(self, row: Row) -> Floats:
        """See ``models.points.evaluation.times``; shape (1, rules)."""
        cells = row.values[self._columns].astype(np.float64)
        for cell, column, words in self._words:
            word = row.words[column]
            cells[cell] = word is not None and words.mean(word)
        return self.reader.times(cells[np.newaxis])

    def points(self, row: Row) -> Capped:
        """Points after every cap, of one row."""
        return self.reader.capped(self.times(row))
