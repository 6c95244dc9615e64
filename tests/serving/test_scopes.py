"""Every route is in the table, and a key opens what its scope says and nothing else."""

from __future__ import annotations

import pytest
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from serving.app import create_app
from serving.scopes import PUBLIC, ROUTES, SAYS, SCOPES
from serving.settings import Settings
from tests.serving.service import Caller

OF_KEYS = sorted(
    (method, route.path)
    for route in create_app(Settings()).routes
    if isinstance(route, APIRoute)
    for method in route.methods
    if ROUTES[method, route.path] not in {PUBLIC, "review"}
)


def test_the_table_and_the_application_name_the_same_routes():
    app = create_app(Settings())
    there = {(method, route.path) for route in app.routes for method in route.methods - {"HEAD"}}
    assert there == set(ROUTES)


def test_every_scope_is_explained_and_needed_somewhere():
    assert set(SAYS) == set(SCOPES) == set(ROUTES.values()) - {PUBLIC}


def _ask(client: TestClient, method: str, path: str, headers: dict[str, str]):
    filled = path.replace("{lead_id}", "nobody").replace("{prediction_id}", "0-0").replace("{job_id}", "0-0")
    return client.request(method, filled, headers=headers)


@pytest.fixture
def by_scope(caller: Caller) -> dict[str, dict[str, str]]:
    return {scope: caller.bearer([scope]) for scope in SCOPES}


def test_no_key_is_401_everywhere(caller: Caller):
    caller.app.state.services.limiter.count_attempt = lambda _address: None
    for method, path in OF_KEYS:
        assert _ask(caller.client, method, path, {}).status_code == 401, path


def test_each_wrong_scope_is_403(caller: Caller, by_scope):
    for method, path in OF_KEYS:
        for scope, headers in by_scope.items():
            answer = _ask(caller.client, method, path, headers)
            if scope == ROUTES[method, path]:
                assert answer.status_code not in {401, 403}, (method, path, scope, answer.text)
            else:
                assert answer.status_code == 403, (method, path, scope)
                assert answer.json()["code"] == "scope_missing"


def test_reasons_by_feature_need_the_scope_for_them(caller: Caller):
    only_scores = caller.bearer(["score"])
    answer = caller.client.get("/v1/leads/lead 0/score?reasons=features", headers=only_scores)
    assert answer.status_code == 403
