"""/v1/commands and /v1/proposals: orders to meters. The desk decides and writes; nothing here sends."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query
from pydantic import BaseModel, ConfigDict, Field, StrictBool
from starlette.requests import Request
from starlette.responses import Response

from headend.api import pages
from headend.api.asked import Asker, Front
from headend.api.pages import Cursor, Limit, Page
from headend.api.problem import Problem, documented
from headend.api.spans import Moment
from headend.api.words import KEY, Text, Word
from headend.commands.asked import Asked
from headend.commands.told import OrderTold, TargetTold
from headend.commands.where import MOST, Where
from headend.safety.command import State
from headend.safety.function import Function, ReasonCode

router = APIRouter(tags=["commands"])
Key = Annotated[str, Path(pattern=KEY, max_length=100)]
Idempotency = Annotated[
    str | None,
    Header(alias="Idempotency-Key", pattern=KEY, max_length=100, description="the order's id; again: the same order"),
]
SAID = documented(["bad-request", "denied", "not-found", "conflict", "unsupported-media-type"])


class Group(BaseModel):
    """Active meters for which all that is told holds."""

    model_config = ConfigDict(extra="forbid")
    area: Word | None = None
    feeder: Word | None = None
    line: Word | None = None
    model: Word | None = None
    tariff: Word | None = None

    def where(self) -> Where:
        return Where(**{name: value for name, value in self.model_dump().items() if value is not None})


class Draft(BaseModel):
    """What is asked of meters, named or told by `where` they are: what that comes to now is the order's list. Without
    `expires` the policy says how long it holds."""

    model_config = ConfigDict(extra="forbid")
    function: Function
    meters: Annotated[list[Word], Field(max_length=MOST)] = []
    where: Group | None = None
    reason: ReasonCode | None = None
    notice: Text = ""
    not_before: Moment | None = None
    expires: Moment | None = None
    parameters: dict[str, Text] = Field({}, max_length=100)

    def asked(self, key: str | None) -> Asked:
        return Asked(
            function=self.function, meters=tuple(self.meters), reason=self.reason, notice=self.notice,
            not_before=self.not_before, expires=self.expires, key=key or "", parameters=self.parameters,
            where=Where() if self.where is None else self.where.where(),
        )  # fmt: skip


class Approval(BaseModel):
    """`bound` as the order told it: what was seen is what is approved."""

    model_config = ConfigDict(extra="forbid")
    bound: Text
    over_caps: StrictBool = False
    expires: Moment | None = None


class Why(BaseModel):
    model_config = ConfigDict(extra="forbid")
    why: Text


@router.post("/v1/commands", status_code=201, response_model=OrderTold, responses=SAID)
async def draft(caller: Asker, front: Front, order: Draft, response: Response, key: Idempotency = None) -> Any:
    """Draft an order. With the same key and the same contents again it is the order that there is."""
    made = await front.desk.draft(caller.person, order.asked(key))
    response.headers["location"] = f"/v1/commands/{made.id}"
    return made


@router.post("/v1/proposals", status_code=201, response_model=OrderTold, responses=SAID)
async def propose(caller: Asker, front: Front, order: Draft, response: Response, key: Idempotency = None) -> Any:
    """The same for programs, such as a demand-response event's: it waits for persons, whoever asks for it."""
    if caller.person.is_person:
        raise Problem("forbidden", f"{caller.user} is a person: persons draft at /v1/commands")
    return await draft(caller, front, order, response, key)


@router.get("/v1/commands", response_model=Page[OrderTold], responses=documented(["bad-cursor"]))
async def orders(
    caller: Asker,
    front: Front,
    request: Request,
    response: Response,
    state: Annotated[State | None, Query(description="that some of its commands have")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Any:
    """Orders, newest first, without approvals and what they need: one order tells that."""
    before = pages.read(cursor, datetime)
    found: Sequence[OrderTold] = await front.desk.orders(
        caller.person, state=None if state is None else state.value, before=None if before is None else before[0],
        limit=limit,
    )  # fmt: skip
    return pages.page(list(found), pages.write(found[-1].created) if len(found) == limit else None, request, response)


@router.get("/v1/commands/{key}", response_model=OrderTold, responses=documented(["not-found"]))
async def order(caller: Asker, front: Front, key: Key) -> Any:
    """One order, with what an approver is to see."""
    return await front.desk.show(caller.person, key)


@router.get(
    "/v1/commands/{key}/targets", response_model=Page[TargetTold], responses=documented(["bad-cursor", "not-found"])
)
async def targets(
    caller: Asker,
    front: Front,
    request: Request,
    response: Response,
    key: Key,
    state: State | None = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Any:
    """Each meter's command, by meter."""
    (after,) = pages.read(cursor, str) or ("",)
    found = await front.desk.targets(
        caller.person, key, after=after, limit=limit + 1, state=None if state is None else state.value
    )
    following = pages.write(found[limit - 1].meter) if len(found) > limit else None
    return pages.page(list(found[:limit]), following, request, response)


@router.put("/v1/commands/{key}", response_model=OrderTold, responses=SAID)
async def edit(caller: Asker, front: Front, key: Key, order: Draft) -> Any:
    """Its requester changes it, before it is released: approvals are void."""
    return await front.desk.edit(caller.person, key, order.asked(key))


@router.post("/v1/commands/{key}/approve", response_model=OrderTold, responses=SAID)
async def approve(caller: Asker, front: Front, key: Key, approval: Approval) -> Any:
    """Say yes to exactly what was shown."""
    return await front.desk.approve(
        caller.person, key, approval.bound, over_caps=approval.over_caps, expires=approval.expires
    )


@router.post("/v1/commands/{key}/reject", response_model=OrderTold, responses=SAID)
async def reject(caller: Asker, front: Front, key: Key, why: Why) -> Any:
    """Say no."""
    return await front.desk.reject(caller.person, key, why.why)


@router.post("/v1/commands/{key}/release", response_model=OrderTold, responses=SAID)
async def release(caller: Asker, front: Front, key: Key) -> Any:
    """Into the senders' hands."""
    return await front.desk.release(caller.person, key)


@router.post("/v1/commands/{key}/recall", response_model=OrderTold, responses=SAID)
async def recall(caller: Asker, front: Front, key: Key, why: Why) -> Any:
    """What is not sent yet is never sent."""
    return await front.desk.recall(caller.person, key, why.why)
