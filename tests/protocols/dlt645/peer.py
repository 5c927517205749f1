"""A driver on a memory link whose far end answers each request with the next of what the test states."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final

from protocols.dlt645.frame import Frame
from protocols.dlt645.reader import FrameReader
from protocols.driver import Driver, Permit, refuse
from protocols.errors import LinkClosed
from protocols.exchange import Ask
from protocols.links.memory import memory_pair
from protocols.timing import Timing

QUICK: Final = Timing(response=0.03, latency=0.0, gap=0.01, pause=0.0, retries=2, late=0.05)
PATIENT: Final = Timing(response=5.0, latency=0.0, gap=0.01, pause=0.0, retries=2, late=0.05)


def allow(ask: Ask[Frame]) -> None:
    """A permit for everything."""


class Peer:
    """`asked` is what went over the line, one entry a request."""

    def __init__(self, answers: tuple[bytes | None, ...], timing: Timing, permit: Permit) -> None:
        near, self.far = memory_pair()
        self.near = near
        self.driver: Driver[Frame] = Driver(near, FrameReader(), timing, permit=permit)
        self.asked: list[bytes] = []
        self._answers = list(answers)

    async def serve(self) -> None:
        with contextlib.suppress(LinkClosed):
            while True:
                self.asked.append(await self.far.receive())
                answer = self._answers.pop(0) if self._answers else None
                if answer is not None:
                    await self.far.send(answer)


@contextlib.asynccontextmanager
async def peer(*answers: bytes | None, timing: Timing = PATIENT, permit: Permit = refuse) -> AsyncIterator[Peer]:
    """None is silence; so is everything behind the last answer."""
    made = Peer(answers, timing, permit)
    task = asyncio.create_task(made.serve())
    try:
        yield made
    finally:
        await asyncio.sleep(0)  # what was sent has been heard
        await made.near.close()
        await task
