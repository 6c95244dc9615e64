"""A sheet as our own files: YAML that says all of it, and CSV with one row per rule."""

from __future__ import annotations

from typing import Any, Final

import yaml

from features.sheet import Sheet
from pipelines.points.exporting.exported import Exported, table
from pipelines.points.table import COLUMNS, to_row


class _Flow(dict[str, Any]):
    """A mapping that is written in one line."""


class _Dumper(yaml.SafeDumper):
    """Lists and short mappings in one line, as people write sheets."""


def _write_flow(dumper: yaml.SafeDumper, mapping: _Flow) -> yaml.Node:
    return dumper.represent_mapping("tag:yaml.org,2002:map", mapping, flow_style=True)


def _write_text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    style = '"' if len(text.splitlines()) > 1 or text != text.rstrip(_ENDINGS) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_ENDINGS: Final = "\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
"""What ends a line; outside double quotes it would be read back as a space."""

_Dumper.add_representer(_Flow, _write_flow)
_Dumper.add_representer(str, _write_text)


def to_yaml(sheet: Sheet) -> str:
    """The sheet, one line per rule; what is as usual is left out.

    >>> from features.sheet import Rule, RuleTest
    >>> rule = Rule(name="saw prices", points=5, when=RuleTest(event="pricing_view", days=7))
    >>> print(to_yaml(Sheet(name="mine", mql_at=35, rules=(rule,))), end="")
    name: mine
    mql_at: 35
    rules:
    - {name: saw prices, points: 5, when: {event: pricing_view, days: 7}}
    """
    said = _said(sheet) | {"rules": [_flow(_plain(rule)) for rule in sheet.rules]}
    return _dumped(said)


def to_settings(sheet: Sheet) -> str:
    """All of the sheet but its rules: what its CSV leaves to be said."""
    return _dumped(_said(sheet))


def to_csv(sheet: Sheet) -> str:
    """The rules, one row each; ``pipelines.points.table`` reads them back."""
    return table(COLUMNS, map(to_row, sheet.rules))


def yaml_files(sheet: Sheet) -> Exported:
    """The sheet as YAML."""
    return Exported({"sheet.yaml": to_yaml(sheet)})


def csv_files(sheet: Sheet) -> Exported:
    """The rules as CSV and, beside them, the settings that a table of rules has no place for."""
    note = "settings.yaml has the thresholds, groups and caps; give both files to read the sheet back"
    return Exported({"sheet.csv": to_csv(sheet), "settings.yaml": to_settings(sheet)}, notes=(note,))


def _said(sheet: Sheet) -> dict[str, Any]:
    plain = {key: value for key, value in _plain(sheet).items() if key not in ("name", "rules")}
    groups = {name: _flow(_plain(limits)) for name, limits in sheet.groups.items()}
    return {"name": sheet.name} | plain | ({"groups": groups} if groups else {})


def _plain(part: Any) -> dict[str, Any]:
    """Fields of a part of a sheet that say something, in their order."""
    return {key: _told(value) for key, value in part.model_dump(exclude_defaults=True).items()}


def _told(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _told(below) for key, below in value.items()}
    if isinstance(value, (tuple, list)):
        return [_told(below) for below in value]
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value


def _flow(mapping: dict[str, Any]) -> _Flow:
    return _Flow({key: _flow(value) if isinstance(value, dict) else value for key, value in mapping.items()})


def _dumped(said: dict[str, Any]) -> str:
    return yaml.dump(
        said, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000, default_flow_style=None
    )
