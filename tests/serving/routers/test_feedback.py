"""Verdicts and outcomes: only what the playbook and the answer know of, and retraining sees the outcome."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from serving.schemas.feedback import FeedbackStored, OutcomeStored
from serving.store import feedback
from tests.serving.service import LEAD, TENANT, Caller


@pytest.fixture
def prediction_id(client: TestClient) -> str:
    return client.get(f"/v1/leads/{LEAD}/score").json()["prediction_id"]


def say(client: TestClient, prediction_id: str, **verdict: object):
    return client.post("/v1/feedback", json={"prediction_id": prediction_id, **verdict})


@pytest.mark.parametrize(
    "verdict",
    [
        {"verdict": "accept", "note": "spoke with her"},
        {"verdict": "reject", "reason": "no budget"},
        {"verdict": "recycle", "reason": "not now"},
        {"verdict": "disagree", "signal": "sheet", "note": "x" * 2000},
    ],
)
def test_a_verdict_is_kept_with_who_said_it(
    client: TestClient, caller: Caller, prediction_id: str, verdict: dict
) -> None:
    answer = say(client, prediction_id, **verdict)
    assert answer.status_code == 201
    told = FeedbackStored.model_validate_json(answer.content)
    with caller.app.state.services.store.reading() as connection:
        [kept] = feedback.of_lead(connection, TENANT, LEAD)
    assert (kept.feedback_id, kept.prediction_id, kept.lead_id) == (told.feedback_id, prediction_id, LEAD)
    assert (kept.verdict, kept.reason, kept.signal, kept.note) == tuple(
        verdict.get(name) for name in ("verdict", "reason", "signal", "note")
    )
    assert kept.actor


@pytest.mark.parametrize(
    ("verdict", "pointer"),
    [
        ({"verdict": "reject", "reason": "not now"}, "/reason"),
        ({"verdict": "reject"}, "/reason"),
        ({"verdict": "recycle", "reason": "no budget"}, "/reason"),
        ({"verdict": "disagree", "signal": "weather"}, "/signal"),
        ({"verdict": "disagree", "signal": "withheld"}, "/signal"),
        ({"verdict": "disagree"}, ""),
        ({"verdict": "accept", "reason": "no budget"}, ""),
        ({"verdict": "accept", "signal": "fit"}, ""),
        ({"verdict": "perhaps"}, "/verdict"),
        ({"verdict": "accept", "note": "x" * 2001}, "/note"),
    ],
)
def test_a_verdict_that_cannot_be_meant_is_refused(
    client: TestClient, caller: Caller, prediction_id: str, verdict: dict, pointer: str
) -> None:
    answer = say(client, prediction_id, **verdict)
    assert answer.status_code == 422
    assert pointer in [one["pointer"] for one in answer.json()["errors"]]
    with caller.app.state.services.store.reading() as connection:
        assert feedback.of_lead(connection, TENANT, LEAD) == []


def test_nobody_judges_a_score_of_another_tenant(
    client: TestClient, caller: Caller, prediction_id: str
) -> None:
    body = {"prediction_id": prediction_id, "verdict": "accept"}
    answer = client.post("/v1/feedback", json=body, headers=caller.bearer(tenant="other"))
    assert (answer.status_code, answer.json()["code"]) == (404, "prediction_not_found")


@pytest.mark.parametrize(
    ("outcome", "stage"),
    [("converted", "sql"), ("rejected", "rejected"), ("recycled", "recycled"), ("duplicate", "duplicate")],
)
def test_an_outcome_becomes_the_stage_that_retraining_reads(
    client: TestClient, outcome: str, stage: str
) -> None:
    body = {"lead_id": LEAD, "outcome": outcome, "at": "2024-12-20T10:00:00Z", "reason": "said so"}
    told = OutcomeStored.model_validate_json(client.post("/v1/outcomes", json=body).content)
    assert (told.stage, told.status, told.at) == (stage, "stored", "2024-12-20T10:00:00Z")
    [entry] = [
        one for one in client.get(f"/v1/leads/{LEAD}/history").json()["stages"] if one["stage"] == stage
    ]
    assert (entry["entered_at"], entry["reason"]) == ("2024-12-20T10:00:00Z", "said so")
    assert entry["actor"]
    assert client.post("/v1/outcomes", json=body).json()["status"] == "unchanged"


def test_outcomes_of_unknown_leads_and_of_the_future_are_refused(client: TestClient) -> None:
    body = {"lead_id": LEAD, "outcome": "converted", "at": "2030-01-01T00:00:00Z"}
    assert client.post("/v1/outcomes", json=body).json()["errors"][0]["pointer"] == "/at"
    past = {**body, "at": "2024-12-20T10:00:00Z"}
    answer = client.post("/v1/outcomes", json={**past, "lead_id": "nobody"})
    assert (answer.status_code, answer.json()["code"]) == (404, "lead_not_found")


def test_an_outcome_told_otherwise_before_is_not_called_unchanged(client: TestClient) -> None:
    body = {"lead_id": LEAD, "outcome": "rejected", "at": "2024-12-20T10:00:00Z", "reason": "no budget"}
    assert client.post("/v1/outcomes", json=body).json()["code"] is None
    answer = client.post("/v1/outcomes", json=body | {"reason": "a student"})
    told = OutcomeStored.model_validate_json(answer.content)
    assert (told.status, told.code) == ("refused", "known_differently")
