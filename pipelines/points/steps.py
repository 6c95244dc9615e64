"""The commands on points, from files to files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from scipy.special import expit

from features.errors import DefinitionError, LeadlightError
from features.sheet import Sheet
from features.sheet_file import read_sheet
from models.learning import Model
from models.points.discovery.distil import Distilled, Teacher, Terms, distil
from models.points.discovery.timing import timing_features
from models.points.judging.calibration import calibrate
from models.points.judging.comparison import Comparison, compare
from models.points.judging.rivals import model_rival, sheet_rival
from models.points.plain import plain
from models.points.refitting.fitted import Refit
from models.points.refitting.refit import refit
from models.points.rows import RuleRows
from pipelines.points.exporting.targets import Target, export
from pipelines.points.learning import DRAWS, Learned, learn, not_of_leads
from pipelines.points.places import PlacedSheet
from pipelines.points.reading import Predicted, SheetData, read_predicted
from pipelines.points.report import header
from pipelines.points.schema import Distilled as DistilledPart
from pipelines.points.schema import Header, PointsReport
from pipelines.points.schema import Refit as Refitted
from pipelines.points.summary import summary_lines
from pipelines.points.telling import distilled_lines, missing_lines, refit_lines
from pipelines.points.writing import REPORT, SUMMARY, refuse_foreign, write_report
from pipelines.progress import Say, unheard

MOST_RULES: Final = 20
"""Of a distilled sheet, unless more or fewer are asked for."""


@dataclass(frozen=True)
class Done:
    """What a command answers: for machines, and for a person."""

    report: dict[str, Any]
    lines: Sequence[str]


@dataclass(frozen=True)
class Asked:
    """What every step asks about.

    Attributes:
        history: its folder. playbook: its file. sheet: file of a sheet in place of the playbook's own.
        draws: samples of accounts behind each interval. seed: of everything random.
    """

    history: Path
    playbook: Path
    sheet: Path | None = None
    draws: int = DRAWS
    seed: int = 0

    def read(self) -> SheetData:
        """The history, with the columns that other timings of rules need."""
        return SheetData.read(self.history, self.playbook, self.sheet, extra=timing_features)


def refit_points(asked: Asked, out: Path, say: Say = unheard) -> Done:
    """Learn the points of a sheet from every labelled lead, and write report and sheets into ``out``.

    Raises:
        LeadlightError: what a person has to mend, for example too little data.
    """
    refuse_foreign(out, [*REPORT, "refitted.yaml", "extended.yaml"])
    data = asked.read()
    learned = learn(data, np.arange(len(data.split.dataset)), draws=asked.draws, seed=asked.seed, say=say)
    told = header(data, learned=np.arange(len(data.split.dataset)), judged=False)
    report = _report(told, learned.to_dict())
    sheets = _sheets(learned)
    paths = write_report(report, sheets, out)
    lines = [
        *refit_lines(Refitted.model_validate(report["refit"])),
        *missing_lines(PointsReport.model_validate(report)),
        "",
    ]
    return _done(data, report, sheets, lines, paths)


def distil_points(asked: Asked, run: Path, out: Path, *, rules: int = MOST_RULES, say: Say = unheard) -> Done:
    """Bring the model of a run into a sheet, and write report and sheet into ``out``.

    Raises:
        LeadlightError: what a person has to mend, for example a run on another history.
    """
    refuse_foreign(out, [*REPORT, "distilled.yaml"])
    data = _deciding(asked.read())
    predicted = read_predicted(run, data)
    data = data.with_features(predicted.model.features)
    say("learning what a point is worth")
    learned = refit(RuleRows.of(data.sheet, data.split.training), draws=asked.draws, seed=asked.seed)
    say("bringing the model into points")
    found = _distilled(data, predicted.model, learned, rules, asked.seed)
    told = header(data, learned=data.split.train, judged=True)
    report = _report(told, {"distilled": plain(found)})
    sheets = {"distilled": found.sheet}
    paths = write_report(report, sheets, out)
    lines = distilled_lines(DistilledPart.model_validate(report["distilled"]))
    return _done(data, report, sheets, lines, paths)


def compare_points(asked: Asked, run: Path, out: Path, say: Say = unheard) -> Done:
    """Judge today's sheet, what can be made of it, and the model of a run on the same later leads.

    All of them learn from the rows that the model learned from. Writes report, summary and sheets into ``out``.

    Raises:
        LeadlightError: what a person has to mend, for example a run on another history.
    """
    refuse_foreign(out, [*SUMMARY, *REPORT, "refitted.yaml", "extended.yaml", "distilled.yaml"])
    data = _deciding(asked.read())
    predicted = read_predicted(run, data)
    data = data.with_features(predicted.model.features)
    learned = learn(data, data.split.train, draws=asked.draws, seed=asked.seed, say=say)
    say("bringing the model into points")
    distilled = _distilled(data, predicted.model, learned.refit, MOST_RULES, asked.seed)
    sheets = _sheets(learned) | {"distilled": distilled.sheet}
    say("comparing on later leads")
    compared = _compared(data.with_columns(list(sheets.values())), sheets, predicted, asked)
    found = calibrate(
        data.sheet,
        data.split,
        data.period(),
        offered=data.offered(),
        draws=asked.draws,
        seed=asked.seed,
    )
    parts = learned.to_dict() | {
        "calibration": found.to_dict(),
        "distilled": plain(distilled),
        "comparison": compared.to_dict(),
    }
    report = _report(header(data, learned=data.split.train, judged=True), parts)
    paths = write_report(report, sheets, out, summary=True)
    lines = [*summary_lines(PointsReport.model_validate(report)), ""]
    return _done(data, report, sheets, lines, paths)


def export_sheet(sheet: Path | None, playbook: Path | None, target: Target, out: Path) -> Done:
    """Write a sheet in the words of another system: that of a file or, without one, the playbook's own.

    A playbook beside the file says which attributes are excused, and what counts as an SQL.

    Raises:
        DefinitionError: neither is given, or the playbook has no sheet.
        LeadlightError: the target cannot hold the sheet, or a file would be replaced.
    """
    wanted, excused = _wanted(sheet, playbook)
    exported = export(wanted, target, excused=excused)
    unexcused = "no attribute is excused, for that stands in a playbook: each counts from when it was known"
    notes = (*((unexcused,) if target == "sql" and playbook is None else ()), *exported.notes)
    existing = [f"{out / name} exists" for name in exported.files if (out / name).exists()]
    if existing:
        raise LeadlightError(f"{out} holds files that would be replaced; choose another --out", existing)
    paths = exported.write(out)
    unsaid = [f"cannot be said there   {one}" for one in exported.unsaid]
    lines = [*map(str, paths), *unsaid, *(f"note   {note}" for note in notes)]
    answer = {
        "files": [str(path) for path in paths],
        "unsaid": [{"about": one.about, "why": one.why} for one in exported.unsaid],
        "notes": list(notes),
    }
    return Done(answer, lines)


def _wanted(sheet: Path | None, playbook: Path | None) -> tuple[Sheet, tuple[str, ...]]:
    """The sheet, and the attributes that are excused."""
    if playbook is not None:
        placed = PlacedSheet.read(playbook, sheet)
        return placed.sheet, tuple(placed.playbook.attributes.excuse)
    if sheet is None:
        raise DefinitionError("name the sheet by --sheet or --playbook, or by both")
    return read_sheet(sheet), ()


def _deciding(data: SheetData) -> SheetData:
    """Refuse a sheet that says nothing of who is an MQL: there would be nothing to compare with."""
    if not data.sheet.decides:
        raise DefinitionError(
            f"{data.file}: {data.sheet.name!r} does not say who is an MQL",
            ["write mql_at: `leadlight points calibrate` shows what each threshold would bring"],
        )
    return data


def _distilled(data: SheetData, model: Model, learned: Refit, rules: int, seed: int) -> Distilled:
    """The model of a run as a sheet that hands over as many leads as today's."""
    training, testing = data.split.training, data.split.testing
    return distil(
        Teacher(training, model.log_odds(training.matrix)),
        model.contributions(training.matrix),
        Teacher(testing, model.log_odds(testing.matrix)),
        Terms(
            unit=learned.unit,
            step=learned.step,
            mql_rate=data.handed_share(),
            phrases=data.playbook.phrases,
            at_most=rules,
            avoid=frozenset(not_of_leads(data)),
        ),
        seed=seed,
    )


