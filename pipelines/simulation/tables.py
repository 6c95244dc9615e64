"""Columns of text, and CSV files made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv

from features.matrix import Ints
from pipelines.simulation.company import EXPORTED_AT, ZONE

Column: TypeAlias = "pa.Array | str"
"""Texts, or one text for all rows."""


def words(codes: Ints, vocabulary: Sequence[str]) -> pa.Array:
    """Words by position."""
    return pa.array(list(vocabulary), pa.large_string()).take(pa.array(codes))


def numbers(values: Ints) -> pa.Array:
    """Whole numbers; a negative one is an empty cell."""
    return pa.array(values, mask=np.asarray(values) < 0).cast(pa.large_string())


def joined(*parts: pa.Array | str) -> pa.Array:
    """Texts put together; constants fit in between."""
    return pc.binary_join_element_wise(*[_typed(part) for part in (*parts, "")])


def either(test: np.ndarray[tuple[int], np.dtype[np.bool_]], yes: Column, no: Column) -> pa.Array:
    """``yes`` where the test holds, else ``no``."""
    return pc.if_else(pa.array(test), _typed(yes), _typed(no))


def stamps(instants: Ints) -> pa.Array:
    """``2024-12-21 14:27:52`` in UTC without a zone; empty from the export on."""
    return pc.cast(_moments(instants), pa.large_string())


def zulu(instants: Ints) -> pa.Array:
    """``2024-12-21T14:27:52Z``."""
    return pc.replace_substring(joined(stamps(instants), "Z"), " ", "T")


def dates(instants: Ints) -> pa.Array:
    """``2024-12-21 00:00:00``: a date as Salesforce exports it."""
    return joined(pc.utf8_slice_codeunits(stamps(instants), 0, 10), " 00:00:00")


def local_minutes(instants: Ints) -> pa.Array:
    """``2024-12-21 09:27`` on the wall clock of the HubSpot account, without a zone."""
    local = pc.local_timestamp(_moments(instants, "UTC").cast(pa.timestamp("s", ZONE)))
    return pc.utf8_slice_codeunits(pc.cast(local, pa.large_string()), 0, 16)


def months(instants: Ints) -> pa.Array:
    """``2024-12``."""
    vocabulary, codes = np.unique(
        instants.astype("datetime64[s]").astype("datetime64[M]"), return_inverse=True
    )
    return words(codes, [str(word) for word in vocabulary])


def writable(instants: Ints) -> Ints:
    """The instants, moved to the earlier hour where the account's wall clock shows it twice."""
    local = pc.local_timestamp(
        pa.array(instants).cast(pa.timestamp("s", "UTC")).cast(pa.timestamp("s", ZONE))
    )
    back = pc.assume_timezone(local, ZONE, ambiguous="earliest")
    return np.asarray(back.cast(pa.int64()))


def write_csv(path: Path, columns: Mapping[str, Column], rows: int, *, byte_order_mark: bool = False) -> None:
    """Every value quoted, empty cells too, as a Salesforce or HubSpot export has them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    filled = {name: _filled(column, rows) for name, column in columns.items()}
    header = ",".join(f'"{name}"' for name in columns) + "\n"
    options = arrow_csv.WriteOptions(include_header=False, quoting_style="all_valid")
    with path.open("wb") as file:
        file.write(header.encode("utf-8-sig" if byte_order_mark else "utf-8"))
        arrow_csv.write_csv(pa.table(filled), file, options)


def _moments(instants: Ints, zone: str | None = None) -> pa.Array:
    return pa.array(instants, mask=np.asarray(instants) >= EXPORTED_AT).cast(pa.timestamp("s", zone))


def _typed(part: Column) -> pa.Array | pa.Scalar:
    return pa.scalar(part, pa.large_string()) if isinstance(part, str) else part.cast(pa.large_string())


def _filled(column: Column, rows: int) -> pa.Array:
    if isinstance(column, str):
        return pa.repeat(pa.scalar(column, pa.large_string()), rows)
    return pc.fill_null(column.cast(pa.large_string()), "")
