"""The daemon's rounds: released batches go to the targets that are to have them by themselves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from headend.batches.delivery import Courier
from headend.config import Config
from headend.errors import HeadendError
from storage.errors import StorageError
from storage.exports import Exports

_log = structlog.get_logger("export")
_EVERY_S: Final = 60.0
_BACK: Final = timedelta(days=30)
"""What was released longer ago is brought by hand."""


async def go_round(config: Config, conninfo: str, now: datetime) -> int:
    """How many batches were brought. Nothing where another daemon is on its round. Raises `StorageError`."""
    brought = 0
    async with Exports(conninfo) as turn, turn.courier() as is_ours, Exports(conninfo) as exports:
        courier = Courier(exports, conninfo, config.export.target, config.folder)
        for target in config.export.target if is_ours else ():
            for name in await exports.due(target.name, now - _BACK, target.formats) if target.automatic else ():
                try:
                    attempts = await courier.deliver(name, config.daemon.name, [target.name])
                except HeadendError as error:
                    _log.warning("batch not delivered", batch=name, target=target.name, reason=str(error))
                    continue
                for one in attempts:
                    told = _log.info if one.done else _log.warning
                    told("batch delivered" if one.done else "batch not delivered", batch=name, target=one.target,
                         reason=one.detail)  # fmt: skip
                    brought += one.done
    return brought


@asynccontextmanager
async def rounds(config: Config, conninfo: str, every_s: float = _EVERY_S) -> AsyncIterator[None]:
    """Beside the block, where a target is automatic."""
    if not any(target.automatic for target in config.export.target):
        yield
        return
    task = asyncio.create_task(_run(config, conninfo, every_s), name="export")
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _run(config: Config, conninfo: str, every_s: float) -> None:
    while True:
        try:
            await go_round(config, conninfo, datetime.now(UTC))
        except StorageError as error:
            _log.warning("batches wait", reason=str(error))
        await asyncio.sleep(every_s)
