"""Readiness is honest: it says no within moments, and yes again when it is over."""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections import namedtuple

import pytest
from starlette.testclient import TestClient

from serving.app import create_app
from serving.settings import Settings
from tests.serving.service import Caller

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def fresh(caller: Caller) -> TestClient:
    """Looks anew at every question."""
    ticks = iter(range(10, 10**9, 10))
    caller.app.state.services.readiness.ticks = lambda: float(next(ticks))
    return caller.client


def test_a_service_in_order_is_ready(fresh: TestClient):
    answer = fresh.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {
        "ready": True,
        "checks": {"running": "ok", "model": "ok", "database": "ok", "disk": "ok"},
    }


def test_without_a_model_it_is_alive_but_not_ready(tmp_path):
    app = create_app(Settings(data=tmp_path / "empty"))
    with TestClient(app, raise_server_exceptions=False) as client:
        assert client.get("/livez").json() == {"alive": True}
        answer = client.get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["checks"]["model"] == "none is active"
        scored = client.get("/v1/leads/x/score", headers=Caller(app, client).bearer())
        assert (scored.status_code, scored.json()["code"]) in {
            (503, "model_not_available"),
            (404, "lead_not_found"),
        }


def test_a_locked_database_is_told_within_two_seconds_and_recovers(fresh: TestClient, settings: Settings):
    other = sqlite3.connect(settings.data / "service.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    answer = fresh.get("/readyz")
    assert time.monotonic() - began < 2
    assert answer.status_code == 503
    assert answer.json()["checks"]["database"] == "cannot be written"
    other.execute("ROLLBACK")
    other.close()
    deadline = time.monotonic() + 5
    while fresh.get("/readyz").status_code != 200:
        assert time.monotonic() < deadline


@pytest.mark.parametrize(
    ("usage", "says"),
    [(lambda _: Usage(10**12, 10**12, 10**6), "nearly full"), (lambda _: Usage(2, 1, 10**12), "ok")],
)
def test_the_room_on_the_disk_counts(fresh: TestClient, monkeypatch, usage, says):
    monkeypatch.setattr(shutil, "disk_usage", usage)
    assert fresh.get("/readyz").json()["checks"]["disk"] == says


def test_many_who_ask_at_once_cause_one_look(caller: Caller):
    readiness = caller.app.state.services.readiness
    wrote = []
    submit = readiness.writer.submit

    class Counting:
        def submit(self, work):
            wrote.append(work)
            return submit(work)

    readiness.writer, readiness.ticks = Counting(), lambda: 1e9
    for _ in range(20):
        assert caller.client.get("/readyz").status_code == 200
    assert len(wrote) == 1


def test_a_locked_database_is_503_with_a_time_to_come_back(client: TestClient, settings: Settings):
    path = "/v1/leads/lead 0/score"
    assert client.get(path).status_code == 200
    other = sqlite3.connect(settings.data / "service.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    began = time.monotonic()
    answer = client.get(path)
    assert time.monotonic() - began < 2.5
    assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
    assert answer.headers["retry-after"] == "1"
    other.execute("ROLLBACK")
    other.close()
    assert client.get(path).status_code == 200
