"""A lead asked about alone is told the same, to the last bit, as among a million in a pipeline."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.catalogue import catalogue, profile
from features.clock import DAY
from features.definitions import Feature
from features.errors import TableError
from features.evidence import Colleague, Event, Evidence, Fact, StageEntry
from features.folder import read_tables
from features.history import LARGEST_SUM, History
from features.kernel import build
from features.language import (
    account,
    account_size,
    attribute_age,
    count,
    created_hour,
    distinct,
    latest,
    latest_number,
    maximum,
    recency,
    total,
)
from features.matrix import Matrix
from features.online import OnlineFeatures, Row
from features.online_rows import SPARE
from features.playbook import read_playbook
from tests.features import strategies as some
from tests.features.strategies import BASE, Case

QUICK = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)


def events_of(rows: list[dict[str, Any]], lead_id: str) -> tuple[Event, ...]:
    own = [row for row in rows if row["lead_id"] == lead_id]
    return tuple(Event(**{name: row.get(name) for name in Event._fields}) for row in own)


def facts_of(rows: list[dict[str, Any]], entity: str, entity_id: str | None) -> tuple[Fact, ...]:
    own = [row for row in rows if (row["entity"], row["entity_id"]) == (entity, entity_id)]
    return tuple(Fact(**{name: row[name] for name in Fact._fields}) for row in own)


def evidence_of(rows: some.Rows, lead_id: str) -> Evidence:
    """What is known about one lead of a history that is written as rows."""
    people = {lead["lead_id"]: lead for lead in rows["leads"]}
    lead = people.pop(lead_id)
    same = [one for one in people.values() if one["account_id"] and one["account_id"] == lead["account_id"]]
    return Evidence(
        lead_id=lead_id,
        created_at=lead["created_at"],
        account_id=lead["account_id"],
        events=events_of(rows["events"], lead_id),
        stages=tuple(
            StageEntry(row["stage"], row["entered_at"], row["known_at"])
            for row in rows["stages"]
            if row["lead_id"] == lead_id
        ),
        facts=facts_of(rows["attributes"], "lead", lead_id),
        account_facts=facts_of(rows["attributes"], "account", lead["account_id"]),
        colleagues=[
            Colleague(one["lead_id"], one["created_at"], events_of(rows["events"], one["lead_id"]))
            for one in same
        ],
    )


def in_batch(
    features: list[Feature],
    evidence: Evidence,
    as_of: int,
    time_zone: str = "UTC",
    excused: tuple[str, ...] = (),
) -> Matrix:
    history = History.from_tables(evidence.to_tables(), time_zone=time_zone).excusing(excused)
    return build(features, history, np.array([evidence.lead_id], dtype=object), np.array([as_of]))


def assert_same(row: Row, matrix: Matrix, at: int = 0) -> None:
    """Every bit and every word of a row of the batch."""
    for column, feature in enumerate(matrix.features):
        if feature.is_category:
            assert row.words[column] == matrix.texts(feature.name)[at], feature.name
            assert np.isnan(row.values[column]) == np.isnan(matrix.values[at, column]), feature.name
            assert row.values[column] == 0 or row.words[column] is None, feature.name
        else:
            assert row.words[column] is None, feature.name
            one, other = row.values[column].tobytes(), matrix.values[at, column].tobytes()
            assert one == other, (feature.name, row.values[column], matrix.values[at, column])


@st.composite
def dirty_cases(draw: st.DrawFn) -> Case:
    """Histories with events told again otherwise, and with more topics than any feature names."""
    case = draw(some.cases(draw(st.sampled_from(["UTC", "America/New_York", "Asia/Kolkata"]))))
    rows = list(case.rows["events"])
    for place, shift in draw(
        st.lists(st.tuples(st.integers(0, 30), st.sampled_from([-DAY, 0, DAY])), max_size=4)
    ):
        if rows:
            told = rows[place % len(rows)]
            rows.append({**told, "known_at": told["known_at"] + shift, "value": 7.25, "topic": "told again"})
    if draw(st.booleans()):
        rows = [{**row, "topic": f"topic {number % 23}"} for number, row in enumerate(rows)]
    return case.having(events=rows)


@QUICK
@given(
    dirty_cases(),
    some.feature_lists(),
    st.sampled_from([(), ("industry",), ("industry", "size")]),
)
def test_one_lead_is_told_the_same_as_in_a_batch(case, features, excused):
    online = OnlineFeatures(features, time_zone=case.time_zone, excused=excused)
    whole = build(features, case.history.excusing(excused), case.lead_id, case.as_of)
    for at, (lead_id, as_of) in enumerate(zip(case.lead_id, case.as_of.tolist(), strict=True)):
        evidence = evidence_of(case.rows, lead_id)
        row = online.row(online.bind(evidence), as_of)
        alone = in_batch(features, evidence, as_of, case.time_zone, excused)
        assert_same(row, alone)
        assert_same(row, whole, at)
        assert row.matrix(online.features).words == alone.words
        assert row.matrix(online.features).values.tobytes() == alone.values.tobytes()


@QUICK
@given(dirty_cases(), some.feature_lists(), st.randoms(use_true_random=False))
def test_the_order_in_which_evidence_comes_is_of_no_matter(case, features, random):
    online = OnlineFeatures(features, time_zone=case.time_zone)
    lead_id, as_of = case.lead_id[0], int(case.as_of[0])
    evidence = evidence_of(case.rows, lead_id)
    stages, facts, colleagues = (
        random.sample(part, len(part)) for part in (evidence.stages, evidence.facts, evidence.colleagues)
    )
    mixed = replace(evidence, stages=stages, facts=facts, colleagues=colleagues)
    assert_same(online.row(online.bind(mixed), as_of), in_batch(features, mixed, as_of, case.time_zone))
    assert_same(online.row(online.bind(mixed), as_of), in_batch(features, evidence, as_of, case.time_zone))


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_of_values_of_the_same_instant_the_last_by_its_text_holds(order):
    values = ["won back", "cold", None]
    facts = [Fact("industry", values[at], BASE, BASE) for at in order]
    online = OnlineFeatures(latest("industry"), time_zone="UTC")
    assert online.row(online.bind(ann(facts=facts)), BASE + DAY).words == ("won back",)
    assert (
        in_batch(latest("industry"), ann(facts=facts), BASE + DAY, "UTC").texts("latest(industry)")[0]
        == "won back"
    )


def visit(number: int, at: int = BASE, **changes: Any) -> Event:
    return Event(f"e{number}", "visit", at, at)._replace(**changes)


def ann(**changes: Any) -> Evidence:
    return replace(Evidence("ann", BASE - DAY, account_id="acme"), **changes)


def value_of(feature: list[Feature], evidence: Evidence, as_of: int = BASE + DAY, **options: Any) -> float:
    online = OnlineFeatures(feature, **{"time_zone": "UTC"} | options)
    [value] = online.row(online.bind(evidence), as_of).values
    return float(value)


def test_of_an_event_told_twice_the_row_known_first_counts():
    first, corrected = visit(1, value=2.0), visit(1, value=5.0, known_at=BASE + 1)
    for events in ([first, corrected], [corrected, first]):
        assert value_of(total("visit", days=None), ann(events=events)) == 2.0


def test_of_two_rows_known_at_once_the_first_counts():
    events = [visit(1, value=2.0), visit(1, value=5.0)]
    assert value_of(total("visit", days=None), ann(events=events)) == 2.0
    assert value_of(total("visit", days=None), ann(events=events[::-1])) == 5.0


def test_an_event_id_belongs_to_its_lead():
    bob = Colleague("bob", BASE, (visit(1), visit(1)))
    assert value_of(account(count("visit", days=None)), ann(events=[visit(1)], colleagues=[bob])) == 1.0


@pytest.mark.parametrize("topics", [1, SPARE, SPARE + 1, 5 * SPARE])
def test_words_that_no_feature_names_are_told_apart_where_they_are_counted(topics):
    events = [visit(number, topic=f"topic {number % topics}") for number in range(100)]
    assert value_of(distinct("topic", days=None), ann(events=events)) == topics


def test_a_lead_with_many_words_leaves_the_next_one_alone():
    online = OnlineFeatures(distinct("topic", days=None), time_zone="UTC")
    many = ann(events=[visit(number, topic=f"topic {number}") for number in range(50)])
    few = ann(events=[visit(1, topic="a"), visit(2, topic="b"), visit(3), visit(4, topic="b")])
    bound = [online.bind(one) for one in (few, many, few)]
    assert [float(online.row(one, BASE + 1).values[0]) for one in bound] == [2.0, 50.0, 2.0]


def test_an_excused_field_is_read_as_known_when_it_happened():
    facts = [Fact("country", "FR", BASE, BASE + 90 * DAY)]
    features = latest("country")
    for excused, word in (((), None), (("country",), "FR"), (("city",), None)):
        online = OnlineFeatures(features, time_zone="UTC", excused=excused)
        assert online.row(online.bind(ann(facts=facts)), BASE + DAY).words == (word,)


def test_what_is_known_of_colleagues_needs_an_account():
    bob = Colleague("bob", BASE, (visit(1),))
    for feature in (account(count(days=None)), account_size()):
        assert OnlineFeatures(feature, time_zone="UTC").needs_account
        assert value_of(feature, ann(colleagues=[bob])) == 1.0
        assert value_of(feature, ann(colleagues=[bob], account_id=None)) == 0.0
    assert not OnlineFeatures(count() + latest("industry", entity="account"), time_zone="UTC").needs_account


def test_what_colleagues_did_at_one_instant_is_taken_in_the_order_of_a_history():
    """Only a signed zero can show it: the larger of 0 and -0 is the one that came first."""
    feature = account(maximum("visit", days=None))
    for values in ((0.0, -0.0), (-0.0, 0.0)):
        zoe, bob = (
            Colleague(name, BASE, (visit(1, value=value),))
            for name, value in zip(("zoe", "bob"), values, strict=True)
        )
        for colleagues in ([zoe, bob], [bob, zoe]):
            one = ann(colleagues=colleagues)
            online = OnlineFeatures(feature, time_zone="UTC")
            assert_same(online.row(online.bind(one), BASE + DAY), in_batch(feature, one, BASE + DAY))


def test_facts_of_no_account_are_facts_of_nobody():
    told = ann(account_id=None, account_facts=[Fact("size", "12", BASE, BASE)])
    feature = latest_number("size", entity="account")
    assert np.isnan(value_of(feature, told))
    assert value_of(feature, replace(told, account_id="acme")) == 12.0


def test_the_hour_is_that_of_the_business():
    assert value_of(created_hour(), ann(created_at=BASE)) == 0.0
    assert value_of(created_hour(), ann(created_at=BASE), time_zone="America/New_York") == 19.0


def test_values_too_large_to_add_up_are_refused():
    half = LARGEST_SUM * 0.6
    bob = Colleague("bob", BASE, (visit(1, value=-half),))
    own = OnlineFeatures(count(), time_zone="UTC")
    with_account = OnlineFeatures(count() + account(count()), time_zone="UTC")
    one = ann(events=[visit(1, value=half)], colleagues=[bob])
    assert own.bind(one).created_at == BASE - DAY
    with pytest.raises(TableError, match="state them in a larger unit"):
        with_account.bind(one)
    for values in ((half, half), (float("inf"),)):
        events = [visit(number, value=value) for number, value in enumerate(values)]
        with pytest.raises(TableError, match="state them in a larger unit"):
            own.bind(ann(events=events))


def test_a_lead_cannot_be_its_own_colleague():
    online = OnlineFeatures(account_size(), time_zone="UTC")
    for colleagues in ([Colleague("ann", BASE)], [Colleague("bob", BASE), Colleague("bob", BASE + 1)]):
        with pytest.raises(TableError, match=r"1 lead\(s\) of the account are repeated"):
            online.bind(ann(colleagues=colleagues))


def test_a_row_belongs_to_whoever_asked_for_it():
    online = OnlineFeatures(count("visit", days=None) + recency(), time_zone="UTC")
    bound = online.bind(ann(events=[visit(1)]))
    first = online.row(bound, BASE + DAY)
    kept = first.values.copy()
    first.values[:] = -1
    np.testing.assert_array_equal(online.row(bound, BASE + DAY).values, kept)


def test_threads_are_told_what_one_thread_is():
    features = [
        *count(days=(1, 7, None)),
        *distinct("topic", days=(7, None)),
        *maximum("visit"),
        *account(count() + recency()),
        *latest("industry"),
        *attribute_age("industry"),
    ]
    rng = np.random.default_rng(0)

    def lead(number: int) -> Evidence:
        told = [
            visit(
                at, BASE + int(rng.integers(0, 60 * DAY)), topic=f"t{rng.integers(0, number + 1)}", value=at
            )
            for at in range(number)
        ]
        facts = [Fact("industry", f"i{number}", BASE, BASE)]
        return ann(events=told, facts=facts, colleagues=[Colleague("bob", BASE, tuple(told))])

    leads = [lead(number) for number in range(64)]
    moments = [BASE + day * DAY for day in (3, 30, 90)]

    def ask(online: OnlineFeatures, one: Evidence) -> list[tuple[bytes, tuple[str | None, ...]]]:
        bound = online.bind(one)
        rows = [online.row(bound, moment) for moment in moments]
        return [(row.values.tobytes(), row.words) for row in rows]

    alone = [ask(OnlineFeatures(features, time_zone="UTC"), one) for one in leads]
    shared = OnlineFeatures(features, time_zone="UTC")
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda one: ask(shared, one), leads * 4))
    assert told == alone * 4


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The history of a simulated company."""
    from pipelines.ingest import ingest
    from pipelines.simulate import simulate

    folder = tmp_path_factory.mktemp("company")
    simulate(folder / "exports", 3000, seed=7)
    ingest(folder / "exports" / "mapping.yaml", folder / "exports", folder / "history")
    return folder / "history"


