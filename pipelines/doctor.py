"""Is this machine ready? Versions, time zones, folders, the tracking store."""

from __future__ import annotations

import os
import platform
import re
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from packaging.requirements import Requirement

State = Literal["ok", "warning", "broken"]
PATIENCE = 2.0
"""Seconds to wait for a tracking server."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at.

    Attributes:
        what: the thing.
        state: ``warning`` does not stop a run, ``broken`` does.
        detail: what was seen.
        advice: what to do; empty where all is well.
    """

    what: str
    state: State
    detail: str
    advice: str = ""

    def line(self) -> str:
        """For a terminal."""
        told = f"{self.state:8} {self.what:14} {self.detail}"
        return f"{told}\n{'':24}{self.advice}" if self.advice else told

    def to_dict(self) -> dict[str, str]:
        """For JSON."""
        return asdict(self)


def examine(folder: Path) -> list[Finding]:
    """All findings; results would be written to ``folder``."""
    return [_python(), *_packages(), _time_zones(), _writable(folder), _tracking()]


def _python() -> Finding:
    return Finding("python", "ok", f"{platform.python_version()}, {os.cpu_count()} cores")


def _packages() -> Iterator[Finding]:
    for requirement in _requirements():
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            yield Finding(requirement.name, "broken", "not installed", "run `make setup`")
            continue
        if requirement.specifier.contains(version, prereleases=True):
            yield Finding(requirement.name, "ok", version)
        else:
            yield Finding(
                requirement.name,
                "broken",
                f"{version}, but {requirement.specifier} is needed",
                "run `make setup`",
            )


def _requirements() -> Iterator[Requirement]:
    """What the distribution itself and its extra ``train`` ask for on this machine."""
    for text in metadata.requires("leadlight") or []:
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": "train"}):
            yield requirement


def _time_zones() -> Finding:
    try:
        ZoneInfo("Europe/Amsterdam")
    except ZoneInfoNotFoundError:
        return Finding("time zones", "broken", "no IANA time zones here", "install the package tzdata")
    return Finding("time zones", "ok", "IANA names are known")


def _writable(folder: Path) -> Finding:
    existing = next(place for place in (folder.resolve(), *folder.resolve().parents) if place.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):
            return Finding("folder", "ok", f"{existing} can be written")
    except OSError as error:
        return Finding("folder", "broken", f"{existing}: {error.strerror}", "name another one with --out")


def _tracking() -> Finding:
    uri = os.environ.get("MLFLOW_TRACKING_URI", "")
    if not uri:
        return Finding("tracking", "ok", "MLflow keeps a sqlite store beside each run")
    shown = re.sub(r"//[^@/]*@", "//", uri)
    parts = urlsplit(uri)
    if parts.scheme not in {"http", "https"}:
        return Finding("tracking", "ok", f"MLFLOW_TRACKING_URI is {shown}")
    port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    try:
        socket.create_connection((parts.hostname or "", port), timeout=PATIENCE).close()
    except OSError as error:
        return Finding(
            "tracking",
            "warning",
            f"{shown} does not answer: {error}",
            "training stops at the last step without it",
        )
    return Finding("tracking", "ok", f"{shown} answers")
