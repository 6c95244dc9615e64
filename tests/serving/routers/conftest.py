"""The interface on SQLite and on PostgreSQL."""

from __future__ import annotations

from tests.serving.databases import each_backend as backend

__all__ = ["backend"]
