"""The default feature set picks itself from what a history holds."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from features.catalogue import (
    LEAST_LEADS,
    MOST_TYPES,
    Profile,
    catalogue,
    is_explicit,
    profile,
    refuse_unusable,
    signal_of,
)
from features.definitions import Feature
from features.errors import DefinitionError
from features.history import History
from features.language import count, distinct, latest, latest_number, lead_age
from tests import builders
from tests.builders import playbook

ENOUGH = LEAST_LEADS
ALWAYS = {"lead_age()", "created_hour()", "created_weekday()"}


def names(held: Profile, current_only: tuple[str, ...] = (), **changes: Any) -> set[str]:
    return {feature.name for feature in catalogue(held, playbook(**changes), current_only)}


def by_name(held: Profile, **changes: Any) -> dict[str, Feature]:
    return {feature.name: feature for feature in catalogue(held, playbook(**changes))}


def types(**leads: int) -> Profile:
    return Profile(types=Counter(leads))


def one_fact(rows: int = ENOUGH, numbers: int = 0, repeated: int = 0) -> Profile:
    return Profile(fields={("lead", "size"): (rows, numbers, repeated)})


SMALL = """
    lead type  at         topic channel source value
    ann  visit 2026-03-02 price web     crm    -
    ann  visit 2026-03-03 price web     crm    3
    bo   visit 2026-03-02 demo  mail    -      -
    bo   call  2026-03-02 -     -       -      0
    cy   call  2026-03-02 -     -       -      5
"""
FACTS = """
    entity  id   field value at
    lead    ann  size  10    2026-03-01
    lead    ann  size  20    2026-03-02
    lead    ann  size  -     2026-03-03
    lead    bo   size  large 2026-03-01
    lead    cy   size  -     2026-03-01
    account acme size  nan   2026-03-01
