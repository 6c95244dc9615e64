"""Where the files of a job are, and how they come to be there."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final
from uuid import uuid4

from serving.jobs.progress import Content, Part, Result

RESULTS: Final[tuple[Result, ...]] = ("successful", "failed", "unprocessed")
PARTS: Final[tuple[Result, ...]] = ("successful", "failed")
COPY_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class JobFiles:
    """The folder of one job."""

    folder: Path
    content: Content

    def input(self, upload: str) -> Path:
        """What was uploaded; each upload has a name of its own, and ``Progress.upload`` says which one counts."""
        return self.folder / f"input-{upload}.{self.content}"

    def result(self, result: Result) -> Path:
        """A published file of results."""
        return self.folder / f"{result}.{self.content}"

    def part(self, result: Result, attempt: int) -> Path:
        """Rows as one attempt writes them."""
        return self.folder / f"{result}.{attempt}.part"

    def unfinished(self, name: str) -> Path:
        """A file that is being written, to be moved to where it can be seen."""
        return self.folder / f"{name}.unfinished"

    def publish(self, result: Result, head: bytes, parts: Iterable[Part], rest: Iterable[bytes] = ()) -> None:
        """Write a file of results from what was committed of its parts, in one step for readers.

        The first one to make it does: a file that is there is never replaced, as a lead may have been taken out
        of it (``serving.store.erase``).
        """
        fresh = self.unfinished(f"{result}-{uuid4().hex}")
        with fresh.open("wb") as file:
            file.write(head)
            for part in parts:
                if part.of(result):  # an attempt that kept nothing may not even have come to make its files
                    _copy(self.part(result, part.attempt), part.of(result), file)
            file.writelines(rest)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            self.result(result).hardlink_to(fresh)
        fresh.unlink(missing_ok=True)
        sync_folder(self.folder)

    def drop_parts(self) -> None:
        """Remove what the published files were made of."""
        for pattern in ("*.part", "*.unfinished"):
            for file in self.folder.glob(pattern):
                file.unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove everything."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _copy(source: Path, size: int, into: BinaryIO) -> None:
    with source.open("rb") as file:
        left = size
        while left:
            chunk = file.read(min(left, COPY_BYTES))
            if not chunk:
                raise OSError(f"{source.name} of a job is shorter than what was committed of it")
            into.write(chunk)
            left -= len(chunk)


def sync_folder(folder: Path) -> None:
    """Have the names in a folder survive a loss of power."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
