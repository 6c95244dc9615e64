"""A running service for the tests: made once, copied for each."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from starlette.testclient import TestClient

from models.bundle import load
from serving import logs
from serving.app import create_app
from serving.settings import Settings
from tests.kept import kept
from tests.serving.answers.company import SOURCES as OF_COMPANY
from tests.serving.databases import (
    backend,
    empty_url,
    migrated_database,
    migrated_file,
    postgres,
    postgres_url,
)
from tests.serving.postgres import Cluster
from tests.serving.service import NOW, Caller, fill, prepare, write_blended_bundle

__all__ = ["backend", "empty_url", "migrated_database", "migrated_file", "postgres", "postgres_url"]

SOURCES = (*OF_COMPANY, "tests/serving/service.py")


@pytest.fixture(scope="session", autouse=True)
def _our_log() -> None:
    """As a service logs; what structlog does by itself draws a page for every traceback, which takes seconds."""
    logs.configure()


@pytest.fixture(scope="session")
def bundle_dir(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of a blended model with everything that a playbook can hold."""
    made = kept(pytestconfig, "blended", SOURCES, write_blended_bundle, load)
    return shutil.copytree(made, tmp_path_factory.mktemp("bundle") / "bundle")


@pytest.fixture(scope="session")
def prepared_data(pytestconfig: pytest.Config, bundle_dir: Path) -> Path:
    """The data folder of a service in which the bundle is active; copy it before use."""

    def check(data: Path) -> None:
        (bundle,) = (path for path in Settings(data=data).bundles.iterdir() if path.is_dir())
        load(bundle)

    sources = (*SOURCES, "serving", "tests/serving/answers/deliver.py")
    return kept(pytestconfig, "prepared", sources, lambda data: prepare(data, bundle_dir), check)


@pytest.fixture(scope="session")
def prepared_database(postgres: Cluster, bundle_dir: Path) -> str:
    """The same as a database of PostgreSQL; copy it."""
    url = postgres.new_database()
    fill(url, load(bundle_dir).fingerprint)
    return url


@pytest.fixture
def settings(
    request: pytest.FixtureRequest, tmp_path: Path, prepared_data: Path, backend: str
) -> Iterator[Settings]:
    """A service of its own, standing at the end of the company's history."""
    data = shutil.copytree(prepared_data, tmp_path / "data")
    if backend == "sqlite":
        yield Settings(data=data, demo_clock=NOW)
        return
    (data / "service.db").unlink()
    server: Cluster = request.getfixturevalue("postgres")
    url = server.new_database(like=request.getfixturevalue("prepared_database"))
    yield Settings(data=data, demo_clock=NOW, database_url=SecretStr(url))
    server.drop_database(url)


@pytest.fixture
def app(settings: Settings) -> FastAPI:
    """Not started yet: ``client`` starts it."""
    return create_app(settings)


@pytest.fixture
def caller(app: FastAPI) -> Iterator[Caller]:
    """The application running, and keys to it."""
    with TestClient(app, raise_server_exceptions=False) as client:
        yield Caller(app, client)


@pytest.fixture
def client(caller: Caller) -> TestClient:
    """Sends a key that may do everything."""
    caller.client.headers.update(caller.bearer())
    return caller.client


@pytest.fixture
def api_key(caller: Caller) -> Callable[..., str]:
    """``api_key(scopes=("score",), tenant="acme")``: the text of a new key."""
    return caller.key
