"""What people and Prometheus are told of leases."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from headend.collection.collector import Collector
from headend.config import parse
from headend.health.metrics import Endpoint
from headend.registry.known import plans_of
from storage.entries import Daemon
from storage.leases import Leases, Member
from storage.registry import Registry
from tests.headend.cluster.daemons import Plant
from tests.headend.command import Headend
from tests.headend.conftest import configuration
from tests.headend.health.test_metrics import scraped
from tests.storage.test_leases import plant


async def two_lines_of_three(conninfo: str) -> None:
    lines = await plant(conninfo, 3)
    async with Leases(conninfo) as leases:
        member = Member(uuid4(), "north", 60.0, 0)
        await leases.join(member)
        await leases.claim(member.id, lines[:2], 9)
    now = datetime.now(UTC)
    async with Registry(conninfo) as registry:
        await registry.beat(Daemon(name="north", pid=1, host="h", started=now, seen=now, counters={}))


def test_status_says_who_holds_how_many_and_what_nobody_holds(headend: Headend, conninfo: str, tmp_path: Path) -> None:
    asyncio.run(two_lines_of_three(conninfo))
    alone, shared = tmp_path / "alone.toml", tmp_path / "shared.toml"
    alone.write_text(configuration(conninfo))
    shared.write_text(configuration(conninfo) + "\n[cluster]\nenabled = true\n")
    document = headend("--config", str(shared), "--json", "status").documents[0]
    assert (document["daemons"][0]["lines_held"], document["lines_not_held"]) == (2, ["line 2"])
    assert "lines that nobody holds: line 2" in headend("--config", str(shared), "status").out
    document = headend("--config", str(alone), "--json", "status").documents[0]
    assert (document["daemons"][0]["lines_held"], document["lines_not_held"]) == (None, [])


@pytest.mark.parametrize("shared", [False, True])
async def test_metrics_of_leases_are_there_where_there_are_leases(shared: bool) -> None:
    config = parse(configuration("dbname=nowhere"), "test.toml")
    lines = Plant(2)
    keeper = lines.start("a").keeper
    await asyncio.sleep(0.2)
    collector = Collector(config, [], plans_of(config), "dbname=nowhere", rota=keeper if shared else None)
    endpoint = Endpoint(collector, "127.0.0.1:0")
    try:
        seen = await asyncio.to_thread(scraped, endpoint.address)
    finally:
        endpoint.close()
        await lines.end()
    if shared:
        assert seen["headend_lease_lines", ""] == 2
        assert seen["headend_lease_members", ""] == 1
        assert seen["headend_lease_claims_total", ""] == 2
        assert 0 < seen["headend_lease_deadline_seconds", ""] <= 12
    else:
        assert [name for name, _ in seen if name.startswith("headend_lease")] == []
