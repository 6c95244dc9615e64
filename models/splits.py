"""Forward in time, purged, and with no account on both sides: the only ways we cut a dataset.

Every cut is checked where it is made. A ``Split`` or ``Fold`` that lets a model learn from a label
which was not yet known, or judges it on an account it has learned from, cannot be constructed.

Purging: Lopez de Prado, *Advances in Financial Machine Learning* (2018), ch. 7.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from features.clock import iso
from features.errors import LeadlightError, TooLittleDataError
from features.matrix import Ints
from models.dataset import Dataset

STARTS: Final = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75)
"""Where the first validation block may begin, as shares of the rows; the earliest that works is taken.

At least a quarter of the rows is judged; a choice between models on less would be a coin toss.
"""

LEAST_SHARE: Final = 0.2
"""A fold must learn from at least this share of the leads of each class, else it judges another problem."""


class SplitError(LeadlightError):
    """A cut would let a model see what it could not have known, or judge it on what it learned from."""


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Learn from the past, judge on the last block.

    Attributes:
        dataset: all rows, in order of ``as_of``.
        train: positions of the rows to learn from; each label was known at ``test_begins`` or before.
        test: positions of all rows with ``as_of >= test_begins``.
        test_begins: instant at which the model is imagined to be trained.
    """

    dataset: Dataset = field(repr=False)
    train: Ints
    test: Ints
    test_begins: int

    def __post_init__(self) -> None:
        problems = [*_empty(train=self.train, test=self.test)]
        late = self.dataset.label_known_at[self.train] > self.test_begins
        if late.any():
            problems.append(f"{late.sum()} training labels became known after {iso(self.test_begins)}")
        early = self.dataset.as_of[self.test] < self.test_begins
        if early.any():
            problems.append(f"{early.sum()} test rows lie before {iso(self.test_begins)}")
        _refuse(problems)

    @property
    def purged(self) -> Ints:
        """Positions of earlier rows that may not train: their label was not known when the test begins."""
        left = self.dataset.as_of < self.test_begins
        left[self.train] = False
        return np.flatnonzero(left)

    @property
    def unseen_account(self) -> NDArray[np.bool_]:
        """For each test row, whether its account is absent from the training rows; shape (test rows,)."""
        return ~_shared(self.dataset, self.test, self.train)

    @property
    def training(self) -> Dataset:
        """The rows to learn from."""
        return self.dataset.take(self.train)

    @property
    def testing(self) -> Dataset:
        """The rows to judge on."""
        return self.dataset.take(self.test)


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """Learn from ``train``, judge on ``valid``; both are positions in ``dataset``. No account is in both."""

    dataset: Dataset = field(repr=False)
    train: Ints
    valid: Ints

    def __post_init__(self) -> None:
        shared = _shared(self.dataset, self.valid, self.train)
        both = sorted(set(self.dataset.account[self.valid[shared]]))
        problems = [*_empty(train=self.train, valid=self.valid)]
        if both:
            problems.append(f"{len(both)} accounts are on both sides, for example {both[0]!r}")
        _refuse([*problems, *self._late()])

    def _late(self) -> list[str]:
        return []

    @property
    def valid_begins(self) -> int:
        """First instant that is judged."""
        return int(self.dataset.as_of[self.valid].min())


class AccountFold(Fold):
    """A fold that only keeps accounts apart; time plays no role."""

    __slots__ = ()


class ForwardFold(Fold):
    """A fold in time order: each training label was known when the validation block begins."""

    __slots__ = ()

    @override
    def _late(self) -> list[str]:
        late = self.dataset.label_known_at[self.train] > self.valid_begins
        return (
            [f"{late.sum()} training labels became known after {iso(self.valid_begins)}"]
            if late.any()
            else []
        )


