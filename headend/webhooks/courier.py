"""Tells webhooks what waits for them: in order, signed, at least once, with pauses that grow while nobody takes it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpcore
import msgspec
import structlog

from headend.api.caller import Caller, Right
from headend.api.problem import Problem
from headend.webhooks.signing import HEADER, signature
from headend.webhooks.targets import Forbidden, Guarded, Network
from storage.bell import Bell
from storage.connection import Session
from storage.errors import StorageError
from storage.people import persons
from storage.webhooks import Delivery, Taken, Webhooks

_log = structlog.get_logger("webhooks")
BATCH: Final = 100
"""So much in one message."""
_TIMEOUT_S: Final = 15.0
_TERMS: Final = timedelta(seconds=120)
LONGEST: Final = timedelta(days=3)
"""What could not be told for so long is dropped."""
_FIRST_S: Final = 10
_PAUSE_MOST_S: Final = 3600
_LOOK_S: Final = 10.0
_ANSWER: Final = 65_536
"""Bytes of an answer that are read."""
_NOT_TAKEN: Final = (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError)


def pause(tries: int) -> timedelta:
    """After so many tries in vain: 10 s, then twice as long each time, up to an hour."""
    return timedelta(seconds=min(_PAUSE_MOST_S, _FIRST_S * 2 ** min(tries, 20)))


class Courier:
    """`allowed`: private networks that may be reached."""

    def __init__(
        self,
        conninfo: str,
        allowed: Sequence[Network],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._session = Session(conninfo)
        self._webhooks = Webhooks(self._session)
        self._bell = Bell(conninfo, "webhook")
        self._now = now
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls or ssl.create_default_context(), network_backend=Guarded(allowed), max_connections=4,
            keepalive_expiry=30,
        )  # fmt: skip

    async def run(self) -> None:
        """Until cancelled. A database that is away is said and waited for."""
        try:
            while True:
                try:
                    await self._webhooks.give_up(LONGEST)
                    while await self.tell_one():
                        pass
                    await self._bell.wait(_LOOK_S)
                except StorageError as error:
                    _log.warning("webhooks wait", reason=str(error))
                    await asyncio.sleep(_LOOK_S)
        finally:
            await self.close()

    async def close(self) -> None:
        await self._pool.aclose()
        await self._bell.close()
        await self._session.close()

    async def tell_one(self) -> bool:
        """Send one message to one webhook that is due. False: none is."""
        taken = await self._webhooks.take(_TERMS)
        if taken is None:
            return False
        waiting = await self._webhooks.waiting(taken.id, BATCH)
        areas, listens = await self._rights(taken.person)
        items = [one for one in waiting if listens and (areas is None or one.area in areas or one.kind == "test")]
        failure = await self._tell(taken, items) if items else None
        if failure is None:
            await self._webhooks.told(taken.id, [one.id for one in waiting], is_reached=bool(items))
        else:
            _log.info("a webhook was not taken", webhook=taken.id, tries=taken.tries + 1, reason=failure)
            await self._webhooks.failed(taken.id, pause(taken.tries), failure)
        return True

    async def _rights(self, person: str) -> tuple[frozenset[str] | None, bool]:
        """Areas of what he may be told now, and whether he may be told anything."""
        async with self._session.use() as connection:
            found = (await persons(connection, [person])).get(person)
        if found is None or not found.enabled:
            return frozenset(), False
        try:
            return Caller.of(found).areas(Right.LISTEN), True
        except Problem:
            return frozenset(), False

    async def _tell(self, taken: Taken, items: Sequence[Delivery]) -> str | None:
        """Why it was not taken; None: it was."""
        now = self._now()
        body = msgspec.json.encode({"webhook": taken.id, "sent": now, "items": [_item(one) for one in items]})
        headers = {
            "content-type": "application/json", "user-agent": "headend",
            HEADER: signature(taken.secret, int(now.timestamp()), body),
        }  # fmt: skip
        limits = {"timeout": dict.fromkeys(("connect", "read", "write", "pool"), _TIMEOUT_S)}
        try:
            async with (
                asyncio.timeout(_TIMEOUT_S * 2),
                self._pool.stream(
                    "POST", taken.url, headers=list(headers.items()), content=body, extensions=limits
                ) as answer,
            ):
                read = 0
                async for part in answer.aiter_stream():
                    read += len(part)
                    if read > _ANSWER:
                        break
                return None if 200 <= answer.status < 300 else f"answered {answer.status}"
        except (
            httpcore.ConnectError,
            httpcore.TimeoutException,
            httpcore.NetworkError,
            httpcore.ProtocolError,
        ) as error:
            return str(error) or type(error).__name__
        except (TimeoutError, OSError, ssl.SSLError) as error:
            return str(error) or "too slow"
        except Forbidden as error:
            return str(error)


def _item(one: Delivery) -> dict[str, Any]:
    return {"id": one.id, "kind": one.kind, "at": one.at, "data": one.body}
