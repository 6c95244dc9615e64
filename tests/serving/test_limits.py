"""Limits of requests, by a clock that tests move."""

from __future__ import annotations

import pytest

from serving.limits import FAILED_ATTEMPTS, HEADERS, Counters, Limiter
from serving.problems import ProblemError
from tests.serving.service import LEAD, Caller


class Ticks:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_one_more_than_allowed_is_refused_until_the_window_is_over():
    ticks = Ticks()
    limiter = Limiter(3, ticks)
    for left in (2, 1, 0):
        scope = {}
        limiter.count("a", scope)
        assert (b"x-ratelimit-remaining", str(left).encode()) in scope[HEADERS]
    ticks.now += 20
    with pytest.raises(ProblemError) as refused:
        limiter.count("a", {})
    assert refused.value.problem.status == 429
    assert refused.value.headers == {"Retry-After": "40"}
    limiter.count("b", {})
    ticks.now += 40
    limiter.count("a", {})


def test_only_failures_of_an_address_are_counted_against_it():
    ticks = Ticks()
    limiter = Limiter(3, ticks)
    for _ in range(FAILED_ATTEMPTS):
        limiter.check_attempts("10.0.0.1")
        limiter.count_attempt("10.0.0.1")
    with pytest.raises(ProblemError):
        limiter.check_attempts("10.0.0.1")
    limiter.check_attempts("10.0.0.2")
    ticks.now += 60
    limiter.check_attempts("10.0.0.1")


def test_counters_of_windows_that_are_over_are_dropped(monkeypatch):
    monkeypatch.setattr("serving.limits.MOST_KEYS", 10)
    ticks = Ticks()
    counters = Counters(ticks)
    for number in range(10):
        counters.incr(str(number), 60)
    ticks.now += 61
    counters.incr("new", 60)
    assert counters.reset() == 1


def test_a_key_is_limited_over_http_and_others_go_on(caller: Caller):
    services = caller.app.state.services
    tight = Limiter(2)
    services.limiter._strategy, services.limiter._of_key = tight._strategy, tight._of_key
    first, second = caller.bearer(["score"]), caller.bearer(["score"])
    path = f"/v1/leads/{LEAD}/score"
    answers = [caller.client.get(path, headers=first) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[0].headers["ratelimit"].startswith('"key";r=1;t=')
    assert 1 <= int(answers[2].headers["retry-after"]) <= 60
    assert answers[2].json()["code"] == "rate_limited"
    assert caller.client.get(path, headers=second).status_code == 200


def test_who_guesses_keys_is_not_listened_to_but_neighbors_are(caller: Caller):
    path = f"/v1/leads/{LEAD}/score"
    good = caller.bearer(["score"])
    assert caller.client.get(path, headers=good).status_code == 200
    wrong = {"X-API-Key": "ll_0123456789_" + 43 * "x"}
    statuses = [caller.client.get(path, headers=wrong).status_code for _ in range(FAILED_ATTEMPTS + 1)]
    assert statuses == [401] * FAILED_ATTEMPTS + [429]
    assert caller.client.get(path, headers=good).status_code == 200
    new = caller.bearer(["score"])
    assert caller.client.get(path, headers=new).status_code == 200, (
        "a good key is let in from the first time on"
    )
