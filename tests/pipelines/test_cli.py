"""The command line, with the steps behind it replaced where they meet it."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import tomllib
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import typer
from typer.main import get_command

import pipelines
from features.clock import DAY
from features.errors import LeadlightError
from features.evidence import Event, Evidence
from features.folder import write_history
from pipelines import cli
from pipelines.params import TrainParams
from pipelines.points.steps import Asked, Done

COMMANDS = ["ingest", "features", "horizon", "train", "report", "simulate", "fetch", "demo", "doctor"]
OF_POINTS = [
    f"points {name}" for name in ("check", "import", "calibrate", "refit", "distil", "compare", "export")
]
OF_THE_SERVICE = [
    *("serve", "activate", "rollback", "retire", "sign", "load", "rescore", "forget", "object", "withdraw"),
    *(
        "purge",
        "backup",
        "keys create",
        "keys list",
        "keys revoke",
        "keys new-signing",
        "outbox list",
        "outbox replay",
    ),
]
METRICS = ["roc_auc", "pr_auc", "log_loss", "lift_at_10"]
REPORT = {
    "winner": "blend",
    "why": "the simplest within one standard error of the best",
    "label_states": {"converted": 310, "lapsed": 1200},
    "notes": [],
    "models": {
        name: {"test": {metric: {"value": 0.5, "low": 0.4, "high": 0.6} for metric in METRICS}}
        for name in ("sheet", "blend")
    },
}


class Step:
    """Stands for a step: remembers what it was called with, chatters like a library, answers."""

    def __init__(self, answer: Any = None) -> None:
        self.answer = answer
        self.called_with: tuple[Any, ...] = ()
        self.options: dict[str, Any] = {}

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        sys.stdout.write("chatter of a library\n")
        self.called_with, self.options = arguments, options
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch):
    """Puts a module with the given functions in place of ``pipelines.<name>``."""

    def put(name: str, **functions: Any) -> None:
        module = ModuleType(f"pipelines.{name}")
        vars(module).update(functions)
        monkeypatch.setitem(sys.modules, module.__name__, module)
        monkeypatch.setattr(pipelines, name, module, raising=False)

    return put


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stopped:
        cli.main([str(argument) for argument in arguments])
    return int(stopped.value.code or 0)


def test_help_lists_every_command(capsys):
    assert run("--help") == 0
    printed = capsys.readouterr().out
    named = [*COMMANDS, "points", *{command.split()[0] for command in OF_THE_SERVICE}]
    assert [command for command in named if f" {command} " not in printed] == []


def test_every_command_has_its_example_looked_at_here():
    commands = get_command(cli._with_the_service()).commands
    plain = {name for name, command in commands.items() if not hasattr(command, "commands")}
    nested = {f"{name} {inner}" for name in commands.keys() - plain for inner in commands[name].commands}
    assert plain | nested == {*COMMANDS, *OF_POINTS, *OF_THE_SERVICE}


@pytest.mark.parametrize("command", [*COMMANDS, *OF_POINTS, *OF_THE_SERVICE])
def test_each_command_shows_an_example_of_itself(command, capsys):
    assert run(*command.split(), "--help") == 0
    assert f"leadlight {command}" in capsys.readouterr().out


def test_help_loads_none_of_the_heavy_libraries(run_python):
    loaded = run_python(
        "import sys; from pipelines import cli\n"
        "try: cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'pandas', 'numpy', 'pyarrow', 'lightgbm', 'sklearn', 'mlflow', 'duckdb', 'pydantic'}\n"
        "heavy |= {'fastapi', 'uvicorn', 'sqlalchemy', 'alembic', 'structlog', 'cryptography', 'orjson'}\n"
        "print(); print(sorted(heavy & set(sys.modules)))"
    )
    assert loaded.splitlines()[-1] == "[]"


def test_without_the_service_its_commands_are_not_there(monkeypatch, capsys):
    monkeypatch.setattr(cli, "entry_points", lambda group: ())
    monkeypatch.setattr(cli, "app", typer.Typer())
    cli.app.command()(cli.doctor)
    cli.app.command()(cli.fetch)
    assert run("--help") == 0
    printed = capsys.readouterr().out
    assert " doctor " in printed
    assert " serve " not in printed


@pytest.mark.parametrize(
    ("module", "extra"),
    [("duckdb", "train"), ("mlflow.tracking", "train"), ("uvicorn", "serve"), ("sqlalchemy.engine", "serve")],
)
def test_a_missing_extra_is_named(install, capsys, module, extra):
    missing = ModuleNotFoundError(f"No module named {module!r}", name=module)
    install("ingest", ingest=Step(missing), describe=Step())
    assert run("ingest", "--mapping", "m.yaml", "--source", "exports", "--out", "history") == 2
    assert capsys.readouterr().err.splitlines()[-1].endswith(f"pip install 'leadlight[{extra}]'")


def test_a_missing_module_of_no_extra_is_a_defect(install):
    install("ingest", ingest=Step(ModuleNotFoundError("ours", name="pipelines.gone")), describe=Step())
    with pytest.raises(ModuleNotFoundError):
        cli.main(["ingest", "--mapping", "m.yaml", "--source", "exports", "--out", "history"])


def test_extras_name_what_the_project_says_they_bring(root):
    """So that a package that moves to another extra does not leave a wrong advice behind."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    brought = {extra: " ".join(project["optional-dependencies"][extra]) for extra in cli.EXTRAS}
    other_names = {"sklearn": "scikit-learn", "pydantic_settings": "pydantic-settings"}
    other_names |= {"prometheus_client": "prometheus-client"}
    lacking = [
        (extra, module)
        for extra, modules in cli.EXTRAS.items()
        for module in modules
        if other_names.get(module, module) not in brought[extra]
    ]
    assert lacking == []


