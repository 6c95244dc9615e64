"""Units, rounding, verdicts and their sentences, one at a time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.points.refitting.unit import robust_unit, rounded, step_of
from models.points.refitting.verdicts import Evidence, decide, sentence, surely_outside, tolerances

RAISED = Evidence(
    points=5, learned=25, low=18.2, high=29.7, changed=True, outside=True, lacks="nothing", total=800,
    leads=400, converted=90, accounts=300, lift=2.91, odds=3.5, wide=False, each=False, qualifies=False, twin=None,
    alike=False,
)  # fmt: skip


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({}, "raise"),
        ({"outside": False, "changed": False}, "keep"),
        ({"learned": 5.0}, "keep"),
        ({"lacks": "leads"}, "not enough evidence"),
        ({"total": 149}, "leans up"),
        ({"changed": False}, "leans up"),
        ({"changed": False, "learned": 0.0}, "leans down"),
        ({"learned": 0.0}, "drop"),
        ({"learned": -10.0}, "reverse"),
        ({"points": 25.0, "learned": 5.0}, "lower"),
        ({"points": -50.0, "learned": -20.0}, "raise"),
        ({"points": -10.0, "learned": -20.0}, "lower"),
        ({"points": 0.0, "learned": -20.0}, "lower"),
        ({"points": -5.0, "learned": 5.0}, "reverse"),
    ],
)
def test_verdicts(change: dict[str, float], verdict: str) -> None:
    assert decide(replace(RAISED, **change)) == verdict


def said(**change: object) -> str:
    evidence = replace(RAISED, **change)
    return sentence(evidence, decide(evidence))


def test_sentences_say_it_in_plain_words() -> None:
    assert said() == (
        "Raise to 25 (now 5): leads with it become SQLs 2.9 times as often as the average lead, and other rules "
        "do not explain it. The data say 18 to 30."
    )
    assert said(points=20.0, learned=0.0, low=-3, high=4, lift=1.6, odds=1.0) == (
        "Drop (now 20): leads with it become SQLs 1.6 times as often as the average lead, but other rules explain "
        "it. The data say -3 to 4."
    )
    assert said(points=20.0, learned=5.0, low=1, high=8, lift=1.5, odds=1.28) == (
        "Lower to 5 (now 20): leads with it become SQLs 1.5 times as often as the average lead, but other rules "
        "explain part of it. The data say 1 to 8."
    )
    assert said(learned=5.0, outside=False) == "Keep 5: the data say 18 to 30, too near to change it."
    assert said(learned=5.0, outside=False, low=3, high=9) == "Keep 5: the data say 3 to 9."
    assert "nothing speaks against it" in said(learned=5.0, outside=False, low=-20, high=29, wide=True)
    assert said(lacks="leads", leads=12, converted=3) == (
        "Not enough evidence: 12 leads, 3 SQLs. The points stay at 5."
    )
    assert said(lacks="leads", leads=1, converted=0).startswith("Not enough evidence: 1 lead, no SQLs.")
    assert said(total=90) == (
        "Leans up (now 5): the data say 18 to 30, but 90 SQLs in all are too few to be sure; the refitted sheet "
        "tries 25."
    )
    assert "by chance" in said(changed=False)
    assert said(learned=-10.0, low=-14, high=-6, lift=0.5).startswith(
        "Reverse to -10 (now 5): leads with it become SQLs 0.5 times as often as the average lead."
    )
    assert said(twin="clicked", alike=True).endswith(
        " It mostly holds where 'clicked' does: one of the two may do."
    )
    assert " where 'clicked' does not: " in said(twin="clicked", alike=False)


def test_sentences_say_what_is_missing() -> None:
    assert said(lacks="other outcomes", leads=60, converted=60) == (
        "Not enough evidence: 60 leads, 60 SQLs; nearly all became SQLs: check that it is not noted after the "
        "outcome. The points stay at 5."
    )
    assert said(lacks="accounts", accounts=1).startswith(
        "Not enough evidence: 400 leads, 90 SQLs, of 1 account."
    )
    assert "to compare with among leads without it. " in said(lacks="leads without it")


def test_a_rule_that_nearly_always_converts_is_to_be_checked() -> None:
    check = "Before you do, check that it means what its name says and that nobody notes it only after the outcome."
    assert said(leads=100, converted=80).endswith(check)
    assert check not in said(leads=100, converted=79)
    assert said(learned=-10.0).endswith(check)


def test_rules_for_each_event_say_so() -> None:
    assert said(each=True).startswith("Raise to 25 for each (now 5): ")
    assert said(each=True, learned=0.0).startswith("Drop (now 5 for each): ")
    assert said(each=True, learned=5.0).startswith("Keep 5 for each: ")
    assert said(each=True, total=90).endswith("the refitted sheet tries 25 for each.")


def test_rules_that_hand_over_at_once_say_so() -> None:
    assert said(qualifies=True, learned=0.0, low=-3, high=4, lift=1.0) == (
        "Its points can go (now 5); it still hands over at once: leads with it become SQLs as often as the average "
        "lead. The data say -3 to 4."
    )
    for change in ({}, {"learned": 5.0}, {"lacks": "leads"}):
        assert said(qualifies=True, **change).endswith(" It hands over at once whatever its points.")


def test_nothing_but_plain_words() -> None:
    for change in ({}, {"total": 90}, {"learned": 0.0}, {"learned": -5.0}, {"lacks": "other outcomes"}):
        words = said(**change).casefold()
        for jargon in ("coefficient", "bootstrap", "interval", "odds", "significan", "regress", "p-value"):
            assert jargon not in words


@given(st.lists(st.floats(-200, 200), min_size=1, max_size=9), st.sampled_from([5.0, 1.0, 0.5, 0.1]))
def test_rounding_is_to_the_nearest_multiple(points: list[float], step: float) -> None:
    found = rounded(np.array(points), step)
    np.testing.assert_allclose(found / step, np.round(found / step), atol=1e-6)
    assert (np.abs(found - points) <= step / 2 + 1e-6).all()
    np.testing.assert_array_equal(found, -rounded(-np.array(points), step))
    assert step_of(found) >= step


def test_the_unit_is_that_of_the_rules_which_agree() -> None:
    truth = np.array([0.75, 0.5, -0.5, 1.0, 0.25, 0.5, -0.75, 0.4])
    points = 20.0 * truth
    points[:3] = 60.0, -30.0, 25.0  # wrong; the slope says 35 points
    error = np.full(8, 0.1)
    assert robust_unit(points, truth, error, 1 / 35) == pytest.approx(20.0, rel=0.05)


def test_a_right_unit_does_not_depend_on_the_scale_of_the_sheet() -> None:
    truth = np.array([0.75, 0.5, -0.5, 1.0, 0.25])
    for scale in (0.1, 3.0, 1000.0):
        found = robust_unit(scale * truth, truth, np.full(5, 0.1), 0.8 / scale)
        assert found == pytest.approx(scale, rel=0.02)


def test_few_of_many_are_surely_outside() -> None:
    chance = np.random.default_rng(1).normal(size=(300, 20))
    looked = np.ones(20, dtype=np.bool_)
    found = [surely_outside(np.abs(row), looked).any() for row in chance]
    assert np.mean(found) <= 0.15  # all are right: one false call in ten looks
    far = np.abs(chance)
    far[:, :5] = 6.0
    assert all(surely_outside(row, looked)[:5].all() for row in far)
    assert not surely_outside(far[0], ~looked).any()


def test_what_is_given_for_each_event_may_be_off_by_less() -> None:
    found = tolerances(20.0, 1.0, np.array([1.0, 0.5, 4.0, 50.0]))
    np.testing.assert_allclose(found, [2.5, 2.5, 0.625, 0.5])
