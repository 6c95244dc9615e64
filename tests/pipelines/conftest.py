"""Fixtures of the pipelines' tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pipelines.exports import Export


@pytest.fixture
def export(tmp_path: Path) -> Export:
    """An empty export."""
    return Export(tmp_path)