def test_fetch_copies_a_registered_bundle(monkeypatch, capsys):
    from models import registry

    step = Step("ab" * 32)
    monkeypatch.setattr(registry, "fetch_bundle", step)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert run("fetch", "--model", "models:/leadlight@champion", "--out", "b", "--run", "/r", "--json") == 0
    assert step.called_with == ("models:/leadlight@champion", Path("b"), "sqlite:////r/mlflow.db")
    assert json.loads(capsys.readouterr().out) == {"bundle": "b", "fingerprint": "ab" * 32}


def test_what_a_person_has_to_mend_goes_to_stderr_with_exit_code_2(install, capsys):
    trouble = LeadlightError("the mapping cannot be used", ["line 3: no column `stage`", "line 9: no zone"])
    install("ingest", ingest=Step(trouble), describe=Step())
    assert run("ingest", "--mapping", "m.yaml", "--source", "exports", "--out", "history") == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[-3:] == [
        "leadlight: the mapping cannot be used",
        "  - line 3: no column `stage`",
        "  - line 9: no zone",
    ]


def test_a_defect_keeps_its_traceback(install):
    install("ingest", ingest=Step(ZeroDivisionError("ours")), describe=Step())
    with pytest.raises(ZeroDivisionError):
        cli.main(["ingest", "--mapping", "m.yaml", "--source", "exports", "--out", "history"])


def test_a_missing_option_is_exit_code_2(capsys):
    assert run("ingest", "--mapping", "m.yaml") == 2
    assert "--source" in capsys.readouterr().err


@pytest.fixture
def ingested(install, tmp_path):
    (tmp_path / "manifest.json").write_text('{"buckets": 1}', encoding="utf-8")
    step = Step("a manifest")
    install("ingest", ingest=step, describe=lambda manifest: f"told about {manifest}")
    return step, ["ingest", "--mapping", "m.yaml", "--source", "exports", "--out", str(tmp_path)]


def test_json_is_the_only_thing_on_stdout(ingested, capsys):
    _, arguments = ingested
    assert run(*arguments, "--json") == 0
    out, err = capsys.readouterr()
    assert json.loads(out) == {"buckets": 1}
    assert err == "chatter of a library\n"


def test_without_json_the_answer_is_for_people(ingested, capsys):
    step, arguments = ingested
    assert run(*arguments) == 0
    assert capsys.readouterr().out == "told about a manifest\n"
    assert step.called_with == (Path("m.yaml"), Path("exports"), Path(arguments[-1]))


