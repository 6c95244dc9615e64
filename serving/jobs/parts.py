"""The result files of one attempt, to which rows are appended."""

from __future__ import annotations

import os
from collections.abc import Sequence
from types import TracebackType
from typing import BinaryIO, Self

from serving.jobs.files import PARTS, JobFiles, sync_folder
from serving.jobs.progress import Order, Part, Result
from serving.jobs.results import Outcome, failed, successful


class PartFiles:
    """Open files of an attempt; what was written reaches the disk before ``write`` returns."""

    def __init__(self, files: JobFiles, attempt: int) -> None:
        self._paths = {result: files.part(result, attempt) for result in PARTS}
        self._folder = files.folder
        self._open: dict[Result, BinaryIO] = {}

    def __enter__(self) -> Self:
        self._open = {result: path.open("wb") for result, path in self._paths.items()}
        sync_folder(self._folder)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in self._open.values():
            file.close()

    def write(self, order: Order, part: Part, outcomes: Sequence[Outcome]) -> Part:
        """Put rows behind those of ``part``, over what was not kept; returns the part with them."""
        rows = {
            "successful": successful(order.content, order.reasons, outcomes),
            "failed": failed(order.content, outcomes),
        }
        ends = {}
        for result in PARTS:
            file, written = self._open[result], rows[result]
            file.seek(part.of(result))
            file.truncate()
            file.write(written)
            file.flush()
            if written:
                os.fsync(file.fileno())
            ends[result] = part.of(result) + len(written)
        return Part(part.attempt, ends["successful"], ends["failed"])
