"""Being told to stop: first say so at ``/readyz``, then let uvicorn end what is under way."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

DRAIN_SECONDS: Final = 0.5
"""Between the signal and the closed door: who balances load sees that nothing more should come here, and what
has been sent already is read."""

SIGNALS: Final[tuple[int, ...]] = (signal.SIGTERM, signal.SIGINT)
Handler = Callable[[int, FrameType | None], Any] | int | None


@contextmanager
def announced(tell: Callable[[], None], seconds: float = DRAIN_SECONDS) -> Iterator[None]:
    """Have the signals that stop the process call ``tell`` at once, and what handled them before a little later.

    Outside of the main thread, where no signal arrives, this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    before: dict[int, Handler] = {}

    def handle(number: int, frame: FrameType | None) -> None:
        tell()
        usual = before[number]
        if callable(usual):
            loop.call_soon_threadsafe(loop.call_later, seconds, usual, number, frame)

    for number in SIGNALS:
        if callable(signal.getsignal(number)):
            before[number] = signal.signal(number, handle)
    try:
        yield
    finally:
        for number, usual in before.items():
            if signal.getsignal(number) is handle:
                signal.signal(number, usual)
