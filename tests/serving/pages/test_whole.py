"""The pages in the whole service: a real model, real reasons, a real record."""

from __future__ import annotations

import re

import orjson
from fastapi import FastAPI
from starlette.testclient import TestClient

from serving.pages import words
from serving.pages.rendering import POLICY, in_path
from serving.store import predictions
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
