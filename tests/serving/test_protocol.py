"""The wire: who sends slowly, or too much, is cut off; all others are answered."""

from __future__ import annotations

import socket
import threading
import time

import pytest
import uvicorn

from serving.app import create_app
from serving.settings import Settings

SECONDS = 0.4


@pytest.fixture
def port(settings: Settings):
    """A real server, on which a request may take 0.4 s to come."""
    quick = settings.model_copy(update={"read_seconds": SECONDS})
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        bound.listen()
        config = uvicorn.Config(
            create_app(quick),
            http="serving.protocol:DeadlineProtocol",
            log_config=None,
            access_log=False,
            ws="none",
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
        thread.start()
        deadline = time.monotonic() + 30
        while not server.started:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield bound.getsockname()[1]
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()


def _talk(port: int, *pieces: bytes, pause: float = 0.0) -> tuple[bytes, float]:
    """Send pieces, read until the connection is closed; what came, and after how many seconds it was."""
    began = time.monotonic()
    came = b""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as line:
        for piece in pieces:
            try:
                line.sendall(piece)
            except OSError:
                break
            time.sleep(pause)
        try:
            while more := line.recv(65_536):
                came += more
        except ConnectionResetError:
            pass
    return came, time.monotonic() - began


HEAD = b"POST /v1/score HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"


def test_headers_that_do_not_end_are_cut_off(port: int):
    came, seconds = _talk(port, *[b"G", b"E", b"T", b" ", b"/"], pause=0.05)
    assert came.startswith(b"HTTP/1.1 408 ")
    assert b"application/problem+json" in came
    assert b'"code":"read_timeout"' in came
    assert seconds < 5


def test_a_connection_that_says_nothing_is_closed(port: int):
    came, seconds = _talk(port)
    assert came == b""
    assert SECONDS * 0.9 < seconds < 5


def test_a_body_that_does_not_end_is_cut_off(port: int, settings: Settings):
    from serving.store import keys
    from serving.store.engine import Store

    store = Store.open(settings.database)
    with store.writing() as connection:
        key = keys.create(connection, "acme", "x", ["score"], None, 0).text
    store.close()
    head = HEAD + f"X-API-Key: {key}\r\n".encode()
    came, seconds = _talk(port, head + b"Content-Length: 100\r\n\r\n", *[b"{"] * 4, pause=0.05)
    assert came.startswith(b"HTTP/1.1 408 ")
    assert seconds < 5


def test_a_body_after_the_answer_is_not_listened_to_for_ever(port: int):
    came, seconds = _talk(port, HEAD + b"Content-Length: 100\r\n\r\n", *[b"{"] * 5, pause=0.05)
    assert came.startswith(b"HTTP/1.1 401 ")
    assert seconds < 8


def test_headers_without_end_are_refused(port: int):
    came, _ = _talk(port, b"GET /livez HTTP/1.1\r\n", *[b"X-A: " + b"a" * 60_000 + b"\r\n"] * 6)
    assert came.startswith(b"HTTP/1.1 431 ")


def test_what_is_not_http_is_answered_as_a_problem(port: int):
    came, _ = _talk(port, b"\x16\x03\x01 hello\r\n\r\n")
    assert came.startswith(b"HTTP/1.1 400 ")
    assert b'"code":"request_invalid"' in came


def test_a_connection_that_is_used_again_has_a_new_deadline(port: int):
    with socket.create_connection(("127.0.0.1", port), timeout=10) as line:
        for _ in range(3):
            line.sendall(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n")
            assert line.recv(65_536).startswith(b"HTTP/1.1 200 ")
            time.sleep(SECONDS / 2)


def test_others_are_answered_while_many_trickle(port: int):
    lines = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(100)]
    try:
        for line in lines:
            line.sendall(b"GET /livez HTTP/1.1\r\nHo")
        came, seconds = _talk(port, b"GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert came.startswith(b"HTTP/1.1 200 ")
        assert seconds < SECONDS
    finally:
        for line in lines:
            line.close()
