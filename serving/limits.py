"""How often one may ask: each key, and each address that fails to sign in. Counted in the memory of each worker."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, MutableMapping
from typing import Any, Final

from limits import RateLimitItemPerMinute
from limits.storage import Storage
from limits.strategies import FixedWindowRateLimiter
from typing_extensions import override

from serving.codes import Code
from serving.problems import ProblemError

FAILED_ATTEMPTS: Final = 30
"""Failures to sign in of one address in a minute, before it is not listened to any more."""

MOST_KEYS: Final = 100_000
"""Counters kept; when there are more, the spent ones are dropped."""

HEADERS: Final = "leadlight.limit"
"""Where the scope of a request keeps what its answer says about the limit."""


class Counters(Storage):
    """Counters by a clock that is never set back.

    The memory storage of ``limits`` goes by the time of day and starts a thread for every hit.
    """

    STORAGE_SCHEME = None

    def __init__(self, ticks: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._ticks = ticks
        self._counts: dict[str, tuple[float, int]] = {}

    @property
    @override
    def base_exceptions(self) -> type[Exception]:
        return ValueError

    @override
    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        now = self._ticks()
        until, count = self._counts.get(key, (0.0, 0))
        if until <= now:
            until, count = now + expiry, 0
            if len(self._counts) >= MOST_KEYS:
                self._counts = {name: one for name, one in self._counts.items() if one[0] > now}
        self._counts[key] = (until, count + amount)
        return count + amount

    @override
    def get(self, key: str) -> int:
        until, count = self._counts.get(key, (0.0, 0))
        return count if until > self._ticks() else 0

    @override
    def get_expiry(self, key: str) -> float:
        return self._counts.get(key, (self._ticks(), 0))[0]

    @override
    def check(self) -> bool:
        return True

    @override
    def reset(self) -> int | None:
        number = len(self._counts)
        self._counts.clear()
        return number

    @override
    def clear(self, key: str) -> None:
        self._counts.pop(key, None)


class Limiter:
    """Counts, and refuses what is too much. Used on the event loop alone."""

    def __init__(self, per_minute: int, ticks: Callable[[], float] = time.monotonic) -> None:
        self._ticks = ticks
        self._counters = Counters(ticks)
        self._strategy = FixedWindowRateLimiter(self._counters)
        self._of_key = RateLimitItemPerMinute(per_minute, namespace="key")
        self._of_address = RateLimitItemPerMinute(FAILED_ATTEMPTS, namespace="address")

    def count(self, key_id: str, scope: MutableMapping[str, Any]) -> None:
        """Count a request of a key; its answer will say how many are left.

        Raises:
            ProblemError: 429, with the seconds to wait.
        """
        counter, most = self._of_key.key_for(key_id), self._of_key.amount
        count = self._counters.incr(counter, self._of_key.get_expiry())
        seconds = max(math.ceil(self._counters.get_expiry(counter) - self._ticks()), 0)
        scope[HEADERS] = _headers(most, max(most - count, 0), seconds)
        if count > most:
            raise _too_many(seconds)

    def check_attempts(self, address: str) -> None:
        """Refuse an address that failed too often.

        Raises:
            ProblemError: 429, with the seconds to wait.
        """
        if not self._strategy.test(self._of_address, address):
            reset, _ = self._strategy.get_window_stats(self._of_address, address)
            raise _too_many(max(math.ceil(reset - self._ticks()), 1))

    def count_attempt(self, address: str) -> None:
        """An address failed to sign in."""
        self._strategy.hit(self._of_address, address)


def _too_many(seconds: int) -> ProblemError:
    return ProblemError(Code.RATE_LIMITED, headers={"Retry-After": str(max(seconds, 1))})


def _headers(limit: int, left: int, seconds: int) -> list[tuple[bytes, bytes]]:
    """Source: draft-ietf-httpapi-ratelimit-headers-10, with the older three that most clients still read."""
    return [
        (b"ratelimit-policy", b'"key";q=%d;w=60' % limit),
        (b"ratelimit", b'"key";r=%d;t=%d' % (left, seconds)),
        (b"x-ratelimit-limit", b"%d" % limit),
        (b"x-ratelimit-remaining", b"%d" % left),
        (b"x-ratelimit-reset", b"%d" % seconds),
    ]
