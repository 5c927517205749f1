"""A request is taken by one, answered once, and ends by itself."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import psycopg

from storage.bell import Bell
from storage.requests import RequestState, RequestTable
from tests.storage.captures import T0
from tests.storage.test_reader import meters

MINUTE = timedelta(minutes=1)


async def test_two_takers_never_have_the_same(database: str) -> None:
    (meter,) = await meters(database, 1)
    async with RequestTable(database) as table, RequestTable(database) as other:
        numbers = [await table.ask("read", meter, ["voltage_l1"], "me", MINUTE) for _ in range(20)]
        assert await table.queued() == dict.fromkeys(numbers, meter)
        taken = await asyncio.gather(table.take(numbers, "a"), other.take(numbers, "b"))
        assert sorted(request.id for some in taken for request in some) == numbers
        assert {(r.kind, r.meter_id, r.items) for some in taken for r in some} == {("read", meter, ("voltage_l1",))}
        assert await table.queued() == {}


async def test_the_first_answer_stands(plain_database: str) -> None:
    (meter,) = await meters(plain_database, 1)
    async with RequestTable(plain_database) as table:
        number = await table.ask("read", meter, [], "me", MINUTE)
        assert (await table.answer(number)).state is RequestState.QUEUED
        await table.take([number], "a")
        assert (await table.answer(number)).state is RequestState.RUNNING
        await table.finish(number, RequestState.DONE, {"values": []}, None)
        await table.finish(number, RequestState.FAILED, None, {"kind": "no_answer", "message": "late"})
        found = await table.answer(number)
    assert (found.state, found.result, found.error) == (RequestState.DONE, {"values": []}, None)
    assert found.state.is_over


async def test_what_nobody_takes_expires(plain_database: str) -> None:
    (meter,) = await meters(plain_database, 1)
    async with RequestTable(plain_database) as table:
        number = await table.ask("ping", meter, [], "me", timedelta(0))
        running = await table.ask("ping", meter, [], "me", MINUTE)
        assert await table.queued() == {running: meter}
        assert await table.take([number], "a") == []
        await table.take([running], "a")
        assert await table.expire() == 1
        assert (await table.answer(number)).state is RequestState.EXPIRED
        assert (await table.answer(running)).state is RequestState.RUNNING
        with psycopg.connect(plain_database) as connection:
            connection.execute("UPDATE request SET expires = now() - interval '61 s' WHERE id = %s", (running,))
        assert await table.expire() == 1, "whoever took it is gone"


async def test_the_bell_rings_for_asking_and_answering(plain_database: str) -> None:
    (meter,) = await meters(plain_database, 1)
    async with RequestTable(plain_database) as table, Bell(plain_database, "request") as bell:
        await bell.wait(0)
        number = await table.ask("read", meter, [], "me", MINUTE)
        async with asyncio.timeout(60):
            await bell.wait(60)
            assert list(await table.queued()) == [number], "it rang, not the time-out"
            await table.finish(number, RequestState.DONE, {}, None)
            await bell.wait(60)
        assert (await table.answer(number)).state is RequestState.DONE


async def test_recollections_are_heard_of_once(plain_database: str) -> None:
    async with RequestTable(plain_database) as table:
        seen = await table.seen()
        first = await table.recollect(T0, T0 + MINUTE, "me", {"reopened": 3})
        assert await table.recollected(seen) == [(first, T0, T0 + MINUTE)]
        assert await table.recollected(first) == []
