"""dvc.yaml: the same calls a person makes, and a graph that DVC can read."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
import typer
import yaml

from pipelines import cli
from pipelines.params import Params, parse_params

ROOT = Path(__file__).parent.parent
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
READ = {"--mapping", "--source", "--history", "--playbook", "--run"}


def filled_in(text: str) -> str:
    """``text`` with its ``${...}`` replaced from params.yaml."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))

    def value(match: re.Match[str]) -> str:
        found = params
        for key in match[1].split("."):
            found = found[key]
        return str(found)

    return re.sub(r"\$\{([^}]+)\}", value, text)


def test_the_parameters_in_the_repository_are_the_defaults():
    assert parse_params((ROOT / "params.yaml").read_text(encoding="utf-8")) == Params()


@pytest.mark.parametrize("stage", STAGES)
def test_the_command_of_a_stage_exists_with_its_options(stage):
    program, command, *arguments = shlex.split(filled_in(STAGES[stage]["cmd"]))
    assert (program, command) == ("leadlight", stage)
    group = typer.main.get_command(cli.app)
    context = group.make_context("leadlight", [command, *arguments])
    asked = group.commands[command]
    while hasattr(asked, "commands"):  # `leadlight points compare`
        context = asked.make_context(command, list(arguments), parent=context)
        command, *arguments = arguments
        asked = asked.commands[command]
    assert asked.make_context(command, arguments, parent=context).params


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_every_file_its_command_reads(stage):
    """DVC runs a stage again only if something listed changed."""
    arguments = shlex.split(filled_in(STAGES[stage]["cmd"]))
    read = {Path(value) for option, value in pairwise(arguments) if option in READ}
    listed = {Path(filled_in(dep)) for dep in STAGES[stage]["deps"]}
    assert {path for path in read if not any(dep.is_relative_to(path) for dep in listed)} == set()


def test_dvc_reads_the_graph_offline(tmp_path):
    for name in ("dvc.yaml", "params.yaml", ".dvcignore"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / ".dvc").mkdir()
    config = (ROOT / ".dvc" / "config").read_text(encoding="utf-8")
    assert re.search(r"analytics *= *false", config)
    (tmp_path / ".dvc" / "config").write_text(
        config.replace("[core]", "[core]\n    no_scm = true"), encoding="utf-8"
    )
    program = [sys.executable, "-m", "dvc", "dag", "--dot"]
    environment = os.environ | {
        "DVC_GLOBAL_CONFIG_DIR": str(tmp_path),
        "DVC_SITE_CACHE_DIR": str(tmp_path / "cache"),
    }
    graph = subprocess.run(
        program, cwd=tmp_path, env=environment, check=True, capture_output=True, text=True, timeout=120
    ).stdout
    edges = set(re.findall(r'"(\w+)" -> "(\w+)"', graph))
    assert {("ingest", "features"), ("ingest", "train"), ("train", "report")} <= edges
