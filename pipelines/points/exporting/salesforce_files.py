"""Salesforce formula fields as files: a list of all fields, one text per formula, and how to set them up."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from features.sheet import Sheet
from pipelines.points.cells import write_number
from pipelines.points.exporting.exported import THE_SHEET, Exported, Unsaid, table
from pipelines.points.exporting.formulas import MOST_CHARACTERS, MOST_COMPILED, ONCE_COMPILED
from pipelines.points.exporting.idle import left_out, working
from pipelines.points.exporting.names import one_line
from pipelines.points.exporting.salesforce import Made, Place, Salesforce, to_salesforce, too_long

COLUMNS: Final = ("step", "api_name", "type", "kind", "holds", "formula", "characters", "compiled_estimate")
RULE_COLUMNS: Final = ("rule", "points", "group", "gives", "field", "formula", "part")


def salesforce_files(sheet: Sheet) -> Exported:
    """The files.

    Raises:
        LeadlightError: some formula cannot be kept within the limits of Salesforce.
    """
    built = to_salesforce(sheet)
    files = {
        "README.md": _readme(sheet, built),
        "fields.csv": _fields(built),
        "rules.csv": _rules(sheet, built),
    }
    files |= {f"formulas/{made.api_name}.txt": made.formula.text + "\n" for made in built.made}
    return Exported(files, tuple(_unsaid(sheet)), tuple(_notes(built)))


def _fields(built: Salesforce) -> str:
    filled = [
        {"api_name": one.api_name, "type": one.type, "kind": "to be filled", "holds": one.filled}
        for one in built.to_fill
    ]
    rows = enumerate([*filled, *map(_row, built.made)], 1)
    return table(COLUMNS, ({"step": str(step), **row} for step, row in rows))


def _row(made: Made) -> dict[str, str]:
    return {
        "api_name": made.api_name,
        "type": made.type,
        "kind": "stored, set by a flow to the formula" if made.stored else "formula",
        "holds": made.label,
        "formula": f"formulas/{made.api_name}.txt",
        "characters": str(len(made.formula.text)),
        "compiled_estimate": str(made.formula.size),
    }


def _rules(sheet: Sheet, built: Salesforce) -> str:
    """Where each rule is, in order of the sheet; nowhere where it changes nothing."""
    places: dict[str, list[Place]] = {rule.name: [] for rule in sheet.rules}
    for place in built.places:
        places[place.rule].append(place)
    rows: list[dict[str, str]] = []
    for rule in sheet.rules:
        known = {"rule": rule.name, "points": write_number(rule.points), "group": rule.group or ""}
        rows += [known | _place(place) for place in places[rule.name]] or [known | {"gives": "nothing"}]
    return table(RULE_COLUMNS, rows)


def _place(place: Place) -> dict[str, str]:
    return {
        "gives": place.gives,
        "field": place.api_name,
        "formula": f"formulas/{place.api_name}.txt",
        "part": place.part,
    }


def _unsaid(sheet: Sheet) -> Iterable[Unsaid]:
    if not sheet.decides:
        yield Unsaid(THE_SHEET, "it does not say who is an MQL; the formula is never true")
    for rule in working(sheet):
        if rule.each and rule.decay is not None and rule.decay.steps is None:
            why = "a formula cannot go through single events; a nightly job has to add them up in a number field"
            yield Unsaid(rule.name, why)
        if not "".join(rule.when.contains).isascii():
            yield Unsaid(rule.name, "LOWER stands in for the folding of letters such as ß")
    for name, word in too_long(sheet):
        yield Unsaid(name, f"no text field holds the word that begins with {word!r}; it never matches")
    yield from left_out(sheet)


def _notes(built: Salesforce) -> Iterable[str]:
    yield f'{len(built.to_fill)} fields have to be filled: see fields.csv, kind "to be filled"'
    stored = [made.api_name for made in built.made if made.stored]
    if stored:
        yield f"{len(stored)} parts are stored by a flow, to keep within {MOST_COMPILED:,} bytes compiled"
    largest = max(made.formula.size for made in built.made)
    if largest > ONCE_COMPILED:
        why = f"an older limit is {ONCE_COMPILED:,}; where it holds, store parts as numbers"
        yield f"the largest formula compiles to about {largest:,} bytes: {why}"


def _readme(sheet: Sheet, built: Salesforce) -> str:
    return f"""\
# {one_line(sheet.name)} in Salesforce

Fields of the object Lead, in the order of fields.csv, each only on fields above it. The answers are
`{built.total}` (points) and `{built.mql}` (checkbox). rules.csv says which part of which formula each rule is.

1. **Fields to be filled.** Where the lead has such a field under another name, put that name into the formulas.
   The formulas compare texts as they are, upper and lower case told apart. A picklist works as it is in `CASE`;
   write `TEXT(field)` around it in `LOWER`. Counts of events in the last days change as time goes by, and a roll-up
   summary field cannot look at today's date: let a scheduled flow, a roll-up tool or the SQL of this sheet fill them
   every night. Blank counts are read as 0.
2. **Formula fields.** Paste the text of the file, choose "Treat blank fields as blanks", and click "Check Syntax",
   which shows the true compiled size; the sizes in fields.csv are estimates. The limits are {MOST_CHARACTERS:,}
   characters and {MOST_COMPILED:,} bytes compiled, other formula fields that it reads included.
3. **Stored fields.** Make a number field and a record-triggered flow, before save, that sets it to the formula.
   They are there because a formula that reads formula fields counts those in full, and one that reads numbers does not.

`NOW()` and `CreatedDate` give ages in days with fractions, as the sheet counts them.
"""
