"""/v1/readings and /v1/latest: what meters gave."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel
from starlette.requests import Request
from starlette.responses import Response

from headend.api import pages
from headend.api.accepted import chosen
from headend.api.asked import Home, Reader
from headend.api.forms import FORMS
from headend.api.house import House
from headend.api.pages import Cursor, Limit, Page
from headend.api.problem import documented
from headend.api.spans import From, Span, To, span
from headend.api.streams import Stream
from headend.api.words import Name, Names, Wanted
from headend.stored import LATEST_WITHIN, told
from protocols import quantities
from protocols.model import Quantity
from storage.browse import Browse
from storage.reader import Reader as Readings

router = APIRouter(tags=["readings"])
JSON: Final = "application/json"
_LOOKED: Final = 200
"""Meters that one page looks at; where they gave nothing it is short, and has a next one all the same."""


class Reading(BaseModel):
    """`value` is exact, the meter's own before its multiplier, a moment in ISO 8601; null where the meter said that it
    has none."""

    meter: str
    quantity: str
    obis: str
    time: AwareDatetime
    value: str | None
    unit: str
    quality: str
    received: AwareDatetime


class Latest(Reading):
    """`age_s`: stale is not fresh."""

    age_s: int


def _quantities(wanted: Sequence[str] | None) -> list[Quantity] | None:
    """Raises `ModelError`."""
    return None if wanted is None else [quantities.quantity(text) for text in wanted]


def _long_forms() -> dict[str, Any]:
    return {form: {"schema": {"type": "string", "format": "binary"}} for form in FORMS}


@router.get(
    "/v1/readings",
    response_model=Page[Reading],
    responses={200: {"content": _long_forms()}, **documented(["bad-cursor", "not-found", "not-acceptable"])},
)
async def readings(
    caller: Reader,
    house: Home,
    request: Request,
    response: Response,
    meter: Names = None,
    area: Name | None = None,
    quantity: Wanted = None,
    start: From = None,
    to: To = None,
    limit: Limit = 1000,
    cursor: Cursor = None,
) -> Any:
    """Readings by meter, time and quantity. JSON comes in pages; CSV, JSON lines and Parquet whole, as a stream."""
    form = chosen(request.headers.get("accept", ""), (JSON, *FORMS))
    asked = span(start, to, house.now())
    wanted = _quantities(quantity)
    names = await house.meters(caller, meter, area)
    key = pages.read(cursor, int, datetime, int)
    everybody = meter is None and area is None and caller.areas() is None
    await house.record(
        caller, "readings", None if everybody else list(names), asked.start, asked.end,
        form=form, quantities=quantity, cursor=cursor,
    )  # fmt: skip
    if form != JSON:
        parts = _streamed(house, names, asked, wanted, form)
        name = f"readings.{form.rpartition('.')[2].rpartition('/')[2].removeprefix('x-')}"
        return Stream(parts, form, {"content-disposition": f'attachment; filename="{name}"'})
    return await _page(house, names, asked, wanted, limit, key, request, response)


async def _streamed(
    house: House, names: Mapping[int, str], asked: Span, wanted: list[Quantity] | None, form: str
) -> AsyncGenerator[bytes, None]:
    async with house.stream() as session:
        found = Readings(session).stream(list(names), asked.start, asked.end, wanted)
        async with aclosing(FORMS[form](found, names)) as parts:
            async for part in parts:
                yield part


async def _page(
    house: House,
    names: Mapping[int, str],
    asked: Span,
    wanted: list[Quantity] | None,
    limit: int,
    key: list[Any] | None,
    request: Request,
    response: Response,
) -> Response:
    first = -1 if key is None else key[0]
    left = [number for number in sorted(names) if number >= first]
    found: list[Any] = []
    async with house.session() as session:
        browse = Browse(session)
        for number in left[:_LOOKED]:
            after = (key[1], key[2]) if key is not None and number == first else None
            room = limit + 1 - len(found)
            found += await browse.readings(number, asked.start, asked.end, limit=room, after=after, quantities=wanted)
            if len(found) > limit:
                break
    shown = found[:limit]
    items = [told(reading, names[reading.meter_id]) for reading in shown]
    following: str | None
    if len(found) > limit:
        last = shown[-1]
        following = pages.write(last.meter_id, last.time, last.quantity.id)
    else:
        following = pages.write(left[_LOOKED], asked.start, -1) if len(left) > _LOOKED else None
    return pages.encoded(items, following, request, response)


@router.get("/v1/latest", response_model=Page[Latest], responses=documented(["bad-cursor", "not-found"]))
async def latest(
    caller: Reader,
    house: Home,
    request: Request,
    response: Response,
    meter: Names = None,
    area: Name | None = None,
    quantity: Wanted = None,
    within_days: Annotated[int, Query(ge=1, le=366, description="how far back is looked")] = LATEST_WITHIN.days,
    limit: Annotated[int, Query(ge=1, le=_LOOKED, description="at most so many meters")] = 50,
    cursor: Cursor = None,
) -> Any:
    """The newest value of every quantity, each with its age; pages hold whole meters."""
    wanted = _quantities(quantity)
    key = pages.read(cursor, int)
    names = await house.meters(caller, meter, area)
    left = [number for number in sorted(names) if key is None or number > key[0]]
    now = house.now()
    await house.record(caller, "latest", left[:limit], quantities=quantity)
    async with house.session() as session:
        found = await Readings(session).latest(left[:limit], now, timedelta(days=within_days), wanted)
    items = [told(one, names[one.meter_id]) | {"age_s": int(one.age(now).total_seconds())} for one in found]
    following = pages.write(left[limit - 1]) if len(left) > limit else None
    return pages.encoded(items, following, request, response)