def rows_of(tables: dict[str, pa.Table], name: str) -> list[dict[str, Any]]:
    """Rows with instants as microseconds."""
    table = tables[name]
    columns = [
        column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column for column in table.columns
    ]
    return pa.table(columns, names=table.column_names).to_pylist()


def grouped(rows: list[dict[str, Any]], key: str, kind: Any) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for row in rows:
        found.setdefault(row[key], []).append(kind(**{name: row[name] for name in kind._fields}))
    return found


def everybody(tables: dict[str, pa.Table]) -> dict[str, Evidence]:
    """The evidence of every lead of a history."""
    leads, attributes = rows_of(tables, "leads"), rows_of(tables, "attributes")
    events = grouped(rows_of(tables, "events"), "lead_id", Event)
    stages = grouped(rows_of(tables, "stages"), "lead_id", StageEntry)
    facts, account_facts = (
        grouped([row for row in attributes if row["entity"] == entity], "entity_id", Fact)
        for entity in ("lead", "account")
    )
    members: dict[str, list[Colleague]] = {}
    for lead in leads:
        told = tuple(events.get(lead["lead_id"], ()))
        members.setdefault(lead["account_id"], []).append(
            Colleague(lead["lead_id"], lead["created_at"], told)
        )
    return {
        lead["lead_id"]: Evidence(
            **lead,
            events=events.get(lead["lead_id"], ()),
            stages=stages.get(lead["lead_id"], ()),
            facts=facts.get(lead["lead_id"], ()),
            account_facts=account_facts.get(lead["account_id"], ()),
            colleagues=[
                one
                for one in members[lead["account_id"]]
                if lead["account_id"] and one.lead_id != lead["lead_id"]
            ],
        )
        for lead in leads
    }


