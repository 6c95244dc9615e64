"""The application as a whole: it starts, answers, and stops in order."""

from __future__ import annotations

import pytest
from fastapi import APIRouter
from starlette.testclient import TestClient

from serving.app import UndeclaredError, add, create_app
from serving.auth import needs
from tests.serving.databases import each_backend as backend  # noqa: F401
from tests.serving.service import LEAD


def test_a_lead_of_the_store_is_scored_and_the_answer_is_kept(client: TestClient):
    answer = client.get(f"/v1/leads/{LEAD}/score")
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told["scored"]
    assert 0 < told["probability"] < 1
    kept = client.get(f"/v1/scores/{told['prediction_id']}")
    assert kept.status_code == 200
    assert kept.json()["answer"] == told


def test_stopping_is_told_before_anything_is_taken_apart(app, settings):
    with TestClient(app) as client:
        services = app.state.services
        assert client.get("/readyz").json()["ready"]
        services.lifecycle.stop()
        late = client.get("/readyz")
        assert (late.status_code, late.json()["checks"]["running"]) == (503, "stopping")
        assert client.get("/livez").status_code == 200
    assert not services.writer._thread.is_alive()


@pytest.mark.parametrize(
    ("path", "dependencies", "says"),
    [
        ("/v1/unheard", [needs("score")], "GET /v1/unheard is not there"),
        ("/v1/model", [needs("score")], "asks for score instead of model:read"),
        ("/v1/model", [], "asks for nothing instead of model:read"),
        ("/livez", [needs("score")], "asks for score instead of public"),
    ],
)
def test_a_route_that_is_not_declared_keeps_the_service_from_starting(app, path, dependencies, says):
    router = APIRouter()
    router.get(path, dependencies=dependencies)(lambda: None)
    with pytest.raises(UndeclaredError, match=says):
        add(app, router)


def test_docs_can_be_left_out(settings):
    app = create_app(settings.model_copy(update={"docs": False}))
    paths = {route.path for route in app.routes}
    assert not paths & {"/docs", "/openapi.json"}
    assert "/v1/score" in paths
