"""How many leads a rule rests on, how often they convert, and which rules say nearly the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.matrix import Ints
from models.points.refitting.verdicts import LEAST_CONVERTED, LEAST_LEADS
from models.points.rows import RuleRows

ALIKE: Final = 0.7
"""Correlation from which two rules are twins."""


@dataclass(frozen=True, slots=True)
class Support:
    """What a rule rests on.

    Attributes:
        leads: different ones for which it held at some snapshot. converted: those that converted from there.
        rate: converted of leads. lift: over the rate of all leads; both are ``None`` without leads.
        enough: whether there is enough on both sides, with the rule and without it, to say anything.
    """

    leads: int
    converted: int
    rate: float | None
    lift: float | None
    enough: bool


@dataclass(frozen=True, slots=True)
class Twin:
    """The rule that goes together with another one most: its position, and their correlation."""

    rule: int
    rho: float


def supports(rows: RuleRows) -> tuple[Support, ...]:
    """Of each rule."""
    leads, lead = np.unique(rows.lead_id.astype(str), return_inverse=True)
    converted = rows.label == 1.0
    overall = _different(lead[converted]) / max(len(leads), 1)
    return tuple(_support(fired, lead, converted, overall) for fired in rows.fired.T)


def _support(fired: NDArray[np.bool_], lead: Ints, converted: NDArray[np.bool_], overall: float) -> Support:
    of_rule = _different(lead[fired]), _different(lead[fired & converted])
    of_rest = _different(lead[~fired]), _different(lead[~fired & converted])
    enough = all(leads >= LEAST_LEADS and sqls >= LEAST_CONVERTED for leads, sqls in (of_rule, of_rest))
    if not of_rule[0]:
        return Support(0, 0, None, None, enough=False)
    rate = of_rule[1] / of_rule[0]
    return Support(*of_rule, rate, rate / overall if overall else None, enough)


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
