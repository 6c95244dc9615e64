"""A PostgreSQL of our own for the tests: Debian's binaries, a temporary folder, a socket in it, no network."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psycopg
import pytest

UNPRIVILEGED = ("postgres", "nobody")
SETTINGS = {
    "listen_addresses": "''",
    "fsync": "off",  # the tests crash the service, not the machine
    "shared_buffers": "16MB",
    "max_connections": "60",
    "autovacuum": "off",
}
_number = count()


@dataclass(frozen=True, slots=True)
class Cluster:
    """A running server."""

    folder: Path
    binaries: Path
    user: str | None

    def url(self, database: str) -> str:
        return f"postgresql:///{database}?host={self.folder}&user=leadlight"

    def new_database(self, *, like: str = "postgresql:///template1") -> str:
        """URL of a copy of another database, which nobody may be using; of an empty one where none is named."""
        name = f"test_{os.getpid()}_{next(_number)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{_name(like)}"')
        return self.url(name)

    def drop_database(self, url: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{_name(url)}" WITH (FORCE)')

    def start(self) -> None:
        options = " ".join(f"-c {name}={value}" for name, value in SETTINGS.items())
        log = self.folder / "log"
        self.control("start", "-w", "-t", "60", "-l", str(log), "-o", f"-k {self.folder} {options}")

    def stop(self) -> None:
        self.control("stop", "-w", "-m", "immediate")

    def control(self, *arguments: str) -> None:
        run(self.user, self.binaries / "pg_ctl", "-D", str(self.folder / "data"), *arguments)


def _name(url: str) -> str:
    return url.removeprefix("postgresql:///").partition("?")[0]


def run(user: str | None, *command: object) -> None:
    """Run a program of the server, which refuses to be run by root."""
    as_user = (
        [] if user is None else ["setpriv", f"--reuid={user}", "--regid=nogroup", "--clear-groups", "--"]
    )
    finished = subprocess.run(
        [*as_user, *map(str, command)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,  # a server that inherits a pipe would keep it open
        stderr=subprocess.PIPE if "initdb" in str(command[0]) else subprocess.DEVNULL,
        cwd="/",
        timeout=120,
        check=False,
    )
    if finished.returncode:
        raise RuntimeError(f"{command[0]} failed: {(finished.stderr or b'').decode()[-500:]}")


def binaries() -> Path | None:
    """The folder with ``initdb`` and ``pg_ctl``, the newest version first."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if installed:
        return installed[-1].parent
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


def who_may() -> str | None:
    """The user to run the server as; ``None`` is ourselves."""
    if os.getuid() != 0:
        return None
    import pwd

    names = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in UNPRIVILEGED if name in names)


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A server for a while; skips, or fails on a build machine, where PostgreSQL is not installed."""
    folder_of_binaries = binaries()
    if folder_of_binaries is None:
        reason = "PostgreSQL is not installed (apt-get install postgresql)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    user = who_may()
    folder = Path(tempfile.mkdtemp(prefix="ll-pg-"))  # short: a socket's path has at most 107 characters
    try:
        if user is not None:
            shutil.chown(folder, user)
        made = Cluster(folder, folder_of_binaries, user)
        initdb = ["--no-sync", "--auth=trust", "--username=leadlight", "--encoding=UTF8", "--locale=C.UTF-8"]
        run(user, folder_of_binaries / "initdb", *initdb, "-D", folder / "data")
        made.start()
        try:
            yield made
        finally:
            made.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
