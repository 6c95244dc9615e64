"""The notebook is the script beside it, and runs."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted(Path(__file__).parents[2].glob("notebooks/*.ipynb"))
PAIR_AGAIN = "run: .venv/bin/jupytext --update --to ipynb notebooks/*.py"

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
"""Of jupyter's own packages."""


def cells(notebook: nbformat.NotebookNode) -> list[tuple[str, str]]:
    return [(cell.cell_type, cell.source) for cell in notebook.cells]


def test_there_is_a_notebook():
    assert [path.name for path in NOTEBOOKS] == ["01_retrain.ipynb"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_notebook_is_its_script(path, tmp_path):
    """Byte for byte: pairing them again changes nothing."""
    for file in (path, path.with_suffix(".py")):
        shutil.copyfile(file, tmp_path / file.name)
    script = tmp_path / f"{path.stem}.py"
    command = [sys.executable, "-m", "jupytext", "--quiet", "--update", "--to", "ipynb", str(script)]
    subprocess.run(command, check=True, timeout=60)
    assert (tmp_path / path.name).read_bytes() == path.read_bytes(), PAIR_AGAIN


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_output_is_kept(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.source for cell in code if cell.outputs or cell.execution_count] == []
    assert len(code) <= 16, "about fifteen short cells"
    assert max(cell.source.count("\n") for cell in code) < 12


def shown(notebook: nbformat.NotebookNode) -> str:
    """Everything the cells printed or showed, as text."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    texts = [output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs]
    return "\n".join(texts)


@pytest.mark.slow
def test_the_retraining_notebook_runs_from_a_history_to_a_bundle(vendor, tmp_path, monkeypatch, root):
    for name in ("exports", "history"):
        (tmp_path / name).symlink_to(vendor.folder / name)
    monkeypatch.setenv("LEADLIGHT_DEMO", str(tmp_path))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    notebook = nbformat.read(root / "notebooks" / "01_retrain.ipynb", as_version=4)

    NotebookClient(notebook, timeout=250, resources={"metadata": {"path": str(tmp_path)}}).execute()

    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    text = shown(notebook)
    assert "count(pricing_view, 3d)" in text
    assert "roc_auc" in text
    pages = [
        output["data"] for cell in code for output in cell.outputs if "text/html" in output.get("data", {})
    ]
    assert any("<iframe srcdoc=" in page["text/html"] for page in pages), "a run shows its own report"
    warned = [output.text for cell in code for output in cell.outputs if output.get("name") == "stderr"]
    assert not [line for line in warned if "Warning" in line]
    assert (tmp_path / "notebook_run" / "bundle" / "SHA256SUMS").is_file()