def test_features_tells_how_many(install, capsys):
    step = Step({"snapshots": 1200, "features": 121})
    install("tabulate", tabulate=step)
    assert run("features", "--history", "h", "--playbook", "p.yaml", "--out", "f") == 0
    assert capsys.readouterr().out == "1,200 snapshots with 121 features, in f/matrix.parquet\n"
    assert step.called_with == (Path("h"), Path("p.yaml"), Path("f"))


@dataclass(frozen=True)
class Proposal:
    days: int

    def to_json(self) -> dict[str, int]:
        return {"days": self.days}

    def describe(self) -> str:
        return f"{self.days} days"


@pytest.mark.parametrize(("flags", "printed"), [((), "60 days\n"), (("--json",), '{"days": 60}\n')])
def test_horizon_proposes(install, capsys, flags, printed):
    install("horizon", propose=Step(Proposal(60)))
    assert run("horizon", "--history", "h", "--playbook", "p.yaml", *flags) == 0
    assert capsys.readouterr().out == printed


def test_train_can_be_told_what_counts_as_an_sql(install):
    step = Step(SimpleNamespace(report=REPORT))
    install("train", train=step)
    assert run("train", "--history", "h", "--playbook", "p.yaml", "--out", "r", "--definition", "2024") == 0
    assert step.options == {"definition": "2024"}


def test_train_takes_its_numbers_from_the_parameters(install, capsys, tmp_path):
    step = Step(SimpleNamespace(report=REPORT))
    install("train", train=step)
    params = tmp_path / "params.yaml"
    params.write_text("train: {forward_folds: 3}", encoding="utf-8")
    assert run("train", "--history", "h", "--playbook", "p.yaml", "--out", "r", "--params", params) == 0
    assert step.called_with[:-1] == (Path("h"), Path("p.yaml"), Path("r"), TrainParams(forward_folds=3))
    lines = capsys.readouterr().out.splitlines()
    figures = "0.500 (0.400 to 0.600)"
    assert lines[0] == "labels   1,200 lapsed, 310 converted"
    assert lines[1] == "winner   blend: the simplest within one standard error of the best"
    assert lines[2].startswith(f"sheet    ROC-AUC {figures}, PR-AUC {figures}, log loss {figures}")
    assert lines[-2:] == ["report   r/report.html", "bundle   r/bundle"]


@pytest.mark.parametrize(
    ("flags", "written"),
    [
        pytest.param((), (), id="no matrix unless asked for"),
        pytest.param(("--matrix",), (Path("r/matrix.parquet"),), id="the matrix on request"),
    ],
)
def test_train_writes_the_matrix_on_request(install, flags, written):
    write = Step()
    install("train", train=Step(SimpleNamespace(report=REPORT, write_matrix=write)))
    assert run("train", "--history", "h", "--playbook", "p.yaml", "--out", "r", *flags) == 0
    assert write.called_with == written


def test_train_refuses_a_slip_in_the_parameters(capsys, tmp_path):
    params = tmp_path / "params.yaml"
    params.write_text("train: {forward_fold: 3}", encoding="utf-8")
    assert run("train", "--history", "h", "--playbook", "p.yaml", "--out", "r", "--params", params) == 2
    assert "train.forward_fold" in capsys.readouterr().err


def test_report_names_the_command_that_makes_a_run(capsys, tmp_path):
    assert run("report", "--run", tmp_path / "none", "--out", tmp_path / "out") == 2
    assert "leadlight train" in capsys.readouterr().err


def test_report_lists_the_files_it_wrote(install, capsys, tmp_path):
    draw = Step()
    install("report", write_html=draw)
    curves = {"gain": {"share": [0.0, 1.0], "captured": [0.0, 1.0]}, "reliability": []}
    judged = REPORT | {"curves": {"blend": curves}}
    (tmp_path / "report.json").write_text(json.dumps(judged), encoding="utf-8")
    out = tmp_path / "new" / "report"
    assert run("report", "--run", tmp_path, "--out", out, "--json") == 0
    files = json.loads(capsys.readouterr().out)["files"]
    assert [Path(path).name for path in files] == [
        "report.html",
        "metrics.json",
        "gain.csv",
        "reliability.csv",
    ]
    assert draw.called_with == (judged, out / "report.html")


