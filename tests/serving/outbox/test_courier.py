"""Whatever breaks, the CRM ends with the latest score of each lead."""

from __future__ import annotations

import random
import sqlite3
import time

import httpx2
import pytest

from features.clock import SECOND
from serving.logs import log
from serving.outbox import sending
from serving.outbox.backoff import TRIES, Backoff
from serving.outbox.courier import LEASE_SECONDS, Courier
from serving.outbox.rows import StoreRows
from serving.outbox.sending import Sender
from serving.store import outbox
from tests.serving.fakes import crm
from tests.serving.fakes.clocks import HandClock
from tests.serving.fakes.scores import TENANT, kept

LEADS = ("ann", "bob", "cid")


class CrashedError(Exception):
    """The process is gone."""


class Faulty:
    """Passes calls on, and crashes before or after the one that was chosen."""

    def __init__(self, inner, at, *, after):
        self.inner, self.at, self.after, self.calls = inner, at, after, 0

    def __getattr__(self, name):
        call = getattr(self.inner, name)

        def passed(*arguments):
            self.calls += 1
            if self.calls == self.at and not self.after:
                raise CrashedError
            result = call(*arguments)
            if self.calls == self.at:
                raise CrashedError
            return result

        return passed


@pytest.fixture
def books(empty_url):
    with kept(empty_url) as opened:
        yield opened


def courier(books, carrier, clock, *, holder="one", rows=None):
    rows = rows or StoreRows(books.store, books.writer, holder)
    return Courier(rows, carrier, clock, Backoff(random.Random(1)), log())


def counts(books):
    with books.store.reading() as connection:
        return outbox.count(connection, ("pending", "delivered", "superseded", "dead"))


def deliver_all(books, receiver, clock, *, holder="last"):
    """A courier that lives until nothing waits."""
    sender = Sender(receiver.url, crm.SECRET, allow_private=True)
    one = courier(books, sender, clock, holder=holder)
    for _ in range(60):
        one.step()
        if not counts(books)["pending"]:
            break
        clock.forward(13 * 3_600)
    sender.close()


def test_a_change_is_told_and_signed(books):
    clock = HandClock()
    first = books.score("ann", 50.0, clock.now())
    with crm.running() as receiver:
        deliver_all(books, receiver, clock)
        second = books.score("ann", 80.0, clock.now() + SECOND)
        clock.forward(10)
        deliver_all(books, receiver, clock)
    assert receiver.forged == 0
    assert [told["prediction_id"] for told in receiver.heard] == [first.prediction_id, second.prediction_id]
    assert [told["reason"] for told in receiver.heard] == ["first_score", "band_crossed"]
    told = receiver.heard[-1]
    assert told["previous"] == {"band": "B", "points": 50.0}
    assert (told["type"], told["tenant"], told["lead_id"], told["points"]) == (
        "score.changed",
        TENANT,
        "ann",
        80.0,
    )
    assert receiver.deliveries[-1] == told["delivery_id"]


@pytest.mark.parametrize("at", range(1, 8))
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("part", ["rows", "carrier"])
def test_a_crash_at_any_step_ends_with_the_latest_score_of_each_lead(books, part, after, at):
    clock = HandClock()
    with crm.running(crm.BROKEN, crm.TOOK_IT_AND_BROKE, crm.IN_PART) as receiver:
        for number, lead in enumerate(LEADS):
            books.score(lead, 40.0 + number, clock.now())
        sender = Sender(receiver.url, crm.SECRET, allow_private=True)
        rows = StoreRows(books.store, books.writer, "crashes")
        faulty = Faulty(rows if part == "rows" else sender, at, after=after)
        clock.forward(60)
        one = courier(
            books,
            faulty if part == "carrier" else sender,
            clock,
            rows=faulty if part == "rows" else rows,
        )
        try:
            for _ in range(4):
                one.step()
                clock.forward(13 * 3_600)
        except CrashedError:
            pass
        sender.close()
        for number, lead in enumerate(LEADS):
            books.score(lead, 60.0 + number, clock.now())
        clock.forward(LEASE_SECONDS + 60)
        deliver_all(books, receiver, clock)
        assert {lead: receiver.points_of(lead) for lead in LEADS} == {"ann": 60.0, "bob": 61.0, "cid": 62.0}
        assert counts(books)["pending"] == 0
        assert receiver.forged == 0


