"""Features in plain words: read the tables below aloud."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from features.definitions import UNITS, Feature, Statistic, Where
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
)
from features.sentences import sentence, title

PHRASES = {
    "pricing_view": ("visit to the pricing page", "visits to the pricing page"),
    "demo": ("request for a demo", "requests for a demo"),
    "amount_req": ("amount asked for", "amounts asked for"),
    "recycled": ("the pool of marketing", "the pool of marketing"),
}
EVERY: dict[Statistic, list[Feature]] = {
    "count": count("pricing_view", days=7),
    "active_days": active_days(days=7),
    "total": total("order", days=30),
    "mean": mean("order", days=30),
    "maximum": maximum("order", days=None),
    "distinct": distinct("topic", days=30),
    "trend": trend("pricing_view"),
    "fading": fading("pricing_view", days=30),
    "halving": halving("pricing_view", days=30),
    "recency": recency(),
    "first_seen": first_seen(),
    "time_in_stage": time_in_stage(),
    "stage_entries": stage_entries("recycled"),
    "latest": latest("industry"),
    "latest_number": latest_number("amount_req"),
    "attribute_age": attribute_age("industry"),
    "lead_age": lead_age(),
    "created_hour": created_hour(),
    "created_weekday": created_weekday(),
    "account_size": account_size(),
}


def test_every_statistic_is_listed_here():
    assert set(EVERY) == set(UNITS) == set(get_args(Statistic))


@pytest.mark.parametrize("statistic", EVERY)
def test_every_statistic_has_a_sentence_and_a_title(statistic):
    [feature] = EVERY[statistic]
    said = {sentence(feature, value, PHRASES) for value in (None, float("nan"), 0.0, 1.0, 4.0)}
    for text in {*said, title(feature, PHRASES)}:
        assert text == text.strip()
        assert "_" not in text
        assert "None" not in text
        assert "nan" not in text
        assert "  " not in text
    assert len(said) > 1


@pytest.mark.parametrize(
    ("features", "value", "text"),
    [
        (count("pricing_view", days=7), 3.0, "3 visits to the pricing page in the last 7 days"),
        (count("pricing_view", days=1), 1.0, "1 visit to the pricing page in the last day"),
        (count("pricing_view", days=None), 0.0, "no visits to the pricing page so far"),
        (count("web_visit", days=30), 1234.0, "1,234 web visits in the last 30 days"),
        (count("reply", days=30), 2.0, "2 replies in the last 30 days"),
        (count("survey", days=30), 2.0, "2 surveys in the last 30 days"),
        (count("search", days=30), 2.0, "2 searches in the last 30 days"),
        (count("news", days=30), 1.0, "1 news in the last 30 days"),
        (count(days=90), 0.0, "no activities in the last 90 days"),
        (count(topic="gene_therapy", days=7), 1.0, "1 activity with topic gene therapy in the last 7 days"),
        (count(topic=("a", "b"), channel="web", days=7), 2.0,
         "2 activities with topic a or b and channel web in the last 7 days"),
        (count("order", at_least=100, days=None), 2.0, "2 orders of at least 100 so far"),
        (count("order", at_least=100, below=500, days=None), 2.0,
         "2 orders of at least 100 and below 500 so far"),
        (count("order", below=500, days=None), 1.0, "1 order below 500 so far"),
        (count(("demo", "quote"), days=7), 2.0, "2 requests for a demo or quotes in the last 7 days"),
        (count(("demo", "quote", "order", "reply", "call"), days=7), 2.0,
         "2 requests for a demo, quotes or 3 other kinds in the last 7 days"),
        (active_days(days=7), 1.0, "1 day with activities in the last 7 days"),
        (active_days(days=30), 4.0, "4 days with activities in the last 30 days"),
        (active_days(days=30), 0.0, "no days with activities in the last 30 days"),
        (total("order", days=30), 12345.6, "total value of orders in the last 30 days is 12,346"),
        (total("order", days=30), 0.0, "total value of orders in the last 30 days is 0"),
        (mean("order", days=None), 2.5, "mean value of orders so far is 2.50"),
        (mean("order", days=None), None, "no orders with a value so far"),
        (maximum("order", days=None), 99.0, "largest value of orders so far is 99"),
        (maximum("order", days=None), -99.994, "largest value of orders so far is -99.99"),
        (maximum("order", days=None), -100.4, "largest value of orders so far is -100"),
        (distinct("topic", days=30), 3.0, "3 different topics among activities in the last 30 days"),
        (distinct("topic", days=30), 1.0, "1 topic among activities in the last 30 days"),
        (distinct("type", days=None), 0.0, "no different types among activities so far"),
        (trend("pricing_view"), 0.2,
         "visits to the pricing page in the last 7 days more often than in the last 30 days"),
        (trend("pricing_view"), -0.2,
         "visits to the pricing page in the last 7 days less often than in the last 30 days"),
        (trend(days=1, versus=7), 0.19, "activities in the last day about as often as in the last 7 days"),
        (fading("pricing_view", days=30), 1.4,
         "visits to the pricing page, fading over 30 days, are worth 1.40 new ones"),
        (fading("pricing_view", days=1), 1.0, "visits to the pricing page, fading over a day, are worth 1 new one"),
        (fading("demo", days=30), 0.002, "requests for a demo, fading over 30 days, are worth less than 0.01 new ones"),
        (fading("pricing_view", days=30), 0.0, "no visits to the pricing page in the last 30 days"),
        (halving("demo", days=30), 2.0, "requests for a demo, halving every 30 days, are worth 2 new ones"),
        (halving("demo", days=1), 0.25, "requests for a demo, halving every day, are worth 0.25 new ones"),
        (halving("demo", days=30), 0.0, "no requests for a demo so far"),
        (account(halving("demo", days=30)), 0.5,
         "requests for a demo, halving every 30 days, are worth 0.50 new ones (other contacts of the account)"),
        (recency("pricing_view"), 3.4, "last visit to the pricing page 3 days ago"),
        (recency("email_open"), None, "no email open yet"),
        (recency(topic="price"), None, "no activity with topic price yet"),
        (recency(), None, "no activity yet"),
        (recency(), 0.01, "last activity less than an hour ago"),
        (recency(), 1 / 24, "last activity 1 hour ago"),
        (recency(), 1.99, "last activity 48 hours ago"),
        (recency(), 2.0, "last activity 2 days ago"),
        (first_seen("demo"), 40.0, "first request for a demo 40 days ago"),
        (time_in_stage(), 12.0, "12 days in the present stage"),
        (time_in_stage(), None, "no stage yet"),
        (stage_entries("rejected"), 1.0, "entered rejected once so far"),
        (stage_entries("rejected", days=30), 2.0, "entered rejected twice in the last 30 days"),
        (stage_entries("recycled"), 3.0, "entered the pool of marketing 3 times so far"),
        (stage_entries("rejected"), 0.0, "never entered rejected"),
        (stage_entries(days=30), 0.0, "never entered a stage in the last 30 days"),
        (latest("industry"), "pharma", "industry is pharma"),
        (latest("industry"), None, "industry is not known"),
        (latest("job_title", entity="account"), "chief", "job title of the account is chief"),
        (latest_number("founded"), 2019.0, "founded is 2019"),
        (latest_number("amount_req"), 25000.0, "amount asked for is 25,000"),
        (latest_number("share"), 0.125, "share is 0.12"),
        (latest_number("amount_req", entity="account"), 3.0, "amount asked for is 3"),
        (attribute_age("industry"), 5.0, "industry was set 5 days ago"),
        (attribute_age("industry"), None, "industry is not known"),
        (lead_age(), 14.0, "created 14 days ago"),
        (created_hour(), 9.0, "created between 09:00 and 09:59"),
        (created_weekday(), 6.0, "created on a Sunday"),
        (account_size(), 0.0, "no other contacts of the account"),
        (account_size(), 1.0, "1 other contact of the account"),
        (account(count("demo", days=30)), 2.0,
         "2 requests for a demo in the last 30 days (other contacts of the account)"),
        (account(recency()), None, "no activity yet (other contacts of the account)"),
    ],
    ids=lambda value: value if isinstance(value, str) and " " in value else "",
)  # fmt: skip
def test_what_a_value_says(features, value: Any, text):
    [feature] = features
    assert sentence(feature, value, PHRASES) == text


@pytest.mark.parametrize(
    ("features", "text"),
    [
        (count("pricing_view", days=7), "visits to the pricing page in the last 7 days"),
        (count("web_visit", days=None), "web visits so far"),
        (active_days(days=1), "days with activities in the last day"),
        (total("order", days=30), "total value of orders in the last 30 days"),
        (distinct("topic", "demo", days=None), "different topics among requests for a demo so far"),
        (trend(), "trend of activities, 7 against 30 days"),
        (fading("demo", days=1), "requests for a demo, fading over a day"),
        (fading("demo", days=30), "requests for a demo, fading over 30 days"),
        (halving("demo", days=30), "requests for a demo, halving every 30 days"),
        (halving(days=1), "activities, halving every day"),
        (recency("demo"), "time since the last request for a demo"),
        (first_seen(), "time since the first activity"),
        (stage_entries(("rejected", "recycled")), "entries into rejected or the pool of marketing so far"),
        (stage_entries(days=7), "entries into any stage in the last 7 days"),
        (latest("job_title"), "job title"),
        (latest("industry", entity="account"), "industry of the account"),
        (attribute_age("amount_req"), "time since amount asked for was set"),
        (account_size(), "other contacts of the account"),
        (account(count(days=7)), "activities in the last 7 days (other contacts of the account)"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_titles(features, text):
    [feature] = features
    assert title(feature, PHRASES) == text


def test_a_lead_and_its_account_are_told_apart():
    assert title(latest("industry")[0]) != title(latest("industry", entity="account")[0])


def test_without_phrases_words_are_taken_from_the_name():
    assert (
        sentence(Feature("count", Where(type=("form_fill",)), days=7), 2.0)
        == "2 form fills in the last 7 days"
    )
