"""What the sheet does not say: rules that are missing, and pairs that deserve points of their own.

Candidates are chosen one after the other on the earlier half of the accounts, each for what it adds to the sheet
and to those before it, and tested on the later half. What is reported comes from the later half alone.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.stats import norm

from features.matrix import Ints
from features.sentences import Phrases
from features.sheet import Rule, Sheet
from models.dataset import Dataset
from models.points.discovery.candidates import Candidate, candidates, clashes
from models.points.discovery.second_opinion import second_opinion
from models.points.discovery.testing import (
    Background,
    Halves,
    Partial,
    Sample,
    halves,
    own_levels,
)
from models.points.discovery.wording import times_as_likely
from models.points.many import benjamini_hochberg
from models.points.readings import Flags
from models.points.rows import RuleRows
from models.wilson import Z_95

FALSE_AT_MOST: Final = 0.10
"""False discovery rate among what is proposed."""
USUAL_LOG_ODDS: Final = 0.7
"""Standard deviation of what rules are worth, before the data are asked."""
LEAST_LEADS: Final = 30
LEAST_SHARE: Final = 0.01
LEAST_CONVERTED: Final = 10
WORTH_A_TEST: Final = 2.0
"""Fall of log loss in all, on the half to choose on, from which a candidate is tested."""
AS_GOOD: Final = 0.85
"""What a rule can say is preferred to what it cannot, from this share of the gain on."""
MOST_PAIRS: Final = 3
"""Bonus rules at most."""
FEWEST_CONVERTED: Final = 2 * LEAST_CONVERTED
"""Converted leads in each half without which nothing is looked for."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A signal that the sheet does not use.

    Attributes:
        rule: to add; None where no rule can say it.
        title: what it is, in words. points: on the sheet's scale and step.
        log_odds: what it adds, given the sheet's rules and the other proposals; low, high: 95 % interval, by account.
        leads, converted: different leads for which it held in the later half, and those of them that converted.
        gain: fall of log loss on the later half, per 1,000 leads, by what the earlier half knew.
        q: false discovery rate at which it is kept.
        sayable: whether a single rule says it.
    """

    rule: Rule | None
    title: str
    points: float
    log_odds: float
    low: float
    high: float
    leads: int
    converted: int
    gain: float
    q: float
    sentence: str
    sayable: bool


def missing_rules(  # noqa: PLR0913 - the question, its words and its scale
    sheet: Sheet,
    dataset: Dataset,
    *,
    phrases: Phrases,
    unit: float,
    step: float,
    seed: int,
    at_most: int = 10,
    avoid: Collection[str] = (),
) -> tuple[Proposal, ...]:
    """Look for what the sheet does not say, the largest first.

    Args:
        sheet: the rules.
        dataset: with their columns and those to look among.
        phrases: the playbook's words.
        unit: points per log-odd.
        step: to which points are rounded.
        seed: of the trees that propose pairs.
        at_most: proposals.
        avoid: event types that say what sales did, not what the lead did.

    Returns:
        Nothing where a half has fewer than 20 converted leads.
    """
    rows = RuleRows.of(sheet, dataset)
    cut = halves(rows)
    if min(rows.take(part).positives for part in (cut.first, cut.second)) < FEWEST_CONVERTED:
        return ()
    search = _Search(rows, cut, own_levels(rows))
    chosen = search.choose(_supported(candidates(dataset.matrix, sheet, phrases, avoid), rows), at_most)
    tested = search.test([*chosen, *_bonus(rows, cut, seed)])
    kept = search.sure([one for one in tested if one.q < FALSE_AT_MOST and one.gain > 0.0])
    scale = _Scale(unit, step, frozenset(rule.name for rule in sheet.rules))
    late = rows.take(cut.second)
    told = [
        _proposal(one, partial, late, one.candidate.holds[cut.second] > 0, scale)
        for one, partial in zip(kept, search.joint(kept), strict=True)
    ]
    return tuple(sorted(told, key=lambda one: -abs(one.log_odds))[:at_most])


@dataclass(frozen=True, slots=True)
class _Tested:
    """A candidate with its test on the later half."""

    candidate: Candidate
    gain: float
    q: float


@dataclass(frozen=True, slots=True)
class _Search:
    """Rules and levels of lines as background; candidates against it."""

    rows: RuleRows
    cut: Halves
    lines: tuple[str, ...]

    def choose(self, found: Sequence[Candidate], at_most: int) -> list[Candidate]:
        """One after the other, each given those before it."""
        if not found:
            return []
        first = self.cut.first
        holds = np.column_stack([one.holds[first] > 0 for one in found])
        sayable = np.array([one.sayable for one in found])
        sample, open_ = Sample.of(self.rows.take(first), self.lines), np.ones(len(found), dtype=np.bool_)
        chosen: list[Candidate] = []
        while len(chosen) < at_most and open_.any():
            gains = np.where(open_, sample.fit().gains(holds)[1], 0.0)
            preferred = sayable & (gains >= AS_GOOD * gains.max())
            best = int(np.where(preferred, gains + gains.max(), gains).argmax())
            if gains[best] < WORTH_A_TEST:
                break
            chosen.append(found[best])
            open_ &= [not _rivals(one, found[best]) for one in found]
            sample = sample.with_columns(holds[:, [best]].astype(np.float64))
        return chosen

    def test(self, chosen: Sequence[Candidate]) -> list[_Tested]:
        """On the later half, each given those before it; the earlier half says in which direction."""
        if not chosen:
            return []
        early, late = self._samples(chosen)
        known = early.known.shape[1] - len(chosen)
        before: Background | None = None
        p, gains = [], []
        for width in range(known, known + len(chosen) + 1):
            learned, judged = early.first(width).fit(), late.first(width)
            if before is not None:
                direction = np.sign(learned.coefficients[-1])
                [partial] = judged.fit().partials(1)
                p.append(float(norm.sf(direction * partial.z)))
                apart = before.losses(late.first(width - 1)) - learned.losses(judged)
                gains.append(1000.0 * float(np.average(apart, weights=late.weight)))
            before = learned
        q = benjamini_hochberg(np.array(p))
        return [_Tested(*one) for one in zip(chosen, gains, q.tolist(), strict=True)]

    def joint(self, kept: Sequence[_Tested]) -> list[Partial]:
        """What each adds on the later half, given all others."""
        if not kept:
            return []
        return self._samples([one.candidate for one in kept])[1].fit().partials(len(kept))

    def sure(self, kept: list[_Tested]) -> list[_Tested]:
        """Those whose interval leaves out 0, given all others that stay."""
        while kept:
            partials = self.joint(kept)
            weakest = int(np.argmin([abs(partial.z) for partial in partials]))
            if abs(partials[weakest].z) > Z_95:
                break
            kept = [*kept[:weakest], *kept[weakest + 1 :]]
        return kept

    def _samples(self, chosen: Sequence[Candidate]) -> tuple[Sample, Sample]:
        holds = np.column_stack([one.holds for one in chosen]).astype(np.float64)
        early, late = (
            Sample.of(self.rows.take(part), self.lines).with_columns(holds[part])
            for part in (self.cut.first, self.cut.second)
        )
        return early, late


@dataclass(frozen=True, slots=True)
class _Scale:
    """How log-odds become points of a sheet, and names that are taken."""

    unit: float
    step: float
    taken: frozenset[str]

    def points(self, partial: Partial) -> float:
        """Rounded to the step, which is the least; the wider the interval, the fewer.

        Rules are worth ``USUAL_LOG_ODDS`` or so, one way or the other; what few leads say is brought towards that.
        """
        told = partial.log_odds * USUAL_LOG_ODDS**2 / (USUAL_LOG_ODDS**2 + partial.error**2)
        rounded = round(self.unit * told / self.step) * self.step
        return float(rounded or np.copysign(self.step, partial.log_odds))

    def name(self, title: str) -> str:
        """A name that no rule has yet."""
        name, number = title, 2
        while name in self.taken:
            name, number = f"{title} ({number})", number + 1
        return name


def _supported(found: Sequence[Candidate], rows: RuleRows) -> list[Candidate]:
    """Those that hold, and do not hold, for enough leads, and expect enough SQLs."""
    _, lead = np.unique(rows.lead_id.astype(str), return_inverse=True)
    leads = int(lead.max(initial=-1)) + 1
    least = max(LEAST_LEADS, LEAST_SHARE * leads)
    base = rows.positives / leads
    held = [_leads(lead, one.holds > 0, leads) for one in found]
    missed = [_leads(lead, one.holds <= 0, leads) for one in found]
    enough = max(least, LEAST_CONVERTED / base)
    return [one for one, a, b in zip(found, held, missed, strict=True) if min(a, b) >= enough]


def _leads(lead: Ints, rows: Flags, leads: int) -> int:
    """How many different leads have one of the rows."""
    return int((np.bincount(lead[rows], minlength=leads) > 0).sum())


def _rivals(one: Candidate, other: Candidate) -> bool:
    return one is other or (one.test is not None and other.test is not None and clashes(one.test, other.test))


def _bonus(rows: RuleRows, cut: Halves, seed: int) -> list[Candidate]:
    """Pairs of rules that trees on the earlier half find."""
    names = [rule.name for rule in rows.sheet.rules]
    fired = rows.fired
    pairs = second_opinion(rows.take(cut.first), unit=1.0, seed=seed).pairs[:MOST_PAIRS]
    return [
        Candidate(
            f"both {pair.first!r} and {pair.second!r}",
            fired[:, names.index(pair.first)] & fired[:, names.index(pair.second)],
        )
        for pair in pairs
    ]


def _proposal(one: _Tested, partial: Partial, late: RuleRows, held: Flags, scale: _Scale) -> Proposal:
    candidate, points = one.candidate, scale.points(partial)
    leads, converted = set(late.lead_id[held]), set(late.lead_id[held & (late.label == 1.0)])
    return Proposal(
        rule=candidate.rule(points, scale.name(candidate.title)) if candidate.sayable else None,
        title=candidate.title,
        points=points,
        log_odds=partial.log_odds,
        low=partial.low,
        high=partial.high,
        leads=len(leads),
        converted=len(converted),
        gain=one.gain,
        q=one.q,
        sentence=_sentence(candidate, partial, points, (len(leads), len(converted))),
        sayable=candidate.sayable,
    )


def _sentence(candidate: Candidate, partial: Partial, points: float, seen: tuple[int, int]) -> str:
    odds, low, high = (
        times_as_likely(float(np.exp(x))) for x in (partial.log_odds, partial.low, partial.high)
    )
    held = f"It held for {seen[0]:,} leads, of whom {seen[1]:,} became SQLs"
    known = f"their odds are {odds} times ({low} to {high}) what the sheet's rules say"
    advice = (
        f"Add it with {points:+g} points."
        if candidate.sayable
        else f"No single rule can say it; it is worth about {points:+g} points."
    )
    return f"{candidate.title[:1].upper()}{candidate.title[1:]}. {held}; {known}. {advice}"
