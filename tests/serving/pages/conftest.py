"""A recorded answer, the page it is shown on, and a service of pages over a real store."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import uvicorn
from starlette.testclient import TestClient

from serving.pages.drawing.zones import Limit
from serving.pages.views.setting import Setting
from tests.serving.pages.house import AS_OF, MINUTE, Pages, recorded_answer


@pytest.fixture
def answer() -> dict[str, Any]:
    return recorded_answer()


@pytest.fixture
def setting() -> Setting:
    limits = (Limit("A", 61.0), Limit("B", 39.6), Limit("C", 14.0))
    return Setting(ZoneInfo("America/New_York"), limits, AS_OF + 9 * MINUTE)


@pytest.fixture
def pages(empty_url: str) -> Iterator[Pages]:
    made = Pages(empty_url)
    yield made
    made.close()


@pytest.fixture
def client(pages: Pages) -> Iterator[TestClient]:
    """Signed in, as a browser on https."""
    with TestClient(pages.app, base_url="https://testserver", follow_redirects=False) as signed_in:
        answer = signed_in.post("/login", data={"key": pages.key})
        assert answer.status_code == 303
        yield signed_in


@pytest.fixture
def address(pages: Pages) -> Iterator[str]:
    """A real server of the pages, on http as on somebody's own machine."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(pages.app, port=port, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 10
    while not server.started:
        assert time.monotonic() < deadline, "the server does not start"
        time.sleep(0.02)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(10)
