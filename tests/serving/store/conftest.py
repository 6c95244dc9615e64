"""Every test of the store runs on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from serving.store.engine import Store
from serving.store.tables import METADATA
from serving.store.writer import Writer
from tests.serving.postgres import postgres, postgres_url

__all__ = ["postgres", "postgres_url"]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/service.db"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture(scope="session")
def migrated_url(request: pytest.FixtureRequest) -> str:
    """Of a PostgreSQL database that tests share, because making one takes longer than most of them."""
    url = str(request.getfixturevalue("postgres").new_database())
    Store.open(url).close()
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Without any rows."""
    own_file = request.param == "sqlite"
    url = f"sqlite:///{tmp_path}/service.db" if own_file else str(request.getfixturevalue("migrated_url"))
    opened = Store.open(url)
    yield opened
    if not own_file:
        with opened.writing() as connection:
            names = ", ".join(f'"{name}"' for name in METADATA.tables if name != "meta")
            connection.execute(text(f"TRUNCATE {names} RESTART IDENTITY CASCADE"))
    opened.close()


@pytest.fixture
def file_store(tmp_path: Path) -> Iterator[Store]:
    """On SQLite."""
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
