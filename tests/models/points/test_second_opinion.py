"""What boosted trees say of the rules: right in direction, shy in size, and able to see pairs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from features.errors import TooLittleDataError
from features.sheet import Sheet
from models.points.discovery.second_opinion import second_opinion
from models.points.rows import RuleRows
from tests.models.points.firm import SHEET, WORTH, Firm

FIRM = Firm(6000, 2)
BOTH = FIRM.holds(attribute="level", one_of=("director",)) * FIRM.holds(event="prices", days=30)


def test_points_have_the_sign_and_order_of_the_truth() -> None:
    told = second_opinion(RuleRows.of(SHEET, FIRM.outcomes(FIRM.log_odds(), 1)), unit=20.0, seed=1)
    wanted = 20.0 * np.array([WORTH[rule.name] for rule in SHEET.rules])
    assert np.corrcoef(told.points, wanted)[0, 1] > 0.97
    assert np.abs(told.points - wanted).max() < 9.0
    assert np.sign(told.points[wanted != 0.0]).tolist() == np.sign(wanted[wanted != 0.0]).tolist()


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("bonus", [1.0, -1.2])
def test_a_planted_pair_comes_first_with_its_sign(seed: int, bonus: float) -> None:
    rows = RuleRows.of(SHEET, FIRM.outcomes(FIRM.log_odds() + bonus * BOTH, seed))
    first = second_opinion(rows, unit=20.0, seed=seed).pairs[0]
    assert {first.first, first.second} == {"director", "saw prices"}
    assert first.strength * bonus > 0.2


def test_points_for_each_event_are_told_per_event() -> None:
    each = Sheet.model_validate(
        {"rules": [{"name": "mail", "points": 2, "each": True, "when": {"event": "mail"}}]}
    )
    counted = FIRM.matrix.column("count(mail, all)")
    rows = RuleRows.of(each, FIRM.outcomes(-2.0 + 0.3 * counted, 1))
    [points] = second_opinion(rows, unit=10.0, seed=1).points
    assert 1.5 < points < 4.5


def test_a_rule_that_never_fires_has_no_second_opinion() -> None:
    rows = RuleRows.of(SHEET, FIRM.outcomes(FIRM.log_odds(), 1))
    silenced = replace(rows, times=rows.times * (np.arange(len(SHEET.rules)) != 3))
    told = second_opinion(silenced, unit=20.0, seed=1)
    assert np.isnan(told.points).tolist() == [False, False, False, True, False, False]
    assert all("asked for a demo" not in (pair.first, pair.second) for pair in told.pairs)


def test_the_same_rows_get_the_same_opinion() -> None:
    rows = RuleRows.of(SHEET, FIRM.outcomes(FIRM.log_odds(), 1)).take(np.arange(2000))
    one, other = (second_opinion(rows, unit=20.0, seed=7) for _ in range(2))
    assert one.pairs == other.pairs
    assert one.points.tolist() == other.points.tolist()


def test_one_outcome_alone_is_refused() -> None:
    rows = RuleRows.of(SHEET, FIRM.outcomes(FIRM.log_odds(), 1))
    with pytest.raises(TooLittleDataError, match="converted and others"):
        second_opinion(rows.take(rows.label == 0.0), unit=20.0, seed=1)
