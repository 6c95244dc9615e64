"""The pages in the whole service: a real model, real reasons, a real record."""

from __future__ import annotations

import re

import orjson
from fastapi import FastAPI
from starlette.testclient import TestClient

from serving.pages import words
from serving.pages.rendering import POLICY, in_path
from serving.settings import Settings
from serving.store import predictions
from tests.serving.jobs.running import run_job
from tests.serving.service import LEAD, TENANT, Caller


def test_a_lead_is_scored_recorded_shown_replayed_and_judged(app: FastAPI) -> None:
    with TestClient(app, base_url="https://testserver") as client:
        key = Caller(app, client).key(scopes=("review",), tenant=TENANT)
        queue = client.post("/login", data={"key": key})
        assert (queue.status_code, queue.headers["content-security-policy"]) == (200, POLICY)
        assert "Demo clock" in queue.text

        page = client.get(f"/leads/{in_path(LEAD)}")
        assert page.status_code == 200
        store = app.state.services.store
        with store.reading() as connection:
            kept = next(
                one for one in predictions.of_lead(connection, TENANT, LEAD, 5) if one.role != "shadow"
            )
        answer = orjson.loads(kept.answer)
        assert kept.origin == "page"
        for told in (
            words.points(answer["points"]),
            words.points(answer["base"]["points"]),
            words.percent(answer["probability"]),
            *(words.signed(part["points"]) for part in answer["reasons"]["by_signal"]),
            *(move["say"] for move in answer["moves"]),
        ):
            assert told in page.text, told

        record = client.get(f"/scores/{kept.prediction_id}").text
        assert "equal to the last bit" in record
        assert f'href="/leads/{in_path(LEAD)}"' in client.get("/leads").text

        token = re.search(r'name="csrf" value="([^"]+)"', page.text)
        assert token
        form = {"csrf": token[1], "prediction_id": kept.prediction_id, "verdict": "accept"}
        done = client.post(f"/leads/{in_path(LEAD)}/feedback", data=form)
        assert "Recorded: you accepted this lead." in done.text
        assert client.get("/model").status_code == 200


def test_what_a_bulk_job_said_without_reasons_is_shown_and_can_be_judged(
    app: FastAPI, settings: Settings
) -> None:
    run_job(settings, b"lead_id\nlead 0\nlead 1\n")
    with TestClient(app, base_url="https://testserver", raise_server_exceptions=False) as client:
        client.post("/login", data={"key": Caller(app, client).key(scopes=("review",), tenant=TENANT)})
        queue = client.get("/leads")
        assert queue.status_code == 200
        assert queue.text.count("Not explained yet") == 2
        with app.state.services.store.reading() as connection:
            [kept] = predictions.of_lead(connection, TENANT, LEAD, 5)
        record = client.get(f"/scores/{kept.prediction_id}")
        assert record.status_code == 200
        assert "equal to the last bit" in record.text
        assert "Not explained: a score without reasons was asked for." in record.text

        token = re.search(r'name="csrf" value="([^"]+)"', queue.text)
        assert token
        form = {"csrf": token[1], "prediction_id": kept.prediction_id}
        address = f"/leads/{in_path(LEAD)}/feedback"
        disputed = client.post(address, data=form | {"verdict": "disagree", "signal": "fit"})
        assert disputed.status_code == 422
        assert "Say which reason you disagree with." in disputed.text
        done = client.post(address, data=form | {"verdict": "accept"})
        assert (done.status_code, "Recorded: you accepted this lead." in done.text) == (200, True)
        page = client.get(f"/leads/{in_path(LEAD)}")
        assert (page.status_code, "Signal by signal" in page.text) == (200, True)
        assert client.get("/leads").text.count("Not explained yet") == 1


def test_a_look_at_a_lead_is_counted(app: FastAPI) -> None:
    with TestClient(app, base_url="https://testserver") as client:
        client.post("/login", data={"key": Caller(app, client).key(scopes=("review",), tenant=TENANT)})
        client.get(f"/leads/{in_path(LEAD)}")
        assert b'origin="page"' in app.state.services.metrics.text()
