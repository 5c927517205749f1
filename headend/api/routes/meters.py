"""/v1/meters: the registry, with where meters stand now."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter
from pydantic import AwareDatetime, BaseModel
from starlette.requests import Request
from starlette.responses import Response

from headend.api import pages
from headend.api.asked import Home, Reader
from headend.api.pages import Cursor, Limit, Page
from headend.api.problem import Problem, documented
from headend.api.words import Name, NamePath
from protocols.model import plain
from storage.browse import Browse, MeterRow

router = APIRouter(tags=["registry"])


class Meter(BaseModel):
    """`multiplier`: CT ratio times PT ratio, now; readings are before it."""

    name: str
    address: str
    model: str
    line: str
    multiplier: str
    state: Literal["planned", "active", "suspended", "removed", "scrapped"]
    created: AwareDatetime
    point: str | None
    area: str | None


def told(row: MeterRow) -> dict[str, Any]:
    return {
        "name": row.name, "address": row.address, "model": row.model, "line": row.line,
        "multiplier": plain(row.multiplier), "state": row.state, "created": row.created, "point": row.point,
        "area": row.area,
    }  # fmt: skip


@router.get("/v1/meters", response_model=Page[Meter], responses=documented(["bad-cursor"]))
async def meters(
    caller: Reader,
    house: Home,
    request: Request,
    response: Response,
    area: Name | None = None,
    line: Name | None = None,
    state: Literal["planned", "active", "suspended", "removed", "scrapped"] | None = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Any:
    """Meters by name."""
    (after,) = pages.read(cursor, str) or (None,)
    within = await house.within(caller)
    async with house.session() as session:
        rows = await Browse(session).meters(
            limit=limit + 1, after=after, within=within, area=area, line=line, state=state
        )
    return pages.named(rows, limit, told, request, response)


@router.get("/v1/meters/{name}", response_model=Meter, responses=documented(["not-found"]))
async def meter(caller: Reader, house: Home, name: NamePath) -> Any:
    """One meter."""
    within = await house.within(caller)
    async with house.session() as session:
        rows = await Browse(session).meters(limit=1, within=within, names=[name])
    if not rows:
        raise Problem("not-found", f"no meter named {name!r}")
    return told(rows[0])
