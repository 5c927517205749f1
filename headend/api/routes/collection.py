"""/v1/gaps and /v1/quality: what the plans expect, what came, what is missing and why."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel
from starlette.requests import Request
from starlette.responses import Response

from headend.api import pages
from headend.api.asked import Home, Reader
from headend.api.caller import Caller
from headend.api.house import House
from headend.api.pages import Cursor, Limit, Page
from headend.api.problem import documented
from headend.api.spans import From, To, span
from headend.api.words import Name, Names
from headend.collection.recovery import lacking
from headend.quality.report import report, told
from storage.browse import Browse
from storage.ledger import Ledger, State
from storage.quality import Counts

router = APIRouter(tags=["collection"])
_LONGEST: Final = timedelta(days=366)
_TICK: Final = timedelta(microseconds=1)
StateWord = Literal["received", "recovered", "estimated", "unrecoverable", "open"]


class Balance(BaseModel):
    """Captures by their state; the states add up to `expected`. `reasons`: of what is open or unrecoverable."""

    start: AwareDatetime
    end: AwareDatetime
    expected: int
    received: int
    recovered: int
    estimated: int
    unrecoverable: int
    open: int
    reasons: dict[str, int]


class Slot(BaseModel):
    """An expected capture. `lacking`: the quantities that it lacks; `tried`: when the last try was given up."""

    meter: str
    time: AwareDatetime
    state: StateWord
    reason: str | None
    tries: int
    tried: AwareDatetime | None
    lacking: list[str]


class Group(BaseModel):
    """`success` and `completeness` in per cent, exact; null where nothing is expected. `whole`: meters of which nothing
    is missing; `reason`: the commonest."""

    by: dict[str, str | None]
    expected: int
    received: int
    recovered: int
    estimated: int
    unrecoverable: int
    open: int
    success: str | None
    completeness: str | None
    meters: int
    whole: int
    reason: str | None


class Report(BaseModel):
    start: AwareDatetime
    end: AwareDatetime
    total: Group
    groups: list[Group]


async def _meters(house: House, caller: Caller, meter: list[str] | None, area: str | None) -> frozenset[int] | None:
    if meter is None and area is None:
        return await house.within(caller)
    return frozenset(await house.meters(caller, meter, area))


@router.get("/v1/gaps", response_model=Balance, responses=documented(["not-found"]))
async def gaps(
    caller: Reader, house: Home, meter: Names = None, area: Name | None = None, start: From = None, to: To = None
) -> Any:
    """The balance of a span of at most 366 days."""
    asked = span(start, to, house.now(), _LONGEST)
    within = await _meters(house, caller, meter, area)
    async with house.session() as session:
        balance = await Ledger(session).balance(asked.start, asked.end, within, now=house.now())
    return {"start": asked.start, "end": asked.end, **balance.counts, "reasons": dict(balance.reasons)}


@router.get("/v1/gaps/slots", response_model=Page[Slot], responses=documented(["bad-cursor", "not-found"]))
async def slots(
    caller: Reader,
    house: Home,
    request: Request,
    response: Response,
    meter: Names = None,
    area: Name | None = None,
    state: Annotated[list[StateWord] | None, Query(description="default: open and unrecoverable")] = None,
    start: From = None,
    to: To = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Any:
    """The slots themselves, newest first."""
    asked = span(start, to, house.now(), _LONGEST)
    key = pages.read(cursor, datetime, int)
    end, passed = (asked.end, 0) if key is None else (min(asked.end, key[0] + _TICK), max(0, min(key[1], 1_000_000)))
    within = await _meters(house, caller, meter, area)
    states = [State(word) for word in state or ("open", "unrecoverable")]
    async with house.session() as session:
        found = await Ledger(session).slots(asked.start, end, within, states, limit=passed + limit + 1, now=house.now())
        shown = found[passed : passed + limit]
        names = await Browse(session).names({slot.meter_id for slot in shown})
    items = [
        {
            "meter": names[slot.meter_id], "time": slot.time, "state": str(slot.state), "reason": slot.reason,
            "tries": slot.tries, "tried": slot.tried,
            "lacking": [quantity.name for quantity in lacking(slot.layout, slot.lacking)],
        }
        for slot in shown
    ]  # fmt: skip
    following = None
    if len(found) > passed + limit:
        last = shown[-1].time
        following = pages.write(last, sum(slot.time == last for slot in found[: passed + limit]))
    return pages.page(items, following, request, response)


@router.get("/v1/quality", response_model=Report)
async def quality(
    caller: Reader,
    house: Home,
    start: From = None,
    to: To = None,
    by: Annotated[
        list[Literal["day", "area", "feeder", "model", "maker", "line", "meter"]] | None, Query(max_length=3)
    ] = None,
    worst: Annotated[int, Query(ge=1, le=1000, description="so many groups, the worst first")] = 100,
) -> Any:
    """Success and completeness of a span of at most 366 days."""
    asked = span(start, to, house.now(), _LONGEST)
    within = await house.within(caller)
    dimensions = list(dict.fromkeys(by or ()))
    async with house.session() as session:
        found = await report(
            Counts(session), asked.start, asked.end, house.config.zone, dimensions, worst, meters=within
        )

    def group(one: Any) -> dict[str, Any]:
        return told(one) | {
            "by": dict(zip(dimensions, one.key, strict=False)),
            "success": None if one.success is None else str(one.success),
            "completeness": None if one.completeness is None else str(one.completeness),
        }

    groups = [group(one) for one in found.groups] if dimensions else []
    return {"start": asked.start, "end": asked.end, "total": group(found.total) | {"by": {}}, "groups": groups}
