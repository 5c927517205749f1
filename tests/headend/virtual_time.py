"""An event loop whose clock jumps to the next timer when nothing is left to do: hours pass in a blink.

Only for tests whose other side lives in the same loop (memory links): a real socket would be raced by the clock.
"""

from __future__ import annotations

import asyncio
import functools
import selectors
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, ParamSpec

P = ParamSpec("P")

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
"""The time of day when a virtual loop begins: a quarter of an hour's slot."""
_BEGIN_S = 1000.0


class _Selector(selectors.SelectSelector):
    def __init__(self) -> None:
        super().__init__()
        self.now_s = _BEGIN_S

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(1.0 if timeout is None else 0.0)
        if not events:
            assert timeout is not None, "everybody waits for somebody else: nothing will ever happen"
            self.now_s += max(0.0, timeout)
        return events


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)

    def time(self) -> float:
        return self._virtual.now_s


class Clock:
    """The wall clock that goes with the loop's; `set_back` is what an operator or NTP does to it."""

    def __init__(self, start: datetime = START) -> None:
        self._start = start

    def __call__(self) -> datetime:
        return self._start + timedelta(seconds=asyncio.get_running_loop().time() - _BEGIN_S)

    def set_back(self, by: timedelta) -> None:
        self._start -= by


def virtually(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run an async test in virtual time."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(test(*args, **kwargs))

    return run
