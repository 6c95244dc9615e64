"""The whole way on a simulated company: exports, history, training, report, and the service on top."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow.compute as pc

from features.clock import SECOND, iso, micros
from features.errors import LeadlightError
from features.folder import read_bucket, read_manifest
from features.tables import SCHEMAS
from pipelines.ingest import ingest
from pipelines.params import SimulateParams, TrainParams
from pipelines.points.steps import Asked, Done, compare_points
from pipelines.progress import Say
from pipelines.simulate import simulate
from pipelines.summary import counted, figures_line
from pipelines.train import train

PROGRAM: Final = "from pipelines.cli import main; main()"
"""The command `leadlight`, wherever it is installed."""

SHEET = "sheet"
"""Name of the hand-set sheet among the models of a report."""


@dataclass(frozen=True, slots=True)
class Demo:
    """What a demo made.

    Attributes:
        out: folder with ``exports``, ``history``, ``run`` and ``points``.
        simulated: what the simulator says about the company.
        report: the content of ``report.json``.
        points: what the company's own points are worth, and what would change without them.
    """

    out: Path
    simulated: dict[str, Any]
    report: dict[str, Any]
    points: Done

    def lines(self) -> list[str]:
        """What came of it, and the summary on points, for a person."""
        winner = self.report["winner"]
        return [
            f"company   simulated, {counted(self.simulated['rows'])}, in {self.out / 'exports'}",
            f"labels    {counted(self.report['label_states'])}",
            f"winner    {winner}: {figures_line(self.report, winner)}",
            f"by hand   {SHEET}: {figures_line(self.report, SHEET)}",
            f"report    {self.out / 'run' / 'report.html'}",
            f"bundle    {self.out / 'run' / 'bundle'}",
            "",
            *self.points.lines,
        ]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "out": str(self.out),
            "simulated": self.simulated,
            "report": self.report,
            "points": self.points.report,
        }


def run(out: Path, company: SimulateParams, training: TrainParams, say: Say) -> Demo:
    """Simulate a company into ``out/exports``, then ingest, train and report as a user would."""
    exports, history = out / "exports", out / "history"
    say("simulating a company")
    simulated = simulate(exports, company.leads, company.seed)
    say("reading its exports")
    ingest(exports / "mapping.yaml", exports, history)
    playbook = exports / "playbook.yaml"
    finished = train(history, playbook, out / "run", training, say)
    points = compare_points(Asked(history, playbook), out / "run", out / "points", say)
    return Demo(out, simulated, finished.report, points)


def serve_it(out: Path, port: int, *, as_json: bool = False) -> int:
    """Load the history of a demo into a service, score the open leads, and serve until stopped.

    The service runs as a user would run it, by commands in processes of their own; its clock starts a minute
    after the last row of the history, so that the leads are alive.

    Returns:
        The exit code of the service.
    """
    data = out / "service"
    moment = iso(last_known(out / "history") + 60 * SECOND)
    into, clock = ("--data", data), ("--demo-clock", moment)
    _leadlight("load", out / "history", *into)
    _leadlight("activate", out / "run" / "bundle", *into)
    _leadlight("rescore", "--open", *into, *clock)
    told = ("--json",) if as_json else ()
    return _watched(_command("serve", *into, "--port", port, *clock, *told))


def last_known(history: Path) -> int:
    """When the last row of a history became known."""
    latest = 0
    for bucket in range(read_manifest(history).buckets):
        for name, table in read_bucket(history, bucket).items():
            known = pc.max(table["known_at" if "known_at" in SCHEMAS[name].names else "created_at"]).as_py()
            latest = max(latest, 0 if known is None else micros(known))
    return latest


def _leadlight(*arguments: object) -> None:
    done = subprocess.run(_command(*arguments), check=False, stdout=sys.stderr)  # noqa: S603 - our own command
    if done.returncode != 0:
        raise LeadlightError(f"`leadlight {arguments[0]}` failed; see above")


def _command(*arguments: object) -> list[str]:
    return [sys.executable, "-P", "-c", PROGRAM, *map(str, arguments)]


def _watched(command: list[str]) -> int:
    """Run a service; who stops us stops it, and it stops in its own time."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    with subprocess.Popen(command) as child:  # noqa: S603 - our own command
        signal.signal(signal.SIGINT, lambda *_: None)  # Ctrl-C reaches the service too
        signal.signal(signal.SIGTERM, lambda *_: child.terminate())
        try:
            return child.wait()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
