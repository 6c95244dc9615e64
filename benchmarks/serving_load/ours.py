"""Our service with leads in its store, as ``leadlight serve`` runs it."""

from __future__ import annotations

import json
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
from sqlalchemy import func, select

from benchmarks.point_in_time.columns import CHANNELS, TOPICS, TYPES
from benchmarks.serving_load.servers import Server, free_port, running
from benchmarks.serving_load.wrk import Request
from features.clock import DAY, micros
from features.evidence import Event, Evidence
from features.online import OnlineFeatures
from models.bundle import load
from serving.settings import Settings
from serving.starting import TENANT, prepare
from serving.store import evidence
from serving.store.engine import Store
from serving.store.rows import EventRow, LeadRow
from serving.store.tables import PREDICTIONS

LEADS: Final = 100
EVENTS: Final = 200
AGE: Final = 180 * DAY


@dataclass(frozen=True, slots=True)
class Prepared:
    """A data folder with a model and leads in it, and a key."""

    settings: Settings
    key: str
    leads: tuple[Evidence, ...]


def prepared(folder: Path, bundle: Path, seed: int) -> Prepared:
    """Make ``LEADS`` leads of ``EVENTS`` events each, up to this moment."""
    settings = Settings(data=folder / "data", port=free_port(), requests_per_minute=100_000_000)
    key = prepare(settings, bundle).key
    assert key is not None
    now = time.time_ns() // 1_000
    leads = tuple(made_up(np.random.default_rng([seed, at]), f"lead-{at}", now) for at in range(LEADS))
    store = Store.open(settings.database)
    with store.writing() as connection:
        rows = [LeadRow(lead.lead_id, lead.created_at) for lead in leads]
        evidence.put_leads(connection, TENANT, rows, now)
        for lead in leads:
            events = [EventRow(lead.lead_id, *event) for event in lead.events]
            evidence.put_events(connection, TENANT, events, now)
    store.close()
    return Prepared(settings, key, leads)


def made_up(rng: np.random.Generator, lead_id: str, now: int) -> Evidence:
    """A busy lead."""
    created = now - AGE
    moments = np.sort(rng.integers(created, now - 1_000_000, EVENTS)).tolist()
    events = tuple(
        Event(
            f"{lead_id}-{at}",
            str(rng.choice(TYPES)),
            moment,
            moment,
            value=float(rng.integers(0, 60)),
            topic=str(rng.choice(TOPICS)),
            channel=str(rng.choice(CHANNELS)),
        )
        for at, moment in enumerate(moments)
    )
    return Evidence(lead_id, created, events=events)


@contextmanager
def service(made: Prepared, folder: Path) -> Iterator[Server]:
    """The service with one worker."""
    program = str(Path(sys.executable).parent / "leadlight")
    settings = made.settings
    command = [program, "serve", "--data", str(settings.data), "--port", str(settings.port), "--workers", "1"]
    with running(
        command,
        port=settings.port,
        path="/readyz",
        log=folder / "ours.log",
        environment=settings.environment(),
    ) as server:
        yield server


def score_request(server: Server, made: Prepared) -> Request:
    """A score with its reasons, of one lead after the other."""
    paths = tuple(f"/v1/leads/{lead.lead_id}/score" for lead in made.leads)
    return Request(server.address, {"Authorization": f"Bearer {made.key}"}, paths=paths)


def check(request: Request, made: Prepared, bundle: Path) -> None:
    """See that the service answers what the bundle says of the same evidence at the same moment."""
    loaded = load(bundle)
    online = OnlineFeatures(loaded.features, time_zone=loaded.playbook.time_zone)
    for lead, path in list(zip(made.leads, request.paths, strict=True))[:10]:
        told = _ask(request, path)
        as_of = micros(datetime.fromisoformat(told["as_of"]))
        scores = loaded.score(online.row(online.bind(lead), as_of).matrix(loaded.features))
        apart = abs(told["log_odds"] - float(scores.log_odds[0]))
        reasons = told["base"]["log_odds"] + sum(one["log_odds"] for one in told["reasons"]["by_signal"])
        if not (apart <= 1e-12 and abs(reasons - told["log_odds"]) <= 1e-9):
            raise RuntimeError(f"the service says {told['log_odds']} and the bundle {scores.log_odds[0]}")


def recorded(made: Prepared) -> int:
    """How many answers are in the database."""
    store = Store.open(made.settings.database)
    try:
        with store.reading() as connection:
            return int(connection.execute(select(func.count()).select_from(PREDICTIONS)).scalar() or 0)
    finally:
        store.close()


def _ask(request: Request, path: str) -> dict[str, Any]:
    asked = urllib.request.Request(request.url + path, headers=request.headers)  # noqa: S310 - loopback
    with urllib.request.urlopen(asked) as answer:  # noqa: S310
        told: dict[str, Any] = json.load(answer)
    return told
