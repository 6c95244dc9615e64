"""A service in a folder: a blended model of the made-up company, its leads in the store, and keys."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI
from starlette.testclient import TestClient

from features.clock import SECOND
from features.playbook import parse_playbook
from models.blend import Blend
from models.boosting import BoostingLearner
from models.boosting import Settings as Growth
from models.logistic import LogisticLearner
from serving.bundle_store import BundleStore
from serving.scopes import SCOPES
from serving.settings import Settings
from serving.store import activations, keys
from serving.store.engine import Store
from tests.serving.answers.company import LATER, PLAYBOOK, people, training, write_model
from tests.serving.answers.deliver import deliver

TENANT: Final = "acme"
NOW: Final = datetime.fromtimestamp(LATER / SECOND, UTC)
LEAD: Final = "lead 0"
"""A lead of the store."""
ALERTS: Final = "alerts: {points: 10}\n"


def write_blended_bundle(path: Path) -> str:
    """A blend of a booster and a logistic model, both of the company's history; gives the fingerprint."""
    train, playbook = training(), PLAYBOOK + ALERTS
    growth = Growth(most_rounds=30, least_rounds=20, leaves=5)
    boosting = BoostingLearner(sheet=parse_playbook(playbook).sheet, settings=growth).fit(train, seed=0)
    model = Blend((LogisticLearner().fit(train, seed=0), boosting), (0.4, 0.6), 0.0)
    return write_model(path, model, playbook)


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
