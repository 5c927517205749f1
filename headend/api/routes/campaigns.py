"""/v1/commands/{id}/pause, continue, progress and report: orders on their way."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from headend.api import pages
from headend.api.asked import Asker, Front
from headend.api.pages import Cursor, Limit, Page
from headend.api.problem import documented
from headend.api.routes.commands import SAID, Key, Why
from headend.commands.told import FateTold, OrderTold, ProgressTold

router = APIRouter(tags=["commands"])


@router.post("/v1/commands/{key}/pause", response_model=OrderTold, responses=SAID)
async def pause(caller: Asker, front: Front, key: Key, why: Why) -> Any:
    """What is not sent yet waits."""
    return await front.desk.pause(caller.person, key, why.why)


@router.post("/v1/commands/{key}/continue", response_model=OrderTold, responses=SAID)
async def go_on(caller: Asker, front: Front, key: Key, why: Why) -> Any:
    """Paused no more: by who may release it."""
    return await front.desk.go_on(caller.person, key, why.why)


@router.get("/v1/commands/{key}/progress", response_model=ProgressTold, responses=documented(["not-found"]))
async def progress(caller: Asker, front: Front, key: Key) -> Any:
    """How far it is, how fast it goes, and where it did not go well."""
    return await front.desk.progress(caller.person, key)


@router.get(
    "/v1/commands/{key}/report", response_model=Page[FateTold], responses=documented(["bad-cursor", "not-found"])
)
async def report(
    caller: Asker,
    front: Front,
    request: Request,
    response: Response,
    key: Key,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Any:
    """What became of each meter, step by step, by meter; frames with their passwords hidden."""
    (after,) = pages.read(cursor, str) or ("",)
    found = await front.desk.fates(caller.person, key, after=after, limit=limit + 1)
    following = pages.write(found[limit - 1].meter) if len(found) > limit else None
    return pages.page(found[:limit], following, request, response)
