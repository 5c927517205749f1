"""Meters, usage points and areas: pages, filters, and who sees what."""

from __future__ import annotations

import httpx
import pytest
from starlette.types import ASGIApp

from tests.headend.api.site import EAST, client

EVERYONE = ["m-01", "m-02", "m-03", "m-04", "m-t", "s-00"]


async def names(asking: httpx.AsyncClient, path: str, **query: str | int) -> list[str]:
    """Of all pages, following the links."""
    found: list[str] = []
    url: str | None = str(httpx.URL(path, params=query))
    while url:
        answer = await asking.get(url)
        assert answer.status_code == 200, answer.text
        found += [item["name"] for item in answer.json()["items"]]
        url = answer.links["next"]["url"] if answer.json()["next"] else None
        assert (url is None) == ("next" not in answer.links)
    return found


@pytest.mark.parametrize("limit", [1, 2, 3, 6, 7])
async def test_pages_hold_each_once(api: httpx.AsyncClient, limit: int) -> None:
    assert await names(api, "/v1/meters", limit=limit) == EVERYONE


async def test_filters_go_with_every_page(api: httpx.AsyncClient) -> None:
    assert await names(api, "/v1/meters", limit=1, area="west") == ["m-02", "m-04"]
    assert await names(api, "/v1/meters", line="bus", state="active") == EVERYONE
    assert await names(api, "/v1/meters", line="no such line") == []
    assert await names(api, "/v1/points", limit=1, area="east") == ["p-m-01", "p-m-03"]
    assert await names(api, "/v1/areas", limit=1) == ["east", "west"]


async def test_a_meter_is_told_with_where_it_stands(api: httpx.AsyncClient) -> None:
    told = (await api.get("/v1/meters/m-03")).json()
    assert told == {
        "name": "m-03", "address": "000000000003", "model": "dlt645_2007", "line": "bus", "multiplier": "1",
        "state": "active", "created": "2026-01-30T12:00:00Z", "point": "p-m-03", "area": "east",
    }  # fmt: skip
    assert (await api.get("/v1/points/p-m-03")).json()["meters"] == ["m-03"]
    assert (await api.get("/v1/areas/east")).json() == {
        "name": "east", "timezone": None, "address": None, "feeder": None, "points": 2, "totals": ["m-t"],
    }  # fmt: skip


async def test_who_has_areas_sees_what_stands_there_or_measures_them(app: ASGIApp) -> None:
    async with client(app, EAST) as asking:
        assert await names(asking, "/v1/meters") == ["m-01", "m-03", "m-t"]
        assert await names(asking, "/v1/points") == ["p-m-01", "p-m-03"]
        assert await names(asking, "/v1/areas") == ["east"]
        assert await names(asking, "/v1/meters", area="west") == []
        hidden = [await asking.get(f"/v1/{kind}") for kind in ("meters/m-02", "points/p-m-02", "areas/west")]
        unknown = [await asking.get(f"/v1/{kind}") for kind in ("meters/nobody", "points/p-nobody", "areas/nowhere")]
    assert [answer.status_code for answer in hidden + unknown] == [404] * 6
    for one, other, name in zip(hidden, unknown, ("m-02", "p-m-02", "west"), strict=True):
        assert one.json()["title"] == other.json()["title"]
        assert f"{name!r}" in one.json()["detail"]  # as if it were not there


@pytest.mark.parametrize("cursor", ["x", "AAAA", "WzFd", "WyJhIiwiYiJd", "bnVsbA", "WyJcdTAwMDAiXQ"])
async def test_a_cursor_that_is_none_of_ours_is_refused(api: httpx.AsyncClient, cursor: str) -> None:
    answer = await api.get("/v1/meters", params={"cursor": cursor})
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:headend:problem:bad-cursor")
