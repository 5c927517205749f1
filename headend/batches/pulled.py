"""An asynchronous stream for work in a thread that wants to iterate over it."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextlib import closing
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class _Stopped(Exception):
    """Nobody waits for the work any more."""


async def worked(source: AsyncGenerator[Item, None], work: Callable[[Iterator[Item]], Result]) -> Result:
    """`work` in a thread over the items of `source`, which is closed afterwards.

    The next item is fetched while one is worked on, and no further. When cancelled, the work is told at its next item.
    """
    loop = asyncio.get_running_loop()
    stop = threading.Event()

    def in_thread() -> Result:
        with closing(_pulled(source, loop, stop)) as items:  # else a failure's traceback keeps it going
            return work(items)

    running = loop.run_in_executor(None, in_thread)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        stop.set()
        await asyncio.wait([running])
        raise
    finally:
        await source.aclose()


def _pulled(
    source: AsyncGenerator[Item, None], loop: asyncio.AbstractEventLoop, stop: threading.Event
) -> Generator[Item, None, None]:
    async def following() -> tuple[Item] | None:
        async for item in source:
            return (item,)
        return None

    waiting = asyncio.run_coroutine_threadsafe(following(), loop)
    try:
        while (found := waiting.result()) is not None:
            if stop.is_set():
                raise _Stopped
            waiting = asyncio.run_coroutine_threadsafe(following(), loop)
            yield found[0]
    finally:
        concurrent.futures.wait([waiting])
