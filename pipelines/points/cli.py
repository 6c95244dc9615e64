"""`leadlight points ...`: what a team's own points are worth, and what they should be."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from pipelines.progress import working

app = typer.Typer(
    name="points",
    help="What a team's own point sheet is worth, what its points should be, and the sheet to hand back.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,  # a pretty traceback shows local variables, which are people's data
)

History = Annotated[Path, typer.Option(help="History, as written by `leadlight ingest`.")]
PlaybookFile = Annotated[Path, typer.Option(help="YAML that says what marketing and sales agreed on.")]
SheetFile = Annotated[
    Path | None, typer.Option(help="YAML of a sheet to ask about; the playbook's own if left out.")
]
Run = Annotated[Path, typer.Option(help="Folder of a run, as written by `leadlight train`.")]
Draws = Annotated[int, typer.Option(min=2, help="Samples of accounts behind each interval.")]
Seed = Annotated[int, typer.Option(min=0, help="Of everything random; the same seed gives the same answer.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]


class Target(StrEnum):
    """Where a sheet can be handed back to."""

    YAML = "yaml"
    CSV = "csv"
    SQL = "sql"
    SALESFORCE = "salesforce"
    HUBSPOT = "hubspot"
    MARKETO = "marketo"


@app.command()
def check(history: History, playbook: PlaybookFile, sheet: SheetFile = None, as_json: AsJson = False) -> None:
    """Look whether a sheet can be read off a history: how often each rule fires, and what never does.

    Example: `leadlight points check --history history --playbook playbook.yaml`
    """
    from pipelines.points.checking import check as step

    with working("reading the sheet off the history"):
        found = step(history, playbook, sheet)
    _answer(as_json, found.to_dict(), "\n".join(found.lines()))


@app.command(name="import")
def import_(
    table: Annotated[Path, typer.Argument(help="CSV with one rule in each row.")],
    out: Annotated[Path, typer.Option(help="YAML file for the sheet; must not exist yet.")],
    settings: Annotated[
        Path | None, typer.Option(help="YAML of a sheet without rules: name, thresholds, groups, caps.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Read a sheet from a table, and write it as YAML.

    Example: `leadlight points import sheet.csv --settings settings.yaml --out sheet.yaml`
    """
    from pipelines.points.importing import read_csv
    from pipelines.points.writing import write_new_sheet

    sheet = read_csv(table, settings)
    write_new_sheet(sheet, out)
    _answer(as_json, {"sheet": str(out), "rules": len(sheet.rules)}, f"{len(sheet.rules)} rules, in {out}")


@app.command()
def calibrate(
    history: History,
    playbook: PlaybookFile,
    sheet: SheetFile = None,
    draws: Draws = 400,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Say what totals are worth: chances, today's threshold, and the one that fits the capacity of sales.

    Learned on the earlier part of time, looked at on the later one.

    Example: `leadlight points calibrate --history history --playbook playbook.yaml`
    """
    from models.points.judging.calibration import calibrate as step
    from pipelines.points.reading import SheetData
    from pipelines.points.schema_judged import Calibration
    from pipelines.points.telling import calibration_lines

    with working("reading the sheet off the history") as say:
        data = SheetData.read(history, playbook, sheet)
        say("calibrating the total")
        found = step(data.sheet, data.split, data.period(), offered=data.offered(), draws=draws, seed=seed)
    told = calibration_lines(Calibration.model_validate(found.to_dict()))
    _answer(as_json, found.to_dict(), "\n".join(told))


@app.command()
def refit(
    history: History,
    playbook: PlaybookFile,
    out: Annotated[Path, typer.Option(help="Folder for points.json, points.html and the sheets.")],
    sheet: SheetFile = None,
    draws: Draws = 400,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Learn the points of every rule, with intervals and a verdict, from all labelled leads.

    Example: `leadlight points refit --history history --playbook playbook.yaml --out points`
    """
    from pipelines.points.steps import Asked, refit_points

    with working("reading the sheet off the history") as say:
        done = refit_points(Asked(history, playbook, sheet, draws, seed), out, say)
    _answer(as_json, done.report, "\n".join(done.lines))


@app.command()
def distil(
    history: History,
    playbook: PlaybookFile,
    run: Run,
    out: Annotated[Path, typer.Option(help="Folder for points.json, points.html and the sheet.")],
    rules: Annotated[int, typer.Option(min=1, max=100, help="Rules at most.")] = 20,
    sheet: SheetFile = None,
    draws: Draws = 400,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Bring the model of a run into a sheet that adds up points, and say what is lost by that.

    Learned on the rows that the model learned from, judged on later ones.

    Example: `leadlight points distil --history history --playbook playbook.yaml --run run --out points`
    """
    from pipelines.points.steps import Asked, distil_points

    with working("reading the history") as say:
        done = distil_points(Asked(history, playbook, sheet, draws, seed), run, out, rules=rules, say=say)
    _answer(as_json, done.report, "\n".join(done.lines))


@app.command()
def compare(
    history: History,
    playbook: PlaybookFile,
    run: Run,
    out: Annotated[Path, typer.Option(help="Folder for points.json, points.html, the summary, the sheets.")],
    sheet: SheetFile = None,
    draws: Draws = 400,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Say what would change: today's sheet, the refitted one, the distilled one and the model on later leads.

    All of them learn from the earlier part of time, as the model did.

    Example: `leadlight points compare --history history --playbook playbook.yaml --run run --out points`
    """
    from pipelines.points.steps import Asked, compare_points

    with working("reading the sheet off the history") as say:
        done = compare_points(Asked(history, playbook, sheet, draws, seed), run, out, say)
    _answer(as_json, done.report, "\n".join(done.lines))


@app.command()
def export(
    to: Annotated[Target, typer.Option(help="Where the sheet is to run.")],
    out: Annotated[Path, typer.Option(help="Folder for the files.")],
    sheet: Annotated[Path | None, typer.Option(help="YAML of the sheet.")] = None,
    playbook: Annotated[
        Path | None, typer.Option(help="Playbook: its own sheet without --sheet; what it excuses.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Hand a sheet back: as YAML, CSV or SQL, as Salesforce formulas, or as a table for HubSpot or Marketo.

    What the target cannot say is told, rule by rule; nothing is left out silently.

    Example: `leadlight points export --sheet points/refitted.yaml --to salesforce --out salesforce`
    """
    from pipelines.points.steps import export_sheet

    done = export_sheet(sheet, playbook, to.value, out)
    _answer(as_json, done.report, "\n".join(done.lines))


def _answer(as_json: bool, answer: Mapping[str, Any], told: str) -> None:
    print(json.dumps(answer, sort_keys=True, allow_nan=False) if as_json else told)