class OrderedFold(Fold):
    """A fold in time order that is not purged: training rows come first, their labels may be known later.

    The way out where a purged fold would have nothing to learn from (history shorter than about two
    horizons). It still keeps accounts apart and never touches the test block; what it gives up is that
    a slow change of the base rate is noticed a little too early.
    """

    __slots__ = ()

    @override
    def _late(self) -> list[str]:
        late = self.dataset.as_of[self.train] >= self.valid_begins
        return [f"{late.sum()} training rows lie after {iso(self.valid_begins)}"] if late.any() else []


def forward_split(dataset: Dataset, test_share: float = 0.25) -> Split:
    """Keep the last ``test_share`` of the rows, by ``as_of``, to judge on.

    Rows of one instant stay together: where the cut falls inside an instant, all of it is test.
    Earlier rows train if their label was known when the test block begins; the others are purged.

    Raises:
        TooLittleDataError: nothing would be left on one of the sides.
    """
    if not 0.0 < test_share < 1.0:
        message = f"the share of test rows must lie between 0 and 1, got {test_share:g}"
        raise ValueError(message)
    if len(dataset) == 0 or dataset.as_of[0] == dataset.as_of[-1]:
        raise TooLittleDataError(
            "there is no time to split: all snapshots are of one instant", [f"{len(dataset)} rows"]
        )
    cut = min(max(round(len(dataset) * (1.0 - test_share)), 1), len(dataset) - 1)
    begins = int(dataset.as_of[cut])
    if begins == dataset.as_of[0]:
        begins = int(dataset.as_of[dataset.as_of > begins][0])
    train = np.flatnonzero(dataset.label_known_at <= begins)  # a label is never known before as_of
    if not len(train):
        first = int(dataset.label_known_at.min())
        raise TooLittleDataError(
            "no label was known when the test block begins",
            [
                f"the test block begins {iso(begins)}, the first label was known {iso(first)}",
                "bring a longer history, or shorten the horizon",
            ],
        )
    return Split(dataset, train, np.flatnonzero(dataset.as_of >= begins), begins)


def forward_folds(dataset: Dataset, folds: int = 4, min_train: int = 20, min_valid: int = 10) -> list[Fold]:
    """Consecutive blocks over the later half of the rows, each judged by what was known before it.

    A training row's label is known when the block begins, and its account is not in the block.
    That may leave too little: fewer than ``min_train`` leads of each class (or ``LEAST_SHARE`` of
    them) to learn from, fewer than ``min_valid`` of each class to judge on. Then, in this order:

    1. the first block begins later (``STARTS``), and there are fewer blocks, down to one;
    2. the folds are not purged (``OrderedFold``), again as early and as many as possible;
    3. the folds only keep accounts apart (``AccountFold``, dealt with seed 0): a few large accounts
       that are active all the time leave no other way;
    4. ``TooLittleDataError``, which says how many leads of each class there are.

    Returns:
        Folds of one kind, valid rows disjoint; the first two kinds in order of time.
    """
    least = _Least.of(dataset, min_train, min_valid)
    for kind in (ForwardFold, OrderedFold):
        for start in STARTS:
            found = _most_blocks(dataset, kind, (start, folds), least)
            if found:
                return found
    return _apart(dataset, folds, least)


def account_folds(dataset: Dataset, k: int, seed: int) -> list[Fold]:
    """``k`` folds that keep accounts together and spread conversions evenly; valid parts cover all rows.

    Accounts are shuffled by ``seed``, then dealt out, those with most converted rows first, each to
    the fold that has fewest converted rows (fewest rows, for accounts without any). The order of the
    rows does not matter.

    Raises:
        TooLittleDataError: fewer than ``k`` accounts have a converted row.
    """
    accounts, member = np.unique(dataset.account.astype(str), return_inverse=True)
    rows = np.bincount(member, minlength=len(accounts))
    converted = np.bincount(member, weights=dataset.label, minlength=len(accounts)).astype(np.int64)
    if (converted > 0).sum() < k:
        raise TooLittleDataError(
            f"{k} folds need {k} accounts with a conversion", [f"there are {(converted > 0).sum()}"]
        )
    shuffled = np.random.default_rng(seed).permutation(len(accounts))
    dealt = shuffled[np.lexsort((-rows[shuffled], -converted[shuffled]))]
    home = np.empty(len(accounts), dtype=np.int64)
    held = np.zeros((2, k), dtype=np.int64)
    for account in dealt:
        fold = int(np.lexsort((held[1], held[0]) if converted[account] else (held[0], held[1]))[0])
        home[account] = fold
        held[:, fold] += converted[account], rows[account]
    return [
        AccountFold(dataset, np.flatnonzero(home[member] != f), np.flatnonzero(home[member] == f))
        for f in range(k)
    ]


