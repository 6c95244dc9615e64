"""Scores over HTTP: as documented, recorded before they are sent, and equal whichever way they are asked for."""

from __future__ import annotations

from datetime import timedelta

import orjson
import pytest
from starlette.testclient import TestClient

from features.clock import DAY, iso
from features.evidence import Evidence
from serving.schemas import examples
from serving.schemas.history import LeadHistory
from serving.schemas.model import ModelShown, SheetShown
from serving.schemas.scores import Answer, Explanation, NotScored, Recorded, ScoreResults
from serving.store import predictions, suppression
from serving.store.meta import keyed_hashes
from serving.store.tables import FORGOTTEN
from tests.serving.answers import company
from tests.serving.service import LEAD, NOW, TENANT, Caller


def score(client: TestClient, lead_id: str = LEAD, **query: str) -> Answer:
    answer = client.get(f"/v1/leads/{lead_id}/score", params=query)
    assert answer.status_code == 200, answer.text
    return Answer.model_validate_json(answer.content)


def plain(lead: Evidence) -> dict:
    """A lead as a caller sends it."""

    def rows(facts) -> list[dict]:
        return [
            {**fact._asdict(), "occurred_at": iso(fact.occurred_at), "known_at": iso(fact.known_at)}
            for fact in facts
        ]

    return {
        "lead_id": lead.lead_id,
        "created_at": iso(lead.created_at),
        "account_id": lead.account_id,
        "service_line": lead.service_line,
        "events": rows(lead.events),
        "attributes": rows(lead.facts),
        "account_attributes": rows(lead.account_facts),
        "stages": [
            {"stage": one.stage, "entered_at": iso(one.entered_at), "known_at": iso(one.known_at)}
            for one in lead.stages
        ],
    }


def test_an_answer_adds_up_in_its_json(client: TestClient) -> None:
    for number in range(12):
        lead = company.people()[f"lead {number}"]
        answer = score(client, f"lead {number}", as_of=iso(lead.created_at + 15 * DAY), reasons="features")
        for parts in (answer.reasons.by_signal, answer.reasons.by_feature):
            assert abs(answer.base.log_odds + sum(one.log_odds for one in parts) - answer.log_odds) < 1e-9
            assert abs(answer.base.points + sum(one.points for one in parts) - answer.points) < 1e-6


def test_a_lead_of_the_store_and_the_same_lead_sent_along_score_alike(client: TestClient) -> None:
    """Of leads without colleagues, which cannot be sent along."""
    lead = company.people()["lead 7"]
    alone = {**plain(lead), "lead_id": "alone", "account_id": None, "account_attributes": []}
    kinds = {"events": "events", "stages": "stages"}
    client.post(
        "/v1/leads",
        json={"leads": [{name: alone[name] for name in ("lead_id", "created_at", "service_line")}]},
    )
    for kind in kinds:
        rows = [{"lead_id": "alone", **row} for row in alone[kind]]
        assert client.post(f"/v1/{kind}", json={kind: rows}).json()["refused"] == 0
    facts = [{"entity": "lead", "entity_id": "alone", **fact} for fact in alone["attributes"]]
    assert client.post("/v1/attributes", json={"attributes": facts}).json()["refused"] == 0
    as_of = iso(lead.created_at + 17 * DAY)
    stored = score(client, "alone", as_of=as_of, reasons="features")
    sent = client.post("/v1/score", json={"leads": [alone], "as_of": as_of, "reasons": "features"})
    [result] = ScoreResults.model_validate_json(sent.content).results
    assert result.answer.log_odds == stored.log_odds
    assert result.answer.reasons == stored.reasons
    assert result.answer.interval == stored.interval
    assert stored.warnings[: len(result.answer.warnings)] == result.answer.warnings
    in_account = client.post(
        "/v1/score", json={"leads": [{**alone, "account_id": "account 2"}], "as_of": as_of}
    )
    [result] = ScoreResults.model_validate_json(in_account.content).results
    assert result.answer.warnings[-1] == "other contacts of the account were not sent along and count as none"


def test_an_answer_can_be_replayed_to_the_bit(client: TestClient) -> None:
    answer = client.get(f"/v1/leads/{LEAD}/score")
    kept = client.get(f"/v1/scores/{answer.json()['prediction_id']}", params={"reasons": "features"})
    recorded = Recorded.model_validate_json(kept.content)
    assert recorded.answer == answer.json()
    assert recorded.replay.equal
    assert recorded.by_feature
    assert client.get("/v1/scores/01973f6e-0000-7000-8000-000000000000").status_code == 404


def test_a_second_score_tells_what_changed(client: TestClient) -> None:
    first = score(client)
    now = NOW.isoformat()
    event = {"lead_id": LEAD, "event_id": "new", "type": "demo_request", "occurred_at": now}
    client.post("/v1/events", json={"events": [event]})
    second = score(client)
    assert second.change.since == first.prediction_id
    assert abs(sum(one.points for one in second.change.causes) - second.change.points) < 1e-6
    assert second.points == pytest.approx(first.points + second.change.points, abs=1e-9)
    [new] = [one for one in second.change.causes if one.cause == "new_event"]
    assert new.sentence == "1 new demo request"
    assert new.points > 0


