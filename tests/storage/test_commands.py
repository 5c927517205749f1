"""What the database itself keeps of commands: the table of what may follow what, and that nobody goes on twice."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import product

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from storage import commands
from storage.commands import Move, OrderRow, TargetRow
from storage.connection import Session
from storage.errors import AlreadyThere, NotFound, Rejected
from storage.roles import DAEMON

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
KEY, METER = "o1", "m1"
ORDER = OrderRow(
    key=KEY, version=1, digest="d", asked="a", function="trip", parameters={}, reason="danger", notice="",
    requester="ada", source="person", not_before=NOW, expires=NOW + timedelta(hours=1), at=NOW,
)  # fmt: skip
TARGETS = [TargetRow(f"m{n}", f"{n:012}", "l", f"p{n}", "north", "f", "", None) for n in (1, 2)]


@pytest.fixture
async def drafted(plain_database: str) -> str:
    """A database with one order for two meters, as the daemon reaches it."""
    daemon = make_conninfo(plain_database, user=DAEMON)
    async with Session(daemon) as session, session.transaction() as connection:
        await connection.execute("INSERT INTO person (name, is_person, by) VALUES ('ada', true, 'x')")
        await commands.add_order(connection, ORDER, TARGETS, "ada")
        await commands.begin(connection, KEY, 1, [METER, "m2"], "ada", NOW)
    return daemon


async def go(conninfo: str, number: int, before: str, after: str, claim: str = "", version: int = 1) -> int:
    async with Session(conninfo) as session, session.transaction() as connection:
        moves = [Move(KEY, METER, number, version, before)]
        return await commands.move(connection, moves, after, by="x", at=NOW, claim=claim)


async def released(conninfo: str) -> str:
    await go(conninfo, 0, "draft", "approved")
    await go(conninfo, 1, "approved", "released")
    return conninfo


async def test_s09_one_of_many_senders_claims(drafted: str) -> None:
    await released(drafted)
    done = await asyncio.gather(
        *(go(drafted, 2, "released", "sent", f"c{n}") for n in range(6)), return_exceptions=True
    )
    assert sum(found == 1 for found in done) == 1
    assert sum(isinstance(found, AlreadyThere) for found in done) == 5


async def test_s09_what_was_sent_is_never_sent_again(drafted: str) -> None:
    await released(drafted)
    await go(drafted, 2, "released", "sent", "c1")
    await go(drafted, 3, "sent", "unknown")
    for number, before in ((4, "released"), (2, "released"), (4, "unknown")):
        with pytest.raises((AlreadyThere, NotFound)):
            await go(drafted, number, before, "sent", "c2")
    await go(drafted, 4, "unknown", "failed")
    with pytest.raises((AlreadyThere, NotFound)):
        await go(drafted, 5, "failed", "released")


async def test_s09_a_transaction_that_dies_leaves_nothing(drafted: str) -> None:
    await released(drafted)
    with psycopg.connect(drafted) as connection:
        connection.execute(
            "INSERT INTO command_transition (key, meter, number, version, before, after, claim, by, at)"
            " VALUES ('o1', 'm1', 3, 1, 'released', 'sent', 'c1', 'x', now())"
        )
        connection.cancel()
        connection.rollback()
    assert await go(drafted, 2, "released", "sent", "c2") == 1


async def test_only_what_the_table_says_follows(drafted: str, plain_database: str) -> None:
    with psycopg.connect(plain_database) as connection:
        steps = {tuple(row) for row in connection.execute("SELECT before, after FROM command_step").fetchall()}
    states = sorted({state for step in steps for state in step})
    refused = 0
    for before, after in product(states, repeat=2):
        if before != "draft" or (before, after) in steps:
            continue
        with pytest.raises((NotFound, Rejected)):
            await go(drafted, 0, before, after, "c" if after == "sent" else "")
        refused += 1
    assert refused == len(states) - 4


@pytest.mark.parametrize(
    ("number", "before", "after", "claim"),
    [
        (1, "draft", "approved", ""),
        (0, "approved", "released", ""),
        (-1, "draft", "draft", ""),
        (0, "draft", "approved", "c"),
    ],
)
async def test_a_command_goes_on_from_where_it_is(
    drafted: str, number: int, before: str, after: str, claim: str
) -> None:
    with pytest.raises(Rejected):
        await go(drafted, number, before, after, claim)
    async with Session(drafted) as session, session.use() as connection:
        assert (await commands.commands_of(connection, KEY))[METER].state == "draft"


async def test_what_is_open_is_found_until_its_end(drafted: str) -> None:
    await released(drafted)
    async with Session(drafted) as session, session.use() as connection:

        async def open_() -> list[tuple[str, str]]:
            found = await commands.open_commands(connection, ["draft", "released", "unknown"])
            return [(row.meter, row.state) for row in found]

        assert await open_() == [(METER, "released"), ("m2", "draft")]
        await go(drafted, 2, "released", "sent", "c1")
        assert await open_() == [("m2", "draft")]
        await go(drafted, 3, "sent", "unknown")
        assert await open_() == [(METER, "unknown"), ("m2", "draft")]
        await go(drafted, 4, "unknown", "verified")
        assert await open_() == [("m2", "draft")]
        rows = await commands.rows(connection, b"SELECT key, meter, state FROM command_open")
        assert rows == [(KEY, "m2", "draft")]
