"""What cannot be stored is kept with its bytes, and replayed when the cause is cured."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from storage.entries import Additions, MeterState, NewLine, NewMeter
from storage.registry import Registry
from tests.headend.command import Headend, caller
from tests.headend.ingest.site import (
    address_of,
    dead,
    publish,
    publisher,
    register,
    running,
    stamped,
    stored,
    table,
    until,
)
from tests.servers import Mosquitto

pytestmark = [pytest.mark.postgres, pytest.mark.mosquitto]

UP = f"hes/dtu/{address_of(7)}/up"


def site(folder: Path, dsn: str, broker: str, **more: str) -> Path:
    """The same source in a file, for the command line."""
    file = folder / "headend.toml"
    keys = {
        "name": "site", "broker": broker, "topic": "hes/{line}/{address}/up", "payload": "json-base64", **more,
    }  # fmt: skip
    lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items())
    file.write_text(f"[database]\ndsn = {json.dumps(dsn)}\n[[push]]\n{lines}", encoding="utf-8")
    return file


@pytest.fixture
def headend(capsys: pytest.CaptureFixture[str]) -> Headend:
    return caller(capsys)


async def call(headend: Headend, *argv: object) -> list[Any]:
    """A command that runs a loop of its own, from a test that has one."""
    ran = await asyncio.to_thread(headend, *argv, "--json")
    assert ran.code == 0, ran.err
    documents: list[Any] = ran.documents
    return documents


async def test_what_cannot_be_read_keeps_its_bytes(
    plain_database: str, mosquitto: Mosquitto, headend: Headend, tmp_path: Path
) -> None:
    await register(plain_database, [7])
    garbage = bytes(range(256))
    async with running(plain_database, table(mosquitto.url)) as source, publisher(mosquitto) as client:
        await client.publish(UP, garbage, qos=1)
        await client.publish(UP, garbage, qos=1)
        await client.publish(UP, stamped(address_of(7), 5), qos=1)
        await until(lambda: source.intake.counters.messages == 3, "three messages")
        await until(lambda: source.subscriber.unacknowledged == 0, "the acknowledgements")
        assert dict(source.intake.counters.dead) == {"bad_form": 2}
    assert stored(plain_database) == [("m7", 5, 5)]
    assert [(*row[:4], bytes(row[4])) for row in dead(plain_database)] == [("bad_form", "dead", 2, UP, garbage)]
    file = site(tmp_path, plain_database, mosquitto.url)
    (listed,) = await call(headend, "dead-letters", "list", "--config", file)
    assert (listed["reason"], listed["times"], listed["payload"]) == ("bad_form", 2, garbage.hex())
    (shown,) = await call(headend, "dead-letters", "show", listed["id"], "--config", file)
    assert shown == listed
    (heap,) = await call(headend, "dead-letters", "list", "--summary", "--config", file)
    assert (heap["letters"], heap["times"]) == (1, 2)
    assert await call(headend, "dead-letters", "list", "--push", "other", "--config", file) == []
    assert await call(headend, "dead-letters", "replay", "--all", "--config", file) == [
        {"letters": 1, "replayed": 0, "kept": {"bad_form": 1}, "captures": {"stored": 0, "merged": 0, "duplicates": 0}}
    ]
    assert await call(headend, "dead-letters", "drop", listed["id"], "--config", file) == [{"dropped": 1}]
    assert await call(headend, "dead-letters", "list", "--config", file) == []
    (dropped,) = await call(headend, "dead-letters", "list", "--state", "all", "--config", file)
    assert dropped["state"] == "dropped"


@pytest.mark.parametrize(("policy", "state"), [("reject", "dead"), ("quarantine", "quarantined")])
async def test_an_unknown_meter_is_added_and_its_letters_are_replayed(
    plain_database: str, mosquitto: Mosquitto, headend: Headend, tmp_path: Path, policy: str, state: str
) -> None:
    await register(plain_database, [1])
    file = site(tmp_path, plain_database, mosquitto.url, unknown=policy)
    async with running(plain_database, table(mosquitto.url, unknown=policy)) as source, publisher(mosquitto) as client:
        await publish(client, 7, range(3))
        await publish(client, 1, range(3))
        await publish(client, 8, range(1))
        await until(lambda: source.intake.counters.messages == 7, "seven messages")
    assert stored(plain_database) == [("m1", n, n) for n in range(3)]
    unknown = await call(headend, "meter", "unknown", "--config", file)
    assert {u["meter"]: (u["state"], u["times"]) for u in unknown} == {
        f"{address_of(7)} on dtu": (state, 3), f"{address_of(8)} on dtu": (state, 1),
    }  # fmt: skip
    await register(plain_database, [7])
    for again in range(2):  # what is replayed is not looked at again
        (done,) = await call(headend, "replay", "--dead-letters", "--reason", "unknown_meter", "--config", file)
        assert done["letters"] == (1 if again else 4)
        assert done["replayed"] == (0 if again else 3)
        assert done["kept"] == {"unknown_meter": 1}
    assert stored(plain_database) == [(f"m{meter}", n, n) for meter in (1, 7) for n in range(3)]
    (left,) = await call(headend, "dead-letters", "list", "--config", file)
    assert (left["meters"], left["state"]) == ([f"{address_of(8)} on dtu"], state)


async def test_a_message_that_is_good_in_part_gives_that_part(plain_database: str, mosquitto: Mosquitto) -> None:
    await register(plain_database, [7])
    good, strange = json.loads(stamped(address_of(7), 1)), json.loads(stamped(address_of(8), 1))
    async with running(plain_database, table(mosquitto.url, topic="all")) as source, publisher(mosquitto) as client:
        await client.publish("all", json.dumps([{**good, "line": "dtu"}, {**strange, "line": "dtu"}, 7]), qos=1)
        await until(lambda: source.intake.counters.messages == 1, "the message")
    assert stored(plain_database) == [("m7", 1, 1)]
    ((reason, state, count, topic, _),) = dead(plain_database)
    assert (reason, state, count, topic) == ("bad_form", "dead", 1, "all")


async def test_an_address_alone_finds_its_meter_where_it_is_unique(plain_database: str, mosquitto: Mosquitto) -> None:
    await register(plain_database, [7, 8])
    await register_twin(plain_database)
    source = table(mosquitto.url, topic="up/{address}")
    async with running(plain_database, source) as running_source, publisher(mosquitto) as client:
        for meter in (7, 8):
            await client.publish(f"up/{address_of(meter)}", stamped(address_of(meter), 1), qos=1)
        await until(lambda: running_source.intake.counters.messages == 2, "both messages")
    assert stored(plain_database) == [("m7", 1, 1)]
    assert [row[:2] for row in dead(plain_database)] == [("ambiguous_meter", "dead")]


async def register_twin(conninfo: str) -> None:
    async with Registry(conninfo) as known:
        line = NewLine(name="other", url="push:", protocol="dlt645")
        twin = NewMeter(name="twin", address=address_of(8), model="dlt645_2007", line="other")
        await known.add(Additions(lines=(line,), meters=(twin,)))


async def test_a_suspended_meter_stores_nothing(plain_database: str, mosquitto: Mosquitto) -> None:
    await register(plain_database, [7])
    async with Registry(plain_database) as known:
        await known.set_meter_state("m7", MeterState.SUSPENDED)
    async with running(plain_database, table(mosquitto.url)) as source, publisher(mosquitto) as client:
        await publish(client, 7, [1])
        await until(lambda: source.intake.counters.messages == 1, "the message")
    assert stored(plain_database) == []
    assert [row[:2] for row in dead(plain_database)] == [("suspended_meter", "dead")]


async def test_a_meter_that_only_pushes_cannot_be_asked(
    plain_database: str, mosquitto: Mosquitto, headend: Headend, tmp_path: Path
) -> None:
    file = site(tmp_path, plain_database, mosquitto.url)
    address = address_of(7)
    new = ("--address", address, "--model", "dlt645_2007", "--line", "dtu", "--link", "push:")
    assert (await asyncio.to_thread(headend, "meter", "add", "m7", *new, "--config", file)).code == 0
    ran = await asyncio.to_thread(headend, "read", "m7", "voltage_l1", "--config", file)
    assert (ran.code, "only push" in ran.err) == (1, True)
    exported = await asyncio.to_thread(headend, "meter", "export", tmp_path / "out", "--config", file)
    assert exported.code == 0
    assert "dtu,push:,dlt645" in (tmp_path / "out" / "lines.csv").read_text()
