"""Servers in processes of their own, started for a measurement and stopped after it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

PATIENCE: Final = 120.0
UVICORN: Final = ("--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning")
"""The same for every server that runs on uvicorn."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answers. ``start_s``: from the start of its process to its first answer."""

    address: str
    process: psutil.Process
    start_s: float

    def rss_mb(self) -> float:
        """Memory of the process and its children that is not shared with other processes, in MB."""
        family = [self.process, *self.process.children(recursive=True)]
        return sum(one.memory_full_info().uss for one in family) / 1e6


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(
    command: Sequence[str], *, port: int, path: str, log: Path, environment: dict[str, str] | None = None
) -> Iterator[Server]:
    """Run a server until the end of the block; begins when ``path`` answers 200.

    Raises:
        RuntimeError: with the end of its log, if it does not come up.
    """
    address = f"http://127.0.0.1:{port}"
    began = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own arguments
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PATH": _path(), **(environment or {})},
            start_new_session=True,
        )
    try:
        while not _answers(f"{address}{path}"):
            if process.poll() is not None or time.monotonic() - began > PATIENCE:
                raise RuntimeError(f"{command[:4]} did not come up:\n{log.read_text()[-3000:]}")
            time.sleep(0.01)
        yield Server(address, psutil.Process(process.pid), time.monotonic() - began)
    finally:
        _stop(process)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - loopback
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    for kind in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, kind)
        except ProcessLookupError:
            break
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            continue


def python(*arguments: str) -> list[str]:
    """A command of this interpreter."""
    return [sys.executable, *arguments]


def _path() -> str:
    """With the programs beside this interpreter first; mlflow looks for uvicorn there."""
    return f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
