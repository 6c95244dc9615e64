"""What the commands of the service share: options, and how they answer."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from features.errors import LeadlightError

if TYPE_CHECKING:
    from serving.settings import Settings

PANEL: Final = "The service"
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Data = Annotated[
    Path | None,
    typer.Option(help="Folder of the service's data; LEADLIGHT_DATA or leadlight-data if left out."),
]
Tenant = Annotated[str, typer.Option(help="Whose leads.")]
DemoClock = Annotated[
    str | None,
    typer.Option(help="The service's clock starts at this moment (ISO 8601 with offset), for demos."),
]
LeadId = Annotated[str, typer.Argument(metavar="LEAD", help="The lead's id, as the CRM has it.")]
DEFAULT: Final = "default"


def settings_of(data: Path | None, demo_clock: str | None = None, **chosen: Any) -> Settings:
    """Settings of the environment, and those of the command line."""
    from serving.settings import read_settings

    moment = None if demo_clock is None else _moment(demo_clock)
    return read_settings(data=data, demo_clock=moment, **chosen)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise LeadlightError(f"{text!r} is no moment; write for example 2025-09-01T00:00:00Z") from error
    if moment.tzinfo is None:
        raise LeadlightError(f"{text!r} has no time zone; write for example {text}Z")
    return moment


def say(text: str) -> None:
    """Progress, for who watches."""
    if sys.stderr.isatty():
        print(f"\r{text:<60}", end="", file=sys.stderr, flush=True)


def answer(as_json: bool, plain: Mapping[str, Any], told: Sequence[str]) -> None:
    """Print what a command found out: one JSON object, or lines for a person."""
    if sys.stderr.isatty():
        print("\r" + " " * 60 + "\r", end="", file=sys.stderr, flush=True)
    print(json.dumps(plain, sort_keys=True, allow_nan=False) if as_json else "\n".join(told))
