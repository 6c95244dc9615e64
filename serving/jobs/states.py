"""The life of a job.

Open -> UploadComplete -> InProgress -> JobComplete, Failed or Aborted. A client moves it to UploadComplete and
Aborted, the worker does the rest.
"""

from __future__ import annotations

from typing import Final, Literal

State = Literal["Open", "UploadComplete", "InProgress", "JobComplete", "Failed", "Aborted"]

BEFORE: Final[dict[State, tuple[State, ...]]] = {
    "UploadComplete": ("Open",),
    "InProgress": ("UploadComplete",),
    "JobComplete": ("InProgress",),
    "Failed": ("UploadComplete", "InProgress"),
    "Aborted": ("Open", "UploadComplete", "InProgress"),
}
"""From which states a state can be reached."""

WAITING: Final[tuple[State, ...]] = ("InProgress", "UploadComplete")
"""A worker has something to do; what was begun first."""
UNDER_WAY: Final[tuple[State, ...]] = ("Open", *WAITING)
OVER: Final[tuple[State, ...]] = ("JobComplete", "Failed", "Aborted")
