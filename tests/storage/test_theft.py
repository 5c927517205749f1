"""Cases of suspicion: one open case a meter, a history that only grows, findings of inspectors."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import psycopg
import pytest

from storage.errors import NotFound, Rejected
from storage.registry import Registry
from storage.theft import Cases, CaseStatus, Finding, Suspicion
from tests.storage.test_topology import NETWORK

WORST = Suspicion(
    meter="m1", first=date(2026, 8, 1), until=date(2026, 11, 1), score=0.91, rank=1, estimated_kwh=Decimal("120.50"),
    evidence={"reasons": [{"code": "shape_level", "text": "the level fell"}]},
)  # fmt: skip
SECOND = replace(WORST, meter="m2", score=0.4, rank=7)


async def test_a_case_from_suspicion_to_the_end(plain_database: str) -> None:
    async with Registry(plain_database) as registry, Cases(plain_database) as cases:
        await registry.add(NETWORK)
        first, second = await cases.suspect([WORST, SECOND], "scan")
        again = replace(WORST, score=0.95)
        assert await cases.suspect([again], "scan") == [first]
        found = await cases.cases()
        assert [(case.id, case.meter, case.status) for case in found] == [(first, "m1", "new"), (second, "m2", "new")]
        assert found[0].suspicion == again
        await cases.set_status(first, CaseStatus.ASSIGNED, "li", "to wang")
        await cases.outcome(first, found=True, inspected=date(2026, 11, 5), actor="wang", note="shunt")
        await cases.set_status(first, CaseStatus.CLOSED, "li")
        history = await cases.history(first)
        assert [(entry.kind, entry.status, entry.actor) for entry in history] == [
            ("scan", "new", "scan"), ("scan", None, "scan"), ("status", "assigned", "li"),
            ("outcome", "inspected-confirmed", "wang"), ("status", "closed", "li"),
        ]  # fmt: skip
        with pytest.raises(Rejected, match="closed"):
            await cases.set_status(first, CaseStatus.NEW, "li")
        (anew,) = await cases.suspect([again], "scan")
        assert anew not in (first, second)
        assert [case.id for case in await cases.cases(statuses=[CaseStatus.CLOSED])] == [first]


async def test_a_person_opens_a_case_and_findings_are_the_last_of_each_meter(plain_database: str) -> None:
    async with Registry(plain_database) as registry, Cases(plain_database) as cases:
        await registry.add(NETWORK)
        case = await cases.open("m2", "li", "at random")
        assert (await cases.case(case)).suspicion is None
        with pytest.raises(Rejected, match="open"):
            await cases.open("m2", "li")
        await cases.outcome(case, found=True, inspected=date(2026, 10, 1), actor="wang")
        await cases.outcome(case, found=False, inspected=date(2026, 11, 1), actor="wang")
        assert await cases.findings() == [Finding("m2", date(2026, 11, 1), found=False)]
        assert (await cases.case(case)).status == CaseStatus.CLEAR


async def test_what_is_not_there_is_refused_and_leaves_nothing(plain_database: str) -> None:
    async with Registry(plain_database) as registry, Cases(plain_database) as cases:
        await registry.add(NETWORK)
        with pytest.raises(NotFound, match="nobody"):
            await cases.suspect([WORST, replace(WORST, meter="nobody")], "scan")
        assert await cases.cases() == []
        for unknown in (cases.case(9), cases.set_status(9, CaseStatus.CLOSED, "li")):
            with pytest.raises(NotFound):
                await unknown
        with pytest.raises(ValueError, match="outcome"):
            await cases.set_status(1, CaseStatus.CLEAR, "li")


async def test_rows_are_added_and_never_changed(plain_database: str) -> None:
    async with Registry(plain_database) as registry, Cases(plain_database) as cases:
        await registry.add(NETWORK)
        await cases.suspect([WORST], "scan")
    with psycopg.connect(plain_database) as connection:
        for statement in ("UPDATE theft_case_entry SET score = 0", "DELETE FROM theft_case"):
            with pytest.raises(psycopg.errors.RestrictViolation), connection.transaction():
                connection.execute(statement)
