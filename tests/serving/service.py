"""A service in a folder: a blended model of the made-up company, its leads in the store, and keys."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI
from scipy.special import expit
from starlette.testclient import TestClient

from features.clock import SECOND
from features.playbook import parse_playbook
from models import card, peers
from models.bands import Outcomes, quantile_limits, tabulate
from models.blend import Blend
from models.boosting import BoostingLearner
from models.boosting import Settings as Growth
from models.bundle import Origin, Parts, save
from models.golden import record
from models.logistic import LogisticLearner
from models.scale import default_scale
from serving.bundle_store import BundleStore
from serving.scopes import SCOPES
from serving.settings import Settings
from serving.store import activations, keys
from serving.store.engine import Store
from tests.models.bundles import REPORT, taken_apart
from tests.serving.answers.company import LATER, PLAYBOOK, people, training
from tests.serving.answers.deliver import deliver

TENANT: Final = "acme"
NOW: Final = datetime.fromtimestamp(LATER / SECOND, UTC)
LEAD: Final = "lead 0"
"""A lead of the store."""
ALERTS: Final = "alerts: {points: 10}\n"


def write_blended_bundle(path: Path) -> str:
    """A blend of a booster and a logistic model, both of the company's history; gives the fingerprint."""
    train, playbook = training(), PLAYBOOK + ALERTS
    agreed = parse_playbook(playbook)
    growth = Growth(most_rounds=30, least_rounds=20, leaves=5)
    boosting = BoostingLearner(sheet=agreed.sheet, settings=growth).fit(train, seed=0)
    model = Blend((LogisticLearner().fit(train, seed=0), boosting), (0.4, 0.6), 0.0)
    probability = expit(model.log_odds(train.matrix))
    outcomes = Outcomes(probability, train.label, train.weight, train.as_of)
    bands, base_rate = tabulate(outcomes, quantile_limits(probability)), float(train.label.mean())
    origin = Origin(
        model=model.name,
        definition="v1",
        horizon_days={"": 60, "assays": 30},
        rows=len(train),
        leads=len(train),
        positives=train.positives,
        base_rate=base_rate,
        first_as_of="2023-12-23T00:00:00Z",
        last_as_of="2024-10-20T00:00:00Z",
        history_sha256="ab" * 32,
    )
    scale = default_scale(base_rate)
    return save(
        path,
        Parts(
            origin=origin,
            model=model,
            bands=bands,
            scale=scale,
            peers=peers.gather(taken_apart(model, train)),
            golden=record(model, train),
            playbook=playbook,
            card=card.render(origin, REPORT, agreed, bands, scale),
        ),
    )


def prepare(data: Path, bundle: Path) -> None:
    """The data folder of a service on SQLite."""
    settings = Settings(data=data)
    data.mkdir()
    fill(settings.database, BundleStore(settings.bundles).add(bundle))


def fill(url: str, fingerprint: str) -> None:
    """Have the bundle active, and a few leads with what they did in the store."""
    store = Store.open(url)
    with store.writing() as connection:
        activations.activate(connection, "champion", fingerprint, "tests", LATER)
        some = [lead for number, lead in enumerate(people().values()) if number < 30]
        deliver(connection, some, tenant=TENANT, now=LATER)
    store.close()


@dataclass(frozen=True)
class Caller:
    """A running application, and keys to it."""

    app: FastAPI
    client: TestClient

    def key(
        self, scopes: Iterable[str] = SCOPES, *, tenant: str = TENANT, expires_at: int | None = None
    ) -> str:
        """The text of a new key."""
        store = self.app.state.services.store
        with store.writing() as connection:
            return keys.create(connection, tenant, "of a test", scopes, expires_at, LATER).text

    def bearer(self, scopes: Iterable[str] = SCOPES, **kwargs: Any) -> dict[str, str]:
        """Headers with a new key."""
        return {"Authorization": f"Bearer {self.key(scopes, **kwargs)}"}
