"""`headend events` and `headend outages` against meters whose every answer is stated."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from protocols.dlt645.items import item
from protocols.events import KINDS, EventSource, MeterEvent, kind
from storage.events import EventStore
from storage.registry import Registry
from tests.headend.bus import VOLTAGE, Bus, data
from tests.headend.command import Headend

ONE, TWO, THREE = "000000000001", "000000000002", "000000000003"
COUNT, RECORD = "03300D00", "03300D01"


def opened(start: str, end: str | None) -> bytes:
    record = item(RECORD)
    return record.encode([start, end or "0" * 12, *([100] * (len(record.parts) - 2))])


@pytest.fixture
def bus() -> Bus:
    lit = {VOLTAGE: data(VOLTAGE, 2301)}
    return Bus({
        ONE: lit | {COUNT: data(COUNT, 1), RECORD: opened("2026-11-22T08:00:00", None), "03300D02": bytes(60)},
        TWO: dict(lit),
        THREE: dict(lit),
    })  # fmt: skip


@pytest.fixture
def url(bus: Bus) -> Iterator[str]:
    with bus.on_tcp() as url:
        yield url


def add(headend: Headend, site: Path, url: str) -> None:
    for number in (1, 2, 3):
        words = ["--address", f"{number:012}", "--model", "dlt645_2007", "--line", "l", "--link", url]
        ran = headend("--config", site, "meter", "add", f"m{number}", *words)
        assert ran.code == 0, ran.err


QUICK = ["--timeout", "300ms", "--latency", "0ms", "--retries", "0"]


def test_read_by_the_link(headend: Headend, url: str) -> None:
    ran = headend("events", "read", "--link", url, "--address", ONE, *QUICK, "--json")
    assert ran.code == 0, ran.err
    (event,) = ran.documents
    assert (event["kind"], event["severity"], event["open"]) == ("meter_cover_open", "critical", True)
    assert event["start"] == "2026-11-22T00:00:00+00:00"
    assert event["values"]["active_energy_import_before"] == "1.00"


def test_read_from_the_registry_is_stored_once_and_ends(headend: Headend, site: Path, url: str, bus: Bus) -> None:
    add(headend, site, url)
    read = ["--config", site, "events", "read", "m1", *QUICK, "--json"]
    assert [event["kind"] for event in headend(*read).documents] == ["meter_cover_open"]
    assert headend(*read).documents == []
    bus.meters[ONE][RECORD] = opened("2026-11-22T08:00:00", "2026-11-22T08:05:00")
    (ended,) = headend(*read).documents
    assert (ended["open"], ended["end"]) == (False, "2026-11-22T00:05:00+00:00")
    bus.asked.clear()
    assert headend(*read).documents == []
    assert bus.asked == [(ONE, COUNT)], "the rest was refused, and is not asked for again"

    listing = ["--config", site, "events", "list", "--json", "--since", "2026-01-01T00:00:00+00:00"]
    (stored,) = headend(*listing, "--meter", "m1", "--severity", "critical").documents
    assert (stored["meter"], stored["open"], stored["end"]) == ("m1", False, "2026-11-22T00:05:00+00:00")
    assert headend(*listing, "--open").documents == []
    acked = headend("--config", site, "events", "ack", stored["id"], "--by", "Li", "--note", "seal checked", "--json")
    assert acked.document == {"acknowledged": 1, "by": "Li"}
    assert headend(*listing, "--unacknowledged").documents == []
    shown = headend("--config", site, "events", "show", stored["id"])
    assert "seal checked" in shown.out
    assert "active_energy_import_before" in shown.out


def test_silence_is_an_error(headend: Headend, url: str) -> None:
    ran = headend("events", "read", "--link", url, "--address", "000000000009", *QUICK, "--json")
    assert (ran.code, ran.document["error"]["kind"]) == (1, "no_answer")


def test_the_catalogue(headend: Headend) -> None:
    ran = headend("events", "catalogue", "--json")
    assert [row["code"] for row in ran.documents] == list(KINDS)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["list", "--kind", "gremlins"], 2, "gremlins"),
        (["list", "--meter", "m9"], 1, "m9"),
        (["list", "--area", "nowhere"], 1, "nowhere"),
        (["list", "--since", "yesterday"], 2, "yesterday"),
        (["list", "--since", "2026-11-22T08:00:00"], 2, "offset"),
        (["show", "999"], 1, "999"),
        (["ack", "999"], 1, "999"),
        (["ack"], 2, "--storm"),
        (["read"], 2, "METER"),
        (["read", "--link", "tcp://127.0.0.1:1"], 2, "--address"),
    ],
)
def test_what_cannot_be(headend: Headend, site: Path, words: list[str], code: int, said: str) -> None:
    ran = headend("--config", site, "events", *words)
    assert ran.code == code
    assert said in ran.err


def stand(conninfo: str) -> None:
    """m1 and m2 on branch a of area A, m3 on branch b."""
    from storage.entries import Additions, NewInstallation, NewUsagePoint
    from storage.topology_entries import Area, AreaPoint

    began = datetime(2026, 1, 1, tzinfo=UTC)
    branches = {"p1": "a", "p2": "a", "p3": "b"}

    async def build() -> None:
        async with Registry(conninfo) as registry:
            await registry.add(
                Additions(
                    areas=(Area(name="A"),),
                    points=tuple(NewUsagePoint(name=name) for name in branches),
                    installations=tuple(NewInstallation(point=f"p{n}", meter=f"m{n}", start=began) for n in (1, 2, 3)),
                    area_points=tuple(
                        AreaPoint(point=point, area="A", start=began, branch=branch)
                        for point, branch in branches.items()
                    ),
                )
            )

    asyncio.run(build())


def test_a_branch_is_out_until_its_meters_answer(
    headend: Headend, site: Path, url: str, bus: Bus, conninfo: str
) -> None:
    add(headend, site, url)
    stand(conninfo)
    ping = ["--config", site, "outages", "ping", "A", "--json"]
    (alive,) = headend(*ping).documents
    assert alive == {"ping": {"area": "A", "meters": 3, "answered": 3}}

    held = {address: bus.meters.pop(address) for address in (ONE, TWO)}
    _, outage = headend(*ping).documents
    assert (outage["level"], outage["place"], outage["meters"]) == ("branch", "a", ["m1", "m2"])
    assert 0 < float(outage["confidence"]) < 1
    assert "m1" in headend("--config", site, "outages", "show", outage["id"]).out

    silent = headend("--config", site, "outages", "list", "--json").documents
    assert [row["id"] for row in silent] == [outage["id"]], "what is not known any more is not restored"
    bus.meters.update(held)
    assert len(headend(*ping).documents) == 1
    since = ["--config", site, "outages", "list", "--json", "--since", "1h"]
    (over,) = headend(*since).documents
    assert (over["id"], over["restored"] is not None) == (outage["id"], True)


def test_a_last_gasp_is_seen_without_asking(headend: Headend, site: Path, url: str, conninfo: str) -> None:
    add(headend, site, url)
    stand(conninfo)
    now = datetime.now(UTC)

    async def gasp() -> None:
        async with Registry(conninfo) as registry, EventStore(conninfo) as store:
            ids = [meter.id for meter in await registry.meters()]
            events = [
                MeterEvent(number, kind("last_gasp"), now - timedelta(seconds=9), now, EventSource.LAST_GASP)
                for number in ids
            ]
            await store.write(events, {}, now)

    asyncio.run(gasp())
    (outage,) = headend("--config", site, "outages", "list", "--area", "A", "--json").documents
    assert (outage["level"], outage["place"], outage["proven"]) == ("district", "A", 3)
    listed = headend("--config", site, "events", "list", "--area", "A", "--kind", "last_gasp", "--json").documents
    assert {row["meter"] for row in listed} == {"m1", "m2", "m3"}


def test_a_dead_gateway_is_told_apart(headend: Headend, site: Path, url: str, conninfo: str, bus: Bus) -> None:
    dead = "tcp://127.0.0.1:9"
    add(headend, site, dead)
    stand(conninfo)
    ping, fault = headend("--config", site, "outages", "ping", "A", "--json").documents
    assert ping["ping"]["answered"] == 0
    assert (fault["line_fault"]["line"], fault["line_fault"]["reason"]) == ("l", "unreachable")
