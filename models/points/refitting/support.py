"""How many leads a rule rests on, how often they convert, and which rules say nearly the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from features.matrix import Ints
from models.points.readings import Flags
from models.points.refitting.verdicts import (
    LEAST_ACCOUNTS,
    LEAST_CONVERTED,
    LEAST_CONVERTED_ACCOUNTS,
    LEAST_LEADS,
    Lacks,
)
from models.points.rows import RuleRows

ALIKE: Final = 0.7
"""Correlation from which two rules are twins."""


@dataclass(frozen=True, slots=True)
class Support:
    """What a rule rests on.

    Attributes:
        leads: different ones for which it held at some snapshot. converted: those that converted from there.
        rate: converted of leads. lift: over the rate of all leads; both are ``None`` without leads.
        accounts: different ones of these leads.
        lacks: what is missing, on one of the sides, with the rule and without it, to say anything.
    """

    leads: int
    converted: int
    rate: float | None
    lift: float | None
    accounts: int
    lacks: Lacks

    @property
    def enough(self) -> bool:
        """Whether anything can be said of the rule."""
        return self.lacks == "nothing"


@dataclass(frozen=True, slots=True)
class Twin:
    """The rule that goes together with another one most: its position, and their correlation."""

    rule: int
    rho: float


@dataclass(frozen=True, slots=True)
class _Side:
    """Leads with a rule, or those without it, and accounts; converted ones, and leads that did not convert."""

    leads: int
    converted: int
    accounts: int
    converted_accounts: int

    @property
    def few(self) -> bool:
        """Too few leads, or converted ones."""
        return self.leads < LEAST_LEADS or self.converted < LEAST_CONVERTED

    @property
    def nearly_all(self) -> bool:
        """Too few leads did not convert."""
        return self.leads - self.converted < LEAST_CONVERTED

    @property
    def alike(self) -> bool:
        """Too few accounts, or converted ones."""
        return self.accounts < LEAST_ACCOUNTS or self.converted_accounts < LEAST_CONVERTED_ACCOUNTS


@dataclass(frozen=True, slots=True)
class _Counted:
    """Rows by number of their lead and their account, and whether they converted; each of shape (rows,)."""

    lead: Ints
    account: Ints
    converted: Flags

    def side(self, inside: Flags) -> _Side:
        """Of some of the rows."""
        won = inside & self.converted
        return _Side(*(_different(of[which]) for of in (self.lead, self.account) for which in (inside, won)))


def supports(rows: RuleRows) -> tuple[Support, ...]:
    """Of each rule."""
    lead, account = (np.unique(of.astype(str), return_inverse=True)[1] for of in (rows.lead_id, rows.account))
    counted = _Counted(lead, account, rows.label == 1.0)
    every = counted.side(np.ones(len(rows), dtype=np.bool_))
    overall = every.converted / max(every.leads, 1)
    return tuple(_support(counted.side(fired), counted.side(~fired), overall) for fired in rows.fired.T)


def _support(rule: _Side, rest: _Side, overall: float) -> Support:
    if not rule.leads:
        return Support(0, 0, None, None, 0, "leads")
    rate = rule.converted / rule.leads
    return Support(
        rule.leads,
        rule.converted,
        rate,
        rate / overall if overall else None,
        rule.accounts,
        _lacks(rule, rest),
    )


def _lacks(rule: _Side, rest: _Side) -> Lacks:
    missing: tuple[tuple[bool, Lacks], ...] = (
        (rule.few, "leads"),
        (rule.nearly_all, "other outcomes"),
        (rule.alike, "accounts"),
        (rest.few or rest.nearly_all or rest.alike, "leads without it"),
    )
    return next((what for short, what in missing if short), "nothing")


def twins(rows: RuleRows) -> tuple[Twin | None, ...]:
    """The closest rule of each rule, if their ``times`` correlate by ``ALIKE`` or more, whatever the sign."""
    centred = rows.times - np.average(rows.times, axis=0, weights=rows.weight)
    together = (centred * rows.weight[:, None]).T @ centred
    spread = np.sqrt(together.diagonal())
    scale = np.outer(spread, spread)
    rho = np.divide(together, scale, out=np.zeros_like(together), where=scale > 0.0)
    np.fill_diagonal(rho, 0.0)
    closest = np.abs(rho).argmax(axis=1)
    found = [Twin(int(other), float(rho[at, other])) for at, other in enumerate(closest)]
    return tuple(twin if abs(twin.rho) >= ALIKE else None for twin in found)


def _different(lead: Ints) -> int:
    return len(np.unique(lead))
