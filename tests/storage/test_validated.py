"""Validated days: every shape comes back as it went in, versions pile up, runs are numbered as they are committed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import psycopg
import pytest

from protocols.quantities import BY_NAME
from storage.errors import AlreadyThere, Rejected, StorageError
from storage.retention import Keep, Retention
from storage.validated import EditRow, Freezing, NewRun, Validated, Which
from storage.validated_days import Days
from tests.storage.days import FIRST, MIDNIGHT, RUN, same, some_days
from tests.storage.test_events import meters

IMPORT = BY_NAME["active_energy_import"]
EXPORT = BY_NAME["active_energy_export"]
MARCH = Which(None, [IMPORT, EXPORT], 900, FIRST, FIRST + timedelta(days=31))


async def _all(validated: Validated, which: Which = MARCH, as_of: int | None = None) -> Days:
    return Days.joined(which.step_s, [batch async for batch in validated.days(which, as_of, whole=True)])


async def _add(validated: Validated, days: Days, run: NewRun = RUN) -> int:
    async with validated.writing() as writing:
        return await writing.add(run, days)


async def test_what_goes_in_comes_out(database: str) -> None:
    given = Days.joined(900, [some_days(40), some_days(2, 1, quantity=EXPORT.id, first=date(2026, 3, 31))])
    async with Validated(database) as validated:
        assert await _add(validated, given.take(np.random.default_rng(1).permutation(len(given)))) == 1
        found = await _all(validated)
        order = np.lexsort((given.day, given.quantity, given.point))
        given.run[:] = 1
        assert same(found, given.take(order))
        few = await _all(validated, replace(MARCH, points=[2, 3], since=date(2026, 3, 2), until=date(2026, 3, 4)))
        assert list(zip(few.point.tolist(), few.day.tolist(), strict=True)) == [
            (point, date(2026, 3, day)) for point in (2, 3) for day in (2, 3)
        ]
        quick = Days.joined(900, [batch async for batch in validated.days(MARCH)])
        assert np.array_equal(quick.steps, found.steps)
        assert np.array_equal(quick.source, found.source)
        assert not quick.failed.any()
        assert len(await _all(validated, replace(MARCH, step_s=1800))) == 0


async def test_the_newest_version_as_of_a_run(database: str) -> None:
    given = some_days()
    async with Validated(database) as validated:
        await _add(validated, given)
        before = await _all(validated)
        again = given.take([0, 5])
        again.version[:] = 2
        again.steps[:, 0] += 1
        assert await _add(validated, again, replace(RUN, kind="rerun")) == 2
        now = await _all(validated)
        assert sorted(now.version.tolist()) == [1] * 10 + [2] * 2
        assert now.steps[0, 0] == before.steps[0, 0] + 1
        assert same(await _all(validated, as_of=1), before)
        assert same(await _all(validated, as_of=2), now)
        assert (await validated.versions(1, IMPORT, 900, FIRST)).run.tolist() == [1, 2]
        assert [(run.number, run.kind, run.actor) for run in await validated.runs()] == [
            (1, "first", "Li"), (2, "rerun", "Li"),
        ]  # fmt: skip
        with pytest.raises(AlreadyThere):
            await _add(validated, again)
        assert await validated.last_run() == 2


async def test_rows_are_only_added(database: str) -> None:
    async with Validated(database) as validated:
        await _add(validated, some_days())
    with psycopg.connect(database, autocommit=True) as connection:
        partition = "validated_day_202603"
        for table in ("validated_day", partition, "vee_run", "vee_parameters"):
            for statement in (f"DELETE FROM {table}", f"UPDATE {table} SET {_column(table)} = {_column(table)}"):
                with pytest.raises(psycopg.errors.RestrictViolation, match=r"never changed|stand: they go"):
                    connection.execute(statement.encode())
        connection.execute(f"DROP TABLE {partition}".encode())


def _column(table: str) -> str:
    return {"vee_run": "actor", "vee_parameters": "contents"}.get(table, "version")


async def test_two_runs_at_once_are_numbered_as_they_are_committed(plain_database: str) -> None:
    async with Validated(plain_database) as one, Validated(plain_database) as other:
        held, go_on = asyncio.Event(), asyncio.Event()

        async def slow() -> None:
            async with one.writing() as writing:
                held.set()
                await go_on.wait()
                await writing.add(RUN, some_days(1))

        first = asyncio.create_task(slow())
        await held.wait()
        second = asyncio.create_task(_add(other, some_days(1, quantity=EXPORT.id)))
        async with Validated(plain_database) as reader:
            assert await reader.last_run() is None, "nothing is seen before it is committed"
        go_on.set()
        await first
        assert await second == 2


async def test_a_run_that_fails_leaves_no_hole(plain_database: str) -> None:
    async with Validated(plain_database) as validated:
        with pytest.raises(StorageError):
            await _add(validated, some_days(1), replace(RUN, kind="correction"))
        assert await _add(validated, some_days(1)) == 1


async def test_a_version_of_parameters_says_one_thing(plain_database: str) -> None:
    async with Validated(plain_database) as validated:
        await _add(validated, some_days(1))
        with pytest.raises(Rejected, match="name a new version"):
            await _add(validated, some_days(2).take([4]), replace(RUN, contents={"version": "shipped-1", "more": 1}))


async def test_the_view_tells_each_interval(database: str) -> None:
    async with Validated(database) as validated:
        await _add(validated, some_days(1))
    with psycopg.connect(database) as connection:
        connection.execute("SET timezone = 'UTC'")
        rows = connection.execute(
            "SELECT time, value, raw, source, rule, reason, failed, parameters FROM validated ORDER BY time"
        ).fetchall()
    given = some_days(1)
    assert len(rows) == given.count.sum()
    assert sum(row[1] or 0 for row in rows) == given.steps.sum()
    begins = datetime.fromtimestamp(MIDNIGHT, UTC)
    assert rows[0] == (begins, given.steps[0, 0], given.steps[0, 0], "actual", "raw", 0, 0, "shipped-1")
    at = 96 + 3
    assert rows[at][0] == begins + at * timedelta(minutes=15)
    assert rows[at][2:7] == (None, "estimated", "linear", 5, 16)
    assert rows[96 + 96 + 99][1:6] == (None, None, "none", "none", 5)


async def test_edits_and_frozen_days(plain_database: str) -> None:
    await meters(plain_database, 1)
    with psycopg.connect(plain_database, autocommit=True) as connection:
        connection.execute("INSERT INTO usage_point (name) VALUES ('p')")
    at = datetime.fromtimestamp(MIDNIGHT, UTC)
    edit = EditRow(point=1, quantity=1, step_s=900, start=at, steps=7, actor="Li", reason="SITE", at=at)
    span = (at, at + timedelta(days=1))
    mine = replace(MARCH, points=[1])
    async with Validated(plain_database) as validated:
        await _add(validated, some_days(1))
        before = await _all(validated)
        async with validated.writing() as writing:
            assert await writing.edits(mine, span) == []
            await writing.add(replace(RUN, kind="edit", reason="SITE"), some_days(0), [edit])
            assert same(await writing.newest(mine), before)
        assert await validated.edits(mine, span) == [replace(edit, id=1, run=2)]
        assert await validated.edits(mine, span, as_of=1) == []
        frozen = Freezing(point=1, quantity=IMPORT, since=FIRST, until=date(2026, 3, 3), bill=9, as_of=2)
        await validated.freeze(frozen)
        await validated.freeze(frozen)
        async with validated.writing() as writing:
            assert await writing.frozen(mine) == {(1, 1, date(2026, 3, 1)), (1, 1, date(2026, 3, 2))}
        with pytest.raises(Rejected, match="reckon the bill again"):
            await validated.freeze(replace(frozen, as_of=0))


async def test_old_months_go_whole(database: str) -> None:
    april = some_days(2, first=date(2026, 4, 1), quantity=EXPORT.id)
    async with Validated(database) as validated, Retention(database) as retention:
        await _add(validated, some_days(2))
        await _add(validated, april)
        now = datetime(2026, 5, 10, tzinfo=UTC)
        keep = Keep(validated=timedelta(days=35))
        told = await retention.drop(keep, now, dry_run=True)
        assert [(one.kind, one.name) for one in told or ()] == [("validated", "validated_day_202603")]
        assert len(await _all(validated)) == 8
        await retention.drop(keep, now)
        assert len(await _all(validated)) == 0
        assert len(await _all(validated, replace(MARCH, until=date(2026, 5, 1)))) == len(april)
        assert await validated.last_run() == 2
