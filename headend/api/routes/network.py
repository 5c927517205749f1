"""/v1/points and /v1/areas: usage points and transformer districts."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from headend.api import pages
from headend.api.asked import Home, Reader
from headend.api.pages import Cursor, Limit, Page
from headend.api.problem import Problem, documented
from headend.api.words import Name, NamePath
from protocols.model import plain
from storage.browse import AreaRow, Browse, PointRow

router = APIRouter(tags=["registry"])


class Point(BaseModel):
    """Where energy is delivered, and the meters that stand there now."""

    name: str
    address: str | None
    tariff: str | None
    category: str | None
    capacity_kw: str | None
    rated_current_a: str | None
    area: str | None
    meters: list[str]


class Area(BaseModel):
    """A transformer district. `totals`: the meters that measure it; `points`: how many belong to it."""

    name: str
    timezone: str | None
    address: str | None
    feeder: str | None
    points: int
    totals: list[str]


def _point(row: PointRow) -> dict[str, Any]:
    return {
        "name": row.name, "address": row.address, "tariff": row.tariff, "category": row.category,
        "capacity_kw": _exact(row.capacity_kw), "rated_current_a": _exact(row.rated_current_a), "area": row.area,
        "meters": row.meters,
    }  # fmt: skip


def _area(row: AreaRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in AreaRow.__slots__}


def _exact(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)


@router.get("/v1/points", response_model=Page[Point], responses=documented(["bad-cursor"]))
async def points(
    caller: Reader,
    house: Home,
    request: Request,
    response: Response,
    area: Name | None = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Any:
    """Usage points by name."""
    (after,) = pages.read(cursor, str) or (None,)
    async with house.session() as session:
        rows = await Browse(session).points(limit=limit + 1, after=after, areas=caller.areas(), area=area)
    return pages.named(rows, limit, _point, request, response)


@router.get("/v1/points/{name}", response_model=Point, responses=documented(["not-found"]))
async def point(caller: Reader, house: Home, name: NamePath) -> Any:
    """One usage point."""
    async with house.session() as session:
        rows = await Browse(session).points(limit=1, areas=caller.areas(), name=name)
    if not rows:
        raise Problem("not-found", f"no usage point named {name!r}")
    return _point(rows[0])


@router.get("/v1/areas", response_model=Page[Area], responses=documented(["bad-cursor"]))
async def areas(
    caller: Reader, house: Home, request: Request, response: Response, limit: Limit = 100, cursor: Cursor = None
) -> Any:
    """Areas by name."""
    (after,) = pages.read(cursor, str) or (None,)
    async with house.session() as session:
        rows = await Browse(session).areas(limit=limit + 1, after=after, areas=caller.areas())
    return pages.named(rows, limit, _area, request, response)


@router.get("/v1/areas/{name}", response_model=Area, responses=documented(["not-found"]))
async def area(caller: Reader, house: Home, name: NamePath) -> Any:
    """One area."""
    async with house.session() as session:
        rows = await Browse(session).areas(limit=1, areas=caller.areas(), name=name)
    if not rows:
        raise Problem("not-found", f"no area named {name!r}")
    return _area(rows[0])