def test_a_score_as_of_the_past_is_recorded_and_does_not_move_the_latest(client: TestClient) -> None:
    first = score(client)
    past = score(client, as_of=iso(company.people()[LEAD].created_at + 3 * DAY))
    assert past.change is None
    assert score(client).change.since == first.prediction_id
    told = LeadHistory.model_validate_json(client.get(f"/v1/leads/{LEAD}/history").content)
    assert {first.prediction_id, past.prediction_id} < {one.prediction_id for one in told.scores}


def test_an_explanation_says_what_would_move_the_lead(client: TestClient) -> None:
    answer = client.get(f"/v1/leads/{LEAD}/explanation")
    told = Explanation.model_validate_json(answer.content)
    assert [move.event for move in told.moves if move.event == "demo_request"]
    assert {move.note for move in told.moves} == {"association, not promise"}
    assert told.peer.leads > 50
    assert told.reasons.by_feature


def test_results_keep_their_order_and_a_bad_lead_spoils_no_other(client: TestClient) -> None:
    leads = [plain(company.people()[f"lead {number}"]) for number in (2, 3)]
    later = (NOW + timedelta(days=1)).isoformat()
    body = {"leads": [leads[0], {"lead_id": "x"}, {"lead_id": "y", "created_at": later}, 7, leads[1]]}
    told = ScoreResults.model_validate_json(client.post("/v1/score", json=body).content)
    assert [one.status for one in told.results] == [200, 422, 422, 422, 200]
    assert [told.results[at].answer.lead_id for at in (0, 4)] == ["lead 2", "lead 3"]
    assert told.results[1].problem.code == "body_invalid"
    assert told.results[1].problem.errors[0].pointer == "/leads/1/created_at"
    assert told.results[2].problem.code == "as_of_before_lead"
    for at in (0, 4):
        assert client.get(f"/v1/scores/{told.results[at].answer.prediction_id}").json()["replay"]["equal"]


def test_at_most_a_hundred_leads_at_once(client: TestClient) -> None:
    one = {"lead_id": "x", "created_at": "2024-12-01T00:00:00Z"}
    told = client.post("/v1/score", json={"leads": [one] * 100})
    assert len(told.json()["results"]) == 100
    assert client.post("/v1/score", json={"leads": [one] * 101}).status_code == 422
    assert client.post("/v1/score", json={"leads": []}).status_code == 422


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"as_of": "2030-01-01T00:00:00Z"}, "as_of_in_future"),
        ({"as_of": "2001-01-01T00:00:00Z"}, "as_of_before_lead"),
        ({"as_of": "2024-06-01T00:00:00"}, "parameter_invalid"),
        ({"as_of": "1717200000"}, "parameter_invalid"),
        ({"reasons": "all"}, "parameter_invalid"),
    ],
)
def test_questions_that_cannot_be_meant(client: TestClient, query: dict, code: str) -> None:
    answer = client.get(f"/v1/leads/{LEAD}/score", params=query)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


@pytest.mark.parametrize("path", ["score", "explanation", "history"])
def test_an_unknown_lead_is_not_found(client: TestClient, path: str) -> None:
    answer = client.get(f"/v1/leads/nobody/{path}")
    assert (answer.status_code, answer.json()["code"]) == (404, "lead_not_found")


def test_who_objected_is_not_scored_either_way(client: TestClient, caller: Caller) -> None:
    with caller.app.state.services.store.writing() as connection:
        suppression.object_to_profiling(connection, TENANT, LEAD, None, company.LATER)
    for path in ("score", "explanation"):
        told = NotScored.model_validate_json(client.get(f"/v1/leads/{LEAD}/{path}").content)
        assert client.get(f"/v1/scores/{told.prediction_id}").json()["replay"] is None
    sent = client.post("/v1/score", json={"leads": [plain(company.people()[LEAD])]})
    assert not ScoreResults.model_validate_json(sent.content).results[0].answer.scored
    assert client.get("/v1/points", params={"lead_id": LEAD}).json()["code"] == "lead_objected"


def test_reasons_by_feature_need_the_scope_explain(caller: Caller) -> None:
    headers = caller.bearer(["score"])
    path, lead = f"/v1/leads/{LEAD}/score", plain(company.people()[LEAD])
    ask = {"reasons": "features"}
    assert caller.client.get(path, headers=headers).status_code == 200
    assert caller.client.get(path, params=ask, headers=headers).json()["code"] == "scope_missing"
    assert caller.client.post("/v1/score", json={"leads": [lead]}, headers=headers).status_code == 200
    refused = caller.client.post("/v1/score", json={"leads": [lead], **ask}, headers=headers)
    assert refused.json()["code"] == "scope_missing"


