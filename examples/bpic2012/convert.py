"""The XES log of the BPI Challenge 2012 to the two CSV files that ``mapping.yaml`` reads.

python examples/bpic2012/convert.py BPI_Challenge_2012.xes.gz FOLDER
"""

from __future__ import annotations

import csv
import gzip
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

CASE = ("case_id", "amount_req", "reg_date")
EVENT = ("case_id", "seq", "activity", "lifecycle", "timestamp", "resource")


def convert(log: Path, folder: Path) -> None:
    """Write ``cases.csv`` and ``events.csv.gz`` to ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    events = io.StringIO(newline="")
    with (folder / "cases.csv").open("w", newline="", encoding="utf-8") as cases:
        case_rows, event_rows = (
            csv.writer(cases, lineterminator="\n"),
            csv.writer(events, lineterminator="\n"),
        )
        case_rows.writerow(CASE)
        event_rows.writerow(EVENT)
        for trace in _traces(log):
            case = _values(trace)
            case_rows.writerow([case["concept:name"], case["AMOUNT_REQ"], case["REG_DATE"]])
            for seq, event in enumerate(map(_values, trace.iterfind("{*}event"))):
                what = [event["concept:name"], event["lifecycle:transition"], event["time:timestamp"]]
                event_rows.writerow([case["concept:name"], seq, *what, event.get("org:resource", "")])
    (folder / "events.csv.gz").write_bytes(gzip.compress(events.getvalue().encode(), mtime=0))


def _traces(log: Path) -> Iterator[ET.Element]:
    with gzip.open(log) as stream:
        for _, element in ET.iterparse(stream):  # noqa: S314  # a file that the user chose to download
            if element.tag.rpartition("}")[2] == "trace":
                yield element
                element.clear()


def _values(element: ET.Element) -> dict[str, str]:
    return {child.get("key", ""): child.get("value", "") for child in element}


if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
