"""A word that the history does not know is told, not computed as zero."""

from __future__ import annotations

import pytest

from features.errors import DefinitionError
from features.language import count, distinct, latest, recency, stage_entries
from features.manifest import FieldSummary, Manifest
from features.vocabulary import refuse_unknown_words, refuse_unreachable
from tests.builders import playbook, sql

MANIFEST = Manifest(
    observed_until=0,
    buckets=1,
    tables={},
    fields={"industry": FieldSummary("lead", "immutable_at_create", 10)},
    event_types={"pricing_view": 5, "web_visit": 9},
    stages={"mql": 3, "sql": 1},
    sources=(),
    mapping_sha256=None,
    counts={},
    sha256={},
)


@pytest.mark.parametrize(
    "features",
    [
        pytest.param(count("pricing_view", days=3), id="an event type it holds"),
        pytest.param(count(("pricing_view", "web_visit")), id="several of them"),
        pytest.param(recency(), id="any event"),
        pytest.param(latest("industry"), id="a field it holds"),
        pytest.param(stage_entries("mql"), id="a stage it holds"),
        pytest.param(distinct("topic"), id="a column of events"),
    ],
)
def test_known_words_pass(features):
    refuse_unknown_words(features, MANIFEST)


@pytest.mark.parametrize(
    ("features", "told"),
    [
        (count("pricing_viwe", days=3), "no event type 'pricing_viwe'; did you mean 'pricing_view'?"),
        (latest("nope"), "no field 'nope'; it has industry"),
        (stage_entries("mlq"), "no stage 'mlq'; did you mean 'mql'?"),
    ],
)
def test_an_unknown_word_is_told_with_the_nearest_one(features, told):
    with pytest.raises(DefinitionError, match=told.replace("?", r"\?")):
        refuse_unknown_words([*recency(), *features], MANIFEST)


def test_all_unknown_words_are_told_at_once():
    with pytest.raises(DefinitionError) as caught:
        refuse_unknown_words(count("a", days=1) + latest("b"), MANIFEST)
    assert len(caught.value.problems) == 2


def test_an_sql_that_no_lead_can_reach_is_refused():
    agreed = playbook(sql=[sql({"event": "demo_requst"})])
    with pytest.raises(DefinitionError, match="no lead can become an SQL"):
        refuse_unreachable(agreed.definition(), MANIFEST)


@pytest.mark.parametrize(
    "conditions",
    [
        pytest.param([{"stage": "sql"}], id="a stage"),
        pytest.param([{"event": "web_visit"}], id="an event"),
        pytest.param([{"event": "any"}], id="any event"),
        pytest.param([{"event": "never_seen"}, {"stage": "sql"}], id="one of two ways"),
    ],
)
def test_an_sql_that_a_lead_can_reach_passes(conditions):
    refuse_unreachable(playbook(sql=[sql(*conditions)]).definition(), MANIFEST)
