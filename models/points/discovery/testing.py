"""Is a column worth adding to what is known already? Chosen on one half of time, tested on the other.

A column that was looked for among hundreds looks good by chance, so it is chosen on earlier accounts and judged on
later ones. What the sheet says already is the ``Background``: a column is tested for what it adds to that, with
errors that hold where leads of one account resemble each other.

Sources: score test and sandwich by clusters, White (1982), *Econometrica* 50, and Liang, Zeger (1986), *Biometrika*
73.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse import csr_array
from scipy.special import expit
from scipy.stats import norm

from features.matrix import Floats, Ints, Texts
from models.dataset import Dataset
from models.points.readings import Flags
from models.points.rows import RuleRows
from models.ridge import Problem, fit_ridge, log_loss_terms
from models.wilson import Z_95

NEARLY_FREE: Final = 0.05
"""Precision that keeps the log-odds of a rule finite where no lead, or every lead, with it converted."""
FREE: Final = 1e-6
"""Precision of an intercept."""
SAID_ALREADY: Final = 0.1
"""A column of which less than this share is news to the background is not tested."""
VARIES: Final = 1e-6
"""A column of which less than this share of the mean square is variance is constant."""
BLOCK: Final = 256
"""Columns in floating point at a time."""


@dataclass(frozen=True, slots=True)
class Halves:
    """Positions of rows: ``first`` to choose on, ``second`` to judge on. No account is in both."""

    first: Ints
    second: Ints


def halves(rows: Dataset | RuleRows) -> Halves:
    """Cut accounts in two, in order of their first snapshot, so that each half has as many converted leads.

    An account stays whole: its leads share a fate, and a lead that is asked about twice has one outcome.
    """
    accounts, member = np.unique(rows.account.astype(str), return_inverse=True)
    begun = np.full(len(accounts), np.iinfo(np.int64).max)
    np.minimum.at(begun, member, rows.as_of)
    converted = np.bincount(member[_firsts_converted(rows)], minlength=len(accounts))
    order = np.argsort(begun, kind="stable")
    running = np.cumsum(converted[order])
    early = np.zeros(len(accounts), dtype=np.bool_)
    early[order[running <= running[-1] / 2.0]] = True
    return Halves(np.flatnonzero(early[member]), np.flatnonzero(~early[member]))


def _firsts_converted(rows: Dataset | RuleRows) -> Ints:
    """One converted row of each converted lead."""
    won = np.flatnonzero(rows.label == 1.0)
    return won[np.unique(rows.lead_id[won].astype(str), return_index=True)[1]]


@dataclass(frozen=True, slots=True)
class Partial:
    """What a column adds to its background.

    Attributes:
        log_odds: with ``error``, its standard error by accounts.
        z: their ratio; positive where the column speaks for an SQL.
    """

    log_odds: float
    error: float

    @property
    def z(self) -> float:
        """0 where there is no error to compare with."""
        return self.log_odds / self.error if self.error > 0.0 else 0.0

    @property
    def p(self) -> float:
        """Of both sides."""
        return float(2.0 * norm.sf(abs(self.z)))

    @property
    def low(self) -> float:
        """Lower end of the 95 % interval."""
        return self.log_odds - Z_95 * self.error

    @property
    def high(self) -> float:
        """Upper end of the 95 % interval."""
        return self.log_odds + Z_95 * self.error


@dataclass(frozen=True, slots=True)
class Sample:
    """Rows to fit on: what is known of them, and what became of them.

    Attributes:
        known: columns of the background, shape (rows, k). precision: of the prior of each, shape (k,).
        label: 0 to 1, shape (rows,). weight: shape (rows,). account: texts, shape (rows,).
    """

    known: Floats
    precision: Floats
    label: Floats
    weight: Floats
    account: Texts

    @classmethod
    def of(cls, rows: RuleRows, lines: tuple[str, ...]) -> Sample:
        """Rules and levels of service lines as background. ``lines``: those with a level of their own."""
        levels = (rows.service_line[:, None] == np.array([lines], dtype=object)).astype(np.float64)
        known = np.column_stack([np.ones(len(rows)), levels, rows.times])
        precision = np.concatenate([[FREE], np.full(len(lines) + rows.times.shape[1], NEARLY_FREE)])
        return cls(known, precision, rows.label, rows.weight, rows.account)

    def with_columns(self, columns: Floats) -> Sample:
        """With more in the background. ``columns``: shape (rows, more)."""
        more = np.full(columns.shape[1], NEARLY_FREE)
        return replace(
            self,
            known=np.column_stack([self.known, columns]),
            precision=np.concatenate([self.precision, more]),
        )

    def first(self, columns: int) -> Sample:
        """With the first columns of the background alone."""
        return replace(self, known=self.known[:, :columns], precision=self.precision[:columns])

    def without(self, column: int) -> Sample:
        """Without one column of the background."""
        return replace(
            self, known=np.delete(self.known, column, axis=1), precision=np.delete(self.precision, column)
        )

    def fit(self) -> Background:
        """Fit the background."""
        none = np.zeros(len(self.label))
        problem = Problem(
            self.known, self.label, self.weight, none, self.precision, np.zeros(len(self.precision))
        )
        coefficients = fit_ridge(problem)
        return Background(self, coefficients, expit(self.known @ coefficients))


@dataclass(frozen=True, slots=True)
class Background:
    """A fitted background.

    Attributes:
        coefficients: shape (k,). chance: of each row, shape (rows,).
    """

    sample: Sample
    coefficients: Floats
    chance: Floats

    @property
    def residual(self) -> Floats:
        """Weighted, shape (rows,)."""
        return self.sample.weight * (self.sample.label - self.chance)

    @property
    def curvature(self) -> Floats:
        """Of each row's log loss, weighted, shape (rows,)."""
        return self.sample.weight * self.chance * (1.0 - self.chance)

    def gains(self, columns: Floats | Flags) -> tuple[Floats, Floats]:
        """What each column would add alone, in one step of Newton.

        Args:
            columns: shape (rows, columns); of any type that numbers are made of.

        Returns:
            Log-odds, and how far log loss would fall in all (half a chi-squared of one degree); 0 both where the
            background says the same already. Each of shape (columns,).
        """
        parts = [
            self._gains(np.asarray(columns[:, at : at + BLOCK], dtype=np.float64))
            for at in range(0, columns.shape[1], BLOCK)
        ]
        return np.concatenate([a for a, _ in parts]), np.concatenate([b for _, b in parts])

    def _gains(self, columns: Floats) -> tuple[Floats, Floats]:
        curved = columns * self.curvature[:, None]
        known = self.sample.known
        own = (columns * curved).sum(axis=0)
        shared = known.T @ curved
        left = own - (shared * cho_solve(self._factor(), shared)).sum(axis=0)
        total = self.curvature.sum()
        centred = own - (self.curvature @ columns) ** 2 / total
        news = (left > SAID_ALREADY * centred) & (centred > VARIES * own)
        slope = self.residual @ columns
        step = np.divide(slope, left, out=np.zeros_like(slope), where=news)
        return step, 0.5 * slope * step

    def _factor(self) -> tuple[Floats, bool]:
        known = self.sample.known
        inner = (known * self.curvature[:, None]).T @ known
        inner[np.diag_indices_from(inner)] += self.sample.precision
        return cho_factor(inner)  # type: ignore[no-any-return]

    def partials(self, last: int) -> list[Partial]:
        """The last columns of the background, each given all others; errors by accounts, or the model's if larger."""
        known, sample = self.sample.known, self.sample
        _, member = np.unique(sample.account.astype(str), return_inverse=True)
        accounts = int(member.max(initial=-1)) + 1
        of_account = csr_array(
            (self.residual, (member, np.arange(len(member)))), shape=(accounts, len(member))
        )
        spread = cho_solve(self._factor(), (of_account @ known).T)
        by_accounts = (spread**2).sum(axis=1) * accounts / max(accounts - 1, 1)
        by_model = np.diagonal(cho_solve(self._factor(), np.eye(known.shape[1])))
        errors = np.sqrt(
            np.maximum(by_accounts, by_model)
        )  # a sandwich is too thin where few rows are filled
        at = range(known.shape[1] - last, known.shape[1])
        return [Partial(float(self.coefficients[i]), float(errors[i])) for i in at]

    def losses(self, other: Sample) -> Floats:
        """Log loss of each row of later data, at the level of that data, shape (rows,).

        A drift of the base rate says nothing about a column, so it is taken out.
        """
        told = other.known @ self.coefficients
        one = np.ones((len(told), 1))
        free = np.array([FREE])
        [shift] = fit_ridge(Problem(one, other.label, other.weight, told, free, np.zeros(1)))
        return log_loss_terms(told + shift, other.label)


def own_levels(rows: RuleRows | Dataset) -> tuple[str, ...]:
    """Service lines that need a level beside that of the first, which has the common one."""
    return tuple(sorted(set(rows.service_line)))[1:]
