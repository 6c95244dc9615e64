"""Does a rule look at the right time? Other windows and half-lives, chosen on earlier leads and tested on later ones.

A window is called better only if, on the later half, the other one says something that the present one does not, in
the direction of the rule, and replaces it at a gain. How lately a lead was active at all is told apart from that:
else every rule would seem to look at the wrong time where only the latest activity counts.

Source of the test: two models that do not contain each other are told apart by adding the one's term to the other,
Davidson, MacKinnon (1981), *Econometrica* 49.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.stats import norm

from features.definitions import Feature
from features.errors import LeadlightError
from features.language import recency
from features.matrix import Floats, Matrix
from features.sheet import Decay, Rule, Sheet
from models.dataset import Dataset
from models.points.discovery.testing import Background, Halves, Sample, halves, own_levels
from models.points.discovery.thresholds import HALF_LIVES
from models.points.discovery.wording import timing
from models.points.evaluation import capped, rule_features, times
from models.points.many import benjamini_hochberg
from models.points.readings import Flags
from models.points.rows import RuleRows

LIMITED: Final = (3, 7, 14, 30, 60, 90, 180)
"""Windows that are tried, in days."""
WINDOWS: Final[tuple[int | None, ...]] = (*LIMITED, None)
"""And all of the past."""
FALSE_AT_MOST: Final = 0.05
"""False discovery rate among what is proposed."""
WORTH_A_TEST: Final = 1.0
"""Fall of log loss in all, on the half to choose on, from which another timing is tested."""
FEWEST_CONVERTED: Final = 20
"""Converted leads in each half without which nothing is looked for."""
LEAST_LEADS: Final = 100
"""Leads for which another timing must say something else than the present one."""


@dataclass(frozen=True, slots=True)
class Retiming:
    """A rule that had better look at another time.

    Attributes:
        rule: its name. now: its present timing in words.
        better: the rule with the better timing; its points are to be learned again.
        gain: fall of log loss on the later half, per 1,000 leads, by what the earlier half knew.
        q: false discovery rate at which it is kept.
    """

    rule: str
    now: str
    better: Rule
    gain: float
    q: float
    sentence: str


def timing_features(sheet: Sheet) -> list[Feature]:
    """The columns that ``retime`` needs beside those of the sheet, each once."""
    own = {feature.name for rule in sheet.rules for feature in rule_features(rule)}
    needed = {
        feature.name: feature
        for rule in sheet.rules
        for other in timings(rule)
        for feature in rule_features(other)
    }
    return [feature for name, feature in needed.items() if name not in own]


def timings(rule: Rule) -> list[Rule]:
    """The same rule with every other timing; none for rules of attributes.

    >>> rule = Rule(name="visit", points=5, when={"event": "visit", "days": 7})
    >>> [timing(other.when, other.decay) for other in timings(rule)][:2]
    ['in the last 3 days', 'in the last 14 days']
    """
    if rule.when.event is None:
        return []
    if rule.when.silent_days is not None:
        tests = [rule.when.model_copy(update={"silent_days": days}) for days in LIMITED]
        return [rule.model_copy(update={"when": test}) for test in tests if test != rule.when]
    tests = [rule.when.model_copy(update={"days": days}) for days in WINDOWS]
    others = [rule.model_copy(update={"when": test, "decay": None}) for test in tests]
    if rule.when.times == 1:
        whole = rule.when.model_copy(update={"days": None})
        decays = [Decay(half_life_days=days) for days in HALF_LIVES]
        others += [rule.model_copy(update={"when": whole, "decay": decay}) for decay in decays]
    return [other for other in others if other != rule]


def retime(sheet: Sheet, dataset: Dataset) -> tuple[Retiming, ...]:
    """Find rules that look at the wrong time, the largest gain first.

    Args:
        sheet: the rules.
        dataset: with their columns and ``timing_features``.

    Returns:
        Nothing where a half has fewer than 20 converted leads.

    Raises:
        LeadlightError: the matrix lacks columns.
    """
    missing = [f.name for f in timing_features(sheet) if f.name not in set(dataset.matrix.names)]
    if missing:
        raise LeadlightError(
            f"the matrix lacks columns to retime {sheet.name!r}; build it with timing_features()", missing
        )
    rows = RuleRows.of(sheet, dataset)
    cut = halves(rows)
    if min(rows.take(part).positives for part in (cut.first, cut.second)) < FEWEST_CONVERTED:
        return ()
    trial = _Trial.of(rows, cut, _active(dataset.matrix))
    chosen = [trial.choose(at, dataset) for at in range(len(sheet.rules))]
    return trial.test([one for one in chosen if one is not None])


@dataclass(frozen=True, slots=True)
class _Chosen:
    """Another timing of the rule at position ``at``, and how often it counts, shape (rows,)."""

    at: int
    better: Rule
    times: Floats


@dataclass(frozen=True, slots=True)
class _Trial:
    """Both halves, with the sheet as background."""

    rows: RuleRows
    cut: Halves
    early: Sample
    late: Sample

    @classmethod
    def of(cls, rows: RuleRows, cut: Halves, active: Floats) -> _Trial:
        """``active``: columns that say how lately a lead was active at all, shape (rows, columns)."""
        lines = own_levels(rows)
        early, late = (
            Sample.of(rows.take(part), lines).with_columns(active[part]) for part in (cut.first, cut.second)
        )
        return cls(rows, cut, early, late)

    def choose(self, at: int, dataset: Dataset) -> _Chosen | None:
        """The timing that tells most on the earlier half; None where the present one is as good."""
        others = timings(self.rows.sheet.rules[at])
        if not others:
            return None
        counted = np.column_stack([self.rows.times[:, at], *(_times(rule, dataset) for rule in others)])
        counted[:, 1:] *= self._differ(counted)
        early = self.early.without(self._column(at))
        gains = early.fit().gains(counted[self.cut.first])[1]
        best = int(gains[1:].argmax()) + 1
        if gains[best] < gains[0] + WORTH_A_TEST:
            return None
        return _Chosen(at, others[best - 1], counted[:, best])

    def _differ(self, counted: Floats) -> Flags:
        """Whether each other timing differs from the present one for enough leads."""
        leads = self.rows.lead_id
        rows = [counted[:, other] != counted[:, 0] for other in range(1, counted.shape[1])]
        return np.array([len(set(leads[differs])) >= LEAST_LEADS for differs in rows], dtype=np.bool_)

    def test(self, chosen: Sequence[_Chosen]) -> tuple[Retiming, ...]:
        """Those that hold on the later half."""
        if not chosen:
            return ()
        now = self.early.fit()
        p, gains = zip(*[self._test(one, now) for one in chosen], strict=True)
        q = benjamini_hochberg(np.array(p))
        kept = [
            _retiming(self.rows.sheet.rules[one.at], one.better, gain, float(rate))
            for one, gain, rate in zip(chosen, gains, q, strict=True)
            if rate < FALSE_AT_MOST and gain > 0.0
        ]
        return tuple(sorted(kept, key=lambda one: -one.gain))

    def _test(self, one: _Chosen, now: Background) -> tuple[float, float]:
        """(p that it says nothing new in the rule's direction, gain per 1,000 leads if it replaces the rule)."""
        column = self._column(one.at)
        early, late = (one.times[part][:, None] for part in (self.cut.first, self.cut.second))
        replaced = self.early.without(column).with_columns(early).fit()
        [new] = self.late.with_columns(late).fit().partials(1)
        apart = now.losses(self.late) - replaced.losses(self.late.without(column).with_columns(late))
        gain = 1000.0 * float(np.average(apart, weights=self.late.weight))
        return float(norm.sf(np.sign(replaced.coefficients[-1]) * new.z)), gain

    def _column(self, at: int) -> int:
        """Of a rule in the background: after the common level and those of lines."""
        return 1 + len(own_levels(self.rows)) + at


def _active(matrix: Matrix) -> Floats:
    """Whether anything happened in each of the windows, where the matrix knows it, shape (rows, columns)."""
    [of_any] = recency()
    if of_any.name not in matrix.names:
        return np.empty((len(matrix), 0))
    age = matrix.column(of_any.name)
    columns = [age <= days for days in LIMITED]
    return np.column_stack(columns).astype(np.float64)


def _times(rule: Rule, dataset: Dataset) -> Floats:
    alone = Sheet(rules=(rule.model_copy(update={"group": None}),))
    return np.asarray(capped(alone, times(alone, dataset.matrix))[:, 0])


def _retiming(rule: Rule, better: Rule, gain: float, q: float) -> Retiming:
    now, then = timing(rule.when, rule.decay), timing(better.when, better.decay)
    return Retiming(
        rule=rule.name,
        now=now,
        better=better,
        gain=gain,
        q=q,
        sentence=f"{rule.name!r} tells more if it counts {then} (now: {now}); learn its points again after the change.",
    )
