"""The demo in short: a dead meter, an exchange and an outage, and everything accounted for against the truth."""

from __future__ import annotations

import asyncio
import csv
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from headend import demo
from headend.api.client import url_of
from headend.config import load
from headend.errors import HeadendError
from headend.place import store
from protocols.quantities import BY_NAME, quantity
from simulators.truth import Truth
from storage.ledger import State

pytestmark = pytest.mark.postgres
METERS = 11
IMPORT = BY_NAME["active_energy_import"]


async def test_everything_is_accounted_for(tmp_path: Path) -> None:
    stages: list[str] = []
    news: list[str] = []
    asking: list[asyncio.Task[None]] = []
    served: list[int] = []

    async def ask(workdir: Path) -> None:
        async with httpx.AsyncClient(base_url=url_of(load(str(workdir / "headend.toml")))) as client:
            served.append((await client.get("/v1/meters")).status_code)

    def show(progress: demo.Progress) -> None:
        stages.extend([progress.stage] if stages[-1:] != [progress.stage] else [])
        if progress.readings and not asking:
            asking.append(asyncio.create_task(ask(tmp_path / "demo")))
        news.extend(progress.news[len(news) :])

    began = datetime.now(UTC)
    result = await demo.run(tmp_path / "demo", METERS, 5, show)
    truth = Truth.load(tmp_path / "demo" / "truth.csv")

    tokens = tmp_path / "demo" / "tokens.json"
    assert list(json.loads(tokens.read_text())) == ["requester", "approver", "operator", "reader"]
    assert tokens.stat().st_mode & 0o077 == 0
    assert served == [401]  # the API was there while it was collected

    gaps = result.gaps
    assert result.document()["gaps"] == gaps
    assert list(gaps) == ["expected", "received", "recovered", "estimated", "unrecoverable", "open"]
    assert gaps["expected"] == sum(gaps.values()) - gaps["expected"]
    assert gaps["open"] == 0
    assert result.lost == 0
    assert result.expected > result.stored > 0

    outage, dead, use = result.outage, result.dead, result.use
    assert outage
    assert dead
    assert use
    assert outage.recovered > 0
    assert gaps["recovered"] >= outage.recovered
    assert dead[1] > 0
    assert dead[0] in truth.meters

    assert (use.done.old, use.done.new) == ("serial-1-001", "serial-1-002")
    old, new = (
        truth.at(meter, IMPORT, end) - truth.at(meter, IMPORT, start)  # type: ignore[operator]
        for meter, start, end in ((use.done.old, use.start, use.done.at), (use.done.new, use.done.at, use.end))
    )
    assert dict(use.parts) == {use.done.old: old, use.done.new: new}
    assert use.energy == old + new
    assert use.start < use.done.at < use.end

    text = (tmp_path / "demo" / "export" / "readings.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    assert len(rows) == result.stored
    for row in rows:
        at = datetime.fromisoformat(row["time"])
        assert Decimal(row["value"]) == truth.at(row["meter"], quantity(row["quantity"]), at), row
    assert not any(row["meter"] == dead[0] for row in rows)
    times: dict[str, list[datetime]] = {}
    for row in rows:
        times.setdefault(row["meter"], []).append(datetime.fromisoformat(row["time"]))
    assert max(times[use.done.old]) < use.done.at < min(times[use.done.new])
    assert outage.slot in times[f"{outage.line}-001"]

    assert stages == ["starting", "starting the database", "collecting", "exporting", "done"]
    assert sorted(sentence.partition(":")[0] for sentence in news) == ["exchange", "outage", "outage"]

    async with store(load(str(tmp_path / "demo" / "headend.toml"))) as opened:
        later = datetime.now(UTC) + timedelta(hours=1)
        balance = await opened.ledger.balance(began, later, now=later)
        ids = {meter.id: meter.name for meter in await opened.registry.meters()}
        by_meter = {ids[number]: one for number, one in (await opened.ledger.by_meter(began, later)).items()}
        spoilt = await opened.ledger.slots(began, later, states=[State.UNRECOVERABLE])
    assert balance.counts == gaps, "the plans have ended with the demo"
    assert by_meter[dead[0]].states[State.UNRECOVERABLE] == by_meter[dead[0]].expected == dead[1]
    assert {slot.reason for slot in spoilt} == {"horizon"}
    with pytest.raises(HeadendError, match="holds a demo already"):
        await demo.run(tmp_path / "demo", METERS, 5, show)
