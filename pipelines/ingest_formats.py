"""Formats of dates, as patterns over *shapes*.

A shape is a text in which every digit is 0: ``2024-03-31 02:30`` has the shape ``0000-00-00 00:00``.
An export has few shapes, so each is understood once and all texts that share it are read together.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from features.errors import DefinitionError

_MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
           "november", "december")  # fmt: skip
_DIRECTIVES = {
    "Y": r"(?P<year>0{4})",
    "y": r"(?P<short_year>00)",
    "m": r"(?P<month>0{1,2})",
    "d": r"(?P<day>0{1,2})",
    "e": r"(?P<day>0{1,2})",
    "H": r"(?P<hour>0{1,2})",
    "I": r"(?P<hour12>0{1,2})",
    "M": r"(?P<minute>00)",
    "S": r"(?P<second>00)",
    "f": r"(?P<fraction>0{1,9})",
    "p": r"(?P<half>[AaPp]\.?[Mm]\.?)",
    "b": r"(?P<month_name>[A-Za-z]{3})",
    "B": r"(?P<month_name>[A-Za-z]{3,9})",
    "z": r"(?P<zone>Z|z|UTC|GMT|[+-]00(?::?00)?)",
    "Z": r"(?P<zone>Z|z|UTC|GMT)",
    "%": "%",
}
_ISO = (
    _DIRECTIVES["Y"] + "-" + _DIRECTIVES["m"] + "-" + _DIRECTIVES["d"]
    + "(?:[Tt ]" + _DIRECTIVES["H"] + ":" + _DIRECTIVES["M"]
    + "(?::" + _DIRECTIVES["S"] + "(?:[.,]" + _DIRECTIVES["f"] + ")?)?"
    + "(?: ?" + _DIRECTIVES["z"] + ")?)?"
)  # fmt: skip
EPOCHS = {"epoch_s": 1_000_000, "epoch_ms": 1_000, "epoch_us": 1}
"""Counts since 1970 in UTC, with the microseconds of one."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the numbers stand in a text of one shape: name -> (first byte, length), and what is constant."""

    spans: tuple[tuple[str, int, int], ...]
    month: int | None = None
    afternoon: bool | None = None
    zone_sign: int | None = None
    epoch: int | None = None

    @property
    def names(self) -> frozenset[str]:
        """Parts that are written."""
        return frozenset(name for name, _, _ in self.spans)

    @property
    def has_clock(self) -> bool:
        """Whether a time of day is written."""
        return self.epoch is not None or bool(self.names & {"hour", "hour12"})


@lru_cache(maxsize=256)
def pattern(date_format: str) -> re.Pattern[str]:
    """Pattern over shapes of a ``strptime`` format, ``iso``, or a count such as ``epoch_ms``.

    >>> bool(pattern("%d/%m/%Y %H:%M").fullmatch("00/00/0000 00:00"))
    True
    >>> pattern("%Q")
    Traceback (most recent call last):
    features.errors.DefinitionError: date format '%Q': %Q is not known; use %Y %y %m %d %e %H %I %M %S %f %p %b %B %z %Z
    """
    if date_format == "iso":
        return re.compile(_ISO)
    if date_format in EPOCHS:
        return re.compile(r"(?P<epoch>0{1,18})")
    parts: list[str] = []
    for literal, directive in re.findall(r"([^%]+)|%(.?)", date_format, re.DOTALL):
        if not literal and directive not in _DIRECTIVES:
            known = " ".join(f"%{key}" for key in _DIRECTIVES if key != "%")
            raise DefinitionError(f"date format {date_format!r}: %{directive} is not known; use {known}")
        parts.append(re.sub(r"\d", "0", re.escape(literal)) if literal else _DIRECTIVES[directive])
    return _compiled(date_format, "".join(parts))


def _compiled(date_format: str, text: str) -> re.Pattern[str]:
    try:
        found = re.compile(text)
    except re.error as error:
        raise DefinitionError(f"date format {date_format!r} names a part twice") from error
    names = set(found.groupindex)
    if not (names & {"year", "short_year"} and names & {"month", "month_name"} and "day" in names):
        raise DefinitionError(
            f"date format {date_format!r} does not say year, month and day; write it like %d.%m.%Y %H:%M"
        )
    return found


def layout(shape: str, date_formats: tuple[str, ...]) -> Layout | None:
    """How to read texts of ``shape``: by the first format that fits, or not at all."""
    for date_format in date_formats:
        match = pattern(date_format).fullmatch(shape)
        if match is not None:
            return _layout(match, EPOCHS.get(date_format))
    return None


def _layout(match: re.Match[str], epoch: int | None) -> Layout | None:
    written = {name: text for name, text in match.groupdict().items() if text is not None}
    spans = [(name, match.start(name), len(text)) for name, text in written.items() if set(text) == {"0"}]
    zone, name, half = written.get("zone"), written.get("month_name"), written.get("half")
    month = None if name is None else _month(name)
    if name is not None and month is None:
        return None
    if zone is not None and zone[0] in "+-":
        start = match.start("zone") + 1
        spans += [("zone_hour", start, 2)]
        spans += [("zone_minute", match.end("zone") - 2, 2)] if len(zone) > 3 else []
    sign = None if zone is None else (-1 if zone[0] == "-" else 1)
    return Layout(tuple(spans), month, None if half is None else half[0] in "Pp", sign, epoch)


def _month(name: str) -> int | None:
    lowered = name.lower()
    found = [number for number, month in enumerate(_MONTHS, 1) if lowered in (month, month[:3])]
    return found[0] if found else None
