"""The whole way on a simulated company: exports, history, training, report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.ingest import ingest
from pipelines.params import SimulateParams, TrainParams
from pipelines.progress import Say
from pipelines.simulate import simulate
from pipelines.summary import counted, figures_line
from pipelines.train import train

SHEET = "sheet"
"""Name of the hand-set sheet among the models of a report."""


@dataclass(frozen=True, slots=True)
class Demo:
    """What a demo made.

    Attributes:
        out: folder with ``exports``, ``history`` and ``run``.
        simulated: what the simulator says about the company.
        report: the content of ``report.json``.
    """

    out: Path
    simulated: dict[str, Any]
    report: dict[str, Any]

    def lines(self) -> list[str]:
        """Six lines for a person."""
        winner = self.report["winner"]
        return [
            f"company   simulated, {counted(self.simulated['rows'])}, in {self.out / 'exports'}",
            f"labels    {counted(self.report['label_states'])}",
            f"winner    {winner}: {figures_line(self.report, winner)}",
            f"by hand   {SHEET}: {figures_line(self.report, SHEET)}",
            f"report    {self.out / 'run' / 'report.html'}",
            f"bundle    {self.out / 'run' / 'bundle'}",
        ]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"out": str(self.out), "simulated": self.simulated, "report": self.report}


def run(out: Path, company: SimulateParams, training: TrainParams, say: Say) -> Demo:
    """Simulate a company into ``out/exports``, then ingest, train and report as a user would."""
    exports, history = out / "exports", out / "history"
    say("simulating a company")
    simulated = simulate(exports, company.leads, company.seed)
    say("reading its exports")
    ingest(exports / "mapping.yaml", exports, history)
    finished = train(history, exports / "playbook.yaml", out / "run", training, say)
    return Demo(out, simulated, finished.report)
