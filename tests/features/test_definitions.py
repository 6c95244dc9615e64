"""The feature language: names, files and what cannot be meant."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.definitions import COLUMNS, UNITS, WINDOWS, Feature, Where, feature_set
from features.errors import DefinitionError
from features.language import (
    account,
    account_size,
    active_days,
    attribute_age,
    count,
    created_hour,
    created_weekday,
    distinct,
    fading,
    first_seen,
    halving,
    latest,
    latest_number,
    lead_age,
    maximum,
    mean,
    recency,
    stage_entries,
    time_in_stage,
    total,
    trend,
    where,
)
from tests.features import strategies as some

LANGUAGE = [
    *count(), *count("visit"), *active_days(), *total(), *mean(), *maximum(), *distinct("topic"), *trend(), *recency(),
    *fading(days=(7, 30)), *halving(days=(7, 30)), *account(fading(days=7) + halving(days=7)),
    *first_seen(), *time_in_stage(), *stage_entries(), *latest("f"), *latest_number("f"), *attribute_age("f"),
    *lead_age(), *created_hour(), *created_weekday(), *account_size(), *account(count() + recency()),
    *latest("f", entity="account"),
]  # fmt: skip


def test_the_constructors_speak_the_whole_language_and_every_name_differs():
    assert {feature.statistic for feature in LANGUAGE} == set(UNITS)
    assert len({feature.name for feature in LANGUAGE}) == len(LANGUAGE)


@pytest.mark.parametrize(
    ("features", "names"),
    [
        pytest.param(count("visit", days=(7, None)), ["count(visit, 7d)", "count(visit, all)"], id="windows"),
        pytest.param(count(("b", "a"), days=1), ["count(b+a, 1d)"], id="several types"),
        pytest.param(
            count(topic="x", channel=("y", "z"), days=1),
            ["count(any, topic=x, channel=y+z, 1d)"],
            id="columns",
        ),
        pytest.param(
            total("buy", at_least=0, below=2.5, days=1), ["total(buy, value>=0, value<2.5, 1d)"], id="a range"
        ),
        pytest.param(distinct("topic", days=7), ["distinct(topic, any, 7d)"], id="a counted column"),
        pytest.param(trend("visit"), ["trend(visit, 7d, vs 30d)"], id="two windows"),
        pytest.param(fading("visit", days=30), ["fading(visit, 30d)"], id="a window to fade in"),
        pytest.param(halving("visit", days=30), ["halving(visit, half-life 30d)"], id="a half-life"),
        pytest.param(latest("f", entity="account"), ["account(latest(f))"], id="of the account"),
        pytest.param(stage_entries("mql"), ["stage_entries(mql, all)"], id="a stage"),
        pytest.param(lead_age() + time_in_stage(), ["lead_age()", "time_in_stage()"], id="nothing to say"),
    ],
)
def test_names_tell_the_definition(features, names):
    assert [feature.name for feature in features] == names


def test_the_default_windows():
    assert tuple(feature.days for feature in count()) == WINDOWS


@pytest.mark.parametrize("kind", ["any", None])
def test_any_type_is_no_wish(kind):
    assert where(kind) == Where()


@pytest.mark.parametrize(
    ("features", "signal", "explicit"),
    [
        pytest.param(count(days=1), "engagement", False, id="what was done is engagement"),
        pytest.param(
            count(days=1, signal="intent", explicit=True), "intent", True, id="unless told otherwise"
        ),
        pytest.param(recency(), "timing", False, id="recency is timing"),
        pytest.param(recency(signal="intent"), "intent", False, id="recency told otherwise"),
        pytest.param(latest("f"), "fit", True, id="a fact is fit and said"),
        pytest.param(latest("f", explicit=False), "fit", False, id="a fact looked up elsewhere"),
        pytest.param(attribute_age("f"), "timing", False, id="its age is timing"),
        pytest.param(
            account(count(days=1, signal="intent")), "account", False, id="other contacts are account"
        ),
        pytest.param(account_size(), "account", False, id="and how many they are"),
    ],
)
def test_every_feature_has_its_signal(features, signal, explicit):
    assert [(feature.signal, feature.explicit) for feature in features] == [(signal, explicit)]


@pytest.mark.parametrize(
    ("statistic", "others", "problem"),
    [
        pytest.param(
            "counts", {}, "there is no statistic 'counts'; there are count,", id="a slip of the pen"
        ),
        pytest.param("count", {"days": 0}, "a window needs at least one day, got 0", id="no window"),
        pytest.param(
            "count", {"signal": "hope"}, "there is no signal 'hope'; there are fit,", id="an unknown signal"
        ),
        pytest.param("trend", {"days": 7}, "a trend compares a short window", id="half a trend"),
        pytest.param("trend", {"versus": 30}, "a trend compares a short window", id="the other half"),
        pytest.param(
            "trend", {"days": 7, "versus": 7}, "a trend compares a short window", id="two equal windows"
        ),
        pytest.param("fading", {}, "fading needs days", id="nothing to fade in"),
        pytest.param("halving", {}, "halving needs days", id="no half-life"),
        pytest.param(
            "halving", {"days": 7, "versus": 30}, "halving takes no second window", id="two half-lives"
        ),
        pytest.param(
            "distinct", {"field": "value"}, "distinct counts one of type, topic", id="an unknown column"
        ),
        pytest.param("distinct", {}, "distinct counts one of type, topic", id="no column"),
        pytest.param("latest", {}, "name the attribute", id="no attribute"),
        pytest.param("attribute_age", {"field": ""}, "name the attribute", id="an empty attribute"),
        pytest.param(
            "recency", {"days": 7}, "recency looks at all of the past", id="a window that would not count"
        ),
        pytest.param(
            "count", {"days": 7, "versus": 30}, "count takes no second window", id="a second window"
        ),
        pytest.param("count", {"field": "size"}, "count reads no field", id="a field that would not be read"),
        pytest.param(
            "lead_age", {"where": Where(type=("x",))}, "lead_age selects no rows", id="rows of a moment"
        ),
        pytest.param(
            "stage_entries",
            {"where": Where(topic=("x",))},
            "stage_entries selects stages only",
            id="words of a stage",
        ),
        pytest.param(
            "lead_age", {"scope": "account"}, "lead_age has no account side", id="the age of an account"
        ),
        pytest.param("account_size", {}, "account_size has no lead side", id="the size of a lead"),
        pytest.param("count", {"scope": "team"}, "count has no team side", id="an unknown scope"),
    ],
)
def test_what_cannot_be_meant_is_refused(statistic: Any, others: dict[str, Any], problem):
    with pytest.raises(DefinitionError, match="cannot be meant") as refusal:
        Feature(statistic, **others)
    assert any(told.startswith(problem) for told in refusal.value.problems), refusal.value.problems


def test_all_problems_of_a_feature_are_told_at_once():
    with pytest.raises(DefinitionError) as refusal:
        Feature("latest", days=0)
    assert len(refusal.value.problems) == 3


@pytest.mark.parametrize(("at_least", "below"), [(2.0, 2.0), (3.0, 2.0)])
def test_an_empty_range_is_refused(at_least, below):
    with pytest.raises(DefinitionError, match="no value is at least"):
        count(at_least=at_least, below=below)


def test_only_statistics_of_events_have_an_account_side():
    with pytest.raises(DefinitionError, match="only statistics of events") as refusal:
        account(count(days=7) + lead_age() + latest("f"))
    assert refusal.value.problems == ("lead_age()", "latest(f)")


def test_a_set_holds_each_feature_once_in_order():
    features = recency() + count("b", days=7) + count("a", days=7)
    assert feature_set(features + features[::-1]) == features


def test_one_name_for_two_definitions_is_refused():
    with pytest.raises(DefinitionError, match="one name stands for two") as refusal:
        feature_set(count(days=7) + count(days=7, signal="intent"))
    assert refusal.value.problems == ("count(any, 7d)",)


@pytest.mark.parametrize("statistic", UNITS)
def test_no_evidence_is_zero_or_missing(statistic):
    [feature] = [feature for feature in LANGUAGE if feature.statistic == statistic][:1]
    counted = {"count", "active_days", "total", "distinct", "trend", "fading", "halving"}
    counted |= {"stage_entries", "account_size"}
    assert feature.if_none == 0.0 if statistic in counted else math.isnan(feature.if_none)
    assert feature.is_category == (statistic == "latest")


@given(some.feature_lists(), st.sampled_from(["fit", "intent", "timing"]), st.booleans())
def test_a_feature_survives_being_written_and_read(features, signal, explicit):
    for feature in [*features, Feature("count", signal=signal, explicit=explicit)]:
        assert Feature.from_json(json.loads(json.dumps(feature.to_json()))) == feature


@given(some.feature_lists())
def test_equal_names_mean_equal_features_up_to_the_signal(features):
    assert len({feature.name for feature in features}) == len(features)


def test_what_is_written_is_plain_and_short():
    [feature] = count("visit", topic="price", at_least=0.0, days=7)
    assert feature.to_json() == {
        "statistic": "count", "days": 7, "scope": "lead", "signal": "engagement", "explicit": False,
        "where": {"type": ["visit"], "topic": ["price"], "at_least": 0.0},
    }  # fmt: skip


def test_columns_are_those_of_the_selection():
    assert {f"{name}" for name in Where.__dataclass_fields__} == {*COLUMNS, "at_least", "below"}


def test_limits_that_differ_have_names_that_differ():
    limits = (1_000_000, 1_000_001, 0.1, 0.10000001)
    names = {feature.name for limit in limits for feature in count("order", days=7, at_least=limit)}
    assert len(names) == len(limits)
    assert "count(order, value>=0.1, 7d)" in names
