"""Words about people go in by every door, and come out in no log, no number and no problem."""

from __future__ import annotations

import io

import pytest
from starlette.testclient import TestClient

from serving import logs
from serving.app import create_app
from serving.settings import Settings
from tests.serving.hostile import VALID, bodies
from tests.serving.service import Caller

CANARIES = [
    *("ada.canary@example.org", "Canary Holdings", "+49 151 canary", "canary-0001", "4111111111111canary"),
    *(
        "Ümläut Canary",
        "канарейка",
        "canary/../path",
        "<canary>",
        "canary'; DROP",
        "=canary()",
        "canary\u202erlo",
    ),
    *(
        "CANARYUPPER",
        "canary%20x",
        "canary?q=1",
        "canary#frag",
        "canary\\n",
        "\U0001f424canary",
        "canary,csv",
        "c4n4ry",
    ),
]
MARKS = ("canary", "канарейка", "c4n4ry")
FREE_TEXT = (
    "lead_id",
    "event_id",
    "type",
    "topic",
    "channel",
    "campaign",
    "source",
    "reason",
    "actor",
    "value",
)


def _has_one(text: str) -> bool:
    return any(mark in text.lower() for mark in MARKS)


@pytest.fixture
def told():
    """What the log of this process says."""
    stream = io.StringIO()
    logs.configure(stream=stream)
    yield stream
    logs.configure()


def _everywhere(client: TestClient, canary: str, headers: dict[str, str]):
    """The word in every part of every kind of request."""
    sent = {"Content-Type": "application/json"}
    yield client.get(f"/v1/leads/{canary.replace('/', '%2F')}/score", headers=headers)
    yield client.get(
        f"/v1/leads/{canary}/explanation", params={"as_of": canary, canary: canary}, headers=headers
    )
    yield client.get(f"/v1/scores/{canary}", headers=headers)
    yield client.get(f"/{canary}", headers=headers)
    yield client.get("/v1/model", headers={"X-API-Key": canary.encode()})
    yield client.get("/v1/model", headers={"Authorization": f"Bearer {canary}".encode()})
    yield client.get("/livez", headers={"X-Request-ID": canary.encode(), "User-Agent": canary.encode()})
    yield client.post("/login", data={"key": canary})
    yield client.request("PATCH", f"/v1/jobs/{canary}", json={canary: canary}, headers=headers)
    for path, valid in VALID.items():
        own = {
            **headers,
            **sent,
            "Idempotency-Key": "k" + canary if canary.isascii() and canary.isprintable() else "k",
        }
        yield client.post(path, json=_filled(valid, canary), headers=own)
        yield client.post(path, json={**valid, canary: canary}, headers={**headers, **sent})
        yield client.post(path, content=f'{{"{canary}'.encode(), headers={**headers, **sent})
        yield client.post(path, content=canary.encode(), headers={**headers, "Content-Type": "text/plain"})


def _filled(node, canary: str):
    if isinstance(node, dict):
        return {key: canary if key in FREE_TEXT else _filled(value, canary) for key, value in node.items()}
    return [_filled(one, canary) for one in node] if isinstance(node, list) else node


@pytest.mark.parametrize(
    "canary", [*CANARIES[:3], *(pytest.param(canary, marks=pytest.mark.slow) for canary in CANARIES[3:])]
)
def test_a_word_about_a_person_stays_where_it_belongs(settings: Settings, told: io.StringIO, canary: str):
    app = create_app(settings)
    with TestClient(app, raise_server_exceptions=False) as client:
        headers = Caller(app, client).bearer()
        answers = list(_everywhere(client, canary, headers))
        numbers = client.get("/metrics", headers=headers).text
    assert len(answers) > 40
    for answer in answers:
        if answer.status_code >= 400 and "json" in answer.headers["content-type"]:
            assert not _has_one(answer.text), answer.text
        assert not _has_one(str({k: v for k, v in answer.headers.items() if k != "location"})), answer.headers
    assert '"event":"request"' in told.getvalue()
    assert not _has_one(told.getvalue())
    assert not _has_one(numbers)


def test_faults_of_our_own_do_not_tell_either(settings: Settings, told: io.StringIO, monkeypatch):
    app = create_app(settings)

    def fails(*_args, **_kwargs):
        raise ValueError("canary of an exception")

    with TestClient(app, raise_server_exceptions=False) as client:
        headers = Caller(app, client).bearer()
        monkeypatch.setattr(type(app.state.services.scoring), "of_lead", fails)
        answer = client.get("/v1/leads/canary-lead/score", headers=headers)
    assert answer.status_code == 500
    assert not _has_one(answer.text)
    assert "ValueError" in told.getvalue(), "the kind and the place are told"
    assert not _has_one(told.getvalue())


def test_hostile_bodies_leave_no_trace_in_the_log(settings: Settings, told: io.StringIO):
    app = create_app(settings)
    with TestClient(app, raise_server_exceptions=False) as client:
        headers = Caller(app, client).bearer() | {"Content-Type": "application/json"}
        for body in bodies("/v1/events", seed=1)[::6]:
            client.post("/v1/events", content=body, headers=headers)
    assert told.getvalue().count('"event":"request"') > 40
    assert not _has_one(told.getvalue())
