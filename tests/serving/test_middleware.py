"""What every answer carries, and what becomes of errors and of bodies that do not come."""

from __future__ import annotations

import asyncio
import re

import pytest
from fastapi import APIRouter, Request
from starlette.testclient import TestClient

from serving.app import create_app
from serving.bodies import Pace
from serving.lifecycle import Lifecycle
from serving.problems import ProblemError
from tests.serving.service import LEAD, Caller

PATHS = ("/livez", "/docs", "/openapi.json", "/login", "/leads", "/nowhere", "/v1/model", "/static/none", "/")


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_carries_the_security_headers(caller: Caller, path: str):
    headers = caller.client.get(path, follow_redirects=False).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "same-origin"
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "strict-transport-security" not in headers
    assert all(len(headers.get_list(name)) == 1 for name in headers if name != "set-cookie")


def test_answers_of_the_api_and_pages_are_not_kept_anywhere(client: TestClient):
    for path in (f"/v1/leads/{LEAD}/score", "/v1/nowhere", "/login", "/readyz"):
        assert client.get(path).headers["cache-control"] == "no-store", path


def test_https_is_asked_for_only_where_it_is_spoken(app):
    with TestClient(app, base_url="https://testserver") as client:
        assert "max-age=" in client.get("/livez").headers["strict-transport-security"]


@pytest.mark.parametrize(
    ("sent", "taken"),
    [
        ("0190d3c0-0000-7000-8000-000000000000", True),
        ("9cfb1317c80e0737ec0691ab72878bad", True),
        ("bob@example.org", False),
        ("4915112345678", False),
        ("a" * 65, False),
        ("", False),
    ],
)
def test_the_id_of_a_request_is_taken_over_or_made(caller: Caller, sent: str, taken: bool):
    told = caller.client.get("/livez", headers={"X-Request-ID": sent}).headers["x-request-id"]
    assert (told == sent) is taken
    assert taken or re.fullmatch("[0-9a-f]{32}", told)


@pytest.fixture
def broken(settings):
    app = create_app(settings)
    router = APIRouter()

    @router.get("/v1/broken")
    async def broken() -> None:
        raise ZeroDivisionError("canary of the inside")

    @router.post("/v1/echo")
    async def echo(request: Request) -> int:
        return len(await request.body())

    app.router.routes.extend(router.routes)
    with TestClient(app) as client:  # raises what the application lets out
        yield client


def test_an_error_that_nobody_expected_is_a_problem_without_details(broken: TestClient):
    answer = broken.get("/v1/broken")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "canary" not in answer.text
    assert "ZeroDivision" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_body_is_limited_whether_its_length_is_told_or_not(settings):
    small = create_app(settings.model_copy(update={"max_body_bytes": 2_000}))
    with TestClient(small) as client:
        client.headers.update(Caller(small, client).bearer())
        told = client.post("/v1/leads", content=b"x" * 3_000, headers={"Content-Type": "application/json"})
        pieces = iter([b"x" * 1_500] * 2)
        untold = client.post("/v1/leads", content=pieces, headers={"Content-Type": "application/json"})
        form = client.post("/login", data={"key": "x" * 3_000})
    assert [answer.status_code for answer in (told, untold, form)] == [413] * 3
    assert {answer.json()["code"] for answer in (told, untold)} == {"body_too_large"}


def test_the_pace_of_a_body_is_watched():
    async def never():
        await asyncio.sleep(60)

    async def read():
        await Pace(never, 100, 0.02)()

    with pytest.raises(ProblemError) as late:
        asyncio.run(read())
    assert late.value.problem.code.text == "read_timeout"


def test_a_lifted_pace_sets_no_limit():
    pieces = iter([{"type": "http.request", "body": b"x" * 1_000, "more_body": True}] * 3)

    async def receive():
        return next(pieces)

    async def read():
        pace = Pace(receive, 10, 0.001)
        pace.lift()
        return [len((await pace())["body"]) for _ in range(3)]

    assert asyncio.run(read()) == [1_000] * 3


def test_waiting_for_the_end_of_a_connection_is_not_timed():
    async def receive():
        await asyncio.sleep(0.03)
        return {"type": "http.disconnect"}

    async def read():
        pace = Pace(receive, 10, 0.001)
        pace.ended = True
        return await pace()

    assert asyncio.run(read()) == {"type": "http.disconnect"}


def test_too_much_under_way_is_refused_at_once():
    lifecycle = Lifecycle(most=2)
    with lifecycle.work(), lifecycle.work():
        with pytest.raises(ProblemError) as refused, lifecycle.work():
            pass
        assert refused.value.problem.code.text == "overloaded"
        assert lifecycle.under_way == 2
    assert lifecycle.under_way == 0
