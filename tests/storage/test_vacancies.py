"""Vacancies are said, ended and withdrawn by rows that are only added."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from storage.entries import Additions, NewUsagePoint
from storage.errors import AlreadyThere, NotFound, Rejected
from storage.registry import Registry
from storage.topology import Topology
from storage.topology_entries import Vacancy
from storage.vacancies import Vacancies

MARCH = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def _vacant(start: int, end: int | None = None, point: str = "p1") -> Vacancy:
    until = None if end is None else MARCH + end * DAY
    return Vacancy(point=point, start=MARCH + start * DAY, end=until, actor="Li", reason="moved out")


async def _points(conninfo: str) -> None:
    async with Registry(conninfo) as registry:
        await registry.add(Additions(points=(NewUsagePoint(name="p1"), NewUsagePoint(name="p2"))))


async def test_said_ended_and_withdrawn(database: str) -> None:
    await _points(database)
    async with Vacancies(database) as vacancies, Topology(database) as topology:
        first = await vacancies.add(_vacant(0, 5))
        second = await vacancies.add(_vacant(5))
        await vacancies.add(_vacant(2, point="p2"))
        with pytest.raises(AlreadyThere, match=f"p1 is vacant from 2026-03-06.* on already .number {second}"):
            await vacancies.add(_vacant(9, 10))
        with pytest.raises(Rejected, match="not before 2026-03-06"):
            await vacancies.end("p1", MARCH + 5 * DAY, "Wang", "")
        assert await vacancies.end("p1", MARCH + 9 * DAY, "Wang", "moved in") == second
        with pytest.raises(Rejected, match="no vacancy goes on"):
            await vacancies.end("p1", MARCH + 9 * DAY, "Wang", "")
        await vacancies.add(_vacant(9, 10))
        await vacancies.withdraw("p1", first, "Wang", "the wrong flat")
        with pytest.raises(NotFound, match="withdrawn already"):
            await vacancies.withdraw("p1", first, "Wang", "again")
        with pytest.raises(NotFound, match="no vacancy with number"):
            await vacancies.withdraw("p2", second, "Wang", "of another point")
        with pytest.raises(NotFound, match="no usage point named 'p9'"):
            await vacancies.add(_vacant(0, point="p9"))
        said = await vacancies.said(["p1"])
        assert [(one.id, one.end and (one.end - MARCH).days) for one in said[:2]] == [(first, 5), (second, 9)]
        assert said[0].withdrawn is not None
        assert (said[0].withdrawn.actor, said[0].withdrawn.reason, said[0].ended) == ("Wang", "the wrong flat", None)
        assert said[1].ended is not None
        assert (said[1].ended.actor, said[1].ended.reason) == ("Wang", "moved in")
        counting = [(one.point, (one.start - MARCH).days) for one in await topology.vacancies()]
        assert counting == [("p1", 5), ("p1", 9), ("p2", 2)]
        await vacancies.add(_vacant(0, 5))  # what was withdrawn holds no place


async def test_what_was_withdrawn_is_not_said_again_by_its_file(plain_database: str) -> None:
    await _points(plain_database)
    rows = Additions(vacancies=(_vacant(0, 5), _vacant(7)))
    async with Registry(plain_database) as registry, Vacancies(plain_database) as vacancies:
        assert await registry.add(rows, keep_existing=True) == 2
        (first, _) = await vacancies.said()
        await vacancies.withdraw("p1", first.id, "Wang", "the wrong flat")
        assert await registry.add(rows, keep_existing=True) == 0


async def test_rows_stand(plain_database: str) -> None:
    await _points(plain_database)
    async with Vacancies(plain_database) as vacancies:
        number = await vacancies.add(_vacant(0))
        await vacancies.withdraw("p1", number, "Wang", "wrong")
    with psycopg.connect(plain_database, autocommit=True) as connection:
        for statement in ("UPDATE point_vacancy SET reason = ''", "DELETE FROM point_vacancy_end"):
            with pytest.raises(psycopg.errors.RestrictViolation, match="added, never changed"):
                connection.execute(statement)
