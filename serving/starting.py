"""``leadlight serve``: everything that can go wrong is looked at before the first request, and told in one line."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn
from urllib.parse import quote

from sqlalchemy import Connection, select

from features.clock import DAY
from features.errors import LeadlightError
from serving.desk import Desk, opened
from serving.lean import stay_lean
from serving.scopes import SCOPES
from serving.settings import Settings
from serving.store import activations, keys
from serving.store.tables import LATEST_SCORES, LEADS

if TYPE_CHECKING:
    from fastapi import FastAPI

    from serving.protocol import DeadlineProtocol

FACTORY: Final = "serving.starting:create_app"
TENANT: Final = "default"
FIRST_KEY: Final = "first key"
FIRST_KEY_DAYS: Final = 365
GRACE_SECONDS: Final = 10
"""For requests that are under way when the service is told to stop."""
KEEP_ALIVE_SECONDS: Final = 30
BACKLOG: Final = 2_048
FETCH_SECONDS: Final = 300


class StartError(LeadlightError):
    """The service cannot start like this."""


@dataclass(frozen=True, slots=True)
class Banner:
    """What a person needs who has just started a service.

    Attributes:
        key: the first key; shown once, ``None`` at every later start.
        lead: a lead of the store to ask about, where there is one.
    """

    settings: Settings
    champion: str
    key: str | None
    lead: str | None

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        address = self.settings.address
        docs = f"{address}/docs" if self.settings.docs else None
        told = {"address": address, "docs": docs, "pages": f"{address}/leads", "champion": self.champion}
        return {**told, "key": self.key, "try": self.curl()}

    def lines(self) -> list[str]:
        """For the terminal."""
        plain = self.to_dict()
        told = [
            f"model     {self.champion[:12]}, data in {self.settings.data}",
            f"pages     {plain['pages']}",
        ]
        told += [f"API docs  {plain['docs']}"] if plain["docs"] else []
        if self.key is not None:
            told += [f"key       {self.key}   (shown once; the pages ask for it too)"]
        return [*told, "try       " + self.curl()]

    def curl(self) -> str:
        """A call that works as printed."""
        key = self.key or "$LEADLIGHT_KEY"
        about = "model" if self.lead is None else f"leads/{quote(self.lead, safe='')}/score"
        return f'curl -s -H "Authorization: Bearer {key}" {self.settings.address}/v1/{about}'


def prepare(settings: Settings, bundle: Path | None, model: str | None = None) -> Banner:
    """Make the data folder and the database ready, and have a champion.

    Args:
        settings: of the service.
        bundle: kept and made the champion, if it is not.
        model: a registered one in its place, such as ``models:/leadlight@champion``. Without either, what was
            active before is served.

    Raises:
        LeadlightError: whatever keeps the service from answering.
    """
    with opened(settings, make=True) as desk:
        champion = _have_champion(desk, bundle) if model is None else _have_registered(desk, model)
        key = _first_key(desk)
        with desk.store.reading() as connection:
            lead = _some_lead(connection)
    return Banner(settings, champion, key, lead)


def _first_key(desk: Desk) -> str | None:
    """A key that may do everything, where there is none at all."""
    with desk.store.writing() as connection:
        if keys.list_of(connection):
            return None
        now = desk.clock.now()
        return keys.create(connection, TENANT, FIRST_KEY, SCOPES, now + FIRST_KEY_DAYS * DAY, now).text


def _have_champion(desk: Desk, bundle: Path | None) -> str:
    with desk.store.reading() as connection:
        now = activations.current(connection, "champion")
    active = None if now is None else now.fingerprint
    if bundle is None:
        if active is None:
            raise StartError(
                "there is no model to serve",
                ["name one: leadlight serve --bundle run/bundle, or --model models:/leadlight@champion"],
            )
        return active
    fingerprint = desk.bundles.add(bundle)
    if fingerprint != active:
        with desk.store.writing() as connection:
            activations.activate(connection, "champion", fingerprint, "leadlight serve", desk.clock.now())
    return fingerprint


def _some_lead(connection: Connection) -> str | None:
    """A lead to ask about: the one with the highest score, else the newest."""
    best = select(LATEST_SCORES.c.lead_id).where(LATEST_SCORES.c.tenant == TENANT)
    newest = select(LEADS.c.lead_id).where(LEADS.c.tenant == TENANT)
    for query in (
        best.order_by(LATEST_SCORES.c.probability.desc(), LATEST_SCORES.c.lead_id.desc()),
        newest.order_by(LEADS.c.created_at.desc()),
    ):
        found = connection.execute(query.limit(1)).scalar()
        if found is not None:
            return str(found)
    return None


def listen(settings: Settings) -> socket.socket:
    """The socket of the service, bound before anything else is done.

    Raises:
        StartError: the port is taken, or the host is not of this machine.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((settings.host, settings.port))
    except OSError as error:
        bound.close()
        raise StartError(
            f"{settings.host}:{settings.port} cannot be listened on: {error.strerror}",
            ["another service may run there; choose another port: leadlight serve --port 8001"],
        ) from error
    bound.listen(BACKLOG)  # who calls before the workers are up waits, and is answered
    bound.set_inheritable(True)
    return bound


