"""A fleet that pushes: what it says is its truth, in every form; everything that was published is acknowledged."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice, takewhile
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import aiomqtt
import msgspec
import numpy as np
import pytest

from protocols.links.url import parse_broker
from protocols.push.arrivals import Message
from protocols.push.payloads import PAYLOADS, PayloadSettings
from protocols.push.topic import TopicTemplate
from protocols.quantities import LAYOUTS
from simulators.broker import embedded_broker
from simulators.fleet import Fleet
from simulators.push.fleet import PushFleet, fleet_seed
from simulators.push.payloads import Publications
from simulators.push.publisher import Publisher
from simulators.push.schedule import sendings
from simulators.push.table import QUANTITIES, PushTable
from simulators.push.values import PushTruth, Values
from simulators.registry import write_registry
from simulators.scenario import ScenarioError, parse

SINCE = datetime(2026, 11, 22, 12, 7, 3, tzinfo=UTC)
SLOT = datetime(2026, 11, 22, 12, 15, tzinfo=UTC)
SECOND = int(SLOT.timestamp())
OFFSET_S = 8 * 3600
ALL = list(QUANTITIES)
BY_LAYOUT = {layout.id: layout for layout in LAYOUTS}


def table(**more: Any) -> PushTable:
    settings: dict[str, Any] = {"name": "site", "broker": "mqtt://127.0.0.1:1", "meters": 7, "per_gateway": 3, **more}
    return PushTable(**settings)


def published(made: PushTable, slots: int, seed: int = 5) -> list[tuple[int, str, bytes]]:
    """When, under which topic, what: `slots` slots in virtual time."""
    publications = Publications(Values(made, seed, OFFSET_S))
    found = []
    for one in sendings(msgspec.structs.replace(made, slots=slots), seed, SINCE):
        message = publications.of(one.gateway, one.slot)
        found.append((one.due_us, message.topic, message.payload))
    return found


@pytest.mark.parametrize("payload", ["batch", "json", "frames", "hex"])
def test_what_is_pushed_is_the_truth(payload: str) -> None:
    made = table(payload=payload, quantities=ALL)
    values = Values(made, 5, OFFSET_S)
    publications, truth = Publications(values), PushTruth(values)
    decode = PAYLOADS[payload](PayloadSettings(ZoneInfo("Asia/Shanghai"), "payload")).decode
    topic = TopicTemplate(made.topic)
    messages = []
    for gateway in range(3):
        message = publications.of(gateway, SECOND)
        told = topic.match(message.topic)
        assert told == {"line": f"site-g{gateway + 1:06d}"}
        messages.append(Message(told, message.payload, (SECOND + 40) * 1_000_000))
    arrivals = decode(messages)
    assert not arrivals.rejects
    found: dict[tuple[str, str], Decimal] = {}
    for row in range(len(arrivals)):
        assert arrivals.time_us[row] == SECOND * 1_000_000
        for place in np.flatnonzero(arrivals.present[row]).tolist():
            one = BY_LAYOUT[int(arrivals.layout[row])].quantities[place]
            number = Decimal(int(arrivals.values[row, place])).scaleb(-one.decimals)
            found[arrivals.keys[arrivals.key[row]].address, one.name] = number
    wanted = {
        (publications.address(meter), name): truth.at(f"site-{meter + 1:07d}", name, SLOT)
        for meter in range(7)
        for name in ALL
    }
    assert found == wanted


def test_energy_never_falls_and_follows_from_the_power() -> None:
    truth = PushTruth(Values(table(meters=1000), 5, OFFSET_S))
    begin, end = truth.all("active_energy_import", SLOT), truth.all("active_energy_import", SLOT + timedelta(hours=1))
    hour = [truth.all("active_power", SLOT + timedelta(minutes=15 * quarter)) for quarter in range(4)]
    for one, two, *powers in zip(begin, end, *hour, strict=True):
        assert 0 <= two - one <= 5
        assert abs(two - one - sum(powers) / 4) <= Decimal("0.02")
    assert len(set(begin)) > 900
    with pytest.raises(LookupError, match="no meter site-0001001"):
        truth.at("site-0001001", "active_power", SLOT)


def test_two_runs_put_the_same_bytes_on_the_wire() -> None:
    made = table(meters=60, duplicates=0.2, reorder=0.1, late=0.2, outage=[{"at": 900, "seconds": 900, "share": 0.5}])
    made = msgspec.convert(msgspec.to_builtins(made), PushTable)
    first = published(made, 4)
    assert first == published(made, 4)
    assert first != published(made, 4, seed=6)
    assert [due for due, _, _ in first] == sorted(due for due, _, _ in first)


def test_every_message_goes_out_and_copies_late_ones_and_outages_stand_where_they_should() -> None:
    """20 gateways, 8 slots; half of the gateways are away in the third and fourth."""
    outage = [{"at": SLOT + timedelta(minutes=30), "seconds": 1800, "share": 0.5, "catch_up_s": 30}]
    made = msgspec.convert(
        msgspec.to_builtins(table(meters=60, duplicates=0.3, outage=outage)) | {"slots": 8}, PushTable
    )
    sent = list(sendings(made, 5, SINCE))
    assert Counter((one.slot, one.gateway) for one in sent if not one.copy) == {
        (SECOND + 900 * slot, gateway): 1 for slot in range(8) for gateway in range(20)
    }
    copies = sum(one.copy for one in sent)
    assert 20 < copies < 80
    away = range((SECOND + 1800) * 1_000_000, (SECOND + 3600) * 1_000_000)
    silent = set(range(20)) - {one.gateway for one in sent if one.due_us in away}
    assert 4 < len(silent) < 16
    for one in sent:
        if one.gateway in silent and one.slot in (SECOND + 1800, SECOND + 2700):
            assert away.stop <= one.due_us <= away.stop + 30_000_000
        else:
            assert one.slot * 1_000_000 <= one.due_us <= (one.slot + 601) * 1_000_000


def test_late_and_reordered_messages() -> None:
    late = list(sendings(table(meters=300, late=1.0, late_s=3600.0, slots=1), 5, SINCE))
    assert len(late) == 100
    assert max(one.due_us for one in late) > (SECOND + 1800) * 1_000_000
    by_gateway: dict[int, list[int]] = {}
    for one in islice(sendings(table(meters=300, reorder=0.2), 5, SINCE), 1000):
        by_gateway.setdefault(one.gateway, []).append(one.slot)
    assert any(slots != sorted(slots) for slots in by_gateway.values())


def test_a_fleet_for_ever_holds_only_what_is_to_come() -> None:
    """A hundred thousand meters, a message each, of ten days: taken one after the other."""
    made = table(meters=2000, per_gateway=1, every_s=21_600, spread_s=21_600.0)
    end = (SECOND + 10 * 86_400) * 1_000_000
    taken = sum(1 for _ in takewhile(lambda one: one.due_us < end, sendings(made, 5, SINCE)))
    assert abs(taken - 40 * 2000) <= 2000


async def test_everything_published_is_acknowledged(tmp_path: Path) -> None:
    got: Counter[bytes] = Counter()
    async with embedded_broker() as url:
        made = table(
            broker=url, slots=3, paced=False, duplicates=0.5, accounts="push.jsonl", in_flight=4, connections=2
        )
        settings = parse_broker(url)
        async with aiomqtt.Client(settings.host, settings.port) as client:
            await client.subscribe("hes/+/up", qos=1)
            fleet = PushFleet(Values(made, 5, OFFSET_S), lambda: SINCE, folder=tmp_path)
            task = asyncio.create_task(fleet.run())
            await fleet.done.wait()
            counters = fleet.counters
            async for message in client.messages:
                assert isinstance(message.payload, bytes)
                got[message.payload] += 1
                if got.total() == counters["published"]:
                    break
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            fleet.close()
    assert counters["published"] == counters["acknowledged"] == counters["sent"] > 9
    assert (counters["slots"], counters["missing"], counters["losses"]) == (3, 0, 0)
    assert set(got) == {
        fleet.publications.of(gateway, SECOND + 900 * slot).payload for gateway in range(3) for slot in range(3)
    }
    rows = [json.loads(line) for line in (tmp_path / "push.jsonl").read_text().splitlines()]
    assert [row["slot"] for row in rows] == [(SLOT + timedelta(minutes=15 * slot)).isoformat() for slot in range(3)]
    assert all(row["acknowledged"] == row["messages"] == 3 and row["readings"] == 28 for row in rows)
    assert all(row["missing"] == [] for row in rows)


async def test_what_no_broker_acknowledges_is_missing_in_the_account(tmp_path: Path) -> None:
    """A broker that acknowledges only some of it."""
    taken = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\x20\x02\x00\x00")
        await reader.readuntil(b"simulator-site-0-0")
        head = await reader.readexactly(2)
        assert head[0] == 0x32
        size = head[1]
        if size & 0x80:
            size = size & 0x7F | (await reader.readexactly(1))[0] << 7
        body = await reader.readexactly(size)
        at = 2 + int.from_bytes(body[:2], "big")
        writer.write(b"\x40\x02" + body[at : at + 2])
        await writer.drain()
        taken.set()
        await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    made = table(
        broker=f"mqtt://127.0.0.1:{port}", slots=1, spread_s=0.0, paced=False, accounts="push.jsonl", in_flight=2
    )
    fleet = PushFleet(Values(made, 5, OFFSET_S), lambda: SINCE, folder=tmp_path)
    task = asyncio.create_task(fleet.run())
    await taken.wait()
    while not fleet.counters["acknowledged"]:  # noqa: ASYNC110 - it counts when the loop has read what was written
        await asyncio.sleep(0.001)
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()  # nor waits for what nobody acknowledges
    await asyncio.wait({task})
    server.close()
    fleet.close()
    (row,) = [json.loads(line) for line in (tmp_path / "push.jsonl").read_text().splitlines()]
    assert (row["acknowledged"], len(row["missing"])) == (1, 2)
    assert fleet.counters["missing"] == 2


async def test_a_lost_connection_repeats_what_was_not_acknowledged() -> None:
    heads: list[int] = []
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.readuntil(b"one")
        writer.write(b"\x20\x02\x00\x00")
        packet = await reader.readexactly(2 + 2 + 1 + 2 + 1)
        heads.append(packet[0])
        if connections > 1:
            writer.write(b"\x40\x02" + packet[5:7])
            await writer.drain()
            await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    told: list[object] = []
    publisher = Publisher(parse_broker(f"mqtt://127.0.0.1:{port}"), "one", 3, told.append)
    task = asyncio.create_task(publisher.run())
    await publisher.publish("t", b"x", "token")
    await publisher.drained()
    task.cancel()
    await asyncio.wait({task})
    server.close()
    assert heads == [0x32, 0x3A]
    assert told == ["token"]
    counters = publisher.counters
    assert (counters.published, counters.sent, counters.acknowledged, counters.connects) == (1, 2, 1, 2)


async def test_a_scenario_runs_it_on_its_own_broker_and_tells_the_registry(tmp_path: Path) -> None:
    text = """
    seed = 3
    [[push]]
    name = "district"
    broker = "mqtt://embedded"
    meters = 5
    per_gateway = 2
    slots = 1
    paced = false
    """
    scenario = msgspec.structs.replace(parse(text, "lab.toml"), path=str(tmp_path / "lab.toml"))
    async with Fleet(scenario) as fleet:
        (running,) = fleet.pushing
        await running.done.wait()
        assert running.counters["acknowledged"] == 3
        write_registry(fleet, tmp_path)
    meters = (tmp_path / "meters.csv").read_text().splitlines()
    assert meters[1:3] == [
        "district-0000001,270010000001,dlt645_2007,district-g000001,1",
        "district-0000002,270010000002,dlt645_2007,district-g000001,1",
    ]
    assert len(meters) == 6
    assert "district-g000003,push:,dlt645,,Asia/Shanghai" in (tmp_path / "lines.csv").read_text().splitlines()
    assert fleet_seed(3, "district") != fleet_seed(3, "other")


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("meters", "0", "meters: 0, expected 1 to"),
        ("every_s", "700", "every_s: 700, expected"),
        ("spread_s", "901", "spread_s: 901, expected 0 to every_s"),
        ("late", "1.5", "late: 1.5, expected a share"),
        ("paced", "false", "slots: expected .* with paced = false"),
        ("topic", '"hes/{meter}/up"', "topic: {meter} and {address} want per_gateway = 1"),
        ("topic", '"hes/#"', "topic: not a topic template"),
        ("broker", '"tcp://here:1"', "broker: "),
        ("quantities", '["volts"]', "quantities: 'volts', expected some of active_energy_import"),
        ("payload", '"xml"', "payload: Invalid enum value"),
        ("connections", "9", "connections: 9, expected 1 to the number of gateways"),
        ("colour", '"red"', "Object contains unknown field `colour`"),
        ("outage", "[{ at = 1, seconds = 0 }]", r"outage\[0\].seconds: "),
        ("outage", "[{ at = 2026-11-22T12:00:00, seconds = 1 }]", r"outage\[0\].at: expected a moment with its offset"),
    ],
)
def test_a_wrong_table_says_where_and_what(key: str, value: str, reason: str) -> None:
    settings = {"name": '"site"', "broker": '"mqtt://127.0.0.1"', "meters": "100", key: value}
    text = "[[push]]\n" + "".join(f"{name} = {one}\n" for name, one in settings.items())
    with pytest.raises(ScenarioError, match=rf"^lab\.toml: push\[0\].*{reason}"):
        parse(text, "lab.toml")
