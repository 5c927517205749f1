"""/v1/validated: what validation made of readings, by usage point."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel
from starlette.requests import Request
from starlette.responses import Response

from headend.api import pages
from headend.api.asked import Home, Reader
from headend.api.pages import Cursor, Page
from headend.api.problem import Problem, documented
from headend.api.words import Name
from headend.validation.told import told
from protocols import quantities
from storage.browse import Browse
from storage.validated import Validated, Which

router = APIRouter(tags=["readings"])
Day = Annotated[date, Query(description="of the usage point, local")]
Step = Literal["900", "1800", "3600"]
_ZONES = timedelta(days=1)
"""A local day begins at most so far from UTC's."""
_FIRST, _LAST = date(1970, 1, 1), date(9000, 1, 1)


class Value(BaseModel):
    """An interval, known by its start. `value` is exact, multiplied; `raw` what came, null where nothing did. `failed`:
    checks that it did not pass; `run` made this version of its day by these `parameters`; `profiles`: the version of
    the class profiles that it may stand on."""

    start: AwareDatetime
    value: str | None
    unit: str
    source: str
    rule: str
    reason: str
    raw: str | None
    failed: list[str]
    version: int
    run: int
    parameters: str
    profiles: int | None


@router.get("/v1/validated", response_model=Page[Value], responses=documented(["bad-cursor", "not-found"]))
async def validated(
    caller: Reader,
    house: Home,
    request: Request,
    response: Response,
    point: Name,
    first: Annotated[Day, Query(alias="from")],
    to: Annotated[date, Query(description="the day after the last")],
    quantity: Annotated[str, Query(max_length=100, pattern=r"^[A-Za-z0-9_:.*-]+$")] = "active_energy_import",
    step_s: Annotated[Step, Query(description="seconds of an interval")] = "900",
    as_of: Annotated[int | None, Query(ge=1, lt=1 << 63, description="as it stood when that run was committed")] = None,
    limit: Annotated[int, Query(ge=1, le=31, description="at most so many days")] = 7,
    cursor: Cursor = None,
) -> Any:
    """The newest version of each day, or as of a run; pages hold whole days."""
    key = pages.read(cursor, int)
    wanted = quantities.quantity(quantity)
    since = min(max(first, _FIRST if key is None else _day(key[0])), _LAST)
    until = min(max(since, to), _LAST)
    end = min(until, since + timedelta(days=limit))
    async with house.session() as session:
        found = await Browse(session).point(point, caller.areas())
    if found is None:
        raise Problem("not-found", f"no usage point named {point!r}")
    number, meters = found
    await house.record(caller, "validated", meters, _midnight(since), _midnight(end), point=point)
    which = Which([number], [wanted], int(step_s), since, end)
    around = (_midnight(since) - _ZONES, _midnight(end) + _ZONES)
    async with house.session() as session:
        store = Validated(session)
        batches = [batch async for batch in store.days(which, as_of, whole=True)]
        runs = {run.number: run for run in await store.runs({int(one) for days in batches for one in days.run})}
        edits = await store.edits(which, around, as_of)
    items = [
        value
        for days in batches
        for row in range(len(days))
        for run in [runs[int(days.run[row])]]
        for value in told(days, row, wanted, run, [one for one in edits if one.run <= run.number])
    ]
    return pages.encoded(items, pages.write(end.toordinal()) if end < until else None, request, response)


def _day(ordinal: int) -> date:
    """Raises `Problem`."""
    if not _FIRST.toordinal() <= ordinal <= _LAST.toordinal():
        raise Problem("bad-cursor")
    return date.fromordinal(ordinal)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
