"""An upload goes to the disk as it comes, and takes its place when it is whole."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final
from uuid import uuid4

from serving.jobs.files import JobFiles, sync_folder
from serving.jobs.progress import Content

MOST_BYTES: Final = 150 << 20
"""Of one upload; as in Salesforce Bulk API 2.0."""
LONGEST_WAIT: Final = 10.0
"""Seconds between two pieces."""
AT_ONCE: Final = 1 << 20
MEDIA_TYPES: Final[dict[Content, tuple[str, ...]]] = {
    "csv": ("text/csv",),
    "ndjson": ("application/x-ndjson", "application/jsonl", "application/ndjson"),
}
"""The first is also that of the results."""


class TooLargeError(Exception):
    """The upload is larger than is taken."""


class TooSlowError(Exception):
    """Nothing came for a while."""


@dataclass(frozen=True, slots=True)
class Received:
    """An upload on the disk, not in its place yet."""

    path: Path
    size: int

    def place(self, files: JobFiles) -> None:
        """Put it in the place of any earlier one."""
        self.path.replace(files.input)
        sync_folder(files.folder)

    def discard(self) -> None:
        """Remove it."""
        self.path.unlink(missing_ok=True)


async def receive(stream: AsyncIterator[bytes], files: JobFiles) -> Received:
    """Write an upload beside the input of a job; threads do the writing.

    Raises:
        TooLargeError, TooSlowError: nothing is left of it then.
    """
    files.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = files.unfinished(f"input-{uuid4().hex}")
    received = Received(path, 0)
    try:
        with path.open("wb") as file:
            size = await _pour(stream, file)
            await asyncio.to_thread(_to_disk, file)
    except BaseException:
        received.discard()
        raise
    return Received(path, size)


async def _pour(stream: AsyncIterator[bytes], file: BinaryIO) -> int:
    size, gathered = 0, bytearray()
    while (piece := await _next(stream)) is not None:
        size += len(piece)
        if size > MOST_BYTES:
            raise TooLargeError
        gathered += piece
        if len(gathered) >= AT_ONCE:
            await asyncio.to_thread(file.write, bytes(gathered))
            gathered.clear()
    await asyncio.to_thread(file.write, bytes(gathered))
    return size


async def _next(stream: AsyncIterator[bytes]) -> bytes | None:
    try:
        return await asyncio.wait_for(anext(stream), LONGEST_WAIT)
    except StopAsyncIteration:
        return None
    except TimeoutError as error:
        raise TooSlowError from error


def _to_disk(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
