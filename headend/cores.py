"""Pieces of a large reckoning on all cores: some at a time, so that memory does not grow with their number."""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any, TypeVar

P = TypeVar("P")
R = TypeVar("R")


async def spread(
    work: Callable[[P], R], pieces: Iterable[P], cores: int, begin: Callable[..., None] | None = None,
    given: tuple[Any, ...] = (),
) -> AsyncGenerator[R, None]:  # fmt: skip
    """What `work` makes of each piece, in the pieces' order, in as many processes; each is begun with `begin(*given)`.

    One core is this process itself, in a thread. Raises what `work` does.
    """
    if cores == 1:
        if begin is not None:
            begin(*given)
        for piece in pieces:
            yield await asyncio.to_thread(work, piece)
        return
    with ProcessPoolExecutor(cores, mp_context=get_context("spawn"), initializer=begin, initargs=given) as pool:
        running: deque[Future[R]] = deque()
        try:
            for piece in pieces:
                running.append(asyncio.wrap_future(pool.submit(work, piece)))
                if len(running) >= 2 * cores:
                    yield await running.popleft()
            while running:
                yield await running.popleft()
        finally:
            for one in running:
                one.cancel()
