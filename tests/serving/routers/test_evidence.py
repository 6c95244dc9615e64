"""Deliveries: every item has its own outcome, in any order and however often the state is the same."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from features.clock import micros
from serving.schemas.evidence import Upserted
from serving.schemas.history import LeadHistory
from tests.serving.service import NOW, Caller

LEAD = {
    "lead_id": "L1",
    "created_at": "2024-12-01T09:00:00+01:00",
    "account_id": "A1",
    "service_line": "assays",
}
EVENT = {"lead_id": "L1", "event_id": "e1", "type": "visit", "occurred_at": "2024-12-02T09:00:00Z"}


def post(client: TestClient, kind: str, *items: object) -> Upserted:
    answer = client.post(f"/v1/{kind}", json={kind: items})
    assert answer.status_code == 200, answer.text
    told = Upserted.model_validate_json(answer.content)
    assert told.stored + told.unchanged + told.refused == len(told.results) == len(items)
    return told


def held(client: TestClient, lead_id: str = "L1") -> LeadHistory:
    answer = client.get(f"/v1/leads/{lead_id}/history")
    assert answer.status_code == 200, answer.text
    return LeadHistory.model_validate_json(answer.content)


def test_what_is_delivered_is_what_the_history_shows(client: TestClient) -> None:
    attributes = [
        {
            "entity": "lead",
            "entity_id": "L1",
            "field": "industry",
            "value": "toys",
            "occurred_at": "2024-12-01T09:00:00Z",
        },
        {
            "entity": "account",
            "entity_id": "A1",
            "field": "funding",
            "value": None,
            "occurred_at": "2024-12-01T09:00:00Z",
        },
    ]
    stage = {
        "lead_id": "L1",
        "stage": "mql",
        "entered_at": "2024-12-03T00:00:00Z",
        "known_at": "2024-12-03T00:01:00Z",
    }
    assert post(client, "leads", LEAD).stored == 1
    assert post(client, "events", {**EVENT, "value": 2.5, "topic": "pricing"}).stored == 1
    assert post(client, "attributes", *attributes).stored == 2
    assert post(client, "stages", stage).stored == 1
    history = held(client)
    assert (history.created_at, history.account_id, history.service_line) == (
        "2024-12-01T08:00:00Z",
        "A1",
        "assays",
    )
    [event] = history.events
    assert (event.type, event.value, event.topic) == ("visit", 2.5, "pricing")
    assert event.known_at.startswith(NOW.strftime("%Y-%m-%d"))  # it arrived now
    assert [(one.field, one.value) for one in history.attributes] == [("industry", "toys")]
    assert [(one.field, one.value) for one in history.account_attributes] == [("funding", None)]
    assert [(one.stage, one.known_at) for one in history.stages] == [("mql", "2024-12-03T00:01:00Z")]
    assert history.complete
    assert not history.objected


def test_a_repeat_changes_nothing(client: TestClient) -> None:
    post(client, "leads", LEAD)
    post(client, "events", EVENT)
    before = held(client)
    assert post(client, "leads", LEAD).unchanged == 1
    assert post(client, "events", EVENT, EVENT).stored == 0
    assert held(client) == before


def test_an_event_may_come_before_its_lead(client: TestClient) -> None:
    post(client, "events", EVENT)
    assert held(client).created_at == "2024-12-02T09:00:00Z"
    post(client, "leads", LEAD)
    assert held(client).created_at == "2024-12-01T08:00:00Z"


def test_a_bad_item_is_refused_and_spoils_no_other(client: TestClient) -> None:
    ahead = (NOW + timedelta(hours=1)).isoformat()
    told = post(
        client,
        "events",
        EVENT,
        {**EVENT, "event_id": "e2", "occurred_at": "2024-12-02T09:00:00"},
        {**EVENT, "event_id": "e3", "color": "my secret"},
        "no object",
        {**EVENT, "event_id": "e4", "occurred_at": ahead},
        {**EVENT, "event_id": "e5", "known_at": "2024-12-02T08:59:59Z"},
        {**EVENT, "event_id": "e6"},
    )
    assert [one.status for one in told.results] == ["stored", *["refused"] * 5, "stored"]
    assert [one.code for one in told.results[1:6]] == [
        "invalid",
        "invalid",
        "invalid",
        "in_future",
        "known_before_it_happened",
    ]
    [fault] = told.results[1].errors
    assert (fault.pointer, fault.code) == ("/events/1/occurred_at", "timezone_aware")
    assert "my secret" not in told.model_dump_json()
    assert {event.event_id for event in held(client).events} == {"e1", "e6"}


@pytest.mark.parametrize(
    "moment",
    [
        1733130000,
        "1733130000",
        "2024-12-02",
        "2024-12-02T09:00:00",
        "1969-12-31T00:00:00Z",
        "9999-01-01T00:00:00Z",
    ],
)
def test_an_instant_is_text_with_a_time_zone(client: TestClient, moment: object) -> None:
    assert post(client, "events", {**EVENT, "occurred_at": moment}).results[0].code == "invalid"


@pytest.mark.parametrize("offset", ["Z", "+00:00", "-09:30", "+05:45"])
def test_the_same_instant_in_any_offset_is_the_same(client: TestClient, offset: str) -> None:
    hours = {"Z": 0.0, "+00:00": 0.0, "-09:30": -9.5, "+05:45": 5.75}[offset]
    local = datetime(2024, 12, 2, 9, tzinfo=UTC) + timedelta(hours=hours)
    post(client, "events", {**EVENT, "occurred_at": local.strftime("%Y-%m-%dT%H:%M:%S") + offset})
    assert held(client).events[0].occurred_at == "2024-12-02T09:00:00Z"


@pytest.mark.parametrize("name", ["a\nb", "", "x" * 256, "\u202eevil", 7, None])
def test_ids_are_printable_and_bounded(client: TestClient, name: object) -> None:
    assert post(client, "leads", {**LEAD, "lead_id": name}).results[0].code == "invalid"


def test_too_many_items_are_refused_as_a_whole(client: TestClient) -> None:
    answer = client.post("/v1/events", json={"events": [EVENT] * 1001})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/events"


def test_another_tenant_sees_nothing_and_changes_nothing(client: TestClient, caller: Caller) -> None:
    post(client, "leads", LEAD)
    other = caller.bearer(tenant="other")
    assert client.get("/v1/leads/L1/history", headers=other).status_code == 404
    client.post("/v1/events", json={"events": [EVENT]}, headers=other)
    assert held(client).events == []
    assert client.get("/v1/leads/L1/history", headers=other).status_code == 200


def test_a_delivery_with_an_idempotency_key_is_stored_once(client: TestClient) -> None:
    key = {"Idempotency-Key": "delivery-1"}
    first = client.post("/v1/events", json={"events": [EVENT]}, headers=key)
    again = client.post("/v1/events", json={"events": [EVENT]}, headers=key)
    assert first.json()["stored"] == 1
    assert (again.content, again.headers["Idempotent-Replayed"]) == (first.content, "true")


@pytest.mark.parametrize("kind", ["leads", "events", "stages", "attributes"])
@pytest.mark.parametrize("lead_id", [".", ".."])
def test_a_lead_whose_address_would_mean_a_folder_is_refused(
    client: TestClient, kind: str, lead_id: str
) -> None:
    items = {
        "leads": LEAD | {"lead_id": lead_id},
        "events": EVENT | {"lead_id": lead_id},
        "stages": {"lead_id": lead_id, "stage": "mql", "entered_at": "2024-12-03T00:00:00Z"},
        "attributes": {
            "entity": "lead",
            "entity_id": lead_id,
            "field": "industry",
            "value": "toys",
            "occurred_at": "2024-12-01T09:00:00Z",
        },
    }
    [result] = post(client, kind, items[kind]).results
    assert (result.status, result.code) == ("refused", "invalid")


@pytest.mark.parametrize("lead_id", ["00Q/17", "/", "a/../b", "x/score", "50 %?#", "é;b", "..."])
def test_whatever_a_lead_is_called_it_can_be_asked_for(client: TestClient, lead_id: str) -> None:
    assert post(client, "leads", LEAD | {"lead_id": lead_id}).stored == 1
    address = f"/v1/leads/{quote(lead_id, safe='')}"
    assert LeadHistory.model_validate_json(client.get(f"{address}/history").content).lead_id == lead_id
    for what in ("score", "explanation"):
        answer = client.get(f"{address}/{what}")
        assert (answer.status_code, answer.json().get("lead_id")) == (200, lead_id), answer.text


def test_a_lead_last_changed_in_the_future_would_never_be_overtaken(client: TestClient) -> None:
    def changed(minutes: int) -> dict:
        return LEAD | {"updated_at": (NOW + timedelta(minutes=minutes)).isoformat()}

    [result] = post(client, "leads", changed(10)).results
    assert (result.status, result.code) == ("refused", "in_future")
    assert post(client, "leads", changed(4)).stored == 1


def test_what_arrives_is_known_from_when_it_is_written(client: TestClient, caller: Caller) -> None:
    """While the writer is busy a score is asked for: it does not see the event, nor does a later one as of then."""
    services = caller.app.state.services
    post(client, "leads", LEAD)
    free, busy = threading.Event(), threading.Event()
    services.writer.submit(lambda _: (busy.set(), free.wait(10)))
    assert busy.wait(10)
    with ThreadPoolExecutor(1) as pool:
        delivered = pool.submit(post, client, "events", EVENT)
        deadline = time.monotonic() + 10
        while not services.writer.waiting and time.monotonic() < deadline:
            time.sleep(0.005)
        between = services.clock.now()
        free.set()
        assert delivered.result().stored == 1
    [event] = held(client).events
    assert micros(datetime.fromisoformat(event.known_at)) > between
    assert micros(datetime.fromisoformat(event.recorded_at)) > between
