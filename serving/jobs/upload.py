"""An upload goes to the disk as it comes, under a name of its own.

It counts once the job's row in the store names it; so a commit that fails leaves the one before as it was.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final
from uuid import uuid4

from serving.jobs.files import JobFiles, sync_folder
from serving.jobs.progress import Content

MOST_BYTES: Final = 150 << 20
"""Of one upload; as in Salesforce Bulk API 2.0."""
LEAST_FREE: Final = 1 << 30
"""Bytes of the disk that uploads leave to the database and to results."""
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


class DiskFullError(Exception):
    """The disk has hardly any room left."""


@dataclass(frozen=True, slots=True)
class Received:
    """An upload on the disk, which no job names yet."""

    name: str
    path: Path
    size: int

    def discard(self) -> None:
        """Remove it."""
        self.path.unlink(missing_ok=True)


async def receive(stream: AsyncIterator[bytes], files: JobFiles) -> Received:
    """Write an upload beside earlier ones of a job; threads do the writing.

    Raises:
        TooLargeError, TooSlowError, DiskFullError: nothing is left of it then.
    """
    files.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = uuid4().hex
    path = files.input(name)
    received = Received(name, path, 0)
    try:
        with path.open("wb") as file:
            size = await _pour(stream, file)
            await asyncio.to_thread(_to_disk, file, files.folder)
    except BaseException:
        received.discard()
        raise
    return Received(name, path, size)


async def _pour(stream: AsyncIterator[bytes], file: BinaryIO) -> int:
    size, gathered = 0, bytearray()
    while (piece := await _next(stream)) is not None:
        size += len(piece)
        if size > MOST_BYTES:
            raise TooLargeError
        gathered += piece
        if len(gathered) >= AT_ONCE:
            await asyncio.to_thread(_write, file, bytes(gathered))
            gathered.clear()
    await asyncio.to_thread(_write, file, bytes(gathered))
    return size


async def _next(stream: AsyncIterator[bytes]) -> bytes | None:
    try:
        return await asyncio.wait_for(anext(stream), LONGEST_WAIT)
    except StopAsyncIteration:
        return None
    except TimeoutError as error:
        raise TooSlowError from error


def _write(file: BinaryIO, piece: bytes) -> None:
    if shutil.disk_usage(file.fileno()).free < LEAST_FREE + len(piece):
        raise DiskFullError
    file.write(piece)


def _to_disk(file: BinaryIO, folder: Path) -> None:
    file.flush()
    os.fsync(file.fileno())
    with suppress(FileNotFoundError):  # the job was deleted meanwhile; who has it count will find out
        sync_folder(folder)
