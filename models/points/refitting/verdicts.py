"""What the data say of each rule, in one word and one sentence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from scipy.stats import norm

from features.matrix import Floats
from models.points.many import benjamini_hochberg
from models.points.readings import Flags

Verdict = Literal[
    "keep", "raise", "lower", "drop", "reverse", "not enough evidence", "leans up", "leans down"
]

Lacks = Literal["nothing", "leads", "other outcomes", "accounts", "leads without it"]
"""What is missing to say anything of a rule."""

LEAST_LEADS: Final = 30
LEAST_CONVERTED: Final = 10
"""Leads with a rule, and without it, of which so many converted and so many did not: with fewer nothing is said."""
LEAST_ACCOUNTS: Final = 10
LEAST_CONVERTED_ACCOUNTS: Final = 5
"""Accounts of these leads, of which so many have a converted one: fewer do not show how accounts differ."""
LEAST_POSITIVES: Final = 150
"""Converted leads in all below which no change is called sure."""
NEARLY_ALL: Final = 0.8
"""A rule whose leads convert so often may be noted only after the outcome."""
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
        lacks: what is missing to say anything, among leads with and without the rule.
        total: converted leads of the whole data. leads, converted: those with the rule; accounts: of them.
        lift: how often they convert, as a multiple of all leads; ``None`` without leads.
        odds: factor on the odds that stands behind ``learned``; of a rule with ``each``, as often as usual.
        wide: whether they allow nearly everything.
        each: points are given for each event. qualifies: its leads are handed over whatever their points.
        twin: a rule that mostly holds where this one does or, if it is not alike, where this one does not.
    """

    points: float
    learned: float
    low: float
    high: float
    changed: bool
    outside: bool
    lacks: Lacks
    total: int
    leads: int
    converted: int
    accounts: int
    lift: float | None
    odds: float
    wide: bool
    each: bool
    qualifies: bool
    twin: str | None
    alike: bool


def tolerances(unit: float, step: float, usual: Floats) -> Floats:
    """Points by which each rule may be off and still count as right, shape (rules,).

    Half a step of the sheet, or ``TOLERANCE``. ``usual``: what a rule usually gives at most, in times.
    """
    return np.maximum(step / 2.0, TOLERANCE * unit / np.maximum(usual, 1.0))


def surely_outside(distance: Floats, looked_at: Flags) -> Flags:
    """Rules that differ by more than chance, of many that are looked at.

    Args:
        distance: that chance has to explain, in standard errors, shape (rules,).
        looked_at: rules of which something can be said at all.

    Returns:
        Of those found, ``FALSE_SHARE`` are expected to be so by chance.
    """
    found = np.zeros(len(distance), dtype=np.bool_)
    found[looked_at] = benjamini_hochberg(2.0 * norm.sf(distance[looked_at])) <= FALSE_SHARE
    return found


def decide(evidence: Evidence) -> Verdict:
    """The word. ``raise`` and ``lower`` are arithmetic: -20 instead of -50 is a raise."""
    if evidence.lacks != "nothing":
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
    if evidence.qualifies and verdict != "drop":
        told += " It hands over at once whatever its points."
    if evidence.twin is None or verdict == "not enough evidence":
        return told
    way = "does" if evidence.alike else "does not"
    return f"{told} It mostly holds where {evidence.twin!r} {way}: one of the two may do."


def _keep(of: Evidence) -> str:
    kept = f"Keep {_worth(of, of.points)}"
    if not of.low <= of.points <= of.high:
        return f"{kept}: the data say {_span(of)}, too near to change it."
    if of.wide:
        return f"{kept}: the data leave {_span(of)} open, so nothing speaks against it."
    return f"{kept}: the data say {_span(of)}."


_CHECK: Final = (
    "Before you do, check that it means what its name says and that nobody notes it only after the outcome"
)


def _raise(of: Evidence) -> str:
    explained = ", and other rules do not explain it" if of.points >= 0.0 and _often(of) > 1.0 else ""
    check = f" {_CHECK}." if of.converted >= NEARLY_ALL * of.leads else ""
    return f"{_move('Raise', of)}: {_seen(of)}{explained}. The data say {_span(of)}.{check}"


def _lower(of: Evidence) -> str:
    return f"{_move('Lower', of)}: {_seen(of)}{_but(of)}. The data say {_span(of)}."


def _drop(of: Evidence) -> str:
    now = _worth(of, of.points)
    told = (
        f"Its points can go (now {now}); it still hands over at once" if of.qualifies else f"Drop (now {now})"
    )
    return f"{told}: {_seen(of)}{_but(of)}. The data say {_span(of)}."


def _reverse(of: Evidence) -> str:
    return f"{_move('Reverse', of)}: {_seen(of)}. The data say {_span(of)}. {_CHECK}."


def _too_little(of: Evidence) -> str:
    leads = f"{of.leads:,} lead{'' if of.leads == 1 else 's'}"
    sqls = f"{of.converted or 'no'} SQL{'' if of.converted == 1 else 's'}"
    why: dict[Lacks, str] = {
        "other outcomes": "; nearly all became SQLs: check that it is not noted after the outcome",
        "accounts": f", of {of.accounts:,} account{'' if of.accounts == 1 else 's'}",
        "leads without it": "; too little to compare with among leads without it",
    }
    return f"Not enough evidence: {leads}, {sqls}{why.get(of.lacks, '')}. The points stay at {_worth(of, of.points)}."


def _leans(way: str) -> Callable[[Evidence], str]:
    def told(of: Evidence) -> str:
        few = f"{of.total:,} SQLs in all are too few to be sure"
        why = few if of.total < LEAST_POSITIVES else "one rule in so many may look like this by chance"
        return (
            f"Leans {way} (now {_worth(of, of.points)}): the data say {_span(of)}, but {why}; "
            f"the refitted sheet tries {_worth(of, of.learned)}."
        )

    return told


def _move(how: str, of: Evidence) -> str:
    return f"{how} to {_worth(of, of.learned)} (now {of.points:g})"


def _worth(of: Evidence, points: float) -> str:
    return f"{points:g} for each" if of.each else f"{points:g}"


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
