"""Numbers: they are there, they count, and they say nothing about people."""

from __future__ import annotations

import re
import time

from starlette.testclient import TestClient

from serving.metrics import Metrics
from serving.store.errors import StoreUnavailable
from tests.serving.service import LEAD, Caller


def _value(text: str, name: str) -> float:
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
    assert found, f"{name} is not in\n{text}"
    return float(found[1])


def test_requests_are_counted_by_the_template_of_their_route(client: TestClient):
    for _ in range(3):
        client.get(f"/v1/leads/{LEAD}/score")
    client.get("/v1/leads/nobody/score")
    client.get("/nowhere/canary")
    text = client.get("/metrics").text
    route = 'method="GET",route="/v1/leads/{lead_id:path}/score"'
    assert _value(text, f'leadlight_request_seconds_count{{{route},status="200"}}') == 3
    assert _value(text, f'leadlight_request_seconds_count{{{route},status="404"}}') == 1
    assert _value(text, 'leadlight_problems_total{code="lead_not_found"}') == 1
    assert _value(text, 'leadlight_request_seconds_count{method="GET",route="(none)",status="404"}') == 1
    assert "nobody" not in text
    assert "canary" not in text


def test_what_answers_and_what_waits_is_told(client: TestClient):
    deadline = time.monotonic() + 10  # what the service writes of itself at its start has to be through
    text = client.get("/metrics").text
    while _value(text, "leadlight_writes_waiting") > 0:
        assert time.monotonic() < deadline
        text = client.get("/metrics").text
    assert re.search(r'^leadlight_model\{bundle="[0-9a-f]{64}",role="champion"\} 1.0$', text, re.MULTILINE)
    assert _value(text, 'leadlight_outbox{state="pending"}') == 0
    assert _value(text, "leadlight_outbox_oldest_seconds") == 0
    assert _value(text, "leadlight_requests_under_way") == 1, "this one"


def test_scores_are_counted_when_they_are_recorded(caller: Caller, client: TestClient, monkeypatch):
    """Not before: a database that fails at the end of a transaction undoes what was written in it."""

    def counted() -> float:
        found = re.findall(
            r"^leadlight_predictions_total\{.*\} (\S+)$", client.get("/metrics").text, re.MULTILINE
        )
        return sum(map(float, found))

    lead = {"lead_id": "new", "created_at": "2024-01-01T00:00:00Z"}
    assert client.get(f"/v1/leads/{LEAD}/score").status_code == 200
    assert client.post("/v1/score", json={"leads": [lead, lead]}).status_code == 200
    assert counted() == 3
    writer = caller.app.state.services.writer
    submit = type(writer).submit

    def failing(self, work):
        def fail(connection):
            work(connection)
            raise StoreUnavailable("the disk is full")

        return submit(self, fail)

    monkeypatch.setattr(type(writer), "submit", failing)
    assert client.get(f"/v1/leads/{LEAD}/score").status_code == 503
    assert client.post("/v1/score", json={"leads": [lead]}).status_code == 503
    monkeypatch.undo()
    assert counted() == 3


def test_numbers_need_their_scope(caller: Caller):
    assert caller.client.get("/metrics").status_code == 401
    assert caller.client.get("/metrics", headers=caller.bearer(["score"])).status_code == 403


def test_each_application_counts_for_itself():
    one, other = Metrics(), Metrics()
    one.problem("conflict")
    one.predicted(None, "champion", "lead")
    assert _value(one.text().decode(), 'leadlight_problems_total{code="conflict"}') == 1
    assert b"conflict" not in other.text()


def test_methods_that_somebody_makes_up_do_not_make_series():
    metrics = Metrics()
    for number in range(50):
        metrics.answered(f"MADE{number}", "(none)", 405, 0.001)
    text = metrics.text().decode()
    assert _value(text, 'leadlight_request_seconds_count{method="OTHER",route="(none)",status="405"}') == 50
