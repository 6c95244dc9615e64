"""Who gets in: keys, their end, and what a stranger is told."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from serving.store import keys
from tests.serving.service import LATER, LEAD, Caller

PATH = f"/v1/leads/{LEAD}/score"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Basic bGw6bGw="},
        {"Authorization": "Bearer ll_0123456789_" + 43 * "x"},
        {"Authorization": "Bearer ll_\xe4"},
        {"X-API-Key": "ll_0123456789_" + 43 * "x"},
        {"X-API-Key": ""},
    ],
)
def test_without_a_good_key_nothing_is_told(caller: Caller, headers):
    answer = caller.client.get(
        PATH, headers={name: value.encode("latin-1") for name, value in headers.items()}
    )
    assert answer.status_code == 401
    assert answer.json()["code"] == "key_missing"
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_both_ways_to_send_a_key_open(caller: Caller):
    key = caller.key(["score"])
    assert caller.client.get(PATH, headers={"Authorization": f"bearer {key}"}).status_code == 200
    assert caller.client.get(PATH, headers={"X-API-Key": key}).status_code == 200


def test_the_secret_has_to_be_the_keys(caller: Caller):
    key = caller.key(["score"])
    other = key[:-1] + ("A" if key[-1] != "A" else "B")
    assert caller.client.get(PATH, headers={"X-API-Key": key}).status_code == 200
    assert caller.client.get(PATH, headers={"X-API-Key": other}).status_code == 401


def test_an_expired_key_opens_nothing(caller: Caller):
    key = caller.key(["score"], expires_at=LATER)
    assert caller.client.get(PATH, headers={"X-API-Key": key}).status_code == 401


def test_a_revoked_key_opens_nothing_a_second_later(caller: Caller):
    ticks = [100.0]
    services = caller.app.state.services
    services.keys._ticks = lambda: ticks[0]
    key = caller.key(["score"])
    assert caller.client.get(PATH, headers={"X-API-Key": key}).status_code == 200
    with services.store.writing() as connection:
        assert keys.revoke(connection, key.split("_")[1], LATER)
    ticks[0] += 0.9
    assert caller.client.get(PATH, headers={"X-API-Key": key}).status_code == 200, "it is remembered"
    ticks[0] += 0.1
    assert caller.client.get(PATH, headers={"X-API-Key": key}).status_code == 401


def test_another_tenants_lead_does_not_exist(caller: Caller):
    theirs = caller.bearer(tenant="other")
    for path in (PATH, f"/v1/leads/{LEAD}/explanation", f"/v1/leads/{LEAD}/history"):
        answer = caller.client.get(path, headers=theirs)
        assert (answer.status_code, answer.json()["code"]) == (404, "lead_not_found")
    mine = caller.client.get(PATH, headers=caller.bearer()).json()["prediction_id"]
    assert caller.client.get(f"/v1/scores/{mine}", headers=theirs).status_code == 404


def test_a_key_is_settled_before_the_body_is_read(caller: Caller):
    pieces = iter([b"{", b"}"])

    answer = caller.client.post("/v1/score", content=pieces)
    assert answer.status_code == 401


def test_secrets_are_nowhere_in_the_database(caller: Caller, settings):
    key = caller.key(["score"])
    assert caller.client.get(PATH, headers={"X-API-Key": key}).status_code == 200
    secret = key.split("_", 2)[2].encode()
    for path in settings.data.glob("service.db*"):
        assert secret not in path.read_bytes(), path.name


def test_a_database_that_cannot_answer_is_not_a_wrong_key(caller: Caller, monkeypatch):
    from serving.store.errors import StoreUnavailable

    def down(_self, _key_id):
        raise StoreUnavailable("down")

    monkeypatch.setattr("serving.auth.KeyRing._read", down)
    answer = TestClient(caller.app, raise_server_exceptions=False).get(
        PATH, headers={"X-API-Key": "ll_0123456789_" + 43 * "x"}
    )
    assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
    assert answer.headers["retry-after"] == "1"
