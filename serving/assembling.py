"""Puts the parts of a service together when it starts, and takes them apart, in order, when it stops."""

from __future__ import annotations

import os
import random
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Final

from serving.answers.scoring import Scoring
from serving.auth import KeyRing
from serving.bundle_store import BundleStore
from serving.clock import Clock, clock_of
from serving.jobs.supervisor import Supervisor
from serving.lifecycle import Lifecycle
from serving.limits import Limiter
from serving.live import Live
from serving.logs import Log, log
from serving.metrics import Metrics
from serving.outbox.backoff import Backoff
from serving.outbox.courier import Courier
from serving.outbox.rows import StoreRows
from serving.outbox.sending import Sender
from serving.readiness import Readiness
from serving.services import Services
from serving.settings import Settings, SettingsError
from serving.store.engine import Store
from serving.store.writer import Writer

DRAIN_SECONDS: Final = 5.0
"""For what waits to be written when the service stops."""


@contextmanager
def running(settings: Settings) -> Iterator[Services]:
    """The services of one worker, from the start to the end.

    They end in the opposite order: nothing new is begun, what was begun is written, then the database is let go.

    Raises:
        LeadlightError: the database cannot be opened, or a setting cannot be meant.
    """
    worker, told = f"{os.getpid()}-{secrets.token_hex(4)}", log()
    settings.data.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        clock = clock_of(settings.demo_clock)
        store = Store.open(settings.database)
        stack.callback(store.close)
        writer = Writer(store)
        stack.callback(writer.close, DRAIN_SECONDS)
        executor = ThreadPoolExecutor(_threads(settings.workers), thread_name_prefix="compute")
        stack.callback(executor.shutdown)
        bundles = BundleStore(settings.bundles, settings.public_key)
        live = Live(store, bundles, told, writer=writer, worker_id=worker)
        stack.callback(live.stop)
        live.start()
        _in_background(stack, settings, store, writer, clock, worker)
        lifecycle = Lifecycle()
        stack.callback(lifecycle.stop)
        yield Services(
            settings=settings,
            clock=clock,
            store=store,
            writer=writer,
            live=live,
            scoring=Scoring(clock, store, live),
            keys=KeyRing(store, clock, executor),
            limiter=Limiter(settings.requests_per_minute),
            metrics=Metrics(),
            lifecycle=lifecycle,
            readiness=Readiness(lifecycle, live, writer, clock, settings.data),
            executor=executor,
            log=told,
        )


def _in_background(  # noqa: PLR0917 - what the two share with the service
    stack: ExitStack, settings: Settings, store: Store, writer: Writer, clock: Clock, worker: str
) -> None:
    supervisor = Supervisor(settings, store, writer, clock, log())
    stack.callback(supervisor.stop)
    supervisor.start()
    if settings.webhook_url is not None:
        courier = _courier(settings, StoreRows(store, writer, worker), clock, log())
        stack.callback(courier.stop)
        courier.start()


def _courier(settings: Settings, rows: StoreRows, clock: Clock, told: Log) -> Courier:
    if settings.webhook_secret is None or settings.webhook_url is None:
        raise SettingsError(
            "a webhook needs a secret that signs what it is told",
            ["set LEADLIGHT_WEBHOOK_SECRET to a random text, and give it to the receiver"],
        )
    secret = settings.webhook_secret.get_secret_value().encode()
    sender = Sender(settings.webhook_url, secret, allow_private=settings.webhook_allow_private)
    return Courier(rows, sender, clock, Backoff(random.Random()), told)  # noqa: S311 - spreads tries, hides nothing


def _threads(workers: int) -> int:
    """Threads of one worker: its share of the cores, and one more so that reading never waits for reasons."""
    return max(len(os.sched_getaffinity(0)) // workers, 1) + 1
