"""Readings over the API: the same in every form, exact, in pages and as streams."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal
from typing import Any

import httpx
import pytest
from pyarrow import parquet
from starlette.types import ASGIApp

from headend.api.accepted import chosen
from headend.api.problem import Problem
from tests.headend.api.site import EAST, NOTHING, client

SPAN = {"from": "2026-03-01T12:00:00Z", "to": "2026-03-01T13:00:00Z"}
OFFERED = ("application/json", "text/csv", "application/x-ndjson", "application/vnd.apache.parquet")


async def pages(asking: httpx.AsyncClient, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: dict[str, Any] = {}
    while True:
        answer = await asking.get("/v1/readings", params={**SPAN, **query, **cursor})
        assert answer.status_code == 200, answer.text
        found += answer.json()["items"]
        if not answer.json()["next"]:
            return found
        cursor = {"cursor": answer.json()["next"]}


async def streamed(asking: httpx.AsyncClient, form: str, **query: Any) -> httpx.Response:
    answer = await asking.get("/v1/readings", params={**SPAN, **query}, headers={"accept": form})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith(form)
    return answer


@pytest.mark.parametrize("limit", [1, 6, 7, 50, 1000])
async def test_pages_of_any_size_hold_all(api: httpx.AsyncClient, limit: int) -> None:
    found = await pages(api, meter=["m-01", "m-02"], limit=limit)
    assert len(found) == 2 * 4 * 7
    assert len({(row["meter"], row["time"], row["quantity"]) for row in found}) == len(found)
    assert [row["meter"] for row in found] == ["m-01"] * 28 + ["m-02"] * 28
    for meter in ("m-01", "m-02"):
        times = [row["time"] for row in found if row["meter"] == meter]
        assert times == sorted(times)


async def test_every_form_says_the_same(api: httpx.AsyncClient) -> None:
    expected = await pages(api)
    assert len(expected) == 6 * 4 * 7
    assert expected[0]["value"] == "0.1"  # 1000 steps of 0.0001 kWh
    assert expected[0]["time"] == "2026-03-01T12:00:00Z"
    lines = [json.loads(line) for line in (await streamed(api, "application/x-ndjson")).text.splitlines()]
    assert [row | {"time": None, "received": None} for row in lines] == [
        row | {"time": None, "received": None} for row in expected
    ]
    assert lines[0]["time"] == "2026-03-01T12:00:00+00:00"
    table = list(csv.DictReader(io.StringIO((await streamed(api, "text/csv")).text)))
    assert [(row["meter"], row["quantity"], row["time"], row["value"]) for row in table] == [
        (row["meter"], row["quantity"], row["time"], row["value"]) for row in lines
    ]
    columns = parquet.read_table(io.BytesIO((await streamed(api, OFFERED[3])).content)).to_pylist()
    assert [(row["meter"], row["quantity"], row["value"]) for row in columns] == [
        (row["meter"], row["quantity"], Decimal(row["value"])) for row in lines
    ]


@pytest.mark.parametrize("form", OFFERED[1:])
async def test_nothing_in_a_span_is_an_empty_answer(api: httpx.AsyncClient, form: str) -> None:
    answer = await streamed(api, form, **{"from": SPAN["to"]})
    if form == OFFERED[3]:
        assert parquet.read_table(io.BytesIO(answer.content)).num_rows == 0
    else:
        assert len(answer.text.splitlines()) == (form == "text/csv")


async def test_quantities_are_chosen_by_name_or_code(api: httpx.AsyncClient) -> None:
    by_name = await pages(api, meter="m-01", quantity="active_energy_import")
    assert by_name == await pages(api, meter="m-01", quantity="1-0:1.8.0*255")
    assert {row["quantity"] for row in by_name} == {"active_energy_import"}
    refused = await api.get("/v1/readings", params={"quantity": "no_such_thing"})
    assert (refused.status_code, "no_such_thing" in refused.json()["detail"]) == (422, True)


async def test_the_latest_comes_with_its_age(api: httpx.AsyncClient) -> None:
    answer = await api.get("/v1/latest", params={"meter": "m-01", "quantity": "active_energy_import"})
    (row,) = answer.json()["items"]
    assert (row["time"], row["age_s"], row["value"]) == ("2026-03-01T12:45:00Z", 900, "0.1003")
    first = (await api.get("/v1/latest", params={"limit": 4})).json()
    second = (await api.get("/v1/latest", params={"limit": 4, "cursor": first["next"]})).json()
    assert len({row["meter"] for row in first["items"]}) == 4
    assert {row["meter"] for row in second["items"]} == {"m-t", "s-00"}
    assert second["next"] is None


@pytest.mark.parametrize("form", OFFERED)
@pytest.mark.parametrize("query", [{}, {"area": "west"}, {"meter": "m-02"}, {"meter": ["m-01", "m-02"]}])
async def test_readings_of_other_areas_are_in_no_answer(app: ASGIApp, form: str, query: dict[str, Any]) -> None:
    async with client(app, EAST) as asking:
        for path in ("/v1/readings", "/v1/latest"):
            answer = await asking.get(path, params={**SPAN, **query}, headers={"accept": form})
            assert answer.status_code == (404 if "meter" in query else 200)
            assert b"m-02" not in answer.content or "meter" in query
            assert b"m-04" not in answer.content
            assert b"s-00" not in answer.content  # it stands nowhere
    async with client(app, NOTHING) as asking:
        answer = await asking.get("/v1/readings", params=query, headers={"accept": form})
        assert answer.status_code == 403


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"from": "2026-03-01T12:00:00"}, "offset"),
        ({"from": "2026-03-01"}, "offset"),
        ({"from": "yesterday"}, "offset"),
        ({"from": "1772366400"}, "offset"),
        ({"from": "2026-02-30T00:00:00Z"}, "day is out of range"),
        ({"from": "2026-03-02T00:00:00Z", "to": "2026-03-01T00:00:00Z"}, "is after"),
    ],
)
async def test_a_span_that_is_none_is_refused(api: httpx.AsyncClient, query: dict[str, str], said: str) -> None:
    answer = await api.get("/v1/readings", params=query)
    assert (answer.status_code, said in answer.text) == (422, True), answer.text


@pytest.mark.parametrize(
    "text", ["2026-03-01T20:15:00 08:00", "2026-03-01t12:15:00z", "2026-03-01T12:15:00.000000000Z"]
)
async def test_a_moment_may_be_spelled_so(api: httpx.AsyncClient, text: str) -> None:
    found = await pages(api, meter="m-01", quantity="active_energy_import", **{"from": text})
    assert [row["time"][11:16] for row in found] == ["12:15", "12:30", "12:45"]


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"])
async def test_a_moment_that_no_database_knows_is_the_end_of_what_it_knows(api: httpx.AsyncClient, text: str) -> None:
    answer = await api.get("/v1/readings", params={"meter": "m-01", "from": text, "to": text})
    assert (answer.status_code, answer.json()["items"]) == (200, [])


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", OFFERED[0]), ("*/*", OFFERED[0]), ("text/*", OFFERED[1]), ("text/csv, */*;q=0.1", OFFERED[1]),
        ("application/json;q=0.5, application/x-ndjson", OFFERED[2]), ("*/*, application/json;q=0", OFFERED[1]),
        ("TEXT/CSV;q=2", OFFERED[1]),
    ],
)  # fmt: skip
def test_the_form_is_the_one_that_is_wanted_most(accept: str, form: str) -> None:
    assert chosen(accept, OFFERED) == form


@pytest.mark.parametrize("accept", ["text/html", "text/csv;q=0", "text/csv;q=x", "nonsense"])
def test_a_form_that_is_not_offered_is_refused(accept: str) -> None:
    with pytest.raises(Problem, match="offered: application/json"):
        chosen(accept, OFFERED)
