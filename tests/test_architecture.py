"""What holds for the repository as a whole."""

from __future__ import annotations

import ast
import importlib
import json
import re
from pathlib import Path

import pytest

PACKAGES = ["features", "models", "pipelines", "serving"]
MADE = re.compile(
    r"\.venv|\.git|\.\w+_cache|\.hypothesis|__pycache__|.*\.egg-info|build|data|demo|mlruns|cache|tmp"
)
"""Folders that tools and runs make."""

IMPORT_WITHOUT = """
import importlib, json, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {absent!r}:
            raise ModuleNotFoundError(f"{{name}} is absent", name=name)

sys.meta_path.insert(0, Absent())
failed = {{}}
for name in {modules!r}:
    try:
        importlib.import_module(name)
    except Exception as error:
        failed[name] = f"{{type(error).__name__}}: {{error}}"
print(json.dumps(failed))
"""


def modules_of(root: Path, package: str) -> list[str]:
    paths = sorted((root / package).rglob("*.py"))
    return [
        ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__") for path in paths
    ]


def text_files(root: Path) -> list[Path]:
    """Files of the repository that hold text."""
    folders = [root, *(folder for folder in root.rglob("*") if folder.is_dir())]
    kept = [f for f in folders if not any(MADE.fullmatch(part) for part in f.relative_to(root).parts)]
    files = [path for folder in kept for path in folder.iterdir() if path.is_file()]
    return [path for path in files if b"\0" not in path.read_bytes()[:4096]]


def imported(tree: ast.AST) -> set[str]:
    """Top-level names of all imports, inside functions too."""
    nodes = list(ast.walk(tree))
    plain = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    origins = [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    return {name.partition(".")[0] for name in plain + origins}


@pytest.mark.parametrize("name", PACKAGES)
def test_our_packages_are_ours(name, root):
    """Plain names can be shadowed by a stray distribution."""
    assert Path(str(importlib.import_module(name).__file__)).is_relative_to(root)


def test_what_serving_needs_loads_without_the_training_libraries(root, run_python):
    modules = [name for package in ("features", "models", "serving") for name in modules_of(root, package)]
    absent = {"pandas", "sklearn", "mlflow", "shap", "duckdb", "optuna", "polars", "matplotlib", "pandera"}
    program = IMPORT_WITHOUT.format(absent=absent, modules=modules)
    assert json.loads(run_python(program)) == {}


@pytest.mark.parametrize("package", PACKAGES)
def test_nothing_of_ours_is_pickled(package, root):
    """Neither written nor read: a pickle runs whatever its author liked, and breaks when we rename a class."""
    trees = {path: ast.parse(path.read_bytes()) for path in (root / package).rglob("*.py")}
    picklers = {"pickle", "joblib", "cloudpickle", "dill", "shelve", "marshal"}
    assert {path for path, tree in trees.items() if imported(tree) & picklers} == set()
    asked = {
        path
        for path, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle"
    }
    assert asked == set()


def test_no_file_names_a_folder_of_one_machine_or_a_package_host(root):
    private = re.compile(
        "|".join(
            [
                *(re.escape(f"{folder}/") for folder in {root, Path.home()} if folder != Path("/")),
                r"https?://\S*(?:/simple\b|/debian\b|registry\.)",
            ]
        )
    )
    found = [
        f"{path.relative_to(root)}:{number}: {line.strip()[:120]}"
        for path in text_files(root)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if private.search(line)
    ]
    assert found == []
