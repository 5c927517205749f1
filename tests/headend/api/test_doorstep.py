"""What every request passes, and how everything that goes wrong is told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp

from headend.api.allowance import Allowance
from tests.headend.api.site import ALL, EAST, NOTHING, READER, client, configured, opened


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert document["type"] == f"urn:headend:problem:{code}"
    assert document["status"] == status
    assert document["request_id"] == answer.headers["x-request-id"]
    assert "Traceback" not in answer.text
    return document


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", "Bearer short", f"Basic {ALL}", ALL, f"Bearer {ALL}x", "Bearer " + "x" * 257,
     f"Bearer {ALL} {ALL}", "Bearer \xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9"],
)  # fmt: skip
async def test_nobody_enters_without_a_token(app: ASGIApp, header: str | None) -> None:
    async with client(app, None) as asking:
        headers = [] if header is None else [(b"authorization", header.encode("latin-1"))]
        for path in ("/v1/meters", "/v1/no/such/thing", "/"):
            answer = await asking.get(path, headers=headers)
            problem(answer, 401, "unauthenticated")
            assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_only_the_description_is_open(app: ASGIApp) -> None:
    async with client(app, None) as asking:
        described = (await asking.get("/openapi.json")).json()
        assert described["openapi"].startswith("3.1")
        assert described["security"] == [{"token": []}]
        assert "HTTPValidationError" not in str(described)


async def test_a_token_without_a_right_is_told_so(app: ASGIApp) -> None:
    async with client(app, NOTHING) as asking:
        assert "nils may not read" in str(problem(await asking.get("/v1/meters"), 403, "forbidden"))


async def test_what_is_not_there_and_what_is_no_method(api: httpx.AsyncClient) -> None:
    problem(await api.get("/v1/nothing"), 404, "not-found")
    problem(await api.get("/v1/meters/"), 404, "not-found")
    refused = await api.delete("/v1/meters")
    problem(refused, 405, "method-not-allowed")
    assert refused.headers["allow"] == "GET"
    both = await api.delete("/v1/commands/some-key")
    assert both.headers["allow"] == "GET, PUT"  # all of the resource


@pytest.mark.parametrize("limit", ["0", "1001", "x", "", "1e3", "-1"])
async def test_a_wrong_parameter_is_named(api: httpx.AsyncClient, limit: str) -> None:
    document = problem(await api.get("/v1/meters", params={"limit": limit}), 422, "invalid")
    assert [field["where"] for field in document["fields"]] == [["query", "limit"]]


async def test_a_request_keeps_the_id_that_it_came_with(api: httpx.AsyncClient) -> None:
    answer = await api.get("/v1/nothing", headers={"x-request-id": "my-own-id-17"})
    assert problem(answer, 404, "not-found")["request_id"] == "my-own-id-17"
    other = await api.get("/v1/nothing", headers={"x-request-id": "two words\x01"})
    assert other.headers["x-request-id"] != "two words\x01"


async def test_a_body_that_is_too_big_is_not_read(furnished: str) -> None:
    async with opened(configured(furnished, body=1000)) as app, client(app) as asking:
        problem(await asking.post("/v1/meters", content=b"x" * 1001), 413, "too-large")

        async def endless() -> AsyncIterator[bytes]:
            while True:
                yield b"x" * 100

        problem(await asking.post("/v1/meters", content=endless()), 413, "too-large")
        problem(await asking.post("/v1/meters", content=b"x" * 1000), 405, "method-not-allowed")


async def test_each_token_has_an_allowance(furnished: str) -> None:
    async with opened(configured(furnished, requests=3)) as app, client(app) as asking:
        told = [await asking.get("/v1/areas") for _ in range(4)]
        assert [answer.status_code for answer in told] == [200, 200, 200, 429]
        problem(told[-1], 429, "too-many-requests")
        assert 1 <= int(told[-1].headers["retry-after"]) <= 20
        assert [answer.headers["x-ratelimit-remaining"] for answer in told] == ["2", "1", "0", "0"]
        other = await asking.get("/v1/areas", headers={"authorization": f"Bearer {READER}"})
        assert other.status_code == 200


async def test_guessing_is_slowed_down(app: ASGIApp) -> None:
    async with client(app, "a-wrong-token-0000") as asking:
        codes = [(await asking.get("/v1/areas")).status_code for _ in range(31)]
        assert codes == [401] * 30 + [429]
        late = await asking.get("/v1/areas", headers={"authorization": f"Bearer {EAST}"})
        assert late.status_code == 429  # from the same address


async def test_a_database_that_is_away_is_no_fault_of_ours() -> None:
    nowhere = "host=127.0.0.1 port=1 user=nobody dbname=nothing"
    async with opened(configured(nowhere)) as app, client(app) as asking:
        answer = await asking.get("/v1/areas")
        problem(answer, 503, "unavailable")
        assert answer.headers["retry-after"] == "5"


async def test_a_fault_of_ours_tells_nothing(app: ASGIApp, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the secret reason")

    monkeypatch.setattr("storage.browse.Browse.areas", broken)
    async with client(app) as asking:
        answer = await asking.get("/v1/areas")
        problem(answer, 500, "fault")
        assert "secret" not in answer.text


def test_an_allowance_fills_up_again() -> None:
    time = [0.0]
    allowance = Allowance(60, lambda: time[0])
    assert [allowance.take("a") for _ in range(61)] == [0] * 60 + [1]
    assert allowance.take("b") == 0
    time[0] = 2.5
    assert [allowance.take("a") for _ in range(3)] == [0, 0, 1]
    time[0] = 1000.0
    assert allowance.left("a") == 60


def test_who_is_remembered_is_bounded() -> None:
    time = [0.0]
    allowance = Allowance(1, lambda: time[0])
    for number in range(25_000):
        time[0] += 0.001
        assert allowance.take(str(number)) == 0
    assert allowance.take("24999") > 0  # the latest are not forgotten
    assert len(allowance._buckets) <= 10_000
