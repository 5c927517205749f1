"""The API of a running daemon, with what stands behind it. Nothing of it is loaded where `[api] listen` is empty."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from headend.config import Config

if TYPE_CHECKING:
    from headend.api.server import Served


@asynccontextmanager
async def offered(config: Config, conninfo: str) -> AsyncIterator[Served | None]:
    """Serves while the block runs; None where it is switched off. Raises `UsageFault`."""
    if not config.api.listen:
        yield None
        return
    from headend.api.app import build
    from headend.api.caller import Lodge
    from headend.api.house import House
    from headend.api.server import served

    async with AsyncExitStack() as stack:
        house = House(config, conninfo)
        stack.push_async_callback(house.close)
        lodge = Lodge(conninfo)
        stack.push_async_callback(lodge.close)
        yield await stack.enter_async_context(served(config, build(house, lodge)))
