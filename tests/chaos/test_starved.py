"""A database that is locked or full, and clients that trickle."""

from __future__ import annotations

import contextlib
import resource
import socket
import sqlite3
import statistics
import time

import httpx2 as httpx
import pytest

from tests.chaos.running import Running, lead

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(180)]

AS_OF = "2025-06-01T00:00:00Z"


def predictions(service: Running) -> int:
    with contextlib.closing(sqlite3.connect(service.data / "service.db", timeout=10)) as database:
        return int(database.execute("SELECT count(*) FROM predictions").fetchone()[0])


def timed(client: httpx.Client, number: int) -> tuple[httpx.Response, float]:
    before = time.monotonic()
    answered = client.post("/v1/score", json={"leads": [lead(number)], "as_of": AS_OF})
    return answered, time.monotonic() - before


def recovers(client: httpx.Client, within: float) -> None:
    give_up = time.monotonic() + within
    while time.monotonic() < give_up:
        if timed(client, 7)[0].status_code == 200:
            return
    raise AssertionError(f"no answer within {within:g} s of the end of the trouble")


def refused_well(answered: httpx.Response) -> None:
    assert answered.status_code == 503
    assert answered.headers["content-type"].startswith("application/problem+json")
    assert int(answered.headers["Retry-After"]) >= 1


def test_a_locked_database_is_told_and_left_behind(running: Running):
    with running.client() as client:
        assert timed(client, 1)[0].status_code == 200
        known = predictions(running)
        with contextlib.closing(sqlite3.connect(running.data / "service.db", isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            for number in (2, 3):
                answered, took = timed(client, number)
                refused_well(answered)
                assert took < 2.5
            other.execute("ROLLBACK")
        recovers(client, 5)
        assert predictions(running) == known + 1


def test_a_full_disk_is_told_and_left_behind(running: Running):
    with running.client() as client:
        assert timed(client, 1)[0].status_code == 200
        known = predictions(running)
        [before] = {resource.prlimit(running.pid, resource.RLIMIT_FSIZE)}
        resource.prlimit(running.pid, resource.RLIMIT_FSIZE, (4096, before[1]))
        told = [timed(client, number)[0] for number in range(2, 6)]
        for answered in told:
            refused_well(answered)
        resource.prlimit(running.pid, resource.RLIMIT_FSIZE, before)
        recovers(client, 5)
        assert predictions(running) == known + 1
    with contextlib.closing(sqlite3.connect(running.data / "service.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_trickling_clients_are_cut_and_slow_nobody_else(running: Running, record_property):
    with running.client() as client:
        usual = [timed(client, number)[1] for number in range(100)]
        head = f"POST /v1/score HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {running.key}\r\n".encode()
        body = head + b"Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
        trickling = []
        for number in range(200):
            link = socket.create_connection(("127.0.0.1", running.port), timeout=5)
            link.sendall(b"" if number % 4 == 0 else head if number % 2 else body)
            link.setblocking(False)
            trickling.append(link)
        begun = time.monotonic()
        beside, open_links = [], set(trickling)
        while open_links and time.monotonic() - begun < 25:
            for link in list(open_links):
                if cut(link):
                    link.close()
                    open_links.discard(link)
            for number in range(20):
                answered, took = timed(client, 1000 + number)
                assert answered.status_code == 200
                beside.append(took)
            time.sleep(0.2)
    for link in open_links:
        link.close()
    assert not open_links, f"{len(open_links)} of 200 trickling connections are still open after 25 s"
    record_property(
        "p99_ratio", statistics.quantiles(beside, n=100)[98] / statistics.quantiles(usual, n=100)[98]
    )
    assert max(beside) < 5


def cut(link: socket.socket) -> bool:
    """Send one byte more; whether the other side has closed."""
    try:
        link.send(b"a")
        return link.recv(4096) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
