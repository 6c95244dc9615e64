from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from features.clock import DAY, SECOND
from serving.store import idempotency, suppression
from serving.store.engine import Store
from serving.store.errors import ClaimLost
from serving.store.idempotency import Began, Changed, InProgress, Replay
from tests.serving.store.making import TENANT

NOW = 1_000 * DAY


def begin(connection, now=NOW, *, key="k", key_id="one", fingerprint=b"f"):
    return idempotency.begin(connection, TENANT, key_id, key, fingerprint, now)


def test_a_hundred_equal_requests_at_once_begin_one(store, writer):
    with ThreadPoolExecutor(20) as pool:
        begun = list(pool.map(lambda _: writer.submit(begin).result(30), range(100)))
    assert Counter(map(type, begun)) == {Began: 1, InProgress: 99}


def test_an_answer_is_repeated_byte_for_byte_after_a_restart(url):
    store = Store.open(url)
    body = bytes(range(256))
    with store.writing() as connection:
        assert begin(connection) == Began(NOW)
        answer = Replay(422, body, "application/problem+json")
        idempotency.finish(connection, "one", "k", Began(NOW), answer)
    store.close()
    store = Store.open(url)
    with store.writing() as connection:
        assert begin(connection, NOW + DAY - 1) == Replay(422, body, "application/problem+json")
        assert begin(connection, fingerprint=b"g") == Changed()
        assert begin(connection, key_id="two") == Began(NOW)
        assert begin(connection, NOW + DAY) == Began(NOW + DAY)  # forgotten after a day
    store.close()


def test_a_request_that_never_ended_is_taken_over(store):
    with store.writing() as connection:
        assert begin(connection) == Began(NOW)
        assert begin(connection, fingerprint=b"g") == Changed()
        assert begin(connection, NOW + 60 * SECOND - 1) == InProgress()
        assert begin(connection, NOW + 60 * SECOND) == Began(NOW + 60 * SECOND)
        assert begin(connection, NOW + 61 * SECOND) == InProgress()


def test_what_was_abandoned_may_be_tried_again_and_what_was_finished_not(store):
    with store.writing() as connection:
        begin(connection)
        idempotency.abandon(connection, "one", "k", Began(NOW))
        assert begin(connection) == Began(NOW)
        idempotency.finish(connection, "one", "k", Began(NOW), Replay(200, b"", "application/json"))
        idempotency.abandon(connection, "one", "k", Began(NOW))
        assert begin(connection) == Replay(200, b"", "application/json")
        assert idempotency.purge(connection, NOW + DAY, 100) == 0
        assert idempotency.purge(connection, NOW + DAY + 1, 100) == 1


def test_who_lost_its_claim_neither_answers_nor_lets_go(store):
    answer = Replay(200, b"late", "application/json")
    with store.writing() as connection:
        first = begin(connection)
        second = begin(connection, NOW + 61 * SECOND)
        with pytest.raises(ClaimLost):
            idempotency.finish(connection, "one", "k", first, answer)
        idempotency.abandon(connection, "one", "k", first)
        assert begin(connection, NOW + 62 * SECOND) == InProgress()
        idempotency.finish(connection, "one", "k", second, replace(answer, body=b"mine"))
        with pytest.raises(ClaimLost):
            idempotency.finish(connection, "one", "k", first, answer)
        assert begin(connection, NOW + 63 * SECOND) == replace(answer, body=b"mine")


def test_what_was_said_of_who_objects_is_not_repeated(store):
    with store.writing() as connection:
        for key, lead_id in (("one", "L1"), ("two", "M2")):
            claim = begin(connection, key=key)
            body = f'{{"results": [{{"lead_id": "{lead_id}"}}]}}'.encode()
            idempotency.finish(connection, "one", key, claim, Replay(200, body, "application/json"))
        suppression.object_to_profiling(connection, TENANT, "L1", None, NOW)
        assert begin(connection, key="one") == Began(NOW)
        assert isinstance(begin(connection, key="two"), Replay)
