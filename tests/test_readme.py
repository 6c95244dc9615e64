"""What the README shows is true: its YAML is accepted, its commands exist, its links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

from features.playbook import parse_playbook
from pipelines import cli
from pipelines.mapping_file import read_mapping

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
MAPPING, PLAYBOOK = re.findall(r"```yaml\n(.*?)```", README, flags=re.DOTALL)
COMMANDS = sorted(set(re.findall(r"^leadlight +(\w+)", README, flags=re.MULTILINE)))
LINKS = sorted(set(re.findall(r"\]\((?!http)([^)#]+)\)", README)))


def test_the_mapping_is_accepted(tmp_path):
    (tmp_path / "mapping.yaml").write_text(MAPPING, encoding="utf-8")
    assert read_mapping(tmp_path / "mapping.yaml").mapping.name == "our CRM"


def test_the_playbook_is_accepted():
    assert parse_playbook(PLAYBOOK).sheet is not None


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_exists(command):
    assert command in typer.main.get_command(cli.app).commands


@pytest.mark.parametrize("link", LINKS)
def test_a_link_leads_somewhere(link):
    assert (ROOT / link).exists()
