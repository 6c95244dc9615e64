"""From a matrix with words to float32 numbers, the same way in training and serving.

Numbers stay as they are, missing ones too. A category becomes one flag per frequent word, one for any
other word and one for missing; a category with many words also gets its *lift*: the log-odds of its
labels over those of all, shrunk towards 0.

The lift of a training row is time-ordered: it uses labels known before the row's ``as_of`` only, and
none of the row's own account. Source: regularised target encoding, Pargent et al. (2022),
*Computational Statistics* 37; the order in time as in CatBoost, Prokhorenkova et al. (2018).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np

from features.definitions import Feature
from features.errors import LeadlightError
from features.matrix import Float32s, Floats, Ints, Matrix
from models.dataset import Dataset

Kind = Literal["number", "word", "other", "missing", "lift"]

FEW_WORDS: Final = 8
"""A category with at most so many words is told by flags alone."""
MOST_FLAGS: Final = 40
"""A category with more words has flags for its most frequent ones, up to this many."""
LEAST_LEADS: Final = 10
"""A word has a flag or a lift of its own from so many training leads on. A rarer one could say who its lead is."""
PRIOR_ROWS: Final = 20.0
"""Weight of the common rate in a lift, in rows."""
LEAST_TOLD: Final = 0.5
"""A lift is used if labels were known before at least this share of the training rows; otherwise most rows
would be learned from without what they are served with."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the encoded matrix.

    Attributes:
        feature: name of the feature it is made from.
        kind: how. word: the word of a flag.
        table: for ``other`` the words that have a flag (values unused), for ``lift`` the value of each
            word seen in training.
    """

    feature: str
    kind: Kind
    word: str = ""
    table: Mapping[str, float] | None = None

    @property
    def name(self) -> str:
        """For people; a word may be called as a kind is."""
        return self.feature if self.kind == "number" else f"{self.feature} [{self.word or self.kind}]"

    def values(self, matrix: Matrix) -> Floats:
        """Encode one column of a matrix, shape (rows,)."""
        raw = matrix.column(self.feature)
        if self.kind == "number":
            return raw
        if self.kind == "missing":
            return np.isnan(raw).astype(np.float64)
        of_word = np.array(
            [self._of_word(word) for word in matrix.words[self.feature]] + [self._of_missing()]
        )
        return of_word[np.where(np.isnan(raw), len(of_word) - 1, raw).astype(np.int64)]

    def _of_word(self, word: str) -> float:
        if self.kind == "word":
            return float(word == self.word)
        table = self.table or {}
        return float(word not in table) if self.kind == "other" else table.get(word, 0.0)

    def _of_missing(self) -> float:
        return float("nan") if self.kind == "lift" else 0.0

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        plain: dict[str, Any] = {"feature": self.feature, "kind": self.kind}
        if self.word:
            plain["word"] = self.word
        if self.table is not None:
            plain["table"] = dict(self.table)
        return plain


@dataclass(frozen=True, slots=True)
class Encoder:
    """The columns a model sees. ``features`` are those it needs in a matrix, in order."""

    features: tuple[Feature, ...]
    columns: tuple[Column, ...]

    def encode(self, matrix: Matrix) -> Float32s:
        """Shape (rows, columns).

        Raises:
            LeadlightError: the matrix lacks a feature.
        """
        missing = sorted({column.feature for column in self.columns} - set(matrix.names))
        if missing:
            raise LeadlightError("the matrix lacks features that the model was trained on", missing)
        encoded = np.empty((len(matrix), len(self.columns)), dtype=np.float32)
        for at, column in enumerate(self.columns):
            encoded[:, at] = column.values(matrix)
        return encoded

    def to_features(self, parts: Floats, matrix: Matrix) -> Floats:
        """Sum contributions of encoded columns, shape (rows, columns), into those of the matrix's features."""
        position = {name: at for at, name in enumerate(matrix.names)}
        summed = np.zeros((len(parts), len(matrix.features)))
        for at, column in enumerate(self.columns):
            summed[:, position[column.feature]] += parts[:, at]
        return summed

    def to_json(self) -> str:
        """Text that ``from_json`` reads back exactly."""
        plain = {
            "features": [feature.to_json() for feature in self.features],
            "columns": [column.to_json() for column in self.columns],
        }
        return json.dumps(plain, indent=1, sort_keys=True, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Encoder:
        """Inverse of ``to_json``."""
        plain = json.loads(text)
        return cls(
            tuple(Feature.from_json(feature) for feature in plain["features"]),
            tuple(Column(**column) for column in plain["columns"]),
        )


def fit_encode(train: Dataset, features: Sequence[Feature] | None = None) -> tuple[Encoder, Float32s]:
    """Learn an encoder of ``features`` (all if None), and encode its own training rows (lifts in order of time).

    Columns that are constant in training, or equal to an earlier column, are left out.
    """
    columns: list[Column] = []
    values: list[Float32s] = []
    seen: set[bytes] = set()
    given = train.matrix.features if features is None else features
    for feature in given:
        for column in _columns_of(feature, train):
            encoded = _in_training(column, train).astype(np.float32)
            if _varies(encoded) and encoded.tobytes() not in seen:
                seen.add(encoded.tobytes())
                columns.append(column)
                values.append(encoded)
    used = {column.feature for column in columns}
    stacked = np.column_stack(values) if values else np.empty((len(train), 0), dtype=np.float32)
    return Encoder(tuple(feature for feature in given if feature.name in used), tuple(columns)), stacked


def _in_training(column: Column, train: Dataset) -> Floats:
    return _lift_in_time(train, column.feature) if column.kind == "lift" else column.values(train.matrix)


def _varies(values: Float32s) -> bool:
    return len(values) > 0 and not np.array_equal(values, np.full_like(values, values[0]), equal_nan=True)


def _columns_of(feature: Feature, train: Dataset) -> list[Column]:
    if not feature.is_category:
        return [Column(feature.name, "number")]
    words, leads = _leads_of_words(train, feature.name)
    common = [words[at] for at in np.argsort(-leads, kind="stable") if leads[at] >= LEAST_LEADS][:MOST_FLAGS]
    columns = [Column(feature.name, "word", word) for word in common]
    columns.append(Column(feature.name, "other", table=dict.fromkeys(sorted(common), 1.0)))
    columns.append(Column(feature.name, "missing"))
    if len(words) > FEW_WORDS and (train.as_of > train.label_known_at.min()).mean() >= LEAST_TOLD:
        columns.append(Column(feature.name, "lift", table=_lift_table(train, feature.name)))
    return columns


def _leads_of_words(train: Dataset, name: str) -> tuple[list[str], Ints]:
    """Words that occur, in alphabetical order, and how many leads each occurs on."""
    texts = train.matrix.texts(name)
    known = texts != None  # noqa: E711 - elementwise
    words, member = np.unique(texts[known].astype(str), return_inverse=True)
    lead = np.unique(train.lead_id[known].astype(str), return_inverse=True)[1]
    pairs = np.unique(np.column_stack([member, lead]), axis=0)
    return words.tolist(), np.bincount(pairs[:, 0], minlength=len(words)).astype(np.int64)


def _log_odds(won: Floats, of: Floats) -> Floats:
    return np.log(won) - np.log(of - won)


def _lift(won: Floats, of: Floats, all_won: Floats, all_of: Floats) -> Floats:
    """Log-odds of a word's shrunk rate over those of the common rate; 0 where nothing is known."""
    rate = (all_won + 1.0) / (all_of + 2.0)
    shrunk = (won + PRIOR_ROWS * rate, of + PRIOR_ROWS)
    return _log_odds(*shrunk) - _log_odds(rate, np.ones_like(rate))


def _lift_table(train: Dataset, name: str) -> dict[str, float]:
    texts = train.matrix.texts(name)
    words, member = np.unique(np.where(texts == None, "", texts).astype(str), return_inverse=True)  # noqa: E711
    won: Floats = np.bincount(member, weights=train.weight * train.label).astype(np.float64)
    of: Floats = np.bincount(member, weights=train.weight).astype(np.float64)
    lifts = _lift(won, of, np.full(len(words), won.sum()), np.full(len(words), of.sum()))
    common = _common(train, name)
    return {word: lift for word, lift in zip(words.tolist(), lifts.tolist(), strict=True) if word in common}


def _common(train: Dataset, name: str) -> set[str]:
    """Words on enough leads. A rarer one says little, and could say who its lead is."""
    words, leads = _leads_of_words(train, name)
    return {word for word, number in zip(words, leads.tolist(), strict=True) if number >= LEAST_LEADS}


def _lift_in_time(train: Dataset, name: str) -> Floats:
    codes = train.matrix.column(name)
    word = np.nan_to_num(codes, nan=-1.0).astype(np.int64)
    account = np.unique(train.account.astype(str), return_inverse=True)[1].astype(np.int64)
    both = (
        np.unique(np.column_stack([word, account]), axis=0, return_inverse=True)[1]
        .reshape(-1)
        .astype(np.int64)
    )
    of_word = _known_before(word, train) - _known_before(both, train)
    of_all = _known_before(np.zeros_like(word), train) - _known_before(account, train)
    lift = _lift(of_word[0], of_word[1], of_all[0], of_all[1])
    common = _common(train, name)
    rare = np.array([word not in common for word in train.matrix.words[name]], dtype=np.bool_)
    lift[np.append(rare, False)[word]] = 0.0  # as in serving
    lift[np.isnan(codes)] = np.nan
    return lift


def _known_before(key: Ints, train: Dataset) -> Floats:
    """Per row: weight of conversions and of all rows with the same key whose label was known before ``as_of``.

    One sort of labels and questions together; a question precedes a label of the same instant.

    Returns:
        Shape (2, rows).
    """
    rows = len(train)
    keys = np.concatenate([key, key])
    moments = np.concatenate([train.as_of, train.label_known_at])
    is_label = np.repeat([0, 1], rows)
    order = np.lexsort((is_label, moments, keys))
    weight = np.where(is_label[order] == 1, np.tile(train.weight, 2)[order], 0.0)
    won = weight * np.tile(train.label, 2)[order]
    sums = np.cumsum([won, weight], axis=1)
    first = np.flatnonzero(np.diff(keys[order], prepend=keys[order][:1] - 1))
    before = np.hstack([np.zeros((2, 1)), sums])[:, first]
    sums -= np.repeat(before, np.diff(np.append(first, 2 * rows)), axis=1)
    answers = np.empty((2, 2 * rows))
    answers[:, order] = sums
    return answers[:, :rows]
