"""Stops, the protection list, the policy, what waits for a second person, holds, payments, weather."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from headend.api import pages
from headend.api.asked import Asker, Front
from headend.api.pages import Cursor, Limit, Page
from headend.api.problem import Problem, documented
from headend.api.routes.commands import Why
from headend.api.spans import Moment
from headend.api.words import Id, Text, Word
from headend.commands.asked import NewEntry
from headend.commands.told import ChangeTold, EntryTold, HoldTold, PolicyTold, StopTold
from headend.safety.world import EVERYWHERE

router = APIRouter(tags=["rules"])
_SAID = documented(["bad-request", "denied", "not-found", "conflict", "unsupported-media-type"])
_LISTED = documented(["bad-cursor"])
Degrees = Annotated[str, Field(pattern=r"^-?[0-9]{1,3}(\.[0-9]{1,3})?$", description="degrees Celsius, exact")]


class NewStop(BaseModel):
    """`area` "*": everywhere."""

    model_config = ConfigDict(extra="forbid")
    area: Word = EVERYWHERE
    why: Text = ""


class Protect(BaseModel):
    """Who must not be cut: a meter, a usage point or both."""

    model_config = ConfigDict(extra="forbid")
    category: Word
    meter: Text = ""
    point: Text = ""
    evidence: Text = ""
    until: Moment | None = None


Entries = Annotated[list[Protect], Field(min_length=1, max_length=10_000)]


class Ending(BaseModel):
    """When an entry ends; null: now."""

    model_config = ConfigDict(extra="forbid")
    until: Moment | None = None


class Document(BaseModel):
    """A policy, as TOML."""

    model_config = ConfigDict(extra="forbid")
    document: Annotated[str, Field(max_length=200_000, pattern=r"^[^\x00]*$")]


class Payment(BaseModel):
    """A usage point's debt is paid."""

    model_config = ConfigDict(extra="forbid")
    point: Word
    why: Text


class Recalled(BaseModel):
    """How many cuts."""

    recalled: int


class Forecast(BaseModel):
    """The coldest and the hottest that is forecast for an area."""

    model_config = ConfigDict(extra="forbid")
    area: Word
    low_c: Degrees
    high_c: Degrees


def _paged(found: Any, limit: int, cursor: str | None, request: Request, response: Response) -> Any:
    """Lists that are short, by id."""
    key = pages.read(cursor, int)
    rows = sorted((one for one in found if key is None or one.id > key[0]), key=lambda one: int(one.id))
    following = pages.write(rows[limit - 1].id) if len(rows) > limit else None
    return pages.page(rows[:limit], following, request, response)


@router.get("/v1/stops", response_model=Page[StopTold], responses=_LISTED)
async def stops(
    caller: Asker, front: Front, request: Request, response: Response, limit: Limit = 100, cursor: Cursor = None
) -> Any:
    """Those that hold."""
    return _paged(await front.desk.stops(caller.person), limit, cursor, request, response)


@router.post("/v1/stops", status_code=201, response_model=StopTold, responses=_SAID)
async def stop(caller: Asker, front: Front, stop: NewStop) -> Any:
    """Stop sending, at once."""
    return await front.desk.stop(caller.person, stop.area, stop.why)


@router.post("/v1/stops/{id}/resume", response_model=ChangeTold, responses=_SAID)
async def resume(caller: Asker, front: Front, id: Id) -> Any:  # noqa: A002
    """Release a stop: done when a second person asks the same."""
    return await front.desk.resume(caller.person, id)


@router.get("/v1/protection", response_model=Page[EntryTold], responses=_LISTED)
async def protection(
    caller: Asker, front: Front, request: Request, response: Response, limit: Limit = 100, cursor: Cursor = None
) -> Any:
    """Entries that are not over. For who has a part in commands."""
    if not caller.person.commands:
        raise Problem("forbidden", f"{caller.user} has no part in commands")
    return _paged(await front.desk.protection(caller.person), limit, cursor, request, response)


@router.post("/v1/protection", status_code=201, response_model=list[EntryTold], responses=_SAID)
async def protect(caller: Asker, front: Front, entries: Entries) -> Any:
    """Add to the list; what is there already is not added again."""
    return await front.desk.protect(caller.person, [NewEntry(**entry.model_dump()) for entry in entries])


@router.post("/v1/protection/{id}/end", response_model=ChangeTold, responses=_SAID)
async def unlist(caller: Asker, front: Front, id: Id, ending: Ending) -> Any:  # noqa: A002
    """End an entry: done when a second person asks the same."""
    return await front.desk.unlist(caller.person, id, ending.until)


@router.get("/v1/policy", response_model=PolicyTold, responses=documented(["not-found"]))
async def policy(caller: Asker, front: Front) -> Any:
    """The policy that holds."""
    found = await front.desk.policy(caller.person)
    if found is None:
        raise Problem("not-found", "there is no policy: nothing can be sent")
    return found


@router.put("/v1/policy", response_model=ChangeTold, responses=_SAID)
async def set_policy(caller: Asker, front: Front, policy: Document) -> Any:
    """Another policy: done when a second person asks the same."""
    return await front.desk.set_policy(caller.person, policy.document)


@router.get("/v1/changes", response_model=Page[ChangeTold], responses=_LISTED)
async def changes(
    caller: Asker, front: Front, request: Request, response: Response, limit: Limit = 100, cursor: Cursor = None
) -> Any:
    """What waits for another person."""
    return _paged(await front.desk.changes(caller.person), limit, cursor, request, response)


@router.get("/v1/holds", response_model=Page[HoldTold], responses=_LISTED)
async def holds(
    caller: Asker, front: Front, request: Request, response: Response, limit: Limit = 100, cursor: Cursor = None
) -> Any:
    """What the anomaly watch holds."""
    return _paged(await front.desk.holds(caller.person), limit, cursor, request, response)


@router.post("/v1/holds/{id}/release", response_model=HoldTold, responses=_SAID)
async def release_hold(caller: Asker, front: Front, id: Id, why: Why) -> Any:  # noqa: A002
    """By somebody who is not held by it."""
    return await front.desk.release_hold(caller.person, id, why.why)


@router.post("/v1/payments", response_model=Recalled, responses=_SAID)
async def paid(caller: Asker, front: Front, payment: Payment) -> Any:
    """Cuts for non-payment at this usage point are recalled."""
    return {"recalled": await front.desk.paid(caller.person, payment.point, payment.why)}


@router.put("/v1/weather", status_code=204, response_model=None, responses=_SAID)
async def weather(caller: Asker, front: Front, forecast: Forecast) -> None:
    """What is forecast for an area."""
    await front.desk.weather(caller.person, forecast.area, forecast.low_c, forecast.high_c)
