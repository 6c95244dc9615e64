"""No body, however made, brings the service to a fault of its own, or comes back in an answer."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from serving.app import create_app
from serving.bodies import parse
from serving.problems import ProblemError
from serving.settings import Settings
from tests.serving.hostile import CANARY, COUNT, VALID, bodies

BATCHES = {"/v1/score", "/v1/leads", "/v1/events", "/v1/attributes", "/v1/stages"}
"""Of several items, of which each is taken or refused."""
POSTS = sorted(
    route.path
    for route in create_app(Settings()).routes
    if isinstance(route, APIRoute) and "POST" in route.methods and route.path.startswith("/v1/")
)


def test_the_corpus_has_a_right_body_for_every_post():
    assert sorted(VALID) == POSTS
    assert all(len(bodies(path)) == COUNT for path in POSTS)


@pytest.mark.parametrize(
    "path", [pytest.param(path, marks=[pytest.mark.slow] if path != "/v1/score" else []) for path in POSTS]
)
def test_a_hostile_body_is_refused_and_not_repeated(client: TestClient, path: str):
    refused_items = 0
    for number, body in enumerate(bodies(path)):
        answer = client.post(path, content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code < 500, (number, body[:200], answer.text[:300])
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == "application/problem+json"
            assert CANARY not in answer.text, (number, body[:200], answer.text)
            continue
        for problem in problems(answer.json()):
            refused_items += 1
            assert CANARY not in str(problem), (number, body[:200], problem)
    assert (refused_items > 0) == (path in BATCHES)


def problems(told: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What was said of items that were refused, in an answer that is right as a whole."""
    for result in told.get("results", []):
        yield from (told for told in (result, result.get("problem")) if told and "code" in told)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"a": NaN}', "json_invalid"),
        (b'{"a": 1e400}', "json_invalid"),
        (b'"\\ud800"', "json_invalid"),
        (b"\xef\xbb\xbf{}", "json_invalid"),
        ("{}".encode("utf-16"), "json_invalid"),
        (b"[" * 2_000 + b"]" * 2_000, "json_invalid"),
        (b"[" * 33 + b"]" * 33, "json_too_deep"),
        (b'{"a": {"b": 1, "b": 1}}', "json_duplicate_key"),
        (b'{"a" : 1, "a":1}', "json_duplicate_key"),
        (b'{"a":1,"\\u0061":1}', "json_duplicate_key"),
        (b'{"a":1,"a" \n\t:"\\":"}', "json_duplicate_key"),
        (b'{"a":"\\":","a":1}', "json_duplicate_key"),
        (b'["\\u0000"]', "json_nul"),
        (b'["\\\\\\u0000"]', "json_nul"),
        (b'{"\\u0000": 1}', "json_nul"),
        (b"[" + b"[]," * 400_000 + b"[]]", "json_too_many_parts"),
    ],
)
def test_json_is_read_strictly(body: bytes, code: str):
    with pytest.raises(ProblemError) as refused:
        parse(body)
    assert refused.value.problem.code.text == code


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":"b\\":c","d" :1}',
        b'{"a\\"":1,"a":2}',
        b'{"a":"\\\\u0000"}',
        b'[{"a":1},{"a":1}]',
        b'{"a" : 1, "b"\n:{"c" :2}}',
        b'{":":":"}',
        b"1",
    ],
)
def test_what_only_looks_wrong_is_read(body: bytes):
    import json

    assert parse(body) == json.loads(body)


def test_large_bodies_are_not_read_on_the_event_loop(client: TestClient, monkeypatch):
    threads: list[str] = []

    def note(body: bytes) -> Any:
        threads.append(threading.current_thread().name)
        return parse(body)

    monkeypatch.setattr("serving.bodies.parse", note)
    for size in (10, 70_000):
        answer = client.post("/v1/score", json={"leads": [], "x": "x" * size})
        assert answer.status_code == 422
    assert not threads[0].startswith("compute")
    assert threads[1].startswith("compute")
