"""Where a sheet can be handed back to."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final, Literal

from features.sheet import Sheet
from pipelines.points.exporting.exported import Exported
from pipelines.points.exporting.hubspot import hubspot_files
from pipelines.points.exporting.marketo import marketo_files
from pipelines.points.exporting.plain import csv_files, yaml_files
from pipelines.points.exporting.salesforce_files import salesforce_files
from pipelines.points.exporting.sql import sql_files

Target = Literal["yaml", "csv", "sql", "salesforce", "hubspot", "marketo"]

_WRITERS: Final[dict[Target, Callable[[Sheet], Exported]]] = {
    "yaml": yaml_files,
    "csv": csv_files,
    "salesforce": salesforce_files,
    "hubspot": hubspot_files,
    "marketo": marketo_files,
}


def export(sheet: Sheet, target: Target, *, excused: Collection[str] = ()) -> Exported:
    """A sheet in the words of a target, with what these cannot say.

    Args:
        sheet: the rules.
        target: the system.
        excused: attributes that SQL reads as if known when they happened; the others see today's values anyway.

    Raises:
        LeadlightError: the target cannot hold the sheet.
    """
    return sql_files(sheet, excused=excused) if target == "sql" else _WRITERS[target](sheet)
