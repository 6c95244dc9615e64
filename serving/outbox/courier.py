"""The courier: takes what is due from the outbox to the receiver.

It marks a delivery after the receiver took it, never before. A crash in between repeats the delivery;
nothing is lost. One courier works at a time, held apart from others by a lease, and it sends one delivery
after another, so that an older score of a lead cannot overtake a newer one.
"""

from __future__ import annotations

import threading
from typing import Final, Protocol

from features.clock import SECOND
from serving.clock import Clock
from serving.logs import Log
from serving.outbox.backoff import Backoff
from serving.outbox.message import message
from serving.outbox.rows import Rows
from serving.outbox.sending import LONGEST_SECONDS, Sent
from serving.store.errors import StoreUnavailable
from serving.store.outbox import Delivery

LEASE_SECONDS: Final = 120
AT_A_TIME: Final = 50
POLL_SECONDS: Final = 1.0
LONGEST_PAUSE: Final = 60.0
"""While the receiver is down one delivery is tried now and then, at least so often; the others keep their tries."""


class Carrier(Protocol):
    """Brings one delivery to the receiver; ``sending.Sender``."""

    def send(self, delivery_id: str, body: bytes) -> Sent:
        """What became of it; never raises."""

    def close(self) -> None:
        """Nothing is sent any more."""


class Courier:
    """Delivers what is due: ``step`` is one round, ``start`` does rounds in a thread until ``stop``."""

    def __init__(self, rows: Rows, carrier: Carrier, clock: Clock, backoff: Backoff, log: Log) -> None:
        self._rows, self._carrier, self._clock, self._backoff, self._log = rows, carrier, clock, backoff, log
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="courier", daemon=True)
        self._held_until = 0
        self._down_for = 0.0

    def start(self) -> None:
        """Begin to deliver."""
        self._thread.start()

    def stop(self, timeout: float = 5.0) -> None:
        """Finish the delivery at hand, then let another courier begin."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def step(self) -> float:
        """Deliver what is due now; returns the seconds after which there may be more to do."""
        if not self._hold():
            return POLL_SECONDS
        due = self._rows.due(self._clock.now(), AT_A_TIME)
        for delivery in due:
            if self._stopping.is_set() or not self._hold():
                return 0.0
            sent = self._deliver(delivery)
            if sent.receiver_is_down:
                self._down_for = min(max(2 * self._down_for, POLL_SECONDS), LONGEST_PAUSE)
                return max(self._down_for, min(sent.retry_after or 0.0, LONGEST_PAUSE))
            self._down_for = 0.0
        return 0.0 if len(due) == AT_A_TIME else POLL_SECONDS

    def _hold(self) -> bool:
        """Be the only courier for long enough to send once."""
        now = self._clock.now()
        if self._held_until - now < LONGEST_SECONDS * SECOND:
            until = now + LEASE_SECONDS * SECOND
            self._held_until = until if self._rows.hold(now, until) else 0
        return self._held_until > 0

    def _deliver(self, delivery: Delivery) -> Sent:
        sent = self._carrier.send(str(delivery.id), message(delivery))
        now, tries = self._clock.now(), delivery.tries + 1
        next_at = self._backoff.next_try(now, tries, sent.retry_after)
        if sent.taken:
            self._rows.delivered(delivery, now)
        elif next_at is None:
            self._rows.dead(delivery, now, sent.problem)
            self._log.error("a change of score was given up", attempt=tries)
        else:
            self._rows.failed(delivery, next_at, sent.problem)
        return sent

    def _run(self) -> None:
        wait = 0.0
        while not self._stopping.wait(wait):
            try:
                wait = self.step()
            except StoreUnavailable:
                wait = POLL_SECONDS
            except Exception:  # noqa: BLE001 - whatever it was, scores that change have to be told again
                self._log.exception("the courier stumbled")
                wait = LONGEST_PAUSE
        self._let_go()

    def _let_go(self) -> None:
        try:
            if self._held_until:
                self._rows.let_go()
        except StoreUnavailable:
            self._log.warning("the courier's lease ends by itself")
        self._carrier.close()
