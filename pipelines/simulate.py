"""Raw exports of a simulated company, with the truth beside them. It is honest about being simulated."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Final

import numpy as np

from features.errors import DefinitionError, LeadlightError
from features.playbook import read_playbook
from features.sheet import Sheet
from pipelines.simulation.behavior import draw_events
from pipelines.simulation.company import RULE_LOG_ODDS
from pipelines.simulation.export_facts import write_facts
from pipelines.simulation.export_hubspot import write_hubspot
from pipelines.simulation.export_marketo import write_marketo
from pipelines.simulation.export_salesforce import write_salesforce
from pipelines.simulation.outcomes import decide
from pipelines.simulation.people import draw_people
from pipelines.simulation.records import keep_records
from pipelines.simulation.truth import NOTICE, tell_truth, truth_text

EXAMPLE: Final = Path(__file__).parents[1] / "examples" / "simulated"
"""Where the mapping, the playbook and the README of the simulated company lie."""
BESIDE: Final = ("mapping.yaml", "playbook.yaml", "README.md")
FOLDERS: Final = ("salesforce", "hubspot", "marketo", "facts")
FEWEST, MOST = 100, 1_000_000


def simulate(out: Path, leads: int, seed: int, *, shift: float = 1.0) -> dict[str, Any]:
    """Write raw exports, ``mapping.yaml``, ``playbook.yaml``, ``README.md`` and ``truth.json`` into ``out``.

    The same arguments write the same bytes. Files of an earlier simulation in ``out`` are replaced.

    Args:
        out: folder, made if it does not exist.
        leads: how many, 100 to 1,000,000.
        seed: at least 0.
        shift: factor on the odds of an SQL for leads at which sales looks in 2025; 1 is no shift.

    Returns:
        ``notice``, ``rows`` (leads, events, and rows per file), ``measured`` (conversion, ROC-AUC of the truth and
        of the sheet, shares of the special cases).

    Raises:
        LeadlightError: if an argument is out of range, ``examples/simulated`` is missing or does not fit, or
            ``out`` holds such files that no simulation wrote.
    """
    _check(leads, seed, shift)
    _refuse_foreign(out)
    playbook = read_playbook(EXAMPLE / "playbook.yaml")
    sheet = _known_sheet(playbook.sheet)
    draws = [np.random.default_rng([seed, part]) for part in range(4)]
    people = draw_people(draws[0], leads)
    events = draw_events(draws[1], people)
    records = keep_records(draws[3], people, events, decide(draws[2], people, events, sheet, shift))
    _clear(out)
    files = {
        folder: write(out / folder, records)
        for folder, write in {
            "salesforce": write_salesforce,
            "hubspot": write_hubspot,
            "marketo": write_marketo,
            "facts": write_facts,
        }.items()
    }
    for name in BESIDE:
        shutil.copyfile(EXAMPLE / name, out / name)
    truth = tell_truth(records, playbook, seed, shift)
    (out / "truth.json").write_text(truth_text(truth), encoding="utf-8")
    rows = {"leads": leads, "events": sum(map(len, records.events.values())) + len(records.touches.events)}
    return {"notice": NOTICE, "rows": rows, "files": files, "measured": truth["measured"]}


def _check(leads: int, seed: int, shift: float) -> None:
    problems = []
    if not FEWEST <= leads <= MOST:
        problems.append(f"leads must lie between {FEWEST} and {MOST:,}, got {leads:,}")
    if seed < 0:
        problems.append(f"seed must be at least 0, got {seed}")
    if not 0.05 <= shift <= 20:
        problems.append(f"shift must lie between 0.05 and 20, got {shift:g}")
    missing = [name for name in BESIDE if not (EXAMPLE / name).is_file()]
    problems += [f"{EXAMPLE / name} is missing; run from a checkout of the repository" for name in missing]
    if problems:
        raise LeadlightError("the company cannot be simulated", problems)


def _known_sheet(sheet: Sheet | None) -> Sheet:
    """The sheet of the example playbook, whose rules must be the ones that the simulation knows."""
    names = [] if sheet is None else [rule.name for rule in sheet.rules]
    if sheet is None or set(names) != set(RULE_LOG_ODDS):
        wrong = sorted(set(names) ^ set(RULE_LOG_ODDS))
        raise DefinitionError("the sheet of the simulated company does not have its rules", wrong)
    return sheet


def _refuse_foreign(out: Path) -> None:
    """What would be replaced must be an earlier simulation's: real exports have folders of the same names."""
    found = [name for name in (*FOLDERS, *BESIDE) if (out / name).exists()]
    if found and not (out / "truth.json").is_file():
        problems = [f"{out / name} would be replaced" for name in found]
        raise LeadlightError(
            f"{out} holds files that no simulation wrote; choose another --out, or remove them", problems
        )


def _clear(out: Path) -> None:
    """Remove what an earlier simulation wrote: a smaller one has fewer files."""
    for folder in FOLDERS:
        if (out / folder).is_dir():
            shutil.rmtree(out / folder)
    out.mkdir(parents=True, exist_ok=True)
