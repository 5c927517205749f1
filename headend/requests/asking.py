"""Asking the daemon that works a meter's line, from another process: through the database, with an end to patience."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

from headend.config import load
from headend.duration import seconds
from headend.errors import HeadendError, UsageFault
from headend.health.alive import is_alive
from headend.place import Store, store
from headend.registry.known import meter_path_of
from protocols.errors import CommunicationError
from protocols.links.url import PUSH
from storage import entries
from storage.bell import Bell
from storage.errors import NotFound
from storage.requests import RequestState, RequestTable


class RequestFailed(HeadendError):
    """The daemon has asked in vain, or was not heard of in time."""


class Told(CommunicationError):
    """What the daemon met on the line, as if we had met it."""

    def __init__(self, label: str, message: str) -> None:
        super().__init__(message)
        self.label = label


def patience(text: str) -> timedelta:
    """What `--wait` says. Raises `UsageFault`."""
    try:
        return timedelta(seconds=seconds(text))
    except ValueError as error:
        raise UsageFault(f"--wait: {error}") from error


async def lives(opened: Store) -> bool:
    """Whether some daemon that works lines gives signs of life."""
    now = datetime.now(UTC)
    return any(is_alive(daemon, now) and daemon.counters.get("lines") for daemon in await opened.registry.daemons())


async def ask(
    config_file: str, name: str, items: Sequence[str], patience: timedelta, kind: str = "read"
) -> dict[str, Any] | None:
    """The daemon's answer, as a direct reading would tell it; None where no daemon lives. Without items the meter is
    read by its plans.

    Raises `UsageFault`, `RequestFailed`, `HeadendError` for an unknown meter.
    """
    config = load(config_file)
    async with AsyncExitStack() as stack:
        opened = await stack.enter_async_context(store(config))
        try:
            meter = await opened.registry.meter(name)
        except NotFound as error:
            raise HeadendError(f"{error} in the registry (see headend meter list)") from error
        line = next(line for line in await opened.registry.lines() if line.id == meter.line_id)
        if meter.state is not entries.MeterState.ACTIVE or line.url == PUSH or not await lives(opened):
            return None
        known = {quantity.name for quantity in meter_path_of(meter).model.quantities}
        planned = dict.fromkeys(quantity.name for plan in config.plan for quantity in plan.wanted)
        table = await stack.enter_async_context(RequestTable(opened.conninfo))
        bell = await stack.enter_async_context(Bell(opened.conninfo, "request"))
        await bell.wait(0)
        asked = list(items) or [quantity for quantity in planned if quantity in known]
        number = await table.ask(kind, meter.id, asked, getpass.getuser(), patience)
        return await _answer(table, bell, number, patience)


async def _answer(table: RequestTable, bell: Bell, number: int, patience: timedelta) -> dict[str, Any]:
    loop = asyncio.get_running_loop()
    end = loop.time() + patience.total_seconds()
    while not (answer := await table.answer(number)).state.is_over and loop.time() < end:
        await bell.wait(min(1.0, max(0.0, end - loop.time())))
    if answer.state is RequestState.DONE and answer.result is not None:
        return dict(answer.result)
    if answer.state is RequestState.FAILED and answer.error is not None:
        if answer.error["kind"] == "usage":
            raise UsageFault(answer.error["message"])
        raise Told(answer.error["kind"], answer.error["message"])
    if answer.state is RequestState.RUNNING:
        raise RequestFailed(f"request {number} was taken, but has not been answered in {patience}: the line is busy")
    await table.finish(number, RequestState.EXPIRED, None, None)
    raise RequestFailed(
        f"request {number} has expired: in {patience} no daemon that works the meter's line took it (see headend "
        "status; --wait waits longer, --direct opens the line here)"
    )
