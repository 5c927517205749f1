"""Validated values over the API: whole days in pages, by version, for who sees the usage point."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp

from storage.validated import Validated
from tests.conftest import Servers
from tests.headend.api.site import EAST, client, configured, furnish, opened
from tests.storage.days import FIRST, RUN, some_days

SPAN = {"from": FIRST.isoformat(), "to": (FIRST + timedelta(days=4)).isoformat()}


async def _fill(conninfo: str) -> None:
    await furnish(conninfo)
    async with Validated(conninfo) as validated:
        days = some_days(2)
        async with validated.writing() as writing:
            await writing.add(RUN, days)
        again = days.take([0])
        again.version[:] = 2
        again.steps[:] = again.steps + 1
        async with validated.writing() as writing:
            await writing.add(RUN, again)


@pytest.fixture(scope="module")
def judged(servers: Servers) -> Iterator[str]:
    server = servers("plain")
    with server.fresh(asyncio.run(server.template())) as conninfo:
        asyncio.run(_fill(conninfo))
        yield conninfo


@pytest.fixture
async def app(judged: str) -> AsyncIterator[ASGIApp]:
    async with opened(configured(judged)) as built:
        yield built


async def pages(asking: httpx.AsyncClient, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: dict[str, Any] = {}
    while True:
        answer = await asking.get("/v1/validated", params={**SPAN, **query, **cursor})
        assert answer.status_code == 200, answer.text
        found += answer.json()["items"]
        if answer.json()["next"] is None:
            return found
        cursor = {"cursor": answer.json()["next"]}


@pytest.mark.parametrize("limit", [1, 3, 31])
async def test_pages_hold_whole_days(app: ASGIApp, limit: int) -> None:
    async with client(app) as asking:
        found = await pages(asking, point="p-m-02", limit=limit)
    assert len(found) == 96 + 96 + 100 + 96
    starts = [row["start"] for row in found]
    assert starts[0] == "2026-02-28T16:00:00Z"
    assert starts[:192] == sorted(set(starts[:192]))
    estimated = [row for row in found if row["source"] == "estimated"]
    assert {row["raw"] for row in estimated} == {None}
    assert {row["run"] for row in found} == {1}


async def test_a_version_stands_as_of_its_run(app: ASGIApp) -> None:
    async with client(app) as asking:
        newest, before = await pages(asking, point="p-m-01"), await pages(asking, point="p-m-01", as_of=1)
    assert [{row["version"] for row in rows[:96]} for rows in (newest, before)] == [{2}, {1}]
    assert newest[0]["value"] != before[0]["value"]
    assert newest[96:] == before[96:]


async def test_other_areas_points_are_not_there(app: ASGIApp) -> None:
    async with client(app, EAST) as asking:
        assert await pages(asking, point="p-m-01")
        hidden = await asking.get("/v1/validated", params={**SPAN, "point": "p-m-02"})
        assert hidden.status_code == 404
        lacking = await asking.get("/v1/validated", params={"point": "p-m-01"})
        assert (lacking.status_code, lacking.json()["fields"][0]["where"]) == (422, ["query", "from"])
