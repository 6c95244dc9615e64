"""What would change: every figure against plain counting, and laws that no comparison may break."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.clock import HOUR
from models.intervals import Estimate
from models.metrics import roc_auc
from models.points.judging.account_draws import AccountDraws, certain
from models.points.judging.comparison import compare
from models.points.judging.load import load, waits
from models.points.judging.movers import EXAMPLES
from models.points.judging.offered import Offered
from models.points.judging.period import Period, hours_of
from models.points.judging.ranking import Ranking
from models.points.judging.rivals import Rival, best, model_rival, sheet_rival
from models.splits import forward_split
from tests import builders
from tests.models import samples

SHEET = samples.GOOD_SHEET.model_copy(update={"mql_at": 20.0})
OTHER = samples.GOOD_SHEET.model_copy(
    update={
        "mql_at": 15.0,
        "rules": (
            SHEET.rules[0].model_copy(update={"points": 10.0}),
            SHEET.rules[1].model_copy(update={"points": 15.0}),
            SHEET.rules[2].model_copy(update={"points": 5.0}),
        ),
    }
)
PERIOD = Period(40.0, 5.0, capacity_per_week=9, within_hours=24.0, unworked_above=0.05, unworked_below=0.3)


@pytest.fixture(scope="module")
def split():
    return forward_split(samples.dataset(1500, seed=7, snapshots=2))


@pytest.fixture(scope="module")
def rows(split):
    return split.testing


@pytest.fixture(scope="module")
def rivals(split, rows):
    first = sheet_rival("sheet", "your sheet", SHEET, split.training, rows)
    other = sheet_rival("refitted", "refitted sheet", OTHER, split.training, rows)
    chance = 1.0 / (1.0 + np.exp(-samples.truth(rows.matrix)))
    return [first, other, model_rival("model", "the model", chance, rows, first)]


@pytest.fixture(scope="module")
def compared(rivals, rows):
    lines = np.where(np.arange(len(rows)) % 3 == 0, "north", "south").astype(object)
    industry = rows.matrix.texts(samples.INDUSTRY.name)
    return compare(rivals, rows, PERIOD, {"service line": lines, "industry": industry}, draws=150, seed=5)


def test_sums_of_a_draw_are_those_of_its_rows(rows):
    draws = AccountDraws.of(rows.account, draws=7, seed=3)
    columns = np.column_stack([rows.weight, rows.weight * rows.label])
    names = np.unique(rows.account.astype(str))
    for times, sums, (weight,) in zip(
        draws.times,
        draws.sums(columns),
        (np.split(w, 1) for b in draws.weightings(rows.weight) for w in b),
        strict=True,
    ):
        assert times.sum() == len(names)
        drawn = [
            at
            for name, often in zip(names, times, strict=True)
            for at in np.flatnonzero(rows.account == name)
            for _ in range(often)
        ]
        assert sums == pytest.approx(columns[drawn].sum(axis=0))
        assert weight.sum() == pytest.approx(sums[0])


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 40), st.floats(0.05, 1.0))
def test_a_ranking_agrees_with_the_metrics_and_with_shuffled_ties(seed, size, share):
    random = np.random.default_rng(seed)
    score = random.integers(0, 5, size) / 5.0
    label = (random.random(size) < 0.4).astype(float)
    weight = random.integers(1, 4, size).astype(float)
    caught, converted, auc = (part[0] for part in Ranking.of(score, label).measured(weight[None, :], share))
    assert auc == pytest.approx(roc_auc(label, score, weight), nan_ok=True)
    assert converted == pytest.approx(weight @ label)
    taken, left = 0.0, share * weight.sum()
    for level in np.unique(score)[::-1]:  # of tied leads each is taken in part: the mean over all orders
        tied = score == level
        part = min(left / weight[tied].sum(), 1.0)
        taken, left = taken + part * (weight * label)[tied].sum(), left - part * weight[tied].sum()
    assert caught == pytest.approx(taken)


def test_figures_at_the_own_threshold_are_what_counting_says(compared, rivals, rows):
    for standing, rival in zip(compared.standings, rivals, strict=True):
        own, passed = standing.figures.own, rival.is_mql
        share = rows.weight[passed].sum() / rows.weight.sum()
        precision = np.average(rows.label[passed], weights=rows.weight[passed])
        assert own.per_week.value == pytest.approx(40.0 * share)
        assert own.precision.value == pytest.approx(precision)
        assert own.captured.value == pytest.approx(
            (rows.weight * rows.label)[passed].sum() / (rows.weight @ rows.label)
        )
        assert own.sqls_per_week.value == pytest.approx(40.0 * share * precision)
        assert all(
            e.low < e.value < e.high for e in (own.per_week, own.precision, own.captured, own.sqls_per_week)
        )
        expected = 40.0 * (rows.weight * passed) @ rival.probability / rows.weight.sum()
        assert standing.expected_sqls_per_week == pytest.approx(expected)


def test_at_capacity_all_take_as_many(compared):
    for standing in compared.standings:
        there = standing.figures.at_capacity
        assert there.per_week.value == pytest.approx(9.0)
        assert there.sqls_per_week.value == pytest.approx(9.0 * there.precision.value)
        assert there.captured.value == pytest.approx(
            there.precision.value * 9.0 / (40.0 * compared.base_rate)
        )


def test_differences_are_paired(compared):
    first, other, model = compared.standings
    assert first.apart is None
    for one in (other, model):
        apart, own = one.apart.own.precision, one.figures.own.precision
        assert apart.value == pytest.approx(own.value - first.figures.own.precision.value)
        assert one.apart.roc_auc.value == pytest.approx(
            one.figures.roc_auc.value - first.figures.roc_auc.value
        )
    auc, alone = model.apart.roc_auc, model.figures.roc_auc
    assert auc.high - auc.low < alone.high - alone.low  # what both share is not counted twice
    assert model.apart.log_loss.value == pytest.approx(
        model.figures.log_loss.value - first.figures.log_loss.value
    )


def test_whoever_is_compared_with_himself_does_not_differ(rivals, rows):
    told = compare([rivals[0], replace(rivals[0], name="same")], rows, PERIOD, draws=40).standings[1]
    for part in (told.apart.own, told.apart.at_capacity):
        assert {getattr(part, name) for name in part.__slots__} == {Estimate(0.0, 0.0, 0.0)}
    assert told.apart.roc_auc == told.apart.log_loss == Estimate(0.0, 0.0, 0.0)
    assert told.movers.changed.value == 0.0
    assert (told.movers.ups, told.movers.downs) == ((), ())


def test_neither_the_order_of_rows_nor_names_of_accounts_matter(rivals, rows):
    order = np.random.default_rng(0).permutation(len(rows))
    order = order[np.argsort(rows.as_of[order], kind="stable")]
    renamed = replace(rows, account=np.array([f"x{name}" for name in rows.account], dtype=object)).take(order)
    turned = [
        replace(r, score=r.score[order], is_mql=r.is_mql[order], probability=r.probability[order],
                by_rule=None if r.by_rule is None else r.by_rule[order])
        for r in rivals
    ]  # fmt: skip
    plain = compare(rivals, rows, PERIOD, draws=30, seed=1)
    again = compare(turned, renamed, PERIOD, draws=30, seed=1)
    for one, other in zip(plain.standings, again.standings, strict=True):
        assert one.figures.own.precision.low == pytest.approx(other.figures.own.precision.low)
        assert one.figures.at_capacity.captured.high == pytest.approx(other.figures.at_capacity.captured.high)
        if one.movers:
            assert one.movers.ups == other.movers.ups


def test_movers_add_up(compared, rivals, rows):
    first, other = compared.standings[0].figures.own, compared.standings[1]
    moved = other.movers
    assert other.figures.own.per_week.value == pytest.approx(
        first.per_week.value + moved.up.per_week.value - moved.down.per_week.value
    )
    assert other.figures.own.sqls_per_week.value == pytest.approx(
        first.sqls_per_week.value + moved.up.sqls_per_week.value - moved.down.sqls_per_week.value
    )
    assert moved.changed.value == pytest.approx((moved.up.per_week.value + moved.down.per_week.value) / 40.0)
    rests = moved.up.sqls_per_week.value / other.figures.own.sqls_per_week.value
    assert moved.not_handed_before.value == pytest.approx(rests)


def test_examples_are_different_leads_that_really_move(compared, rivals, rows):
    for standing, rival in zip(compared.standings[1:], rivals[1:], strict=True):
        for examples, is_up in ((standing.movers.ups, True), (standing.movers.downs, False)):
            assert 0 < len(examples) <= EXAMPLES
            assert len({example.lead_id for example in examples}) == len(examples)
            for example in examples:
                at = [
                    i for i in np.flatnonzero(rows.lead_id == example.lead_id)
                    if rivals[0].is_mql[i] != is_up and rival.is_mql[i] == is_up
                ]  # fmt: skip
                assert any(
                    (rivals[0].score[i], rival.score[i], bool(rows.label[i]))
                    == (example.before, example.after, example.converted)
                    for i in at
                )


def test_an_example_says_which_rules_differ_most(compared):
    for example in compared.standings[1].movers.ups:
        changes = [abs(change.after - change.before) for change in example.why]
        assert changes == sorted(changes, reverse=True)
        assert all(change > 0 for change in changes)
        assert example.after - example.before == pytest.approx(sum(c.after - c.before for c in example.why))
    assert all(not example.why for example in compared.standings[2].movers.ups)
    assert [standing.in_points for standing in compared.standings] == [True, True, False]


def test_a_rule_that_only_one_sheet_has_is_told_as_such(split, rows):
    fewer = OTHER.model_copy(update={"rules": OTHER.rules[1:], "mql_at": 15.0})
    pair = [sheet_rival(n, n, sheet, split.training, rows) for n, sheet in (("a", SHEET), ("b", fewer))]
    downs = compare(pair, rows, PERIOD, draws=10).standings[1].movers.downs
    assert {(c.rule, c.after) for example in downs for c in example.why if c.after is None} == {
        ("demo", None)
    }


def test_parts_of_a_segmentation_add_up(compared):
    for segmentation in compared.segments:
        assert sum(part.converted for part in segmentation.parts) >= compared.converted
        for standing in compared.standings:
            parts = [part.handed[standing.name] for part in segmentation.parts]
            whole = standing.figures.own
            assert sum(part.per_week.value for part in parts) == pytest.approx(whole.per_week.value)
            assert sum(part.sqls_per_week.value for part in parts) == pytest.approx(whole.sqls_per_week.value)


def test_a_part_is_what_its_rows_say(compared, rivals, rows):
    industry = rows.matrix.texts(samples.INDUSTRY.name)
    parts = {part.value: part for part in compared.segments[1].parts}
    assert set(parts) == {*samples.INDUSTRIES, "not known"}
    inside = (industry == "pharma") & rivals[0].is_mql
    handed = parts["pharma"].handed["sheet"]
    assert handed.precision.value == pytest.approx(
        np.average(rows.label[inside], weights=rows.weight[inside])
    )
    of_pharma = (rows.weight * rows.label)[industry == "pharma"].sum()
    assert handed.captured.value == pytest.approx((rows.weight * rows.label)[inside].sum() / of_pharma)


def test_rare_values_are_told_together_and_one_value_is_no_segmentation(rivals, rows):
    pages = rows.matrix.texts(samples.PAGE.name)
    alone = np.full(len(rows), "only", dtype=object)
    [told] = compare(rivals[:1], rows, PERIOD, {"page": pages, "one": alone}, draws=5).segments
    assert len(told.parts) == 8
    assert told.parts[-1].value == f"{len(set(pages)) - 7} others"


def test_where_all_or_none_convert_the_interval_is_not_a_point():
    assert certain(Estimate(1.0, 1.0, 1.0), 4).low == pytest.approx(4 / (4 + 1.959964**2))
    assert certain(Estimate(0.5, 0.4, 0.6), 4) == Estimate(0.5, 0.4, 0.6)
    undefined = certain(Estimate(np.nan, np.nan, np.nan), 0)
    assert np.isnan(undefined.low)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0.0, 30.0), min_size=1, max_size=25), st.integers(1, 40))
def test_nobody_is_called_before_those_who_came_before(gaps, capacity):
    hours = np.cumsum([0.0, *gaps[1:]])
    as_of = (hours * HOUR).astype(np.int64)
    waited = waits(np.ones(len(gaps)), as_of, capacity)
    each, free = 168.0 / capacity, 0.0
    for at, came in enumerate(as_of / HOUR):  # one caller, one lead after the other
        begun = max(free, came)
        assert waited[at] == pytest.approx(begun - came, abs=1e-6)
        free = begun + each


def test_load_is_what_came_against_what_can_be_done(compared, rivals, rows):
    told = compared.standings[0].load
    assert told.per_week == pytest.approx(compared.standings[0].figures.own.per_week.value)
    assert told.ratio == pytest.approx(told.per_week / 9.0)
    arrivals = rows.weight * rivals[0].is_mql * 40.0 * 5.0 / rows.weight.sum()
    weeks = [arrivals[(rows.as_of - rows.as_of[0]) // (168 * HOUR) == week].sum() for week in range(5)]
    assert told.busiest_week == pytest.approx(max(weeks))
    assert told.weeks_over == pytest.approx(np.mean([week > 9 for week in weeks]))
    soon, free = 0.0, 0.0
    for came, arrived in zip(rows.as_of / HOUR, arrivals, strict=True):  # one caller, 168 / 9 hours for each
        begun = max(free, came)
        soon += arrived * (begun - came <= 24.0)
        free = begun + arrived * 168.0 / 9.0
    assert told.in_time == pytest.approx(soon / arrivals.sum())
    assert 0.05 < told.in_time < 0.95
    assert load(rivals[0].is_mql, rows.weight, rows.as_of, replace(PERIOD, capacity_per_week=None)) is None
    calm = load(rivals[0].is_mql, rows.weight, rows.as_of, replace(PERIOD, capacity_per_week=10_000))
    assert (calm.weeks_over, calm.in_time) == (0.0, pytest.approx(1.0))


def test_volume_and_load_count_every_lead_offered_and_shares_those_judged(split, rows):
    """Twice the judged leads were offered besides; nobody worked those, and no sheet hands over half of them."""
    high = sheet_rival("a", "a", SHEET, split.training, rows).is_mql
    again = np.sort(np.concatenate([np.arange(len(rows)), np.repeat(np.flatnonzero(~high), 2)]))
    more = rows.take(again)
    industry = {"industry": more.matrix.texts(samples.INDUSTRY.name)}
    offered = replace(
        Offered.of(more, industry), account=np.array([f"{a}" for a in more.account], dtype=object)
    )
    first = sheet_rival("sheet", "sheet", SHEET, split.training, rows, offered=offered)
    other = sheet_rival("other", "other", OTHER, split.training, rows, offered=offered)
    chance = [1.0 / (1.0 + np.exp(-samples.truth(of.matrix))) for of in (rows, offered)]
    model = model_rival("model", "model", chance[0], rows, first, offered=(offered, chance[1]))
    inside = {"industry": rows.matrix.texts(samples.INDUSTRY.name)}
    told = compare([first, other, model], rows, PERIOD, inside, draws=20)
    plain = [replace(one, offered=None) for one in (first, other)]
    before = compare(plain, rows, PERIOD, inside, draws=20)
    for one, alone, rival in zip(told.standings, before.standings, (first, other), strict=False):
        own, passed = one.figures.own, rival.offered.is_mql
        share = more.weight[passed].sum() / more.weight.sum()
        assert own.per_week.value == pytest.approx(40.0 * share)
        assert one.load.per_week == pytest.approx(40.0 * share)
        assert own.precision.value == pytest.approx(alone.figures.own.precision.value)
        assert own.captured.value == pytest.approx(alone.figures.own.captured.value)
        assert own.sqls_per_week.value == pytest.approx(40.0 * share * own.precision.value)
        by_part = [part.handed[one.name].per_week.value for part in told.segments[0].parts]
        assert sum(by_part) == pytest.approx(40.0 * share)
    assert told.standings[0].figures.own.per_week.value < before.standings[0].figures.own.per_week.value
    moved = told.standings[1].movers
    up = other.offered.is_mql & ~first.offered.is_mql
    assert moved.up.per_week.value == pytest.approx(40.0 * more.weight[up].sum() / more.weight.sum())
    volumes = [more.weight[one.offered.is_mql].sum() for one in (first, model)]
    assert volumes[1] == pytest.approx(volumes[0], abs=5.0)


def test_at_capacity_the_best_of_those_offered_are_called_and_the_judged_among_them_count(split, rows):
    """The model's 9 in 40 of the leads offered reach down to a chance; rows above it are what is known of them."""
    more = rows.take(np.sort(np.concatenate([np.arange(len(rows)), np.arange(0, len(rows), 2)])))
    offered = Offered.of(more)
    chance = [1.0 / (1.0 + np.exp(-samples.truth(of.matrix))) for of in (rows, offered)]
    first = sheet_rival("sheet", "sheet", SHEET, split.training, rows, offered=offered)
    model = model_rival("model", "model", chance[0], rows, first, offered=(offered, chance[1]))
    there = compare([first, model], rows, PERIOD, draws=5).standings[1].figures.at_capacity
    order = np.argsort(-chance[1])
    last = order[np.searchsorted(np.cumsum(offered.weight[order]), 9 / 40 * offered.weight.sum())]
    above = chance[0] >= chance[1][last]
    assert there.per_week.value == pytest.approx(9.0)
    wanted = np.average(rows.label[above], weights=rows.weight[above])
    assert there.precision.value == pytest.approx(wanted, abs=1.5 / above.sum())
    assert there.sqls_per_week.value == pytest.approx(9.0 * there.precision.value)


