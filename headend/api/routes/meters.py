"""/v1/meters: the registry, with where meters stand now."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from pydantic import AwareDatetime, BaseModel
from starlette.requests import Request
from starlette.responses import Response

from headend.api import pages
from headend.api.asked import Home, Reader
from headend.api.pages import Cursor, Limit, Page
from headend.api.problem import documented
from protocols.model import plain
from storage.browse import Browse, MeterRow

router = APIRouter(tags=["registry"])
Name = Annotated[str, Query(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$")]
NamePath = Annotated[str, Path(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f/]+$")]


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
    shown = rows[:limit]
    key = pages.write(shown[-1].name) if shown else None
    return pages.page(rows, limit, [told(row) for row in shown], key, request, response)


@router.get("/v1/meters/{name}", response_model=Meter, responses=documented(["not-found"]))
async def meter(caller: Reader, house: Home, name: NamePath) -> Any:
    """One meter."""
    return told((await house.meters(caller, [name]))[name])
