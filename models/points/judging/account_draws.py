"""Bootstrap samples of whole accounts: how often each account was drawn, the same draws for everyone compared.

Leads of one account resemble each other, so accounts are drawn with replacement and their rows come along.
What is a ratio of sums needs no rows: sums by account are enough, and every draw is one row of a product.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.matrix import Floats, Ints, Texts
from models.intervals import LEVEL, Estimate
from models.wilson import Z_95, wilson

CELLS: Final = 2_000_000
"""Draws times rows or accounts that are held in memory at a time."""


@dataclass(frozen=True, eq=False)
class AccountDraws:
    """Draws of accounts.

    Attributes:
        member: account of each row, shape (rows,). accounts: how many there are.
        draws: how many samples. seed: of them.
    """

    member: Ints
    accounts: int
    draws: int
    seed: int

    @classmethod
    def of(cls, account: Texts, *, draws: int, seed: int) -> AccountDraws:
        """Draws for rows of these accounts."""
        names, member = np.unique(account.astype(str), return_inverse=True)
        return cls(member.astype(np.int64), len(names), draws, seed)

    @classmethod
    def pair(cls, one: Texts, other: Texts, *, draws: int, seed: int) -> tuple[AccountDraws, AccountDraws]:
        """The same draws for two sets of rows: an account counts as often in either."""
        both = cls.of(np.concatenate([one, other]), draws=draws, seed=seed)
        first, second = np.split(both.member, [len(one)])
        return replace(both, member=first), replace(both, member=second)

    @cached_property
    def times(self) -> NDArray[np.uint16]:
        """How often each account was drawn, shape (draws, accounts)."""
        rng = np.random.default_rng(self.seed)
        drawn = np.empty((self.draws, self.accounts), dtype=np.uint16)
        for at in range(self.draws):
            picked = rng.integers(self.accounts, size=self.accounts)
            drawn[at] = np.bincount(picked, minlength=self.accounts)
        return drawn

    def _blocks(self, width: int) -> Iterator[NDArray[np.uint16]]:
        """``times`` some draws at a time. ``width``: numbers that the caller makes of each draw."""
        block = max(1, CELLS // max(width, 1))
        return (self.times[start : start + block] for start in range(0, self.draws, block))

    def weightings(self, weight: Floats) -> Iterator[Floats]:
        """Weights of rows, in blocks of shape (some draws, rows)."""
        for times in self._blocks(len(weight)):
            yield times[:, self.member] * weight

    def each(self, weight: Floats) -> Iterator[Floats]:
        """Weights of rows as they are, then those of one draw after the other, each of shape (rows,)."""
        yield weight
        for block in self.weightings(weight):
            yield from block

    def sums(self, columns: Floats) -> Floats:
        """Sums of ``columns``, shape (rows, k), in every draw: shape (draws, k)."""
        by_account = np.column_stack(
            [np.bincount(self.member, weights=column, minlength=self.accounts) for column in columns.T]
        )
        return np.concatenate(
            [times.astype(np.float64) @ by_account for times in self._blocks(self.accounts)]
        )

    def sums_first(self, columns: Floats) -> Floats:
        """Sums as they are, then those of every draw: shape (1 + draws, k)."""
        return np.concatenate([columns.sum(axis=0, keepdims=True), self.sums(columns)])

    def ratio(self, above: Floats, below: Floats) -> Estimate:
        """A share: the sum of one column over that of another that holds it, each of shape (rows,)."""
        found = self.estimate(np.column_stack([above, below]), lambda sums: sums[:, 0] / sums[:, 1])
        return certain(found, self.units(below > 0.0))

    def units(self, taken: Floats | NDArray[np.bool_]) -> int:
        """Accounts among the rows that are taken, shape (rows,); one that is taken in part counts in part."""
        most = np.zeros(self.accounts)
        np.maximum.at(most, self.member, taken.astype(np.float64))
        return round(float(most.sum()))

    def estimate(self, columns: Floats, figure: Callable[[Floats], Floats]) -> Estimate:
        """A figure made of sums of columns, shape (rows, k); ``figure`` takes shape (n, k) and gives (n,)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            value = figure(columns.sum(axis=0, keepdims=True))
            return within(float(value[0]), figure(self.sums(columns)))


def certain(share: Estimate, units: int) -> Estimate:
    """A share; where all or none of some accounts have it every draw is alike, and the interval is Wilson's.

    >>> round(certain(Estimate(0.0, 0.0, 0.0), 10).high, 2)
    0.28
    """
    if share.value not in {0.0, 1.0} or not units:
        return share
    return Estimate(share.value, *wilson(share.value * units, units, z=Z_95))


def within(value: float, drawn: Floats) -> Estimate:
    """A value with the percentile interval of its draws; not defined where it is in fewer than half of them.

    >>> within(2.0, np.array([1.0, 2.0, 3.0])).value
    2.0
    """
    known = drawn[np.isfinite(drawn)]
    if not np.isfinite(value) or 2 * len(known) < len(drawn):
        return Estimate(np.nan, np.nan, np.nan)
    tail = (1.0 - LEVEL) / 2.0
    low, high = (float(end) for end in np.quantile(known, (tail, 1.0 - tail)))
    return Estimate(value, low, high)
