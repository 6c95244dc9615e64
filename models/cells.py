"""One row for all parts of a model at once: the row's own numbers and, behind them, what its words are worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from features.definitions import Feature
from features.errors import DefinitionError
from features.matrix import Floats, Ints
from features.online import Row
from models.encoder import Column


@dataclass(frozen=True, slots=True)
class _WordCell:
    """What a word is worth, in one cell."""

    cell: int
    table: Mapping[str, float]
    other: float
    missing: float

    def of(self, word: str) -> float:
        return self.table.get(word, self.other)


@dataclass(frozen=True, slots=True)
class _Words:
    """The cells of one category, filled in one step."""

    feature: int
    cells: Ints
    known: Mapping[str, Floats]
    other: Floats
    missing: Floats


@dataclass(slots=True)
class CellPlan:
    """Collects what the parts of a model want to read; ``finish`` makes it fast.

    Args:
        features: the columns of a row.
    """

    features: Sequence[Feature]
    _position: dict[str, int] = field(init=False)
    _words: dict[int, list[_WordCell]] = field(init=False, default_factory=dict)
    _learned: dict[int, set[str]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._position = {feature.name: at for at, feature in enumerate(self.features)}

    def feature(self, name: str) -> int:
        """Position of a feature in the row, which is the cell of its number, too."""
        return self._position[name]

    def word(self, name: str, table: Mapping[str, float], other: float = 0.0, missing: float = 0.0) -> int:
        """A cell for what a category's word is worth.

        Args:
            name: of the category.
            table: worth of each word.
            other: worth of a word that is not in it.
            missing: worth of having no word.

        Raises:
            DefinitionError: the feature is no category.
        """
        at = self._position[name]
        if not self.features[at].is_category:
            raise DefinitionError(f"{name} has no words")
        cell = len(self.features) + sum(map(len, self._words.values()))
        self._words.setdefault(at, []).append(_WordCell(cell, table, other, missing))
        return cell

    def encoded(self, column: Column) -> int:
        """The cell of a column of an encoder: what ``Column.values`` gives, as float32."""
        if column.kind == "number" and not self.features[self._position[column.feature]].is_category:
            return self._position[column.feature]
        self.learned(column.feature, [column.word] if column.kind == "word" else [*(column.table or {})])
        return self.word(column.feature, *_worth(column))

    def learned(self, name: str, words: Sequence[str]) -> None:
        """Note that some part has learned something about these words."""
        self._learned.setdefault(self._position[name], set()).update(words)

    def finish(self) -> Cells:
        """Everything that was asked for."""
        return Cells(
            length=len(self.features) + sum(map(len, self._words.values())),
            names=tuple(feature.name for feature in self.features),
            words=tuple(_joined(at, cells) for at, cells in sorted(self._words.items())),
            learned={at: frozenset(words) for at, words in sorted(self._learned.items())},
        )


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Turns a row into the numbers that the parts of a model read. Made by ``CellPlan``."""

    length: int
    names: tuple[str, ...]
    words: tuple[_Words, ...]
    learned: Mapping[int, frozenset[str]]

    def of(self, row: Row) -> Floats:
        """Shape (cells,)."""
        cells = np.empty(self.length)
        cells[: len(self.names)] = row.values
        for category in self.words:
            word = row.words[category.feature]
            told = category.missing if word is None else category.known.get(word, category.other)
            cells[category.cells] = told
        return cells

    def unseen(self, row: Row) -> tuple[str, ...]:
        """Names of the categories whose word no part has learned anything about."""
        told = ((self.names[at], row.words[at], words) for at, words in self.learned.items())
        return tuple(name for name, word, words in told if word is not None and word not in words)


def _worth(column: Column) -> tuple[Mapping[str, float], float, float]:
    """What a column makes of the words of its table, of another word, and of none."""
    table = column.table or {}
    if column.kind == "lift":
        return {word: float(np.float32(lift)) for word, lift in table.items()}, 0.0, float("nan")
    if column.kind == "other":
        return dict.fromkeys(table, 0.0), 1.0, 0.0
    if column.kind == "missing":
        return {}, 0.0, 1.0
    return {column.word: 1.0}, 0.0, 0.0


def _joined(feature: int, cells: Sequence[_WordCell]) -> _Words:
    words = {word for cell in cells for word in cell.table}
    return _Words(
        feature=feature,
        cells=np.array([cell.cell for cell in cells], dtype=np.int64),
        known={word: np.array([cell.of(word) for cell in cells]) for word in words},
        other=np.array([cell.other for cell in cells]),
        missing=np.array([cell.missing for cell in cells]),
    )
