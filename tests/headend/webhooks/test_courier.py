"""Webhooks are told what happened in their owners' areas: in order, signed, at least once."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from headend.api.client import Refused
from headend.webhooks.courier import Courier, pause
from headend.webhooks.signing import HEADER, is_ours
from headend.webhooks.targets import networks
from protocols.events import KINDS, EventSource, MeterEvent
from storage.events import EventStore
from storage.registry import Registry
from storage.webhooks import Webhooks
from tests.headend.api.site import T0, furnish
from tests.headend.api.test_commands import Manned, alarm, manned
from tests.headend.webhooks.receiver import Receiver, receiving

HOME = networks(["127.0.0.0/8"])


@pytest.fixture
async def office(plain_database: str) -> AsyncIterator[Manned]:
    await furnish(plain_database)
    async with manned(plain_database, webhook_targets=["127.0.0.0/8"]) as found:
        yield found


@asynccontextmanager
async def courier(conninfo: str) -> AsyncIterator[Courier]:
    made = Courier(conninfo, HOME)
    try:
        yield made
    finally:
        await made.close()


async def happen(conninfo: str, *meters: str, after: timedelta = timedelta(0)) -> None:
    """Events of these meters, written together."""
    kind = next(iter(KINDS.values()))
    async with Registry(conninfo) as registry, EventStore(conninfo) as store:
        ids = {meter.name: meter.id for meter in await registry.meters()}
        events = [MeterEvent(ids[name], kind, T0 + after, T0, EventSource.RECORD) for name in meters]
        await store.write(events, {}, T0)


async def hooked(office: Manned, receiver: Receiver, who: str = "olga", *kinds: str) -> dict[str, Any]:
    async with office.as_(who) as asking:
        made: dict[str, Any] = await asking.post("/v1/webhooks", {"url": receiver.url, "kinds": kinds or ["event"]})
        return made


async def due(conninfo: str) -> None:
    """The pause is over."""
    async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
        await connection.execute("UPDATE webhook SET next_try = 'epoch'")


async def test_events_are_told_and_signed(office: Manned, plain_database: str) -> None:
    async with receiving() as receiver, courier(plain_database) as telling:
        made = await hooked(office, receiver)
        assert not await telling.tell_one()  # nothing has happened
        await happen(plain_database, "m-01", "m-02")
        assert await telling.tell_one()
        assert not await telling.tell_one()
    ((headers, body),) = receiver.messages
    assert is_ours(made["secret"], headers[HEADER], body, int(headers[HEADER].partition(",")[0][2:]))
    assert [item["data"]["meter"] for item in receiver.items] == ["m-01", "m-02"]
    assert json.loads(body)["webhook"] == made["id"]


async def test_what_was_not_taken_is_told_again_in_order(office: Manned, plain_database: str) -> None:
    async with receiving(500, 302, 204) as receiver, courier(plain_database) as telling:
        made = await hooked(office, receiver)
        await happen(plain_database, "m-01")
        assert await telling.tell_one()
        assert not await telling.tell_one()  # it waits
        await happen(plain_database, "m-03", after=timedelta(hours=1))
        await due(plain_database)
        assert await telling.tell_one()  # a redirection is followed by nobody
        async with office.as_("olga") as olga:
            told = await olga.get(f"/v1/webhooks/{made['id']}")
        assert (told["tries"], told["failure"], told["waiting"], told["reached"]) == (2, "answered 302", 2, None)
        await due(plain_database)
        assert await telling.tell_one()
        async with office.as_("olga") as olga:
            told = await olga.get(f"/v1/webhooks/{made['id']}")
        assert (told["tries"], told["failure"], told["waiting"]) == (0, None, 0)
    assert [item["data"]["meter"] for item in receiver.items] == ["m-01", "m-01", "m-03", "m-01", "m-03"]


async def test_nobody_there_is_a_failure_like_another(office: Manned, plain_database: str) -> None:
    async with courier(plain_database) as telling:
        async with receiving() as receiver:
            await hooked(office, receiver)
        await happen(plain_database, "m-01")
        assert await telling.tell_one()
        async with Webhooks(plain_database) as webhooks:
            (row,) = await webhooks.of("olga")
    assert (row.tries, row.waiting) == (1, 1)
    assert row.failure


async def test_a_sender_that_dies_loses_nothing(office: Manned, plain_database: str) -> None:
    """What it took is anybody's again when its terms are over; until then it is nobody else's."""
    async with receiving() as receiver, courier(plain_database) as telling, Webhooks(plain_database) as dead:
        await hooked(office, receiver)
        await happen(plain_database, "m-01")
        assert await dead.take(timedelta(minutes=2)) is not None
        assert not await telling.tell_one()
        async with await psycopg.AsyncConnection.connect(plain_database, autocommit=True) as connection:
            await connection.execute("UPDATE webhook SET busy = now()")
        assert await telling.tell_one()
    assert len(receiver.items) == 1


async def test_results_of_commands_are_told(office: Manned, plain_database: str) -> None:
    async with receiving() as receiver, courier(plain_database) as telling:
        await hooked(office, receiver, "olga", "command")
        async with office.as_("rita") as rita:
            await rita.post("/v1/commands", alarm("m-01", "m-02", notice="N"), key="a-1")
        while await telling.tell_one():
            pass
    told = [
        (item["kind"], item["data"]["order"], item["data"]["meter"], item["data"]["state"]) for item in receiver.items
    ]
    assert ("command", "a-1", "m-01", "draft") in told
    assert ("command", "a-1", "m-02", "draft") in told


async def test_nobody_is_told_of_other_areas_nor_after_his_time(office: Manned, plain_database: str) -> None:
    async with office.as_("adam") as adam:
        await adam.post("/v1/users", {"name": "emil"})
        change = await adam.post("/v1/users/emil/grants", {"role": "requester", "areas": ["east"]})
        assert change["done"]
        token = await adam.post("/v1/tokens", {"person": "emil"})
    office.secrets["emil"] = token["secret"]
    async with receiving() as receiver, courier(plain_database) as telling:
        await hooked(office, receiver, "emil")
        await happen(plain_database, "m-01", "m-02", "s-00")
        while await telling.tell_one():
            pass
        assert [item["data"]["meter"] for item in receiver.items] == ["m-01"]
        async with office.as_("adam") as adam:
            await adam.post("/v1/users/emil/disable", {"reason": "left"})
        await happen(plain_database, "m-01", after=timedelta(hours=1))
        while await telling.tell_one():
            pass
        assert len(receiver.items) == 1


async def test_a_webhook_is_its_owner_s_alone(office: Manned, plain_database: str) -> None:
    async with receiving() as receiver, courier(plain_database) as telling:
        made = await hooked(office, receiver)
        async with office.as_("arno") as arno:
            assert [one async for one in arno.items("/v1/webhooks")] == []
            for verb in (arno.get(f"/v1/webhooks/{made['id']}"), arno.delete(f"/v1/webhooks/{made['id']}")):
                with pytest.raises(Refused, match="no webhook"):
                    await verb
        async with office.as_("reni") as reni:
            with pytest.raises(Refused, match="may not listen"):
                await reni.post("/v1/webhooks", {"url": receiver.url, "kinds": ["event"]})
        async with office.as_("olga") as olga:
            with pytest.raises(Refused, match="url: "):
                await olga.post("/v1/webhooks", {"url": "https://10.0.0.1/", "kinds": ["event"]})
            await olga.post(f"/v1/webhooks/{made['id']}/test")
            assert await telling.tell_one()
            await olga.delete(f"/v1/webhooks/{made['id']}")
            assert [one async for one in olga.items("/v1/webhooks")] == []
    assert [item["kind"] for item in receiver.items] == ["test"]


async def test_what_nobody_takes_is_given_up_after_days(office: Manned, plain_database: str) -> None:
    async with receiving() as receiver, Webhooks(plain_database) as webhooks:
        await hooked(office, receiver)
        await happen(plain_database, "m-01")
        assert await webhooks.give_up(timedelta(days=3)) == 0
        assert await webhooks.give_up(timedelta(0)) == 1


def test_pauses_grow_to_an_hour() -> None:
    assert [pause(tries).total_seconds() for tries in (0, 1, 2, 8, 9, 1000)] == [10, 20, 40, 2560, 3600, 3600]
