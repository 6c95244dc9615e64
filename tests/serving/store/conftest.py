"""Every test of the store runs on SQLite and on PostgreSQL."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from serving.store.engine import Store
from serving.store.tables import METADATA
from serving.store.writer import Writer
from tests.serving.databases import BACKENDS
from tests.serving.databases import each_backend as backend

__all__ = ["backend"]


@pytest.fixture(params=BACKENDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of a database without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/service.db"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture(scope="session")
def shared_url(request: pytest.FixtureRequest) -> str:
    """Of a PostgreSQL database that tests share, because even copying one takes longer than most of them."""
    server = request.getfixturevalue("postgres")
    return str(server.new_database(like=request.getfixturevalue("migrated_database")))


@pytest.fixture
def store(request: pytest.FixtureRequest, backend: str) -> Iterator[Store]:
    """Without any rows."""
    own_file = backend == "sqlite"
    opened = Store.open(str(request.getfixturevalue("empty_url" if own_file else "shared_url")))
    yield opened
    if not own_file:
        with opened.writing() as connection:
            names = ", ".join(f'"{name}"' for name in METADATA.tables if name != "meta")
            connection.execute(text(f"TRUNCATE {names} RESTART IDENTITY CASCADE"))
    opened.close()


@pytest.fixture
def file_store(migrated_file: Path, tmp_path: Path) -> Iterator[Store]:
    """On SQLite."""
    shutil.copy(migrated_file, tmp_path / "service.db")
    opened = Store.open(f"sqlite:///{tmp_path}/service.db")
    yield opened
    opened.close()


@pytest.fixture
def writer(store: Store) -> Iterator[Writer]:
    made = Writer(store)
    yield made
    assert made.close()


@pytest.fixture
def file_writer(file_store: Store) -> Iterator[Writer]:
    made = Writer(file_store)
    yield made
    assert made.close()