def test_the_sheet_of_a_lead_stands_beside_the_points_of_the_model(client: TestClient) -> None:
    shown = SheetShown.model_validate_json(client.get("/v1/points", params={"lead_id": LEAD}).content)
    fired = [rule for rule in shown.rules if rule.fired]
    assert shown.total == sum(rule.points for rule in fired)
    assert shown.model_points == pytest.approx(score(client).points, abs=1.0)
    assert shown.refitted is not None
    assert shown.refitted.total == pytest.approx(sum(rule.refitted for rule in fired))


def test_the_model_is_shown_with_its_features_in_words(client: TestClient) -> None:
    shown = ModelShown.model_validate_json(client.get("/v1/model").content)
    features = {one.name: one for one in shown.features}
    assert features["count(pricing_view, 7d)"].title == "visits to the pricing page in the last 7 days"
    assert features["latest(gender)"].withheld == "protected"
    assert features["latest(industry)"].withheld is None
    assert [(arm.role, arm.bundle) for arm in shown.arms] == [("champion", shown.bundle)]
    assert shown.review_reasons.rejected == ["no budget", "a student"]
    assert shown.horizon_days == {"": 60, "assays": 30}
    assert "# " in shown.card


def test_the_printed_examples_work(client: TestClient) -> None:
    """Their moments lie after this company's present, so they are brought forward by a year."""

    def body(example: dict) -> dict:
        [one] = example.values()
        return orjson.loads(orjson.dumps(one["value"]).replace(b"2025-", b"2024-"))

    for kind in ("leads", "events", "attributes", "stages"):
        told = client.post(f"/v1/{kind}", json=body(getattr(examples, kind.upper())))
        assert told.json()["refused"] == 0, told.text
    [result] = client.post("/v1/score", json=body(examples.SCORE)).json()["results"]
    assert result["status"] == 200
    assert client.post("/v1/outcomes", json=body(examples.OUTCOME)).json()["stage"] == "sql"
    told = {**body(examples.FEEDBACK), "prediction_id": result["answer"]["prediction_id"]}
    assert client.post("/v1/feedback", json=told).status_code == 201


def test_a_lead_that_was_erased_spoils_no_other_of_its_batch(caller: Caller, client: TestClient) -> None:
    lead = {"created_at": "2024-01-01T00:00:00Z"}
    services = caller.app.state.services
    with services.store.writing() as connection:
        connection.execute(
            FORGOTTEN.insert().values(
                tenant=TENANT, lead_hash=keyed_hashes(connection, TENANT, ["gone"])[0], at=company.LATER
            )
        )
    body = {"leads": [{**lead, "lead_id": name} for name in ("first", "gone", "last")]}
    headers = {"Idempotency-Key": "one of three"}
    answer = client.post("/v1/score", json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    results = answer.json()["results"]
    assert [result["status"] for result in results] == [200, 410, 200]
    assert results[1]["problem"]["code"] == "lead_forgotten"
    for result in (results[0], results[2]):
        found = client.get(f"/v1/scores/{result['answer']['prediction_id']}")
        assert found.status_code == 200
    with services.store.reading() as connection:
        assert predictions.of_lead(connection, TENANT, "gone", 10) == []
    assert client.post("/v1/score", json=body, headers=headers).content == answer.content


@pytest.fixture
def objecting(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody objects after the score was made and before it is recorded, once."""
    services, left = caller.app.state.services, [True]

    def before(work):
        if left:
            left.clear()
            with services.store.writing() as connection:
                suppression.object_to_profiling(connection, TENANT, LEAD, None, services.clock.now())
        return submit(work)

    submit = services.writer.submit
    monkeypatch.setattr(type(services.writer), "submit", lambda _, work: before(work))


@pytest.mark.parametrize("what", ["score", "explanation"])
def test_who_objects_while_being_scored_is_told_so(
    client: TestClient, caller: Caller, objecting: None, what: str
) -> None:
    answer = client.get(f"/v1/leads/{LEAD}/{what}")
    assert answer.status_code == 200, answer.text
    assert not NotScored.model_validate_json(answer.content).scored
    with caller.app.state.services.store.reading() as connection:
        [kept] = predictions.of_lead(connection, TENANT, LEAD, 10)
        assert predictions.queue(connection, TENANT, predictions.Filters(), None, 10) == []
    assert kept.log_odds is None


def test_who_objects_while_being_scored_spoils_no_other(
    client: TestClient, caller: Caller, objecting: None
) -> None:
    leads = [plain(company.people()[lead_id]) for lead_id in ("lead 1", LEAD, "lead 2")]
    answer = client.post("/v1/score", json={"leads": leads})
    told = ScoreResults.model_validate_json(answer.content).results
    assert [one.status for one in told] == [200, 200, 200]
    assert [one.answer.scored for one in told] == [True, False, True]