def _emptied(folder: Path) -> Path:
    """A folder for the counters of this run's workers; those of the last run are gone with it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def run(settings: Settings, listening: socket.socket) -> None:
    """Serve until told to stop. Workers read the settings from the environment."""
    import uvicorn  # noqa: PLC0415 - after everything else was found in order
    from uvicorn.supervisors import Multiprocess  # noqa: PLC0415

    os.environ.update(settings.environment())
    if settings.workers > 1:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(_emptied(settings.data / "metrics"))
    config = uvicorn.Config(
        FACTORY,
        factory=True,
        loop="uvloop",
        http="serving.starting:DeadlineProtocol",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        workers=settings.workers,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    if settings.workers > 1:
        Multiprocess(config, sockets=[listening]).run()
        return
    server = uvicorn.Server(config)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    server.run(sockets=[listening])
    if not server.started:
        raise StartError("the service did not start; what kept it from it is told above")


def _end(*_: object) -> NoReturn:
    """End at once: nothing is served yet; or not any more, and uvicorn raises again what it was stopped by."""
    sys.exit(0)


def __getattr__(name: str) -> type[DeadlineProtocol]:
    """Uvicorn asks a new worker for its protocol first, so this has to come before it."""
    if name != "DeadlineProtocol":
        raise AttributeError(name)
    stay_lean()
    from serving.protocol import DeadlineProtocol  # noqa: PLC0415 - only now

    return DeadlineProtocol


def create_app() -> FastAPI:
    """What each worker runs."""
    stay_lean()
    from serving.app import create_app as make  # noqa: PLC0415 - only now

    return make()


def _have_registered(desk: Desk, model: str) -> str:
    """Serve what the registry has under this name.

    A registry that does not answer keeps no service from starting again: then the champion of before goes on.
    """
    with tempfile.TemporaryDirectory(dir=desk.settings.data, prefix=".fetched-") as folder:
        out = Path(folder) / "bundle"
        try:
            _fetch(model, out)
        except StartError as error:
            with desk.store.reading() as connection:
                if activations.current(connection, "champion") is None:
                    raise
            print(f"leadlight: {error}\nleadlight: so the model of before is served", file=sys.stderr)  # noqa: T201
            return _have_champion(desk, None)
        return _have_champion(desk, out)


def _fetch(model: str, out: Path) -> None:
    command = [*_command(), "fetch", "--model", model, "--out", str(out)]
    try:
        done = subprocess.run(  # noqa: S603 - our own command
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=FETCH_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise StartError(f"the registry did not give {model} within {FETCH_SECONDS} s") from error
    if done.returncode != 0:
        said = [line.removeprefix("leadlight: ").strip() for line in done.stderr.strip().splitlines()[-5:]]
        raise StartError(f"{model} could not be fetched from the registry", said)


def _command() -> list[str]:
    """The command ``leadlight`` of this environment."""
    beside = Path(sys.executable).with_name("leadlight")
    found = str(beside) if beside.is_file() else shutil.which("leadlight")
    if found is None:
        raise StartError("the command `leadlight` is not on the path; it fetches models from the registry")
    return [found]
