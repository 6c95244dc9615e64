"""No answer is lost: what a client was told is in the database, however the process ends."""

from __future__ import annotations

import contextlib
import random
import sqlite3
import threading
import time

import httpx2 as httpx
import pytest

from tests.chaos.running import Running, lead

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(1500)]

KILLS = 50
ANSWERS = 5_000
CLIENTS = 4


def ask_until_it_ends(service: Running, first: int, told: list[str]) -> None:
    """Ask for scores one after another; keeps the ids of the answers that arrived."""
    number = first
    with contextlib.suppress(httpx.HTTPError), service.client() as client:
        while True:
            leads = [lead(number + at) for at in range(5)]
            answered = client.post("/v1/score", json={"leads": leads, "as_of": "2025-06-01T00:00:00Z"})
            if answered.status_code == 200:
                told += [result["answer"]["prediction_id"] for result in answered.json()["results"]]
            number += 5


def test_no_acknowledged_answer_is_lost_over_50_kills(stopped: Running):
    rng = random.Random(3)
    told: list[str] = []
    kills = 0
    while kills < KILLS or len(told) < ANSWERS:
        assert kills < 3 * KILLS, f"only {len(told)} answers in {kills} lives"
        stopped.start()
        threads = [
            threading.Thread(target=ask_until_it_ends, args=(stopped, rng.randrange(10**9), told))
            for _ in range(CLIENTS)
        ]
        for thread in threads:
            thread.start()
        time.sleep(rng.uniform(0.05, 0.5))
        stopped.kill()
        for thread in threads:
            thread.join(20)
        kills += 1
        with contextlib.closing(sqlite3.connect(stopped.data / "service.db")) as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            stored = {row[0] for row in database.execute("SELECT prediction_id FROM predictions")}
        assert set(told) <= stored, f"lost after kill {kills}: {sorted(set(told) - stored)[:5]}"
    stopped.start()
    with stopped.client() as client:
        for prediction_id in rng.sample(told, 50):
            replay = client.get(f"/v1/scores/{prediction_id}")
            assert replay.status_code == 200
            assert replay.json()["replay"]["equal"] is True


def test_a_posted_key_gives_one_row_also_across_a_crash(running: Running):
    body = {"leads": [lead(1)], "as_of": "2025-06-01T00:00:00Z"}
    headers = {"Idempotency-Key": "the-same"}
    answers: list[httpx.Response] = []

    def post() -> None:
        with running.client() as client:
            answers.append(client.post("/v1/score", json=body, headers=headers))

    threads = [threading.Thread(target=post) for _ in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(answers) == 100
    assert {answer.status_code for answer in answers} <= {200, 409}
    [told] = {answer.content for answer in answers if answer.status_code == 200}
    with contextlib.closing(sqlite3.connect(running.data / "service.db")) as database:
        assert database.execute("SELECT count(*) FROM predictions").fetchone() == (1,)
    running.kill()
    running.start()
    with running.client() as client:
        again = client.post("/v1/score", json=body, headers=headers)
        assert (again.status_code, again.content) == (200, told)
        assert again.headers["Idempotent-Replayed"] == "true"
        changed = client.post("/v1/score", json={**body, "as_of": "2025-06-02T00:00:00Z"}, headers=headers)
        assert changed.status_code == 422
