"""What is going on, on stderr, for a person who watches."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout


@contextmanager
def working(what: str) -> Iterator[None]:
    """Show ``what`` with a spinner while the block runs; silent when stderr is no terminal.

    Whatever a library prints meanwhile goes to stderr: stdout belongs to the answer.
    """
    with redirect_stdout(sys.stderr):
        if not sys.stderr.isatty():
            yield
            return
        from rich.console import Console  # noqa: PLC0415 - only who watches pays for it

        with Console(stderr=True).status(what):
            yield
