"""A service in a process of its own, to be killed, starved and overloaded."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2 as httpx
import orjson

LEADLIGHT = str(Path(sys.executable).with_name("leadlight"))

READY_WITHIN = 30.0
"""Seconds; a machine with a test run on it is slow."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def command(*arguments: str | Path, data: Path, **environment: str) -> dict[str, Any]:
    """Run ``leadlight ... --json`` on the service's data, and give its answer."""
    done = subprocess.run(
        [LEADLIGHT, *map(str, arguments), "--data", str(data), "--json"],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = orjson.loads(done.stdout)
    return answer


@dataclass
class Running:
    """``leadlight serve`` on a data folder; started, stopped and killed at will."""

    data: Path
    bundle: Path
    port: int = field(default_factory=free_port)
    environment: dict[str, str] = field(default_factory=lambda: {"LEADLIGHT_REQUESTS_PER_MINUTE": "1000000"})
    workers: int = 1
    process: subprocess.Popen[bytes] | None = None
    key: str = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def start(self) -> Running:
        """Start, and wait until it is ready."""
        words = [
            "serve",
            "--bundle",
            self.bundle,
            "--data",
            self.data,
            "--port",
            self.port,
            "--workers",
            self.workers,
        ]
        log = (self.data.parent / f"{self.data.name}.log").open("ab")
        with log:
            self.process = subprocess.Popen(
                [LEADLIGHT, *map(str, words)],
                env=os.environ | self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,  # so that its workers can be killed with it
            )
        self.wait_until_ready()
        if not self.key:
            scopes = [
                word
                for scope in ("score", "explain", "model:read", "evidence:write")
                for word in ("--scope", scope)
            ]
            made = command("keys", "create", "--name", "chaos", *scopes, data=self.data, **self.environment)
            self.key = str(made["key"])
        return self

    def wait_until_ready(self) -> None:
        give_up = time.monotonic() + READY_WITHIN
        while time.monotonic() < give_up:
            assert self.process is not None
            assert self.process.poll() is None, f"the service ended: {self.log[-2000:]}"
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{self.url}/readyz", timeout=2).status_code == 200:
                    return
            time.sleep(0.02)
        raise AssertionError(f"not ready within {READY_WITHIN:g} s: {self.log[-2000:]}")

    @property
    def log(self) -> str:
        return (self.data.parent / f"{self.data.name}.log").read_text(errors="replace")

    def kill(self) -> None:
        """As a crash does it: at once, with all of its processes."""
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> int:
        """As an operator does it; gives the exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    @contextlib.contextmanager
    def client(self, **options: Any) -> Iterator[httpx.Client]:
        """A client with the key of the service."""
        headers = {"Authorization": f"Bearer {self.key}"}
        with httpx.Client(base_url=self.url, headers=headers, timeout=10, **options) as client:
            yield client


def lead(number: int) -> dict[str, Any]:
    """A lead with a little history, as ``POST /v1/score`` takes it; another number is another lead."""
    day = 1 + number % 28
    return {
        "lead_id": f"lead-{number}",
        "created_at": "2025-01-01T00:00:00Z",
        "events": [
            {
                "event_id": f"e{number}-{at}",
                "type": ("visit", "pricing_view", "demo")[at % 3],
                "occurred_at": f"2025-02-{day:02d}T{at:02d}:00:00Z",
                "known_at": f"2025-02-{day:02d}T{at:02d}:00:00Z",
            }
            for at in range(1 + number % 7)
        ],
    }
