"""/v1/webhooks: who is told what happened."""

from __future__ import annotations

import secrets
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from headend.api import pages
from headend.api.asked import Asker, Home
from headend.api.caller import Right
from headend.api.pages import Cursor, Limit, Page
from headend.api.problem import Problem, documented
from headend.api.words import Id
from headend.webhooks.targets import checked, networks
from storage.webhooks import Webhook as Row
from storage.webhooks import Webhooks

router = APIRouter(tags=["webhooks"])
Kind = Literal["command", "event"]


class NewWebhook(BaseModel):
    """Results of commands, events of meters: those of the areas in which its owner has a part in commands."""

    model_config = ConfigDict(extra="forbid")
    url: Annotated[str, Field(max_length=2000)]
    kinds: Annotated[list[Kind], Field(min_length=1, max_length=2)]


class Webhook(BaseModel):
    """`tries` were in vain since it was `reached`; `waiting`: how much is still to be told."""

    id: int
    url: str
    kinds: list[Kind]
    created: AwareDatetime
    reached: AwareDatetime | None
    tries: int
    next_try: AwareDatetime | None
    failure: str | None
    waiting: int


class Made(BaseModel):
    """`secret` signs what is sent; it is shown this once."""

    id: int
    secret: str


def _told(row: Row) -> dict[str, Any]:
    return {name: getattr(row, name) for name in Row.__slots__ if name != "person"}


@router.post(
    "/v1/webhooks",
    status_code=201,
    response_model=Made,
    responses=documented(["bad-request", "unsupported-media-type"]),
)
async def add(caller: Asker, house: Home, webhook: NewWebhook) -> Any:
    """Tell that address from now on."""
    caller.areas(Right.LISTEN)
    url = checked(webhook.url, networks(house.table.webhook_targets))
    secret = secrets.token_urlsafe(32)
    async with house.session() as session:
        number = await Webhooks(session).add(caller.user, url, set(webhook.kinds), secret)
    return {"id": number, "secret": secret}


@router.get("/v1/webhooks", response_model=Page[Webhook], responses=documented(["bad-cursor"]))
async def webhooks(
    caller: Asker, house: Home, request: Request, response: Response, limit: Limit = 100, cursor: Cursor = None
) -> Any:
    """One's own."""
    key = pages.read(cursor, int)
    async with house.session() as session:
        found = [row for row in await Webhooks(session).of(caller.user) if key is None or row.id > key[0]]
    following = pages.write(found[limit - 1].id) if len(found) > limit else None
    return pages.page([_told(row) for row in found[:limit]], following, request, response)


@router.get("/v1/webhooks/{id}", response_model=Webhook, responses=documented(["not-found"]))
async def webhook(caller: Asker, house: Home, id: Id) -> Any:  # noqa: A002
    """One of them."""
    async with house.session() as session:
        rows = await Webhooks(session).of(caller.user, id)
    if not rows:
        raise Problem("not-found", f"no webhook {id}")
    return _told(rows[0])


@router.delete("/v1/webhooks/{id}", status_code=204, response_model=None, responses=documented(["not-found"]))
async def remove(caller: Asker, house: Home, id: Id) -> None:  # noqa: A002
    """With what it was not told yet."""
    async with house.session() as session:
        if not await Webhooks(session).remove(caller.user, id):
            raise Problem("not-found", f"no webhook {id}")


@router.post("/v1/webhooks/{id}/test", status_code=202, response_model=None, responses=documented(["not-found"]))
async def test(caller: Asker, house: Home, id: Id) -> None:  # noqa: A002
    """Send it a message of kind `test`."""
    async with house.session() as session:
        if not await Webhooks(session).ask_for_test(caller.user, id):
            raise Problem("not-found", f"no webhook {id}")
