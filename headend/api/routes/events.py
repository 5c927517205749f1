"""/v1/events: what happened to meters, and who has seen it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from headend.api import pages
from headend.api.asked import Asker, Home, Reader
from headend.api.caller import Right
from headend.api.pages import Cursor, Limit, Page
from headend.api.problem import Problem, documented
from headend.api.spans import From, To, span
from headend.api.words import Id, Name, Names, Text, Whole
from headend.events.told import told
from protocols.events import Severity
from storage.browse import Browse
from storage.events import EventFilter, EventStore

router = APIRouter(tags=["events"])
Word = Literal["info", "notice", "warning", "critical"]


class Event(BaseModel):
    """`start` and `end` are by the meter's clock for what it recorded itself. `values`: as the meter has them."""

    id: int
    meter: str
    kind: str
    name: str
    name_zh: str
    severity: Word
    category: str
    start: AwareDatetime
    end: AwareDatetime | None
    open: bool
    received: AwareDatetime
    source: str
    values: dict[str, Any]
    storm: int | None
    acknowledged: AwareDatetime | None
    by: str | None
    note: str | None


class Seen(BaseModel):
    """Which events somebody has seen."""

    model_config = ConfigDict(extra="forbid")
    ids: list[Whole] = Field(min_length=1, max_length=1000)
    note: Text = ""


class Acknowledged(BaseModel):
    """How many of them nobody had seen yet."""

    acknowledged: int


@router.get("/v1/events", response_model=Page[Event], responses=documented(["bad-cursor", "not-found"]))
async def events(
    caller: Reader,
    house: Home,
    request: Request,
    response: Response,
    meter: Names = None,
    area: Name | None = None,
    kind: Annotated[list[Name] | None, Query(max_length=100)] = None,
    severity: Annotated[Word | None, Query(description="that or worse")] = None,
    start: From = None,
    to: To = None,
    open: bool | None = None,  # noqa: A002  # the word of the command line
    acknowledged: bool | None = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Any:
    """Events that began in the span, the latest first."""
    asked = span(start, to, house.now())
    key = pages.read(cursor, datetime, int)
    chosen = meter is not None or area is not None
    within = frozenset(await house.meters(caller, meter, area)) if chosen else await house.within(caller)
    async with house.session() as session:
        found = await Browse(session).events(
            limit=limit + 1, before=None if key is None else (key[0], key[1]), within=within, kinds=kind,
            severity=None if severity is None else Severity[severity.upper()].value, since=asked.start,
            until=asked.end, open=open, acknowledged=acknowledged,
        )  # fmt: skip
        shown = found[:limit]
        rows = await EventStore(session).events(EventFilter(ids=[number for number, _ in shown]))
    following = pages.write(shown[-1][1], shown[-1][0]) if len(found) > limit else None
    return pages.page([told(row) for row in rows], following, request, response)


@router.get("/v1/events/{id}", response_model=Event, responses=documented(["not-found"]))
async def event(caller: Reader, house: Home, id: Id) -> Any:  # noqa: A002
    """One event."""
    within = await house.within(caller)
    async with house.session() as session:
        rows = await EventStore(session).events(EventFilter(ids=[id], meters=within))
    if not rows:
        raise Problem("not-found", f"no event {id}")
    return told(rows[0])


@router.post(
    "/v1/acknowledgements",
    response_model=Acknowledged,
    responses=documented(["bad-request", "not-found", "unsupported-media-type"]),
)
async def acknowledge(caller: Asker, house: Home, seen: Seen) -> Any:
    """Say that you have seen events; whoever did first stays. All of them, or none where one is not there."""
    within = await house.within(caller, Right.ACKNOWLEDGE)
    async with house.session() as session:
        store = EventStore(session)
        there = {row.id for row in await store.events(EventFilter(ids=seen.ids, meters=within))}
        for number in seen.ids:
            if number not in there:
                raise Problem("not-found", f"no event {number}")
        count = await store.acknowledge(house.now(), caller.user, seen.note, ids=sorted(there))
    return {"acknowledged": count}
