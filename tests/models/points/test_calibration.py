"""What totals mean: the line, the thresholds and what became of leads on both sides, against plain counting."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import expit

from features.errors import TooLittleDataError
from features.sheet import Limits, Sheet
from models.points.evaluation import evaluate
from models.points.judging.calibration import calibrate
from models.points.judging.cutoffs import Volume
from models.points.judging.line import SHIFT_PRECISION, SLOPE_PRECISION, Patterns, fit_line
from models.points.judging.offered import Offered
from models.points.judging.period import Period
from models.splits import forward_split
from pipelines.points.schema_judged import Calibration as Told
from pipelines.points.telling import calibration_lines
from tests.models import samples

SHEET = samples.GOOD_SHEET.model_copy(update={"mql_at": 20.0})
PERIOD = Period(leads_per_week=40.0, weeks=5.0, capacity_per_week=9, within_hours=24.0)


def in_lines(rows, names=("north", "south")):
    drawn = np.random.default_rng(3).integers(0, len(names), len(rows))
    return replace(rows, service_line=np.array([names[at] for at in drawn], dtype=object))


@pytest.fixture(scope="module")
def split():
    return forward_split(in_lines(samples.dataset(1500, seed=4)))


@pytest.fixture(scope="module")
def calibration(split):
    return calibrate(SHEET, split, PERIOD, draws=100, seed=2)


def test_the_line_is_where_scipy_finds_the_same_objective_lowest(split):
    rows = split.training
    total = evaluate(SHEET, rows.matrix).total
    z = (total - total.mean()) / total.std()
    north = rows.service_line == "north"

    def objective(b):
        log_odds = b[0] + b[1] * z + np.where(north, b[2], b[3])
        loss = rows.weight @ (np.logaddexp(0, log_odds) - rows.label * log_odds)
        return loss + 0.5 * (SLOPE_PRECISION * b[1] ** 2 + SHIFT_PRECISION * (b[2] ** 2 + b[3] ** 2))

    best = minimize(objective, np.zeros(4), method="BFGS", options={"gtol": 1e-8}).x
    found = fit_line(total, rows)
    assert found.slope == pytest.approx(best[1] / total.std(), rel=1e-4)
    said = found.log_odds(total, rows.service_line)
    assert said == pytest.approx(best[0] + best[1] * z + np.where(north, best[2], best[3]), abs=1e-3)


def test_a_row_of_weight_two_is_two_rows(split):
    rows = split.training
    total = evaluate(SHEET, rows.matrix).total
    twice = np.where(np.arange(len(rows)) % 3 == 0, 2.0, 1.0)
    repeated = np.repeat(np.arange(len(rows)), twice.astype(int))
    weighted = fit_line(total, replace(rows, weight=twice))
    again = Patterns.of(total, replace(rows, weight=twice)).fit(twice)
    copied = fit_line(total[repeated], replace(rows.take(repeated), weight=np.ones(len(repeated))))
    assert weighted == again
    # The total is put on one scale by unweighted rows, and only the faint prior of the slope sees that.
    assert copied.slope == pytest.approx(weighted.slope, rel=1e-3)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_the_line_never_falls(seed):
    rows = samples.dataset(120, seed=seed, signal=False)
    total = np.random.default_rng(seed).integers(-3, 4, len(rows)) * 10.0
    line = fit_line(total, rows)
    assert line.slope >= 0.0
    rising = line.probability(np.array([-30.0, 0.0, 30.0]), np.array(["", "", "x"], dtype=object))
    assert (np.diff(rising) >= 0.0).all()


def test_totals_that_wear_off_by_the_hour_are_rounded_and_mean_the_same(split):
    twice = np.repeat(np.arange(len(split.training)), 2)
    rows = split.training.take(twice)
    total = evaluate(SHEET, rows.matrix).total
    worn = total + np.random.default_rng(1).uniform(-0.5, 0.5, len(rows))
    assert len(np.unique(worn)) > 1000
    assert len(Patterns.of(worn, rows).x) < 2 * 2 * 1001
    assert fit_line(worn, rows).slope == pytest.approx(fit_line(total, rows).slope, rel=0.02)


def test_a_total_turned_round_is_worth_nothing(split):
    upside_down = SHEET.model_copy(
        update={"rules": tuple(rule.model_copy(update={"points": -rule.points}) for rule in SHEET.rules)}
    )
    found = calibrate(upside_down, split, PERIOD, draws=50)
    assert found.slope.value == 0.0
    assert found.slope.low < 0.0
    assert (found.informative, found.worth.value) == (False, 1.0)
    assert "says nothing" in found.sentence


def test_ten_points_multiply_the_odds(calibration):
    assert calibration.informative
    assert calibration.worth.value == pytest.approx(np.exp(10 * calibration.slope.value))
    assert calibration.worth.low < calibration.worth.value < calibration.worth.high
    assert f"{calibration.worth.value:.2f}" in calibration.sentence


def test_both_sides_of_todays_threshold_are_what_counting_says(split, calibration):
    rows = split.dataset
    passed = evaluate(SHEET, rows.matrix).total >= 20.0
    by_line = {part.service_line: part for part in calibration.today}
    assert list(by_line) == [None, "north", "south"]
    for name, part in by_line.items():
        inside = np.ones(len(rows), dtype=bool) if name is None else rows.service_line == name
        above, below = inside & passed, inside & ~passed
        assert part.above.value == pytest.approx(
            rows.weight[above] @ rows.label[above] / rows.weight[above].sum()
        )
        assert part.below.value == pytest.approx(
            rows.weight[below] @ rows.label[below] / rows.weight[below].sum()
        )
        assert part.leads == len(set(rows.lead_id[above]))
        assert part.converted == len(set(rows.lead_id[above & (rows.label == 1.0)]))
        assert part.above.low < part.above.value < part.above.high
        assert part.threshold == 20.0
    at = calibration.line.probability(np.full(len(rows), 20.0), rows.service_line)
    assert by_line[None].at_threshold == pytest.approx(at @ rows.weight / rows.weight.sum())


def test_a_threshold_of_its_own_holds_for_its_line(split):
    own = SHEET.model_copy(update={"mql_at_by_line": {"north": 30.0}})
    found = {part.service_line: part for part in calibrate(own, split, PERIOD, draws=20).today}
    assert (found["north"].threshold, found["south"].threshold) == (30.0, 20.0)
    rows = split.dataset
    passed = (evaluate(SHEET, rows.matrix).total >= 30.0) & (rows.service_line == "north")
    assert found["north"].leads == len(set(rows.lead_id[passed]))


def test_where_more_than_the_total_decides_no_total_is_called_the_threshold(split):
    intent = {"rules": tuple(r.model_copy(update={"group": "intent"}) for r in SHEET.rules)}
    changes = {
        "needs": {**intent, "groups": {"intent": Limits()}, "needs": {"intent": 20.0}},
        "qualifies": {"rules": (SHEET.rules[0].model_copy(update={"qualifies": True}), *SHEET.rules[1:])},
        "lines": {"mql_at_by_line": {"north": 30.0}},
    }
    wanted = {"needs": [None] * 3, "qualifies": [None] * 3, "lines": [None, 30.0, 20.0]}
    for name, change in changes.items():
        found = calibrate(SHEET.model_copy(update=change), split, PERIOD, draws=5)
        assert [part.threshold for part in found.today] == wanted[name]
        assert [part.at_threshold is None for part in found.today] == [t is None for t in wanted[name]]
        assert not any(cutoff.today for cutoff in found.cutoffs)


def test_a_need_is_part_of_what_today_hands_over(split):
    groups = {"intent": Limits(), "": Limits()}
    rules = tuple(r.model_copy(update={"group": "intent"} if r.name == "demo" else {}) for r in SHEET.rules)
    change = {
        "rules": rules,
        "groups": {"intent": groups["intent"]},
        "needs": {"intent": 20.0},
        "mql_at": 30.0,
    }
    told = calibration_lines(_told(calibrate(SHEET.model_copy(update=change), split, PERIOD, draws=5)))
    assert told[1].startswith("all leads: of leads that today's rule for MQLs hands over")


def _told(found):
    return Told.model_validate(found.to_dict())


@pytest.mark.parametrize("level", [0.3, 3 * 0.1])
@pytest.mark.parametrize(("share", "wanted"), [(0.4, 0.4), (0.8, 0.2)])
def test_a_threshold_in_tenths_keeps_to_capacity(level, share, wanted):
    """Three leads of five have three tenths; 3 * 0.1 is a little more than 0.3 in binary, and 0.3 / 0.1 less than 3."""
    total = np.array([level, level, level, 0.1, 0.5])
    levels, place = np.unique(total, return_inverse=True)
    volume = Volume(total, np.ones(5), levels[::-1], len(levels) - 1 - place.astype(np.int64), 0.1)
    at = volume.lowest_within(share, np.ones(5))
    assert at == pytest.approx(wanted)
    assert volume.reach(at) <= share


def test_no_threshold_where_more_share_the_highest_total_than_sales_can_work(split):
    only = SHEET.model_copy(update={"rules": SHEET.rules[:1]})
    found = calibrate(only, split, replace(PERIOD, capacity_per_week=2), draws=5)
    assert found.at_capacity is None
    assert "more leads share the highest total than sales can work" in found.tied
    assert not any(cutoff.at_capacity for cutoff in found.cutoffs)
    assert f"{found.tied}." in " ".join(calibration_lines(_told(found))).replace("   ", " ")
    assert calibrate(only, split, replace(PERIOD, capacity_per_week=None), draws=5).tied == ""


def test_leads_a_week_are_counted_among_those_offered_and_shares_among_those_judged(split):
    rows = split.testing
    total = evaluate(SHEET, rows.matrix).total
    offered = Offered.of(rows)
    unworked = replace(offered, weight=np.where(total >= 20.0, 1.0, 5.0) * rows.weight)
    found = calibrate(SHEET, split, PERIOD, offered=unworked, draws=5)
    plain = calibrate(SHEET, split, PERIOD, draws=5)
    [now], [then] = ([c for c in one.cutoffs if c.today] for one in (found, plain))
    reached = unworked.weight[total >= 20.0].sum() / unworked.weight.sum()
    assert now.per_week == pytest.approx(40.0 * reached)
    assert (now.precision.value, now.captured.value) == (then.precision.value, then.captured.value)
    assert found.at_capacity.value <= plain.at_capacity.value


def test_each_threshold_brings_what_counting_says(split, calibration):
    rows = split.testing
    total = evaluate(SHEET, rows.matrix).total
    assert [cutoff.at for cutoff in calibration.cutoffs] == sorted(
        {cutoff.at for cutoff in calibration.cutoffs}
    )
    assert [cutoff.at for cutoff in calibration.cutoffs if cutoff.today] == [20.0]
    for cutoff in calibration.cutoffs:
        over = total >= cutoff.at
        assert cutoff.per_week == pytest.approx(40.0 * rows.weight[over].sum() / rows.weight.sum())
        if over.any():
            assert cutoff.precision.value == pytest.approx(
                np.average(rows.label[over], weights=rows.weight[over])
            )
            caught = (rows.weight * rows.label)[over].sum() / (rows.weight * rows.label).sum()
            assert cutoff.captured.value == pytest.approx(caught)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 60))
def test_the_threshold_of_capacity_is_the_lowest_that_sales_can_work(split, capacity):
    period = replace(PERIOD, capacity_per_week=capacity)
    found = calibrate(SHEET, split, period, draws=3).at_capacity
    rows = split.testing
    total = evaluate(SHEET, rows.matrix).total

    def per_week(at):
        return 40.0 * rows.weight[total >= at].sum() / rows.weight.sum()

    if found is None:
        assert per_week(total.max()) > capacity
        return
    assert 0.0 < per_week(found.value) <= capacity + 1e-9
    assert found.value <= total.min() or per_week(found.value - 5.0) > capacity


def test_bins_hold_every_judged_lead_once(split, calibration):
    rows = split.testing
    total = evaluate(SHEET, rows.matrix).total
    assert sum(part.leads for part in calibration.bins) == pytest.approx(rows.weight.sum())
    edges = [end for part in calibration.bins for end in (part.lowest, part.highest)]
    assert edges == sorted(edges)
    for part in calibration.bins:
        inside = (total >= part.lowest) & (total <= part.highest)
        assert part.converted == pytest.approx(np.average(rows.label[inside], weights=rows.weight[inside]))
        assert part.low <= part.converted <= part.high


def test_without_capacity_and_without_a_threshold_the_rest_is_told(split):
    plain = SHEET.model_copy(update={"mql_at": None})
    found = calibrate(plain, split, replace(PERIOD, capacity_per_week=None), draws=10)
    assert (found.at_capacity, found.today) == (None, ())
    assert not any(cutoff.today or cutoff.at_capacity for cutoff in found.cutoffs)
    assert found.cutoffs


def test_a_grid_decides_without_a_threshold(split):
    grid = Sheet.model_validate(
        {
            "groups": {"fit": {}, "engagement": {}},
            "grid": {
                "rows": {"group": "fit", "at": {"A": 10}, "rest": "B"},
                "columns": {"group": "engagement", "at": {"1": 20}, "rest": "2"},
                "mql": ["A1", "B1"],
            },
            "rules": [
                {"name": "demo", "points": 20, "group": "engagement", "when": {"event": "demo", "days": 30}},
                {
                    "name": "pharma",
                    "points": 10,
                    "group": "fit",
                    "when": {"attribute": "industry", "one_of": ["pharma"]},
                },
            ],
        }
    )
    whole = calibrate(grid, split, PERIOD, draws=10).today[0]
    rows = split.dataset
    demo = rows.matrix.column(samples.DEMOS.name) > 0
    assert (whole.threshold, whole.at_threshold) == (None, None)
    assert whole.above.value == pytest.approx(np.average(rows.label[demo], weights=rows.weight[demo]))


def test_plain_data_is_json_without_nan(calibration):
    told = json.loads(json.dumps(calibration.to_dict(), allow_nan=False))
    assert told["sentence"] == calibration.sentence
    assert told["worth"] == {
        "value": calibration.worth.value,
        "low": calibration.worth.low,
        "high": calibration.worth.high,
    }


def test_nobody_converted_is_said(split):
    rows = replace(
        split.dataset, label=np.where(np.arange(len(split.dataset)) < split.test[0], 0.0, split.dataset.label)
    )
    with pytest.raises(TooLittleDataError, match="0 leads converted"):
        calibrate(SHEET, forward_split(rows), PERIOD, draws=10)


@pytest.mark.slow
def test_the_interval_of_a_point_covers_the_truth():
    """Three leads to an account and two snapshots to a lead; the slope is .06 by construction."""
    covered, runs = 0, 60
    for seed in range(runs):
        rows = samples.dataset(1200, seed=seed, snapshots=2)
        total = np.round(np.random.default_rng(seed).normal(30, 15, 600) / 5) * 5
        lead = np.array([int(name.split()[1]) for name in rows.lead_id])
        chance = expit(-3.2 + 0.06 * total)
        label = (np.random.default_rng(seed + 999).random(600) < chance).astype(float)[lead]
        known = replace(rows, label=label)
        slopes = np.sort([line.slope for line in Patterns.of(total[lead], known).drawn(_draws(known, seed))])
        covered += slopes[5] <= 0.06 <= slopes[-6]
    assert covered / runs >= 0.88


def _draws(rows, seed):
    from models.points.judging.account_draws import AccountDraws

    return AccountDraws.of(rows.account, draws=200, seed=seed)
