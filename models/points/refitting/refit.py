"""The points that the rules of a sheet should have: learned jointly, shrunk towards today's, with honest intervals.

Four questions are kept apart. What do the data say of each rule, whatever the sheet says? A nearly unshrunk fit and
draws of whole accounts answer, with intervals. What is a point worth? The unit at which most rules agree with the
data. What predicts best? A fit shrunk towards today's points that keeps their signs; so models are updated in
Steyerberg (2019), *Clinical Prediction Models*, ch. 20. Which points go into the sheet? Those of today wherever the
data allow them, and beside them the best for the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.errors import TooLittleDataError
from features.matrix import Floats
from models.points.evaluation import points_of
from models.points.refitting.asking import Slope, Told, ask_rules, ask_total
from models.points.refitting.design import Design
from models.points.refitting.fitted import Refit, RuleFit
from models.points.refitting.resheet import rewrite
from models.points.refitting.shrinkage import Shrunk, choose_penalty
from models.points.refitting.support import Support, Twin, supports, twins
from models.points.refitting.unit import PLAIN_UNIT, robust_unit, rounded, step_of
from models.points.refitting.verdicts import (
    LEAST_POSITIVES,
    WIDE,
    Evidence,
    decide,
    sentence,
    surely_outside,
    tolerances,
)
from models.points.rows import RuleRows
from models.wilson import Z_95

__all__ = ["FEWEST", "Refit", "RuleFit", "refit"]

FEWEST: Final = 20
"""Leads of each kind, converted and other, with which points can be learned at all."""

Flags = NDArray[np.bool_]


def refit(rows: RuleRows, *, draws: int = 400, seed: int) -> Refit:
    """Learn the points of every rule.

    Args:
        rows: snapshots of a sheet, with what became of them.
        draws: samples of accounts behind the intervals, at least 2.
        seed: of the draws; the same seed gives the same answer.

    Raises:
        TooLittleDataError: fewer than ``FEWEST`` leads converted, or as few did not.
    """
    _refuse_too_little(rows)
    design = Design.of(rows.times, rows.service_line)
    backing = supports(rows)
    slope = ask_total(rows, draws=draws, seed=seed)
    told = ask_rules(rows, design, draws=draws, seed=seed)
    tests = _test(rows, design, told, slope, np.array([support.enough for support in backing]))
    held = _held(tests, slope)
    penalty, why = choose_penalty(rows, held)
    best = held.fit(rows, design, penalty)
    learned = _learn(rows, design, tests, held, penalty)
    written = rewrite(rows, learned, tests.step)
    fits = _rule_fits(rows, tests, best[: design.rules], learned, backing)
    return Refit(
        sheet=written.sheet,
        rules=fits,
        threshold_notes=written.notes,
        slope=slope.value,
        slope_low=slope.low,
        slope_high=slope.high,
        informative=slope.informative,
        unit=tests.unit,
        step=tests.step,
        penalty=penalty,
        penalty_why=why,
        intercept=float(best[design.rules]),
        shifts=dict(zip(design.lines, best[design.rules + 1 :].tolist(), strict=True)),
        leads=len(set(rows.lead_id)),
        converted=rows.positives,
        snapshots=len(rows),
        draws=draws,
    )


@dataclass(frozen=True, slots=True)
class _Tests:
    """Today's points against the data; arrays of shape (rules,).

    Attributes:
        today: points. unit: points per log-odds. step: in which the sheet counts. told: in log-odds.
        tolerance: points by which a rule may be off.
        enough: whether anything can be said. outside: today's points are further off than the interval allows.
        sure: so, many rules being looked at, and enough leads converted in all.
    """

    today: Floats
    unit: float
    step: float
    told: Told
    tolerance: Floats
    enough: Flags
    outside: Flags
    sure: Flags

    @property
    def overruled(self) -> Flags:
        """The data surely say the other sign."""
        other = np.where(self.today > 0.0, self.told.high < 0.0, self.told.low > 0.0)
        overruled: Flags = self.sure & other & (self.today != 0.0)
        return overruled

    @property
    def stays(self) -> Flags:
        """Today's points are kept."""
        return ~self.enough | ~self.outside


