"""A service to be mistreated; every test has its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.running import Running

pytest_plugins: list[str] = []


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
