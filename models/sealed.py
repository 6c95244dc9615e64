"""A sealed folder: plain files beside ``SHA256SUMS``, which lists every one of them.

The sums are in the format of ``sha256sum --check``. A folder with a changed, missing or additional file
is refused before anything in it is interpreted; what was hashed is what is handed out. The one file outside the
sums is their signature, ``SHA256SUMS.sig`` (``models.signing``), which may be added later.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Final

from features.errors import LeadlightError
from features.swap import publish

SUMS: Final = "SHA256SUMS"
SIGNATURE: Final = "SHA256SUMS.sig"


class BundleError(LeadlightError):
    """A bundle is not what it was when it was sealed, or cannot be understood."""


def seal(path: Path, files: Mapping[str, bytes]) -> str:
    """Write ``files`` (relative POSIX paths) into a new folder at ``path`` and return its fingerprint.

    The folder is built beside ``path`` and put in place in one step, so that a reader sees the old
    folder or the new one, whole. The bytes depend on ``files`` alone.

    Raises:
        BundleError: if a path leaves the folder or is reserved, or if ``path`` holds something that is
            no sealed folder.
    """
    wrong = [f"{name!r} is no name for a file of a bundle" for name in files if not _is_plain(name)]
    if wrong:
        raise BundleError(f"{path} cannot be written", wrong)
    if path.exists() and not (path / SUMS).is_file() and (not path.is_dir() or any(path.iterdir())):
        raise BundleError(f"{path} exists and is no bundle; move it away, or write to another folder")
    sums = _sums(files)

    def build(fresh: Path) -> None:
        for name, content in [*sorted(files.items()), (SUMS, sums)]:
            _write(fresh / name, content)

    publish(path, build)
    return hashlib.sha256(sums).hexdigest()


def unseal(path: Path) -> tuple[dict[str, bytes], str]:
    """Contents of every file of a sealed folder, and its fingerprint (the SHA-256 of ``SHA256SUMS``).

    Raises:
        BundleError: naming every changed, missing and additional file.
    """
    if not path.is_dir():
        raise BundleError(f"there is no bundle at {path}; `leadlight train` makes one")
    found = {entry.relative_to(path).as_posix(): entry for entry in _entries(path)}
    if SUMS not in found:
        raise BundleError(
            f"{path} has no {SUMS}, so nothing in it can be trusted; train again or copy it again"
        )
    found.pop(SIGNATURE, None)
    sums = found.pop(SUMS).read_bytes()
    listed = _listed(sums, path)
    problems = [f"{name} is missing" for name in sorted(set(listed) - set(found))]
    problems += [f"{name} is not listed in {SUMS}" for name in sorted(set(found) - set(listed))]
    contents = {name: found[name].read_bytes() for name in sorted(set(listed) & set(found))}
    problems += [
        f"{name} was changed" for name, content in contents.items() if _digest(content) != listed[name]
    ]
    if problems:
        raise BundleError(
            f"the bundle at {path} is not what was sealed; copy it again from where it was made", problems
        )
    if sums != _sums(contents):  # the same sums, otherwise written: then the fingerprint means nothing
        raise _damaged(path)
    return contents, _digest(sums)


def _is_plain(name: str) -> bool:
    parts = PurePosixPath(name).parts
    printable = name.isprintable() and "\\" not in name
    return (
        printable
        and name not in (SUMS, SIGNATURE)
        and bool(parts)
        and str(PurePosixPath(*parts)) == name
        and not {"..", "/"} & set(parts)
    )


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _sums(files: Mapping[str, bytes]) -> bytes:
    return "".join(f"{_digest(content)}  {name}\n" for name, content in sorted(files.items())).encode()


def _listed(sums: bytes, path: Path) -> dict[str, str]:
    try:
        lines = [line.split("  ", 1) for line in sums.decode().splitlines()]
        listed = {name: digest for digest, name in lines}
    except (UnicodeDecodeError, ValueError) as error:
        raise _damaged(path) from error
    unsafe = [f"{name!r} points outside the bundle" for name in listed if not _is_plain(name)]
    if unsafe or len(listed) != len(lines):
        raise _damaged(path, unsafe)
    return listed


def _damaged(path: Path, problems: Iterable[str] = ()) -> BundleError:
    return BundleError(f"{path / SUMS} is damaged; copy the bundle again from where it was made", problems)


def _entries(path: Path) -> Iterator[Path]:
    """Every file below ``path``; anything but plain files and folders is refused, links above all."""
    for entry in sorted(path.iterdir()):
        if entry.is_symlink() or not (entry.is_file() or entry.is_dir()):
            raise BundleError(f"{entry} is a link or a device; a bundle holds plain files only")
        if entry.is_dir():
            yield from _entries(entry)
        else:
            yield entry


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        file.write(content)
