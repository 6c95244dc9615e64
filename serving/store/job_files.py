"""Takes one lead out of the files of a bulk job, record by record."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

Holds = Callable[[str], bool]
Records = Callable[[Iterator[str], str], Iterator[tuple[str, bool]]]


def mentions(body: bytes, text: str) -> bool:
    r"""Whether JSON, or any other text in UTF-8, has ``text`` in it, written plainly or escaped.

    >>> mentions(b'{"lead_id": "Zo\\u00eb"}', "Zo\u00eb")
    True
    """
    forms = {text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}
    return any(form.encode() in body for form in forms)


def holds(folder: Path, lead_id: str) -> bool:
    """Whether some file below ``folder`` mentions the lead."""
    return any(mentions(file.read_bytes(), lead_id) for file in _files(folder))


def forget(folder: Path, lead_id: str) -> None:
    """Rewrite the files below ``folder`` without the records about the lead."""
    for file in _files(folder):
        if mentions(file.read_bytes(), lead_id):
            _rewrite(file, lead_id)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def _rewrite(file: Path, lead_id: str) -> None:
    records = READERS.get(file.suffix, _lines)
    fresh = file.with_name(f"{file.name}.without")
    with (
        file.open(encoding="utf-8", errors="surrogateescape", newline="") as old,
        fresh.open("w", encoding="utf-8", errors="surrogateescape", newline="") as new,
    ):
        new.writelines(text for text, about_it in records(old, lead_id) if not about_it)
        new.flush()
        os.fsync(new.fileno())
    fresh.replace(file)


def _csv(lines: Iterator[str], lead_id: str) -> Iterator[tuple[str, bool]]:
    """Records as they are written, line breaks in quotes included."""
    taken: list[str] = []

    def noted() -> Iterator[str]:
        for line in lines:
            taken.append(line)
            yield line

    for cells in csv.reader(noted()):
        yield "".join(taken), any(cell == lead_id or _in_json(cell, lead_id, broken=False) for cell in cells)
        taken.clear()


def _ndjson(lines: Iterator[str], lead_id: str) -> Iterator[tuple[str, bool]]:
    for line in lines:
        yield line, _in_json(line, lead_id, broken=True)


def _lines(lines: Iterator[str], lead_id: str) -> Iterator[tuple[str, bool]]:
    for line in lines:
        yield line, lead_id in line


def _in_json(text: str, lead_id: str, *, broken: bool) -> bool:
    """Whether some value or key of a JSON text is the id; ``broken``: what to say of a text that is no JSON."""
    if not mentions(text.encode(errors="surrogateescape"), lead_id):
        return False
    try:
        return _among(json.loads(text), lead_id)
    except ValueError:
        return broken


def _among(value: Any, lead_id: str) -> bool:
    if isinstance(value, dict):
        return lead_id in value or any(_among(one, lead_id) for one in value.values())
    if isinstance(value, list):
        return any(_among(one, lead_id) for one in value)
    return bool(value == lead_id)


READERS: Final[dict[str, Records]] = {".csv": _csv, ".ndjson": _ndjson}
"""How a file falls into records; of others every line that mentions the lead goes."""
