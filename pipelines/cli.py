"""The command line: each command is one call into the module of the same name.

The commands of the service come from where it is installed, by the entry points ``leadlight.commands``: neither
package imports the other.

Exit codes: 0 done, 1 a defect of Leadlight (with a traceback), 2 something a person has to mend.
stdout carries the answer alone; with ``--json`` it is one JSON object. What goes on meanwhile is on stderr.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from features.errors import LeadlightError
from pipelines.points.cli import app as points
from pipelines.progress import working

COMMANDS: Final = "leadlight.commands"
"""Group of entry points; each is a typer app whose commands are added to ours."""

EXTRAS: Final = {
    "train": ("pandas", "pandera", "duckdb", "sklearn", "mlflow", "shap", "optuna", "jinja2", "tqdm"),
    "serve": (
        *(
            "fastapi",
            "uvicorn",
            "orjson",
            "pydantic_settings",
            "sqlalchemy",
            "alembic",
            "structlog",
            "cryptography",
        ),
        *("limits", "prometheus_client", "psycopg", "httpx2", "uvloop", "httptools"),
    ),
}
"""What each extra of the installation brings, as far as a command may find it missing."""

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
        _with_the_service()(args=arguments)
    except LeadlightError as error:
        print(f"leadlight: {error}", file=sys.stderr)
        raise SystemExit(2) from error
    except OSError as error:
        if error.filename is None:
            raise
        print(f"leadlight: {error.filename}: {error.strerror}", file=sys.stderr)
        raise SystemExit(2) from error
    except ModuleNotFoundError as error:
        extra = _extra_of(error.name or "")
        if extra is None:
            raise
        print(f"leadlight: this needs the extra {extra!r}: pip install 'leadlight[{extra}]'", file=sys.stderr)
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
def fetch(
    model: Annotated[str, typer.Option(help="Such as models:/leadlight@champion or models:/leadlight/3.")],
    out: Annotated[Path, typer.Option(help="Folder for the bundle; must not exist yet.")],
    run: Annotated[
        Path, typer.Option(help="Folder of the run with mlflow.db, where MLFLOW_TRACKING_URI is not set.")
    ] = Path(),
    as_json: AsJson = False,
) -> None:
    """Copy a registered bundle from MLflow into a folder.

    Example: `leadlight fetch --model models:/leadlight@champion --out bundle`
    """
    from models.registry import fetch_bundle, store_uri

    with working("asking the registry"):
        fingerprint = fetch_bundle(model, out, store_uri(run))
    _answer(as_json, {"bundle": str(out), "fingerprint": fingerprint}, f"{fingerprint}, in {out}")


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for everything the demo makes.")] = Path("demo"),
    leads: Annotated[int | None, typer.Option(help="How many leads; as in params.yaml if left out.")] = None,
    seed: Annotated[int | None, typer.Option(help="Another seed is another company.")] = None,
    params: ParamsFile = None,
    serve: Annotated[bool, typer.Option("--serve", help="Then serve the model, until Ctrl-C.")] = False,
    port: Annotated[int, typer.Option(help="Of the service.")] = 8000,
    as_json: AsJson = False,
) -> None:
    """Go the whole way on a simulated company: exports, history, training, report, and service if asked for.

    Example: `leadlight demo --out demo`, `leadlight demo --serve`
    """
    from pipelines.demo import run, serve_it
    from pipelines.params import read_params

    chosen = read_params(params)
    asked = {name: value for name, value in (("leads", leads), ("seed", seed)) if value is not None}
    with working("the whole way on a simulated company") as say:
        done = run(out, chosen.simulate.model_copy(update=asked), chosen.train, say)
    _answer(as_json, done.to_dict(), "\n".join(done.lines()))
    if serve:
        raise typer.Exit(serve_it(out, port, as_json=as_json))


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


app.add_typer(points)
_OURS: Final = len(app.registered_groups)


def _with_the_service() -> typer.Typer:
    """All commands; those of the service are added once."""
    if len(app.registered_groups) == _OURS:
        for entry in sorted(entry_points(group=COMMANDS), key=lambda entry: entry.name):
            app.add_typer(entry.load())
    return app


def _extra_of(module: str) -> str | None:
    top = module.partition(".")[0]
    return next((extra for extra, modules in EXTRAS.items() if top in modules), None)


def _answer(as_json: bool, answer: Mapping[str, Any], told: str) -> None:
    print(json.dumps(answer, sort_keys=True, allow_nan=False) if as_json else told)