def _test(rows: RuleRows, design: Design, told: Told, slope: Slope, enough: Flags) -> _Tests:
    today = points_of(rows.sheet)
    step = step_of(today)
    unit = PLAIN_UNIT
    if slope.informative:
        said = enough & (today != 0.0)
        unit = robust_unit(today[said], told.middle[said], told.error[said], slope.value)
    tolerance = tolerances(unit, step, design.usual)
    beyond = np.maximum(np.abs(today - unit * told.middle) - tolerance, 0.0)
    distance = np.divide(beyond, unit * told.error, out=np.zeros_like(beyond), where=enough)
    sure = surely_outside(distance, enough) & (rows.positives >= LEAST_POSITIVES)
    outside = enough & (distance > Z_95)
    return _Tests(today, unit, step, told, tolerance, enough, outside, sure & outside)


def _held(tests: _Tests, slope: Slope) -> Shrunk:
    """Towards today's points if the sheet says anything, their signs kept unless the data overrule them."""
    log_odds = tests.today / tests.unit
    toward = log_odds if slope.informative else np.zeros_like(log_odds)
    signed = Shrunk.signed(toward, np.where(tests.overruled, 0.0, tests.today))
    return signed.pinned(log_odds, ~tests.enough)


def _learn(rows: RuleRows, design: Design, tests: _Tests, held: Shrunk, penalty: float) -> Floats:
    """Points of the sheet: today's where they stay, the best beside them for the others."""
    log_odds = held.pinned(tests.today / tests.unit, tests.stays).fit(rows, design, penalty)[: design.rules]
    allowed = np.where(tests.sure, np.clip(log_odds, tests.told.low, tests.told.high), log_odds)
    return np.where(tests.stays, tests.today, rounded(tests.unit * allowed, tests.step))


def _rule_fits(
    rows: RuleRows, tests: _Tests, best: Floats, learned: Floats, backing: tuple[Support, ...]
) -> tuple[RuleFit, ...]:
    alike = twins(rows)
    return tuple(
        _rule_fit(rows, tests, at, (float(best[at]), float(learned[at])), (backing[at], alike[at]))
        for at in range(len(best))
    )


def _rule_fit(
    rows: RuleRows,
    tests: _Tests,
    at: int,
    fit: tuple[float, float],
    resting: tuple[Support, Twin | None],
) -> RuleFit:
    (log_odds, learned), (support, twin) = fit, resting
    rule, told = rows.sheet.rules[at], tests.told
    low = min(float(told.low[at]), log_odds)  # an interval holds its estimate
    high = max(float(told.high[at]), log_odds)
    enough = support.enough
    evidence = Evidence(
        points=rule.points,
        learned=learned,
        low=low * tests.unit,
        high=high * tests.unit,
        changed=bool(tests.sure[at]),
        outside=bool(tests.outside[at]),
        enough=enough,
        total=rows.positives,
        leads=support.leads,
        converted=support.converted,
        lift=support.lift,
        odds=float(np.exp(learned / tests.unit)),
        wide=high - low > WIDE,
        twin=rows.sheet.rules[twin.rule].name if twin else None,
        alike=twin is not None and twin.rho > 0.0,
    )
    verdict = decide(evidence)
    return RuleFit(
        name=rule.name,
        group=rule.group,
        points=rule.points,
        learned=learned,
        low=evidence.low if enough else None,
        high=evidence.high if enough else None,
        log_odds=log_odds,
        log_odds_low=low if enough else None,
        log_odds_high=high if enough else None,
        leads=support.leads,
        converted=support.converted,
        rate=support.rate,
        lift=support.lift,
        odds_ratio=float(np.exp(log_odds)),
        stability=_stability(tests, at, learned) if enough else None,
        twin=evidence.twin,
        twin_rho=twin.rho if twin else None,
        verdict=verdict,
        sentence=sentence(evidence, verdict),
    )


def _stability(tests: _Tests, at: int, learned: float) -> float:
    drawn = tests.told.drawn[:, at] * tests.unit
    alike = np.sign(drawn) == np.sign(learned) if learned else np.abs(drawn) <= tests.tolerance[at]
    return float(np.mean(alike))


def _refuse_too_little(rows: RuleRows) -> None:
    converted = rows.positives
    other = len(set(rows.lead_id)) - converted
    short = [
        f"{have} {what} leads, {FEWEST} are needed"
        for what, have in (("converted", converted), ("other", other))
        if have < FEWEST
    ]
    if short:
        raise TooLittleDataError(
            f"the points of {rows.sheet.name!r} cannot be learned yet; today's can still be calibrated", short
        )
