"""Takes one lead out of the files of a bulk job, record by record."""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

About = Callable[[str], bool]
"""Whether a record, as it is written, is about the lead."""

INSIDE_A_NAME: Final = r"[\w.:+\-@/]"
"""What goes on with a name: ``L-7`` is not mentioned by ``L-77`` or ``L-7.5``."""


def mentions(body: bytes, text: str) -> bool:
    r"""Whether JSON, or any other text in UTF-8, has ``text`` in it, written plainly or escaped.

    >>> mentions(b'{"lead_id": "Zo\\u00eb"}', "Zo\u00eb")
    True
    """
    forms = {text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}
    return any(form.encode() in body for form in forms)


def holds(folder: Path, lead_id: str) -> bool:
    """Whether some file below ``folder`` has a record about the lead."""
    return any(_about(file, lead_id) is not None for file in _files(folder))


def forget(folder: Path, lead_id: str) -> None:
    """Rewrite the files below ``folder`` without the records about the lead."""
    for file in _files(folder):
        about = _about(file, lead_id)
        if about is not None:
            _rewrite(file, about)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def _about(file: Path, lead_id: str) -> About | None:
    """How to tell the records of a file that are about the lead; ``None`` where there are none.

    Where no record is of the lead, and it is mentioned all the same, each record that mentions it is about it: it
    is better that somebody else's row goes, too, than that a person who is to be forgotten stays.
    """
    of_the_lead = KINDS.get(file.suffix, _other)(lead_id)
    return next((about for about in (of_the_lead, _naming(lead_id)) if any(map(about, _read(file)))), None)


def _read(file: Path) -> Iterator[str]:
    """Records as they are written, with their ends."""
    with file.open(encoding="utf-8", errors="surrogateescape", newline="") as lines:
        yield from _csv_records(lines) if file.suffix == ".csv" else lines


def _rewrite(file: Path, about: About) -> None:
    fresh = file.with_name(f"{file.name}.without")
    with fresh.open("w", encoding="utf-8", errors="surrogateescape", newline="") as new:
        new.writelines(record for record in _read(file) if not about(record))
        new.flush()
        os.fsync(new.fileno())
    fresh.replace(file)


def _csv_records(lines: Iterable[str]) -> Iterator[str]:
    """Line breaks in quotes included; of what is no CSV each line is a record, as it is for a job."""
    left = list[str]()  # lines that were taken for one record and are none
    more = iter(lines)
    while True:
        taken: list[str] = []

        def noted(taken: list[str] = taken) -> Iterator[str]:
            while (line := left.pop(0) if left else next(more, None)) is not None:
                taken.append(line)
                yield line

        try:
            if next(csv.reader(noted(), strict=True), None) is None and not taken:
                return
            yield "".join(taken)
        except csv.Error:
            yield taken[0]
            left[:0] = taken[1:]


def _in_csv(lead_id: str) -> About:
    """A cell is the id: with spaces around it as people type, or behind the quote that keeps spreadsheets quiet."""
    in_json = _in_json(lead_id, broken=False)

    def about(record: str) -> bool:
        try:
            cells = next(csv.reader(io.StringIO(record, newline=""), strict=True), [])
        except csv.Error:
            return _naming(lead_id)(record)
        return any(_is_id(cell, lead_id) or in_json(cell) for cell in cells)

    return about


def _is_id(cell: str, lead_id: str) -> bool:
    told = cell.removeprefix("\ufeff").strip()
    return lead_id.strip() in {told, told.removeprefix("'").strip()}


def _in_ndjson(lead_id: str) -> About:
    return _in_json(lead_id, broken=True)


def _in_json(lead_id: str, *, broken: bool) -> About:
    """Some value or key is the id; ``broken``: what to say of a text that is no JSON and mentions it."""

    def about(text: str) -> bool:
        # Escapes can be written in many ways, so whatever has one is read.
        if "\\" not in text and not mentions(text.encode(errors="surrogateescape"), lead_id):
            return False
        try:
            return _among(json.loads(text), lead_id)
        except (ValueError, RecursionError):
            return broken and mentions(text.encode(errors="surrogateescape"), lead_id)

    return about


def _other(lead_id: str) -> About:
    """Every line that has the id in it."""
    return lambda line: lead_id in line


def _naming(lead_id: str) -> About:
    """Every record that has the id in it as a word of its own."""
    word = re.compile(f"(?<!{INSIDE_A_NAME}){re.escape(lead_id)}(?!{INSIDE_A_NAME})")
    return lambda record: word.search(record) is not None


def _among(value: Any, lead_id: str) -> bool:
    if isinstance(value, dict):
        return any(_among(one, lead_id) for both in value.items() for one in both)
    if isinstance(value, list):
        return any(_among(one, lead_id) for one in value)
    return isinstance(value, str) and _is_id(value, lead_id)


KINDS: Final[dict[str, Callable[[str], About]]] = {".csv": _in_csv, ".ndjson": _in_ndjson}
"""What the files of jobs hold; ``_other`` is what nobody made for us."""