def test_rivals_of_other_leads_offered_are_refused(split, rows):
    one, other = (
        sheet_rival(name, name, SHEET, split.training, rows, offered=of)
        for name, of in (("a", Offered.of(rows)), ("b", None))
    )
    with pytest.raises(ValueError, match="the same leads offered"):
        compare([one, other], rows, PERIOD)


def test_where_all_at_capacity_convert_the_interval_rests_on_the_accounts_among_them(rows):
    score = rows.label * 1000.0 + np.arange(len(rows)) / 1e4
    rival = Rival("best", "best", score, score > 500.0)
    few = replace(PERIOD, capacity_per_week=1)
    there = compare([rival], rows, few, draws=20).standings[0].figures.at_capacity.precision
    order = np.argsort(-score)
    taken = order[: int(np.searchsorted(np.cumsum(rows.weight[order]), rows.weight.sum() / 40.0)) + 1]
    accounts = len(set(rows.account[taken]))
    assert there.value == pytest.approx(1.0)
    least, most = (n / (n + 1.959964**2) for n in (accounts - 1, accounts))
    assert least - 1e-6 <= there.low <= most + 1e-6 < 0.9


def test_without_a_stated_capacity_all_bring_as_many_as_today(rivals, rows):
    today = 40.0 * rows.weight[rivals[0].is_mql].sum() / rows.weight.sum()
    period = replace(PERIOD, capacity_per_week=None, today_per_week=today)
    told = compare(rivals, rows, period, draws=10)
    assert [one.figures.at_capacity.per_week.value for one in told.standings] == pytest.approx([today] * 3)
    first = told.standings[0].figures
    assert first.at_capacity.precision.value == pytest.approx(first.own.precision.value)
    assert {standing.load for standing in told.standings} == {None}


