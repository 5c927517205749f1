"""/v1/outages: what is without supply, as it was concluded last."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter
from pydantic import AwareDatetime, BaseModel
from starlette.requests import Request
from starlette.responses import Response

from headend.api import pages
from headend.api.asked import Home, Reader
from headend.api.pages import Cursor, Limit, Page
from headend.api.problem import documented
from headend.api.spans import From, span
from headend.api.words import Name
from protocols.model import plain
from storage.outages import OutageRow, OutageStore

router = APIRouter(tags=["events"])


class Outage(BaseModel):
    """`place`: the meter, branch or area. `confidence`: from 0 to 1, exact. `evidence`: what it was concluded from."""

    id: int
    area: str
    level: Literal["meter", "branch", "district"]
    place: str
    start: AwareDatetime
    not_before: AwareDatetime | None
    seen: AwareDatetime
    restored: AwareDatetime | None
    confidence: str
    meters: list[str]
    evidence: dict[str, Any]


def _told(row: OutageRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in OutageRow.__slots__} | {"confidence": plain(row.confidence)}


@router.get("/v1/outages", response_model=Page[Outage], responses=documented(["bad-cursor"]))
async def outages(
    caller: Reader,
    house: Home,
    request: Request,
    response: Response,
    area: Name | None = None,
    open: bool | None = None,  # noqa: A002  # the word of the command line
    since: From = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Any:
    """Those that were not over at `from`, the latest first."""
    after = pages.read(cursor, int)
    mine = caller.areas()
    areas = mine if area is None else [area] if caller.sees(area) else []
    async with house.session() as session:
        found = await OutageStore(session).outages(areas=areas, open=open, since=span(since, None, house.now()).start)
    numbers = [row.id for row in found]
    begin = numbers.index(after[0]) + 1 if after is not None and after[0] in numbers else 0
    shown = found[begin : begin + limit]
    is_more = begin + limit < len(found)
    following = pages.write(shown[-1].id) if is_more and shown[-1].id is not None else None
    return pages.page([_told(row) for row in shown], following, request, response)
