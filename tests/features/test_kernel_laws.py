"""Laws that every feature obeys, and agreement with the slow twin on histories nobody would write by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.clock import DAY
from features.definitions import Feature, Where
from features.history import History
from features.kernel import build
from features.language import (
    account,
    active_days,
    attribute_age,
    count,
    distinct,
    fading,
    halving,
    latest,
    maximum,
    recency,
    stage_entries,
    total,
)
from features.matrix import Matrix
from features.tables import SCHEMAS
from tests import oracle
from tests.features import strategies as some
from tests.features.strategies import BASE, Case, Row

QUICK = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)
LONG = settings(QUICK, max_examples=2_000)
TIME_COLUMNS = {"events": "occurred_at", "attributes": "occurred_at", "stages": "entered_at"}


def matrix(features: list[Feature], case: Case) -> Matrix:
    return build(features, case.history, case.lead_id, case.as_of)


def assert_bitwise_equal(one: Matrix, other: Matrix) -> None:
    """The same numbers to the last bit, and the same words; the order of a word list is free."""
    assert one.names == other.names
    for feature in one.features:
        if feature.is_category:
            assert list(one.texts(feature.name)) == list(other.texts(feature.name)), feature.name
        else:
            left, right = one.column(feature.name), other.column(feature.name)
            np.testing.assert_array_equal(left.view(np.int64), right.view(np.int64), err_msg=feature.name)


# Sums, powers and logarithms may be taken in another order; everything else is a count or exact up to one division,
# and equal to the last bit once it is rounded as a matrix rounds (float32).
ROUNDED = frozenset({"mean", "trend", "halving"})


def assert_cell(feature: Feature, found: Any, expected: Any, where: str) -> None:
    if feature.is_category:
        assert found == expected, where
    elif math.isnan(expected):
        assert math.isnan(found), where
    elif feature.statistic in ROUNDED:
        assert found == pytest.approx(
            expected, rel=1.2e-7, abs=1e-6 if feature.statistic == "mean" else 1e-12
        ), where
    else:
        assert found == np.float32(expected), where


def assert_agrees_with_oracle(case: Case, features: list[Feature]) -> None:
    found = matrix(features, case)
    facts = oracle.Facts.from_tables(case.tables, case.time_zone)
    expected = oracle.build(features, facts, case.lead_id, case.as_of)
    assert found.values.shape == (len(case.as_of), len(features))
    for column, feature in enumerate(features):
        cells = found.texts(feature.name) if feature.is_category else found.column(feature.name)
        for row, cell in enumerate(cells):
            where = f"{feature.name} of {case.lead_id[row]} at {case.as_of[row]}"
            assert_cell(feature, cell, expected[row][column], where)


ZONES = st.sampled_from(("UTC", "Europe/Amsterdam", "Asia/Kolkata"))


@QUICK
@given(ZONES.flatmap(some.cases), some.feature_lists())
def test_every_cell_equals_the_slow_twin(case: Case, features: list[Feature]) -> None:
    assert_agrees_with_oracle(case, features)


@pytest.mark.slow
@pytest.mark.timeout(1_800)
@LONG
@given(ZONES.flatmap(some.cases), some.feature_lists())
def test_every_cell_equals_the_slow_twin_on_two_thousand_histories(
    case: Case, features: list[Feature]
) -> None:
    assert_agrees_with_oracle(case, features)


def _is_visible(row: Row, time: str, at: int) -> bool:
    return bool(row[time] < at and row["known_at"] < at)


@st.composite
def another_future(draw: st.DrawFn, case: Case, at: int) -> Case:
    """The same history up to ``at``; what came to be known later is removed, changed and added to."""
    ids = [lead["lead_id"] for lead in case.rows["leads"]]
    added = {
        "events": draw(some.events(ids, prefix="x")),
        "attributes": draw(some.attributes(ids)),
        "stages": draw(some.stages(ids)),
    }
    rows = {name: draw(_spliced(case.rows[name], added[name], (TIME_COLUMNS[name], at))) for name in added}
    late = [
        {**lead, "created_at": at + draw(st.sampled_from((0, DAY)))} if lead["created_at"] >= at else lead
        for lead in case.rows["leads"]
    ]
    newcomer = {"lead_id": "newcomer", "account_id": "acme", "service_line": None, "created_at": at}
    return case.having(leads=[*late, newcomer], **rows)


@st.composite
def _spliced(draw: st.DrawFn, rows: list[Row], added: list[Row], clock: tuple[str, int]) -> list[Row]:
    time, at = clock
    kept = [row for row in rows if _is_visible(row, time, at) or draw(st.booleans())]
    for row in added:
        late = (
            row
            if not _is_visible(row, time, at)
            else row | {"known_at": at + draw(st.sampled_from((0, 1, DAY)))}
        )
        kept.insert(draw(st.integers(0, len(kept))), late)
    return kept


NOT_OF_THE_ROWS = frozenset({"lead_age", "created_hour", "created_weekday"})


@QUICK
@given(st.data())
def test_the_future_never_changes_the_past(data: st.DataObject) -> None:
    case = data.draw(some.cases())
    features = [f for f in data.draw(some.feature_lists()) if f.statistic not in NOT_OF_THE_ROWS]
    for at in np.unique(case.as_of)[:3]:
        lead_id = sorted({str(lead) for lead in case.lead_id})
        before = case.asking(lead_id, [int(at)] * len(lead_id))
        after = data.draw(another_future(before, int(at)))
        assert_bitwise_equal(matrix(features, before), matrix(features, after))


def _shuffled_attributes(order: list[int], rows: list[Row]) -> list[Row]:
    """Shuffle, but keep the source order among rows of one field at one moment: there it is a fact."""
    shuffled = [rows[i] for i in order]
    waiting: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        waiting.setdefault(_moment(row), []).append(row)
    return [waiting[_moment(row)].pop(0) for row in shuffled]


def _moment(row: Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in ("entity", "entity_id", "field", "occurred_at", "known_at"))


@QUICK
@given(st.data())
def test_order_and_duplicates_change_nothing(data: st.DataObject) -> None:
    case, features = data.draw(some.cases()), data.draw(some.feature_lists())
    rows = case.rows
    again = rows["events"] + [row for row in rows["events"] if data.draw(st.booleans())]
    order = data.draw(st.permutations(range(len(rows["attributes"]))))
    shuffled = case.having(
        leads=data.draw(st.permutations(rows["leads"])),
        events=data.draw(st.permutations(again)),
        stages=data.draw(st.permutations(rows["stages"])),
        attributes=_shuffled_attributes(list(order), rows["attributes"]),
    )
    assert_bitwise_equal(matrix(features, case), matrix(features, shuffled))


@QUICK
@given(case=some.cases(), others=some.cases(), features=some.feature_lists())
def test_leads_of_other_accounts_change_nothing(case: Case, others: Case, features: list[Feature]) -> None:
    strangers = {name: [_renamed(row) for row in rows] for name, rows in others.rows.items()}
    crowded = case.having(**{name: strangers[name] + rows for name, rows in case.rows.items()})
    assert_bitwise_equal(matrix(features, case), matrix(features, crowded))


def _renamed(row: Row) -> Row:
    keys = ("lead_id", "account_id", "entity_id")
    return row | {key: f"A stranger's {row[key]}" for key in keys if row.get(key) is not None}


@QUICK
@given(case=some.cases(), features=some.feature_lists(), days=st.integers(-400, 400))
def test_moving_everything_by_whole_days_changes_only_the_weekday(
    case: Case, features: list[Feature], days: int
) -> None:
    kept = [feature for feature in features if feature.statistic != "created_weekday"]
    moved = case.having(**{name: [_moved(row, days) for row in rows] for name, rows in case.rows.items()})
    moved = moved.asking(list(case.lead_id), [int(at) + days * DAY for at in case.as_of])
    assert_bitwise_equal(matrix(kept, case), matrix(kept, moved))


def _moved(row: Row, days: int) -> Row:
    clocks = ("occurred_at", "known_at", "entered_at", "created_at")
    return row | {clock: row[clock] + days * DAY for clock in clocks if clock in row}


WIDER = (1, 2, 7, 8, 30, 31, 90, 120, None)
GROWING: tuple[Any, ...] = ("count", "active_days", "distinct", "maximum")


@QUICK
@given(case=some.cases(), where=some.selections())
def test_a_wider_window_never_holds_less(case: Case, where: Where) -> None:
    for scope in some.SCOPES:
        for statistic in GROWING:
            field = "topic" if statistic == "distinct" else None
            assert_growing(
                [Feature(statistic, where, days, field=field, scope=scope) for days in WIDER], case
            )
    assert_growing(stage_entries(days=WIDER), case)


def assert_growing(features: list[Feature], case: Case) -> None:
    values = np.nan_to_num(matrix(features, case).values, nan=-np.inf)
    assert (values[:, 1:] >= values[:, :-1]).all(), features[0].name


@QUICK
@given(case=some.cases(), where=some.selections())
def test_what_wears_off_lies_between_nothing_and_what_was_counted(case: Case, where: Where) -> None:
    """More slowly is never less; over ages without end every event counts whole."""
    lengths, slowest = (1, 2, 7, 30, 365), 10_000_000
    for scope in some.SCOPES:
        [counted] = matrix([Feature("count", where, scope=scope)], case).values.T
        for statistic in ("fading", "halving"):
            worn: Any = [Feature(statistic, where, days, scope=scope) for days in (*lengths, slowest)]
            values = matrix(worn, case).values.astype(np.float64)
            assert (np.diff(values, axis=1) >= 0).all()
            assert (values >= 0).all()
            assert (values <= counted[:, np.newaxis]).all()
            np.testing.assert_allclose(values[:, -1], counted, rtol=1e-4)


@QUICK
@given(case=some.cases(), where=some.selections(), days=st.sampled_from((1, 7, 30)))
def test_what_halves_is_worth_half_a_half_life_later(case: Case, where: Where, days: int) -> None:
    """As long as nothing happens or comes to be known in between."""
    quiet = case.asking(list(case.lead_id), [BASE + 600 * DAY] * len(case.lead_id))
    later = case.asking(list(case.lead_id), [BASE + (600 + days) * DAY] * len(case.lead_id))
    worn = [Feature("halving", where, days)]
    np.testing.assert_allclose(matrix(worn, later).values, matrix(worn, quiet).values / 2, rtol=1e-5)


@QUICK
@given(case=some.cases(), features=some.feature_lists())
def test_one_lead_at_a_time_equals_all_at_once(case: Case, features: list[Feature]) -> None:
    together = matrix(features, case)
    history = case.history
    for row, (lead, at) in enumerate(zip(case.lead_id, case.as_of, strict=True)):
        one = case.asking([lead], [int(at)])
        assert_bitwise_equal(build(features, history, one.lead_id, one.as_of), together.take(np.array([row])))


@QUICK
@given(case=some.cases(), features=some.feature_lists())
def test_the_history_of_one_account_is_enough(case: Case, features: list[Feature]) -> None:
    """What a service loads for one lead: its account, the leads of that account, and their rows."""
    together = matrix(features, case)
    for row, (lead, at) in enumerate(zip(case.lead_id, case.as_of, strict=True)):
        alone = _only_the_account_of(case, str(lead)).asking([str(lead)], [int(at)])
        assert_bitwise_equal(matrix(features, alone), together.take(np.array([row])))


def _only_the_account_of(case: Case, lead: str) -> Case:
    [account_id] = [row["account_id"] for row in case.rows["leads"] if row["lead_id"] == lead]
    people = [
        row
        for row in case.rows["leads"]
        if row["lead_id"] == lead or (account_id is not None and row["account_id"] == account_id)
    ]
    entities = {row["lead_id"] for row in people} | {account_id}
    of_them = {
        name: [row for row in case.rows[name] if row.get("lead_id", row.get("entity_id")) in entities]
        for name in ("events", "attributes", "stages")
    }
    return case.having(leads=people, **of_them)


def event(number: int, occurred_at: int, known_at: int, **rest: Any) -> Row:
    row = {
        "lead_id": "L0",
        "event_id": f"e{number}",
        "type": "visit",
        "occurred_at": occurred_at,
        "known_at": known_at,
    }
    return row | {"value": None, "topic": None, "channel": None, "campaign": None, "source": None} | rest


def one_lead(*events: Row, as_of: int) -> Case:
    lead = {"lead_id": "L0", "account_id": None, "service_line": None, "created_at": BASE}
    rows = {"leads": [lead], "events": list(events), "attributes": [], "stages": []}
    return Case(rows, np.array(["L0"], dtype=object), np.array([as_of]))


@pytest.mark.parametrize(
    ("occurred_at", "known_at", "expected"),
    [
        pytest.param(-7 * DAY, -7 * DAY, 1.0, id="exactly one window before counts"),
        pytest.param(-7 * DAY - 1, -7 * DAY, 0.0, id="a microsecond older does not"),
        pytest.param(-1, -1, 1.0, id="a microsecond before the moment counts"),
        pytest.param(0, 0, 0.0, id="at the moment itself does not"),
        pytest.param(-DAY, 0, 0.0, id="happened before, learned at that very moment, does not"),
        pytest.param(-DAY, 1, 0.0, id="happened before, learned after, does not"),
        pytest.param(0, -DAY, 0.0, id="planned for that very moment does not"),
    ],
)
def test_what_a_week_holds(occurred_at: int, known_at: int, expected: float) -> None:
    case = one_lead(event(1, BASE + occurred_at, BASE + known_at), as_of=BASE)
    assert matrix(count("visit", days=7), case).values.tolist() == [[expected]]


@pytest.mark.parametrize(
    ("age", "faded", "halved"),
    [
        pytest.param(
            7 * DAY, 0.0, 0.5, id="at the end of the window nothing is left, and half after the half-life"
        ),
        pytest.param(7 * DAY + 1, 0.0, 0.5, id="a microsecond older"),
        pytest.param(7 * DAY - 1, 1 / (7 * DAY), 0.5, id="a microsecond younger keeps its very small rest"),
        pytest.param(1, 1 - 1 / (7 * DAY), 1.0, id="new"),
        pytest.param(14 * DAY // 4, 0.5, 0.5**0.5, id="half way"),
        pytest.param(21 * DAY, 0.0, 0.125, id="three half-lives"),
        pytest.param(0, 0.0, 0.0, id="at the moment itself is not seen"),
    ],
)
def test_what_an_event_is_worth(age: int, faded: float, halved: float) -> None:
    case = one_lead(event(1, BASE - age, BASE - age), as_of=BASE)
    [values] = matrix(fading("visit", days=7) + halving("visit", days=7), case).values
    assert values[0] == np.float32(faded)
    assert values[1] == pytest.approx(halved, rel=1e-6)


def test_an_event_that_is_not_known_yet_is_worth_nothing() -> None:
    case = one_lead(event(1, BASE - DAY, BASE), event(2, BASE - 2 * DAY, BASE - 1), as_of=BASE)
    [values] = matrix(fading("visit", days=4) + halving("visit", days=2), case).values
    assert values.tolist() == [0.5, 0.5]


def test_a_half_life_is_no_window() -> None:
    """Half-lives beside windows of the same and of other lengths, and several of one selection."""
    ages = (1, 7, 30, 200)
    case = one_lead(*(event(n, BASE - age * DAY, BASE - age * DAY) for n, age in enumerate(ages)), as_of=BASE)
    features = halving("visit", days=(7, 50)) + count("visit", days=(7, None)) + halving(days=7)
    found = matrix(features, case)
    week, slow = (sum(0.5 ** (age / days) for age in ages) for days in (7, 50))
    np.testing.assert_allclose(found.values, [[week, slow, 2.0, 4.0, week]], rtol=1e-6)


def test_ages_of_very_many_old_events_do_not_overflow() -> None:
    """Microseconds of 100,000 ages of a century each do not fit an int64."""
    events, century = 100_000, 36_500
    tables = one_lead(as_of=BASE).tables
    at = np.full(events, BASE - (century - 1) * DAY)
    ids = [f"e{number}" for number in range(events)]
    told = {"lead_id": ["L0"] * events, "event_id": ids, "type": ["visit"] * events}
    tables["events"] = _table("events", {**told, "occurred_at": at, "known_at": at})
    history = History.from_tables(tables)
    features = fading("visit", days=(7, century))
    found = build(features, history, np.array(["L0"], dtype=object), np.array([BASE]))
    assert found.values.tolist() == [[0.0, np.float32(events / century)]]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(0.5, 1.0, id="the lower end is in the range"),
        pytest.param(2.0, 0.0, id="the upper end is not"),
        pytest.param(0.4, 0.0, id="less is not"),
        pytest.param(None, 0.0, id="no value is in no range"),
    ],
)
def test_what_a_range_of_values_holds(value: float | None, expected: float) -> None:
    case = one_lead(event(1, BASE - DAY, BASE - DAY, value=value), as_of=BASE)
    assert matrix(count("visit", days=7, at_least=0.5, below=2.0), case).values.tolist() == [[expected]]


@pytest.mark.parametrize("later_first", [False, True])
def test_a_correction_under_the_same_id_is_not_seen_before_it_is_known(later_first: bool) -> None:
    """Two exports tell one event differently; at ``as_of`` only the first telling was known."""
    told = event(1, BASE - DAY, BASE - DAY, value=1.0)
    corrected = event(1, BASE - 2 * DAY, BASE + DAY, value=9.0)
    rows = (corrected, told) if later_first else (told, corrected)
    found = matrix(count(days=7) + total(days=7), one_lead(*rows, as_of=BASE))
    assert found.values.tolist() == [[1.0, 1.0]]


def test_a_lead_without_evidence_keeps_its_row() -> None:
    features = (
        count() + recency() + maximum() + distinct("topic") + latest("industry") + attribute_age("industry")
    )
    features += stage_entries() + account(active_days())
    found = matrix(features, one_lead(as_of=BASE))
    expected = [[feature.if_none for feature in features]]
    np.testing.assert_array_equal(found.values, expected)


def test_keys_of_very_many_leads_do_not_overflow() -> None:
    """lead x microseconds in one int64 key overflows above some 94,000 leads and is silently wrong."""
    leads, span = 150_000, 8 * 365 * DAY
    names = [f"L{i:06d}" for i in range(leads)]
    created = np.full(leads, BASE)
    happened = BASE + (np.arange(leads, dtype=np.int64) * 48_271 * 1_000_003) % span
    tables = one_lead(as_of=BASE).tables
    tables["leads"] = _table("leads", {"lead_id": names, "created_at": created})
    tables["events"] = _table(
        "events",
        {
            "lead_id": names,
            "event_id": names,
            "type": ["visit"] * leads,
            "occurred_at": happened,
            "known_at": happened,
        },
    )
    as_of = np.repeat(np.int64(BASE + span), leads)
    found = build(
        count("visit") + recency("visit"), History.from_tables(tables), np.array(names, dtype=object), as_of
    )
    np.testing.assert_array_equal(found.column("count(visit, all)"), np.ones(leads))
    days = ((as_of - happened) / DAY).astype(np.float32)
    np.testing.assert_array_equal(found.column("recency(visit, all)"), days)


def _table(name: str, columns: dict[str, Any]) -> Any:
    schema = SCHEMAS[name]
    length = len(next(iter(columns.values())))
    return pa.table([pa.array(columns.get(f.name, [None] * length), f.type) for f in schema], schema=schema)
