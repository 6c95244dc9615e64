"""What counts as delivered, and what is told of the rest."""

from __future__ import annotations

import threading
import time

import httpx2
import pytest

from serving.outbox import sending
from serving.outbox.sending import Sender
from tests.serving.fakes.crm import BROKEN, BUSY, IN_PART, IN_WHOLE, SECRET, TOO_SLOW, TRICKLE, Reply, running

BODY = b'{"lead_id":"L1","made_at":"2026-01-01T00:00:00Z","points":1.0}'


def send(crm):
    sender = Sender(crm.url, SECRET, allow_private=True)
    try:
        return sender.send("7", BODY)
    finally:
        sender.close()


@pytest.mark.parametrize(
    ("reply", "taken", "down"),
    [
        (Reply(200), True, False),
        (Reply(204), True, False),
        (IN_WHOLE, True, False),
        (IN_PART, False, False),
        (Reply(207, body=b"{}"), False, False),
        (BROKEN, False, False),
        (BUSY, False, True),
        (Reply(503), False, True),
        (Reply(404), False, False),
        (Reply(302, {"Location": "http://127.0.0.1:1/elsewhere"}), False, False),
    ],
)
def test_answers(reply, taken, down):
    with running(reply) as crm:
        sent = send(crm)
    assert (sent.taken, sent.receiver_is_down) == (taken, down)
    assert crm.forged == 0
    assert crm.deliveries == ["7"]  # once: no redirect is followed


def test_retry_after_is_read():
    with running(BUSY) as crm:
        assert send(crm).retry_after == 7.0


def test_a_receiver_that_takes_too_long(monkeypatch):
    monkeypatch.setattr(sending, "TIMEOUT", httpx2.Timeout(0.2))
    with running(TOO_SLOW) as crm:
        began = time.monotonic()
        sent = send(crm)
    assert not sent.taken
    assert sent.receiver_is_down
    assert time.monotonic() - began < 5


def test_a_receiver_that_trickles_is_given_up_as_a_whole(monkeypatch):
    monkeypatch.setattr(sending, "LONGEST_SECONDS", 0.3)
    with running(TRICKLE, Reply(200)) as crm:
        sender = Sender(crm.url, SECRET, allow_private=True)
        began = time.monotonic()
        sent = sender.send("7", BODY)
        assert time.monotonic() - began < 2
        assert sent.receiver_is_down
        assert not sent.taken
        monkeypatch.setattr(sending, "LONGEST_SECONDS", 10)
        assert sender.send("8", BODY).taken, "the next delivery is not spoiled"
        sender.close()


def test_a_name_that_takes_too_long_is_given_up(monkeypatch):
    monkeypatch.setattr(sending, "LONGEST_SECONDS", 0.2)
    asked = threading.Event()

    def resolve(*_, **__):
        asked.wait(5)
        return [(None, None, None, "", ("127.0.0.1", 1))]

    sender = Sender("http://crm.example/", SECRET, allow_private=True, resolve=resolve)
    began = time.monotonic()
    assert sender.send("7", BODY).receiver_is_down
    assert time.monotonic() - began < 2
    asked.set()
    sender.close()


def test_nobody_there():
    with running() as crm:
        url = crm.url
    sender = Sender(url, SECRET, allow_private=True)
    sent = sender.send("7", BODY)
    sender.close()
    assert "could not be reached" in sent.problem


def test_nothing_is_sent_to_an_address_that_is_not_allowed():
    with running() as crm:
        sender = Sender(crm.url, SECRET, allow_private=False)
        sent = sender.send("7", BODY)
        sender.close()
    assert not sent.taken
    assert crm.heard == []
    assert "127.0.0.1" not in sent.problem


def test_the_name_is_resolved_anew_each_time_and_checked_again():
    with running() as crm:
        port = crm.url.split(":")[2].split("/")[0]
        answers = [("127.0.0.1", int(port)), ("93.184.216.34", int(port))]

        def resolve(*_, **__):
            return [(None, None, None, "", answers.pop(0))]

        sender = Sender(f"http://crm.example:{port}/", SECRET, allow_private=True, resolve=resolve)
        assert sender.send("1", BODY).taken
        assert not sender.send("2", BODY).taken  # now it leads to the internet, in plain http
        sender.close()
    assert crm.deliveries == ["1"]
