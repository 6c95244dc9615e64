"""What takes seconds to make is kept between sessions, in pytest's cache, and made anew when its sources change."""

from __future__ import annotations

import fcntl
import hashlib
import platform
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parent.parent
PACKAGES: Final = ("numpy", "scipy", "numba", "pyarrow", "lightgbm", "pydantic", "SQLAlchemy", "alembic")
"""Their versions may show in what is made."""
UNUSED_SECONDS: Final = 3 * 86_400


def kept(
    config: pytest.Config,
    name: str,
    sources: Iterable[str],
    make: Callable[[Path], object],
    check: Callable[[Path], object],
) -> Path:
    """The folder that ``make`` filled, in this session or an earlier one; copy it before you write to it.

    Args:
        config: Of the session; workers of one session wait for each other.
        name: What is kept.
        sources: Files and folders of Python files, relative to the root, that decide what comes out.
        make: Fills a path that does not exist yet.
        check: Raises where a folder is damaged; it is made anew then.
    """
    assert config.cache is not None
    shelf = config.cache.mkdir("kept")
    path = shelf / f"{name}-{_key(sources)}"
    with _locked(shelf / f"{name}.lock"):
        if not _sound(path, check):
            fresh = shelf / f"{name}.new"
            for old in (path, fresh, *_unused(shelf, name)):
                shutil.rmtree(old, ignore_errors=True)
            make(fresh)
            check(fresh)
            fresh.rename(path)
        path.touch()
    return path


def _key(sources: Iterable[str]) -> str:
    digest = hashlib.sha256(platform.python_version().encode())
    for package in PACKAGES:
        digest.update(f"{package} {version(package)}\n".encode())
    for source in sources:
        whole = ROOT / source
        assert whole.exists(), source
        for file in sorted(whole.rglob("*.py")) if whole.is_dir() else [whole]:
            digest.update(f"{file.relative_to(ROOT)}\n".encode())
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:16]


def _sound(path: Path, check: Callable[[Path], object]) -> bool:
    if not path.is_dir():
        return False
    try:
        check(path)
    except Exception:  # noqa: BLE001 - whatever is wrong with it, it is made anew
        return False
    return True


def _unused(shelf: Path, name: str) -> Iterator[Path]:
    """Those of sources that have changed since; another session may still be reading a recent one."""
    for old in shelf.glob(f"{name}-*"):
        if time.time() - old.stat().st_mtime > UNUSED_SECONDS:
            yield old


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
