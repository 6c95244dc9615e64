"""The features of a list of snapshots, column names and words included."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from features.definitions import Feature

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Float32s = NDArray[np.float32]
Ints = NDArray[np.int64]
Texts = NDArray[np.object_]


@dataclass(frozen=True)
class Matrix:
    """One row per snapshot, one column per feature.

    Attributes:
        features: the columns, in order.
        values: float32 of shape (snapshots, features), as models read them: a hundred features of five
            million snapshots are 2 GB. NaN is missing. In a column whose feature ``is_category`` a cell is a
            position in ``words[name]``.
        words: for each category column, its words.
    """

    features: tuple[Feature, ...]
    values: Float32s
    words: Mapping[str, tuple[str, ...]]

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", np.asarray(self.values, dtype=np.float32))
        if self.values.ndim != 2 or self.values.shape[1] != len(self.features):
            message = f"{len(self.features)} features need as many columns, got shape {self.values.shape}"
            raise ValueError(message)

    def __len__(self) -> int:
        return len(self.values)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Column names."""
        return tuple(feature.name for feature in self.features)

    def column(self, name: str) -> Floats:
        """Values of one feature, shape (snapshots,)."""
        return self.values[:, self.names.index(name)].astype(np.float64)

    def texts(self, name: str) -> Texts:
        """Words of one category feature, ``None`` where missing."""
        lookup = np.array([*self.words[name], None], dtype=object)
        codes = self.column(name)
        return lookup[np.where(np.isnan(codes), len(lookup) - 1, codes).astype(np.int64)]

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Matrix:
        """Some of the rows, in the order given."""
        return Matrix(self.features, self.values[rows], self.words)

    def select(self, features: Sequence[Feature]) -> Matrix:
        """Some of the columns, in the order given."""
        names = self.names
        at = [names.index(feature.name) for feature in features]
        kept = {feature.name: self.words[feature.name] for feature in features if feature.is_category}
        return Matrix(tuple(features), self.values[:, at], kept)

    def beside(self, other: Matrix) -> Matrix:
        """The same rows with the columns of ``other`` behind these; of one name, these are kept.

        Raises:
            ValueError: ``other`` has other rows in number.
        """
        if len(other) != len(self):
            raise ValueError(f"{len(self)} rows cannot stand beside {len(other)}")
        more = other.select([feature for feature in other.features if feature.name not in self.names])
        values = np.hstack([self.values, more.values])
        return Matrix((*self.features, *more.features), values, {**self.words, **more.words})

    def to_pandas(self) -> pd.DataFrame:
        """A frame with one column per feature; category columns are pandas categories."""
        import pandas as pd  # noqa: PLC0415 - the serving path has no pandas

        frame = pd.DataFrame(self.values, columns=list(self.names))
        for name, words in self.words.items():
            frame[name] = pd.Categorical(self.texts(name), categories=list(words))
        return frame


def stack(parts: Sequence[Matrix]) -> Matrix:
    """Join matrices of the same features below each other; their words are brought to one list."""
    first = parts[0]
    if any(part.features != first.features for part in parts):
        raise ValueError("only matrices of the same features can be stacked")
    values = np.concatenate([part.values for part in parts])
    words: dict[str, tuple[str, ...]] = {}
    for column, feature in enumerate(first.features):
        if not feature.is_category:
            continue
        joined = sorted({word for part in parts for word in part.words[feature.name]})
        position = {word: float(i) for i, word in enumerate(joined)}
        values[:, column] = np.concatenate([_recoded(part, column, feature.name, position) for part in parts])
        words[feature.name] = tuple(joined)
    return Matrix(first.features, values, words)


def _recoded(part: Matrix, column: int, name: str, position: Mapping[str, float]) -> Floats:
    lookup = np.array([*(position[word] for word in part.words[name]), np.nan])
    codes = part.values[:, column]
    return lookup[np.where(np.isnan(codes), len(lookup) - 1, codes).astype(np.int64)]
