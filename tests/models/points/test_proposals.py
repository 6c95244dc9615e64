"""What a sheet forgot is found, in the words of a rule where a rule can say it; chance is not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import LeadlightError
from features.kernel import build_at
from features.language import count, recency
from features.sheet import RuleTest, Sheet
from features.sheet_checks import sheet_problems
from models.points.discovery.candidates import Candidate, as_test, candidates, clashes, fires
from models.points.discovery.proposals import Proposal, _Scale, missing_rules
from models.points.discovery.testing import Partial
from tests.builders import at, history
from tests.models.points.firm import SHEET, Firm

FIRM = Firm(6000, 6)
QUOTE = FIRM.holds(event="quote", days=14)
COLLEAGUES = (FIRM.matrix.column("account(count(any, 30d))") > 0).astype(np.float64)
BOTH = FIRM.holds(attribute="level", one_of=("director",)) * FIRM.holds(event="prices", days=30)


def _found(
    log_odds: np.ndarray, seed: int, firm: Firm = FIRM, sheet: Sheet = SHEET, **more: object
) -> list[Proposal]:
    rows = firm.outcomes(log_odds, seed)
    phrases = {"quote": ("use of the quote tool", "uses of the quote tool")}
    return [*missing_rules(sheet, rows, phrases=phrases, unit=20.0, step=5.0, seed=seed, **more)]  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_what_the_sheet_forgot_is_found_largest_first(seed: int) -> None:
    truth = FIRM.log_odds() + 1.2 * QUOTE + 0.7 * COLLEAGUES
    first, second, *_ = _found(truth, seed)
    assert first.rule is not None
    assert first.rule.when.event == "quote"
    assert 5 <= (first.rule.when.days or 999) <= 30
    assert first.rule.points in (15.0, 20.0, 25.0, 30.0)
    assert first.low < 1.2 < first.high
    assert "uses of the quote tool" in first.rule.name
    assert f"{first.rule.points:+g} points" in first.sentence
    assert (second.rule, second.sayable) == (None, False)
    assert "other contacts of the account" in second.title
    assert second.low < 0.7 < second.high
    assert "No single rule can say it" in second.sentence


def test_support_and_conversions_are_those_of_later_leads() -> None:
    rows = FIRM.outcomes(FIRM.log_odds() + 1.2 * QUOTE, 1)
    first = _found(FIRM.log_odds() + 1.2 * QUOTE, 1)[0]
    assert 0 < first.converted < first.leads < len(set(rows.lead_id)) / 2 + 100
    assert first.gain > 0.0
    assert first.q < 0.1


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_pair_that_is_worth_more_together_is_told_in_words(seed: int) -> None:
    found = _found(FIRM.log_odds() + 1.5 * BOTH, seed)
    names = {"both 'director' and 'saw prices'", "both 'saw prices' and 'director'"}
    pairs = [one for one in found if one.title in names]
    assert len(pairs) == 1
    assert (pairs[0].rule, pairs[0].sayable) == (None, False)
    assert pairs[0].low < 1.5 < pairs[0].high


@pytest.mark.slow
def test_a_complete_sheet_rarely_misses_anything() -> None:
    small = Firm(2500, 7)
    truth = small.log_odds()
    wrong = [len(_found(truth, seed, small)) > 0 for seed in range(40)]
    assert sum(wrong) <= 8  # 10 % of runs are expected to have one


def test_rules_that_are_added_leave_a_sheet_that_can_be_meant() -> None:
    size = FIRM.holds(attribute="employees", below=50)
    found = _found(FIRM.log_odds() + 1.2 * QUOTE - 1.5 * size, 1)
    added = [one.rule for one in found if one.rule is not None]
    assert {rule.when.event or rule.when.attribute for rule in added} == {"quote", "employees"}
    grown = Sheet.model_validate({"rules": [rule.model_dump() for rule in (*SHEET.rules, *added)]})
    assert sheet_problems(grown) == []


def test_what_sales_did_is_not_proposed() -> None:
    found = _found(FIRM.log_odds() + 1.2 * QUOTE, 1, avoid=("quote",))
    assert all("quote" not in one.title for one in found)


def test_too_few_conversions_propose_nothing() -> None:
    few = Firm(150, 8)
    assert _found(few.log_odds() + 2.0 * few.holds(event="quote", days=14), 1, few) == []


def test_at_most_so_many_are_proposed() -> None:
    truth = FIRM.log_odds() + 1.2 * QUOTE + 0.9 * COLLEAGUES
    assert len(_found(truth, 1, at_most=1)) == 1


def test_what_clashes_with_a_rule_is_told_only() -> None:
    made = candidates(FIRM.matrix, SHEET, {})
    split = [one for one in made if "would split" in one.title]
    assert split
    assert not any(one.sayable for one in split)
    for one in made:
        assert one.test is None or not any(clashes(one.test, rule.when) for rule in SHEET.rules)


def test_what_no_rule_can_say_makes_no_rule() -> None:
    with pytest.raises(LeadlightError, match="no rule of a sheet can say"):
        Candidate("the weather", np.ones(3)).rule(5.0)


def test_every_candidate_that_a_rule_says_holds_where_the_rule_does() -> None:
    for one in candidates(FIRM.matrix, SHEET, {}):
        if one.test is not None:
            assert np.array_equal(one.holds > 0, fires(one.test, FIRM.matrix) > 0), one.title


@settings(max_examples=30)
@given(st.lists(st.integers(0, 400 * 4), max_size=12), st.sampled_from([1, 3, 7, 14, 30, 90, None]))
def test_the_time_since_the_last_event_says_whether_there_was_one(
    quarters: list[int], days: int | None
) -> None:
    """Events at quarter days, some exactly a window old."""
    moment = at("2024-06-01")
    events = [
        {"lead_id": "ann", "event_id": f"e{n}", "type": "visit", "occurred_at": stamp, "known_at": stamp}
        for n, quarter in enumerate(quarters)
        for stamp in [moment - quarter * 6 * 3_600_000_000]
    ]
    held = history(leads="lead created\nann 2022-01-01", events=events)
    columns = [*count("visit", days=days), *recency("visit")]
    matrix = build_at(columns, held, np.zeros(1, dtype=np.int64), np.array([moment]))
    test = as_test(columns[0])
    assert test == RuleTest(event="visit", days=days)
    [counted] = matrix.column(columns[0].name)
    assert bool(fires(test, matrix)[0]) == (counted > 0)


def test_what_few_leads_say_is_worth_fewer_points() -> None:
    scale = _Scale(unit=20.0, step=5.0, taken=frozenset())
    assert scale.points(Partial(log_odds=0.9, error=0.1)) == 20.0
    assert scale.points(Partial(log_odds=4.27, error=1.97)) == 10.0
    assert scale.points(Partial(log_odds=-0.01, error=1.0)) == -5.0
