"""An ingest that is killed leaves the old history whole."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from features.folder import read_tables
from features.swap import publish
from tests.pipelines.exports import LEADS, Export

pytestmark = pytest.mark.slow

PROGRAM = """
import os, signal, sys
from pathlib import Path

def die(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)

from pipelines import ingest
import {module} as module
before = module.{name}
calls = iter(range(1, 100))

def fatal(*args, **kwargs):
    if next(calls) == {call}:
        {when}
    return before(*args, **kwargs)

module.{name} = fatal
folder = Path(sys.argv[1])
ingest.ingest(folder / "mapping.yaml", folder / "source", folder / "history")
print("survived")
"""


@pytest.mark.parametrize(
    ("module", "name", "call", "when"),
    [
        pytest.param("pipelines.ingest", "settle", 1, "die()", id="while rows are judged"),
        pytest.param("features.folder", "_write_parquet", 1, "die()", id="before the first bucket"),
        pytest.param("features.folder", "_write_parquet", 3, "die()", id="between buckets"),
        pytest.param("features.folder", "summarise", 1, "die()", id="before the manifest"),
        pytest.param("features.swap", "_flush", 1, "die()", id="before the disk has it"),
        pytest.param("features.swap", "_put", 1, "die()", id="before the exchange"),
        pytest.param("shutil", "rmtree", 1, "die()", id="after the exchange, before the old is removed"),
    ],
)
def test_a_reader_finds_a_whole_history(export: Export, module: str, name: str, call: int, when: str):
    export.maps(LEADS).holds("leads.csv", "id,made\na,2024-01-01T00:00Z\n")
    export.ingest()
    export.holds("leads.csv", "id,made\nb,2024-01-01T00:00Z\n")
    killed = _run(PROGRAM.format(module=module, name=name, call=call, when=when), export.folder)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert read_tables(export.out)["leads"]["lead_id"].to_pylist() in (["a"], ["b"])
    export.ingest()
    assert export.rows("leads", "lead_id") == [("b",)]
    assert sorted(path.name for path in export.folder.iterdir()) == ["history", "mapping.yaml", "source"]


def test_a_kill_at_any_moment(export: Export):
    """Kills after growing delays; every one leaves a history that reads."""
    export.maps(LEADS).holds("leads.csv", "id,made\na,2024-01-01T00:00Z\n")
    export.ingest()
    program = PROGRAM.format(
        module="pipelines.ingest", name="settle", call=1, when="print('judging', flush=True)"
    )
    for delay in (0, 0.01, 0.02, 0.04, 0.08):
        export.holds("leads.csv", f"id,made\nlead{delay},2024-01-01T00:00Z\n")
        with subprocess.Popen(
            [sys.executable, "-c", program, str(export.folder)],
            cwd=Path(__file__).parents[2],
            stdout=subprocess.PIPE,
        ) as running:
            assert running.stdout is not None
            running.stdout.readline()
            time.sleep(delay)
            running.kill()
        leads = read_tables(export.out)["leads"]["lead_id"].to_pylist()
        assert leads == ["a"] or leads[0].startswith("lead")


def test_without_an_exchange_the_old_folder_comes_back(tmp_path, monkeypatch):
    """Between the two renames of a system that cannot exchange there is no folder; the next reader restores it."""
    monkeypatch.setattr("features.swap._exchange", lambda one, other: False)
    out = tmp_path / "history"
    publish(out, lambda fresh: _write(fresh, "old"))
    publish(out, lambda fresh: _write(fresh, "new"))
    assert (out / "file").read_text() == "new"
    out.rename(tmp_path / ".history.old")
    with pytest.raises(RuntimeError):
        publish(out, _fail)
    assert (out / "file").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["history"]


def _run(program: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program, str(folder)],
        cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def _write(folder: Path, text: str) -> None:
    (folder / "file").write_text(text)


def _fail(folder: Path) -> None:
    raise RuntimeError(folder)
