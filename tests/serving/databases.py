"""Databases for the tests: of SQLite, and of PostgreSQL too where SQL matters. Tables are made once and copied."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from serving.store.engine import Store
from tests.serving.postgres import Cluster, cluster

BACKENDS: Final = (
    "sqlite",
    pytest.param("postgresql", marks=[pytest.mark.postgres, pytest.mark.slow]),
)


@pytest.fixture
def backend() -> str:
    """SQLite; a module that says ``from tests.serving.databases import each_backend as backend`` runs on both."""
    return "sqlite"


@pytest.fixture(params=BACKENDS)
def each_backend(request: pytest.FixtureRequest) -> str:
    """First the one and then the other."""
    return str(request.param)


@pytest.fixture
def empty_url(request: pytest.FixtureRequest, backend: str, tmp_path: Path) -> Iterator[str]:
    """URL of a database of its own, with all tables and no rows."""
    if backend == "sqlite":
        shutil.copy(request.getfixturevalue("migrated_file"), tmp_path / "service.db")
        yield f"sqlite:///{tmp_path}/service.db"
        return
    server: Cluster = request.getfixturevalue("postgres")
    url = server.new_database(like=request.getfixturevalue("migrated_database"))
    yield url
    server.drop_database(url)


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of SQLite with all tables; copy it."""
    path = tmp_path_factory.mktemp("migrated") / "service.db"
    Store.open(f"sqlite:///{path}").close()
    return path


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """One server for the whole run."""
    with cluster() as running:
        yield running


@pytest.fixture(scope="session")
def migrated_database(postgres: Cluster) -> str:
    """URL of a database of PostgreSQL with all tables; copy it."""
    url = postgres.new_database()
    Store.open(url).close()
    return url


@pytest.fixture
def postgres_url(postgres: Cluster) -> Iterator[str]:
    """URL of a database of its own, without tables."""
    url = postgres.new_database()
    yield url
    postgres.drop_database(url)
