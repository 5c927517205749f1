"""Batches in the database: numbers without a hole, one at a time, never changed."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import UTC, datetime

import psycopg
import pytest

from storage.errors import AlreadyThere, NotFound
from storage.export_entries import Attempt, BatchStatus, NewBatch
from storage.exports import Exports

START, END = datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)


def made(number: int, created: datetime = END, *, supersedes: str | None = None, mark: str = "") -> NewBatch:
    return NewBatch(
        sequence=number,
        name=f"B{number:06}",
        subject=b"subject",
        digest=hashlib.sha256(f"{number}{mark}".encode()).digest(),
        format="csv",
        what="intervals",
        start=START,
        end=END,
        as_of=number,
        request={"format": "csv"},
        content={"zone": "Asia/Shanghai"},
        completeness={"total": {"expected": 4}},
        manifest=f'{{"n": {number}}}\n',
        actor="li",
        created=created,
        supersedes=supersedes,
        reason="late data" if supersedes else "",
        difference={"days": []} if supersedes else None,
    )


async def test_batches_are_numbered_one_after_the_other(database: str) -> None:
    async def one(mark: str) -> int:
        async with Exports(database) as exports, exports.turn() as turn:
            number, previous, now = await turn.next()
            assert (previous is None) == (number == 1)
            await turn.add(made(number, now, mark=mark))
            return number

    assert sorted(await asyncio.gather(*(one(str(at)) for at in range(4)))) == [1, 2, 3, 4]
    async with Exports(database) as exports, exports.turn() as turn:
        number, previous, _ = await turn.next()
        assert (number, previous) == (5, hashlib.sha256(b'{"n": 4}\n').hexdigest())


async def test_what_fails_takes_no_number(plain_database: str) -> None:
    async with Exports(plain_database) as exports:

        async def fails() -> None:
            async with exports.turn() as turn:
                assert (await turn.next())[0] == 1
                raise OSError("full")

        with pytest.raises(OSError, match="full"):
            await fails()
        async with exports.turn() as turn:
            assert (await turn.next())[0] == 1


async def test_a_batch_is_superseded_once_and_never_changed(plain_database: str) -> None:
    async with Exports(plain_database) as exports:
        for batch in (made(1), made(2, supersedes="B000001")):
            async with exports.turn() as turn:
                await turn.add(batch)
        with pytest.raises(AlreadyThere):
            async with exports.turn() as turn:
                await turn.add(made(3, supersedes="1"))
        with pytest.raises(NotFound):
            async with exports.turn() as turn:
                await turn.add(made(3, supersedes="B000009"))
        assert await exports.of_subject(b"subject") == [("B000002", 2), ("B000001", 1)]
        assert (await exports.batch("1")).superseded_by == "B000002"
        second = await exports.batch("B000002")
        assert (second.supersedes, second.reason, second.difference) == ("B000001", "late data", {"days": []})
        assert [state.status for state in await exports.states()] == [BatchStatus.MADE, BatchStatus.SUPERSEDED]
    async with await psycopg.AsyncConnection.connect(plain_database, autocommit=True) as connection:
        for statement in ("UPDATE export_batch SET actor = 'x'", "DELETE FROM export_batch WHERE sequence = 2"):
            with pytest.raises(psycopg.errors.RestrictViolation, match="never changed"):
                await connection.execute(statement)


async def test_what_becomes_of_a_batch(plain_database: str) -> None:
    async with Exports(plain_database) as exports:
        async with exports.turn() as turn:
            await turn.add(made(1))
        with pytest.raises(NotFound):  # not released
            await exports.attempt(1, Attempt("t", "folder", "li", START, END, True))
        assert await exports.release(1, "li", "checked")
        assert not await exports.release(1, "wang")
        assert (await exports.state(1)).released_by == "li"
        assert await exports.due("t", START) == ["B000001"]
        await exports.attempt(1, Attempt("t", "folder", "li", START, END, False, "no space"))
        assert (await exports.state(1)).status is BatchStatus.RELEASED
        assert await exports.due("t", START) == ["B000001"]
        assert await exports.due("t", START, ["espi"]) == await exports.due("t", datetime.max.replace(tzinfo=UTC)) == []
        just_now = datetime.now(UTC)
        await exports.attempt(1, Attempt("t", "folder", "li", just_now, just_now, False, "no space"))
        assert await exports.due("t", START) == []  # it rests
        await exports.attempt(1, Attempt("t", "folder", "li", START, END, True))
        assert (await exports.state(1)).status is BatchStatus.DELIVERED
        assert (await exports.due("t", START), await exports.due("u", START)) == ([], ["B000001"])
        assert [attempt.done for attempt in await exports.attempts(1)] == [False, False, True]
        async with exports.courier() as ours, Exports(plain_database) as other, other.courier() as theirs:
            assert (ours, theirs) == (True, False)
        assert await exports.answer(1, "nack", "billing", b"1", {"reasons": ["no tariff"]}, [])
        assert not await exports.answer(1, "nack", "billing", b"1", {"reasons": ["no tariff"]}, [])
        assert (await exports.state(1)).status is BatchStatus.REFUSED
        assert await exports.answer(1, "ack", "billing", b"2", {}, ["9 reads, not 10"])
        assert (await exports.state(1)).status is BatchStatus.DIFFERS
        assert [answer.kind for answer in await exports.answers(1)] == ["nack", "ack"]
