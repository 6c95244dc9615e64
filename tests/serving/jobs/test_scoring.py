"""A job says of a lead what a single question says, to the bit."""

from __future__ import annotations

import json

import pytest

from features.clock import iso
from serving.answers.scoring import Scoring
from serving.jobs.progress import Order
from serving.jobs.reading import StoreSource
from serving.jobs.rows import InputRow
from serving.jobs.scoring import BlockScorer
from serving.store import predictions, suppression
from tests.serving.answers import company
from tests.serving.answers.conftest import Models
from tests.serving.jobs.conftest import PEOPLE, TENANT


def scorer(office, reasons="none", as_of=None):
    source = StoreSource(office.store, TENANT)
    return BlockScorer(
        office.models, source, TENANT, Order("score", "csv", reasons, as_of), office.clock.now()
    )


def people():
    return list(company.people().values())[:PEOPLE]


@pytest.mark.parametrize("reasons", ["none", "signals"])
def test_what_a_job_says_is_what_a_single_question_says(office, champion, reasons):
    one_by_one = Scoring(office.clock, office.store, Models(champion))
    rows = [InputRow(lead.lead_id, 0, lead.created_at + 14 * 86_400_000_000) for lead in people()[:20]]
    for outcome in scorer(office, reasons).score(rows, office.clock.now()):
        alone = one_by_one.of_lead(TENANT, outcome.row.lead_id, outcome.as_of)
        record, single = outcome.scored.prediction, alone.records[0]
        assert record.log_odds == single.log_odds
        assert (record.values, record.words) == (single.values, single.words)
        assert (record.band, record.points, record.revision) == (single.band, single.points, single.revision)
        told, wanted = json.loads(record.answer), json.loads(alone.body)
        same = set(told) - {"prediction_id", "change", "reasons", "base", "without"}
        assert {name: told[name] for name in same} == {name: wanted[name] for name in same}
        if reasons == "signals":
            by_signal = told["reasons"]["by_signal"]
            assert told["base"]["points"] + sum(one["points"] for one in by_signal) == pytest.approx(
                told["points"], abs=1e-6
            )
            told_alone = {one["signal"] for one in wanted["reasons"]["by_signal"]}
            assert {one["signal"] for one in by_signal} <= told_alone | {"withheld"}


def test_inline_leads_are_scored_as_they_came_and_are_nobody_s_latest_score(office, champion):
    lead = people()[3]
    sent = InputRow(lead.lead_id, 0, lead.created_at + 86_400_000_000, lead)
    [outcome] = scorer(office).score([sent], office.clock.now())
    alone = Scoring(office.clock, office.store, Models(champion)).of_evidence(TENANT, lead, sent.as_of)
    assert outcome.scored.prediction.log_odds == alone.records[0].log_odds
    assert outcome.scored.prediction.values == alone.records[0].values
    assert not outcome.scored.prediction.counts


def test_those_that_cannot_be_scored_say_why_and_spoil_no_other(office):
    now = office.clock.now()
    office.writer.submit(
        lambda connection: suppression.object_to_profiling(connection, TENANT, "lead 1", "asked", now)
    ).result(10)
    rows = [
        InputRow("lead 0", 0),
        InputRow("lead 1", 0),
        InputRow("nobody", 0),
        InputRow("lead 2", 0, now + 1),
        InputRow("lead 3", 0, 0),
        InputRow("", 0, code="row_malformed"),
        InputRow("lead 1", 0, None, people()[1]),
        InputRow("lead 0", 0),
    ]
    outcomes = scorer(office).score(rows, now)
    assert [outcome.row for outcome in outcomes] == rows
    assert [outcome.code for outcome in outcomes] == [
        "", "objected_to_profiling", "lead_not_found", "as_of_in_future", "as_of_before_lead", "row_malformed",
        "objected_to_profiling", "",
    ]  # fmt: skip
    assert outcomes[0].scored is not None
    assert outcomes[1].scored is None


def test_the_moment_of_the_job_counts_where_a_row_names_none(office):
    as_of = people()[0].created_at + 86_400_000_000
    [first, second] = scorer(office, as_of=as_of).score(
        [InputRow("lead 0", 0), InputRow("lead 0", 0, as_of + 1)], office.clock.now()
    )
    assert first.scored.answer["as_of"] == iso(as_of)
    assert second.as_of == as_of + 1


def test_one_lead_whose_evidence_cannot_be_used_spoils_no_other(office):
    from serving.store import evidence
    from serving.store.rows import EventRow

    huge = [
        EventRow("lead 5", f"huge {n}", "webinar", people()[5].created_at + n, None, 9e12) for n in range(2)
    ]
    office.writer.submit(
        lambda connection: evidence.put_events(connection, TENANT, huge, office.clock.now())
    ).result(10)
    rows = [InputRow(lead.lead_id, 0) for lead in people()[:12]]
    outcomes = scorer(office).score(rows, office.clock.now())
    broken = {outcome.row.lead_id for outcome in outcomes if outcome.code}
    assert {outcome.code for outcome in outcomes} == {"", "evidence_unusable"}
    assert "lead 5" in broken <= {"lead 3", "lead 4", "lead 5"}  # colleagues see its events


def test_what_a_job_records_is_replayed_to_the_bit(office, champion):
    [outcome] = scorer(office).score([InputRow("lead 7", 0)], office.clock.now())
    record = outcome.scored.prediction
    office.writer.submit(
        lambda connection: predictions.record(connection, [record], alert_points=None)
    ).result(10)
    replayed = Scoring(office.clock, office.store, Models(champion)).replay(TENANT, record.prediction_id)
    assert replayed["replay"]["equal"]