def test_simulate_counts_what_it_wrote(install, capsys):
    step = Step({"rows": {"leads": 4000, "events": 90000}})
    install("simulate", simulate=step)
    assert run("simulate", "--out", "exports", "--seed", 7) == 0
    assert step.called_with == (Path("exports"), 4000, 7)
    assert capsys.readouterr().out == "simulated   90,000 events, 4,000 leads, in exports\n"


@pytest.fixture
def company(install):
    """The steps of a demo."""
    steps = {
        "simulate": Step({"rows": {"leads": 4000}}),
        "ingest": Step(),
        "train": Step(SimpleNamespace(report=REPORT)),
    }
    for name, step in steps.items():
        install(name, **{name: step})
    steps["compare_points"] = Step(Done({"format": 1}, ["The answer   keep all"]))
    install("points.steps", Asked=Asked, Done=Done, compare_points=steps["compare_points"])
    yield steps
    sys.modules.pop("pipelines.demo", None)


def test_demo_goes_the_whole_way_and_ends_with_what_the_points_are_worth(company, capsys):
    sys.modules.pop("pipelines.demo", None)
    assert run("demo", "--out", "d", "--seed", 3) == 0
    assert company["simulate"].called_with == (Path("d/exports"), 4000, 3)
    assert company["ingest"].called_with[1:] == (Path("d/exports"), Path("d/history"))
    assert company["train"].called_with[0] == Path("d/history")
    asked = Asked(Path("d/history"), Path("d/exports/playbook.yaml"))
    assert company["compare_points"].called_with[:3] == (asked, Path("d/run"), Path("d/points"))
    *lines, blank, last = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["company", "labels", "winner", "by", "report", "bundle"]
    assert (blank, last) == ("", "The answer   keep all")


def test_demo_serve_loads_scores_and_serves_with_a_clock_at_the_end(company, tmp_path, monkeypatch, capfd):
    """The service's own commands stand in for themselves: what they were called with is told."""
    sys.modules.pop("pipelines.demo", None)
    demo = import_module("pipelines.demo")
    rows = Evidence(
        "ann", DAY, events=[Event("e1", "visit", 2 * DAY, 3 * DAY), Event("e2", "visit", 2 * DAY, 2 * DAY)]
    )
    write_history(tmp_path / "history", rows.to_tables(), {"observed_until": "2025-10-01T00:00:00Z"})
    monkeypatch.setattr(demo, "PROGRAM", "import sys; print(*sys.argv[1:], file=sys.stderr)")
    assert run("demo", "--out", tmp_path, "--serve", "--port", 8123, "--json") == 0
    moment, data = "1970-01-04T00:01:00Z", f"--data {tmp_path}/service"
    called = [line for line in capfd.readouterr().err.splitlines() if data in line]
    assert called == [
        f"load {tmp_path}/history {data}",
        f"activate {tmp_path}/run/bundle {data}",
        f"rescore --open {data} --demo-clock {moment}",
        f"serve {data} --port 8123 --demo-clock {moment} --json",
    ]


def test_demo_serve_stops_where_a_step_fails(company, tmp_path, monkeypatch, capfd):
    sys.modules.pop("pipelines.demo", None)
    demo = import_module("pipelines.demo")
    write_history(
        tmp_path / "history", Evidence("ann", DAY).to_tables(), {"observed_until": "2025-10-01T00:00:00Z"}
    )
    monkeypatch.setattr(demo, "PROGRAM", "raise SystemExit(2)")
    assert run("demo", "--out", tmp_path, "--serve") == 2
    assert "`leadlight load` failed" in capfd.readouterr().err


@pytest.mark.timeout(20)
def test_who_stops_the_demo_stops_its_service(monkeypatch):
    from pipelines import demo

    waits = (
        "import signal, time; print('up', flush=True); signal.sigwait([signal.SIGTERM]); raise SystemExit(0)"
    )
    program = f"import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])\n{waits}"
    before = signal.getsignal(signal.SIGTERM)
    stop = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGTERM))
    stop.start()
    assert demo._watched([sys.executable, "-c", program]) == 0
    assert signal.getsignal(signal.SIGTERM) is before


def test_doctor_finds_this_environment_ready(capsys, tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert run("doctor", "--out", tmp_path, "--json") == 0
    assert json.loads(capsys.readouterr().out)["ready"] is True
