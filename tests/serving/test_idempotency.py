"""A repeat gets the first answer, byte for byte; what failed on our side may be tried again."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from fastapi import APIRouter, Request
from sqlalchemy import func, select, update
from starlette.testclient import TestClient

from features.clock import SECOND
from serving.app import create_app
from serving.auth import PrincipalDep, needs
from serving.bodies import harden
from serving.codes import Code
from serving.idempotency import Done, idempotent
from serving.problems import ProblemError
from serving.services import ServicesDep
from serving.settings import Settings
from serving.store.errors import StoreUnavailable
from serving.store.tables import EVENTS, IDEMPOTENCY, PREDICTIONS
from tests.serving.databases import each_backend as backend  # noqa: F401
from tests.serving.service import LEAD, Caller

SCORE = {"leads": [{"lead_id": "new", "created_at": "2024-05-01T00:00:00Z", "events": []}]}
EVENTS_BODY = {
    "events": [{"lead_id": LEAD, "event_id": "again", "type": "visit", "occurred_at": "2024-05-02T00:00:00Z"}]
}


def _count(client: TestClient, table) -> int:
    with client.app.state.services.store.reading() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar()


def _post(client: TestClient, path: str, body, key: str, **headers):
    return client.post(path, json=body, headers={"Idempotency-Key": key, **headers})


def test_a_repeat_gets_the_same_bytes_and_records_nothing(client: TestClient):
    first = _post(client, "/v1/score", SCORE, "k-1")
    before = _count(client, PREDICTIONS)
    again = _post(client, "/v1/score", SCORE, "k-1")
    assert first.status_code == again.status_code == 200
    assert first.content == again.content
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    assert again.headers["content-type"] == first.headers["content-type"]
    assert _count(client, PREDICTIONS) == before


def test_without_a_key_everything_is_done_again(client: TestClient):
    first, again = (client.post("/v1/score", json=SCORE) for _ in range(2))
    assert first.status_code == again.status_code == 200
    assert first.content != again.content
    assert _count(client, IDEMPOTENCY) == 0


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/score", SCORE | {"reasons": "features"}),
        ("/v1/score?x=1", SCORE),
        ("/v1/events", EVENTS_BODY),
    ],
)
def test_the_same_key_for_another_request_is_refused(client: TestClient, path, body):
    assert _post(client, "/v1/score", SCORE, "k-1").status_code == 200
    answer = _post(client, path, body, "k-1")
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")


def test_keys_of_different_callers_do_not_meet(client: TestClient, caller: Caller):
    first = _post(client, "/v1/score", SCORE, "k-1")
    other = _post(client, "/v1/score", SCORE, "k-1", **caller.bearer())
    assert other.status_code == 200
    assert other.content != first.content


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb", "\xe4"])
def test_a_key_that_cannot_be_used_is_told(client: TestClient, key: str):
    answer = client.post("/v1/score", json=SCORE, headers={"Idempotency-Key": key.encode("latin-1")})
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_invalid")


def test_the_longest_key_can_be_used(client: TestClient):
    assert _post(client, "/v1/score", SCORE, "~" * 255).status_code == 200


def test_a_hundred_equal_posts_at_once_make_one_row(client: TestClient):
    def post(_):
        return _post(client, "/v1/events", EVENTS_BODY, "k-100")

    before = _count(client, EVENTS)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(post, range(100)))
    bodies = {answer.content for answer in answers if answer.status_code == 200}
    assert len(bodies) == 1
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert all(answer.headers["retry-after"] for answer in answers if answer.status_code == 409)
    assert _count(client, EVENTS) == before + 1


def test_a_repeat_after_a_restart_gets_the_same_bytes(settings: Settings):
    app = create_app(settings)
    with TestClient(app) as client:
        headers = Caller(app, client).bearer()
        first = _post(client, "/v1/score", SCORE, "k-1", **headers)
    with TestClient(create_app(settings)) as client:
        again = _post(client, "/v1/score", SCORE, "k-1", **headers)
    assert first.status_code == 200
    assert first.content == again.content


class Moody:
    """A handler whose mood a test sets."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.asked = 0


@pytest.fixture
def moody(settings: Settings):
    app, mood = create_app(settings), Moody()
    router = APIRouter()

    @router.post("/v1/moody", dependencies=[needs("jobs")])
    async def route(request: Request, services: ServicesDep, principal: PrincipalDep):
        async def handle() -> Done:
            mood.asked += 1
            if mood.error:
                raise mood.error
            return Done(201, b"{}", lambda _connection: b'{"asked":%d}' % mood.asked)

        return await idempotent(request, services, principal, handle)

    harden(router.routes[0])
    app.router.routes.extend(router.routes)
    with TestClient(app, raise_server_exceptions=False) as client:
        client.headers.update(Caller(app, client).bearer())
        yield client, mood


@pytest.mark.parametrize(
    ("error", "status"),
    [(StoreUnavailable("down"), 503), (ZeroDivisionError(), 500), (ProblemError(Code.OVERLOADED), 503)],
)
def test_what_failed_on_our_side_may_be_tried_again(moody, error, status):
    client, mood = moody
    mood.error = error
    assert _post(client, "/v1/moody", {}, "k").status_code == status
    mood.error = None
    again = _post(client, "/v1/moody", {}, "k")
    assert (again.status_code, again.json()) == (201, {"asked": 2})
    assert "idempotent-replayed" not in again.headers


def test_a_refusal_is_kept_and_repeated(moody):
    client, mood = moody
    mood.error = ProblemError(Code.CONFLICT, "Not now.")
    first = _post(client, "/v1/moody", {}, "k")
    mood.error = None
    again = _post(client, "/v1/moody", {}, "k")
    assert first.status_code == again.status_code == 409
    assert first.content == again.content
    assert again.headers["content-type"] == "application/problem+json"
    assert mood.asked == 1


def test_a_request_under_way_is_told_so(moody, settings: Settings):
    client, _ = moody
    services = client.app.state.services
    assert _post(client, "/v1/moody", {}, "k").status_code == 201
    with services.store.writing() as connection:
        connection.execute(IDEMPOTENCY.update().values(status=None, body=None, content_type=None))
    answer = _post(client, "/v1/moody", {}, "k")
    assert (answer.status_code, answer.json()["code"]) == (409, "in_progress")
    assert answer.headers["retry-after"] == "1"


def test_who_took_too_long_and_was_overtaken_writes_nothing(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = client.app.state.services
    entered, free, first = threading.Event(), threading.Event(), [True]
    answer = type(services.scoring).of_many

    def slow(self, *args, **kwargs):
        if first:
            first.clear()
            entered.set()
            assert free.wait(20)
        return answer(self, *args, **kwargs)

    monkeypatch.setattr(type(services.scoring), "of_many", slow)
    headers = {"Idempotency-Key": "slow"}
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(client.post, "/v1/score", json=SCORE, headers=headers)
        assert entered.wait(20)
        with services.store.writing() as connection:
            connection.execute(update(IDEMPOTENCY).values(started_at=IDEMPOTENCY.c.started_at - 61 * SECOND))
        done = client.post("/v1/score", json=SCORE, headers=headers)
        free.set()
        overtaken = late.result()
    assert done.status_code == 200
    assert (overtaken.status_code, overtaken.json()["code"]) == (409, "in_progress")
    assert _count(client, PREDICTIONS) == 1
    again = client.post("/v1/score", json=SCORE, headers=headers)
    assert again.content == done.content
