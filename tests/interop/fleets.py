"""A simulated bus under a clock that stands still, for programs that nobody here wrote to read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from simulators.fleet import Fleet, RunningBus
from tests.simulators.meters import NOON
from tests.simulators.reading import scenario


@asynccontextmanager
async def running(text: str) -> AsyncIterator[RunningBus]:
    """The one bus of a scenario's text."""
    async with Fleet(scenario(text), lambda: NOON) as fleet:
        (bus,) = fleet.buses
        yield bus


async def printed(*command: str, expected: int = 0) -> str:
    """What a program says on stdout and stderr; it must end with `expected` within half a minute."""
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        async with asyncio.timeout(60):
            output, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    assert process.returncode == expected, output.decode()
    return output.decode()
