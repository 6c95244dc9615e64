"""Refitting a sheet: laws that hold for any data, and what is said where there is little."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from features.clock import DAY
from features.errors import TooLittleDataError
from features.matrix import Floats
from features.sheet import Sheet
from models.points.evaluation import SheetReader
from models.points.refitting.asking import ask_total
from models.points.refitting.refit import Refit, refit
from models.points.refitting.shrinkage import Shrunk, choose_penalty
from models.points.refitting.support import supports
from models.points.rows import RuleRows
from tests.models.points.companies import OFF, RIGHT, TRUTH, WRONG, company, names

DRAWS = 60


@pytest.fixture(scope="module")
def rows() -> RuleRows:
    return company(1, 8_000).rows


@pytest.fixture(scope="module")
def fitted(rows: RuleRows) -> Refit:
    return refit(rows, draws=DRAWS, seed=1)


def same(one: Refit, other: Refit, *, close: float = 1e-6) -> None:
    assert one.sheet == other.sheet
    assert [rule.verdict for rule in one.rules] == [rule.verdict for rule in other.rules]
    for name in ("log_odds", "low", "high"):
        np.testing.assert_allclose(
            np.array([getattr(rule, name) for rule in one.rules], dtype=np.float64),
            np.array([getattr(rule, name) for rule in other.rules], dtype=np.float64),
            rtol=close,
            atol=close,
        )


def test_wrong_points_are_found_and_right_ones_left(fitted: Refit) -> None:
    changed = np.array([rule.learned != rule.points for rule in fitted.rules])
    np.testing.assert_array_equal(changed, OFF)
    learned = np.array([rule.learned for rule in fitted.rules])
    assert np.abs(learned - RIGHT).max() <= 7.5
    assert fitted.unit == pytest.approx(20.0, rel=0.15)
    assert [rule.name for rule in fitted.sheet.rules] == [rule.name for rule in fitted.rules]
    assert [rule.points for rule in fitted.sheet.rules] == learned.tolist()


def test_intervals_are_those_of_the_data_whatever_the_sheet_says(rows: RuleRows, fitted: Refit) -> None:
    other = refit(with_points(rows, RIGHT), draws=DRAWS, seed=1)
    names = ("log_odds", "log_odds_low", "log_odds_high")
    of_fitted, of_other = (
        np.array([[getattr(rule, name) for name in names] for rule in found.rules], dtype=np.float64)
        for found in (fitted, other)
    )
    np.testing.assert_allclose(of_fitted, of_other, rtol=1e-9)
    np.testing.assert_allclose(of_fitted[:, 0], of_fitted[:, 1:].mean(axis=1), rtol=1e-9)
    for rule, said in zip(fitted.rules, of_fitted, strict=True):
        assert rule.low == pytest.approx(fitted.unit * said[1])
        assert rule.high == pytest.approx(fitted.unit * said[2])
        assert rule.odds_ratio == pytest.approx(np.exp(said[0]))


def test_points_that_change_are_points_that_the_data_allow(fitted: Refit) -> None:
    changed = [rule for rule in fitted.rules if rule.verdict in {"raise", "lower", "drop", "reverse"}]
    assert len(changed) == 4
    for rule in changed:
        assert (rule.low or 0.0) <= rule.learned <= (rule.high or 0.0)


def test_the_order_of_rows_and_the_names_of_accounts_do_not_matter(rows: RuleRows, fitted: Refit) -> None:
    shuffled = rows.take(np.random.default_rng(2).permutation(len(rows)))
    renamed = replace(shuffled, account=np.array([f"z{a}" for a in shuffled.account], dtype=object))
    by_time = renamed.take(np.argsort(renamed.as_of, kind="stable"))
    same(fitted, refit(by_time, draws=DRAWS, seed=1))


def test_a_row_twice_is_a_row_of_twice_the_weight(rows: RuleRows) -> None:
    some = rows.take(np.arange(3_000))
    doubled = some.take(np.repeat(np.arange(len(some)), 2))
    same(
        refit(replace(some, weight=2.0 * some.weight), draws=DRAWS, seed=1),
        refit(doubled, draws=DRAWS, seed=1),
        close=1e-5,
    )


def test_a_sheet_on_another_scale_says_the_same(rows: RuleRows, fitted: Refit) -> None:
    rules = [rule.model_copy(update={"points": 2.0 * rule.points}) for rule in rows.sheet.rules]
    large = replace(rows, sheet=rows.sheet.model_copy(update={"rules": tuple(rules), "mql_at": 70.0}))
    found = refit(large, draws=DRAWS, seed=1)
    assert found.unit == pytest.approx(2 * fitted.unit)
    np.testing.assert_array_equal([rule.learned != rule.points for rule in found.rules], OFF)
    for one, other in zip(found.rules, fitted.rules, strict=True):
        assert one.log_odds == pytest.approx(other.log_odds, abs=1e-5)
        assert one.low == pytest.approx(2 * (other.low or 0.0), abs=1e-3)


def test_the_same_seed_gives_the_same_answer_and_it_is_plain_data(rows: RuleRows, fitted: Refit) -> None:
    again = refit(rows, draws=DRAWS, seed=1)
    assert again == fitted
    plain = json.loads(json.dumps(fitted.to_dict()))
    assert Sheet.model_validate(plain["sheet"]) == fitted.sheet
    assert plain["rules"][3]["verdict"] == "lower"
    assert plain["threshold_notes"]


def test_log_odds_are_those_of_its_weights(rows: RuleRows, fitted: Refit) -> None:
    few = rows.take(np.arange(50))
    shift = np.array([fitted.shifts[line] for line in few.service_line])
    expected = few.times @ fitted.weights + fitted.intercept + shift
    np.testing.assert_allclose(fitted.log_odds(few.times, few.service_line), expected)
    unknown = fitted.log_odds(few.times, np.full(50, "another", dtype=object))
    np.testing.assert_allclose(unknown, expected - shift)
    predicted = 1.0 / (1.0 + np.exp(-fitted.log_odds(rows.times, rows.service_line)))
    assert predicted.mean() == pytest.approx(rows.label.mean(), rel=0.01)


def test_as_many_leads_pass_the_new_threshold(rows: RuleRows, fitted: Refit) -> None:
    assert rows.sheet.mql_at is not None
    assert fitted.sheet.mql_at is not None
    learned = np.array([rule.learned for rule in fitted.rules])
    before = (rows.totals >= rows.sheet.mql_at).mean()
    totals = rows.times @ learned
    volumes = [abs((totals >= at).mean() - before) for at in np.arange(-100, 200, fitted.step)]
    after = abs((totals >= fitted.sheet.mql_at).mean() - before)
    assert after <= max(min(volumes), 0.05 * before) + 1e-9
    assert "so that as many leads pass, as nearly as steps of 5 allow" in fitted.threshold_note


def rare(rows: RuleRows, holds: Floats) -> RuleRows:
    rule = {"name": "rare", "points": 20, "when": {"event": "rare"}}
    rules = [rule.model_dump(exclude_defaults=True) for rule in rows.sheet.rules]
    sheet = Sheet.model_validate({**rows.sheet.model_dump(exclude_defaults=True), "rules": [*rules, rule]})
    return replace(rows, sheet=sheet, times=np.column_stack([rows.times, holds]))


@pytest.mark.parametrize("leads", [0, 12, 29, 7_990])
def test_a_rule_that_nearly_none_or_all_fire_is_left_alone(rows: RuleRows, leads: int) -> None:
    found = refit(rare(rows, (np.arange(len(rows)) < leads).astype(np.float64)), draws=20, seed=1).rules[-1]
    assert found.verdict == "not enough evidence"
    assert found.learned == found.points == 20.0
    assert found.low is found.high is found.stability is None
    assert found.sentence.startswith(f"Not enough evidence: {leads:,} leads, ")
    assert found.leads == leads


def test_a_rule_that_is_noted_after_the_outcome_is_left_alone(rows: RuleRows) -> None:
    holds = np.zeros(len(rows))
    holds[np.flatnonzero(rows.label)[:60]] = 1.0
    found = refit(rare(rows, holds), draws=20, seed=1).rules[-1]
    assert (found.leads, found.converted) == (60, 60)
    assert found.verdict == "not enough evidence"
    assert found.learned == 20.0
    assert "60 leads, 60 SQLs; nearly all became SQLs: check that it is not noted after" in found.sentence
    holds[np.flatnonzero(rows.label == 0.0)[:10]] = 1.0
    checked = refit(rare(rows, holds), draws=20, seed=1).rules[-1]
    assert checked.verdict == "raise"
    assert checked.sentence.endswith("that nobody notes it only after the outcome.")


@pytest.mark.parametrize(("accounts", "enough"), [(9, False), (10, True)])
def test_a_rule_of_few_accounts_is_left_alone(rows: RuleRows, accounts: int, enough: bool) -> None:
    holds = (np.arange(len(rows)) < 400).astype(np.float64)
    account = np.where(holds == 1.0, names("large", np.arange(len(rows)) % accounts), rows.account)
    found = refit(rare(replace(rows, account=account), holds), draws=20, seed=1).rules[-1]
    assert (found.verdict != "not enough evidence") == enough
    assert f"SQLs, of {accounts} accounts. The points stay" in found.sentence or enough


def test_accounts_that_convert_are_counted_too(rows: RuleRows) -> None:
    holds, won = np.zeros(len(rows)), np.flatnonzero(rows.label)[:40]
    holds[:200] = holds[won] = 1.0
    holds[np.setdiff1d(np.flatnonzero(rows.label), won)] = 0.0
    for accounts, enough in ((4, False), (5, True)):
        account = rows.account.copy()
        account[won] = names("won", np.arange(40) % accounts)
        found = supports(rare(replace(rows, account=account), holds))[-1]
        assert found.accounts > 10
        assert found.lacks == ("nothing" if enough else "accounts")


def test_a_total_that_hardly_varies_says_nothing(rows: RuleRows) -> None:
    constant = replace(
        rows, times=np.ones_like(rows.times), label=(np.arange(len(rows)) % 10 < 7).astype(np.float64)
    )
    found = ask_total(constant, draws=20, seed=1)
    assert (found.value, found.low, found.high) == (0.0, 0.0, 0.0)
    few = constant.times.copy()
    few[np.flatnonzero(constant.label)[:29]] = 0.0
    assert not ask_total(replace(constant, times=few), draws=20, seed=1).informative
    parts = np.zeros_like(rows.times)
    parts[:, 0] = rows.label
    slope = ask_total(replace(rows, times=parts), draws=20, seed=1)
    assert slope.informative
    assert 0.0 < slope.value * WRONG[0] < 20.0


def test_a_sheet_hands_over_as_many_as_it_is_told(rows: RuleRows, fitted: Refit) -> None:
    assert rows.sheet.mql_at is not None
    strict = rows.totals >= rows.sheet.mql_at + 20.0
    found = refit(rows, draws=DRAWS, seed=1, like=strict)
    assert found.rules == fitted.rules
    handed = SheetReader(found.sheet).judge(rows.times, rows.service_line).is_mql
    assert handed.mean() == pytest.approx(strict.mean(), abs=0.02)
    assert (rows.totals >= rows.sheet.mql_at).mean() > strict.mean() + 0.1


def test_the_choice_of_a_penalty_says_what_it_was_judged_by(rows: RuleRows) -> None:
    def why(of: RuleRows) -> str:
        points = np.zeros(len(WRONG))
        return choose_penalty(of, Shrunk.signed(points, points))[1]

    assert why(rows) == "the best of 0.3, 1, 3, 10 on 4 later blocks of time"
    late = replace(rows, label_known_at=rows.as_of + 10_000 * DAY)
    assert why(late).endswith("later blocks of time; some of the outcomes before were known only later")
    at_once = replace(rows, as_of=np.zeros_like(rows.as_of), label_known_at=rows.label_known_at)
    assert why(at_once).endswith("on 4 parts of the accounts, each by the others")


def test_twins_are_named(rows: RuleRows) -> None:
    twin = rows.times[:, 7].copy()
    twin[:60] = 1.0 - twin[:60]
    found = refit(rare(rows, twin), draws=20, seed=1)
    assert found.rules[-1].twin == "rule 7"
    assert found.rules[7].twin == "rare"
    assert (found.rules[7].twin_rho or 0.0) > 0.9
    assert found.rules[0].twin is None


def with_points(rows: RuleRows, points: Sequence[float]) -> RuleRows:
    return replace(rows, sheet=company(0, 40, points=points).rows.sheet)


def test_a_sign_is_overruled_by_evidence_and_said_so(rows: RuleRows) -> None:
    points = [*RIGHT]
    points[4] = 10.0  # the truth is -10
    found = refit(with_points(rows, points), draws=DRAWS, seed=1).rules[4]
    assert found.verdict == "reverse"
    assert found.learned < 0.0
    assert "check that it means what its name says" in found.sentence
    few = refit(with_points(rows.take(np.arange(900)), points), draws=DRAWS, seed=1).rules[4]
    assert few.learned >= 0.0


def test_signs_are_kept_where_nothing_is_sure(rows: RuleRows) -> None:
    found = refit(rows.take(np.arange(700)), draws=DRAWS, seed=1)
    assert found.converted < 150
    assert (np.array(found.weights) * WRONG >= 0.0).all()
    for rule in found.rules:
        assert rule.verdict in {"keep", "leans up", "leans down", "not enough evidence"}
    assert found.penalty == 3.0


def test_a_sheet_that_says_nothing_is_measured_by_a_plain_unit(rows: RuleRows) -> None:
    found = refit(with_points(rows, [0.0] * 14), draws=DRAWS, seed=1)
    assert not found.informative
    assert found.unit == pytest.approx(15 / np.log(2))
    assert {rule.verdict for rule in found.rules} <= {"keep", "raise", "lower", "leans up", "leans down"}
    assert (
        np.corrcoef([rule.learned for rule in found.rules], RIGHT)[0, 1] > 0.85
    )  # what is worth 5 stays at 0
    backwards = refit(with_points(rows, [-points for points in RIGHT]), draws=DRAWS, seed=1)
    assert backwards.slope == 0.0
    assert not backwards.informative


def test_too_few_outcomes_are_refused(rows: RuleRows) -> None:
    converted = np.flatnonzero(rows.label == 1.0)
    few = np.sort(np.concatenate([converted[:19], np.flatnonzero(rows.label == 0.0)[:500]]))
    with pytest.raises(TooLittleDataError, match="19 converted leads, 20 are needed"):
        refit(rows.take(few), seed=1)
    with pytest.raises(TooLittleDataError, match="0 other leads"):
        refit(rows.take(converted), seed=1)
    alone = np.where(rows.label == 1.0, "one account", rows.account)
    with pytest.raises(TooLittleDataError, match="1 accounts with a converted lead, 20 are needed"):
        refit(replace(rows, account=alone), seed=1)


def test_points_for_each_event_are_points_for_each_event() -> None:
    random = np.random.default_rng(5)
    rules = [
        {"name": "each visit", "points": 1, "each": True, "most": 10, "when": {"event": "visit"}},
        {"name": "demo", "points": 20, "when": {"event": "demo"}},
        {"name": "wears off", "points": 30, "decay": {"half_life_days": 30}, "when": {"event": "prices"}},
        {"name": "free mail", "points": -8, "when": {"attribute": "mail", "one_of": ["free"]}},
    ]
    sheet = Sheet.model_validate({"mql_at": 30, "rules": rules})
    count = 9_000
    times = np.column_stack(
        [
            np.minimum(random.poisson(3.0, count), 10),
            random.random(count) < 0.2,
            np.where(random.random(count) < 0.3, random.random(count), 0.0),
            random.random(count) < 0.25,
        ]
    ).astype(np.float64)
    truth = np.array([0.2, 1.0, 1.5, -0.4])  # the visit is worth 4, not 1
    label = (random.random(count) < 1 / (1 + np.exp(-(times @ truth - 3.5)))).astype(np.float64)
    as_of = np.arange(count, dtype=np.int64) * 10**9
    lead = names("lead", np.arange(count))
    line = np.full(count, "", dtype=object)
    rows = RuleRows(sheet, times, label, np.ones(count), lead, lead, line, as_of, as_of + 10**9)
    found = refit(rows, draws=DRAWS, seed=1)
    assert [rule.verdict for rule in found.rules] == ["raise", "keep", "keep", "keep"]
    assert found.step == 1.0
    assert found.rules[0].learned == pytest.approx(4.0, abs=1.0)
    assert found.sheet.rules[0].most == pytest.approx(10 * found.rules[0].learned)
    assert found.shifts == {}
    assert found.rules[0].sentence.startswith(f"Raise to {found.rules[0].learned:g} for each (now 1): ")
    assert ", and other rules do not explain it" in found.rules[0].sentence


def test_what_an_event_gives_is_compared_with_how_often_it_usually_happens(rows: RuleRows) -> None:
    """Each visit adds .12 log-odds; six of them, as is usual, double the odds: no other rule explains that."""
    random = np.random.default_rng(5)
    visits = random.poisson(3.0, len(rows)) * (random.random(len(rows)) < 0.5)
    times = np.column_stack([rows.times, visits]).astype(np.float64)
    chance = 1.0 / (1.0 + np.exp(4.0 - times @ np.append(TRUTH, 0.12)))
    label = (random.random(len(rows)) < chance).astype(np.float64)
    today = company(0, 40, points=RIGHT).rows.sheet
    visit = {"name": "visit", "points": 9, "each": True, "when": {"event": "visit"}}
    rules = [*today.model_dump(exclude_defaults=True)["rules"], visit]
    sheet = Sheet.model_validate({"mql_at": 20, "rules": rules})
    found = refit(replace(rows, sheet=sheet, times=times, label=label), draws=DRAWS, seed=1).rules[-1]
    assert found.verdict == "lower"
    assert " for each (now 9): " in found.sentence
    assert "explain" not in found.sentence
