"""requirements.lock: what `make setup` installs."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;]+)(?: *; *(.+?))? *\\$")
PYTHONS = ["3.11", "3.12", "3.13"]


@pytest.fixture(scope="session")
def lock(root: Path) -> str:
    return (root / "requirements.lock").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def declared(root: Path) -> list[Requirement]:
    """Direct dependencies, the extras of ``dev`` followed."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras: dict[str, list[str]] = project["optional-dependencies"]
    found = list(map(Requirement, project["dependencies"]))
    waiting = list(map(Requirement, extras["dev"]))
    while waiting:
        requirement = waiting.pop()
        if requirement.name == "leadlight":
            waiting += [Requirement(text) for extra in requirement.extras for text in extras[extra]]
        else:
            found.append(requirement)
    return found


def pins(lock: str, python: str) -> dict[str, Version]:
    """Versions that a Python on x86-64 Linux gets."""
    machine = {
        "sys_platform": "linux",
        "platform_machine": "x86_64",
        "platform_system": "Linux",
        "os_name": "posix",
    }
    here = machine | {"python_version": python, "python_full_version": f"{python}.7"}
    found = filter(None, map(PINNED.match, lock.splitlines()))
    return {
        canonicalize_name(name): Version(version)
        for name, version, marker in (match.groups() for match in found)
        if marker is None or Marker(marker).evaluate(here)
    }


def test_the_lock_names_no_host(lock):
    assert re.findall(r"\S*://\S*|^--?\w.*", lock, flags=re.MULTILINE) == []


def test_every_pin_has_hashes(lock):
    unhashed = re.findall(r"^([\w.-]+==\S+[^\n\\]*(?:\\\n(?! +--hash)|\n))", lock, flags=re.MULTILINE)
    assert unhashed == []
    assert lock.count("--hash=sha256:") > lock.count("==")


@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_covers_what_pyproject_asks_for(lock, declared, python):
    pinned = pins(lock, python)
    names = {requirement: canonicalize_name(requirement.name) for requirement in declared}
    assert [str(requirement) for requirement, name in names.items() if name not in pinned] == []
    unmet = [str(r) for r, name in names.items() if not r.specifier.contains(pinned[name], prereleases=True)]
    assert unmet == []