def test_without_capacity_only_that_is_missing(rivals, rows):
    told = compare(rivals, rows, replace(PERIOD, capacity_per_week=None), draws=10)
    assert {standing.figures.at_capacity for standing in told.standings} == {None}
    assert {standing.load for standing in told.standings} == {None}
    assert told.standings[1].apart.at_capacity is None


def test_the_model_hands_over_as_many_as_the_first(rivals, rows):
    taken = [rows.weight[rival.is_mql].sum() for rival in (rivals[0], rivals[2])]
    assert taken[1] == pytest.approx(taken[0], abs=5.0)
    assert not best(np.array([3.0, 3.0]), np.ones(2), np.zeros(2, dtype=bool)).any()


def test_the_agreed_hours_are_the_longest_of_a_and_b():
    steps = {
        "A": {"do": "call", "within_hours": 4},
        "B": {"do": "call", "within_hours": 48},
        "C": {"do": "wait", "within_hours": 168},
    }
    assert hours_of(builders.playbook(next_steps=steps)) == 48.0
    assert hours_of(builders.playbook()) is None


def test_plain_data_is_json_without_nan(compared):
    told = json.loads(json.dumps(compared.to_dict(), allow_nan=False))
    assert [one["name"] for one in told["standings"]] == ["sheet", "refitted", "model"]
    assert told["standings"][1]["movers"]["ups"][0]["why"][0]["rule"] in {rule.name for rule in SHEET.rules}
    assert told["period"]["unworked_below"] == 0.3


def test_a_rival_of_other_rows_is_refused(rivals, rows):
    with pytest.raises(ValueError, match="every rival"):
        compare(rivals, rows.take(np.arange(10)), PERIOD)
    with pytest.raises(ValueError, match="one length"):
        Rival("a", "a", np.zeros(3), np.zeros(2, dtype=bool))
    with pytest.raises(ValueError, match="a period has leads"):
        Period(0.0, 4.0)


@pytest.mark.slow
def test_intervals_of_a_difference_cover_the_truth():
    """The truth is what a hundred thousand rows say; each draw holds 400 leads, three to an account."""
    large = samples.dataset(100_000, seed=999)
    truth = _difference(large, draws=1)
    covered, runs = 0, 80
    for seed in range(runs):
        found = _difference(samples.dataset(800, seed=seed, snapshots=2), draws=200)
        covered += found.low <= truth.value <= found.high
    assert covered / runs >= 0.88


def _difference(rows, draws):
    pair = [sheet_rival(name, name, sheet, rows, rows) for name, sheet in (("a", SHEET), ("b", OTHER))]
    return compare(pair, rows, PERIOD, draws=draws, seed=1).standings[1].apart.at_capacity.precision
