"""/v1/status: daemons, and how the last day went."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from fastapi import APIRouter
from pydantic import AwareDatetime, BaseModel

from headend.api.asked import Home, Reader
from headend.health.alive import is_alive
from storage.reader import Reader as Readings
from storage.registry import Registry

router = APIRouter(tags=["collection"])
_WITHIN: Final = timedelta(hours=1)


class Daemon(BaseModel):
    """`counters` is null for who does not see all areas: it tells of lines and meters by name."""

    name: str
    alive: bool
    host: str
    started: AwareDatetime
    seen: AwareDatetime
    counters: dict[str, Any] | None


class Status(BaseModel):
    """Of the last hour: captures that were expected and received."""

    now: AwareDatetime
    daemons: list[Daemon]
    meters: int
    expected: int
    received: int
    missing: dict[str, int]


@router.get("/v1/status", response_model=Status)
async def status(caller: Reader, house: Home) -> Any:
    """Health."""
    now = house.now()
    within = await house.within(caller)
    names = await house.meters(caller)
    async with house.session() as session:
        daemons = await Registry(session).daemons()
        gaps = await Readings(session).gaps(now - _WITHIN, now, within)
    told = [
        {
            "name": one.name, "alive": is_alive(one, now), "host": one.host, "started": one.started, "seen": one.seen,
            "counters": dict(one.counters) if caller.areas() is None else None,
        }
        for one in daemons
    ]  # fmt: skip
    return {
        "now": now, "daemons": told, "meters": len(names), "expected": gaps.expected, "received": gaps.received,
        "missing": dict(gaps.missing),
    }  # fmt: skip
