"""What is going on, on stderr, for a person who watches."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout

Say = Callable[[str], None]
"""Told what is being done now."""


def unheard(doing: str) -> None:
    """The ``Say`` of a call that nobody watches."""


@contextmanager
def working(what: str) -> Iterator[Say]:
    """Show ``what`` with a spinner while the block runs; silent when stderr is no terminal.

    Whatever a library prints meanwhile goes to stderr: stdout belongs to the answer.

    Yields:
        A function that replaces what is shown.
    """
    with redirect_stdout(sys.stderr):
        if not sys.stderr.isatty():
            yield unheard
            return
        from rich.console import Console  # noqa: PLC0415 - only who watches pays for it

        with Console(stderr=True).status(what) as status:
            yield status.update