def _compared(data: SheetData, sheets: Mapping[str, Sheet], predicted: Predicted, asked: Asked) -> Comparison:
    training, testing = data.split.training, data.split.testing
    titles = {
        "refitted": "the refitted sheet",
        "extended": "the extended sheet",
        "distilled": "the distilled sheet",
    }
    offered = data.offered()
    today = sheet_rival("sheet", "today's sheet", data.sheet, training, testing, offered=offered)
    others = [
        sheet_rival(name, titles[name], one, training, testing, offered=offered)
        for name, one in sheets.items()
    ]
    model = model_rival(
        "model",
        f"the model ({predicted.title})",
        predicted.probability,
        testing,
        today,
        offered=(offered, expit(predicted.model.log_odds(offered.matrix))),
    )
    return compare(
        [today, *others, model], testing, data.period(), data.segments(), draws=asked.draws, seed=asked.seed
    )


def _sheets(learned: Learned) -> dict[str, Sheet]:
    extended = {} if learned.extended is None else {"extended": learned.extended}
    return {"refitted": learned.refit.sheet, **extended}


def _done(
    data: SheetData,
    report: Mapping[str, Any],
    sheets: Mapping[str, Sheet],
    lines: Sequence[str],
    paths: Sequence[Path],
) -> Done:
    """The answer, with the sheets and files that go with it."""
    beside = {
        "sheets": {
            name: sheet.model_dump(mode="json", exclude_defaults=True) for name, sheet in sheets.items()
        },
        "files": [str(path) for path in paths],
        "warnings": list(data.warnings),
    }
    warned = [f"warning: {warning}" for warning in data.warnings]
    return Done({**report, **beside}, [*lines, *warned, *map(str, paths)])


def _report(told: Header, parts: Mapping[str, Any]) -> dict[str, Any]:
    """Checked, so that the page shows what the file says."""
    whole = {"format": 1, "header": told.model_dump(mode="json"), **parts}
    PointsReport.model_validate(whole)
    return whole
