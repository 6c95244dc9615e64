"""Putting a finished folder in the place of an old one, so that a reader sees the one or the other."""

from __future__ import annotations

import ctypes
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

_AT_CWD: Final = -100
_EXCHANGE: Final = 2


def publish(path: Path, build: Callable[[Path], None]) -> None:
    """Let ``build`` fill a new folder beside ``path``, then put it there in one step.

    The new folder is on the disk before it is moved. A process killed at any moment leaves the old
    folder, or the new one, whole; what it left beside is cleared away by the next run.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    recover(path)
    fresh = _beside(path, "new")
    for leftover in path.parent.glob(f".{path.name}.new-*"):
        if not _alive(leftover):
            shutil.rmtree(leftover, ignore_errors=True)
    fresh.mkdir()
    try:
        build(fresh)
        _flush(fresh)
        _put(fresh, path)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def recover(path: Path) -> None:
    """Bring back the old folder if a process was killed between the two steps of a system that cannot exchange."""
    old = _old(path)
    if old.exists() and not path.exists():
        old.rename(path)


def _beside(path: Path, word: str) -> Path:
    return path.parent / f".{path.name}.{word}-{os.getpid()}"


def _old(path: Path) -> Path:
    return path.parent / f".{path.name}.old"


def _alive(leftover: Path) -> bool:
    """Whether the process that builds this folder still runs."""
    owner = leftover.name.rpartition("-")[2]
    return owner.isdecimal() and int(owner) != os.getpid() and Path("/proc", owner).exists()


def _put(fresh: Path, path: Path) -> None:
    if not path.exists():
        fresh.rename(path)
    elif _exchange(fresh, path):
        shutil.rmtree(fresh)
    else:
        shutil.rmtree(_old(path), ignore_errors=True)
        path.rename(_old(path))
        fresh.rename(path)
        shutil.rmtree(_old(path))
    _flush_folder(path.parent)


def _exchange(one: Path, other: Path) -> bool:
    """Swap two folders in one step, where the system can (Linux: renameat2 with RENAME_EXCHANGE)."""
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if renameat2 is None:
        return False
    return bool(renameat2(_AT_CWD, os.fsencode(one), _AT_CWD, os.fsencode(other), _EXCHANGE) == 0)


def _flush(folder: Path) -> None:
    """Have everything in ``folder`` on the disk."""
    for file in sorted(folder.rglob("*")):
        if file.is_dir():
            _flush_folder(file)
        else:
            with file.open("rb+") as stream:
                os.fsync(stream.fileno())
    _flush_folder(folder)


def _flush_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
