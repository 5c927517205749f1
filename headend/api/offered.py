"""The API of a running daemon, with what stands behind it. Nothing of it is loaded where `[api] listen` is empty."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import structlog

from headend.api.settings import ApiTable
from headend.config import Config
from headend.errors import UsageFault

if TYPE_CHECKING:
    from headend.api.server import Served
    from headend.health.host_clock import HostClock

_log = structlog.get_logger("api")


@asynccontextmanager
async def offered(config: Config, conninfo: str, clock: HostClock) -> AsyncIterator[Served | None]:
    """Serves while the block runs; None where it is switched off. Commands are taken only while `clock` is trusted.

    Where nobody said which address, and another program has the usual one, the daemon goes on without an API: readings
    come first. Raises `UsageFault` for an address that was named.
    """
    if not config.api.listen:
        yield None
        return
    from headend.api.app import build
    from headend.api.caller import Lodge
    from headend.api.house import Front, House
    from headend.api.server import served
    from headend.clock.trust import trust
    from headend.commands.desk import Desk
    from headend.people.office import Office
    from headend.safety.world import Clock
    from headend.webhooks.courier import Courier
    from headend.webhooks.targets import networks

    def trusted() -> Clock:
        found = trust(clock.discipline, config.clock.trust_host)
        return Clock(found.trusted, found.why)

    async with AsyncExitStack() as stack:
        desk = Desk(conninfo, config.timezone, trusted, clocks=config.clock.policy)
        stack.push_async_callback(desk.close)
        office = Office(conninfo)
        stack.push_async_callback(office.close)
        house = House(config, conninfo, front=Front(desk, office))
        stack.push_async_callback(house.close)
        lodge = Lodge(conninfo)
        stack.push_async_callback(lodge.close)
        try:
            found = await stack.enter_async_context(served(config, build(house, lodge)))
        except UsageFault as error:
            if config.api.listen != ApiTable().listen:
                raise
            _log.error("no API is served: name another api.listen, or an empty one", reason=str(error))
            found = None
        courier = Courier(conninfo, networks(config.api.webhook_targets))
        task = asyncio.create_task(courier.run(), name="webhooks")
        task.add_done_callback(_tell)
        stack.push_async_callback(_ended, task)
        yield found


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _tell(task: asyncio.Task[None]) -> None:
    """Said at once: webhooks stand still, all else goes on."""
    if not task.cancelled() and task.exception() is not None:
        _log.error("webhooks have ended", reason=repr(task.exception()))
