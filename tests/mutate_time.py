"""Flip every ``<``, ``<=``, ``>``, ``>=`` of the time modules, one at a time, and demand a red test.

    python tests/mutate_time.py [module ...]

A survivor is a boundary that no test knows: write the example that names it. Mutants live in a copy of the
repository, so the work tree is never touched; numba is switched off, so that they run at once.
"""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
FLIPS = {"<": "<=", "<=": "<", ">": ">=", ">=": ">"}
SIGNS: dict[type[ast.cmpop], str] = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}
SPAN_TESTS = ("test_episodes", "test_snapshots", "test_labels", "test_label_laws")
TESTS = {
    "kernel": ("test_kernel_examples", "test_kernel_laws"),
    "episodes": SPAN_TESTS,
    "snapshots": SPAN_TESTS,
    "labels": SPAN_TESTS,
}
# Mutants that no test can tell from the original, each with the reason.
EQUAL = {
    "if newest[s] < 0:  [newest[s] < -> <=]": "rows come newest first, so none follows row 0",
    "if slot >= 0 and found[snapshot, slot] < 0 and known_at[row] < moment:  [found[snapshot, slot] < -> <=]": (
        "rows come newest first, so none follows row 0"
    ),
}


def mutants(source: str) -> Iterator[tuple[str, str]]:
    """Each mutant's line in words, and its source."""
    lines = source.splitlines(keepends=True)
    starts = [sum(map(len, lines[:number])) for number in range(len(lines))]

    def position(line: int | None, byte: int | None) -> int:
        assert line is not None
        assert byte is not None
        return starts[line - 1] + len(lines[line - 1].encode()[:byte].decode())

    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Compare):
            continue
        operands = [node.left, *node.comparators]
        for left, sign, right in zip(operands, node.ops, operands[1:], strict=False):
            if type(sign) not in SIGNS:
                continue
            old = SIGNS[type(sign)]
            begin = position(left.end_lineno, left.end_col_offset)
            at = begin + source[begin : position(right.lineno, right.col_offset)].index(old)
            told = f"{lines[left.lineno - 1].strip()}  [{ast.unparse(left)} {old} -> {FLIPS[old]}]"
            yield told, source[:at] + FLIPS[old] + source[at + len(old) :]


def survives(copy: Path, tests: list[str]) -> bool:
    """Whether every test stays green."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-qx",
        "-p",
        "no:randomly",
        "-p",
        "no:cacheprovider",
        "--timeout=120",
        *tests,
    ]
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1", "CI": "1", "PYTHONPATH": str(copy)}
    run = subprocess.run(
        [*command, "-m", "not slow"],
        cwd=copy,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert run.returncode in (0, 1), run.stdout
    return run.returncode == 0


def main(modules: list[str]) -> int:
    """Number of survivors."""
    survivors = 0
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for part in ("features", "models", "tests", "examples"):
            shutil.copytree(ROOT / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", copy)
        for module in modules:
            target = copy / "features" / f"{module}.py"
            source = target.read_text(encoding="utf-8")
            paths = [f"tests/features/{name}.py" for name in TESTS[module]]
            tests = [path for path in paths if (copy / path).exists()]
            assert survives(copy, tests), f"{module}: the tests are red without a mutant"
            for told, mutant in mutants(source):
                target.write_text(mutant, encoding="utf-8")
                verdict = "equal" if told in EQUAL else "SURVIVED" if survives(copy, tests) else "killed"
                survivors += verdict == "SURVIVED"
                print(f"{verdict:9}{module}: {told}", flush=True)  # noqa: T201 - a script
            target.write_text(source, encoding="utf-8")
    return survivors


if __name__ == "__main__":
    sys.exit(min(main(sys.argv[1:] or list(TESTS)), 1))