"""


def small() -> History:
    return builders.history(
        leads="""
            lead account created
            ann  acme    2026-03-01
            bo   acme    2026-03-01
            cy   bolt    2026-03-01
        """,
        events=SMALL,
        attributes=FACTS,
        stages="lead stage at \n ann mql 2026-03-02 \n ann mql 2026-03-04 \n bo mql 2026-03-02",
    )


def test_a_profile_counts_leads_not_rows():
    held = profile(small())
    assert held.types == {"visit": 2, "call": 2}
    assert held.topics == {"price": 1, "demo": 1}
    assert held.channels == {"web": 1, "mail": 1}
    assert held.sources == {"crm": 1}
    assert held.stages == {"mql": 2}
    assert held.valued == {"visit": 1, "call": 2}
    assert held.in_accounts == 2


def test_a_profile_knows_numbers_and_what_changes():
    """Rows with a value; those with a number; entities with more than one value."""
    assert profile(small()).fields == {("lead", "size"): (3, 2, 1), ("account", "size"): (1, 0, 0)}


def test_one_lead_that_changes_often_changes_once():
    rows = [
        {"entity": "lead", "id": "ann", "field": "f", "value": str(n), "at": f"2026-03-0{n}"}
        for n in range(1, 9)
    ]
    held = profile(builders.history(leads="lead created \n ann 2026-03-01", attributes=rows))
    assert held.fields == {("lead", "f"): (8, 8, 1)}


def test_an_empty_history_has_an_empty_profile():
    assert profile(builders.history()) == Profile()


def test_profiles_of_buckets_add_up_to_that_of_the_whole():
    """Two buckets of different accounts."""
    other = {
        "leads": "lead account created \n di cano 2026-03-01 \n eve - 2026-03-01",
        "events": "lead event_id type at value \n di x1 call 2026-03-02 - \n eve x2 quote 2026-03-02 1",
        "attributes": "entity id field value at \n lead di size 5 2026-03-01 \n lead eve role chief 2026-03-01",
    }
    whole = builders.history(
        leads=builders.rows(other["leads"])
        + builders.rows(
            "lead account created \n ann acme 2026-03-01 \n bo acme 2026-03-01 \n cy bolt 2026-03-01"
        ),
        events=builders.rows(other["events"])
        + [{"event_id": f"s{number}", **row} for number, row in enumerate(builders.rows(SMALL))],
        attributes=builders.rows(other["attributes"]) + builders.rows(FACTS),
        stages="lead stage at \n ann mql 2026-03-02 \n bo mql 2026-03-02",
    )
    parts = profile(small()) + profile(builders.history(**other))
    assert parts == profile(whole)
    assert parts + Profile() == parts


def test_of_an_empty_history_only_the_lead_itself_remains():
    assert names(Profile()) == ALWAYS


@pytest.mark.parametrize(
    ("held", "name"),
    [
        pytest.param(lambda n: types(visit=n), "count(visit, 7d)", id="an event type"),
        pytest.param(lambda n: types(visit=n), "recency(visit, all)", id="and when it was last seen"),
        pytest.param(
            lambda n: Profile(types=Counter(buy=90), valued=Counter(buy=n)), "total(buy, 30d)", id="a value"
        ),
        pytest.param(
            lambda n: Profile(types=Counter(buy=90), valued=Counter(buy=n)),
            "maximum(buy, all)",
            id="its largest",
        ),
        pytest.param(lambda n: Profile(topics=Counter(price=n)), "count(any, topic=price, 7d)", id="a topic"),
        pytest.param(
            lambda n: Profile(channels=Counter(web=n)), "count(any, channel=web, 30d)", id="a channel"
        ),
        pytest.param(
            lambda n: Profile(topics=Counter(a=90, b=n)), "distinct(topic, any, 30d)", id="topics to compare"
        ),
        pytest.param(one_fact, "latest(size)", id="an attribute"),
        pytest.param(lambda n: one_fact(90, repeated=n), "attribute_age(size)", id="the age of what changes"),
        pytest.param(
            lambda n: Profile(fields={("account", "size"): (n, 0, 0)}),
            "account(latest(size))",
            id="of the account",
        ),
        pytest.param(lambda n: Profile(in_accounts=n), "account_size()", id="other contacts"),
        pytest.param(
            lambda n: Profile(stages=Counter(recycled=n)), "stage_entries(recycled, all)", id="sent back"
        ),
        pytest.param(
            lambda n: Profile(stages=Counter(rejected=n)), "stage_entries(rejected, all)", id="rejected"
        ),
    ],
)
def test_a_feature_needs_enough_leads(held, name):
    name = f"account({name})" if name == "account_size()" else name
    assert name in names(held(ENOUGH))
    assert name not in names(held(ENOUGH - 1))


def test_any_event_at_all_gives_the_features_of_any_event():
    assert {
        "count(any, 7d)",
        "active_days(any, 30d)",
        "trend(any, 7d, vs 30d)",
        "recency(any, all)",
    } <= names(types(x=1))
    assert {"first_seen(any, all)", "distinct(type, any, 30d)"} <= names(types(x=1))


def test_one_stage_row_is_enough_for_the_time_in_stage():
    assert names(Profile(stages=Counter(mql=1))) == ALWAYS | {"time_in_stage()"}


def test_entries_into_open_stages_and_sqls_are_no_features():
    assert not any("stage_entries" in name for name in names(Profile(stages=Counter(mql=90, sql=90))))


def test_of_too_many_types_the_commonest_are_taken_ties_by_name():
    held = types(**{f"t{number:03}": 50 for number in range(MOST_TYPES + 5)}, zz=51)
    chosen = {name for name in names(held) if name.startswith("recency(t") or name == "recency(zz, all)"}
    assert chosen == {f"recency(t{number:03}, all)" for number in range(MOST_TYPES - 1)} | {
        "recency(zz, all)"
    }


@pytest.mark.parametrize(
    ("numbers", "name"),
    [
        pytest.param(95, "latest_number(size)", id="95 of 100 numbers are mostly numbers"),
        pytest.param(94, "latest(size)", id="94 are words"),
    ],
)
def test_a_field_of_numbers_is_a_number(numbers, name):
    assert name in names(one_fact(100, numbers))


@pytest.mark.parametrize(
    ("current_only", "attributes", "there"),
    [
        pytest.param((), {}, True, id="a field with a history"),
        pytest.param((), {"exclude": {"size": "a guess"}}, False, id="an excluded one"),
        pytest.param(("size",), {}, False, id="of which only today's value is known"),
        pytest.param(("size",), {"excuse": {"size": "never changes"}}, True, id="which is excused"),
        pytest.param(
            ("size",),
            {"excuse": {"size": "never changes"}, "exclude": {"size": "a guess"}},
            False,
            id="excused and excluded",
        ),
        pytest.param(("other",), {}, True, id="another field's trouble"),
    ],
)
def test_which_attributes_may_be_used(current_only, attributes, there):
    assert ("latest(size)" in names(one_fact(), current_only, attributes=attributes)) == there


@pytest.mark.parametrize(
    ("kind", "listed", "signal"),
    [
        pytest.param("Pricing_View", (), "intent", id="by its name"),
        pytest.param("web_visit", (), "engagement", id="an ordinary name"),
        pytest.param("web_visit", ("web_visit",), "intent", id="as the playbook lists it"),
        pytest.param("pricing_view", ("web_visit",), "engagement", id="a list overrules the name"),
    ],
)
def test_the_signal_of_an_event(kind, listed, signal):
    assert signal_of(kind, playbook(intent_events=listed)) == signal


@pytest.mark.parametrize(
    ("kind", "listed", "explicit"),
    [
        pytest.param("Form_Fill", (), True, id="by its name"),
        pytest.param("web_visit", (), False, id="an ordinary name"),
        pytest.param("web_visit", ("web_visit",), True, id="as the playbook lists it"),
        pytest.param("form_fill", ("web_visit",), False, id="a list overrules the name"),
    ],
)
def test_whether_an_event_was_said(kind, listed, explicit):
    assert is_explicit(kind, playbook(explicit_events=listed)) == explicit


def test_features_carry_signal_and_explicitness():
    held = Profile(
        types=Counter(demo_form=90, visit=90),
        valued=Counter(demo_form=90),
        fields={("lead", "size"): (90, 90, 90)},
        in_accounts=90,
    )
    features = by_name(held)
    expected = {
        "count(demo_form, 7d)": ("intent", True),
        "recency(demo_form, all)": ("intent", True),
        "total(demo_form, 30d)": ("intent", True),
        "maximum(demo_form, all)": ("intent", True),
        "count(visit, 7d)": ("engagement", False),
        "count(any, 7d)": ("engagement", False),
        "recency(any, all)": ("timing", False),
        "latest_number(size)": ("fit", True),
        "attribute_age(size)": ("timing", False),
        "account(count(demo_form, 30d))": ("account", False),
        "account(count(any, 30d))": ("account", False),
        "account(account_size())": ("account", False),
    }
    assert {name: (features[name].signal, features[name].explicit) for name in expected} == expected
    assert {feature.signal for feature in features.values()} == {
        "fit",
        "engagement",
        "intent",
        "timing",
        "account",
    }


def test_accounts_without_intent_have_no_features_of_it():
    found = names(Profile(types=Counter(visit=90), in_accounts=90))
    assert "account(count(any, 30d))" in found
    assert not any(name.startswith("account(count(visit") for name in found)


def test_a_catalogue_is_a_feature_set():
    held = Profile(types=Counter(any=90, visit=90), topics=Counter(a=90, b=90), in_accounts=90)
    features = catalogue(held, playbook())
    assert len({feature.name for feature in features}) == len(features)


def test_a_hand_made_set_may_not_read_what_is_refused():
    agreed = playbook(
        attributes={"exclude": {"score": "it is the label"}, "excuse": {"size": "never changes"}}
    )
    features = [
        *latest("score"), *latest_number("score", entity="account"), *latest("rating"), *latest("size"),
        *latest("country"), *count(days=7), *lead_age(), *distinct("topic", days=7),
    ]  # fmt: skip
    with pytest.raises(DefinitionError, match="some features may not be used") as refusal:
        refuse_unusable(features, agreed, {"rating", "size", "topic"})
    assert refusal.value.problems == (
        "latest(score): the playbook excludes score (it is the label)",
        "account(latest_number(score)): the playbook excludes score (it is the label)",
        (
            "latest(rating): of rating only today's value was exported, so its past is unknown; excuse it in the "
            "playbook under attributes.excuse with a reason, or do without it"
        ),
    )


def test_a_usable_set_passes():
    refuse_unusable(
        [*latest("size"), *count()], playbook(attributes={"excuse": {"size": "why not"}}), {"size"}
    )
