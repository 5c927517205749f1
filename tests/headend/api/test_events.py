"""Events, gaps, quality, outages and status over the API; and who was given whose readings is written down."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from starlette.types import ASGIApp

from protocols.events import KINDS, EventSource, MeterEvent
from protocols.quantities import BY_NAME
from storage.entries import NewPlan
from storage.events import EventStore
from storage.outages import OutageRow, OutageStore
from storage.privacy import AccessLog
from storage.registry import Registry
from tests.headend.api.site import EAST, READER, T0, client, configured, furnish, opened

HOUR = {"from": "2026-03-01T12:00:00Z", "to": "2026-03-01T13:00:00Z"}
ENERGY = BY_NAME["active_energy_import"]


@pytest.fixture
async def eventful(plain_database: str) -> str:
    """Each of m-01 to m-03 had two events; a plan expects eight quarter-hours, of which four came; the east is out."""
    await furnish(plain_database)
    kind = next(iter(KINDS.values()))
    async with (
        Registry(plain_database) as registry,
        EventStore(plain_database) as events,
        OutageStore(plain_database) as outages,
    ):
        ids = {meter.name: meter.id for meter in await registry.meters()}
        happened = [
            MeterEvent(ids[name], kind, T0 + timedelta(minutes=minute), T0, EventSource.RECORD)
            for name in ("m-01", "m-02", "m-03")
            for minute in (1, 2)
        ]
        await events.write(happened, {}, T0)
        plan = NewPlan(name="curve", period_s=900, quantities=(ENERGY,), valid_from=T0)
        await registry.keep_plans([plan], T0)
        for area in ("east", "west"):
            row = OutageRow(
                area=area, level="district", place=area, start=T0, not_before=None, seen=T0,
                confidence=Decimal("0.9"), meters=("m-01",), evidence={},
            )  # fmt: skip
            await outages.keep([area], [row], T0)
    return plain_database


@pytest.fixture
async def app(eventful: str) -> AsyncIterator[ASGIApp]:
    config = configured(eventful)
    told = msgspec.structs.replace(config, privacy=msgspec.structs.replace(config.privacy, access_log=True))
    async with opened(told, T0 + timedelta(hours=2)) as built:
        yield built


async def test_events_come_in_pages_the_latest_first(app: ASGIApp) -> None:
    async with client(app) as asking:
        found: list[dict[str, Any]] = []
        cursor: dict[str, str] = {}
        while True:
            page = (await asking.get("/v1/events", params={**HOUR, "limit": 4, **cursor})).json()
            found += page["items"]
            if page["next"] is None:
                break
            cursor = {"cursor": page["next"]}
        assert len({event["id"] for event in found}) == len(found) == 6
        assert [event["start"] for event in found] == sorted((event["start"] for event in found), reverse=True)
        one = await asking.get(f"/v1/events/{found[0]['id']}")
        assert one.json() == found[0]


async def test_seen_is_seen_once_and_by_who_may(app: ASGIApp) -> None:
    async with client(app) as asking:
        ids = [event["id"] for event in (await asking.get("/v1/events", params=HOUR)).json()["items"]]
        missing = await asking.post("/v1/acknowledgements", json={"ids": [ids[0], 999_999]})
        assert missing.status_code == 404
        told = await asking.post("/v1/acknowledgements", json={"ids": ids[:2], "note": "known"})
        assert told.json() == {"acknowledged": 2}
        assert (await asking.post("/v1/acknowledgements", json={"ids": ids[:3]})).json() == {"acknowledged": 1}
        seen = (await asking.get(f"/v1/events/{ids[0]}")).json()
        assert (seen["by"], seen["note"]) == ("root", "known")
        left = await asking.get("/v1/events", params={**HOUR, "acknowledged": "false"})
        assert len(left.json()["items"]) == 3
    async with client(app, READER) as asking:
        assert (await asking.post("/v1/acknowledgements", json={"ids": ids[:1]})).status_code == 403


async def test_what_is_missing_adds_up(app: ASGIApp) -> None:
    span = {"from": HOUR["from"], "to": "2026-03-01T14:00:00Z"}
    async with client(app) as asking:
        balance = (await asking.get("/v1/gaps", params=span)).json()
        states = ("received", "recovered", "estimated", "unrecoverable", "open")
        assert balance["expected"] == sum(balance[state] for state in states) == 6 * 8
        assert balance["received"] == 6 * 4
        slots: list[dict[str, Any]] = []
        cursor: dict[str, str] = {}
        while True:
            page = (await asking.get("/v1/gaps/slots", params={**span, "limit": 5, **cursor})).json()
            slots += page["items"]
            if page["next"] is None:
                break
            cursor = {"cursor": page["next"]}
        assert len({(slot["meter"], slot["time"]) for slot in slots}) == len(slots) == 6 * 4
        assert {tuple(slot["lacking"]) for slot in slots} == {("active_energy_import",)}
        report = (await asking.get("/v1/quality", params={**span, "by": ["meter"]})).json()
        assert report["total"]["expected"] == 48
        assert {group["by"]["meter"]: group["success"] for group in report["groups"]}["m-01"] == "50.00"
        long = await asking.get("/v1/gaps", params={"from": "2024-01-01T00:00:00Z", "to": HOUR["to"]})
        assert (long.status_code, "366 days" in long.text) == (422, True)


async def test_other_areas_are_in_none_of_it(app: ASGIApp) -> None:
    async with client(app, EAST) as asking:
        events = (await asking.get("/v1/events", params=HOUR)).json()["items"]
        assert {event["meter"] for event in events} == {"m-01", "m-03"}
        assert (await asking.get("/v1/gaps", params=HOUR)).json()["expected"] == 3 * 4
        slots = (await asking.get("/v1/gaps/slots", params={**HOUR, "state": "received"})).json()["items"]
        assert {slot["meter"] for slot in slots} == {"m-01", "m-03", "m-t"}
        outages = (await asking.get("/v1/outages", params={"from": HOUR["from"]})).json()["items"]
        assert [outage["area"] for outage in outages] == ["east"]
        status = (await asking.get("/v1/status")).json()
        assert status["meters"] == 3
    async with client(app) as asking:
        outages = (await asking.get("/v1/outages", params={"from": HOUR["from"], "limit": 1})).json()
        assert outages["next"] is not None
        hidden = [event["id"] for event in (await asking.get("/v1/events", params=HOUR)).json()["items"]]
    async with client(app, EAST) as asking:
        codes = {(await asking.get(f"/v1/events/{number}")).status_code for number in hidden}
    assert codes == {200, 404}


async def test_who_reads_whose_readings_is_written_down(app: ASGIApp, eventful: str) -> None:
    async with client(app, READER) as asking:
        await asking.get("/v1/readings", params={**HOUR, "meter": "m-01"})
        await asking.get("/v1/readings", params=HOUR, headers={"accept": "text/csv"})
        await asking.get("/v1/latest", params={"meter": "m-02"})
        await asking.get("/v1/readings", params={"meter": "nobody"})
    async with AccessLog(eventful) as log:
        written = list(reversed(await log.list()))
    assert [(one.actor, one.action, one.meters) for one in written] == [
        ("anna", "api readings", ("m-01",)), ("anna", "api readings", None), ("anna", "api latest", ("m-02",)),
    ]  # fmt: skip
    assert (written[0].start, written[0].end) == (T0, T0 + timedelta(hours=1))
    assert written[1].detail["form"] == "text/csv"
