"""Signals around the serving itself."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator

import pytest

from serving import starting
from serving.settings import Settings

NUMBERS = (signal.SIGTERM, signal.SIGINT)


@pytest.fixture(autouse=True)
def _signals_as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("os.environ", {})
    before = {number: signal.getsignal(number) for number in NUMBERS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_signal_before_the_service_listens_for_it_ends_the_process(number, monkeypatch, tmp_path):
    went_on = []

    def run(*_, **__):
        signal.raise_signal(number)
        went_on.append(True)

    monkeypatch.setattr("uvicorn.Server.run", run)
    with socket.socket() as listening, pytest.raises(SystemExit) as ended:
        starting.run(Settings(data=tmp_path), listening)
    assert ended.value.code == 0
    assert not went_on
