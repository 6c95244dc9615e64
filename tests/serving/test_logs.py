"""Logs that cannot tell about people."""

from __future__ import annotations

import io
import json
import logging
import stat
import sys
import threading
import warnings

import pytest
import structlog

from serving import logs

CANARY = "ada.lovelace@canary.example"


@pytest.fixture
def lines():
    """The log of this process, and what it wrote so far."""
    stream = io.StringIO()
    before = (list(logging.getLogger().handlers), sys.excepthook, threading.excepthook)
    logs.configure(stream=stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    logging.getLogger().handlers, sys.excepthook, threading.excepthook = before
    structlog.reset_defaults()


def test_what_is_on_the_list_is_told(lines):
    logs.log().info("request", method="GET", route="/v1/leads/{id}/score", status=200, duration_ms=1.5)
    (line,) = lines()
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "request",
        "level": "info",
        "method": "GET",
        "route": "/v1/leads/{id}/score",
        "status": 200,
        "duration_ms": 1.5,
    }


def test_what_is_not_on_the_list_is_dropped(lines):
    logs.log().info("request", email=CANARY, body={"name": CANARY}, headers=[CANARY], path=f"/leads/{CANARY}")
    assert set(lines()[0]) == {"event", "level", "timestamp"}


def test_ids_become_hashes_that_are_the_same_each_time(lines):
    logs.log().info("scored", lead_id="L1", tenant="acme")
    logs.log().bind(lead_id="L1").info("told", account_id="A1")
    first, second = lines()
    assert first["lead_hash"] == second["lead_hash"] == logs.hashed("L1")
    assert first["tenant_hash"] not in (first["lead_hash"], "acme")
    assert "lead_id" not in first
    assert "account_hash" in second


def test_hashes_of_another_installation_are_others(tmp_path):
    stream = io.StringIO()
    handlers = list(logging.getLogger().handlers)
    hashes = []
    for name in ("one", "other", "one"):
        logs.configure(tmp_path / name / "log.key", stream)
        hashes.append(logs.hashed("L1"))
    logging.getLogger().handlers = handlers
    structlog.reset_defaults()
    assert hashes[0] == hashes[2] != hashes[1]
    assert stat.S_IMODE((tmp_path / "one" / "log.key").stat().st_mode) == 0o600


@pytest.mark.parametrize("event", [f"lead {CANARY} scored", "lead 4711", "x" * 200, "a\nb", 4711, ""])
def test_an_event_with_values_in_it_is_withheld(lines, event):
    logs.log().warning(event)
    assert lines()[0]["event"] == "(an event made with values)"


@pytest.mark.parametrize("name", ["request_id", "key_id", "prediction_id", "code"])
def test_what_is_no_id_is_not_told_as_one(lines, name):
    logs.log().info("request", **{name: CANARY})
    logs.log().info("request", **{name: "0192-ab_C"})
    assert [line[name] for line in lines()] == ["(no id)", "0192-ab_C"]


def test_of_an_exception_its_type_and_its_place_are_told(lines):
    def fail():
        raise ValueError(CANARY)

    try:
        try:
            fail()
        except ValueError as error:
            raise RuntimeError(CANARY) from error
    except RuntimeError:
        logs.log().exception("a request failed")
    (line,) = lines()
    assert line["exception"] == "RuntimeError from ValueError"
    assert "test_of_an_exception" in line["place"]
    assert CANARY not in json.dumps(line)


def test_our_last_line_is_named_where_a_library_raised(lines):
    try:
        logs.hashed(None)
    except AttributeError:
        logs.log().error("a request failed", exc_info=True)
    assert "serving.logs:" in lines()[0]["place"]


@pytest.mark.parametrize(
    ("logger", "message", "values", "told"),
    [
        ("uvicorn.error", "Invalid HTTP request received.", (), "Invalid HTTP request received."),
        ("uvicorn.error", f"Exception in ASGI application\n{CANARY}", (), "Exception in ASGI application"),
        (
            "sqlalchemy.pool.impl",
            "Exception closing connection %r",
            (CANARY,),
            "Exception closing connection r",
        ),
        ("asyncio", f"Task exception was never retrieved {CANARY}", (), "a library logged"),
        ("some.library", f"{CANARY} is unknown", (), "a library logged"),
    ],
)
def test_libraries_tell_no_values(lines, logger, message, values, told):
    logging.getLogger(logger).error(message, *values)
    (line,) = lines()
    assert (line["event"], line["logger"]) == (told, logger)
    assert CANARY not in json.dumps(line)


def test_an_exception_of_a_library_has_no_values_either(lines):
    try:
        {}[CANARY]
    except KeyError:
        logging.getLogger("uvicorn.error").exception("Exception in ASGI application")
    assert lines()[0]["exception"] == "KeyError"
    assert CANARY not in json.dumps(lines())


def test_requests_are_not_told_twice(lines):
    logging.getLogger("uvicorn.access").info('%s - "GET /leads/%s"', "10.0.0.1", CANARY)
    logging.getLogger("uvicorn.access").error("even so %s", CANARY)
    assert lines() == []


def test_what_a_thread_does_not_catch_is_told_without_values(lines, monkeypatch):
    monkeypatch.setattr(threading, "excepthook", threading.__excepthook__)
    logs.configure(stream=(stream := io.StringIO()))

    def fail():
        raise ValueError(CANARY)

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    (line,) = stream.getvalue().splitlines()
    assert json.loads(line)["exception"] == "ValueError"
    assert CANARY not in line


def test_hooks_of_others_stay(lines, monkeypatch):
    def hook(*_):
        return None

    monkeypatch.setattr(sys, "excepthook", hook)
    logs.configure(stream=io.StringIO())
    assert sys.excepthook is hook


def test_set_up_twice_each_line_is_told_once(lines):
    logs.configure(stream=(stream := io.StringIO()))
    logging.getLogger("uvicorn.error").error("Invalid HTTP request received.")
    assert len(stream.getvalue().splitlines()) == 1


def test_who_watches_reads_text():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    handlers = list(logging.getLogger().handlers)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logs.configure(stream=(stream := Terminal()))
    logs.log().info("request", status=200, email=CANARY)
    logging.getLogger().handlers = handlers
    structlog.reset_defaults()
    assert "request" in stream.getvalue()
    assert not stream.getvalue().startswith("{")
    assert CANARY not in stream.getvalue()
