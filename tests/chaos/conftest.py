"""A service to be mistreated; every test has its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.running import Running
from tests.serving.answers import company
from tests.serving.conftest import bundle_dir

__all__ = ["bundle_dir"]


@pytest.fixture(scope="session")
def other_bundle_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of another model of the same company."""
    path = tmp_path_factory.mktemp("other") / "bundle"
    company.write_bundle(path, seed=1)
    return path


@pytest.fixture
def stopped(tmp_path: Path, bundle_dir: Path) -> Iterator[Running]:
    """Not started yet."""
    service = Running(tmp_path / "data", bundle_dir)
    yield service
    if service.process is not None and service.process.poll() is None:
        service.kill()


@pytest.fixture
def running(stopped: Running) -> Running:
    """Started, with a key."""
    return stopped.start()
