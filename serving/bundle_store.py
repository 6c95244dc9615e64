"""The bundles of a service, each in a folder named by its fingerprint.

A bundle gets in only after its hashes, its signature (where one is asked for) and its answers were checked, the
last in a process of its own; then it appears under its name in one step. What was tried by which versions of the
libraries is noted beside it, and tried again when they change.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from features.swap import publish
from models.sealed import SIGNATURE, SUMS, BundleError, unseal

FINGERPRINT: Final = re.compile(r"[0-9a-f]{64}")
SECONDS: Final = 60
"""After which a bundle that is tried is given up."""
NEEDED: Final = re.compile(
    r"PATH|HOME|LANG|LC_\w+|TZ|TMPDIR|PYTHON\w+|VIRTUAL_ENV|LD_LIBRARY_PATH|XDG_\w+|NUMBA_\w+|OMP_NUM_THREADS|COVERAGE_\w+"
)
"""Variables that a canary gets; it has no business with secrets."""


@dataclass(frozen=True, slots=True)
class BundleStore:
    """Bundles below ``folder``.

    Attributes:
        folder: made when the first bundle comes.
        public_key: of who must have signed every bundle.
    """

    folder: Path
    public_key: Path | None = None

    def add(self, path: Path) -> str:
        """Check the bundle at ``path``, keep a copy, and return its fingerprint.

        Raises:
            BundleError: it is not what was sealed, not signed, or does not give the golden answers.
            SigningError: the public key cannot be read.
        """
        files, fingerprint = _read(path)
        self._check_signature(path)
        if self._holds(fingerprint, files):
            self.tried(fingerprint)
            return fingerprint

        def build(fresh: Path) -> None:
            for name, content in files.items():
                (fresh / name).parent.mkdir(parents=True, exist_ok=True)
                (fresh / name).write_bytes(content)
            self._check_signature(fresh)  # of what is kept; what was copied may have changed meanwhile
            self._try(fresh)

        publish(self.folder / fingerprint, build)
        self._note(fingerprint)
        return fingerprint

    def path_of(self, fingerprint: str) -> Path:
        """Folder of a bundle.

        Raises:
            BundleError: there is none.
        """
        path = self.folder / fingerprint
        if not FINGERPRINT.fullmatch(fingerprint) or not path.is_dir():
            known = f"the store holds {', '.join(one[:12] for one in self.fingerprints()) or 'no bundle'}"
            raise BundleError(f"there is no bundle {fingerprint[:12]!r} in {self.folder}", [known])
        return path

    def fingerprints(self) -> list[str]:
        """Of every bundle here, in order."""
        if not self.folder.is_dir():
            return []
        return sorted(entry.name for entry in self.folder.iterdir() if FINGERPRINT.fullmatch(entry.name))

    def find(self, start: str) -> str:
        """The fingerprint that begins with ``start`` (eight digits or more).

        Raises:
            BundleError: none does, or several do.
        """
        found = [one for one in self.fingerprints() if len(start) >= 8 and one.startswith(start)]
        if len(found) > 1:
            raise BundleError(f"several bundles begin with {start}", found)
        return found[0] if found else self.path_of(start).name

    def tried(self, fingerprint: str) -> Path:
        """Folder of a bundle that these versions of the libraries were seen to read; tries it where needed.

        Its files may be changed later, so who loads it checks the hashes again.

        Raises:
            BundleError: it is not there, not signed, or does not give the golden answers.
        """
        path = self.path_of(fingerprint)
        self._check_signature(path)
        if self._noted(fingerprint) != _circumstances():
            self._try(path)
            self._note(fingerprint)
        return path

    def _holds(self, fingerprint: str, files: Mapping[str, bytes]) -> bool:
        try:
            return _read(self.folder / fingerprint)[0] == files
        except BundleError:
            return False

    def _check_signature(self, path: Path) -> None:
        if self.public_key is not None:
            from models.signing import check  # noqa: PLC0415 - cryptography only where it is asked for

            check(path, self.public_key)

    def _try(self, path: Path) -> None:
        command = [sys.executable, "-P", "-m", "serving.canary", str(path)]
        try:
            done = subprocess.run(  # noqa: S603 - our own module, and a path
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                env={name: value for name, value in os.environ.items() if NEEDED.fullmatch(name)},
                timeout=SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise BundleError(f"the bundle at {path} was given up after {SECONDS} s of trying") from error
        verdict = _verdict(done.stdout)
        if done.returncode != 0 or not verdict.get("ok"):
            problems = verdict.get("problems") or [
                f"the process that tried it died ({_ending(done.returncode)})"
            ]
            raise BundleError(f"the bundle at {path} was tried and cannot be served", problems)

    def _note(self, fingerprint: str) -> None:
        fresh = self._notes(fingerprint).with_suffix(f".{os.getpid()}")
        fresh.write_text(json.dumps(_circumstances(), sort_keys=True), encoding="utf-8")
        fresh.replace(self._notes(fingerprint))

    def _noted(self, fingerprint: str) -> Any:
        try:
            return json.loads(self._notes(fingerprint).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def _notes(self, fingerprint: str) -> Path:
        return self.folder / f"{fingerprint}.tried"


def _read(path: Path) -> tuple[dict[str, bytes], str]:
    """Every file of a bundle, sums and signature included, and its fingerprint."""
    contents, fingerprint = unseal(path)
    outside = {name: (path / name).read_bytes() for name in (SUMS, SIGNATURE) if (path / name).is_file()}
    if hashlib.sha256(outside[SUMS]).hexdigest() != fingerprint:
        raise BundleError(f"the bundle at {path} changed while it was read; try again")
    return {**contents, **outside}, fingerprint


def _circumstances() -> dict[str, str]:
    """What the answers of a bundle may hang on, beside its files."""
    from models.bundle import made_with  # noqa: PLC0415 - a list of bundles needs no models

    return {**made_with(), "python": platform.python_version(), "machine": platform.machine()}


def _verdict(output: bytes) -> Mapping[str, Any]:
    """The last line; libraries print what they like before it."""
    lines = output.decode(errors="replace").strip().splitlines()
    try:
        verdict = json.loads(lines[-1])
    except (IndexError, ValueError):
        return {}
    return verdict if isinstance(verdict, dict) else {}


def _ending(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
