"""The command line: each command is one call into the module of the same name.

Exit codes: 0 done, 1 a defect of Leadlight (with a traceback), 2 something a person has to mend.
stdout carries the answer alone; with ``--json`` it is one JSON object. What goes on meanwhile is on stderr.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from features.errors import LeadlightError
from pipelines.progress import working

app = typer.Typer(
    name="leadlight",
    help="Learns from a team's own history which leads sales will accept, and says why.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,  # a pretty traceback shows local variables, which are people's data
)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
MappingFile = Annotated[Path, typer.Option(help="YAML that says what the columns of the export mean.")]
PlaybookFile = Annotated[Path, typer.Option(help="YAML that says what marketing and sales agreed on.")]
HistoryFolder = Annotated[Path, typer.Option(help="History, as written by `leadlight ingest`.")]
ParamsFile = Annotated[Path | None, typer.Option(help="params.yaml; its defaults if left out.")]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; what a person has to mend is told on stderr, with exit code 2."""
    try:
        app(args=arguments)
    except LeadlightError as error:
        print(f"leadlight: {error}", file=sys.stderr)
        raise SystemExit(2) from error


@app.command()
def ingest(
    mapping: MappingFile,
    source: Annotated[Path, typer.Option(help="Folder of the exported files.")],
    out: Annotated[Path, typer.Option(help="Folder for the history; replaced as a whole.")],
    as_json: AsJson = False,
) -> None:
    """Turn exported files into a history.

    Example: `leadlight ingest --mapping examples/olist/mapping.yaml --source exports --out history`
    """
    from pipelines import ingest as step

    with working("reading the exports"):
        manifest = step.ingest(mapping, source, out)
    _answer(as_json, json.loads((out / "manifest.json").read_text(encoding="utf-8")), step.describe(manifest))


@app.command()
def features(
    history: HistoryFolder,
    playbook: PlaybookFile,
    out: Annotated[Path, typer.Option(help="Folder for matrix.parquet and features.json.")],
    as_json: AsJson = False,
) -> None:
    """Write the snapshots of a history with their features and labels, one row each.

    Example: `leadlight features --history history --playbook playbook.yaml --out features`
    """
    from pipelines.tabulate import tabulate

    with working("computing features"):
        summary = tabulate(history, playbook, out)
    size = f"{summary['snapshots']:,} snapshots with {summary['features']:,} features"
    told = f"{size}, in {out / 'matrix.parquet'}"
    _answer(as_json, summary, told)


@app.command()
def horizon(history: HistoryFolder, playbook: PlaybookFile, as_json: AsJson = False) -> None:
    """Propose how many days to wait for an SQL, from how long it took so far.

    Example: `leadlight horizon --history history --playbook playbook.yaml`
    """
    from pipelines.horizon import propose

    with working("measuring how outcomes mature"):
        proposal = propose(history, playbook)
    _answer(as_json, proposal.to_json(), proposal.describe())


@app.command()
def train(
    history: HistoryFolder,
    playbook: PlaybookFile,
    out: Annotated[Path, typer.Option(help="Folder for the run: report, predictions, bundle.")],
    params: ParamsFile = None,
    definition: Annotated[
        str | None, typer.Option(help="Version of what counts as an SQL; the latest if left out.")
    ] = None,
    matrix: Annotated[
        bool, typer.Option("--matrix", help="Write the features too, to matrix.parquet.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Train, judge forward in time, and write report, predictions and bundle.

    Example: `leadlight train --history history --playbook playbook.yaml --out run`
    """
    from pipelines.params import read_params

    chosen = read_params(params)  # before the slow imports: a slip is told at once

    from pipelines.summary import training_lines
    from pipelines.train import train as step

    with working("training") as say:
        finished = step(history, playbook, out, chosen.train, say, definition=definition)
        if matrix:
            say("matrix")
            finished.write_matrix(out / "matrix.parquet")
    _answer(as_json, finished.report, "\n".join(training_lines(finished.report, out)))


@app.command()
def report(
    run: Annotated[Path, typer.Option(help="Folder of a run, as written by `leadlight train`.")],
    out: Annotated[Path, typer.Option(help="Folder for report.html (needs no network) and its figures.")],
    as_json: AsJson = False,
) -> None:
    """Draw the report of a run, with its figures as small files for `dvc metrics` and `dvc plots`.

    Example: `leadlight report --run run --out report`
    """
    from pipelines.figures import read_report, write_figures

    judged = read_report(run)

    from pipelines.report import write_html

    with working("drawing the report"):
        out.mkdir(parents=True, exist_ok=True)
        write_html(judged, out / "report.html")
        written = [out / "report.html", *write_figures(judged, out)]
    _answer(as_json, {"files": [str(path) for path in written]}, "\n".join(map(str, written)))


@app.command()
def simulate(
    out: Annotated[Path, typer.Option(help="Folder for exports, mapping, playbook and truth.")],
    leads: Annotated[int, typer.Option(help="How many leads.")] = 4000,
    seed: Annotated[int, typer.Option(help="Another seed is another company.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Write the exports of a simulated company, with the truth beside them.

    Example: `leadlight simulate --out exports --leads 4000 --seed 1`
    """
    from pipelines.simulate import simulate as step
    from pipelines.summary import counted

    with working("simulating a company"):
        summary = step(out, leads, seed)
    _answer(as_json, summary, f"simulated   {counted(summary['rows'])}, in {out}")


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for everything the demo makes.")] = Path("demo"),
    leads: Annotated[int | None, typer.Option(help="How many leads; as in params.yaml if left out.")] = None,
    seed: Annotated[int | None, typer.Option(help="Another seed is another company.")] = None,
    params: ParamsFile = None,
    as_json: AsJson = False,
) -> None:
    """Go the whole way on a simulated company: exports, history, training, report.

    Example: `leadlight demo --out demo`
    """
    from pipelines.demo import run
    from pipelines.params import read_params

    chosen = read_params(params)
    asked = {name: value for name, value in (("leads", leads), ("seed", seed)) if value is not None}
    with working("the whole way on a simulated company") as say:
        done = run(out, chosen.simulate.model_copy(update=asked), chosen.train, say)
    _answer(as_json, done.to_dict(), "\n".join(done.lines()))


@app.command()
def doctor(
    out: Annotated[Path, typer.Option(help="Folder where results would go.")] = Path(),
    as_json: AsJson = False,
) -> None:
    """Look whether this machine is ready; exit code 2 if something is broken.

    Example: `leadlight doctor`
    """
    from pipelines.doctor import examine

    findings = examine(out)
    ready = not any(finding.state == "broken" for finding in findings)
    answer = {"ready": ready, "findings": [finding.to_dict() for finding in findings]}
    _answer(as_json, answer, "\n".join(finding.line() for finding in findings))
    raise typer.Exit(0 if ready else 2)


def _answer(as_json: bool, answer: Mapping[str, Any], told: str) -> None:
    print(json.dumps(answer, sort_keys=True, allow_nan=False) if as_json else told)