def test_a_receiver_that_answers_everything_there_is(books, monkeypatch):
    monkeypatch.setattr(sending, "TIMEOUT", httpx2.Timeout(0.2))
    clock = HandClock()
    script = [crm.BUSY, crm.BROKEN, crm.TOO_SLOW, crm.IN_PART, crm.TOOK_IT_AND_BROKE, crm.IN_WHOLE]
    for number, lead in enumerate(LEADS):
        books.score(lead, 40.0 + number, clock.now())
    clock.forward(60)
    with crm.running(*script) as receiver:
        deliver_all(books, receiver, clock)
    assert {lead: receiver.points_of(lead) for lead in LEADS} == {"ann": 40.0, "bob": 41.0, "cid": 42.0}
    assert counts(books) == {"pending": 0, "delivered": 3, "superseded": 0, "dead": 0}


def test_a_newer_score_takes_the_place_of_one_that_waits(books):
    clock = HandClock()
    for points in (40.0, 55.0, 70.0):
        books.score("ann", points, clock.now())
        clock.forward(60)
    with crm.running() as receiver:
        deliver_all(books, receiver, clock)
    assert [told["points"] for told in receiver.heard] == [70.0]
    assert counts(books)["superseded"] == 2


def test_ten_tries_then_a_dead_letter_that_can_be_replayed(books):
    clock = HandClock()
    books.score("ann", 50.0, clock.now())
    clock.forward(60)
    with crm.running(*[crm.BROKEN] * TRIES) as receiver:
        deliver_all(books, receiver, clock)
        assert len(receiver.heard) == TRIES
        assert len(set(receiver.deliveries)) == 1
        assert counts(books)["dead"] == 1
        books.writer.submit(lambda connection: outbox.replay_dead(connection, TENANT, clock.now())).result(10)
        deliver_all(books, receiver, clock)
    assert counts(books) == {"pending": 0, "delivered": 1, "superseded": 0, "dead": 0}
    assert receiver.points_of("ann") == 50.0


def test_only_one_courier_delivers(books):
    clock = HandClock()
    books.score("ann", 50.0, clock.now())
    clock.forward(60)
    with crm.running() as receiver:
        sender = Sender(receiver.url, crm.SECRET, allow_private=True)
        first = courier(books, sender, clock, holder="first")
        second = courier(books, sender, clock, holder="second")
        first.step()
        books.score("ann", 90.0, clock.now())
        clock.forward(2)
        second.step()
        assert len(receiver.heard) == 1
        clock.forward(LEASE_SECONDS)
        second.step()
        assert [told["points"] for told in receiver.heard] == [50.0, 90.0]
        sender.close()


def test_while_the_receiver_is_down_tries_are_not_used_up(books):
    clock = HandClock()
    for lead in LEADS:
        books.score(lead, 50.0, clock.now())
    clock.forward(60)
    with crm.running(crm.BUSY) as receiver:
        sender = Sender(receiver.url, crm.SECRET, allow_private=True)
        wait = courier(books, sender, clock).step()
        sender.close()
    assert len(receiver.heard) == 1
    assert wait == 7.0


def test_a_locked_database_is_waited_for(books, tmp_path):
    clock = HandClock()
    books.score("ann", 50.0, clock.now())
    clock.forward(60)
    holder = sqlite3.connect(tmp_path / "service.db", isolation_level=None)
    with crm.running() as receiver:
        one = courier(books, Sender(receiver.url, crm.SECRET, allow_private=True), clock)
        holder.execute("BEGIN EXCLUSIVE")
        one.start()
        time.sleep(0.05)
        holder.execute("ROLLBACK")
        until = time.monotonic() + 20
        while not receiver.heard and time.monotonic() < until:
            time.sleep(0.02)
        one.stop(10)
    holder.close()
    assert receiver.points_of("ann") == 50.0
    assert counts(books)["delivered"] == 1