@pytest.mark.slow
def test_ten_thousand_leads_of_a_company_are_told_the_same_one_by_one(company, root):
    """Batch and online share their loops; here they share their answers, for the features of a real training."""
    playbook = read_playbook(root / "examples" / "simulated" / "playbook.yaml")
    tables = read_tables(company)
    history = History.from_tables(tables, time_zone=playbook.time_zone)
    features = catalogue(profile(history), playbook)
    rng = np.random.default_rng(0)
    asked = rng.integers(0, len(history), 10_000)
    as_of = history.created_at[asked] + rng.integers(0, 120 * DAY, len(asked))
    batch = build(features, history, history.lead_ids[asked], as_of)
    told, online = everybody(tables), OnlineFeatures(features, time_zone=playbook.time_zone)
    texts = {feature.name: batch.texts(feature.name) for feature in features if feature.is_category}
    assert len(features) > 100
    assert online.needs_account
    for at, lead_id in enumerate(history.lead_ids[asked]):
        row = online.row(online.bind(told[lead_id]), int(as_of[at]))
        words = [texts[f.name][at] if f.is_category else None for f in features]
        assert list(row.words) == words
        plain = [column for column, feature in enumerate(features) if not feature.is_category]
        assert row.values[plain].tobytes() == batch.values[at, plain].tobytes(), lead_id
