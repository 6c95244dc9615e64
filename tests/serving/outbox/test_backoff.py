"""Tries come further and further apart, and end."""

from __future__ import annotations

import random

from features.clock import DAY, SECOND
from serving.outbox.backoff import LONGEST_WAIT, TRIES, Backoff

NOW = 1_775_000_000 * SECOND


def waits(seed):
    backoff = Backoff(random.Random(seed))
    return [backoff.next_try(NOW, tries, None) for tries in range(1, TRIES + 1)]


def test_ten_tries_within_about_a_day():
    *tries, last = waits(3)
    assert last is None
    delays = [moment - NOW for moment in tries]
    assert delays == sorted(delays)
    assert 5 * SECOND <= delays[0] <= 10 * SECOND
    assert delays[-1] <= LONGEST_WAIT
    assert DAY / 4 < sum(delays) < 1.5 * DAY


def test_the_jitter_is_the_seed_s():
    assert waits(3) == waits(3) != waits(4)


def test_a_wish_of_the_receiver_counts_where_it_is_longer():
    backoff = Backoff(random.Random(1))
    assert backoff.next_try(NOW, 1, 3_600) == NOW + 3_600 * SECOND
    assert backoff.next_try(NOW, 1, 0.0) >= NOW + 5 * SECOND
    assert backoff.next_try(NOW, 1, 1e9) == NOW + DAY