@dataclass(frozen=True, slots=True)
class _Least:
    """How many leads of each class a fold must have."""

    positives: int
    negatives: int
    valid: int

    @classmethod
    def of(cls, dataset: Dataset, train: int, valid: int) -> _Least:
        share = (int(LEAST_SHARE * dataset.positives), int(LEAST_SHARE * dataset.negatives))
        return cls(max(train, share[0]), max(train, share[1]), valid)

    def allows(self, fold: Fold) -> bool:
        """Whether both sides are large enough."""
        learn = _classes(fold.dataset, fold.train)
        judge = _classes(fold.dataset, fold.valid)
        return learn[0] >= self.positives and learn[1] >= self.negatives and min(judge) >= self.valid


def _most_blocks(dataset: Dataset, kind: type[Fold], wanted: tuple[float, int], least: _Least) -> list[Fold]:
    start, folds = wanted
    for blocks in range(folds, 0, -1):
        cuts = np.linspace(start, 1.0, blocks + 1)[:-1] * len(dataset)
        begins = np.unique(dataset.as_of[cuts.astype(np.int64)])
        made = [_block(dataset, kind, int(a), b) for a, b in zip(begins, [*begins[1:], None], strict=True)]
        sound = [fold for fold in made if fold is not None and least.allows(fold)]
        if len(sound) == blocks:
            return sound
    return []


def _block(dataset: Dataset, kind: type[Fold], begins: int, ends: int | None) -> Fold | None:
    inside = dataset.as_of >= begins
    if ends is not None:
        inside &= dataset.as_of < ends
    valid = np.flatnonzero(inside)
    known = dataset.label_known_at <= begins if kind is ForwardFold else dataset.as_of < begins
    train = np.flatnonzero(known)
    train = train[~_shared(dataset, train, valid)]
    return kind(dataset, train, valid) if len(train) and len(valid) else None


def _apart(dataset: Dataset, folds: int, least: _Least) -> list[Fold]:
    k = min(folds, len(set(dataset.account[dataset.label == 1.0])))
    apart = account_folds(dataset, k, seed=0) if k > 1 else []
    if apart and all(least.allows(fold) for fold in apart):
        return apart
    raise TooLittleDataError(
        "there is too little to compare models",
        [
            f"{dataset.positives} converted and {dataset.negatives} other leads may train",
            f"a fold needs {least.positives} and {least.negatives} to learn from",
            f"and {least.valid} of each to judge on, of other accounts",
        ],
    )


def _classes(dataset: Dataset, rows: Ints) -> tuple[int, int]:
    leads, label = dataset.lead_id[rows], dataset.label[rows]
    converted = set(leads[label == 1.0])
    return len(converted), len(set(leads)) - len(converted)


def _shared(dataset: Dataset, rows: Ints, others: Ints) -> NDArray[np.bool_]:
    """For each of ``rows``, whether its account also has a row among ``others``."""
    taken = set(dataset.account[others])
    return np.fromiter(
        (account in taken for account in dataset.account[rows]), dtype=np.bool_, count=len(rows)
    )


def _empty(**sides: Ints) -> list[str]:
    return [f"no row is left in {name}" for name, rows in sides.items() if not len(rows)]


def _refuse(problems: list[str]) -> None:
    if problems:
        raise SplitError("the data cannot be cut this way", problems)
