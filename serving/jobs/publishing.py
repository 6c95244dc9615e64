"""The three files of a job that is over, each made in one step from what was committed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from serving.jobs import csv_rows
from serving.jobs.files import COPY_BYTES, RESULTS, JobFiles
from serving.jobs.progress import JobError, Order, Progress, Result
from serving.jobs.results import head, left_over


def publish_all(files: JobFiles, order: Order, progress: Progress) -> None:
    """Make the files that are not there yet. The job must be over: its progress changes no more."""
    for result in RESULTS:
        published(files, order, progress, result)
    files.drop_parts()


def published(files: JobFiles, order: Order, progress: Progress, result: Result) -> Path:
    """One of the files; made now where no worker lived to make it."""
    path = files.result(result)
    if not path.exists():
        parts = () if result == "unprocessed" else progress.parts
        rest: Iterable[bytes] = _rest(files, order, progress) if result == "unprocessed" else ()
        try:
            files.publish(result, head(order.content, result, order.reasons), parts, rest)
        except FileNotFoundError:  # a part is gone: somebody else was quicker
            if not path.exists():
                raise
    return path


def _rest(files: JobFiles, order: Order, progress: Progress) -> Iterator[bytes]:
    """Rows that nobody came to. Lines of NDJSON as they were sent; of CSV what was read of it."""
    source = files.input(progress.upload)
    if not source.exists() or progress.position >= progress.uploaded:
        return
    if order.content == "csv":
        try:
            yield from left_over(csv_rows.read(source, progress.position))
        except JobError:  # there is no header, so there are no rows
            return
    else:
        with source.open("rb") as file:
            file.seek(progress.position)
            while chunk := file.read(COPY_BYTES):
                yield chunk
