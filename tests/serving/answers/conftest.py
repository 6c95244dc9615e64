"""A store with the company in it, and what answers from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from features.online import OnlineFeatures
from models.bundle import load
from models.online import OnlineScorer
from models.sealed import BundleError
from serving.answers.scoring import Prepared, Scoring
from serving.arms import Arm, Role
from serving.live import LiveModels
from serving.store import predictions
from serving.store.engine import Store
from tests.kept import kept
from tests.serving.answers import company
from tests.serving.answers.deliver import deliver


class Hand:
    """A clock that is set by hand."""

    def __init__(self, now: int) -> None:
        self.time = now

    def now(self) -> int:
        return self.time


class Models:
    """What is live, set by hand; ``known`` are those that can be loaded."""

    def __init__(self, champion: Arm, *known: Arm) -> None:
        self.live = LiveModels(champion)
        self.known = {arm.fingerprint: arm for arm in (champion, *known)}

    def current(self) -> LiveModels:
        return self.live

    def arm(self, fingerprint: str) -> Arm:
        if fingerprint not in self.known:
            raise BundleError("it is gone")
        return self.known[fingerprint]

    def kept(self, fingerprint: str) -> Arm | None:
        return self.known.get(fingerprint)


def arm_of(path: Path, role: Role = "champion") -> Arm:
    bundle = load(path)
    scorer = OnlineScorer.compile(bundle)
    agreed = bundle.playbook
    features = OnlineFeatures(scorer.features, time_zone=agreed.time_zone, excused=agreed.attributes.excuse)
    return Arm(bundle, features, scorer, role, bundle.fingerprint)


@pytest.fixture(scope="session")
def champion(pytestconfig: pytest.Config) -> Arm:
    return arm_of(kept(pytestconfig, "champion", company.SOURCES, company.write_bundle, load))


@pytest.fixture(scope="session")
def challenger(pytestconfig: pytest.Config) -> Arm:
    def make(path: Path) -> None:
        company.write_bundle(path, seed=1)

    return arm_of(kept(pytestconfig, "challenger", company.SOURCES, make, load), "challenger")


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Read by many tests, written by none."""
    store = Store.open(f"sqlite:///{tmp_path_factory.mktemp('store')}/service.db")
    with store.writing() as connection:
        deliver(connection, list(company.people().values())[:90])
    return store


@pytest.fixture
def store(empty_url: str) -> Iterator[Store]:
    """Empty, of this test alone."""
    store = Store.open(empty_url)
    yield store
    store.close()


@pytest.fixture
def clock() -> Hand:
    return Hand(company.LATER)


@pytest.fixture
def models(champion: Arm) -> Models:
    return Models(champion)


@pytest.fixture
def scoring(clock: Hand, store: Store, models: Models) -> Scoring:
    return Scoring(clock, store, models)


@pytest.fixture
def reading(clock: Hand, filled: Store, models: Models) -> Scoring:
    """Scores leads of the filled store."""
    return Scoring(clock, filled, models)


def keep(store: Store, prepared: Prepared) -> None:
    """Record an answer, as a request does before it is sent."""
    with store.writing() as connection:
        predictions.record(connection, prepared.records, alert_points=None)


def without(arm: Arm, **changes: object) -> Arm:
    """The same arm with another playbook."""
    playbook = arm.bundle.playbook.model_copy(update=changes)
    return replace(arm, bundle=replace(arm.bundle, playbook=playbook))
