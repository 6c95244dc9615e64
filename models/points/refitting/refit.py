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

from features.errors import TooLittleDataError
from features.matrix import Floats
from models.points.evaluation import points_of
from models.points.readings import Flags
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
"""Leads of each kind, converted and other, and accounts of converted ones, with which points can be learned at all."""


def refit(rows: RuleRows, *, draws: int = 400, seed: int, like: Flags | None = None) -> Refit:
    """Learn the points of every rule.

    Args:
        rows: snapshots of a sheet, with what became of them.
        draws: samples of accounts behind the intervals, at least 2.
        seed: of the draws; the same seed gives the same answer.
        like: rows whose leads are handed over today, shape (rows,), where that is not by ``rows.sheet``; as many
            are handed over by the refitted sheet.

    Raises:
        TooLittleDataError: fewer than ``FEWEST`` leads converted, or as few did not, or those that did are of
            fewer accounts.
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
    written = rewrite(rows, learned, tests.step, like)
    fits = _rule_fits(rows, tests, learned, backing)
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
        weights=tuple(best[: design.rules].tolist()),
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
        usual: what a rule usually gives at most, in times.
        tolerance: points by which a rule may be off.
        enough: whether anything can be said. outside: today's points are further off than the interval allows.
        sure: so, many rules being looked at, and enough leads converted in all.
    """

    today: Floats
    unit: float
    step: float
    told: Told
    usual: Floats
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
    by_choice = np.array(
        [rule.qualifies and not rule.points for rule in rows.sheet.rules]
    )  # points are no matter
    outside = enough & (distance > Z_95) & ~by_choice
    return _Tests(today, unit, step, told, design.usual, tolerance, enough, outside, sure & outside)


def _held(tests: _Tests, slope: Slope) -> Shrunk:
    """Towards today's points if the sheet says anything, their signs kept unless the data overrule them."""
    log_odds = tests.today / tests.unit
    toward = log_odds if slope.informative else np.zeros_like(log_odds)
    signed = Shrunk.signed(toward, np.where(tests.overruled, 0.0, tests.today))
    return signed.pinned(log_odds, ~tests.enough)


def _learn(rows: RuleRows, design: Design, tests: _Tests, held: Shrunk, penalty: float) -> Floats:
    """Points of the sheet: today's where they stay, the best beside them for the others."""
    log_odds = held.pinned(tests.today / tests.unit, tests.stays).fit(rows, design, penalty)[: design.rules]
    points = rounded(tests.unit * log_odds, tests.step)
    sure = np.where(tests.sure, _within(points, tests), points)
    return np.where(tests.stays, tests.today, sure)


def _within(points: Floats, tests: _Tests) -> Floats:
    """The nearest multiples of the step that the data allow, or nearest to what they allow where they hold none."""
    low, high = tests.unit * tests.told.low / tests.step, tests.unit * tests.told.high / tests.step
    least, most = np.ceil(low - 1e-9) * tests.step, np.floor(high + 1e-9) * tests.step
    narrow = rounded(tests.unit * tests.told.middle, tests.step)
    return np.asarray(np.round(np.where(least <= most, np.clip(points, least, most), narrow), 6) + 0.0)


def _rule_fits(
    rows: RuleRows, tests: _Tests, learned: Floats, backing: tuple[Support, ...]
) -> tuple[RuleFit, ...]:
    alike = twins(rows)
    return tuple(
        _rule_fit(rows, tests, at, float(learned[at]), (backing[at], alike[at])) for at in range(len(learned))
    )


def _rule_fit(
    rows: RuleRows,
    tests: _Tests,
    at: int,
    learned: float,
    resting: tuple[Support, Twin | None],
) -> RuleFit:
    support, twin = resting
    rule, told = rows.sheet.rules[at], tests.told
    low, log_odds, high = (float(said[at]) for said in (told.low, told.middle, told.high))
    enough, usual = support.enough, float(tests.usual[at])
    evidence = Evidence(
        points=rule.points,
        learned=learned,
        low=low * tests.unit,
        high=high * tests.unit,
        changed=bool(tests.sure[at]),
        outside=bool(tests.outside[at]),
        lacks=support.lacks,
        total=rows.positives,
        leads=support.leads,
        converted=support.converted,
        accounts=support.accounts,
        lift=support.lift,
        odds=float(np.exp(usual * learned / tests.unit)),
        wide=(high - low) * max(usual, 1.0) > WIDE,
        each=rule.each,
        qualifies=rule.qualifies,
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
    accounts = len(set(rows.account[rows.label == 1.0]))
    short = [
        f"{have} {what}, {FEWEST} are needed"
        for what, have in (
            ("converted leads", converted),
            ("other leads", other),
            ("accounts with a converted lead", accounts),
        )
        if have < FEWEST
    ]
    if short:
        raise TooLittleDataError(
            f"the points of {rows.sheet.name!r} cannot be learned yet; today's can still be calibrated", short
        )
