"""SIGTERM drops nothing: what was accepted is answered, then the process ends by itself."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time

import httpx2 as httpx
import pytest

from tests.chaos.running import Running, lead

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(120)]


def test_sigterm_drops_no_request_in_flight(running: Running):
    outcomes: list[str] = []
    ids: list[str] = []
    begun = threading.Barrier(51)

    def post(number: int) -> None:
        with running.client() as client:
            client.get("/livez")  # the connection stands before the signal comes
            begun.wait(30)
            leads = [lead(number * 100 + at) for at in range(100)]
            try:
                answered = client.post("/v1/score", json={"leads": leads, "as_of": "2025-06-01T00:00:00Z"})
            except httpx.ConnectError:
                outcomes.append("not accepted")
            except httpx.HTTPError as error:
                outcomes.append(f"dropped: {type(error).__name__}")
            else:
                outcomes.append(str(answered.status_code))
                ids.extend(result["answer"]["prediction_id"] for result in answered.json()["results"])

    threads = [threading.Thread(target=post, args=(number,)) for number in range(50)]
    for thread in threads:
        thread.start()
    begun.wait(30)
    time.sleep(0.3)  # all are sent, few are answered
    before = time.monotonic()
    code = running.stop()
    took = time.monotonic() - before
    for thread in threads:
        thread.join(30)
    assert code == 0, running.log[-2000:]
    assert took < 15
    assert len(outcomes) == 50
    assert set(outcomes) == {"200"}, outcomes
    with contextlib.closing(sqlite3.connect(running.data / "service.db")) as database:
        stored = {row[0] for row in database.execute("SELECT prediction_id FROM predictions")}
    assert set(ids) <= stored
