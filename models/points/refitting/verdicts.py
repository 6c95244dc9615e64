"""What the data say of each rule, in one word and one sentence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from features.matrix import Floats

Verdict = Literal[
    "keep", "raise", "lower", "drop", "reverse", "not enough evidence", "leans up", "leans down"
]

LEAST_LEADS: Final = 30
LEAST_CONVERTED: Final = 10
"""Leads with a rule, and without it, of which so many converted: with fewer nothing is said of the rule."""
LEAST_POSITIVES: Final = 150
"""Converted leads in all below which no change is advised."""
FALSE_SHARE: Final = 0.10
"""Of the rules told to change, so large a share may be right as they are."""
EXPLAINED: Final = 1.15
"""A lift so many times as high as the odds that a rule keeps is told to be explained by other rules."""
WIDE: Final = 0.8
"""Log-odds from the lower to the upper end of what the data allow that are nearly everything."""
TOLERANCE: Final = 0.125
"""Log-odds by which points may be off and still count as right: odds an eighth higher or lower."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of one rule; points unless said otherwise.

    Attributes:
        points: today. learned: what the refitted sheet says. low, high: what the data allow.
        changed: today's points are surely outside, many rules being looked at. outside: they are outside.
        enough: leads with and without the rule, and converted ones.
        total: converted leads of the whole data. leads, converted: those with the rule.
        lift: how often they convert, as a multiple of all leads; ``None`` without leads.
        odds: factor on the odds that stands behind ``learned``.
        wide: whether they allow nearly everything.
        twin: a rule that mostly holds where this one does or, if it is not alike, where this one does not.
    """

    points: float
    learned: float
    low: float
    high: float
    changed: bool
    outside: bool
    enough: bool
    total: int
    leads: int
    converted: int
    lift: float | None
    odds: float
    wide: bool
    twin: str | None
    alike: bool


def tolerances(unit: float, step: float, usual: Floats) -> Floats:
    """Points by which each rule may be off and still count as right, shape (rules,).

    Half a step of the sheet, or ``TOLERANCE``. ``usual``: what a rule usually gives at most, in times.
    """
    return np.maximum(step / 2.0, TOLERANCE * unit / np.maximum(usual, 1.0))


def surely_outside(distance: Floats, looked_at: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Rules that differ by more than chance, of many that are looked at.

    Args:
        distance: that chance has to explain, in standard errors, shape (rules,).
        looked_at: rules of which something can be said at all.

    Source: Benjamini and Hochberg (1995), *J. R. Stat. Soc. B* 57.
    """
    looked = np.flatnonzero(looked_at)
    chance = 2.0 * norm.sf(distance[looked])
    order = np.argsort(chance, kind="stable")
    within = np.flatnonzero(chance[order] <= FALSE_SHARE * (np.arange(len(order)) + 1) / max(len(order), 1))
    found = np.zeros(len(distance), dtype=np.bool_)
    found[looked[order[: within[-1] + 1 if len(within) else 0]]] = True
    return found


def decide(evidence: Evidence) -> Verdict:
    """The word. ``raise`` and ``lower`` are arithmetic: -20 instead of -50 is a raise."""
    if not evidence.enough:
        return "not enough evidence"
    if not evidence.outside or evidence.learned == evidence.points:
        return "keep"
    if evidence.total < LEAST_POSITIVES or not evidence.changed:
        return "leans up" if evidence.learned > evidence.points else "leans down"
    return _change(evidence)


def _change(evidence: Evidence) -> Verdict:
    if evidence.learned == 0.0:
        return "drop"
    if evidence.learned * evidence.points < 0.0:
        return "reverse"
    return "raise" if evidence.learned > evidence.points else "lower"


def sentence(evidence: Evidence, verdict: Verdict) -> str:
    """What a marketing lead reads."""
    told = _SENTENCES[verdict](evidence)
    if evidence.twin is None or verdict == "not enough evidence":
        return told
    way = "does" if evidence.alike else "does not"
    return f"{told} It mostly holds where {evidence.twin!r} {way}: one of the two may do."


def _keep(of: Evidence) -> str:
    if not of.low <= of.points <= of.high:
        return f"Keep {of.points:g}: the data say {_span(of)}, too near to change it."
    if of.wide:
        return f"Keep {of.points:g}: the data leave {_span(of)} open, so nothing speaks against it."
    return f"Keep {of.points:g}: the data say {_span(of)}."


def _raise(of: Evidence) -> str:
    explained = ", and other rules do not explain it" if of.points >= 0.0 and _often(of) > 1.0 else ""
    return f"Raise to {of.learned:g} (now {of.points:g}): {_seen(of)}{explained}. The data say {_span(of)}."


def _lower(of: Evidence) -> str:
    return f"Lower to {of.learned:g} (now {of.points:g}): {_seen(of)}{_but(of)}. The data say {_span(of)}."


def _drop(of: Evidence) -> str:
    return f"Drop (now {of.points:g}): {_seen(of)}{_but(of)}. The data say {_span(of)}."


def _reverse(of: Evidence) -> str:
    check = "Before you do, check that it means what its name says and that nobody notes it only after the outcome"
    return f"Reverse to {of.learned:g} (now {of.points:g}): {_seen(of)}. The data say {_span(of)}. {check}."


def _too_little(of: Evidence) -> str:
    leads = f"{of.leads:,} lead{'' if of.leads == 1 else 's'}"
    sqls = f"{of.converted or 'no'} SQL{'' if of.converted == 1 else 's'}"
    return f"Not enough evidence: {leads}, {sqls}. The points stay at {of.points:g}."


def _leans(way: str) -> Callable[[Evidence], str]:
    def told(of: Evidence) -> str:
        few = f"{of.total:,} SQLs in all are too few to be sure"
        why = few if of.total < LEAST_POSITIVES else "one rule in so many may look like this by chance"
        return f"Leans {way}, to {of.learned:g} (now {of.points:g}): the data say {_span(of)}, but {why}."

    return told


def _seen(of: Evidence) -> str:
    often = _often(of)
    if 0.95 <= often < 1.05:
        return "leads with it become SQLs as often as the average lead"
    return f"leads with it become SQLs {often:.2g} times as often as the average lead"


def _but(of: Evidence) -> str:
    """What other rules explain of a lift."""
    often = _often(of)
    if often < 1.15 or often < EXPLAINED * of.odds:
        return ""
    return ", but other rules explain " + (
        "it" if of.odds < 1.1 else "most of it" if of.odds < often**0.5 else "part of it"
    )


def _often(of: Evidence) -> float:
    return 1.0 if of.lift is None else of.lift


def _span(of: Evidence) -> str:
    low, high = round(of.low), round(of.high)
    return f"{low} to {high}" if low < high else f"{low}"


_SENTENCES: Final[dict[Verdict, Callable[[Evidence], str]]] = {
    "keep": _keep,
    "raise": _raise,
    "lower": _lower,
    "drop": _drop,
    "reverse": _reverse,
    "not enough evidence": _too_little,
    "leans up": _leans("up"),
    "leans down": _leans("down"),
}
