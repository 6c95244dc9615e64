"""Numbers about the service for Prometheus. No label holds what a client sent: routes are templates.

With several workers, ``PROMETHEUS_MULTIPROC_DIR`` has to name an empty folder before they start; then any of them
answers for all.
"""

from __future__ import annotations

import os
from typing import Final, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
NO_ROUTE: Final = "(none)"
OTHER: Final = "OTHER"
METHODS: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
SECONDS: Final = (0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Metrics:
    """The numbers of one application."""

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        self._seconds = Histogram(
            "leadlight_request_seconds",
            "Time from the first byte of a request handled to the last byte of its answer.",
            ["method", "route", "status"],
            buckets=SECONDS,
            registry=registry,
        )
        self._problems = Counter(
            "leadlight_problems", "Answers that told a problem, by its code.", ["code"], registry=registry
        )
        self._predictions = Counter(
            "leadlight_predictions",
            "Scores recorded, by band, role of the model and how they were asked for.",
            ["band", "role", "origin"],
            registry=registry,
        )
        self._under_way = _gauge("leadlight_requests_under_way", "Requests being worked on.", registry)
        self._writes = _gauge("leadlight_writes_waiting", "Writes that wait for their commit.", registry)
        self._outbox = _gauge(
            "leadlight_outbox", "Changes of scores not delivered, by state.", registry, ["state"], "max"
        )
        self._outbox_age = _gauge(
            "leadlight_outbox_oldest_seconds", "Age of the oldest undelivered change.", registry, (), "max"
        )
        self._model = _gauge(
            "leadlight_model", "1 for the bundle that answers in a role.", registry, ["role", "bundle"], "max"
        )
        self._requests: dict[tuple[str, str, int], Histogram] = {}

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request was answered."""
        key = (method, route, status)
        child = self._requests.get(key)
        if child is None:
            known = method if method in METHODS else OTHER
            child = self._requests[(known, route, status)] = self._seconds.labels(known, route, str(status))
        child.observe(seconds)

    def problem(self, code: str) -> None:
        """A problem was told."""
        self._problems.labels(code).inc()

    def predicted(self, band: str | None, role: str, origin: str) -> None:
        """A score was recorded; ``band`` is none where the person objected."""
        self._predictions.labels(band or "none", role, origin).inc()

    def state(self, *, under_way: int, waiting: int) -> None:
        """What is under way in this worker now."""
        self._under_way.set(under_way)
        self._writes.set(waiting)

    def outbox(self, counts: dict[str, int], oldest_seconds: float) -> None:
        """What the outbox holds now."""
        for state, number in counts.items():
            self._outbox.labels(state).set(number)
        self._outbox_age.set(oldest_seconds)

    def models(self, champion: str | None, challenger: str | None) -> None:
        """Which bundles answer now."""
        self._model.clear()
        for role, bundle in (("champion", champion), ("challenger", challenger)):
            if bundle is not None:
                self._model.labels(role, bundle).set(1)

    def text(self) -> bytes:
        """As Prometheus reads it; of all workers where they share a folder."""
        if not os.environ.get(FOLDER):
            return generate_latest(self._registry)
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        return generate_latest(together)


def _gauge(
    name: str,
    says: str,
    registry: CollectorRegistry,
    labels: tuple[str, ...] | list[str] = (),
    over: str = "sum",
) -> Gauge:
    """A gauge; ``over``: what several workers make of their values."""
    mode: Literal["livesum", "livemax"] = "livesum" if over == "sum" else "livemax"
    return Gauge(name, says, labels, registry=registry, multiprocess_mode=mode)
